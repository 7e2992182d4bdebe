"""Strict simulator of Shopee's Open Platform v2: signed, with tokens that end, windows of 15 days, pages of 100."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from oms import clock
from views.sandbox import channel_shopee_words as say
from views.sandbox.channel import Hook
from views.sandbox.channel_shopee_door import Operation, Params, ShopeeDoor, no
from views.sandbox.fetching import fetch
from views.sandbox.market import No, Order, Stall, State
from views.sandbox.parcels import pdf

DAYS = 15 * 86_400
CODES = {
    "make": 3,
    "pay": 3,
    "accept": 4,
    "ship": 3,
    "deliver": 3,
    "complete": 3,
    "cancel": 3,
    "ask_cancel": 3,
    "touch": 3,
}
Body = Mapping[str, Any]


class ShopeeSandbox(ShopeeDoor):
    """One shop. ``fetch_after``: seconds until the carrier takes what was arranged; None: never by itself."""

    def __init__(
        self, stall: Stall | None = None, partner: str = "2001234", key: str = "shopeesecretkey", shop: str = "600000",
        fetch_after: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(stall, partner, key, shop)
        self.stall.name_it = say.name_it
        self.fetch_after = fetch_after
        self.printed: set[str] = set()
        self.own_carrier = False
        self.refused_models: dict[int, str] = {}

    # orders

    def shop_info(self, _: Params) -> dict[str, Any]:
        """Its name."""
        return {"shop_name": "ร้านรวม", "region": "TH", "status": "NORMAL"}

    def list_orders(self, told: Params) -> dict[str, Any]:
        """Numbers by time; the cursor counts from the beginning, so pages shift."""
        start, end = self._span(told["time_from"], told["time_to"], "order.order_list_invalid_time")
        field = told["time_range_field"]
        if field not in {"create_time", "update_time"} or not 1 <= int(told["page_size"]) <= 100:
            raise no("error_param", "time_range_field or page_size")
        with self.stall.lock:
            found = [o for o in self.stall.orders.values()
                     if start <= self._second(o, field) <= end]  # fmt: skip
        found.sort(key=lambda o: (self._second(o, field), o.serial))
        at, size = int(told.get("cursor") or 0), int(told["page_size"])
        shown = found[at : at + size]
        self.stall.page_read(shown)
        more = at + size < len(found)
        rows = [{"order_sn": o.number, "order_status": say.status_of(o), "booking_sn": ""} for o in shown]
        return {"more": more, "next_cursor": str(at + size) if more else "", "order_list": rows}

    def _second(self, order: Order, field: str) -> int:
        return int((order.placed_at if field == "create_time" else order.updated_at).timestamp())

    def _span(self, start: str, end: str, error: str) -> tuple[int, int]:
        if not (start.isdecimal() and end.isdecimal()) or not 0 <= int(end) - int(start) <= DAYS:
            raise no(error, "time range")
        return int(start), int(end)

    def tell_orders(self, told: Params) -> dict[str, Any]:
        """Up to 50 whole orders; unknown ones are passed over, all unknown is an error."""
        numbers = told["order_sn_list"].split(",")
        wanted = set(filter(None, told.get("response_optional_fields", "").split(",")))
        if not 1 <= len(numbers) <= 50 or not wanted <= say.OPTIONAL:
            raise no("error_param", "order_sn_list or response_optional_fields")
        known = [self.stall.orders[n] for n in numbers if n in self.stall.orders]
        if not known:
            raise no("error_not_found", "The order is not found.")
        extra = {k for o in known for k in o.facts.get("extra", {})}
        keep = set(say.DEFAULT) | wanted | extra
        return {"order_list": [{k: v for k, v in say.whole(o).items() if k in keep} for o in known]}

    def cancel_order(self, body: Body) -> dict[str, Any]:
        """Before it is arranged."""
        reason = body.get("cancel_reason")
        if reason not in {"OUT_OF_STOCK", "CUSTOMER_REQUEST", "COD_NOT_SUPPORTED"}:
            raise no("error_param", "cancel_reason")
        if (reason == "OUT_OF_STOCK") != bool(body.get("item_list")):
            raise no("error_param", "item_list")
        if self.stall.get(body["order_sn"]).state is State.ACCEPTED:
            raise No("too_late")
        order = self.stall.cancel(body["order_sn"], str(reason))
        return {"update_time": say.seconds(order.updated_at)}

    def answer(self, body: Body) -> dict[str, Any]:
        """Yes or no to a buyer."""
        if body.get("operation") not in {"ACCEPT", "REJECT"}:
            raise no("error_param", "operation")
        order = self.stall.answer_cancel(body["order_sn"], agree=body["operation"] == "ACCEPT")
        return {"update_time": say.seconds(order.updated_at)}

    # how it leaves

    def parameter(self, told: Params) -> dict[str, Any]:
        """What has to be said to arrange it."""
        order = self.stall.get(told["order_sn"])
        if order.state is State.ACCEPTED:
            raise No("done")
        if order.state in {State.SHIPPED, State.DELIVERED, State.COMPLETED}:
            raise No("too_late")
        if self.own_carrier:
            return {"info_needed": {"non_integrated": ["tracking_number"]}}
        slots = [{"date": 0, "time_text": "", "pickup_time_id": "slot-1"}]
        address = {"address_id": 91, "region": "TH", "time_slot_list": slots}
        return {
            "info_needed": {"pickup": ["address_id", "pickup_time_id"], "dropoff": []},
            "pickup": {"address_list": [address]}, "dropoff": {"branch_list": []},
        }  # fmt: skip

    def ship(self, body: Body) -> dict[str, Any]:
        """Exactly one way, with what it needs."""
        ways = [way for way in ("pickup", "dropoff", "non_integrated") if way in body]
        if len(ways) != 1 or body.get("package_number") == "":
            raise no("logistics.ship_order_only_support_one_type", "one way")
        way, told = ways[0], body[ways[0]]
        if (way == "non_integrated") != self.own_carrier:
            raise no("logistics.ship_order_only_support_one_type", way)
        if way == "pickup" and (told.get("address_id") != 91 or told.get("pickup_time_id") != "slot-1"):
            raise no("error_param", "pickup")
        number = told.get("tracking_number", "") if way == "non_integrated" else ""
        order = self.stall.get(body["order_sn"])
        if order.cancel_asked:
            raise no("logistics.order_not_ready_to_ship", "not ready to ship")
        if way == "non_integrated" and not number:
            raise no("error_param", "tracking_number")
        self.stall.accept(order.number, number or f"SPXTH{order.serial:09d}C")
        fetch(self.stall, order.number, self.fetch_after)
        return {}

    def tracking(self, told: Params) -> dict[str, Any]:
        """Empty with a hint until it is there."""
        order = self.stall.get(told["order_sn"])
        if order.facts.get("late_number"):
            return {"tracking_number": "", "hint": "The order is being processed, try again later."}
        return {"tracking_number": order.tracking, "plp_number": "", "hint": ""}

    def _documents(self, body: Body) -> Sequence[Order]:
        rows = body.get("order_list")
        if not isinstance(rows, list) or not 1 <= len(rows) <= 50:
            raise no("error_param", "order_list")
        return [self.stall.get(str(row.get("order_sn"))) for row in rows]

    def document_kinds(self, body: Body) -> dict[str, Any]:
        """For the usual printer and for a label printer."""
        kinds = ["NORMAL_AIR_WAYBILL", "THERMAL_AIR_WAYBILL"]
        return {"result_list": [
            {
                "order_sn": o.number, "suggest_shipping_document_type": kinds[0],
                "selectable_shipping_document_type": kinds,
            }
            for o in self._documents(body)
        ]}  # fmt: skip

    def make_document(self, body: Body) -> dict[str, Any]:
        """Made when it is asked for the next time."""
        for order, row in zip(self._documents(body), body["order_list"], strict=True):
            if not order.tracking or row.get("tracking_number") != order.tracking:
                raise no("logistics.tracking_number_invalid", "tracking_number")
            self.printed.add(order.number)
        return {"result_list": [{"order_sn": o.number} for o in self._documents(body)]}

    def document_result(self, body: Body) -> dict[str, Any]:
        """Whether it is there."""
        return {"result_list": [
            {"order_sn": o.number, "status": "READY"} if o.number in self.printed else
            {"order_sn": o.number, "status": "", "fail_error": "", "fail_message": ""}
            for o in self._documents(body)
        ]}  # fmt: skip

    def document(self, body: Body) -> Response:
        """The PDF."""
        orders = self._documents(body)
        if any(o.number not in self.printed for o in orders):
            raise no("logistics.shipping_document_should_print_first", "should print first")
        return pdf(orders[0].tracking, 100, 150)

    # goods and returns

    def items(self, told: Params) -> dict[str, Any]:
        """Items in pages."""
        ids = sorted({say.ids_of(key)[0] for key in self.stall.listings})
        at, size = int(told["offset"]), int(told["page_size"])
        if not 1 <= size <= 100:
            raise no("error_param", "page_size")
        more = at + size < len(ids)
        rows = [{"item_id": i, "item_status": "NORMAL"} for i in ids[at : at + size]]
        return {"item": rows, "total_count": len(ids), "has_next_page": more, "next_offset": at + size if more else ""}

    def item_info(self, told: Params) -> dict[str, Any]:
        """Names of up to 50 items."""
        asked = [int(i) for i in told["item_id_list"].split(",")]
        if len(asked) > 50:
            raise no("error_param", "item_id_list")
        rows = []
        for key, listing in self.stall.listings.items():
            item, model = say.ids_of(key)
            if item in asked:
                own = {} if model else {"item_sku": listing.sku, "stock_info_v2": say.stock(listing)}
                rows.append({"item_id": item, "item_name": listing.name, "has_model": bool(model), **own})
        return {"item_list": rows}

    def models(self, told: Params) -> dict[str, Any]:
        """Models of an item."""
        rows = [
            {"model_id": say.ids_of(k)[1], "model_sku": x.sku, "model_name": "M", "stock_info_v2": say.stock(x)}
            for k, x in self.stall.listings.items() if str(say.ids_of(k)[0]) == told["item_id"]
        ]  # fmt: skip
        return {"tier_variation": [], "model": rows}

    def set_stock(self, body: Body) -> dict[str, Any]:
        """Absolute; some may be refused."""
        rows = body.get("stock_list")
        if not isinstance(rows, list) or not 1 <= len(rows) <= 50:
            raise no("error_param", "stock_list")
        good, bad = [], []
        for row in rows:
            model, stock = row["model_id"], row["seller_stock"][0]["stock"]
            if model in self.refused_models:
                bad.append({"model_id": model, "failed_reason": self.refused_models[model]})
                continue
            self.stall.set_stock(say.listing_of(body["item_id"], model), stock)
            good.append({"model_id": model, "location_id": "", "stock": stock})
        return {"success_list": good, "failure_list": bad}

    def returns(self, told: Params) -> dict[str, Any]:
        """Returns in pages."""
        start, end = self._span(told["update_time_from"], told["update_time_to"], "error_param")
        at, size = int(told["page_no"]), int(told["page_size"])
        if not 1 <= size <= 100:
            raise no("error_param", "page_size")
        found = self.stall.returns_changed(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end + 1, UTC))
        shown = found[at * size : (at + 1) * size]
        rows = [say.give_back(self.stall.get(r.order_no), r) for r in shown]
        return {"more": (at + 1) * size < len(found), "return": rows}

    # push messages

    def hook(self, order: Order, deed: str) -> Hook | None:
        """Signed over the registered address and the body."""
        if deed not in CODES:
            return None
        data: dict[str, Any] = {"ordersn": order.number, "status": say.status_of(order), "items": []}
        if CODES[deed] == 4:
            data = {"ordersn": order.number, "package_number": f"OFG{order.serial:012d}", "tracking_no": order.tracking}
        data["update_time"] = say.seconds(order.updated_at)
        whole = {"data": data, "shop_id": int(self.shop), "code": CODES[deed], "timestamp": say.seconds(clock.now())}
        body = json.dumps(whole, ensure_ascii=False).encode()
        told = hmac.new(self.key.encode(), self.hook_url.encode() + b"|" + body, hashlib.sha256).hexdigest()
        return Hook({"authorization": told, "content-type": "application/json"}, body)


B = ShopeeSandbox
LATE = ("order.order_cannot_cancel", "The order can not be canceled.")
NOT_READY = ("logistics.order_not_ready_to_ship", "The order is not ready to ship.")
SHIPPED = ("logistics.package_already_shipped", "The package has been shipped.")
ShopeeSandbox.operations = {
    ("GET", "/shop/get_shop_info"): Operation(B.shop_info),
    ("GET", "/order/get_order_list"): Operation(
        B.list_orders, "time_range_field time_from time_to page_size",
        "cursor order_status response_optional_fields request_order_status_pending",
    ),
    ("GET", "/order/get_order_detail"): Operation(
        B.tell_orders, "order_sn_list", "response_optional_fields request_order_status_pending"
    ),
    ("POST", "/order/cancel_order"): Operation(
        B.cancel_order, body="order_sn cancel_reason item_list", too_late=LATE, done=LATE
    ),
    ("POST", "/order/handle_buyer_cancellation"): Operation(
        B.answer, body="order_sn operation", done=LATE, wrong=("order.not_in_cancel", "not IN_CANCEL"), too_late=LATE
    ),
    ("GET", "/logistics/get_shipping_parameter"): Operation(
        B.parameter, "order_sn", "package_number", done=SHIPPED, too_late=SHIPPED
    ),
    ("POST", "/logistics/ship_order"): Operation(
        B.ship, body="order_sn package_number pickup dropoff non_integrated", done=SHIPPED, too_late=NOT_READY
    ),
    ("GET", "/logistics/get_tracking_number"): Operation(B.tracking, "order_sn", "package_number"),
    ("POST", "/logistics/get_shipping_document_parameter"): Operation(B.document_kinds, body="order_list"),
    ("POST", "/logistics/create_shipping_document"): Operation(B.make_document, body="order_list"),
    ("POST", "/logistics/get_shipping_document_result"): Operation(B.document_result, body="order_list"),
    ("POST", "/logistics/download_shipping_document"): Operation(
        B.document, body="shipping_document_type order_list"
    ),
    ("GET", "/product/get_item_list"): Operation(B.items, "offset page_size item_status"),
    ("GET", "/product/get_item_base_info"): Operation(B.item_info, "item_id_list"),
    ("GET", "/product/get_model_list"): Operation(B.models, "item_id"),
    ("POST", "/product/update_stock"): Operation(B.set_stock, body="item_id stock_list"),
    ("GET", "/returns/get_return_list"): Operation(
        B.returns, "page_no page_size update_time_from update_time_to"
    ),
}  # fmt: skip
