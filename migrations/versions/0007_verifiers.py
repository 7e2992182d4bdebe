"""What a slip verifier was stopped for, so that it is shown and nobody asks in vain; and whether a question can have
arrived, so that "used before" by our own earlier question is told from another shop's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slip_checks", sa.Column("arrived", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("verifier_accounts", sa.Column("stopped", sa.String(20), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("verifier_accounts", "stopped")
    op.drop_column("slip_checks", "arrived")
