"""Carriers as a shop keeps them: what they offer, how to reach them, numbers bought ahead, parcels asked of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Shop
from oms.columns import EnumText, MoneyAmount, UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.shipping.models import Parcel
from oms.shipping.states import BookingStatus, MessageStatus, NumberCheck


class Carrier(Model):
    """One carrier. ``name`` is what stands on shipments and parcels and never changes.

    ``adapter``: the code of ``oms.carriers.registry`` it is reached by, "" for none; ``secrets`` is sealed, empty for
    none. ``services`` are ``{"code", "name"}``. ``tracking_url`` holds ``{number}``. ``number_pattern`` is advice: a
    number that does not fit is warned about, never refused. ``cut_off`` is "HH:MM" in Bangkok. ``max_girth_cm``:
    width, length and height together. ``hook_token`` is the unguessable part of its webhook's address.

    ``failures`` and ``closed_until`` are the breaker, ``stopped`` why nobody asks until a person has looked
    (``settings``). What the program counts does not count ``version`` up.
    """

    __tablename__ = "carriers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(24), unique=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    adapter: Mapped[str] = mapped_column(String(24), default="", server_default="")
    services: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    tracking_url: Mapped[str] = mapped_column(String(300), default="", server_default="")
    number_pattern: Mapped[str] = mapped_column(String(200), default="", server_default="")
    cod_allowed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    cod_limit: Mapped[Money | None] = mapped_column(MoneyAmount)
    max_weight_grams: Mapped[int | None] = mapped_column(Integer)
    max_side_cm: Mapped[int | None] = mapped_column(Integer)
    max_girth_cm: Mapped[int | None] = mapped_column(Integer)
    cut_off: Mapped[str] = mapped_column(String(5), default="", server_default="")
    phone: Mapped[str] = mapped_column(String(40), default="", server_default="")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    host: Mapped[str] = mapped_column(String(200), default="", server_default="")
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    secrets: Mapped[bytes] = mapped_column(LargeBinary, default=b"", server_default=text("''::bytea"))
    hook_token: Mapped[str] = mapped_column(String(64), unique=True)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped: Mapped[str] = mapped_column(String(20), default="", server_default="")
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("cod_limit > 0", name="cod_limit"),
        CheckConstraint("max_weight_grams > 0 AND max_side_cm > 0 AND max_girth_cm > 0", name="limits"),
    )

    def __str__(self) -> str:
        return self.name

    def link(self, tracking_no: str) -> str:
        """Where the carrier itself shows a parcel; "" when it has no such page."""
        return self.tracking_url.replace("{number}", tracking_no) if tracking_no else ""


class CarrierChoice(Model):
    """Who carries parcels when nobody says otherwise: for a shop, a warehouse, both, or (neither) all. The closest
    one counts."""

    __tablename__ = "carrier_choices"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    warehouse_id: Mapped[int | None] = mapped_column(ForeignKey("warehouses.id"))
    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id"))
    service: Mapped[str] = mapped_column(String(40), default="", server_default="")
    version: Mapped[int] = mapped_column()

    shop: Mapped[Shop | None] = relationship()
    warehouse: Mapped[Warehouse | None] = relationship()
    carrier: Mapped[Carrier] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index(
            "uq_carrier_choices", "shop_id", "warehouse_id", unique=True, postgresql_nulls_not_distinct=True
        ),
    )  # fmt: skip


class NumberRange(Model):
    """Tracking numbers bought ahead: ``prefix``, then ``digits`` of a serial number, a check digit where ``check`` says
    so, ``suffix``. ``next_serial`` only grows: a number once drawn is never drawn again, whatever became of it."""

    __tablename__ = "carrier_number_ranges"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id"))
    service: Mapped[str] = mapped_column(String(40), default="", server_default="")
    prefix: Mapped[str] = mapped_column(String(12))
    suffix: Mapped[str] = mapped_column(String(12), default="")
    digits: Mapped[int] = mapped_column(Integer)
    check: Mapped[NumberCheck] = mapped_column(EnumText(NumberCheck))
    first_serial: Mapped[int] = mapped_column(BigInteger)
    last_serial: Mapped[int] = mapped_column(BigInteger)
    next_serial: Mapped[int] = mapped_column(BigInteger)
    warn_below: Mapped[int] = mapped_column(Integer, default=100)
    note: Mapped[str] = mapped_column(String(200), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    version: Mapped[int] = mapped_column()

    carrier: Mapped[Carrier] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_carrier_number_ranges", "carrier_id", "prefix", "suffix", "first_serial"),
        CheckConstraint("0 <= first_serial AND first_serial <= last_serial", name="serials"),
        CheckConstraint("first_serial <= next_serial AND next_serial <= last_serial + 1", name="next"),
        CheckConstraint("digits BETWEEN 1 AND 15", name="digits"),
    )

    @property
    def left(self) -> int:
        """Numbers not drawn yet."""
        return self.last_serial - self.next_serial + 1

    @property
    def total(self) -> int:
        """Numbers there were."""
        return self.last_serial - self.first_serial + 1


class CarrierBooking(Model):
    """A parcel asked of a carrier under our own ``ref``, the same in every try. ``resume``: what its first half
    answered. ``attempts`` counts the times it was asked. ``reason`` is why it was refused, in the carrier's words or
    ours; ``label_key``: the carrier's label in the file store."""

    __tablename__ = "carrier_bookings"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id"), unique=True)
    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id"))
    status: Mapped[BookingStatus] = mapped_column(EnumText(BookingStatus))
    ref: Mapped[str] = mapped_column(String(80))
    service: Mapped[str] = mapped_column(String(40), default="")
    cod: Mapped[Money] = mapped_column(MoneyAmount, default=ZERO)
    weight_grams: Mapped[int] = mapped_column(Integer)
    own_number: Mapped[str] = mapped_column(String(80), default="")
    tracking_no: Mapped[str] = mapped_column(String(80), default="")
    sort_code: Mapped[str] = mapped_column(String(40), default="")
    fee: Mapped[Money | None] = mapped_column(MoneyAmount)
    has_label: Mapped[bool] = mapped_column(default=False)
    label_key: Mapped[str] = mapped_column(String(80), default="")
    resume: Mapped[str] = mapped_column(String(200), default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    problem_field: Mapped[str] = mapped_column(String(40), default="")
    raw_code: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120), default="")
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    booked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    canceled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()

    parcel: Mapped[Parcel] = relationship()
    carrier: Mapped[Carrier] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_carrier_bookings_ref", "carrier_id", "ref", unique=True),
        Index(
            "ix_carrier_bookings_open", "status", "id",
            postgresql_where=text("status NOT IN ('booked', 'canceled')"),
        ),
        CheckConstraint("weight_grams > 0", name="weight"),
        CheckConstraint("cod >= 0", name="cod"),
    )  # fmt: skip


class CarrierMessage(Model):
    """What a carrier sent to its webhook address, kept as it came before anybody read it. The same body is kept once;
    ``times`` says how often it came."""

    __tablename__ = "carrier_messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id"))
    digest: Mapped[str] = mapped_column(String(64))
    headers: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[MessageStatus] = mapped_column(EnumText(MessageStatus))
    times: Mapped[int] = mapped_column(Integer, default=1)
    note: Mapped[str] = mapped_column(String(300), default="")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    carrier: Mapped[Carrier] = relationship()

    __table_args__ = (
        Index("uq_carrier_messages", "carrier_id", "digest", unique=True),
        Index("ix_carrier_messages_waiting", "carrier_id", "id", postgresql_where=text("status = 'waiting'")),
        Index("ix_carrier_messages_last", "last_at"),
    )


class FeeTable(Model):
    """What a shop asks its buyers for sending, as ``oms.carriers.fees`` reads it. The closest one counts: of the shop
    and the carrier, of the shop, of the carrier, of all."""

    __tablename__ = "fee_tables"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    carrier_id: Mapped[int | None] = mapped_column(ForeignKey("carriers.id"))
    rates: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    shop: Mapped[Shop | None] = relationship()
    carrier: Mapped[Carrier | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index(
            "uq_fee_tables_place", "shop_id", "carrier_id", unique=True, postgresql_nulls_not_distinct=True,
            postgresql_where=text("is_active"),
        ),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.name
