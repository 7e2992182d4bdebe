"""The invariants of goods that come back, as plain SQL, apart from the verbs (see ``reports.invariants``)."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

_PIECES: Final = """
    SELECT l.id, l.order_id, l.returned, coalesce(b.back, 0) AS counted, l.coming_back, coalesce(b.due, 0) AS promised
    FROM order_lines l LEFT JOIN (
      SELECT rl.order_line_id,
        sum(rl.resell + rl.repair + rl.damaged) FILTER (WHERE r.status IN ('inspected', 'resolved')) AS back,
        sum(rl.quantity) FILTER (
          WHERE r.status IN ('requested', 'approved', 'in_transit', 'received') AND NOT r.goods_stay) AS due
      FROM return_lines rl JOIN returns r ON r.id = rl.return_id GROUP BY rl.order_line_id) b ON b.order_line_id = l.id
    WHERE l.returned <> coalesce(b.back, 0) OR l.coming_back <> coalesce(b.due, 0)
"""

# goods of sets come back as parts, which the catalog may have changed since: those are asked only whether they moved
_MOVED: Final = """
    WITH sets AS (SELECT rl.return_id FROM return_lines rl JOIN order_lines l ON l.id = rl.order_line_id
                  JOIN skus k ON k.id = l.sku_id WHERE k.is_bundle),
    wanted AS (
      SELECT r.number, r.warehouse_id, l.sku_id, sum(rl.resell) AS good, sum(rl.repair + rl.damaged) AS bad
      FROM returns r JOIN return_lines rl ON rl.return_id = r.id JOIN order_lines l ON l.id = rl.order_line_id
      WHERE r.id NOT IN (SELECT return_id FROM sets) GROUP BY r.number, r.warehouse_id, l.sku_id),
    moved AS (
      SELECT m.document AS number, m.warehouse_id, m.sku_id,
        sum(m.quantity) FILTER (WHERE m.bucket = 'on_hand') AS good,
        sum(m.quantity) FILTER (WHERE m.bucket = 'damaged') AS bad
      FROM stock_movements m WHERE m.kind = 'return' AND m.document NOT IN (
        SELECT number FROM returns WHERE id IN (SELECT return_id FROM sets))
      GROUP BY m.document, m.warehouse_id, m.sku_id)
    SELECT number, warehouse_id, sku_id, w.good, w.bad, v.good AS moved_good, v.bad AS moved_bad
    FROM wanted w FULL JOIN moved v USING (number, warehouse_id, sku_id)
    WHERE coalesce(w.good, 0) <> coalesce(v.good, 0) OR coalesce(w.bad, 0) <> coalesce(v.bad, 0)
    UNION ALL
    SELECT r.number, r.warehouse_id, 0, sum(rl.resell), sum(rl.repair + rl.damaged), 0, 0
    FROM returns r JOIN return_lines rl ON rl.return_id = r.id WHERE r.id IN (SELECT return_id FROM sets)
    GROUP BY r.id HAVING (sum(rl.resell + rl.repair + rl.damaged) > 0) <> EXISTS (
      SELECT 1 FROM stock_movements m WHERE m.document = r.number AND m.kind = 'return')
"""

_LOOKED_AT: Final = """
    SELECT m.id, m.document, m.quantity, m.actor, r.status FROM stock_movements m
    LEFT JOIN returns r ON r.number = m.document
    WHERE m.kind = 'return' AND (r.id IS NULL OR r.inspected_at IS NULL OR r.inspected_label = ''
      OR m.at < r.received_at OR m.actor <> r.inspected_label)
"""

_CREDITS: Final = """
    SELECT o.id, o.number, o.total, k.credited, coalesce(l.off, 0) AS canceled FROM orders o
    JOIN (SELECT order_id, sum(credit) AS credited FROM returns GROUP BY order_id) k ON k.order_id = o.id
    LEFT JOIN (SELECT order_id, sum(total * canceled / quantity) AS off FROM order_lines GROUP BY order_id) l
      ON l.order_id = o.id
    WHERE o.revision = 0 AND k.credited > greatest(o.total - coalesce(l.off, 0), 0)
    UNION ALL
    SELECT r.id, r.number, f.amount, r.credit, 0 FROM returns r JOIN refunds f ON f.id = r.refund_id
    WHERE f.order_id <> r.order_id OR f.amount > r.credit
    UNION ALL
    SELECT r.id, r.number, 0, r.credit, r.store_credit FROM returns r WHERE r.store_credit > r.credit
"""

_ENDS: Final = """
    SELECT r.id, r.number, r.status, r.resolution, r.refund_id, r.new_order_id FROM returns r
    WHERE (r.refund_id IS NULL AND r.resolution = 'refund')
       OR (r.refund_id IS NOT NULL AND coalesce(r.resolution, '') NOT IN ('refund', 'platform'))
       OR (r.new_order_id IS NOT NULL) <> coalesce(r.resolution IN ('exchange', 'replacement'), false)
       OR (r.credit > 0 AND r.resolution IN ('replacement', 'nothing'))
       OR (r.status = 'resolved' AND NOT r.goods_stay AND r.inspected_at IS NULL)
       OR EXISTS (SELECT 1 FROM orders o WHERE o.id = r.new_order_id AND o.copied_from IS DISTINCT FROM r.order_id)
"""

_CASH: Final = """
    SELECT r.number, e.id, e.status, e.expected, s.status AS shipment FROM returns r
    JOIN shipments s ON s.id = r.shipment_id
    LEFT JOIN cod_entries e ON e.shipment_id = r.shipment_id AND e.order_id = r.order_id
      AND e.status IN ('expected', 'collected')
    WHERE r.kind = 'rto' AND r.received_at IS NOT NULL AND (e.id IS NOT NULL OR s.status <> 'returned')
"""

_NOTES: Final = """
    SELECT r.number, r.credit_note, r.credit, d.status, d.total FROM returns r
    LEFT JOIN documents d ON d.id = r.credit_note_id
    WHERE r.credit_note_id IS NOT NULL AND (d.id IS NULL OR d.number <> r.credit_note OR d.kind <> 'credit_note'
      OR d.total <> r.credit)
"""

_SERIES: Final = """
    SELECT coalesce(s.series, p.series) AS series, s.last, p.papers, p.highest FROM
      (SELECT * FROM number_series WHERE series ~ '^(RT|CL)[0-9]+$') s
    FULL JOIN (
      SELECT split_part(number, '-', 1) AS series, count(*) AS papers, max(split_part(number, '-', 2)::bigint)
        AS highest FROM (SELECT number FROM returns UNION ALL SELECT number FROM carrier_claims) n GROUP BY 1) p
      ON p.series = s.series
    WHERE s.last IS DISTINCT FROM p.papers OR s.last IS DISTINCT FROM p.highest
"""

RETURN_CHECKS: Final[tuple[Check, ...]] = (
    Check(2, "returned_pieces", "what a line says came or comes back is what its returns counted and await", _PIECES),
    Check(4, "return_credits", "returns credit no more than the order cost, and pay back no more than they credit",
          _CREDITS),
    Check(4, "return_ends", "a return is settled the way it says", _ENDS),
    Check(4, "return_cash", "an undelivered parcel that is here brings no cash and is marked as back", _CASH),
    Check(6, "returned_stock", "a return moved the pieces that were counted, where they are", _MOVED),
    Check(8, "return_series", "the numbers of returns and of carrier claims have no gap and no repeat", _SERIES),
    Check(8, "return_notes", "the credit note of a return is of its amount", _NOTES),
    Check(9, "restocked_unseen", "nothing that came back is stock before a person has counted it", _LOOKED_AT),
)  # fmt: skip
