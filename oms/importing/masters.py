"""Files of products, customers and stock: one row is one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oms.db import Tx
from oms.importing.formats import values
from oms.importing.formats.columns import Columns, Format, resolve
from oms.importing.formats.masters import form_of
from oms.importing.sources import Record
from oms.intake.models import IntakeRun
from oms.intake.records import RawRow
from oms.intake.states import IntakeKind
from oms.usecases.intake_orders import Taken


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
        at = self.columns.where["sku"]
        return values.exact(row.cells[at])

    def carries_down(self) -> bool:
        return False

    def skips(self, row: RawRow) -> bool:  # noqa: ARG002
        return False

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:
        raise NotImplementedError
