"""What runs low, where, for how many days it lasts, and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import Sku
from oms.inventory.cover_models import StockMinimum, StockPace
from oms.inventory.models import StockLevel, Warehouse, WarehouseKind

WINDOWS = {7: StockPace.sold_7, 30: StockPace.sold_30, 90: StockPace.sold_90}
USUAL = 30
_FULL = 2  # a warehouse is full enough at twice the days at which it warns
_LEAST_DAYS = 14  # and never at less than these


def _pieces(column: Any) -> ColumnElement[int]:
    return func.coalesce(column, 0)


FREE: ColumnElement[int] = StockLevel.on_hand - StockLevel.reserved
MINIMUM = _pieces(StockMinimum.minimum)


def low_places(actor: Actor, window: int = USUAL, warehouse_id: int = 0) -> Any:
    """Balances with too few free pieces, the most urgent first: those that last the fewest days, then those farthest
    under their level. Rows of (Sku, Warehouse, free, incoming, minimum, sold in the window)."""
    sold = _pieces(WINDOWS[window])
    by_pace = and_(Warehouse.cover_days > 0, FREE * window < sold * Warehouse.cover_days)
    statement: Any = (
        select(
            Sku, Warehouse, FREE.label("free"), StockLevel.incoming.label("incoming"), MINIMUM.label("minimum"),
            sold.label("sold"),
        )
        .select_from(StockLevel)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Warehouse, Warehouse.id == StockLevel.warehouse_id)
        .outerjoin(StockMinimum, _same(StockMinimum))
        .outerjoin(StockPace, _same(StockPace))
        .where(Sku.is_active, Warehouse.is_active, or_(MINIMUM > FREE, by_pace))
        .order_by(
            cast(FREE * 1000 * window / func.nullif(sold, 0), Integer).asc().nulls_last(), FREE - MINIMUM, Sku.code,
            Warehouse.rank, Warehouse.id,
        )
    )  # fmt: skip
    if actor.warehouses is not None:
        statement = statement.where(StockLevel.warehouse_id.in_(sorted(actor.warehouses)))
    return statement.where(StockLevel.warehouse_id == warehouse_id) if warehouse_id else statement


def _same(other: type[StockMinimum | StockPace]) -> ColumnElement[bool]:
    return and_(other.sku_id == StockLevel.sku_id, other.warehouse_id == StockLevel.warehouse_id)


def low_count(actor: Actor) -> Select[int]:
    """How many there were when the clock last looked; for the menu."""
    statement = select(func.count()).select_from(StockPace).where(StockPace.is_low)
    return (
        statement if actor.warehouses is None else statement.where(StockPace.warehouse_id.in_(sorted(actor.warehouses)))
    )


@dataclass(frozen=True)
class Advice:
    """What would fill a warehouse again: pieces from a warehouse that has enough, the rest from the supplier."""

    move: int = 0
    from_id: int = 0
    from_code: str = ""
    order: int = 0


@dataclass(frozen=True)
class Low:
    """One line of the list. ``days``: how long the free pieces last, None when nothing was sold."""

    sku: Sku
    place: Warehouse
    free: int
    incoming: int
    minimum: int
    sold: int
    days: int | None
    advice: Advice


@dataclass(frozen=True)
class _Stock:
    warehouse: Warehouse
    free: int
    enough: int


def advise(session: Session, rows: Sequence[Any], window: int = USUAL) -> list[Low]:
    """The rows of a page with what to do about each; two statements, however many rows."""
    stocks = _elsewhere(session, {row[0].id for row in rows}, window)
    return [_low(row, stocks[row[0].id], window) for row in rows]


def _low(row: Any, stocks: Sequence[_Stock], window: int) -> Low:
    sku, place, free, incoming, minimum, sold = row
    days = free * window // sold if sold else None
    missing = _enough(place, minimum, sold, window) - free - incoming
    return Low(sku, place, free, incoming, minimum, sold, days, _advice(place, stocks, missing))


def _enough(place: Warehouse, minimum: int, sold: int, window: int) -> int:
    days = max(place.cover_days * _FULL, _LEAST_DAYS) if place.cover_days else 0
    return max(minimum, ceil(sold * days / window))


def _advice(place: Warehouse, stocks: Sequence[_Stock], missing: int) -> Advice:
    if missing <= 0:
        return Advice()
    others = [s for s in stocks if s.warehouse.id != place.id and s.warehouse.kind is WarehouseKind.OWN]
    best = max(others, key=lambda s: (s.free - s.enough, -s.warehouse.rank), default=None)
    move = min(missing, best.free - best.enough) if best and best.free > best.enough else 0
    if best is None or move <= 0:
        return Advice(order=missing)
    return Advice(move, best.warehouse.id, best.warehouse.code, missing - move)


def _elsewhere(session: Session, sku_ids: set[int], window: int) -> dict[int, list[_Stock]]:
    """What every warehouse has of these SKUs, and how much it needs itself."""
    statement = (
        select(StockLevel.sku_id, Warehouse, FREE, MINIMUM, _pieces(WINDOWS[window]))
        .join(Warehouse, Warehouse.id == StockLevel.warehouse_id)
        .outerjoin(StockMinimum, _same(StockMinimum))
        .outerjoin(StockPace, _same(StockPace))
        .where(StockLevel.sku_id.in_(sku_ids), Warehouse.is_active)
    )
    found: dict[int, list[_Stock]] = defaultdict(list)
    for sku_id, warehouse, free, minimum, sold in session.execute(statement):
        found[sku_id].append(_Stock(warehouse, free, _enough(warehouse, minimum, sold, window)))
    return found
