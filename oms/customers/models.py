"""People who buy, however they reach us."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model


class IdentityKind(StrEnum):
    """How a person is recognized. Marketplace kinds hold the buyer's id or name on that marketplace."""

    PHONE = "phone"
    EMAIL = "email"
    LINE = "line"
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"
    SHOPEE = "shopee"
    LAZADA = "lazada"
    TIKTOK = "tiktok"
    LINE_SHOPPING = "line_shopping"
    WEB = "web"


class Customer(Model):
    """One person or company. ``phone`` is the main one, normalized (0812345678). ``merged_into_id``: this card was
    found to be the same person as another, which has all that was here."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    phone: Mapped[str] = mapped_column(String(20), default="", index=True)
    email: Mapped[str] = mapped_column(String(200), default="")
    group: Mapped[str] = mapped_column("customer_group", String(60), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    tax_name: Mapped[str] = mapped_column(String(200), default="")
    tax_id: Mapped[str] = mapped_column(String(13), default="")
    tax_branch: Mapped[str] = mapped_column(String(5), default="")
    tax_address: Mapped[str] = mapped_column(Text, default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    anonymised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    version: Mapped[int] = mapped_column(default=1)

    identities: Mapped[list[CustomerIdentity]] = relationship(back_populates="customer")
    addresses: Mapped[list[CustomerAddress]] = relationship(back_populates="customer")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_customers_merged", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
    )

    def __str__(self) -> str:
        return self.name


class CustomerIdentity(Model):
    """One way a person is known; each belongs to one person only."""

    __tablename__ = "customer_identities"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    kind: Mapped[IdentityKind] = mapped_column(EnumText(IdentityKind))
    external_id: Mapped[str] = mapped_column(String(200))
    label: Mapped[str] = mapped_column(String(200), default="")

    customer: Mapped[Customer] = relationship(back_populates="identities")

    __table_args__ = (Index("uq_customer_identities", "kind", "external_id", unique=True),)

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.external_id}"


class CustomerAddress(Model):
    """Where parcels for this person went or may go."""

    __tablename__ = "customer_addresses"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    recipient: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str] = mapped_column(String(20), default="")
    line: Mapped[str] = mapped_column(String(500))
    subdistrict: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    province: Mapped[str] = mapped_column(String(100), default="")
    postcode: Mapped[str] = mapped_column(String(10), default="")
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    customer: Mapped[Customer] = relationship(back_populates="addresses")

    __table_args__ = (Index("ix_customer_addresses_phone", "phone", postgresql_where=text("phone <> ''")),)

    def __str__(self) -> str:
        parts = (self.line, self.subdistrict, self.district, self.province, self.postcode)
        return " ".join(p for p in parts if p)


class CustomerSearch(Model):
    """The text a customer is found by, with its n-grams; apart from the row, so that edits stay cheap."""

    __tablename__ = "customer_search"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True, autoincrement=False)
    haystack: Mapped[str] = mapped_column(Text)
    grams: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (Index("ix_customer_search_grams", "grams", postgresql_using="gin"),)
