"""Medusa v2, admin API in REST. Money is decimal numbers of baht.

``updated_at`` moves when an order is placed, sent, delivered and canceled, and stands still when its payment is taken.
So an order that waits for its payment is asked for again (``refresh``), or at once when the shop's own subscriber sends
a signed hint. Filters nobody knows are passed over in silence there, so what comes back is checked here. Stock is what
lies at a place; what is promised is taken off by the shop, so it is added to what may be sold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from oms.channels import signed, spans
from oms.channels.asking import Adapter, by_status, refused, silent, unknown, unreadable
from oms.channels.medusa_orders import FIELDS, OURS, labels_of, live, order_news
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
    ChannelRefused,
    ChannelTooLate,
    Listing,
    ListingPage,
    NumberPage,
    Offer,
    OrderNews,
    OrderPage,
    Shipped,
    Shipping,
    WebhookNews,
)
from oms.channels.reading import rows
from oms.channels.webshop import SECOND, count, utc
from oms.errors import say
from oms.net.reading import moment, part, words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport

A = Ability
PAGE = 100
LEVELS = "id,sku,title,*location_levels"
Row = Mapping[str, Any]
Params = Mapping[str, str | list[str]]


class Medusa(Adapter):
    """One shop."""

    abilities = frozenset({A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.LISTINGS, A.STOCK, A.SHIP, A.CANCEL})
    refresh_limit = PAGE
    stock_limit = 3  # each is a question of its own, after one for all
    window = timedelta(days=7)

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._key = settings["token"]
        self._location = settings.get("location", "")
        self._secrets = (settings.get("hook_secret", ""), settings.get("old_secret", ""))

    def _ask(self, method: str, path: str, params: Params | None = None, body: Any = None) -> Row:
        """A good answer. Raises ChannelError."""
        reply = self.send(method, f"/admin/{path}", params=params, body=body, basic=(self._key, ""))
        if reply.status >= 400:
            raise _problem(reply)
        if reply.body is None:
            raise unreadable()
        return reply.body

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_news(raw)

    def check(self) -> str:
        """The shop's name."""
        found = rows(self._ask("GET", "stores").get("stores"))
        return words(found[0].get("name")) if found else ""

    def _orders(self, asked: Params) -> tuple[list[Row], int]:
        told = self._ask("GET", "orders", {"limit": str(PAGE), "fields": FIELDS, **asked})
        return rows(told.get("orders")), count(told, "count")

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """By the moment of the last change; a span is cut until one answer holds all of it."""

        def asking(start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
            skip = int(token or 0)
            found, total = self._orders(_span("updated_at", start, end, skip))
            rest = skip + len(found)
            return spans.Answer(found, str(rest) if found and rest < total else "", total)

        told, rest = spans.read(since, until, cursor, asking, PAGE)
        return OrderPage(tuple(order_news(row) for row in told if row.get("status") != "draft"), rest)

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """By the moment of ordering, which never moves."""
        skip = int(cursor or 0)
        found, total = self._orders({**_span("created_at", start, end, skip), "fields": "id,status,created_at"})
        placed = {words(r.get("id")): moment(r.get("created_at")) for r in found if r.get("status") != "draft"}
        inside = {number: at for number, at in placed.items() if at is None or start <= at < end}
        rest = skip + len(found)
        return NumberPage(inside, str(rest) if found and rest < total else "")

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """By id: the only way to hear of a payment."""
        if not numbers:
            return ()
        found, _ = self._orders({"id[]": list(numbers)})
        return tuple(order_news(row) for row in found if words(row.get("id")) in set(numbers))

    def read_webhook(self, called: Called) -> WebhookNews:
        """Sent by a few lines in the shop, signed as for the inbound channel."""
        return signed.read_hint(called, self._secrets)

    def _items(self, asked: Params) -> tuple[list[Row], int]:
        told = self._ask("GET", "inventory-items", {"fields": LEVELS, "order": "id", "limit": str(PAGE), **asked})
        return rows(told.get("inventory_items")), count(told, "count")

    def _level(self, item: Row) -> Row | None:
        """Where this item is counted: the place that was entered, else its first."""
        levels = rows(item.get("location_levels"))
        return next((x for x in levels if not self._location or x.get("location_id") == self._location), None)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Inventory items."""
        skip = int(cursor or 0)
        found, total = self._items({"offset": str(skip)})
        listings = tuple(
            Listing(words(i.get("sku")), words(i.get("id")), words(i.get("title"), 300), _free(self._level(i)))
            for i in found
        )
        rest = skip + len(found)
        return ListingPage(listings, str(rest) if found and rest < total else "")

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """What may be sold and what is promised together lie there; one by one, each the number itself."""
        if not offers:
            return {}
        found, _ = self._items({"id[]": [o.external_id for o in offers]})
        known = {words(i.get("id")): i for i in found}
        told: dict[str, ChannelError | None] = {}
        for offer in offers:
            level = self._level(known.get(offer.external_id, {}))
            if level is None:
                told[offer.external_id] = unknown()
                continue
            path = f"inventory-items/{offer.external_id}/location-levels/{words(level.get('location_id'))}"
            try:
                self._ask("POST", path, body={"stocked_quantity": offer.quantity + count(level, "reserved_quantity")})
                told[offer.external_id] = None
            except ChannelRefused as refusal:
                told[offer.external_id] = refusal
        return told

    def _order(self, number: str) -> Row:
        if not number.startswith("order_") or not number.isascii() or not number.replace("_", "").isalnum():
            raise unknown()
        return part(self._ask("GET", f"orders/{number}", {"fields": FIELDS}), "order")

    def ship(self, shipped: Shipped) -> Shipping:
        """A fulfillment that carries our number, then its shipment; each is looked up before it is said."""
        row = self._order(shipped.external_no)
        if row.get("status") == "canceled":
            raise ChannelTooLate(say("The order is canceled there"), raw_code="canceled")
        if shipped.tracking_no and shipped.tracking_no in {words(x.get("tracking_number")) for x in labels_of(row)}:
            return Shipping(shipped.tracking_no, shipped.carrier)
        ours = [f for f in live(row) if words(part(f, "metadata").get(OURS)) == shipped.tracking_no]
        if not ours:
            if left := _left(row, dict(shipped.lines)):
                kept = {OURS: shipped.tracking_no, "carrier": shipped.carrier}
                body: dict[str, Any] = {"items": left, "no_notification": True, "metadata": kept}
                self._ask(
                    "POST", f"orders/{shipped.external_no}/fulfillments",
                    body=body | ({"location_id": self._location} if self._location else {}),
                )  # fmt: skip
                row = self._order(shipped.external_no)
                ours = [f for f in live(row) if words(part(f, "metadata").get(OURS)) == shipped.tracking_no]
            else:
                ours = live(row)  # packed there already
        for fulfillment in ours:
            if not fulfillment.get("shipped_at"):
                self._send(shipped, fulfillment)
        return Shipping(shipped.tracking_no, shipped.carrier)

    def _send(self, shipped: Shipped, fulfillment: Row) -> None:
        items = [
            {"id": i.get("line_item_id"), "quantity": count(i, "quantity")} for i in rows(fulfillment.get("items"))
        ]
        label = {"tracking_number": shipped.tracking_no, "tracking_url": shipped.url or "#", "label_url": "#"}
        path = f"orders/{shipped.external_no}/fulfillments/{words(fulfillment.get('id'))}/shipments"
        self._ask("POST", path, body={"items": items, "labels": [label], "no_notification": True})

    def cancel(self, external_no: str, reason: str) -> None:  # noqa: ARG002  it takes none
        """Before anything was packed there. Money is given back by a person."""
        row = self._order(external_no)
        if row.get("status") == "canceled":
            return
        if live(row):
            raise ChannelTooLate(say("The order has left or was paid back there"), raw_code="fulfilled")
        try:
            self._ask("POST", f"orders/{external_no}/cancel")
        except ChannelRefused:
            if self._order(external_no).get("status") != "canceled":
                raise


def _span(name: str, start: datetime, end: datetime, skip: int) -> dict[str, str | list[str]]:
    """Moments there are finer than seconds, so the whole last second is inside."""
    return {
        f"{name}[$gte]": utc(start), f"{name}[$lt]": utc(end + SECOND), "order": name, "offset": str(skip),
    }  # fmt: skip


def _free(level: Row | None) -> int | None:
    if level is None:
        return None
    return max(count(level, "stocked_quantity") - count(level, "reserved_quantity"), 0)


def _left(row: Row, wanted: dict[str, int]) -> list[dict[str, Any]]:
    """What is to be packed now: what was asked for, of what is left."""
    found = []
    for item in rows(row.get("items")):
        key = words(item.get("id"))
        left = count(item, "quantity") - count(part(item, "detail"), "fulfilled_quantity")
        pieces = min(left, wanted.get(key, 0)) if wanted else left
        if pieces > 0:
            found.append({"id": key, "quantity": pieces})
    return found


def _problem(reply: Reply) -> ChannelError:
    """A clash of two writers passes; an address nobody answers is a matter of settings."""
    code, text = reply.text("type"), reply.text("message")
    if reply.status == 409:
        return silent(Silence("trouble", text))
    if reply.status == 404:
        return unknown(code, text) if code == "not_found" else silent(Silence("settings", text, final=True))
    return refused(code, text) if reply.status == 400 and reply.body is not None else by_status(reply, code, text)
