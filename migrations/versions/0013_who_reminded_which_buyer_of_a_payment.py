"""Who reminded which buyer of a payment, so that two clerks do not nag the same one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_reminders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_reminders_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_reminders")),
    )
    op.create_index("ix_payment_reminders_order", "payment_reminders", ["order_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_payment_reminders_order", table_name="payment_reminders")
    op.drop_table("payment_reminders")
