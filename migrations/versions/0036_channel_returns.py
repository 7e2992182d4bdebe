"""What channels tell of returns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

KEYS = {"shop_id": "shops", "order_id": "orders", "return_id": "returns"}


def upgrade() -> None:
    """One row for each return of a channel, and why a shop's returns could not be read."""
    op.add_column("channel_connections", sa.Column("returns_error", sa.String(300), nullable=False, server_default=""))
    op.create_table(
        "channel_returns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("external_no", sa.String(120), nullable=False),
        sa.Column("order_no", sa.String(120), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("return_id", sa.BigInteger(), nullable=True),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("status", sa.String(120), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("amounts", postgresql.JSONB(), nullable=False),
        sa.Column("refund", sa.BigInteger(), nullable=False),
        sa.Column("goods_stay", sa.Boolean(), nullable=False),
        sa.Column("tracking_no", sa.String(80), nullable=False),
        sa.Column("mark", sa.String(40), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=True),
        sa.Column("heard", postgresql.JSONB(), nullable=False),
        *(sa.Column(f"{name}_at", sa.DateTime(timezone=True), nullable=name == "said")
          for name in ("said", "seen", "changed", "tried")),
        sa.Column("wait", sa.String(32), nullable=True),
        sa.Column("wait_note", sa.String(300), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_label", sa.String(120), nullable=False),
        sa.Column("close_note", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("refund >= 0", name=op.f("ck_channel_returns_refund")),
        sa.CheckConstraint("return_id IS NULL OR order_id IS NOT NULL", name=op.f("ck_channel_returns_order")),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_label = '')", name=op.f("ck_channel_returns_closed")),
        *(sa.ForeignKeyConstraint([key], [f"{table}.id"], name=op.f(f"fk_channel_returns_{key}"))
          for key, table in KEYS.items()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_returns")),
        sa.UniqueConstraint("shop_id", "external_no", name=op.f("uq_channel_returns_shop_id_external_no")),
    )  # fmt: skip
    op.create_index("ix_channel_returns_order", "channel_returns", ["order_id"])
    op.create_index(
        "uq_channel_returns_return", "channel_returns", ["return_id"], unique=True,
        postgresql_where=sa.text("return_id IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_channel_returns_waiting", "channel_returns", ["shop_id", "tried_at"],
        postgresql_where=sa.text("wait IS NOT NULL AND closed_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_channel_returns_changed", "channel_returns", ["shop_id", "changed_at"])


def downgrade() -> None:
    """Without them."""
    op.drop_table("channel_returns")
    op.drop_column("channel_connections", "returns_error")
