"""Links that let a buyer see a parcel without a login."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import UtcDateTime
from oms.db import Model
from oms.orders.models import Order


class TrackingLink(Model):
    """The public page of an order's parcels. ``token`` has 128 random bits and is all that is needed to open it
    (ADR 0133). One link of an order lives at a time."""

    __tablename__ = "tracking_links"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120), default="")
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(120), default="")
    seen: Mapped[int] = mapped_column(Integer, default=0)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    order: Mapped[Order] = relationship()

    __table_args__ = (
        Index("uq_tracking_links_live", "order_id", unique=True, postgresql_where=text("revoked_at IS NULL")),
    )
