"""When a shipment has to leave: kept on it, so that a long queue of work is sorted by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shipments", sa.Column("ship_by", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE shipments SET ship_by = due.first FROM (SELECT l.shipment_id, min(o.ship_by) AS first "
        "FROM shipment_lines l JOIN orders o ON o.id = l.order_id GROUP BY l.shipment_id) due "
        "WHERE due.shipment_id = shipments.id"
    )
    op.create_index("ix_shipments_due", "shipments", ["status", "ship_by", "id"])


def downgrade() -> None:
    op.drop_index("ix_shipments_due", table_name="shipments")
    op.drop_column("shipments", "ship_by")
