"""Ninja Van: a token, JSON, orders by a tracking number we ask for.

The number asked for comes from our reference, so that a repeat asks for the same one and is refused; the carrier puts
the account's prefix in front of it. Weights are kilograms, money baht. A refused repeat is looked up by its events.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from oms import clock
from oms.carriers.asking import (
    Adapter,
    T,
    asking,
    by_status,
    header,
    homeward,
    mark_of,
    pdf_of,
    refused,
    segment,
    unknown,
)
from oms.carriers.port import (
    Ability,
    Address,
    Booking,
    BookingRequest,
    CarrierCannot,
    CarrierError,
    CarrierEvent,
    CarrierExists,
    CarrierRefused,
    CarrierTooLate,
    LabelSize,
    ParcelNews,
    WebhookNews,
    WebhookRefused,
)
from oms.errors import say
from oms.net.reading import moment, words
from oms.net.tokens import Token, Tokens, life, with_token
from oms.net.tokens import refused as no_token
from oms.net.transport import Reply, Transport
from oms.shipping.states import TrackingStatus

A = Ability
MARGIN = timedelta(minutes=5)  # before its end a token is renewed, as the carrier asks
LONGEST, SHORTEST = 18, 9  # of a whole number, and of what we may ask for

LEVELS: Mapping[str, str] = {
    "": "Standard", "std": "Standard", "standard": "Standard", "express": "Express", "sameday": "Sameday",
    "nextday": "Nextday",
}  # fmt: skip
STATUSES: Mapping[str, TrackingStatus] = {
    "pending pickup": T.CREATED, "driver dispatched for pickup": T.CREATED, "pickup fail": T.LABEL_READY,
    "pickup exception": T.LABEL_READY, "successful pickup": T.PICKED_UP, "picked up": T.PICKED_UP,
    "arrived at origin hub": T.IN_TRANSIT, "en-route to sorting hub": T.IN_TRANSIT,
    "arrived at sorting hub": T.IN_TRANSIT, "in transit to next sorting hub": T.IN_TRANSIT,
    "arrived at transit hub": T.IN_TRANSIT, "arrived at destination hub": T.IN_TRANSIT,
    "on vehicle for delivery": T.OUT_FOR_DELIVERY, "at pudo": T.READY_FOR_PICKUP,
    "first attempt delivery fail": T.DELIVERY_FAILED, "delivery exception": T.DELIVERY_FAILED,
    "pending reschedule": T.ON_HOLD, "successful delivery": T.DELIVERED, "delivered": T.DELIVERED,
    "delivered, received by customer": T.DELIVERED, "completed": T.DELIVERED,
    "return to sender triggered": T.RETURNING, "on vehicle for delivery (rts)": T.RETURNING,
    "returned to sender": T.RETURNED, "cancelled": T.CANCELED, "parcel lost": T.LOST,
}  # fmt: skip


class NinjaVan(Adapter):
    """One shipper's account in one country: the address ends with it."""

    abilities = frozenset({A.BOOK, A.FIND, A.OWN_NUMBER, A.LABEL, A.CANCEL, A.TRACK, A.WEBHOOK})
    track_limit = 50

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._id, self._secret = settings["client_id"], settings["client_secret"]
        self._prefix = settings.get("prefix", "").upper()
        self._pickup = settings.get("pickup") == "yes"
        self._tokens = Tokens(self._fetch, MARGIN)

    def _fetch(self) -> Token:
        body = {"client_id": self._id, "client_secret": self._secret, "grant_type": "client_credentials"}
        reply = self.transport.send("POST", "/2.0/oauth/access_token", body=body)
        value = reply.text("access_token") if reply.status < 400 else ""
        if not value:
            error = reply.part("error")
            raise no_token(reply, words(error.get("code")), words(error.get("message")))
        return Token(value, life(reply.text("expires_in")))

    def _ask(self, method: str, path: str, **how: Any) -> Reply:
        def send(token: str) -> Reply:
            return self.transport.send(method, path, headers={"authorization": f"Bearer {token}"}, **how)

        with asking():
            return with_token(self._tokens, send)

    def check(self) -> str:
        """A new token proves the keys."""
        with asking():
            self._tokens.forget(self._tokens.get())
            self._tokens.get()
        return self._id

    def book(self, request: BookingRequest) -> Booking:
        """Ask for the number that belongs to our reference."""
        if request.attempt > 1 and self._prefix and (known := self.find(request)):
            return known
        reply = self._ask("POST", "/4.2/orders", body=self._order(request))
        if reply.status >= 400 and _is_taken(reply):
            return self._taken(request, reply)
        number = reply.text("tracking_number") if reply.status < 400 else ""
        if not number:
            raise _problem(reply)
        return Booking(number, label_available=True, raw=reply.body or {})

    def _taken(self, request: BookingRequest, reply: Reply) -> Booking:
        """The number is in use: by this very parcel, or by another."""
        code, text = _said(reply)
        if not self._prefix:
            raise CarrierExists(say("Ninja Van has a parcel of this reference already"), raw_code=code, raw_text=text)
        if (known := self.find(request)) is None:
            raise refused(code, text, "tracking_no")
        return known

    def find(self, request: BookingRequest) -> Booking | None:
        """By the number it must have, when the account's prefix is known; another order's is none of ours."""
        if not self._prefix:
            raise CarrierCannot(say("Enter the prefix of the account's tracking numbers to look parcels up"))
        number = self._prefix + wished(request, self._prefix)
        rows = self._events([number]).get(number, [])
        ours = [row for row in rows if words(row.get("shipper_order_ref_no")) == request.reference]
        return Booking(number, label_available=True, found=True, raw={"events": ours}) if ours else None

    def _order(self, request: BookingRequest) -> dict[str, Any]:
        today = clock.today()
        job: dict[str, Any] = {
            "is_pickup_required": self._pickup, "delivery_start_date": today.isoformat(),
            "dimensions": {"weight": request.weight_grams / 1000},
            "items": [{"item_description": i.name[:255], "quantity": i.quantity} for i in request.items],
        }  # fmt: skip
        if request.size:
            job["dimensions"] |= {
                "length": request.size.length, "width": request.size.width, "height": request.size.height,
            }  # fmt: skip
        if self._pickup:
            slot = {"start_time": "09:00", "end_time": "18:00", "timezone": "Asia/Bangkok"}
            job |= {
                "pickup_service_type": "Scheduled", "pickup_service_level": "Standard",
                "pickup_date": today.isoformat(), "pickup_timeslot": slot,
            }  # fmt: skip
        if request.cod:
            job["cash_on_delivery"] = float(request.cod.amount)
        if request.insured:
            job["insured_value"] = float(request.insured.amount)
        if request.remark:
            job["delivery_instructions"] = request.remark[:255]
        return {
            "service_type": "Parcel", "service_level": LEVELS.get(request.service.casefold(), request.service),
            "requested_tracking_number": wished(request, self._prefix),
            "reference": {"merchant_order_number": request.reference},
            "from": _party(request.sender), "to": _party(request.receiver), "parcel_job": job,
        }  # fmt: skip

    def label(self, tracking_no: str, size: LabelSize = LabelSize.LARGE) -> bytes:  # noqa: ARG002  it has one
        """One size. The right to print is given apart."""
        reply = self._ask(
            "GET", "/2.0/reports/waybill", params={"tid": segment(tracking_no), "hide_shipper_details": "0"}
        )
        if (found := pdf_of(reply)) is not None:
            return found
        if reply.status == 403:
            raise CarrierCannot(say("Ninja Van has not given this account the right to print labels"))
        raise _problem(reply)

    def cancel(self, tracking_no: str) -> None:
        """Before the pick-up."""
        reply = self._ask("DELETE", f"/2.2/orders/{segment(tracking_no)}")
        if reply.status < 400 and reply.body is not None:
            return
        problem = _problem(reply)
        if not isinstance(problem, CarrierRefused):
            raise problem
        events = self.track([tracking_no])[tracking_no]
        stands = events[-1].status if events else T.CREATED
        if stands is T.CANCELED:
            return
        if stands not in {T.CREATED, T.LABEL_READY}:
            raise CarrierTooLate(say("The parcel was picked up already"), raw_code=problem.raw_code)
        raise problem

    def _events(self, numbers: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        reply = self._ask("GET", "/1.0/orders/tracking-events", params={"tracking_number": list(numbers)})
        if reply.status == 404:
            return {}
        rows = (reply.body or {}).get("data")
        if reply.status >= 400 or not isinstance(rows, list):
            raise _problem(reply)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            if isinstance(row, dict) and isinstance(row.get("events"), list):
                found[words(row.get("tracking_number"))] = [e for e in row["events"] if isinstance(e, dict)]
        return found

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:
        """Several at once. The account needs the right to; webhooks are what the carrier means to be used."""
        asked = self.within(numbers)
        rows = self._events(asked) if asked else {}
        return {number: homeward(e for row in rows.get(number, ()) if (e := event_of(row))) for number in numbers}

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookNews:
        """Signed over every byte."""
        made = base64.b64encode(hmac.new(self._secret.encode(), body, hashlib.sha256).digest())
        if not hmac.compare_digest(header(headers, "x-ninjavan-hmac-sha256").encode(), made):
            raise WebhookRefused(say("The signature of the message is wrong"))
        try:
            row = json.loads(body)
        except ValueError:
            raise WebhookRefused(say("The message cannot be read")) from None
        number = words(row.get("tracking_id")) if isinstance(row, dict) else ""
        if not number:
            raise WebhookRefused(say("The message cannot be read"))
        event = event_of(row)
        news = ParcelNews(number, (event,) if event else (), words(row.get("shipper_order_ref_no")))
        return WebhookNews((news,), trusted=event is not None, key=mark_of(body))


def event_of(row: Mapping[str, Any]) -> CarrierEvent | None:
    """One event of either kind; None without a readable time. On the way back everything is."""
    raw = words(row.get("status")) or words(row.get("event"))
    at = moment(row.get("timestamp"))
    if at is None:
        return None
    status = STATUSES.get(raw.casefold(), T.UNKNOWN)
    if row.get("is_parcel_on_rts_leg") is True and status is not T.UNKNOWN:
        status = T.RETURNED if status in {T.DELIVERED, T.RETURNED} else T.RETURNING
    return CarrierEvent(at, status, raw[:80], words(row.get("comments"), 500) or raw, _hub(row))


def _hub(row: Mapping[str, Any]) -> str:
    for name, value in row.items():
        if name.endswith("_information") and isinstance(value, dict):
            return " ".join(found for key in ("hub", "city") if (found := words(value.get(key))))
    return ""


def wished(request: BookingRequest, prefix: str) -> str:
    """The number to ask for: ours, or the reference itself, or what stands for one that is too long. The same reference
    asks for the same number."""
    if request.tracking_no:
        return request.tracking_no.removeprefix(prefix) if prefix else request.tracking_no
    plain = re.sub(r"[^A-Z0-9]", "", request.reference.upper())
    room = max(LONGEST - len(prefix), SHORTEST)
    if len(plain) > room:
        number = int.from_bytes(hashlib.sha256(request.reference.encode()).digest()[:8], "big")
        plain = str(number)[:room]
    return plain.rjust(room, "0")  # the carrier would fill it up the same way


def _party(address: Address) -> dict[str, Any]:
    place = {
        "address1": address.line[:255], "address2": "", "sub_district": address.subdistrict,
        "district": address.district, "province": address.province, "postcode": address.postcode, "country": "TH",
    }  # fmt: skip
    party: dict[str, Any] = {"name": address.name[:255], "phone_number": address.phone[:32], "address": place}
    return party | ({"email": address.email} if address.email else {})


def _said(reply: Reply) -> tuple[str, str]:
    error = reply.part("error")
    details = error.get("details")
    more = [words(d.get("message")) for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    text = " ".join(filter(None, [words(error.get("message")), *more]))
    return words(error.get("code")) or words(error.get("title")), text


def _fields(reply: Reply) -> list[str]:
    details = reply.part("error").get("details")
    rows = [d for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    return [words(d.get("field")) for d in rows]


def _is_taken(reply: Reply) -> bool:
    """Whether it is the number it complains of."""
    return reply.status in {400, 409} and any("tracking_number" in field for field in _fields(reply))


ABOUT = (
    ("to", "receiver"), ("from", "sender"), ("cash_on_delivery", "cod"), ("insured_value", "insured"),
    ("weight", "weight_grams"),
)  # fmt: skip


def _problem(reply: Reply) -> CarrierError:
    code, text = _said(reply)
    if reply.status == 404 and reply.body is not None:
        return unknown(code, text)
    problem = by_status(reply, code, text)
    if isinstance(problem, CarrierRefused):
        named = " ".join(_fields(reply))
        problem.field = next((ours for theirs, ours in ABOUT if re.search(rf"\b{theirs}\b", named)), None)
    return problem
