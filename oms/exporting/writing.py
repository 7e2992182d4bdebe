"""Rows into a file, one after the other, in flat memory: CSV for Thai Excel, XLSX with texts as texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from oms.errors import Refused, say
from oms.spreadsheets import csv_line, plain

BOM = "\ufeff"
MOST_XLSX = 1_048_575  # rows under the headings
FORMS = ("csv", "xlsx")
MIMES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def write(form: str, path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a file; answers how many rows. Raises Refused when XLSX cannot hold them."""
    return (_csv if form == "csv" else _xlsx)(path, headings, rows)


def _csv(path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(BOM + csv_line(headings))
        for count, row in enumerate(rows, start=1):  # noqa: B007  the count is the answer
            out.write(csv_line(row))
    return count


def _xlsx(path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet()
        bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
        for column, heading in enumerate(headings):
            sheet.write_string(0, column, heading, bold)
        sheet.freeze_panes(1, 0)
        count = 0
        for count, row in enumerate(rows, start=1):
            if count > MOST_XLSX:
                raise Refused(
                    say("An Excel file holds at most {most} rows; choose CSV", most=f"{MOST_XLSX:,}"), code="xlsx_full"
                )
            for column, value in enumerate(row):
                cell = plain(value)
                if isinstance(cell, str):
                    if cell:
                        sheet.write_string(count, column, cell[:32_767])
                elif isinstance(cell, Decimal):
                    sheet.write_number(count, column, float(cell), money)
                else:
                    sheet.write_number(count, column, cell)
    return count
