"""Pieces became free: give them to the orders that wait, first confirmed first served (W18)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select, tuple_

from oms import audit
from oms.catalog.models import BundleItem, Routing, Shop
from oms.db import Tx
from oms.inventory.reserving import Key
from oms.orders.models import Order, OrderLine
from oms.orders.queries import hold_orders, lock_orders
from oms.orders.states import OrderStatus, StockState
from oms.usecases import derived
from oms.usecases.routing import reserve_many, settle

BATCH = 100  # orders read and served at a time
Turn = tuple[bool, datetime, int]  # whether it can wait, when it was confirmed, and its id: its place in the queue
MOST = 5_000  # orders looked at for one message; the next receipt looks again


def parse_keys(text: str) -> set[Key]:
    """The keys of a ``stock.freed`` message: ``sku:warehouse`` pairs with commas between."""
    pairs = (pair.split(":") for pair in text.split(",") if pair)
    return {(int(sku), int(place)) for sku, place in pairs}


def waiting_orders(tx: Tx, keys: Collection[Key], after: Turn | None = None) -> list[Turn]:
    """The queue of confirmed orders that lack stock and want one of these SKUs there: urgent ones first, then the
    oldest. Orders that may be sent from any warehouse wait for pieces in every one."""
    skus = sorted({sku for sku, _ in keys})
    places = sorted({place for _, place in keys})
    bundles = select(BundleItem.bundle_id).where(BundleItem.component_id.in_(skus))
    wanted = (
        select(OrderLine.order_id)
        .where(OrderLine.order_id == Order.id, or_(OrderLine.sku_id.in_(skus), OrderLine.sku_id.in_(bundles)))
        .exists()
    )
    anywhere = and_(~Order.warehouse_pinned, Shop.routing == Routing.AUTOMATIC)
    statement = (
        select(~Order.is_urgent, Order.confirmed_at, Order.id)
        .join(Shop, Shop.id == Order.shop_id)
        .where(
            Order.status == OrderStatus.CONFIRMED,
            Order.confirmed_at.is_not(None),
            Order.closed_at.is_(None),
            Order.stock_state == StockState.SHORT,
            or_(Order.warehouse_id.in_(places), anywhere),
            wanted,
        )
        .order_by(Order.is_urgent.desc(), Order.confirmed_at, Order.id)
        .limit(BATCH)
    )
    if after is not None:
        statement = statement.where(tuple_(~Order.is_urgent, Order.confirmed_at, Order.id) > after)
    return [(row[0], row[1], row[2]) for row in tx.session.execute(statement) if row[1] is not None]


def allocate_freed(tx: Tx, keys: Collection[Key]) -> int:
    """Reserve for waiting orders, urgent ones first, then the oldest; each all or nothing. Answers how many got theirs.

    An old order that cannot be served whole does not keep younger ones from the pieces they can use. The whole queue
    is locked before the first piece is given: who holds balances must not go on to wait for an order.
    """
    queue: list[int] = []
    after: Turn | None = None
    while len(queue) < MOST and (waiting := waiting_orders(tx, keys, after)):
        queue += [order_id for _, _, order_id in waiting]
        after = waiting[-1]
    hold_orders(tx, queue)
    return sum(_serve(tx, queue[i : i + BATCH]) for i in range(0, len(queue), BATCH))


def _serve(tx: Tx, ids: Sequence[int]) -> int:
    rank = {order_id: i for i, order_id in enumerate(ids)}
    waiting = [order for order in lock_orders(tx, ids) if order.stock_state is StockState.SHORT]
    waiting.sort(key=lambda order: rank[order.id])
    plans = reserve_many(tx, waiting)
    served = [order for order in waiting if not plans[order.id].short]
    derived.refresh(tx, served)
    for order in served:  # after the refresh, so that each row is written once
        settle(tx, order, plans[order.id])
    audit.record_many(
        tx,
        [
            audit.Entry(
                "order.stock_reserved", "order", order.id, order.number,
                before={"stock": "short"}, after={"stock": order.stock_state, "board": order.board},
            )
            for order in served
        ],
    )  # fmt: skip
    return len(served)
