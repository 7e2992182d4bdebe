"""Public links of orders: what a link opens, and how long somebody made it live."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


LIVE = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    op.add_column("tracking_links", sa.Column("opens", sa.String(32), server_default="parcel", nullable=False))
    op.add_column("tracking_links", sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("uq_tracking_links_live", table_name="tracking_links")
    op.create_index(
        "uq_tracking_links_live", "tracking_links", ["order_id", "opens"], unique=True, postgresql_where=LIVE
    )


def downgrade() -> None:
    op.drop_index("uq_tracking_links_live", table_name="tracking_links")
    op.execute("DELETE FROM tracking_links WHERE opens <> 'parcel'")
    op.create_index("uq_tracking_links_live", "tracking_links", ["order_id"], unique=True, postgresql_where=LIVE)
    op.drop_column("tracking_links", "kept_until")
    op.drop_column("tracking_links", "opens")
