"""The cashier's board of the day, and the rows behind every figure of the close-of-day sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.money import ZERO, Money
from oms.usecases.day_sheet import bounds, check_whole

MOST = 500  # rows of one figure on a page

_BOARD: Final = text(
    """
    SELECT 'slips' AS kind, '' AS name, count(*) AS rows, coalesce(sum(amount), 0) AS total,
      min(submitted_at) AS oldest FROM payment_claims WHERE status = 'submitted'
    UNION ALL
    SELECT 'pictures', '', count(*), 0, min(uploaded_at) FROM slips
      WHERE status IN ('received', 'waiting') AND claim_id IS NULL
    UNION ALL
    SELECT 'lines', status, count(*), coalesce(sum(amount), 0), min(booked_at) FROM statement_lines
      WHERE status IN ('unmatched', 'suggested', 'ambiguous') GROUP BY status
    UNION ALL
    SELECT 'parked', age, count(*), coalesce(sum(missing), 0), min(since) FROM (
      SELECT coalesce(confirmed_at, placed_at) AS since, greatest(total - verified_amount, 0) AS missing,
        CASE WHEN coalesce(confirmed_at, placed_at) > :now - interval '1 day' THEN '1'
          WHEN coalesce(confirmed_at, placed_at) > :now - interval '3 days' THEN '3'
          WHEN coalesce(confirmed_at, placed_at) > :now - interval '7 days' THEN '7' ELSE 'older' END AS age
      FROM orders WHERE closed_at IS NULL AND board IN ('waiting_payment', 'short_payment', 'slip_waiting')
        AND fulfillment_status IN ('open', 'partial')) p
      GROUP BY age
    UNION ALL
    SELECT 'cod', carrier, count(*), sum(expected - remitted - written_off), min(handed_over_at) FROM cod_entries
      WHERE status IN ('expected', 'collected', 'short') GROUP BY carrier
    UNION ALL
    SELECT 'rounds', '', count(*), coalesce(sum(net), 0), min(created_at) FROM cod_rounds WHERE banked_at IS NULL
    UNION ALL
    SELECT 'overrides', '', count(*), coalesce(sum(covers), 0), min(at) FROM gate_overrides
      WHERE at >= :start AND at < :end
    UNION ALL
    SELECT 'refunds', status, count(*), coalesce(sum(amount), 0), min(requested_at) FROM refunds
      WHERE status IN ('requested', 'approved', 'failed') GROUP BY status
    """
)

_CLAIMS: Final = """
    SELECT c.id, c.{moment} AS at, c.method, c.account_id, c.payer_name AS name, c.reference, c.amount,
      (SELECT string_agg(DISTINCT o.number, ', ') FROM allocations a JOIN orders o ON o.id = a.order_id
         WHERE a.claim_id = c.id) AS number,
      (SELECT min(a.order_id) FROM allocations a WHERE a.claim_id = c.id) AS order_id
    FROM payment_claims c
    WHERE c.method = :method AND c.account_id IS NOT DISTINCT FROM :account AND {condition}
"""
_DAY: Final = "{0} >= :start AND {0} < :end"
_VERIFIED_THEN: Final = (
    f"(c.status = 'verified' AND {_DAY.format('c.decided_at')} OR c.status = 'reversed' AND"
    f" {_DAY.format('c.verified_at')})"
)
_MONEY_ROWS: Final[dict[str, str]] = {
    "verified": _CLAIMS.replace("c.{moment}", "coalesce(c.verified_at, c.decided_at)").format(condition=_VERIFIED_THEN),
    "reversed": _CLAIMS.format(
        moment="decided_at", condition=f"c.status = 'reversed' AND {_DAY.format('c.decided_at')}"
    ),
    "refunded": f"""
        SELECT r.id, r.paid_at AS at, r.method, r.account_id, r.to_name AS name, r.reference, r.amount, o.number,
          r.order_id FROM refunds r JOIN orders o ON o.id = r.order_id
        WHERE r.status = 'paid' AND {_DAY.format("r.paid_at")} AND r.method = :method
          AND r.account_id IS NOT DISTINCT FROM :account
    """,  # noqa: S608  made of constants
}
_LINES: Final = text(
    """
    SELECT id, booked_at AS at, description, payer_name AS name, status, amount FROM statement_lines
    WHERE account_id = :account AND booked_at >= :start AND booked_at < :end AND status <> 'duplicate'
    ORDER BY booked_at, id LIMIT :limit OFFSET :offset
    """
)


@dataclass(frozen=True)
class Pile:
    """What waits of one kind: how many, how much, since when."""

    rows: int = 0
    amount: Money = ZERO
    oldest: datetime | None = None


@dataclass(frozen=True)
class Board:
    """Everything the cashier's morning starts from."""

    slips: Pile
    pictures: Pile
    lines: Mapping[str, Pile]
    parked: Mapping[str, Pile]
    cod: Mapping[str, Pile]
    rounds: Pile
    overrides: Pile
    refunds: Mapping[str, Pile]


def board(session: Session, actor: Actor) -> Board:
    """What waits now, in one statement. Raises Forbidden for who sees only a part of the company."""
    check_whole(actor)
    found: dict[str, dict[str, Pile]] = {}
    for row in session.execute(_BOARD, {"now": clock.now(), **bounds(clock.today())}):
        pile = Pile(row.rows, Money.satang(int(row.total)), row.oldest)
        found.setdefault(row.kind, {})[row.name] = pile
    one = {kind: next(iter(piles.values()), Pile()) for kind, piles in found.items()}
    return Board(
        one["slips"], one["pictures"], found.get("lines", {}), found.get("parked", {}), found.get("cod", {}),
        one["rounds"], one["overrides"], found.get("refunds", {}),
    )  # fmt: skip


def money_rows(
    session: Session, day: date, kind: str, method: str, account_id: int | None, limit: int = MOST, offset: int = 0
) -> Sequence[Any]:
    """The payments or refunds behind one figure of the money part, in the order they were decided."""
    if kind not in _MONEY_ROWS:
        return ()
    values = {"method": method, "account": account_id, "limit": limit, "offset": offset, **bounds(day)}
    statement = f"{_MONEY_ROWS[kind]} ORDER BY at, id LIMIT :limit OFFSET :offset"
    return session.execute(text(statement), values).all()


def statement_rows(session: Session, day: date, account_id: int, limit: int = MOST, offset: int = 0) -> Sequence[Any]:
    """The statement lines of an account on a day."""
    values = {"account": account_id, "limit": limit, "offset": offset, **bounds(day)}
    return session.execute(_LINES, values).all()


def last_days(today: date, count: int) -> list[date]:
    """The last days, today first."""
    return [today - timedelta(days=n) for n in range(count)]
