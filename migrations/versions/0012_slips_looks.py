"""Slips: what a picture looks like in 2,048 bits.

64 bits cannot tell two slips of one bank apart (docs/adr/0071). Slips without a reference are found by an index: every
slip with one is compared with them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BIT

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("slips", "look")
    op.add_column("slips", sa.Column("look", BIT(2048), nullable=True))
    op.create_index("ix_slips_loose", "slips", ["id"], postgresql_where=sa.text("reference = ''"))


def downgrade() -> None:
    op.drop_index("ix_slips_loose", "slips", postgresql_where=sa.text("reference = ''"))
    op.drop_column("slips", "look")
    op.add_column("slips", sa.Column("look", sa.BigInteger(), nullable=True))
