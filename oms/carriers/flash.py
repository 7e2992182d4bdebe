"""Flash Express, Open API (Thailand): everything by POST of signed form fields, HTTP 200 even for a refusal.

Weights are grams, money satang, both as integers. The merchant's number ``outTradeNo`` is our reference: a repeat of
it is refused with 1003 and makes no second parcel, but the number of the first is not told. So a booking that may have
happened is repeated under the same reference, and 1003 is ``CarrierExists`` unless the parcel has a number of ours.
What is inside the parcel is not sent: documents and clients disagree whether such a list is signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from oms.carriers.asking import Adapter, T, mark_of, pdf_of, segment, silent, unreadable
from oms.carriers.flash_words import CALLED_BEFORE, GOOD, code_of, events_of, near, news_of, place, problem, size_of
from oms.carriers.port import (
    Ability,
    Address,
    Booking,
    BookingRequest,
    CarrierCannot,
    CarrierEvent,
    CarrierExists,
    CarrierRefused,
    CarrierUnknown,
    LabelSize,
    Pickup,
    PickupRequest,
    Rate,
    RateRequest,
    WebhookAnswer,
    WebhookNews,
    WebhookRefused,
)
from oms.errors import say
from oms.money import Money
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport

A = Ability
BLANK = "\t\n\v\f\r\x1c\x1d\x1e\x1f "
ACCEPTED = WebhookAnswer(body='{"errorCode":"1","state":"success"}')


def sign(fields: Mapping[str, str], key: str) -> str:
    """The signature of these fields: sorted, blank ones left out, as text before any encoding."""
    said = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name].strip(BLANK))
    return hashlib.sha256(f"{said}&key={key}".encode()).hexdigest().upper()


class Flash(Adapter):
    """One merchant at Flash."""

    abilities = frozenset({
        A.BOOK, A.FIND, A.OWN_NUMBER, A.LABEL, A.CANCEL, A.TRACK, A.WEBHOOK, A.RATES, A.COURIER,
    })  # fmt: skip
    track_limit = 100

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._merchant, self._key = settings["merchant"], settings["api_key"]
        self._warehouse = settings.get("warehouse", "")
        self._article = settings.get("article") or "99"

    def _ask(self, path: str, fields: Mapping[str, object] | None = None) -> Reply:
        asked = {name: str(value) for name, value in (fields or {}).items() if str(value).strip(BLANK)}
        asked |= {"mchId": self._merchant, "nonceStr": secrets.token_hex(16)}
        form = asked | {"sign": sign(asked, self._key)}
        return self.send("POST", path, form=form, headers={"accept-language": "th"})

    def _data(self, path: str, fields: Mapping[str, object] | None = None) -> Any:
        """What a good answer carries. Raises CarrierError."""
        reply = self._ask(path, fields)
        if code_of(reply) != GOOD:
            raise problem(reply)
        return (reply.body or {}).get("data")

    def check(self) -> str:
        """Greet it, signed."""
        self._data("/open/v1/ping")
        return self._merchant

    def book(self, request: BookingRequest) -> Booking:
        """Book under our reference; by a number of ours where the parcel has one."""
        if request.attempt > 1 and request.tracking_no and (known := self.find(request)):
            return known
        fields = self._order(request)
        path = "/open/v3/orders"
        if request.tracking_no:
            path, fields["mchPno"] = "/open/v3/ordersByMchPno", request.tracking_no
        try:
            data = self._data(path, fields)
        except CarrierExists:
            if request.tracking_no and (known := self.find(request)):
                return known
            raise
        number = (words(data.get("pno")) or request.tracking_no) if isinstance(data, dict) else ""
        if not number:
            raise unreadable()
        if words(data.get("outTradeNo")) not in {"", request.reference}:
            raise silent(Silence("other_question"))
        return Booking(number, sort_code=words(data.get("sortCode")), label_available=True, raw=data)

    def find(self, request: BookingRequest) -> Booking | None:
        """By a number of ours; it looks nothing up by our reference."""
        if not request.tracking_no:
            raise CarrierCannot(say("Flash finds a parcel by its number alone"))
        try:
            data = self._data(f"/open/v1/orders/{segment(request.tracking_no)}/routes")
        except CarrierUnknown:
            return None
        return Booking(
            request.tracking_no, label_available=True, found=True, raw=data if isinstance(data, dict) else {}
        )

    def _order(self, request: BookingRequest) -> dict[str, object]:
        fields: dict[str, object] = {
            "outTradeNo": request.reference, "weight": request.weight_grams, "remark": request.remark[:200],
            "expressCategory": _category(request.service), "articleCategory": self._article,
            "insured": int(bool(request.insured)), "codEnabled": int(bool(request.cod)),
        }  # fmt: skip
        if request.insured:
            fields["insureDeclareValue"] = request.insured.in_satang
        if request.cod:
            fields["codAmount"] = request.cod.in_satang
        fields |= self._origin(request.sender) | place("dst", request.receiver) | size_of(request.size)
        if request.return_to is not None:
            fields |= place("return", request.return_to)
        return fields

    def _origin(self, sender: Address) -> dict[str, object]:
        return {"warehouseNo": self._warehouse} if self._warehouse else place("src", sender)

    def label(self, tracking_no: str, size: LabelSize = LabelSize.LARGE) -> bytes:
        """100 x 180 or 100 x 75 mm."""
        small = "small/" if size is LabelSize.SMALL else ""
        reply = self._ask(f"/open/v1/orders/{segment(tracking_no)}/{small}pre_print")
        if (found := pdf_of(reply)) is None:
            raise problem(reply)
        return found

    def cancel(self, tracking_no: str) -> None:
        """Before the pick-up."""
        try:
            self._data(f"/open/v1/orders/{segment(tracking_no)}/cancel")
        except CarrierRefused:
            events = self.track([tracking_no])[tracking_no]
            if not events or events[-1].status is not T.CANCELED:
                raise

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:
        """One by its own address, several by theirs."""
        asked = self.within(numbers)
        found: dict[str, tuple[CarrierEvent, ...]] = dict.fromkeys(numbers, ())
        if len(asked) == 1:
            try:
                parcels = [self._data(f"/open/v1/orders/{segment(asked[0])}/routes")]
            except CarrierUnknown:
                return found
        else:
            parcels = self._data("/open/v1/orders/routesBatch", {"pnos": ",".join(asked)}) if asked else []
        for parcel in parcels if isinstance(parcels, list) else []:
            if isinstance(parcel, dict) and words(parcel.get("pno")) in found:
                found[words(parcel.get("pno"))] = events_of(parcel)
        return found

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookNews:  # noqa: ARG002
        """The signature covers the merchant and a random text, not what is said: a hint to look."""
        fields = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        signed = {name: fields.get(name, "") for name in ("mchId", "nonceStr")}
        mine = hmac.compare_digest(signed["mchId"].encode(), self._merchant.encode())
        if not mine or not hmac.compare_digest(fields.get("sign", "").encode(), sign(signed, self._key).encode()):
            raise WebhookRefused(say("The signature of the message is wrong"))
        try:
            data = json.loads(fields.get("data", ""))
        except ValueError:
            raise WebhookRefused(say("The message cannot be read")) from None
        rows = data if isinstance(data, list) else [data]
        parcels = tuple(news for row in rows if isinstance(row, dict) and (news := news_of(row)))
        return WebhookNews(parcels, trusted=False, key=mark_of(fields.get("data", "").encode()), answer=ACCEPTED)

    def rates(self, request: RateRequest) -> tuple[Rate, ...]:
        """One service at a time; what remote places cost more is in it."""
        fields: dict[str, object] = {
            "expressCategory": _category(request.service), "weight": request.weight_grams, "pricingTable": 1,
            "insured": int(bool(request.insured)), "insureDeclareValue": request.insured.in_satang,
        }  # fmt: skip
        fields |= near("src", request.sender) | near("dst", request.receiver) | size_of(request.size)
        data = self._data("/open/v1/orders/estimate_rate", fields)
        try:
            price = int(words(data["estimatePrice"])) + int(words(data.get("upCountryAmount")) or 0)
        except (KeyError, TypeError, ValueError):
            raise unreadable() from None
        return (Rate(_category(request.service), Money.satang(price), carrier="flash", name="Flash Express"),)

    def call_courier(self, request: PickupRequest) -> Pickup:
        """One call per address and day; a second one is told as known."""
        fields: dict[str, object] = {"estimateParcelNumber": request.parcels, "remark": request.remark[:200]}
        reply = self._ask("/open/v1/notify", fields | self._origin(request.sender))
        code = code_of(reply)
        if code not in {GOOD, CALLED_BEFORE}:
            raise problem(reply)
        return Pickup(words(reply.part("data").get("ticketPickupId")), known=code == CALLED_BEFORE)


def _category(service: str) -> str:
    """Flash numbers its services; 1 is the usual one. What it does not know it refuses."""
    return "1" if service in {"", "std", "standard"} else service
