"""Orders of a WooCommerce shop read. Amounts are decimal strings with tax beside them, moments are UTC without saying
so, the state of an address is a code (TH-50)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from oms.channels.port import OrderNews, ReturnNews, ReturnStage
from oms.channels.reading import GivenBack, Reading, broken, is_cod, news, rows
from oms.channels.webshop import line, only_baht, recipient, signed_money
from oms.intake.records import LineIn, OrderIn, Stage
from oms.intake.stages import stage_of
from oms.intake.stages import words as table
from oms.money import ZERO, Money
from oms.net.reading import part, words

# A failed payment may be tried again by the buyer, so it waits and ends as other unpaid orders do; "completed" is said
# when the goods leave.
STAGES = table({
    Stage.UNPAID: ("pending", "on-hold", "failed", "checkout-draft"), Stage.TO_SHIP: ("processing",),
    Stage.SHIPPED: ("completed",), Stage.RETURNED: ("refunded",), Stage.CANCELED: ("cancelled", "trash"),
})  # fmt: skip
DRAFTS = frozenset({"checkout-draft", "auto-draft"})  # a basket, no order yet
TRACKING, CARRIER, PARTS = "_tracking_number", "_tracking_provider", "_oms_parts"


def moment(reading: Reading, row: Mapping[str, Any], name: str) -> datetime | None:
    """A moment of the shop, read from its UTC field."""
    text = words(row.get(f"{name}_gmt"))
    return reading.moment(name, f"{text}+00:00") if text else None


def order_news(row: Mapping[str, Any]) -> OrderNews:
    """One order as the shop tells it; its id is its number, because plug-ins change what they show."""
    number = words(row.get("id"))
    if not isinstance(row.get("line_items"), list):
        return broken(number, row, "line_items")
    reading = Reading()
    only_baht(reading, row.get("currency"))
    status = words(row.get("status"))
    payment = reading.text("payment_method", row.get("payment_method_title") or row.get("payment_method"), 80)
    cod = words(row.get("payment_method")) == "cod" or is_cod(payment)
    fees = [_with_tax(reading, fee, "total", n) for n, fee in enumerate(rows(row.get("fee_lines")), 1)]
    order = OrderIn(
        external_no=number, channel_status=status, stage=stage_of(STAGES, status),
        placed_at=moment(reading, row, "date_created"), paid_at=moment(reading, row, "date_paid"),
        completed_at=moment(reading, row, "date_completed"), lines=_lines(reading, row), recipient=_to(reading, row),
        buyer_id=words(row.get("customer_id")).removeprefix("0"), payment_method=payment, is_cod=cod,
        carrier=meta(row, CARRIER)[:80], tracking=meta(row, TRACKING)[:80],
        buyer_note=reading.text("customer_note", row.get("customer_note"), 2000),
        shipping_fee=_with_tax(reading, row, "shipping_total", 0, "shipping_tax")
        + sum((fee for fee in fees if fee > ZERO), start=ZERO),
        seller_discount=-sum((fee for fee in fees if fee < ZERO), start=ZERO),
        channel_total=reading.money("total", row.get("total")),
    )  # fmt: skip
    return news(number, row, order, reading, moment(reading, row, "date_modified"))


def _with_tax(reading: Reading, row: Mapping[str, Any], name: str, number: int, tax: str = "") -> Money:
    tax = tax or f"{name}_tax"
    return signed_money(reading, name, row.get(name), number) + signed_money(reading, tax, row.get(tax), number)


def _lines(reading: Reading, row: Mapping[str, Any]) -> tuple[LineIn, ...]:
    found = []
    for number, item in enumerate(rows(row.get("line_items")), 1):
        parent = words(item.get("parent_name"))
        name = reading.text("name", item.get("name"), 1000, number)
        found.append(
            line(
                sku=reading.sku("sku", item.get("sku"), number), name=parent or name,
                variation=name.removeprefix(parent).strip(" -") if parent else "",
                quantity=reading.whole("quantity", item.get("quantity"), number, low=1),
                before=_with_tax(reading, item, "subtotal", number), after=_with_tax(reading, item, "total", number),
                external_id=words(item.get("id")), number=number,
            )
        )  # fmt: skip
    return tuple(found)


def _to(reading: Reading, row: Mapping[str, Any]) -> Any:
    billing, shipping = part(row, "billing"), part(row, "shipping")
    where = shipping if words(shipping.get("address_1")) or words(shipping.get("city")) else billing
    name = " ".join(text for key in ("first_name", "last_name") if (text := words(where.get(key))))
    return recipient(
        reading, name=name or where.get("company"), phone=where.get("phone") or billing.get("phone"),
        street=(where.get("company") if name else "", where.get("address_1"), where.get("address_2")),
        city=where.get("city"), state=(where.get("state"),), postcode=where.get("postcode"),
    )  # fmt: skip


def meta(row: Mapping[str, Any], key: str) -> str:
    """The last value kept under a key of an order, or of a row of it."""
    found = [words(m.get("value"), 5000) for m in rows(row.get("meta_data")) if m.get("key") == key]
    return found[-1] if found else ""


def return_news(order_no: str, row: Mapping[str, Any], updated_at: datetime | None) -> ReturnNews:
    """One refund. Without lines it is money alone, the goods stay."""
    reading = Reading()
    back = GivenBack()
    for item in rows(row.get("line_items")):
        pieces = abs(item["quantity"]) if type(item.get("quantity")) is int else 0
        back.add(words(item.get("sku")), pieces, meta(item, "_refunded_item_id"))
    refund = reading.discount("amount", row.get("amount") or row.get("total"))
    return ReturnNews(
        words(row.get("id")), order_no, "refunded", reason=words(row.get("reason"), 500),
        amounts=back.amounts, lines=back.lines, refund=refund, goods_stay=not back.amounts, is_closed=True, raw=row,
        updated_at=moment(reading, row, "date_created") or updated_at, stage=ReturnStage.REFUNDED,
    )  # fmt: skip
