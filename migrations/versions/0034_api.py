"""Keys, idempotency and outgoing webhooks of the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def _id() -> sa.Column:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, size: int, default: str | None = "") -> sa.Column:
    return sa.Column(name, sa.String(size), server_default=default, nullable=False)


def _keys() -> None:
    op.create_table(
        "api_keys",
        _id(),
        _text("name", 80, None),
        _text("start", 16, None),
        _text("token_sha256", 64, None),
        sa.Column("actions", ARRAY(sa.String(64)), nullable=False),
        sa.Column("shops", ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("warehouses", ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("per_minute", sa.Integer(), server_default="600", nullable=False),
        _moment("created_at", nullable=False),
        _text("created_by", 120, None),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        _moment("last_used_at"),
        _text("last_ip", 64),
        _moment("revoked_at"),
        _text("revoked_by", 120),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_keys_token_sha256")),
    )
    op.create_table(
        "api_answers",
        _id(),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        _text("idempotency_key", 80, None),
        _text("request_sha256", 64, None),
        sa.Column("status", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        _moment("created_at", nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_api_answers_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_answers")),
        sa.UniqueConstraint("key_id", "idempotency_key", name=op.f("uq_api_answers_key_id_idempotency_key")),
    )
    op.create_index("ix_api_answers_created", "api_answers", ["created_at"])


def _hooks() -> None:
    op.create_table(
        "api_hooks",
        _id(),
        _text("name", 80, None),
        _text("url", 500, None),
        sa.Column("events", ARRAY(sa.String(32)), nullable=False),
        sa.Column("shops", ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _text("stopped", 20),
        _moment("failing_since"),
        _moment("last_ok_at"),
        _text("last_error", 300),
        _moment("last_error_at"),
        _moment("created_at", nullable=False),
        _text("created_by", 120, None),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_hooks")),
        sa.UniqueConstraint("name", name=op.f("uq_api_hooks_name")),
    )
    op.create_table(
        "api_deliveries",
        _id(),
        sa.Column("hook_id", sa.BigInteger(), nullable=False),
        _text("event", 32, None),
        _text("event_id", 80, None),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        _text("status", 32, None),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answer_status", sa.Integer(), nullable=True),
        _text("last_error", 300),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        _moment("created_at", nullable=False),
        _moment("tried_at"),
        _moment("delivered_at"),
        sa.ForeignKeyConstraint(["hook_id"], ["api_hooks.id"], name=op.f("fk_api_deliveries_hook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_deliveries")),
        sa.UniqueConstraint("hook_id", "event_id", name=op.f("uq_api_deliveries_hook_id_event_id")),
    )
    op.create_index("ix_api_deliveries_hook", "api_deliveries", ["hook_id", sa.text("id DESC")])
    op.create_index("ix_api_deliveries_created", "api_deliveries", ["created_at"])


def upgrade() -> None:
    """Make the tables."""
    _keys()
    _hooks()


def downgrade() -> None:
    """Take them away."""
    op.drop_table("api_deliveries")
    op.drop_table("api_hooks")
    op.drop_table("api_answers")
    op.drop_table("api_keys")
