"""Orders of a Shopify shop read: decimal strings, moments with their zone, tax inside or beside the prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.graphql import nodes
from oms.channels.port import OrderNews, ReturnNews, ReturnStage
from oms.channels.reading import GivenBack, Reading, broken, is_cod, news, rows
from oms.channels.webshop import line, only_baht, recipient
from oms.intake.records import LineIn, OrderIn, Stage
from oms.money import ZERO, Money
from oms.net.reading import moment, part, words

UNPAID = frozenset({"PENDING", "AUTHORIZED", "PARTIALLY_PAID", "EXPIRED"})
PAID = frozenset({"PAID", "PARTIALLY_REFUNDED"})
WAITING = frozenset({
    "UNFULFILLED", "IN_PROGRESS", "ON_HOLD", "SCHEDULED", "PARTIALLY_FULFILLED", "OPEN", "PENDING_FULFILLMENT",
    "REQUEST_DECLINED", "RESTOCKED",
})  # fmt: skip
CLOSED_RETURNS = frozenset({"CLOSED", "DECLINED", "CANCELED"})
RETURN_STAGES: Mapping[str, ReturnStage] = {
    "REQUESTED": ReturnStage.ASKED, "OPEN": ReturnStage.AGREED, "DECLINED": ReturnStage.REFUSED,
    "CANCELED": ReturnStage.WITHDRAWN, "CLOSED": ReturnStage.AGREED,  # dealt with there; paid back when money is told
}  # fmt: skip


def digits(gid: Any) -> str:
    """The number of ``gid://shopify/Order/820982911946154508``."""
    return words(gid).rpartition("/")[2].partition("?")[0]


def gid(kind: str, number: str) -> str:
    """The other way round."""
    return f"gid://shopify/{kind}/{number}"


def stage_of(row: Mapping[str, Any], *, cod: bool) -> Stage:
    """Two words and a moment say how far an order is. Authorized money is not ours before it is captured."""
    money, goods = words(row.get("displayFinancialStatus")), words(row.get("displayFulfillmentStatus"))
    if row.get("cancelledAt") or money == "VOIDED":
        return Stage.CANCELED
    if money == "REFUNDED":
        return Stage.RETURNED
    if money not in UNPAID | PAID or goods not in WAITING | {"FULFILLED"}:
        return Stage.UNKNOWN
    if goods == "FULFILLED":
        sent = [f for f in rows(row.get("fulfillments")) if f.get("status") != "CANCELLED"]
        return Stage.DELIVERED if sent and all(f.get("displayStatus") == "DELIVERED" for f in sent) else Stage.SHIPPED
    return Stage.TO_SHIP if money in PAID or cod else Stage.UNPAID


def order_news(row: Mapping[str, Any]) -> OrderNews:
    """One order as the shop tells it, all of its lines in it."""
    number = digits(row.get("id"))
    if not isinstance(row.get("lineItems"), dict):
        return broken(number, row, "lineItems")
    reading = Reading()
    only_baht(reading, row.get("currencyCode"))
    names = row.get("paymentGatewayNames")
    payment = reading.text("payment", ", ".join(map(str, names)) if isinstance(names, list) else "", 80)
    cod = is_cod(payment)
    goods, money = words(row.get("displayFulfillmentStatus")), words(row.get("displayFinancialStatus"))
    stage = stage_of(row, cod=cod)
    left = stage not in {Stage.UNPAID, Stage.TO_SHIP}
    tracking = next((t for f in _live(row) for t in rows(f.get("trackingInfo")) if words(t.get("number"))), {})
    outside = row.get("taxesIncluded") is False
    ships = nodes(row.get("shippingLines"))
    order = OrderIn(
        external_no=number, channel_status="CANCELLED" if row.get("cancelledAt") else f"{money}/{goods}"[:120],
        stage=stage, placed_at=reading.moment("createdAt", row.get("createdAt")), paid_at=_paid_at(row),
        shipped_at=next((at for f in _live(row) if (at := moment(f.get("createdAt")))), None) if left else None,
        lines=_lines(reading, row, left=left, outside=outside), recipient=_to(reading, row),
        buyer_id=digits(part(row, "customer").get("id")), payment_method=payment, is_cod=cod,
        carrier=words(tracking.get("company"), 80), tracking=words(tracking.get("number"), 80),
        cancel_reason=words(row.get("cancelReason"), 300), buyer_note=reading.text("note", row.get("note"), 2000),
        shipping_fee=sum((_with_tax(reading, s, "discountedPriceSet", outside=outside) for s in ships), start=ZERO),
        channel_total=_money(reading, row, "totalPriceSet" if left else "currentTotalPriceSet"),
    )  # fmt: skip
    return news(number, row, order, reading, reading.moment("updatedAt", row.get("updatedAt")))


def _live(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [f for f in rows(row.get("fulfillments")) if f.get("status") != "CANCELLED"]


def _paid_at(row: Mapping[str, Any]) -> Any:
    kinds = {"SALE", "CAPTURE"}
    good = [t for t in rows(row.get("transactions")) if words(t.get("kind")) in kinds and t.get("status") == "SUCCESS"]
    return next((at for t in good if (at := moment(t.get("processedAt")))), None)


def _money(reading: Reading, row: Mapping[str, Any], name: str, number: int = 0) -> Money:
    return reading.amount(name, part(part(row, name), "shopMoney").get("amount"), number)


def _with_tax(reading: Reading, row: Mapping[str, Any], name: str, *, outside: bool, number: int = 0) -> Money:
    """A price, with its tax where the shop keeps that beside it."""
    taxes = rows(row.get("taxLines")) if outside else []
    return _money(reading, row, name, number) + sum((_money(reading, t, "priceSet", number) for t in taxes), start=ZERO)


def _lines(reading: Reading, row: Mapping[str, Any], *, left: bool, outside: bool) -> tuple[LineIn, ...]:
    """Before the goods leave, what was taken out of the order is gone; afterwards it came back."""
    told = list(enumerate(nodes(row.get("lineItems")), 1))
    every = not left and not any(item.get("currentQuantity") for _, item in told)
    found = [_line(reading, n, item, left=left or every, outside=outside) for n, item in told]
    return tuple(made for made in found if made.quantity or reading.problems)


def _line(reading: Reading, n: int, item: Mapping[str, Any], *, left: bool, outside: bool) -> LineIn:
    asked = reading.whole("quantity", item.get("quantity"), n, low=1)
    kept = min(reading.whole("currentQuantity", item.get("currentQuantity"), n), asked)
    pieces = asked if left else kept
    offs = rows(item.get("discountAllocations"))
    off = sum((_money(reading, o, "allocatedAmountSet", n) for o in offs), start=ZERO)
    taxes = rows(item.get("taxLines")) if outside else []
    tax = sum((_money(reading, t, "priceSet", n) for t in taxes), start=ZERO)
    before = _money(reading, item, "originalUnitPriceSet", n) * pieces + _share(tax, pieces, asked)
    title = words(item.get("variantTitle"), 200)
    return line(
        sku=reading.sku("sku", item.get("sku"), n), name=reading.text("title", item.get("title"), 1000, n),
        variation="" if title == "Default Title" else title, quantity=pieces, before=before,
        after=before - _share(off, pieces, asked), external_id=digits(item.get("id")), number=n,
        returned=asked - kept if left and kept else 0,
    )  # fmt: skip


def _share(amount: Money, pieces: int, asked: int) -> Money:
    """What a part of the pieces has of an amount for all of them."""
    if pieces == asked or not asked:
        return amount
    return sum(amount.allocate([1] * asked)[:pieces], start=ZERO)


def _to(reading: Reading, row: Mapping[str, Any]) -> Any:
    to = part(row, "shippingAddress")
    return recipient(
        reading, name=to.get("name") or to.get("company"), phone=to.get("phone") or row.get("phone"),
        street=(to.get("company") if to.get("name") else "", to.get("address1"), to.get("address2")),
        city=to.get("city"), state=(to.get("provinceCode"), to.get("province")), postcode=to.get("zip"),
    )  # fmt: skip


def returns_of(row: Mapping[str, Any]) -> Sequence[ReturnNews]:
    """What buyers of one order want to give back or gave back."""
    found, reading = [], Reading()
    for back in nodes(row.get("returns")):
        given, reasons = GivenBack(), []
        for item in nodes(back.get("returnLineItems")):
            line = part(part(item, "fulfillmentLineItem"), "lineItem")
            pieces = item["quantity"] if type(item.get("quantity")) is int else 0
            given.add(words(line.get("sku")), pieces, digits(line.get("id")))
            reasons.append(words(item.get("returnReasonNote"), 500))
        refund = sum((_money(reading, r, "totalRefundedSet") for r in nodes(back.get("refunds"))), start=ZERO)
        status = words(back.get("status"))
        found.append(
            ReturnNews(
                digits(back.get("id")), digits(row.get("id")), status, reason=next(filter(None, reasons), ""),
                amounts=given.amounts, lines=given.lines, refund=refund, is_closed=status in CLOSED_RETURNS, raw=back,
                updated_at=moment(row.get("updatedAt")),
                stage=ReturnStage.REFUNDED if refund else RETURN_STAGES.get(status, ReturnStage.UNKNOWN),
            )
        )  # fmt: skip
    return found
