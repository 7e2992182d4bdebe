"""The pace of a shop gets a table of its own: a page that is taken in holds the connection's row for its whole while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was counted beside the connection is forgotten: it is about the second that passes."""
    op.create_table(
        "channel_paces",
        sa.Column("connection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["channel_connections.id"], name=op.f("fk_channel_paces_connection_id")
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_channel_paces")),
    )
    op.drop_column("channel_connections", "tokens")
    op.drop_column("channel_connections", "tokens_at")


def downgrade() -> None:
    """Back beside the connection."""
    op.add_column("channel_connections", sa.Column("tokens", sa.Float(), server_default="0", nullable=False))
    op.add_column("channel_connections", sa.Column("tokens_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_table("channel_paces")
