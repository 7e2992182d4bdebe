"""What is known of people beyond their cards: merges, further tax identities, groups and prices, the blacklist."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime
from oms.customers.models import Customer
from oms.db import Model
from oms.money import Money


class CustomerMerge(Model):
    """Two cards were one person. ``moved`` names the rows that changed hands, by table, and ``filled`` the blank fields
    that the kept card took over, so that it can be undone."""

    __tablename__ = "customer_merges"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    gone_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    reason: Mapped[str] = mapped_column(String(300), default="")
    moved: Mapped[dict[str, Any]] = mapped_column(JSONB)
    filled: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[str] = mapped_column(String(120), default="")

    kept: Mapped[Customer] = relationship(foreign_keys=[kept_id])
    gone: Mapped[Customer] = relationship(foreign_keys=[gone_id])

    __table_args__ = (
        Index("uq_customer_merges_live", "gone_id", unique=True, postgresql_where=text("undone_at IS NULL")),
    )


class CustomerTaxIdentity(Model):
    """One more name that tax invoices of this person are made out to; the main one is on the card."""

    __tablename__ = "customer_tax_identities"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    name: Mapped[str] = mapped_column(String(200))
    tax_id: Mapped[str] = mapped_column(String(13), default="")
    branch: Mapped[str] = mapped_column(String(5), default="")
    address: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (Index("uq_customer_tax_identities", "customer_id", "tax_id", "branch", "name", unique=True),)


class CustomerGroup(Model):
    """Customers who get prices of their own: wholesale, staff. A card names its group."""

    __tablename__ = "customer_groups"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    note: Mapped[str] = mapped_column(String(300), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    prices: Mapped[list[GroupPrice]] = relationship(back_populates="group")

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name


class GroupPrice(Model):
    """What a SKU costs a group."""

    __tablename__ = "group_prices"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("customer_groups.id"))
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), index=True)
    price: Mapped[Money] = mapped_column(MoneyAmount)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    set_by: Mapped[str] = mapped_column(String(120))

    group: Mapped[CustomerGroup] = relationship(back_populates="prices")

    __table_args__ = (
        Index("uq_group_prices", "group_id", "sku_id", unique=True),
        CheckConstraint("price >= 0", name="price"),
    )


class BlockKind(StrEnum):
    PHONE = "phone"
    ADDRESS = "address"


BLOCK_LABELS: dict[BlockKind, str] = {BlockKind.PHONE: "Phone", BlockKind.ADDRESS: "Address"}


class Block(Model):
    """A phone or an address whose cash-on-delivery orders wait for a person, with the reason and until when.
    ``value`` is what is compared, ``shown`` what people read. Never removed: lifted or run out."""

    __tablename__ = "blacklist"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[BlockKind] = mapped_column(EnumText(BlockKind))
    value: Mapped[str] = mapped_column(String(120))
    shown: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(String(300))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120))
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifted_by: Mapped[str] = mapped_column(String(120), default="")
    lift_note: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (
        Index("uq_blacklist_live", "kind", "value", unique=True, postgresql_where=text("lifted_at IS NULL")),
        CheckConstraint("reason <> ''", name="reason"),
    )
