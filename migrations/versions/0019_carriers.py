"""Carriers as data, their bookings and number ranges.

The nine carriers a Thai shop meets are put in, with what is publicly known of them; a shop's contract may say
otherwise, so all of it is kept in the panel.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

COD_LIMIT = 50_000_00  # satang
STANDARD = [("std", "ธรรมดา")]
CARRIERS: tuple[dict[str, Any], ...] = (
    {
        "code": "thaipost", "name": "Thailand Post", "adapter": "thaipost", "phone": "1545", "cod": COD_LIMIT,
        "weight": 20_000, "girth": 120, "cut_off": "16:30",
        "services": [("EMS", "EMS"), ("REG", "ลงทะเบียน"), ("ECO", "eCo-Post")],
        "url": "https://track.thailandpost.co.th/?trackNumber={number}", "pattern": r"[A-Z]{2}\d{9}TH",
    },
    {
        "code": "flash", "name": "Flash Express", "adapter": "flash", "phone": "1436", "cod": COD_LIMIT,
        "weight": 50_000, "side": 150, "girth": 280, "cut_off": "17:00",
        "services": [("1", "ธรรมดา"), ("2", "ด่วน"), ("4", "ของใหญ่"), ("5", "ผลไม้")],
        "url": "https://www.flashexpress.com/fle/tracking?se={number}", "pattern": r"THT?\d{2}[0-9A-Z]{6,14}",  # codespell:ignore
    },
    {
        "code": "jt", "name": "J&T Express", "phone": "1470", "cod": COD_LIMIT, "weight": 50_000, "girth": 280,
        "cut_off": "17:00", "services": STANDARD,
        "url": "https://www.jtexpress.co.th/index/query/gzquery.html?bills={number}",
        "pattern": r"([678]\d{11}|JT\d{10,14}|JNT[0-9A-Z]{8,14})",
    },
    {
        "code": "kex", "name": "KEX Express", "phone": "1217", "cod": COD_LIMIT, "weight": 25_000, "girth": 200,
        "cut_off": "17:00", "services": STANDARD, "url": "https://th.kex-express.com/th/track/?track={number}",
        "pattern": r"(SHP|KEX|KER|KBK)[0-9A-Z]{7,13}",
    },
    {
        "code": "spx", "name": "SPX Express", "cod": COD_LIMIT, "weight": 20_000, "girth": 180, "cut_off": "17:00",
        "services": STANDARD, "url": "https://spx.co.th/track?{number}",
        "pattern": r"SPXTH\d{10,14}[0-9A-Z]?|TH\d{13,15}[A-Z]?",
    },
    {
        "code": "dhl", "name": "DHL eCommerce", "cod": COD_LIMIT, "weight": 30_000, "cut_off": "17:00",
        "services": [("PDO", "ในประเทศ"), ("PDE", "ในประเทศ ด่วน")],
        "url": "https://www.dhl.com/th-th/home/tracking.html?tracking-id={number}",
        "pattern": r"(GM|LX|RX|UV|CN|SG|IN|HK|MY)[0-9A-Z]{10,39}|\d{14}",
    },
    {
        "code": "ninjavan", "name": "Ninja Van", "adapter": "ninjavan", "cod": COD_LIMIT, "weight": 30_000,
        "cut_off": "17:00",
        "services": [("Standard", "ธรรมดา"), ("Express", "ด่วน"), ("Nextday", "วันถัดไป"), ("Sameday", "ภายในวัน")],
        "url": "https://www.ninjavan.co/th-th/tracking?id={number}",
        "pattern": r"(NVTH|NJVTH|NVTHTH|LZTH|SHPTH)[0-9A-Z]{6,14}",
    },
    {
        "code": "best", "name": "Best Express", "cod": COD_LIMIT, "weight": 50_000, "girth": 280, "cut_off": "17:00",
        "services": STANDARD, "url": "https://www.best-inc.co.th/track?bills={number}", "pattern": r"\d{13}",
    },
    {
        "code": "lalamove", "name": "Lalamove", "weight": 20_000,
        "services": [("MOTORCYCLE", "มอเตอร์ไซค์"), ("CAR", "รถเก๋ง")],
    },
)  # fmt: skip


def _carriers() -> None:
    op.create_table(
        "carriers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(24), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("adapter", sa.String(24), server_default="", nullable=False),
        sa.Column("services", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("tracking_url", sa.String(300), server_default="", nullable=False),
        sa.Column("number_pattern", sa.String(200), server_default="", nullable=False),
        sa.Column("cod_allowed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cod_limit", sa.BigInteger(), nullable=True),
        sa.Column("max_weight_grams", sa.Integer(), nullable=True),
        sa.Column("max_side_cm", sa.Integer(), nullable=True),
        sa.Column("max_girth_cm", sa.Integer(), nullable=True),
        sa.Column("cut_off", sa.String(5), server_default="", nullable=False),
        sa.Column("phone", sa.String(40), server_default="", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("host", sa.String(200), server_default="", nullable=False),
        sa.Column("options", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.Column("hook_token", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped", sa.String(20), server_default="", nullable=False),
        sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(300), server_default="", nullable=False),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("cod_limit > 0", name=op.f("ck_carriers_cod_limit")),
        sa.CheckConstraint(
            "max_weight_grams > 0 AND max_side_cm > 0 AND max_girth_cm > 0", name=op.f("ck_carriers_limits")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carriers")),
        sa.UniqueConstraint("code", name=op.f("uq_carriers_code")),
        sa.UniqueConstraint("name", name=op.f("uq_carriers_name")),
        sa.UniqueConstraint("hook_token", name=op.f("uq_carriers_hook_token")),
    )
    names = ("code", "name", "adapter", "services", "tracking_url", "number_pattern", "cod_allowed", "cod_limit",
             "max_weight_grams", "max_side_cm", "max_girth_cm", "cut_off", "phone", "hook_token")  # fmt: skip
    kinds: dict[str, Any] = {
        "services": JSONB(), "cod_allowed": sa.Boolean(), "cod_limit": sa.BigInteger(),
        "max_weight_grams": sa.Integer(), "max_side_cm": sa.Integer(), "max_girth_cm": sa.Integer(),
    }  # fmt: skip
    table = sa.table("carriers", *(sa.column(name, kinds.get(name, sa.String())) for name in names))
    op.bulk_insert(
        table,
        [
            {
                "code": c["code"], "name": c["name"], "adapter": c.get("adapter", ""),
                "tracking_url": c.get("url", ""), "services": [{"code": x, "name": name} for x, name in c["services"]],
                "number_pattern": c.get("pattern", ""), "cod_allowed": "cod" in c, "cod_limit": c.get("cod"),
                "max_weight_grams": c.get("weight"), "max_side_cm": c.get("side"), "max_girth_cm": c.get("girth"),
                "cut_off": c.get("cut_off", ""), "phone": c.get("phone", ""), "hook_token": secrets.token_urlsafe(32),
            }
            for c in CARRIERS
        ],
    )  # fmt: skip


def _choices() -> None:
    op.create_table(
        "carrier_choices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=True),
        sa.Column("carrier_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(40), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_carrier_choices_shop_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_carrier_choices_warehouse_id")),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_carrier_choices_carrier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_choices")),
    )
    op.create_index(
        "uq_carrier_choices", "carrier_choices", ["shop_id", "warehouse_id"], unique=True,
        postgresql_nulls_not_distinct=True,
    )  # fmt: skip


def _ranges() -> None:
    op.create_table(
        "carrier_number_ranges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("carrier_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(40), server_default="", nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("suffix", sa.String(12), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(32), nullable=False),
        sa.Column("first_serial", sa.BigInteger(), nullable=False),
        sa.Column("last_serial", sa.BigInteger(), nullable=False),
        sa.Column("next_serial", sa.BigInteger(), nullable=False),
        sa.Column("warn_below", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "0 <= first_serial AND first_serial <= last_serial", name=op.f("ck_carrier_number_ranges_serials")
        ),
        sa.CheckConstraint(
            "first_serial <= next_serial AND next_serial <= last_serial + 1",
            name=op.f("ck_carrier_number_ranges_next"),
        ),
        sa.CheckConstraint("digits BETWEEN 1 AND 15", name=op.f("ck_carrier_number_ranges_digits")),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_carrier_number_ranges_carrier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_number_ranges")),
    )
    op.create_index(
        "ix_carrier_number_ranges", "carrier_number_ranges", ["carrier_id", "prefix", "suffix", "first_serial"]
    )


def _bookings() -> None:
    op.create_table(
        "carrier_bookings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("carrier_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("ref", sa.String(80), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("cod", sa.BigInteger(), nullable=False),
        sa.Column("weight_grams", sa.Integer(), nullable=False),
        sa.Column("own_number", sa.String(80), nullable=False),
        sa.Column("tracking_no", sa.String(80), nullable=False),
        sa.Column("sort_code", sa.String(40), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=True),
        sa.Column("has_label", sa.Boolean(), nullable=False),
        sa.Column("label_key", sa.String(80), nullable=False),
        sa.Column("resume", sa.String(200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem_field", sa.String(40), nullable=False),
        sa.Column("raw_code", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(120), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("weight_grams > 0", name=op.f("ck_carrier_bookings_weight")),
        sa.CheckConstraint("cod >= 0", name=op.f("ck_carrier_bookings_cod")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("fk_carrier_bookings_parcel_id")),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_carrier_bookings_carrier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_bookings")),
        sa.UniqueConstraint("parcel_id", name=op.f("uq_carrier_bookings_parcel_id")),
    )
    op.create_index("uq_carrier_bookings_ref", "carrier_bookings", ["carrier_id", "ref"], unique=True)
    op.create_index(
        "ix_carrier_bookings_open", "carrier_bookings", ["status", "id"],
        postgresql_where=sa.text("status NOT IN ('booked', 'canceled')"),
    )  # fmt: skip


def upgrade() -> None:
    _carriers()
    _choices()
    _ranges()
    _bookings()


def downgrade() -> None:
    for name in ("carrier_bookings", "carrier_number_ranges", "carrier_choices", "carriers"):
        op.drop_table(name)
