"""Races of warehouses: orders are placed, confirmed, moved, shared out and given away by many at once."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import select

from oms.db import db, transaction
from oms.inventory.sharing import Share
from oms.orders.models import Order
from oms.orders.states import CancelReason
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo, Stock, place_order
from oms.usecases.routing_moves import GivePieces, RerouteOrder, give_pieces, reroute_order
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_allocate import allocate_freed
from oms.usecases.stock_checks import StockLine


def routed(client: Any) -> None:
    """Clerks of a shop whose orders choose among three warehouses, over the same few goods."""
    end = time.monotonic() + client.plan["seconds"]
    draw, plan = client.random, client.plan
    recent: list[int] = []
    while time.monotonic() < end:
        choice = draw.random()
        if choice < 0.3 or len(recent) < 2:
            placed = client.do(place_order, _order(client))
            recent = [*recent[-30:], placed.order_id] if placed else recent
        elif choice < 0.9:
            _move(client, *(draw.choice(recent) + draw.randint(-3, 3) for _ in range(2)))
        elif choice < 0.95:
            sku, place = draw.choice(plan["skus"][:-1]), draw.choice(plan["places"])
            key = f"{client.no} {client.seen.total()}"
            client.do(receive_stock, ReceiveStock(place, (StockLine(sku, draw.randint(1, 4)),), key))
        else:
            keys = {(sku, draw.choice(plan["places"])) for sku in plan["skus"]}
            client.do(allocate_freed, keys)


def _order(client: Any) -> PlaceOrder:
    draw, plan = client.random, client.plan
    lines = tuple(NewLine(sku, draw.randint(1, 3)) for sku in draw.sample(plan["skus"], draw.randint(1, 3)))
    town = draw.choice(("เชียงใหม่", "กรุงเทพมหานคร", "สงขลา", ""))
    stock = draw.choice((Stock.MUST_RESERVE, Stock.MAY_WAIT))
    to = ShipTo("ผู้ซื้อ แข่งขัน", "080-000-0001", "1 หมู่ 1", province=town)
    return PlaceOrder(plan["shop"], lines, to, confirm=draw.random() < 0.8, stock=stock, payment_term="cod")


def _move(client: Any, order_id: int, other: int) -> None:
    draw, places = client.random, client.plan["places"]
    way = draw.random()
    if way < 0.35:
        target = draw.choice([None, *places])
        client.do(reroute_order, RerouteOrder(order_id, target, reason="race"))
    elif way < 0.5:
        client.do(reroute_order, RerouteOrder(order_id, shares=_shares(client, order_id), reason="race"))
    elif way < 0.65:
        client.do(give_pieces, GivePieces(order_id, other, "race"))
    elif way < 0.75:
        client.do(confirm_order, ConfirmOrder(order_id))
    elif way < 0.9:
        client.do(make_ready, [order_id])
    else:
        client.do(cancel_order, CancelOrder(order_id, CancelReason.CUSTOMER))


def _shares(client: Any, order_id: int) -> tuple[Share, ...]:
    """Every line halved between two places, as it stood a moment ago."""
    with transaction(client.actor) as tx:
        order = tx.session.scalars(select(Order).where(Order.id == order_id)).one_or_none()
        lines = [(line.id, line.open) for line in order.lines] if order else []
    db.session.remove()
    one, two = client.random.sample(client.plan["places"], 2)
    halves = [(line, n // 2, n - n // 2) for line, n in lines]
    return tuple(x for line, a, b in halves for x in (Share(line, one, a), Share(line, two, b)))


RACES = {"routed": routed}
