"""Rows of one order turned into an ``OrderIn``, with every problem of every cell found in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from oms.errors import InvalidInput, Say, say
from oms.importing.formats import values
from oms.importing.formats.columns import Columns, Format
from oms.intake.records import (
    PROGRESS,
    CellProblem,
    LineIn,
    OrderIn,
    OrderRead,
    RawRow,
    RecipientIn,
    Stage,
)
from oms.money import ZERO, Money

T = TypeVar("T")
_COD = ("ปลายทาง", "cod", "cash on delivery")
_MOVING = frozenset({Stage.TO_SHIP, Stage.SHIPPED, Stage.DELIVERED})


@dataclass
class _Cells:
    """The rows of one order under one format, reading cells and collecting what is wrong with them."""

    form: Format
    columns: Columns
    rows: Sequence[RawRow]
    problems: list[CellProblem] = field(default_factory=list)
    texts: dict[int, dict[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = {id(row): self._texts(row) for row in self.rows}

    def _texts(self, row: RawRow) -> dict[str, str]:
        """The cells of a row that say something, by field: read once, asked for many times."""
        cells, end = row.cells, len(row.cells)
        return {
            name: cell
            for name, index in self.columns.where.items()
            if index < end and (cell := cells[index]) and (len(cell) >= 8 or not values.is_nothing(cell))
        }

    def raw(self, row: RawRow, name: str) -> str:
        return self.texts[id(row)].get(name, "")

    def bad(self, row: RawRow, name: str, code: str, sentence: Say) -> None:
        self.problems.append(CellProblem(row.line, self.columns.heading(name), code, sentence))

    def read(self, row: RawRow, name: str, parse: Callable[[str], T], default: T) -> T:
        """The parsed cell; an empty or a bad one is the default, a bad one is also a problem."""
        text = self.raw(row, name)
        if not text:
            return default
        try:
            return parse(text)
        except InvalidInput as exc:
            self.bad(row, name, exc.detail_code, exc.message)
            return default

    def first(self, name: str) -> tuple[RawRow, str]:
        """The first row that has the field, and its text: an order's own fields may stand in one row only."""
        if name not in self.columns.where:
            return self.rows[0], ""
        for row in self.rows:
            if text := self.texts[id(row)].get(name):
                return row, text
        return self.rows[0], ""

    def once(self, name: str, parse: Callable[[str], T], default: T) -> T:
        row, _ = self.first(name)
        return self.read(row, name, parse, default)

    def text(self, name: str, limit: int) -> str:
        """An order's own text; longer than we can keep is a problem, never cut."""
        row, text = self.first(name)
        tidy = values.tidy(text) if text else ""
        if len(tidy) > limit:
            self.bad(row, name, "too_long", say("This has {count} characters; at most {limit} can be kept",
                                                 count=len(tidy), limit=limit))  # fmt: skip
            return ""
        return tidy

    def moment(self, name: str) -> datetime | None:
        return self.once(name, lambda text: values.past(text, self.form.era), None)


def order_key(columns: Columns, row: RawRow) -> str:
    """The order number of a row, empty when it has none. Raises InvalidInput when a spreadsheet spoiled it."""
    index = columns.where["external_no"]
    cell = row.cells[index] if index < len(row.cells) else ""
    return "" if values.is_nothing(cell) else values.exact(cell)[:200]


def is_explanation(form: Format, columns: Columns, row: RawRow) -> bool:
    """TikTok writes a line under its headings that says what each column means; it is no order."""
    number = _Cells(form, columns, (row,)).raw(row, "external_no")
    return bool(number) and not any(c.isdigit() for c in number) and " " in number


def read_order(form: Format, columns: Columns, rows: Sequence[RawRow]) -> OrderRead:
    """One order from its rows. Every bad cell is named; with any problem the order must not be taken."""
    cells = _Cells(form, columns, rows)
    number = cells.once("external_no", values.exact, "")
    if len(number) > 80:
        cells.bad(rows[0], "external_no", "too_long", say("An order number has at most 80 characters"))
    lines = _unit_lines(cells) if form.unit_rows else _lines(cells)
    payment = cells.text("payment_method", 80)
    is_cod = any(word in payment.lower() for word in _COD)
    word = cells.text("status", 120)
    stage = _stage(cells, is_cod=is_cod)
    if stage is Stage.UNKNOWN:
        row, _ = cells.first("status")
        cells.bad(row, "status", "status_unknown", say("The state “{word}” is not known for {format}", word=word,
                                                       format=form.label))  # fmt: skip
    order = OrderIn(
        external_no=number,
        channel_status=word,
        stage=stage,
        placed_at=cells.moment("placed_at"),
        paid_at=cells.moment("paid_at"),
        shipped_at=cells.moment("shipped_at"),
        completed_at=cells.moment("completed_at"),
        ship_by=cells.once("ship_by", lambda t: values.moment(t, form.era), None),
        lines=lines,
        recipient=_recipient(cells),
        buyer_id=cells.text("buyer_id", 120),
        payment_method=payment,
        is_cod=is_cod,
        carrier=cells.text("carrier", 80),
        tracking=cells.once("tracking", values.exact, "")[:80],
        cancel_reason=cells.text("cancel_reason", 300),
        cancel_requested=stage is Stage.TO_SHIP and ("ยกเลิก" in word or "cancel" in word.lower()),
        buyer_note=cells.text("note", 2000),
        shipping_fee=_shipping(cells),
        seller_discount=_sum(cells, "seller_discount", "seller_discount2"),
        platform_discount=_sum(cells, "platform_discount", "platform_discount2", "platform_discount3"),
        channel_fee=_sum(cells, "fee", "fee2", "fee3"),
        channel_total=cells.once("total", values.amount, None),
    )
    return OrderRead(order, tuple(cells.problems))


def _stage(cells: _Cells, *, is_cod: bool) -> Stage:
    """How far the order is: its least advanced row counts, canceled and returned rows only when all are."""
    form = cells.form
    words = [w for row in cells.rows if (w := cells.raw(row, "status"))]
    if not words:
        return form.default_stage or Stage.UNKNOWN
    found = [form.stage_of(w) for w in words]
    if Stage.UNKNOWN in found:
        return Stage.UNKNOWN
    stage = min((s for s in found if s is not Stage.CANCELED), key=PROGRESS.__getitem__, default=Stage.CANCELED)
    shipping = form.stage_of(cells.first("shipping_state")[1])
    if stage in _MOVING and shipping in _MOVING and PROGRESS[shipping] > PROGRESS[stage]:
        stage = shipping
    paid = form.stage_of(cells.first("payment_state")[1])
    if stage is Stage.TO_SHIP and paid is Stage.UNPAID and not is_cod:
        stage = Stage.UNPAID
    return Stage.TO_SHIP if stage is Stage.UNPAID and is_cod else stage


def _sum(cells: _Cells, *names: str) -> Money:
    total = ZERO
    for name in names:
        if name in cells.columns.where:
            total += cells.once(name, values.discount, ZERO)
    return total


def _shipping(cells: _Cells) -> Money:
    if not cells.form.shipping_per_row:
        return cells.once("shipping_fee", values.amount, ZERO)
    total = ZERO
    for row in cells.rows:
        total += cells.read(row, "shipping_fee", values.amount, ZERO)
    return total


def _recipient(cells: _Cells) -> RecipientIn:
    parts = {name: cells.text(name, 200) for name in ("name", "subdistrict", "district", "province")}
    address = " ".join(t for i in ("", "2", "3", "4", "5") if (t := cells.text(f"address{i}", 1000)))
    phone_row, phone = cells.first("phone")
    hidden = values.is_masked(phone)
    area = {k: "" if values.is_masked(v) else v[:100] for k, v in parts.items() if k != "name"}
    return RecipientIn(
        name=parts["name"],
        phone="" if hidden else cells.read(phone_row, "phone", values.phone, ""),
        address=address,
        postcode="" if values.is_masked(cells.first("postcode")[1]) else cells.once("postcode", values.postcode, ""),
        masked=hidden or values.is_masked(parts["name"]) or values.is_masked(address),
        **area,
    )


def _sku(cells: _Cells, row: RawRow) -> str:
    code = cells.read(row, "sku", values.exact, "") or cells.read(row, "parent_sku", values.exact, "")
    if not code and not any(p.line == row.line and p.code == "excel_changed" for p in cells.problems):
        cells.bad(row, "sku", "sku_missing", say("This row names no SKU; give the product a SKU on the channel"))
    if len(code) > 200:
        cells.bad(row, "sku", "too_long", say("A SKU has at most 200 characters"))
    return code


def _lines(cells: _Cells) -> tuple[LineIn, ...]:
    lines = []
    for row in cells.rows:
        quantity = cells.read(row, "quantity", values.whole, 0)
        if not cells.raw(row, "quantity"):
            cells.bad(row, "quantity", "quantity_missing", say("The quantity is missing"))
        price = cells.read(row, "unit_price", values.amount, None)
        if price is None and quantity and (subtotal := cells.read(row, "line_total", values.amount, None)):
            price = subtotal.allocate([1] * quantity)[0] if quantity <= values.MAX_QUANTITY else None
        if price is None:
            price = cells.read(row, "list_price", values.amount, None)
        lines.append(
            LineIn(
                sku=_sku(cells, row),
                name=values.tidy(cells.raw(row, "item_name"))[:300],
                variation=values.tidy(cells.raw(row, "variation"))[:200],
                quantity=quantity,
                unit_price=price,
                seller_discount=cells.read(row, "line_seller_discount", values.discount, ZERO),
                platform_discount=cells.read(row, "line_platform_discount", values.discount, ZERO),
                returned=cells.read(row, "returned", lambda t: values.whole(t, 0), 0),
                external_id=cells.read(row, "line_id", values.exact, "")[:120],
                line=row.line,
            )
        )
    return tuple(lines)


def _unit_lines(cells: _Cells) -> tuple[LineIn, ...]:
    """One row per piece: pieces of the same SKU at the same price become one line. Canceled pieces are left out
    unless all are."""
    form = cells.form
    alive = [r for r in cells.rows if form.stage_of(cells.raw(r, "status")) is not Stage.CANCELED] or list(cells.rows)
    pieces: dict[tuple[str, Money | None, Money], LineIn] = {}
    for row in alive:
        sku = _sku(cells, row)
        price = cells.read(row, "unit_price", values.amount, None)
        seller = cells.read(row, "line_seller_discount", values.discount, ZERO)
        paid = cells.read(row, "paid_price", values.amount, None)
        platform = max(price - seller - paid, ZERO) if price is not None and paid is not None else ZERO
        key = (sku, price, seller)
        known = pieces.get(key)
        back = int(form.stage_of(cells.raw(row, "status")) is Stage.RETURNED)
        pieces[key] = LineIn(
            sku=sku,
            name=values.tidy(cells.raw(row, "item_name"))[:300],
            variation=values.tidy(cells.raw(row, "variation"))[:200],
            quantity=1 + (known.quantity if known else 0),
            unit_price=price,
            seller_discount=seller + (known.seller_discount if known else ZERO),
            platform_discount=platform + (known.platform_discount if known else ZERO),
            returned=back + (known.returned if known else 0),
            external_id=known.external_id if known else cells.read(row, "line_id", values.exact, "")[:120],
            line=known.line if known else row.line,
        )
    return tuple(pieces.values())
