"""Where goods that left end up: delivered, coming back, back, lost. No money moves here and no stock.

Orders whose goods arrived and whose money is settled are closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.db import Tx
from oms.errors import OmsError
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.orders.queries import lock_known
from oms.orders.states import ORDER, FulfillmentStatus
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import Locked, lock_with_orders
from oms.shipping.rules import live_parcels
from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.usecases import derived, notices
from oms.usecases.cod_entries import collect_entries
from oms.usecases.shipping_boxes import ShipmentState, state_of, told
from oms.usecases.shipping_leaving import finish

Answers = dict[int, ShipmentState | OmsError]
ENDED = (FulfillmentStatus.DELIVERED, FulfillmentStatus.RETURNED)


def arrive(tx: Tx, orders: Sequence[Order]) -> set[int]:
    """Everything of these locked orders that is under way arrived; answers the ids of the orders in those parcels."""
    under_way = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_([o.id for o in orders]))
    found = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(under_way), Shipment.status == ShipmentStatus.HANDED_OVER)
        .order_by(Shipment.id)
        .options(selectinload(Shipment.parcels), selectinload(Shipment.lines))
    ).all()
    known = {order.id: order for order in orders}
    mates = {line.order_id for s in found for line in s.lines} - set(known)
    known |= {order.id: order for order in lock_known(tx, mates)}
    return _deliver(tx, found, known, clock.now())


def _deliver(tx: Tx, shipments: Sequence[Shipment], orders: Mapping[int, Order], at: datetime) -> set[int]:
    """Delivered: the cash is with the carrier from now on."""
    for shipment in shipments:
        SHIPMENT.fire(shipment, "deliver")
        shipment.delivered_at = at
        for parcel in live_parcels(shipment):
            parcel.tracking_status, parcel.tracked_at = TrackingStatus.DELIVERED, None  # our word, not the carrier's
    inside = {i: [s for s in shipments if any(line.order_id == i for line in s.lines)] for i in sorted(orders)}
    arrived = [orders[i] for i, mine in inside.items() if mine]
    if not arrived:
        return set()
    cash = collect_entries(tx, arrived, {s.id for s in shipments})
    facts = {
        o.id: {"shipments": [s.number for s in inside[o.id]]}
        | ({"cod_collected": cash[o.id]} if o.id in cash else {})
        for o in arrived
    }  # fmt: skip
    finish(tx, arrived, "order.delivered", facts)
    complete_done(tx, arrived)
    notices.tell(tx, Event.DELIVERED, [(i, notices.of_shipment(s.id)) for i, mine in inside.items() for s in mine])
    return {order.id for order in arrived}


def deliver_shipments(tx: Tx, shipment_ids: Collection[int], at: datetime | None = None) -> Answers:
    """These shipments arrived; each answers by itself."""
    tx.actor.require("shipment.track")
    locked = lock_with_orders(tx, shipment_ids)
    answers, moving = _checked(locked, shipment_ids, "deliver")
    _deliver(tx, moving, locked.orders, at or clock.now())
    return answers | {s.id: state_of(s) for s in moving}


def come_back(tx: Tx, shipment_ids: Collection[int]) -> Answers:
    """The carrier brings these back; stock and money wait until somebody has counted what came."""
    return _move(tx, shipment_ids, "come_back", "shipment.coming_back")


def arrive_back(tx: Tx, shipment_ids: Collection[int]) -> Answers:
    """These are back with us; what is in them is counted by the return."""
    return _move(tx, shipment_ids, "arrive_back", "shipment.came_back")


def lose(tx: Tx, shipment_ids: Collection[int]) -> Answers:
    """The carrier lost these."""
    return _move(tx, shipment_ids, "lose", "shipment.lost")


def _move(tx: Tx, shipment_ids: Collection[int], move: str, action: str) -> Answers:
    tx.actor.require("shipment.track")
    locked = lock_with_orders(tx, shipment_ids)
    answers, moving = _checked(locked, shipment_ids, move)
    entries: list[audit.Entry] = []
    for shipment in moving:
        before = shipment.status
        SHIPMENT.fire(shipment, move)
        numbers = ", ".join(p.tracking_no for p in live_parcels(shipment) if p.tracking_no)
        facts = {"status": shipment.status, "carrier": shipment.carrier, "tracking_no": numbers}
        entries += told(action, shipment, locked.inside(shipment), {"status": before}, facts)
    audit.record_many(tx, entries)
    derived.refresh(tx, locked.inside(*moving))
    return answers | {s.id: state_of(s) for s in moving}


def _checked(locked: Locked, shipment_ids: Collection[int], move: str) -> tuple[Answers, list[Shipment]]:
    """The refusals, and the shipments that may move."""
    answers: Answers = {}
    moving: list[Shipment] = []
    for shipment_id in dict.fromkeys(shipment_ids):
        try:
            shipment = locked.shipment(shipment_id)
            SHIPMENT.check(shipment, move)
            moving.append(shipment)
        except OmsError as refusal:
            answers[shipment_id] = refusal
    return answers, moving


def complete_if_done(tx: Tx, order: Order) -> bool:
    """Close an order whose goods arrived and whose money is settled; the caller has it locked and refreshed."""
    return bool(complete_done(tx, [order]))


def complete_done(tx: Tx, orders: Sequence[Order]) -> list[Order]:
    """Close those of these orders whose goods arrived, or came back for good, and whose money is settled."""
    done = [order for order in orders if order.fulfillment_status in ENDED and not ORDER.refusal(order, "complete")]
    for order in done:
        ORDER.fire(order, "complete")
    if done:
        finish(tx, done, "order.completed", {order.id: {"status": order.status} for order in done})
    return done
