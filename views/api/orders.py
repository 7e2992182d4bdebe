"""Orders over the API: placed, confirmed, read, canceled, noted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import literal, select, tuple_, union_all
from sqlalchemy.orm import selectinload

from oms.catalog.models import Shop, Sku
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Problem, say
from oms.money import ZERO
from oms.orders import rules
from oms.orders.models import Order
from oms.orders.queries import get_order, visible
from oms.orders.states import Board, CancelReason, OrderStatus, PaymentTerm
from oms.thai.phone import mask_phone
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_notes import MAX_NOTE, MAX_TAG, MAX_TAGS, AddNote, add_note
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo, place_order
from views.api import shapes
from views.api.guard import Call, Endpoint
from views.api.paging import page, place_of
from views.api.people import check_customer
from views.api.schemas import Amount, Choice, Moment, Page, Truth, Whole, Words

TERMS = (PaymentTerm.PREPAID, PaymentTerm.COD, PaymentTerm.CREDIT)  # what a marketplace vouches for comes from it


class ShipToIn(Schema):
    """Where the parcel goes, as the buyer gave it."""

    name = Words(200, least=1, required=True)
    phone = Words(40, load_default="")
    line = Words(1000, load_default="")
    subdistrict = Words(100, load_default="")
    district = Words(100, load_default="")
    province = Words(100, load_default="")
    postcode = Words(10, load_default="")


class LineIn(Schema):
    """One SKU, by ``sku`` (its code) or ``sku_id``. Without ``unit_price`` the catalog's price counts."""

    sku = Words(64, least=1)
    sku_id = Whole()
    quantity = Whole(1, rules.MAX_QUANTITY, required=True)
    unit_price = Amount()
    discount = Amount(load_default=ZERO)
    name = Words(300, load_default="")


class OrderIn(Schema):
    """An order, of the shop ``shop`` (its code) or ``shop_id``. ``confirm`` reserves its stock at once."""

    shop = Words(64, least=1)
    shop_id = Whole()
    external_no = Words(80, least=1)
    lines = fields.List(fields.Nested(LineIn), required=True, validate=validate.Length(min=1, max=rules.MAX_LINES))
    ship_to = fields.Nested(ShipToIn, required=True)
    customer_id = Whole()
    payment_term = Choice(PaymentTerm, only=TERMS, load_default=PaymentTerm.PREPAID)
    discount = Amount(load_default=ZERO)
    shipping_fee = Amount(load_default=ZERO)
    warehouse_id = Whole()
    placed_at = Moment()
    carrier = Words(80, load_default="")
    buyer_note = Words(2000, load_default="")
    tags = fields.List(Words(MAX_TAG, least=1), load_default=list, validate=validate.Length(max=MAX_TAGS))
    confirm = Truth(load_default=False)


class ConfirmBody(Schema):
    """``version`` as it was read: an order that changed since is refused."""

    version = Whole()


class CancelBody(Schema):
    """Why; ``note`` is needed for the reason ``other``."""

    reason = Choice(CancelReason, required=True)
    note = Words(500, load_default="")
    version = Whole()


class NoteIn(Schema):
    """A remark; ``for_customer`` ones are meant to be read by the buyer."""

    body = Words(MAX_NOTE, least=1, required=True)
    for_customer = Truth(load_default=False)


class OrderQuery(Page):
    """Which orders."""

    shop_id = Whole(from_text=True)
    customer_id = Whole(from_text=True)
    status = Choice(OrderStatus)
    board = Choice(Board)
    external_no = Words(80, least=1)


def create(tx: Tx, call: Call) -> tuple[int, Any]:
    """Place one order."""
    given = call.body
    shop_id, skus = _named(tx, given)
    if customer_id := given.get("customer_id"):
        check_customer(tx, customer_id)
    placed = place_order(
        tx,
        PlaceOrder(
            shop_id=shop_id,
            lines=tuple(
                NewLine(sku_id, line["quantity"], line.get("unit_price"), line["discount"], line["name"])
                for sku_id, line in zip(skus, given["lines"], strict=True)
            ),
            ship_to=ShipTo(**given["ship_to"]),
            customer_id=customer_id, payment_term=given["payment_term"], discount=given["discount"],
            shipping_fee=given["shipping_fee"], warehouse_id=given.get("warehouse_id"),
            external_no=given.get("external_no"), placed_at=given.get("placed_at"), carrier=given["carrier"],
            buyer_note=given["buyer_note"], tags=tuple(given["tags"]),
            confirm=given["confirm"],
        ),
    )  # fmt: skip
    return (201 if placed.created else 200), {
        "id": placed.order_id, "number": placed.number, "created": placed.created,
    }  # fmt: skip


def _named(tx: Tx, given: Mapping[str, Any]) -> tuple[int, list[int]]:
    """The ids of the shop and of every line's SKU; one statement for all codes, none when ids were given."""
    problems = _one_name(given, "shop", "") + [
        p for i, line in enumerate(given["lines"]) for p in _one_name(line, "sku", f"lines.{i}.")
    ]
    _refuse(problems)
    codes = {line["sku"] for line in given["lines"] if "sku" in line}
    shops: dict[str, int] = {}
    skus: dict[str, int] = {}
    if codes or "shop" in given:
        found = union_all(
            select(literal("shop"), Shop.code, Shop.id).where(Shop.code == given.get("shop", "")),
            select(literal("sku"), Sku.code, Sku.id).where(Sku.code.in_(sorted(codes))),
        )
        for kind, code, row_id in tx.session.execute(found):
            (shops if kind == "shop" else skus)[code] = row_id
    _refuse([
        Problem("sku_unknown", say("There is no such SKU"), f"lines.{i}.sku")
        for i, line in enumerate(given["lines"])
        if "sku" in line and line["sku"] not in skus
    ])  # fmt: skip
    if "shop" in given and given["shop"] not in shops:
        raise NotFound(say("There is no such shop, or it is not yours to use"), field="shop", code="shop_not_found")
    shop_id = given["shop_id"] if "shop_id" in given else shops[given["shop"]]
    return shop_id, [line["sku_id"] if "sku_id" in line else skus[line["sku"]] for line in given["lines"]]


def _one_name(given: Mapping[str, Any], name: str, at: str) -> list[Problem]:
    if (name in given) != (f"{name}_id" in given):
        return []
    return [Problem("one_of", say("Give either {name} or {name}_id", name=name), f"{at}{name}")]


def _refuse(problems: list[Problem]) -> None:
    if problems:
        first, *others = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(others))


def read(tx: Tx, call: Call) -> tuple[int, Any]:
    """One order with its lines."""
    return 200, shown(tx, get_order(tx, call.ids["order_id"]))


def listed(tx: Tx, call: Call) -> tuple[int, Any]:
    """Orders, the newest first."""
    asked = call.query
    statement = visible(tx.actor).options(selectinload(Order.lines))
    for name in ("shop_id", "customer_id", "status", "board", "external_no"):
        if name in asked:
            statement = statement.where(getattr(Order, name) == asked[name])
    if begins := place_of(asked, (datetime, int)):
        statement = statement.where(tuple_(Order.placed_at, Order.id) < begins)
    statement = statement.order_by(Order.placed_at.desc(), Order.id.desc()).limit(asked["limit"] + 1)
    rows, cursor = page(tx.session.scalars(statement).all(), asked["limit"], lambda o: (o.placed_at, o.id))
    return 200, {"data": [shown(tx, order) for order in rows], "next": cursor}


ORDER_AMOUNTS = ("goods_total", "discount", "shipping_fee", "total", "verified_amount")
LINE_AMOUNTS = ("unit_price", "discount", "total")
SHIP = ("name", "phone", "line", "subdistrict", "district", "province", "postcode")
LINE = ("id", "sku_id", "sku_code", "name", "quantity", "canceled", "shipped", "returned", *LINE_AMOUNTS)
PLAIN = tuple(name for name in shapes.OrderOut().fields if name not in {"ship_to", "lines"})


def shown(tx: Tx, order: Order) -> dict[str, Any]:
    """An order as this key may see it."""
    prices, phones = tx.actor.may("order.price"), tx.actor.may("customer.phone")
    said = {name: getattr(order, name) for name in PLAIN}
    said["ship_to"] = {name: getattr(order, f"ship_{name}") for name in SHIP}
    said["lines"] = [{name: getattr(line, name) for name in LINE} for line in order.lines]
    if not phones:
        said["ship_to"]["phone"] = mask_phone(order.ship_phone)
    if not prices:
        said |= dict.fromkeys(ORDER_AMOUNTS)
        said["lines"] = [line | dict.fromkeys(LINE_AMOUNTS) for line in said["lines"]]
    return said


def confirm(tx: Tx, call: Call) -> tuple[int, Any]:
    """Make a draft binding."""
    done = confirm_order(tx, ConfirmOrder(call.ids["order_id"], call.body.get("version")))
    return 200, {"id": done.order_id, "number": done.number}


def cancel(tx: Tx, call: Call) -> tuple[int, Any]:
    """Cancel an order whose goods are still here."""
    given = call.body
    done = cancel_order(
        tx, CancelOrder(call.ids["order_id"], given["reason"], given["note"], version=given.get("version"))
    )
    return 200, {"id": done.order_id, "number": done.number, "money_to_return": done.money_to_return}


def note(tx: Tx, call: Call) -> tuple[int, Any]:
    """Write a note on an order."""
    added = add_note(tx, AddNote(call.ids["order_id"], call.body["body"], for_customer=call.body["for_customer"]))
    return 201, {"id": added.note_id}


ENDPOINTS = (
    Endpoint("create_order", "POST", "/orders", "order.create", "Place an order, confirmed or as a draft", create,
             shapes.PlacedOut(), OrderIn(), statuses=(201, 200), tag="Orders"),
    Endpoint("list_orders", "GET", "/orders", "order.view", "Orders, the newest first", listed,
             shapes.page_of(shapes.OrderOut), query=OrderQuery(), tag="Orders"),
    Endpoint("get_order", "GET", "/orders/<int:order_id>", "order.view", "One order", read, shapes.OrderOut(),
             tag="Orders"),
    Endpoint("confirm_order", "POST", "/orders/<int:order_id>/confirm", "order.confirm", "Confirm a draft", confirm,
             shapes.ConfirmedOut(), ConfirmBody(), tag="Orders"),
    Endpoint("cancel_order", "POST", "/orders/<int:order_id>/cancel", "order.cancel", "Cancel an order", cancel,
             shapes.CanceledOut(), CancelBody(), tag="Orders"),
    Endpoint("note_order", "POST", "/orders/<int:order_id>/notes", "order.note", "Write a note", note,
             shapes.NoteOut(), NoteIn(), statuses=(201,), tag="Orders"),
)  # fmt: skip
