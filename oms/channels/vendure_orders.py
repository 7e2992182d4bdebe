"""Orders of a Vendure shop read: whole satang with tax inside, moments of UTC, lines that a cancel empties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.channels.port import OrderNews
from oms.channels.reading import Reading, broken, is_cod, news, rows
from oms.channels.webshop import line, only_baht, recipient
from oms.errors import say
from oms.intake.records import LineIn, OrderIn, Stage
from oms.intake.stages import stage_of
from oms.intake.stages import words as table
from oms.money import MAX_SATANG, ZERO, Money
from oms.net.reading import moment, part, words

STAGES = table({
    Stage.UNPAID: (
        "Created", "Draft", "AddingItems", "ArrangingPayment", "PaymentAuthorized", "Modifying",
        "ArrangingAdditionalPayment",
    ),
    Stage.TO_SHIP: ("PaymentSettled", "PartiallyShipped"),
    Stage.SHIPPED: ("Shipped", "PartiallyDelivered"),
    Stage.DELIVERED: ("Delivered",),
    Stage.CANCELED: ("Cancelled",),
})  # fmt: skip


def satang(reading: Reading, field: str, value: Any, number: int = 0) -> Money:
    """An amount in whole satang; a discount is below zero."""
    if type(value) is not int or abs(value) >= MAX_SATANG:
        reading.bad(field, "money_text", say("“{text}” is not an amount", text=str(value)[:40]), number)
        return ZERO
    return Money.satang(value)


def order_news(row: Mapping[str, Any]) -> OrderNews:
    """One order as the shop tells it, by its code. Money that will be taken at the door is authorized, not settled."""
    number = words(row.get("code"))
    if not isinstance(row.get("lines"), list):
        return broken(number, row, "lines")
    reading = Reading()
    only_baht(reading, row.get("currencyCode"))
    payments = [p for p in rows(row.get("payments")) if words(p.get("state")) in {"Authorized", "Settled", "Created"}]
    payment = reading.text("payment", ", ".join(dict.fromkeys(words(p.get("method")) for p in payments)), 80)
    cod, state = is_cod(payment.replace("-", " ")), words(row.get("state"))
    stage = stage_of(STAGES, state)
    if cod and state == "PaymentAuthorized":
        stage = Stage.TO_SHIP
    extra = [satang(reading, "surcharge", s.get("priceWithTax")) for s in rows(row.get("surcharges"))]
    sent = [f for f in rows(row.get("fulfillments")) if words(f.get("state")) in {"Shipped", "Delivered"}]
    paid = [p for p in payments if p.get("state") == "Settled"]
    order = OrderIn(
        external_no=number, channel_status=state, stage=stage,
        placed_at=reading.moment("orderPlacedAt", row.get("orderPlacedAt")),
        paid_at=moment(paid[-1].get("createdAt")) if paid else None,
        shipped_at=moment(sent[-1].get("createdAt")) if sent else None,
        lines=_lines(reading, row, canceled=stage is Stage.CANCELED), recipient=_to(reading, row),
        buyer_id=words(part(row, "customer").get("id")), payment_method=payment, is_cod=cod,
        carrier=words(sent[-1].get("method"), 80) if sent else "",
        tracking=words(sent[-1].get("trackingCode"), 80) if sent else "",
        shipping_fee=satang(reading, "shipping", row.get("shippingWithTax"))
        + sum((s for s in extra if s > ZERO), start=ZERO),
        seller_discount=-sum((s for s in extra if s < ZERO), start=ZERO),
        channel_total=None if stage is Stage.CANCELED else satang(reading, "total", row.get("totalWithTax")),
    )  # fmt: skip
    return news(number, row, order, reading, reading.moment("updatedAt", row.get("updatedAt")))


def _lines(reading: Reading, row: Mapping[str, Any], *, canceled: bool) -> tuple[LineIn, ...]:
    """A canceled order has no pieces left; what it had when it was placed is told then."""
    found = []
    for number, item in enumerate(rows(row.get("lines")), 1):
        variant = part(item, "productVariant")
        pieces = reading.whole("quantity", item.get("quantity"), number)
        before = satang(reading, "price", item.get("linePriceWithTax"), number)
        after = satang(reading, "price", item.get("proratedLinePriceWithTax"), number)
        if canceled and not pieces:
            pieces = reading.whole("orderPlacedQuantity", item.get("orderPlacedQuantity"), number)
            before = after = satang(reading, "price", item.get("unitPriceWithTax"), number) * pieces
        if pieces or reading.problems:
            found.append(
                line(
                    sku=reading.sku("sku", variant.get("sku"), number),
                    name=reading.text("name", variant.get("name"), 1000, number), quantity=pieces, before=before,
                    after=after, external_id=words(item.get("id")), number=number,
                )
            )  # fmt: skip
    return tuple(found)


def _to(reading: Reading, row: Mapping[str, Any]) -> Any:
    to, buyer = part(row, "shippingAddress"), part(row, "customer")
    name = to.get("fullName") or " ".join(filter(None, (words(buyer.get("firstName")), words(buyer.get("lastName")))))
    return recipient(
        reading, name=name, phone=to.get("phoneNumber") or buyer.get("phoneNumber"),
        street=(to.get("company"), to.get("streetLine1"), to.get("streetLine2")), city=to.get("city"),
        state=(to.get("province"),), postcode=to.get("postalCode"),
    )  # fmt: skip
