"""Shopify, GraphQL Admin API.

Every question costs points, below a thousand each; "THROTTLED" says how many are missing and how fast they come back.
A question is let through when its whole price lies there, so after each answer the price of two is waited for.
Lists go by cursors that hold a moment, so pages do not shift. Stock is set under a key of its own (@idempotent) and by
location. Sending has no such key: what was sent is looked up by tracking number before it is said again. An order is
known by the digits of its id; the ``#1042`` people see is found by a search that lags behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from oms.channels import shopify_access as access
from oms.channels import shopify_words as ask
from oms.channels.asking import Adapter, by_status, refused, silent, unknown
from oms.channels.graphql import Answer, answer_of, cursor_after, nodes
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
    ChannelTooLate,
    Grant,
    Listing,
    ListingPage,
    NumberPage,
    Offer,
    OrderNews,
    OrderPage,
    ReturnPage,
    Shipped,
    Shipping,
    WebhookNews,
)
from oms.channels.reading import rows
from oms.channels.shopify_orders import digits, gid, order_news, returns_of
from oms.channels.webshop import SECOND, utc
from oms.errors import say
from oms.net.pacing import hold_off
from oms.net.reading import moment, part, words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport

A = Ability
SENDABLE = frozenset({"OPEN", "IN_PROGRESS", "SCHEDULED"})
OVER = frozenset({"CLOSED", "CANCELLED", "INCOMPLETE"})
LONGEST_WAIT = 60  # seconds
ENOUGH = 1900.0  # points; no question costs a thousand, and two may be under way
TRIES = 3


class Shopify(Adapter):
    """One shop."""

    abilities = frozenset({
        A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.LISTINGS, A.STOCK, A.SHIP, A.CANCEL, A.RETURNS,
    })  # fmt: skip
    refresh_limit = ask.ORDERS
    stock_limit = 100
    window = timedelta(days=7)

    def __init__(self, transport: Transport, settings: Mapping[str, str], grant: Grant) -> None:
        super().__init__(transport)
        self._path = f"/admin/api/{settings.get('version') or '2026-07'}/graphql.json"
        self._headers = {"x-shopify-access-token": grant.access or settings.get("token", "")}
        self._secrets = (settings.get("hook_secret", ""), settings.get("old_secret", ""))
        self._location = settings.get("location", "")

    def _ask(self, query: str, /, **variables: Any) -> Mapping[str, Any]:
        """The data of a good answer. Raises ChannelError."""
        body = {"query": query, "variables": variables}
        for again in reversed(range(TRIES)):
            reply = self.send("POST", self._path, headers=self._headers, body=body)
            if reply.status >= 400:
                raise _problem(reply)
            waits = hold_off(_pause(reply))
            answer = answer_of(reply)
            if not answer.code:
                break
            if answer.code != "THROTTLED" or not waits or not again:
                raise _error(answer, reply)
        return answer.data

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_news(raw)

    def check(self) -> str:
        """The shop's name."""
        return words(part(self._ask(ask.SHOP), "shop").get("name"))

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """By the moment of the last change, oldest first; the cursor holds that moment."""
        said = f"updated_at:>='{utc(since)}' AND updated_at:<='{utc(until + SECOND)}'"
        found = part(self._ask(ask.CHANGED, query=said, after=cursor or None), "orders")
        return OrderPage(tuple(order_news(self._whole(row)) for row in nodes(found)), cursor_after(found))

    def _whole(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The order with every line: few have more than one question brings."""
        lines = row.get("lineItems")
        rest, more = cursor_after(lines), nodes(lines)
        if not rest:
            return row
        while rest:
            told = self._ask(ask.MORE_LINES, id=row.get("id"), after=rest)
            found = part(part(told, "order"), "lineItems")
            more, rest = [*more, *nodes(found)], cursor_after(found)
        return {**row, "lineItems": {"nodes": more}}

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """By the moment of ordering; the shop counts too, and says when it only guesses."""
        said = f"created_at:>='{utc(start)}' AND created_at:<'{utc(end + SECOND)}'"
        data = self._ask(ask.PLACED, query=said, after=cursor or None)
        placed = {digits(row.get("id")): moment(row.get("createdAt")) for row in nodes(data.get("orders"))}
        count = part(data, "ordersCount")
        whole = end.microsecond == 0 and start.microsecond == 0 and not cursor
        exact = count.get("precision") == "EXACT" and type(count.get("count")) is int and whole
        inside = {number: at for number, at in placed.items() if at is None or start <= at < end}
        total = count["count"] - (len(placed) - len(inside)) if exact else None
        return NumberPage(inside, cursor_after(data.get("orders")), total)

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """By id, which no search has to catch up with."""
        asked = [gid("Order", number) for number in numbers if number.isascii() and number.isdigit()]
        found = rows(self._ask(ask.SOME, ids=asked).get("nodes")) if asked else []
        return tuple(order_news(self._whole(row)) for row in found if row.get("id"))

    def read_webhook(self, called: Called) -> WebhookNews:
        """Signed over every byte, by the new secret or the one before."""
        return access.read_webhook(called, self._secrets)

    def _place(self) -> str:
        """Where stock is counted: the location that was entered, else the first."""
        if not self._location:
            found = nodes(self._ask(ask.LOCATION).get("locations"))
            if not found:
                raise refused("location", "the shop has no location")
            self._location = digits(found[0].get("id"))
        return gid("Location", self._location)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Variants; the key stock is set by is that of their inventory item."""
        found = self._ask(ask.ON_SALE, after=cursor or None, location=self._place()).get("productVariants")
        return ListingPage(tuple(_listing(row) for row in nodes(found)), cursor_after(found))

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """All together or none: those it complains of are left out of a second try. What was there before does not
        matter (changeFromQuantity: null)."""
        told: dict[str, ChannelError | None] = {}
        left = list(offers)
        while left:
            wrong = self._set_stock(left)
            told |= wrong or {offer.external_id: None for offer in left}
            left = [offer for offer in left if offer.external_id not in told]
        return told

    def _set_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """What of these it does not take; nothing of them was set then."""
        place = self._place()
        quantities = [
            {"inventoryItemId": gid("InventoryItem", o.external_id), "locationId": place, "quantity": o.quantity,
             "changeFromQuantity": None} for o in offers
        ]  # fmt: skip
        said = {"name": "available", "reason": "correction", "quantities": quantities}
        errors = rows(part(self._ask(ask.SET_STOCK, input=said, key=str(uuid.uuid4())), "inventorySetQuantities")
                      .get("userErrors"))  # fmt: skip
        wrong: dict[str, ChannelError | None] = {}
        for error in errors:
            code, text = words(error.get("code")), words(error.get("message"), 500)
            path = error.get("field")
            spot = next((int(p) for p in path if words(p).isdigit()), None) if isinstance(path, list) else None
            if spot is None or spot >= len(offers):
                raise refused(code, text)
            found = unknown(code, text) if code.startswith("INVALID_INVENTORY_ITEM") else refused(code, text)
            wrong[offers[spot].external_id] = found
        return wrong

    def _order(self, number: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        """An order as far as sending goes, and everything of it that is to be sent from somewhere."""
        if not (number.isascii() and number.isdigit()):
            raise unknown()
        orders, cursor = [], ""
        while True:
            row = part(self._ask(ask.TO_SEND, id=gid("Order", number), after=cursor or None), "order")
            if not row:
                raise unknown()
            orders += nodes(row.get("fulfillmentOrders"))
            cursor = cursor_after(row.get("fulfillmentOrders"))
            if not cursor:
                return row, orders

    def ship(self, shipped: Shipped) -> Shipping:
        """What is left to be sent, one fulfillment for each place it leaves from. The buyer is told by us."""
        row, orders = self._order(shipped.external_no)
        if row.get("cancelledAt"):
            raise ChannelTooLate(say("The order is canceled there"), raw_code="CANCELLED")
        known = {
            words(t.get("number"))
            for f in rows(row.get("fulfillments"))
            if f.get("status") != "CANCELLED"
            for t in rows(f.get("trackingInfo"))
        }
        if shipped.lines and shipped.tracking_no in known:
            return Shipping(shipped.tracking_no, shipped.carrier)
        tracking = {"company": shipped.carrier, "number": shipped.tracking_no, "url": shipped.url}
        groups = _groups(orders, dict(shipped.lines))
        held = [words(o.get("status")) for o in orders if words(o.get("status")) not in SENDABLE | OVER]
        if held and not groups:
            raise refused(held[0], "the shop holds it back")
        for group in groups:
            said = {
                "lineItemsByFulfillmentOrder": group, "notifyCustomer": False,
                "trackingInfo": {k: v for k, v in tracking.items() if v},
            }  # fmt: skip
            made = part(self._ask(ask.SEND, fulfillment=said), "fulfillmentCreate")
            if errors := rows(made.get("userErrors")):
                raise refused("userErrors", words(errors[0].get("message"), 500))
        return Shipping(shipped.tracking_no, shipped.carrier)

    def cancel(self, external_no: str, reason: str) -> None:
        """Before anything of it was sent; its pieces are on sale again there. Money is given back by a person."""
        row, _ = self._order(external_no)
        if row.get("cancelledAt"):
            return
        if words(row.get("displayFulfillmentStatus")) in {"FULFILLED", "PARTIALLY_FULFILLED"}:
            raise ChannelTooLate(say("The order has left or was paid back there"), raw_code="FULFILLED")
        made = part(self._ask(ask.CANCEL, id=row.get("id"), reason="OTHER", note=reason[:255]), "orderCancel")
        if errors := rows(made.get("orderCancelUserErrors")):
            raise refused(words(errors[0].get("code")), words(errors[0].get("message"), 500))

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        """Returns of the orders that changed."""
        said = f"updated_at:>='{utc(since)}' AND updated_at:<='{utc(until + SECOND)}'"
        found = part(self._ask(ask.GIVEN_BACK, query=said, after=cursor or None), "orders")
        return ReturnPage(tuple(news for row in nodes(found) for news in returns_of(row)), cursor_after(found))


def _listing(row: Mapping[str, Any]) -> Listing:
    item = part(row, "inventoryItem")
    counts = {words(q.get("name")): q.get("quantity") for q in rows(part(item, "inventoryLevel").get("quantities"))}
    count = counts.get("available")
    quantity = int(count) if item.get("tracked") is True and isinstance(count, int) else None
    return Listing(words(row.get("sku")), digits(item.get("id")), words(row.get("displayName"), 300), quantity)


def _groups(orders: Sequence[Mapping[str, Any]], wanted: dict[str, int]) -> list[list[dict[str, Any]]]:
    """What to send, by the place it leaves from. ``wanted`` empty means everything that is left."""
    places: dict[str, list[dict[str, Any]]] = {}
    every = not wanted
    for order in orders:
        if words(order.get("status")) not in SENDABLE:
            continue
        said: dict[str, Any] = {"fulfillmentOrderId": order.get("id")}
        if not every:
            lines = []
            for line in nodes(order.get("lineItems")):
                key, left = digits(part(line, "lineItem").get("id")), line.get("remainingQuantity")
                pieces = min(wanted.get(key, 0), int(left) if isinstance(left, int) else 0)
                if pieces:
                    lines.append({"id": line.get("id"), "quantity": pieces})
                    wanted[key] -= pieces
            if not lines:
                continue
            said["fulfillmentOrderLineItems"] = lines
        place = words(part(part(order, "assignedLocation"), "location").get("id"))
        places.setdefault(place, []).append(said)
    return list(places.values())


def _problem(reply: Reply) -> ChannelError:
    """By status: a frozen or locked shop and a wrong address need a person."""
    errors = (reply.body or {}).get("errors")
    text = words(errors, 500) or words((reply.body or {}).get("error"))
    if reply.status in {402, 404, 423}:
        return silent(Silence("settings", f"{reply.status} {text}".strip(), final=True))
    return by_status(reply, str(reply.status), text)


def _pause(reply: Reply) -> float:
    """Seconds until there are points for two dear questions again: cheap ones would always come before them."""
    bucket = part(reply.part("extensions", "cost"), "throttleStatus")
    missing = min(ENOUGH, _number(bucket.get("maximumAvailable"))) - _number(bucket.get("currentlyAvailable"))
    return missing / max(_number(bucket.get("restoreRate")), 1.0)


def _error(answer: Answer, reply: Reply) -> ChannelError:
    if answer.code == "THROTTLED":
        cost = reply.part("extensions", "cost")
        bucket = part(cost, "throttleStatus")
        missing = _number(cost.get("requestedQueryCost")) - _number(bucket.get("currentlyAvailable"))
        wait = min(max(missing / max(_number(bucket.get("restoreRate")), 1.0), 1.0), LONGEST_WAIT)
        return silent(Silence("too_many", answer.text, reached=False, retry_after=timedelta(seconds=wait)))
    if answer.code == "ACCESS_DENIED":
        return silent(Silence("bad_key", answer.text, final=True))
    if answer.code == "INTERNAL_SERVER_ERROR":
        return silent(Silence("trouble", answer.text))
    return refused(answer.code, answer.text)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
