"""What always holds between channels and us, as plain SQL, apart from the verbs (see ``reports.invariants``)."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

# what is free to promise in the warehouses that orders are sent from
_FREE: Final = """
    free AS (
      SELECT l.sku_id, sum(l.on_hand - l.reserved) AS pieces FROM stock_levels l
      JOIN warehouses w ON w.id = l.warehouse_id WHERE w.is_active AND w.kind = 'own' GROUP BY l.sku_id),
    parts AS (
      SELECT bundle_id AS sku_id, component_id, quantity FROM bundle_items
      UNION ALL SELECT id, id, 1 FROM skus WHERE NOT is_bundle)
"""

CHANNEL_CHECKS: Final[tuple[Check, ...]] = (
    Check(
        7, "channel_orders_here", "what a channel told is one order here, or waits for a person",
        """
        SELECT c.shop_id, c.external_no, c.order_id, o.number FROM channel_orders c
        LEFT JOIN orders o ON o.id = c.order_id
        WHERE c.order_id IS NOT NULL AND (o.id IS NULL OR o.shop_id <> c.shop_id OR o.external_no <> c.external_no)
        UNION ALL
        SELECT c.shop_id, c.external_no, NULL, NULL FROM channel_orders c
        WHERE c.order_id IS NULL
          AND NOT EXISTS (SELECT 1 FROM intake_items i WHERE i.shop_id = c.shop_id AND i.key = c.external_no
            AND i.outcome IN ('quarantined', 'rejected'))
          AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = c.shop_id AND o.external_no = c.external_no)
        """,
    ),
    Check(
        7, "channel_orders_told", "an order that came by a channel's interface is in what the channel told",
        """
        SELECT o.id, o.number, o.external_no FROM imported_orders m JOIN intake_runs r ON r.id = m.run_id
        JOIN orders o ON o.id = m.order_id
        WHERE r.source <> 'file' AND NOT EXISTS (
          SELECT 1 FROM channel_orders c
          WHERE c.shop_id = o.shop_id AND c.external_no = o.external_no AND c.order_id = o.id)
        """,
    ),
    Check(
        9, "channel_deeds", "what a channel was told happened: goods left, or the order is canceled",
        """
        SELECT d.id, d.external_no, d.kind, o.number, o.status FROM channel_deeds d
        LEFT JOIN orders o ON o.id = d.order_id
        WHERE o.id IS NULL OR o.shop_id <> d.shop_id OR o.external_no IS DISTINCT FROM d.external_no
          OR (d.status = 'done') <> (d.done_at IS NOT NULL)
          OR (d.status = 'done' AND d.kind IN ('cancel', 'agree_cancel') AND o.status <> 'canceled')
          OR (d.status = 'done' AND d.kind = 'ship' AND NOT EXISTS (
            SELECT 1 FROM shipment_lines l JOIN shipments s ON s.id = l.shipment_id WHERE l.order_id = o.id
              AND s.status IN ('handed_over', 'delivered', 'returning', 'returned', 'lost')))
        """,
    ),
    Check(
        5, "channel_offers", "nothing is offered of what has no free piece, unless it is about to be worked out anew",
        f"""
        WITH {_FREE}
        SELECT l.id, l.external_sku, l.wanted, l.sent, min(coalesce(f.pieces, 0)) AS free FROM channel_listings l
        JOIN channel_connections c ON c.shop_id = l.shop_id AND c.offers AND c.is_active
        JOIN parts p ON p.sku_id = l.sku_id LEFT JOIN free f ON f.sku_id = p.component_id
        WHERE l.is_live AND l.wanted > 0
          AND NOT EXISTS (SELECT 1 FROM stock_touches t WHERE t.sku_id IN (l.sku_id, p.component_id))
        GROUP BY l.id HAVING min(coalesce(f.pieces, 0)) <= 0
        """,
    ),
    Check(
        4, "channel_returns", "a channel's return is a return of its shop's order, and its money is paid back once",
        """
        SELECT c.id, c.external_no, r.number, r.resolution FROM channel_returns c JOIN returns r ON r.id = c.return_id
        JOIN orders o ON o.id = r.order_id
        WHERE r.order_id IS DISTINCT FROM c.order_id OR o.shop_id <> c.shop_id
        UNION ALL
        SELECT r.id, r.number, f.number, r.resolution FROM returns r LEFT JOIN refunds f ON f.id = r.refund_id
        WHERE r.resolution = 'platform' AND (
          NOT EXISTS (SELECT 1 FROM channel_returns c WHERE c.return_id = r.id AND c.stage = 'refunded')
          OR (f.id IS NOT NULL AND (f.method <> 'payout' OR f.status <> 'paid')))
        """,
    ),
)  # fmt: skip
