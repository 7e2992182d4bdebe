"""The invariants of places: orders sent from several warehouses, whole sets. Plain SQL like ``invariants``."""

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
)  # fmt: skip
