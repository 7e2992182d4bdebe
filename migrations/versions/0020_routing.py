"""Rules that choose a warehouse, and why one was chosen.

Shops say whether their orders always leave from one warehouse or from the best one; orders keep the reason, the pin, the
other places and the urgent mark. The index of open orders carries the other places, so that counting a warehouse's
orders stays a walk through the index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

OPEN = sa.text("closed_at IS NULL")
KEYS = ["board", "shop_id", "warehouse_id", "owner_id"]
LISTS = {"channels": sa.String(32), "shop_ids": sa.BigInteger(), "provinces": sa.String(60)}
GOODS = {"sku_ids": sa.BigInteger(), "product_ids": sa.BigInteger()}


def upgrade() -> None:
    op.add_column("shops", sa.Column("routing", sa.String(32), server_default="fixed", nullable=False))
    op.add_column("shops", sa.Column("may_split", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    for name in ("warehouse_pinned", "is_urgent"):
        op.add_column("orders", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("orders", sa.Column("warehouse_reason", JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("orders", sa.Column("also_in", ARRAY(sa.BigInteger()), nullable=True))
    op.drop_index("ix_orders_open", table_name="orders")
    op.create_index("ix_orders_open", "orders", KEYS, postgresql_include=["also_in"], postgresql_where=OPEN)
    op.create_index(
        "ix_orders_short", "orders", [sa.text("is_urgent DESC"), "confirmed_at", "id"],
        postgresql_where=sa.text("stock_state = 'short' AND closed_at IS NULL"),
    )  # fmt: skip
    op.create_table(
        "routing_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, ARRAY(kind), nullable=False) for name, kind in (LISTS | GOODS).items()),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_routing_rules_days")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_routing_rules_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_rules")),
    )
    op.create_index("ix_routing_rules_active", "routing_rules", ["rank", "id"], postgresql_where=sa.text("is_active"))


def downgrade() -> None:
    op.drop_table("routing_rules")
    op.drop_index("ix_orders_short", table_name="orders")
    op.drop_index("ix_orders_open", table_name="orders")
    op.create_index("ix_orders_open", "orders", KEYS, postgresql_where=OPEN)
    for name in ("also_in", "warehouse_reason", "is_urgent", "warehouse_pinned"):
        op.drop_column("orders", name)
    for name in ("may_split", "routing"):
        op.drop_column("shops", name)
