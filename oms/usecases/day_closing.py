"""Close a business day: the sheet is frozen as it stands; what changes afterwards shows as a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.money import Money
from oms.payments.models import DayClosing
from oms.thai.text import clean_lines
from oms.usecases.day_sheet import DAY, Sheet, check_whole, day_sheet

CLOSING_LOCK = 0x434C4F53  # advisory lock: one closing at a time


@dataclass(frozen=True)
class CloseDay:
    """Freeze the sheet of ``day``. A note is needed while something waits or does not tie."""

    day: date
    note: str = ""


@dataclass(frozen=True)
class DayClosed:
    closing_id: int
    day: date
    ties: bool


@dataclass(frozen=True)
class Changed:
    """A figure that is not what it was when the day was closed. ``group`` is money, accounts or day."""

    group: str
    key: str
    name: str
    then: Money
    now: Money

    @property
    def difference(self) -> Money:
        return self.now - self.then


def close_day(tx: Tx, cmd: CloseDay) -> DayClosed:
    """Freeze a day's figures for good. Raises Refused for a day closed before or not begun, and InvalidInput when
    something waits or is unexplained and no note says why the day is closed all the same."""
    tx.actor.require("payment.verify")
    check_whole(tx.actor)
    if cmd.day > clock.today():
        raise Refused(say("This day has not come yet"), field="day", code="day_not_come")
    tx.session.execute(select(func.pg_advisory_xact_lock(CLOSING_LOCK)))
    if closed := closing_of(tx.session, cmd.day):
        raise Refused(
            say(
                "This day was closed by {who} on {day}", who=closed.closed_by, day=clock.local(closed.closed_at).date()
            ),
            code="day_closed",
        )
    sheet, note = day_sheet(tx.session, cmd.day), clean_lines(cmd.note)[:500]
    if not note and sheet.slips_waiting:
        raise InvalidInput(
            say("{n} slips still wait; say why the day is closed all the same", n=sheet.slips_waiting),
            field="note", code="slips_waiting",
        )  # fmt: skip
    if not note and not sheet.goods.ties:
        raise InvalidInput(
            say("{amount} is unexplained; say what is known about it", amount=sheet.goods.unexplained.amount),
            field="note", code="unexplained",
        )  # fmt: skip
    made = DayClosing(
        day=cmd.day, figures=sheet.figures(), ties=sheet.ties, note=note, closed_at=clock.now(),
        closed_by=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(made)
    tx.session.flush()  # the audit names it
    after = {
        "net": sheet.net, "due": sheet.goods.due.amount, "unexplained": sheet.goods.unexplained.amount,
        "slips_waiting": sheet.slips_waiting,
    }  # fmt: skip
    audit.record(tx, "day.closed", "day", made.id, cmd.day.isoformat(), after=after, reason=note)
    return DayClosed(made.id, cmd.day, made.ties)


def closing_of(session: Session, day: date) -> DayClosing | None:
    """The closing of a day, if there is one."""
    return session.scalars(select(DayClosing).where(DayClosing.day == day)).one_or_none()


def closings(session: Session, days: Sequence[date]) -> dict[date, DayClosing]:
    """The closings of these days, where there are any."""
    return {made.day: made for made in session.scalars(select(DayClosing).where(DayClosing.day.in_(days)))}


def changed_since(closing: DayClosing, sheet: Sheet) -> Sequence[Changed]:
    """What is not as it was when the day was closed. What is owed over all time changes every day and is left out."""
    then, now = closing.figures, sheet.figures()
    found = [
        Changed("money", key, name, Money.satang(was), Money.satang(is_))
        for key in sorted({*then["money"], *now["money"]})
        for name, was, is_ in _pairs(then["money"].get(key, {}), now["money"].get(key, {}))
    ]
    found += [
        Changed("accounts", key, name, Money.satang(was), Money.satang(is_))
        for key in sorted({*then["accounts"], *now["accounts"]})
        for name, was, is_ in _pairs(then["accounts"].get(key, {}), now["accounts"].get(key, {}))
    ]
    found += [
        Changed(DAY, "", name, Money.satang(was), Money.satang(is_)) for name, was, is_ in _pairs(then[DAY], now[DAY])
    ]
    return found


def _pairs(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    names = [*now, *(name for name in then if name not in now)]
    return [(n, then.get(n, 0), now.get(n, 0)) for n in names if then.get(n, 0) != now.get(n, 0)]
