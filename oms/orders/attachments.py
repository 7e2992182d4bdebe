"""Pictures and papers kept with an order: a chat screenshot, the packed box, what a customer sent.

What comes in is made anew as pictures; what the order's money looks like (a slip) is only for who sees prices.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, String, text
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
    AttachmentKind.CHAT: "Chat screenshot",
    AttachmentKind.PACKING: "Proof of packing",
    AttachmentKind.DAMAGE: "Damage",
    AttachmentKind.SLIP: "Slip picture",
    AttachmentKind.OTHER: "Other",
}


class OrderAttachment(Model):
    """One picture (a page of a PDF is one), re-encoded, with who put it there. Removed ones stay on record.

    ``sha256`` is of the file as it came, ``page`` its page: the same file is kept once with an order.
    """

    __tablename__ = "order_attachments"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[AttachmentKind] = mapped_column(EnumText(AttachmentKind))
    name: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(String(500), default="")
    file_key: Mapped[str] = mapped_column(String(80))
    thumb_key: Mapped[str] = mapped_column(String(80))
    sha256: Mapped[str] = mapped_column(String(64))
    page: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    pages: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str] = mapped_column(String(120), default="")
    remove_reason: Mapped[str] = mapped_column(String(500), default="")

    __table_args__ = (
        Index("ix_order_attachments_order", "order_id", "id"),
        Index("ix_order_attachments_file", "file_key"),
        Index(
            "uq_order_attachments_page", "order_id", "sha256", "page", unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )  # fmt: skip
