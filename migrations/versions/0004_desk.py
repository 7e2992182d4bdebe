"""What the desk keeps: saved filters of the order list, bulk work and its result per order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
    )
    op.create_index("uq_saved_views", "saved_views", ["user_id", "name"], unique=True)
    op.create_table(
        "bulk_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("params", postgresql.JSONB(), nullable=False),
        sa.Column("order_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("actor", postgresql.JSONB(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_label", sa.String(length=120), nullable=False),
        sa.Column("idempotency_key", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_runs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_bulk_runs_idempotency_key")),
    )
    op.create_table(
        "bulk_rows",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("message", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["bulk_runs.id"], name=op.f("fk_bulk_rows_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "order_id", name=op.f("pk_bulk_rows")),
    )


def downgrade() -> None:
    op.drop_table("bulk_rows")
    op.drop_table("bulk_runs")
    op.drop_index("uq_saved_views", table_name="saved_views")
    op.drop_table("saved_views")
