"""Documents: who sells, the documents issued and their prints, rates of VAT, and how SKUs stand to VAT."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CHECKS = (
    ("status IN ('issued', 'voided')", "kept"),
    ("sequence > 0", "sequence"),
    ("net >= 0 AND vat >= 0 AND exempt >= 0 AND net + vat + exempt = total", "amounts"),
    ("(status = 'voided') = (voided_at IS NOT NULL AND void_reason IS NOT NULL)", "voided"),
    ("replaced_by_id IS NULL OR status = 'voided'", "replaced"),
)


def _seller() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_en", sa.String(200), nullable=False),
        sa.Column("tax_id", sa.String(13), nullable=False),
        sa.Column("is_vat_registered", sa.Boolean(), nullable=False),
        sa.Column("vat_from", sa.Date(), nullable=True),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("email", sa.String(200), nullable=False),
        sa.Column("site_url", sa.String(200), nullable=False),
        sa.Column("era", sa.String(32), nullable=False),
        sa.Column("footer", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_companies_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
    )
    op.create_table(
        "company_branches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(5), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("address", sa.String(500), nullable=False),
        sa.Column("address_en", sa.String(500), nullable=False),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_branches")),
        sa.UniqueConstraint("code", name=op.f("uq_company_branches_code")),
    )
    for table, column, parent in (
        ("branch_shops", "shop_id", "shops"),
        ("branch_warehouses", "warehouse_id", "warehouses"),
    ):
        op.create_table(
            table,
            sa.Column(column, sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("branch_id", sa.BigInteger(), nullable=False),
            sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=op.f(f"fk_{table}_{column}")),
            sa.ForeignKeyConstraint(["branch_id"], ["company_branches.id"], name=op.f(f"fk_{table}_branch_id")),
            sa.PrimaryKeyConstraint(column, name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_branch_id"), table, ["branch_id"])
    op.create_table(
        "document_settings",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("prefix", sa.String(6), nullable=False),
        sa.Column("footer", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_document_settings")),
        sa.UniqueConstraint("prefix", name=op.f("uq_document_settings_prefix")),
    )
    op.create_table(
        "vat_rates",
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("rate_bp", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("added_by", sa.String(120), nullable=False),
        sa.CheckConstraint("rate_bp >= 0 AND rate_bp < 10000", name=op.f("ck_vat_rates_rate")),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_vat_rates_span")),
        sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_vat_rates")),
    )
    op.execute(
        "INSERT INTO vat_rates (valid_from, rate_bp, note, added_by) VALUES ('1999-04-01', 700,"
        " '6.3 % + 0.7 % ท้องถิ่น; อัตราลดตามพระราชกฤษฎีกา ตรวจเมื่อมีพระราชกฤษฎีกาใหม่', 'Ruam')"
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("series", sa.String(30), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("branch", sa.String(5), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("tax_point", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("buyer_name", sa.String(200), nullable=False),
        sa.Column("buyer_tax_id", sa.String(13), nullable=False),
        sa.Column("buyer_branch", sa.String(5), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("vat", sa.BigInteger(), nullable=False),
        sa.Column("exempt", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("vat_rate_bp", sa.Integer(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("checksum", sa.String(64), nullable=False),
        sa.Column("token", sa.String(40), nullable=False),
        sa.Column("refers_to_id", sa.BigInteger(), nullable=True),
        sa.Column("replaces_id", sa.BigInteger(), nullable=True),
        sa.Column("replaced_by_id", sa.BigInteger(), nullable=True),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.BigInteger(), nullable=True),
        sa.Column("issued_label", sa.String(120), nullable=False),
        sa.Column("prints", sa.Integer(), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_label", sa.String(120), nullable=False),
        sa.Column("void_reason", sa.String(32), nullable=True),
        sa.Column("void_note", sa.String(500), nullable=False),
        sa.Column("idempotency_key", sa.String(120), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_documents_{name}")) for rule, name in CHECKS),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_documents_customer_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_documents_refund_id")),
        *(
            sa.ForeignKeyConstraint([name], ["documents.id"], name=op.f(f"fk_documents_{name}"))
            for name in ("refers_to_id", "replaces_id", "replaced_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("series", "sequence", name=op.f("uq_documents_series_sequence")),
        *(
            sa.UniqueConstraint(name, name=op.f(f"uq_documents_{name}"))
            for name in ("number", "token", "replaces_id", "replaced_by_id", "idempotency_key")
        ),
    )
    newest = [sa.text("issued_on DESC"), sa.text("id DESC")]
    op.create_index("ix_documents_kind", "documents", ["kind", *newest])
    op.create_index("ix_documents_issued", "documents", newest)
    op.create_index(
        "ix_documents_customer", "documents", ["customer_id", sa.text("id DESC")],
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_documents_refers", "documents", ["refers_to_id"], postgresql_where=sa.text("refers_to_id IS NOT NULL")
    )
    op.create_index("ix_documents_tax_point", "documents", ["tax_point", "kind"])


def _parts() -> None:
    op.create_table(
        "document_orders",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("is_live_tax", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_orders_document_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_document_orders_order_id")),
        sa.PrimaryKeyConstraint("document_id", "order_id", name=op.f("pk_document_orders")),
    )
    op.create_index("ix_document_orders_order", "document_orders", ["order_id", "document_id"])
    op.create_index(
        "uq_document_orders_tax", "document_orders", ["order_id"], unique=True,
        postgresql_where=sa.text("is_live_tax"),
    )  # fmt: skip
    op.create_table(
        "document_prints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("paper", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_prints_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_prints")),
    )
    op.create_index(op.f("ix_document_prints_document_id"), "document_prints", ["document_id"])


def upgrade() -> None:
    op.add_column("skus", sa.Column("vat_class", sa.String(32), server_default="standard", nullable=False))
    _seller()
    _documents()
    _parts()


def downgrade() -> None:
    for table in (
        "document_prints",
        "document_orders",
        "documents",
        "vat_rates",
        "document_settings",
        "branch_warehouses",
        "branch_shops",
        "company_branches",
        "companies",
    ):
        op.drop_table(table)
    op.drop_column("skus", "vat_class")
