"""What is owed to customers, each way it was tried, the ways themselves, and what customers said about being told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Shop
from oms.columns import EnumText, UtcDateTime, money
from oms.customers.models import Customer
from oms.db import Model
from oms.money import ZERO
from oms.net.transport import is_play
from oms.notifications.catalogue import Event, Form, Route
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.models import Order


class MessageSettings(Model):
    """One row: what holds for all messages. ``events_off`` names events nobody is told of. ``quiet_from`` and
    ``quiet_to`` are hours in Bangkok; equal: no quiet hours. ``public_url`` is the panel's address as customers reach
    it, "" for no links. ``platform_buyers``: buyers on marketplaces that write to them themselves are told too.
    ``remind_hours``: so long before an unpaid order expires its buyer is reminded; 0: never."""

    __tablename__ = "message_settings"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    events_off: Mapped[list[str]] = mapped_column(ARRAY(String(32)), default=list, server_default=text("'{}'"))
    quiet_from: Mapped[int] = mapped_column(SmallInteger, default=21, server_default="21")
    quiet_to: Mapped[int] = mapped_column(SmallInteger, default=8, server_default="8")
    public_url: Mapped[str] = mapped_column(String(200), default="", server_default="")
    platform_buyers: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    remind_hours: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("id = 1", name="one"),
        CheckConstraint("quiet_from BETWEEN 0 AND 23 AND quiet_to BETWEEN 0 AND 23", name="quiet"),
        CheckConstraint("remind_hours BETWEEN 0 AND 168", name="remind_hours"),
    )


class MessageAccount(Model):
    """One way messages go: a LINE account, an SMS package, a mail server, or copying by staff. ``shop_id`` None: for
    every shop that has none of its own. ``secrets`` is sealed.

    ``quota`` and ``used`` are this month's (or the package's) messages; None: not counted. ``reserve`` of them are kept
    for what matters most. ``failures`` and ``closed_until`` are the breaker, ``stopped`` why nobody asks until a person
    has looked (``settings``) or the month is over (``quota``). What the program counts does not count ``version`` up.
    """

    __tablename__ = "message_accounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    route: Mapped[Route] = mapped_column(EnumText(Route))
    name: Mapped[str] = mapped_column(String(80), unique=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    language: Mapped[str] = mapped_column(String(2), default="th", server_default="th")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    host: Mapped[str] = mapped_column(String(200), default="", server_default="")
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    secrets: Mapped[bytes] = mapped_column(LargeBinary, default=b"", server_default=text("''::bytea"))
    hook_token: Mapped[str] = mapped_column(String(64), unique=True)
    reserve: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    quota: Mapped[int | None] = mapped_column(Integer)
    used: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped: Mapped[str] = mapped_column(String(20), default="", server_default="")
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(server_default="1")

    shop: Mapped[Shop | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index(
            "uq_message_accounts_place", "route", "shop_id", unique=True, postgresql_nulls_not_distinct=True,
            postgresql_where=text("is_active"),
        ),
        CheckConstraint("reserve >= 0", name="reserve"),
    )  # fmt: skip

    @property
    def is_play(self) -> bool:
        """Whether it reaches a simulator on this very machine, so that nobody hears anything."""
        return is_play(self.host)

    def __str__(self) -> str:
        return self.name


class MessageTemplate(Model):
    """The shop's own words for an event; without a row the usual ones count."""

    __tablename__ = "message_templates"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event: Mapped[Event] = mapped_column(EnumText(Event))
    form: Mapped[Form] = mapped_column(EnumText(Form))
    language: Mapped[str] = mapped_column(String(2))
    subject: Mapped[str] = mapped_column(String(200), default="", server_default="")
    body: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    changed_by: Mapped[str] = mapped_column(String(120), default="")
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("uq_message_templates", "event", "form", "language", unique=True),)


class Notice(Model):
    """One thing a customer is to be told, once: (order, event, ``revision``). ``revision`` names what it happened to, a
    letter and an id (``s12``: shipment 12), with ``~2`` behind it when a person sends it once more. ``urgent``: the
    customer or a clerk waits for it, so quiet hours do not hold it. ``reason`` (a packed sentence) says why nothing was
    sent."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    event: Mapped[Event] = mapped_column(EnumText(Event))
    revision: Mapped[str] = mapped_column(String(40))
    urgent: Mapped[bool] = mapped_column(default=False)
    status: Mapped[NoticeStatus] = mapped_column(EnumText(NoticeStatus))
    reason: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    order: Mapped[Order] = relationship()
    messages: Mapped[list[Message]] = relationship(back_populates="notice", order_by="Message.id")

    __table_args__ = (
        Index("uq_notices", "order_id", "event", "revision", unique=True),
        Index("ix_notices_at", text("at DESC"), text("id DESC")),
        Index("ix_notices_status", "status", "id", postgresql_where=text("status IN ('open', 'trouble')")),
    )


class Message(Model):
    """One way a notice was tried. ``body`` is what went, word for word, and to whom (``recipient``); ``told`` the
    tracking number it named. ``retry_key`` is the same in every try. ``unsure``: a try may have arrived though nobody
    said so. ``error`` is a packed sentence."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    event: Mapped[Event] = mapped_column(EnumText(Event))
    revision: Mapped[str] = mapped_column(String(40))
    route: Mapped[Route] = mapped_column(EnumText(Route))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("message_accounts.id"))
    state: Mapped[MessageState] = mapped_column(EnumText(MessageState))
    recipient: Mapped[str] = mapped_column(String(200), default="", server_default="")
    subject: Mapped[str] = mapped_column(String(200), default="", server_default="")
    body: Mapped[str] = mapped_column(Text, default="", server_default="")
    told: Mapped[str] = mapped_column(String(300), default="", server_default="")
    parts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    cost: Mapped[money] = mapped_column(default=ZERO, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    unsure: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    retry_key: Mapped[str] = mapped_column(String(36), default="", server_default="")
    first_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provider_id: Mapped[str] = mapped_column(String(200), default="", server_default="")
    error_code: Mapped[str] = mapped_column(String(80), default="", server_default="")
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str] = mapped_column(String(120), default="", server_default="")

    notice: Mapped[Notice] = relationship(back_populates="messages")
    account: Mapped[MessageAccount | None] = relationship()
    order: Mapped[Order] = relationship()

    __table_args__ = (
        Index("uq_messages", "order_id", "event", "revision", "route", unique=True),
        Index(
            "ix_messages_due", "account_id", "next_try_at", "id",
            postgresql_where=text("state IN ('queued', 'sending')"),
        ),
        Index(
            "ix_messages_work", "state", "id", postgresql_where=text("state IN ('needs_person', 'failed', 'to_copy')")
        ),
        Index("ix_messages_created", text("created_at DESC"), text("id DESC")),
    )  # fmt: skip


class MessageContact(Model):
    """What is known of one address of one kind: when they last wrote (Messenger and Instagram may only be answered for
    a day), and that they cannot be reached any more."""

    __tablename__ = "message_contacts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    route: Mapped[Route] = mapped_column(EnumText(Route))
    address: Mapped[str] = mapped_column(String(200))
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unreachable_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    why: Mapped[str] = mapped_column(String(200), default="", server_default="")

    __table_args__ = (Index("uq_message_contacts", "route", "address", unique=True),)


class MessageConsent(Model):
    """What a customer said about being told by a route (None: by any). The newest row counts; none: they may be told.
    Rows are added, never changed: this is the log as well."""

    __tablename__ = "message_consents"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    route: Mapped[Route | None] = mapped_column(EnumText(Route))
    allowed: Mapped[bool] = mapped_column()
    how: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))

    customer: Mapped[Customer] = relationship()

    __table_args__ = (Index("ix_message_consents", "customer_id", text("id DESC")),)


class StaffSubscription(Model):
    """A person of the staff who wants alerts sent: by e-mail or LINE, which kinds, and when the last one went.
    ``rights`` are what they might see when they asked."""

    __tablename__ = "staff_subscriptions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    route: Mapped[Route] = mapped_column(EnumText(Route))
    address: Mapped[str] = mapped_column(String(200))
    kinds: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    language: Mapped[str] = mapped_column(String(2), default="th", server_default="th")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    rights: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    told_hash: Mapped[str] = mapped_column(String(64), default="", server_default="")
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    version: Mapped[int] = mapped_column(server_default="1")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("uq_staff_subscriptions", "user_id", "route", unique=True),)
