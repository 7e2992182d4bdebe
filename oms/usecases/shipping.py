"""Goods leave and arrive: the gate is asked here, stock is used up here, nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.db import Tx, insert_rows
from oms.errors import OmsError, Refused, say
from oms.inventory import reserving
from oms.orders.models import Order
from oms.orders.queries import checked, lock_order, lock_orders
from oms.orders.states import ORDER, FulfillmentStatus, StockState
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.usecases import derived
from oms.usecases.cod_entries import Departure, collect_entries, is_cod, name_parcel, open_entries
from oms.usecases.gate import GateStep, Verdict, judge, use_overrides
from oms.usecases.orders_confirm import reserve_open_lines, shortage_error
from oms.usecases.shipping_boxes import Boxes, draw_numbers, drop, leave, lock_boxes

ENDED = (FulfillmentStatus.DELIVERED, FulfillmentStatus.RETURNED)


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
    """One command that may go: its order, the boxes that wait for it, and every order in them."""

    cmd: MarkShipped
    order: Order
    boxes: Sequence[Shipment]
    orders: Sequence[Order]


def mark_shipped_many(tx: Tx, cmds: Sequence[MarkShipped]) -> list[Shipped | OmsError]:
    """Hand many orders over in one go; each leaves or is refused by itself. Raises Forbidden for the whole.

    An order whose goods were made ready leaves in that box, with every other order in it; all their gates are asked.
    """
    for by_channel in {c.by_channel for c in cmds}:
        _require(tx, by_channel=by_channel)
    boxes = lock_boxes(tx, [c.order_id for c in cmds])
    verdicts = judge(tx, list(boxes.orders.values()), GateStep.HAND_OVER)
    known = {order_id: verdict.facts for order_id, verdict in verdicts.items()}
    used = _tracking_in_use(tx, [c.tracking_no for c in cmds])
    outcomes: dict[int, Shipped | OmsError] = {}
    leaving: dict[int, _Leaving] = {}
    going: dict[int, int] = {}
    for i, cmd in enumerate(cmds):
        first = going.get(cmd.order_id)
        if first is not None and cmds[first].order_id != cmd.order_id:
            continue  # it leaves in the box of an earlier one
        try:
            leaving[i] = _check_leaving(tx, cmd, boxes, verdicts, used)
            going |= {order.id: i for order in leaving[i].orders}
        except OmsError as refusal:
            outcomes[i] = refusal
    if leaving:
        use_overrides(tx, [order_id for order_id in going if verdicts[order_id].overridden])
        outcomes |= dict(zip(leaving, _hand_over(tx, list(leaving.values()), known), strict=True))
    return [outcomes.get(i) or outcomes[going[c.order_id]] for i, c in enumerate(cmds)]


def _check_leaving(
    tx: Tx, cmd: MarkShipped, boxes: Boxes, verdicts: dict[int, Verdict], used: set[tuple[str, str]]
) -> _Leaving:
    """Raise why this order's goods may not leave; else count it as leaving, so that it cannot leave twice."""
    order = checked(boxes.orders.get(cmd.order_id) if cmd.order_id in boxes.asked else None, cmd.version)
    verdicts[order.id].check()
    waiting = boxes.of(order.id)
    if waiting and not boxes.fits(waiting):
        drop(tx, boxes, order)
        waiting = []
    orders = boxes.inside(waiting) or [order]
    for inside in orders:
        verdicts[inside.id].check()
    own = {(p.carrier, p.tracking_no) for box in waiting for p in box.parcels}
    _check_tracking(used - own, cmd.carrier, cmd.tracking_no)
    for inside in orders:
        if inside.stock_state is StockState.SHORT and (short := reserve_open_lines(tx, inside)):
            raise shortage_error(inside, short)
    for inside in orders:
        verdicts[inside.id] = replace(verdicts[inside.id], refusal=say("Nothing is open to ship"), code="nothing_open")
    if cmd.tracking_no:
        used.add((cmd.carrier, cmd.tracking_no))
    return _Leaving(cmd, order, waiting, orders)


def _hand_over(tx: Tx, leaving: Sequence[_Leaving], known: Mapping[int, derived.Facts]) -> list[Shipped]:
    fresh = [x for x in leaving if not x.boxes]
    numbers = dict(zip((x.order.id for x in fresh), draw_numbers(tx, len(fresh)), strict=True))
    goods: list[_Goods] = []
    documents: dict[int, tuple[str, int, MarkShipped]] = {}
    for x in leaving:
        number, shipment_id = numbers[x.order.id] if not x.boxes else (x.boxes[0].number, x.boxes[0].id)
        documents |= {order.id: (number, shipment_id, x.cmd) for order in x.orders}
        if not x.boxes:
            left = [(x.order.id, line.id, line.open) for line in x.order.lines if line.open]
            goods.append(_Goods(shipment_id, number, x.order.warehouse_id, left, x.cmd, is_delivered=False))
    orders = [order for x in leaving for order in x.orders]
    lines = [line.id for order in orders for line in order.lines if line.open]
    reserving.consume(tx, {i: number for i, (number, _, _) in documents.items()}, lines, reason="order.shipped")
    for order in orders:
        order.carrier = documents[order.id][2].carrier or order.carrier
        for line in order.lines:
            line.shipped += line.open
    for x in leaving:
        for i, box in enumerate(x.boxes):
            _leave_in(tx, box, replace(x.cmd, tracking_no="") if i else x.cmd)
    _insert(tx, goods)
    cash = open_entries(tx, [_departing(order, x, documents) for x in leaving for order in x.orders], known)
    facts = {
        order_id: {"shipment": number, "tracking_no": cmd.tracking_no, "carrier": cmd.carrier}
        | ({"cod": cash[order_id]} if order_id in cash else {})
        for order_id, (number, _, cmd) in documents.items()
    }
    _finish(tx, orders, "order.shipped", facts)
    return [Shipped(documents[x.order.id][1], documents[x.order.id][0]) for x in leaving]


def _departing(order: Order, x: _Leaving, documents: Mapping[int, tuple[str, int, MarkShipped]]) -> Departure:
    box = next(iter(x.boxes), None)
    named = next((p.tracking_no for p in box.parcels if p.is_live), "") if box else ""
    carrier = x.cmd.carrier or (box.carrier if box else "")
    at = x.cmd.shipped_at or clock.now()
    return Departure(order, documents[order.id][1], carrier, x.cmd.tracking_no or named, at)


def _leave_in(tx: Tx, box: Shipment, cmd: MarkShipped) -> None:
    """A box that was made ready goes as it is; a tracking number given now replaces the one it had."""
    leave(box)
    box.carrier, box.by_channel = cmd.carrier[:80] or box.carrier, cmd.by_channel
    box.handed_over_at = cmd.shipped_at or clock.now()
    live = [p for p in box.parcels if p.is_live]
    if cmd.tracking_no and cmd.tracking_no not in {p.tracking_no for p in live}:
        for parcel in live:
            parcel.is_live = False
        live = [Parcel(shipment_id=box.id, carrier=box.carrier, tracking_no=cmd.tracking_no[:80], is_live=True)]
        tx.session.add_all(live)
    for parcel in live:
        parcel.tracking_status = TrackingStatus.IN_TRANSIT


def _tracking_in_use(tx: Tx, numbers: Sequence[str]) -> set[tuple[str, str]]:
    """(carrier, number) of live parcels among these numbers."""
    wanted = sorted({no for no in numbers if no})
    if not wanted:
        return set()
    live = select(Parcel.carrier, Parcel.tracking_no).where(Parcel.tracking_no.in_(wanted), Parcel.is_live)
    return {(carrier, no) for carrier, no in tx.session.execute(live)}


def _check_tracking(used: set[tuple[str, str]], carrier: str, number: str) -> None:
    """A tracking number is on one live parcel of a carrier only (invariant 7)."""
    if number and (carrier, number) in used:
        raise Refused(
            say("Tracking number {number} is on another parcel already", number=number),
            field="tracking_no",
            code="tracking_in_use",
        )


@dataclass(frozen=True)
class _Goods:
    shipment_id: int
    number: str
    warehouse_id: int
    left: list[tuple[int, int, int]]
    cmd: MarkShipped | LeftBefore
    is_delivered: bool


def _departure(order: Order, goods: _Goods) -> Departure:
    cmd, at = goods.cmd, goods.cmd.shipped_at or clock.now()
    return Departure(order, goods.shipment_id, cmd.carrier, cmd.tracking_no, at, delivered=goods.is_delivered)


def _insert(tx: Tx, goods: Sequence[_Goods]) -> None:
    at = clock.now()
    tx.session.flush()  # the quantities of the lines go before the rows that refer to them
    insert_rows(
        tx,
        Shipment,
        [
            {
                "id": g.shipment_id, "number": g.number, "warehouse_id": g.warehouse_id,
                "status": ShipmentStatus.DELIVERED if g.is_delivered else ShipmentStatus.HANDED_OVER,
                "carrier": g.cmd.carrier[:80],
                "by_channel": True if isinstance(g.cmd, LeftBefore) else g.cmd.by_channel, "created_at": at,
                "handed_over_at": g.cmd.shipped_at or at, "delivered_at": at if g.is_delivered else None, "version": 1,
            }
            for g in goods
        ],
    )  # fmt: skip
    lines = [
        {"shipment_id": g.shipment_id, "order_id": order_id, "order_line_id": line_id, "quantity": quantity}
        for g in goods
        for order_id, line_id, quantity in g.left
    ]
    insert_rows(tx, ShipmentLine, lines)
    parcels = [
        {
            "shipment_id": g.shipment_id, "carrier": g.cmd.carrier[:80], "tracking_no": g.cmd.tracking_no[:80],
            "is_live": True, "raw_status": "", "created_at": at,
            "tracking_status": TrackingStatus.DELIVERED if g.is_delivered else TrackingStatus.IN_TRANSIT,
        }
        for g in goods
        if g.cmd.tracking_no
    ]  # fmt: skip
    insert_rows(tx, Parcel, parcels)


def record_left_before(tx: Tx, cmds: Sequence[LeftBefore]) -> None:
    """Write the shipments of orders placed as ``LEFT_BEFORE``, many at once; stock is not touched."""
    tx.actor.require("intake.import")
    by_id = {c.order_id: c for c in cmds}
    orders = [o for o in lock_orders(tx, list(by_id)) if o.left_before]
    numbered = zip(orders, draw_numbers(tx, len(orders)), strict=True)
    goods = [
        _Goods(
            shipment_id,
            number,
            order.warehouse_id,
            [(order.id, line.id, line.quantity) for line in order.lines],
            by_id[order.id],
            is_delivered=by_id[order.id].delivered,
        )
        for order, (number, shipment_id) in numbered
    ]
    used = _tracking_in_use(tx, [g.cmd.tracking_no for g in goods])
    for g in goods:
        _check_tracking(used, g.cmd.carrier, g.cmd.tracking_no)
    _insert(tx, goods)
    cash = {o.id: o for o in orders if is_cod(o)}
    if cash:
        facts = derived.read_facts(tx, list(cash.values()))
        open_entries(tx, [_departure(cash[g.cmd.order_id], g) for g in goods if g.cmd.order_id in cash], facts)
    derived.refresh(tx, orders)
    complete_done(tx, orders)


def fill_tracking(tx: Tx, order_id: int, carrier: str, tracking_no: str) -> bool:
    """Add a tracking number to the goods that left without one. False when every shipment has one already."""
    tx.actor.require("intake.import")
    order = lock_order(tx, order_id)
    bare = tx.session.scalars(
        select(Shipment)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(
            ShipmentLine.order_id == order_id,
            ~select(Parcel.id).where(Parcel.shipment_id == Shipment.id).exists(),
            Shipment.handed_over_at.is_not(None),
        )
        .order_by(Shipment.id)
    ).first()
    if bare is None or not tracking_no:
        return False
    _check_tracking(_tracking_in_use(tx, [tracking_no]), carrier, tracking_no)
    status = TrackingStatus.DELIVERED if bare.status is ShipmentStatus.DELIVERED else TrackingStatus.IN_TRANSIT
    tx.session.add(
        Parcel(shipment_id=bare.id, carrier=carrier, tracking_no=tracking_no, is_live=True, tracking_status=status)
    )
    order.carrier = carrier or order.carrier
    name_parcel(tx, order, bare.id, order.carrier, tracking_no)
    _finish(tx, [order], "order.tracking_filled", {order.id: {"tracking_no": tracking_no, "carrier": carrier}})
    return True


def mark_delivered(tx: Tx, order_id: int, *, by_channel: bool = False) -> bool:
    """The parcels arrived. False when nothing of this order is under way. Money and stock stay as they are."""
    _require(tx, by_channel=by_channel)
    return bool(_arrive(tx, [lock_order(tx, order_id)]))


def mark_delivered_many(tx: Tx, order_ids: Collection[int], *, by_channel: bool = False) -> set[int]:
    """The parcels of many orders arrived; answers the ids of those that had something under way."""
    _require(tx, by_channel=by_channel)
    return _arrive(tx, lock_orders(tx, order_ids))


def _arrive(tx: Tx, orders: Sequence[Order]) -> set[int]:
    rows = tx.session.execute(
        select(ShipmentLine.order_id, Shipment)
        .join(Shipment, ShipmentLine.shipment_id == Shipment.id)
        .where(ShipmentLine.order_id.in_([o.id for o in orders]), Shipment.status == ShipmentStatus.HANDED_OVER)
        .order_by(Shipment.id)
        .options(selectinload(Shipment.parcels))
    )
    under_way: dict[int, dict[int, Shipment]] = {}
    for order_id, shipment in rows:
        under_way.setdefault(order_id, {})[shipment.id] = shipment
    for shipment in {s.id: s for found in under_way.values() for s in found.values()}.values():
        SHIPMENT.fire(shipment, "deliver")
        shipment.delivered_at = clock.now()
        for parcel in shipment.parcels:
            parcel.tracking_status = TrackingStatus.DELIVERED
    arrived = [order for order in orders if order.id in under_way]
    if arrived:
        cash = collect_entries(tx, arrived, {s_id for found in under_way.values() for s_id in found})
        facts = {
            o.id: {"shipments": [s.number for s in under_way[o.id].values()]}
            | ({"cod_collected": cash[o.id]} if o.id in cash else {})
            for o in arrived
        }
        _finish(tx, arrived, "order.delivered", facts)
        complete_done(tx, arrived)
    return set(under_way)


def complete_if_done(tx: Tx, order: Order) -> bool:
    """Close an order whose goods arrived and whose money is settled; the caller has it locked and refreshed."""
    return bool(complete_done(tx, [order]))


def complete_done(tx: Tx, orders: Sequence[Order]) -> list[Order]:
    """Close those of these orders whose goods arrived, or came back for good, and whose money is settled."""
    done = [order for order in orders if order.fulfillment_status in ENDED and not ORDER.refusal(order, "complete")]
    for order in done:
        ORDER.fire(order, "complete")
    if done:
        _finish(tx, done, "order.completed", {order.id: {"status": order.status} for order in done})
    return done


def _finish(tx: Tx, orders: Sequence[Order], action: str, facts: Mapping[int, Mapping[str, object]]) -> None:
    before = {order.id: order.board for order in orders}
    derived.refresh(tx, orders)
    audit.record_many(
        tx,
        [
            audit.Entry(action, "order", o.id, o.number, {"board": before[o.id]}, {**facts[o.id], "board": o.board})
            for o in orders
        ],
    )
