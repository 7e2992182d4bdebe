"""Returns and claims against carriers.

Order lines count what is promised back, so that the database itself bounds returns by what left (R8). Orders whose
goods came back and that owe nothing are no debts.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

OWING = "fulfillment_status IN ({goods}) AND payment_status NOT IN ({settled})"
BEFORE = OWING.format(
    goods="'partial', 'shipped', 'delivered'", settled="'paid', 'overpaid', 'partially_refunded', 'refunded'"
)
AFTER = OWING.format(
    goods="'partial', 'shipped', 'delivered', 'returned'",
    settled="'paid', 'overpaid', 'partially_refunded', 'refunded', 'nothing_due'",
)
INCLUDED = ["payment_term", "total", "verified_amount", "term_approved_at", "status"]


def upgrade() -> None:
    op.add_column("order_lines", sa.Column("coming_back", sa.Integer(), server_default="0", nullable=False))
    op.drop_constraint(op.f("ck_order_lines_returned"), "order_lines", type_="check")
    op.create_check_constraint(
        op.f("ck_order_lines_returned"),
        "order_lines",
        "returned >= 0 AND coming_back >= 0 AND returned + coming_back <= shipped",
    )
    _owing(AFTER)
    _returns()
    _return_lines()
    _return_arrivals()
    _carrier_claims()
    _carrier_claim_files()
    _return_rules()


def downgrade() -> None:
    for name in (
        "return_rules", "carrier_claim_files", "carrier_claims", "return_arrivals", "return_lines", "returns",
    ):  # fmt: skip
        op.drop_table(name)
    _owing(BEFORE)
    op.drop_constraint(op.f("ck_order_lines_returned"), "order_lines", type_="check")
    op.create_check_constraint(op.f("ck_order_lines_returned"), "order_lines", "returned >= 0 AND returned <= shipped")
    op.drop_column("order_lines", "coming_back")


def _owing(condition: str) -> None:
    op.drop_index("ix_orders_owing", table_name="orders")
    op.create_index(
        "ix_orders_owing", "orders", ["id"], postgresql_include=INCLUDED, postgresql_where=sa.text(condition)
    )


def _returns() -> None:
    op.create_table(
        "returns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("goods_stay", sa.Boolean(), nullable=False),
        sa.Column("carrier", sa.String(80), nullable=False),
        sa.Column("tracking_no", sa.String(80), nullable=False),
        sa.Column("scanned", sa.String(80), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=True),
        sa.Column("requested_label", sa.String(120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_label", sa.String(120), nullable=False),
        sa.Column("decision_note", sa.String(500), nullable=False),
        sa.Column("in_transit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("carrier_returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_label", sa.String(120), nullable=False),
        sa.Column("inspected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inspected_label", sa.String(120), nullable=False),
        sa.Column("count_note", sa.String(500), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_label", sa.String(120), nullable=False),
        sa.Column("resolution", sa.String(32), nullable=True),
        sa.Column("resolution_note", sa.String(500), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("store_credit", sa.BigInteger(), nullable=False),
        sa.Column("trip_cost", sa.BigInteger(), nullable=False),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.Column("new_order_id", sa.BigInteger(), nullable=True),
        sa.Column("credit_note_id", sa.BigInteger(), nullable=True),
        sa.Column("credit_note", sa.String(40), nullable=False),
        sa.Column("idempotency_key", sa.String(120), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("credit >= 0 AND store_credit >= 0 AND trip_cost >= 0", name=op.f("ck_returns_amounts")),
        sa.CheckConstraint("credit = 0 OR status = 'resolved'", name=op.f("ck_returns_credit")),
        sa.CheckConstraint(
            "status NOT IN ('received', 'inspected') OR (received_at IS NOT NULL AND received_label <> '')",
            name=op.f("ck_returns_received"),
        ),
        sa.CheckConstraint("(status = 'resolved') = (resolution IS NOT NULL)", name=op.f("ck_returns_resolution")),
        sa.ForeignKeyConstraint(["new_order_id"], ["orders.id"], name=op.f("fk_returns_new_order_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_returns_order_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_returns_refund_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_returns_shipment_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_returns_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returns")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_returns_idempotency_key")),
        sa.UniqueConstraint("number", name=op.f("uq_returns_number")),
    )
    op.create_index(
        op.f("ix_returns_new_order"), "returns", ["new_order_id"], postgresql_where=sa.text("new_order_id IS NOT NULL")
    )
    op.create_index(
        op.f("ix_returns_open"),
        "returns",
        ["status", "requested_at"],
        postgresql_where=sa.text("status IN ('requested', 'approved', 'in_transit', 'received', 'inspected')"),
    )
    op.create_index(op.f("ix_returns_order_id"), "returns", ["order_id"])
    op.create_index(op.f("ix_returns_shipment"), "returns", ["shipment_id"])
    op.create_index(
        op.f("ix_returns_tracking"), "returns", ["tracking_no"], postgresql_where=sa.text("tracking_no <> ''")
    )
    op.create_index(
        op.f("uq_returns_rto"),
        "returns",
        ["shipment_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'rto' AND status = 'in_transit'"),
    )


def _return_lines() -> None:
    op.create_table(
        "return_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("resell", sa.Integer(), nullable=False),
        sa.Column("repair", sa.Integer(), nullable=False),
        sa.Column("damaged", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "resell + repair + damaged + missing + wrong = CASE WHEN is_counted THEN quantity ELSE 0 END",
            name=op.f("ck_return_lines_counted"),
        ),
        sa.CheckConstraint(
            "resell >= 0 AND repair >= 0 AND damaged >= 0 AND missing >= 0 AND wrong >= 0",
            name=op.f("ck_return_lines_counts"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_return_lines_quantity")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_return_lines_order_line_id")),
        sa.ForeignKeyConstraint(["return_id"], ["returns.id"], name=op.f("fk_return_lines_return_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_return_lines_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_lines")),
    )
    op.create_index(op.f("ix_return_lines_order_line_id"), "return_lines", ["order_line_id"])
    op.create_index(op.f("uq_return_lines"), "return_lines", ["return_id", "order_line_id", "shipment_id"], unique=True)


def _return_arrivals() -> None:
    op.create_table(
        "return_arrivals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("carrier", sa.String(80), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_label", sa.String(120), nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_label", sa.String(120), nullable=False),
        sa.Column("close_note", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(status = 'attached') = (return_id IS NOT NULL)", name=op.f("ck_return_arrivals_attached")),
        sa.CheckConstraint("code <> ''", name=op.f("ck_return_arrivals_code")),
        sa.ForeignKeyConstraint(["return_id"], ["returns.id"], name=op.f("fk_return_arrivals_return_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_return_arrivals_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_arrivals")),
    )
    op.create_index(op.f("ix_return_arrivals_code"), "return_arrivals", ["code"])
    op.create_index(
        op.f("uq_return_arrivals_waiting"),
        "return_arrivals",
        ["warehouse_id", "code"],
        unique=True,
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _carrier_claims() -> None:
    op.create_table(
        "carrier_claims",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("carrier", sa.String(80), nullable=False),
        sa.Column("tracking_no", sa.String(80), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("reference", sa.String(80), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_label", sa.String(120), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_label", sa.String(120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.String(500), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_label", sa.String(120), nullable=False),
        sa.Column("payment_reference", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status NOT IN ('accepted', 'paid') OR accepted > 0", name=op.f("ck_carrier_claims_accepted")
        ),
        sa.CheckConstraint(
            "amount > 0 AND accepted >= 0 AND accepted <= amount AND paid >= 0", name=op.f("ck_carrier_claims_amounts")
        ),
        sa.CheckConstraint("(status = 'paid') = (paid > 0)", name=op.f("ck_carrier_claims_paid")),
        sa.ForeignKeyConstraint(["return_id"], ["returns.id"], name=op.f("fk_carrier_claims_return_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_carrier_claims_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_claims")),
        sa.UniqueConstraint("number", name=op.f("uq_carrier_claims_number")),
    )
    op.create_index(
        op.f("ix_carrier_claims_open"),
        "carrier_claims",
        ["status", "due_on"],
        postgresql_where=sa.text("status IN ('open', 'sent', 'accepted')"),
    )
    op.create_index(
        op.f("ix_carrier_claims_return"),
        "carrier_claims",
        ["return_id"],
        postgresql_where=sa.text("return_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_carrier_claims_shipment_id"), "carrier_claims", ["shipment_id"])
    op.create_index(
        op.f("uq_carrier_claims_open"),
        "carrier_claims",
        ["shipment_id", "reason"],
        unique=True,
        postgresql_where=sa.text("status IN ('open', 'sent', 'accepted')"),
    )


def _carrier_claim_files() -> None:
    op.create_table(
        "carrier_claim_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("file_key", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_label", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["carrier_claims.id"], name=op.f("fk_carrier_claim_files_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_claim_files")),
        sa.UniqueConstraint("claim_id", "file_key", name=op.f("uq_carrier_claim_files_claim_id_file_key")),
    )
    op.create_index(op.f("ix_carrier_claim_files_claim_id"), "carrier_claim_files", ["claim_id"])


def _return_rules() -> None:
    op.create_table(
        "return_rules",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("alert_days", sa.Integer(), nullable=False),
        sa.Column("claim_days", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "alert_days BETWEEN 0 AND 90 AND claim_days BETWEEN 1 AND 365", name=op.f("ck_return_rules_days")
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_return_rules_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_rules")),
    )
