"""Files of products, customers and stock: one row is one record, taken in by the verbs the screens use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oms.db import Tx
from oms.errors import InvalidInput, OmsError, say
from oms.importing import master_rows
from oms.importing.formats.columns import Columns, Format, resolve
from oms.importing.formats.masters import form_of
from oms.importing.master_rows import Cells
from oms.importing.sources import Record
from oms.intake.models import IntakeRun
from oms.intake.records import CellProblem, RawRow
from oms.intake.states import IntakeKind, Outcome
from oms.usecases.intake_orders import Taken

Taker = Callable[[Tx, IntakeRun, Cells], tuple[Outcome, int | None]]
TAKERS: dict[IntakeKind, Taker] = {
    IntakeKind.PRODUCTS: master_rows.take_product,
    IntakeKind.CUSTOMERS: master_rows.take_customer,
    IntakeKind.STOCK: master_rows.take_stock,
}


@dataclass(frozen=True)
class MasterSource:
    """How one master file is taken in."""

    kind: IntakeKind
    form: Format
    columns: Columns

    @classmethod
    def of(cls, kind: IntakeKind, headings: Sequence[str]) -> MasterSource:
        form = form_of(kind)
        return cls(kind, form, resolve(form, headings))

    def key(self, row: RawRow) -> str:
        """A SKU, a SKU in a warehouse, a person: the same one twice in a file is one record with two rows."""
        cells = Cells(row, self.form, self.columns)
        if self.kind is IntakeKind.STOCK:
            parts = [cells.word("sku"), cells.word("warehouse")]
            return "|".join(parts)[:120] if all(parts) else ""
        if self.kind is IntakeKind.PRODUCTS:
            return cells.word("sku")[:120]
        return (cells.text("phone") or cells.text("name"))[:120]

    def carries_down(self) -> bool:
        return False

    def skips(self, row: RawRow, *, first: bool) -> bool:  # noqa: ARG002  no master file has lines of explanation
        return False

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:  # noqa: ARG002
        """Each record by itself, in a savepoint: a refused one leaves nothing behind."""
        return [self._take(tx, run, record) for record in records]

    def _take(self, tx: Tx, run: IntakeRun, record: Record) -> Taken:
        row = record.rows[0]
        if not record.key:
            return Taken(record.no, Outcome.REJECTED, None, (self._nameless(row),))
        if any(list(other.cells) != list(row.cells) for other in record.rows[1:]):
            line = record.rows[1].line
            sentence = say("{key} stands twice in this file with different values", key=record.key)
            return Taken(record.no, Outcome.QUARANTINED, None, (CellProblem(line, "", "record_twice", sentence),))
        try:
            with tx.session.begin_nested():
                outcome, subject = TAKERS[self.kind](tx, run, Cells(row, self.form, self.columns))
        except OmsError as refusal:
            problems = tuple(
                CellProblem(row.line, self.columns.heading(p.field or "") if p.field else "", p.code, p.message)
                for p in refusal.problems()
            )
            return Taken(record.no, Outcome.QUARANTINED, None, problems)
        return Taken(record.no, outcome, subject)

    def _nameless(self, row: RawRow) -> CellProblem:
        try:
            self.key(row)
        except InvalidInput as refusal:
            return CellProblem(row.line, "", refusal.detail_code, refusal.message)
        names = {
            IntakeKind.PRODUCTS: say("This row has no SKU"),
            IntakeKind.CUSTOMERS: say("This row has neither name nor phone"),
            IntakeKind.STOCK: say("This row lacks the SKU or the warehouse"),
        }
        return CellProblem(row.line, "", "record_nameless", names[self.kind])
