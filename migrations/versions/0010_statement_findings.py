"""What a statement file says of itself is kept on its run; a match knows whether it made the money count.

Undoing a match must take the money back where the match had made it count, and only tick it off again where a slip had.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("intake_runs", sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("statement_matches", sa.Column("counts", sa.Boolean(), server_default="false", nullable=False))
    op.create_index(
        "ix_statement_lines_payer", "statement_lines", ["payer_name"], postgresql_where=sa.text("payer_name <> ''")
    )
    op.create_index("ix_statement_lines_listed", "statement_lines", [sa.text("booked_at DESC"), sa.text("id DESC")])


def downgrade() -> None:
    op.drop_index("ix_statement_lines_listed", table_name="statement_lines")
    op.drop_index(
        "ix_statement_lines_payer", table_name="statement_lines", postgresql_where=sa.text("payer_name <> ''")
    )
    op.drop_column("statement_matches", "counts")
    op.drop_column("intake_runs", "findings")
