"""Label batches with their rows, the log of printed labels, waybills made by others, and how labels look."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _settings() -> None:
    op.create_table(
        "label_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("paper", sa.String(32), nullable=False),
        sa.Column("phone", sa.String(32), nullable=False),
        sa.Column("show_items", sa.Boolean(), nullable=False),
        sa.Column("cover", sa.Boolean(), nullable=False),
        sa.Column("sender_name", sa.String(120), nullable=False),
        sa.Column("sender_address", sa.String(300), nullable=False),
        sa.Column("sender_phone", sa.String(40), nullable=False),
        sa.Column("remark", sa.String(120), nullable=False),
        sa.Column("logo_key", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_label_settings_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_settings")),
    )


def _batches() -> None:
    op.create_table(
        "label_batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("paper", sa.String(32), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("printed", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("canceled", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("actor", postgresql.JSONB(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_label", sa.String(120), nullable=False),
        sa.Column("idempotency_key", sa.String(120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_by", sa.String(120), nullable=False),
        sa.Column("file_key", sa.String(80), nullable=False),
        sa.CheckConstraint("printed + refused + canceled <= total", name=op.f("ck_label_batches_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_batches")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_label_batches_idempotency_key")),
    )
    op.create_index("ix_label_batches_newest", "label_batches", [sa.text("id DESC"), "user_id"])
    op.create_table(
        "label_batch_rows",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("orders", postgresql.ARRAY(sa.String(80)), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("message", postgresql.JSONB(), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["label_batches.id"], name=op.f("fk_label_batch_rows_batch_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_label_batch_rows_shipment_id")),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("pk_label_batch_rows")),
    )
    op.create_index(op.f("ix_label_batch_rows_shipment_id"), "label_batch_rows", ["shipment_id"])
    op.create_index(
        "ix_label_batch_rows_waiting", "label_batch_rows", ["batch_id", "position"],
        postgresql_where=sa.text("status = 'waiting'"),
    )  # fmt: skip


def _prints() -> None:
    op.create_table(
        "label_prints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("is_waybill", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("copy >= 0 AND (copy = 0 OR reason <> '')", name=op.f("ck_label_prints_copy")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("fk_label_prints_parcel_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_label_prints_shipment_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["label_batches.id"], name=op.f("fk_label_prints_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_prints")),
    )
    for column in ("parcel_id", "shipment_id", "batch_id"):
        op.create_index(op.f(f"ix_label_prints_{column}"), "label_prints", [column])
    op.create_index("uq_label_prints", "label_prints", ["parcel_id", "copy"], unique=True)


def _waybills() -> None:
    op.create_table(
        "waybills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("file_key", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("found", postgresql.ARRAY(sa.String(80)), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("matched_by", sa.String(16), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("uploaded_by", sa.String(120), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_waybills_shipment_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_waybills_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waybills")),
    )
    op.create_index(op.f("ix_waybills_order_id"), "waybills", ["order_id"])
    op.create_index("uq_waybills_page", "waybills", ["file_key", "page"], unique=True)
    op.create_index("ix_waybills_current", "waybills", ["order_id", "id"], postgresql_where=sa.text("is_current"))
    op.create_index("ix_waybills_open", "waybills", ["id"], postgresql_where=sa.text("is_current AND order_id IS NULL"))


def upgrade() -> None:
    _settings()
    _batches()
    _prints()
    _waybills()


def downgrade() -> None:
    for table in ("waybills", "label_prints", "label_batch_rows", "label_batches", "label_settings"):
        op.drop_table(table)
