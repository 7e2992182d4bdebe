"""Goods leave and arrive: the gate is asked here, stock is used up here, nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.db import Tx, insert_rows
from oms.errors import OmsError, Refused, Say, say
from oms.inventory import reserving
from oms.numbering import buddhist_year
from oms.orders.models import Order
from oms.orders.queries import checked, lock_order, lock_orders
from oms.orders.states import ORDER, FulfillmentStatus, StockState
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.usecases import derived
from oms.usecases.cod_entries import Departure, collect_entries, is_cod, name_parcel, open_entries
from oms.usecases.orders_confirm import reserve_open_lines, shortage_error


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


def mark_shipped_many(tx: Tx, cmds: Sequence[MarkShipped]) -> list[Shipped | OmsError]:
    """Hand many orders over in one go; each leaves or is refused by itself. Raises Forbidden for the whole."""
    for by_channel in {c.by_channel for c in cmds}:
        _require(tx, by_channel=by_channel)
    orders = {order.id: order for order in lock_orders(tx, [c.order_id for c in cmds])}
    facts = derived.read_facts(tx, list(orders.values()))
    gates = derived.gates(facts)
    used = _tracking_in_use(tx, [c.tracking_no for c in cmds])
    outcomes: dict[int, Shipped | OmsError] = {}
    leaving: dict[int, MarkShipped] = {}
    for i, cmd in enumerate(cmds):
        try:
            _check_leaving(tx, cmd, orders.get(cmd.order_id), gates, used)
            leaving[i] = cmd
        except OmsError as refusal:
            outcomes[i] = refusal
    if leaving:
        outcomes |= dict(zip(leaving, _hand_over(tx, list(leaving.values()), orders, facts), strict=True))
    return [outcomes[i] for i in range(len(cmds))]


def _check_leaving(
    tx: Tx,
    cmd: MarkShipped,
    found: Order | None,
    gates: dict[int, Say | None],
    used: set[tuple[str, str]],
) -> None:
    """Raise why this order's goods may not leave; else count it as leaving, so that it cannot leave twice."""
    order = checked(found, cmd.version)
    if reason := gates[order.id]:
        raise Refused(reason, code="gate_closed")
    if not any(line.open for line in order.lines):
        raise Refused(say("Nothing is open to ship"), code="nothing_open")
    _check_tracking(used, cmd.carrier, cmd.tracking_no)
    if order.stock_state is StockState.SHORT and (short := reserve_open_lines(tx, order)):
        raise shortage_error(order, short)
    gates[order.id] = say("Nothing is open to ship")
    if cmd.tracking_no:
        used.add((cmd.carrier, cmd.tracking_no))


def _hand_over(
    tx: Tx, cmds: Sequence[MarkShipped], orders: dict[int, Order], money: Mapping[int, derived.Facts]
) -> list[Shipped]:
    numbered = list(zip(cmds, _draw_numbers(tx, len(cmds)), strict=True))
    goods = []
    for cmd, (number, shipment_id) in numbered:
        order = orders[cmd.order_id]
        left = [(order.id, line.id, line.open) for line in order.lines if line.open]
        goods.append(_Goods(shipment_id, number, order.warehouse_id, left, cmd, is_delivered=False))
        order.carrier = cmd.carrier or order.carrier
    documents = {cmd.order_id: number for cmd, (number, _) in numbered}
    reserving.consume(tx, documents, [line for g in goods for _, line, _ in g.left], reason="order.shipped")
    for cmd in cmds:
        for line in orders[cmd.order_id].lines:
            line.shipped += line.open
    _insert(tx, goods)
    cash = open_entries(tx, [_departure(orders[g.cmd.order_id], g) for g in goods], money)
    facts = {
        cmd.order_id: {"shipment": number, "tracking_no": cmd.tracking_no, "carrier": cmd.carrier}
        | ({"cod": cash[cmd.order_id]} if cmd.order_id in cash else {})
        for cmd, (number, _) in numbered
    }
    _finish(tx, [orders[cmd.order_id] for cmd in cmds], "order.shipped", facts)
    return [Shipped(shipment_id, number) for _, (number, shipment_id) in numbered]


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


def _draw_numbers(tx: Tx, count: int) -> list[tuple[str, int]]:
    sequence = func.nextval("shipments_id_seq")
    ids = tx.session.scalars(select(sequence).select_from(func.generate_series(1, count)))
    return [(f"SH{buddhist_year()}-{i:06d}", i) for i in ids]


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
    numbered = zip(orders, _draw_numbers(tx, len(orders)), strict=True)
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
        .where(ShipmentLine.order_id == order_id, ~select(Parcel.id).where(Parcel.shipment_id == Shipment.id).exists())
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
    """Close those of these orders whose goods arrived and whose money is settled."""
    done = [
        order
        for order in orders
        if order.fulfillment_status is FulfillmentStatus.DELIVERED and not ORDER.refusal(order, "complete")
    ]
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
