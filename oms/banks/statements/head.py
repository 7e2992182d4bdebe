"""What a bank writes above the headings: the account, and totals to check the lines against."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oms.errors import InvalidInput
from oms.money import Money
from oms.thai.text import arabic_digits, clean

_ACCOUNT_LABEL = re.compile(
    r"เลข(?:ที่)?(?:บัญชี)(?:เงินฝาก)?|account\s*(?:number|no\.?|#)|หมายเลขบัญชี|หมายเลขโทรศัพท์|wallet\s*(?:id|no\.?)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9Xx*][0-9Xx*\- ]{2,24}[0-9Xx*]")
_TOTAL = re.compile(
    r"(?:รวม\s*|total\s+)(?P<way>ถอน(?:เงิน)?|ฝาก(?:เงิน)?|withdrawals?|deposits?)\s*\(?\s*(?P<count>[\d,]+)\s*"
    r"(?:รายการ|items?|transactions?)\)?\s*(?P<amount>[\d,]+\.\d\d)?",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"ยอดยกไป|closing balance|ending balance", re.IGNORECASE)
_HIDDEN = frozenset("Xx*")


@dataclass(frozen=True)
class Total:
    """How many lines one way, and their sum."""

    count: int
    amount: Money | None = None


@dataclass(frozen=True)
class Head:
    """What was found above the headings; empty where the bank says nothing."""

    accounts: tuple[str, ...] = ()
    withdrawals: Total | None = None
    deposits: Total | None = None
    closing: Money | None = None


def read_head(rows: Iterable[Sequence[str]]) -> Head:
    """Read the rows above the headings."""
    accounts: list[str] = []
    totals: dict[bool, Total] = {}
    closing: Money | None = None
    for cells in rows:
        filled = [arabic_digits(clean(c)) for c in cells if c.strip()]
        for index, cell in enumerate(filled):
            after = filled[index + 1 :]
            if label := _ACCOUNT_LABEL.search(cell):
                number = _NUMBER.search(cell, label.end()) or next(filter(None, map(_NUMBER.search, after)), None)
                if number:
                    accounts.append(number.group().strip())
            if total := _TOTAL.search(cell):
                way = total["way"].casefold().startswith(("ฝาก", "dep"))
                amount = _money(total["amount"]) if total["amount"] else _first_money(after)
                totals[way] = Total(int(total["count"].replace(",", "")), amount)
            if _CLOSING.search(cell):
                closing = _first_money([*_CLOSING.split(cell, 1)[1:], *after])
    return Head(tuple(accounts), totals.get(False), totals.get(True), closing)


def _money(text: str) -> Money | None:
    try:
        return Money.parse(text.strip(" :"))
    except InvalidInput:
        return None


def _first_money(cells: Sequence[str]) -> Money | None:
    return next((found for cell in cells if (found := _money(cell)) is not None), None)


def same_account(written: str, ours: str) -> bool:
    """Whether a number in a file, perhaps with hidden digits (``x-x-x5264-x``), can be this account of ours."""
    mine = "".join(c for c in ours if c.isdigit())
    shown = "".join(c for c in written if c.isdigit() or c in _HIDDEN)
    if len(mine) < 4 or sum(c.isdigit() for c in shown) < 3:
        return True  # too little is known to call it another account
    if len(shown) == len(mine):
        return all(a == b or a in _HIDDEN for a, b in zip(shown, mine, strict=True))
    runs = [run for run in re.split(r"[Xx*]+", shown) if len(run) >= 3]
    at = 0
    for run in runs:
        place = mine.find(run, at)
        if place < 0:
            return False
        at = place + len(run)
    return bool(runs)
