"""A count becomes stock: approved by somebody who did not count, never below what orders were promised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.errors import Refused, StockShort, say
from oms.inventory import moving, reserving
from oms.inventory.count_models import CountLine, StockCount
from oms.inventory.models import MovementKind, Reservation, ReservationStatus, StockLevel
from oms.inventory.moving import Move, Why
from oms.inventory.states import COUNT
from oms.orders.models import Order, OrderHold
from oms.orders.queries import scoped
from oms.orders.states import HoldReason, HoldStatus
from oms.shipping.rules import is_labeled
from oms.usecases import derived, routing
from oms.usecases import stock_checks as checks
from oms.usecases.counts import close, counters, lock_count, tell
from oms.usecases.keeping import bounded, names
from oms.usecases.orders_cancel import announce_freed
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.routing_moves import drop_outdated
from oms.usecases.shipping_boxes import Boxes, lock_boxes

MOST_HELD = 200


@dataclass(frozen=True)
class ApproveCount:
    """``hold_orders``: where fewer pieces were counted than orders are promised, the youngest of those orders lose
    their promise and go on stock hold. ``version`` is what the reader's screen was made from."""

    count_id: int
    note: str = ""
    hold_orders: bool = False
    version: int | None = None


@dataclass(frozen=True)
class CountPosted:
    """``lines``: how many balances changed. ``held``: numbers of the orders that were put on hold."""

    count_id: int
    number: str
    lines: int
    more: int
    fewer: int
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Short:
    """A SKU of which fewer pieces would be there than are promised."""

    sku_id: int
    missing: int


def approve_count(tx: Tx, cmd: ApproveCount) -> CountPosted:
    """Post the differences. Raises Refused to whoever counted, StockShort where promises would be broken."""
    count = lock_count(tx, cmd.count_id, "stock.approve_count", cmd.version)
    note = bounded(cmd.note, 500, "note")
    COUNT.check(count, "approve")
    if tx.actor.user_id is not None and tx.actor.user_id in counters(tx, count.id):
        raise Refused(say("You counted some of this yourself; another person has to approve"), code="own_count")
    lines = differing(tx, count)
    held = _make_room(tx, count, lines, hold=cmd.hold_orders)
    levels = moving.lock(tx, count.warehouse_id, [line.sku_id for line in lines])
    moves = [Move(line.sku_id, _difference(line)) for line in lines]
    if moving.impossible(levels, moves):
        raise _below(tx, count, shorts(levels, moves), held=cmd.hold_orders)
    why = Why(MovementKind.ADJUST, count.number, " · ".join(x for x in ("adjust.counted", count.note, note) if x))
    freed = moving.post(tx, count.warehouse_id, levels, moves, why) if moves else set()
    for line in lines:
        line.posted = _difference(line)
    COUNT.fire(count, "approve")
    close(tx, count)
    announce_freed(tx, freed, count.number)
    _tell(tx, count, moves, held, note)
    more = sum(move.quantity for move in moves if move.quantity > 0)
    fewer = -sum(move.quantity for move in moves if move.quantity < 0)
    return CountPosted(count.id, count.number, len(moves), more, fewer, tuple(order.number for order in held))


def differing(tx: Tx, count: StockCount) -> list[CountLine]:
    """The lines on which the shelf and the books differ."""
    statement = (
        select(CountLine)
        .where(CountLine.count_id == count.id, CountLine.counted.is_distinct_from(CountLine.expected))
        .order_by(CountLine.sku_id)
    )
    return list(tx.session.scalars(statement))


def _difference(line: CountLine) -> int:
    return line.difference or 0


def shorts(levels: Mapping[int, StockLevel], moves: Sequence[Move]) -> list[Short]:
    """Where a count leaves fewer pieces than are promised, and by how many."""
    gaps = [(move.sku_id, levels[move.sku_id].reserved - levels[move.sku_id].on_hand - move.quantity) for move in moves]
    return [Short(sku, gap) for sku, gap in gaps if gap > 0]


def _make_room(tx: Tx, count: StockCount, lines: Sequence[CountLine], *, hold: bool) -> list[Order]:
    """Take promises back that the count breaks, youngest orders first; orders are locked before stock is."""
    wanted = [line.sku_id for line in lines if _difference(line) < 0]
    rows = select(StockLevel).where(StockLevel.warehouse_id == count.warehouse_id, StockLevel.sku_id.in_(wanted))
    levels = {level.sku_id: level for level in tx.session.scalars(rows)}
    gaps = shorts(levels, [Move(x.sku_id, _difference(x)) for x in lines if x.sku_id in levels])
    if not gaps:
        return []
    if not hold:
        raise _below(tx, count, gaps, held=False)
    chosen = [promise.order_id for promise in promised(tx, count.warehouse_id, [gap.sku_id for gap in gaps])]
    boxes = lock_boxes(tx, chosen[:MOST_HELD])
    given = _enough(tx, boxes, chosen, count.warehouse_id, gaps)
    return _hold(tx, count, boxes, given)


@dataclass(frozen=True)
class Promise:
    """Pieces of one SKU promised to an order in one warehouse."""

    order_id: int
    number: str
    sku_id: int
    pieces: int


def promised(tx: Tx, warehouse_id: int, sku_ids: Collection[int]) -> list[Promise]:
    """Who holds promises of these SKUs there, those to give way first: not urgent, confirmed last."""
    columns: Any = select(Order.id, Order.number, Reservation.sku_id, Reservation.quantity)
    statement = (
        scoped(tx.actor, columns.join(Reservation, Reservation.order_id == Order.id))
        .where(
            Reservation.warehouse_id == warehouse_id, Reservation.sku_id.in_(set(sku_ids)),
            Reservation.status == ReservationStatus.ACTIVE,
        )
        .order_by(Order.is_urgent, Order.confirmed_at.desc(), Order.id.desc(), Reservation.id)
    )  # fmt: skip
    return [Promise(*row) for row in tx.session.execute(statement)]


def _enough(tx: Tx, boxes: Boxes, chosen: Sequence[int], warehouse_id: int, gaps: Sequence[Short]) -> list[Order]:
    """The fewest of them, from the front of the queue, whose promises cover what is missing. Labeled boxes stay."""
    missing = {gap.sku_id: gap.missing for gap in gaps}
    held: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for promise in promised(tx, warehouse_id, list(missing)):
        held[promise.order_id][promise.sku_id] += promise.pieces
    found = []
    for order_id in dict.fromkeys(chosen):
        pieces = held.get(order_id, {})
        if not any(missing[sku] > 0 for sku in pieces):
            continue
        order = boxes.orders.get(order_id)
        if order is None or any(is_labeled(box) for box in boxes.of(order_id)):
            continue
        for sku, n in pieces.items():
            missing[sku] -= n
        found.append(order)
    return found


def _hold(tx: Tx, count: StockCount, boxes: Boxes, orders: Sequence[Order]) -> list[Order]:
    """Their promises are given back as a whole, their boxes canceled, and they wait on stock hold for a person."""
    freed = reserving.release(tx, [order.id for order in orders]) if orders else set()
    for order in orders:
        drop_outdated(tx, boxes, order)
        routing.settle(tx, order, routing.Plan(order.warehouse_id))
    derived.refresh(tx, orders)
    for order in orders:
        if not _is_held(order.holds):
            hold_order(tx, HoldOrder(order.id, HoldReason.STOCK, f"{count.number} {clock.today():%d/%m/%Y}"))
    announce_freed(tx, freed, f"{count.number}:held")
    return list(orders)


def _is_held(holds: Sequence[OrderHold]) -> bool:
    return any(hold.reason is HoldReason.STOCK and hold.status is HoldStatus.ACTIVE for hold in holds)


def _below(tx: Tx, count: StockCount, gaps: Sequence[Short], *, held: bool) -> StockShort:
    codes = checks.sku_codes(tx, [gap.sku_id for gap in gaps])
    skus = names(codes[gap.sku_id] for gap in gaps)
    if held:
        stuck = say("{skus}: the rest of the promised pieces lies in labeled boxes; void those labels first", skus=skus)
        return StockShort(stuck, field="hold_orders", code="count_stuck")
    orders = dict.fromkeys(p.number for p in promised(tx, count.warehouse_id, [gap.sku_id for gap in gaps]))
    told = say(
        "Fewer pieces of {skus} were counted than orders are promised: {orders}. Count again, or put the youngest of"
        " these orders on stock hold",
        skus=skus, orders=names(orders, 5),
    )  # fmt: skip
    return StockShort(told, field="hold_orders", code="count_below_reserved")


def _tell(tx: Tx, count: StockCount, moves: Sequence[Move], held: Sequence[Order], note: str) -> None:
    codes = checks.sku_codes(tx, [move.sku_id for move in moves[:200]])
    told = [f"{codes[move.sku_id]} {move.quantity:+d}" for move in moves[:200]]
    facts = {"status": count.status, "lines": told, "changed": len(moves)}
    tell(tx, "count.posted", count, after=facts | ({"held": [o.number for o in held]} if held else {}), reason=note)
