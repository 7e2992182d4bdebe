"""Cells of files that go out: facts as a spreadsheet shows them, and text that can never act as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from oms import clock
from oms.money import Money

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain(value: Any) -> str | int | Decimal:
    """A fact as a cell: money and counts stay numbers, moments are on the Bangkok clock, lists are joined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Money):
        return value.amount
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, datetime):
        return f"{clock.local(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(str(plain(v)) for v in value)
    if isinstance(value, dict):
        return "; ".join(f"{k}: {plain(v)}" for k, v in value.items())
    return str(value)


def safe(text: str) -> str:
    """Text that a spreadsheet will not run: what begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def csv_cell(value: Any) -> str:
    """A cell of a CSV file. Numbers stay numbers, also negative ones; every other text is made safe."""
    made = plain(value)
    return safe(made) if isinstance(made, str) else str(made)


def csv_line(cells: Sequence[Any]) -> str:
    """One line with CRLF at its end, quoted where needed."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow([csv_cell(c) for c in cells])
    return out.getvalue()
