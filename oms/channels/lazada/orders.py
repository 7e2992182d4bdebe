"""Lazada's orders, told as one row for each piece, and its returns in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.port import OrderNews, ReturnNews, ReturnStage
from oms.channels.reading import GivenBack, Reading, broken, grouped, is_cod, least, news, rows
from oms.intake import stages
from oms.intake.records import LineIn, OrderIn, RecipientIn, Stage
from oms.money import ZERO, Money
from oms.net.reading import part, words

ENDED = frozenset({
    "REQUEST_REJECT", "REQUEST_CANCEL", "CANCEL_SUCCESS", "REFUND_SUCCESS", "REFUND_REJECT", "REQUEST_COMPLETE",
    "SELLER_REJECT_RETURN", "SELLER_REJECT_REFUND",
})  # fmt: skip
R = ReturnStage
RETURN_STAGES: Mapping[str, ReturnStage] = {
    "REQUEST_INITIATE": R.ASKED, "CS_APPROVING": R.ASKED, "SELLER_AGREE_RETURN": R.AGREED,
    "SELLER_AGREE_REFUND": R.AGREED, "REFUND_PENDING": R.AGREED, "REFUND_AUTHORIZED": R.AGREED,
    "BUYER_RETURN_ITEM": R.SENT, "REQUEST_REJECT": R.REFUSED, "REFUND_REJECT": R.REFUSED,
    "SELLER_REJECT_RETURN": R.REFUSED, "SELLER_REJECT_REFUND": R.REFUSED, "REQUEST_CANCEL": R.WITHDRAWN,
    "CANCEL_SUCCESS": R.WITHDRAWN, "REFUND_SUCCESS": R.REFUNDED, "REQUEST_COMPLETE": R.REFUNDED,
}  # fmt: skip
ONE_FOR_ALL = (R.ASKED, R.AGREED, R.SENT, R.REFUNDED, R.REFUSED, R.WITHDRAWN)  # of pieces that differ, the first one
Row = Mapping[str, Any]


def order_of(row: Row, items: Sequence[Row]) -> OrderNews:
    """One order and its pieces."""
    number = words(row.get("order_id")) or words(row.get("order_number"))
    raw = {**row, "order_items": list(items)}
    if not items:
        return broken(number, raw, "order_items")
    reading = Reading()
    said = [words(item.get("status"), 40) for item in items]
    stage = least([stages.stage_of(stages.LAZADA, word) for word in said])
    alive = [i for i in items if stages.stage_of(stages.LAZADA, words(i.get("status"))) is not Stage.CANCELED] or items
    payment = reading.text("payment_method", row.get("payment_method"), 80)
    shipping = reading.amount("shipping_fee", row.get("shipping_fee"))
    order = OrderIn(
        external_no=number,
        channel_status=", ".join(dict.fromkeys(said))[:120],
        stage=stage,
        placed_at=reading.moment("created_at", row.get("created_at")),
        ship_by=_ship_by(alive),
        lines=grouped([_piece(reading, item, at) for at, item in enumerate(alive, 1)]),
        recipient=_recipient(reading, part(row, "address_shipping")),
        buyer_id=reading.text("buyer_id", alive[0].get("buyer_id"), 120),
        payment_method=payment,
        is_cod=is_cod(payment),
        carrier=reading.text("shipment_provider", _first(alive, "shipment_provider"), 80),
        tracking=_first(alive, "tracking_code")[:80],
        cancel_reason=words(_first(items, "reason_detail") or _first(items, "reason"), 300),
        buyer_note=reading.text("remarks", row.get("remarks"), 2000),
        shipping_fee=shipping,
        channel_total=_paid(reading, alive, shipping),
    )
    return news(number, raw, order, reading, reading.moment("updated_at", row.get("updated_at")))


def _first(items: Sequence[Row], name: str) -> str:
    return next((found for item in items if (found := words(item.get(name)))), "")


def _ship_by(items: Sequence[Row]) -> Any:
    """The first promise; one that cannot be read does not stop the order."""
    quiet = Reading()
    found = [quiet.moment("promised_shipping_time", item.get("promised_shipping_time")) for item in items]
    return min((at for at in found if at), default=None)


def _piece(reading: Reading, item: Row, at: int) -> LineIn:
    price = reading.money("item_price", item.get("item_price"), at)
    paid = reading.money("paid_price", item.get("paid_price"), at)
    seller = reading.discount("voucher_seller", item.get("voucher_seller"), at)
    platform = max(price - seller - paid, ZERO) if price is not None and paid is not None else ZERO
    return LineIn(
        sku=reading.sku("sku", item.get("sku"), at),
        name=reading.text("name", words(item.get("name"), 300), 300, at),
        variation=reading.text("variation", words(item.get("variation"), 200), 200, at),
        quantity=1,
        unit_price=price,
        seller_discount=seller,
        platform_discount=platform,
        returned=int(stages.stage_of(stages.LAZADA, words(item.get("status"))) is Stage.RETURNED),
        external_id=words(item.get("order_item_id"), 120),
        line=at,
    )


def _paid(reading: Reading, items: Sequence[Row], shipping: Money) -> Money:
    """What the buyer paid: its pieces and the sending. The order's own ``price`` leaves open what is in it."""
    return sum(
        (reading.amount("paid_price", i.get("paid_price") or i.get("item_price")) for i in items), start=shipping
    )


def _recipient(reading: Reading, place: Row) -> RecipientIn:
    """Places stand as Thai/English in the third to fifth line of the address."""
    name = " ".join(filter(None, (words(place.get("first_name")), words(place.get("last_name")))))
    street = " ".join(filter(None, (words(place.get("address1"), 900), words(place.get("address2")))))
    province, district, subdistrict = (_thai(place.get(f"address{n}")) for n in (3, 4, 5))
    return reading.recipient(
        name=name, phone=place.get("phone") or place.get("phone2"), address=street, subdistrict=subdistrict,
        district=district or _thai(place.get("city")), province=province, postcode=place.get("post_code"),
    )  # fmt: skip


def _thai(value: Any) -> str:
    return words(value).partition("/")[0].strip()


def _stage(said: Sequence[str]) -> ReturnStage:
    """How far it is as a whole: as the piece that is least far; one word nobody knows makes all of it unknown."""
    stages = {RETURN_STAGES.get(word, R.UNKNOWN) for word in said}
    if not stages or R.UNKNOWN in stages:
        return R.UNKNOWN
    return next(stage for stage in ONE_FOR_ALL if stage in stages)


def return_of(row: Row) -> ReturnNews | None:
    """One reverse order; None for a cancellation, which the order itself tells."""
    if words(row.get("request_type")) == "CANCEL":
        return None
    lines = rows(row.get("reverse_order_lines"))
    said = list(dict.fromkeys(words(line.get("reverse_status")) for line in lines))
    back = GivenBack()
    for line in lines:
        back.add(words(part(line, "product").get("product_sku")), 1, words(line.get("trade_order_line_id")))
    return ReturnNews(
        external_no=words(row.get("reverse_order_id")),
        order_no=words(row.get("trade_order_id")),
        status=", ".join(said)[:120],
        reason=_first(lines, "reason_text") or _first(lines, "reason"),
        amounts=back.amounts,
        lines=back.lines,
        goods_stay=words(row.get("request_type")) == "ONLY_REFUND",
        tracking_no=_first(lines, "tracking_number")[:80],
        is_closed=bool(said) and all(word in ENDED for word in said),
        stage=_stage(said),
        raw=row,
    )
