"""One LINE SHOPPING shop.

The list tells orders by the time they changed, without their items, so each is asked for. There are no webhooks. What
the filters take is known from a copy of the interface alone, so none is used but the time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from oms import clock
from oms.channels import spans
from oms.channels.asking import Adapter, too_late, unknown, unreadable
from oms.channels.line_shopping import stock
from oms.channels.line_shopping.calls import Calls, problem
from oms.channels.line_shopping.orders import order_of, states
from oms.channels.port import (
    Ability,
    ChannelError,
    ChannelRefused,
    ChannelUnknown,
    ListingPage,
    NumberPage,
    Offer,
    OrderNews,
    OrderPage,
    Shipped,
    Shipping,
)
from oms.channels.reading import Reading, broken, rows
from oms.net.reading import is_pdf, part, words
from oms.net.transport import Transport

A = Ability
PAGE = 20  # each takes a question of its own
BEYOND = timedelta(seconds=1)  # whether the ends of a span belong to it is not said
LEFT = frozenset({"ON_DELIVERY", "SHIPPED_ALL"})
LABEL = {"size": "THERMAL", "language": "TH", "option": "SENDER_AND_RECIPIENT", "details": []}
Row = Mapping[str, Any]


class LineShopping(Adapter):
    """One shop."""

    abilities = frozenset({A.LIST, A.NUMBERS, A.REFRESH, A.LISTINGS, A.STOCK, A.SHIP, A.CANCEL, A.LABEL, A.CHAT})
    refresh_limit = PAGE
    stock_limit = 6  # each is a question of its own, after one for all
    window = timedelta(days=30)

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._calls = Calls(transport, settings)

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_of(raw)

    def check(self) -> str:
        """That the key is taken; the shop's name is not told."""
        if not isinstance(self._calls.get("/orders", {"page": "1", "perPage": "1"}).get("data"), list):
            raise unreadable()
        return ""

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """Orders, each asked for. One that is listed and not told is broken, not lost."""
        found, rest = spans.read(since, until, cursor, self._lister, PAGE)
        told = [self._told(words(row.get("orderNumber")), row) for row in found]
        told.sort(key=lambda n: n.updated_at.timestamp() if n.updated_at else 0.0)
        return OrderPage(tuple(told), rest)

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """What was placed within a span changed then or later; the list knows the time of changes only."""
        found, rest = spans.read(start, clock.now(), cursor, self._lister, PAGE)
        placed = {words(r.get("orderNumber")): Reading().moment("checkoutAt", r.get("checkoutAt")) for r in found}
        return NumberPage({n: at for n, at in placed.items() if at is None or start <= at < end}, rest)

    def _lister(self, start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
        page = int(token or 1)
        answer = self._calls.get("/orders", {
            "startAt": _iso(start - BEYOND), "endAt": _iso(end + BEYOND), "sortBy": "UPDATED_AT", "orderBy": "ASC",
            "page": str(page), "perPage": str(PAGE),
        })  # fmt: skip
        pages, total = words(answer.get("totalPage")), words(answer.get("totalRow"))
        if not isinstance(answer.get("data"), list) or not pages.isdecimal() or not total.isdecimal():
            raise unreadable()
        found = [row for row in rows(answer["data"]) if words(row.get("orderNumber"))]
        more = page < int(pages)
        if not more and page == 1 and len(found) != int(total):
            raise unreadable(f"{len(found)} != {total}")  # pages may be counted from another number than believed
        return spans.Answer(found, str(page + 1) if more else "", int(total))

    def _told(self, number: str, row: Row) -> OrderNews:
        try:
            return order_of(self._one(number))
        except ChannelUnknown:
            return broken(number, row, "orderItems")

    def _one(self, number: str) -> Row:
        """An order with its items. Raises ChannelUnknown, also for a number it calls a bad question."""
        if not number.isascii() or not number.isalnum():
            raise unknown()
        try:
            found = self._calls.get(f"/orders/{number}")
        except ChannelRefused as refusal:
            raise unknown(refusal.raw_code, refusal.raw_text) from refusal
        if words(found.get("orderNumber")) != number:
            raise unreadable()
        return found

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """One by one."""
        found = []
        for number in dict.fromkeys(numbers):
            try:
                found.append(order_of(self._one(number)))
            except ChannelUnknown:
                continue
        return tuple(found)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Products and their variants."""
        return stock.listings(self._calls, cursor)

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """By difference to what is there."""
        return stock.push(self._calls, offers)

    def ship(self, shipped: Shipped) -> Shipping:
        """The goods left under this number; a number that changed since is corrected."""
        number = shipped.external_no
        told = {"trackingNumber": shipped.tracking_no, "trackingUrl": shipped.url}
        before = self._one(number)
        if states(before)[2] not in LEFT:
            try:
                self._calls.tell("POST", f"/orders/{number}/mark-as-ship", told)
            except ChannelRefused:
                if states(before := self._one(number))[2] not in LEFT:
                    raise
            else:
                return Shipping(shipped.tracking_no, shipped.carrier)
        known = words(part(before, "shipmentDetail").get("trackingNumber"), 80)
        if shipped.tracking_no and known != shipped.tracking_no:
            self._calls.tell("PUT", f"/orders/{number}/shipments", told)
        return Shipping(shipped.tracking_no or known, shipped.carrier)

    def cancel(self, external_no: str, reason: str) -> None:
        """Before it left."""
        if states(self._one(external_no))[0] == "CANCELED":
            return
        try:
            self._calls.tell("PUT", f"/orders/{external_no}/cancel", {"remarkCancel": reason[:200]})
        except ChannelRefused as refusal:
            order, _, shipping = states(self._one(external_no))
            if order == "CANCELED":
                return
            raise too_late(refusal) if order != "FINALIZED" or shipping in LEFT else refusal from refusal

    def get_label(self, external_no: str) -> bytes:
        """An address label for a label printer. It comes as a file or as the numbers of its bytes."""
        self._one(external_no)
        reply = self._calls.send("POST", f"/orders/{external_no}/parcel-label", body=LABEL)
        if reply.status >= 400:
            raise problem(reply) or unreadable()
        data = reply.data if is_pdf(reply.data) else _bytes(reply.data)
        if not is_pdf(data):
            raise unreadable()
        return data

    def send_text(self, thread: str, text: str, key: str) -> str:  # noqa: ARG002  it knows no keys of ours
        """To the buyer of an order, whose number is the thread."""
        self._one(thread)
        answer = self._calls.tell(
            "PUT", f"/orders/{thread}/send-message", {"messages": [{"type": "text", "text": text}]}
        )
        ids = answer.get("messageIds")
        return words(ids[0]) if isinstance(ids, list) and ids else ""


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bytes(data: bytes) -> bytes:
    try:
        found = json.loads(data)
        return bytes(found) if isinstance(found, list) else b""
    except (ValueError, TypeError, RecursionError):
        return b""
