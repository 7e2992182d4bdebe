"""What channels say of goods that buyers want to give back."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms.catalog.models import Shop
from oms.channels.port import ReturnStage
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.money import ZERO
from oms.orders.models import Order
from oms.returns.models import Return


class ReturnWait(StrEnum):
    """Why a return that a channel told has not become one here, or differs from the one it became."""

    NO_ORDER = "no_order"
    NOT_LEFT = "not_left"
    UNKNOWN_GOODS = "unknown_goods"
    TOO_MANY = "too_many"
    UNKNOWN_STATE = "unknown_state"
    DIFFERS = "differs"
    REFUSED = "refused"  # by a rule of ours; ``wait_note`` says which


WAIT_LABELS: dict[ReturnWait, str] = {
    ReturnWait.NO_ORDER: "This order never came here",
    ReturnWait.NOT_LEFT: "Its goods have not left here",
    ReturnWait.UNKNOWN_GOODS: "It names goods that the order does not have",
    ReturnWait.TOO_MANY: "More pieces than are with the buyer",
    ReturnWait.UNKNOWN_STATE: "Nobody taught us this word of the channel",
    ReturnWait.DIFFERS: "Here and there differ",
    ReturnWait.REFUSED: "A rule here stands against it",
}
STAGE_LABELS: dict[ReturnStage, str] = {
    ReturnStage.UNKNOWN: "Unknown word",
    ReturnStage.ASKED: "The buyer asks",
    ReturnStage.AGREED: "Agreed to there",
    ReturnStage.SENT: "Sent by the buyer",
    ReturnStage.REFUSED: "Declined there",
    ReturnStage.WITHDRAWN: "Withdrawn by the buyer",
    ReturnStage.REFUNDED: "Paid back by the channel",
}


class ChannelReturn(Model):
    """One return of a channel: its last word, and the return it became here.

    ``mark``: equal for equal words. ``said_at``: the channel's own time of the word.
    ``heard``: when each stage was last told, also by words that came late. ``amounts``: pieces by the
    seller's SKU word, {} for all; where the channel names its lines, by these ({word: {line: pieces}}).
    ``return_id`` None: it became none; ``wait`` says why, with ``wait_note`` where a rule refused. ``ended``: the
    return here was ended because the channel ended it. ``opened``: how many returns were opened here for it, one after
    the other. ``closed_at``: a person put it aside.
    """

    __tablename__ = "channel_returns"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    external_no: Mapped[str] = mapped_column(String(120))
    order_no: Mapped[str] = mapped_column(String(120))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    return_id: Mapped[int | None] = mapped_column(ForeignKey("returns.id"))
    stage: Mapped[ReturnStage] = mapped_column(EnumText(ReturnStage))
    status: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(500), default="")
    amounts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    refund: Mapped[money] = mapped_column(default=ZERO)
    goods_stay: Mapped[bool] = mapped_column(default=False)
    tracking_no: Mapped[str] = mapped_column(String(80), default="")
    mark: Mapped[str] = mapped_column(String(40))
    raw: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    heard: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)
    wait: Mapped[ReturnWait | None] = mapped_column(EnumText(ReturnWait))
    wait_note: Mapped[str] = mapped_column(String(300), default="")
    ended: Mapped[bool] = mapped_column(default=False)
    opened: Mapped[int] = mapped_column(Integer, default=0)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_label: Mapped[str] = mapped_column(String(120), default="")
    close_note: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column()

    shop: Mapped[Shop] = relationship()
    order: Mapped[Order | None] = relationship()
    ret: Mapped[Return | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        UniqueConstraint("shop_id", "external_no"),
        CheckConstraint("refund >= 0", name="refund"),
        CheckConstraint("return_id IS NULL OR order_id IS NOT NULL", name="order"),
        CheckConstraint("(closed_at IS NULL) = (closed_label = '')", name="closed"),
        Index("ix_channel_returns_order", "order_id"),
        Index("uq_channel_returns_return", "return_id", unique=True, postgresql_where=text("return_id IS NOT NULL")),
        Index(
            "ix_channel_returns_waiting", "shop_id", "tried_at",
            postgresql_where=text("wait IS NOT NULL AND closed_at IS NULL"),
        ),
        Index("ix_channel_returns_changed", "shop_id", "changed_at"),
    )  # fmt: skip

    @property
    def pieces(self) -> dict[str, int]:
        """Pieces by the seller's SKU word."""
        return {word: sum(n.values()) if isinstance(n, dict) else n for word, n in self.amounts.items()}

    @property
    def named(self) -> dict[str, dict[str, int]]:
        """Pieces by the channel's own lines of the order, under their SKU words, as far as it names them."""
        return {word: n for word, n in self.amounts.items() if isinstance(n, dict)}

    def __str__(self) -> str:
        return self.external_no
