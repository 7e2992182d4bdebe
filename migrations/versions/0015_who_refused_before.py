"""Who refused cash on delivery before is asked at every COD order: the parcel's phone stands on its COD entry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cod_entries", sa.Column("phone", sa.String(40), server_default="", nullable=False))
    op.execute("UPDATE cod_entries e SET phone = o.ship_phone FROM orders o WHERE o.id = e.order_id")
    op.create_index("ix_cod_entries_refused", "cod_entries", ["phone"], postgresql_where=sa.text("status = 'refused'"))


def downgrade() -> None:
    op.drop_index("ix_cod_entries_refused", table_name="cod_entries")
    op.drop_column("cod_entries", "phone")
