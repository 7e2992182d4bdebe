"""Which money a statement line may be: candidates ranked by what speaks for them. Pure; nothing here decides.

Only candidates of exactly the line's amount fit. When two fit, the line is ambiguous unless the bank's text names one
of them; even a single one is only suggested (docs/adr/0078).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from oms import clock
from oms.money import Money
from oms.payments.states import LineStatus

SHOWN = 9  # candidates that can be chosen by a digit key
SAME_MOMENT = timedelta(minutes=30)  # a bank books within minutes of what a slip says
SAME_DAY = timedelta(hours=36)  # when one of both knows only the day
_TOKEN = re.compile(r"[A-Z0-9][A-Z0-9-]{4,}[A-Z0-9]")


class Kind(StrEnum):
    """What a line can be matched to. ``ORDERS``: one or several orders of one customer."""

    CLAIM = "claim"
    ORDERS = "orders"
    ROUND = "round"
    REFUND = "refund"


class Why(StrEnum):
    """What speaks for a candidate."""

    TEXT = "text"
    PAYER = "payer"
    NAME = "name"
    PHONE = "phone"
    MOMENT = "moment"
    DAYS = "days"
    COUNTED = "counted"


POINTS: dict[Why, int] = {
    Why.TEXT: 60, Why.PAYER: 25, Why.NAME: 20, Why.PHONE: 20, Why.MOMENT: 25, Why.DAYS: 8, Why.COUNTED: 5,
}  # fmt: skip
EXACT = 50
WHY_LABELS: dict[Why, str] = {
    Why.TEXT: "Named in the bank's text",
    Why.PAYER: "This payer paid for this customer before",
    Why.NAME: "Same name",
    Why.PHONE: "Digits of the phone",
    Why.MOMENT: "Same time",
    Why.DAYS: "Within days",
    Why.COUNTED: "Already counted; only ticks it off",
}


@dataclass(frozen=True)
class LineFacts:
    """A line as far as matching needs it. ``rest``: what is not matched yet, without its sign."""

    line_id: int
    account_id: int
    money_in: bool
    rest: Money
    at: datetime
    has_time: bool
    text: str
    payer_key: str = ""
    payer_digits: str = ""
    tokens: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Candidate:
    """One thing a line may be. ``words`` name it in a bank's text (order numbers, a transfer's reference);
    ``counted``: its money counts already, matching only ticks it off; ``timed``: ``at`` is when it was paid, so that
    a counted payment of another day is no fit."""

    kind: Kind
    ids: tuple[int, ...]
    amount: Money
    at: datetime | None = None
    account_id: int | None = None
    words: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    customer_id: int | None = None
    order_ids: tuple[int, ...] = ()
    counted: bool = False
    timed: bool = False


@dataclass(frozen=True)
class Ranked:
    """A candidate of a line, best first. ``fits``: its amount is exactly what is left of the line."""

    candidate: Candidate
    points: int
    why: tuple[Why, ...]
    fits: bool

    @property
    def is_named(self) -> bool:
        return Why.TEXT in self.why


def tokens_of(text: str) -> frozenset[str]:
    """Words of a bank's text that may be numbers of ours, with and without their dashes."""
    found = set(_TOKEN.findall(text.upper()))
    return frozenset(found | {word.replace("-", "") for word in found})


def same_moment(line: LineFacts, at: datetime) -> bool:
    """Whether two records of money tell the same moment; one that knows only the day may be any hour of it."""
    local = clock.local(at)
    only_day = not line.has_time or (local.hour == local.minute == 0)
    return abs(line.at - at) <= (SAME_DAY if only_day else SAME_MOMENT)


def rank(line: LineFacts, candidates: Sequence[Candidate], known_customers: Collection[int] = ()) -> list[Ranked]:
    """The candidates of a line, best first. An order whose slip is a candidate too is shown by its slip alone."""
    judged = [_judge(line, candidate, known_customers) for candidate in candidates]
    kept = [r for r in judged if r.fits or r.is_named]
    by_slip = {i for r in kept if r.candidate.kind is Kind.CLAIM and r.fits for i in r.candidate.order_ids}
    kept = [r for r in kept if r.candidate.kind is not Kind.ORDERS or not set(r.candidate.ids) & by_slip]
    return sorted(kept, key=lambda r: (not r.fits, -r.points, len(r.candidate.ids), r.candidate.ids))[:SHOWN]


def _judge(line: LineFacts, candidate: Candidate, known_customers: Collection[int]) -> Ranked:
    fits = candidate.amount == line.rest and candidate.account_id in {None, line.account_id}
    if candidate.counted and candidate.timed and candidate.at is not None:
        fits = fits and abs(line.at - candidate.at) <= SAME_DAY
    why: list[Why] = []
    if any(word.upper() in line.tokens for word in candidate.words if len(word) >= 6):
        why.append(Why.TEXT)
    if candidate.customer_id is not None and candidate.customer_id in known_customers:
        why.append(Why.PAYER)
    if any(_same_name(line.payer_key, name) for name in candidate.names):
        why.append(Why.NAME)
    if any(_same_phone(line, phone) for phone in candidate.phones):
        why.append(Why.PHONE)
    if candidate.at is not None:
        if candidate.kind is Kind.CLAIM and same_moment(line, candidate.at):
            why.append(Why.MOMENT)
        elif abs(line.at - candidate.at) <= timedelta(days=3):
            why.append(Why.DAYS)
    if candidate.counted:
        why.append(Why.COUNTED)
    return Ranked(candidate, sum(POINTS[w] for w in why) + EXACT * fits, tuple(why), fits)


def _same_name(payer: str, name: str) -> bool:
    """Banks cut names short: one begins with the other, and enough of it is there to mean something."""
    shorter = min(len(payer), len(name))
    return shorter >= 4 and payer[:shorter] == name[:shorter]


def _same_phone(line: LineFacts, phone: str) -> bool:
    return len(phone) >= 9 and (phone in line.tokens or (bool(line.payer_digits) and phone.endswith(line.payer_digits)))


def standing(ranked: Sequence[Ranked]) -> LineStatus:
    """Where a line stands with these candidates."""
    fits = [r for r in ranked if r.fits]
    named = [r for r in ranked if r.is_named]
    if len(fits) == 1 or (not fits and len(named) == 1):
        return LineStatus.SUGGESTED
    if not fits:
        return LineStatus.AMBIGUOUS if named else LineStatus.UNMATCHED
    return LineStatus.SUGGESTED if sum(1 for r in fits if r.is_named) == 1 else LineStatus.AMBIGUOUS


def ticks_itself(ranked: Sequence[Ranked]) -> Ranked | None:
    """The one candidate that may be ticked off without a person: its money counts already, and the bank's text gives
    the same reference. Nothing else ever confirms itself."""
    fits = [r for r in ranked if r.fits]
    named = [r for r in fits if r.is_named and r.candidate.counted]
    return named[0] if len(named) == 1 and len([r for r in fits if r.is_named]) == 1 else None


def shared_out(amounts: Sequence[Money], wanted: Sequence[Money]) -> list[list[Money]]:
    """Fill what is wanted from the amounts, in order: ``answer[i][j]`` is how much of ``amounts[i]`` goes to
    ``wanted[j]``."""
    zero = amounts[0] - amounts[0]
    left = list(wanted)
    answer = []
    for amount in amounts:
        row, rest = [], amount
        for place, want in enumerate(left):
            part = min(rest, want)
            row.append(part)
            rest, left[place] = rest - part, want - part
        answer.append(row)
    return answer if amounts else [[zero]]
