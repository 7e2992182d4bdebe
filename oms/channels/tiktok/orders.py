"""TikTok Shop's orders, told as one row for each piece, and its returns in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.port import OrderNews, ReturnNews, ReturnStage
from oms.channels.reading import GivenBack, Reading, grouped, is_cod, news, rows
from oms.errors import say
from oms.intake import stages
from oms.intake.records import LineIn, OrderIn, RecipientIn, Stage
from oms.money import ZERO
from oms.net.reading import part, words

LEVELS = ("province", "district", "subdistrict")  # L1 to L3; L0 is the country
ENDED = frozenset({
    "RETURN_OR_REFUND_REQUEST_COMPLETE", "RETURN_OR_REFUND_REQUEST_REJECT", "RETURN_OR_REFUND_REQUEST_CANCEL",
    "RETURN_OR_REFUND_REQUEST_SUCCESS", "REFUND_SUCCESS", "RETURN_REJECTED", "RETURN_CANCELLED",
})  # fmt: skip
R = ReturnStage
RETURN_STAGES: Mapping[str, ReturnStage] = {
    "RETURN_OR_REFUND_REQUEST_PENDING": R.ASKED, "AWAITING_BUYER_RESPONSE": R.ASKED, "AWAITING_BUYER_SHIP": R.AGREED,
    "BUYER_SHIPPED_ITEM": R.SENT, "REFUND_OR_RETURN_REQUEST_REJECT": R.REFUSED,
    "RETURN_OR_REFUND_REQUEST_REJECT": R.REFUSED, "REJECT_RECEIVE_PACKAGE": R.REFUSED, "RETURN_REJECTED": R.REFUSED,
    "RETURN_OR_REFUND_REQUEST_CANCEL": R.WITHDRAWN, "RETURN_CANCELLED": R.WITHDRAWN,
    "RETURN_OR_REFUND_REQUEST_SUCCESS": R.REFUNDED, "RETURN_OR_REFUND_REQUEST_COMPLETE": R.REFUNDED,
    "REFUND_SUCCESS": R.REFUNDED,
}  # fmt: skip
Row = Mapping[str, Any]


def order_of(row: Row) -> OrderNews:
    """One order and its pieces."""
    reading = Reading()
    number, status = words(row.get("id")), words(row.get("status"), 120)
    payment = part(row, "payment")
    currency = words(payment.get("currency")) or "THB"
    if currency != "THB":
        reading.bad(
            "currency", "currency", say("The order is in {currency}; only baht can be taken", currency=currency)
        )
    items = rows(row.get("line_items"))
    alive = [i for i in items if _stage(i) is not Stage.CANCELED] or items
    lines = grouped([_piece(reading, item, at) for at, item in enumerate(alive, 1)])
    method = reading.text("payment_method_name", row.get("payment_method_name"), 80)
    shipping = reading.amount("shipping_fee", payment.get("shipping_fee"))
    total = reading.money("total_amount", payment.get("total_amount"))
    due = sum(
        ((line.unit_price or ZERO) * line.quantity - line.seller_discount - line.platform_discount for line in lines),
        start=shipping,
    )
    order = OrderIn(
        external_no=number,
        channel_status=status,
        stage=stages.stage_of(stages.TIKTOK, status),
        placed_at=reading.seconds("create_time", row.get("create_time")),
        paid_at=reading.seconds("paid_time", row.get("paid_time")),
        ship_by=reading.seconds("rts_sla_time", row.get("rts_sla_time")),
        lines=lines,
        recipient=_recipient(reading, part(row, "recipient_address")),
        buyer_id=reading.text("user_id", row.get("user_id"), 120),
        payment_method=method,
        is_cod=row.get("is_cod") is True or is_cod(method),
        carrier=reading.text("shipping_provider", row.get("shipping_provider"), 80),
        tracking=words(row.get("tracking_number"), 80),
        cancel_reason=words(row.get("cancel_reason"), 300) or _first(items, "cancel_reason"),
        cancel_requested=row.get("is_buyer_request_cancel") is True and _early(status),
        buyer_note=reading.text("buyer_message", row.get("buyer_message"), 2000),
        shipping_fee=shipping,
        platform_discount=max(due - total, ZERO) if total is not None and len(alive) == len(items) else ZERO,
        channel_total=total,
    )
    return news(number, row, order, reading, reading.seconds("update_time", row.get("update_time")))


def _early(status: str) -> bool:
    return stages.stage_of(stages.TIKTOK, status) in {Stage.UNPAID, Stage.TO_SHIP}


def _stage(item: Row) -> Stage:
    return stages.stage_of(stages.TIKTOK, words(item.get("display_status")))


def _first(items: Sequence[Row], name: str) -> str:
    return next((found for item in items if (found := words(item.get(name), 300))), "")


def _piece(reading: Reading, item: Row, at: int) -> LineIn:
    """What was taken off one piece is the seller's where it says so, else the platform's."""
    sale = reading.money("sale_price", item.get("sale_price"), at)
    price = reading.money("original_price", item.get("original_price"), at)
    price = sale if price is None or (sale is not None and sale > price) else price
    seller = reading.discount("seller_discount", item.get("seller_discount"), at)
    off = price - sale if price is not None and sale is not None else ZERO
    seller = min(seller, off)
    return LineIn(
        sku=reading.sku("seller_sku", item.get("seller_sku"), at),
        name=reading.text("product_name", words(item.get("product_name"), 300), 300, at),
        variation=reading.text("sku_name", words(item.get("sku_name"), 200), 200, at),
        quantity=1,
        unit_price=price,
        seller_discount=seller,
        platform_discount=off - seller,
        external_id=words(item.get("id"), 120),
        line=at,
    )


def _recipient(reading: Reading, place: Row) -> RecipientIn:
    """Places stand in levels; the street as a detail of its own or in one line with them."""
    found: dict[str, str] = {}
    for level in rows(place.get("district_info")):
        mark = words(level.get("address_level")).removeprefix("L")
        at = int(mark) - 1 if mark.isdecimal() and 1 <= int(mark) <= len(LEVELS) else -1
        name = LEVELS[at] if at >= 0 else words(level.get("address_level_name")).lower()
        if name in LEVELS:
            found[name] = words(level.get("address_name"))
    return reading.recipient(
        name=place.get("name"), phone=place.get("phone_number"),
        address=words(place.get("address_detail"), 2000) or place.get("full_address"),
        postcode=place.get("postal_code"), **found,
    )  # fmt: skip


def return_of(row: Row) -> ReturnNews:
    """One row of the returns."""
    reading = Reading()
    status = words(row.get("return_status"))
    back = GivenBack()
    for line in rows(row.get("return_line_items")):
        back.add(words(line.get("seller_sku")), 1, words(line.get("order_line_item_id")))
    return ReturnNews(
        external_no=words(row.get("return_id")),
        order_no=words(row.get("order_id")),
        status=status,
        reason=words(row.get("return_reason_text"), 300) or words(row.get("return_reason")),
        amounts=back.amounts,
        lines=back.lines,
        refund=reading.amount("refund_total", part(row, "refund_amount").get("refund_total")),
        goods_stay=words(row.get("return_type")) == "REFUND",
        tracking_no=words(row.get("return_tracking_number"), 80),
        is_closed=status in ENDED,
        raw=row,
        updated_at=reading.seconds("update_time", row.get("update_time")),
        stage=RETURN_STAGES.get(status, R.UNKNOWN),
    )
