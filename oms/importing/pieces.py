"""A file of products and pieces, as counters and partners send it: read whole, or refused with every wrong line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from oms.catalog.models import Sku, SkuBarcode
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Problem, say
from oms.importing.formats import registry, values
from oms.importing.formats.columns import Format, resolve
from oms.importing.master_rows import Cells
from oms.importing.tabular import open_tables
from oms.intake.records import RawRow
from oms.money import Money

MOST_ROWS = 5_000
SHOWN = 20
PIECES = Format(
    code="pieces",
    label="Products and pieces",
    required=frozenset({"sku", "quantity"}),
    stages={},
    columns={
        "sku": ("SKU", "SKU code", "Barcode", "รหัส SKU", "รหัสสินค้า", "รหัส", "บาร์โค้ด"),
        "quantity": ("Counted", "Quantity", "Qty", "Sold", "นับได้", "จำนวน", "จำนวนที่นับ", "ขายได้", "จำนวนที่ขาย"),
        "price": ("Price", "Unit price", "ราคา", "ราคาขาย", "ราคาต่อหน่วย", "ราคาต่อชิ้น"),
    },
)


@dataclass(frozen=True)
class PieceRow:
    """One line of the file. ``price`` None: the file names none."""

    line: int
    sku_id: int
    code: str
    name: str
    quantity: int
    price: Money | None


def read_pieces(tx: Tx, path: Path, file_name: str, *, low: int) -> list[PieceRow]:
    """The rows of a file; quantities from ``low``. Raises FileRefused for what is no such table, InvalidInput with all
    that is wrong in it."""
    table, head, headings = registry.locate(open_tables(path, file_name), PIECES)
    columns = resolve(PIECES, headings)
    rows = [(at, Cells(RawRow(at, cells), PIECES, columns)) for at, cells in table.rows() if at > head and any(cells)]
    rows = [(at, cells) for at, cells in rows if cells.text("sku") or cells.text("quantity")]
    if len(rows) > MOST_ROWS:
        raise InvalidInput(
            say("At most {most} lines in one file", most=f"{MOST_ROWS:,}"), field="file", code="rows_many"
        )
    known = _known(tx, rows)
    problems: list[Problem] = []
    found: list[PieceRow] = []
    for at, cells in rows:
        try:
            found.append(_row(at, cells, known, low))
        except OmsError as refusal:
            told = say("Line {line}: {problem}", line=at, problem=refusal.message)
            problems.append(Problem(refusal.detail_code, told, "file"))
    if problems:
        first, *others = problems[:SHOWN]
        raise InvalidInput(first.message, field="file", code=first.code, others=tuple(others))
    if not found:
        raise InvalidInput(say("The file has no lines"), field="file", code="lines_missing")
    return found


def _row(at: int, cells: Cells, known: dict[str, Sku], low: int) -> PieceRow:
    code = cells.word("sku")
    sku = known.get(code.lower())
    if sku is None:
        raise InvalidInput(say("There is no SKU “{sku}”", sku=code), field="sku", code="sku_unknown")
    counted = cells.read("quantity", lambda t: values.whole(t, low), None)
    if counted is None:
        raise InvalidInput(say("The quantity is missing"), field="quantity", code="quantity_missing")
    return PieceRow(at, sku.id, sku.code, sku.name, counted, cells.read("price", values.amount, None))


def _known(tx: Tx, rows: Sequence[tuple[int, Cells]]) -> dict[str, Sku]:
    """The SKUs that are named, by code or barcode in lower case; two statements."""
    words = {cells.text("sku").lower() for _, cells in rows}
    by_barcode = tx.session.execute(
        select(func.lower(SkuBarcode.barcode), Sku)
        .join(Sku, Sku.id == SkuBarcode.sku_id)
        .where(func.lower(SkuBarcode.barcode).in_(words))
    )
    found = {row[0]: row[1] for row in by_barcode}
    by_code = tx.session.scalars(select(Sku).where(func.lower(Sku.code).in_(words)))
    return found | {sku.code.lower(): sku for sku in by_code}
