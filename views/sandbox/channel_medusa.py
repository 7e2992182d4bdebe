"""Strict simulator of a Medusa shop: decimal numbers, filters nobody knows passed over in silence, a time of change
that stands still when a payment is taken, packing and sending in two steps."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox.book import Fault, Refusal
from views.sandbox.channel import ChannelSandbox, Hook
from views.sandbox.channel_vendure import hint
from views.sandbox.market import BEFORE_LEAVING, Line, Listing, Market, No, Order, Stall, State
from views.sandbox.webshop import body_of, two_names

SENT = {State.SHIPPED, State.DELIVERED, State.COMPLETED, State.RETURNED}
PLACE = "sloc_01BANGKOK"
Facts = dict[str, Any]


def no(status: int, kind: str, message: str) -> Refusal:
    """As Medusa says it."""
    return Refusal(status, {"type": kind, "message": message})


def stamp(at: datetime | None) -> str | None:
    """UTC with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z" if at else None


class MedusaSandbox(ChannelSandbox):
    """One shop."""

    name = "medusa"

    def __init__(
        self,
        stall: Stall | None = None,
        token: str = "sk_sandbox",  # noqa: S107  made up
        hook_secret: str = "medusa-hooks",  # noqa: S107
    ) -> None:
        super().__init__(stall or Market().open("medusa"))
        self.token, self.hook_secret = token, hook_secret
        self.stall.name_it = lambda serial, _: f"order_01{serial:024d}"
        self.stall.still = frozenset({"pay"})
        self.patient = True

    def keys(self) -> dict[str, str]:
        """What the panel has to know."""
        return {"token": self.token, "hook_secret": self.hook_secret}

    def limited(self) -> Refusal:
        """Not the shop itself, what stands in front of it."""
        refusal = super().limited()
        return refusal if self.patient else Refusal(429, refusal.body)

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One route."""
        made = base64.b64encode(f"{self.token}:".encode()).decode()
        wrong = fault is not None and fault.kind in {"expire_tokens", "bad_signature"}
        if wrong or request.headers.get("authorization") not in {f"Basic {made}", f"Basic {self.token}"}:
            raise no(401, "unauthorized", "Unauthorized")
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "admin", "stores"):
                return {"stores": [{"id": "store_01", "name": "ร้านรวม"}], "count": 1}
            case ("GET", "admin", "orders"):
                return self._orders(request)
            case (_, "admin", "orders", number, *rest):
                return self._one(request, number, rest)
            case ("GET", "admin", "inventory-items"):
                return self._items(request)
            case ("POST", "admin", "inventory-items", number, "location-levels", place):
                return self._level(request, number, place)
        raise Refusal(404, {"message": "Cannot find"})

    def _one(self, request: Request, number: str, rest: list[str]) -> dict[str, Any]:
        order = self._order(number)
        match (request.method, *rest):
            case ("GET",):
                return {"order": self.told(order, request.args.get("fields", ""))}
            case ("POST", "cancel"):
                return self._cancel(order)
            case ("POST", "fulfillments"):
                return self._pack(order, request)
            case ("POST", "fulfillments", fulfillment, "shipments"):
                return self._send_it(order, request, fulfillment)
        raise Refusal(404, {"message": "Cannot find"})

    # orders

    def _order(self, number: str) -> Order:
        try:
            return self.stall.get(number)
        except No:
            raise no(404, "not_found", f"Order id not found: {number}") from None

    def _orders(self, request: Request) -> dict[str, Any]:
        said, ids = request.args, request.args.getlist("id[]")
        limit, offset = _whole(said.get("limit", "15")), _whole(said.get("offset", "0"))
        with self.stall.lock:
            found = [o for o in self.stall.orders.values() if not ids or o.number in ids]
        for name in ("created_at", "updated_at"):
            found = [o for o in found if _inside(o.placed_at if name == "created_at" else o.updated_at, name, said)]
        by = said.get("order", "created_at")
        found.sort(key=lambda o: (o.updated_at if by.endswith("updated_at") else o.placed_at, o.serial))
        if by.startswith("-"):
            found.reverse()
        rows = found[offset : offset + limit]
        told = [self.told(o, said.get("fields", "")) for o in rows]
        self.stall.page_read(rows)
        return {"orders": told, "count": len(found), "offset": offset, "limit": limit}

    def told(self, order: Order, fields: str) -> Facts:
        """An order; what hangs on it only when it was asked for."""
        home, (first, last) = order.buyer.home, two_names(order.buyer.name)
        payment = {
            "id": f"pay_{order.serial}", "provider_id": "pp_cod_cod" if order.cod else "pp_opn_opn",
            "captured_at": None if order.cod else stamp(order.paid_at), "canceled_at": None,
        }  # fmt: skip
        whole: Facts = {
            "id": order.number, "display_id": order.serial, "version": 1, "email": "buyer@example.com",
            "status": "canceled" if order.state is State.CANCELED else "pending", "customer_id": None,
            "currency_code": order.facts.get("currency", "THB").lower(), "created_at": stamp(order.placed_at),
            "updated_at": stamp(order.updated_at), "total": float(order.total), "item_total": float(order.goods_total),
            "shipping_total": float(order.shipping_fee), "discount_total": float(order.discount),
            "payment_status": self._paid(order), "fulfillment_status": self._goods(order),
            "metadata": {"note": order.note} if order.note else None,
        }  # fmt: skip
        hanging: Facts = {
            "items": [self._item(order, n, x, detail="*items.detail" in fields) for n, x in enumerate(order.lines)],
            "shipping_address": {
                "first_name": first, "last_name": last, "company": None, "address_1": home.line,
                "address_2": home.subdistrict, "city": home.district, "province": home.province,
                "postal_code": home.postcode, "country_code": "th", "phone": order.buyer.phone,
            },
            "payment_collections": [{"status": self._paid(order), "payments": [payment]}],
            "fulfillments": self._fulfillments(order), "shipping_methods": [{"name": "ส่งด่วน"}],
        }  # fmt: skip
        asked = {name.lstrip("*+") for name in fields.split(",")}
        plain = {k: v for k, v in whole.items() if not fields or k in asked or k.endswith("_status")}
        return plain | {k: v for k, v in hanging.items() if not fields or k in asked}

    def _paid(self, order: Order) -> str:
        if order.state is State.CANCELED:
            return "canceled"
        if order.state is State.RETURNED:
            return "refunded"
        return "authorized" if order.cod else "captured" if order.paid_at else "not_paid"

    def _goods(self, order: Order) -> str:
        if order.facts.get("status"):
            return str(order.facts["status"])
        if order.state in SENT:
            return "shipped" if order.state is State.SHIPPED else "delivered"
        made = order.facts.get("fulfillments", [])
        if any(f["shipped_at"] for f in made):
            return "partially_shipped"
        packed = sum(order.facts.get("packed", {}).values())
        every = sum(x.quantity for x in order.lines)
        return "fulfilled" if packed >= every else "partially_fulfilled" if packed else "not_fulfilled"

    def _item(self, order: Order, place: int, line: Line, *, detail: bool) -> Facts:
        off = line.discount + ((order.discount + order.platform_discount) if place == 0 else Decimal(0))
        before = line.price * line.quantity
        packed = line.quantity if order.state in SENT else order.facts.get("packed", {}).get(line.id, 0)
        more = {"detail": {"quantity": line.quantity, "fulfilled_quantity": packed, "return_received_quantity": 0}}
        return {
            "id": f"ordli_{line.id}", "title": line.name, "subtitle": None, "product_title": line.name,
            "variant_id": f"variant_{line.listing_id}", "variant_sku": line.sku, "quantity": line.quantity,
            "unit_price": float(line.price), "original_total": float(before), "total": float(before - off),
        } | (more if detail else {})  # fmt: skip

    def _fulfillments(self, order: Order) -> list[Facts]:
        made = list(order.facts.get("fulfillments", []))
        if not made and order.state in SENT:
            every = [{"line_item_id": f"ordli_{x.id}", "quantity": x.quantity} for x in order.lines]
            label = {"tracking_number": order.tracking, "tracking_url": "#", "label_url": "#"}
            made = [{"id": f"ful_{order.serial}", "canceled_at": None, "metadata": {"carrier": order.carrier},
                     "shipped_at": stamp(order.shipped_at), "labels": [label], "items": every}]  # fmt: skip
        return made

    # deeds

    def _pack(self, order: Order, request: Request) -> dict[str, Any]:
        body = body_of(
            request, {"items": list, "location_id": str, "no_notification": bool, "metadata": dict},
            no(400, "invalid_data", "Unrecognized fields"),
        )  # fmt: skip
        with self.stall.lock:
            if order.state is State.CANCELED:
                raise no(400, "not_allowed", f"Order with id {order.number} has been canceled")
            packed, every = order.facts.setdefault("packed", {}), {x.id: x.quantity for x in order.lines}
            for row in body["items"]:
                key = str(row["id"]).removeprefix("ordli_")
                gone = order.state not in BEFORE_LEAVING
                if gone or key not in every or packed.get(key, 0) + row["quantity"] > every[key] or row["quantity"] < 1:
                    raise no(400, "invalid_data", "Quantity to fulfill exceeds the remaining fulfillable quantity")
            for row in body["items"]:
                key = str(row["id"]).removeprefix("ordli_")
                packed[key] = packed.get(key, 0) + row["quantity"]
            made = order.facts.setdefault("fulfillments", [])
            made.append({
                "id": f"ful_{order.serial}_{len(made)}", "canceled_at": None, "shipped_at": None, "labels": [],
                "metadata": body.get("metadata") or None,
                "items": [{"line_item_id": row["id"], "quantity": row["quantity"]} for row in body["items"]],
            })  # fmt: skip
            order.updated_at = clock.now()
        return {"order": self.told(order, "")}

    def _send_it(self, order: Order, request: Request, number: str) -> dict[str, Any]:
        body = body_of(
            request,
            {"items": list, "labels": list, "no_notification": bool},
            no(400, "invalid_data", "Unrecognized fields"),
        )
        if any(set(label) != {"tracking_number", "tracking_url", "label_url"} for label in body["labels"]):
            raise no(400, "invalid_data", "Field 'labels, 0, label_url' is required")
        with self.stall.lock:
            row = next((f for f in order.facts.get("fulfillments", []) if f["id"] == number), None)
            if row is None:
                raise no(404, "not_found", f"Fulfillment with id: {number} was not found")
            if row["shipped_at"]:
                raise no(400, "not_allowed", "Shipment has already been created")
            row["shipped_at"], row["labels"] = stamp(clock.now()), list(body["labels"])
            sent = sum(i["quantity"] for f in order.facts["fulfillments"] if f["shipped_at"] for i in f["items"])
            if sent >= sum(x.quantity for x in order.lines):
                carrier = (row["metadata"] or {}).get("carrier", "")
                self.stall.ship(order.number, body["labels"][0]["tracking_number"], carrier)
            else:
                order.updated_at = clock.now()
        return {"order": self.told(order, "")}

    def _cancel(self, order: Order) -> dict[str, Any]:
        if order.facts.get("fulfillments"):
            raise no(400, "not_allowed", "All fulfillments must be canceled before canceling an order")
        try:
            self.stall.cancel(order.number)
        except No:
            raise no(400, "invalid_data", f"Order with id {order.number} has been canceled.") from None
        return {"order": self.told(order, "")}

    # goods

    def _promised(self, listing: Listing) -> int:
        waits = [o for o in self.stall.orders.values() if o.state in BEFORE_LEAVING]
        return sum(x.quantity for o in waits for x in o.lines if x.listing_id == listing.id)

    def _item_told(self, listing: Listing) -> Facts:
        held = self._promised(listing)
        level = {"location_id": PLACE, "stocked_quantity": listing.quantity + held, "reserved_quantity": held}
        return {"id": f"iitem_{listing.id}", "sku": listing.sku, "title": listing.name, "location_levels": [level]}

    def _items(self, request: Request) -> dict[str, Any]:
        said, ids = request.args, request.args.getlist("id[]")
        limit, offset = _whole(said.get("limit", "20")), _whole(said.get("offset", "0"))
        with self.stall.lock:
            found = [x for x in self.stall.listings.values() if not ids or f"iitem_{x.id}" in ids]
            told = [self._item_told(x) for x in found[offset : offset + limit]]
        if "location_levels" not in said.get("fields", ""):
            told = [{k: v for k, v in row.items() if k != "location_levels"} for row in told]
        return {"inventory_items": told, "count": len(found), "offset": offset, "limit": limit}

    def _level(self, request: Request, number: str, place: str) -> dict[str, Any]:
        body = body_of(request, {"stocked_quantity": int}, no(400, "invalid_data", "Expected type: 'number'"))
        with self.stall.lock:
            listing = self.stall.listings.get(number.removeprefix("iitem_"))
            if listing is None or place != PLACE:
                raise no(404, "not_found", f"Inventory item {number} is not stocked at location {place}")
            self.stall.set_stock(listing.id, max(body["stocked_quantity"] - self._promised(listing), 0))
            return {"inventory_item": self._item_told(listing)}

    def hook(self, order: Order, deed: str) -> Hook:  # noqa: ARG002  every deed is told alike
        """A few lines of a subscriber: the id, signed with its moment."""
        return hint(order.number, self.hook_secret)

    def missigned(self, told: Hook) -> Hook:
        """Another body under the same signature."""
        return Hook(told.headers, told.body + b" ", told.query)


def _whole(text: str) -> int:
    if not text.isdigit():
        raise no(400, "invalid_data", f"Invalid request: Expected type: 'number', got: '{json.dumps(text)}'")
    return int(text)


def _inside(at: datetime, name: str, said: Mapping[str, str]) -> bool:
    try:
        moments = {
            s: datetime.fromisoformat(said[f"{name}[${s}]"])
            for s in ("gte", "gt", "lt", "lte")
            if f"{name}[${s}]" in said
        }
    except ValueError:
        raise no(500, "unknown_error", "An unknown error occurred.") from None
    checks = {"gte": at.__ge__, "gt": at.__gt__, "lt": at.__lt__, "lte": at.__le__}
    return all(checks[sign](when) for sign, when in moments.items())
