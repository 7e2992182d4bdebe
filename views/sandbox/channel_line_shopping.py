"""Strict simulator of LINE SHOPPING's Open API: one key, orders by the time they changed, stock by difference."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox.book import Fault, Refusal
from views.sandbox.channel import ChannelSandbox
from views.sandbox.market import Listing, Market, No, Order, Stall, State
from views.sandbox.parcels import answered, label_pdf

ROOT = "/myshop/v1"
S = State
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
INVENTORIES = 70_000
# order, money, parcels
STATES: Mapping[State, tuple[str, str, str]] = {
    S.UNPAID: ("FINALIZED", "NO_PAYMENT", "NO_SHIPMENT"), S.PAID: ("FINALIZED", "PAID", "PENDING"),
    S.ACCEPTED: ("FINALIZED", "PAID", "SHIPMENT_READY"), S.SHIPPED: ("FINALIZED", "PAID", "ON_DELIVERY"),
    S.DELIVERED: ("FINALIZED", "PAID", "SHIPPED_ALL"), S.COMPLETED: ("COMPLETED", "PAID", "SHIPPED_ALL"),
    S.CANCELED: ("CANCELED", "PENDING_REFUND", "NO_SHIPMENT"), S.RETURNED: ("COMPLETED", "REFUND", "SHIPPED_ALL"),
}  # fmt: skip
LABEL = {"size", "language", "option", "details"}
SORTS = {"ORDER_NO", "CREATED_AT", "UPDATED_AT", "CHECKED_OUT_AT"}
FILTERS = {"search", "page", "perPage", "sortBy", "orderBy", "startAt", "endAt"}
Params = Mapping[str, str]


def no(status: int, code: str, message: str = "") -> Refusal:
    """How it refuses."""
    stamp = int(clock.now().timestamp())
    return Refusal(status, {"code": code, "message": message or code, "info": {}, "timestamp": stamp})


def name_it(serial: int, _: Random) -> str:
    """An order number: the year and month, then eight digits."""
    return f"{clock.local(clock.now()):%Y%m}{serial:08d}"


def text(moment: datetime | None) -> str | None:
    """As ISO in UTC."""
    return moment.astimezone(UTC).strftime(MOMENT) if moment else None


def states_of(order: Order) -> tuple[str, str, str]:
    """Its three states. Money of an order paid at the door comes when it is there."""
    one, paid, shipping = STATES[order.state]
    if order.cod and order.state in {S.UNPAID, S.PAID, S.ACCEPTED, S.SHIPPED}:
        paid = "NO_PAYMENT"
    return str(order.facts.get("status") or one), str(order.facts.get("paid") or paid), shipping


def row_of(order: Order) -> dict[str, Any]:
    """An order as the list tells it."""
    one, paid, shipping = states_of(order)
    home = order.buyer.home
    return {
        "orderNumber": order.number, "orderStatus": one, "paymentStatus": paid, "shipmentStatus": shipping,
        "paymentMethod": "COD" if order.cod else "PAYMENT_LS_QR_PROMPTPAY", "checkoutAt": text(order.placed_at),
        "paidAt": text(order.paid_at), "lastUpdatedAt": text(order.updated_at), "isGift": False, "weight": 0.5,
        "subtotalPrice": float(order.goods_total), "shipmentPrice": float(order.shipping_fee),
        "discountAmount": float(order.discount), "totalPrice": float(order.total), "remarkBuyer": order.note,
        "remarkRecipient": "",
        "shippingAddress": {
            "recipientName": home.name, "phoneNumber": home.phone.replace("-", ""), "email": "", "address": home.line,
            "subDistrict": home.subdistrict, "district": home.district, "province": home.province,
            "postalCode": home.postcode, "country": "TH",
        },
        "shipmentDetail": {
            "type": "COD" if order.cod else "STANDARD", "isCod": order.cod, "isAutoTracking": True, "name": "ส่งธรรมดา",
            "shipmentCompanyId": 1, "shipmentCompanyNameTh": order.carrier, "shipmentCompanyNameEn": order.carrier,
            "trackingNumber": order.tracking, "trackingUrl": order.facts.get("url", ""), "description": "",
        },
    } | order.facts.get("extra", {})  # fmt: skip


def whole(order: Order) -> dict[str, Any]:
    """An order with its items."""
    items = [
        {
            "productId": int(line.listing_id), "variantId": int(line.listing_id) + 500, "sku": line.sku, "barcode": "",
            "name": line.name, "price": float(line.price),
            "discountedPrice": float(line.price - line.discount / line.quantity), "quantity": line.quantity,
            "weight": 0.5, "variants": [{"name": "แบบ", "value": "ปกติ"}], "imageURL": "", **order.facts.get("item", {}),
        }
        for line in order.lines
    ]  # fmt: skip
    return {"orderItems": items} | row_of(order)


class LineShoppingSandbox(ChannelSandbox):
    """One shop."""

    name: ClassVar[str] = "line_shopping"

    def __init__(self, stall: Stall | None = None, key: str = "line-shop-key") -> None:
        super().__init__(stall or Market().open("line_shopping"))
        self.key = key
        self.stall.name_it = name_it
        self.retry_after = "7"
        self.first_page = 1
        self.label_as_numbers = False
        self.sells_meanwhile: list[str] = []

    def keys(self) -> dict[str, str]:
        """For the panel."""
        return {"shop_key": self.key}

    def limited(self) -> Refusal:
        """Too many."""
        refusal = no(429, "BAD_REQUEST", "too many requests")
        refusal.headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return refusal

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One operation."""
        given = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(given.encode(), self.key.encode()) or answered(fault, "bad_signature"):
            raise no(401, "UNAUTHORIZED")
        for method, pattern, fields, do in OPERATIONS:
            if request.method == method and (found := re.fullmatch(ROOT + pattern, request.path)):
                try:
                    return do(self, request, *found.groups(), *self._body(request, fields))
                except No as refusal:
                    status, code = {"unknown": (404, "NOT_FOUND"), "wrong": (400, "BAD_REQUEST")}.get(
                        refusal.code, (409, "DATA_CONFLICT")
                    )
                    raise no(status, code, str(refusal)) from refusal
        raise no(404, "NOT_FOUND", request.path)

    def _body(self, request: Request, fields: set[str] | None) -> list[dict[str, Any]]:
        if fields is None:
            return []
        body = request.get_json(silent=True)
        if request.mimetype != "application/json" or not isinstance(body, dict) or set(body) != fields:
            raise no(400, "BAD_REQUEST", f"{sorted(fields)}")
        return [body]

    def list_orders(self, request: Request) -> dict[str, Any]:
        """By the time they changed; pages count from the beginning, so they shift."""
        told = request.args.to_dict()
        if not set(told) <= FILTERS or told.get("sortBy", "UPDATED_AT") not in SORTS:
            raise no(400, "BAD_REQUEST", "query")
        start, end = (self._moment(told.get(n, d)) for n, d in (("startAt", "2000-01-01T00:00:00Z"),
                                                                ("endAt", "2100-01-01T00:00:00Z")))  # fmt: skip
        with self.stall.lock:
            found = [o for o in self.stall.orders.values() if start <= o.updated_at.replace(microsecond=0) <= end]
        found.sort(key=lambda o: (o.updated_at.replace(microsecond=0), o.serial))
        shown, pages = self._page(found, told)
        self.stall.page_read(shown)
        return pages | {"data": [row_of(o) for o in shown]}

    def _moment(self, said: str) -> datetime:
        try:
            return datetime.strptime(said, MOMENT).replace(tzinfo=UTC)
        except ValueError:
            raise no(400, "BAD_REQUEST", "startAt or endAt") from None

    def _page(self, found: list[Any], told: Params) -> tuple[list[Any], dict[str, Any]]:
        page, size = told.get("page", "1"), told.get("perPage", "20")
        if not (page.isdecimal() and size.isdecimal()) or not 1 <= int(size) <= 100:
            raise no(400, "BAD_REQUEST", "page or perPage")
        at = (int(page) - self.first_page) * int(size)
        pages = -(-len(found) // int(size))
        counts = {"currentPage": int(page), "perPage": int(size), "totalPage": pages, "totalRow": len(found)}
        return found[at : at + int(size)] if at >= 0 else [], counts

    def tell_order(self, _: Request, number: str) -> dict[str, Any]:
        """With its items."""
        return whole(self.stall.get(number))

    def cancel(self, _: Request, number: str, body: Params) -> dict[str, Any]:
        """Before it left."""
        return whole(self.stall.cancel(number, body["remarkCancel"]))

    def mark_shipped(self, _: Request, number: str, body: Params) -> dict[str, Any]:
        """It left."""
        order = self.stall.get(number)
        if order.state is S.UNPAID:
            raise No("too_late", "not paid")
        self.stall.ship(number, body["trackingNumber"])
        order.facts["url"] = body["trackingUrl"]
        return whole(order)

    def correct(self, _: Request, number: str, body: Params) -> dict[str, Any]:
        """Another number for one that left."""
        order = self.stall.get(number)
        if order.state not in {S.SHIPPED, S.DELIVERED, S.COMPLETED}:
            raise No("too_late")
        order.tracking, order.facts["url"] = body["trackingNumber"], body["trackingUrl"]
        return whole(order)

    def label(self, _: Request, number: str, body: Params) -> Response:
        """A label with the address."""
        order = self.stall.get(number)
        if body["size"] not in {"A4", "THERMAL"} or body["language"] not in {"TH", "EN"}:
            raise no(400, "BAD_REQUEST", "size or language")
        data = label_pdf(order.number, 100, 75)
        if self.label_as_numbers:
            return Response(str(list(data)), content_type="application/json")
        return Response(data, content_type="application/pdf")

    def message(self, _: Request, number: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """To the buyer."""
        order = self.stall.get(number)
        for row in body["messages"]:
            if set(row) != {"type", "text"} or row["type"] != "text":
                raise no(400, "BAD_REQUEST", "messages")
            self.stall.hear(order.buyer.handle, row["text"])
        return {"messageIds": [f"M{len(self.stall.messages)}"]}

    def products(self, request: Request) -> dict[str, Any]:
        """All, or those of some SKUs."""
        if not set(request.args) <= {"ids", "skus", "page", "perPage"}:
            raise no(400, "BAD_REQUEST", "query")
        skus = set(request.args.getlist("skus"))
        listings = [x for x in self.stall.listings.values() if not skus or x.sku in skus]
        shown, pages = self._page(listings, request.args.to_dict())
        answer = pages | {"data": [_product(x) for x in shown]}
        for sku in self.sells_meanwhile:
            self.stall.make({sku: 1})
        self.sells_meanwhile.clear()
        return answer

    def move(self, _: Request, number: str, deed: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """More or less of it."""
        listing = self.stall.listings.get(str(int(number) - INVENTORIES))
        if listing is None:
            raise No("unknown")
        amount = body["amount"]
        after = listing.quantity + (amount if deed == "increase" else -amount)
        if not isinstance(amount, int) or amount <= 0 or not 0 <= after < 100_000:
            raise no(400, "BAD_REQUEST", "amount")
        self.stall.set_stock(listing.id, after)
        return {"onHandAmount": after, "reservedAmount": 0, "readyToShipAmount": 0, "availableNumber": after}


def _product(listing: Listing) -> dict[str, Any]:
    variant = {
        "id": int(listing.id) + 500, "inventoryId": INVENTORIES + int(listing.id), "sku": listing.sku, "barcode": "",
        "price": float(listing.price), "availableNumber": listing.quantity, "onHandNumber": listing.quantity,
        "reservedNumber": 0, "readyToShipNumber": 0, "options": [{"name": "แบบ", "value": "ปกติ"}],
    }  # fmt: skip
    return {
        "id": int(listing.id), "name": listing.name, "code": "", "hasOnlyDefaultVariant": True, "isDisplay": True,
        "instantDiscount": 0, "variants": [variant],
    }  # fmt: skip


B = LineShoppingSandbox
ORDER, SENT = "/orders/([0-9A-Za-z]+)", {"trackingNumber", "trackingUrl"}
OPERATIONS: tuple[tuple[str, str, set[str] | None, Callable[..., Any]], ...] = (
    ("GET", "/orders", None, B.list_orders), ("GET", ORDER, None, B.tell_order),
    ("PUT", f"{ORDER}/cancel", {"remarkCancel"}, B.cancel), ("POST", f"{ORDER}/mark-as-ship", SENT, B.mark_shipped),
    ("PUT", f"{ORDER}/shipments", SENT, B.correct), ("POST", f"{ORDER}/parcel-label", LABEL, B.label),
    ("PUT", f"{ORDER}/send-message", {"messages"}, B.message), ("GET", "/products", None, B.products),
    ("PUT", "/inventory/([0-9]+)/(increase|decrease)", {"amount"}, B.move),
)  # fmt: skip
