"""One Lazada shop.

Orders are listed by time, their pieces asked for in fifties. ``accept`` has Lazada make the parcels and gives their
number; ``ship`` says that they can be taken. An order's own row has no state: it is as far as its least advanced piece.
What a buyer asks to cancel is answered in the seller center: what the interface wants to hear is not published.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from oms import clock
from oms.channels import spans
from oms.channels.asking import Adapter, forged, header, hook_body, refused, same, sign_push, told_mark, unreadable
from oms.channels.lazada import calls, shipping, stock
from oms.channels.lazada.calls import inner
from oms.channels.lazada.orders import order_of, return_of
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
    ChannelUnknown,
    Grant,
    Hint,
    HintKind,
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
from oms.channels.reading import Reading, rows
from oms.net.reading import part, words
from oms.net.transport import Transport

A = Ability
PAGE, MANY, OFFSETS = 100, 50, 5000
RETURNS_PAGE = 50
BEYOND = timedelta(seconds=1)  # whether the ends of a span belong to it is not said
KINDS: Mapping[str, HintKind] = {
    "0": HintKind.ORDER, "3": HintKind.STOCK, "6": HintKind.STOCK, "8": HintKind.ACCESS, "10": HintKind.RETURN,
    "14": HintKind.ORDER,
}  # fmt: skip
Row = Mapping[str, Any]


class Lazada(Adapter):
    """One shop."""

    abilities = frozenset({
        A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.GRANT, A.LISTINGS, A.STOCK, A.ACCEPT, A.SHIP, A.CANCEL, A.LABEL,
        A.RETURNS,
    })  # fmt: skip
    refresh_limit = 10  # a question each
    stock_limit = 20
    window = timedelta(days=30)

    def __init__(
        self, transport: Transport, settings: Mapping[str, str], grant: Grant, to: Callable[[str], Transport]
    ) -> None:
        super().__init__(transport)
        self._settings, self._to = settings, to
        self._calls = calls.Calls(transport, settings, grant.access)
        self._seller = grant.facts.get("seller_id", "")

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_of({k: v for k, v in raw.items() if k != "order_items"}, rows(raw.get("order_items")))

    def check(self) -> str:
        """The name of the shop."""
        seller = inner(self._calls.get("/seller/get"))
        return words(seller.get("name")) or words(seller.get("seller_id")) or self._seller

    def renew(self, grant: Grant) -> Grant:
        """Thirty days more, by the server that gives access."""
        door = self._to(f"{calls.door_of(self.transport.base_url, self._settings)}/rest")
        try:
            return calls.renew(door, self._settings, grant)
        finally:
            door.close()

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """Orders and their pieces."""
        found, rest = spans.read(since, until, cursor, self._lister("updated_at", "update"), PAGE)
        return OrderPage(tuple(self._told(found)), rest)

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """With the moment each was placed."""
        found, rest = spans.read(start, end, cursor, self._lister("created_at", "created"), PAGE)
        placed = {words(row.get("order_id")): Reading().moment("created_at", row.get("created_at")) for row in found}
        return NumberPage({n: at for n, at in placed.items() if at is None or start <= at <= end}, rest)

    def _lister(self, sort_by: str, field: str) -> Any:
        def ask(start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
            at = int(token or 0)
            if at > OFFSETS:
                raise refused("offset", f"> {OFFSETS}")
            span = {f"{field}_after": _iso(start - BEYOND), f"{field}_before": _iso(end + BEYOND)}
            answer = inner(self._calls.get(
                "/orders/get", **span, sort_by=sort_by, sort_direction="ASC", limit=str(PAGE), offset=str(at)
            ))  # fmt: skip
            total = words(answer.get("countTotal"))
            if not isinstance(answer.get("orders"), list) or not total.isdecimal():
                raise unreadable()
            found = [row for row in rows(answer["orders"]) if words(row.get("order_id"))]
            beyond = at + len(answer["orders"])
            return spans.Answer(found, str(beyond) if found and beyond < int(total) else "", int(total))

        return ask

    def _told(self, orders: Sequence[Row]) -> list[OrderNews]:
        pieces: dict[str, list[Row]] = {}
        numbers = [words(row.get("order_id")) for row in orders]
        for at in range(0, len(numbers), MANY):
            asked = [int(n) for n in numbers[at : at + MANY] if n.isdecimal()]
            if not asked:
                continue
            answer = self._calls.get("/orders/items/get", order_ids=json.dumps(asked))
            if not isinstance(answer, list):
                raise unreadable()
            for row in rows(answer):
                pieces[words(row.get("order_id"))] = rows(row.get("order_items"))
        return [order_of(row, pieces.get(words(row.get("order_id")), [])) for row in orders]

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """Orders one by one, their pieces together."""
        found: list[Row] = []
        for number in dict.fromkeys(n for n in numbers if n.isascii() and n.isdecimal()):
            try:
                row = inner(self._calls.get("/order/get", order_id=number))
            except ChannelUnknown:
                continue
            if not words(row.get("order_id")):
                raise unreadable()
            found.append(row)
        return tuple(self._told(found))

    def read_webhook(self, called: Called) -> WebhookNews:
        """Signed over the app's key and every byte. What it tells is read back."""
        made = sign_push(self._calls.key, self._calls.secret, called.body)
        if not same(made, header(called.headers, "authorization").strip().lower()):
            raise forged()
        body = hook_body(called.body)
        data = part(body, "data")
        key = told_mark(words(body.get("message_type")), data)
        if self._seller and (other := words(body.get("seller_id"))) not in {"", "null", self._seller}:
            return WebhookNews((), trusted=True, key=key, shop=other)
        kind = KINDS.get(words(body.get("message_type")), HintKind.OTHER)
        number = words(data.get("trade_order_id"))
        if kind is HintKind.RETURN:
            canceling = words(data.get("reverse_status")).startswith("CANCEL")
            kind = HintKind.ORDER if canceling else kind
            number = number if canceling else words(data.get("reverse_order_id"))
        return WebhookNews((Hint(kind, number),), trusted=True, key=key)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Products and their SKUs."""
        return stock.listings(self._calls, cursor)

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """Absolute: how many may be sold."""
        return stock.push(self._calls, offers)

    def accept(self, external_no: str) -> Shipping:
        """Have the parcels made."""
        return shipping.pack(self._calls, external_no)

    def ship(self, shipped: Shipped) -> Shipping:
        """The parcels can be taken."""
        return shipping.ready(self._calls, shipped.external_no)

    def cancel(self, external_no: str, reason: str) -> None:
        """Before it leaves."""
        shipping.cancel(self._calls, external_no, reason)

    def get_label(self, external_no: str) -> bytes:
        """Of all parcels of the order."""
        return shipping.label(self._calls, external_no, self._to)

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        """Returns that changed; cancellations are left to the orders."""

        def ask(start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
            page = int(token or 1)
            answer = inner(self._calls.get(
                "/reverse/getreverseordersforseller", page_no=str(page), page_size=str(RETURNS_PAGE),
                ReverseOrderLineModifiedTimeRangeStart=_millis(start),
                ReverseOrderLineModifiedTimeRangeEnd=_millis(end),
            ))  # fmt: skip
            total = words(answer.get("total"))
            if not isinstance(answer.get("items"), list) or not total.isdecimal():
                raise unreadable()
            more = bool(answer["items"]) and page * RETURNS_PAGE < int(total)
            return spans.Answer(rows(answer["items"]), str(page + 1) if more else "", int(total))

        found, rest = spans.read(since, until, cursor, ask, RETURNS_PAGE)
        return ReturnPage(tuple(told for row in found if (told := return_of(row)) and told.external_no), rest)


def _iso(moment: datetime) -> str:
    return clock.local(moment).isoformat(timespec="seconds")


def _millis(moment: datetime) -> str:
    return f"{int(moment.timestamp())}000"
