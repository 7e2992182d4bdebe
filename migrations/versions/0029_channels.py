"""Channels: connections, what they said and of which orders, webhooks, what they are told, the proof of each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def _channel_connections() -> None:
    op.create_table(
        "channel_connections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("connector", sa.String(24), nullable=False),
        sa.Column("host", sa.String(200), server_default="", nullable=False),
        sa.Column("options", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.Column("sealed_grant", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.Column("grant_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grant_refresh_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hook_token", sa.String(64), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("tells_shipping", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("accepts", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("offers", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cursor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("page", sa.Text(), server_default="", nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returns_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.String(40), server_default="", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tokens", sa.Float(), server_default="0", nullable=False),
        sa.Column("tokens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped", sa.String(20), server_default="", nullable=False),
        sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_news_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(300), server_default="", nullable=False),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_channel_connections_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_connections")),
        sa.UniqueConstraint("hook_token", name=op.f("uq_channel_connections_hook_token")),
        sa.UniqueConstraint("shop_id", name=op.f("uq_channel_connections_shop_id")),
    )


def _channel_orders() -> None:
    op.create_table(
        "channel_orders",
        sa.Column("shop_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("external_no", sa.String(120), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("fingerprint", sa.String(40), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("cancel_asked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_channel_orders_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", "external_no", name=op.f("pk_channel_orders")),
    )
    op.create_index(
        "ix_channel_orders_open", "channel_orders", ["shop_id", "checked_at"], postgresql_where=sa.text("is_open")
    )
    op.create_index("ix_channel_orders_order", "channel_orders", ["order_id"])
    op.create_index("ix_channel_orders_placed", "channel_orders", ["shop_id", "placed_at"])


def _channel_messages() -> None:
    op.create_table(
        "channel_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("external_no", sa.String(120), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("fingerprint", sa.String(40), nullable=False),
        sa.Column("raw", JSON(), nullable=False),
        sa.Column("told", JSON(), nullable=True),
        sa.Column("problems", JSON(), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("item_no", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(32), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_channel_messages_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_messages")),
    )
    op.create_index("ix_channel_messages_order", "channel_messages", ["shop_id", "external_no", "id"])
    op.create_index("ix_channel_messages_received", "channel_messages", ["shop_id", "received_at"])
    op.create_index("ix_channel_messages_run", "channel_messages", ["run_id", "item_no"])


def _channel_hooks() -> None:
    op.create_table(
        "channel_hooks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("query", JSONB(), nullable=False),
        sa.Column("url", sa.String(400), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["channel_connections.id"], name=op.f("fk_channel_hooks_connection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_hooks")),
        sa.UniqueConstraint("connection_id", "digest", name=op.f("uq_channel_hooks_connection_id_digest")),
    )
    op.create_index("ix_channel_hooks_last", "channel_hooks", ["connection_id", "last_at"])
    op.create_index(
        "ix_channel_hooks_waiting",
        "channel_hooks",
        ["connection_id", "id"],
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _channel_deeds() -> None:
    op.create_table(
        "channel_deeds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("external_no", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("raw_code", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(120), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_channel_deeds_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_deeds")),
        sa.UniqueConstraint("key", name=op.f("uq_channel_deeds_key")),
    )
    op.create_index(
        "ix_channel_deeds_open",
        "channel_deeds",
        ["shop_id", "next_try_at", "id"],
        postgresql_where=sa.text("status NOT IN ('done', 'dropped')"),
    )
    op.create_index("ix_channel_deeds_order", "channel_deeds", ["order_id"])


def _channel_days() -> None:
    op.create_table(
        "channel_days",
        sa.Column("shop_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("theirs", sa.Integer(), nullable=False),
        sa.Column("ours", sa.Integer(), nullable=False),
        sa.Column("missing", JSONB(), nullable=False),
        sa.Column("fetched", sa.Integer(), server_default="0", nullable=False),
        sa.Column("usual", sa.Float(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("theirs >= 0 AND ours >= 0", name=op.f("ck_channel_days_counts")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_channel_days_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", "day", name=op.f("pk_channel_days")),
    )


def upgrade() -> None:
    """Make the tables; a run says how it came in."""
    _channel_connections()
    _channel_orders()
    _channel_messages()
    _channel_hooks()
    _channel_deeds()
    _channel_days()
    op.add_column("intake_runs", sa.Column("source", sa.String(16), server_default="file", nullable=False))
    op.create_index(
        "ix_intake_runs_channel", "intake_runs", ["shop_id", "id"], postgresql_where=sa.text("source <> 'file'")
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_intake_runs_channel", "intake_runs")
    op.drop_column("intake_runs", "source")
    for name in (
        "channel_days",
        "channel_deeds",
        "channel_hooks",
        "channel_messages",
        "channel_orders",
        "channel_connections",
    ):
        op.drop_table(name)
