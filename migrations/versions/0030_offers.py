"""Stock offers to channels.

A SKU whose free pieces change is noted by the database itself, in the transaction that changes them: every way stock
moves is covered, at the price of nothing while no shop is offered stock.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


NOTE = """
CREATE FUNCTION note_stock_touches() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM channel_connections WHERE offers AND is_active) THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO stock_touches (sku_id) SELECT DISTINCT sku_id FROM fresh;
        ELSE
            INSERT INTO stock_touches (sku_id)
            SELECT DISTINCT f.sku_id FROM fresh f
            JOIN old_rows o ON o.sku_id = f.sku_id AND o.warehouse_id = f.warehouse_id
            WHERE f.on_hand - f.reserved <> o.on_hand - o.reserved;
        END IF;
    END IF;
    RETURN NULL;
END $$
"""
ON_UPDATE = """
CREATE TRIGGER note_touches_of_changes AFTER UPDATE ON stock_levels
REFERENCING OLD TABLE AS old_rows NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION note_stock_touches()
"""
ON_INSERT = """
CREATE TRIGGER note_touches_of_new_rows AFTER INSERT ON stock_levels
REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION note_stock_touches()
"""


def _channel_listings() -> None:
    op.create_table(
        "channel_listings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("external_sku", sa.String(200), nullable=False),
        sa.Column("name", sa.String(300), server_default="", nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=True),
        sa.Column("multiplier", sa.Integer(), server_default="1", nullable=False),
        sa.Column("shown", sa.Integer(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=True),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(300), server_default="", nullable=False),
        sa.Column("is_live", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_channel_listings_shop_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.id"], name=op.f("fk_channel_listings_sku_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_listings")),
        sa.UniqueConstraint("shop_id", "external_id", name=op.f("uq_channel_listings_shop_id_external_id")),
    )
    op.create_index(
        "ix_channel_listings_owed",
        "channel_listings",
        ["shop_id", "wanted_at"],
        postgresql_where=sa.text("is_live AND wanted IS NOT NULL AND wanted IS DISTINCT FROM sent"),
    )
    op.create_index("ix_channel_listings_sku", "channel_listings", ["sku_id"])


def _offer_rules() -> None:
    op.create_table(
        "offer_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Integer(), server_default="100", nullable=False),
        sa.Column("buffer", sa.Integer(), server_default="0", nullable=False),
        sa.Column("least", sa.Integer(), server_default="0", nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("buffer >= 0 AND least >= 0 AND most >= 0", name=op.f("ck_offer_rules_pieces")),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_offer_rules_percent")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_offer_rules_shop_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.id"], name=op.f("fk_offer_rules_sku_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_rules")),
    )
    op.create_index(
        "uq_offer_rules", "offer_rules", ["shop_id", "sku_id"], unique=True, postgresql_nulls_not_distinct=True
    )


def _offer_policies() -> None:
    op.create_table(
        "offer_policies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=True),
        sa.Column("over_offer", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("last_pieces", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_shop_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("last_pieces >= 0", name=op.f("ck_offer_policies_last_pieces")),
        sa.ForeignKeyConstraint(["last_shop_id"], ["shops.id"], name=op.f("fk_offer_policies_last_shop_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.id"], name=op.f("fk_offer_policies_sku_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_policies")),
    )
    op.create_index("uq_offer_policies", "offer_policies", ["sku_id"], unique=True, postgresql_nulls_not_distinct=True)


def _stock_touches() -> None:
    op.create_table(
        "stock_touches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_touches")),
    )


def upgrade() -> None:
    """Make the tables, and have changes of stock noted."""
    _channel_listings()
    _offer_rules()
    _offer_policies()
    _stock_touches()
    op.execute(NOTE)
    op.execute(ON_UPDATE)
    op.execute(ON_INSERT)


def downgrade() -> None:
    """Take them away."""
    op.execute("DROP TRIGGER note_touches_of_changes ON stock_levels")
    op.execute("DROP TRIGGER note_touches_of_new_rows ON stock_levels")
    op.execute("DROP FUNCTION note_stock_touches()")
    for name in ("stock_touches", "offer_policies", "offer_rules", "channel_listings"):
        op.drop_table(name)
