"""The entry screen's form: what was typed, kept as typed, and the command it means once it can be read."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from oms.catalog.finding import by_codes
from oms.catalog.models import Channel, Routing, Sku
from oms.customers.finding import Buyer
from oms.customers.models import IdentityKind
from oms.errors import InvalidInput, OmsError, Problem, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.rules import MAX_LINES
from oms.orders.states import PaymentTerm
from oms.thai.phone import format_phone, parse_phone
from oms.thai.text import arabic_digits, clean
from oms.usecases.customers import IdentityInput
from oms.usecases.orders_entry import EnterOrder
from oms.usecases.orders_notes import MAX_TAGS, read_tag
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo

TERMS = (PaymentTerm.PREPAID, PaymentTerm.COD)
_ADDRESS = ("line", "subdistrict", "district", "province", "postcode")
_LINE_FIELDS = ("sku", "qty", "price", "line_discount")
_KEY_BYTES = 12
_LONGEST = {"name": 200, "line": 1000, "postcode": 10, "contact": 200}  # characters; the rest has 100
_ELSEWHERE = {"external_id": "contact", "tag": "tags", "label": "contact"}  # what verbs call fields of this screen


@dataclass(frozen=True)
class TypedLine:
    """One row of items as typed. An empty price is the catalog's; a discount may be baht or ``10%``."""

    sku: str = ""
    qty: str = "1"
    price: str = ""
    line_discount: str = ""


@dataclass(frozen=True)
class Typed:
    """Everything on the screen, as text. ``key`` makes one order of a form posted twice."""

    key: str = ""
    version: str = ""
    shop_id: str = ""
    warehouse_id: str = ""
    customer_id: str = ""
    customer_name: str = ""
    contact: str = ""
    name: str = ""
    phone: str = ""
    line: str = ""
    subdistrict: str = ""
    district: str = ""
    province: str = ""
    postcode: str = ""
    term: str = PaymentTerm.PREPAID.value
    discount: str = ""
    shipping_fee: str = ""
    note: str = ""
    note_for_customer: str = ""
    tags: str = ""
    owner_id: str = ""
    reason: str = ""
    copied_from: str = ""
    writer_id: str = ""
    lines: tuple[TypedLine, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Tells two posts of one form from two forms: a hash of what was typed, but for the version and the reason."""
        words = asdict(replace(self, version="", reason=""))
        return hashlib.sha256(json.dumps(words, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def blank(**facts: str) -> Typed:
    """A new form, with a key of its own."""
    return replace(Typed(key=secrets.token_urlsafe(_KEY_BYTES)), **facts)


def read(posted: MultiDict[str, str]) -> Typed:
    """What the browser sent; rows without a SKU and a price are dropped."""
    words = {f.name: posted.get(f.name, "") for f in fields(Typed) if f.name != "lines"}
    columns = [posted.getlist(name) for name in _LINE_FIELDS]
    rows = [TypedLine(*(column[i] if i < len(column) else "" for column in columns)) for i in range(len(columns[0]))]
    kept = tuple(row for row in rows if row.sku.strip())[: MAX_LINES + 1]
    return Typed(**words, lines=kept)


def from_draft(order: Order, note_key: str = "") -> Typed:
    """The form of a draft that is opened again. Its notes stay on the order; the note fields are for new ones."""
    return Typed(
        key=note_key or secrets.token_urlsafe(_KEY_BYTES),
        version=str(order.version),
        shop_id=str(order.shop_id),
        warehouse_id="" if _chooses(order) and not order.warehouse_pinned else str(order.warehouse_id),
        customer_id=str(order.customer_id or ""),
        customer_name=order.customer.name if order.customer else "",
        name=order.ship_name,
        phone=format_phone(order.ship_phone),
        **{part: getattr(order, f"ship_{part}") for part in _ADDRESS},
        term=order.payment_term.value,
        discount=_amount(order.discount),
        shipping_fee=_amount(order.shipping_fee),
        tags=", ".join(order.tags),
        owner_id=str(order.owner_id or ""),
        lines=tuple(
            TypedLine(
                line.sku_code,
                str(line.quantity),
                "" if line.unit_price == line.list_price else _amount(line.unit_price),
                _amount(line.discount),
            )
            for line in order.lines
        ),
    )


def from_order(order: Order, owner_id: int | None) -> Typed:
    """A new form for "the same as last time": buyer, address and items; prices are today's, discounts are not kept."""
    rows = tuple(TypedLine(line.sku_code, str(line.quantity)) for line in order.lines)
    fresh = {"version": "", "discount": "", "tags": "", "owner_id": str(owner_id or ""), "copied_from": str(order.id)}
    term = order.payment_term if order.payment_term in TERMS else PaymentTerm.PREPAID
    if _chooses(order):
        fresh["warehouse_id"] = ""
    return replace(from_draft(order), lines=rows, term=term.value, **fresh)


def _chooses(order: Order) -> bool:
    """Whether the shop's orders choose their warehouse when they are confirmed."""
    return order.shop.routing is Routing.AUTOMATIC


def _amount(value: Money) -> str:
    """For an input: no digits when nothing, no decimals when whole."""
    if not value:
        return ""
    return f"{value.amount:f}".removesuffix(".00")


@dataclass
class Reading:
    """Turns a form into a command, and keeps every problem on the way."""

    typed: Typed
    problems: list[Problem] = field(default_factory=list)

    def _try(self, read_one: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read_one()
        except OmsError as refusal:
            self.problems += refusal.problems()
            return otherwise

    def number(self, name: str) -> int | None:
        """A chosen row's id; nothing chosen is None."""
        text = getattr(self.typed, name).strip()
        if not text:
            return None
        if text.isascii() and text.isdecimal() and len(text) < 18:
            return int(text)
        self.problems.append(Problem("not_a_choice", say("Choose one of the list"), name))
        return None

    def money(self, text: str, name: str, base: Money = ZERO) -> Money:
        """An amount, or a percentage of ``base``; empty is nothing."""
        written = arabic_digits(clean(text))
        if not written:
            return ZERO
        if written.endswith("%"):
            return self._try(lambda: _percent(written, base, name), ZERO)
        return self._try(lambda: Money.parse(written, name), ZERO)

    def lines(self, skus: Mapping[str, Sku]) -> list[NewLine]:
        """The rows as command lines; a code nobody knows is a problem of its row."""
        rows = []
        for i, row in enumerate(self.typed.lines):
            place = f"lines.{i}"
            sku = skus.get(clean(row.sku))
            if sku is None:
                unknown = say("There is no product with the code or barcode “{code}”", code=clean(row.sku))
                self.problems.append(Problem("sku_unknown", unknown, place))
                continue
            quantity = self._try(lambda row=row, place=place: _quantity(row.qty, place), 1)
            price = self.money(row.price, place) if row.price.strip() else None
            base = (sku.price if price is None else price) * quantity
            discount = self.money(row.line_discount, place, base)
            rows.append(NewLine(sku.id, quantity, price, discount))
        return rows

    def ship_to(self) -> ShipTo:
        """The recipient; a phone that is none is a problem."""
        typed = self.typed
        phone = ""
        if typed.phone.strip():
            phone = self._try(lambda: parse_phone(typed.phone, "phone"), "")
        words = {name: self.bounded(getattr(typed, name), name) for name in ("name", *_ADDRESS)}
        return ShipTo(phone=phone, **words)

    def bounded(self, text: str, name: str) -> str:
        """The cleaned text; one that is longer than can be kept is a problem, never cut off in silence."""
        cleaned, most = clean(text), _LONGEST.get(name, 100)
        if len(cleaned) > most:
            long = say("This is too long: {length} characters, {most} at most", length=len(cleaned), most=most)
            self.problems.append(Problem("too_long", long, name))
        return cleaned

    def tags(self) -> tuple[str, ...]:
        """The tags between the commas."""
        written = [tag for tag in self.typed.tags.split(",") if clean(tag).strip("#")]
        if len(written) > MAX_TAGS:
            self.problems.append(Problem("tag_many", say("An order may have {most} tags", most=MAX_TAGS), "tags"))
        return tuple(self._try(lambda tag=tag: read_tag(tag), "") for tag in written[:MAX_TAGS])

    def term(self) -> PaymentTerm:
        """How it will be paid."""
        if self.typed.term in {term.value for term in TERMS}:
            return PaymentTerm(self.typed.term)
        self.problems.append(Problem("not_a_choice", say("Choose one of the list"), "term"))
        return PaymentTerm.PREPAID

    def refuse(self) -> None:
        """Raise everything that is wrong at once, if anything is."""
        if self.problems:
            first, *others = self.problems
            raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(others))


def field_of(problem: Problem) -> str:
    """The place of a problem on the screen; empty when it belongs to no field of it."""
    name = (problem.field or "").removeprefix("ship_to.")
    name = _ELSEWHERE.get(name, name)
    known = {f.name for f in fields(Typed)} | {"lines", "body"}
    return name if name in known or name.startswith("lines.") else ""


def _percent(text: str, base: Money, name: str) -> Money:
    try:
        share = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        share = Decimal(-1)
    if not share.is_finite() or not 0 <= share <= 100:
        raise InvalidInput(say("“{text}” is not a percentage from 0 to 100", text=text), field=name, code="percent")
    return base * (share / 100)


def _quantity(text: str, name: str) -> int:
    written = arabic_digits(clean(text)).replace(",", "")
    if not (written.isascii() and written.isdecimal() and len(written) <= 9):
        raise InvalidInput(say("“{text}” is not a number of pieces", text=text), field=name, code="quantity_text")
    return int(written)


@dataclass(frozen=True)
class Staff:
    """Somebody an order may be given to."""

    id: int
    name: str


def to_command(
    session: Session, typed: Typed, *, channels: Mapping[int, Channel], staff: Sequence[Staff], user_id: int | None,
    writer: IdentityInput | None = None,
) -> EnterOrder:  # fmt: skip
    """The command of a form, neither draft nor confirmed yet. ``writer``: who wrote what it was made of, when they are
    no customer yet. Raises InvalidInput with all that cannot be read."""
    reading = Reading(typed)
    lines = reading.lines(by_codes(session, [row.sku for row in typed.lines]))
    goods = goods_before_discount(session, typed, lines)
    ship_to, shop_id = reading.ship_to(), reading.number("shop_id")
    if shop_id is None:
        reading.problems.append(Problem("shop_missing", say("Choose the shop"), "shop_id"))
    customer_id, owner_id = reading.number("customer_id"), reading.number("owner_id")
    owner = next((person.name for person in staff if person.id == owner_id), "")
    contact = writer or _contact(reading, channels.get(shop_id or 0))
    order = PlaceOrder(
        shop_id=shop_id or 0,
        lines=tuple(lines),
        ship_to=ship_to,
        customer_id=customer_id,
        buyer=Buyer(ship_to.name, ship_to.phone, contact.kind, contact.external_id) if contact else None,
        payment_term=reading.term(),
        discount=reading.money(typed.discount, "discount", goods),
        shipping_fee=reading.money(typed.shipping_fee, "shipping_fee"),
        warehouse_id=reading.number("warehouse_id"),
        tags=reading.tags(),
        owner_id=owner_id if owner else None,
        owner=owner,
        idempotency_key=f"entry:{user_id}:{typed.key}"[:120] if typed.key else None,
        content_hash=typed.fingerprint,
        copied_from=reading.number("copied_from"),
    )
    reading.refuse()
    return EnterOrder(order, typed.note, typed.note_for_customer, contact)


def goods_before_discount(session: Session, typed: Typed, lines: Sequence[NewLine]) -> Money:
    """What the goods cost before the order's discount, for a discount given in percent."""
    if not typed.discount.strip().endswith("%"):
        return ZERO
    prices = {sku.id: sku.price for sku in by_codes(session, [row.sku for row in typed.lines]).values()}
    return sum(
        ((prices[x.sku_id] if x.unit_price is None else x.unit_price) * x.quantity - x.discount for x in lines),
        start=ZERO,
    )


def _contact(reading: Reading, channel: Channel | None) -> IdentityInput | None:
    """What the buyer is called on the shop's channel, when the channel has such names."""
    called = reading.bounded(reading.typed.contact, "contact")
    if not called or channel is None or channel.value not in {kind.value for kind in IdentityKind}:
        return None
    return IdentityInput(IdentityKind(channel.value), called)
