"""A row of a statement read as a line of money, with every problem of every cell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from oms import clock
from oms.banks.statements.forms import StatementForm
from oms.errors import InvalidInput, say
from oms.intake.headings import Columns, heading_key
from oms.intake.records import CellProblem, RawRow
from oms.money import ZERO, Money
from oms.thai.dates import Era, parse_moment
from oms.thai.text import arabic_digits, clean

T = TypeVar("T")
_TIME = re.compile(r"(\d{1,2})[:.](\d\d)(?:[:.](\d\d))?(?:\.\d+)?\s*(am|pm)?(?:\s*น\.?)?$", re.IGNORECASE)
_EXCEL_TIME = re.compile(r"1899-12-3\d (\d\d:\d\d:\d\d)$|0?\.\d{3,}$")
_EXCEL_DAY = re.compile(r"[345]\d{4}(?:\.\d+)?$")
_NEGATIVE = re.compile(r"\((.+)\)$")
_TRAILING_SIGN = re.compile(r"(.+?)\s*(-|DR|CR)$", re.IGNORECASE)
_CARRIED = re.compile(
    r"ยอด(?:เงิน)?ยก(?:มา|ไป)|ยอดยกมา|brought forward|carried forward|opening balance|closing balance|\bB/F\b|\bC/F\b",
    re.IGNORECASE,
)
_SUMMED = re.compile(r"รวม(?:ทั้งสิ้น|ทั้งหมด|ถอน|ฝาก)|(?:grand\s+)?total\b|รวม\s*$", re.IGNORECASE)
_EMPTY = frozenset({"", "-", "--", "n/a"})
DESCRIPTION_LENGTH = 500


@dataclass(frozen=True)
class LineRead:
    """One line of a statement. ``amount`` is signed: money in is above zero. Without ``has_time`` only the day is
    known, and ``booked_at`` is its first moment in Bangkok."""

    line: int
    booked_at: datetime
    has_time: bool
    amount: Money
    balance: Money | None
    description: str
    account_no: str = ""

    def mark(self, account_id: int) -> str:
        """The key of the line: the same line of another file of this form has the same one."""
        parts = (
            str(account_id), self.booked_at.isoformat(), str(self.amount.in_satang), heading_key(self.description),
            "" if self.balance is None else str(self.balance.in_satang),
        )  # fmt: skip
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Carried:
    """A row that is no transfer but says what was on the account before the first one."""

    balance: Money | None


@dataclass(frozen=True)
class Reader:
    """How the rows of one file are read."""

    form: StatementForm
    columns: Columns

    def cell(self, row: RawRow, name: str) -> str:
        """The text of a field, "" for one that says nothing."""
        index = self.columns.where.get(name)
        text = row.cells[index].strip() if index is not None and index < len(row.cells) else ""
        return "" if text.casefold() in _EMPTY else text

    def no_line(self, row: RawRow) -> Carried | None:
        """What a row says that is no transfer: a carried balance, a sum, repeated headings, a note. None: it is one."""
        date = self.cell(row, "date")
        words = " ".join(c for c in row.cells if c)
        has_money = any(self.cell(row, n) for n in ("amount", "withdrawal", "deposit"))
        if _CARRIED.search(words) and not self._moves(row):
            return Carried(self._balance_or_none(row))
        if date and heading_key(date) == heading_key(self.columns.heading("date")):
            return Carried(None)
        if not has_money and not date:
            return Carried(None)
        if not date and _SUMMED.search(words):
            return Carried(None)
        return None

    def _moves(self, row: RawRow) -> bool:
        """Whether the row has an amount other than zero."""
        for name in ("amount", "withdrawal", "deposit"):
            text = self.cell(row, name)
            try:
                if text and signed(text):
                    return True
            except InvalidInput:
                return True
        return False

    def _balance_or_none(self, row: RawRow) -> Money | None:
        try:
            text = self.cell(row, "balance")
            return signed(text) if text else None
        except InvalidInput:
            return None

    def read(self, row: RawRow) -> tuple[LineRead | None, tuple[CellProblem, ...]]:
        """The line, or everything that is wrong with the row."""
        problems: list[CellProblem] = []
        at, has_time = self._moment(row, problems)
        amount = self._amount(row, problems)
        text = self.cell(row, "balance")
        balance = self._try(row, "balance", lambda: signed(text), None, problems) if text else None
        if problems or at is None or amount is None:
            return None, tuple(problems)
        line = LineRead(
            line=row.line, booked_at=at, has_time=has_time, amount=amount, balance=balance,
            description=self._description(row), account_no=self.cell(row, "account_no"),
        )  # fmt: skip
        return line, ()

    def _try(self, row: RawRow, name: str, parse: Callable[[], T], default: T, problems: list[CellProblem]) -> T:
        try:
            return parse()
        except InvalidInput as refusal:
            heading = self.columns.heading(name)
            problems.append(CellProblem(row.line, heading, refusal.detail_code, refusal.message))
            return default

    def _moment(self, row: RawRow, problems: list[CellProblem]) -> tuple[datetime | None, bool]:
        day, time = self.cell(row, "date"), self.cell(row, "time")
        if not day:
            sentence = say("This row has an amount but no day")
            problems.append(CellProblem(row.line, self.columns.heading("date"), "date_missing", sentence))
            return None, False
        nothing: tuple[datetime | None, bool] = (None, False)
        return self._try(row, "date", lambda: moment(day, time, self.form.era), nothing, problems)

    def _amount(self, row: RawRow, problems: list[CellProblem]) -> Money | None:
        """Signed. A withdrawal column takes money out whatever its sign."""
        out_text, in_text = self.cell(row, "withdrawal"), self.cell(row, "deposit")
        found: Money | None = None
        if out_text or in_text:
            out = self._try(row, "withdrawal", lambda: signed(out_text) if out_text else ZERO, None, problems)
            into = self._try(row, "deposit", lambda: signed(in_text) if in_text else ZERO, None, problems)
            if out is None or into is None:
                return None
            if out and into:
                sentence = say("This row has money in and money out at once")
                problems.append(CellProblem(row.line, self.columns.heading("deposit"), "amount_both", sentence))
                return None
            found = into or (out if out < ZERO else -out)
        elif text := self.cell(row, "amount"):
            found = self._try(row, "amount", lambda: signed(text), None, problems)
            if found is not None and (word := self.cell(row, "direction")):
                found = self._turned(found, word)
        if found is None:
            if not problems:
                sentence = say("This row has no amount")
                problems.append(CellProblem(row.line, self.columns.heading("deposit"), "amount_missing", sentence))
        elif not found:
            sentence = say("The amount of this row is 0")
            problems.append(CellProblem(row.line, self.columns.heading("deposit"), "amount_zero", sentence))
        return found

    def _turned(self, amount: Money, word: str) -> Money:
        """An amount without a sign gets it from the word beside it."""
        if amount < ZERO or not self.form.money_in:
            return amount
        key = heading_key(word)
        return amount if any(key.startswith(heading_key(w)) for w in self.form.money_in) else -amount

    def _description(self, row: RawRow) -> str:
        """What the bank says of the transfer, each thing once."""
        parts = (clean(self.cell(row, name)) for name in ("kind", "detail", "reference", "channel"))
        return " · ".join(dict.fromkeys(p for p in parts if p))[:DESCRIPTION_LENGTH]


def signed(text: str) -> Money:
    """An amount with its sign: ``-12.00``, ``(12.00)``, ``12.00 DR``, ``+12.00``."""
    plain = arabic_digits(text).strip().lstrip("\ufdd0")
    sign = 1
    if found := _NEGATIVE.fullmatch(plain):
        plain, sign = found[1], -1
    elif (found := _TRAILING_SIGN.fullmatch(plain)) and not plain.endswith(".-"):
        plain, sign = found[1], 1 if found[2].upper() == "CR" else -1
    value = Money.parse(plain.lstrip("+").replace("−", "-"))
    return value if sign > 0 else -value


def moment(day: str, time: str, era: str) -> tuple[datetime, bool]:
    """When a line was booked, aware UTC, and whether a time of day was written. Raises InvalidInput."""
    clock_text = _clock(time)
    if _EXCEL_DAY.fullmatch(day):
        wall = datetime(1899, 12, 30, tzinfo=clock.BANGKOK) + timedelta(days=int(float(day)))
        day = f"{wall:%Y-%m-%d}"
    text = f"{day} {clock_text}" if clock_text and ":" not in day else day
    value = parse_moment(text, Era(era) if not _four_digits(day) else Era.AUTO)
    if value > clock.now() + timedelta(days=1):
        raise InvalidInput(say("“{text}” lies in the future", text=day[:40]), code="date_future")
    if value.year < 2000:
        raise InvalidInput(say("“{text}” is too long ago", text=day[:40]), code="date_range")
    return value, ":" in text


def _four_digits(day: str) -> bool:
    """Four digits say by themselves which era they mean."""
    return re.search(r"(?<!\d)\d{4}(?!\d)", arabic_digits(day)) is not None


def _clock(text: str) -> str:
    """A cell of the time column as HH:MM or HH:MM:SS, "" when it holds a day or nothing."""
    if not text:
        return ""
    if (found := _EXCEL_TIME.fullmatch(text)) is not None:
        if found[1]:
            return found[1]
        seconds = round(float(text) * 86400)
        return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    found = _TIME.fullmatch(arabic_digits(text).strip())
    if found is None:
        return ""
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    return f"{hour:02d}:{found[2]}" + (f":{found[3]}" if found[3] else "")
