"""The two-way link to remote warehouses: sites, packages, messages, and what was told of which shipment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ID = sa.Identity(always=False)


def stamp(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def upgrade() -> None:
    op.create_table(
        "remote_sites",
        sa.Column("id", sa.BigInteger(), ID, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("silent_hours", sa.Integer(), nullable=False),
        *(sa.Column(n, sa.BigInteger(), nullable=False) for n in ("out_seq", "out_have", "in_seq", "told_have")),
        *(sa.Column(n, sa.String(64), nullable=False) for n in ("out_previous", "in_previous")),
        stamp("heard_at", null=True),
        stamp("sent_at", null=True),
        sa.Column("trouble", postgresql.JSONB(), nullable=True),
        stamp("trouble_at", null=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        stamp("snapshot_at", null=True),
        stamp("created_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "out_have >= 0 AND out_have <= out_seq AND in_seq >= 0", name=op.f("ck_remote_sites_numbers")
        ),
        sa.CheckConstraint("silent_hours BETWEEN 1 AND 720", name=op.f("ck_remote_sites_silent_hours")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_remote_sites_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_sites")),
        *(sa.UniqueConstraint(n, name=op.f(f"uq_remote_sites_{n}")) for n in ("code", "warehouse_id", "token_sha256")),
    )
    op.create_table(
        "remote_packages",
        sa.Column("id", sa.BigInteger(), ID, nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        stamp("at"),
        sa.ForeignKeyConstraint(["site_id"], ["remote_sites.id"], name=op.f("fk_remote_packages_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_packages")),
    )
    op.create_index(
        "uq_remote_packages", "remote_packages", ["site_id", "way", "seq"], unique=True,
        postgresql_where=sa.text("state <> 'conflict'"),
    )  # fmt: skip
    op.create_index("ix_remote_packages_site", "remote_packages", ["site_id", "id"])
    op.create_table(
        "remote_messages",
        sa.Column("id", sa.BigInteger(), ID, nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        stamp("at"),
        sa.Column("package_seq", sa.BigInteger(), nullable=True),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("problem", postgresql.JSONB(), nullable=True),
        sa.Column("problem_code", sa.String(64), nullable=False),
        sa.Column("decided_by", sa.String(120), nullable=False),
        stamp("decided_at", null=True),
        sa.Column("note", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["remote_sites.id"], name=op.f("fk_remote_messages_site_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_remote_messages_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_messages")),
    )
    op.create_index("uq_remote_messages", "remote_messages", ["site_id", "way", "uid"], unique=True)
    for name, columns, where in (
        ("parked", ["site_id", "id"], "state = 'parked'"),
        ("waiting", ["site_id", "id"], "state IN ('waiting', 'packed')"),
        ("shipment", ["shipment_id"], "shipment_id IS NOT NULL"),
    ):
        op.create_index(f"ix_remote_messages_{name}", "remote_messages", columns, postgresql_where=sa.text(where))
    op.create_table(
        "remote_orders",
        sa.Column("shipment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], name=op.f("fk_remote_orders_shipment_id")),
        sa.ForeignKeyConstraint(["site_id"], ["remote_sites.id"], name=op.f("fk_remote_orders_site_id")),
        sa.PrimaryKeyConstraint("shipment_id", name=op.f("pk_remote_orders")),
    )
    op.create_index("ix_remote_orders_told", "remote_orders", ["site_id"], postgresql_where=sa.text("state = 'told'"))


def downgrade() -> None:
    for name in ("remote_orders", "remote_messages", "remote_packages", "remote_sites"):
        op.drop_table(name)
