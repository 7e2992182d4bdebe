"""Links that let a buyer see a parcel, or the whole order, without a login."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.orders.models import Order


class Opens(StrEnum):
    """What a link leads to. A link to an order opens the page of its parcels too, never the other way round."""

    PARCEL = "parcel"
    ORDER = "order"


class TrackingLink(Model):
    """A public page of an order. ``token`` has 128 random bits and is all that is needed to open it (ADR 0133).
    One link of each kind lives at a time; ``kept_until`` is how long somebody made it live at least."""

    __tablename__ = "tracking_links"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    opens: Mapped[Opens] = mapped_column(EnumText(Opens), default=Opens.PARCEL, server_default=Opens.PARCEL.value)
    kept_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120), default="")
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(120), default="")
    seen: Mapped[int] = mapped_column(Integer, default=0)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    order: Mapped[Order] = relationship()

    __table_args__ = (
        Index("uq_tracking_links_live", "order_id", "opens", unique=True, postgresql_where=text("revoked_at IS NULL")),
    )
