"""What the desk keeps for its people: saved filters, and bulk work with its result per order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from oms import clock
from oms.columns import UtcDateTime
from oms.db import Model


class SavedView(Model):
    """A named set of filters on the order list. Shared ones are seen by everybody, kept by whoever made them."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(120))
    is_shared: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (Index("uq_saved_views", "user_id", "name", unique=True),)

    def __str__(self) -> str:
        return self.name


class BulkRun(Model):
    """One action on many orders. ``actor`` is who asked, with the rights and row scope of that moment."""

    __tablename__ = "bulk_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    action: Mapped[str] = mapped_column(String(32))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    order_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    actor: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    idempotency_key: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BulkRow(Model):
    """What came of one order of a bulk run; written in the transaction of its change."""

    __tablename__ = "bulk_rows"

    run_id: Mapped[int] = mapped_column(ForeignKey("bulk_runs.id", ondelete="CASCADE"), primary_key=True)
    order_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer)
    number: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(64))
    message: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
