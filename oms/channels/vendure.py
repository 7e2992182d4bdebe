"""Vendure, admin API in GraphQL. Money is whole satang.

An order's ``updatedAt`` stands still when it is paid, sent or delivered: it moves when the order is placed and when it
is canceled. So ``list_changed`` finds new and canceled orders, and everything else is found by asking for the open ones
again (``refresh``), or at once when the shop's own plug-in sends a signed hint. Stock is what lies there; what is
promised is taken off by the shop, so it is added to what may be sold. A part that left is not safe to say twice: what
was sent is looked up by its tracking number first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from oms.channels import signed, spans
from oms.channels import vendure_words as ask
from oms.channels.asking import Adapter, by_status, refused, silent, unknown
from oms.channels.graphql import Answer, answer_of
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
from oms.channels.vendure_orders import order_news
from oms.channels.webshop import count, utc
from oms.errors import say
from oms.net.reading import moment, part, words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport

A = Ability
PAGE = 100
LEFT = frozenset({"Shipped", "PartiallyShipped", "Delivered", "PartiallyDelivered"})
SENT = frozenset({"Shipped", "Delivered"})


class Vendure(Adapter):
    """One channel of one shop."""

    abilities = frozenset({A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.LISTINGS, A.STOCK, A.SHIP, A.CANCEL})
    refresh_limit = PAGE
    stock_limit = PAGE
    window = timedelta(days=7)

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._headers = {"vendure-api-key": settings["token"]}
        self._channel = settings.get("channel", "")
        if token := settings.get("channel_token", ""):
            self._headers["vendure-token"] = token
        self._handler = settings.get("handler") or "manual-fulfillment"
        self._secrets = (settings.get("hook_secret", ""), settings.get("old_secret", ""))

    def _ask(self, query: str, **variables: Any) -> Mapping[str, Any]:
        """The data of a good answer. Raises ChannelError."""
        reply = self.send("POST", "/admin-api", headers=self._headers, body={"query": query, "variables": variables})
        if reply.status >= 400:
            raise _problem(reply)
        answer = answer_of(reply)
        if answer.code:
            raise _error(answer)
        return answer.data

    def _do(self, query: str, name: str, **variables: Any) -> Mapping[str, Any]:
        """The result of a deed. A refusal is a kind of result here. Raises ChannelError."""
        found = part(self._ask(query, **variables), name)
        if words(found.get("__typename")).endswith("Error") or found.get("errorCode"):
            raise refused(words(found.get("errorCode")), words(found.get("message"), 500))
        return found

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_news(raw)

    def check(self) -> str:
        """An unknown token of a channel is served as the default one, so the code of the channel is compared."""
        code = words(part(self._ask(ask.CHANNEL), "activeChannel").get("code"))
        if self._channel and code != self._channel:
            raise silent(Silence("settings", f"{code} ≠ {self._channel}", final=True))
        return code

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """New and canceled orders; a span is cut until one answer holds all of it."""

        def asking(start: datetime, end: datetime, token: str) -> spans.Answer[Mapping[str, Any]]:
            inside = {"between": {"start": utc(start), "end": _end(end)}}
            either = {"_or": [{"orderPlacedAt": inside}, {"updatedAt": inside}]}
            found = self._orders({"_and": [either, {"active": {"eq": False}}]}, int(token or 0))
            items, total = rows(found.get("items")), count(found, "totalItems")
            rest = int(token or 0) + len(items)
            return spans.Answer(items, str(rest) if items and rest < total else "", total)

        told, rest = spans.read(since, until, cursor, asking)
        return OrderPage(tuple(order_news(row) for row in told if row.get("orderPlacedAt")), rest)

    def _orders(self, meant: Mapping[str, Any], skip: int = 0, query: str = ask.ORDERS) -> Mapping[str, Any]:
        options = {"skip": skip, "take": PAGE, "sort": {"orderPlacedAt": "ASC"}, "filter": meant}
        return part(self._ask(query, options=options), "orders")

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """By the moment of ordering, which never moves."""
        inside = {"between": {"start": utc(start), "end": _end(end)}}
        found = self._orders({"orderPlacedAt": inside, "active": {"eq": False}}, int(cursor or 0), ask.NUMBERS)
        items = rows(found.get("items"))
        placed = {words(row.get("code")): moment(row.get("orderPlacedAt")) for row in items}
        kept = {number: at for number, at in placed.items() if at is None or start <= at < end}
        rest = int(cursor or 0) + len(items)
        more = items and rest < count(found, "totalItems")
        return NumberPage(kept, str(rest) if more else "")

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """By code: the only way to hear that an order was paid or sent."""
        found = rows(self._orders({"code": {"in": list(numbers)}}).get("items")) if numbers else []
        return tuple(order_news(row) for row in found if row.get("orderPlacedAt"))

    def read_webhook(self, called: Called) -> WebhookNews:
        """Sent by a few lines in the shop, signed as for the inbound channel."""
        return signed.read_hint(called, self._secrets)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Variants."""
        skip = int(cursor or 0)
        found = part(
            self._ask(ask.VARIANTS, options={"skip": skip, "take": PAGE, "sort": {"id": "ASC"}}), "productVariants"
        )
        items = rows(found.get("items"))
        listings = tuple(
            Listing(words(v.get("sku")), words(v.get("id")), words(v.get("name"), 300), _free(v)) for v in items
        )
        rest = skip + len(items)
        return ListingPage(listings, str(rest) if items and rest < count(found, "totalItems") else "")

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """What may be sold and what is promised together lie there."""
        if not offers:
            return {}
        keys = [o.external_id for o in offers]
        options = {"take": len(keys), "filter": {"id": {"in": keys}}}
        known = {words(v.get("id")): v for v in rows(part(self._ask(ask.VARIANTS, options=options), "productVariants")
                                                       .get("items"))}  # fmt: skip
        there = [o for o in offers if o.external_id in known]
        said = [
            {"id": o.external_id, "trackInventory": "TRUE", "stockOnHand": o.quantity + _promised(known[o.external_id])}
            for o in there
        ]  # fmt: skip
        if said:
            self._ask(ask.SET_STOCK, input=said)
        return {o.external_id: None if o.external_id in known else unknown() for o in offers}

    def _order(self, number: str) -> Mapping[str, Any]:
        found = rows(self._orders({"code": {"eq": number}}).get("items"))
        if not found:
            raise unknown()
        return found[0]

    def ship(self, shipped: Shipped) -> Shipping:
        """A fulfillment with the tracking number, then its step to Shipped; both are looked up before they are said."""
        row = self._order(shipped.external_no)
        if row.get("state") == "Cancelled":
            raise ChannelTooLate(say("The order is canceled there"), raw_code="Cancelled")
        known = [f for f in rows(row.get("fulfillments")) if f.get("state") != "Cancelled"]
        ours = [f for f in known if shipped.tracking_no and f.get("trackingCode") == shipped.tracking_no]
        if not ours:
            lines = _left(row, known, dict(shipped.lines))
            if not lines:
                return Shipping(shipped.tracking_no, shipped.carrier)
            told = {"method": shipped.carrier or "-", "trackingCode": shipped.tracking_no}
            handler = {
                "code": self._handler, "arguments": [{"name": name, "value": value} for name, value in told.items()],
            }  # fmt: skip
            ours = [self._do(ask.SEND, "addFulfillmentToOrder", input={"lines": lines, "handler": handler})]
        for fulfillment in ours:
            if words(fulfillment.get("state")) not in SENT:
                self._move(fulfillment, shipped)
        return Shipping(shipped.tracking_no, shipped.carrier)

    def _move(self, fulfillment: Mapping[str, Any], shipped: Shipped) -> None:
        try:
            self._do(ask.MOVE, "transitionFulfillmentToState", id=fulfillment.get("id"), state="Shipped")
        except ChannelRefused:
            again = rows(self._order(shipped.external_no).get("fulfillments"))
            if not any(f.get("id") == fulfillment.get("id") and words(f.get("state")) in SENT for f in again):
                raise

    def cancel(self, external_no: str, reason: str) -> None:
        """Before anything left. Money is given back by a person."""
        row = self._order(external_no)
        if row.get("state") == "Cancelled":
            return
        if words(row.get("state")) in LEFT:
            raise ChannelTooLate(say("The order has left or was paid back there"), raw_code=words(row.get("state")))
        said = {"orderId": row.get("id"), "reason": reason[:255], "cancelShipping": True}
        try:
            self._do(ask.CANCEL, "cancelOrder", input=said)
        except ChannelRefused:
            if self._order(external_no).get("state") != "Cancelled":
                raise


def _end(moment: datetime) -> str:
    """The last instant of a second: moments there may be finer than seconds."""
    return utc(moment).replace("Z", ".999Z")


def _promised(variant: Mapping[str, Any]) -> int:
    """Pieces of orders that wait, and those the shop always keeps back."""
    held = sum(count(level, "stockAllocated") for level in rows(variant.get("stockLevels")))
    own = variant.get("useGlobalOutOfStockThreshold") is False
    return held + (count(variant, "outOfStockThreshold") if own else 0)


def _free(variant: Mapping[str, Any]) -> int | None:
    if variant.get("trackInventory") == "FALSE":
        return None
    there = sum(count(level, "stockOnHand") for level in rows(variant.get("stockLevels")))
    return max(there - _promised(variant), 0)


def _left(row: Mapping[str, Any], known: list[Mapping[str, Any]], wanted: dict[str, int]) -> list[dict[str, Any]]:
    """What of the order is to be sent now: what was asked for, of what is left."""
    gone: dict[str, int] = {}
    for fulfillment in known:
        for line in rows(fulfillment.get("lines")):
            key = words(line.get("orderLineId"))
            gone[key] = gone.get(key, 0) + count(line, "quantity")
    found = []
    for line in rows(row.get("lines")):
        key = words(line.get("id"))
        left = count(line, "quantity") - gone.get(key, 0)
        pieces = min(left, wanted.get(key, 0)) if wanted else left
        if pieces > 0:
            found.append({"orderLineId": key, "quantity": pieces})
    return found


def _problem(reply: Reply) -> ChannelError:
    errors = rows((reply.body or {}).get("errors"))
    code = words(part(errors[0], "extensions").get("code")) if errors else ""
    text = words(errors[0].get("message"), 500) if errors else ""
    return _error(Answer({}, code, text)) if code else by_status(reply, str(reply.status))


def _error(answer: Answer) -> ChannelError:
    """A token that ended is FORBIDDEN too; there is nothing to renew it with."""
    if answer.code in {"FORBIDDEN", "UNAUTHORIZED"}:
        return silent(Silence("bad_key", answer.text, final=True))
    if answer.code == "INTERNAL_SERVER_ERROR":
        return silent(Silence("trouble", answer.text))
    return unknown(answer.code, answer.text) if answer.code == "ENTITY_NOT_FOUND" else refused(answer.code, answer.text)
