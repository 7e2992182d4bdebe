"""One TikTok Shop.

A search tells whole orders, one row for each piece, up to a hundred at once. Every order has parcels of the platform's
own; they are fetched by it or brought to it, or go with our own carrier where the order says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from oms.channels import spans
from oms.channels.asking import Adapter, forged, header, hook_body, mark_of, same, sign_push, unreadable
from oms.channels.market_fields import CARRIERS, carriers_of
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
    ChannelSilent,
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
from oms.channels.tiktok import calls, shipping, stock
from oms.channels.tiktok.orders import order_of, return_of
from oms.net.reading import part, words
from oms.net.transport import Transport

A = Ability
PAGE, RETURNS_PAGE = 100, 50
SECOND = timedelta(seconds=1)
KINDS: Mapping[str, HintKind] = {
    "1": HintKind.ORDER, "2": HintKind.RETURN, "3": HintKind.ORDER, "4": HintKind.ORDER, "5": HintKind.STOCK,
    "6": HintKind.ACCESS, "7": HintKind.ACCESS, "11": HintKind.ORDER, "12": HintKind.RETURN,
}  # fmt: skip
Row = Mapping[str, Any]


class TikTok(Adapter):
    """One shop."""

    abilities = frozenset({
        A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.GRANT, A.LISTINGS, A.STOCK, A.ACCEPT, A.SHIP, A.CANCEL,
        A.ANSWER_CANCEL, A.LABEL, A.RETURNS,
    })  # fmt: skip
    refresh_limit = 50
    stock_limit = 16  # each may be a question of its own
    window = timedelta(days=30)

    def __init__(
        self, transport: Transport, settings: Mapping[str, str], grant: Grant, to: Callable[[str], Transport]
    ) -> None:
        super().__init__(transport)
        self._settings, self._to = settings, to
        self._calls = calls.Calls(transport, settings, grant)
        self._shop = grant.facts.get("shop_id", "")
        self._liked = settings.get("handover", "").strip().lower()
        self._carriers = carriers_of(settings.get(CARRIERS, ""))
        self._warehouse = ""

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_of(raw)

    def check(self) -> str:
        """The name of the shop."""
        shops = self._calls.shops()
        ours = next((s for s in shops if words(s.get("id")) == self._shop), shops[0] if shops else {})
        return words(ours.get("name")) or self._shop

    def renew(self, grant: Grant) -> Grant:
        """Seven days more, by the server that gives access."""
        door = self._to(calls.door_of(self.transport.base_url, self._settings))
        try:
            return calls.renew(door, self._settings, grant)
        finally:
            door.close()

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """Whole orders."""
        found, rest = spans.read(since, until, cursor, self._searcher("update_time"), PAGE)
        return OrderPage(tuple(order_of(row) for row in found), rest)

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """With the moment each was placed."""
        found, rest = spans.read(start, end, cursor, self._searcher("create_time"), PAGE)
        return NumberPage(
            {words(r.get("id")): Reading().seconds("create_time", r.get("create_time")) for r in found}, rest
        )

    def _searcher(self, field: str) -> Any:
        return self._lister("/order/202309/orders/search", "orders", "id", field, PAGE)

    def _lister(self, path: str, name: str, key: str, field: str, size: int) -> Any:
        def ask(start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
            query = {"page_size": str(size), "sort_field": field, "sort_order": "ASC"}
            query |= {"page_token": token} if token else {}
            body = {f"{field}_ge": int(start.timestamp()), f"{field}_lt": int((end + SECOND).timestamp())}
            answer = self._calls.post(path, body, query)
            total = words(answer.get("total_count"))
            if not isinstance(answer.get(name), list) and total != "0":
                raise unreadable()
            found = [row for row in rows(answer.get(name)) if words(row.get(key))]
            more = words(answer.get("next_page_token"), 4000)
            return spans.Answer(found, more, int(total) if total.isdecimal() else None)

        return ask

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """Whole orders by number."""
        asked = list(dict.fromkeys(n for n in numbers if n.isascii() and n.isdecimal()))
        return tuple(order_of(row) for row in shipping.orders(self._calls, asked)) if asked else ()

    def read_webhook(self, called: Called) -> WebhookNews:
        """Signed over the app's key and every byte. What it tells is read back."""
        made = sign_push(self._calls.key, self._calls.secret, called.body)
        if not same(made, header(called.headers, "authorization").strip()):
            raise forged()
        body = hook_body(called.body)
        key = words(body.get("tts_notification_id")) or mark_of(called.body)
        if self._shop and (other := words(body.get("shop_id"))) not in {"", self._shop}:
            return WebhookNews((), trusted=True, key=key, shop=other)
        return WebhookNews(_hints(words(body.get("type")), part(body, "data")), trusted=True, key=key)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Products and their SKUs."""
        return stock.listings(self._calls, cursor)

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """Absolute, product by product, in the shop's main warehouse."""
        try:
            self._warehouse = self._warehouse or stock.main_warehouse(self._calls)
        except ChannelSilent as silence:
            return dict.fromkeys((o.external_id for o in offers), silence)
        return stock.push(self._calls, offers, self._warehouse)

    def accept(self, external_no: str) -> Shipping:
        """Have it fetched, or say that it will be brought."""
        return shipping.hand_over(self._calls, external_no, self._liked)

    def ship(self, shipped: Shipped) -> Shipping:
        """Handed over where that has not been said; with our own carrier its number goes along."""
        code = shipped.carrier_code or self._carriers.get(shipped.carrier.strip().casefold(), "")
        named = replace(shipped, carrier_code=code)
        return shipping.hand_over(self._calls, shipped.external_no, self._liked, named)

    def cancel(self, external_no: str, reason: str) -> None:
        """Before it leaves."""
        shipping.cancel(self._calls, external_no, reason)

    def answer_cancel(self, external_no: str, *, agree: bool) -> None:
        """Yes or no."""
        shipping.answer_cancel(self._calls, external_no, agree=agree)

    def get_label(self, external_no: str) -> bytes:
        """From where TikTok put it."""
        return shipping.label(self._calls, external_no, self._to)

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        """Returns that changed."""
        path = "/return_refund/202309/returns/search"
        lister = self._lister(path, "return_orders", "return_id", "update_time", RETURNS_PAGE)
        found, rest = spans.read(since, until, cursor, lister, RETURNS_PAGE)
        return ReturnPage(tuple(return_of(row) for row in found), rest)


def _hints(kind: str, data: Row) -> tuple[Hint, ...]:
    """Where to look. Sources number the kinds differently, so what is told decides before its number does."""
    number, back = words(data.get("order_id")), words(data.get("return_id"))
    if back:
        return (Hint(HintKind.RETURN, back),)
    if number and (data.get("order_status") or KINDS.get(kind, HintKind.ORDER) is not HintKind.RETURN):
        return (Hint(HintKind.ORDER, number),)
    parcels = rows(data.get("package_list"))
    lists = [p.get("order_id_list") for p in parcels]
    several = {words(n) for found in lists if isinstance(found, list) for n in found if words(n)}
    if several:
        return tuple(Hint(HintKind.ORDER, n) for n in sorted(several))
    return (Hint(KINDS.get(kind, HintKind.OTHER), number),)
