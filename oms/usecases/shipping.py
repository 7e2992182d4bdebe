"""Goods leave and arrive: the gate is asked here, stock is used up here, nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from oms import audit, clock
from oms.db import Tx, insert_rows
from oms.errors import Refused, say
from oms.inventory import reserving
from oms.numbering import buddhist_year
from oms.orders.models import Order
from oms.orders.queries import lock_order, lock_orders
from oms.orders.states import ORDER, FulfillmentStatus
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.usecases import derived
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
    _require(tx, by_channel=cmd.by_channel)
    order = lock_order(tx, cmd.order_id, cmd.version)
    if reason := derived.gate_reasons(tx, [order])[order.id]:
        raise Refused(reason, code="gate_closed")
    open_lines = [line for line in order.lines if line.open]
    if not open_lines:
        raise Refused(say("Nothing is open to ship"), code="nothing_open")
    _check_tracking(tx, [(cmd.carrier, cmd.tracking_no)])
    _reserve_missing(tx, order)
    number, shipment_id = _draw_numbers(tx, 1)[0]
    reserving.consume(tx, order.id, [line.id for line in open_lines], document=number, reason="order.shipped")
    left = [(order.id, line.id, line.open) for line in open_lines]
    for line in open_lines:
        line.shipped += line.open
    _insert(tx, [_Goods(shipment_id, number, order.warehouse_id, left, cmd, is_delivered=False)])
    order.carrier = cmd.carrier or order.carrier
    _finish(tx, order, "order.shipped", {"shipment": number, "tracking_no": cmd.tracking_no, "carrier": cmd.carrier})
    return Shipped(shipment_id, number)


def _reserve_missing(tx: Tx, order: Order) -> None:
    """An order that waited for stock must get it before its goods can leave."""
    if order.stock_state.value == "short" and (short := reserve_open_lines(tx, order)):
        raise shortage_error(order, short)


def _check_tracking(tx: Tx, numbers: Sequence[tuple[str, str]]) -> None:
    """A tracking number is on one live parcel of a carrier only (invariant 7)."""
    wanted = sorted({no for _, no in numbers if no})
    if not wanted:
        return
    rows = tx.session.execute(
        select(Parcel.carrier, Parcel.tracking_no).where(Parcel.tracking_no.in_(wanted), Parcel.is_live)
    )
    used = {(row.carrier, row.tracking_no) for row in rows}
    for carrier, no in numbers:
        if (carrier, no) in used:
            raise Refused(
                say("Tracking number {number} is on another parcel already", number=no),
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
    _check_tracking(tx, [(g.cmd.carrier, g.cmd.tracking_no) for g in goods])
    _insert(tx, goods)
    derived.refresh(tx, orders)
    for order in orders:
        complete_if_done(tx, order)


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
    _check_tracking(tx, [(carrier, tracking_no)])
    status = TrackingStatus.DELIVERED if bare.status is ShipmentStatus.DELIVERED else TrackingStatus.IN_TRANSIT
    tx.session.add(
        Parcel(shipment_id=bare.id, carrier=carrier, tracking_no=tracking_no, is_live=True, tracking_status=status)
    )
    order.carrier = carrier or order.carrier
    _finish(tx, order, "order.tracking_filled", {"tracking_no": tracking_no, "carrier": carrier})
    return True


def mark_delivered(tx: Tx, order_id: int, *, by_channel: bool = False) -> bool:
    """The parcels arrived. False when nothing of this order is under way. Money and stock stay as they are."""
    _require(tx, by_channel=by_channel)
    order = lock_order(tx, order_id)
    under_way = list(
        tx.session.scalars(
            select(Shipment)
            .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
            .where(ShipmentLine.order_id == order_id, Shipment.status == ShipmentStatus.HANDED_OVER)
            .order_by(Shipment.id)
            .distinct()
        )
    )
    for shipment in under_way:
        SHIPMENT.fire(shipment, "deliver")
        shipment.delivered_at = clock.now()
        for parcel in shipment.parcels:
            parcel.tracking_status = TrackingStatus.DELIVERED
    if not under_way:
        return False
    _finish(tx, order, "order.delivered", {"shipments": [s.number for s in under_way]})
    complete_if_done(tx, order)
    return True


def complete_if_done(tx: Tx, order: Order) -> bool:
    """Close an order whose goods arrived and whose money is settled; the caller has it locked and refreshed."""
    if order.fulfillment_status is not FulfillmentStatus.DELIVERED or ORDER.refusal(order, "complete"):
        return False
    ORDER.fire(order, "complete")
    _finish(tx, order, "order.completed", {"status": order.status})
    return True


def _finish(tx: Tx, order: Order, action: str, after: dict[str, object]) -> None:
    before = {"board": order.board}
    derived.refresh(tx, [order])
    audit.record(tx, action, "order", order.id, order.number, before=before, after={**after, "board": order.board})
