"""Goods at the door: a scanned parcel is received, whatever the papers say, and then counted and graded piece by piece.

Only the count moves stock (R3): into the warehouse where the parcel is, good pieces to be sold again, broken ones as
damaged. Cash that was to be collected for an undelivered parcel is expected no more from the moment it is here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, say
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.returns.finding import Meaning, meaning_of, of_shipments, plain_code
from oms.returns.models import Return, ReturnArrival
from oms.returns.queries import lock_any_orders, lock_return, lock_returns, pieces_out, visible_arrivals
from oms.returns.rules import refusal_of
from oms.returns.states import (
    ARRIVAL,
    COMING,
    RETURN,
    ArrivalStatus,
    ReturnKind,
    ReturnReason,
    ReturnStatus,
)
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.rules import live_parcels
from oms.shipping.states import SHIPMENT, ShipmentStatus
from oms.usecases import notices
from oms.usecases.cod import refuse_parcels
from oms.usecases.keeping import bounded
from oms.usecases.returns_base import ReturnResult, finish, open_return, pieces_of
from oms.usecases.returns_rto import DEAD, expect_one
from oms.usecases.shipping_boxes import tell
from oms.usecases.stock_checks import check_place, warehouse_code


class Outcome(StrEnum):
    """What a scan at the door came to."""

    RECEIVED = "received"
    AGAIN = "again"  # it was received before; nothing was done
    CHOOSE = "choose"  # the code means several; scan one of ``choices``
    UNKNOWN = "unknown"  # kept as an unknown parcel
    PRODUCT = "product"  # the barcode of a product; parcels come first


@dataclass(frozen=True)
class ArriveParcel:
    """Somebody scanned or typed a code at the door of a warehouse."""

    code: str
    warehouse_id: int
    carrier: str = ""
    note: str = ""


@dataclass(frozen=True)
class Arrived:
    """``choices`` are numbers of ours, one of which has to be scanned instead. ``arrival_id``: the unknown parcel."""

    outcome: Outcome
    returns: tuple[ReturnResult, ...] = ()
    choices: tuple[str, ...] = ()
    arrival_id: int | None = None


@dataclass(frozen=True)
class ReceiveReturn:
    """The goods of one return are here."""

    return_id: int
    warehouse_id: int
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class AttachArrival:
    """An unknown parcel was found to be this: a number of a return, parcel, shipment or order."""

    arrival_id: int
    code: str
    version: int | None = None


@dataclass(frozen=True)
class CloseArrival:
    arrival_id: int
    note: str
    version: int | None = None


def receive_parcel(tx: Tx, cmd: ArriveParcel) -> Arrived:
    """Receive whatever the code means. A parcel that nobody expected opens its return; one that nobody knows is kept as
    an unknown arrival. The same scan again changes nothing."""
    tx.actor.require("return.receive")
    check_place(tx, cmd.warehouse_id)
    code = bounded(plain_code(cmd.code), 80, "code", missing=say("Scan or type a number"))
    found = _receive_meaning(tx, meaning_of(tx.session, tx.actor, code), cmd.warehouse_id, code)
    if found is not None:
        return found
    return _keep_unknown(tx, cmd, code)


def receive_return(tx: Tx, cmd: ReceiveReturn) -> ReturnResult:
    """Receive one return by hand. Raises TransitionRefused when it is here already, or called off."""
    tx.actor.require("return.receive")
    check_place(tx, cmd.warehouse_id)
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    RETURN.check(ret, "receive")
    ret.count_note = bounded(cmd.note, 500, "note")
    orders = {order.id: order}
    if ret.kind is not ReturnKind.CUSTOMER and ret.shipment_id:
        orders |= _orders_in(tx, [ret.shipment_id], orders)
    return _receive(tx, orders, [ret], cmd.warehouse_id, "")[0]


def attach_arrival(tx: Tx, cmd: AttachArrival) -> Arrived:
    """Say whose an unknown parcel is: its return is received where the parcel lies. Raises InvalidInput when the number
    means nothing, or several returns."""
    tx.actor.require("return.receive")
    code = bounded(plain_code(cmd.code), 80, "code", missing=say("Scan or type a number"))
    meaning = meaning_of(tx.session, tx.actor, code)
    arrival = _lock_arrival(tx, cmd.arrival_id, cmd.version)
    ARRIVAL.check(arrival, "attach")
    found = _receive_meaning(tx, meaning, arrival.warehouse_id, arrival.code)
    if found is None or found.outcome is Outcome.PRODUCT:
        raise InvalidInput(say("“{code}” is no number of ours", code=code), field="code", code="return_code_unknown")
    if found.outcome is Outcome.CHOOSE:
        raise InvalidInput(
            say("That may be several: {choices}. Give one of these", choices=", ".join(found.choices)),
            field="code", code="return_code_many",
        )  # fmt: skip
    ARRIVAL.fire(arrival, "attach")
    arrival.return_id = found.returns[0].return_id
    _closed(tx, arrival, "return.arrival_attached", found.returns[0].number)
    return found


def close_arrival(tx: Tx, cmd: CloseArrival) -> None:
    """An unknown parcel is none of ours, with a word about what became of it."""
    tx.actor.require("return.receive")
    note = bounded(cmd.note, 500, "note", missing=say("Say what becomes of it"))
    arrival = _lock_arrival(tx, cmd.arrival_id, cmd.version)
    ARRIVAL.fire(arrival, "close")
    arrival.close_note = note
    _closed(tx, arrival, "return.arrival_closed", note)


def _receive_meaning(tx: Tx, meaning: Meaning, warehouse_id: int, code: str) -> Arrived | None:
    """Receive what the code names, under the locks of all orders concerned. None: it names nothing."""
    if meaning.is_product:
        return Arrived(Outcome.PRODUCT)
    if not (meaning.returns or meaning.shipments or meaning.orders):
        return None
    orders = _concerned(tx, meaning)
    known = {r.id: r for r in lock_returns(tx, _returns_of(tx, meaning, orders))}
    coming = [r for r in known.values() if r.status in COMING and not r.goods_stay]
    if meaning.orders and len({r.shipment_id for r in coming}) > 1:
        return Arrived(Outcome.CHOOSE, choices=tuple(r.number for r in coming))
    here = [r for r in known.values() if r.status not in DEAD]
    if not coming and not (meaning.returns and here):
        shipments = _shipments_out(tx, orders, meaning)
        if not meaning.shipments and len(shipments) > 1:
            return Arrived(Outcome.CHOOSE, choices=tuple(s.number for s in shipments))
        coming = [ret for s in shipments for ret in _unexpected(tx, s, orders)]
    if coming:
        return Arrived(Outcome.RECEIVED, tuple(_receive(tx, orders, coming, warehouse_id, code)))
    if not here:
        return None
    return Arrived(Outcome.AGAIN, tuple(ReturnResult(r.id, r.number, r.status, r.order_id) for r in here))


def _concerned(tx: Tx, meaning: Meaning) -> dict[int, Order]:
    """The orders behind the code and those that share a box with them, locked."""
    ids = set(meaning.orders)
    shipments = set(meaning.shipments)
    if meaning.returns:
        rows = tx.session.execute(
            select(Return.order_id, Return.shipment_id, Return.kind).where(Return.id.in_(meaning.returns))
        )
        for order_id, shipment_id, kind in rows:
            ids.add(order_id)
            shipments |= {shipment_id} if shipment_id and kind is ReturnKind.RTO else set()
    ids |= set(tx.session.scalars(select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(sorted(shipments)))))
    return lock_any_orders(tx, ids)


def _orders_in(tx: Tx, shipment_ids: Collection[int], held: Mapping[int, Order]) -> dict[int, Order]:
    """The orders in these boxes that are not locked yet."""
    inside = tx.session.scalars(select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(sorted(shipment_ids))))
    return lock_any_orders(tx, set(inside) - set(held))


def _returns_of(tx: Tx, meaning: Meaning, orders: Mapping[int, Order]) -> set[int]:
    """The returns the code may mean; one of an undelivered box brings those of the other orders in it."""
    if meaning.returns:
        boxes = select(Return.shipment_id).where(Return.id.in_(meaning.returns), Return.kind == ReturnKind.RTO)
        mates = select(Return.id).where(Return.shipment_id.in_(boxes), Return.kind == ReturnKind.RTO)
        return {*meaning.returns, *tx.session.scalars(mates.where(Return.status == ReturnStatus.IN_TRANSIT))}
    if meaning.shipments:
        return set(tx.session.scalars(select(Return.id).where(Return.id.in_(of_shipments(meaning.shipments)))))
    return set(tx.session.scalars(select(Return.id).where(Return.order_id.in_(sorted(orders)))))


def _shipments_out(tx: Tx, orders: Mapping[int, Order], meaning: Meaning) -> list[Shipment]:
    """The shipments behind the code with pieces that are out there, locked."""
    out = {o.shipment_id for o in pieces_out(tx.session, list(orders))}
    wanted = out & set(meaning.shipments) if meaning.shipments else out
    return _lock_shipments(tx, wanted)


def _lock_shipments(tx: Tx, ids: Collection[int]) -> list[Shipment]:
    statement = (
        select(Shipment)
        .where(Shipment.id.in_(sorted(ids)))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.parcels))
        .with_for_update(of=Shipment, key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(statement))


def _unexpected(tx: Tx, shipment: Shipment, orders: Mapping[int, Order]) -> list[Return]:
    """Returns of a parcel that nobody expected: undelivered when it never arrived, the buyer's otherwise."""
    found = []
    outs = pieces_out(tx.session, list(orders))
    for order_id, order in orders.items():
        left = [o for o in outs if (o.shipment_id, o.order_id) == (shipment.id, order_id)]
        if not left:
            continue
        if shipment.status is ShipmentStatus.DELIVERED:
            ret = open_return(tx, order, pieces_of(left), {
                "kind": ReturnKind.CUSTOMER, "status": ReturnStatus.IN_TRANSIT, "reason": ReturnReason.UNANNOUNCED,
                "shipment_id": shipment.id, "warehouse_id": shipment.warehouse_id, "carrier": shipment.carrier,
                "in_transit_at": clock.now(),
            })  # fmt: skip
            finish(tx, ret, order, "return.unannounced", {"shipment": shipment.number})
            found.append(ret)
        else:
            found.append(expect_one(tx, shipment, order, left))
    return found


def _receive(
    tx: Tx, orders: Mapping[int, Order], returns: Sequence[Return], warehouse_id: int, code: str
) -> list[ReturnResult]:
    """The goods are here. Undelivered boxes count as come back, and bring no cash any more."""
    now, before = clock.now(), {ret.id: ret.status for ret in returns}
    place = warehouse_code(tx, warehouse_id)
    for ret in returns:
        RETURN.fire(ret, "receive")
        ret.warehouse_id, ret.received_at, ret.received_label = warehouse_id, now, tx.actor.label[:120]
        ret.scanned = code[:80]
        ret.in_transit_at = ret.in_transit_at or now
    undelivered = [ret for ret in returns if ret.kind is ReturnKind.RTO]
    boxes = {ret.shipment_id: ret for ret in undelivered if ret.shipment_id}
    for shipment in _lock_shipments(tx, boxes):
        _arrive_back(tx, shipment, [orders[i] for i in sorted({ret.order_id for ret in undelivered})])
    numbers = ", ".join(ret.number for ret in undelivered)
    refuse_parcels(tx, orders, {box: refusal_of(ret.reason) for box, ret in boxes.items()}, numbers)
    wanted = [ret for ret in returns if ret.kind is not ReturnKind.RTO]  # who did not take a parcel knows that
    notices.tell(tx, Event.RETURN_RECEIVED, [(ret.order_id, notices.of_return(ret.id)) for ret in wanted])
    return [
        finish(
            tx, ret, orders[ret.order_id], "return.received",
            {"warehouse": place, "code": code}, before=before[ret.id],
        )
        for ret in returns
    ]  # fmt: skip


def _arrive_back(tx: Tx, shipment: Shipment, orders: Sequence[Order]) -> None:
    """What the carrier has not said yet: the box is back."""
    before = shipment.status
    for move in ("come_back", "arrive_back"):
        if SHIPMENT.refusal(shipment, move) is None:
            SHIPMENT.fire(shipment, move)
    if shipment.status is not before:
        numbers = ", ".join(p.tracking_no for p in live_parcels(shipment) if p.tracking_no)
        facts = {"status": shipment.status, "carrier": shipment.carrier, "tracking_no": numbers}
        tell(tx, "shipment.came_back", shipment, orders, {"status": before}, facts)


def _keep_unknown(tx: Tx, cmd: ArriveParcel, code: str) -> Arrived:
    """Nobody knows this number: keep the parcel on record, once per warehouse."""
    waiting = tx.session.scalars(
        select(ReturnArrival).where(
            ReturnArrival.code == code, ReturnArrival.warehouse_id == cmd.warehouse_id,
            ReturnArrival.status == ArrivalStatus.WAITING,
        )
    ).one_or_none()  # fmt: skip
    if waiting is not None:
        return Arrived(Outcome.UNKNOWN, arrival_id=waiting.id)
    arrival = ReturnArrival(
        status=ArrivalStatus.WAITING, code=code, carrier=bounded(cmd.carrier, 80, "carrier"),
        warehouse_id=cmd.warehouse_id, note=bounded(cmd.note, 500, "note"), arrived_label=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(arrival)
    tx.session.flush()  # the trace names its id
    audit.record(
        tx,
        "return.arrival_unknown",
        "return_arrival",
        arrival.id,
        code,
        after={"warehouse": warehouse_code(tx, cmd.warehouse_id)},
    )
    return Arrived(Outcome.UNKNOWN, arrival_id=arrival.id)


def _lock_arrival(tx: Tx, arrival_id: int, version: int | None) -> ReturnArrival:
    found = tx.session.scalars(
        visible_arrivals(tx.actor)
        .where(ReturnArrival.id == min(arrival_id, 2**63 - 1))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound(say("There is no such parcel, or it is not yours to see"), code="arrival_not_found")
    if version is not None and found.version != version:
        raise Conflict(say("Someone else worked on this parcel; reload and look again"), code="stale")
    return found


def _closed(tx: Tx, arrival: ReturnArrival, action: str, note: str) -> None:
    arrival.closed_at, arrival.closed_label = clock.now(), tx.actor.label[:120]
    audit.record(
        tx, action, "return_arrival", arrival.id, arrival.code,
        before={"status": ArrivalStatus.WAITING}, after={"status": arrival.status}, reason=note,
    )  # fmt: skip
