"""Strict simulator of a WooCommerce shop: OAuth 1.0a over http and Basic over https, every parameter checked, pages of
a hundred that shift, refusals in WordPress' words. The last four things on sale are variations of one product."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

from views.sandbox.book import Fault, Refusal, plain
from views.sandbox.channel import ChannelSandbox, Hook
from views.sandbox.market import Listing, Market, No, Order, Stall, State
from views.sandbox.telling import teller
from views.sandbox.webshop import body_of, codes, listed, two_names, without_vat

STATUSES = {
    State.UNPAID: "pending", State.PAID: "processing", State.ACCEPTED: "processing", State.SHIPPED: "completed",
    State.DELIVERED: "completed", State.COMPLETED: "completed", State.CANCELED: "cancelled", State.RETURNED: "refunded",
}  # fmt: skip
KNOWN = {"any", "trash", "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"}
SIGNS = {"oauth_consumer_key", "oauth_nonce", "oauth_signature", "oauth_signature_method", "oauth_timestamp"}
LISTING = {"page", "per_page", "orderby", "order", "_fields"}
ORDERS = LISTING | {"status", "after", "before", "modified_after", "modified_before", "dates_are_gmt", "include"}
VARIABLE, VARIATIONS = 5000, 4
SKEW = 15 * 60
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def no(status: int, code: str, message: str = "") -> Refusal:
    """As WordPress says it."""
    return Refusal(status, {"code": code, "message": message or code, "data": {"status": status}})


class WooCommerceSandbox(ChannelSandbox):
    """One shop."""

    name = "woocommerce"

    def __init__(
        self, stall: Stall | None = None, key: str = "ck_sandbox", secret: str = "cs_sandbox",  # noqa: S107  made up
        hook_secret: str = "wchooks",  # noqa: S107
    ) -> None:  # fmt: skip
        super().__init__(stall or Market().open("woocommerce"))
        self.key, self.secret, self.hook_secret = key, secret, hook_secret
        self.stall.name_it = lambda serial, _: str(700_000 + serial)
        self.nonces: set[str] = set()
        self.patient = True  # says how long to wait
        self.reads_only = False

    def keys(self) -> dict[str, str]:
        """What the panel has to know."""
        return {"key": self.key, "secret": self.secret, "hook_secret": self.hook_secret}

    def limited(self) -> Refusal:
        """What the host in front of the shop says."""
        refusal = super().limited()
        return refusal if self.patient else Refusal(429, refusal.body)

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One route."""
        if request.path.rstrip("/") == "/wp-json":
            return {"name": "ร้านรวม", "namespaces": ["wc/v3"]}
        if not request.path.startswith("/wp-json/wc/v3/"):
            raise no(404, "rest_no_route")
        self._who(request, fault)
        first, *rest = request.path.removeprefix("/wp-json/wc/v3/").split("/")
        if first == "products":
            return self._goods(request, fault, rest)
        if first == "orders":
            return self._one_order(request, fault, rest) if rest else self._orders(request, fault)
        raise no(404, "rest_no_route")

    def _one_order(self, request: Request, fault: Fault | None, rest: list[str]) -> dict[str, Any] | Response:
        order = self._order(rest[0])
        match (request.method, *rest[1:]):
            case ("GET",):
                return self.told(order)
            case ("PUT",):
                return self._change(order, request)
            case ("GET", "notes"):
                return listed(order.facts.get("notes", []), fault)
            case ("POST", "notes"):
                return self._note(order, request)
            case ("GET", "refunds"):
                return listed(self._refunds(order), fault)
        raise no(404, "rest_no_route")

    def _goods(self, request: Request, fault: Fault | None, rest: list[str]) -> dict[str, Any] | Response:
        match (request.method, *rest):
            case ("GET",):
                return self._products(request, fault)
            case ("GET", "5000", "variations"):
                return listed(self._page(request, [self._product(x) for x in self._variations()], LISTING), fault)
            case ("POST", "batch"):
                return self._batch(request, {x.id for x in self._simple()})
            case ("POST", "5000", "variations", "batch"):
                return self._batch(request, {x.id for x in self._variations()})
        raise no(404, "rest_no_route")

    # who asks

    def _who(self, request: Request, fault: Fault | None) -> None:
        if fault is not None and fault.kind in {"bad_signature", "expire_tokens"}:
            raise no(
                401, "woocommerce_rest_authentication_error", "Invalid signature - provided signature does not match."
            )
        good = self._basic(request) if request.scheme == "https" else self._oauth(request)
        if not good:
            raise no(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if self.reads_only and request.method != "GET":
            raise no(401, "woocommerce_rest_cannot_edit", "The API key provided does not have write permissions.")

    def _basic(self, request: Request) -> bool:
        given = request.authorization
        return given is not None and (given.username, given.password) == (self.key, self.secret)

    def _oauth(self, request: Request) -> bool:
        said = request.args
        if not set(said) >= SIGNS or said["oauth_consumer_key"] != self.key:
            return False
        if abs(int(said["oauth_timestamp"]) - time.time()) > SKEW:
            raise no(401, "woocommerce_rest_authentication_error", "Invalid timestamp.")
        with self.stall.lock:
            if said["oauth_nonce"] in self.nonces:
                raise no(401, "woocommerce_rest_authentication_error", "Invalid nonce - nonce has already been used.")
            self.nonces.add(said["oauth_nonce"])
        pairs = sorted((_raw(k), _raw(v)) for k, v in said.items() if k != "oauth_signature")
        text = "%26".join(f"{k.replace('%', '%25')}%3D{v.replace('%', '%25')}" for k, v in pairs)
        base = f"{request.method}&{_raw(request.base_url)}&{text}"
        made = hmac.new(f"{self.secret}&".encode(), base.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(base64.b64encode(made).decode(), said["oauth_signature"])

    # orders

    def _order(self, number: str) -> Order:
        try:
            return self.stall.get(number)
        except No:
            raise no(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.") from None

    def _orders(self, request: Request, fault: Fault | None) -> Response:
        said = request.args
        self._check(request, ORDERS)
        statuses = set(said.get("status", "any").split(","))
        if not statuses <= KNOWN:
            raise no(400, "rest_invalid_param", "Invalid parameter(s): status")
        if any(name in said for name in ("after", "modified_after")) and said.get("dates_are_gmt") != "true":
            raise no(400, "rest_invalid_param", "this shop keeps Bangkok time: dates_are_gmt is missing")
        wanted = set(said["include"].split(",")) if "include" in said else None
        with self.stall.lock:
            found = [o for o in self.stall.orders.values() if self._is_meant(o, statuses, wanted)]
        moved = said.get("orderby") == "modified"
        found = [o for o in found if _inside(o.placed_at, said.get("after"), said.get("before"))]
        found = [o for o in found if _inside(o.updated_at, said.get("modified_after"), said.get("modified_before"))]
        found.sort(key=lambda o: ((o.updated_at if moved else o.placed_at).replace(microsecond=0), o.serial))
        rows = self._page(request, found, ORDERS)
        fields = said["_fields"].split(",") if "_fields" in said else None
        told = [{k: v for k, v in self.told(o).items() if not fields or k in fields} for o in rows]
        answer = listed(told, fault, self._counted(request, len(found)))
        self.stall.page_read(rows)
        return answer

    def _is_meant(self, order: Order, statuses: set[str], wanted: set[str] | None) -> bool:
        status = self.status(order)
        good = status != "trash" if "any" in statuses else status in statuses
        return good and (wanted is None or order.number in wanted)

    def status(self, order: Order) -> str:
        """The word for how far it is."""
        return str(order.facts.get("status") or STATUSES[order.state])

    def told(self, order: Order) -> dict[str, Any]:
        """An order as the shop tells it."""
        home, (first, last) = order.buyer.home, two_names(order.buyer.name)
        where = {
            "first_name": first, "last_name": last, "company": "", "address_1": home.line,
            "address_2": home.subdistrict, "city": home.district, "state": codes()[home.province],
            "postcode": home.postcode, "country": "TH", "phone": order.buyer.phone,
        }  # fmt: skip
        off = order.discount + order.platform_discount
        fees = [{"id": 1, "name": "ส่วนลด", "total": str(-off), "total_tax": "0.00"}] if off else []
        return {
            "id": int(order.number), "parent_id": 0, "number": order.number, "created_via": "checkout",
            "status": self.status(order), "currency": order.facts.get("currency", "THB"), "prices_include_tax": True,
            **_stamps("date_created", order.placed_at), **_stamps("date_modified", order.updated_at),
            **_stamps("date_paid", None if order.cod else order.paid_at), **_stamps("date_completed", order.shipped_at),
            "shipping_total": str(order.shipping_fee), "shipping_tax": "0.00", "total": str(order.total),
            "customer_id": 0,
            "customer_note": order.note, "billing": where | {"email": "buyer@example.com"}, "shipping": where,
            "payment_method": "cod" if order.cod else "bacs",
            "payment_method_title": "เก็บเงินปลายทาง" if order.cod else "โอนเงิน",
            "meta_data": order.facts.get("meta", []), "line_items": [self._line(x) for x in order.lines],
            "fee_lines": fees, "coupon_lines": [],
            "refunds": [
                {"id": r["id"], "reason": r["reason"], "total": f"-{r['amount']}"} for r in self._refunds(order)
            ],
        }  # fmt: skip

    def _line(self, line: Any) -> dict[str, Any]:
        before, after = line.price * line.quantity, line.price * line.quantity - line.discount
        (subtotal, subtotal_tax), (total, total_tax) = without_vat(before), without_vat(after)
        return {
            "id": int(line.id), "name": line.name, "product_id": int(line.listing_id), "variation_id": 0,
            "quantity": line.quantity, "subtotal": subtotal, "subtotal_tax": subtotal_tax, "total": total,
            "total_tax": total_tax, "sku": line.sku, "price": float(total) / line.quantity, "parent_name": None,
        }  # fmt: skip

    def _refunds(self, order: Order) -> list[dict[str, Any]]:
        with self.stall.lock:
            found = [r for r in self.stall.returns.values() if r.order_no == order.number]
        return [
            {
                "id": int(f"9{order.number}"), **_stamps("date_created", r.updated_at), "amount": str(r.refund),
                "reason": r.reason, "line_items": [
                    {"sku": line.sku, "quantity": -n, "meta_data": [{"key": "_refunded_item_id", "value": line.id}]}
                    for line, n in r.of(order)
                ],
            }
            for r in found
        ]  # fmt: skip

    def _change(self, order: Order, request: Request) -> dict[str, Any]:
        body = body_of(
            request, {"status": str, "meta_data": list}, no(400, "rest_invalid_param", "only these two are safe")
        )
        with self.stall.lock:
            kept = {m["key"]: m for m in order.facts.get("meta", [])} | {
                m["key"]: dict(m) for m in body.get("meta_data", [])
            }
            order.facts["meta"] = list(kept.values())
        try:
            if body.get("status") == "completed":
                self.stall.ship(order.number, str(kept.get("_tracking_number", {}).get("value", "")))
            elif body.get("status") == "cancelled":
                self.stall.cancel(order.number)
            elif "status" in body:
                raise no(400, "rest_invalid_param", "Invalid parameter(s): status")
        except No as refusal:
            if refusal.code != "done":
                raise no(400, "woocommerce_rest_invalid_status", refusal.code) from None
        return self.told(order)

    def _note(self, order: Order, request: Request) -> dict[str, Any]:
        body = body_of(request, {"note": str, "customer_note": bool}, no(400, "rest_missing_callback_param"))
        with self.stall.lock:
            notes = order.facts.setdefault("notes", [])
            notes.append({"id": len(notes) + 1, "author": "api", **body})
        return dict(notes[-1])

    # goods

    def _variations(self) -> list[Listing]:
        return list(self.stall.listings.values())[-VARIATIONS:]

    def _simple(self) -> list[Listing]:
        return list(self.stall.listings.values())[:-VARIATIONS]

    def _product(self, listing: Listing) -> dict[str, Any]:
        return {
            "id": int(listing.id), "name": listing.name, "type": "simple", "sku": listing.sku, "status": "publish",
            "price": str(listing.price), "manage_stock": True, "stock_quantity": listing.quantity,
        }  # fmt: skip

    def _products(self, request: Request, fault: Fault | None) -> Response:
        parent = {
            "id": VARIABLE, "name": "ของหลายแบบ", "type": "variable", "sku": "", "manage_stock": False,
            "stock_quantity": None, "variations": [int(x.id) for x in self._variations()],
        }  # fmt: skip
        found = [*(self._product(x) for x in self._simple()), parent]
        return listed(self._page(request, found, LISTING), fault, self._counted(request, len(found)))

    def _batch(self, request: Request, known: set[str]) -> dict[str, Any]:
        body = body_of(request, {"update": list}, no(400, "rest_invalid_param"))
        if len(body["update"]) > 100:
            raise no(413, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items")
        told: list[dict[str, Any]] = []
        for row in body["update"]:
            if set(row) != {"id", "manage_stock", "stock_quantity"} or type(row["stock_quantity"]) is not int:
                raise no(400, "rest_invalid_param")
            if str(row["id"]) not in known:
                error = {
                    "code": "woocommerce_rest_product_invalid_id",
                    "message": "Invalid ID.",
                    "data": {"status": 400},
                }
                told.append({"id": row["id"], "error": error})
            else:
                told.append(self._product(self.stall.set_stock(str(row["id"]), row["stock_quantity"])))
        return {"update": told}

    # pages and webhooks

    def _check(self, request: Request, allowed: set[str]) -> tuple[int, int]:
        if unknown := set(request.args) - allowed - SIGNS:
            raise no(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(sorted(unknown))}")
        page, size = request.args.get("page", 1, int), request.args.get("per_page", 10, int)
        if not (1 <= size <= 100 and page >= 1):
            raise no(400, "rest_invalid_param", "per_page must be between 1 (inclusive) and 100 (inclusive)")
        return page, size

    def _page(self, request: Request, found: list[Any], allowed: set[str]) -> list[Any]:
        page, size = self._check(request, allowed)
        return found[(page - 1) * size : page * size]

    def _counted(self, request: Request, total: int) -> dict[str, str]:
        size = request.args.get("per_page", 10, int)
        return {"X-WP-Total": str(total), "X-WP-TotalPages": str(-(-total // size))}

    def hook(self, order: Order, deed: str) -> Hook:
        """Signed over every byte."""
        body = json.dumps(self.told(order), ensure_ascii=False, default=plain).encode()
        made = base64.b64encode(hmac.new(self.hook_secret.encode(), body, hashlib.sha256).digest()).decode()
        event = "created" if deed == "make" else "updated"
        return Hook(
            {
                "content-type": "application/json", "X-WC-Webhook-Source": "http://shop.local/", "X-WC-Webhook-ID": "7",
                "X-WC-Webhook-Topic": f"order.{event}", "X-WC-Webhook-Resource": "order", "X-WC-Webhook-Event": event,
                "X-WC-Webhook-Signature": made, "X-WC-Webhook-Delivery-ID": f"{order.number}{int(time.time())}",
            },
            body,
        )  # fmt: skip

    def missigned(self, told: Hook) -> Hook:
        """Another body under the same signature."""
        return Hook(told.headers, told.body + b" ", told.query)

    def ping(self, url: str) -> int:
        """What the shop does when a webhook is made: not signed."""
        return teller().post(url, data={"webhook_id": "7"}).status_code


def _raw(text: str) -> str:
    return quote(text, safe="~")


def _stamps(name: str, at: datetime | None) -> dict[str, str | None]:
    """A moment on the shop's own clock and as UTC, neither naming its zone."""
    if at is None:
        return {name: None, f"{name}_gmt": None}
    form = "%Y-%m-%dT%H:%M:%S"
    there = datetime.fromtimestamp(at.timestamp() + 7 * 3600, UTC)
    return {name: there.strftime(form), f"{name}_gmt": at.astimezone(UTC).strftime(form)}


def _inside(at: datetime, after: str | None, before: str | None) -> bool:
    """Both ends are outside. Raises Refusal for what is no moment."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if any(text is not None and not STAMP.fullmatch(text) for text in (after, before)):
        raise no(400, "rest_invalid_param", "Invalid date.")
    return (after is None or stamp > after) and (before is None or stamp < before)
