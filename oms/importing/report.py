"""What a person reads of a run: the error file to mend and import again, and a look into a file not yet understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms.banks.statements import forms
from oms.errors import Say
from oms.importing.formats import cod, columns, registry, tracking
from oms.importing.formats.columns import LINE_FIELDS, ORDER_FIELDS
from oms.importing.tabular import find_header, open_tables
from oms.intake.models import IntakeItem, IntakeRow, IntakeRun
from oms.intake.records import stored_sentence
from oms.intake.states import IntakeKind, Outcome
from oms.spreadsheets import csv_line

BOM = "\ufeff"


def error_lines(session: Session, run: IntakeRun, translate: Callable[[Say], str], heading: str) -> Iterator[str]:
    """The rows that wait or were rejected, as CSV with their own columns and one more that says what is wrong.

    Every row of a waiting order is there, so that the file can be mended and imported as it is.
    """
    headings = list(run.headers or [])
    yield BOM + csv_line([*headings, heading])
    statement = (
        select(IntakeRow, IntakeItem)
        .join(IntakeItem, (IntakeItem.run_id == IntakeRow.run_id) & (IntakeItem.no == IntakeRow.item_no))
        .where(
            IntakeRow.run_id == run.id,
            IntakeItem.problems.is_not(None),
            IntakeItem.closed_at.is_(None),
            (IntakeItem.outcome.is_(None) | IntakeItem.outcome.in_([Outcome.QUARANTINED, Outcome.REJECTED])),
        )
        .order_by(IntakeRow.line)
        .execution_options(yield_per=1000)
    )
    for row, item in session.execute(statement):
        mended = (item.mended or {}).get(str(row.line), {})
        cells = [mended.get(str(i), cell) for i, cell in enumerate(row.cells)]
        cells += [""] * (len(headings) - len(cells))
        words = [
            f"{p['column']}: {translate(stored_sentence(p))}" if p["column"] else translate(stored_sentence(p))
            for p in item.problems or []
            if p["line"] == row.line
        ]
        yield csv_line([*cells, " · ".join(words)])


@dataclass(frozen=True)
class Preview:
    """A file's headings (the likeliest row), a few rows under them, and which field each heading seems to hold."""

    header_line: int
    headings: list[str]
    rows: list[list[str]]
    guesses: dict[str, str]


def preview(path: Path, name: str, kind: IntakeKind = IntakeKind.ORDERS, rows: int = 8) -> Preview:
    """Look into a file for the column-map editor. Raises FileRefused when it cannot be read at all."""
    tables = open_tables(path, name)
    table = tables[0]

    def fields(cells: Sequence[str]) -> Mapping[str, int]:
        if kind is IntakeKind.COD:
            return columns.resolve(cod.GENERIC, cells).where
        if kind is IntakeKind.TRACKING:
            return columns.resolve(tracking.form_of("", None), cells).where
        if kind is IntakeKind.STATEMENT:
            return forms.find_columns(forms.GENERIC, cells).where
        return columns.resolve(registry.FORMATS["generic"], cells).where

    found = find_header(table, lambda cells: len(fields(cells)) * 100 + sum(1 for c in cells if c), 1)
    line, headings = found or (1, [])
    below = [cells for at, cells in table.head(line + rows) if at > line and any(cells)][:rows]
    return Preview(line, headings, below, {name: headings[i] for name, i in fields(headings).items()})


MAP_FIELDS = (*ORDER_FIELDS, *LINE_FIELDS)
