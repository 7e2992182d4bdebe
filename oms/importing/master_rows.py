"""One row of a master file taken in. An empty cell leaves what is there as it is; a row that says nothing new is
unchanged."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import func, select

from oms.catalog.models import Product, Sku, SkuBarcode
from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Problem, say
from oms.importing.formats import values
from oms.importing.formats.columns import Columns, Format
from oms.intake.models import IntakeRun
from oms.intake.records import RawRow
from oms.intake.states import Outcome
from oms.inventory.models import AdjustReason, StockLevel, StockMovement, Warehouse
from oms.thai.phone import read_phone
from oms.usecases.catalog import CreateProduct, CreateSku, EditSku, create_product, create_sku, edit_sku
from oms.usecases.catalog_parts import Part
from oms.usecases.covering import SetMinimum, set_minimum
from oms.usecases.customers import (
    AddIdentity,
    Address,
    CreateCustomer,
    EditCustomer,
    IdentityInput,
    SaveAddress,
    TaxIdentity,
    add_identity,
    create_customer,
    edit_customer,
    save_address,
)
from oms.usecases.locations import SetLocation, set_location
from oms.usecases.stock import AdjustStock, ReceiveStock, adjust_stock, receive_stock
from oms.usecases.stock_checks import StockLine, check_place

T = TypeVar("T")
_SEPARATORS = re.compile(r"[,;|\s]+")
_NO = frozenset({"0", "no", "n", "false", "inactive", "ไม่", "ไม่ใช้งาน", "ปิด", "เลิกขาย"})
_CHATS = (("line", IdentityKind.LINE), ("facebook", IdentityKind.FACEBOOK), ("instagram", IdentityKind.INSTAGRAM))


@dataclass(frozen=True)
class Cells:
    """One row under its headings."""

    row: RawRow
    form: Format
    columns: Columns

    def text(self, name: str) -> str:
        """The cell in the form texts are stored in; empty when it says nothing."""
        index = self.columns.where.get(name)
        cell = self.row.cells[index] if index is not None and index < len(self.row.cells) else ""
        return "" if values.is_nothing(cell) else values.tidy(cell)

    def word(self, name: str) -> str:
        """A code or number that names something. Raises InvalidInput when a spreadsheet spoiled it."""
        text = self.text(name)
        return values.exact(text) if text else ""

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """The parsed cell, or what is there already. Raises InvalidInput that names the column."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse(text)
        except InvalidInput as exc:
            raise InvalidInput(exc.message, field=name, code=exc.detail_code) from exc


def _all(*checks: Callable[[], object]) -> None:
    """Run every check; raise one InvalidInput with everything that was wrong."""
    problems: list[Problem] = []
    for check in checks:
        try:
            check()
        except OmsError as exc:
            problems += exc.problems()
    if problems:
        first, *rest = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(rest))


def _outcome(*, changed: bool) -> Outcome:
    return Outcome.UPDATED if changed else Outcome.UNCHANGED


def take_product(tx: Tx, run: IntakeRun, cells: Cells) -> tuple[Outcome, int | None]:  # noqa: ARG001
    """A SKU, with its product when that is new."""
    code = cells.word("sku")
    _all(
        lambda: cells.read("price", values.amount, None),
        lambda: cells.read("cost", values.amount, None),
        lambda: cells.read("weight", lambda t: values.whole(t, 0, 1_000_000), 0),
        lambda: cells.read("low_stock", lambda t: values.whole(t, 0), 0),
        lambda: cells.read("barcode", values.exact, ""),
    )
    found = tx.session.scalars(select(Sku).where(func.lower(Sku.code) == code.lower())).one_or_none()
    if found is not None:
        return _edit_sku(tx, found, cells)
    saved = create_sku(
        tx,
        CreateSku(
            product_id=_product(tx, cells, code),
            code=code,
            name=cells.text("item_name"),
            option=cells.text("variation"),
            price=cells.read("price", values.amount, values.amount("0")),
            cost=cells.read("cost", values.amount, None),
            weight_g=cells.read("weight", lambda t: values.whole(t, 0, 1_000_000), 0),
            location=cells.text("location"),
            low_stock=cells.read("low_stock", lambda t: values.whole(t, 0), 0),
            barcodes=_barcodes(cells),
        ),
    )
    return Outcome.CREATED, saved.id


def _product(tx: Tx, cells: Cells, code: str) -> int:
    wanted = cells.word("product") or code
    found = tx.session.scalars(select(Product.id).where(Product.code == wanted)).one_or_none()
    if found is not None:
        return found
    name, english, category = (cells.text(n) for n in ("item_name", "name_en", "category"))
    return create_product(tx, CreateProduct(wanted, name, english, category)).id


def _barcodes(cells: Cells) -> tuple[str, ...]:
    text = cells.read("barcode", values.exact, "")
    return tuple(dict.fromkeys(b for b in _SEPARATORS.split(text) if b))


def _edit_sku(tx: Tx, sku: Sku, cells: Cells) -> tuple[Outcome, int | None]:
    have = tuple(
        tx.session.scalars(select(SkuBarcode.barcode).where(SkuBarcode.sku_id == sku.id).order_by(SkuBarcode.barcode))
    )
    more = tuple(b for b in _barcodes(cells) if b not in have)
    saved = edit_sku(
        tx,
        EditSku(
            sku_id=sku.id,
            version=sku.version,
            code=sku.code,
            name=cells.text("item_name") or sku.name,
            option=cells.text("variation") or sku.option,
            price=cells.read("price", values.amount, sku.price),
            cost=cells.read("cost", values.amount, None),
            weight_g=cells.read("weight", lambda t: values.whole(t, 0, 1_000_000), sku.weight_g),
            location=cells.text("location") or sku.location,
            low_stock=cells.read("low_stock", lambda t: values.whole(t, 0), sku.low_stock),
            barcodes=(*have, *more),
            parts=tuple(Part(p.component_id, p.quantity) for p in sku.components),
            is_active=cells.text("active").lower() not in _NO if cells.text("active") else sku.is_active,
        ),
    )
    return _outcome(changed=saved.changed), sku.id


def take_customer(tx: Tx, run: IntakeRun, cells: Cells) -> tuple[Outcome, int | None]:  # noqa: ARG001
    """A person, found again by phone or chat name."""
    phone = cells.read("phone", values.phone, "")
    chats = [IdentityInput(kind, cells.text(name)) for name, kind in _CHATS if cells.text(name)]
    person = _person(tx, phone, chats)
    if person is None:
        made = CreateCustomer(
            name=cells.text("name"), phone=phone, email=cells.text("email"), group=cells.text("group"),
            note=cells.text("note"), tax=_tax(cells, None), identities=tuple(chats), address=_address(cells, phone),
        )  # fmt: skip
        if not made.name:
            raise InvalidInput(say("A customer needs a name"), field="name", code="name_missing")
        return Outcome.CREATED, create_customer(tx, made).customer_id
    changed = edit_customer(
        tx,
        EditCustomer(
            person.id, person.version, cells.text("name") or person.name, phone or person.phone,
            cells.text("email") or person.email, cells.text("group") or person.group,
            cells.text("note") or person.note, _tax(cells, person),
        ),
    ).changed  # fmt: skip
    for chat in chats:
        changed |= add_identity(tx, AddIdentity(person.id, chat)).changed
    address = _address(cells, phone)
    if address is not None:
        changed |= save_address(tx, SaveAddress(person.id, address)).changed
    return _outcome(changed=changed), person.id


def _person(tx: Tx, phone: str, chats: list[IdentityInput]) -> Customer | None:
    known = [(c.kind, c.external_id) for c in chats]
    if number := read_phone(phone):
        known.append((IdentityKind.PHONE, number))
    for kind, value in known:
        statement = (
            select(Customer)
            .join(CustomerIdentity, CustomerIdentity.customer_id == Customer.id)
            .where(CustomerIdentity.kind == kind, CustomerIdentity.external_id == value)
        )
        if found := tx.session.scalars(statement).one_or_none():
            return found
    return None


def _tax(cells: Cells, person: Customer | None) -> TaxIdentity:
    def own(column: str) -> str:
        return cells.text(column) or (getattr(person, column) if person else "")

    return TaxIdentity(own("tax_name"), cells.word("tax_id") or own("tax_id"), own("tax_branch"), own("tax_address"))


def _address(cells: Cells, phone: str) -> Address | None:
    line, postcode = cells.text("address"), cells.read("postcode", values.postcode, "")
    if not line and not postcode:
        return None
    subdistrict, district, province = (cells.text(name) for name in ("subdistrict", "district", "province"))
    return Address(cells.text("name"), phone, line, subdistrict, district, province, postcode)


def take_stock(tx: Tx, run: IntakeRun, cells: Cells) -> tuple[Outcome, int | None]:
    """How many pieces there are: the opening stock where nothing ever moved, else a count; on which shelf they lie; and
    below how many to warn. A row may say one of them alone."""
    counted, shelf = cells.read("quantity", lambda t: values.whole(t, 0), None), cells.text("location")
    minimum = cells.read("minimum", lambda t: values.whole(t, 0), None)
    if counted is None and not shelf and minimum is None:
        raise InvalidInput(say("The quantity is missing"), field="quantity", code="quantity_missing")
    code, place = cells.word("sku"), cells.word("warehouse")
    sku = tx.session.scalars(select(Sku).where(func.lower(Sku.code) == code.lower())).one_or_none()
    if sku is None:
        raise InvalidInput(say("There is no SKU “{sku}”", sku=code), field="sku", code="sku_unknown")
    where = tx.session.scalars(select(Warehouse).where(func.lower(Warehouse.code) == place.lower())).one_or_none()
    if where is None:
        raise InvalidInput(
            say("There is no warehouse “{warehouse}”", warehouse=place), field="warehouse", code="warehouse_unknown"
        )
    check_place(tx, where.id)  # also where nothing changes: a row must not tell what lies in another's warehouse
    outcome = Outcome.UNCHANGED if counted is None else _count(tx, run, cells.row.line, sku, where, counted)
    moved = bool(shelf) and set_location(tx, SetLocation(sku.id, where.id, shelf)).changed
    if minimum is not None:
        moved |= set_minimum(tx, SetMinimum(sku.id, where.id, minimum)).changed
    return (Outcome.UPDATED if moved and outcome is Outcome.UNCHANGED else outcome), sku.id


def _count(tx: Tx, run: IntakeRun, line: int, sku: Sku, where: Warehouse, counted: int) -> Outcome:
    level = tx.session.get(StockLevel, (sku.id, where.id))
    if counted == (level.on_hand if level else 0):
        return Outcome.UNCHANGED
    lines = (StockLine(sku.id, counted),)
    key = f"intake:{run.id}:{line}"
    moved = select(StockMovement.id).where(StockMovement.sku_id == sku.id, StockMovement.warehouse_id == where.id)
    if tx.session.scalar(select(moved.exists())):
        adjust_stock(tx, AdjustStock(where.id, lines, AdjustReason.COUNTED, key, run.file_name[:200], counted=True))
        return Outcome.UPDATED
    receive_stock(tx, ReceiveStock(where.id, lines, key, note=run.file_name[:200], opening=True))
    return Outcome.CREATED
