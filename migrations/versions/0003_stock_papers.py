"""Numbered papers of stock work, and the two-person rule per kind of work.

A receipt or an adjustment is one paper with many lines; the paper carries the key that makes a repeat harmless.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval_policies",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_approval_policies")),
    )
    op.create_table(
        "stock_papers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket", sa.String(32), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=120), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_stock_papers_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_papers")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_stock_papers_idempotency_key")),
        sa.UniqueConstraint("number", name=op.f("uq_stock_papers_number")),
    )
    op.create_index("ix_stock_papers_at", "stock_papers", ["warehouse_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_stock_papers_at", table_name="stock_papers")
    op.drop_table("stock_papers")
    op.drop_table("approval_policies")
