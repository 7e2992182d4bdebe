"""Shipments remember when they were ready, packed and labeled; parcels their weight, prints and what carriers say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SHIPMENTS = ("ready_at", "packed_at", "labeled_at")
PARCELS = ("tracked_at", "checked_at", "label_printed_at", "voided_at")
TEXTS = {"service": 40, "booking_ref": 80, "raw_code": 80, "void_reason": 500}


def upgrade() -> None:
    op.add_column("shipments", sa.Column("service", sa.String(40), server_default="", nullable=False))
    op.add_column("shipments", sa.Column("packed_by", sa.String(120), server_default="", nullable=False))
    op.add_column("shipments", sa.Column("label_cash", sa.BigInteger(), nullable=True))
    for name in SHIPMENTS:
        op.add_column("shipments", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("parcels", sa.Column("position", sa.Integer(), server_default="1", nullable=False))
    op.add_column("parcels", sa.Column("label_prints", sa.Integer(), server_default="0", nullable=False))
    op.add_column("parcels", sa.Column("weight_grams", sa.Integer(), nullable=True))
    for name, length in TEXTS.items():
        op.add_column("parcels", sa.Column(name, sa.String(length), server_default="", nullable=False))
    for name in PARCELS:
        op.add_column("parcels", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_parcels_weight"), "parcels", "weight_grams > 0")
    op.drop_index("uq_parcels_live", table_name="parcels")
    op.create_index(
        "uq_parcels_live", "parcels", ["carrier", "tracking_no"], unique=True,
        postgresql_where=sa.text("is_live AND tracking_no <> ''"),
    )  # fmt: skip
    op.create_index("ix_parcels_booking", "parcels", ["booking_ref"], postgresql_where=sa.text("booking_ref <> ''"))
    op.create_table(
        "tracking_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("raw_code", sa.String(length=80), nullable=False),
        sa.Column("raw_text", sa.String(length=500), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("fk_tracking_events_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracking_events")),
    )
    op.create_index("uq_tracking_events", "tracking_events", ["parcel_id", "at", "raw_code", "raw_text"], unique=True)


def downgrade() -> None:
    op.drop_table("tracking_events")
    op.drop_index("ix_parcels_booking", table_name="parcels")
    op.drop_index("uq_parcels_live", table_name="parcels")
    op.execute("DELETE FROM parcels WHERE tracking_no = ''")
    op.create_index(
        "uq_parcels_live", "parcels", ["carrier", "tracking_no"], unique=True, postgresql_where=sa.text("is_live")
    )
    op.drop_constraint(op.f("ck_parcels_weight"), "parcels", type_="check")
    for name in (*PARCELS, *TEXTS, "weight_grams", "label_prints", "position"):
        op.drop_column("parcels", name)
    for name in (*SHIPMENTS, "label_cash", "packed_by", "service"):
        op.drop_column("shipments", name)
