"""Orders of a Medusa shop read: decimal numbers with tax inside, three words for how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.channels.port import OrderNews
from oms.channels.reading import Reading, broken, is_cod, news, rows
from oms.channels.webshop import line, only_baht, recipient
from oms.intake.records import LineIn, OrderIn, Stage
from oms.money import ZERO
from oms.net.reading import moment, part, words

OURS = "ruam"  # the key our tracking number is kept under beside a fulfillment
FIELDS = (
    "id,display_id,status,version,email,currency_code,created_at,updated_at,canceled_at,customer_id,total,item_total,"
    "shipping_total,discount_total,payment_status,fulfillment_status,metadata,*items,*items.detail,*shipping_address,"
    "*shipping_methods,*payment_collections,*payment_collections.payments,*fulfillments,*fulfillments.labels,"
    "*fulfillments.items"
)
UNPAID = frozenset({
    "not_paid", "awaiting", "authorized", "partially_authorized", "partially_captured", "requires_action", "canceled",
})  # fmt: skip
PAID = frozenset({"captured", "partially_refunded"})
GOODS: Mapping[str, Stage] = {
    "not_fulfilled": Stage.TO_SHIP, "partially_fulfilled": Stage.TO_SHIP, "fulfilled": Stage.TO_SHIP,
    "partially_shipped": Stage.TO_SHIP, "canceled": Stage.TO_SHIP, "shipped": Stage.SHIPPED,
    "partially_delivered": Stage.SHIPPED, "delivered": Stage.DELIVERED,
}  # fmt: skip
KNOWN = frozenset({"pending", "completed", "archived", "requires_action"})


def live(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Fulfillments that were not taken back."""
    return [f for f in rows(row.get("fulfillments")) if not f.get("canceled_at")]


def labels_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What its parcels are called."""
    return [label for f in live(row) for label in rows(f.get("labels"))]


def stage_of(row: Mapping[str, Any], *, cod: bool) -> Stage:
    """Packed is not sent. A word nobody knows makes the whole unknown."""
    status, paid, goods = (words(row.get(name)) for name in ("status", "payment_status", "fulfillment_status"))
    if status == "canceled":
        return Stage.CANCELED
    if paid == "refunded":
        return Stage.RETURNED
    if status not in KNOWN or paid not in UNPAID | PAID or goods not in GOODS:
        return Stage.UNKNOWN
    stage = GOODS[goods]
    return Stage.UNPAID if stage is Stage.TO_SHIP and paid in UNPAID and not cod else stage


def order_news(row: Mapping[str, Any]) -> OrderNews:
    """One order as the shop tells it, by its id."""
    number = words(row.get("id"))
    if not isinstance(row.get("items"), list):
        return broken(number, row, "items")
    reading = Reading()
    only_baht(reading, row.get("currency_code"))
    payments = [p for c in rows(row.get("payment_collections")) for p in rows(c.get("payments"))]
    methods = dict.fromkeys(words(p.get("provider_id")) for p in payments if not p.get("canceled_at"))
    payment = reading.text("payment", ", ".join(methods), 80)
    cod = is_cod(payment.replace("_", " "))
    said = [words(row.get(name)) for name in ("status", "payment_status", "fulfillment_status")]
    sent = [f for f in live(row) if f.get("shipped_at")]
    label = next((x for x in labels_of(row) if words(x.get("tracking_number"))), {})
    order = OrderIn(
        external_no=number, channel_status="canceled" if said[0] == "canceled" else "/".join(said)[:120],
        stage=stage_of(row, cod=cod), placed_at=reading.moment("created_at", row.get("created_at")),
        paid_at=next((at for p in payments if (at := moment(p.get("captured_at")))), None),
        shipped_at=moment(sent[-1].get("shipped_at")) if sent else None, lines=_lines(reading, row),
        recipient=_to(reading, row), buyer_id=words(row.get("customer_id")), payment_method=payment, is_cod=cod,
        carrier=words(part(sent[-1], "metadata").get("carrier"), 80) if sent else "",
        tracking=words(label.get("tracking_number"), 80),
        buyer_note=reading.text("note", part(row, "metadata").get("note"), 2000),
        shipping_fee=reading.amount("shipping_total", row.get("shipping_total")),
        channel_total=reading.money("total", row.get("total")),
    )  # fmt: skip
    return news(number, row, order, reading, reading.moment("updated_at", row.get("updated_at")))


def _lines(reading: Reading, row: Mapping[str, Any]) -> tuple[LineIn, ...]:
    found = []
    for number, item in enumerate(rows(row.get("items")), 1):
        detail = part(item, "detail")
        pieces = reading.whole("quantity", item.get("quantity"), number, low=1)
        price = reading.amount("unit_price", item.get("unit_price"), number) * pieces
        before = reading.money("original_total", item.get("original_total"), number)
        after = reading.money("total", item.get("total"), number)
        off = ZERO if after is not None else reading.discount("discount_total", item.get("discount_total"), number)
        found.append(
            line(
                sku=reading.sku("sku", item.get("variant_sku"), number),
                name=reading.text("name", item.get("product_title") or item.get("title"), 1000, number),
                variation=words(item.get("subtitle"), 200), quantity=pieces, before=price if before is None else before,
                after=price - off if after is None else after, external_id=words(item.get("id")), number=number,
                returned=reading.whole("returned", detail.get("return_received_quantity") or 0, number),
            )
        )  # fmt: skip
    return tuple(found)


def _to(reading: Reading, row: Mapping[str, Any]) -> Any:
    to = part(row, "shipping_address")
    name = " ".join(text for key in ("first_name", "last_name") if (text := words(to.get(key))))
    return recipient(
        reading, name=name or to.get("company"), phone=to.get("phone"),
        street=(to.get("company") if name else "", to.get("address_1"), to.get("address_2")), city=to.get("city"),
        state=(to.get("province"),), postcode=to.get("postal_code"),
    )  # fmt: skip
