"""Statement files: the whole file is looked at first (account, totals, running balance), then each row is one record.

A record's name is the key of its line and its rank among equal lines of the file, so two identical transfers are two
records, and the same two in another file are the same two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from oms.banks.statements import forms
from oms.banks.statements.balance import breaks
from oms.banks.statements.forms import StatementForm, find_columns, points
from oms.banks.statements.head import Head, Total, read_head, same_account
from oms.banks.statements.reader import Carried, LineRead, Reader
from oms.db import Tx
from oms.errors import InvalidInput, Say, say
from oms.importing.sources import Found, Record
from oms.importing.tabular import FileRefused, Table, find_header, open_tables
from oms.importing.tabular.table import HEADER_WITHIN
from oms.intake.models import IntakeRun
from oms.intake.records import CellProblem, RawRow
from oms.intake.states import Outcome
from oms.money import ZERO, Money
from oms.payments.models import ReceivingAccount
from oms.usecases.intake_orders import Taken
from oms.usecases.statement_suggest import look_again
from oms.usecases.statements import NewLine, TakeLines, take_lines


@dataclass(frozen=True)
class _Place:
    """A table that looks like a statement: its form, its headings, and the account it names."""

    table: Table
    line: int
    headings: list[str]
    form: StatementForm
    head: Head


def find_statement(path: Path, run: IntakeRun, account: ReceivingAccount | None) -> Found:
    """Open a statement and look at all of it. Raises FileRefused for another account, or when a part is missing."""
    if account is None:
        raise InvalidInput(say("Choose the account this statement is of"), field="account", code="account_missing")
    places = [found for table in open_tables(path, run.file_name) if (found := _place(table, run, account))]
    if not places:
        raise _refuse(
            say(
                "No day and amount columns of a statement were found in the first 30 rows. Save a column map that says "
                "which column holds what"
            ),
            "file_columns",
        )
    place = _of_account(places, account)
    reader = Reader(place.form, find_columns(place.form, place.headings))
    lines, opening, strangers, unread = _whole(place, reader, account.account_no)
    if strangers and not lines and not unread:
        raise _other_account(strangers[0], account)
    if not unread:
        _check_totals(place.head, lines)
    broken = breaks(lines, opening)
    for line in _beside(unread, [n.line for n in lines]):
        broken.pop(line, None)  # the row that could not be read stands between
    findings = {
        "account_no": account.account_no,
        "lines": len(lines),
        "breaks": {str(line): gap.in_satang for line, gap in sorted(broken.items())},
        "money_in": sum((n.amount for n in lines if n.amount > ZERO), start=ZERO).in_satang,
        "money_out": sum((n.amount for n in lines if n.amount < ZERO), start=ZERO).in_satang,
    }
    return Found(place.table, place.line, place.headings, place.form.code, findings)


def _refuse(sentence: Say, code: str) -> FileRefused:
    return FileRefused(sentence, field="file", code=code)


def _place(table: Table, run: IntakeRun, account: ReceivingAccount) -> _Place | None:
    form = statement_form(run)
    bank = f"{account.bank} {account.bank_code}"

    def known(cells: Sequence[str]) -> int:
        found = form or forms.detect(cells, bank)
        return points(found, cells) if found else 0

    header = find_header(table, known, 2)
    if header is None:
        return None
    line, headings = header
    found = form or forms.detect(headings, bank)
    if found is None:
        return None
    above = [cells for at, cells in islice(table.rows(), HEADER_WITHIN) if at < line]
    return _Place(table, line, headings, found, read_head(above))


def statement_form(run: IntakeRun) -> StatementForm | None:
    """The form a run names by itself: its column map or its format; None: find out from the file."""
    if run.column_map and run.column_map.get("columns"):
        return forms.mapped(run.column_map["columns"], run.column_map.get("options") or {})
    if run.format and run.format not in forms.FORMS:
        raise InvalidInput(say("There is no file format called “{name}”", name=run.format), field="format")
    return forms.FORMS[run.format] if run.format else None


def _of_account(places: Sequence[_Place], account: ReceivingAccount) -> _Place:
    """The sheet of the chosen account; the head's number must be ours wherever there is one."""
    mine = [p for p in places if all(same_account(n, account.account_no) for n in p.head.accounts)]
    if not mine:
        raise _other_account(places[0].head.accounts[0], account)
    return next((p for p in mine if p.head.accounts), mine[0])


def _other_account(number: str, account: ReceivingAccount) -> FileRefused:
    return _refuse(
        say(
            "This statement is of account {number}, not of {account}. Choose the right account, or the right file",
            number=number,
            account=f"{account.code} ({account.account_no})",
        ),
        "statement_account",
    )


def _whole(place: _Place, reader: Reader, our_no: str) -> tuple[list[LineRead], Money | None, list[str], list[int]]:
    """Every line of the file that is ours, the balance before the first, numbers of other accounts, and the rows that
    could not be read."""
    lines: list[LineRead] = []
    strangers: list[str] = []
    opening: Money | None = None
    unread: list[int] = []
    for at, cells in place.table.rows():
        if at <= place.line or not any(cells):
            continue
        row = RawRow(at, cells)
        if (carried := reader.no_line(row)) is not None:
            opening = opening if opening is not None or lines else carried.balance
            continue
        line, problems = reader.read(row)
        if line is None or problems:
            unread.append(at)
            continue
        if line.account_no and not same_account(line.account_no, our_no):
            strangers.append(line.account_no)
        else:
            lines.append(line)
    return lines, opening, strangers, unread


def _beside(unread: Sequence[int], lines: Sequence[int]) -> set[int]:
    """The nearest lines above and below rows that could not be read."""
    near: set[int] = set()
    for row in unread:
        near |= {max((n for n in lines if n < row), default=0), min((n for n in lines if n > row), default=0)}
    return near


def _check_totals(head: Head, lines: Sequence[LineRead]) -> None:
    """What the bank wrote above the lines must be what the lines add up to: else some are missing or were changed."""
    for said, into in ((head.deposits, True), (head.withdrawals, False)):
        mine = [n.amount for n in lines if (n.amount > ZERO) is into]
        total = sum(mine, start=ZERO)
        found = Total(len(mine), total if into else -total)
        if said is not None and (said.count != found.count or said.amount not in {None, found.amount}):
            raise _refuse(
                say(
                    "The head of the statement says {count} lines of {amount}, but {found} lines of {sum} are in it. "
                    "The file is cut off or was changed; download it again",
                    count=said.count,
                    amount=said.amount if said.amount is not None else "?",
                    found=found.count,
                    sum=found.amount,
                ),
                "statement_totals",
            )


@dataclass(frozen=True)
class StatementSource:
    """How the rows of one statement are taken in. ``ranks`` counts equal lines while the file is laid down."""

    reader: Reader
    account_id: int
    our_no: str
    broken: Mapping[str, Any]
    ranks: Counter[str] = field(default_factory=Counter, compare=False)

    @classmethod
    def of(cls, run: IntakeRun, form: str, headings: Sequence[str]) -> StatementSource:
        known = statement_form(run) or forms.FORMS[form]
        findings = run.findings or {}
        return cls(
            Reader(known, find_columns(known, headings)), run.account_id or 0, str(findings.get("account_no", "")),
            dict(findings.get("breaks") or {}),
        )  # fmt: skip

    def key(self, row: RawRow) -> str:
        """``day amount mark#rank``; "" for a row that cannot be read."""
        line, _ = self.reader.read(row)
        if line is None:
            return ""
        mark = line.mark(self.account_id)
        self.ranks[mark] += 1
        return f"{line.booked_at:%Y-%m-%d} {line.amount.amount} {mark}#{self.ranks[mark]}"

    def carries_down(self) -> bool:
        return False

    def skips(self, row: RawRow, *, first: bool) -> bool:  # noqa: ARG002  sums and carried balances stand anywhere
        return isinstance(self.reader.no_line(row), Carried)

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:
        """Unreadable rows wait, rows of other accounts are rejected, all others are lines of money."""
        taken: dict[int, Taken] = {}
        new: list[NewLine] = []
        for record in records:
            row = record.rows[0]
            line, problems = self.reader.read(row)
            if line is None:
                taken[record.no] = Taken(record.no, Outcome.QUARANTINED, None, problems)
            elif line.account_no and not same_account(line.account_no, self.our_no):
                taken[record.no] = Taken(record.no, Outcome.REJECTED, None, (self._stranger(line),))
            else:
                mark = line.mark(self.account_id)
                named, _, rank = record.key.rpartition("#")
                occurrence = int(rank) if named.endswith(mark) and rank.isdigit() else 1  # mended rows are named anew
                new.append(NewLine(record.no, line, mark, occurrence, broken=str(row.line) in self.broken))
        answers = take_lines(tx, TakeLines(self.account_id, run.id, run.format, tuple(new), rehearse=rehearse))
        if not rehearse and (fresh := [a.line_id for a in answers if a.outcome is Outcome.CREATED and a.line_id]):
            look_again(tx, fresh)
        for line_in, answer in zip(new, answers, strict=True):
            notes = self._notes(line_in, answer.twin_of) if answer.outcome is Outcome.CREATED else ()
            taken[line_in.no] = Taken(line_in.no, answer.outcome, answer.line_id, notes)
        return [taken[record.no] for record in records]

    def _stranger(self, line: LineRead) -> CellProblem:
        sentence = say("This line is of account {number}", number=line.account_no)
        return CellProblem(line.line, self.reader.columns.heading("account_no"), "statement_account", sentence)

    def _notes(self, new: NewLine, twin_of: int | None) -> tuple[CellProblem, ...]:
        """What a person should know of a line that was taken in all the same."""
        notes = []
        if new.broken:
            gap = Money.satang(int(self.broken[str(new.read.line)]))
            sentence = say(
                "The running balance breaks here by {amount}: a line above is missing, or an amount was changed",
                amount=gap,
            )
            notes.append(CellProblem(new.read.line, self.reader.columns.heading("balance"), "balance_break", sentence))
        if twin_of is not None:
            sentence = say("The same transfer came before in another kind of file; it is marked as a duplicate")
            notes.append(CellProblem(new.read.line, "", "line_twin", sentence))
        return tuple(notes)
