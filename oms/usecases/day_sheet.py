"""The close-of-day sheet: what money moved on a business day, and what stands for the goods that left.

Two halves that must tie to the satang. Money: verified less reversed less paid back, per method and account, beside
what the account's statement says. Goods: what was due for the orders whose goods left that day is split, order by
order, into what came in and what stands for the rest; what nothing stands for is "unexplained".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.errors import Forbidden, say
from oms.money import ZERO, Money

DAY, STANDING = "day", "standing"  # goods that left on one day; all goods that left and are not paid for

PART_LABELS: Final[dict[str, str]] = {
    "received": "Paid",
    "given_back": "Paid, then paid back",
    "cod_expected": "COD with the carrier",
    "cod_collected": "COD collected, not paid to us yet",
    "cod_short": "COD paid too little",
    "cod_remitted": "COD paid by the carrier, not banked yet",
    "cod_refused": "COD refused, goods coming back",
    "cod_written_off": "COD written off",
    "came_back": "Came back and credited",
    "credit": "On credit",
    "platform": "Guaranteed by the platform",
    "override": "Let go before payment",
    "history": "Left before Ruam knew the order",
    "unexplained": "Unexplained",
}
_CAPS: Final = (
    ("received", "net"),
    ("given_back", "refunded"),
    ("cod_written_off", "cash_written_off"),
    ("cod_expected", "cash_expected"),
    ("cod_collected", "cash_collected"),
    ("cod_short", "cash_short"),
    ("cod_remitted", "cash_remitted"),
    ("cod_refused", "cash_refused"),
    ("came_back", "credited"),
    ("credit", "on_credit"),
    ("platform", "guaranteed"),
    ("override", "covers"),
    ("history", "unknown"),
)  # each part takes of what is left up to its cap, in this order

_LEFT_ON_DAY = """
    SELECT sl.order_id AS id, min(s.handed_over_at) AS left_at
    FROM shipments s JOIN shipment_lines sl ON sl.shipment_id = s.id
    WHERE s.handed_over_at >= :start AND s.handed_over_at < :end
      AND NOT EXISTS (SELECT 1 FROM shipment_lines el JOIN shipments e ON e.id = el.shipment_id
                      WHERE el.order_id = sl.order_id AND e.handed_over_at < :start)
    GROUP BY sl.order_id
"""
_OWING = """
    SELECT id, NULL::timestamptz AS left_at FROM orders
    WHERE fulfillment_status IN ('partial', 'shipped', 'delivered', 'returned')
      AND payment_status NOT IN ('paid', 'overpaid', 'partially_refunded', 'refunded', 'nothing_due')
"""
_SIMPLE = """
    term_approved_at IS NOT NULL AND payment_term IN ('credit', 'marketplace') AND verified_amount = 0
      AND status NOT IN ('canceled', 'expired')
"""
_CASH = """
    coalesce(CASE WHEN o.payment_term = 'cod' AND o.term_approved_at IS NOT NULL THEN (
      SELECT array[
        coalesce(sum(e.expected - e.written_off) FILTER (WHERE e.status = 'expected'), 0),
        coalesce(sum(e.expected - e.written_off) FILTER (WHERE e.status = 'collected'), 0),
        coalesce(sum(greatest(e.expected - e.remitted - e.written_off, 0)) FILTER (WHERE e.status = 'short'), 0),
        coalesce(sum(e.remitted), 0),
        coalesce(sum(e.to_collect) FILTER (WHERE e.status = 'refused'), 0),
        coalesce(sum(e.written_off), 0)]
      FROM cod_entries e WHERE e.order_id = o.id) END, array[0, 0, 0, 0, 0, 0]::numeric[])
"""


def _split(goods: str) -> str:
    """The statement that splits what was due for each of these orders. Amounts in satang."""
    taken, columns = "0", []
    for part, cap in _CAPS:
        columns.append(f"greatest(least({cap}, due - ({taken})), 0) AS {part}")
        taken += f" + {cap}"
    columns.append(f"greatest(due - ({taken}), 0) AS unexplained")
    return f"""
    WITH goods AS MATERIALIZED ({goods}),
    canceled AS (SELECT order_id, sum(total * canceled / quantity) AS value FROM order_lines WHERE canceled > 0
                 GROUP BY order_id),
    facts AS MATERIALIZED (
      SELECT o.id, o.number, o.payment_term AS term, o.ship_name, g.left_at, o.left_before,
        o.term_approved_at IS NOT NULL AS approved,
        CASE WHEN o.status IN ('canceled', 'expired') THEN 0
          ELSE greatest(o.total - coalesce(c.value, 0), 0) END AS due,
        o.verified_amount AS verified,
        CASE WHEN o.verified_amount > 0 THEN coalesce((SELECT sum(r.amount) FROM refunds r
          WHERE r.order_id = o.id AND r.status = 'paid'), 0) ELSE 0 END AS refunded,
        CASE WHEN o.term_approved_at IS NULL OR o.payment_term = 'prepaid' THEN coalesce((
          SELECT sum(v.covers) FROM gate_overrides v WHERE v.order_id = o.id AND v.revoked_at IS NULL), 0)
          ELSE 0 END AS covers,
        coalesce((SELECT sum(b.credit) FROM returns b WHERE b.order_id = o.id), 0) AS credited,
        {_CASH} AS cash
      FROM goods g JOIN orders o ON o.id = g.id LEFT JOIN canceled c ON c.order_id = o.id),
    sums AS MATERIALIZED (
      SELECT *, greatest(verified - refunded, 0) AS net, cash[1] AS cash_expected, cash[2] AS cash_collected,
        cash[3] AS cash_short, cash[4] AS cash_remitted, cash[5] AS cash_refused,
        cash[6] AS cash_written_off,
        CASE WHEN approved AND term = 'credit' THEN due ELSE 0 END AS on_credit,
        CASE WHEN approved AND term = 'marketplace' THEN due ELSE 0 END AS guaranteed,
        CASE WHEN left_before THEN due ELSE 0 END AS unknown FROM facts),
    split AS (SELECT id, number, term, ship_name, left_at, due, {", ".join(columns)} FROM sums)
    """  # noqa: S608  made of constants


_SPLITS: Final = {DAY: _split(_LEFT_ON_DAY), STANDING: _split(f"{_OWING} AND NOT ({_SIMPLE})")}
_ROWS: Final = {  # read from the front and stopped after a page
    scope: _split(goods).replace(" AS MATERIALIZED ", " AS NOT MATERIALIZED ")
    for scope, goods in ((DAY, _LEFT_ON_DAY), (STANDING, _OWING))
}
_VOUCHED: Final = text(
    f"""
    SELECT CASE payment_term WHEN 'credit' THEN 'credit' ELSE 'platform' END AS part, count(*) AS orders,
      count(*) FILTER (WHERE due > 0) AS rows, coalesce(sum(due), 0) AS due
    FROM (SELECT o.payment_term, greatest(o.total - coalesce(c.value, 0) - coalesce(b.credited, 0), 0) AS due
      FROM ({_OWING.replace("id, NULL::timestamptz AS left_at", "id, payment_term, total")} AND {_SIMPLE}) o
      LEFT JOIN (SELECT order_id, sum(total * canceled / quantity) AS value FROM order_lines WHERE canceled > 0
        GROUP BY order_id) c ON c.order_id = o.id
      LEFT JOIN (SELECT order_id, sum(credit) AS credited FROM returns WHERE credit > 0 GROUP BY order_id) b
        ON b.order_id = o.id) d
    GROUP BY payment_term
    """  # noqa: S608  made of constants
)  # orders that nobody has paid anything for and somebody vouches for: most of them, and quickly added up
_TOTALS: Final = ", ".join(
    f"coalesce(sum({part}), 0) AS {part}, count(*) FILTER (WHERE {part} > 0) AS {part}_orders" for part in PART_LABELS
)

_MONEY: Final = text(
    """
    SELECT 'verified' AS kind, method, account_id, sum(amount) AS total, count(*) AS rows FROM payment_claims
    WHERE status = 'verified' AND decided_at >= :start AND decided_at < :end GROUP BY method, account_id
    UNION ALL
    SELECT 'verified', method, account_id, sum(amount), count(*) FROM payment_claims
    WHERE status = 'reversed' AND verified_at >= :start AND verified_at < :end GROUP BY method, account_id
    UNION ALL
    SELECT 'reversed', method, account_id, sum(amount), count(*) FROM payment_claims
    WHERE status = 'reversed' AND decided_at >= :start AND decided_at < :end GROUP BY method, account_id
    UNION ALL
    SELECT 'refunded', method, account_id, sum(amount), count(*) FROM refunds
    WHERE status = 'paid' AND paid_at >= :start AND paid_at < :end GROUP BY method, account_id
    """
)
_STATEMENTS: Final = text(
    """
    SELECT a.id, a.code, a.bank, a.account_no, coalesce(l.money_in, 0) AS money_in,
      coalesce(l.money_out, 0) AS money_out, coalesce(l.rows, 0) AS rows
    FROM receiving_accounts a LEFT JOIN LATERAL (
      SELECT sum(amount) FILTER (WHERE amount > 0) AS money_in, -sum(amount) FILTER (WHERE amount < 0) AS money_out,
        count(*) AS rows
      FROM statement_lines WHERE account_id = a.id AND booked_at >= :start AND booked_at < :end
        AND status <> 'duplicate') l ON true
    ORDER BY a.code
    """
)
_WAITING: Final = text(
    """
    SELECT (SELECT count(*) FROM payment_claims WHERE status = 'submitted')
      + (SELECT count(*) FROM slips WHERE status IN ('received', 'waiting') AND claim_id IS NULL) AS slips,
      (SELECT count(*) FROM statement_lines WHERE status IN ('unmatched', 'suggested', 'ambiguous')) AS lines
    """
)


@dataclass(frozen=True)
class Figure:
    """One amount and how many rows make it."""

    amount: Money = ZERO
    rows: int = 0


@dataclass(frozen=True)
class MoneyLine:
    """What moved by one method on one account of ours (None: no account, as with cash)."""

    method: str
    account_id: int | None
    account: str
    verified: Figure
    reversed: Figure
    refunded: Figure

    @property
    def net(self) -> Money:
        return self.verified.amount - self.reversed.amount - self.refunded.amount

    @property
    def key(self) -> str:
        return f"{self.method}:{self.account_id or 0}"


@dataclass(frozen=True)
class AccountLine:
    """One account of ours: what our books say moved, and what its statement says."""

    account_id: int
    name: str
    booked: Money
    money_in: Money
    money_out: Money
    rows: int

    @property
    def difference(self) -> Money:
        """Statement less books. Slips are checked on another day than the bank books them, so it is often not 0."""
        return self.money_in - self.money_out - self.booked


@dataclass(frozen=True)
class Split:
    """What was due, and what stands for it."""

    due: Figure
    parts: Mapping[str, Figure]

    @property
    def unexplained(self) -> Figure:
        return self.parts["unexplained"]

    @property
    def ties(self) -> bool:
        """Whether something stands for every satang."""
        total = sum((f.amount for f in self.parts.values()), start=ZERO)
        return total == self.due.amount and not self.unexplained.amount


@dataclass(frozen=True)
class Sheet:
    """One business day."""

    day: date
    money: Sequence[MoneyLine]
    accounts: Sequence[AccountLine]
    goods: Split
    standing: Split
    slips_waiting: int
    lines_waiting: int

    @property
    def net(self) -> Money:
        return sum((line.net for line in self.money), start=ZERO)

    @property
    def ties(self) -> bool:
        return self.goods.ties and self.standing.ties

    def figures(self) -> dict[str, Any]:
        """Everything as satang under names, as a closing keeps it."""
        return {
            "money": {
                line.key: {
                    "verified": line.verified.amount.in_satang, "reversed": line.reversed.amount.in_satang,
                    "refunded": line.refunded.amount.in_satang,
                }
                for line in self.money
            },
            "accounts": {
                str(a.account_id): {"in": a.money_in.in_satang, "out": a.money_out.in_satang}
                for a in self.accounts if a.rows
            },
            DAY: _satang(self.goods),
            STANDING: _satang(self.standing),
            "waiting": {"slips": self.slips_waiting, "lines": self.lines_waiting},
        }  # fmt: skip


def _satang(split: Split) -> dict[str, int]:
    return {"due": split.due.amount.in_satang} | {k: f.amount.in_satang for k, f in split.parts.items()}


def bounds(day: date) -> dict[str, datetime]:
    """A business day in Bangkok, as two moments."""
    start = datetime.combine(day, time(), clock.BANGKOK)
    return {"start": start.astimezone(UTC), "end": (start + timedelta(days=1)).astimezone(UTC)}


def check_whole(actor: Actor) -> None:
    """The day is the whole company's: who sees only some shops or warehouses cannot see it tie. Raises Forbidden."""
    actor.require("order.price")
    if actor.warehouses is not None or actor.shops is not None or actor.own_orders_only:
        raise Forbidden(
            say("The cashier's day counts the whole company; your login sees only a part of it"), code="part_only"
        )


def split_of(session: Session, scope: str, day: date) -> Split:
    """What stands for the goods of a scope: of one day, or all that are not paid for."""
    statement = f"{_SPLITS[scope]} SELECT coalesce(sum(due), 0) AS due, count(*) AS orders, {_TOTALS} FROM split"  # noqa: S608
    row = session.execute(text(statement), bounds(day) if scope == DAY else {}).mappings().one()
    parts = {part: Figure(_baht(row[part]), row[f"{part}_orders"]) for part in PART_LABELS}
    if scope == STANDING:
        return _with_vouched(session, Split(Figure(_baht(row["due"]), row["orders"]), parts))
    return Split(Figure(_baht(row["due"]), row["orders"]), parts)


def _with_vouched(session: Session, split: Split) -> Split:
    """Add the orders that are wholly on credit or guaranteed by a platform."""
    due, parts = split.due, dict(split.parts)
    for row in session.execute(_VOUCHED):
        amount, part = _baht(row.due), parts[row.part]
        due = Figure(due.amount + amount, due.rows + row.orders)
        parts[row.part] = Figure(part.amount + amount, part.rows + row.rows)
    return Split(due, parts)


def goods_rows(session: Session, scope: str, day: date, part: str, limit: int, offset: int = 0) -> Sequence[Any]:
    """The orders behind one figure of a split, in order of their number."""
    if part not in PART_LABELS and part != "due":
        return ()
    statement = (
        f"{_ROWS[scope]} SELECT id, number, term, ship_name, left_at, due, {part} AS amount FROM split"  # noqa: S608  one of ours
        f" WHERE {part} > 0 ORDER BY id LIMIT :limit OFFSET :offset"
    )
    values = {"limit": limit, "offset": offset} | (bounds(day) if scope == DAY else {})
    return session.execute(text(statement), values).all()


def day_sheet(session: Session, day: date) -> Sheet:
    """The whole sheet as it stands, in a fixed number of statements."""
    moments = bounds(day)
    accounts = session.execute(_STATEMENTS, moments).all()
    names = {row.id: f"{row.bank} {row.account_no}" for row in accounts}
    money = _money_lines(session.execute(_MONEY, moments).all(), names)
    booked: dict[int | None, Money] = {}
    for line in money:
        booked[line.account_id] = booked.get(line.account_id, ZERO) + line.net
    waiting = session.execute(_WAITING).one()
    return Sheet(
        day=day,
        money=money,
        accounts=[
            AccountLine(
                row.id, names[row.id], booked.get(row.id, ZERO), _baht(row.money_in), _baht(row.money_out), row.rows
            )
            for row in accounts
            if row.rows or booked.get(row.id, ZERO)
        ],
        goods=split_of(session, DAY, day),
        standing=split_of(session, STANDING, day),
        slips_waiting=waiting.slips,
        lines_waiting=waiting.lines,
    )


def _money_lines(rows: Sequence[Any], names: Mapping[int, str]) -> list[MoneyLine]:
    found: dict[tuple[str, int | None], dict[str, Figure]] = {}
    for row in rows:
        kinds = found.setdefault((row.method, row.account_id), {})
        before = kinds.get(row.kind, Figure())
        kinds[row.kind] = Figure(before.amount + _baht(row.total), before.rows + row.rows)
    nothing = Figure()
    return [
        MoneyLine(
            method, account_id, names.get(account_id or 0, ""), kinds.get("verified", nothing),
            kinds.get("reversed", nothing), kinds.get("refunded", nothing),
        )
        for (method, account_id), kinds in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0))
    ]  # fmt: skip


def _baht(satang: object) -> Money:
    return Money.satang(int(str(satang)))
