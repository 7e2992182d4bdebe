"""The invariants of places: whole sets, goods between warehouses, counts, partners' shelves. Plain SQL like
``invariants``."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

WHOLE_SETS: Final = """
    WITH held AS (
      SELECT r.order_line_id AS line_id, r.warehouse_id, r.sku_id, sum(r.quantity) AS here,
        max(l.quantity - l.canceled - l.shipped) AS open
      FROM reservations r JOIN order_lines l ON l.id = r.order_line_id
      WHERE r.status = 'active' AND r.sku_id <> l.sku_id GROUP BY 1, 2, 3),
    whole AS (SELECT line_id, sku_id, sum(here) AS total FROM held GROUP BY 1, 2),
    parts AS (SELECT line_id, count(*) AS kinds FROM whole GROUP BY 1)
    SELECT line_id, h.warehouse_id, min(h.here * h.open / w.total) AS least, max(h.here * h.open / w.total) AS most
    FROM held h JOIN whole w USING (line_id, sku_id) JOIN parts p USING (line_id)
    GROUP BY line_id, h.warehouse_id, p.kinds
    HAVING count(*) <> p.kinds OR bool_or(h.here * h.open % w.total <> 0)
      OR min(h.here * h.open / w.total) <> max(h.here * h.open / w.total)
"""

TRANSFERS: Final = """
    WITH moved AS (
      SELECT document, sku_id, warehouse_id, -sum(quantity) FILTER (WHERE kind = 'transfer_out') AS went,
        sum(quantity) FILTER (WHERE kind = 'transfer_in' AND bucket = 'on_hand') AS came,
        sum(quantity) FILTER (WHERE kind = 'transfer_in' AND bucket = 'damaged') AS broke
      FROM stock_movements WHERE kind IN ('transfer_out', 'transfer_in') GROUP BY 1, 2, 3)
    SELECT t.number, t.status, l.sku_id, l.quantity, a.went, a.came AS came_back, b.came, b.broke
    FROM transfers t JOIN transfer_lines l ON l.transfer_id = t.id
    LEFT JOIN moved a ON a.document = t.number AND a.sku_id = l.sku_id AND a.warehouse_id = t.from_id
    LEFT JOIN moved b ON b.document = t.number AND b.sku_id = l.sku_id AND b.warehouse_id = t.to_id
    WHERE coalesce(a.went, 0) <> CASE WHEN t.status IN ('draft', 'canceled') THEN 0 ELSE l.quantity END
      OR coalesce(a.came, 0) <> l.came_back OR coalesce(b.came, 0) <> l.received + l.surplus
      OR coalesce(b.broke, 0) <> l.damaged
    UNION ALL
    SELECT m.document, 'no line', m.sku_id, 0, m.went, NULL, m.came, m.broke FROM moved m WHERE NOT EXISTS (
      SELECT 1 FROM transfers t JOIN transfer_lines l ON l.transfer_id = t.id
      WHERE t.number = m.document AND l.sku_id = m.sku_id AND m.warehouse_id IN (t.from_id, t.to_id))
"""

TRANSFER_STATES: Final = """
    SELECT t.number, t.status, sum(l.quantity - l.received - l.damaged - l.lost - l.came_back) AS open,
      sum(l.damaged + l.lost + l.came_back + l.surplus) AS differs, t.closed_at
    FROM transfers t JOIN transfer_lines l ON l.transfer_id = t.id GROUP BY t.id
    HAVING (t.closed_at IS NULL) <> (t.status IN ('draft', 'sent', 'in_transit'))
      OR (t.status IN ('received', 'received_with_discrepancy')
          AND sum(l.quantity - l.received - l.damaged - l.lost - l.came_back) <> 0)
      OR (t.status = 'received') <> (t.status IN ('received', 'received_with_discrepancy')
          AND sum(l.damaged + l.lost + l.came_back + l.surplus) = 0)
      OR (t.status IN ('draft', 'sent', 'canceled')
          AND sum(l.received + l.damaged + l.lost + l.came_back + l.surplus) > 0)
"""

SETTLEMENTS: Final = """
    WITH said AS (
      SELECT s.id, s.number, s.warehouse_id, l.sku_id, s.status, sum(l.quantity) AS pieces
      FROM settlements s JOIN settlement_lines l ON l.settlement_id = s.id GROUP BY 1, 2, 3, 4, 5),
    moved AS (
      SELECT document, warehouse_id, sku_id, -sum(quantity) AS sold FROM stock_movements
      WHERE kind = 'consign_sold' GROUP BY 1, 2, 3)
    SELECT coalesce(a.number, m.document) AS number, a.sku_id, a.status, a.pieces, m.sold FROM said a
    FULL JOIN moved m ON m.document = a.number AND m.sku_id = a.sku_id AND m.warehouse_id = a.warehouse_id
    WHERE coalesce(m.sold, 0) <> CASE WHEN a.status = 'canceled' THEN 0 ELSE coalesce(a.pieces, 0) END
    UNION ALL
    SELECT s.number, NULL, s.status, s.pieces, sum(l.quantity) FROM settlements s
    JOIN settlement_lines l ON l.settlement_id = s.id GROUP BY s.id
    HAVING s.sold <> sum(l.total) OR s.pieces <> sum(l.quantity)
      OR s.commission <> floor(s.sold * s.percent / 100 + 0.5) OR s.due <> s.sold - s.commission
      OR (s.status = 'open') <> (s.closed_at IS NULL) OR (s.status = 'paid') <> (s.paid_on IS NOT NULL)
"""

STOCK_CHECKS: Final[tuple[Check, ...]] = (
    Check(5, "whole_sets", "the pieces of a set lie together: each warehouse holds whole ones", WHOLE_SETS),
    Check(
        5, "order_places", "an order names every warehouse that holds or sent pieces of it",
        """
        SELECT o.number, o.warehouse_id, o.also_in, r.places FROM orders o JOIN (
          SELECT order_id, array_agg(DISTINCT warehouse_id) AS places FROM reservations
          WHERE status <> 'released' GROUP BY order_id) r ON r.order_id = o.id
        WHERE NOT o.warehouse_id || coalesce(o.also_in, '{}') @> r.places
        """,
    ),
    Check(
        5, "partner_places", "no order is promised pieces on a partner's shelf",
        "SELECT r.order_id, r.sku_id, w.code FROM reservations r JOIN warehouses w ON w.id = r.warehouse_id"
        " WHERE w.kind = 'consignment' AND r.status = 'active'",
    ),
    Check(
        6, "in_transit", "what is incoming is what transfers have under way",
        """
        SELECT sku_id, warehouse_id, coalesce(l.incoming, 0) AS incoming, coalesce(t.open, 0) AS under_way FROM (
          SELECT sku_id, warehouse_id, incoming FROM stock_levels WHERE incoming <> 0) l
        FULL JOIN (
          SELECT x.sku_id, t.to_id AS warehouse_id,
            sum(x.quantity - x.received - x.damaged - x.lost - x.came_back) AS open
          FROM transfers t JOIN transfer_lines x ON x.transfer_id = t.id
          WHERE t.status IN ('sent', 'in_transit') GROUP BY 1, 2) t USING (sku_id, warehouse_id)
        WHERE coalesce(l.incoming, 0) <> coalesce(t.open, 0)
        """,
    ),
    Check(6, "transfers", "pieces sent = received + under way + differences, as the movements say", TRANSFERS),
    Check(
        6, "transfer_steps", "what became of a line is the sum of its steps, each with a name",
        """
        SELECT l.id, l.transfer_id, l.received, l.damaged, l.lost, l.came_back, l.surplus, s.kinds FROM transfer_lines l
        LEFT JOIN (SELECT line_id, jsonb_object_agg(kind, n) AS kinds, bool_and(named) AS named FROM (
            SELECT line_id, kind, sum(quantity) AS n, bool_and(actor <> '' AND (kind = 'received' OR reason <> ''))
              AS named FROM transfer_steps GROUP BY 1, 2) k GROUP BY 1) s ON s.line_id = l.id
        WHERE l.received <> coalesce((s.kinds ->> 'received')::int, 0)
          OR l.damaged <> coalesce((s.kinds ->> 'damaged')::int, 0) OR l.lost <> coalesce((s.kinds ->> 'lost')::int, 0)
          OR l.came_back <> coalesce((s.kinds ->> 'came_back')::int, 0)
          OR l.surplus <> coalesce((s.kinds ->> 'surplus')::int, 0) OR NOT coalesce(s.named, true)
        """,
    ),
    Check(6, "transfer_states", "a transfer is over when nothing of it is under way, and says if it differs",
          TRANSFER_STATES),
    Check(
        6, "counts", "a posted count moved its differences and nothing else; one that is not posted moved nothing",
        """
        SELECT c.number, c.status, l.sku_id, l.counted, l.expected, l.posted, m.moved FROM stock_counts c
        JOIN count_lines l ON l.count_id = c.id
        LEFT JOIN (SELECT document, sku_id, warehouse_id, sum(quantity) AS moved FROM stock_movements
                   WHERE document LIKE 'CT%' GROUP BY 1, 2, 3) m
          ON m.document = c.number AND m.sku_id = l.sku_id AND m.warehouse_id = c.warehouse_id
        WHERE l.posted <> coalesce(m.moved, 0)
          OR l.posted <> CASE WHEN c.status = 'posted' THEN coalesce(l.counted - l.expected, 0) ELSE 0 END
        """,
    ),
    Check(6, "settlements", "sold pieces left the partner's shelf, and its debt is goods less commission", SETTLEMENTS),
)  # fmt: skip
