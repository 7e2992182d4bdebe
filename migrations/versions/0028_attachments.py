"""Files kept with an order: which page of which file, kept once, and the box that a photo shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number the pages, refuse the same page twice, name the shipment of a packing photo."""
    op.add_column("order_attachments", sa.Column("page", sa.Integer(), server_default="1", nullable=False))
    op.add_column("order_attachments", sa.Column("pages", sa.Integer(), server_default="1", nullable=False))
    op.create_index("ix_order_attachments_file", "order_attachments", ["file_key"])
    op.create_index(
        "uq_order_attachments_page", "order_attachments", ["order_id", "sha256", "page"], unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )  # fmt: skip
    op.create_table(
        "shipment_pictures",
        sa.Column("attachment_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["order_attachments.id"], name=op.f("fk_shipment_pictures_attachment_id")
        ),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_shipment_pictures_shipment_id")),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_shipment_pictures")),
    )
    op.create_index("ix_shipment_pictures_shipment_id", "shipment_pictures", ["shipment_id"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("shipment_pictures")
    op.drop_index("uq_order_attachments_page", "order_attachments")
    op.drop_index("ix_order_attachments_file", "order_attachments")
    op.drop_column("order_attachments", "pages")
    op.drop_column("order_attachments", "page")
