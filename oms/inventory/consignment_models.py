"""Partners who sell our goods from their shelves, and what they owe for them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Identity, Index, Integer, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Sku
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.inventory.states import SettlementStatus


class ConsignmentPartner(Model):
    """Whose shelf a consignment warehouse is. ``commission`` in percent of the sold price; ``pay_days`` after a
    settlement its money is overdue."""

    __tablename__ = "consignment_partners"

    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    contact: Mapped[str] = mapped_column(String(200), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    tax_id: Mapped[str] = mapped_column(String(20), default="")
    commission: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    pay_days: Mapped[int] = mapped_column(Integer, default=30)
    note: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("commission >= 0 AND commission <= 100", name="commission"),
        CheckConstraint("pay_days >= 0", name="pay_days"),
    )

    def __str__(self) -> str:
        return self.name


class Settlement(Model):
    """What a partner sold and owes: goods less commission. Figures are copied and never recomputed."""

    __tablename__ = "settlements"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    status: Mapped[SettlementStatus] = mapped_column(EnumText(SettlementStatus))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    partner: Mapped[str] = mapped_column(String(200))
    sold_from: Mapped[date | None] = mapped_column(Date)
    sold_to: Mapped[date | None] = mapped_column(Date)
    reference: Mapped[str] = mapped_column(String(80), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    pieces: Mapped[int] = mapped_column(Integer)
    sold: Mapped[money] = mapped_column()
    percent: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    commission: Mapped[money] = mapped_column()
    due: Mapped[money] = mapped_column()
    due_on: Mapped[date] = mapped_column(Date)
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    actor: Mapped[str] = mapped_column(String(120))
    paid_on: Mapped[date | None] = mapped_column(Date)
    paid_reference: Mapped[str] = mapped_column(String(80), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str] = mapped_column(String(120), default="")
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()
    lines: Mapped[list[SettlementLine]] = relationship(back_populates="settlement", order_by="SettlementLine.position")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("sold = commission + due AND commission >= 0 AND due >= 0", name="amounts"),
        Index("ix_settlements", "warehouse_id", text("id DESC")),
        Index("ix_settlements_open", "due_on", "id", postgresql_where=text("status = 'open'")),
    )

    def __str__(self) -> str:
        return self.number


class SettlementLine(Model):
    """One SKU a partner sold, at the price it was sold for."""

    __tablename__ = "settlement_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlements.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"))
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[money] = mapped_column()
    total: Mapped[money] = mapped_column()

    settlement: Mapped[Settlement] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("unit_price >= 0 AND total = unit_price * quantity", name="total"),
    )
