"""Order files: rows of one order number read together and handed to the verb that takes orders in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.importing.formats import reader
from oms.importing.formats.columns import Columns, Format, resolve
from oms.importing.sources import Record, problem_of
from oms.intake.models import ImportedOrder, IntakeRun
from oms.intake.queries import one_of
from oms.intake.records import CellProblem, OrderIn, RawRow
from oms.intake.states import Outcome
from oms.usecases.intake_orders import Incoming, Taken, TakeOrders, take_orders


@dataclass(frozen=True)
class OrderSource:
    """How one order file is taken in."""

    form: Format
    columns: Columns

    @classmethod
    def of(cls, form: Format, headings: Sequence[str]) -> OrderSource:
        return cls(form, resolve(form, headings))

    def key(self, row: RawRow) -> str:
        return reader.order_key(self.columns, row)

    def carries_down(self) -> bool:
        return self.form.carry_down

    def skips(self, row: RawRow, *, first: bool) -> bool:
        return first and reader.is_explanation(self.form, self.columns, row)

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:
        """Orders with the words of last time are unchanged without a look; broken ones wait; the rest is taken."""
        if run.shop_id is None:
            raise InvalidInput(say("Choose the shop this file comes from"), field="shop", code="shop_missing")
        taken: dict[int, Taken] = {}
        incoming: list[Incoming] = []
        marks = {record.no: fingerprint(self.form, record.rows) for record in records}
        known = _last_words(tx, run.shop_id, [r.key for r in records if r.key])
        for record in records:
            last = known.get(record.key)
            if not record.key:
                taken[record.no] = Taken(record.no, Outcome.REJECTED, None, self._nameless(record))
            elif last is not None and last[0] == marks[record.no]:
                taken[record.no] = Taken(record.no, Outcome.UNCHANGED, last[1])
            else:
                order, problems = self.read(record)
                if problems or order is None:
                    taken[record.no] = Taken(record.no, Outcome.QUARANTINED, None, problems)
                else:
                    incoming.append(Incoming(record.no, order, marks[record.no]))
        if incoming:
            command = TakeOrders(run.shop_id, run.id, incoming, rehearse)
            taken |= {answer.no: answer for answer in take_orders(tx, command)}
        return [taken[record.no] for record in records]

    def read(self, record: Record) -> tuple[OrderIn | None, tuple[CellProblem, ...]]:
        """The order of these rows and everything that is wrong with it."""
        rows, twice = self._settle_repeats(record.rows)
        read = reader.read_order(self.form, self.columns, rows)
        return read.order, (*self._too_long(record.rows), *twice, *read.problems)

    def _nameless(self, record: Record) -> tuple[CellProblem, ...]:
        heading = self.columns.heading("external_no")
        for row in record.rows:
            try:
                self.key(row)
            except InvalidInput as refusal:
                return (problem_of(row, heading, refusal),)
        sentence = say("This row has no order number, so nobody can tell which order it belongs to")
        return (CellProblem(record.rows[0].line, heading, "order_number_missing", sentence),)

    def _too_long(self, rows: Sequence[RawRow]) -> list[CellProblem]:
        width = len(self.columns.headings)
        return [
            CellProblem(
                row.line,
                "",
                "row_too_long",
                say("This row has more cells than there are headings; a comma may stand in a cell without quotes"),
            )
            for row in rows
            if any(row.cells[width:])
        ]

    def _settle_repeats(self, rows: Sequence[RawRow]) -> tuple[list[RawRow], list[CellProblem]]:
        """The rows that count. The same row twice counts once where a marketplace wrote the file; in a file made by
        hand it may mean two pieces, so a person is asked. Rows that tell two stories of one order stop it."""
        problems: list[CellProblem] = []
        first: dict[tuple[str, ...], RawRow] = {}
        for row in rows:
            cells = tuple(row.cells)
            if cells not in first:
                first[cells] = row
            elif self.form.code == "generic":
                sentence = say(
                    "This row is the same as line {line}. If two are meant, write the quantity 2; else take one out",
                    line=first[cells].line,
                )
                problems.append(CellProblem(row.line, "", "row_twice", sentence))
        kept = list(first.values())
        if not self.form.unit_rows:
            problems += self._two_stories(kept)
        return kept, problems

    def _two_stories(self, rows: Sequence[RawRow]) -> list[CellProblem]:
        for name in ("status", "placed_at"):
            at = self.columns.where.get(name)
            told = [(r, r.cells[at]) for r in rows if at is not None and at < len(r.cells) and r.cells[at]]
            for row, word in told[1:]:
                if word != told[0][1]:
                    sentence = say(
                        "The order stands twice in this file with different words: “{one}” in line {line}, "
                        "“{other}” here",
                        one=told[0][1],
                        line=told[0][0].line,
                        other=word,
                    )
                    return [CellProblem(row.line, self.columns.heading(name), "order_twice", sentence)]
        return []


def fingerprint(form: Format, rows: Sequence[RawRow]) -> str:
    """One word for what a file says of an order: the same words give the same one, whatever the line numbers."""
    cells = [form.code, *[list(row.cells) for row in rows]]
    return hashlib.sha1(json.dumps(cells, ensure_ascii=False).encode(), usedforsecurity=False).hexdigest()


def _last_words(tx: Tx, shop_id: int, numbers: Sequence[str]) -> dict[str, tuple[str, int]]:
    rows = tx.session.execute(
        select(ImportedOrder.external_no, ImportedOrder.fingerprint, ImportedOrder.order_id).where(
            ImportedOrder.shop_id == shop_id, one_of(ImportedOrder.external_no, set(numbers))
        )
    )
    return {number: (mark, order_id) for number, mark, order_id in rows}
