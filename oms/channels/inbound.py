"""A shop of one's own sends its orders: signed, whole, in our words (docs/inbound-channel.md). Nobody is asked, so each
order says when it changed, and the sender is told at once which orders cannot be used and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oms.channels import signed
from oms.channels.asking import Adapter, mark_of
from oms.channels.port import Ability, Called, OrderNews, WebhookAnswer, WebhookNews
from oms.channels.reading import Reading, is_cod, news, rows
from oms.channels.webshop import only_baht, province
from oms.errors import say
from oms.intake.records import CellProblem, LineIn, OrderIn, RecipientIn, Stage
from oms.money import CURRENCY, ZERO
from oms.net.reading import part, words
from oms.net.transport import Transport

MOST = 100  # orders in one message
STAGES = {stage.value: stage for stage in Stage if stage is not Stage.UNKNOWN}


class Inbound(Adapter):
    """One shop of one's own."""

    abilities = frozenset({Ability.WEBHOOK})

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._secrets = (settings["hook_secret"], settings.get("old_secret", ""))

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_news(raw)

    def check(self) -> str:
        """There is nobody to ask."""
        return ""

    def read_webhook(self, called: Called) -> WebhookNews:
        """Orders, told whole by a sender who proved himself."""
        signed.prove(called, self._secrets)
        key = mark_of(called.body)
        try:
            told = json.loads(called.body, parse_float=Decimal)
        except (ValueError, RecursionError):
            told = None
        found = told.get("orders") if isinstance(told, dict) else None
        if not isinstance(found, list):
            return WebhookNews((), trusted=True, key=key, answer=_no(400, "The message is not {“orders”: […]} in JSON"))
        if len(found) > MOST:
            return WebhookNews((), trusted=True, key=key, answer=_no(413, f"At most {MOST} orders in one message"))
        read = [order_news(row if isinstance(row, dict) else {}) for row in found]
        known = tuple(n for n in read if n.external_no)
        return WebhookNews((), trusted=True, key=key, news=known, answer=_answer(read))


def order_news(row: Mapping[str, Any]) -> OrderNews:
    """One order in our own words."""
    reading = Reading()
    number = reading.text("number", row.get("number"), 80)
    updated_at = reading.moment("updated_at", row.get("updated_at"))
    if not number:
        reading.bad("number", "required", say("The order has no number"))
    if updated_at is None and not words(row.get("updated_at")):
        reading.bad("updated_at", "required", say("The order does not say when it changed (updated_at)"))
    if row.get("cod") is not None and not isinstance(row["cod"], bool):
        reading.bad("cod", "yes_no", say("Say true or false, without quotation marks"))
    only_baht(reading, row.get("currency") or CURRENCY)
    status, payment = words(row.get("status")), reading.text("payment", row.get("payment"), 80)
    cod = row.get("cod") is True or is_cod(payment)
    stage = STAGES.get(status, Stage.UNKNOWN)
    order = OrderIn(
        external_no=number, channel_status=status, stage=Stage.TO_SHIP if cod and stage is Stage.UNPAID else stage,
        placed_at=reading.moment("placed_at", row.get("placed_at")),
        paid_at=reading.moment("paid_at", row.get("paid_at")),
        shipped_at=reading.moment("shipped_at", row.get("shipped_at")),
        ship_by=reading.moment("ship_by", row.get("ship_by")), lines=_lines(reading, row), recipient=_to(reading, row),
        buyer_id=reading.text("buyer_id", row.get("buyer_id"), 120), payment_method=payment, is_cod=cod,
        carrier=reading.text("carrier", row.get("carrier"), 80),
        tracking=reading.text("tracking", row.get("tracking"), 80),
        cancel_reason=reading.text("cancel_reason", row.get("cancel_reason"), 300),
        buyer_note=reading.text("note", row.get("note"), 2000),
        shipping_fee=reading.amount("shipping_fee", row.get("shipping_fee")),
        seller_discount=reading.amount("discount", row.get("discount")),
        channel_total=reading.money("total", row.get("total")),
    )  # fmt: skip
    _fits(reading, order)
    return news(number, row, order, reading, updated_at)


def _lines(reading: Reading, row: Mapping[str, Any]) -> tuple[LineIn, ...]:
    found, told = [], row.get("items")
    if isinstance(told, list) and len(rows(told)) != len(told):
        reading.bad("items", "unreadable", say("Something in the list of items is no item"))
    for n, item in enumerate(rows(told), 1):
        price = reading.money("unit_price", item.get("unit_price"), n)
        if not words(item.get("unit_price")) and price is None:
            reading.bad("unit_price", "required", say("The price of a piece is missing (unit_price)"), n)
        found.append(
            LineIn(
                sku=reading.sku("sku", item.get("sku"), n), name=reading.text("name", item.get("name"), 300, n),
                variation=reading.text("variation", item.get("variation"), 200, n),
                quantity=reading.whole("quantity", item.get("quantity"), n, low=1), unit_price=price,
                seller_discount=reading.amount("discount", item.get("discount"), n),
                external_id=reading.text("id", item.get("id"), 120, n) or str(n), line=n,
            )
        )  # fmt: skip
    return tuple(found)


def _to(reading: Reading, row: Mapping[str, Any]) -> RecipientIn:
    to = part(row, "ship_to")
    told = {name: to.get(name, "") for name in ("name", "phone", "address", "subdistrict", "district", "postcode")}
    return reading.recipient(**told, province=province(to.get("province")))


def _fits(reading: Reading, order: OrderIn) -> None:
    """A total that is not the sum of its parts is a mistake of the sender's program: better said than kept."""
    if reading.problems or not order.lines or order.channel_total is None:
        return
    lines = sum(((x.unit_price or ZERO) * x.quantity - x.seller_discount for x in order.lines), start=ZERO)
    ours = lines + order.shipping_fee - order.seller_discount
    if ours != order.channel_total:
        reading.bad(
            "total", "total_differs",
            say("The total is {total}, its parts make {ours}", total=order.channel_total, ours=ours),
        )  # fmt: skip


def _no(status: int, why: str) -> WebhookAnswer:
    return WebhookAnswer(status, json.dumps({"code": "unreadable", "message": why}, ensure_ascii=False))


def _answer(read: list[OrderNews]) -> WebhookAnswer:
    refused = [
        {"number": n.external_no, "position": place, "problems": [_said(p) for p in n.problems]}
        for place, n in enumerate(read)
        if n.order is None
    ]
    return WebhookAnswer(202, json.dumps({"received": len(read), "refused": refused}, ensure_ascii=False))


def _said(problem: CellProblem) -> dict[str, Any]:
    where = {"item": problem.line} if problem.line else {}
    return where | {"field": problem.column, "code": problem.code, "message": str(problem.message)}
