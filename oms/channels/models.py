"""Connections of shops to their channels, what channels said, what we owe them in words, and the proof of each day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms.catalog.models import Shop
from oms.channels.states import DeedKind, DeedStatus, HookStatus, Source
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.intake.states import Outcome
from oms.net.transport import is_play


class ChannelConnection(Model):
    """How one shop is reached. ``secrets`` and ``sealed_grant`` are sealed. ``hook_token``: the unguessable part of its
    address for webhooks.

    ``cursor_at``: everything that changed up to here has been taken in. ``window_until`` and ``page``: a window that is
    half read, and where it goes on. ``lease``: who runs a sync, until when. ``stopped``: why nobody asks until a person
    has looked (``settings``, ``grant``).
    ``returns_at``: up to when returns have been read; ``returns_error``: why they cannot be, while orders can.
    ``renewing_until``: somebody renews the grant. What the program counts does not count ``version`` up.
    """

    __tablename__ = "channel_connections"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), unique=True)
    connector: Mapped[str] = mapped_column(String(24))
    host: Mapped[str] = mapped_column(String(200), default="", server_default="")
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    secrets: Mapped[bytes] = mapped_column(LargeBinary, default=b"", server_default=text("''::bytea"))
    sealed_grant: Mapped[bytes] = mapped_column(LargeBinary, default=b"", server_default=text("''::bytea"))
    grant_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    grant_refresh_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    renewing_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    hook_token: Mapped[str] = mapped_column(String(64), unique=True)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    tells_shipping: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    accepts: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    offers: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    cursor_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    window_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    page: Mapped[str] = mapped_column(Text, default="", server_default="")
    refreshed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    listed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    returns_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    returns_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    lease: Mapped[str] = mapped_column(String(40), default="", server_default="")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_run_at: Mapped[datetime] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped: Mapped[str] = mapped_column(String(20), default="", server_default="")
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_news_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(server_default="1")

    shop: Mapped[Shop] = relationship()

    __mapper_args__ = {"version_id_col": version}

    @property
    def is_play(self) -> bool:
        """Whether it reaches a simulator on this very machine and not a real shop."""
        return is_play(self.host)


class ChannelPace(Model):
    """When the next request may go to a shop. A row of its own: a page being taken in holds the connection's."""

    __tablename__ = "channel_paces"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("channel_connections.id"), primary_key=True, autoincrement=False
    )
    free_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChannelOrder(Model):
    """One order number of a channel: its last word here, whether it became an order, and when to look again.

    ``said_at``: the channel's own time of that word. ``order_id`` None: it waits in quarantine.
    """

    __tablename__ = "channel_orders"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    external_no: Mapped[str] = mapped_column(String(120), primary_key=True)
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    fingerprint: Mapped[str] = mapped_column(String(40))
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    placed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_open: Mapped[bool] = mapped_column(Boolean)
    cancel_asked: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_channel_orders_open", "shop_id", "checked_at", postgresql_where=text("is_open")),
        Index("ix_channel_orders_order", "order_id"),
        Index("ix_channel_orders_placed", "shop_id", "placed_at"),
    )


class ChannelMessage(Model):
    """What a channel said of one order, as it came (``raw``) and as it was read (``told``). Words that say the same as
    the last one are not kept."""

    __tablename__ = "channel_messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    external_no: Mapped[str] = mapped_column(String(120))
    source: Mapped[Source] = mapped_column(EnumText(Source))
    fingerprint: Mapped[str] = mapped_column(String(40))
    raw: Mapped[Any] = mapped_column(JSON)
    told: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    problems: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    item_no: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[Outcome | None] = mapped_column(EnumText(Outcome))
    order_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_channel_messages_order", "shop_id", "external_no", "id"),
        Index("ix_channel_messages_run", "run_id", "item_no"),
        Index("ix_channel_messages_received", "shop_id", "received_at"),
    )


class ChannelHook(Model):
    """A webhook as it came. The same body again is only counted."""

    __tablename__ = "channel_hooks"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("channel_connections.id"))
    digest: Mapped[str] = mapped_column(String(64))
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    query: Mapped[dict[str, Any]] = mapped_column(JSONB)
    url: Mapped[str] = mapped_column(String(400))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[HookStatus] = mapped_column(EnumText(HookStatus))
    times: Mapped[int] = mapped_column(Integer)
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    note: Mapped[str] = mapped_column(String(300))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("connection_id", "digest"),
        Index("ix_channel_hooks_waiting", "connection_id", "id", postgresql_where=text("status = 'waiting'")),
        Index("ix_channel_hooks_last", "connection_id", "last_at"),
    )


class ChannelDeed(Model):
    """Something to tell a channel about an order, once. ``facts``: tracking number, carrier, reason. ``attempts``
    counts questions; ``reason`` is why it is not done."""

    __tablename__ = "channel_deeds"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    order_id: Mapped[int] = mapped_column(BigInteger)
    external_no: Mapped[str] = mapped_column(String(120))
    kind: Mapped[DeedKind] = mapped_column(EnumText(DeedKind))
    key: Mapped[str] = mapped_column(String(120), unique=True)
    status: Mapped[DeedStatus] = mapped_column(EnumText(DeedStatus))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    raw_code: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(120))
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_channel_deeds_order", "order_id"),
        Index(
            "ix_channel_deeds_open", "shop_id", "next_try_at", "id",
            postgresql_where=text("status NOT IN ('done', 'dropped')"),
        ),
    )  # fmt: skip


class ChannelDay(Model):
    """The proof of one shop and day: how many orders the channel says were placed, how many we know, which are missing.
    ``usual``: how many this shop usually has on such a day."""

    __tablename__ = "channel_days"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    theirs: Mapped[int] = mapped_column(Integer)
    ours: Mapped[int] = mapped_column(Integer)
    missing: Mapped[list[str]] = mapped_column(JSONB)
    fetched: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    usual: Mapped[float | None] = mapped_column(Float)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (CheckConstraint("theirs >= 0 AND ours >= 0", name="counts"),)
