"""Personal data: what people ask for, what they agreed to, whole numbers and copies that are handed out and noted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from oms import audit, clock
from oms.audit import AuditLog
from oms.customers.models import Customer
from oms.customers.privacy_models import Consent, PrivacyRequest, RetentionRules
from oms.customers.queries import get_customer, lock_customer
from oms.customers.states import DUE, PRIVACY_REQUEST, Purpose, RequestKind, RequestStatus
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.orders.models import Order
from oms.orders.queries import get_order
from oms.usecases.keeping import Saved, between, bounded, lock_row, put

MANAGE: Final = "privacy.manage"
CHAT_READ: Final = "privacy.chat_read"
PHONES_SHOWN: Final = "privacy.phones_shown"
WHOLE: Final = "customer.phone"


@dataclass(frozen=True)
class TakeRequest:
    """Somebody asks about their data; the clock runs from ``received_at``."""

    customer_id: int
    kind: RequestKind
    note: str = ""
    received_at: datetime | None = None


@dataclass(frozen=True)
class RecordConsent:
    """A yes or a no. ``wording`` names the text that was read; ``source`` how it came."""

    customer_id: int
    purpose: Purpose
    given: bool
    source: str
    wording: str = ""


@dataclass(frozen=True)
class SetRetention:
    intake_days: int
    slip_days: int
    paper_years: int
    version: int | None = None


def take_request(tx: Tx, cmd: TakeRequest) -> Saved:
    """Note what somebody asks about their data, and by when the law wants an answer."""
    tx.actor.require(MANAGE)
    note = bounded(cmd.note, 500, "note")
    person = lock_customer(tx, cmd.customer_id)
    received = cmd.received_at or clock.now()
    if received > clock.now():
        raise InvalidInput(say("This time has not come yet"), field="received_at", code="future")
    row = PrivacyRequest(
        customer_id=person.id, kind=cmd.kind, status=RequestStatus.OPEN, note=note, received_at=received,
        due_at=received + DUE[cmd.kind], taken_by=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    audit.record(tx, "privacy.requested", "customer", person.id, person.name, after={"request": cmd.kind}, reason=note)
    return Saved(row.id)


def finish_request(tx: Tx, request_id: int, answer: str = "") -> Saved:
    """Somebody got what they asked for."""
    return _decide(tx, request_id, "finish", bounded(answer, 500, "answer"))


def refuse_request(tx: Tx, request_id: int, answer: str) -> Saved:
    """Say no, with the reason that the law wants kept."""
    words = bounded(answer, 500, "answer", missing=say("The reason of a refusal must be kept; write it down"))
    return _decide(tx, request_id, "refuse", words)


def _decide(tx: Tx, request_id: int, move: str, answer: str) -> Saved:
    tx.actor.require(MANAGE)
    row = lock_row(tx, PrivacyRequest, request_id)
    PRIVACY_REQUEST.fire(row, move)
    row.decided_at, row.decided_by, row.answer = clock.now(), tx.actor.label[:120], answer
    after = {"request": row.kind, "status": row.status}
    audit.record(tx, "privacy.answered", "customer", row.customer_id, f"#{row.customer_id}", after=after, reason=answer)
    return Saved(row.id)


def record_consent(tx: Tx, cmd: RecordConsent) -> Saved:
    """Add a yes or a no to the log. Taking a consent back is as easy as giving it: one more row."""
    tx.actor.require("customer.edit")
    source = bounded(cmd.source, 60, "source", missing=say("Say how it was given: chat, phone, form"))
    wording = bounded(cmd.wording, 60, "wording")
    person = lock_customer(tx, cmd.customer_id)
    row = Consent(
        customer_id=person.id, purpose=cmd.purpose, given=cmd.given, source=source, wording=wording,
        by=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    after = {"purpose": cmd.purpose, "given": cmd.given, "source": source}
    audit.record(tx, "privacy.consent", "customer", person.id, person.name, after=after)
    return Saved(row.id)


def consents_of(tx: Tx, customer_id: int) -> dict[Purpose, bool]:
    """What a person agrees to at this moment; a purpose nobody asked about is missing, which means no."""
    rows = tx.session.scalars(select(Consent).where(Consent.customer_id == customer_id).order_by(Consent.id))
    return {row.purpose: row.given for row in rows}


def reveal_phones(tx: Tx, customer_id: int) -> Customer:
    """Show the whole numbers of a person to somebody who may see them; that it was done is noted."""
    tx.actor.require(WHOLE)
    person = get_customer(tx.session, customer_id)
    audit.record(tx, PHONES_SHOWN, "customer", person.id, person.name)
    return person


def reveal_order_phone(tx: Tx, order_id: int) -> Order:
    """Show the whole number an order goes to; that it was done is noted. Raises NotFound for an order of others."""
    tx.actor.require(WHOLE)
    order = get_order(tx, order_id)
    audit.record(tx, PHONES_SHOWN, "order", order.id, order.number)
    return order


def order_form_shown(tx: Tx, order: Order) -> None:
    """A form that changes where an order goes shows its number; that it was seen is noted, once an hour."""
    if order.ship_phone and tx.actor.may(WHOLE) and not _noted_lately(tx, PHONES_SHOWN, "order", order.id):
        audit.record(tx, PHONES_SHOWN, "order", order.id, order.number)


def customer_chosen(tx: Tx, customer_id: int) -> Customer:
    """A known person goes into the form of a new order, with the numbers in it; that they were seen is noted, once an
    hour for each. Raises NotFound for nobody."""
    tx.actor.require("customer.view")
    person = get_customer(tx.session, customer_id)
    if tx.actor.may(WHOLE) and not _noted_lately(tx, PHONES_SHOWN, "customer", person.id):
        audit.record(tx, PHONES_SHOWN, "customer", person.id, person.name)
    return person


def chat_read(tx: Tx, writer_id: int, name: str) -> None:
    """Somebody reads what a person wrote, numbers and homes in it; that it was done is noted, once an hour."""
    tx.actor.require("message.send")
    if not _noted_lately(tx, CHAT_READ, "chat_writer", writer_id):
        audit.record(tx, CHAT_READ, "chat_writer", writer_id, name)


def _noted_lately(tx: Tx, action: str, kind: str, subject_id: int) -> bool:
    """Whether this person's look stands in the log already, from within the hour."""
    lately = select(AuditLog.id).where(
        AuditLog.action == action, AuditLog.subject_type == kind, AuditLog.subject_id == subject_id,
        AuditLog.user_id == tx.actor.user_id, AuditLog.at > clock.now() - timedelta(hours=1),
    )  # fmt: skip
    return tx.session.scalar(lately.limit(1)) is not None


def note_copy(tx: Tx, customer_id: int) -> Customer:
    """Somebody takes a copy of all that is known of a person; that it was done is noted."""
    tx.actor.require(MANAGE)
    person = get_customer(tx.session, customer_id)
    audit.record(tx, "privacy.exported", "customer", person.id, person.name)
    return person


def rules_of(tx: Tx) -> RetentionRules:
    """How long things are kept; the usual terms when nobody has set them."""
    return tx.session.get(RetentionRules, 1) or RetentionRules(
        id=1, intake_days=180, slip_days=1825, paper_years=7, version=0
    )


def set_retention(tx: Tx, cmd: SetRetention) -> Saved:
    """Set how long raw data, slips and papers are kept, within what the law allows."""
    tx.actor.require(MANAGE)
    fields = {
        "intake_days": between(cmd.intake_days, 30, 3650, "intake_days"),
        "slip_days": between(cmd.slip_days, 365, 3650, "slip_days"),
        "paper_years": between(cmd.paper_years, 5, 15, "paper_years"),
    }
    row = tx.session.get(RetentionRules, 1, with_for_update=True)
    before: dict[str, Any] = {}
    after: dict[str, Any] = dict(fields)
    if row is None:
        row = RetentionRules(id=1, **fields)
        tx.session.add(row)
    else:
        row = lock_row(tx, RetentionRules, 1, cmd.version)
        before, after = put(row, fields)
    if after:
        audit.record(tx, "privacy.retention_set", "retention_rules", 1, "retention", before=before, after=after)
    return Saved(1, changed=bool(after))
