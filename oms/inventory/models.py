"""Stock: one balance per SKU and warehouse, the append-only movements behind it, the promises against it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Sku
from oms.columns import EnumText, UtcDateTime
from oms.db import Model


class WarehouseKind(StrEnum):
    """Our own place, or a partner's shelf with goods that are still ours."""

    OWN = "own"
    CONSIGNMENT = "consignment"


class Warehouse(Model):
    """A place goods are kept and sent from. Orders are never sent from a partner's place.

    ``cover_days``: fewer days of sales in stock than this is a warning; 0 for none.
    """

    __tablename__ = "warehouses"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    province: Mapped[str] = mapped_column(String(100), default="")
    address: Mapped[str] = mapped_column(String(500), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    rank: Mapped[int] = mapped_column(Integer, default=100)
    kind: Mapped[WarehouseKind] = mapped_column(
        EnumText(WarehouseKind), default=WarehouseKind.OWN, server_default=WarehouseKind.OWN.value
    )
    cover_days: Mapped[int] = mapped_column(Integer, default=7, server_default="7")
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (CheckConstraint("cover_days >= 0", name="cover_days"),)

    def __str__(self) -> str:
        return f"{self.code} · {self.name}"


class Bucket(StrEnum):
    """Which balance a movement changes."""

    ON_HAND = "on_hand"
    DAMAGED = "damaged"


class MovementKind(StrEnum):
    """Why stock changed."""

    OPENING = "opening"
    RECEIVE = "receive"
    ADJUST = "adjust"
    SHIP = "ship"
    RETURN = "return"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    DAMAGE = "damage"
    CONSIGN_SOLD = "consign_sold"


class StockLevel(Model):
    """The balance of one SKU in one warehouse. Available = on_hand - reserved; damaged is never sellable. ``location``
    is the shelf there (A-03-2); empty: the one the SKU names for everywhere."""

    __tablename__ = "stock_levels"

    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), primary_key=True, autoincrement=False)
    on_hand: Mapped[int] = mapped_column(Integer, default=0)
    reserved: Mapped[int] = mapped_column(Integer, default=0)
    damaged: Mapped[int] = mapped_column(Integer, default=0)
    incoming: Mapped[int] = mapped_column(Integer, default=0)
    location: Mapped[str] = mapped_column(String(40), default="", server_default="")

    sku: Mapped[Sku] = relationship()
    warehouse: Mapped[Warehouse] = relationship()

    __table_args__ = (
        CheckConstraint("reserved >= 0 AND reserved <= on_hand", name="reserved_within_on_hand"),
        CheckConstraint("damaged >= 0", name="damaged"),
        CheckConstraint("incoming >= 0", name="incoming"),
        Index("ix_stock_levels_warehouse", "warehouse_id", "sku_id"),
    )

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class StockMovement(Model):
    """One change of one balance. Never updated, never deleted."""

    __tablename__ = "stock_movements"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    bucket: Mapped[Bucket] = mapped_column(EnumText(Bucket))
    quantity: Mapped[int] = mapped_column(Integer)
    kind: Mapped[MovementKind] = mapped_column(EnumText(MovementKind))
    document: Mapped[str] = mapped_column(String(40), default="")
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(500), default="")
    actor: Mapped[str] = mapped_column(String(120), default="")

    sku: Mapped[Sku] = relationship()
    warehouse: Mapped[Warehouse] = relationship()

    __table_args__ = (
        CheckConstraint("quantity <> 0", name="quantity"),
        Index("ix_stock_movements_sku", "sku_id", "warehouse_id", "id"),
        Index("ix_stock_movements_at", "at"),
        Index("ix_stock_movements_document", "document"),
    )


class ReservationStatus(StrEnum):
    """A promise is active, given back, or used up by a shipment."""

    ACTIVE = "active"
    RELEASED = "released"
    CONSUMED = "consumed"


class Reservation(Model):
    """Pieces of one SKU in one warehouse promised to an order line; bundles are promised as their components."""

    __tablename__ = "reservations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(BigInteger)
    order_line_id: Mapped[int] = mapped_column(BigInteger)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    quantity: Mapped[int] = mapped_column(Integer)
    status: Mapped[ReservationStatus] = mapped_column(EnumText(ReservationStatus))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_reservations_order", "order_id"),
        Index(
            "ix_reservations_active",
            "sku_id",
            "warehouse_id",
            postgresql_where=text("status = 'active'"),
        ),
    )


class StockPaperKind(StrEnum):
    """What a stock paper records."""

    RECEIVE = "receive"
    OPENING = "opening"
    ADJUST = "adjust"
    DAMAGE = "damage"


STOCK_PAPER_LABELS: dict[StockPaperKind, str] = {
    StockPaperKind.RECEIVE: "Goods received",
    StockPaperKind.OPENING: "Opening stock",
    StockPaperKind.ADJUST: "Stock adjusted",
    StockPaperKind.DAMAGE: "Damage",
}


class StockPaperStatus(StrEnum):
    """Posted papers have moved stock; a waiting one needs a second person."""

    WAITING = "waiting"
    POSTED = "posted"
    DECLINED = "declined"


class AdjustReason(StrEnum):
    """Why a count was wrong, or why pieces went without an order."""

    COUNTED = "counted"
    LOST = "lost"
    FOUND = "found"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    USED = "used"
    MISTAKE = "mistake"
    OTHER = "other"


ADJUST_LABELS: dict[AdjustReason, str] = {
    AdjustReason.COUNTED: "Counted again",
    AdjustReason.LOST: "Lost",
    AdjustReason.FOUND: "Found",
    AdjustReason.DAMAGED: "Damaged, thrown away",
    AdjustReason.EXPIRED: "Expired",
    AdjustReason.USED: "Used or given away",
    AdjustReason.MISTAKE: "Entered wrongly before",
    AdjustReason.OTHER: "Other",
}


class StockPaper(Model):
    """One receipt, adjustment or damage report: its number, who, why, and its lines as asked for.

    ``lines`` are [sku id, quantity] pairs; the movements under ``number`` say what was done.
    """

    __tablename__ = "stock_papers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[StockPaperKind] = mapped_column(EnumText(StockPaperKind))
    status: Mapped[StockPaperStatus] = mapped_column(EnumText(StockPaperStatus))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    bucket: Mapped[Bucket] = mapped_column(EnumText(Bucket))
    counted: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(String(32), default="")
    reference: Mapped[str] = mapped_column(String(80), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    lines: Mapped[list[Any]] = mapped_column(JSONB)
    pieces: Mapped[int] = mapped_column(Integer)
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    actor: Mapped[str] = mapped_column(String(120))
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_stock_papers_at", "warehouse_id", "at"),)

    def __str__(self) -> str:
        return self.number
