"""Shopee's orders and returns in our words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oms.channels.port import OrderNews, ReturnNews, ReturnStage
from oms.channels.reading import GivenBack, Reading, news, rows
from oms.errors import say
from oms.intake import stages
from oms.intake.records import LineIn, OrderIn, RecipientIn
from oms.money import ZERO, Money
from oms.net.reading import part, words

OPTIONAL = (
    "buyer_user_id", "buyer_username", "estimated_shipping_fee", "recipient_address", "actual_shipping_fee", "note",
    "item_list", "pay_time", "buyer_cancel_reason", "cancel_by", "cancel_reason", "fulfillment_flag",
    "pickup_done_time", "package_list", "shipping_carrier", "payment_method", "total_amount",
)  # fmt: skip
ENDED = frozenset({"CANCELLED", "REFUND_PAID", "CLOSED"})
REFUND_ONLY = 1
R = ReturnStage
RETURN_STAGES: Mapping[str, ReturnStage] = {
    "REQUESTED": R.ASKED, "JUDGING": R.ASKED, "SELLER_DISPUTE": R.ASKED, "ACCEPTED": R.AGREED, "PROCESSING": R.AGREED,
    "CANCELLED": R.WITHDRAWN, "CLOSED": R.REFUSED, "REFUND_PAID": R.REFUNDED,
}  # fmt: skip


def order_of(row: Mapping[str, Any]) -> OrderNews:
    """One order of get_order_detail."""
    reading = Reading()
    number, status = words(row.get("order_sn")), words(row.get("order_status"), 120)
    currency = words(row.get("currency")) or "THB"
    if currency != "THB":
        reading.bad(
            "currency", "currency", say("The order is in {currency}; only baht can be taken", currency=currency)
        )
    lines = _lines(reading, row)
    total = reading.money("total_amount", row.get("total_amount"))
    shipping, discount = _rest(lines, total)
    order = OrderIn(
        external_no=number,
        channel_status=status,
        stage=stages.stage_of(stages.SHOPEE, status),
        placed_at=reading.seconds("create_time", row.get("create_time")),
        paid_at=reading.seconds("pay_time", row.get("pay_time")),
        shipped_at=reading.seconds("pickup_done_time", row.get("pickup_done_time")),
        ship_by=reading.seconds("ship_by_date", row.get("ship_by_date")),
        lines=lines,
        recipient=_recipient(reading, part(row, "recipient_address")),
        buyer_id=reading.text("buyer_username", row.get("buyer_username") or row.get("buyer_user_id"), 120),
        payment_method=reading.text("payment_method", row.get("payment_method"), 80),
        is_cod=row.get("cod") is True,
        carrier=reading.text("shipping_carrier", row.get("shipping_carrier"), 80),
        cancel_reason=_reason(reading, row),
        cancel_requested=status == "IN_CANCEL",
        buyer_note=reading.text("message_to_seller", row.get("message_to_seller"), 2000),
        shipping_fee=shipping,
        platform_discount=discount,
        channel_total=total,
    )
    return news(number, row, order, reading, reading.seconds("update_time", row.get("update_time")))


def _lines(reading: Reading, row: Mapping[str, Any]) -> tuple[LineIn, ...]:
    items = rows(row.get("item_list"))
    lines = [_line(reading, item, at) for at, item in enumerate(items, 1)]
    alive = [line for line in lines if line.quantity]
    if alive or any(p.line for p in reading.problems):
        return tuple(alive)
    return tuple(_line(reading, item, at, whole=True) for at, item in enumerate(items, 1))  # all were canceled


def _line(reading: Reading, item: Mapping[str, Any], at: int, *, whole: bool = False) -> LineIn:
    quantity = reading.whole("model_quantity_purchased", item.get("model_quantity_purchased"), at, low=1)
    if item.get("cancelled_qty") is not None and not whole:
        quantity = max(quantity - reading.whole("cancelled_qty", item.get("cancelled_qty"), at), 0)
    price = reading.money("model_discounted_price", item.get("model_discounted_price"), at)
    if not price:  # inside a bundle the price of one piece is told as 0
        price = reading.money("model_original_price", item.get("model_original_price"), at)
    model = _model(item)
    word = item.get("model_sku") if model != "0" else item.get("item_sku")
    returned = item.get("returned_qty")
    return LineIn(
        sku=reading.sku("model_sku", words(word, 300) or words(item.get("item_sku"), 300), at),
        name=reading.text("item_name", words(item.get("item_name"), 300), 300, at),
        variation=reading.text("model_name", words(item.get("model_name"), 200), 200, at),
        quantity=quantity,
        unit_price=price,
        returned=min(reading.whole("returned_qty", returned, at), quantity) if returned is not None else 0,
        external_id=_listing(item),
        line=at,
    )


def _model(item: Mapping[str, Any]) -> str:
    return words(item.get("model_id")) or "0"


def _listing(item: Mapping[str, Any]) -> str:
    """What an order and a return both call a thing on sale; "" when it has no number."""
    number = words(item.get("item_id"))
    return f"{number}:{_model(item)}"[:120] if number else ""


def _rest(lines: tuple[LineIn, ...], total: Money | None) -> tuple[Money, Money]:
    """(what the buyer paid for sending, what vouchers took off): the interface tells only the sum of everything, so
    one of the two is what is missing between it and the goods."""
    if total is None:
        return ZERO, ZERO
    goods = sum(((line.unit_price or ZERO) * line.quantity for line in lines), start=ZERO)
    return max(total - goods, ZERO), max(goods - total, ZERO)


def _recipient(reading: Reading, place: Mapping[str, Any]) -> RecipientIn:
    """Four names of places, of which Thai addresses fill three."""
    state, city = place.get("state"), place.get("city")
    district, town = place.get("district"), place.get("town")
    near, far = (town, district or city) if words(town) else (district, city) if words(city) else ("", district)
    return reading.recipient(
        name=place.get("name"), phone=place.get("phone"), address=place.get("full_address"), subdistrict=near,
        district=far, province=state, postcode=place.get("zipcode"),
    )  # fmt: skip


def _reason(reading: Reading, row: Mapping[str, Any]) -> str:
    reason = words(row.get("cancel_reason"), 300) or words(row.get("buyer_cancel_reason"), 300)
    return reading.text("cancel_reason", reason, 300)


def return_of(row: Mapping[str, Any]) -> ReturnNews:
    """One row of get_return_list."""
    reading = Reading()
    status = words(row.get("status"))
    back = GivenBack()
    for item in rows(row.get("item")):
        sku = words(item.get("variation_sku")) or words(item.get("item_sku"))
        back.add(sku, reading.whole("amount", item.get("amount")) if sku else 0, _listing(item))
    said = " · ".join(filter(None, (words(row.get("reason")), words(row.get("text_reason"), 300))))
    return ReturnNews(
        external_no=words(row.get("return_sn")),
        order_no=words(row.get("order_sn")),
        status=status,
        reason=said,
        amounts=back.amounts,
        lines=back.lines,
        refund=reading.amount("refund_amount", row.get("refund_amount")),
        goods_stay=_number(row.get("return_solution")) == REFUND_ONLY,
        tracking_no=words(row.get("tracking_number"), 80),
        is_closed=status in ENDED,
        stage=RETURN_STAGES.get(status, R.UNKNOWN),
        raw=row,
        updated_at=reading.seconds("update_time", row.get("update_time")),
    )


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
