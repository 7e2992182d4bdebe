"""Tables of the HTTP API. A key is stored as its hash alone; a subscription's secret is sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.api.states import DeliveryStatus
from oms.columns import EnumText, UtcDateTime
from oms.db import Model


class ApiKey(Model):
    """A program that may call. ``start`` is what people see of the key; ``shops`` and ``warehouses`` None mean all.

    ``shops`` and ``warehouses`` are fixed when the key is made, like ``actions``: a key is revoked, never widened.
    """

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    start: Mapped[str] = mapped_column(String(16))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    actions: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    shops: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    warehouses: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    per_minute: Mapped[int] = mapped_column(Integer, default=600, server_default="600")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120))
    created_by_id: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_ip: Mapped[str] = mapped_column(String(64), default="", server_default="")
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(120), default="", server_default="")


class ApiAnswer(Model):
    """What a POST was answered, so that its repeat is answered the same. Written in the transaction of the change:
    ``status`` 0 exists only inside it."""

    __tablename__ = "api_answers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"))
    idempotency_key: Mapped[str] = mapped_column(String(80))
    request_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    body: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (
        UniqueConstraint("key_id", "idempotency_key"),
        Index("ix_api_answers_created", "created_at"),
    )


class ApiHook(Model):
    """An address that is told of events. ``failing_since``: when the first of an unbroken row of failures was;
    ``stopped``: why Ruam itself switched it off."""

    __tablename__ = "api_hooks"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    shops: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    secrets: Mapped[bytes] = mapped_column(LargeBinary)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    stopped: Mapped[str] = mapped_column(String(20), default="", server_default="")
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __mapper_args__ = {"version_id_col": version}


class ApiDelivery(Model):
    """One event for one subscription: ``body`` is what is signed and sent, byte for byte, however often."""

    __tablename__ = "api_deliveries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("api_hooks.id"))
    event: Mapped[str] = mapped_column(String(32))
    event_id: Mapped[str] = mapped_column(String(80))
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[DeliveryStatus] = mapped_column(EnumText(DeliveryStatus))
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    answer_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    took_ms: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    hook: Mapped[ApiHook] = relationship()

    __table_args__ = (
        UniqueConstraint("hook_id", "event_id"),
        Index("ix_api_deliveries_hook", "hook_id", text("id DESC")),
        Index("ix_api_deliveries_created", "created_at"),
    )
