"""The invariants of picking, packing and hand-over as plain SQL, apart from the verbs (see ``reports.invariants``)."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

_SCANNED: Final = """
    scanned AS (
      SELECT c.session_id, coalesce(b.component_id, c.sku_id) AS sku_id,
        sum(c.quantity * coalesce(b.quantity, 1)) AS pieces
      FROM packing_scans c LEFT JOIN bundle_items b ON b.bundle_id = c.sku_id
      WHERE c.session_id IS NOT NULL AND c.sku_id IS NOT NULL AND c.outcome = 'ok' GROUP BY 1, 2)
"""

# the last finished packing of a shipment whose contents were not changed since: it was packed at that very moment
PACKED_COUNTS: Final = f"""
    WITH {_SCANNED},
    finished AS (
      SELECT p.id, p.shipment_id, s.number FROM packing_sessions p JOIN shipments s ON s.id = p.shipment_id
      WHERE p.status = 'packed' AND s.status NOT IN ('planned', 'ready', 'picking', 'canceled')
        AND abs(extract(epoch FROM s.packed_at - p.closed_at)) < 1),
    belongs AS (
      SELECT f.id AS session_id, coalesce(b.component_id, l.sku_id) AS sku_id,
        sum(sl.quantity * coalesce(b.quantity, 1)) AS pieces
      FROM finished f JOIN shipment_lines sl ON sl.shipment_id = f.shipment_id
      JOIN order_lines l ON l.id = sl.order_line_id LEFT JOIN bundle_items b ON b.bundle_id = l.sku_id GROUP BY 1, 2)
    SELECT f.number, f.id AS session_id, coalesce(x.sku_id, b.sku_id) AS sku_id, x.pieces AS scanned,
      b.pieces AS belongs
    FROM belongs b FULL JOIN (SELECT * FROM scanned WHERE session_id IN (SELECT id FROM finished) AND pieces <> 0) x
      USING (session_id, sku_id)
    JOIN finished f ON f.id = coalesce(x.session_id, b.session_id)
    WHERE x.pieces IS DISTINCT FROM b.pieces
"""

SCANNED_BACK: Final = """
    SELECT c.session_id, c.sku_id, c.box, sum(c.quantity) AS pieces FROM packing_scans c
    WHERE c.session_id IS NOT NULL AND c.sku_id IS NOT NULL AND c.outcome = 'ok' GROUP BY 1, 2, 3
    HAVING sum(c.quantity) < 0
    UNION ALL
    SELECT u.session_id, u.sku_id, u.box, u.quantity FROM packing_scans u JOIN packing_scans d ON d.id = u.undoes_id
    WHERE u.quantity <> -d.quantity OR u.sku_id <> d.sku_id OR u.session_id <> d.session_id
"""

SHEETS: Final = """
    SELECT m.number, 'on a closed sheet and still here' AS what, s.number AS shipment FROM manifests m
    JOIN manifest_parcels p ON p.manifest_id = m.id AND p.is_live JOIN shipments s ON s.id = p.shipment_id
    WHERE m.status = 'closed' AND s.handed_over_at IS NULL
    UNION ALL
    SELECT m.number, 'boxes or cash do not add up', NULL FROM manifests m
    LEFT JOIN manifest_parcels p ON p.manifest_id = m.id AND p.is_live
    WHERE m.status = 'closed' GROUP BY m.id
    HAVING count(p.id) <> m.parcels OR coalesce(sum(p.cod), 0) <> m.cod_total
    UNION ALL
    SELECT min(m.number), 'a box on two sheets', min(s.number) FROM manifest_parcels p
    JOIN manifests m ON m.id = p.manifest_id JOIN shipments s ON s.id = p.shipment_id
    WHERE p.is_live GROUP BY p.parcel_id HAVING count(*) > 1
"""

FLOOR_SERIES: Final = """
    SELECT coalesce(s.series, p.series) AS series, s.last, p.papers, p.highest FROM
      (SELECT * FROM number_series WHERE series ~ '^(PK|MF)[0-9]+$') s
    FULL JOIN (
      SELECT split_part(number, '-', 1) AS series, count(*) AS papers,
        max(split_part(number, '-', 2)::bigint) AS highest
      FROM (SELECT number FROM pick_batches UNION ALL SELECT number FROM manifests) n GROUP BY 1) p USING (series)
    WHERE s.last IS DISTINCT FROM p.papers OR s.last IS DISTINCT FROM p.highest
"""

DUE: Final = """
    SELECT s.number, s.ship_by, min(o.ship_by) AS first FROM shipments s
    JOIN shipment_lines l ON l.shipment_id = s.id JOIN orders o ON o.id = l.order_id
    WHERE s.status IN ('planned', 'ready', 'picking', 'packed', 'labeled')
    GROUP BY s.id HAVING s.ship_by IS DISTINCT FROM min(o.ship_by)
"""

FLOOR_CHECKS: Final[tuple[Check, ...]] = (
    Check(2, "packed_counts", "what a packer scanned into a box is what belongs in it", PACKED_COUNTS),
    Check(2, "scanned_back", "no more is taken back than was scanned, and undone scans are undone whole", SCANNED_BACK),
    Check(1, "shipment_due", "a shipment that waits is due when the first of its orders is", DUE),
    Check(3, "sheets", "what stands on a closed hand-over sheet has left, and its figures are its rows", SHEETS),
    Check(8, "floor_series", "picking lists and hand-over sheets are numbered without gap", FLOOR_SERIES),
)
