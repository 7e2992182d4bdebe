"""Who writes in chats: one row for each person and account, and their words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "chat_writers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), server_default="", nullable=False),
        sa.Column("thread", sa.String(400), server_default="", nullable=False),
        _moment("first_at"),
        _moment("last_at"),
        _moment("asked_at", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["message_accounts.id"], name=op.f("fk_chat_writers_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_writers")),
    )
    op.create_index("uq_chat_writers", "chat_writers", ["account_id", "address"], unique=True)
    op.create_index("ix_chat_writers_address", "chat_writers", ["address"])
    op.create_index("ix_chat_writers_last", "chat_writers", [sa.text("last_at DESC"), sa.text("id DESC")])
    op.create_index("ix_chat_writers_unasked", "chat_writers", ["id"], postgresql_where=sa.text("asked_at IS NULL"))
    op.create_table(
        "chat_words",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("writer_id", sa.BigInteger(), nullable=False),
        sa.Column("told_id", sa.String(200), nullable=False),
        _moment("at"),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["writer_id"], ["chat_writers.id"], name=op.f("fk_chat_words_writer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_words")),
    )
    op.create_index("uq_chat_words", "chat_words", ["writer_id", "told_id"], unique=True)
    op.create_index("ix_chat_words_writer", "chat_words", ["writer_id", sa.text("at DESC"), sa.text("id DESC")])
    op.create_index("ix_chat_words_at", "chat_words", ["at"])


def downgrade() -> None:
    """Both go."""
    op.drop_table("chat_words")
    op.drop_table("chat_writers")
