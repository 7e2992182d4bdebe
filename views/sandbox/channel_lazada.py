"""Strict simulator of Lazada's Open Platform: offsets to 5,000, one row for each piece, packing before leaving."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from oms import clock
from views.sandbox import channel_lazada_words as say
from views.sandbox.channel import Hook
from views.sandbox.channel_lazada_door import LazadaDoor, Operation, Params, no
from views.sandbox.fetching import fetch
from views.sandbox.market import BEFORE_LEAVING, No, Order, Stall, State
from views.sandbox.parcels import label_pdf

OFFSETS = 5000
REASONS = [
    {"reason_id": 15, "reason_name": "Out of stock"}, {"reason_id": 21, "reason_name": "Buyer asked for it"},
]  # fmt: skip


class LazadaSandbox(LazadaDoor):
    """One shop. ``fetch_after``: seconds until the carrier takes what is ready; None: never by itself."""

    def __init__(
        self, stall: Stall | None = None, key: str = "123456", secret: str = "lazsecret",  # noqa: S107  made up
        seller: str = "1234567", fetch_after: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(stall, key, secret, seller)
        self.stall.name_it = say.name_it
        self.fetch_after = fetch_after
        self.label_address = ""
        self.refused_skus: dict[str, str] = {}

    # orders

    def seller_info(self, _: Params) -> dict[str, Any]:
        """Its name."""
        return {"name": "ร้านรวม", "seller_id": self.seller, "short_code": "TH1", "status": "ACTIVE"}

    def list_orders(self, told: Params) -> dict[str, Any]:
        """By time; offsets count from the beginning, so pages shift."""
        limit, offset = int(told["limit"]), int(told["offset"])
        if not 1 <= limit <= 100 or not 0 <= offset <= OFFSETS:
            raise no("36", "E036: Invalid limit or offset", "ISP")
        field = "updated" if "update_after" in told else "created"
        after, before = (told.get("update_after"), told.get("update_before")) if field == "updated" else (
            told.get("created_after"), told.get("created_before"))  # fmt: skip
        if not after or told.get("sort_by") != f"{field}_at" or told.get("sort_direction") != "ASC":
            raise no("MissingParameter", "update_after or created_after")
        start, end = self._moment(after), self._moment(before or clock.now().isoformat())
        with self.stall.lock:
            found = [o for o in self.stall.orders.values() if start < self._second(o, field) < end]
        found.sort(key=lambda o: (self._second(o, field), o.serial))
        shown = found[offset : offset + limit]
        self.stall.page_read(shown)
        return {"count": len(shown), "countTotal": len(found), "orders": [say.whole(o) for o in shown]}

    def _second(self, order: Order, field: str) -> datetime:
        return (order.placed_at if field == "created" else order.updated_at).replace(microsecond=0)

    def _moment(self, text: str) -> datetime:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = datetime(1, 1, 1)  # noqa: DTZ001  refused below
        if found.tzinfo is None:
            raise no("17", "E017: Invalid date format", "ISP")
        return found.astimezone(UTC)

    def tell_order(self, told: Params) -> dict[str, Any]:
        """One order without its pieces."""
        return say.whole(self.stall.get(told["order_id"]))

    def tell_items(self, told: Params) -> list[dict[str, Any]]:
        """The pieces of one order."""
        return say.items(self.stall.get(told["order_id"]))

    def tell_many(self, told: Params) -> list[dict[str, Any]]:
        """The pieces of up to 50."""
        numbers = self._list(told["order_ids"])
        if len(numbers) > 50:
            raise no("38", "E038: Too many orders were requested", "ISP")
        known = [self.stall.orders[str(n)] for n in numbers if str(n) in self.stall.orders]
        return [{"order_id": int(o.number), "order_number": int(o.number), "order_items": say.items(o)} for o in known]

    def _list(self, text: str) -> list[Any]:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, list) or not found:
            raise no("InvalidParameter", "a list as JSON")
        return found

    def _object(self, text: str, known: set[str]) -> dict[str, Any]:
        found = json.loads(text)
        if not isinstance(found, dict) or set(found) != known:
            raise no("InvalidParameter", f"{sorted(known)}")
        return found

    # how it leaves

    def pack(self, told: Params) -> dict[str, Any]:
        """Parcels for pieces; a piece that is packed is an error of its own."""
        wanted = self._object(told["packReq"], {"pack_order_list", "delivery_type", "shipping_allocate_type"})
        orders = wanted["pack_order_list"]
        if wanted["delivery_type"] != "dropship" or wanted["shipping_allocate_type"] != "TFS" or len(orders) > 20:
            raise no("InvalidParameter", "packReq")
        return {"success": True, "data": {"pack_order_list": [self._pack(row) for row in orders]}}

    def _pack(self, row: Mapping[str, Any]) -> dict[str, Any]:
        order = self.stall.get(str(row["order_id"]))
        ids = {item["order_item_id"] for item in say.items(order)}
        if set(row["order_item_list"]) != ids:
            raise no("InvalidParameter", "order_item_list", "ISP")
        code, text = "0", "success"
        try:
            self.stall.accept(order.number, f"LEX{order.serial:010d}TH")
        except No as refusal:
            code, text = ("82", "already packed") if refusal.code == "done" else ("83", "cannot be packed")
        items = [
            {
                "order_item_id": i, "item_err_code": code, "msg": text, "tracking_number": order.tracking,
                "shipment_provider": order.carrier, "package_id": say.package_of(order), "retry": False,
            }
            for i in sorted(ids)
        ]  # fmt: skip
        return {"order_id": int(order.number), "order_item_list": items}

    def ready(self, told: Params) -> dict[str, Any]:
        """The parcels can be taken."""
        packages = self._object(told["readyToShipReq"], {"packages"})["packages"]
        for row in packages:
            order = next((o for o in self.stall.orders.values() if say.package_of(o) == row["package_id"]), None)
            if order is None or order.state is not State.ACCEPTED or order.facts.get("rts"):
                raise no("84", "The package is not packed", "ISP")
            order.facts["rts"] = True
            fetch(self.stall, order.number, self.fetch_after)
        return {"success": True, "data": {"packages": packages}}

    def document(self, told: Params) -> dict[str, Any]:
        """A waybill inside the answer, or where it lies."""
        wanted = self._object(told["getDocumentReq"], {"doc_type", "packages"})
        numbers = {row["package_id"] for row in wanted["packages"]}
        known = [o for o in self.stall.orders.values() if say.package_of(o) in numbers]
        if wanted["doc_type"] != "PDF" or len(known) != len(numbers):
            raise no("InvalidParameter", "getDocumentReq", "ISP")
        if self.label_address:
            return {"success": True, "data": {"doc_type": "PDF", "pdf_url": self.label_address}}
        data = base64.b64encode(label_pdf(known[0].tracking, 100, 150)).decode()
        return {"success": True, "data": {"doc_type": "PDF", "file": data, "pdf_url": ""}}

    def may_cancel(self, told: Params) -> dict[str, Any]:
        """For which reasons."""
        self._cancelable(told)
        return {"reason_options": REASONS, "tip_content": ""}

    def cancel_it(self, told: Params) -> dict[str, Any]:
        """For one of them."""
        order = self._cancelable(told)
        if told["reason_id"] not in {str(r["reason_id"]) for r in REASONS}:
            raise no("InvalidParameter", "reason_id", "ISP")
        self.stall.cancel(order.number, told["reason_id"])
        return {"tip_type": "", "tip_content": ""}

    def _cancelable(self, told: Params) -> Order:
        order = self.stall.get(told["order_id"])
        if order.state not in BEFORE_LEAVING:
            raise No("too_late")
        if set(self._list(told["order_item_id_list"])) != {i["order_item_id"] for i in say.items(order)}:
            raise no("InvalidParameter", "order_item_id_list", "ISP")
        return order

    # goods and returns

    def products(self, told: Params) -> dict[str, Any]:
        """Products in pages."""
        limit, offset = int(told["limit"]), int(told["offset"])
        if not 1 <= limit <= 50:
            raise no("InvalidParameter", "limit", "ISP")
        listings = list(self.stall.listings.values())
        return {
            "total_products": len(listings),
            "products": [say.product(x) for x in listings[offset : offset + limit]],
        }

    def set_stock(self, told: Params) -> dict[str, Any]:
        """Absolute; what is refused stands in the details of an error, the rest is taken."""
        rows = json.loads(told["payload"])["Request"]["Product"]["Skus"]["Sku"]
        if not 1 <= len(rows) <= 50:
            raise no("InvalidParameter", "at most 50 SKUs", "ISP")
        bad = []
        for row in rows:
            listing = self.stall.listings.get(str(row["ItemId"]))
            if listing is None or 50_000 + int(listing.id) != row["SkuId"] or listing.sku != row["SellerSku"]:
                bad.append({"code": "501", "message": "SKU not found", "seller_sku": row["SellerSku"]})
            elif listing.sku in self.refused_skus:
                bad.append({"code": "501", "message": self.refused_skus[listing.sku], "seller_sku": listing.sku})
            else:
                self.stall.set_stock(listing.id, row["SellableQuantity"])
        if bad:
            raise no("501", "Some SKUs were not updated", "ISP", detail=bad)
        return {}

    def returns(self, told: Params) -> dict[str, Any]:
        """Returns in pages, counted from one."""
        page, size = int(told["page_no"]), int(told["page_size"])
        start, end = (
            datetime.fromtimestamp(int(told[f"ReverseOrderLineModifiedTimeRange{n}"]) / 1000, UTC)
            for n in ("Start", "End")
        )
        if page < 1 or not 1 <= size <= 100:
            raise no("InvalidParameter", "page_no or page_size", "ISP")
        found = self.stall.returns_changed(start, end)
        rows = [say.give_back(self.stall.get(r.order_no), r) for r in found[(page - 1) * size : page * size]]
        canceled: list[dict[str, Any]] = [
            {
                "reverse_order_id": 88, "trade_order_id": int(o.number), "request_type": "CANCEL", "is_rtm": False,
                "reverse_order_lines": [],
            }
            for o in self.stall.orders.values() if o.state is State.CANCELED and page == 1
        ]  # fmt: skip
        total = len(found) + len(canceled)
        return {"total": total, "page_no": page, "page_size": size, "success": True, "items": rows + canceled}

    # push messages

    def hook(self, order: Order, deed: str) -> Hook | None:
        """Signed over the app's key and the body."""
        if deed == "refuse_cancel":
            return None
        data: dict[str, Any] = {
            "order_status": say.status_of(order), "trade_order_id": order.number,
            "trade_order_line_id": f"{order.lines[0].id}00", "status_update_time": int(order.updated_at.timestamp()),
        }  # fmt: skip
        kind = 0
        if deed == "ask_cancel":
            kind, data = 10, {
                "reverse_order_id": f"9{order.serial}", "reverse_order_line_id": f"9{order.serial}1",
                "reverse_status": "CANCEL_INIT", "trade_order_id": order.number, "seller_id": self.seller,
            }  # fmt: skip
        elif deed.endswith("_return"):
            told_of = self.stall.returns[f"R{order.number}"]
            kind, data = 10, {
                "reverse_order_id": told_of.number, "reverse_order_line_id": f"7{order.serial}1",
                "reverse_status": say.RETURNS[told_of.status], "trade_order_id": order.number,
                "seller_id": self.seller,
            }  # fmt: skip
        whole = {
            "seller_id": self.seller,
            "message_type": kind,
            "data": data,
            "timestamp": say.today(),
            "site": "lazada_th",
        }
        body = json.dumps(whole, ensure_ascii=False).encode()
        told = hmac.new(self.secret.encode(), self.key.encode() + body, hashlib.sha256).hexdigest()
        return Hook({"authorization": told, "content-type": "application/json"}, body)


B = LazadaSandbox
LATE = ("85", "The order can not be canceled")
LazadaSandbox.operations = {
    ("GET", "/seller/get"): Operation(B.seller_info),
    ("GET", "/orders/get"): Operation(
        B.list_orders, "limit offset sort_by sort_direction",
        "update_after update_before created_after created_before status",
    ),
    ("GET", "/order/get"): Operation(B.tell_order, "order_id"),
    ("GET", "/order/items/get"): Operation(B.tell_items, "order_id"),
    ("GET", "/orders/items/get"): Operation(B.tell_many, "order_ids"),
    ("POST", "/order/fulfill/pack"): Operation(B.pack, "packReq", under="result"),
    ("POST", "/order/package/rts"): Operation(B.ready, "readyToShipReq", under="result"),
    ("GET", "/order/package/document/get"): Operation(B.document, "getDocumentReq", under="result"),
    ("GET", "/order/reverse/cancel/validate"): Operation(
        B.may_cancel, "order_id order_item_id_list", too_late=LATE, done=LATE
    ),
    ("POST", "/order/reverse/cancel/create"): Operation(
        B.cancel_it, "order_id order_item_id_list reason_id", too_late=LATE, done=LATE
    ),
    ("GET", "/products/get"): Operation(B.products, "filter offset limit"),
    ("POST", "/product/stock/sellable/update"): Operation(B.set_stock, "payload"),
    ("GET", "/reverse/getreverseordersforseller"): Operation(
        B.returns, "page_no page_size ReverseOrderLineModifiedTimeRangeStart ReverseOrderLineModifiedTimeRangeEnd",
        under="result",
    ),
}  # fmt: skip
