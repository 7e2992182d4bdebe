"""Goods leave and arrive: the gate is asked here, stock is used up here, nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from oms import clock
from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import OmsError, Refused, say
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import checked, lock_order, lock_orders
from oms.orders.states import StockState
from oms.shipping import rules
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.rules import Plan
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.usecases import derived
from oms.usecases.cod_entries import cash_on_labels, check_label_cash, is_cod, name_parcel, open_entries
from oms.usecases.gate import GateStep, Verdict, judge
from oms.usecases.orders_confirm import reserve_open_lines, shortage_error
from oms.usecases.shipping_arrival import arrive, complete_done, complete_if_done
from oms.usecases.shipping_boxes import Boxes, draw_numbers, drop, lock_boxes
from oms.usecases.shipping_leaving import (
    Departing,
    check_tracking,
    departure,
    finish,
    insert_departed,
    leave_together,
    tracking_in_use,
)

__all__ = [
    "LeftBefore", "MarkShipped", "Shipped", "complete_done", "complete_if_done", "fill_tracking", "mark_delivered",
    "mark_delivered_many", "mark_shipped", "mark_shipped_many", "record_left_before",
]  # fmt: skip


@dataclass(frozen=True)
class MarkShipped:
    """Everything open in the order has left. ``by_channel``: a channel's file says so, not our packing table."""

    order_id: int
    carrier: str = ""
    tracking_no: str = ""
    shipped_at: datetime | None = None
    by_channel: bool = False
    version: int | None = None


@dataclass(frozen=True)
class LeftBefore:
    """Goods that left before Ruam knew the order (``Stock.LEFT_BEFORE``): kept as a shipment without stock."""

    order_id: int
    carrier: str = ""
    tracking_no: str = ""
    delivered: bool = False
    shipped_at: datetime | None = None


@dataclass(frozen=True)
class Shipped:
    shipment_id: int
    number: str


def _require(tx: Tx, *, by_channel: bool) -> None:
    tx.actor.require("intake.import" if by_channel else "shipment.hand_over")


def mark_shipped(tx: Tx, cmd: MarkShipped) -> Shipped:
    """Hand everything open over. Raises Refused with the gate sentence, or StockShort."""
    outcome = mark_shipped_many(tx, [cmd])[0]
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


@dataclass(frozen=True)
class _Leaving:
    """One command that may go: its order, the boxes that wait for it, and what leaves without having waited in one."""

    cmd: MarkShipped
    order: Order
    boxes: Sequence[Shipment]
    loose: Plan

    def departing(self, numbers: Iterator[tuple[str, int]]) -> list[Departing]:
        """What leaves, the boxes first. A tracking number given now is the first one's."""
        cmd, at = self.cmd, self.cmd.shipped_at or clock.now()
        going = [
            Departing(
                box.id, box.number, box.warehouse_id,
                [(line.order_id, line.order_line_id, line.quantity) for line in box.lines],
                cmd.carrier, "" if i else cmd.tracking_no, at, by_channel=cmd.by_channel, box=box,
            )
            for i, box in enumerate(self.boxes)
        ]  # fmt: skip
        for place, lines in self.loose.items():
            number, shipment_id = next(numbers)
            left = [(self.order.id, line, n) for line, n in sorted(lines.items())]
            named = "" if going else cmd.tracking_no
            going.append(Departing(shipment_id, number, place, left, cmd.carrier, named, at, by_channel=cmd.by_channel))
        return going


def mark_shipped_many(tx: Tx, cmds: Sequence[MarkShipped]) -> list[Shipped | OmsError]:
    """Hand many orders over in one go; each leaves or is refused by itself. Raises Forbidden for the whole.

    An order whose goods were made ready leaves in those boxes, with every other order in them; all their gates are
    asked. What is in no box leaves in a shipment of its own from each warehouse it is promised in.
    """
    for by_channel in {c.by_channel for c in cmds}:
        _require(tx, by_channel=by_channel)
    boxes = lock_boxes(tx, [c.order_id for c in cmds])
    verdicts = judge(tx, list(boxes.orders.values()), GateStep.HAND_OVER)
    used = tracking_in_use(tx, [c.tracking_no for c in cmds])
    due = cash_on_labels(tx, [box for waiting in boxes.waiting.values() for box in waiting])
    outcomes: dict[int, Shipped | OmsError] = {}
    leaving: dict[int, _Leaving] = {}
    going: dict[int, int] = {}
    for i, cmd in enumerate(cmds):
        first = going.get(cmd.order_id)
        if first is not None and cmds[first].order_id != cmd.order_id and not boxes.wanted(boxes.orders[cmd.order_id]):
            continue  # all of it leaves in the box of an earlier one
        try:
            leaving[i] = _check_leaving(tx, cmd, boxes, verdicts, used, due)
            going |= {order.id: i for order in boxes.inside(leaving[i].boxes)} | {cmd.order_id: i}
        except OmsError as refusal:
            outcomes[i] = refusal
    outcomes |= _hand_over(tx, leaving, boxes, verdicts)
    return [outcomes.get(i) or outcomes[going[c.order_id]] for i, c in enumerate(cmds)]


def _hand_over(
    tx: Tx, leaving: Mapping[int, _Leaving], boxes: Boxes, verdicts: Mapping[int, Verdict]
) -> dict[int, Shipped | OmsError]:
    if not leaving:
        return {}
    loose = sum(len(x.loose) for x in leaving.values())
    numbers = iter(draw_numbers(tx, loose) if loose else [])
    going = {i: x.departing(numbers) for i, x in leaving.items()}
    leave_together(tx, [d for departing in going.values() for d in departing], boxes.orders, verdicts)
    return {i: Shipped(departing[0].shipment_id, departing[0].number) for i, departing in going.items()}


def _check_leaving(
    tx: Tx,
    cmd: MarkShipped,
    boxes: Boxes,
    verdicts: dict[int, Verdict],
    used: set[tuple[str, str]],
    due: Mapping[int, Money],
) -> _Leaving:
    """Raise why this order's goods may not leave; else count them as leaving, so that they cannot leave twice."""
    order = checked(boxes.orders.get(cmd.order_id) if cmd.order_id in boxes.asked else None, cmd.version)
    verdicts[order.id].check()
    short = order.stock_state is StockState.SHORT
    outdated = boxes.of(order.id) if short else boxes.outdated(order)
    waiting = [box for box in boxes.of(order.id) if box not in outdated]
    for inside in boxes.inside(waiting):
        verdicts[inside.id].check()
    for box in waiting if not cmd.by_channel else ():  # a channel tells what has happened
        check_label_cash(box, due)
    own = {(p.carrier, p.tracking_no) for box in waiting for p in box.parcels}
    check_tracking(used - own, cmd.carrier, cmd.tracking_no)
    if short:
        with tx.session.begin_nested():  # refused after all, it waits for its stock as before
            _promise(tx, cmd, order, boxes)
    _check_places(tx, cmd, order, boxes)
    drop(tx, boxes, outdated)
    loose = boxes.missing(order)
    boxes.take(waiting)
    nothing = say("Nothing is open to ship")
    verdicts[order.id] = replace(verdicts[order.id], refusal=nothing, code="nothing_open")
    if cmd.tracking_no:
        used.add((carrier_name(cmd.carrier), cmd.tracking_no))
    return _Leaving(cmd, order, waiting, loose)


def _promise(tx: Tx, cmd: MarkShipped, order: Order, boxes: Boxes) -> None:
    """Promise the stock the order waited for. Raises StockShort, or Refused when it may not leave from there."""
    if lacking := reserve_open_lines(tx, order):
        raise shortage_error(order, lacking)
    boxes.read_held(tx, [order])
    _check_places(tx, cmd, order, boxes)


def _check_places(tx: Tx, cmd: MarkShipped, order: Order, boxes: Boxes) -> None:
    """Whoever works in one warehouse does not hand over what lies in another. A channel's word is about all of it."""
    if boxes.scattered(order):
        raise Refused(say("Not every piece is in stock yet"), code="stock_short")
    if not cmd.by_channel and not all(tx.actor.sees_warehouse(place) for place in boxes.wanted(order)):
        raise Refused(
            say("A part of it leaves another warehouse; hand its shipments over one by one"), code="other_warehouse"
        )


def record_left_before(tx: Tx, cmds: Sequence[LeftBefore]) -> None:
    """Write the shipments of orders placed as ``LEFT_BEFORE``, many at once; stock is not touched."""
    tx.actor.require("intake.import")
    by_id = {c.order_id: c for c in cmds}
    orders = {o.id: o for o in lock_orders(tx, list(by_id)) if o.left_before}
    numbered = zip(orders.values(), draw_numbers(tx, len(orders)), strict=True)
    now = clock.now()
    going = [
        Departing(
            shipment_id,
            number,
            order.warehouse_id,
            [(order.id, line.id, line.quantity) for line in order.lines],
            by_id[order.id].carrier,
            by_id[order.id].tracking_no,
            by_id[order.id].shipped_at or now,
            by_channel=True,
            delivered_at=now if by_id[order.id].delivered else None,
        )
        for order, (number, shipment_id) in numbered
    ]
    used = tracking_in_use(tx, [d.tracking_no for d in going])
    for d in going:
        check_tracking(used, d.carrier, d.tracking_no)
    insert_departed(tx, going)
    cash = [orders[i] for d in going for i in d.order_ids if is_cod(orders[i])]
    if cash:
        facts = derived.read_facts(tx, cash)
        open_entries(tx, [departure(orders[i], d) for d in going for i in d.order_ids if i in facts], facts)
    derived.refresh(tx, list(orders.values()))
    complete_done(tx, list(orders.values()))


def fill_tracking(tx: Tx, order_id: int, carrier: str, tracking_no: str) -> bool:
    """Add a tracking number to the goods that left without one. False when every shipment has one already."""
    tx.actor.require("intake.import")
    order = lock_order(tx, order_id)
    named = select(Parcel.id).where(Parcel.shipment_id == Shipment.id, Parcel.is_live, Parcel.tracking_no != "")
    bare = tx.session.scalars(
        select(Shipment)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(ShipmentLine.order_id == order_id, ~named.exists(), Shipment.handed_over_at.is_not(None))
        .order_by(Shipment.id)
    ).first()
    if bare is None or not tracking_no:
        return False
    check_tracking(tracking_in_use(tx, [tracking_no]), carrier, tracking_no)
    parcel = next(iter(rules.live_parcels(bare)), None)
    if parcel is None:
        parcel = rules.new_parcel(bare, 1)
        bare.parcels.append(parcel)
    parcel.carrier, parcel.tracking_no = carrier_name(carrier), tracking_no[:80]
    is_delivered = bare.status is ShipmentStatus.DELIVERED
    parcel.tracking_status = TrackingStatus.DELIVERED if is_delivered else TrackingStatus.IN_TRANSIT
    order.carrier = carrier or order.carrier
    name_parcel(tx, order, bare.id, order.carrier, tracking_no)
    finish(tx, [order], "order.tracking_filled", {order.id: {"tracking_no": tracking_no, "carrier": carrier}})
    return True


def mark_delivered(tx: Tx, order_id: int, *, by_channel: bool = False) -> bool:
    """The parcels arrived. False when nothing of this order is under way. Money and stock stay as they are."""
    _require(tx, by_channel=by_channel)
    return bool(arrive(tx, [lock_order(tx, order_id)]))


def mark_delivered_many(tx: Tx, order_ids: Collection[int], *, by_channel: bool = False) -> set[int]:
    """The parcels of many orders arrived; answers the ids of those that had something under way."""
    _require(tx, by_channel=by_channel)
    return arrive(tx, lock_orders(tx, order_ids)) & set(order_ids)
