"""Picking lists, packing and hand-over manifests; where a SKU lies in a warehouse.

Every scan is a row that is never changed, so that what was packed when, by whom, can be told later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shipment_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("results", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_label", sa.String(length=120), nullable=False),
        sa.Column("idempotency_key", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment_runs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_shipment_runs_idempotency_key")),
    )
    op.create_table(
        "manifests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("carrier", sa.String(length=80), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("driver", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("parcels", sa.Integer(), nullable=False),
        sa.Column("cod_total", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.String(length=120), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=120), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_manifests_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifests")),
        sa.UniqueConstraint("number", name=op.f("uq_manifests_number")),
    )
    op.create_index("ix_manifests_at", "manifests", ["warehouse_id", "opened_at"], unique=False)
    op.create_index(
        "uq_manifests_open",
        "manifests",
        ["carrier", "warehouse_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "packing_rules",
        sa.Column("warehouse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("quantity_from", sa.Integer(), nullable=False),
        sa.Column("weigh", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity_from >= 0", name=op.f("ck_packing_rules_quantity_from")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_packing_rules_warehouse_id")),
        sa.PrimaryKeyConstraint("warehouse_id", name=op.f("pk_packing_rules")),
    )
    op.create_table(
        "pick_batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("picker", sa.String(length=120), nullable=False),
        sa.Column("idempotency_key", sa.String(length=120), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=120), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_pick_batches_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick_batches")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_pick_batches_idempotency_key")),
        sa.UniqueConstraint("number", name=op.f("uq_pick_batches_number")),
    )
    op.create_index("ix_pick_batches_status", "pick_batches", ["status", "warehouse_id", "id"], unique=False)
    op.create_table(
        "packing_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("packer", sa.String(length=120), nullable=False),
        sa.Column("boxes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("stopped_by", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_packing_sessions_shipment_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_packing_sessions_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packing_sessions")),
    )
    op.create_index("ix_packing_sessions_closed", "packing_sessions", ["warehouse_id", "closed_at"], unique=False)
    op.create_index("ix_packing_sessions_shipment", "packing_sessions", ["shipment_id", "id"], unique=False)
    op.create_index(
        "uq_packing_sessions_shipment",
        "packing_sessions",
        ["shipment_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "uq_packing_sessions_station",
        "packing_sessions",
        ["user_id", "station"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "pick_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.String(length=40), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("picked", sa.Integer(), nullable=False),
        sa.Column("short", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "wanted > 0 AND picked >= 0 AND short >= 0 AND picked + short <= wanted", name=op.f("ck_pick_lines_pieces")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["pick_batches.id"], name=op.f("fk_pick_lines_batch_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_pick_lines_shipment_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.id"], name=op.f("fk_pick_lines_sku_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick_lines")),
    )
    op.create_index("uq_pick_lines", "pick_lines", ["batch_id", "shipment_id", "sku_id"], unique=True)
    op.create_table(
        "pick_slots",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tote", sa.Integer(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["pick_batches.id"], name=op.f("fk_pick_slots_batch_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_pick_slots_shipment_id")),
        sa.PrimaryKeyConstraint("batch_id", "shipment_id", name=op.f("pk_pick_slots")),
    )
    op.create_index(
        "uq_pick_slots_live", "pick_slots", ["shipment_id"], unique=True, postgresql_where=sa.text("is_live")
    )
    op.create_index("uq_pick_slots_tote", "pick_slots", ["batch_id", "tote"], unique=True)
    op.create_table(
        "manifest_parcels",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("manifest_id", sa.BigInteger(), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("message", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("cod", sa.BigInteger(), nullable=False),
        sa.Column("scanned_by", sa.String(length=120), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name=op.f("fk_manifest_parcels_manifest_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("fk_manifest_parcels_parcel_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_manifest_parcels_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifest_parcels")),
    )
    op.create_index(op.f("ix_manifest_parcels_manifest_id"), "manifest_parcels", ["manifest_id"], unique=False)
    op.create_index("ix_manifest_parcels_shipment", "manifest_parcels", ["shipment_id"], unique=False)
    op.create_index(
        "uq_manifest_parcels_live", "manifest_parcels", ["parcel_id"], unique=True, postgresql_where=sa.text("is_live")
    )
    op.create_table(
        "packing_scans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("message", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("manifest_id", sa.BigInteger(), nullable=True),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=True),
        sa.Column("sku_id", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("box", sa.Integer(), nullable=False),
        sa.Column("undoes_id", sa.BigInteger(), nullable=True),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["pick_batches.id"], name=op.f("fk_packing_scans_batch_id")),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name=op.f("fk_packing_scans_manifest_id")),
        sa.ForeignKeyConstraint(["session_id"], ["packing_sessions.id"], name=op.f("fk_packing_scans_session_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_packing_scans_shipment_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.id"], name=op.f("fk_packing_scans_sku_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_packing_scans_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packing_scans")),
        sa.UniqueConstraint("key", name=op.f("uq_packing_scans_key")),
    )
    op.create_index(
        "ix_packing_scans_manifest",
        "packing_scans",
        ["manifest_id", "id"],
        unique=False,
        postgresql_where=sa.text("manifest_id IS NOT NULL"),
    )
    op.create_index("ix_packing_scans_session", "packing_scans", ["session_id", "id"], unique=False)
    op.create_index(
        "ix_packing_scans_shipment",
        "packing_scans",
        ["shipment_id", "id"],
        unique=False,
        postgresql_where=sa.text("shipment_id IS NOT NULL"),
    )
    op.create_index("ix_packing_scans_user", "packing_scans", ["user_id", "at"], unique=False)
    op.create_index(
        "uq_packing_scans_undoes",
        "packing_scans",
        ["undoes_id"],
        unique=True,
        postgresql_where=sa.text("undoes_id IS NOT NULL"),
    )
    op.add_column("stock_levels", sa.Column("location", sa.String(length=40), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("stock_levels", "location")
    op.drop_table("packing_scans")
    op.drop_table("manifest_parcels")
    op.drop_table("pick_slots")
    op.drop_table("pick_lines")
    op.drop_table("packing_sessions")
    op.drop_table("pick_batches")
    op.drop_table("packing_rules")
    op.drop_table("manifests")
    op.drop_table("shipment_runs")
