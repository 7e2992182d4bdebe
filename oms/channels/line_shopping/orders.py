"""LINE SHOPPING's orders in our words: three states, for the order, its money and its parcels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.channels.port import OrderNews
from oms.channels.reading import Reading, news, rows
from oms.intake import stages
from oms.intake.records import PROGRESS, LineIn, OrderIn, RecipientIn, Stage
from oms.net.reading import part, words

MOVING = frozenset({Stage.TO_SHIP, Stage.SHIPPED, Stage.DELIVERED})
Row = Mapping[str, Any]


def states(row: Row) -> tuple[str, str, str]:
    """Its words for the order, the money and the parcels."""
    return words(row.get("orderStatus")), words(row.get("paymentStatus")), words(row.get("shipmentStatus"))


def stage_of(row: Row, *, cod: bool) -> Stage:
    """How far it is. An order is finished when its parcels are marked as shipped, so one on its way is not; money of
    which we do not know what it means stops what has not left."""
    stage, paid, shipping = (stages.stage_of(stages.LINE_SHOPPING, word) for word in states(row))
    if stage is Stage.COMPLETED and shipping is Stage.SHIPPED:
        return Stage.SHIPPED
    if stage in MOVING and shipping in MOVING and PROGRESS[shipping] > PROGRESS[stage]:
        stage = shipping
    if stage is Stage.TO_SHIP and not cod:
        return stage if paid is Stage.TO_SHIP else paid if paid is Stage.UNPAID else Stage.UNKNOWN
    return Stage.TO_SHIP if stage is Stage.UNPAID and cod else stage


def order_of(row: Row) -> OrderNews:
    """One order with its items."""
    reading = Reading()
    number = words(row.get("orderNumber"))
    shipment = part(row, "shipmentDetail")
    method = reading.text("paymentMethod", row.get("paymentMethod"), 80)
    cod = method == "COD" or shipment.get("isCod") is True
    carrier = words(shipment.get("shipmentCompanyNameTh")) or words(shipment.get("shipmentCompanyNameEn"))
    order = OrderIn(
        external_no=number,
        channel_status=" / ".join(filter(None, states(row)))[:120],
        stage=stage_of(row, cod=cod),
        placed_at=reading.moment("checkoutAt", row.get("checkoutAt")),
        paid_at=reading.moment("paidAt", row.get("paidAt")),
        lines=tuple(_line(reading, item, at) for at, item in enumerate(rows(row.get("orderItems")), 1)),
        recipient=_recipient(reading, part(row, "shippingAddress")),
        payment_method=method,
        is_cod=cod,
        carrier=reading.text("shipmentCompanyNameTh", carrier, 80),
        tracking=words(shipment.get("trackingNumber"), 80),
        buyer_note=_note(reading, row),
        shipping_fee=reading.amount("shipmentPrice", row.get("shipmentPrice")),
        seller_discount=reading.discount("discountAmount", row.get("discountAmount")),
        channel_total=reading.money("totalPrice", row.get("totalPrice")),
    )
    return news(number, row, order, reading, reading.moment("lastUpdatedAt", row.get("lastUpdatedAt")))


def _line(reading: Reading, item: Row, at: int) -> LineIn:
    price = reading.money("discountedPrice", item.get("discountedPrice"), at)
    if price is None:
        price = reading.money("price", item.get("price"), at)
    options = [words(option.get("value")) for option in rows(item.get("variants"))]
    sku = words(item.get("sku"), 300) or words(item.get("barcode"), 300)
    return LineIn(
        sku=reading.sku("sku", sku, at),
        name=reading.text("name", words(item.get("name"), 300), 300, at),
        variation=reading.text("variants", " / ".join(filter(None, options))[:200], 200, at),
        quantity=reading.whole("quantity", item.get("quantity"), at, low=1),
        unit_price=price,
        external_id=words(item.get("variantId"), 120) or words(item.get("productId"), 120),
        line=at,
    )


def _recipient(reading: Reading, place: Row) -> RecipientIn:
    return reading.recipient(
        name=place.get("recipientName"), phone=place.get("phoneNumber"), address=place.get("address"),
        subdistrict=place.get("subDistrict"), district=place.get("district"), province=place.get("province"),
        postcode=place.get("postalCode"),
    )  # fmt: skip


def _note(reading: Reading, row: Row) -> str:
    said = [words(row.get(name), 2000) for name in ("remarkBuyer", "remarkRecipient")]
    return reading.text("remarkBuyer", " · ".join(dict.fromkeys(filter(None, said))), 2000)
