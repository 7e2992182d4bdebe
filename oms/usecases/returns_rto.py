"""Parcels that the carrier brings back: the return opens itself when tracking says so, and closes itself when the
parcel was delivered after all. Neither touches money or stock; both do nothing when told twice (invariant 9)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.returns.models import Return
from oms.returns.queries import Out, lock_any_orders, lock_returns, pieces_out
from oms.returns.states import RETURN, WHY_LABELS, ReturnKind, ReturnReason, ReturnStatus
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.rules import live_parcels
from oms.shipping.states import ShipmentStatus
from oms.usecases.keeping import bounded
from oms.usecases.returns_base import ReturnResult, finish, open_return, pieces_of, unpromise

DEAD = (ReturnStatus.REJECTED, ReturnStatus.CANCELED)


@dataclass(frozen=True)
class OpenLost:
    """A parcel is lost: one case per order in it, to be settled with the buyer and the carrier."""

    shipment_id: int
    note: str = ""


def expect_returns(tx: Tx, shipments: Sequence[Shipment]) -> None:
    """These shipments are on their way back, or were given back by the carrier. Opens one return per order in each;
    told again it opens nothing, and only remembers since when the carrier says that it gave the parcel back.

    The caller has the shipments' orders locked, and has moved the shipments.
    """
    tx.actor.require("shipment.track")
    by_id = {shipment.id: shipment for shipment in shipments}
    orders = _orders_of(tx, by_id)
    known = _rtos(tx, by_id)
    expected = {(ret.shipment_id, ret.order_id) for ret in known}
    outs: dict[tuple[int, int], list[Out]] = {}
    for out in pieces_out(tx.session, list(orders)):
        outs.setdefault((out.shipment_id, out.order_id), []).append(out)
    for (shipment_id, order_id), left in sorted(outs.items()):
        if shipment_id in by_id and (shipment_id, order_id) not in expected:
            known.append(expect_one(tx, by_id[shipment_id], orders[order_id], left))
    for ret in known:
        gave_back = by_id[ret.shipment_id or 0].status is ShipmentStatus.RETURNED
        if gave_back and ret.status is ReturnStatus.IN_TRANSIT and ret.carrier_returned_at is None:
            ret.carrier_returned_at = clock.now()
            finish(tx, ret, orders[ret.order_id], "return.given_back", {"carrier": ret.carrier})


def expect_one(tx: Tx, shipment: Shipment, order: Order, left: Sequence[Out]) -> Return:
    """The return of one order in a shipment that could not be delivered."""
    drop_lost(tx, shipment, order)
    numbers = [parcel.tracking_no for parcel in live_parcels(shipment) if parcel.tracking_no]
    ret = open_return(tx, order, pieces_of(left), {
        "kind": ReturnKind.RTO, "status": ReturnStatus.IN_TRANSIT, "reason": ReturnReason.UNDELIVERED,
        "shipment_id": shipment.id, "warehouse_id": shipment.warehouse_id, "carrier": shipment.carrier,
        "tracking_no": numbers[0] if numbers else "", "in_transit_at": clock.now(),
    })  # fmt: skip
    after = {"shipment": shipment.number, "carrier": shipment.carrier, "tracking_no": ret.tracking_no}
    finish(tx, ret, order, "return.expected", after)
    return ret


def drop_lost(tx: Tx, shipment: Shipment, order: Order) -> None:
    """A lost parcel turned up: its unsettled case ends."""
    ids = tx.session.scalars(
        select(Return.id).where(
            Return.shipment_id == shipment.id, Return.order_id == order.id, Return.kind == ReturnKind.LOST,
            Return.status == ReturnStatus.APPROVED,
        )
    )  # fmt: skip
    for case in lock_returns(tx, list(ids)):
        RETURN.fire(case, "cancel")
        case.decided_at, case.decided_label, case.decision_note = (
            clock.now(),
            tx.actor.label[:120],
            WHY_LABELS["turned_up"],
        )
        finish(tx, case, order, "return.canceled", {}, case.decision_note, before=ReturnStatus.APPROVED)


def delivered_after_all(tx: Tx, shipments: Sequence[Shipment]) -> None:
    """The carrier delivered what it had said would come back: nothing is expected any more. What is here already stays
    what it is. The caller has the shipments' orders locked."""
    tx.actor.require("shipment.track")
    by_id = {shipment.id: shipment for shipment in shipments}
    waiting = [ret for ret in _rtos(tx, by_id) if ret.status is ReturnStatus.IN_TRANSIT]
    orders = lock_any_orders(tx, [ret.order_id for ret in waiting])
    for ret in waiting:
        _call_off(tx, ret, orders[ret.order_id], WHY_LABELS["delivered"])


def _call_off(tx: Tx, ret: Return, order: Order, why: str) -> None:
    """Nothing is expected any more."""
    unpromise(order, ret)
    RETURN.fire(ret, "call_off")
    ret.decided_at, ret.decided_label, ret.decision_note = clock.now(), tx.actor.label[:120], why
    finish(tx, ret, order, "return.canceled", {}, why, before=ReturnStatus.IN_TRANSIT)


def open_lost(tx: Tx, cmd: OpenLost) -> tuple[ReturnResult, ...]:
    """Open the case of a lost shipment, one per order in it. Raises Refused when the shipment is not lost, or when its
    case is open or settled already."""
    tx.actor.require("return.request")
    note = bounded(cmd.note, 500, "note")
    shipment = tx.session.get(Shipment, min(cmd.shipment_id, NO_ID))
    if shipment is None or not tx.actor.sees_warehouse(shipment.warehouse_id):
        raise NotFound(say("There is no such shipment, or it is not yours to see"), code="shipment_not_found")
    orders = _orders_of(tx, {shipment.id: shipment})
    tx.session.refresh(shipment)
    if shipment.status is not ShipmentStatus.LOST:
        raise Refused(say("{number} is not marked as lost", number=shipment.number), code="shipment_not_lost")
    for ret in _rtos(tx, [shipment.id]):
        if ret.status is ReturnStatus.IN_TRANSIT:  # lost on its way back to us
            _call_off(tx, ret, orders[ret.order_id], WHY_LABELS["lost_back"])
    outs: dict[int, list[Out]] = {}
    for out in pieces_out(tx.session, list(orders)):
        if out.shipment_id == shipment.id:
            outs.setdefault(out.order_id, []).append(out)
    done = set(
        tx.session.scalars(
            select(Return.order_id).where(
                Return.shipment_id == shipment.id, Return.kind == ReturnKind.LOST, Return.status.not_in(DEAD)
            )
        )
    )
    fresh = {order_id: left for order_id, left in outs.items() if order_id not in done}
    if not fresh:
        raise Refused(say("The loss of {number} is being settled already", number=shipment.number), code="lost_open")
    answers = []
    for order_id, left in sorted(fresh.items()):
        ret = open_return(tx, orders[order_id], pieces_of(left), {
            "kind": ReturnKind.LOST, "status": ReturnStatus.REQUESTED, "reason": ReturnReason.LOST, "note": note,
            "goods_stay": True, "shipment_id": shipment.id, "warehouse_id": shipment.warehouse_id,
            "carrier": shipment.carrier,
        })  # fmt: skip
        RETURN.fire(ret, "approve")  # nobody has to agree that a lost parcel is settled
        after = {"shipment": shipment.number, "carrier": shipment.carrier}
        answers.append(finish(tx, ret, orders[order_id], "return.lost", after, note))
    return tuple(answers)


def _orders_of(tx: Tx, shipment_ids: Collection[int]) -> dict[int, Order]:
    """The orders in these shipments, locked."""
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(sorted(shipment_ids))).distinct()
    return lock_any_orders(tx, list(tx.session.scalars(inside)))


def _rtos(tx: Tx, shipment_ids: Collection[int]) -> list[Return]:
    """Returns of these undelivered shipments that were not called off, locked."""
    ids = tx.session.scalars(
        select(Return.id).where(
            Return.shipment_id.in_(sorted(shipment_ids)), Return.kind == ReturnKind.RTO, Return.status.not_in(DEAD)
        )
    )
    return lock_returns(tx, list(ids))
