"""A shipment comes to the packing table: found by whatever was scanned, asked of the gate, held by one packer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select

from oms import clock
from oms.db import Tx
from oms.errors import OmsError, Refused, Say, say
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import BOARD_LABELS, OrderStatus
from oms.shipping.floor import queries
from oms.shipping.floor.models import PackingSession
from oms.shipping.floor.states import PACKING, PackStatus
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import find_shipments, lock_with_orders
from oms.shipping.rules import read_box_code
from oms.shipping.states import SHIPMENT, ShipmentStatus
from oms.usecases.gate import GateStep, judge
from oms.usecases.shipping_boxes import make_ready

S = ShipmentStatus
PACKABLE = frozenset({S.READY, S.PICKING})
_DONE = frozenset({S.PACKED, S.LABELED})


@dataclass(frozen=True)
class Opening:
    """A code scanned at a station. ``take_over``: also when somebody else has the shipment open."""

    code: str
    station: str
    warehouse_id: int
    take_over: bool = False


@dataclass(frozen=True)
class Opened:
    """The session that is open now. ``code`` and ``note`` when there is something to say that stops nothing."""

    session: PackingSession
    code: str = "ok"
    note: Say | None = None


def open_shipment(tx: Tx, cmd: Opening, mine: PackingSession | None) -> Opened:
    """Begin to pack, or go on. Raises Refused with what the packer has to know: left already, canceled, on hold,
    another warehouse, somebody else's, unknown."""
    shipment_id = _find(tx, cmd, mine)
    if mine is not None and mine.shipment_id == shipment_id:
        return Opened(mine, "same_shipment", say("It is open already; scan its items"))
    if mine is not None:
        _leave(tx, mine)
    others = _lock_sessions(tx, shipment_id)
    locked = lock_with_orders(tx, [shipment_id])
    shipment = locked.shipment(shipment_id)
    _check(tx, cmd, shipment)
    check_label(shipment, cmd.code)
    for verdict in judge(tx, locked.inside(shipment), GateStep.READY).values():
        verdict.check()
    return _begin(tx, cmd, shipment, others)


def _find(tx: Tx, cmd: Opening, mine: PackingSession | None) -> int:
    """The one shipment that is meant: one that can be packed here before one that cannot."""
    found = _named(tx, cmd.code)
    if not found:
        found = _make(tx, cmd)
    if not found:
        raise _unknown(tx, cmd, mine)
    here = [s for s in found if s.warehouse_id == cmd.warehouse_id]
    fitting = [s for s in here if s.status in PACKABLE]
    if mine is not None and any(s.id == mine.shipment_id for s in found):
        return mine.shipment_id
    return min(fitting, key=lambda s: s.id).id if fitting else (here or found)[0].id


def _named(tx: Tx, code: str) -> list[Shipment]:
    for form in queries.spellings(code):
        if found := find_shipments(tx.session, tx.actor, read_box_code(form)[0]):
            return found
    return []


def _orders(tx: Tx, code: str) -> list[Order]:
    forms = queries.spellings(code)
    named = visible(tx.actor).where(or_(Order.number.in_(forms), Order.external_no.in_(forms)))
    return list(tx.session.scalars(named.order_by(Order.id).limit(2)))


def _make(tx: Tx, cmd: Opening) -> list[Shipment]:
    """An order whose goods may go but have no shipment yet gets one; else the sentence why they may not."""
    for order in _orders(tx, cmd.code):
        if order.status is not OrderStatus.CONFIRMED:
            label = say(BOARD_LABELS[order.board])
            raise Refused(
                say("{number} is not to be packed: {state}", number=order.number, state=label), code="order_not_open"
            )
        answer = make_ready(tx, [order.id])[order.id]
        if isinstance(answer, OmsError):
            raise answer
        tx.session.flush()  # found by SQL
        return _named(tx, answer.number)
    return []


def _unknown(tx: Tx, cmd: Opening, mine: PackingSession | None) -> Refused:
    forms = queries.spellings(cmd.code)
    if mine is None and queries.skus_named(tx.session, cmd.code):
        return Refused(say("This is an item. Scan an order or a label first"), code="order_first")
    elsewhere = (
        select(Warehouse.code)
        .join(Shipment, Shipment.warehouse_id == Warehouse.id)
        .outerjoin(Parcel, Parcel.shipment_id == Shipment.id)
        .where(or_(Shipment.number.in_(forms), Parcel.tracking_no.in_(forms)))
        .limit(1)
    )
    if forms and (place := tx.session.scalar(elsewhere)):
        return _other_place(place)
    return Refused(say("Nobody knows the code “{code}”", code=(forms or [""])[0][:80]), code="unknown_code")


def _other_place(code: str) -> Refused:
    return Refused(say("This belongs to warehouse {place}, not here", place=code), code="other_warehouse")


def _check(tx: Tx, cmd: Opening, shipment: Shipment) -> None:
    """Raise unless this shipment is to be packed at this table."""
    number = shipment.number
    if shipment.warehouse_id != cmd.warehouse_id:
        raise _other_place(tx.session.get_one(Warehouse, shipment.warehouse_id).code)
    if shipment.status in PACKABLE:
        return
    if shipment.status is S.CANCELED:
        raise Refused(
            say("{number} is canceled: put the goods back on the shelf", number=number), code="shipment_canceled"
        )
    if shipment.status in _DONE:
        raise Refused(
            say("{number} is packed already, by {who}", number=number, who=shipment.packed_by or "–"),
            code="packed_already",
        )
    if shipment.status is S.PLANNED:
        _explain_planned(tx, shipment)
    state = say(SHIPMENT.labels[shipment.status])
    raise Refused(say("{number} has left already: {state}", number=number, state=state), code="left_already")


def check_label(shipment: Shipment, code: str) -> None:
    """Raise when the code is of a label of this shipment that no longer stands."""
    forms = set(queries.spellings(code))
    named = [p for p in shipment.parcels if p.tracking_no and forms & {p.tracking_no, p.tracking_no.upper()}]
    if named and not any(p.is_live for p in named):
        raise Refused(
            say("This label of {number} was voided; print the new one", number=shipment.number), code="label_voided"
        )


def _explain_planned(tx: Tx, shipment: Shipment) -> None:
    """A shipment that was pulled back may be ready again; else the gate says why not."""
    orders = [line.order_id for line in shipment.lines]
    for answer in make_ready(tx, sorted(set(orders))).values():
        if isinstance(answer, OmsError):
            raise answer
    if shipment.status not in PACKABLE:
        raise Refused(say("{number} was made anew; scan it again", number=shipment.number), code="made_anew")


def check_packable(tx: Tx, session: PackingSession) -> None:
    """Raise when the shipment was stopped while it lay on the table."""
    status = tx.session.scalar(select(Shipment.status).where(Shipment.id == session.shipment_id))
    if status in PACKABLE:
        return
    number = tx.session.scalar(select(Shipment.number).where(Shipment.id == session.shipment_id)) or ""
    if status is S.CANCELED:
        raise Refused(
            say("{number} was canceled just now: take everything out again", number=number), code="shipment_canceled"
        )
    if status is S.PLANNED:
        reason = _gate_reason(tx, session.shipment_id)
        raise Refused(say("{number} was stopped just now: {why}", number=number, why=reason), code="stopped_meanwhile")
    raise Refused(say("{number} is not on this table any more", number=number), code="gone_meanwhile")


def _gate_reason(tx: Tx, shipment_id: int) -> Say:
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == shipment_id)
    orders = list(tx.session.scalars(select(Order).where(Order.id.in_(inside)).order_by(Order.id)))
    for verdict in judge(tx, orders, GateStep.READY).values():
        if verdict.refusal is not None:
            return verdict.refusal
    return say("it was taken back")


def _leave(tx: Tx, mine: PackingSession) -> None:
    """Another order is scanned: an untouched one gives way, a begun one does not."""
    if queries.scanned_in(tx.session, mine.id):
        number = tx.session.scalar(select(Shipment.number).where(Shipment.id == mine.shipment_id)) or ""
        raise Refused(
            say("{number} is not finished: finish it, or put it aside first", number=number), code="not_finished"
        )
    put_aside(mine, "")
    tx.session.flush()  # one open session per station: the database watches


def put_aside(session: PackingSession, reason: str) -> None:
    """The work stops here; what was counted stays written."""
    PACKING.fire(session, "put_aside")
    session.closed_at, session.stopped_by, session.reason = clock.now(), None, reason[:500]


def _lock_sessions(tx: Tx, shipment_id: int) -> Sequence[PackingSession]:
    """The sessions of a shipment, the latest first; locked before its orders, as by everybody who packs."""
    return tx.session.scalars(
        select(PackingSession)
        .where(PackingSession.shipment_id == shipment_id)
        .order_by(PackingSession.id.desc())
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _begin(tx: Tx, cmd: Opening, shipment: Shipment, others: Sequence[PackingSession]) -> Opened:
    held = next((s for s in others if s.status is PackStatus.OPEN), None)
    if held is not None and not (cmd.take_over or held.user_id == tx.actor.user_id):
        raise Refused(
            say(
                "{who} is packing {number} at {station}", who=held.packer, number=shipment.number, station=held.station
            ),
            code="somebody_else",
        )
    if held is not None:
        put_aside(held, f"{tx.actor.label} · {cmd.station}")
        tx.session.flush()  # one open session per shipment: the database watches
    last = next(iter(others), None)
    if last is not None and last.status is PackStatus.PUT_ASIDE and last.user_id == tx.actor.user_id:
        PACKING.fire(last, "go_on")
        last.station, last.closed_at = cmd.station, None
        tx.session.flush()
        return Opened(last, "ok", say("Goes on where you put it aside"))
    session = PackingSession(
        shipment_id=shipment.id, warehouse_id=shipment.warehouse_id, status=PackStatus.OPEN, station=cmd.station,
        user_id=tx.actor.user_id, packer=tx.actor.label[:120], boxes=[{}], opened_at=clock.now(),
    )  # fmt: skip
    tx.session.add(session)
    tx.session.flush()  # the scan names it
    note = say("Packed anew: {who} had begun; count everything", who=held.packer) if held is not None else None
    return Opened(session, "ok", note)
