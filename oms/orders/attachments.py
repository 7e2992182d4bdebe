"""Pictures and papers kept with an order: a chat screenshot, the packed box, what a customer sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model


class AttachmentKind(StrEnum):
    CHAT = "chat"
    PACKING = "packing"
    DAMAGE = "damage"
    SLIP = "slip"
    OTHER = "other"


ATTACHMENT_LABELS: dict[AttachmentKind, str] = {
    AttachmentKind.CHAT: "Chat",
    AttachmentKind.PACKING: "Proof of packing",
    AttachmentKind.DAMAGE: "Damage",
    AttachmentKind.SLIP: "Transfer slip, for the record",
    AttachmentKind.OTHER: "Other",
}


class OrderAttachment(Model):
    """One picture (a page of a PDF is one), re-encoded, with who put it there. Removed ones stay on record."""

    __tablename__ = "order_attachments"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[AttachmentKind] = mapped_column(EnumText(AttachmentKind))
    name: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(String(500), default="")
    file_key: Mapped[str] = mapped_column(String(80))
    thumb_key: Mapped[str] = mapped_column(String(80))
    sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str] = mapped_column(String(120), default="")
    remove_reason: Mapped[str] = mapped_column(String(500), default="")

    __table_args__ = (Index("ix_order_attachments_order", "order_id", "id"),)
