"""Who sells, and the documents issued: numbered without gaps, frozen, voided but never removed."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Dialect,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from oms import clock
from oms.columns import EnumText, UtcDateTime, money
from oms.customers.models import Customer
from oms.db import Model
from oms.documents.states import DocumentKind, DocumentStatus, PrintMark, SeriesEra, VoidReason
from oms.money import ZERO
from oms.orders.models import Order
from oms.thai.tax_id import HEAD_OFFICE


def canonical(content: dict[str, Any]) -> str:
    """The one way a content is written: the same facts are the same characters."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def checksum(content: dict[str, Any]) -> str:
    """SHA-256 of the characters as stored; the database can recompute it (docs/adr/0115)."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


class FrozenJson(TypeDecorator[dict[str, Any]]):
    """Facts kept as the very characters that were hashed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:  # noqa: ARG002
        return None if value is None else json.loads(value)


class Company(Model):
    """The seller: one row. ``vat_from`` None: registered for VAT ever since. ``site_url``: where the panel is reached,
    for the code on papers that opens the stored original. ``logo`` is a small PNG of our own making; papers are frozen
    with the logo and ``color`` of their day."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, default=1)
    name: Mapped[str] = mapped_column(String(200), default="")
    name_en: Mapped[str] = mapped_column(String(200), default="")
    tax_id: Mapped[str] = mapped_column(String(13), default="")
    is_vat_registered: Mapped[bool] = mapped_column(default=False)
    vat_from: Mapped[date | None] = mapped_column(Date)
    phone: Mapped[str] = mapped_column(String(40), default="")
    email: Mapped[str] = mapped_column(String(200), default="")
    site_url: Mapped[str] = mapped_column(String(200), default="")
    era: Mapped[SeriesEra] = mapped_column(EnumText(SeriesEra), default=SeriesEra.BE)
    footer: Mapped[str] = mapped_column(String(500), default="")
    logo: Mapped[bytes | None] = mapped_column(LargeBinary)
    color: Mapped[str] = mapped_column(String(7), default="", server_default="")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    def __str__(self) -> str:
        return self.name


class CompanyBranch(Model):
    """A place of business as in the VAT certificate (ภ.พ.20); 00000 is the head office."""

    __tablename__ = "company_branches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(5), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(500), default="")
    address_en: Mapped[str] = mapped_column(String(500), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}

    @property
    def is_head_office(self) -> bool:
        return self.code == HEAD_OFFICE

    def __str__(self) -> str:
        return self.code


class BranchShop(Model):
    """Which branch sells through a shop. A shop without one sells for the branch of its order's warehouse."""

    __tablename__ = "branch_shops"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("company_branches.id"), index=True)


class BranchWarehouse(Model):
    """Which branch a warehouse belongs to. One without belongs to the head office."""

    __tablename__ = "branch_warehouses"

    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("company_branches.id"), index=True)


class DocumentSetting(Model):
    """What a seller has set for one kind of document; a kind without a row is as ``kinds.KINDS`` has it."""

    __tablename__ = "document_settings"

    kind: Mapped[DocumentKind] = mapped_column(EnumText(DocumentKind), primary_key=True)
    prefix: Mapped[str] = mapped_column(String(6), unique=True)
    footer: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


class VatRate(Model):
    """A rate of VAT in hundredths of a percent, from one day on until the next row's day or ``valid_until``."""

    __tablename__ = "vat_rates"

    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    valid_until: Mapped[date | None] = mapped_column(Date)
    rate_bp: Mapped[int] = mapped_column(Integer)
    note: Mapped[str] = mapped_column(String(300), default="")
    added_by: Mapped[str] = mapped_column(String(120), default="")

    __table_args__ = (
        CheckConstraint("rate_bp >= 0 AND rate_bp < 10000", name="rate"),
        CheckConstraint("valid_until >= valid_from", name="span"),
    )


class Document(Model):
    """One issued document. ``content`` holds every fact on the paper and never changes; of the row only the state, the
    prints and what replaced it move on. Amounts: ``net`` + ``vat`` + ``exempt`` = ``total``; those of a credit note are
    what it takes off. ``refers_to_id`` is the invoice a note corrects. ``token`` is in the paper's QR code."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[DocumentKind] = mapped_column(EnumText(DocumentKind))
    status: Mapped[DocumentStatus] = mapped_column(EnumText(DocumentStatus))
    series: Mapped[str] = mapped_column(String(30))
    sequence: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    branch: Mapped[str] = mapped_column(String(5))
    issued_on: Mapped[date] = mapped_column(Date)
    tax_point: Mapped[date] = mapped_column(Date)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    buyer_name: Mapped[str] = mapped_column(String(200), default="")
    buyer_tax_id: Mapped[str] = mapped_column(String(13), default="")
    buyer_branch: Mapped[str] = mapped_column(String(5), default="")
    net: Mapped[money] = mapped_column(default=ZERO)
    vat: Mapped[money] = mapped_column(default=ZERO)
    exempt: Mapped[money] = mapped_column(default=ZERO)
    total: Mapped[money] = mapped_column(default=ZERO)
    vat_rate_bp: Mapped[int | None] = mapped_column(Integer)
    content: Mapped[dict[str, Any]] = mapped_column(FrozenJson)
    checksum: Mapped[str] = mapped_column(String(64))
    token: Mapped[str] = mapped_column(String(40), unique=True)
    refers_to_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"))
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), unique=True)
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), unique=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refunds.id"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    issued_by: Mapped[int | None] = mapped_column(BigInteger)
    issued_label: Mapped[str] = mapped_column(String(120))
    prints: Mapped[int] = mapped_column(Integer, default=0)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_label: Mapped[str] = mapped_column(String(120), default="")
    void_reason: Mapped[VoidReason | None] = mapped_column(EnumText(VoidReason))
    void_note: Mapped[str] = mapped_column(String(500), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    version: Mapped[int] = mapped_column(default=1)

    orders: Mapped[list[DocumentOrder]] = relationship(back_populates="document", order_by="DocumentOrder.order_id")
    customer: Mapped[Customer | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        UniqueConstraint("series", "sequence"),
        CheckConstraint("status IN ('issued', 'voided')", name="kept"),
        CheckConstraint("sequence > 0", name="sequence"),
        CheckConstraint("net >= 0 AND vat >= 0 AND exempt >= 0 AND net + vat + exempt = total", name="amounts"),
        CheckConstraint("(status = 'voided') = (voided_at IS NOT NULL AND void_reason IS NOT NULL)", name="voided"),
        CheckConstraint("replaced_by_id IS NULL OR status = 'voided'", name="replaced"),
        Index("ix_documents_kind", "kind", text("issued_on DESC"), text("id DESC")),
        Index("ix_documents_issued", text("issued_on DESC"), text("id DESC")),
        Index(
            "ix_documents_customer", "customer_id", text("id DESC"),
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
        Index("ix_documents_refers", "refers_to_id", postgresql_where=text("refers_to_id IS NOT NULL")),
        Index("ix_documents_tax_point", "tax_point", "kind"),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.number


class DocumentOrder(Model):
    """An order a document is about, and how much of its total is the order's. ``is_live_tax``: it is the tax invoice of
    the order's goods; the database allows one."""

    __tablename__ = "document_orders"

    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), primary_key=True, autoincrement=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    amount: Mapped[money] = mapped_column(default=ZERO)
    is_live_tax: Mapped[bool] = mapped_column(default=False)

    document: Mapped[Document] = relationship(back_populates="orders")
    order: Mapped[Order] = relationship()

    __table_args__ = (
        Index("ix_document_orders_order", "order_id", "document_id"),
        Index("uq_document_orders_tax", "order_id", unique=True, postgresql_where=text("is_live_tax")),
    )


class DocumentPrint(Model):
    """One time a document was put on paper. Never changed. ``sha256`` is of the file that was made."""

    __tablename__ = "document_prints"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    mark: Mapped[PrintMark] = mapped_column(EnumText(PrintMark))
    paper: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))
