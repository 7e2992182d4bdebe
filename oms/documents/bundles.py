"""A month or a selection of documents asked for as one file: who asked, how far it is, where it lies."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, Identity, Index, Integer, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model


class BundleForm(StrEnum):
    """One PDF, or a ZIP with a folder per kind, an index and the sales-tax report."""

    PDF = "pdf"
    ZIP = "zip"


class DocumentBundle(Model):
    """``month`` is its first day, or None for a selection (``document_ids``). ``scope``: what whoever asked may see."""

    __tablename__ = "document_bundles"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    form: Mapped[BundleForm] = mapped_column(EnumText(BundleForm))
    month: Mapped[date | None] = mapped_column(Date)
    document_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    done: Mapped[int] = mapped_column(Integer, default=0)
    scope: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    file_key: Mapped[str | None] = mapped_column(String(80))
    failed: Mapped[list[str]] = mapped_column(ARRAY(String(80)), default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        CheckConstraint("done >= 0 AND done <= cardinality(document_ids)", name="done"),
        Index("ix_document_bundles_user", "user_id", "id"),
    )
