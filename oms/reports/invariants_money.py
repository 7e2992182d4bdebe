"""The invariants of money as plain SQL, apart from the verbs (see ``reports.invariants``). Amounts are satang."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

# per order: what is verified, paid back, due; whether a claim waits; what an override covers; where its cash is
MONEY: Final = """
    money AS (
      SELECT b.*, b.verified - b.refunded AS net, greatest(0, b.due - (b.verified - b.refunded)) AS missing FROM (
      SELECT d.*, CASE WHEN d.gone
        THEN greatest(0, d.gross - greatest(0, d.refunded - greatest(0, d.verified - d.gross)))
        ELSE d.gross END AS due FROM (
      SELECT o.id, coalesce(l.gone, false) AS gone, coalesce(p.verified, 0) AS verified,
        coalesce(r.refunded, 0) AS refunded,
        coalesce(w.waits, false) AS waiting, coalesce(g.covers, 0) AS override, coalesce(e.cash, 'cod_pending') AS cash,
        coalesce(k.credited, 0) AS credited,
        CASE WHEN o.status IN ('canceled', 'expired') THEN 0
          ELSE greatest(0, o.total - coalesce(l.off, 0) - coalesce(k.credited, 0)) END AS gross
      FROM orders o
      LEFT JOIN (SELECT a.order_id, sum(a.amount) AS verified FROM allocations a JOIN payment_claims c
                 ON c.id = a.claim_id WHERE c.status = 'verified' GROUP BY a.order_id) p ON p.order_id = o.id
      LEFT JOIN (SELECT order_id, bool_or(amount > 0) AS waits FROM (
                   SELECT a.order_id, sum(a.amount) AS amount FROM allocations a JOIN payment_claims c
                   ON c.id = a.claim_id WHERE c.status = 'submitted' GROUP BY a.order_id, a.claim_id) s
                 GROUP BY order_id) w ON w.order_id = o.id
      LEFT JOIN (SELECT order_id, sum(amount) AS refunded FROM refunds WHERE status = 'paid' GROUP BY order_id) r
        ON r.order_id = o.id
      LEFT JOIN (SELECT order_id, sum(covers) AS covers FROM gate_overrides WHERE revoked_at IS NULL
                 GROUP BY order_id) g ON g.order_id = o.id
      LEFT JOIN (SELECT order_id, CASE WHEN bool_or(status = 'expected') THEN 'cod_pending'
                   WHEN bool_and(status = 'remitted') THEN 'cod_remitted' ELSE 'cod_collected' END AS cash
                 FROM cod_entries WHERE status <> 'refused' GROUP BY order_id) e ON e.order_id = o.id
      LEFT JOIN (SELECT order_id, sum(credit) AS credited FROM returns WHERE status = 'resolved' GROUP BY order_id) k
        ON k.order_id = o.id
      LEFT JOIN (SELECT order_id, sum(total * canceled / quantity) AS off,
                   bool_or(shipped > 0) AND bool_and(quantity = canceled + shipped) AS gone
                 FROM order_lines GROUP BY order_id) l ON l.order_id = o.id) d) b)
"""

OVERRIDDEN: Final = (
    "(m.missing > 0 AND m.missing <= m.override"
    " AND NOT (o.payment_term <> 'prepaid' AND o.term_approved_at IS NOT NULL))"
)

PAYMENT_STATUS: Final = f"""
    WITH {MONEY}
    SELECT * FROM (
      SELECT o.id, o.number, o.payment_status AS stored, CASE
          WHEN m.verified > 0 AND m.refunded > 0 AND m.net = 0 AND m.due = 0 THEN 'refunded'
          WHEN m.net > m.due THEN 'overpaid'
          WHEN m.net = m.due AND (m.due > 0 OR m.verified > 0 OR o.total = 0)
            THEN CASE WHEN m.refunded > 0 THEN 'partially_refunded' ELSE 'paid' END
          WHEN m.credited > 0 AND m.due = 0 AND m.net = 0 THEN CASE WHEN o.payment_term = 'cod'
            AND m.cash = 'cod_collected' THEN m.cash ELSE 'nothing_due' END
          WHEN m.due > 0 AND o.term_approved_at IS NOT NULL AND o.payment_term = 'cod' THEN m.cash
          WHEN m.due > 0 AND o.term_approved_at IS NOT NULL AND o.payment_term <> 'prepaid' THEN 'credit'
          WHEN m.net > 0 THEN 'partial'
          WHEN m.waiting THEN 'pending_review'
          ELSE 'unpaid' END AS recomputed
      FROM orders o JOIN money m USING (id)) x
    WHERE stored <> recomputed
"""

# money counted as it stood when the goods left: a claim reversed later still counted then
GATE: Final = """
    WITH gone AS (
      SELECT DISTINCT s.id AS shipment_id, s.number AS shipment, greatest(s.handed_over_at, s.created_at) AS at,
        sl.order_id
      FROM shipments s JOIN shipment_lines sl ON sl.shipment_id = s.id
      WHERE s.handed_over_at IS NOT NULL),
    standing AS (
      SELECT g.*, o.number, o.confirmed_at,
        NOT coalesce(o.term_approved_at > g.at, true) AS vouched,
        o.total - coalesce((SELECT sum(l.total * l.canceled / l.quantity) FROM order_lines l
                            WHERE l.order_id = o.id), 0)
        - coalesce((SELECT sum(a.amount) FROM allocations a JOIN payment_claims c ON c.id = a.claim_id
                    WHERE a.order_id = o.id AND a.at <= g.at AND (c.status = 'verified' AND c.decided_at <= g.at
                      OR c.status = 'reversed' AND c.decided_at > g.at)), 0)
        + coalesce((SELECT sum(r.amount) FROM refunds r
                    WHERE r.order_id = o.id AND r.status = 'paid' AND r.paid_at <= g.at), 0)
        - coalesce((SELECT sum(k.credit) FROM returns k WHERE k.order_id = o.id AND k.status = 'resolved'
                    AND k.resolved_at <= g.at), 0) AS missing,
        coalesce((SELECT max(v.covers) FROM gate_overrides v WHERE v.order_id = o.id AND v.at <= g.at
                  AND (v.revoked_at IS NULL OR v.revoked_at > g.at) AND v.by_id IS NOT NULL), 0) AS override,
        EXISTS (SELECT 1 FROM order_holds h WHERE h.order_id = o.id AND h.placed_at < g.at
                AND (h.released_at IS NULL OR h.released_at > g.at)) AS held
      FROM gone g JOIN orders o ON o.id = g.order_id WHERE NOT o.left_before)
    SELECT shipment, number, at, held, missing, override FROM standing
    WHERE confirmed_at IS NULL OR confirmed_at > at OR held OR (NOT vouched AND missing > override)
"""

_KEYS: Final = """
    SELECT 'two keys' AS what, upper(reference) AS reference, sending_bank FROM transfer_keys
    GROUP BY sending_bank, upper(reference) HAVING count(*) > 1
    UNION ALL
    SELECT 'claim without a key', c.reference, c.sending_bank FROM payment_claims c
    WHERE c.reference IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transfer_keys k
      WHERE upper(k.reference) = upper(c.reference) AND (k.sending_bank = c.sending_bank OR c.sending_bank = ''))
    UNION ALL
    SELECT 'two verified claims', upper(c.reference), min(c.sending_bank) FROM payment_claims c
    WHERE c.reference IS NOT NULL AND c.status = 'verified' GROUP BY upper(c.reference)
    HAVING count(*) > 1 AND (count(DISTINCT c.sending_bank) < count(*) OR bool_or(c.sending_bank = ''))
    UNION ALL
    SELECT 'two slips', s.reference, s.sending_bank FROM slips s
    WHERE s.reference <> '' AND s.status IN ('waiting', 'confirmed', 'rejected')
    GROUP BY s.sending_bank, s.reference HAVING count(*) > 1
"""

_SLIPS: Final = """
    SELECT s.id, s.status, c.status AS claim FROM slips s LEFT JOIN payment_claims c ON c.id = s.claim_id
    WHERE (s.status = 'confirmed' AND coalesce(c.status, 'none') NOT IN ('verified', 'reversed'))
       OR (s.status IN ('rejected', 'duplicate') AND c.status = 'submitted')
"""

_SHARES: Final = """
    SELECT c.id, c.amount, sum(a.amount) AS allocated FROM payment_claims c JOIN allocations a ON a.claim_id = c.id
    GROUP BY c.id HAVING sum(a.amount) > c.amount
    UNION ALL
    SELECT a.claim_id, a.order_id, sum(a.amount) FROM allocations a
    GROUP BY a.claim_id, a.order_id HAVING sum(a.amount) < 0
    UNION ALL
    SELECT a.claim_id, a.amount, b.amount FROM allocations a JOIN allocations b ON b.id = a.reverses_id
    WHERE a.amount <> -b.amount OR a.order_id <> b.order_id OR a.claim_id <> b.claim_id
"""

_REFUNDS: Final = f"""
    WITH {MONEY}
    SELECT m.id, m.verified, r.back FROM money m JOIN (
      SELECT order_id, sum(amount) AS back FROM refunds WHERE status <> 'denied' GROUP BY order_id) r
      ON r.order_id = m.id
    WHERE r.back > m.verified
"""

_MATCHES: Final = """
    SELECT 'line' AS what, l.id, abs(l.amount) AS most, sum(m.amount) AS matched FROM statement_lines l
    JOIN statement_matches m ON m.line_id = l.id GROUP BY l.id HAVING sum(m.amount) > abs(l.amount)
    UNION ALL
    SELECT 'claim', c.id, c.amount, sum(m.amount) FROM payment_claims c
    JOIN statement_matches m ON m.claim_id = c.id GROUP BY c.id HAVING sum(m.amount) > c.amount
    UNION ALL
    SELECT 'refund', r.id, r.amount, sum(m.amount) FROM refunds r
    JOIN statement_matches m ON m.refund_id = r.id GROUP BY r.id HAVING sum(m.amount) > r.amount
    UNION ALL
    SELECT 'round', r.id, r.net, sum(m.amount) FROM cod_rounds r
    JOIN statement_matches m ON m.round_id = r.id GROUP BY r.id HAVING sum(m.amount) > r.net
"""

_LINES: Final = """
    SELECT l.id, l.status, abs(l.amount) AS amount, coalesce(sum(m.amount), 0) AS matched FROM statement_lines l
    LEFT JOIN statement_matches m ON m.line_id = l.id LEFT JOIN payment_claims c ON c.id = m.claim_id
    GROUP BY l.id
    HAVING (l.status = 'matched') <> (coalesce(sum(m.amount), 0) = abs(l.amount))
      OR (l.status IN ('ignored', 'duplicate') AND coalesce(sum(m.amount), 0) <> 0)
      OR coalesce(sum(m.amount) FILTER (WHERE c.status <> 'verified'), 0) <> 0
"""

_COD: Final = """
    SELECT e.id, e.status, e.to_collect, e.expected, e.collected, e.remitted FROM cod_entries e
    WHERE (e.status = 'expected' AND (e.expected = 0 OR e.collected > 0))
       OR (e.status = 'refused' AND e.expected <> 0)
       OR (e.status IN ('collected', 'remitted', 'short') AND e.collected = 0 AND e.remitted = 0)
    UNION ALL
    SELECT r.id, 'round', r.gross, r.fees, coalesce(sum(l.amount), 0), coalesce(sum(l.fee), 0) FROM cod_rounds r
    LEFT JOIN cod_round_lines l ON l.round_id = r.id GROUP BY r.id
    HAVING r.gross <> coalesce(sum(l.amount), 0) OR r.fees <> coalesce(sum(l.fee), 0)
"""

MONEY_CHECKS: Final[tuple[Check, ...]] = (
    Check(1, "payment_status", "the payment status follows from the amounts", PAYMENT_STATUS),
    Check(
        1, "verified_amount", "the verified amount is the sum of verified allocations",
        f"WITH {MONEY} SELECT o.id, o.number, o.verified_amount AS stored, m.verified AS recomputed"
        " FROM orders o JOIN money m USING (id) WHERE o.verified_amount <> m.verified",
    ),
    Check(3, "gate", "nothing was handed over while its gate was closed", GATE),
    Check(
        3, "pulled_back", "nothing is being picked, packed or labeled for an order whose money or holds forbid it",
        f"WITH {MONEY} SELECT s.number, o.number AS order_number, s.status FROM shipments s"
        " JOIN shipment_lines sl ON sl.shipment_id = s.id JOIN orders o ON o.id = sl.order_id JOIN money m ON m.id ="
        " o.id WHERE s.status IN ('ready', 'picking', 'packed', 'labeled') AND (o.status <> 'confirmed'"
        " OR EXISTS (SELECT 1 FROM order_holds h WHERE h.order_id = o.id AND h.status = 'active')"
        f" OR (m.missing > 0 AND NOT {OVERRIDDEN}"
        " AND NOT (o.payment_term <> 'prepaid' AND o.term_approved_at IS NOT NULL)))",
    ),
    Check(4, "allocations", "the allocations of a payment are at most its amount, and a reversal undoes one", _SHARES),
    Check(4, "refunds", "refunds, asked for ones too, are at most what was verified for the order", _REFUNDS),
    Check(4, "statement_matches", "a statement line and what it pays are matched at most in full", _MATCHES),
    Check(4, "line_states", "a matched line is wholly explained by money that stands, any other is not", _LINES),
    Check(4, "cod_ledger", "a COD entry's amounts fit its state, and a round is the sum of its parcels", _COD),
    Check(7, "transfer_references", "a transfer pays once, also one that was rejected", _KEYS),
    Check(
        7, "statement_lines", "a statement line is kept once per occurrence",
        "SELECT account_id, line_key, occurrence, count(*) FROM statement_lines GROUP BY 1, 2, 3 HAVING count(*) > 1",
    ),
    Check(
        8, "refund_series", "the numbers of refunds have no gap and no repeat",
        """
        SELECT coalesce(s.series, p.series) AS series, s.last, p.papers, p.highest FROM
          (SELECT * FROM number_series WHERE series ~ '^RF[0-9]+$') s
        FULL JOIN (
          SELECT split_part(number, '-', 1) AS series, count(*) AS papers, max(split_part(number, '-', 2)::bigint)
            AS highest FROM refunds GROUP BY 1) p ON p.series = s.series
        WHERE s.last IS DISTINCT FROM p.papers OR s.last IS DISTINCT FROM p.highest
        """,
    ),
    Check(9, "slips", "a confirmed slip has a verified payment; a rejected one pays nothing", _SLIPS),
    Check(
        9, "made_money", "money is verified by a person, never by a channel's or carrier's event",
        """
        SELECT c.id, c.amount, c.decided_label FROM payment_claims c WHERE c.status = 'verified'
          AND NOT EXISTS (SELECT 1 FROM allocations a JOIN audit_log u ON u.subject_type = 'order'
                            AND u.subject_id = a.order_id AND u.action = 'payment.verified'
                          WHERE a.claim_id = c.id AND u.after ->> 'claim' = c.id::text
                            AND u.actor_kind IN ('user', 'system') AND u.source NOT IN ('channel', 'carrier'))
          AND NOT EXISTS (SELECT 1 FROM audit_log u WHERE u.subject_type = 'payment' AND u.subject_id = c.id
                          AND u.action = 'payment.verified' AND u.actor_kind IN ('user', 'system')
                          AND u.source NOT IN ('channel', 'carrier'))
        """,
    ),
)  # fmt: skip
