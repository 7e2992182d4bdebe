"""What a remote site says and the rules refuse waits for a person: tried again, answered for, booked out, refused back
to the site, or closed with a word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.inventory.models import AdjustReason
from oms.remote.models import RemoteMessage, RemoteOrder, RemotePackage, RemoteSite
from oms.remote.packages import Kind, Way, reread
from oms.remote.queries import lock_site, visible_sites
from oms.remote.states import MessageState, OrderState, PackageState
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases.gate import OverrideGate, override_gate
from oms.usecases.keeping import bounded
from oms.usecases.remote_apply import apply
from oms.usecases.remote_in import CONFLICT, apply_messages
from oms.usecases.remote_out import keep_mark, say_to
from oms.usecases.shipping_boxes import ready_boxes
from oms.usecases.stock import AdjustStock, adjust_stock
from oms.usecases.stock_checks import StockLine


class Decision(StrEnum):
    """What a person makes of a parked message."""

    RETRY = "retry"
    OVERRIDE = "override"
    BOOK_OUT = "book_out"
    REFUSE = "refuse"
    CLOSE = "close"


DECISION_LABELS: dict[Decision, str] = {
    Decision.RETRY: "Try again",
    Decision.OVERRIDE: "Let it count, I answer for it",
    Decision.BOOK_OUT: "The pieces are gone: take them out of stock",
    Decision.REFUSE: "Refuse and tell the site",
    Decision.CLOSE: "Close, it was settled otherwise",
}


@dataclass(frozen=True)
class DecideMessage:
    """``note`` is kept in the audit; every decision but trying again needs one."""

    message_id: int
    decision: Decision
    note: str = ""


@dataclass(frozen=True)
class MessageDecided:
    message_id: int
    state: MessageState


def possible(row: RemoteMessage) -> list[Decision]:
    """The decisions that make sense for a parked message."""
    if row.kind == CONFLICT:
        return [Decision.RETRY, Decision.CLOSE]
    if row.kind == Kind.REFUSED:
        return [Decision.CLOSE]
    found = [Decision.RETRY]
    if row.kind == Kind.SHIPPED and row.problem_code in {"gate_closed", "shipment_withdrawn"}:
        found.append(Decision.OVERRIDE)
    if row.kind == Kind.SHIPPED and row.shipment_id is not None:
        found.append(Decision.BOOK_OUT)
    return [*found, Decision.REFUSE, Decision.CLOSE]


def decide_message(tx: Tx, cmd: DecideMessage) -> MessageDecided:
    """Settle a parked message. Raises the refusal again when trying again meets it; then it stays parked."""
    tx.actor.require("remote.manage")
    row = tx.session.scalars(
        select(RemoteMessage)
        .where(RemoteMessage.id == cmd.message_id, RemoteMessage.way == Way.IN)
        .where(RemoteMessage.site_id.in_(visible_sites(tx.actor).with_only_columns(RemoteSite.id)))
    ).one_or_none()
    if row is None:
        raise NotFound(say("There is no such message, or it is not yours to see"), code="message_not_found")
    site = lock_site(tx, row.site_id)
    tx.session.refresh(row)
    if row.state is not MessageState.PARKED:
        raise Refused(say("Somebody decided this already"), code="message_decided")
    if cmd.decision not in possible(row):
        raise InvalidInput(say("This cannot be decided that way"), field="decision", code="decision")
    missing = None if cmd.decision is Decision.RETRY else say("Say in a few words why")
    note = bounded(cmd.note, 500, "note", missing=missing)
    problem = row.problem
    state = _settle(tx, site, row, cmd.decision, note)
    row.state, row.decided_by, row.decided_at, row.note = state, tx.actor.label[:120], clock.now(), note
    after = {"decision": cmd.decision.value, "kind": row.kind, "state": state.value, "said": row.uid}
    before = {"problem": (problem or {}).get("say", "")}
    audit.record(
        tx, "remote_message.decided", "remote_site", site.id, site.name, before=before, after=after, reason=note
    )
    return MessageDecided(row.id, state)


def _settle(tx: Tx, site: RemoteSite, row: RemoteMessage, decision: Decision, note: str) -> MessageState:
    if decision is Decision.CLOSE:
        return MessageState.CLOSED
    if decision is Decision.REFUSE:
        body = {"message": row.uid, "kind": row.kind, "shipment": str(row.body.get("shipment", "")), "reason": note}
        say_to(tx, site, Kind.REFUSED, body, row.shipment_id)
        return MessageState.REFUSED
    if decision is Decision.BOOK_OUT:
        _book_out(tx, site, row, note)
        return MessageState.CLOSED
    if decision is Decision.OVERRIDE:
        _answer_for(tx, row, note)
    if row.kind == CONFLICT:
        _take_conflict(tx, site, row)
    else:
        apply(tx, site, row)
    return MessageState.APPLIED


def _take_conflict(tx: Tx, site: RemoteSite, row: RemoteMessage) -> None:
    """Take a contradicting package as it is: what of it was never said is carried out, and the chain goes on from it
    when its turn has come."""
    stored = tx.session.get_one(RemotePackage, int(row.body["package_id"]))
    package = reread(stored.data)
    if package.seq == site.in_seq + 1:
        site.in_seq, site.in_previous = package.seq, stored.sha256
        stored.state = PackageState.APPLIED
    apply_messages(tx, site, package.messages, package.seq)


def _answer_for(tx: Tx, row: RemoteMessage, note: str) -> None:
    """Goods left although the gate was closed: somebody with that right answers for the money, and they count."""
    orders = tx.session.scalars(
        select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == row.shipment_id).distinct()
    ).all()
    for order_id in sorted(orders):
        override_gate(tx, OverrideGate(order_id, note))
    ready_boxes(tx, list(orders))
    told = tx.session.get_one(RemoteOrder, row.shipment_id)
    shipment = tx.session.get_one(Shipment, row.shipment_id, populate_existing=True)
    if shipment.status not in {ShipmentStatus.CANCELED, ShipmentStatus.PLANNED}:
        told.state = OrderState.TOLD  # the site has it, so it needs not hear of it again
        keep_mark(tx, shipment)
    row.body = {**row.body, "revision": told.revision}


def _book_out(tx: Tx, site: RemoteSite, row: RemoteMessage, note: str) -> None:
    """The pieces left although they should not have: they are taken out of stock as lost, with the reason."""
    told = tx.session.scalars(
        select(RemoteMessage.body)
        .where(RemoteMessage.shipment_id == row.shipment_id, RemoteMessage.kind == Kind.PICK_ORDER)
        .order_by(RemoteMessage.id.desc())
        .limit(1)
    ).one()
    wanted = {str(p["sku"]): int(p["quantity"]) for p in row.body.get("pieces", told["pieces"])}
    known = {r[1]: r[0] for r in tx.session.execute(select(Sku.id, Sku.code).where(Sku.code.in_(sorted(wanted))))}
    lines = tuple(StockLine(known[code], -n) for code, n in sorted(wanted.items()) if code in known and n)
    key = f"remote:{site.id}:{row.uid}:gone"
    adjust_stock(
        tx, AdjustStock(site.warehouse_id, lines, AdjustReason.LOST, key, note=f"{row.body.get('shipment')} {note}")
    )
