"""Messages to customers: what is owed, how it was tried, the routes, the words, and what customers said about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def _id() -> sa.Column:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _version() -> sa.Column:
    return sa.Column("version", sa.Integer(), server_default="1", nullable=False)


def _text(name: str, size: int, default: str | None = "") -> sa.Column:
    return sa.Column(name, sa.String(size), server_default=default, nullable=False)


def _settings() -> None:
    op.create_table(
        "message_settings",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("events_off", ARRAY(sa.String(32)), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("quiet_from", sa.SmallInteger(), server_default="21", nullable=False),
        sa.Column("quiet_to", sa.SmallInteger(), server_default="8", nullable=False),
        _text("public_url", 200),
        sa.Column("platform_buyers", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("remind_hours", sa.SmallInteger(), server_default="0", nullable=False),
        _version(),
        sa.CheckConstraint("id = 1", name=op.f("ck_message_settings_one")),
        sa.CheckConstraint(
            "quiet_from BETWEEN 0 AND 23 AND quiet_to BETWEEN 0 AND 23", name=op.f("ck_message_settings_quiet")
        ),
        sa.CheckConstraint("remind_hours BETWEEN 0 AND 168", name=op.f("ck_message_settings_remind_hours")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_settings")),
    )


def _accounts() -> None:
    op.create_table(
        "message_accounts",
        _id(),
        sa.Column("route", sa.String(32), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        _text("language", 2, "th"),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _text("host", 200),
        sa.Column("options", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.Column("hook_token", sa.String(64), nullable=False),
        sa.Column("reserve", sa.Integer(), server_default="0", nullable=False),
        sa.Column("quota", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), server_default="0", nullable=False),
        _moment("counted_at"),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        _moment("closed_until"),
        _text("stopped", 20),
        _moment("last_ok_at"),
        _text("last_error", 300),
        _moment("last_error_at"),
        _version(),
        sa.CheckConstraint("reserve >= 0", name=op.f("ck_message_accounts_reserve")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_message_accounts_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_message_accounts_name")),
        sa.UniqueConstraint("hook_token", name=op.f("uq_message_accounts_hook_token")),
    )
    op.create_index(
        "uq_message_accounts_place", "message_accounts", ["route", "shop_id"], unique=True,
        postgresql_nulls_not_distinct=True, postgresql_where=sa.text("is_active"),
    )  # fmt: skip


def _templates() -> None:
    op.create_table(
        "message_templates",
        _id(),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("form", sa.String(32), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        _text("subject", 200),
        sa.Column("body", sa.Text(), nullable=False),
        _moment("changed_at", nullable=False),
        sa.Column("changed_by", sa.String(120), nullable=False),
        _version(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_templates")),
    )
    op.create_index("uq_message_templates", "message_templates", ["event", "form", "language"], unique=True)


def _notices() -> None:
    op.create_table(
        "notices",
        _id(),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("revision", sa.String(40), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reason", JSONB(), nullable=True),
        _moment("at", nullable=False),
        _moment("ended_at"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_notices_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index("uq_notices", "notices", ["order_id", "event", "revision"], unique=True)
    op.create_index("ix_notices_at", "notices", [sa.text("at DESC"), sa.text("id DESC")])
    op.create_index(
        "ix_notices_status", "notices", ["status", "id"], postgresql_where=sa.text("status IN ('open', 'trouble')")
    )


def _messages() -> None:
    op.create_table(
        "messages",
        _id(),
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("revision", sa.String(40), nullable=False),
        sa.Column("route", sa.String(32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        _text("recipient", 200),
        _text("subject", 200),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        _text("told", 300),
        sa.Column("parts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unsure", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _text("retry_key", 36),
        _moment("first_try_at"),
        _moment("next_try_at", nullable=False),
        _moment("lease_until"),
        _text("provider_id", 200),
        _text("error_code", 80),
        sa.Column("error", JSONB(), nullable=True),
        _moment("created_at", nullable=False),
        _moment("ended_at"),
        _text("ended_by", 120),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name=op.f("fk_messages_notice_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_messages_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["message_accounts.id"], name=op.f("fk_messages_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_notice_id"), "messages", ["notice_id"])
    op.create_index("uq_messages", "messages", ["order_id", "event", "revision", "route"], unique=True)
    op.create_index(
        "ix_messages_due", "messages", ["account_id", "next_try_at", "id"],
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )  # fmt: skip
    op.create_index(
        "ix_messages_work", "messages", ["state", "id"],
        postgresql_where=sa.text("state IN ('needs_person', 'failed', 'to_copy')"),
    )  # fmt: skip
    op.create_index("ix_messages_created", "messages", [sa.text("created_at DESC"), sa.text("id DESC")])


def _people() -> None:
    op.create_table(
        "message_contacts",
        _id(),
        sa.Column("route", sa.String(32), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        _moment("heard_at"),
        _moment("unreachable_at"),
        _text("why", 200),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_contacts")),
    )
    op.create_index("uq_message_contacts", "message_contacts", ["route", "address"], unique=True)
    op.create_table(
        "message_consents",
        _id(),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("route", sa.String(32), nullable=True),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(200), nullable=False),
        _moment("at", nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_message_consents_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_consents")),
    )
    op.create_index("ix_message_consents", "message_consents", ["customer_id", sa.text("id DESC")])
    op.create_table(
        "staff_subscriptions",
        _id(),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        _text("name", 120),
        sa.Column("route", sa.String(32), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("kinds", ARRAY(sa.String(32)), nullable=False),
        _text("language", 2, "th"),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("rights", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        _text("told_hash", 64),
        _moment("told_at"),
        _text("error", 300),
        _version(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_subscriptions")),
    )
    op.create_index("uq_staff_subscriptions", "staff_subscriptions", ["user_id", "route"], unique=True)


def upgrade() -> None:
    """Make the tables."""
    _settings()
    _accounts()
    _templates()
    _notices()
    _messages()
    _people()


def downgrade() -> None:
    """Take them away."""
    for name in (
        "staff_subscriptions", "message_consents", "message_contacts", "messages", "notices", "message_templates",
        "message_accounts", "message_settings",
    ):  # fmt: skip
        op.drop_table(name)
