"""Customers: merges, further tax identities, groups and their prices, the blacklist, addresses of refused parcels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

REFUSED = sa.text("status = 'refused' AND address_key <> ''")


def _columns() -> None:
    op.add_column("customers", sa.Column("merged_into_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key("fk_customers_merged_into_id", "customers", "customers", ["merged_into_id"], ["id"])
    op.create_index(
        "ix_customers_merged", "customers", ["merged_into_id"], postgresql_where=sa.text("merged_into_id IS NOT NULL")
    )
    op.create_index(
        "ix_customer_addresses_phone", "customer_addresses", ["phone"], postgresql_where=sa.text("phone <> ''")
    )
    op.add_column("order_lines", sa.Column("price_reason", sa.String(60), server_default="", nullable=False))
    op.add_column("cod_entries", sa.Column("address_key", sa.String(120), server_default="", nullable=False))
    op.create_index("ix_cod_entries_refused_at", "cod_entries", ["address_key"], postgresql_where=REFUSED)


def _people() -> None:
    op.create_table(
        "customer_merges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kept_id", sa.BigInteger(), nullable=False),
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("moved", JSONB(), nullable=False),
        sa.Column("filled", JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["kept_id"], ["customers.id"], name=op.f("fk_customer_merges_kept_id")),
        sa.ForeignKeyConstraint(["gone_id"], ["customers.id"], name=op.f("fk_customer_merges_gone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_merges")),
    )
    op.create_index(op.f("ix_customer_merges_kept_id"), "customer_merges", ["kept_id"])
    op.create_index(op.f("ix_customer_merges_gone_id"), "customer_merges", ["gone_id"])
    op.create_index(
        "uq_customer_merges_live", "customer_merges", ["gone_id"], unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )  # fmt: skip
    op.create_table(
        "customer_tax_identities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("tax_id", sa.String(13), nullable=False),
        sa.Column("branch", sa.String(5), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_tax_identities_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_tax_identities")),
    )
    op.create_index(
        "uq_customer_tax_identities",
        "customer_tax_identities",
        ["customer_id", "tax_id", "branch", "name"],
        unique=True,
    )


def _prices() -> None:
    op.create_table(
        "customer_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_customer_groups_name")),
    )
    op.create_table(
        "group_prices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(120), nullable=False),
        sa.CheckConstraint("price >= 0", name=op.f("ck_group_prices_price")),
        sa.ForeignKeyConstraint(["group_id"], ["customer_groups.id"], name=op.f("fk_group_prices_group_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.id"], name=op.f("fk_group_prices_sku_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_prices")),
    )
    op.create_index("uq_group_prices", "group_prices", ["group_id", "sku_id"], unique=True)
    op.create_index(op.f("ix_group_prices_sku_id"), "group_prices", ["sku_id"])


def _blacklist() -> None:
    op.create_table(
        "blacklist",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("value", sa.String(120), nullable=False),
        sa.Column("shown", sa.String(300), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(120), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(120), nullable=False),
        sa.Column("lift_note", sa.String(300), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_blacklist_reason")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_blacklist_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blacklist")),
    )
    op.create_index(op.f("ix_blacklist_customer_id"), "blacklist", ["customer_id"])
    op.create_index(
        "uq_blacklist_live", "blacklist", ["kind", "value"], unique=True, postgresql_where=sa.text("lifted_at IS NULL")
    )


def upgrade() -> None:
    _columns()
    _people()
    _prices()
    _blacklist()


def downgrade() -> None:
    for table in ("blacklist", "group_prices", "customer_groups", "customer_tax_identities", "customer_merges"):
        op.drop_table(table)
    op.drop_index("ix_cod_entries_refused_at", table_name="cod_entries")
    op.drop_column("cod_entries", "address_key")
    op.drop_column("order_lines", "price_reason")
    op.drop_index("ix_customer_addresses_phone", table_name="customer_addresses")
    op.drop_index("ix_customers_merged", table_name="customers")
    op.drop_constraint("fk_customers_merged_into_id", "customers")
    op.drop_column("customers", "merged_into_id")
