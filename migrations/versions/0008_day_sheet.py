"""What the close-of-day sheet reads: when a reversed payment had been verified, and indexes by the day goods left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OWING = (
    "fulfillment_status IN ('partial', 'shipped', 'delivered') AND payment_status NOT IN"
    " ('paid', 'overpaid', 'partially_refunded', 'refunded')"
)


def upgrade() -> None:
    op.add_column("payment_claims", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_payment_claims_verified", "payment_claims", ["verified_at"],
        postgresql_where=sa.text("verified_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_shipments_left", "shipments", ["handed_over_at"], postgresql_where=sa.text("handed_over_at IS NOT NULL")
    )
    op.create_index("ix_orders_owing", "orders", ["id"], postgresql_where=sa.text(_OWING))
    op.create_index("ix_order_lines_canceled", "order_lines", ["order_id"], postgresql_where=sa.text("canceled > 0"))
    op.execute(
        "UPDATE payment_claims c SET verified_at = (SELECT min(u.at) FROM audit_log u WHERE u.action ="
        " 'payment.verified' AND u.after ->> 'claim' = c.id::text) WHERE c.status = 'reversed'"
    )


def downgrade() -> None:
    op.drop_index("ix_order_lines_canceled", table_name="order_lines")
    op.drop_index("ix_orders_owing", table_name="orders")
    op.drop_index("ix_shipments_left", table_name="shipments")
    op.drop_index("ix_payment_claims_verified", table_name="payment_claims")
    op.drop_column("payment_claims", "verified_at")
