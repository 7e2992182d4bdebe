"""Reads of counts: a sheet page by page, the differences with their value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, joinedload

from oms.catalog.models import Sku
from oms.inventory.count_models import CountLine, StockCount
from oms.money import Money

PARTS = ("all", "open", "counted", "different")
DIFFERENCE = CountLine.counted - CountLine.expected


@dataclass(frozen=True)
class Sums:
    """How far a count is, and what it found. ``value`` is the difference at cost."""

    lines: int
    counted: int
    different: int
    more: int
    fewer: int
    value: Money


def sheet(count: StockCount, part: str = "all") -> Select[Any]:
    """The lines of a count in walking order: all, those still open, those counted, or those that differ."""
    statement = (
        select(CountLine)
        .join(Sku, Sku.id == CountLine.sku_id)
        .options(joinedload(CountLine.sku))
        .where(CountLine.count_id == count.id)
        .order_by(CountLine.position, CountLine.id)
    )
    if part == "open":
        return statement.where(CountLine.counted.is_(None))
    if part == "counted":
        return statement.where(CountLine.counted.is_not(None))
    return statement.where(DIFFERENCE != 0) if part == "different" else statement


def sums(session: Session, count_id: int) -> Sums:
    """Everything in one statement."""
    over, under = (
        func.sum(case((DIFFERENCE > 0, DIFFERENCE), else_=0)),
        func.sum(case((DIFFERENCE < 0, -DIFFERENCE), else_=0)),
    )
    row = session.execute(
        select(
            func.count(), func.count(CountLine.counted), func.count().filter(DIFFERENCE != 0), func.coalesce(over, 0),
            func.coalesce(under, 0), func.sum(DIFFERENCE * Sku.cost),
        )
        .join(Sku, Sku.id == CountLine.sku_id)
        .where(CountLine.count_id == count_id)
    ).one()  # fmt: skip
    value = row[5] if isinstance(row[5], Money) else Money.satang(int(row[5] or 0))
    return Sums(row[0], row[1], row[2], int(row[3]), int(row[4]), value)
