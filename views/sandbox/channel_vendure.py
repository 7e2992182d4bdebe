"""Strict simulator of a Vendure shop: its schema, keys with rights, whole satang, and a time of change that stands
still when an order is paid or sent. A few lines of a plug-in send signed hints."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox import graphql as g
from views.sandbox.book import Fault, Refusal
from views.sandbox.channel import ChannelSandbox, Hook
from views.sandbox.market import BEFORE_LEAVING, Line, Listing, Market, No, Order, Stall, State
from views.sandbox.vendure_schema import SCHEMA
from views.sandbox.webshop import two_names

STATES = {
    State.UNPAID: "ArrangingPayment", State.PAID: "PaymentSettled", State.ACCEPTED: "PaymentSettled",
    State.SHIPPED: "Shipped", State.DELIVERED: "Delivered", State.COMPLETED: "Delivered", State.CANCELED: "Cancelled",
    State.RETURNED: "Delivered",
}  # fmt: skip
MOST = 1000
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
Facts = dict[str, Any]


def code_of(serial: int, random: Any) -> str:
    """Sixteen letters."""
    return "".join(random.choice(LETTERS) for _ in range(12)) + f"{serial:04d}"


def stamp(at: datetime | None) -> str | None:
    """UTC with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z" if at else None


def satang(amount: Decimal) -> int:
    """Whole satang."""
    return int((amount * 100).to_integral_value())


class VendureSandbox(ChannelSandbox):
    """One channel of one shop."""

    name = "vendure"

    def __init__(
        self,
        stall: Stall | None = None,
        token: str = "look:up-secret",  # noqa: S107  made up
        hook_secret: str = "vendure-hooks",  # noqa: S107
    ) -> None:
        super().__init__(stall or Market().open("vendure"))
        self.token, self.hook_secret = token, hook_secret
        self.stall.name_it = code_of
        self.stall.still = frozenset({"pay", "ship", "deliver", "complete", "accept", "touch", "ask_return"})
        self.patient, self.channels = True, {"": "__default_channel__", "thai-token": "thailand"}

    def keys(self) -> dict[str, str]:
        """What the panel has to know."""
        return {"token": self.token, "hook_secret": self.hook_secret}

    def limited(self) -> Refusal:
        """Not the shop itself, what stands in front of it."""
        refusal = super().limited()
        return refusal if self.patient else Refusal(429, refusal.body)

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One question. Almost everything is told with HTTP 200."""
        if request.path != "/admin-api":
            raise Refusal(404, {"message": "Cannot POST"})
        query, variables = g.asked(request)
        tree, wrongs = g.checked(SCHEMA, query)
        if tree is None or wrongs:
            raise Refusal(400, {"errors": wrongs})
        wrong = fault is not None and fault.kind in {"expire_tokens", "bad_signature"}
        if wrong or request.headers.get("vendure-api-key") != self.token:
            text = "You are not currently authorized to perform this action"
            return {"errors": [{"message": text, "extensions": {"code": "FORBIDDEN"}}], "data": None}
        told = request.headers.get("vendure-token", "")
        code = self.channels.get(told, self.channels[""])  # an unknown token is the default channel, silently
        return g.answered(SCHEMA, tree, self._root(code), variables)

    def _root(self, code: str) -> Facts:
        return {
            "activeChannel": {"code": code, "defaultCurrencyCode": "THB"}, "orders": self._orders,
            "productVariants": self._variants, "updateProductVariants": self._set_stock,
            "addFulfillmentToOrder": self._fulfill, "transitionFulfillmentToState": self._step,
            "cancelOrder": self._cancel,
        }  # fmt: skip

    # orders

    def _orders(self, _info: Any, options: Mapping[str, Any] | None = None) -> Facts:
        said = options or {}
        skip, take = _take(said)
        with self.stall.lock:
            found = [o for o in self.stall.orders.values() if _fits(said.get("filter") or {}, self._fact(o))]
        found.sort(
            key=lambda o: (o.placed_at, o.serial), reverse=(said.get("sort") or {}).get("orderPlacedAt") == "DESC"
        )
        rows = found[skip : skip + take]
        told = {"totalItems": len(found), "items": [self.told(o) for o in rows]}
        self.stall.page_read(rows)
        return told

    def _fact(self, order: Order) -> Callable[[str], Any]:
        facts = {
            "orderPlacedAt": order.placed_at, "updatedAt": order.updated_at, "createdAt": order.placed_at,
            "code": order.number, "state": self.state(order), "active": False,
        }  # fmt: skip
        return facts.__getitem__

    def state(self, order: Order) -> str:
        """The word for how far it is."""
        partly = "PartiallyShipped" if order.facts.get("sent") and order.state in BEFORE_LEAVING else ""
        waits = "PaymentAuthorized" if order.cod and order.state in {State.PAID, State.ACCEPTED} else ""
        return str(order.facts.get("status") or partly or waits or STATES[order.state])

    def told(self, order: Order) -> Facts:
        """An order with everything."""
        home, (first, last) = order.buyer.home, two_names(order.buyer.name)
        gone = order.state is State.CANCELED
        payment = {
            "id": f"3{order.serial}", "method": "cash-on-delivery" if order.cod else "opn-payments",
            "amount": satang(order.total), "state": "Authorized" if order.cod else "Settled",
            "createdAt": stamp(order.paid_at),
        }  # fmt: skip
        return {
            "__typename": "Order", "id": str(order.serial), "code": order.number, "type": "Regular",
            "state": self.state(order), "active": False, "orderPlacedAt": stamp(order.placed_at),
            "createdAt": stamp(order.placed_at), "updatedAt": stamp(order.updated_at),
            "currencyCode": order.facts.get("currency", "THB"), "totalWithTax": 0 if gone else satang(order.total),
            "shippingWithTax": 0 if gone else satang(order.shipping_fee), "couponCodes": [],
            "customer": {
                "id": "1", "firstName": first, "lastName": last, "phoneNumber": order.buyer.phone,
                "emailAddress": "buyer@example.com",
            },
            "shippingAddress": {
                "fullName": order.buyer.name, "company": "", "streetLine1": home.line, "streetLine2": home.subdistrict,
                "city": home.district, "province": home.province, "postalCode": home.postcode, "countryCode": "TH",
                "phoneNumber": order.buyer.phone,
            },
            "lines": [self._line(order, n, x) for n, x in enumerate(order.lines)],
            "surcharges": [{"description": "ฝากบอก", "priceWithTax": 0}] if order.note else [],
            "payments": [payment] if order.paid_at else [], "fulfillments": self._fulfillments(order),
        }  # fmt: skip

    def _line(self, order: Order, place: int, line: Line) -> Facts:
        off = line.discount + ((order.discount + order.platform_discount) if place == 0 else Decimal(0))
        pieces = 0 if order.state is State.CANCELED else line.quantity
        return {
            "id": line.id, "quantity": pieces, "orderPlacedQuantity": line.quantity,
            "unitPriceWithTax": satang(line.price), "linePriceWithTax": satang(line.price * pieces),
            "proratedLinePriceWithTax": satang(line.price * pieces - (off if pieces else 0)),
            "productVariant": {"id": line.listing_id, "sku": line.sku, "name": line.name},
        }  # fmt: skip

    def _fulfillments(self, order: Order) -> list[Facts]:
        made = list(order.facts.get("fulfillments", []))
        if not made and order.state in {State.SHIPPED, State.DELIVERED, State.COMPLETED, State.RETURNED}:
            every = [{"orderLineId": x.id, "quantity": x.quantity} for x in order.lines]
            made = [{"id": f"8{order.serial}0", "state": "Shipped", "method": order.carrier, "lines": every,
                     "trackingCode": order.tracking, "createdAt": stamp(order.shipped_at)}]  # fmt: skip
        return [{"__typename": "Fulfillment"} | f for f in made]

    # deeds

    def _fulfill(self, _info: Any, input: Mapping[str, Any]) -> Facts:  # noqa: A002  the schema's word
        said = {a["name"]: a["value"] for a in input["handler"]["arguments"]}
        if input["handler"]["code"] != "manual-fulfillment" or set(said) != {"method", "trackingCode"}:
            return _sorry("InvalidFulfillmentHandlerError", "INVALID_FULFILLMENT_HANDLER_ERROR")
        with self.stall.lock:
            order = self._owner([row["orderLineId"] for row in input["lines"]])
            sent = order.facts.setdefault("sent", {})
            every = {x.id: x.quantity for x in order.lines}
            gone = order.state not in BEFORE_LEAVING
            if gone or any(
                sent.get(r["orderLineId"], 0) + r["quantity"] > every[r["orderLineId"]] for r in input["lines"]
            ):
                return _sorry("ItemsAlreadyFulfilledError", "ITEMS_ALREADY_FULFILLED_ERROR")
            for row in input["lines"]:
                sent[row["orderLineId"]] = sent.get(row["orderLineId"], 0) + row["quantity"]
            made = order.facts.setdefault("fulfillments", [])
            made.append({
                "__typename": "Fulfillment", "id": f"8{order.serial}{len(made)}", "state": "Pending",
                "method": said["method"],
                "trackingCode": said["trackingCode"], "createdAt": stamp(clock.now()), "lines": list(input["lines"]),
            })  # fmt: skip
            return dict(made[-1])

    def _owner(self, lines: list[str]) -> Order:
        for order in self.stall.orders.values():
            if set(lines) <= {x.id for x in order.lines}:
                return order
        raise g.no("ENTITY_NOT_FOUND", "No OrderLine with these ids could be found")

    def _step(self, _info: Any, id: str, state: str) -> Facts:  # noqa: A002  the schema's word
        with self.stall.lock:
            for order in self.stall.orders.values():
                for row in order.facts.get("fulfillments", []):
                    if row["id"] == id:
                        return self._stepped(order, row, state)
        raise g.no("ENTITY_NOT_FOUND", f"No Fulfillment with the id {id} could be found")

    def _stepped(self, order: Order, row: Facts, state: str) -> Facts:
        if (row["state"], state) not in {("Pending", "Shipped"), ("Pending", "Delivered"), ("Shipped", "Delivered")}:
            return _sorry("FulfillmentStateTransitionError", "FULFILLMENT_STATE_TRANSITION_ERROR")
        row["state"] = state
        moved = [f for f in order.facts["fulfillments"] if f["state"] in {"Shipped", "Delivered"}]
        count = sum(line["quantity"] for f in moved for line in f["lines"])
        if count >= sum(x.quantity for x in order.lines):
            self.stall.ship(order.number, row["trackingCode"], row["method"])
        return dict(row)

    def _cancel(self, _info: Any, input: Mapping[str, Any]) -> Facts:  # noqa: A002  the schema's word
        with self.stall.lock:
            order = next((o for o in self.stall.orders.values() if str(o.serial) == input["orderId"]), None)
        if order is None:
            raise g.no("ENTITY_NOT_FOUND", "No Order with this id could be found")
        try:
            self.stall.cancel(order.number)
        except No:
            return _sorry("EmptyOrderLineSelectionError", "EMPTY_ORDER_LINE_SELECTION_ERROR")
        return self.told(order)

    # goods

    def _promised(self, listing: Listing) -> int:
        """Pieces of orders that have not left."""
        waits = [o for o in self.stall.orders.values() if o.state in BEFORE_LEAVING]
        return sum(x.quantity for o in waits for x in o.lines if x.listing_id == listing.id)

    def _variant(self, listing: Listing) -> Facts:
        held = self._promised(listing)
        return {
            "id": listing.id, "sku": listing.sku, "name": listing.name, "trackInventory": "TRUE",
            "outOfStockThreshold": 0, "useGlobalOutOfStockThreshold": True,
            "stockLevels": [{"stockOnHand": listing.quantity + held, "stockAllocated": held}],
        }  # fmt: skip

    def _variants(self, _info: Any, options: Mapping[str, Any] | None = None) -> Facts:
        said = options or {}
        skip, take = _take(said)
        wanted = ((said.get("filter") or {}).get("id") or {}).get("in")
        with self.stall.lock:
            found = [x for x in self.stall.listings.values() if wanted is None or x.id in wanted]
            return {"totalItems": len(found), "items": [self._variant(x) for x in found[skip : skip + take]]}

    def _set_stock(self, _info: Any, input: list[Mapping[str, Any]]) -> list[Facts]:  # noqa: A002  the schema's word
        with self.stall.lock:
            for row in input:
                if row["id"] not in self.stall.listings:
                    raise g.no("ENTITY_NOT_FOUND", f"No ProductVariant with the id {row['id']} could be found")
                listing = self.stall.listings[row["id"]]
                if "stockOnHand" in row:
                    self.stall.set_stock(row["id"], max(row["stockOnHand"] - self._promised(listing), 0))
            return [self._variant(self.stall.listings[row["id"]]) for row in input]

    def hook(self, order: Order, deed: str) -> Hook:  # noqa: ARG002  every deed is told alike
        """A few lines of a plug-in: the number, signed with its moment."""
        return hint(order.number, self.hook_secret)

    def missigned(self, told: Hook) -> Hook:
        """Another body under the same signature."""
        return Hook(told.headers, told.body + b" ", told.query)


def hint(number: str, secret: str) -> Hook:
    """A signed hint, as docs/inbound-channel.md tells it."""
    body, at = json.dumps({"order": number}).encode(), int(time.time())
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return Hook({"content-type": "application/json", "Ruam-Signature": f"t={at},v1={made}"}, body)


def _take(said: Mapping[str, Any]) -> tuple[int, int]:
    skip, take = said.get("skip") or 0, said.get("take") or 100
    if take > MOST:
        raise g.no("USER_INPUT_ERROR", f"Cannot take more than {MOST} results from a single query")
    return skip, take


def _fits(meant: Mapping[str, Any], fact: Callable[[str], Any]) -> bool:
    good = []
    for name, said in meant.items():
        if name == "_and":
            good.append(all(_fits(part, fact) for part in said))
        elif name == "_or":
            good.append(any(_fits(part, fact) for part in said))
        else:
            good.append(all(_holds(fact(name), sign, value) for sign, value in said.items()))
    return all(good)


def _holds(fact: Any, sign: str, value: Any) -> bool:
    match sign:
        case "between":
            return bool(datetime.fromisoformat(value["start"]) <= fact <= datetime.fromisoformat(value["end"]))
        case "before":
            return bool(fact < datetime.fromisoformat(value))
        case "after":
            return bool(fact > datetime.fromisoformat(value))
        case "in":
            return bool(fact in value)
        case "notEq":
            return bool(fact != value)
    return bool(fact == value)


def _sorry(kind: str, code: str) -> Facts:
    return {"__typename": kind, "errorCode": code, "message": code.replace("_", " ").lower()}
