"""Asking carriers, hearing from them, and the public tracking page.

``text_grams`` cuts a tracking number into pieces of three characters, so that any part of a number is found by an index
without an extension of the database.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

GRAMS = """
CREATE FUNCTION text_grams(given text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(upper(given), i, 3)), '{}')
    FROM generate_series(1, length(given) - 2) AS i
$$
"""
FINAL = "('delivered', 'returned', 'lost', 'canceled')"
MOVING = "('picked_up', 'in_transit', 'out_for_delivery')"
TROUBLE = "('delivery_failed', 'on_hold', 'exception', 'lost', 'unknown', 'canceled')"


def _parcels() -> None:
    op.add_column(
        "parcels",
        sa.Column("next_check_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.add_column("parcels", sa.Column("check_misses", sa.Integer(), server_default="0", nullable=False))
    op.execute(GRAMS)
    op.create_index(
        "ix_parcels_due", "parcels", ["carrier", "next_check_at"],
        postgresql_where=sa.text(f"is_live AND tracking_no <> '' AND tracking_status NOT IN {FINAL}"),
    )  # fmt: skip
    op.create_index(
        "ix_parcels_trouble", "parcels", ["tracking_status", "tracked_at"],
        postgresql_where=sa.text(f"is_live AND tracking_status IN {TROUBLE}"),
    )  # fmt: skip
    op.create_index(
        "ix_parcels_moving", "parcels", ["carrier", "tracked_at"],
        postgresql_where=sa.text(f"is_live AND tracking_no <> '' AND tracking_status IN {MOVING}"),
    )  # fmt: skip
    op.create_index("ix_parcels_dead", "parcels", ["voided_at"], postgresql_where=sa.text("NOT is_live"))
    op.create_index("ix_parcels_grams", "parcels", [sa.text("text_grams(tracking_no)")], postgresql_using="gin")


def _messages() -> None:
    op.create_table(
        "carrier_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("carrier_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_carrier_messages_carrier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_messages")),
    )
    op.create_index("uq_carrier_messages", "carrier_messages", ["carrier_id", "digest"], unique=True)
    op.create_index(
        "ix_carrier_messages_waiting", "carrier_messages", ["carrier_id", "id"],
        postgresql_where=sa.text("status = 'waiting'"),
    )  # fmt: skip
    op.create_index("ix_carrier_messages_last", "carrier_messages", ["last_at"])


def _links() -> None:
    op.create_table(
        "tracking_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(120), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(120), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_tracking_links_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracking_links")),
        sa.UniqueConstraint("token", name=op.f("uq_tracking_links_token")),
    )
    op.create_index(
        "uq_tracking_links_live", "tracking_links", ["order_id"], unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )  # fmt: skip


def _fees() -> None:
    op.create_table(
        "fee_tables",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column("carrier_id", sa.BigInteger(), nullable=True),
        sa.Column("rates", JSONB(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_fee_tables_shop_id")),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_fee_tables_carrier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_tables")),
        sa.UniqueConstraint("name", name=op.f("uq_fee_tables_name")),
    )
    op.create_index(
        "uq_fee_tables_place", "fee_tables", ["shop_id", "carrier_id"], unique=True,
        postgresql_nulls_not_distinct=True, postgresql_where=sa.text("is_active"),
    )  # fmt: skip


def upgrade() -> None:
    _fees()
    _parcels()
    _messages()
    _links()


def downgrade() -> None:
    op.drop_table("fee_tables")
    op.drop_table("tracking_links")
    op.drop_table("carrier_messages")
    for name in ("ix_parcels_grams", "ix_parcels_dead", "ix_parcels_moving", "ix_parcels_trouble", "ix_parcels_due"):
        op.drop_index(name, table_name="parcels")
    op.execute("DROP FUNCTION text_grams(text)")
    op.drop_column("parcels", "check_misses")
    op.drop_column("parcels", "next_check_at")
