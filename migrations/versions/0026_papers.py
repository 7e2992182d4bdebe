"""The document centre: bundles for the accountant, the letterhead's logo and color, attachments of orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ID = sa.Identity(always=False)


def stamp(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def upgrade() -> None:
    op.create_table(
        "document_bundles",
        sa.Column("id", sa.BigInteger(), ID, nullable=False),
        sa.Column("form", sa.String(32), nullable=False),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("document_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("scope", postgresql.JSONB(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_label", sa.String(120), nullable=False),
        sa.Column("file_key", sa.String(80), nullable=True),
        sa.Column("failed", postgresql.ARRAY(sa.String(80)), nullable=False),
        stamp("created_at"),
        stamp("finished_at", null=True),
        sa.CheckConstraint("done >= 0 AND done <= cardinality(document_ids)", name=op.f("ck_document_bundles_done")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_bundles")),
    )
    op.create_index("ix_document_bundles_user", "document_bundles", ["user_id", "id"])
    op.add_column("companies", sa.Column("logo", sa.LargeBinary(), nullable=True))
    op.add_column("companies", sa.Column("color", sa.String(7), server_default="", nullable=False))
    op.create_table(
        "order_attachments",
        sa.Column("id", sa.BigInteger(), ID, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("file_key", sa.String(80), nullable=False),
        sa.Column("thumb_key", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        stamp("at"),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        stamp("removed_at", null=True),
        sa.Column("removed_by", sa.String(120), nullable=False),
        sa.Column("remove_reason", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_attachments_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_attachments")),
    )
    op.create_index("ix_order_attachments_order", "order_attachments", ["order_id", "id"])


def downgrade() -> None:
    op.drop_table("order_attachments")
    op.drop_column("companies", "color")
    op.drop_column("companies", "logo")
    op.drop_table("document_bundles")
