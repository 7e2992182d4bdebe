"""Reads of statement lines: the list that is worked through, its counts, and what a matched line was matched to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from oms import clock
from oms.errors import InvalidInput
from oms.intake.queries import one_of
from oms.money import Money
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import LineStatus
from oms.thai.dates import parse_date

OPEN = (LineStatus.UNMATCHED, LineStatus.SUGGESTED, LineStatus.AMBIGUOUS)


@dataclass(frozen=True)
class LineFilter:
    """What of the statements is shown. ``show``: "open" (all that wait), "all", or one status. Days are inclusive."""

    show: str = "open"
    account_id: int = 0
    day_from: str = ""
    day_to: str = ""
    text: str = ""

    def to_query(self) -> dict[str, Any]:
        """As it stands in an address."""
        facts = {"show": self.show if self.show != "open" else "", "account": self.account_id or "",
                 "from": self.day_from, "to": self.day_to, "q": self.text}  # fmt: skip
        return {name: value for name, value in facts.items() if value}


def lines(wanted: LineFilter) -> Select[Any]:
    """The lines of a filter: those that wait the oldest first, others the newest first."""
    statement: Select[Any] = select(StatementLine).options(joinedload(StatementLine.account))
    if wanted.show == "open":
        statement = statement.where(StatementLine.status.in_(OPEN))
    elif wanted.show in set(LineStatus):
        statement = statement.where(StatementLine.status == LineStatus(wanted.show))
    if wanted.account_id:
        statement = statement.where(StatementLine.account_id == wanted.account_id)
    if begin := _day(wanted.day_from):
        statement = statement.where(StatementLine.booked_at >= begin)
    if end := _day(wanted.day_to):
        statement = statement.where(StatementLine.booked_at < end + timedelta(days=1))
    if wanted.text:
        statement = narrow(statement, wanted.text)
    if wanted.show in {"open", *OPEN}:
        return statement.order_by(StatementLine.booked_at, StatementLine.id)
    return statement.order_by(StatementLine.booked_at.desc(), StatementLine.id.desc())


def narrow(statement: Select[Any], text: str) -> Select[Any]:
    """Lines with this in the bank's words or the note, or of this amount either way."""
    found = StatementLine.description.icontains(text, autoescape=True)
    found |= StatementLine.note.icontains(text, autoescape=True)
    try:
        amount = Money.parse(text)
    except InvalidInput:
        return statement.where(found)
    return statement.where(found | StatementLine.amount.in_([amount, -amount]))


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(parse_date(text), time(), clock.BANGKOK) if text else None
    except InvalidInput:
        return None


def count_waiting() -> Select[int]:
    """How many lines wait, for the menu."""
    return select(func.count()).select_from(StatementLine).where(StatementLine.status.in_(OPEN))


def by_status(session: Session, account_id: int = 0) -> dict[str, int]:
    """How many lines stand where."""
    statement = select(StatementLine.status, func.count()).group_by(StatementLine.status)
    if account_id:
        statement = statement.where(StatementLine.account_id == account_id)
    return {status.value: number for status, number in session.execute(statement)}


def live_matches(session: Session, line_ids: Collection[int]) -> dict[int, list[StatementMatch]]:
    """Per line the matches that stand."""
    found: dict[int, list[StatementMatch]] = defaultdict(list)
    if line_ids:
        undone = select(StatementMatch.reverses_id).where(StatementMatch.reverses_id.is_not(None))
        statement = select(StatementMatch).where(
            one_of(StatementMatch.line_id, line_ids), StatementMatch.reverses_id.is_(None),
            StatementMatch.id.not_in(undone),
        )  # fmt: skip
        for match in session.scalars(statement.order_by(StatementMatch.id)):
            found[match.line_id].append(match)
    return found
