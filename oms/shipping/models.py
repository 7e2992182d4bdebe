"""Goods leaving one warehouse: a shipment, what is in it, its boxes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.shipping.states import ShipmentStatus, TrackingStatus


class Shipment(Model):
    """What leaves one warehouse together, for one or several orders."""

    __tablename__ = "shipments"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    status: Mapped[ShipmentStatus] = mapped_column(EnumText(ShipmentStatus))
    carrier: Mapped[str] = mapped_column(String(80), default="")
    by_channel: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    warehouse: Mapped[Warehouse] = relationship()
    lines: Mapped[list[ShipmentLine]] = relationship(back_populates="shipment")
    parcels: Mapped[list[Parcel]] = relationship(back_populates="shipment")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_shipments_status", "status", "warehouse_id", "id"),
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
    """A box with a tracking number. A number replaced before hand-over stays, no longer live."""

    __tablename__ = "parcels"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)
    carrier: Mapped[str] = mapped_column(String(80))
    tracking_no: Mapped[str] = mapped_column(String(80))
    is_live: Mapped[bool] = mapped_column(default=True)
    tracking_status: Mapped[TrackingStatus] = mapped_column(EnumText(TrackingStatus))
    raw_status: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    shipment: Mapped[Shipment] = relationship(back_populates="parcels")

    __table_args__ = (
        Index("uq_parcels_live", "carrier", "tracking_no", unique=True, postgresql_where=text("is_live")),
        Index("ix_parcels_tracking", "tracking_no"),
    )
