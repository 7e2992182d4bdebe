"""Shippop, which books at many carriers: the key in the body of every request, money in baht, weight in grams.

Booking has two halves. ``/booking/`` makes an unpaid purchase that binds nobody: ``prepare``, whose answer is kept.
``/confirm/`` pays and hands the parcel to its carrier: ``book``. A confirmation that may have happened is looked up by
its purchase before it is repeated. The carrier's number may come later than the payment; until then there is none.

Its ``district`` is our sub-district and its ``state`` our district.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from oms import clock
from oms.carriers import thaipost
from oms.carriers.asking import (
    Adapter,
    T,
    by_status,
    homeward,
    mark_of,
    refused,
    segment,
    silent,
    unknown,
    unreadable,
)
from oms.carriers.port import (
    Ability,
    Address,
    Booking,
    BookingRequest,
    CarrierCannot,
    CarrierError,
    CarrierEvent,
    CarrierRefused,
    CarrierSilent,
    CarrierTooLate,
    LabelSize,
    ParcelNews,
    Rate,
    RateRequest,
    WebhookAnswer,
    WebhookNews,
    WebhookRefused,
)
from oms.errors import say
from oms.money import Money
from oms.net.reading import amount, is_pdf, words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.shipping.states import TrackingStatus

A = Ability
LATER = timedelta(minutes=1)  # a number that is not there yet
SIZES: Mapping[LabelSize, str] = {
    LabelSize.LARGE: "sticker4x6", LabelSize.SMALL: "sticker100x75", LabelSize.A6: "A6", LabelSize.A5: "A5",
    LabelSize.A4: "A4",
}  # fmt: skip
COURIERS: Mapping[str, str] = {
    "EMST": "thaipost", "ECP": "thaipost", "THP": "thaipost", "TP2": "thaipost", "FLE": "flash", "FLEB": "flash",
    "FLEF": "flash", "KRYX": "kex", "KRYP": "kex", "KRY": "kex", "JNTP": "jt", "JNTD": "jt", "NJV": "ninjavan",
    "DHL": "dhl", "BEST": "best", "SPX": "spx", "LLM": "lalamove",
}  # fmt: skip
WHOLE: Mapping[str, TrackingStatus] = {
    "wait": T.CREATED, "booking": T.CREATED, "invalid": T.EXCEPTION, "shipping": T.IN_TRANSIT,
    "problem": T.EXCEPTION, "complete": T.DELIVERED, "return": T.RETURNING, "cancel": T.CANCELED,
}  # fmt: skip
KEX: Mapping[str, TrackingStatus] = {
    "010": T.PICKED_UP, "102": T.IN_TRANSIT, "103": T.IN_TRANSIT, "045": T.OUT_FOR_DELIVERY, "POD": T.DELIVERED,
}  # fmt: skip
TABLES: Mapping[str, Mapping[str, TrackingStatus]] = {"thaipost": thaipost.STATUSES, "kex": KEX}
ENDS = frozenset({"complete", "return", "cancel", "problem", "invalid"})
ABOUT: Mapping[str, str] = {
    "ERR_ORIGIN": "sender", "ERR_DEST": "receiver", "ERR_POSTCODE": "receiver", "ERR_OUT_OF_AREA": "receiver",
    "ERR_COD_AMOUNT_EXCEED": "cod", "ERR_NOT_SUPPORT_COD": "cod", "NOT_SUPPORT_COD": "cod",
    "INVALID_WEIGHT": "weight_grams", "ERR_OVER_WEIGHT": "weight_grams", "ERR_SIZE": "size", "ERR_OVER_SIZE": "size",
}  # fmt: skip
BUSY = frozenset({"SERVICE_MAINTENANCE", "ERR_MAINTENANCE"})


class Shippop(Adapter):
    """One account with its key. The service of a parcel is Shippop's code of the carrier (EMST, FLE, KRYX ...)."""

    abilities = frozenset({A.BOOK, A.PREPARE, A.FIND, A.LABEL, A.CANCEL, A.TRACK, A.WEBHOOK, A.RATES})
    track_limit = 1

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._key, self._email = settings["api_key"], settings["email"]

    def _ask(self, path: str, body: Mapping[str, Any]) -> Reply:
        return self.send("POST", path, body={"api_key": self._key, **body})

    def _good(self, path: str, body: Mapping[str, Any]) -> Reply:
        """A reply that says it went well. Raises CarrierError."""
        reply = self._ask(path, body)
        if not _went_well(reply):
            raise _problem(reply)
        return reply

    def check(self) -> str:
        """Ask for a price, which costs nothing and needs the key."""
        place = Address("Ruam", "0800000000", "1", "สีลม", "บางรัก", "กรุงเทพมหานคร", "10500")
        self.rates(RateRequest(place, place, 1000))
        return self._email

    def prepare(self, request: BookingRequest) -> str:
        """An unpaid purchase: its number, Shippop's number of the parcel, and the price."""
        if not request.service:
            raise CarrierRefused(say("Choose a carrier of Shippop as the service"), field="service")
        parcel = _shipment(request) | {"courier_code": request.service, "meta": {"ref_no_1": request.reference}}
        if request.remark:
            parcel["remark"] = request.remark[:200]
        if request.insured:
            parcel |= {"insurance_code": "DHPY", "declared_value": _baht(request.insured, "insured")}
        if request.cod:
            parcel["product"] = [_product(request)]
        reply = self._good("/booking/", {"email": self._email, "data": [parcel]})
        row = _first((reply.body or {}).get("data"))
        if row.get("status") is not True:
            raise _row_problem(row)
        purchase, code = reply.text("purchase_id"), words(row.get("tracking_code"))
        if not purchase or not code:
            raise unreadable()
        return f"{purchase}/{code}/{_price(row.get('price'))}"

    def book(self, request: BookingRequest) -> Booking:
        """Pay for what was prepared, once."""
        purchase, code, price = _resumed(request)
        if request.attempt > 1 and (known := self.find(request)):
            return known
        reply = self._good("/confirm/", {"purchase_id": int(purchase)})
        rows = _rows((reply.body or {}).get("result"))
        row = next((r for r in rows if words(r.get("tracking_code")) == code), None)
        if row is None:
            raise unreadable()
        if row.get("status") is not True:
            raise _row_problem(row)
        return _booking(words(row.get("courier_tracking_code")), code, price, reply.body or {})

    def find(self, request: BookingRequest) -> Booking | None:
        """By its purchase: paid is booked."""
        purchase, code, price = _resumed(request)
        reply = self._good("/tracking_purchase/", {"purchase_id": int(purchase), "email": self._email})
        if reply.text("purchase_status") != "paid":
            return None
        for row in _rows((reply.body or {}).get("data")):
            if words(row.get("tracking_code")) == code:
                if words(row.get("status")) in {"cancel", "invalid"}:
                    return None
                return _booking(words(row.get("courier_tracking_code")), code, price, row, found=True)
        return None

    def _look(self, number: str) -> Reply | None:
        """What it knows of a parcel, by its number or the carrier's; None when it knows none."""
        reply = self.send("POST", "/tracking/", body={"tracking_code": segment(number)})
        if _went_well(reply):
            return reply
        if reply.status in {200, 404} and reply.text("code") in {"404", "400"}:
            return None
        raise _problem(reply)

    def label(self, tracking_no: str, size: LabelSize = LabelSize.LARGE) -> bytes:
        """A label in Shippop's design."""
        if (known := self._look(tracking_no)) is None:
            raise unknown()
        asked = {"tracking_code": known.text("tracking_code"), "size": SIZES[size], "type": "pdf"}
        reply = self._good("/label_tracking_code/", asked)
        try:
            found = base64.b64decode(str((reply.body or {}).get("pdf")), validate=True)
        except binascii.Error:
            raise unreadable() from None
        if not is_pdf(found):
            raise unreadable()
        return found

    def cancel(self, tracking_no: str) -> None:
        """By the carrier's number, before it fetched the parcel."""
        if (known := self._look(tracking_no)) is None:
            raise unknown()
        stands = known.text("order_status")
        if stands == "cancel":
            return
        if stands not in {"wait", "booking", "invalid"}:
            raise CarrierTooLate(say("The parcel was picked up already"), raw_code=stands)
        self._good("/cancel/", {"courier_tracking_code": known.text("courier_tracking_code") or tracking_no})

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:
        """One at a time."""
        found: dict[str, tuple[CarrierEvent, ...]] = dict.fromkeys(numbers, ())
        for number in self.within(numbers):
            if known := self._look(number):
                found[number] = events_of(known.body or {})
        return found

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookNews:  # noqa: ARG002
        """Unsigned: a hint to look."""
        text = body.decode(errors="replace")
        try:
            told = json.loads(text)
        except ValueError:
            told = dict(parse_qsl(text))
        number = words(told.get("tracking_code")) if isinstance(told, dict) else ""
        if not number:
            raise WebhookRefused(say("The message cannot be read"))
        carriers = words(told.get("courier_tracking_code"))
        news = ParcelNews(number, other_numbers=(carriers,) if carriers else ())
        return WebhookNews((news,), trusted=False, key=mark_of(body), answer=WebhookAnswer(body='{"success":1}'))

    def rates(self, request: RateRequest) -> tuple[Rate, ...]:
        """What every carrier would take, those that would not left out."""
        asked = _shipment(request) | {"showall": 0}
        if request.service:
            asked["courier_code"] = request.service
        reply = self._good("/pricelist/", {"data": {"0": asked}})
        offers = _first((reply.body or {}).get("data"))
        found = [rate for offer in offers.values() if isinstance(offer, dict) and (rate := _rate(offer))]
        return tuple(sorted(found, key=lambda rate: (rate.price, rate.service)))


def events_of(told: Mapping[str, Any]) -> tuple[CarrierEvent, ...]:
    """What the carriers said, each in its own codes, and where the parcel stands as a whole when they end elsewhere."""
    table = TABLES.get(COURIERS.get(words(told.get("courier_code")), ""), {})
    steps = []
    for row in _rows(told.get("states") or told.get("state")):
        if (at := _moment(row.get("datetime"))) is not None:
            code = words(row.get("status"))
            text, place = words(row.get("description"), 500), words(row.get("location"))
            steps.append(CarrierEvent(at, table.get(code, T.UNKNOWN), code, text, place))
    events = homeward(steps)
    stands = words(told.get("order_status"))
    whole = WHOLE.get(stands, T.UNKNOWN)
    last = events[-1].status if events else None
    came_home = whole is T.RETURNING and last is T.RETURNED
    if stands and whole is not last and not came_home and (stands in ENDS or (last is T.UNKNOWN)):
        at = events[-1].at if events else clock.now()
        events += (CarrierEvent(at, whole, stands, words(told.get("order_cancel_detail"), 500)),)
    return events


def _booking(number: str, code: str, price: str, raw: Mapping[str, Any], *, found: bool = False) -> Booking:
    if not number:
        raise CarrierSilent(say("Booked; the carrier's number is not given yet"), raw_code="booked", retry_after=LATER)
    fee = Money(Decimal(price)) if price else None
    return Booking(number, handle=code, label_available=True, fee=fee, found=found, raw=raw)


def _resumed(request: BookingRequest) -> tuple[str, str, str]:
    purchase, _, rest = request.resume.partition("/")
    code, _, price = rest.partition("/")
    if not purchase.isdecimal() or not code:
        raise CarrierCannot(say("A booking at Shippop is prepared first"))
    return purchase, code, price


def _rows(listed: Any) -> list[Mapping[str, Any]]:
    """A list, which may come as an object of "0", "1" ..."""
    rows: Iterable[Any] = listed.values() if isinstance(listed, dict) else listed if isinstance(listed, list) else ()
    return [row for row in rows if isinstance(row, dict)]


def _first(listed: Any) -> Mapping[str, Any]:
    rows = _rows(listed)
    return rows[0] if rows else {}


def _went_well(reply: Reply) -> bool:
    return reply.status < 400 and reply.body is not None and reply.body.get("status") is True


def _problem(reply: Reply) -> CarrierError:
    code, text = reply.text("code"), reply.text("message")
    said = reply.status < 400 and reply.body is not None and reply.body.get("status") is False
    if said and "api key" in text.casefold():
        return silent(Silence("bad_key", text, final=True))
    if said and code in BUSY:
        return silent(Silence(code, text, reached=False))
    if said and code == "404":
        return unknown()
    return refused(code, text, ABOUT.get(code)) if said else by_status(reply, code, text)


def _row_problem(row: Mapping[str, Any]) -> CarrierRefused:
    code = words(row.get("err_code")) or words(row.get("error_code")) or words(row.get("code"))
    return refused(code, words(row.get("message")) or words(row.get("remark")), ABOUT.get(code))


def _rate(offer: Mapping[str, Any]) -> Rate | None:
    service, price = words(offer.get("courier_code")), _price(offer.get("price"))
    if offer.get("available") is not True or not service or not price:
        return None
    note = " ".join(found for name in ("estimate_time", "remark") if (found := words(offer.get(name))))
    return Rate(service, Money(Decimal(price)), COURIERS.get(service, ""), words(offer.get("courier_name")), note)


def _price(value: Any) -> str:
    try:
        return str(amount(value).amount)
    except ValueError:
        return ""


def _moment(text: Any) -> datetime | None:
    """Without a zone: Bangkok's."""
    try:
        found = datetime.strptime(words(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=clock.BANGKOK)
    except ValueError:
        return None
    return found.astimezone(UTC)


def _baht(money: Money, field: str) -> int:
    if money.in_satang % 100:
        raise CarrierRefused(say("Shippop takes whole baht alone"), field=field)
    return money.in_satang // 100


def _shipment(request: BookingRequest | RateRequest) -> dict[str, Any]:
    size = request.size
    parcel = {
        "name": _inside(request), "weight": request.weight_grams, "width": size.width if size else 1,
        "length": size.length if size else 1, "height": size.height if size else 1,
    }  # fmt: skip
    asked: dict[str, Any] = {"from": _place(request.sender), "to": _place(request.receiver), "parcel": parcel}
    return asked | ({"cod_amount": _baht(request.cod, "cod")} if request.cod else {})


def _inside(request: BookingRequest | RateRequest) -> str:
    items = request.items if isinstance(request, BookingRequest) else ()
    return ", ".join(item.name for item in items)[:100] or "-"


def _product(request: BookingRequest) -> dict[str, Any]:
    """What the cash is for, as one line."""
    return {
        "product_code": request.reference, "name": _inside(request), "category": "-", "amount": 1,
        "price": _baht(request.cod, "cod"), "weight": request.weight_grams,
    }  # fmt: skip


def _place(address: Address) -> dict[str, str]:
    found = {
        "name": address.name, "address": address.line, "district": address.subdistrict, "state": address.district,
        "province": address.province, "postcode": address.postcode, "tel": address.phone,
    }  # fmt: skip
    return found | ({"email": address.email} if address.email else {})
