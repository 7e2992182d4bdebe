"""Pieces became free: give them to the orders that wait, first confirmed first served (W18)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_, select, tuple_

from oms import audit
from oms.catalog.models import BundleItem
from oms.db import Tx
from oms.inventory.reserving import Key
from oms.orders.models import Order, OrderLine
from oms.orders.queries import lock_orders
from oms.orders.states import OrderStatus, StockState
from oms.usecases import derived
from oms.usecases.orders_confirm import reserve_open_lines

BATCH = 100  # orders locked at a time
Turn = tuple[datetime, int]  # when an order was confirmed, and its id: its place in the queue
MOST = 5_000  # orders looked at for one message; the next receipt looks again


def parse_keys(text: str) -> set[Key]:
    """The keys of a ``stock.freed`` message: ``sku:warehouse`` pairs with commas between."""
    pairs = (pair.split(":") for pair in text.split(",") if pair)
    return {(int(sku), int(place)) for sku, place in pairs}


def waiting_orders(
    tx: Tx, keys: Collection[Key], after: tuple[datetime, int] | None = None
) -> list[tuple[datetime, int]]:
    """(confirmed at, id) of confirmed orders that lack stock and want one of these SKUs there, the oldest first."""
    skus = sorted({sku for sku, _ in keys})
    places = sorted({place for _, place in keys})
    bundles = select(BundleItem.bundle_id).where(BundleItem.component_id.in_(skus))
    wanted = (
        select(OrderLine.order_id)
        .where(OrderLine.order_id == Order.id, or_(OrderLine.sku_id.in_(skus), OrderLine.sku_id.in_(bundles)))
        .exists()
    )
    statement = (
        select(Order.confirmed_at, Order.id)
        .where(
            Order.status == OrderStatus.CONFIRMED,
            Order.confirmed_at.is_not(None),
            Order.closed_at.is_(None),
            Order.stock_state == StockState.SHORT,
            Order.warehouse_id.in_(places),
            wanted,
        )
        .order_by(Order.confirmed_at, Order.id)
        .limit(BATCH)
    )
    if after is not None:
        statement = statement.where(tuple_(Order.confirmed_at, Order.id) > after)
    return [(row[0], row[1]) for row in tx.session.execute(statement) if row[0] is not None]


def allocate_freed(tx: Tx, keys: Collection[Key]) -> int:
    """Reserve for waiting orders, oldest first; each all or nothing. Answers how many got theirs.

    An old order that cannot be served whole does not keep younger ones from the pieces they can use.
    """
    served, seen = 0, 0
    after: Turn | None = None
    while seen < MOST and (waiting := waiting_orders(tx, keys, after)):
        served += _serve(tx, [order_id for _, order_id in waiting])
        after, seen = waiting[-1], seen + len(waiting)
    return served


def _serve(tx: Tx, ids: Sequence[int]) -> int:
    rank = {order_id: i for i, order_id in enumerate(ids)}
    served = 0
    for order in sorted(lock_orders(tx, ids), key=lambda o: rank[o.id]):
        if order.stock_state is not StockState.SHORT or reserve_open_lines(tx, order):
            continue
        served += 1
        derived.refresh(tx, [order])
        audit.record(
            tx,
            "order.stock_reserved",
            "order",
            order.id,
            order.number,
            before={"stock": "short"},
            after={"stock": order.stock_state, "board": order.board},
        )
    return served
