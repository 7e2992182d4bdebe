"""Batches of labels, the log of every print, waybills of marketplaces and carriers, and how labels look."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.documents.labels.papers import Paper


class BatchStatus(StrEnum):
    """``canceled``: the rest was given up; what had been printed by then is in the file."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"


class RowStatus(StrEnum):
    WAITING = "waiting"
    PRINTED = "printed"
    REFUSED = "refused"
    CANCELED = "canceled"


class PhoneShown(StrEnum):
    """When a label hides the middle of the receiver's phone number. ``booked``: once the carrier has the parcel's data
    from us, number and all."""

    BOOKED = "booked"
    ALWAYS = "always"
    NEVER = "never"


PHONE_LABELS: dict[PhoneShown, str] = {
    PhoneShown.BOOKED: "Hide once the carrier has it from us",
    PhoneShown.ALWAYS: "Always hide",
    PhoneShown.NEVER: "Never hide",
}


class LabelSetting(Model):
    """How labels look when nobody says otherwise: the one row. Empty sender fields: name of the shop, address and phone
    of the warehouse."""

    __tablename__ = "label_settings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    paper: Mapped[Paper] = mapped_column(EnumText(Paper), default=Paper.TALL)
    phone: Mapped[PhoneShown] = mapped_column(EnumText(PhoneShown), default=PhoneShown.BOOKED)
    show_items: Mapped[bool] = mapped_column(default=True)
    cover: Mapped[bool] = mapped_column(default=True)
    sender_name: Mapped[str] = mapped_column(String(120), default="")
    sender_address: Mapped[str] = mapped_column(String(300), default="")
    sender_phone: Mapped[str] = mapped_column(String(40), default="")
    remark: Mapped[str] = mapped_column(String(120), default="")
    logo_key: Mapped[str] = mapped_column(String(80), default="")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (CheckConstraint("id = 1", name="one"),)


class LabelBatch(Model):
    """Labels asked for together, printed as one file. ``actor`` is who asked, with the rights of that moment.
    ``reason``: why what was printed before is printed again."""

    __tablename__ = "label_batches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    status: Mapped[BatchStatus] = mapped_column(EnumText(BatchStatus), default=BatchStatus.WAITING)
    paper: Mapped[Paper] = mapped_column(EnumText(Paper))
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason: Mapped[str] = mapped_column(String(200), default="")
    total: Mapped[int] = mapped_column(Integer)
    printed: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)
    canceled: Mapped[int] = mapped_column(Integer, default=0)
    labels: Mapped[int] = mapped_column(Integer, default=0)
    actor: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    idempotency_key: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    canceled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    canceled_by: Mapped[str] = mapped_column(String(120), default="")
    file_key: Mapped[str] = mapped_column(String(80), default="")

    __table_args__ = (
        Index("ix_label_batches_newest", text("id DESC"), "user_id"),
        CheckConstraint("printed + refused + canceled <= total", name="counts"),
    )

    @property
    def done(self) -> int:
        """Shipments that are decided, one way or the other."""
        return self.printed + self.refused + self.canceled


class LabelRow(Model):
    """One shipment of a batch, at its place in the file. ``facts``: what stands on its labels, kept from the moment the
    print is on record until the file is made."""

    __tablename__ = "label_batch_rows"

    batch_id: Mapped[int] = mapped_column(ForeignKey("label_batches.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id"), index=True)
    number: Mapped[str] = mapped_column(String(20), default="")
    orders: Mapped[list[str]] = mapped_column(ARRAY(String(80)), default=list)
    status: Mapped[RowStatus] = mapped_column(EnumText(RowStatus), default=RowStatus.WAITING)
    code: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    facts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)

    __table_args__ = (
        Index("ix_label_batch_rows_waiting", "batch_id", "position", postgresql_where=text("status = 'waiting'")),
    )


class LabelPrint(Model):
    """A label that was printed: which box, the how-manieth, by whom and why. Never changed, never removed."""

    __tablename__ = "label_prints"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id"), index=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("label_batches.id"), index=True)
    copy: Mapped[int] = mapped_column(Integer)
    is_waybill: Mapped[bool] = mapped_column(default=False)
    code: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200), default="")
    by_id: Mapped[int | None] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (
        Index("uq_label_prints", "parcel_id", "copy", unique=True),
        CheckConstraint("copy >= 0 AND (copy = 0 OR reason <> '')", name="copy"),
    )


class Waybill(Model):
    """One page of a label that a marketplace or carrier made, waiting to be printed in its parcel's place.

    ``found`` are the numbers read on it. A newer page for the same shipment and position takes its place
    (``is_current``).
    """

    __tablename__ = "waybills"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    file_key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    page: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    found: Mapped[list[str]] = mapped_column(ARRAY(String(80)), default=list)
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    matched_by: Mapped[str] = mapped_column(String(16), default="")
    is_current: Mapped[bool] = mapped_column(default=True)
    uploaded_by: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (
        Index("uq_waybills_page", "file_key", "page", unique=True),
        Index("ix_waybills_current", "order_id", "id", postgresql_where=text("is_current")),
        Index("ix_waybills_open", "id", postgresql_where=text("is_current AND order_id IS NULL")),
    )
