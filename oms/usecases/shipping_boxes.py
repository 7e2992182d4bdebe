"""Boxes that wait to leave: an order whose gate is open gets a shipment to be picked; hand-over takes that one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.db import Tx
from oms.errors import NotFound, OmsError, Refused, say
from oms.numbering import buddhist_year
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus
from oms.usecases import derived
from oms.usecases.gate import GateStep, judge

WAY_OUT = ("make_ready", "pick", "pack", "label", "hand_over")


@dataclass(frozen=True)
class MadeReady:
    shipment_id: int
    number: str


@dataclass
class Boxes:
    """Orders under lock with the shipments of theirs that have not left. ``asked`` are those the caller named, the
    others share a box with one of them."""

    orders: dict[int, Order]
    asked: set[int]
    waiting: dict[int, list[Shipment]] = field(default_factory=dict)

    def of(self, order_id: int) -> list[Shipment]:
        return self.waiting.get(order_id, [])

    def inside(self, shipments: Iterable[Shipment]) -> list[Order]:
        """Every order with pieces in these boxes, in id order."""
        return [self.orders[i] for i in sorted({line.order_id for s in shipments for line in s.lines})]

    def fits(self, shipments: Sequence[Shipment]) -> bool:
        """Whether these boxes hold exactly what is open of every order in them."""
        packed: dict[int, int] = {}
        for line in (line for s in shipments for line in s.lines):
            packed[line.order_line_id] = packed.get(line.order_line_id, 0) + line.quantity
        wanted = {line.id: line.open for order in self.inside(shipments) for line in order.lines if line.open}
        return packed == wanted


def lock_boxes(tx: Tx, order_ids: Collection[int]) -> Boxes:
    """Lock these orders, then those in the same boxes, then the boxes."""
    orders = {order.id: order for order in lock_orders(tx, order_ids)}
    boxes = Boxes(orders | derived.lock_mates(tx, orders, orders), set(orders))
    mine = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(sorted(orders)))
    found = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(mine), Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .with_for_update(of=Shipment)
        .execution_options(populate_existing=True)
    )
    for shipment in found:
        inside = {line.order_id for line in shipment.lines}
        if inside - set(boxes.orders):
            raise Refused(say("Someone else is packing this box; reload and look again"), code="stale")
        for order_id in inside:
            boxes.waiting.setdefault(order_id, []).append(shipment)
    return boxes


def make_ready(tx: Tx, order_ids: Collection[int]) -> dict[int, MadeReady | OmsError]:
    """A shipment to be picked for each order whose gate is open and whose stock is there; the rest answers why not.

    Asked again it answers with the shipment there is. One that was pulled back goes on; one that no longer fits the
    order is canceled and made anew.
    """
    tx.actor.require("shipment.hand_over")
    boxes = lock_boxes(tx, order_ids)
    verdicts = judge(tx, list(boxes.orders.values()), GateStep.READY)
    answers: dict[int, MadeReady | OmsError] = {}
    for order_id in order_ids:
        if order_id not in boxes.asked:
            missing = say("There is no such order, or it is not yours to see")
            answers[order_id] = NotFound(missing, code="order_not_found")
            continue
        try:
            for inside in (boxes.orders[order_id], *boxes.inside(boxes.of(order_id))):
                verdicts[inside.id].check()
            answers[order_id] = _ready(tx, boxes, boxes.orders[order_id])
        except OmsError as refusal:
            answers[order_id] = refusal
    derived.refresh(tx, list(boxes.orders.values()))
    return answers


def _ready(tx: Tx, boxes: Boxes, order: Order) -> MadeReady:
    shipments = boxes.of(order.id)
    if shipments and boxes.fits(shipments):
        for shipment in shipments:
            if shipment.status is ShipmentStatus.PLANNED:
                SHIPMENT.fire(shipment, "make_ready")
                _tell(tx, boxes.inside([shipment]), shipment)
        return MadeReady(shipments[0].id, shipments[0].number)
    drop(tx, boxes, order)
    number, shipment_id = draw_numbers(tx, 1)[0]
    made = Shipment(
        id=shipment_id, number=number, warehouse_id=order.warehouse_id, status=ShipmentStatus.PLANNED,
        carrier=order.carrier[:80], created_at=clock.now(),
        lines=[ShipmentLine(order_id=order.id, order_line_id=x.id, quantity=x.open) for x in order.lines if x.open],
    )  # fmt: skip
    SHIPMENT.fire(made, "make_ready")
    tx.session.add(made)
    boxes.waiting[order.id] = [made]
    _tell(tx, [order], made)
    return MadeReady(made.id, made.number)


def drop(tx: Tx, boxes: Boxes, order: Order) -> None:
    """Cancel the boxes of an order that no longer hold what is open; other orders in them are packed anew too."""
    outdated = boxes.of(order.id)
    others = [o for o in boxes.inside(outdated) if o.id != order.id]
    for shipment in outdated:
        before = shipment.status
        SHIPMENT.fire(shipment, "cancel")
        audit.record_many(
            tx,
            [
                audit.Entry(
                    "shipment.canceled", kind, key, number,
                    before={"status": before}, after={"status": shipment.status, "shipment": shipment.number},
                )
                for kind, key, number in (
                    ("shipment", shipment.id, shipment.number),
                    *(("order", o.id, o.number) for o in boxes.inside([shipment])),
                )
            ],
        )  # fmt: skip
    for left in (order, *others):
        boxes.waiting[left.id] = [s for s in boxes.of(left.id) if s not in outdated]
    derived.refresh(tx, others)


def leave(shipment: Shipment) -> None:
    """Walk a box through every step that is left, to handed over."""
    for move in WAY_OUT:
        if SHIPMENT.refusal(shipment, move) is None:
            SHIPMENT.fire(shipment, move)


def draw_numbers(tx: Tx, count: int) -> list[tuple[str, int]]:
    """(number, id) of new shipments."""
    sequence = func.nextval("shipments_id_seq")
    ids = tx.session.scalars(select(sequence).select_from(func.generate_series(1, count)))
    return [(f"SH{buddhist_year()}-{i:06d}", i) for i in ids]


def _tell(tx: Tx, orders: Sequence[Order], shipment: Shipment) -> None:
    audit.record_many(
        tx,
        [
            audit.Entry("shipment.made_ready", "order", o.id, o.number, after={"shipment": shipment.number})
            for o in orders
        ],
    )
