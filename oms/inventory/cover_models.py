"""How long stock lasts: warning levels per SKU and warehouse, and how fast pieces leave."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Sku
from oms.columns import UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse


class StockMinimum(Model):
    """Fewer free pieces of a SKU in a warehouse than this is a warning."""

    __tablename__ = "stock_minimums"

    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), primary_key=True, autoincrement=False)
    minimum: Mapped[int] = mapped_column(Integer)

    __table_args__ = (CheckConstraint("minimum >= 0", name="minimum"),)


class StockPace(Model):
    """Pieces of a SKU that left a warehouse for customers within some days, worked out from the movements by the
    clock; ``is_low`` as it was then, for the count in the menu."""

    __tablename__ = "stock_pace"

    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), primary_key=True, autoincrement=False)
    sold_7: Mapped[int] = mapped_column(Integer, default=0)
    sold_30: Mapped[int] = mapped_column(Integer, default=0)
    sold_90: Mapped[int] = mapped_column(Integer, default=0)
    is_low: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    sku: Mapped[Sku] = relationship()
    warehouse: Mapped[Warehouse] = relationship()

    __table_args__ = (Index("ix_stock_pace_low", "warehouse_id", postgresql_where=text("is_low")),)
