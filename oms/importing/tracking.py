"""Files of tracking numbers: one row is one parcel's number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.importing import ledger
from oms.importing.formats import registry, tracking
from oms.importing.formats.columns import Columns, Format, resolve
from oms.importing.master_rows import Cells
from oms.importing.sources import Found, Record, problem_of
from oms.importing.tabular import open_tables
from oms.intake.models import IntakeRun
from oms.intake.records import CellProblem, RawRow
from oms.intake.states import Outcome
from oms.shipping.numbers import plain_number
from oms.usecases.intake_orders import Taken
from oms.usecases.tracking_numbers import NumberRow, NumberTaken, TakeNumbers, take_numbers


def find_numbers(path: Path, run: IntakeRun) -> Found:
    """Open such a file. Raises FileRefused when a column is missing."""
    form = tracking.form_of(run.carrier, run.column_map)
    table, line, headings = registry.locate(open_tables(path, run.file_name), form)
    return Found(table, line, headings, form.code)


@dataclass(frozen=True)
class NumberSource:
    """How the rows of one file are taken in."""

    carrier: str
    form: Format
    columns: Columns

    @classmethod
    def of(cls, run: IntakeRun, headings: Sequence[str]) -> NumberSource:
        form = tracking.form_of(run.carrier, run.column_map)
        return cls(run.carrier, form, resolve(form, headings))

    def key(self, row: RawRow) -> str:
        """``reference number``: an order may leave in several boxes."""
        cells = Cells(row, self.form, self.columns)
        reference, number = cells.word("reference"), plain_number(cells.word("tracking"))
        return f"{reference} {number}"[:120] if reference and number else ""

    def carries_down(self) -> bool:
        return False

    def skips(self, row: RawRow, *, first: bool) -> bool:  # noqa: ARG002  such files have no lines of explanation
        return False

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:  # noqa: ARG002
        """Rows without both numbers are of no use; all others go to the shipments."""
        taken: dict[int, Taken] = {}
        rows: list[NumberRow] = []
        for record in records:
            try:
                rows.append(self._row(record))
            except InvalidInput as refusal:
                column = self.columns.heading(refusal.field) if refusal.field else ""
                words = problem_of(record.rows[0], column, refusal)
                taken[record.no] = Taken(record.no, Outcome.REJECTED, None, (words,))
        asked = {record.no: record for record in records}
        for answer in take_numbers(tx, TakeNumbers(tuple(rows))):
            taken[answer.no] = self._taken(asked[answer.no], answer)
        done = [asked[t.no].key for t in taken.values() if t.outcome in {Outcome.CREATED, Outcome.UNCHANGED}]
        ledger.close_older_files(tx, run, done)
        return [taken[record.no] for record in records]

    def _row(self, record: Record) -> NumberRow:
        cells = Cells(record.rows[0], self.form, self.columns)
        reference, number = (cells.read(name, lambda t: t, "") for name in ("reference", "tracking"))
        if not reference:
            raise InvalidInput(
                say("This row names no order and no shipment"), field="reference", code="record_nameless"
            )
        if not number:
            raise InvalidInput(say("This row has no tracking number"), field="tracking", code="record_nameless")
        carrier = carrier_name(cells.text("carrier")) or self.carrier
        return NumberRow(record.no, cells.word("reference"), cells.word("tracking"), carrier)

    def _heading(self, field: str | None) -> str:
        name = {"tracking_no": "tracking"}.get(field or "", field or "")
        return self.columns.heading(name) if name in self.columns.where else ""

    def _taken(self, record: Record, answer: NumberTaken) -> Taken:
        line = record.rows[0].line
        words = tuple(CellProblem(line, self._heading(p.field), p.code, p.message) for p in answer.problems)
        return Taken(answer.no, answer.outcome, answer.shipment_id, words)
