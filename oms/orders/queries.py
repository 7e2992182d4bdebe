"""Reads and locks of orders."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import selectinload

from oms.actor import Actor
from oms.db import Tx
from oms.errors import Conflict, NotFound, say
from oms.orders.models import Order

NO_ID = 2**63 - 1  # no row has it; larger numbers, which an address may hold, are no ids at all


def in_warehouses(warehouse_ids: Collection[int]) -> ColumnElement[bool]:
    """Orders of which these warehouses hold, or have sent, pieces. ``also_in`` is in the index of open orders."""
    places = sorted(warehouse_ids)
    return or_(Order.warehouse_id.in_(places), Order.also_in.overlap(places))


def scoped(actor: Actor, statement: Select[Any]) -> Select[Any]:
    """A statement about orders, narrowed to those this actor may see."""
    if actor.warehouses is not None:
        statement = statement.where(in_warehouses(actor.warehouses))
    if actor.shops is not None:
        statement = statement.where(Order.shop_id.in_(sorted(actor.shops)))
    if actor.own_orders_only:
        statement = statement.where(Order.owner_id == actor.user_id)
    return statement


def visible(actor: Actor) -> Select[Order]:
    """The orders this actor may see: by warehouse, shop and, for some, only their own."""
    return scoped(actor, select(Order))


def hold_orders(tx: Tx, order_ids: Collection[int]) -> None:
    """Lock the visible orders among these in id order without reading them: for verbs that then work in batches."""
    if order_ids:
        found = visible(tx.actor).with_only_columns(Order.id).where(Order.id.in_(sorted(order_ids)))
        tx.session.execute(found.order_by(Order.id).with_for_update(of=Order, key_share=True))


def lock_orders(tx: Tx, order_ids: Collection[int]) -> list[Order]:
    """The visible orders among these, locked in id order and read afresh, with lines and holds."""
    statement = (
        visible(tx.actor)
        .where(Order.id.in_(sorted({i for i in order_ids if 0 < i < NO_ID})))
        .order_by(Order.id)
        .options(selectinload(Order.lines), selectinload(Order.holds))
        .with_for_update(of=Order, key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(statement))


def lock_known(tx: Tx, order_ids: Collection[int]) -> list[Order]:
    """These orders, locked as by ``lock_orders`` but whoever may see them: what shares a box with goods the actor works
    on, whatever warehouse the order itself belongs to."""
    wanted = sorted(set(order_ids))
    if not wanted:
        return []
    statement = (
        select(Order)
        .where(Order.id.in_(wanted))
        .order_by(Order.id)
        .options(selectinload(Order.lines), selectinload(Order.holds))
        .with_for_update(of=Order, key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(statement))


def lock_order(tx: Tx, order_id: int, version: int | None = None) -> Order:
    """One visible order, locked. Raises NotFound, or Conflict when ``version`` is not the one stored."""
    return checked(next(iter(lock_orders(tx, [order_id])), None), version)


def checked(found: Order | None, version: int | None = None) -> Order:
    """A locked order, or the refusal: NotFound, or Conflict when ``version`` is not the one stored."""
    if found is None:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    if version is not None and found.version != version:
        raise Conflict(say("Someone else changed this order; reload and look again"), code="stale")
    return found


def get_order(tx: Tx, order_id: int) -> Order:
    """One visible order. Raises NotFound."""
    order = tx.session.scalars(visible(tx.actor).where(Order.id == min(order_id, NO_ID))).one_or_none()
    if order is None:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return order
