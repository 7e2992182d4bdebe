"""Which orders may share a box: one buyer, one address, one warehouse, one way of paying (G9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from oms.actor import Actor
from oms.catalog.models import PLATFORMS
from oms.errors import Say, say
from oms.inventory.models import Reservation, ReservationStatus
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import Board, OrderStatus, PaymentTerm
from oms.shipping import rules
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.thai.text import normalize

OPEN = (ShipmentStatus.PLANNED, ShipmentStatus.READY, ShipmentStatus.PICKING)
GROUPS_AT_MOST = 100
Buyer = tuple[str, str, bool]


def buyer_of(order: Order) -> Buyer:
    """Who gets it, where, and whether cash is taken at the door: equal for orders that may share a box."""
    return order.ship_phone, normalize(order.ship_address), order.payment_term is PaymentTerm.COD


def why_apart(orders: Sequence[Order]) -> Say | None:
    """Why these orders may not share a box, or None. The gate is asked apart."""
    if len(orders) < 2:
        return None
    if waybill := next((o for o in orders if o.channel in PLATFORMS), None):
        return say("{number} goes with the platform's own waybill; it cannot share a box", number=waybill.number)
    if any(not o.ship_phone or not normalize(o.ship_address) for o in orders):
        return say("Without phone and address nobody knows that it is the same buyer")
    phones, addresses, cash = (set(part) for part in zip(*(buyer_of(o) for o in orders), strict=True))
    if len(phones) > 1:
        return say("These are orders of different buyers")
    if len(addresses) > 1:
        return say("These orders go to different addresses")
    if len(cash) > 1:
        return say("One is cash on delivery and another is not")
    if len({o.carrier for o in orders if o.carrier}) > 1:
        return say("These orders go with different carriers")
    return None


def why_closed(shipment: Shipment) -> Say | None:
    """Why what is in a shipment may not change any more, or None."""
    if refusal := rules.label_refusal(shipment):
        return refusal
    if shipment.status is ShipmentStatus.PACKED:
        return say("{number} is packed already; pull it back first", number=shipment.number)
    if shipment.status not in OPEN:
        return say("{number} has left or is canceled", number=shipment.number)
    return None


def fee_over(orders: Iterable[Order]) -> dict[int, Money]:
    """Per order id: the shipping fee that one box for all makes unnecessary; the highest fee is kept."""
    paid = sorted(orders, key=lambda o: (-o.shipping_fee.in_satang, o.id))
    return {o.id: o.shipping_fee for o in paid[1:] if o.shipping_fee > ZERO}


@dataclass(frozen=True)
class Proposal:
    """Orders that could go in one box. ``shipments``: the ids of those made ready already."""

    warehouse_id: int
    buyer: str
    phone: str
    orders: tuple[tuple[int, str], ...]
    shipments: tuple[int, ...]
    fee_over: Money


def combinable(session: Session, actor: Actor, order_id: int | None = None) -> list[Proposal]:
    """Orders that wait in one warehouse for the same buyer, address and way of paying, nothing of them packed.

    ``order_id``: only what could go with this one.
    """
    waiting = visible(actor).where(
        Order.status == OrderStatus.CONFIRMED, Order.closed_at.is_(None), Order.board.in_((Board.READY, Board.PICKING)),
        Order.channel.not_in(sorted(PLATFORMS)), Order.ship_phone != "",
    )  # fmt: skip
    if order_id is not None:
        mine = select(Order.ship_phone).where(Order.id == order_id).scalar_subquery()
        waiting = waiting.where(Order.ship_phone == mine)
    else:
        often = waiting.with_only_columns(Order.ship_phone).group_by(Order.ship_phone).having(func.count() > 1)
        waiting = waiting.where(Order.ship_phone.in_(often.order_by(Order.ship_phone).limit(GROUPS_AT_MOST)))
    orders = {o.id: o for o in session.scalars(waiting.order_by(Order.id))}
    if len(orders) < 2:
        return []
    boxes, promised = _boxes(session, orders), _promised(session, orders)
    groups: dict[tuple[Buyer, int], list[Order]] = defaultdict(list)
    for i, order in orders.items():
        for place in sorted(promised.get(i, set())):
            if not any(why_closed(s) for s in boxes.get((i, place), [])):
                groups[buyer_of(order), place].append(order)
    found = [_proposal(place, listed, boxes) for (_, place), listed in groups.items()]
    return [p for p in found if p and (order_id is None or order_id in {i for i, _ in p.orders})]


def _proposal(place: int, orders: Sequence[Order], boxes: Mapping[tuple[int, int], list[Shipment]]) -> Proposal | None:
    ready = {s.id: s for o in orders for s in boxes.get((o.id, place), [])}
    together = len(ready) == 1 and {line.order_id for s in ready.values() for line in s.lines} >= {o.id for o in orders}
    if together or why_apart(orders) or len(orders) < 2:
        return None
    over = sum(fee_over(orders).values(), start=ZERO)
    named = tuple((o.id, o.number) for o in orders)
    return Proposal(place, orders[0].ship_name, orders[0].ship_phone, named, tuple(sorted(ready)), over)


def _boxes(session: Session, order_ids: Iterable[int]) -> dict[tuple[int, int], list[Shipment]]:
    """(order, warehouse) -> the shipments that have not left."""
    ids = sorted(order_ids)
    found = session.scalars(
        select(Shipment)
        .where(
            Shipment.id.in_(select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(ids))),
            Shipment.status.in_(sorted(BEFORE_HAND_OVER)),
        )
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .order_by(Shipment.id)
    )
    boxes: dict[tuple[int, int], list[Shipment]] = defaultdict(list)
    for shipment in found:
        for order_id in sorted({line.order_id for line in shipment.lines}):
            boxes[order_id, shipment.warehouse_id].append(shipment)
    return boxes


def _promised(session: Session, order_ids: Iterable[int]) -> dict[int, set[int]]:
    """Per order: the warehouses its goods are promised in."""
    rows = session.execute(
        select(Reservation.order_id, Reservation.warehouse_id)
        .where(Reservation.order_id.in_(sorted(order_ids)), Reservation.status == ReservationStatus.ACTIVE)
        .distinct()
    )
    places: dict[int, set[int]] = defaultdict(set)
    for order_id, place in rows:
        places[order_id].add(place)
    return places
