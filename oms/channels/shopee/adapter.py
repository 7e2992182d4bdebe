"""One Shopee shop.

Orders are listed by number and told whole in fifties. A span is 15 days at most. Goods leave with what Shopee arranges:
``accept`` arranges it, and a number comes then or some minutes later. The buyer's address is hidden by stars once the
order has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from oms.channels import spans
from oms.channels.asking import Adapter, forged, header, hook_body, same, told_mark, unreadable
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
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
    WebhookAnswer,
    WebhookNews,
)
from oms.channels.reading import broken, rows
from oms.channels.shopee import calls, shipping, stock
from oms.channels.shopee.orders import OPTIONAL, order_of, return_of
from oms.channels.shopee.words import sign_push
from oms.net.reading import part, words
from oms.net.transport import Transport

A = Ability
PAGE, DETAILS = 100, 50
CODES: Mapping[str, HintKind] = {
    "1": HintKind.ACCESS, "2": HintKind.ACCESS, "3": HintKind.ORDER, "4": HintKind.ORDER, "8": HintKind.STOCK,
    "12": HintKind.ACCESS, "15": HintKind.ORDER,
}  # fmt: skip
Row = Mapping[str, Any]


class Shopee(Adapter):
    """One shop."""

    abilities = frozenset({
        A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.GRANT, A.LISTINGS, A.STOCK, A.ACCEPT, A.SHIP, A.CANCEL,
        A.ANSWER_CANCEL, A.LABEL, A.RETURNS,
    })  # fmt: skip
    refresh_limit = DETAILS
    stock_limit = 8  # each may be a question of its own
    window = timedelta(days=15) - timedelta(minutes=1)  # a second more would be refused

    def __init__(self, transport: Transport, settings: Mapping[str, str], grant: Grant) -> None:
        super().__init__(transport)
        self._settings = settings
        self._calls = calls.Calls(transport, settings, grant)
        self._push_key = settings.get("push_key", "").strip() or self._calls.key
        self._liked = settings.get("handover", "").strip().lower()

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_of(raw)

    def check(self) -> str:
        """The name of the shop."""
        return words(self._calls.get("/shop/get_shop_info").get("shop_name")) or self._calls.shop

    def renew(self, grant: Grant) -> Grant:
        """Four hours more."""
        return calls.renew(self.transport, self._settings, grant)

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """Numbers first, then the orders whole. One that is listed and not told is broken, not lost."""
        found, rest = spans.read(since, until, cursor, self._lister("update_time"), PAGE)
        told = {news.external_no: news for news in self._told([words(row.get("order_sn")) for row in found])}
        news = [
            told.get(words(row.get("order_sn"))) or broken(words(row.get("order_sn")), row, "detail") for row in found
        ]
        news.sort(key=lambda n: n.updated_at.timestamp() if n.updated_at else 0.0)
        return OrderPage(tuple(news), rest)

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """By the time they were placed, which the list itself does not tell."""
        found, rest = spans.read(start, end, cursor, self._lister("create_time"), PAGE)
        return NumberPage({words(row.get("order_sn")): None for row in found}, rest)

    def _lister(self, field: str) -> Any:
        def ask(start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
            answer = self._calls.get(
                "/order/get_order_list", time_range_field=field, time_from=str(int(start.timestamp())),
                time_to=str(int(end.timestamp())), page_size=str(PAGE), cursor=token,
                response_optional_fields="order_status", request_order_status_pending="true",
            )  # fmt: skip
            token = words(answer.get("next_cursor")) if answer.get("more") is True else ""
            if not isinstance(answer.get("order_list"), list) or (answer.get("more") is True and not token):
                raise unreadable()
            return spans.Answer([row for row in rows(answer["order_list"]) if words(row.get("order_sn"))], token)

        return ask

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """Whole orders by number."""
        return tuple(self._told(numbers))

    def _told(self, numbers: Sequence[str]) -> Iterable[OrderNews]:
        asked = list(dict.fromkeys(n for n in numbers if n.isascii() and n.isalnum()))
        for at in range(0, len(asked), DETAILS):
            for row in shipping.details(self._calls, asked[at : at + DETAILS], ",".join(OPTIONAL)):
                yield order_of(row)

    def read_webhook(self, called: Called) -> WebhookNews:
        """Signed over the registered address and every byte. What it tells is read back."""
        if not same(
            sign_push(self._push_key, called.url, called.body), header(called.headers, "authorization").strip()
        ):
            raise forged()
        body = hook_body(called.body)
        data = part(body, "data")
        key, answer = told_mark(words(body.get("code")), data), WebhookAnswer()
        if self._calls.shop and (other := words(body.get("shop_id"))) not in {"", "0", self._calls.shop}:
            return WebhookNews((), trusted=True, key=key, answer=answer, shop=other)
        number = words(data.get("ordersn")) or words(data.get("order_sn"))
        back = words(data.get("return_sn"))
        kind = CODES.get(words(body.get("code")), HintKind.OTHER)
        if kind is HintKind.OTHER and (number or back):  # newer codes speak of orders too
            kind = HintKind.RETURN if back else HintKind.ORDER
        return WebhookNews((Hint(kind, back or number),), trusted=True, key=key, answer=answer)

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Items and their models."""
        return stock.listings(self._calls, cursor)

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """Absolute, item by item."""
        return stock.push(self._calls, offers)

    def accept(self, external_no: str) -> Shipping:
        """Have it fetched, or say that it will be brought."""
        return shipping.arrange(self._calls, external_no, self._liked)

    def ship(self, shipped: Shipped) -> Shipping:
        """Arranged where that has not been done; with our own carrier its number goes along."""
        return shipping.arrange(self._calls, shipped.external_no, self._liked, shipped.tracking_no)

    def cancel(self, external_no: str, reason: str) -> None:
        """Before it is arranged."""
        shipping.cancel(self._calls, external_no, reason)

    def answer_cancel(self, external_no: str, *, agree: bool) -> None:
        """Yes or no."""
        shipping.answer_cancel(self._calls, external_no, agree=agree)

    def get_label(self, external_no: str) -> bytes:
        """Made by Shopee, fetched when it is ready."""
        return shipping.label(self._calls, external_no)

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        """Returns that changed."""

        def ask(start: datetime, end: datetime, token: str) -> spans.Answer[Row]:
            page = int(token or 0)
            answer = self._calls.get(
                "/returns/get_return_list", page_no=str(page), page_size=str(PAGE),
                update_time_from=str(int(start.timestamp())), update_time_to=str(int(end.timestamp())),
            )  # fmt: skip
            if not isinstance(answer.get("return"), list):
                raise unreadable()
            return spans.Answer(rows(answer["return"]), str(page + 1) if answer.get("more") is True else "")

        found, rest = spans.read(since, until, cursor, ask, PAGE)
        return ReturnPage(tuple(return_of(row) for row in found if words(row.get("return_sn"))), rest)
