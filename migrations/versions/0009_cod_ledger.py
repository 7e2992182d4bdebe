"""COD ledger at work: refusals, write-offs, lines taken back, terms of carriers; entries for parcels under way.

COD orders that left before the ledger existed and are not settled get an entry as hand-over would have made it now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHECKS = {
    "refused": "status <> 'refused' OR (expected = 0 AND collected = 0 AND remitted = 0)",
    "unpaid": "status NOT IN ('expected', 'collected') OR remitted = 0",
    "short": "status <> 'short' OR remitted < expected",
    "remitted": "status <> 'remitted' OR remitted + written_off >= expected",
}
CARRIER = """
    CASE WHEN o.channel = 'shopee' THEN 'Shopee' WHEN o.channel = 'lazada' THEN 'Lazada'
      WHEN o.channel = 'tiktok' THEN 'TikTok Shop'
      WHEN s.carrier ~* '^(flash|แฟลช)' THEN 'Flash Express' WHEN s.carrier ~* '^j ?[&n]?(and)? ?t' THEN 'J&T Express'
      WHEN s.carrier ~* '^(kex|kerry|เคอ)' THEN 'KEX Express' WHEN s.carrier ~* '^(ไปรษณีย์|ems|thai)' THEN 'Thailand Post'
      WHEN s.carrier ~* '^(spx|shopee)' THEN 'SPX Express' WHEN s.carrier ILIKE 'ninja%' THEN 'Ninja Van'
      WHEN s.carrier ILIKE 'best%' THEN 'Best Express' WHEN s.carrier ILIKE 'dhl%' THEN 'DHL eCommerce'
      ELSE s.carrier END
"""
BACKFILL = f"""
    INSERT INTO cod_entries (shipment_id, order_id, carrier, tracking_no, status, to_collect, expected, collected,
      remitted, fee, written_off, handed_over_at, collected_at, settle_from, note, version)
    SELECT s.id, o.id, {CARRIER},
      coalesce((SELECT upper(replace(min(p.tracking_no), ' ', '')) FROM parcels p WHERE p.shipment_id = s.id AND p.is_live), ''),
      CASE WHEN s.status = 'delivered' THEN 'collected' ELSE 'expected' END, o.missing, o.missing,
      CASE WHEN s.status = 'delivered' THEN o.missing ELSE 0 END, 0, 0, 0, coalesce(s.handed_over_at, s.created_at),
      CASE WHEN s.status = 'delivered' THEN coalesce(s.delivered_at, s.handed_over_at) END,
      CASE WHEN s.status = 'delivered' THEN coalesce(s.delivered_at, s.handed_over_at) + interval '5 days' END, '', 1
    FROM (
      SELECT o.id, o.channel, o.total
          - coalesce((SELECT sum(l.total * l.canceled / l.quantity) FROM order_lines l WHERE l.order_id = o.id), 0)
          - coalesce((SELECT sum(a.amount) FROM allocations a JOIN payment_claims c ON c.id = a.claim_id
                      WHERE a.order_id = o.id AND c.status = 'verified'), 0)
          + coalesce((SELECT sum(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.status = 'paid'), 0) AS missing
      FROM orders o WHERE o.payment_term = 'cod' AND o.status = 'confirmed') o
    JOIN LATERAL (
      SELECT s.* FROM shipments s WHERE s.status IN ('handed_over', 'delivered')
        AND s.id IN (SELECT sl.shipment_id FROM shipment_lines sl WHERE sl.order_id = o.id)
      ORDER BY s.id LIMIT 1) s ON true
    WHERE o.missing > 0 AND NOT EXISTS (SELECT 1 FROM cod_entries e WHERE e.order_id = o.id)
"""
FOLLOW = """
    UPDATE orders o SET payment_status = 'cod_collected', version = o.version + 1
    WHERE o.payment_status = 'cod_pending' AND EXISTS (
      SELECT 1 FROM cod_entries e WHERE e.order_id = o.id AND e.status = 'collected')
"""


def upgrade() -> None:
    op.create_table(
        "cod_carriers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("carrier", sa.String(length=80), nullable=False),
        sa.Column("late_days", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("late_days BETWEEN 0 AND 90", name=op.f("ck_cod_carriers_late_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cod_carriers")),
        sa.UniqueConstraint("carrier", name=op.f("uq_cod_carriers_carrier")),
    )
    op.add_column("cod_entries", sa.Column("written_off", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("cod_entries", sa.Column("refusal", sa.String(32), nullable=True))
    op.add_column("cod_rounds", sa.Column("note", sa.String(length=500), server_default="", nullable=False))
    op.add_column("cod_round_lines", sa.Column("reverses_id", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(op.f("uq_cod_round_lines_reverses_id"), "cod_round_lines", ["reverses_id"])
    op.create_foreign_key(
        op.f("fk_cod_round_lines_reverses_id"), "cod_round_lines", "cod_round_lines", ["reverses_id"], ["id"]
    )
    op.create_index("ix_cod_round_lines_tracking", "cod_round_lines", ["tracking_no"])
    op.create_check_constraint(
        op.f("ck_cod_round_lines_amount"), "cod_round_lines", "(amount >= 0) = (reverses_id IS NULL) OR amount = 0"
    )
    op.execute(BACKFILL)
    op.execute(FOLLOW)
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_cod_entries_{name}"), "cod_entries", rule)


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_cod_entries_{name}"), "cod_entries", type_="check")
    op.drop_constraint(op.f("ck_cod_round_lines_amount"), "cod_round_lines", type_="check")
    op.drop_index("ix_cod_round_lines_tracking", table_name="cod_round_lines")
    op.drop_constraint(op.f("fk_cod_round_lines_reverses_id"), "cod_round_lines", type_="foreignkey")
    op.drop_constraint(op.f("uq_cod_round_lines_reverses_id"), "cod_round_lines", type_="unique")
    op.drop_column("cod_round_lines", "reverses_id")
    op.drop_column("cod_rounds", "note")
    op.drop_column("cod_entries", "refusal")
    op.drop_column("cod_entries", "written_off")
    op.drop_table("cod_carriers")
