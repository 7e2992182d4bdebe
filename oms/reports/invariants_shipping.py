"""The invariants of shipments as plain SQL, apart from the verbs (see ``reports.invariants``)."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

_BEGUN: Final = "('ready', 'picking', 'packed', 'labeled')"
_LEFT: Final = "('handed_over', 'delivered', 'returning', 'returned', 'lost')"

_BOXED: Final = f"""
    boxed AS (
      SELECT sl.order_line_id AS id, s.warehouse_id, sum(sl.quantity) AS boxed, min(s.number) AS number
      FROM shipment_lines sl JOIN shipments s ON s.id = sl.shipment_id AND s.status IN {_BEGUN}
      GROUP BY sl.order_line_id, s.warehouse_id)
"""

BOXED_PIECES: Final = f"""
    WITH {_BOXED}
    SELECT min(b.number) AS number, l.order_id, l.id AS line_id, sum(b.boxed) AS boxed,
      l.quantity - l.canceled - l.shipped AS open
    FROM boxed b JOIN order_lines l USING (id) GROUP BY l.id
    HAVING sum(b.boxed) > l.quantity - l.canceled - l.shipped
"""

# a bundle is promised as its parts: that some are promised there is all that can be said without the parts of then
BOXED_PROMISES: Final = f"""
    WITH {_BOXED}
    SELECT b.number, l.order_id, l.id AS line_id, b.boxed, coalesce(r.own, 0) AS promised, b.warehouse_id
    FROM boxed b JOIN order_lines l USING (id)
    LEFT JOIN (SELECT r.order_line_id, r.warehouse_id, sum(r.quantity) AS pieces,
                 sum(r.quantity) FILTER (WHERE r.sku_id = ol.sku_id) AS own
               FROM reservations r JOIN order_lines ol ON ol.id = r.order_line_id WHERE r.status = 'active'
               GROUP BY r.order_line_id, r.warehouse_id) r
      ON r.order_line_id = b.id AND r.warehouse_id = b.warehouse_id
    WHERE coalesce(r.pieces, 0) < b.boxed OR (r.own IS NOT NULL AND r.own < b.boxed)
"""

SHIPPED_MOVES: Final = f"""
    WITH gone AS (
      SELECT s.number, s.warehouse_id, sl.order_id, l.sku_id, sum(sl.quantity) AS pieces
      FROM shipments s JOIN shipment_lines sl ON sl.shipment_id = s.id JOIN order_lines l ON l.id = sl.order_line_id
      JOIN orders o ON o.id = sl.order_id AND NOT o.left_before
      WHERE s.status IN {_LEFT} AND NOT EXISTS (
        SELECT 1 FROM shipment_lines x JOIN order_lines xl ON xl.id = x.order_line_id
        JOIN bundle_items bi ON bi.bundle_id = xl.sku_id WHERE x.shipment_id = s.id)
      GROUP BY 1, 2, 3, 4),
    moved AS (
      SELECT m.document AS number, m.warehouse_id, m.order_id, m.sku_id, -sum(m.quantity) AS pieces
      FROM stock_movements m WHERE m.kind = 'ship' GROUP BY 1, 2, 3, 4)
    SELECT coalesce(g.number, m.number) AS number, coalesce(g.order_id, m.order_id) AS order_id,
      coalesce(g.sku_id, m.sku_id) AS sku_id, g.pieces AS shipped, m.pieces AS moved
    FROM gone g LEFT JOIN moved m USING (number, warehouse_id, order_id, sku_id)
    WHERE m.pieces IS DISTINCT FROM g.pieces
    UNION ALL
    SELECT m.number, m.order_id, m.sku_id, NULL, m.pieces FROM moved m
    WHERE NOT EXISTS (SELECT 1 FROM shipments s JOIN shipment_lines sl ON sl.shipment_id = s.id
                      WHERE s.number = m.number AND s.status IN {_LEFT} AND s.warehouse_id = m.warehouse_id
                        AND sl.order_id = m.order_id)
"""

COMBINED: Final = f"""
    SELECT s.number, s.status, count(DISTINCT o.ship_phone) AS phones, count(DISTINCT o.payment_term = 'cod') AS ways
    FROM shipments s JOIN shipment_lines sl ON sl.shipment_id = s.id JOIN orders o ON o.id = sl.order_id
    WHERE s.status IN {_BEGUN} GROUP BY s.id
    HAVING count(DISTINCT o.id) > 1 AND (count(DISTINCT o.ship_phone) > 1 OR min(o.ship_phone) = ''
      OR count(DISTINCT o.payment_term = 'cod') > 1 OR bool_or(o.channel IN ('shopee', 'lazada', 'tiktok')))
"""

STAGES: Final = f"""
    SELECT s.number, s.status, 'time' AS what FROM shipments s
    WHERE (s.handed_over_at IS NULL) = (s.status IN {_LEFT})
    UNION ALL
    SELECT s.number, s.status, 'parcel ' || p.tracking_no FROM shipments s JOIN parcels p ON p.shipment_id = s.id
    WHERE s.status = 'canceled' AND p.is_live
    UNION ALL
    SELECT s.number, s.status, 'void parcel ' || p.tracking_no FROM shipments s
    JOIN parcels p ON p.shipment_id = s.id WHERE p.is_live AND p.voided_at IS NOT NULL
"""

SHIPPING_CHECKS: Final[tuple[Check, ...]] = (
    Check(2, "boxed_pieces", "what is in boxes on their way out is open", BOXED_PIECES),
    Check(
        5, "boxed_promises", "what is in boxes on their way out is promised in the warehouse they leave", BOXED_PROMISES
    ),
    Check(6, "shipped_moves", "a shipment that left took from stock what is in it, and nothing else", SHIPPED_MOVES),
    Check(3, "combined_boxes", "a box is shared by orders of one buyer that are paid in one way", COMBINED),
    Check(7, "shipment_stages", "a shipment has the times of its state, and its live parcels stand", STAGES),
)
