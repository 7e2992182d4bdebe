"""Money truth: slips and their verifiers, statements, the COD ledger, refunds, overrides, closed days.

Claims and allocations become a ledger of rows that are only added to; references of transfers move into one register.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_closings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("ties", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_closings")),
        sa.UniqueConstraint("day", name=op.f("uq_day_closings_day")),
    )
    op.create_table(
        "verifier_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("quota_left", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=False),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["receiving_accounts.id"], name=op.f("fk_verifier_accounts_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifier_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_verifier_accounts_name")),
    )
    op.create_table(
        "cod_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("carrier", sa.String(length=80), nullable=False),
        sa.Column("tracking_no", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("to_collect", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.Column("collected", sa.BigInteger(), nullable=False),
        sa.Column("remitted", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settle_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "to_collect > 0 AND expected >= 0 AND collected >= 0 AND remitted >= 0", name=op.f("ck_cod_entries_amounts")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_cod_entries_order_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_cod_entries_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cod_entries")),
        sa.UniqueConstraint("shipment_id", "order_id", name=op.f("uq_cod_entries_shipment_id_order_id")),
    )
    op.create_index(
        "ix_cod_entries_open",
        "cod_entries",
        ["carrier", "handed_over_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('expected', 'collected', 'short')"),
    )
    op.create_index(op.f("ix_cod_entries_order_id"), "cod_entries", ["order_id"], unique=False)
    op.create_index("ix_cod_entries_tracking", "cod_entries", ["tracking_no", "carrier"], unique=False)
    op.create_table(
        "cod_rounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("carrier", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("fees", sa.BigInteger(), nullable=False),
        sa.Column("round_fee", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=True),
        sa.Column("banked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("banked_by", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("net = gross - fees - round_fee", name=op.f("ck_cod_rounds_ties")),
        sa.ForeignKeyConstraint(["claim_id"], ["payment_claims.id"], name=op.f("fk_cod_rounds_claim_id")),
        sa.ForeignKeyConstraint(["run_id"], ["intake_runs.id"], name=op.f("fk_cod_rounds_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cod_rounds")),
        sa.UniqueConstraint("carrier", "reference", name=op.f("uq_cod_rounds_carrier_reference")),
    )
    op.create_index(
        "ix_cod_rounds_open", "cod_rounds", ["id"], unique=False, postgresql_where=sa.text("banked_at IS NULL")
    )
    op.create_table(
        "gate_overrides",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("covers", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=120), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_gate_overrides_reason")),
        sa.CheckConstraint("covers > 0", name=op.f("ck_gate_overrides_covers")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_gate_overrides_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_overrides")),
    )
    op.create_index("ix_gate_overrides_at", "gate_overrides", ["at"], unique=False)
    op.create_index(
        "uq_gate_overrides_live",
        "gate_overrides",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("to_bank", sa.String(length=40), nullable=False),
        sa.Column("to_account", sa.String(length=40), nullable=False),
        sa.Column("to_name", sa.String(length=200), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=True),
        sa.Column("requested_label", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_label", sa.String(length=120), nullable=False),
        sa.Column("decision_note", sa.String(length=500), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_label", sa.String(length=120), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("proof_key", sa.String(length=80), nullable=False),
        sa.Column("failure", sa.String(length=500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=120), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["receiving_accounts.id"], name=op.f("fk_refunds_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_refunds_idempotency_key")),
        sa.UniqueConstraint("number", name=op.f("uq_refunds_number")),
    )
    op.create_index(
        "ix_refunds_open",
        "refunds",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('requested', 'approved', 'failed')"),
    )
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
    op.create_index(
        "ix_refunds_paid", "refunds", ["paid_at"], unique=False, postgresql_where=sa.text("paid_at IS NOT NULL")
    )
    op.create_table(
        "slips",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("raw_key", sa.String(length=80), nullable=False),
        sa.Column("picture_key", sa.String(length=80), nullable=False),
        sa.Column("thumb_key", sa.String(length=80), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("look", sa.BigInteger(), nullable=True),
        sa.Column("alike_id", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(32), nullable=True),
        sa.Column("sending_bank", sa.String(length=10), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("crc_ok", sa.Boolean(), nullable=True),
        sa.Column("qr_payload", sa.String(length=600), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("claim_id", sa.BigInteger(), nullable=True),
        sa.Column("first_use_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("said_amount", sa.BigInteger(), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_amount", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payer_name", sa.String(length=200), nullable=False),
        sa.Column("receiver", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_label", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_label", sa.String(length=120), nullable=False),
        sa.Column("decision_note", sa.String(length=500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["receiving_accounts.id"], name=op.f("fk_slips_account_id")),
        sa.ForeignKeyConstraint(["alike_id"], ["slips.id"], name=op.f("fk_slips_alike_id")),
        sa.ForeignKeyConstraint(["claim_id"], ["payment_claims.id"], name=op.f("fk_slips_claim_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_slips_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slips")),
    )
    op.create_index(
        "ix_slips_claim", "slips", ["claim_id"], unique=False, postgresql_where=sa.text("claim_id IS NOT NULL")
    )
    op.create_index(
        "ix_slips_open",
        "slips",
        ["uploaded_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('received', 'waiting')"),
    )
    op.create_index(
        "ix_slips_order", "slips", ["order_id"], unique=False, postgresql_where=sa.text("order_id IS NOT NULL")
    )
    op.create_index("ix_slips_sha256", "slips", ["sha256"], unique=False)
    op.create_index(
        "ix_slips_time", "slips", [sa.literal_column("uploaded_at DESC"), sa.literal_column("id DESC")], unique=False
    )
    op.create_table(
        "statement_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("line_key", sa.String(length=40), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("has_time", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("balance_breaks", sa.Boolean(), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=False),
        sa.Column("payer_name", sa.String(length=200), nullable=False),
        sa.Column("payer_account", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("suggestions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("duplicate_of", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_statement_lines_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["receiving_accounts.id"], name=op.f("fk_statement_lines_account_id")),
        sa.ForeignKeyConstraint(["duplicate_of"], ["statement_lines.id"], name=op.f("fk_statement_lines_duplicate_of")),
        sa.ForeignKeyConstraint(["run_id"], ["intake_runs.id"], name=op.f("fk_statement_lines_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_lines")),
        sa.UniqueConstraint(
            "account_id", "line_key", "occurrence", name=op.f("uq_statement_lines_account_id_line_key_occurrence")
        ),
    )
    op.create_index("ix_statement_lines_amount", "statement_lines", ["account_id", "amount", "booked_at"], unique=False)
    op.create_index(
        "ix_statement_lines_open",
        "statement_lines",
        ["booked_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('unmatched', 'suggested', 'ambiguous')"),
    )
    op.create_index(
        "ix_statement_lines_time",
        "statement_lines",
        ["account_id", sa.literal_column("booked_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "cod_round_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("tracking_no", sa.String(length=80), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["cod_entries.id"], name=op.f("fk_cod_round_lines_entry_id")),
        sa.ForeignKeyConstraint(["round_id"], ["cod_rounds.id"], name=op.f("fk_cod_round_lines_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cod_round_lines")),
        sa.UniqueConstraint("round_id", "line", name=op.f("uq_cod_round_lines_round_id_line")),
    )
    op.create_index(op.f("ix_cod_round_lines_entry_id"), "cod_round_lines", ["entry_id"], unique=False)
    op.create_table(
        "slip_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slip_id", sa.BigInteger(), nullable=False),
        sa.Column("verifier_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["slip_id"], ["slips.id"], name=op.f("fk_slip_checks_slip_id")),
        sa.ForeignKeyConstraint(["verifier_id"], ["verifier_accounts.id"], name=op.f("fk_slip_checks_verifier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slip_checks")),
    )
    op.create_index(op.f("ix_slip_checks_slip_id"), "slip_checks", ["slip_id"], unique=False)
    op.create_table(
        "statement_matches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=True),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.CheckConstraint(
            "(amount > 0) = (reverses_id IS NULL) AND amount <> 0", name=op.f("ck_statement_matches_amount")
        ),
        sa.CheckConstraint(
            "num_nonnulls(claim_id, round_id, refund_id) = 1", name=op.f("ck_statement_matches_one_thing")
        ),
        sa.ForeignKeyConstraint(["claim_id"], ["payment_claims.id"], name=op.f("fk_statement_matches_claim_id")),
        sa.ForeignKeyConstraint(["line_id"], ["statement_lines.id"], name=op.f("fk_statement_matches_line_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_statement_matches_refund_id")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["statement_matches.id"], name=op.f("fk_statement_matches_reverses_id")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["cod_rounds.id"], name=op.f("fk_statement_matches_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_matches")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_statement_matches_reverses_id")),
    )
    op.create_index(op.f("ix_statement_matches_claim_id"), "statement_matches", ["claim_id"], unique=False)
    op.create_index(op.f("ix_statement_matches_line_id"), "statement_matches", ["line_id"], unique=False)
    op.create_index(op.f("ix_statement_matches_refund_id"), "statement_matches", ["refund_id"], unique=False)
    op.create_index(op.f("ix_statement_matches_round_id"), "statement_matches", ["round_id"], unique=False)
    op.create_table(
        "transfer_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sending_bank", sa.String(length=10), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("slip_id", sa.BigInteger(), nullable=True),
        sa.Column("claim_id", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_label", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["payment_claims.id"], name=op.f("fk_transfer_keys_claim_id")),
        sa.ForeignKeyConstraint(["slip_id"], ["slips.id"], name=op.f("fk_transfer_keys_slip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_keys")),
        sa.UniqueConstraint("sending_bank", "reference", name=op.f("uq_transfer_keys_sending_bank_reference")),
    )
    op.create_index(
        "ix_transfer_keys_reference", "transfer_keys", [sa.literal_column("upper(reference)")], unique=False
    )
    op.create_foreign_key(op.f("fk_slips_first_use_id"), "slips", "transfer_keys", ["first_use_id"], ["id"])
    op.add_column("allocations", sa.Column("reverses_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "allocations", sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )
    op.add_column("allocations", sa.Column("by", sa.String(length=120), server_default="", nullable=False))
    op.create_unique_constraint(op.f("uq_allocations_reverses_id"), "allocations", ["reverses_id"])
    op.create_foreign_key(op.f("fk_allocations_reverses_id"), "allocations", "allocations", ["reverses_id"], ["id"])
    op.add_column("intake_runs", sa.Column("account_id", sa.BigInteger(), nullable=True))
    op.add_column("intake_runs", sa.Column("carrier", sa.String(length=80), server_default="", nullable=False))
    op.create_foreign_key(
        op.f("fk_intake_runs_account_id"), "intake_runs", "receiving_accounts", ["account_id"], ["id"]
    )
    op.add_column("orders", sa.Column("entered_by", sa.BigInteger(), nullable=True))
    op.add_column("payment_claims", sa.Column("said_amount", sa.BigInteger(), nullable=True))
    op.add_column("payment_claims", sa.Column("customer_id", sa.BigInteger(), nullable=True))
    op.add_column("payment_claims", sa.Column("payer_name", sa.String(length=200), server_default="", nullable=False))
    op.create_index(
        "ix_payment_claims_customer",
        "payment_claims",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_payment_claims_decided",
        "payment_claims",
        ["decided_at"],
        unique=False,
        postgresql_where=sa.text("decided_at IS NOT NULL"),
    )
    op.create_index("ix_payment_claims_money", "payment_claims", ["account_id", "amount", "paid_at"], unique=False)
    op.create_foreign_key(op.f("fk_payment_claims_customer_id"), "payment_claims", "customers", ["customer_id"], ["id"])
    op.add_column("receiving_accounts", sa.Column("bank_code", sa.String(length=10), server_default="", nullable=False))
    op.add_column("receiving_accounts", sa.Column("biller_id", sa.String(length=15), server_default="", nullable=False))
    op.add_column(
        "receiving_accounts", sa.Column("ref3_prefix", sa.String(length=20), server_default="", nullable=False)
    )
    op.drop_constraint(op.f("ck_allocations_amount"), "allocations", type_="check")
    op.create_check_constraint(
        op.f("ck_allocations_amount"), "allocations", "(amount > 0) = (reverses_id IS NULL) AND amount <> 0"
    )
    op.execute(
        "UPDATE allocations a SET at = c.submitted_at, by = c.submitted_label FROM payment_claims c"
        " WHERE c.id = a.claim_id"
    )
    op.execute(
        "UPDATE payment_claims c SET customer_id = o.customer_id FROM allocations a JOIN orders o ON o.id = a.order_id"
        " WHERE a.claim_id = c.id AND o.customer_id IS NOT NULL"
    )
    op.execute(
        "INSERT INTO transfer_keys (sending_bank, reference, claim_id, taken_at, taken_label) "
        "SELECT sending_bank, reference, id, submitted_at, submitted_label FROM payment_claims "
        "WHERE reference IS NOT NULL ORDER BY id"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_allocations_amount"), "allocations", type_="check")
    op.create_check_constraint(op.f("ck_allocations_amount"), "allocations", "amount > 0")
    op.drop_constraint(op.f("fk_slips_first_use_id"), "slips", type_="foreignkey")
    op.drop_column("receiving_accounts", "ref3_prefix")
    op.drop_column("receiving_accounts", "biller_id")
    op.drop_column("receiving_accounts", "bank_code")
    op.drop_constraint(op.f("fk_payment_claims_customer_id"), "payment_claims", type_="foreignkey")
    op.drop_index("ix_payment_claims_money", table_name="payment_claims")
    op.drop_index(
        "ix_payment_claims_decided", table_name="payment_claims", postgresql_where=sa.text("decided_at IS NOT NULL")
    )
    op.drop_index(
        "ix_payment_claims_customer", table_name="payment_claims", postgresql_where=sa.text("customer_id IS NOT NULL")
    )
    op.drop_column("payment_claims", "payer_name")
    op.drop_column("payment_claims", "customer_id")
    op.drop_column("payment_claims", "said_amount")
    op.drop_column("orders", "entered_by")
    op.drop_constraint(op.f("fk_intake_runs_account_id"), "intake_runs", type_="foreignkey")
    op.drop_column("intake_runs", "carrier")
    op.drop_column("intake_runs", "account_id")
    op.drop_constraint(op.f("fk_allocations_reverses_id"), "allocations", type_="foreignkey")
    op.drop_constraint(op.f("uq_allocations_reverses_id"), "allocations", type_="unique")
    op.drop_column("allocations", "by")
    op.drop_column("allocations", "at")
    op.drop_column("allocations", "reverses_id")
    op.drop_index("ix_transfer_keys_reference", table_name="transfer_keys")
    op.drop_table("transfer_keys")
    op.drop_index(op.f("ix_statement_matches_round_id"), table_name="statement_matches")
    op.drop_index(op.f("ix_statement_matches_refund_id"), table_name="statement_matches")
    op.drop_index(op.f("ix_statement_matches_line_id"), table_name="statement_matches")
    op.drop_index(op.f("ix_statement_matches_claim_id"), table_name="statement_matches")
    op.drop_table("statement_matches")
    op.drop_index(op.f("ix_slip_checks_slip_id"), table_name="slip_checks")
    op.drop_table("slip_checks")
    op.drop_index(op.f("ix_cod_round_lines_entry_id"), table_name="cod_round_lines")
    op.drop_table("cod_round_lines")
    op.drop_index("ix_statement_lines_time", table_name="statement_lines")
    op.drop_index(
        "ix_statement_lines_open",
        table_name="statement_lines",
        postgresql_where=sa.text("status IN ('unmatched', 'suggested', 'ambiguous')"),
    )
    op.drop_index("ix_statement_lines_amount", table_name="statement_lines")
    op.drop_table("statement_lines")
    op.drop_index("ix_slips_time", table_name="slips")
    op.drop_index("ix_slips_sha256", table_name="slips")
    op.drop_index("ix_slips_order", table_name="slips", postgresql_where=sa.text("order_id IS NOT NULL"))
    op.drop_index("ix_slips_open", table_name="slips", postgresql_where=sa.text("status IN ('received', 'waiting')"))
    op.drop_index("ix_slips_claim", table_name="slips", postgresql_where=sa.text("claim_id IS NOT NULL"))
    op.drop_table("slips")
    op.drop_index("ix_refunds_paid", table_name="refunds", postgresql_where=sa.text("paid_at IS NOT NULL"))
    op.drop_index(op.f("ix_refunds_order_id"), table_name="refunds")
    op.drop_index(
        "ix_refunds_open",
        table_name="refunds",
        postgresql_where=sa.text("status IN ('requested', 'approved', 'failed')"),
    )
    op.drop_table("refunds")
    op.drop_index("uq_gate_overrides_live", table_name="gate_overrides", postgresql_where=sa.text("revoked_at IS NULL"))
    op.drop_index("ix_gate_overrides_at", table_name="gate_overrides")
    op.drop_table("gate_overrides")
    op.drop_index("ix_cod_rounds_open", table_name="cod_rounds", postgresql_where=sa.text("banked_at IS NULL"))
    op.drop_table("cod_rounds")
    op.drop_index("ix_cod_entries_tracking", table_name="cod_entries")
    op.drop_index(op.f("ix_cod_entries_order_id"), table_name="cod_entries")
    op.drop_index(
        "ix_cod_entries_open",
        table_name="cod_entries",
        postgresql_where=sa.text("status IN ('expected', 'collected', 'short')"),
    )
    op.drop_table("cod_entries")
    op.drop_table("verifier_accounts")
    op.drop_table("day_closings")
