"""Goods leaving one warehouse: a shipment, what is in it, its boxes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.money import Money
from oms.shipping.states import ShipmentStatus, TrackingStatus


class Shipment(Model):
    """What leaves one warehouse together, for one or several orders.

    ``label_cash`` is what its printed labels tell the carrier to collect; None: none is printed, or nobody pays at the
    door. ``ship_by``: when the first of its orders must leave.
    """

    __tablename__ = "shipments"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    status: Mapped[ShipmentStatus] = mapped_column(EnumText(ShipmentStatus))
    carrier: Mapped[str] = mapped_column(String(80), default="")
    service: Mapped[str] = mapped_column(String(40), default="", server_default="")
    by_channel: Mapped[bool] = mapped_column(default=False)
    packed_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    label_cash: Mapped[Money | None] = mapped_column(MoneyAmount)
    ship_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    packed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    labeled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    warehouse: Mapped[Warehouse] = relationship()
    lines: Mapped[list[ShipmentLine]] = relationship(back_populates="shipment", order_by="ShipmentLine.id")
    parcels: Mapped[list[Parcel]] = relationship(back_populates="shipment", order_by="(Parcel.position, Parcel.id)")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_shipments_status", "status", "warehouse_id", "id"),
        Index("ix_shipments_due", "status", "ship_by", "id"),
        Index("ix_shipments_left", "handed_over_at", postgresql_where=text("handed_over_at IS NOT NULL")),
    )


class ShipmentLine(Model):
    """Pieces of one order line in a shipment."""

    __tablename__ = "shipment_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_lines.id"), index=True)
    quantity: Mapped[int] = mapped_column(Integer)

    shipment: Mapped[Shipment] = relationship(back_populates="lines")

    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)


class Parcel(Model):
    """A box. Its tracking number may be known later ("" until then); a number replaced before hand-over stays, voided
    and no longer live.

    ``tracked_at`` is the time of the carrier's event that ``tracking_status`` comes from, ``checked_at`` when the
    carrier was last asked, ``next_check_at`` when it is due again, ``check_misses`` how often in a row it knew
    nothing. ``booking_ref`` is the number under which we asked the carrier for the parcel. Weight in
    grams. ``label_prints`` counts printed labels; the first one is no copy.
    """

    __tablename__ = "parcels"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)
    position: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    carrier: Mapped[str] = mapped_column(String(80))
    service: Mapped[str] = mapped_column(String(40), default="", server_default="")
    tracking_no: Mapped[str] = mapped_column(String(80))
    booking_ref: Mapped[str] = mapped_column(String(80), default="", server_default="")
    weight_grams: Mapped[int | None] = mapped_column(Integer)
    is_live: Mapped[bool] = mapped_column(default=True)
    tracking_status: Mapped[TrackingStatus] = mapped_column(EnumText(TrackingStatus))
    raw_code: Mapped[str] = mapped_column(String(80), default="", server_default="")
    raw_status: Mapped[str] = mapped_column(String(200), default="")
    tracked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_check_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, server_default=func.now())
    check_misses: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    label_prints: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    label_printed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    void_reason: Mapped[str] = mapped_column(String(500), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    shipment: Mapped[Shipment] = relationship(back_populates="parcels")

    __table_args__ = (
        Index(
            "uq_parcels_live", "carrier", "tracking_no", unique=True,
            postgresql_where=text("is_live AND tracking_no <> ''"),
        ),
        Index("ix_parcels_tracking", "tracking_no"),
        Index("ix_parcels_booking", "booking_ref", postgresql_where=text("booking_ref <> ''")),
        Index(
            "ix_parcels_due", "carrier", "next_check_at",
            postgresql_where=text(
                "is_live AND tracking_no <> '' AND tracking_status NOT IN ('delivered', 'returned', 'lost', 'canceled')"
            ),
        ),
        Index(
            "ix_parcels_trouble", "tracking_status", "tracked_at",
            postgresql_where=text(
                "is_live AND tracking_status IN"
                " ('delivery_failed', 'on_hold', 'exception', 'lost', 'unknown', 'canceled')"
            ),
        ),
        Index(
            "ix_parcels_moving", "carrier", "tracked_at",
            postgresql_where=text(
                "is_live AND tracking_no <> '' AND tracking_status IN ('picked_up', 'in_transit', 'out_for_delivery')"
            ),
        ),
        Index("ix_parcels_dead", "voided_at", postgresql_where=text("NOT is_live")),
        Index("ix_parcels_grams", text("text_grams(tracking_no)"), postgresql_using="gin"),
        CheckConstraint("weight_grams > 0", name="weight"),
    )  # fmt: skip


class TrackingEvent(Model):
    """One thing a carrier said about a parcel, in its own words and ours. Never changed; said twice it is kept once."""

    __tablename__ = "tracking_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[TrackingStatus] = mapped_column(EnumText(TrackingStatus))
    raw_code: Mapped[str] = mapped_column(String(80), default="")
    raw_text: Mapped[str] = mapped_column(String(500), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (Index("uq_tracking_events", "parcel_id", "at", "raw_code", "raw_text", unique=True),)
