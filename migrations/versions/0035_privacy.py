"""Personal data: requests, consents, erased customers, how long raw data is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("intake_runs", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_intake_runs_unpurged", "intake_runs", ["created_at"], postgresql_where=sa.text("purged_at IS NULL")
    )
    op.create_index(
        "ix_slips_pictures", "slips", ["decided_at"],
        postgresql_where=sa.text("picture_key <> '' AND decided_at IS NOT NULL"),
    )  # fmt: skip
    op.create_table(
        "privacy_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(120), nullable=False),
        sa.Column("answer", sa.String(500), nullable=False),
        sa.CheckConstraint("status <> 'refused' OR answer <> ''", name=op.f("ck_privacy_requests_refused")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_privacy_requests_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_requests")),
    )
    op.create_index(op.f("ix_privacy_requests_customer_id"), "privacy_requests", ["customer_id"])
    op.create_index(
        "ix_privacy_requests_open", "privacy_requests", ["due_at", "id"], postgresql_where=sa.text("status = 'open'")
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(60), nullable=False),
        sa.Column("wording", sa.String(60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_consents_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_customer", "consents", ["customer_id", "purpose", "id"])
    op.create_table(
        "retention_rules",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("intake_days", sa.Integer(), nullable=False),
        sa.Column("slip_days", sa.Integer(), nullable=False),
        sa.Column("paper_years", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_retention_rules_one")),
        sa.CheckConstraint(
            "intake_days >= 30 AND slip_days >= 365 AND paper_years >= 5", name=op.f("ck_retention_rules_least")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rules")),
    )


def downgrade() -> None:
    for table in ("retention_rules", "consents", "privacy_requests"):
        op.drop_table(table)
    op.drop_index("ix_slips_pictures", table_name="slips")
    op.drop_index("ix_intake_runs_unpurged", table_name="intake_runs")
    op.drop_column("intake_runs", "purged_at")
    op.drop_column("customers", "anonymised_at")
