"""One person's orders are listed without reading everybody's: an index on owner and time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_orders_owner",
        "orders",
        ["owner_id", sa.text("placed_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_orders_owner", table_name="orders", postgresql_where=sa.text("owner_id IS NOT NULL"))
