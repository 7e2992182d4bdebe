"""What a run's file is read by: which table and headings, which format, and how each record is taken in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.importing.formats import generic, masters, registry
from oms.importing.formats.columns import Format
from oms.importing.tabular import FileRefused, Table, open_tables
from oms.intake.models import IntakeRun
from oms.intake.records import CellProblem, RawRow
from oms.intake.states import IntakeKind
from oms.usecases.intake_orders import Taken


@dataclass(frozen=True)
class Record:
    """The rows of one item of a run, as the file has them (or as a clerk mended them)."""

    no: int
    key: str
    rows: Sequence[RawRow]


class Source(Protocol):
    """How the records of one kind of file are told apart and taken in."""

    def key(self, row: RawRow) -> str:
        """What the record of this row is called; "" when it has no name. Raises InvalidInput for a spoiled one."""
        ...

    def carries_down(self) -> bool:
        """Whether a row without a name belongs to the record above it."""
        ...

    def skips(self, row: RawRow, *, first: bool) -> bool:
        """Whether a row is no record at all. ``first``: no record stands above it."""
        ...

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:
        """Take records in; one answer for each, in order. ``rehearse``: whatever is written will be undone."""
        ...


@dataclass(frozen=True)
class Found:
    """Where the records stand in a file, what format it is, and what was seen in it as a whole."""

    table: Table
    header_line: int
    headings: list[str]
    format: str
    findings: dict[str, Any] | None = None


def find_table(root_file: Path, run: IntakeRun, shop: Shop | None) -> Found:
    """Open a run's file and find its headings. Raises FileRefused with what is wrong or missing."""
    tables = open_tables(root_file, run.file_name)
    form = order_format(run, shop, tables) if run.kind is IntakeKind.ORDERS else masters.form_of(run.kind)
    table, line, headings = registry.locate(tables, form)
    return Found(table, line, headings, form.code)


def order_format(run: IntakeRun, shop: Shop | None, tables: Sequence[Table] = ()) -> Format:
    """The format of an order run: by its column map, by its name, or found out from the file."""
    if run.column_map and run.column_map.get("columns"):
        return generic.mapped(run.column_map["columns"], run.column_map.get("options") or {})
    if run.format:
        if run.format not in registry.FORMATS:
            raise InvalidInput(say("There is no file format called “{name}”", name=run.format), field="format")
        return registry.FORMATS[run.format]
    found = registry.detect(tables, shop.channel.value if shop else "")
    if found is None:
        raise FileRefused(
            say(
                "No known order columns were found in the first 30 rows. Choose “Other file” and say which column "
                "holds what"
            ),
            field="file",
            code="file_columns",
        )
    return found


def problem_of(row: RawRow, column: str, refusal: InvalidInput) -> CellProblem:
    """A refused cell as a problem of its line."""
    return CellProblem(row.line, column, refusal.detail_code, refusal.message)
