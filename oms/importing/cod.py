"""Pay files of carriers: the whole file is looked at first (its own total), then each parcel is one record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePath

from oms import clock
from oms.db import Tx
from oms.errors import InvalidInput, Say, say
from oms.importing import ledger
from oms.importing.formats import cod, registry, values
from oms.importing.formats.columns import Columns, Format, resolve
from oms.importing.master_rows import Cells
from oms.importing.sources import Found, Record
from oms.importing.tabular import FileRefused, open_tables
from oms.intake.models import IntakeRun
from oms.intake.records import CellProblem, RawRow
from oms.intake.states import Outcome
from oms.money import ZERO, Money
from oms.usecases.cod_entries import plain_number
from oms.usecases.cod_rounds import PaidParcel, ParcelTaken, TakeParcels, take_parcels
from oms.usecases.intake_orders import Taken

_COPY = re.compile(r"\s*(\(\d+\)|- ?copy|- ?สำเนา)\s*$", re.IGNORECASE)


def find_cod(path: Path, run: IntakeRun) -> Found:
    """Open a pay file and add it up. Raises FileRefused when columns are missing, or when the file's own total says
    that parcels are missing."""
    form = cod.form_of(run.carrier, run.column_map)
    table, line, headings = registry.locate(open_tables(path, run.file_name), form)
    source = CodSource(run.carrier, "", form, resolve(form, headings))
    gross, said, parcels = ZERO, None, 0
    for at, cells in table.rows():
        if at <= line or not any(cells):
            continue
        row = RawRow(at, cells)
        try:
            if source.is_total(row):
                said = source.total(row)
            elif source.cells(row).word("tracking"):
                gross += source.amount(row)
                parcels += 1
        except InvalidInput:
            parcels += 1
            gross, said = ZERO, None
            break  # a spoiled cell is shown with its line; the sum says nothing then
    else:
        _check_total(gross, said)
    return Found(table, line, headings, form.code, {"parcels": parcels, "gross": gross.in_satang})


def _check_total(gross: Money, said: Money | None) -> None:
    if said is not None and said != gross:
        raise FileRefused(
            say(
                "The file's last line says {said}, but its parcels add up to {sum}. Parcels are missing or the file "
                "was changed; download it again",
                said=said,
                sum=gross,
            ),
            field="file",
            code="cod_total",
        )


@dataclass(frozen=True)
class CodSource:
    """How the rows of one pay file are taken in. ``stem``: the file's name, for files that name no round."""

    carrier: str
    stem: str
    form: Format
    columns: Columns

    @classmethod
    def of(cls, run: IntakeRun, headings: Sequence[str]) -> CodSource:
        form = cod.form_of(run.carrier, run.column_map)
        stem = _COPY.sub("", PurePath(run.file_name).stem)[:80]
        return cls(run.carrier, stem, form, resolve(form, headings))

    def cells(self, row: RawRow) -> Cells:
        return Cells(row, self.form, self.columns)

    def is_total(self, row: RawRow) -> bool:
        """A line of sums: such a word, and no parcel."""
        number = self.cells(row).text("tracking")
        return (not number or cod.is_total(number)) and any(cod.is_total(cell) for cell in row.cells)

    def total(self, row: RawRow) -> Money | None:
        return self.cells(row).read("amount", values.amount, None)

    def key(self, row: RawRow) -> str:
        """``parcel round``: a parcel twice in one round of a file is one record with two rows."""
        cells = self.cells(row)
        number = plain_number(cells.word("tracking"))
        return f"{number} {self.named(row)[0]}"[:120] if number else ""

    def carries_down(self) -> bool:
        return False

    def skips(self, row: RawRow, *, first: bool) -> bool:  # noqa: ARG002  sums stand at the end
        return self.is_total(row)

    def named(self, row: RawRow) -> tuple[str, date | None, bool]:
        """The round of a row: its reference, else its day, else the file's name; and whether the file said it."""
        cells = self.cells(row)
        paid_on = cells.read("paid_on", lambda t: clock.local(values.past(t, self.form.era)).date(), None)
        reference = cells.word("reference")
        return (reference or (paid_on.isoformat() if paid_on else self.stem))[:80], paid_on, bool(reference or paid_on)

    def amount(self, row: RawRow) -> Money:
        """The cash of a parcel. Raises InvalidInput for what is empty or taken back."""
        cells = self.cells(row)
        text = cells.text("amount")
        if not text:
            raise InvalidInput(say("This parcel has no amount"), field="amount", code="amount_missing")
        if text.startswith(("-", "(")):
            raise InvalidInput(
                say("The carrier takes {amount} back here; set it as a fee of the round, with the reason", amount=text),
                field="amount",
                code="taken_back",
            )
        return cells.read("amount", values.amount, ZERO)

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:  # noqa: ARG002
        """Unreadable rows wait; all others go into their rounds."""
        taken: dict[int, Taken] = {}
        parcels: list[PaidParcel] = []
        for record in records:
            problem = self._twice(record)
            try:
                if problem is None:
                    parcels.append(self._parcel(record))
                    continue
            except InvalidInput as refusal:
                problem = refusal
            outcome = Outcome.REJECTED if problem.detail_code == "record_nameless" else Outcome.QUARANTINED
            taken[record.no] = Taken(record.no, outcome, None, (self._problem(record, problem),))
        answers = take_parcels(tx, TakeParcels(run.carrier, run.id, tuple(parcels)))
        rows = {record.no: record for record in records}
        for answer in answers:
            taken[answer.no] = self._taken(rows[answer.no], answer)
        ledger.close_older_files(
            tx, run, [rows[a.no].key for a in answers if a.outcome in {Outcome.CREATED, Outcome.UPDATED}]
        )
        return [taken[record.no] for record in records]

    @staticmethod
    def _twice(record: Record) -> InvalidInput | None:
        if all(list(row.cells) == list(record.rows[0].cells) for row in record.rows[1:]):
            return None
        words = say("{key} stands twice in this file with different values", key=record.key)
        return InvalidInput(words, code="record_twice")

    def _parcel(self, record: Record) -> PaidParcel:
        row = record.rows[0]
        number = plain_number(self.cells(row).word("tracking"))
        if not number:
            raise InvalidInput(say("This row has no tracking number"), field="tracking", code="record_nameless")
        reference, paid_on, named = self.named(row)
        amount = self.amount(row)
        return PaidParcel(record.no, number, amount, self._fee(row, amount), reference, named, paid_on)

    def _fee(self, row: RawRow, amount: Money) -> Money:
        """What the carrier kept of this parcel. With a net column, the fees that make it tie; without, fee and VAT."""
        cells = self.cells(row)
        fee, vat, freight = (cells.read(name, values.discount, ZERO) for name in ("fee", "vat", "freight"))
        net = cells.read("net", values.amount, None)
        if net is None:
            return fee + vat
        for kept in (fee + vat, fee + vat + freight, fee, fee + freight):
            if amount - kept == net:
                return kept
        if not {"fee", "vat", "freight"} & self.columns.where.keys() and net <= amount:
            return amount - net
        raise InvalidInput(
            say("{amount} less the fees of {fee} is not {net}", amount=amount, fee=fee + vat + freight, net=net),
            field="net",
            code="cod_net",
        )

    def _problem(self, record: Record, refusal: InvalidInput) -> CellProblem:
        column = self.columns.heading(refusal.field) if refusal.field else ""
        return CellProblem(record.rows[0].line, column, refusal.detail_code, refusal.message)

    def _taken(self, record: Record, answer: ParcelTaken) -> Taken:
        words: Say | None = answer.words
        column = "amount" if answer.outcome is Outcome.CREATED else "tracking"
        notes = (CellProblem(record.rows[0].line, self.columns.heading(column), answer.code, words),) if words else ()
        return Taken(answer.no, answer.outcome, answer.round_id, notes)
