"""What an owner looks at to catch fraud: each section one statement over a period, each row leading to an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.money import Money

SHOWN = 100
DAYS = 30
LONGEST = timedelta(days=92)
SECTION_LABELS: dict[str, str] = {
    "overrides": "Shipped before payment",
    "used_twice": "Slips used twice",
    "alike": "Slips that look alike",
    "phones": "One address, many phones",
    "reversed": "Reversed after shipping",
    "discounts": "Discounts over the limit",
    "own_work": "Verified by whoever entered it",
    "left_before": "Left before we knew, not paid",
}
HINT_LABELS: dict[str, str] = {
    "overrides": "A person with that right let goods leave although money was missing.",
    "used_twice": "The transfer had been used for another payment, or was rejected before.",
    "alike": "The picture resembles an earlier slip; an edited amount looks like this.",
    "phones": "At least three phone numbers ordered to the same address.",
    "reversed": "The payment was taken back when the goods had left.",
    "discounts": "A discount deeper than the role's limit, agreed to by a second person.",
    "own_work": "Nobody else looked at this money. The two-person rule for payments prevents it.",
    "left_before": "A file says that these left before they were known here; no money is verified for them.",
}

_SCOPE = """ (CAST(:shops AS bigint[]) IS NULL OR o.shop_id = ANY(CAST(:shops AS bigint[])))
    AND (CAST(:places AS bigint[]) IS NULL OR o.warehouse_id = ANY(CAST(:places AS bigint[])))
    AND (CAST(:owner AS bigint) IS NULL OR o.owner_id = CAST(:owner AS bigint)) """

# Each answers: at, order_id, number, other_id, other, who, note, amount (satang); the newest first.
_SECTIONS: Final[dict[str, str]] = {
    "overrides": """
        SELECT g.at, o.id AS order_id, o.number, NULL::bigint AS other_id, NULL AS other, g.by AS who, g.reason AS note,
          g.covers AS amount, g.used_at IS NOT NULL AS done
        FROM gate_overrides g JOIN orders o ON o.id = g.order_id
        WHERE g.at >= :since AND g.at < :until""",
    "used_twice": """
        SELECT s.uploaded_at AS at, o.id AS order_id, o.number, f.id AS other_id, f.number AS other,
          s.uploaded_label AS who, s.reference AS note, coalesce(s.paid_amount, s.said_amount) AS amount,
          s.status = 'duplicate' AS done
        FROM slips s LEFT JOIN transfer_keys k ON k.id = s.first_use_id LEFT JOIN slips e ON e.id = k.slip_id
        LEFT JOIN LATERAL (SELECT a.order_id FROM allocations a WHERE a.claim_id = coalesce(k.claim_id, e.claim_id)
                           ORDER BY a.id LIMIT 1) a ON true
        LEFT JOIN orders f ON f.id = coalesce(e.order_id, a.order_id) LEFT JOIN orders o ON o.id = s.order_id
        WHERE s.uploaded_at >= :since AND s.uploaded_at < :until
          AND (s.status = 'duplicate' OR s.first_use_id IS NOT NULL)""",
    "alike": """
        SELECT s.uploaded_at AS at, o.id AS order_id, o.number, f.id AS other_id, f.number AS other,
          s.uploaded_label AS who, s.reference AS note, coalesce(s.paid_amount, s.said_amount) AS amount,
          s.status = 'confirmed' AS done
        FROM slips s JOIN slips e ON e.id = s.alike_id LEFT JOIN orders o ON o.id = s.order_id
        LEFT JOIN orders f ON f.id = e.order_id
        WHERE s.uploaded_at >= :since AND s.uploaded_at < :until""",
    "phones": """
        SELECT max(o.placed_at) AS at, max(o.id) AS order_id, (array_agg(o.number ORDER BY o.id DESC))[1] AS number,
          min(o.id) AS other_id, (array_agg(o.number ORDER BY o.id))[1] AS other,
          count(DISTINCT o.ship_phone)::text || ' ☎ · ' || count(*)::text || ' ×' AS who,
          max(o.ship_line || ' ' || o.ship_subdistrict || ' ' || o.ship_postcode) AS note, sum(o.total) AS amount,
          bool_or(o.fulfillment_status IN ('shipped', 'delivered')) AS done
        FROM orders o WHERE o.placed_at >= :since AND o.placed_at < :until AND o.ship_line <> '' AND o.ship_phone <> ''
          AND o.channel NOT IN ('shopee', 'lazada', 'tiktok') AND {scope}
        GROUP BY lower(replace(o.ship_line, ' ', '')), o.ship_subdistrict, o.ship_postcode
        HAVING count(DISTINCT o.ship_phone) >= 3""",
    "reversed": """
        SELECT c.decided_at AS at, o.id AS order_id, o.number, NULL::bigint AS other_id, NULL AS other,
          c.decided_label AS who, c.decision_note AS note, max(a.amount) AS amount, true AS done
        FROM payment_claims c JOIN allocations a ON a.claim_id = c.id JOIN orders o ON o.id = a.order_id
        WHERE c.decided_at >= :since AND c.decided_at < :until AND c.status = 'reversed' AND a.amount > 0
          AND EXISTS (SELECT 1 FROM shipment_lines l JOIN shipments s ON s.id = l.shipment_id
                      WHERE l.order_id = o.id AND s.handed_over_at < c.decided_at)
          AND {scope} GROUP BY c.id, o.id""",
    "discounts": """
        SELECT p.decided_at AS at, o.id AS order_id, o.number, NULL::bigint AS other_id, NULL AS other,
          p.requested_label || ' → ' || p.decided_label AS who, p.reason AS note, o.discount AS amount, true AS done
        FROM approvals p JOIN orders o ON o.id = p.subject_id AND p.subject_type = 'order'
        WHERE p.status = 'approved' AND p.decided_at >= :since AND p.decided_at < :until""",
    "own_work": """
        SELECT c.decided_at AS at, o.id AS order_id, o.number, NULL::bigint AS other_id, NULL AS other,
          c.decided_label AS who, c.method AS note, c.amount, o.fulfillment_status <> 'open' AS done
        FROM payment_claims c JOIN LATERAL (SELECT a.order_id FROM allocations a JOIN orders e ON e.id = a.order_id
            WHERE a.claim_id = c.id ORDER BY e.entered_by = c.decided_by DESC NULLS LAST, a.id LIMIT 1) a ON true
          JOIN orders o ON o.id = a.order_id
        WHERE c.decided_at >= :since AND c.decided_at < :until AND c.status = 'verified' AND c.decided_by IS NOT NULL
          AND c.method NOT IN ('payout', 'cod', 'credit_note')
          AND (c.decided_by = c.submitted_by OR c.decided_by = o.entered_by)""",
    "left_before": """
        SELECT o.created_at AS at, o.id AS order_id, o.number, NULL::bigint AS other_id, NULL AS other,
          coalesce((SELECT u.actor FROM audit_log u WHERE u.subject_type = 'order' AND u.subject_id = o.id
                    ORDER BY u.id LIMIT 1), '') AS who, o.channel_status AS note, o.total AS amount, true AS done
        FROM orders o WHERE o.closed_at IS NULL AND o.left_before AND o.payment_term = 'prepaid'
          AND o.placed_at >= :since AND o.placed_at < :until
          AND o.payment_status IN ('unpaid', 'partial', 'pending_review')""",
}


@dataclass(frozen=True)
class FraudRow:
    """One thing to look at. ``done``: the goods left, or the slip counted. ``other``: the earlier order it touches."""

    at: datetime
    order_id: int | None
    number: str
    other_id: int | None
    other: str
    who: str
    note: str
    amount: Money | None
    done: bool


@dataclass(frozen=True)
class Period:
    """Days in Bangkok, both included."""

    first: date
    last: date

    @property
    def bounds(self) -> dict[str, datetime]:
        start = datetime.combine(self.first, time(), clock.BANGKOK)
        return {"since": start, "until": datetime.combine(self.last + timedelta(days=1), time(), clock.BANGKOK)}


def read_period(first: str, last: str) -> Period:
    """The asked days; the last 30 when nothing usable is asked, three months at most."""
    today = clock.today()
    until = _day(last) or today
    since = _day(first) or until - timedelta(days=DAYS)
    return Period(max(min(since, until), until - LONGEST), until)


def _day(raw: str) -> date | None:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return None


def _statement(section: str, tail: str) -> TextClause:
    sql = _SECTIONS[section]
    scoped = sql.replace("{scope}", _SCOPE) if "{scope}" in sql else f"{sql} AND (o.id IS NULL OR {_SCOPE})"
    return text(tail.format(sql=scoped))


def _facts(actor: Actor, period: Period, most: int) -> Mapping[str, Any]:
    return {
        "most": most,
        **period.bounds,
        "shops": None if actor.shops is None else sorted(actor.shops),
        "places": None if actor.warehouses is None else sorted(actor.warehouses),
        "owner": actor.user_id if actor.own_orders_only else None,
    }


def fraud_rows(session: Session, actor: Actor, section: str, period: Period) -> list[FraudRow]:
    """The newest of a section."""
    statement = _statement(section, "SELECT * FROM ({sql}) x ORDER BY at DESC LIMIT :most")
    return [
        FraudRow(
            r.at, r.order_id, r.number or "", r.other_id, r.other or "", r.who or "", r.note or "",
            None if r.amount is None else Money.satang(int(r.amount)), bool(r.done),
        )
        for r in session.execute(statement, _facts(actor, period, SHOWN))
    ]  # fmt: skip


def fraud_counts(session: Session, actor: Actor, period: Period) -> dict[str, int]:
    """How many rows each section has, counted a little past what is shown; one statement."""
    one = "SELECT '{key}' AS key, count(*) AS n FROM (SELECT 1 FROM ({{sql}}) x LIMIT :most) y"
    parts = [str(_statement(key, one.format(key=key))) for key in _SECTIONS]
    rows = session.execute(text(" UNION ALL ".join(parts)), _facts(actor, period, SHOWN + 1))
    return {row.key: row.n for row in rows}
