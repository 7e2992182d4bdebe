"""Strict simulator of Ninja Van: OAuth, nested JSON checked field by field, numbers of the account's prefix."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from werkzeug.wrappers import Request, Response

from views.sandbox.book import Fault, Refusal
from views.sandbox.parcels import CarrierSandbox, Hook, Parcel, ParcelBook, Step, answered, pdf
from views.sandbox.tokens import GivenTokens

WISH = re.compile(r"([a-zA-Z0-9]+-)*[a-zA-Z0-9]+")
LENGTH = 18
STATUSES = {
    "": "Pending Pickup", "picked_up": "Picked Up", "in_transit": "Arrived at Transit Hub", "lost": "Parcel Lost",
    "out_for_delivery": "On Vehicle for Delivery", "failed": "Delivery Exception", "refused": "Delivery Exception",
    "delivered": "Delivered", "returning": "Return to Sender Triggered", "moving_back": "Arrived at Transit Hub",
    "returned": "Delivered", "canceled": "Cancelled", "odd": "Beamed Up",
}  # fmt: skip
BACK = {"returning", "moving_back", "returned"}
ADDRESS: dict[str, Any] = {
    "address1": str, "address2": str, "sub_district": str, "district": str, "province": str, "postcode": str,
    "country": str,
}  # fmt: skip
PARTY: dict[str, Any] = {"name": str, "phone_number": str, "email": str, "address": ADDRESS}
JOB: dict[str, Any] = {
    "is_pickup_required": bool, "pickup_service_type": str, "pickup_service_level": str, "pickup_date": str,
    "pickup_timeslot": {"start_time": str, "end_time": str, "timezone": str}, "pickup_instructions": str,
    "delivery_start_date": str, "delivery_instructions": str, "cash_on_delivery": float, "insured_value": float,
    "dimensions": {"weight": float, "length": float, "width": float, "height": float, "size": str}, "items": list,
}  # fmt: skip
ORDER: dict[str, Any] = {
    "service_type": str, "service_level": str, "requested_tracking_number": str, "from": PARTY, "to": PARTY,
    "reference": {"merchant_order_number": str}, "parcel_job": JOB,
}  # fmt: skip
NEEDED = (
    "service_type", "service_level", "from.name", "from.phone_number", "from.address.address1", "to.name",
    "to.phone_number", "to.address.address1", "to.address.postcode", "to.address.country", "parcel_job.dimensions",
    "parcel_job.delivery_start_date",
)  # fmt: skip


class NinjaVanSandbox(CarrierSandbox):
    """Under ``/sg``: one shipper with a prefix."""

    name = "ninjavan"
    root = "/sg"

    def __init__(
        self, client: str = "nv-client", secret: str = "nvclientsecret", prefix: str = "NVTH",  # noqa: S107  made up
        book: ParcelBook | None = None, life: int = 3600,
    ) -> None:  # fmt: skip
        super().__init__(book)
        self.client, self.secret, self.prefix = client, secret, prefix
        self.tokens = GivenTokens(life)
        self.may_print = True

    def no(self, status: int, code: str, message: str, fields: Mapping[str, str] | None = None) -> Refusal:
        """A refusal with what is wrong in which field."""
        details = [{"reason": why, "field": name, "message": why} for name, why in (fields or {}).items()]
        error = {"code": code, "request_id": "r-1", "title": code, "message": message, "details": details}
        return Refusal(status, {"error": error})

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """A token or one operation."""
        path = request.path.removeprefix(self.root)
        if not request.path.startswith(self.root):
            raise self.no(404, "NOT_FOUND", "no such address")
        if (request.method, path) == ("POST", "/2.0/oauth/access_token"):
            return self._token(request)
        if not self.tokens.hold(request, fault) or answered(fault, "bad_signature"):
            raise self.no(401, "ACCESS_TOKEN_ERR", "token expired")
        if (request.method, path) == ("POST", "/4.2/orders"):
            return self._order(request)
        if (request.method, path) == ("GET", "/2.0/reports/waybill"):
            return self._waybill(request)
        if (request.method, path) == ("GET", "/1.0/orders/tracking-events"):
            return self._events(request)
        if request.method == "DELETE" and path.startswith("/2.2/orders/"):
            return self._cancel(path.removeprefix("/2.2/orders/"))
        raise self.no(404, "NOT_FOUND", "no such address")

    def _token(self, request: Request) -> dict[str, Any]:
        body = request.get_json(silent=True)
        if body != {"client_id": self.client, "client_secret": self.secret, "grant_type": "client_credentials"}:
            raise self.no(401, "INVALID_CLIENT", "unknown client")
        life = self.tokens.life
        return {
            "access_token": self.tokens.new(), "expires": int(time.time()) + life, "token_type": "bearer",
            "expires_in": life,
        }  # fmt: skip

    def _order(self, request: Request) -> dict[str, Any]:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise self.no(400, "VALIDATION_ERROR", "JSON expected")
        wrong = dict(_wrong(body, ORDER, ""))
        wrong |= {name: "required" for name in NEEDED if _at(body, name) in {None, ""}}
        wrong |= dict(self._values(body)) if not wrong else {}
        if wrong:
            raise self.no(400, "VALIDATION_ERROR", "The request is invalid", wrong)
        with self.book.lock:
            wish = body.get("requested_tracking_number") or f"{self.book.next_serial():09d}"
            number = f"{self.prefix}{wish.rjust(LENGTH - len(self.prefix), '0')}"
            if number in self.book.parcels:
                taken = {"requested_tracking_number": "Tracking number is already in use"}
                raise self.no(400, "VALIDATION_ERROR", "Duplicate", taken)
            reference = body.get("reference", {}).get("merchant_order_number", "")
            self.book.add(Parcel(number, reference, body))
        return body | {"tracking_number": number}

    def _values(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is wrong beyond types."""
        wish = body.get("requested_tracking_number", "x" * 9)
        job = body["parcel_job"]
        start = job["delivery_start_date"]
        found = [
            ("requested_tracking_number", 9 <= len(wish) <= LENGTH - len(self.prefix) and WISH.fullmatch(wish)),
            ("to.address.postcode", re.fullmatch(r"\d{5}", body["to"]["address"]["postcode"])),
            ("to.address.country", body["to"]["address"]["country"] == "TH"),
            ("parcel_job.dimensions.weight", 0 < job["dimensions"].get("weight", 0) <= 50),
            ("parcel_job.cash_on_delivery", 0 <= job.get("cash_on_delivery", 0) <= 50_000),
            ("parcel_job.delivery_start_date", re.fullmatch(r"\d{4}-\d{2}-\d{2}", start)),
            ("service_level", body["service_level"] in {"Standard", "Express", "Sameday", "Nextday"}),
        ]
        if job.get("is_pickup_required"):
            found += [("parcel_job.pickup_date", job.get("pickup_date")), ("parcel_job.pickup_timeslot",
                       job.get("pickup_timeslot"))]  # fmt: skip
        return [(name, "invalid") for name, good in found if not good]

    def _waybill(self, request: Request) -> Response:
        if not self.may_print:
            raise self.no(403, "FORBIDDEN", "no access to waybills")
        number = request.args.get("tid", "")
        if not set(request.args) <= {"tid", "hide_shipper_details", "orientation"} or not number:
            raise self.no(400, "VALIDATION_ERROR", "unknown parameter", {"tid": "required"})
        return pdf(self._known(number).number, 100, 150)

    def _known(self, number: str) -> Parcel:
        if number not in self.book.parcels:
            raise self.no(404, "NOT_FOUND", f"order {number} not found")
        return self.book.parcels[number]

    def _cancel(self, number: str) -> dict[str, Any]:
        parcel = self._known(number)
        if parcel.stands:
            raise self.no(400, "INVALID_STATE", f"order is {STATUSES[parcel.stands]}")
        self.book.move(number, "canceled")
        return {"trackingId": number, "status": "Cancelled", "updatedAt": None}

    def _events(self, request: Request) -> dict[str, Any]:
        numbers = request.args.getlist("tracking_number")
        if set(request.args) != {"tracking_number"} or len(numbers) > 50:
            raise self.no(400, "VALIDATION_ERROR", "at most 50", {"tracking_number": "required"})
        known = [self.book.parcels[n] for n in numbers if n in self.book.parcels]
        rows = [
            {"tracking_number": p.number, "is_full_history_available": True, "events": [*map(dict, self._told(p))]}
            for p in known
        ]
        return {"data": rows}

    def _told(self, parcel: Parcel) -> list[dict[str, Any]]:
        """Every event; the booking is the first."""
        return [self.event(parcel, Step("", parcel.made_at)), *(self.event(parcel, step) for step in parcel.steps)]

    def event(self, parcel: Parcel, step: Step) -> dict[str, Any]:
        """One event."""
        place = {"hub": step.place, "city": "TH"} if step.name else {}
        known = {"arrived_at_transit_hub_information": place} if place else {}
        return known | {
            "shipper_id": "1", "tracking_number": parcel.number, "shipper_order_ref_no": parcel.reference,
            "timestamp": step.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"), "status": STATUSES[step.name],
            "is_parcel_on_rts_leg": step.name in BACK,
        }  # fmt: skip

    def hook(self, parcel: Parcel, step: Step) -> Hook:
        """Signed over every byte."""
        told = self.event(parcel, step) | {"tracking_id": parcel.number}
        body = json.dumps(told, ensure_ascii=False).encode()
        made = base64.b64encode(hmac.new(self.secret.encode(), body, hashlib.sha256).digest()).decode()
        return Hook({"content-type": "application/json", "X-Ninjavan-Hmac-Sha256": made}, body)

    def missigned(self, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        """Another body under the same signature."""
        return headers, body.replace(b"Vehicle", b"vehicle") + b" "


def _wrong(found: Mapping[str, Any], known: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """Fields nobody knows and values of another type, at any depth."""
    wrong: list[tuple[str, str]] = []
    for name, value in found.items():
        path, kind = f"{where}{name}", known.get(name)
        if kind is None:
            wrong.append((path, "unknown field"))
        elif isinstance(kind, dict):
            wrong += _wrong(value, kind, f"{path}.") if isinstance(value, dict) else [(path, "object expected")]
        elif kind is float:
            wrong += [] if type(value) in {int, float} else [(path, "number expected")]
        elif type(value) is not kind:
            wrong.append((path, f"{kind.__name__} expected"))
    return wrong


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, str | int | float | bool) or body is None else "there"
