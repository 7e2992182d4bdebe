"""Is this order here twice? The same phone and the same goods within some hours."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Channel
from oms.money import Money
from oms.orders.models import Order, OrderLine
from oms.orders.queries import visible
from oms.orders.states import Board, OrderStatus
from oms.thai.phone import read_phone

WINDOW_HOURS = 48
LOOKED_AT = 50  # orders of one phone within the window; a shop's own number would have more

_DEAD = (OrderStatus.CANCELED, OrderStatus.EXPIRED)


@dataclass(frozen=True)
class Twin:
    """An order that looks like the same one again."""

    id: int
    number: str
    channel: Channel
    board: Board
    total: Money
    placed_at: datetime


def find_duplicates(
    session: Session,
    actor: Actor,
    *,
    phone: str,
    items: Collection[tuple[int, int]],
    at: datetime | None = None,
    exclude: int | None = None,
    hours: int = WINDOW_HOURS,
) -> list[Twin]:
    """Living orders with this phone and exactly these (sku id, quantity) pairs around ``at`` (default: this moment).

    The newest first, as the actor may see them, in one statement. A phone that is none finds nothing.
    """
    number = read_phone(phone)
    wanted = sorted((int(sku), int(n)) for sku, n in items)
    if not number or not wanted:
        return []
    middle = at or clock.now()
    pairs = (
        select(
            func.array_agg(
                aggregate_order_by(
                    func.concat(OrderLine.sku_id, ":", OrderLine.quantity - OrderLine.canceled), OrderLine.sku_id
                )
            )
        )
        .where(OrderLine.order_id == Order.id, OrderLine.quantity > OrderLine.canceled)
        .scalar_subquery()
    )
    statement = (
        visible(actor)
        .with_only_columns(Order.id, Order.number, Order.channel, Order.board, Order.total, Order.placed_at, pairs)
        .where(
            Order.ship_phone == number,
            Order.placed_at.between(middle - timedelta(hours=hours), middle + timedelta(hours=hours)),
            Order.status.not_in(_DEAD),
        )
        .order_by(Order.placed_at.desc())
        .limit(LOOKED_AT)
    )
    texts = sorted(f"{sku}:{n}" for sku, n in wanted)
    return [
        Twin(row.id, row.number, row.channel, row.board, row.total, row.placed_at)
        for row in session.execute(statement)
        if row.id != exclude and sorted(row[6] or []) == texts
    ]


def duplicates_of(session: Session, actor: Actor, order: Order) -> list[Twin]:
    """Orders that look like this one again."""
    items = [(line.sku_id, line.quantity - line.canceled) for line in order.lines if line.quantity > line.canceled]
    return find_duplicates(session, actor, phone=order.ship_phone, items=items, at=order.placed_at, exclude=order.id)
