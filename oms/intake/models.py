"""Tables of the intake: run, item (an order or master record of a file), raw row, last import, conflict, map."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.intake.states import ConflictStatus, IntakeKind, Outcome, RunStatus


class ColumnMap(Model):
    """How the columns of one kind of file are to be read: field name -> column heading, and how dates are written."""

    __tablename__ = "column_maps"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[IntakeKind] = mapped_column(EnumText(IntakeKind))
    columns: Mapped[dict[str, Any]] = mapped_column(JSONB)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer)

    __mapper_args__ = {"version_id_col": version}


class IntakeRun(Model):
    """One file taken in, or one sync with a channel. The five counters are in rows (of a channel: in orders) and add
    up to ``received`` when the run is done. ``findings``: what was seen in the file as a whole, such as where the
    running balance of a statement breaks. ``source``: "file", or how the channel's words reached us."""

    __tablename__ = "intake_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[IntakeKind] = mapped_column(EnumText(IntakeKind))
    status: Mapped[RunStatus] = mapped_column(EnumText(RunStatus))
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("receiving_accounts.id"))
    carrier: Mapped[str] = mapped_column(String(80), default="", server_default="")
    format: Mapped[str] = mapped_column(String(32))
    column_map: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    file_name: Mapped[str] = mapped_column(String(255))
    file_key: Mapped[str] = mapped_column(String(80))
    file_sha256: Mapped[str] = mapped_column(String(64))
    file_size: Mapped[int] = mapped_column(BigInteger)
    encoding: Mapped[str] = mapped_column(String(16), default="")
    header_line: Mapped[int] = mapped_column(Integer, default=0)
    headers: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    commit_after_check: Mapped[bool] = mapped_column(Boolean, default=False)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    staged: Mapped[bool] = mapped_column(Boolean, default=False)
    progress: Mapped[int] = mapped_column(Integer, default=0)
    items: Mapped[int] = mapped_column(Integer, default=0)
    received: Mapped[int] = mapped_column(Integer, default=0)
    created: Mapped[int] = mapped_column(Integer, default=0)
    updated: Mapped[int] = mapped_column(Integer, default=0)
    unchanged: Mapped[int] = mapped_column(Integer, default=0)
    quarantined: Mapped[int] = mapped_column(Integer, default=0)
    rejected: Mapped[int] = mapped_column(Integer, default=0)
    planned: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    written: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    refusal: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    findings: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    covers_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    covers_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    purged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(String(16), default="file", server_default="file")

    __table_args__ = (
        CheckConstraint(
            "status <> 'done' OR received = created + updated + unchanged + quarantined + rejected",
            name="ledger_closes",
        ),
        Index("ix_intake_runs_shop", "shop_id", "id"),
        Index("ix_intake_runs_unpurged", "created_at", postgresql_where=text("purged_at IS NULL")),
        Index("ix_intake_runs_channel", "shop_id", "id", postgresql_where=text("source <> 'file'")),
    )


class IntakeItem(Model):
    """What a file says of one order (or one master record). ``problems`` are in words, per line and column."""

    __tablename__ = "intake_items"

    run_id: Mapped[int] = mapped_column(ForeignKey("intake_runs.id", ondelete="CASCADE"), primary_key=True)
    no: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    shop_id: Mapped[int | None] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(Integer)
    planned: Mapped[Outcome | None] = mapped_column(EnumText(Outcome))
    outcome: Mapped[Outcome | None] = mapped_column(EnumText(Outcome))
    problems: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    unknown_skus: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    mended: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_why: Mapped[str] = mapped_column(String(300), default="", server_default="")

    __table_args__ = (
        Index("ix_intake_items_key", "run_id", "key"),
        Index(
            "ix_intake_items_open",
            "shop_id",
            "key",
            postgresql_where=text("outcome = 'quarantined' AND closed_at IS NULL"),
        ),
        Index("ix_intake_items_bad", "run_id", "no", postgresql_where=text("problems IS NOT NULL")),
    )


class IntakeRow(Model):
    """A line of a file as it came, cell by cell; headings are on the run."""

    __tablename__ = "intake_rows"

    run_id: Mapped[int] = mapped_column(ForeignKey("intake_runs.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    item_no: Mapped[int] = mapped_column(Integer)
    cells: Mapped[list[str]] = mapped_column(JSON)

    __table_args__ = (Index("ix_intake_rows_item", "run_id", "item_no", "line"),)


class ImportedOrder(Model):
    """What the channel said last about an order: raw status, and the values a later file is compared with."""

    __tablename__ = "imported_orders"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    external_no: Mapped[str] = mapped_column(String(120))
    channel_status: Mapped[str] = mapped_column(String(120))
    stage: Mapped[str] = mapped_column(String(16))
    fingerprint: Mapped[str] = mapped_column(String(40))
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSONB)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("shop_id", "external_no"),
        Index("ix_imported_orders_placed", "shop_id", "placed_at"),
    )


class IntakeConflict(Model):
    """A later file says otherwise than staff did: ours stays until a clerk chooses."""

    __tablename__ = "intake_conflicts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("intake_runs.id"))
    field: Mapped[str] = mapped_column(String(40))
    ours: Mapped[str] = mapped_column(Text)
    theirs: Mapped[str] = mapped_column(Text)
    status: Mapped[ConflictStatus] = mapped_column(EnumText(ConflictStatus))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(120), default="", server_default="")

    __table_args__ = (
        Index("ix_intake_conflicts_order", "order_id", "field"),
        Index("ix_intake_conflicts_open", "shop_id", "id", postgresql_where=text("status = 'open'")),
    )


class StoredFile(Model):
    """A file kept under an unguessable name: an upload, or something made for download."""

    __tablename__ = "stored_files"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    mime: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ExportRun(Model):
    """A list asked for as a file, made in the background: which list, how filtered, which columns, what came of it."""

    __tablename__ = "export_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    list_name: Mapped[str] = mapped_column(String(40))
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    columns: Mapped[list[str]] = mapped_column(JSONB)
    form: Mapped[str] = mapped_column(String(8))
    rows: Mapped[int | None] = mapped_column(Integer)
    file_key: Mapped[str | None] = mapped_column(String(80))
    scope: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
