"""Lines of statements taken in: each counts once, however many files bring it. What they pay is ``statement_match``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from oms import clock
from oms.banks.statements.payer import payer_of
from oms.banks.statements.reader import LineRead
from oms.db import Tx, insert_rows
from oms.intake.models import IntakeRun
from oms.intake.queries import one_of
from oms.intake.states import Outcome
from oms.money import Money
from oms.payments.statement_models import StatementLine
from oms.payments.states import LineStatus

STATEMENT_LOCK = 0x53544D54  # one file of an account is taken in at a time


@dataclass(frozen=True)
class NewLine:
    """One line of a file: its key, its rank among equal lines of the file, and whether the balance breaks there."""

    no: int
    read: LineRead
    mark: str
    occurrence: int
    broken: bool = False


@dataclass(frozen=True)
class TakeLines:
    """Lines of one file of one account. ``form`` is the kind of file, ``rehearse``: all of it will be undone."""

    account_id: int
    run_id: int
    form: str
    lines: tuple[NewLine, ...]
    rehearse: bool = False


@dataclass(frozen=True)
class LineTaken:
    """What became of a line. ``twin_of``: the line of another kind of file that is the same transfer."""

    outcome: Outcome
    line_id: int | None
    twin_of: int | None = None


def take_lines(tx: Tx, cmd: TakeLines) -> list[LineTaken]:
    """Write down the lines that are new. A line of an overlapping file is known by its key and rank; a transfer that
    came before in another kind of file is kept as a duplicate of that line and never counted."""
    tx.actor.require("payment.statement")
    if not cmd.lines:
        return []
    tx.session.execute(select(func.pg_advisory_xact_lock(STATEMENT_LOCK, cmd.account_id)))
    known = _known(tx, cmd)
    fresh = [n for n in cmd.lines if (n.mark, n.occurrence) not in known]
    twins = _twins(tx, cmd, fresh, set(known.values()))
    insert_rows(tx, StatementLine, [_row(cmd, n, twins.get(n.no)) for n in fresh])
    made = _known(tx, cmd) if fresh else known
    new = {n.no for n in fresh}
    return [
        LineTaken(
            Outcome.CREATED if n.no in new else Outcome.UNCHANGED, made[n.mark, n.occurrence], twins.get(n.no)
        )
        for n in cmd.lines
    ]  # fmt: skip


def _known(tx: Tx, cmd: TakeLines) -> dict[tuple[str, int], int]:
    rows = tx.session.execute(
        select(StatementLine.line_key, StatementLine.occurrence, StatementLine.id).where(
            StatementLine.account_id == cmd.account_id, one_of(StatementLine.line_key, {n.mark for n in cmd.lines})
        )
    )
    return {(mark, occurrence): line_id for mark, occurrence, line_id in rows}


def _row(cmd: TakeLines, new: NewLine, twin: int | None) -> dict[str, Any]:
    payer = payer_of(new.read.description)
    return {
        "account_id": cmd.account_id, "run_id": cmd.run_id, "line_key": new.mark, "occurrence": new.occurrence,
        "booked_at": new.read.booked_at, "has_time": new.read.has_time, "amount": new.read.amount,
        "balance": new.read.balance, "balance_breaks": new.broken, "description": new.read.description,
        "payer_name": payer.name, "payer_account": payer.digits, "duplicate_of": twin,
        "status": LineStatus.DUPLICATE if twin else LineStatus.UNMATCHED, "created_at": clock.now(),
    }  # fmt: skip


def _twins(tx: Tx, cmd: TakeLines, fresh: Sequence[NewLine], known: set[int]) -> dict[int, int]:
    """Record number -> the line that is the same transfer. In another kind of file: the same amount at the same minute
    (or on the same day, where one of the two files has no times). In the same kind: the same moment, amount and
    balance under other words, unless this file has that line as well. Each line has one twin of a form at most."""
    if not fresh:
        return {}
    times = [n.read.booked_at for n in fresh]
    taken = select(StatementLine.duplicate_of).join(IntakeRun, IntakeRun.id == StatementLine.run_id).where(
        StatementLine.account_id == cmd.account_id, StatementLine.duplicate_of.is_not(None),
        IntakeRun.format == cmd.form,
    )  # fmt: skip
    rows = tx.session.execute(
        select(StatementLine, IntakeRun.format)
        .join(IntakeRun, IntakeRun.id == StatementLine.run_id)
        .where(
            StatementLine.account_id == cmd.account_id,
            StatementLine.booked_at.between(min(times) - timedelta(days=1), max(times) + timedelta(days=1)),
            StatementLine.status != LineStatus.DUPLICATE,
            (IntakeRun.format != cmd.form) | StatementLine.balance.is_not(None),
            StatementLine.id.not_in(taken),
        )
        .order_by(StatementLine.booked_at, StatementLine.id)
    )
    by_day: dict[tuple[Any, Money], list[tuple[StatementLine, bool]]] = defaultdict(list)
    for line, form in rows:
        if form != cmd.form or line.id not in known:
            by_day[clock.local(line.booked_at).date(), line.amount].append((line, form == cmd.form))
    found: dict[int, int] = {}
    for new in fresh:
        others = by_day.get((clock.local(new.read.booked_at).date(), new.read.amount), [])
        twin = next((o for o in others if _is_twin(new.read, o[0], same_form=o[1])), None)
        if twin is not None:
            others.remove(twin)
            found[new.no] = twin[0].id
    return found


def _is_twin(read: LineRead, line: StatementLine, *, same_form: bool) -> bool:
    if same_form:
        return read.balance is not None and (read.balance, read.booked_at) == (line.balance, line.booked_at)
    if not (read.has_time and line.has_time):
        return True
    return read.booked_at.replace(second=0, microsecond=0) == line.booked_at.replace(second=0, microsecond=0)
