"""Say why a slip was turned down.

A rejected slip names one of a few reasons, so that the customer can be told and reports can count them; free words
stay beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slips", sa.Column("reject_reason", sa.String(length=20), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("slips", "reject_reason")
