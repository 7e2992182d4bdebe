"""Counting what is on the shelves: a sheet, its lines, every number anybody entered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Sku
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.inventory.states import CountStatus


class StockCount(Model):
    """One count of one warehouse. ``scope`` says what it is about (for people); the lines are what is counted.

    ``is_blind``: whoever counts does not see what the books say. ``round`` counts the times something was counted anew.
    """

    __tablename__ = "stock_counts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    status: Mapped[CountStatus] = mapped_column(EnumText(CountStatus))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    scope: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    is_blind: Mapped[bool] = mapped_column(default=False)
    round: Mapped[int] = mapped_column(Integer, default=1)
    note: Mapped[str] = mapped_column(String(500), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120))
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str] = mapped_column(String(120), default="")
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()
    lines: Mapped[list[CountLine]] = relationship(back_populates="count", order_by="CountLine.position")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_stock_counts", "warehouse_id", "status", "id"),)

    def __str__(self) -> str:
        return self.number


class CountLine(Model):
    """One SKU of a count. ``expected`` is what the books said should lie on the shelf at the moment of the last number;
    what moves later moves both alike, so the difference stays true until it is posted."""

    __tablename__ = "count_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    count_id: Mapped[int] = mapped_column(ForeignKey("stock_counts.id"))
    position: Mapped[int] = mapped_column(Integer)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"))
    location: Mapped[str] = mapped_column(String(40), default="")
    counted: Mapped[int | None] = mapped_column(Integer)
    expected: Mapped[int | None] = mapped_column(Integer)
    boxed: Mapped[int | None] = mapped_column(Integer)
    first_counted: Mapped[int | None] = mapped_column(Integer)
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    counted_by: Mapped[str] = mapped_column(String(120), default="")
    counted_by_id: Mapped[int | None] = mapped_column(BigInteger)
    round: Mapped[int] = mapped_column(Integer, default=1)
    posted: Mapped[int] = mapped_column(Integer, default=0)

    count: Mapped[StockCount] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()

    __table_args__ = (
        Index("uq_count_lines", "count_id", "sku_id", unique=True),
        CheckConstraint("counted >= 0", name="counted"),
        CheckConstraint("(counted IS NULL) = (expected IS NULL)", name="both"),
    )

    @property
    def difference(self) -> int | None:
        """Pieces more (or fewer) than the books say; None while nobody has counted."""
        return None if self.counted is None or self.expected is None else self.counted - self.expected


class CountEntry(Model):
    """One number somebody entered, as it was entered. Never changed."""

    __tablename__ = "count_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    count_id: Mapped[int] = mapped_column(ForeignKey("stock_counts.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("count_lines.id"))
    round: Mapped[int] = mapped_column(Integer)
    quantity: Mapped[int] = mapped_column(Integer)
    is_more: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(String(16), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    actor: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_count_entries_line", "line_id", "id"), Index("ix_count_entries", "count_id", "id"))
