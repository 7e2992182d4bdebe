"""The invariants of DESIGN section 7 as plain SQL: each query finds the rows that break one.

Nothing here calls or shares code with the verbs, so that one mistake cannot hide another. Where a rule is derived
(payment status, board, ...) it is written out a second time, in SQL. Amounts are integer satang.
"""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check
from oms.reports.invariants_carriers import CARRIER_CHECKS
from oms.reports.invariants_channels import CHANNEL_CHECKS
from oms.reports.invariants_documents import DOCUMENT_CHECKS
from oms.reports.invariants_floor import FLOOR_CHECKS
from oms.reports.invariants_labels import LABEL_CHECKS
from oms.reports.invariants_messages import MESSAGE_CHECKS
from oms.reports.invariants_money import MONEY, MONEY_CHECKS, OVERRIDDEN
from oms.reports.invariants_people import PEOPLE_CHECKS
from oms.reports.invariants_remote import REMOTE_CHECKS
from oms.reports.invariants_returns import RETURN_CHECKS
from oms.reports.invariants_shipping import SHIPPING_CHECKS
from oms.reports.invariants_stock import STOCK_CHECKS

_GOODS = """
    goods AS (
      SELECT l.order_id AS id, sum(l.quantity - l.canceled - l.shipped) AS open, sum(l.shipped) AS shipped,
        bool_or(l.quantity - l.canceled - l.shipped > 0 AND r.order_line_id IS NULL) AS short
      FROM order_lines l LEFT JOIN (SELECT DISTINCT order_line_id FROM reservations WHERE status = 'active') r
        ON r.order_line_id = l.id GROUP BY l.order_id),
    moves AS (
      SELECT sl.order_id AS id, array_agg(DISTINCT CASE WHEN e.shipment_id IS NULL THEN s.status ELSE 'settled'
          END::text) AS stages,
        coalesce(array_agg(DISTINCT p.tracking_status::text) FILTER (WHERE p.is_live), '{}') AS tracking
      FROM shipment_lines sl JOIN shipments s ON s.id = sl.shipment_id
      LEFT JOIN parcels p ON p.shipment_id = s.id
      LEFT JOIN (SELECT DISTINCT r.order_id, r.shipment_id FROM returns r JOIN shipments b ON b.id = r.shipment_id
                 WHERE r.status = 'resolved' AND r.kind <> 'customer'
                   AND b.status IN ('returning', 'returned', 'lost')) e
        ON e.order_id = sl.order_id AND e.shipment_id = sl.shipment_id
      WHERE s.status <> 'canceled' GROUP BY sl.order_id)
"""

FULFILLMENT: Final = f"""
    WITH {_GOODS}
    SELECT * FROM (
      SELECT o.id, o.number, o.fulfillment_status AS stored, o.stock_state, CASE
          WHEN coalesce(g.shipped, 0) = 0 AND coalesce(g.open, 0) > 0 THEN 'open'
          WHEN coalesce(g.shipped, 0) = 0 THEN 'nothing'
          WHEN g.open > 0 THEN 'partial'
          WHEN v.stages = '{{settled}}' THEN 'returned'
          WHEN v.stages <@ '{{delivered,settled}}' THEN 'delivered'
          ELSE 'shipped' END AS recomputed,
        CASE WHEN o.status <> 'confirmed' OR coalesce(g.open, 0) = 0 THEN 'none'
          WHEN g.short THEN 'short' ELSE 'reserved' END AS recomputed_stock
      FROM orders o LEFT JOIN goods g USING (id) LEFT JOIN moves v USING (id)) x
    WHERE stored <> recomputed OR stock_state <> recomputed_stock
"""

BOARD: Final = f"""
    WITH {_GOODS}, {MONEY}
    SELECT * FROM (
      SELECT o.id, o.number, o.board AS stored, o.closed_at, CASE
          WHEN o.status IN ('canceled', 'expired', 'draft') THEN o.status
          WHEN EXISTS (SELECT 1 FROM order_holds h WHERE h.order_id = o.id AND h.status = 'active') THEN 'on_hold'
          WHEN NOT {OVERRIDDEN} AND o.payment_status = 'unpaid' THEN 'waiting_payment'
          WHEN NOT {OVERRIDDEN} AND o.payment_status = 'pending_review' THEN 'slip_waiting'
          WHEN NOT {OVERRIDDEN} AND o.payment_status = 'partial' THEN 'short_payment'
          WHEN o.stock_state = 'short' THEN 'waiting_stock'
          WHEN v.stages && '{{planned,ready}}' THEN 'ready'
          WHEN v.stages && '{{picking}}' THEN 'picking'
          WHEN v.stages && '{{packed}}' THEN 'packed'
          WHEN v.stages && '{{labeled}}' THEN 'labeled'
          WHEN coalesce(g.open, 0) > 0 THEN 'ready'
          WHEN o.status = 'completed' THEN 'completed'
          WHEN v.stages && '{{lost}}' THEN 'delivery_problem'
          WHEN v.stages && '{{returning,returned}}' OR EXISTS (SELECT 1 FROM returns b WHERE b.order_id = o.id
            AND b.status IN ('approved', 'in_transit', 'received', 'inspected') AND NOT b.goods_stay) THEN 'returning'
          WHEN v.stages && '{{handed_over}}' THEN CASE
            WHEN v.tracking && '{{delivery_failed,exception,on_hold,lost}}' THEN 'delivery_problem'
            WHEN v.tracking && '{{returning}}' THEN 'returning'
            WHEN v.tracking && '{{out_for_delivery,ready_for_pickup}}' THEN 'out_for_delivery'
            ELSE 'handed_over' END
          WHEN o.payment_status IN ('cod_pending', 'cod_collected') THEN 'cod_outstanding'
          WHEN v.stages = '{{settled}}' THEN 'came_back'
          ELSE 'delivered' END AS recomputed
      FROM orders o JOIN money m USING (id) LEFT JOIN goods g USING (id) LEFT JOIN moves v USING (id)) x
    WHERE stored <> recomputed OR (closed_at IS NULL) = (recomputed IN ('completed', 'canceled', 'expired'))
"""

PROMISES: Final = """
    SELECT o.number, l.id AS line_id, r.sku_id, r.promised, l.open FROM (
        SELECT id, order_id, sku_id, quantity - canceled - shipped AS open FROM order_lines) l
      JOIN orders o ON o.id = l.order_id
      JOIN (SELECT order_line_id, sku_id, sum(quantity) AS promised FROM reservations WHERE status = 'active'
            GROUP BY order_line_id, sku_id) r ON r.order_line_id = l.id
    WHERE o.status <> 'confirmed' OR l.open = 0 OR (r.sku_id = l.sku_id AND r.promised <> l.open)
"""

CHECKS: Final[tuple[Check, ...]] = (
    *MONEY_CHECKS,
    *SHIPPING_CHECKS,
    *CARRIER_CHECKS,
    *REMOTE_CHECKS,
    *PEOPLE_CHECKS,
    *LABEL_CHECKS,
    *DOCUMENT_CHECKS,
    *FLOOR_CHECKS,
    *RETURN_CHECKS,
    *MESSAGE_CHECKS,
    *CHANNEL_CHECKS,
    Check(1, "fulfillment_status", "fulfillment and stock state follow from the quantities", FULFILLMENT),
    Check(1, "board", "the board state follows from everything else", BOARD),
    Check(
        1, "hold_reasons", "the hold reasons on the order are its active holds",
        """
        SELECT o.id, o.number, o.hold_reasons AS stored, h.reasons AS recomputed FROM orders o
        LEFT JOIN (SELECT order_id, array_agg(DISTINCT reason ORDER BY reason) AS reasons FROM order_holds
                   WHERE status = 'active' GROUP BY order_id) h ON h.order_id = o.id
        WHERE o.hold_reasons::text[] <> coalesce(h.reasons::text[], '{}')
        """,
    ),
    Check(
        1, "order_total", "an order's total is goods less discount plus shipping",
        """
        SELECT o.id, o.number, o.goods_total, o.total, s.lines FROM orders o
        LEFT JOIN (SELECT order_id, sum(total) AS lines FROM order_lines GROUP BY order_id) s ON s.order_id = o.id
        WHERE o.goods_total <> coalesce(s.lines, 0) OR o.total <> o.goods_total - o.discount + o.shipping_fee
        """,
    ),
    Check(
        2, "line_quantities", "ordered = canceled + open + shipped, returned <= shipped",
        "SELECT id, order_id, quantity, canceled, shipped, returned FROM order_lines WHERE quantity <= 0 OR canceled"
        " < 0 OR shipped < 0 OR returned < 0 OR canceled + shipped > quantity OR returned > shipped"
        " OR (total <> quantity * unit_price - discount AND NOT (canceled = quantity AND total = 0))",
    ),
    Check(
        2, "shipped_pieces", "what a line says has left is what shipments handed over",
        """
        SELECT l.id, l.order_id, l.shipped, coalesce(s.left_us, 0) AS handed_over FROM order_lines l
        JOIN orders o ON o.id = l.order_id
        LEFT JOIN (SELECT sl.order_line_id, sum(sl.quantity) AS left_us FROM shipment_lines sl
                   JOIN shipments s ON s.id = sl.shipment_id
                   WHERE s.status IN ('handed_over', 'delivered', 'returning', 'returned', 'lost')
                   GROUP BY sl.order_line_id) s ON s.order_line_id = l.id
        WHERE l.shipped <> coalesce(s.left_us, 0) AND NOT o.left_before
        """,
    ),
    Check(
        2, "dead_orders", "a canceled or expired order has shipped nothing; a completed one has nothing open",
        """
        SELECT o.id, o.number, o.status, sum(l.shipped) AS shipped, sum(l.quantity - l.canceled - l.shipped) AS open
        FROM orders o JOIN order_lines l ON l.order_id = o.id GROUP BY o.id
        HAVING (o.status IN ('canceled', 'expired') AND sum(l.shipped) > 0)
          OR (o.status = 'completed' AND sum(l.quantity - l.canceled - l.shipped) > 0)
        """,
    ),
    Check(
        5, "stock_bounds", "0 <= reserved <= on hand",
        "SELECT sku_id, warehouse_id, on_hand, reserved, damaged FROM stock_levels"
        " WHERE reserved < 0 OR reserved > on_hand OR damaged < 0",
    ),
    Check(
        5, "reserved_sum", "reserved is the sum of active promises",
        """
        SELECT sku_id, warehouse_id, coalesce(l.reserved, 0) AS reserved, coalesce(r.promised, 0) AS promised
        FROM stock_levels l FULL JOIN (SELECT sku_id, warehouse_id, sum(quantity) AS promised FROM reservations
          WHERE status = 'active' GROUP BY 1, 2) r USING (sku_id, warehouse_id)
        WHERE coalesce(l.reserved, 0) <> coalesce(r.promised, 0)
        """,
    ),
    Check(5, "promises", "an active promise covers exactly what a line of a confirmed order has open", PROMISES),
    *STOCK_CHECKS,
    Check(
        6, "balances", "a balance is the sum of its movements",
        """
        SELECT sku_id, warehouse_id, coalesce(l.on_hand, 0) AS on_hand, coalesce(l.damaged, 0) AS damaged,
          coalesce(m.hand, 0) AS moved, coalesce(m.bad, 0) AS moved_damaged
        FROM stock_levels l FULL JOIN (
          SELECT sku_id, warehouse_id, sum(quantity) FILTER (WHERE bucket = 'on_hand') AS hand,
            sum(quantity) FILTER (WHERE bucket = 'damaged') AS bad
          FROM stock_movements GROUP BY 1, 2) m USING (sku_id, warehouse_id)
        WHERE coalesce(l.on_hand, 0) <> coalesce(m.hand, 0) OR coalesce(l.damaged, 0) <> coalesce(m.bad, 0)
        """,
    ),
    Check(
        7, "external_numbers", "a shop's order number is known once",
        "SELECT shop_id, external_no, count(*) FROM orders WHERE external_no IS NOT NULL"
        " GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    Check(
        7, "tracking_numbers", "a tracking number is on one live parcel",
        "SELECT carrier, tracking_no, count(*) FROM parcels WHERE is_live AND tracking_no <> ''"
        " GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    Check(
        7, "outbox_keys", "a side effect is owed once",
        "SELECT key, count(*) FROM outbox GROUP BY 1 HAVING count(*) > 1",
    ),
    Check(
        8, "series", "the numbers of papers have no gap and no repeat, and the series stands at the last one",
        """
        SELECT coalesce(s.series, p.series) AS series, s.last, p.papers, p.highest FROM
          (SELECT * FROM number_series WHERE series ~ '^(RC|OP|AD|DM|TR|CT|CS)[0-9]+$') s
        FULL JOIN (
          SELECT split_part(number, '-', 1) AS series, count(*) AS papers, max(split_part(number, '-', 2)::bigint)
            AS highest FROM (SELECT number FROM stock_papers UNION ALL SELECT number FROM transfers UNION ALL
              SELECT number FROM stock_counts UNION ALL SELECT number FROM settlements) n GROUP BY 1) p
          ON p.series = s.series
        WHERE s.last IS DISTINCT FROM p.papers OR s.last IS DISTINCT FROM p.highest
        """,
    ),
    Check(
        8, "papers_moved", "a posted paper moved what stands under its number",
        """
        SELECT p.number, p.status FROM stock_papers p WHERE p.status = 'posted' AND p.pieces <> 0
          AND NOT EXISTS (SELECT 1 FROM stock_movements m WHERE m.document = p.number)
        """,
    ),
    Check(
        9, "made_stock", "stock that came in names who brought it in and why",
        "SELECT id, sku_id, warehouse_id, quantity, kind FROM stock_movements WHERE actor = ''"
        " OR (quantity > 0 AND kind = 'ship') OR (quantity < 0 AND kind IN ('receive', 'opening', 'return'))",
    ),
    Check(
        10, "expiry", "no order expired with money in, announced or promised, or kept its promise of stock",
        """
        SELECT o.id, o.number, o.payment_term FROM orders o WHERE o.status = 'expired' AND (
          o.payment_term <> 'prepaid'
          OR EXISTS (SELECT 1 FROM allocations a JOIN payment_claims c ON c.id = a.claim_id WHERE a.order_id = o.id
                     AND c.status IN ('submitted', 'verified') AND c.submitted_at <= o.closed_at)
          OR EXISTS (SELECT 1 FROM reservations r WHERE r.order_id = o.id AND r.status = 'active'))
        """,
    ),
    Check(
        11, "outbox_states", "work is done when it says when, and running only under a lease",
        "SELECT id, topic, key, status FROM outbox WHERE (status = 'done') <> (done_at IS NOT NULL)"
        " AND status <> 'closed' OR (status = 'running' AND lease_until IS NULL)",
    ),
    Check(
        12, "ledger", "received = created + updated + unchanged + quarantined + rejected",
        "SELECT id, received, created, updated, unchanged, quarantined, rejected FROM intake_runs WHERE"
        " status = 'done' AND received <> created + updated + unchanged + quarantined + rejected",
    ),
    Check(
        12, "ledger_rows", "the ledger of a run counts its items",
        """
        SELECT r.id, r.received, r.unchanged, i.rows, r.created, i.created AS items_created FROM intake_runs r
        JOIN (SELECT run_id, sum(rows) AS rows, coalesce(sum(rows) FILTER (WHERE outcome = 'created'), 0) AS created,
                coalesce(sum(rows) FILTER (WHERE outcome <> 'unchanged'), 0) AS changed
              FROM intake_items GROUP BY run_id) i ON i.run_id = r.id
        WHERE r.status = 'done' AND (r.created <> i.created OR r.received - r.unchanged <> i.changed
          OR (r.source = 'file' AND r.received <> i.rows))  -- a channel's repeats are counted and not kept
        """,
    ),
    Check(
        13, "open_changes", "one change set is open at a time, and the revision counts the applied ones",
        """
        SELECT o.id, o.number, o.revision, c.applied, c.open FROM orders o JOIN (
          SELECT order_id, count(*) FILTER (WHERE status = 'applied') AS applied,
            count(*) FILTER (WHERE status = 'open') AS open FROM order_changes GROUP BY order_id) c
          ON c.order_id = o.id WHERE c.open > 1 OR o.revision < c.applied
        """,
    ),
    Check(
        0, "audited_orders", "every order and every payment claim has a trace of who brought it in",
        """
        SELECT 'order' AS kind, o.id FROM orders o WHERE NOT EXISTS (
          SELECT 1 FROM audit_log u WHERE u.subject_type = 'order' AND u.subject_id = o.id)
        UNION ALL SELECT 'payment_claim', c.id FROM payment_claims c WHERE NOT EXISTS (
          SELECT 1 FROM allocations a JOIN audit_log u ON u.subject_type = 'order' AND u.subject_id = a.order_id
          WHERE a.claim_id = c.id AND u.action = 'payment.claimed' AND u.after ->> 'claim' = c.id::text)
          AND NOT EXISTS (SELECT 1 FROM audit_log u WHERE u.subject_type = 'payment' AND u.subject_id = c.id
                          AND u.action = 'payment.claimed')
        """,
    ),
)  # fmt: skip
