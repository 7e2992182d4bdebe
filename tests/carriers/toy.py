"""The example of docs/how-to/add-a-carrier.md: a whole carrier, its adapter and its strict simulator, in one sitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.wrappers import Request, Response

from oms.carriers.asking import Adapter, T, by_status, homeward, pdf_of, refused, segment, unknown, unreadable
from oms.carriers.port import (
    Ability,
    Booking,
    BookingRequest,
    CarrierError,
    CarrierEvent,
    CarrierTooLate,
    LabelSize,
)
from oms.carriers.registry import AdapterKind
from oms.errors import say
from oms.net.reading import moment, words
from oms.net.settings import Field
from oms.net.transport import Reply, Transport
from oms.shipping.states import TrackingStatus
from views.sandbox.book import Fault, Refusal, need, strict
from views.sandbox.parcels import CarrierSandbox, Parcel, answered, pdf

A = Ability
STATUSES: Mapping[str, TrackingStatus] = {
    "TAKEN": T.PICKED_UP, "ON_ROAD": T.IN_TRANSIT, "AT_DOOR": T.OUT_FOR_DELIVERY, "HANDED": T.DELIVERED,
    "NOT_HOME": T.DELIVERY_FAILED, "TURNED": T.RETURNING, "VOID": T.CANCELED,
}  # fmt: skip


class Tuktuk(Adapter):
    """One account at Tuktuk Express."""

    abilities = frozenset({A.BOOK, A.FIND, A.LABEL, A.CANCEL, A.TRACK})
    track_limit = 20

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._headers = {"x-key": settings["api_key"]}

    def _ask(self, method: str, path: str, **how: Any) -> Reply:
        reply = self.send(method, path, headers=self._headers, **how)
        if reply.status >= 400 or (reply.body is None and pdf_of(reply) is None):
            raise _problem(reply)
        return reply

    def check(self) -> str:
        """It answers "pong" to the right key."""
        return self._ask("GET", "/ping").text("shop")

    def book(self, request: BookingRequest) -> Booking:
        """By our reference, which it refuses a second time."""
        if request.attempt > 1 and (known := self.find(request)):
            return known
        to = {"name": request.receiver.name, "postcode": request.receiver.postcode}
        body = {
            "ref": request.reference, "to": to, "grams": request.weight_grams, "cash": request.cod.in_satang,
        }  # fmt: skip
        reply = self._ask("POST", "/parcels", body=body)
        if not reply.text("number"):
            raise unreadable()
        return Booking(reply.text("number"), label_available=True, raw=reply.body or {})

    def find(self, request: BookingRequest) -> Booking | None:
        """It looks parcels up by our reference."""
        number = self._ask("GET", f"/refs/{segment(request.reference)}").text("number")
        return Booking(number, label_available=True, found=True) if number else None

    def label(self, tracking_no: str, size: LabelSize = LabelSize.LARGE) -> bytes:
        """One size."""
        reply = self._ask("GET", f"/parcels/{segment(tracking_no)}/label")
        if (found := pdf_of(reply)) is None:
            raise by_status(reply)
        return found

    def cancel(self, tracking_no: str) -> None:
        """Before it is taken."""
        self._ask("DELETE", f"/parcels/{segment(tracking_no)}")

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:
        """Several at once."""
        found: dict[str, tuple[CarrierEvent, ...]] = dict.fromkeys(numbers, ())
        if asked := self.within(numbers):
            told = self._ask("GET", "/events", params={"n": asked}).part("parcels")
            for number, rows in told.items():
                if number in found and isinstance(rows, list):
                    found[number] = homeward(e for row in rows if (e := _event(row)))
        return found


def _event(row: Any) -> CarrierEvent | None:
    at = moment(row.get("at")) if isinstance(row, dict) else None
    code = words(row.get("code")) if at else ""
    return CarrierEvent(at, STATUSES.get(code, T.UNKNOWN), code, code, words(row.get("place"))) if at else None


def _problem(reply: Reply) -> CarrierError:
    code, text = reply.text("code"), reply.text("message")
    if code == "nobody":
        return unknown(code, text)
    if code == "gone":
        return CarrierTooLate(say("The parcel was picked up already"), raw_code=code)
    return refused(code, text, reply.text("field") or None) if code == "wrong" else by_status(reply, code, text)


KIND = AdapterKind(
    "tuktuk", "Tuktuk Express", "", "https://api.tuktuk.example", (Field("api_key", "API key", secret=True),),
    Tuktuk, lambda o: Tuktuk(o.transport, o.settings),
)  # fmt: skip


class TuktukSandbox(CarrierSandbox):
    """Refuses what the real one would."""

    name = "tuktuk"
    codes = {
        "picked_up": "TAKEN", "in_transit": "ON_ROAD", "out_for_delivery": "AT_DOOR", "delivered": "HANDED",
        "failed": "NOT_HOME", "refused": "NOT_HOME", "returning": "TURNED", "moving_back": "ON_ROAD",
        "returned": "HANDED", "canceled": "VOID", "lost": "GONE_MISSING", "odd": "??",
    }  # fmt: skip

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One operation."""
        if request.headers.get("x-key") != "tuk" or answered(fault, "bad_signature"):
            raise Refusal(401, {"message": "who are you"})
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "ping"):
                return {"shop": "pong"}
            case ("POST", "parcels"):
                return self._book(request)
            case ("GET", "refs", reference):
                known = self.book.by_reference(reference)
                return {"number": known.number if known else ""}
            case ("GET", "parcels", number, "label"):
                return pdf(self._known(number).number, 100, 150)
            case ("DELETE", "parcels", number):
                if self._known(number).stands not in {"", "canceled"}:
                    raise Refusal(409, {"code": "gone"})
                if not self.book.parcels[number].stands:
                    self.book.move(number, "canceled")
                return {}
            case ("GET", "events"):
                return {"parcels": {n: self._rows(n) for n in request.args.getlist("n") if n in self.book.parcels}}
        raise Refusal(404, {"message": "no such address"})

    def _known(self, number: str) -> Parcel:
        if number not in self.book.parcels:
            raise Refusal(404, {"code": "nobody"})
        return self.book.parcels[number]

    def _rows(self, number: str) -> list[dict[str, str]]:
        steps = self.book.parcels[number].steps
        return [{"at": s.at.isoformat(), "code": self.codes[s.name], "place": s.place} for s in steps]

    def _book(self, request: Request) -> dict[str, Any]:
        try:
            body = strict(request, {"ref": str, "to": dict, "grams": int, "cash": int})
            need(0 < body["grams"] < 50_000, "grams")
            need(body["to"]["postcode"].isdecimal(), "receiver")
            need(self.book.by_reference(body["ref"]) is None, "reference")
        except ValueError as wrong:
            raise Refusal(422, {"code": "wrong", "message": str(wrong), "field": str(wrong)}) from None
        number = f"TUK{self.book.next_serial():09d}"
        self.book.add(Parcel(number, body["ref"], body))
        return {"number": number}
