"""A file laid down row by row as it came, and its rows told apart by record. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete

from oms.db import Tx, insert_rows
from oms.errors import InvalidInput, say
from oms.importing.sources import Found, Source
from oms.importing.tabular import FileRefused
from oms.intake.models import IntakeItem, IntakeRow, IntakeRun
from oms.intake.records import RawRow

Unit = Callable[[], AbstractContextManager[Tx]]
BATCH = 5000  # rows written in one transaction


@dataclass
class _Items:
    """The records met so far: number and count of rows by name. Nameless rows are records of their own."""

    numbers: dict[str, int] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def add(self, key: str) -> int:
        """Count a row; answers the number of its record."""
        number = self.numbers.get(key) if key else None
        if number is None:
            self.keys.append(key)
            self.rows.append(0)
            number = len(self.keys)
            if key:
                self.numbers[key] = number
        self.rows[number - 1] += 1
        return number


def stage(unit: Unit, run_id: int, source: Source, found: Found, beat: Callable[[Tx], None]) -> None:
    """Copy the rows of a file into the database. Safe to repeat: a half-staged run is laid down anew."""
    with unit() as tx:
        tx.session.execute(delete(IntakeItem).where(IntakeItem.run_id == run_id))
        tx.session.execute(delete(IntakeRow).where(IntakeRow.run_id == run_id))
    items = _Items()
    batch: list[dict[str, Any]] = []
    for row, number in _numbered(source, found, items):
        batch.append({"run_id": run_id, "line": row.line, "item_no": number, "cells": list(row.cells)})
        if len(batch) >= BATCH:
            _write(unit, batch, beat)
            batch = []
    _write(unit, batch, beat)
    if not items.keys:
        raise FileRefused(say("The file has headings but no rows"), field="file", code="file_no_rows")
    _finish(unit, run_id, found, items)


def _numbered(source: Source, found: Found, items: _Items) -> Iterator[tuple[RawRow, int]]:
    """Every row that says something, with the number of its record."""
    above = ""
    fresh = True
    narrowest = last = len(found.headings)
    for line, cells in found.table.rows():
        if line <= found.header_line or not any(cells):
            continue
        narrowest, last = min(narrowest, last), len(cells)
        row = RawRow(line, cells)
        if source.skips(row, first=fresh):
            continue
        fresh = False
        try:
            key = source.key(row)
        except InvalidInput:  # said again, in words, when the record is taken in
            key = above = ""
        else:
            key = above = key or (above if source.carries_down() else "")
        yield row, items.add(key)
    if found.table.cut_off and last < narrowest:
        raise FileRefused(
            say("The last line stops in the middle: the file is cut off. Download it again"),
            field="file",
            code="file_cut_off",
        )


def _write(unit: Unit, batch: list[dict[str, Any]], beat: Callable[[Tx], None]) -> None:
    if batch:
        with unit() as tx:
            insert_rows(tx, IntakeRow, batch)
            beat(tx)


def _finish(unit: Unit, run_id: int, found: Found, items: _Items) -> None:
    with unit() as tx:
        run = tx.session.get_one(IntakeRun, run_id)
        facts = zip(items.keys, items.rows, strict=True)
        insert_rows(
            tx,
            IntakeItem,
            [
                {"run_id": run_id, "no": no, "key": key, "shop_id": run.shop_id, "rows": rows, "closed_why": ""}
                for no, (key, rows) in enumerate(facts, start=1)
            ],
        )
        _describe(run, found, len(items.keys), sum(items.rows))


def _describe(run: IntakeRun, found: Found, items: int, rows: int) -> None:
    """Put on the run what was found in its file."""
    run.encoding, run.header_line, run.headers = found.table.encoding, found.header_line, list(found.headings)
    run.format, run.items, run.received, run.staged = found.format, items, rows, True
    run.findings = found.findings
