"""What is owed over all time is added up from an index alone: it carries the columns that the sheet sums."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OWING = (
    "fulfillment_status IN ('partial', 'shipped', 'delivered') AND payment_status NOT IN"
    " ('paid', 'overpaid', 'partially_refunded', 'refunded')"
)


def upgrade() -> None:
    op.drop_index("ix_orders_owing", table_name="orders")
    op.create_index(
        "ix_orders_owing", "orders", ["id"], postgresql_where=sa.text(_OWING),
        postgresql_include=["payment_term", "total", "verified_amount", "term_approved_at", "status"],
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_orders_owing", table_name="orders")
    op.create_index("ix_orders_owing", "orders", ["id"], postgresql_where=sa.text(_OWING))
