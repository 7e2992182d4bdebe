"""A channel that is in no catalogue, for proving that adding one is a module and a row: its adapter and simulator."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from oms import clock
from oms.catalog.models import Channel as ChannelName
from oms.channels.asking import Adapter, by_status, forged, header, mark_of, refused, same, unknown, unreadable
from oms.channels.port import (
    Ability,
    Called,
    ChannelError,
    ChannelExpired,
    ChannelTooLate,
    Grant,
    Hint,
    HintKind,
    Listing,
    ListingPage,
    NumberPage,
    Offer,
    OrderNews,
    OrderPage,
    ReturnNews,
    ReturnPage,
    ReturnStage,
    Shipped,
    Shipping,
    WebhookNews,
)
from oms.channels.registry import ConnectorKind, Consent, Opening
from oms.errors import say
from oms.intake.records import CellProblem, LineIn, OrderIn, RecipientIn, Stage
from oms.money import Money
from oms.net.reading import moment, words
from oms.net.settings import Field
from oms.net.transport import Reply
from oms.thai.phone import read_phone
from views.sandbox.book import Fault, Refusal
from views.sandbox.channel import ChannelSandbox, Hook
from views.sandbox.market import No, Order, Stall, State
from views.sandbox.parcels import pdf

A, S = Ability, Stage
STAGES = {
    "unpaid": S.UNPAID, "paid": S.TO_SHIP, "accepted": S.TO_SHIP, "shipped": S.SHIPPED, "delivered": S.DELIVERED,
    "completed": S.COMPLETED, "canceled": S.CANCELED, "returned": S.RETURNED,
}  # fmt: skip
BACK = {
    "asked": ReturnStage.ASKED, "approved": ReturnStage.AGREED, "sent": ReturnStage.SENT,
    "received": ReturnStage.REFUNDED, "refused": ReturnStage.REFUSED, "dropped": ReturnStage.WITHDRAWN,
}  # fmt: skip


class Bazaar(Adapter):
    """One shop at the Bazaar."""

    abilities = frozenset(A) - {A.CHAT}
    refresh_limit = 20
    stock_limit = 10
    window = timedelta(days=2)
    overlap = timedelta(minutes=2)

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening.transport)
        self._secret, self._grant = opening.settings["secret"], opening.grant

    def _ask(self, method: str, path: str, *, number: str = "", **how: Any) -> Reply:
        reply = self.send(method, path, headers={"x-token": self._grant.access}, **how)
        code = reply.text("code")
        if reply.status == 401 and code == "expired":
            raise ChannelExpired(say("The access ended"), raw_code=code)
        if code == "unknown":
            raise unknown(code, number)
        if code == "too_late":
            raise ChannelTooLate(say("The order has moved on"), raw_code=code)
        if code == "wrong":
            raise refused(code, reply.text("message"))
        if reply.status >= 400 and code != "done":
            raise by_status(reply, code, reply.text("message"))
        if reply.body is None and reply.kind != "application/pdf":
            raise unreadable()
        return reply

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:
        return _news(raw)

    def check(self) -> str:
        return self._ask("GET", "/shop").text("name")

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        params = {"since": since.isoformat(), "until": until.isoformat(), "page": cursor}
        reply = self._ask("GET", "/orders", params=params)
        return OrderPage(tuple(_news(row) for row in reply.body["orders"]), reply.text("next"))  # type: ignore[index]

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        reply = self._ask("GET", "/numbers", params={"start": start.isoformat(), "end": end.isoformat()})
        found = {n: moment(at) for n, at in reply.part("numbers").items()}
        return NumberPage(found, "", len(found))

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        reply = self._ask("GET", "/orders/some", params={"n": list(numbers)})
        return tuple(_news(row) for row in reply.body["orders"])  # type: ignore[index]

    def read_webhook(self, called: Called) -> WebhookNews:
        given = header(called.headers, "x-sign")
        if given and not same(sign(self._secret, called.body), given):
            raise forged()
        said = json.loads(called.body)
        news = (_news(said["order"]),) if given and "order" in said else ()
        kind = HintKind.RETURN if said.get("deed", "").endswith("_return") else HintKind.ORDER
        return WebhookNews((Hint(kind, said["number"]),), bool(given), mark_of(called.body), news)

    def renew(self, grant: Grant) -> Grant:
        reply = self.send("POST", "/renew", body={"refresh": grant.refresh})
        if reply.status >= 400:
            raise by_status(reply, reply.text("code"))
        return _grant(reply)

    def list_listings(self, cursor: str = "") -> ListingPage:
        rows = self._ask("GET", "/listings").body["listings"]  # type: ignore[index]
        return ListingPage(tuple(Listing(r["sku"], r["id"], r["name"], r["quantity"]) for r in rows))

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        said = self._ask("POST", "/stock", body={"stock": {o.external_id: o.quantity for o in offers}}).part("said")
        return {o.external_id: refused(said[o.external_id], "") if said.get(o.external_id) else None for o in offers}

    def accept(self, external_no: str) -> Shipping:
        reply = self._ask("POST", f"/orders/{external_no}/accept", number=external_no)
        return Shipping(reply.text("tracking"), "Bazaar Express")

    def ship(self, shipped: Shipped) -> Shipping:
        body = {"tracking": shipped.tracking_no, "carrier": shipped.carrier}
        self._ask("POST", f"/orders/{shipped.external_no}/ship", number=shipped.external_no, body=body)
        return Shipping(shipped.tracking_no, shipped.carrier)

    def cancel(self, external_no: str, reason: str) -> None:
        self._ask("POST", f"/orders/{external_no}/cancel", number=external_no, body={"reason": reason})

    def answer_cancel(self, external_no: str, *, agree: bool) -> None:
        self._ask("POST", f"/orders/{external_no}/answer", number=external_no, body={"agree": agree})

    def get_label(self, external_no: str) -> bytes:
        return self._ask("GET", f"/orders/{external_no}/label", number=external_no).data

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        params = {"since": since.isoformat(), "until": until.isoformat()}
        rows = self._ask("GET", "/returns", params=params).body["returns"]  # type: ignore[index]
        return ReturnPage(tuple(
            ReturnNews(
                r["number"], r["order"], r["status"], r["reason"], r["amounts"], Money.satang(r["refund"]),
                tracking_no=r["tracking"], updated_at=moment(r["at"]), stage=BACK.get(r["status"], ReturnStage.UNKNOWN),
            )
            for r in rows
        ))  # fmt: skip


def sign(secret: str, body: bytes) -> str:
    """How the Bazaar signs."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def _news(row: Mapping[str, Any]) -> OrderNews:
    at = moment(row["changed"])
    if "broken" in row:
        return OrderNews(row["no"], row, None, at, (CellProblem(0, "", "odd", say("It makes no sense")),))
    to = row["to"]
    order = OrderIn(
        row["no"], row["state"], STAGES.get(row["state"], Stage.UNKNOWN), moment(row["placed"]),
        tuple(
            LineIn(line["sku"], line["name"], "", line["n"], Money.satang(line["price"]), external_id=line["id"])
            for line in row["lines"]
        ),
        RecipientIn(to["name"], to["phone"], to["line"], "", "", to["province"], to["postcode"]),
        is_cod=row["cod"], carrier=row["carrier"] if row["tracking"] else "", tracking=row["tracking"],
        cancel_requested=row["asks_cancel"], buyer_id=row["buyer"], shipping_fee=Money.satang(row["fee"]),
        buyer_note=words(row["note"]),
    )  # fmt: skip
    if (phone := order.recipient.phone) and read_phone(phone) is None:
        draft = replace(order, recipient=replace(order.recipient, phone=""))
        bad = CellProblem(0, "phone", "phone", say("“{text}” is not a phone number", text=phone))
        return OrderNews(row["no"], row, None, at, (bad,), draft)
    return OrderNews(row["no"], row, order, at)


def _grant(reply: Reply) -> Grant:
    life = timedelta(seconds=int(reply.text("life")))
    return Grant(reply.text("access"), reply.text("refresh"), clock.now() + life, clock.now() + timedelta(days=30))


def _exchange(opening: Opening, query: Mapping[str, str]) -> Grant:
    reply = opening.transport.send("POST", "/grant", body={"code": query.get("code", "")})
    if reply.status >= 400:
        raise by_status(reply)
    return _grant(reply)


KIND = ConnectorKind(
    "bazaar", "Bazaar", ChannelName.LINE_SHOPPING, "https://bazaar.example", (Field("secret", "Secret", secret=True),),
    Bazaar, Bazaar,
    Consent(lambda host, _settings, callback, state: f"{host}/consent?back={callback}&state={state}", _exchange),
    per_second=500.0, cadence=60,
)  # fmt: skip


class BazaarSandbox(ChannelSandbox):
    """Refuses what the real one would. ``page_size`` orders on a page; tokens hold for ``life`` seconds."""

    name = "bazaar"
    secret = "bazaar-secret"

    def __init__(self, stall: Stall | None = None) -> None:
        super().__init__(stall)
        self.page_size, self.life = 50, 3600
        self.access, self.refresh, self.serial = "A0", "R0", 0
        self.renewals: list[str] = []
        self.broken: set[str] = set()
        self.signs = True

    def keys(self) -> dict[str, str]:
        return {"secret": self.secret}

    def grant(self) -> Grant:
        """The first grant, as a consent would have brought it."""
        return Grant(self.access, self.refresh, clock.now() + timedelta(seconds=self.life))

    def expire(self) -> None:
        """The access token is no longer taken."""
        with self.stall.lock:
            self.serial += 1
            self.access = f"A{self.serial}"

    def hook(self, order: Order, deed: str) -> Hook | None:
        body = json.dumps({"number": order.number, "deed": deed, "order": self._row(order)}).encode()
        return Hook({"x-sign": sign(self.secret, body)} if self.signs else {}, body)

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        parts = request.path.strip("/").split("/")
        said = request.get_json(silent=True) or {}
        if parts == ["renew"]:
            return self._renew(said["refresh"])
        if request.headers.get("x-token") != self.access:
            raise Refusal(401, {"code": "expired"})
        try:
            return self._do(request, parts, said)
        except No as no:
            if no.code == "done":
                return {"code": "done"}
            raise Refusal(409, {"code": no.code}) from None

    def _do(self, request: Request, parts: list[str], said: Mapping[str, Any]) -> dict[str, Any] | Response:
        asked, stall = request.args, self.stall
        match (request.method, *parts):
            case ("GET", "shop"):
                return {"name": "ร้านตลาด"}
            case ("GET", "orders"):
                since, until = (datetime.fromisoformat(asked[n]) for n in ("since", "until"))
                if until - since > Bazaar.window:
                    raise Refusal(422, {"code": "wrong", "message": "window"})
                return self._page(stall.changed(since, until), asked.get("page", ""))
            case ("GET", "orders", "some"):
                return {"orders": [self._row(stall.orders[n]) for n in asked.getlist("n") if n in stall.orders]}
            case ("GET", "numbers"):
                start, end = (datetime.fromisoformat(asked[n]) for n in ("start", "end"))
                return {"numbers": {o.number: o.placed_at.isoformat() for o in stall.placed(start, end)}}
            case ("GET", "listings"):
                rows = stall.listings.values()
                return {"listings": [{"id": x.id, "sku": x.sku, "name": x.name, "quantity": x.quantity} for x in rows]}
            case ("POST", "stock"):
                return {"said": {k: self._stock(k, n) for k, n in said["stock"].items()}}
        return self._more(request, parts, said)

    def _more(self, request: Request, parts: list[str], said: Mapping[str, Any]) -> dict[str, Any] | Response:
        asked, stall = request.args, self.stall
        match (request.method, *parts):
            case ("GET", "returns"):
                since, until = (datetime.fromisoformat(asked[n]) for n in ("since", "until"))
                return {"returns": [
                    {"number": r.number, "order": r.order_no, "status": r.status, "reason": r.reason,
                     "amounts": r.amounts, "at": r.updated_at.isoformat(), "refund": int(r.refund * 100),
                     "tracking": r.tracking}
                    for r in stall.returns_changed(since, until)
                ]}  # fmt: skip
            case ("GET", "orders", number, "label"):
                stall.get(number)
                return pdf(f"BZ{number}", 100, 150)
            case ("POST", "orders", number, deed):
                return self._deed(number, deed, said)
        raise Refusal(404, {"code": "nothing"})

    def _deed(self, number: str, deed: str, said: Mapping[str, Any]) -> dict[str, Any]:
        if deed == "accept":
            return {"tracking": self.stall.accept(number, f"BZ{number}").tracking}
        if deed == "ship":
            self.stall.ship(number, said["tracking"], said["carrier"])
        elif deed == "cancel":
            self.stall.cancel(number, said["reason"])
        else:
            self.stall.answer_cancel(number, agree=said["agree"])
        return {}

    def _stock(self, listing_id: str, quantity: int) -> str:
        try:
            self.stall.set_stock(listing_id, quantity)
        except No as no:
            return no.code
        return ""

    def _page(self, found: list[Order], page: str) -> dict[str, Any]:
        start = int(page or 0)
        shown = found[start : start + self.page_size]
        self.stall.page_read(shown)
        more = start + self.page_size < len(found)
        return {"orders": [self._row(o) for o in shown], "next": str(start + self.page_size) if more else ""}

    def _row(self, order: Order) -> dict[str, Any]:
        if order.number in self.broken:
            return {"no": order.number, "changed": order.updated_at.isoformat(), "broken": True}
        to = order.buyer.home
        state = order.facts.get("state", State(order.state).value)
        return {
            "no": order.number, "state": state, "placed": order.placed_at.isoformat(),
            "changed": order.updated_at.isoformat(), "cod": order.cod, "carrier": order.carrier,
            "tracking": order.tracking, "asks_cancel": order.cancel_asked, "buyer": order.buyer.handle,
            "fee": int(order.shipping_fee * 100), "note": order.note,
            "to": {"name": to.name, "phone": order.facts.get("phone", to.phone), "line": to.line, "province": to.province,
                   "postcode": to.postcode},
            "lines": [
                {"id": x.id, "sku": x.sku, "name": x.name, "n": x.quantity, "price": int(x.price * 100)}
                for x in order.lines
            ],
        }  # fmt: skip

    def _renew(self, refresh: str) -> dict[str, Any]:
        with self.stall.lock:
            if refresh != self.refresh:
                raise Refusal(400, {"code": "spent"})
            self.serial += 1
            self.access, self.refresh = f"A{self.serial}", f"R{self.serial}"
            self.renewals.append(refresh)
            return {"access": self.access, "refresh": self.refresh, "life": self.life}
