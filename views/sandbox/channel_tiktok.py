"""Strict simulator of TikTok Shop's interface of 202309: page tokens, one row for each piece, parcels handed over."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox import channel_tiktok_words as say
from views.sandbox.book import Fault
from views.sandbox.channel import Hook
from views.sandbox.channel_tiktok_door import Body, Operation, Params, TikTokDoor, no
from views.sandbox.fetching import fetch
from views.sandbox.market import No, Order, Stall
from views.sandbox.parcels import pdf

WAREHOUSE = "7000714532876273420"
PROVIDERS = [
    {"id": "6617675021119438849", "name": "Thailand Post"}, {"id": "6617675021119438850", "name": "Flash Express"},
    {"id": "6617675021119438851", "name": "J&T Express"}, {"id": "6617675021119438852", "name": "KEX Express"},
]  # fmt: skip


class TikTokSandbox(TikTokDoor):
    """One shop. ``fetch_after``: seconds until the carrier takes what was handed over; None: never by itself."""

    def __init__(
        self, stall: Stall | None = None, key: str = "abcd1234", secret: str = "ttssecret",  # noqa: S107  made up
        shop: str = "7494726673780148744", cipher: str = "CIPHER", fetch_after: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(stall, key, secret, shop, cipher)
        self.stall.name_it = say.name_it
        self.fetch_after = fetch_after
        self.refused_skus: dict[str, str] = {}
        self.answers: dict[str, str] = {}
        self.pickup = True
        self._at = ""

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """Labels lie at an address of their own, without a signature."""
        if request.method == "GET" and request.path.startswith("/files/labels/"):
            return pdf(request.path.rsplit("/", 1)[1].removesuffix(".pdf"), 100, 150)
        self._at = request.host_url.rstrip("/") + request.script_root
        return super().handle(request, fault)

    # orders

    def search(self, query: Params, body: Body) -> dict[str, Any]:
        """Whole orders by time; a token counts from the beginning, so pages shift."""
        field = query.get("sort_field", "create_time")
        if query.get("sort_order") not in {"ASC", "DESC"} or field not in {"create_time", "update_time"}:
            raise no(400, 36009004, "invalid parameter: sort")
        with self.stall.lock:
            found = [o for o in self.stall.orders.values() if self._within(o, body)]
        found.sort(key=lambda o: (self._second(o, field), o.serial), reverse=query["sort_order"] == "DESC")
        shown, token = self._page(found, query, 100)
        self.stall.page_read(shown)
        return {"orders": [say.whole(o) for o in shown], "next_page_token": token, "total_count": len(found)}

    def _second(self, order: Order, field: str) -> int:
        return int((order.placed_at if field == "create_time" else order.updated_at).timestamp())

    def _within(self, order: Order, body: Body) -> bool:
        for field in ("create_time", "update_time"):
            at = self._second(order, field)
            if at < body.get(f"{field}_ge", 0) or at >= body.get(f"{field}_lt", 10**11):
                return False
        return True

    def _page(self, found: Sequence[Any], query: Params, most: int) -> tuple[Sequence[Any], str]:
        size, token = query.get("page_size", "20"), query.get("page_token", "t0")
        if not size.isdecimal() or not 1 <= int(size) <= most or not token[1:].isdecimal():
            raise no(400, 36009004, "invalid parameter: page_size or page_token")
        at = int(token[1:])
        end = at + int(size)
        return found[at:end], f"t{end}" if end < len(found) else ""

    def tell(self, query: Params) -> dict[str, Any]:
        """Up to 50 orders by number."""
        numbers = query["ids"].split(",")
        if not 1 <= len(numbers) <= 50:
            raise no(400, 36009004, "invalid parameter: ids")
        return {"orders": [say.whole(self.stall.orders[n]) for n in numbers if n in self.stall.orders]}

    # how it leaves

    def _parcel(self, number: str) -> Order:
        order = next((o for o in self.stall.orders.values() if say.parcel_of(o) == number), None)
        if order is None:
            raise No("unknown")
        return order

    def slots(self, number: str, _: Params) -> dict[str, Any]:
        """When it can be fetched."""
        self._parcel(number)
        slots = [
            {"start_time": 100, "end_time": 200, "available": False},
            {"start_time": 300, "end_time": 400, "available": True},
        ]  # fmt: skip
        return {"can_pickup": self.pickup, "can_drop_off": True, "pickup_slots": slots if self.pickup else []}

    def ship(self, number: str, _: Params, body: Body) -> dict[str, Any]:
        """Handed over in one way."""
        order = self._parcel(number)
        ours = order.facts.get("shipping_type") == "SELLER"
        sent = body.get("self_shipment")
        if ours != bool(sent) or (sent and set(sent) != {"tracking_number", "shipping_provider_id"}):
            raise no(400, 36009004, "invalid parameter: self_shipment")
        if not ours and body.get("handover_method") not in {"PICKUP", "DROP_OFF"}:
            raise no(400, 36009004, "invalid parameter: handover_method")
        if sent and sent["shipping_provider_id"] not in {p["id"] for p in PROVIDERS}:
            raise no(400, 36009004, "invalid parameter: shipping_provider_id")
        slot = {"start_time": 300, "end_time": 400}
        if (body.get("handover_method") == "PICKUP") != (body.get("pickup_slot") == slot):
            raise no(400, 36009004, "invalid parameter: pickup_slot")
        if order.cancel_asked:
            raise no(200, 21011025, "The buyer asked to cancel.")
        self.stall.accept(order.number, sent["tracking_number"] if sent else f"TTTH{order.serial:010d}")
        fetch(self.stall, order.number, self.fetch_after)
        return {}

    def providers(self, _: str, __: Params) -> dict[str, Any]:
        """Carriers that sellers may send by."""
        return {"shipping_providers": PROVIDERS}

    def document(self, number: str, query: Params) -> dict[str, Any]:
        """Where the label lies."""
        order = self._parcel(number)
        if query.get("document_type") != "SHIPPING_LABEL":
            raise no(400, 36009004, "invalid parameter: document_type")
        if not order.tracking:
            raise no(200, 21042102, "The package has not been shipped.")
        return {"doc_url": f"{self._at}/files/labels/{order.tracking}.pdf", "tracking_number": order.tracking}

    # cancellations and returns

    def cancel(self, query: Params, body: Body) -> dict[str, Any]:
        """By the seller, once for each key."""
        if not str(body.get("cancel_reason", "")).startswith("seller_cancel"):
            raise no(400, 36009004, "invalid parameter: cancel_reason")
        if (key := query.get("idempotency_key", "")) in self.answers:
            return {"cancel_id": self.answers[key], "cancel_status": "CANCELLATION_REQUEST_SUCCESS"}
        order = self.stall.cancel(str(body["order_id"]), str(body["cancel_reason"]))
        self.answers[key] = f"C{order.number}"
        return {"cancel_id": f"C{order.number}", "cancel_status": "CANCELLATION_REQUEST_SUCCESS"}

    def cancellations(self, query: Params, body: Body) -> dict[str, Any]:
        """Requests of buyers."""
        wanted = set(body.get("order_ids", []))
        asked = [o for o in self.stall.orders.values() if o.cancel_asked and o.number in wanted]
        shown, token = self._page(asked, query, 50)
        rows = [
            {"cancel_id": f"C{o.number}", "order_id": o.number, "cancel_status": "CANCELLATION_REQUEST_PENDING"}
            for o in shown
        ]
        return {"cancellations": rows, "next_page_token": token, "total_count": len(asked)}

    def answer(self, number: str, deed: str, query: Params, body: Body) -> dict[str, Any]:
        """Once for each key."""
        if (deed == "reject") != bool(body.get("reject_reason")):
            raise no(400, 36009004, "invalid parameter: reject_reason")
        if (key := query.get("idempotency_key", "")) not in self.answers:
            self.stall.answer_cancel(number.removeprefix("C"), agree=deed == "approve")
            self.answers[key] = number
        return {}

    def returns(self, query: Params, body: Body) -> dict[str, Any]:
        """Returns by time."""
        start, end = (datetime.fromtimestamp(body[f"update_time_{n}"], UTC) for n in ("ge", "lt"))
        found = self.stall.returns_changed(start, end)
        shown, token = self._page(found, query, 50)
        rows = [say.give_back(self.stall.get(r.order_no), r) for r in shown]
        return {"return_orders": rows, "next_page_token": token, "total_count": len(found)}

    # goods

    def products(self, query: Params, _: Body) -> dict[str, Any]:
        """Products in pages."""
        listings = list(self.stall.listings.values())
        shown, token = self._page(listings, query, 100)
        rows = [say.product(x, WAREHOUSE) for x in shown]
        return {"products": rows, "next_page_token": token, "total_count": len(listings)}

    def warehouses(self, _: Params) -> dict[str, Any]:
        """Where it sells from, and where returns go."""
        return {"warehouses": [
            {"id": "7000000000000000001", "name": "คืนสินค้า", "type": "RETURN_WAREHOUSE", "is_default": True},
            {"id": WAREHOUSE, "name": "คลังหลัก", "type": "SALES_WAREHOUSE", "is_default": True},
        ]}  # fmt: skip

    def set_stock(self, product: str, _: Params, body: Body) -> dict[str, Any]:
        """Absolute; some may be refused."""
        listing = self.stall.listings.get(str(int(product) - say.PRODUCTS))
        if listing is None:
            raise No("unknown")
        errors = []
        for row in body["skus"]:
            (there,) = row["inventory"]
            if row["id"] != str(say.SKUS + int(listing.id)) or there["warehouse_id"] != WAREHOUSE:
                raise no(400, 36009004, "invalid parameter: skus")
            if row["id"] in self.refused_skus:
                why = {"sku_id": row["id"]}
                errors.append({"code": 12052217, "message": self.refused_skus[row["id"]], "detail": why})
            else:
                self.stall.set_stock(listing.id, there["quantity"])
        return {"errors": errors} if errors else {}

    # webhooks

    def hook(self, order: Order, deed: str) -> Hook | None:
        """Signed over the app's key and the body."""
        if deed == "refuse_cancel":
            return None
        at = int(order.updated_at.timestamp())
        data: dict[str, Any] = {
            "order_id": order.number, "order_status": say.status_of(order), "is_on_hold_order": False,
            "update_time": at,
        }  # fmt: skip
        kind = 1
        if deed == "ask_cancel":
            kind, data = 11, {"order_id": order.number, "cancel_id": f"C{order.number}", "cancel_status": "PENDING"}
        elif deed.endswith("_return"):
            kind, data = 12, {"order_id": order.number, "return_id": f"R{order.number}", "return_type": "RETURN"}
        mark = hashlib.sha256(f"{order.number} {deed} {order.updated_at}".encode()).hexdigest()[:20]
        whole = {"type": kind, "shop_id": self.shop, "timestamp": int(clock.now().timestamp()), "data": data,
                 "tts_notification_id": mark}  # fmt: skip
        body = json.dumps(whole, ensure_ascii=False).encode()
        told = hmac.new(self.secret.encode(), self.key.encode() + body, hashlib.sha256).hexdigest()
        return Hook({"authorization": told, "content-type": "application/json"}, body)


B = TikTokSandbox
PARCEL, BACK = "/fulfillment/202309/packages/([0-9]+)", "/return_refund/202309"
GONE = {"done": (21008052, "The order is canceled."), "too_late": (21008053, "The order can not be canceled.")}
SHIPPED = {"done": (21011024, "The package was shipped."), "too_late": (21011023, "The package can not be shipped.")}
TikTokSandbox.operations = (
    Operation(
        "POST", "/order/202309/orders/search", B.search, "page_size page_token sort_field sort_order",
        "order_status create_time_ge create_time_lt update_time_ge update_time_lt shipping_type buyer_user_id "
        "is_buyer_request_cancel warehouse_ids",
    ),
    Operation("GET", "/order/202309/orders", B.tell, "ids"),
    Operation("GET", f"{PARCEL}/handover_time_slots", B.slots),
    Operation("POST", f"{PARCEL}/ship", B.ship, "", "handover_method pickup_slot self_shipment", **SHIPPED),
    Operation("GET", f"{PARCEL}/shipping_documents", B.document, "document_type document_size"),
    Operation("POST", f"{BACK}/cancellations", B.cancel, "idempotency_key", "order_id cancel_reason", **GONE),
    Operation("POST", f"{BACK}/cancellations/search", B.cancellations, "page_size page_token", "order_ids"),
    Operation(
        "POST", f"{BACK}/cancellations/([^/]+)/(approve|reject)", B.answer, "idempotency_key", "reject_reason", **GONE
    ),
    Operation(
        "POST", f"{BACK}/returns/search", B.returns, "page_size page_token sort_field sort_order",
        "update_time_ge update_time_lt",
    ),
    Operation("POST", "/product/202309/products/search", B.products, "page_size page_token", "status"),
    Operation("POST", "/product/202309/products/([0-9]+)/inventory/update", B.set_stock, "", "skus"),
    Operation("GET", "/logistics/202309/warehouses", B.warehouses),
    Operation("GET", "/logistics/202309/delivery_options/([0-9]+)/shipping_providers", B.providers),
)  # fmt: skip
