"""Forget a person: everything that names them becomes nameless, but for what the law wants kept.

Figures, goods and states of their orders stay, so that books and stock add up. Issued papers and the proof of payments
stay until their term is over; the audit log is not rewritten (docs/adr/0188).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update

from oms import audit, clock, outbox
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, CustomerSearch
from oms.customers.people_models import Block, CustomerMerge, CustomerTaxIdentity
from oms.customers.privacy_models import PrivacyRequest
from oms.customers.queries import get_customer, lock_customer
from oms.customers.states import PRIVACY_REQUEST, RequestKind, RequestStatus
from oms.db import Tx
from oms.documents.models import Document
from oms.errors import Refused, Say, say
from oms.intake.models import ImportedOrder
from oms.money import ZERO
from oms.orders.attachments import OrderAttachment
from oms.orders.models import Order, OrderLine, OrderNote, OrderSearch
from oms.orders.queries import NO_ID
from oms.payments.cod_models import CodEntry
from oms.payments.models import PaymentClaim
from oms.payments.queries import customer_credit
from oms.payments.refund_models import Refund
from oms.payments.slip_models import Slip
from oms.payments.states import OPEN_REFUNDS
from oms.shipping.link_models import TrackingLink
from oms.thai.text import grams, normalize
from oms.usecases.keeping import bounded
from oms.usecases.privacy import MANAGE, rules_of
from oms.usecases.privacy_words import forget_words

ERASED: Final = "ลบข้อมูลแล้ว"
DROP_FILES = "privacy.drop_files"  # outbox: remove the files of what was erased


@dataclass(frozen=True)
class Kept:
    """What stays although the person is forgotten, and why."""

    what: Say
    why: Say


@dataclass(frozen=True)
class ErasurePlan:
    """What would happen: ``blocked`` says what must be settled first."""

    orders: int
    addresses: int
    identities: int
    blocked: Sequence[Say]
    kept: Sequence[Kept]


@dataclass(frozen=True)
class Anonymise:
    customer_id: int
    reason: str


@dataclass(frozen=True)
class Anonymised:
    customer_id: int
    orders: int
    requests: tuple[int, ...]


def erasure_plan(tx: Tx, customer_id: int) -> ErasurePlan:
    """Look before it is done."""
    tx.actor.require(MANAGE)
    return _plan(tx, get_customer(tx.session, min(customer_id, NO_ID)))


def anonymise_customer(tx: Tx, cmd: Anonymise) -> Anonymised:
    """Forget a person and the cards merged into them. Raises Refused while something of theirs is under way."""
    tx.actor.require(MANAGE)
    reason = bounded(cmd.reason, 300, "reason", missing=say("Say in a few words why"))
    mine = select(Order.id).where(Order.customer_id == cmd.customer_id).order_by(Order.id)
    order_ids = list(tx.session.scalars(mine.with_for_update(key_share=True)))
    person = lock_customer(tx, cmd.customer_id)
    if person.merged_into_id is not None:
        raise Refused(say("This card was merged into another; erase that one"), code="merged_before")
    if person.anonymised_at is not None:
        raise Refused(say("This person was erased before"), code="erased_before")
    plan = _plan(tx, person)
    if plan.blocked:
        raise Refused(plan.blocked[0], code="erase_blocked")
    cards = _cards(tx, person.id)
    forget_words(tx, [card.id for card in cards], order_ids)
    _forget_cards(tx, cards)
    _forget_orders(tx, order_ids)
    done = _answer_requests(tx, cards, reason)
    outbox.add(tx, DROP_FILES, f"{DROP_FILES}:{person.id}", customer_id=person.id)
    after = {"orders": len(order_ids), "cards": len(cards), "requests": len(done)}
    audit.record(tx, "customer.anonymised", "customer", person.id, f"#{person.id}", after=after, reason=reason)
    return Anonymised(person.id, len(order_ids), done)


def _plan(tx: Tx, person: Customer) -> ErasurePlan:
    mine = Order.customer_id == person.id
    total, opened = tx.session.execute(
        select(func.count(), func.count().filter(Order.closed_at.is_(None))).select_from(Order).where(mine)
    ).one()
    ids = select(Order.id).where(mine)
    refunds = tx.session.scalar(
        select(func.count(Refund.id)).where(Refund.order_id.in_(ids), Refund.status.in_(OPEN_REFUNDS))
    )
    credit = customer_credit(tx.session, person.id)
    blocked = []
    if opened:
        blocked.append(say("{n} orders are still open; close or cancel them first", n=opened))
    if refunds:
        blocked.append(say("{n} refunds are not paid yet", n=refunds))
    if credit > ZERO:
        blocked.append(say("{amount} of credit is left; pay it back first", amount=credit))
    return ErasurePlan(
        total, _count(tx, CustomerAddress, CustomerAddress.customer_id == person.id),
        _count(tx, CustomerIdentity, CustomerIdentity.customer_id == person.id), blocked, _kept(tx, person, ids),
    )  # fmt: skip


def _count(tx: Tx, model: Any, condition: ColumnElement[bool]) -> int:
    return tx.session.scalar(select(func.count()).select_from(model).where(condition)) or 0


def _kept(tx: Tx, person: Customer, ids: Any) -> list[Kept]:
    rules = rules_of(tx)
    papers, latest = tx.session.execute(
        select(func.count(), func.max(Document.issued_on)).where(
            Document.customer_id.in_([c.id for c in _cards(tx, person.id)])
        )
    ).one()
    slips = _count(tx, Slip, Slip.order_id.in_(ids) & (Slip.picture_key != ""))
    blocks = _count(tx, Block, (Block.customer_id == person.id) & Block.lifted_at.is_(None))
    found = []
    if papers:
        until = latest.replace(year=latest.year + rules.paper_years, day=1)
        found.append(Kept(
            say("{n} issued papers", n=papers),
            say("Tax and accounting law; until {day}", day=until),
        ))  # fmt: skip
    if slips:
        why = say("Proof of payments; dropped {n} days after they were decided", n=rules.slip_days)
        found.append(Kept(say("{n} slips", n=slips), why))
    if blocks:
        found.append(Kept(say("{n} entries of the blacklist", n=blocks), say("Against fraud; until they run out")))
    return found


def _cards(tx: Tx, customer_id: int) -> list[Customer]:
    """The card and all that were merged into it, and into those."""
    found: list[Customer] = []
    waiting = [customer_id]
    while waiting:
        rows = tx.session.scalars(select(Customer).where(Customer.id.in_(waiting)).order_by(Customer.id)).all()
        found += rows
        waiting = list(
            tx.session.scalars(select(Customer.id).where(Customer.merged_into_id.in_([row.id for row in rows])))
        )
    return found


def _forget_cards(tx: Tx, cards: Sequence[Customer]) -> None:
    now, ids = clock.now(), [card.id for card in cards]
    for card in cards:
        card.name, card.anonymised_at = ERASED, now
        card.phone = card.email = card.group = card.note = ""
        card.tax_name = card.tax_id = card.tax_branch = card.tax_address = ""
    tx.session.flush()
    lived = {"recipient": ERASED, "phone": "", "line": "", "subdistrict": "", "district": ""}
    called = {"external_id": func.concat("erased:", CustomerIdentity.id), "label": ""}
    merged = {"filled": {}, "reason": ""}
    forgotten: Sequence[tuple[Any, Any, Any]] = (
        (CustomerIdentity, CustomerIdentity.customer_id, called), (CustomerAddress, CustomerAddress.customer_id, lived),
        (CustomerMerge, CustomerMerge.kept_id, merged),
    )  # fmt: skip
    for model, column, values in forgotten:
        tx.session.execute(
            update(model).where(column.in_(ids)).values(values).execution_options(synchronize_session=False)
        )
    dropped: Sequence[Any] = (CustomerTaxIdentity, CustomerSearch)
    for model in dropped:
        tx.session.execute(delete(model).where(model.customer_id.in_(ids)))


def _forget_orders(tx: Tx, ids: Sequence[int]) -> None:
    """Names, numbers and homes go; province and postcode stay for figures."""
    quiet = {"synchronize_session": False}
    forgotten: dict[Any, dict[str, Any]] = {
        Order: {
            "ship_name": ERASED, "ship_phone": "", "ship_line": "", "ship_subdistrict": "", "ship_district": "",
            "buyer_note": "", "staff_edits": {}, "version": Order.version + 1,
        },
        OrderNote: {"body": ERASED},
        CodEntry: {"phone": "", "address_key": ""},
        ImportedOrder: {"snapshot": {}},
    }  # fmt: skip
    for model, values in forgotten.items():
        key = Order.id if model is Order else model.order_id
        tx.session.execute(update(model).where(key.in_(ids)).values(values).execution_options(**quiet))
    payers: Sequence[tuple[Any, Any]] = (
        (PaymentClaim, PaymentClaim.id.in_(select(Slip.claim_id).where(Slip.order_id.in_(ids)))),
        (Slip, Slip.order_id.in_(ids)),
    )
    for model, mine in payers:
        tx.session.execute(update(model).where(mine).values(payer_name="").execution_options(**quiet))
    links = update(TrackingLink).where(TrackingLink.order_id.in_(ids), TrackingLink.revoked_at.is_(None))
    tx.session.execute(links.values(revoked_at=clock.now(), revoked_by=ERASED).execution_options(**quiet))
    files = update(OrderAttachment).where(
        OrderAttachment.order_id.in_(ids), OrderAttachment.removed_at.is_(None)
    )  # photos of packed boxes too: they show the address on the label
    gone = {"removed_at": clock.now(), "removed_by": ERASED, "remove_reason": ERASED, "name": "", "note": ""}
    tx.session.execute(files.values(gone).execution_options(**quiet))
    _find_by_number_only(tx, ids)
    tx.session.expire_all()


def _find_by_number_only(tx: Tx, ids: Sequence[int]) -> None:
    codes = select(func.string_agg(OrderLine.sku_code, " ")).where(OrderLine.order_id == Order.id).scalar_subquery()
    for row in tx.session.execute(select(Order.id, Order.number, Order.external_no, codes).where(Order.id.in_(ids))):
        haystack = normalize(" ".join([row[1], row[2] or "", row[3] or ""]))
        tx.session.execute(
            update(OrderSearch)
            .where(OrderSearch.order_id == row[0])
            .values(haystack=haystack, grams=grams(haystack))
            .execution_options(synchronize_session=False)
        )


def _answer_requests(tx: Tx, cards: Sequence[Customer], reason: str) -> tuple[int, ...]:
    """The wish to be forgotten is fulfilled."""
    rows = tx.session.scalars(
        select(PrivacyRequest).where(
            PrivacyRequest.customer_id.in_([card.id for card in cards]),
            PrivacyRequest.kind == RequestKind.ERASE, PrivacyRequest.status == RequestStatus.OPEN,
        )
    ).all()  # fmt: skip
    for row in rows:
        PRIVACY_REQUEST.fire(row, "finish")
        row.decided_at, row.decided_by, row.answer = clock.now(), tx.actor.label[:120], reason
    return tuple(row.id for row in rows)
