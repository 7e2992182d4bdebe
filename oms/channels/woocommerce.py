"""WooCommerce, REST v3, in the seller's own WordPress.

Over https the keys go as Basic, over http (a shop on this very machine) every request is signed by OAuth 1.0a. A list
is cut into spans that one answer holds, because its pages shift while orders change. Baskets are no orders; orders in
the bin are not among "any" and are asked for apart. The shop has no field for a tracking number: it goes into the
order's own notes, where the buyer reads it, and beside the order, where plug-ins look for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from oms.channels import spans
from oms.channels.asking import Adapter, by_status, forged, header, mark_of, refused, same, silent, unknown
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
    ChannelTooLate,
    Hint,
    HintKind,
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
from oms.channels.reading import Reading, rows
from oms.channels.webshop import SECOND, count, data_of, utc
from oms.channels.woocommerce_orders import (
    CARRIER,
    DRAFTS,
    PARTS,
    TRACKING,
    meta,
    moment,
    order_news,
    return_news,
)
from oms.errors import say
from oms.net.reading import part, words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport

A = Ability
PAGE = 100
PRODUCTS = 20  # of a page: those with variations are asked for theirs one by one
API = "/wp-json/wc/v3"
PING = b"webhook_id="
GONE = frozenset({"completed", "refunded"})


def oauth(
    method: str, url: str, params: Mapping[str, str], keys: tuple[str, str], *, nonce: str, at: int
) -> dict[str, str]:
    """The same parameters signed by OAuth 1.0a with one leg. ``keys``: consumer key and secret."""
    said = dict(params) | {
        "oauth_consumer_key": keys[0], "oauth_nonce": nonce, "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(at),
    }  # fmt: skip
    pairs = "&".join(f"{_enc(k)}={_enc(v)}" for k, v in sorted(said.items()))
    base = f"{method}&{_enc(url)}&{_enc(pairs)}"
    made = hmac.new(f"{keys[1]}&".encode(), base.encode(), hashlib.sha256).digest()
    return said | {"oauth_signature": base64.b64encode(made).decode()}


def _enc(text: str) -> str:
    return quote(text, safe="~")


class WooCommerce(Adapter):
    """One shop."""

    abilities = frozenset({
        A.LIST, A.NUMBERS, A.REFRESH, A.WEBHOOK, A.LISTINGS, A.STOCK, A.SHIP, A.CANCEL, A.RETURNS,
    })  # fmt: skip
    refresh_limit = PAGE
    stock_limit = PAGE
    window = timedelta(days=7)

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._keys = (settings["key"], settings["secret"])
        self._hook_secret = settings.get("hook_secret", "")

    def _ask(self, method: str, path: str, params: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """The JSON of a good answer. Raises ChannelError."""
        url, asked = f"{API}/{path}", dict(params or {})
        if urlsplit(self.transport.base_url).scheme == "https":
            reply = self.send(method, url, params=asked, body=body, basic=self._keys)
        else:
            signed = oauth(method, f"{self.transport.base_url}{url}", asked, self._keys, nonce=secrets.token_hex(16),
                           at=int(time.time()))  # fmt: skip
            reply = self.send(method, url, params=signed, body=body)
        if reply.status >= 400:
            raise _problem(reply)
        return data_of(reply)

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        """Once more, from the kept words."""
        return order_news(raw)

    def check(self) -> str:
        """One order asked for proves the keys; the shop's name is public."""
        self._ask("GET", "orders", {"per_page": "1", "_fields": "id"})
        reply = self.send("GET", "/wp-json/")
        return reply.text("name")

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """By the moment of the last change, oldest first."""
        found, rest = self._changed(since, until, cursor)
        return OrderPage(tuple(order_news(row) for row in found if _is_order(row)), rest)

    def _changed(self, since: datetime, until: datetime, cursor: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        """Whether the ends of a span are inside is the shop's secret, so it is asked a second wider."""

        def ask(start: datetime, end: datetime, token: str) -> spans.Answer[Mapping[str, Any]]:
            found = self._orders({
                "modified_after": _wall(start - SECOND), "modified_before": _wall(end + SECOND),
                "dates_are_gmt": "true", "orderby": "modified", "order": "asc", "page": token or "1", "status": "any",
            })  # fmt: skip
            return spans.Answer(found, str(int(token or 1) + 1) if len(found) >= PAGE else "")

        return spans.read(since, until, cursor, ask, PAGE)

    def _orders(self, params: Mapping[str, str]) -> list[Mapping[str, Any]]:
        return rows(self._ask("GET", "orders", {"per_page": str(PAGE), **params}))

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """By the moment of ordering, which never moves."""
        found = self._orders({
            "after": _wall(start - SECOND), "before": _wall(end + SECOND), "dates_are_gmt": "true", "orderby": "date",
            "order": "asc", "page": cursor or "1", "status": "any", "_fields": "id,status,date_created_gmt",
        })  # fmt: skip
        placed = {words(row.get("id")): moment(Reading(), row, "date_created") for row in found if _is_order(row)}
        inside = {number: at for number, at in placed.items() if at is None or start <= at < end}
        return NumberPage(inside, str(int(cursor or 1) + 1) if len(found) >= PAGE else "")

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """By id; those that are not there may lie in the bin."""
        asked = [number for number in numbers if number.isascii() and number.isdigit()]
        found: list[Mapping[str, Any]] = []
        for status in ("any", "trash"):
            left = sorted(set(asked) - {words(row.get("id")) for row in found}, key=int)
            if left:
                found += self._orders({"include": ",".join(left), "status": status})
        return tuple(order_news(row) for row in found if words(row.get("id")) in set(asked))

    def read_webhook(self, called: Called) -> WebhookNews:
        """Signed over every byte. The first call after a webhook is made is not signed and must be answered 200."""
        said = header(called.headers, "x-wc-webhook-signature")
        if not said and called.body.startswith(PING) and called.body.removeprefix(PING).isdigit():
            return WebhookNews((), trusted=False, key=mark_of(called.body))
        made = base64.b64encode(hmac.new(self._hook_secret.encode(), called.body, hashlib.sha256).digest()).decode()
        if not self._hook_secret or not same(made, said):
            raise forged()
        try:
            row = json.loads(called.body)
        except ValueError:
            raise forged() from None
        number = words(row.get("id")) if isinstance(row, dict) else ""
        kind = HintKind.ORDER if header(called.headers, "x-wc-webhook-resource") == "order" else HintKind.OTHER
        if header(called.headers, "x-wc-webhook-resource") == "product":
            kind = HintKind.STOCK
        hints = (Hint(kind, number),) if number else ()
        return WebhookNews(hints, trusted=True, key=mark_of(called.body))

    def list_listings(self, cursor: str = "") -> ListingPage:
        """Products, and the variations of those that have some: their own key is "product/variation"."""
        page = int(cursor or 1)
        params = {"per_page": str(PRODUCTS), "page": str(page), "orderby": "id", "order": "asc"}
        products = rows(self._ask("GET", "products", params))
        found: list[Listing] = []
        for product in products:
            number = words(product.get("id"))
            if product.get("type") == "variable":
                found += [_listing(f"{number}/{words(v.get('id'))}", v, product) for v in self._variations(number)]
            elif words(product.get("type")) in {"simple", ""}:
                found.append(_listing(number, product, product))
        return ListingPage(tuple(found), str(page + 1) if len(products) >= PRODUCTS else "")

    def _variations(self, number: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while True:
            params = {"per_page": str(PAGE), "page": str(len(found) // PAGE + 1), "orderby": "id", "order": "asc"}
            more = rows(self._ask("GET", f"products/{number}/variations", params))
            found += more
            if len(more) < PAGE:
                return found

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """One batch for all products, one for the variations of each."""
        groups: dict[str, list[Offer]] = {}
        for offer in offers:
            parent, slash, _ = offer.external_id.partition("/")
            groups.setdefault(f"products/{parent}/variations" if slash else "products", []).append(offer)
        told: dict[str, ChannelError | None] = {}
        for path, group in groups.items():
            update = [{"id": _own(o), "manage_stock": True, "stock_quantity": o.quantity} for o in group]
            answer = self._ask("POST", f"{path}/batch", body={"update": update})
            given = rows(answer.get("update")) if isinstance(answer, dict) else []
            said = {words(row.get("id")): part(row, "error") for row in given}
            for offer in group:
                own = str(_own(offer))
                error = said.get(own, {"code": "missing"})
                told[offer.external_id] = (
                    _said(words(error.get("code")), words(error.get("message"))) if error else None
                )
        return told

    def _order(self, number: str) -> Mapping[str, Any]:
        if not (number.isascii() and number.isdigit()):
            raise unknown()
        found = self._ask("GET", f"orders/{number}")
        return found if isinstance(found, dict) else {}

    def ship(self, shipped: Shipped) -> Shipping:
        """A note the buyer gets, written once; then the order is completed, when all of its pieces left."""
        row = self._order(shipped.external_no)
        path, status = f"orders/{shipped.external_no}", words(row.get("status"))
        if status in {"cancelled", "trash", "refunded"}:
            raise ChannelTooLate(say("The order is canceled there"), raw_code=status)
        left = _left(row, shipped)
        whole = all(
            sum(sent.get(words(i.get("id")), 0) for sent in left.values()) >= count(i, "quantity")
            for i in rows(row.get("line_items"))
        )
        if status == "completed" and shipped.tracking_no in left and meta(row, PARTS) == _text(left):
            return Shipping(shipped.tracking_no, shipped.carrier)
        if shipped.tracking_no and not self._noted(path, shipped.tracking_no):
            said = " ".join(filter(None, (shipped.carrier, shipped.tracking_no, shipped.url)))
            self._ask("POST", f"{path}/notes", body={"note": said, "customer_note": True})
        kept = {TRACKING: shipped.tracking_no, CARRIER: shipped.carrier, PARTS: _text(left)}
        change: dict[str, Any] = {"meta_data": [{"key": key, "value": value} for key, value in kept.items()]}
        self._ask("PUT", path, body=change | ({"status": "completed"} if whole else {}))
        return Shipping(shipped.tracking_no, shipped.carrier)

    def _noted(self, path: str, tracking_no: str) -> bool:
        """Whether a note with this number is there: writing one may not be repeated blindly."""
        return any(tracking_no in words(note.get("note"), 5000) for note in rows(self._ask("GET", f"{path}/notes")))

    def cancel(self, external_no: str, reason: str) -> None:
        """Before it is completed. Money is given back by a person."""
        status = words(self._order(external_no).get("status"))
        if status in {"cancelled", "trash"}:
            return
        if status in GONE:
            raise ChannelTooLate(say("The order has left or was paid back there"), raw_code=status)
        kept = [{"key": "_oms_cancel_reason", "value": reason[:300]}]
        self._ask("PUT", f"orders/{external_no}", body={"status": "cancelled", "meta_data": kept})

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        """Refunds of the orders that changed; the shop knows no return before its money went back."""
        found, rest = self._changed(since, until, cursor)
        told = []
        for row in found:
            number = words(row.get("id"))
            if rows(row.get("refunds")):
                refunds = rows(self._ask("GET", f"orders/{number}/refunds", {"per_page": str(PAGE)}))
                told += [return_news(number, r, moment(Reading(), row, "date_modified")) for r in refunds]
        return ReturnPage(tuple(told), rest)


def _is_order(row: Mapping[str, Any]) -> bool:
    return words(row.get("status")) not in DRAFTS and bool(words(row.get("id")))


def _wall(moment: datetime) -> str:
    return utc(moment).removesuffix("Z")


def _own(offer: Offer) -> int:
    """The id within its batch; 0, which no shop has, for a key that is none of this shop's."""
    text = offer.external_id.rpartition("/")[2]
    return int(text) if text.isascii() and text.isdigit() else 0


def _listing(key: str, row: Mapping[str, Any], product: Mapping[str, Any]) -> Listing:
    quantity = count(row, "stock_quantity") if row.get("manage_stock") is True else None
    return Listing(words(row.get("sku")), key, words(product.get("name"), 300), quantity)


def _left(row: Mapping[str, Any], shipped: Shipped) -> dict[str, dict[str, int]]:
    """What left under which number, this time included: kept beside the order, so that a repeat adds nothing."""
    try:
        kept = json.loads(meta(row, PARTS) or "{}")
    except ValueError:
        kept = {}
    before = {k: v for k, v in kept.items() if isinstance(v, dict)} if isinstance(kept, dict) else {}
    every = {words(i.get("id")): count(i, "quantity") for i in rows(row.get("line_items"))}
    return before | {shipped.tracking_no: dict(shipped.lines) or every}


def _text(left: Mapping[str, Mapping[str, int]]) -> str:
    return json.dumps(left, sort_keys=True, separators=(",", ":"))


def _said(code: str, text: str) -> ChannelError:
    return unknown(code, text) if code.endswith("invalid_id") or code == "missing" else refused(code, text)


def _problem(reply: Reply) -> ChannelError:
    """Pages of a firewall or of maintenance are no JSON: worth another try only when they say so by status."""
    code, text = reply.text("code"), reply.text("message")
    if reply.body is None and reply.status < 500 and reply.status != 429:
        return silent(Silence("settings", f"{reply.status} {reply.kind}", final=True))
    if code == "rest_no_route":
        return silent(Silence("settings", text, final=True))
    return unknown(code, text) if reply.status == 404 else by_status(reply, code, text)
