"""Strict simulator of Thailand Post's tracking and webhook servers: a long key for a token, two calendars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request

from oms import clock
from views.sandbox.book import Fault, Refusal, need, strict
from views.sandbox.parcels import CarrierSandbox, Hook, Parcel, ParcelBook, Step, answered
from views.sandbox.tokens import GivenTokens

CODES = {
    "picked_up": "103", "in_transit": "201", "out_for_delivery": "301", "failed": "401", "refused": "401",
    "returning": "203", "moving_back": "201", "returned": "501", "delivered": "501", "lost": "777", "odd": "999",
}  # fmt: skip
TEXTS = {
    "EN": {"103": "Posting/Collection", "201": "In transit", "203": "Return to sender", "301": "Out for delivery",
           "401": "Unsuccessful delivery", "501": "Delivered"},
    "TH": {"103": "รับฝาก", "201": "อยู่ระหว่างการขนส่ง", "203": "ส่งคืนต้นทาง", "301": "อยู่ระหว่างการนำจ่าย",
           "401": "นำจ่ายไม่สำเร็จ", "501": "นำจ่ายสำเร็จ"},
}  # fmt: skip
MOST, A_DAY = 100, 1500


class ThailandPostSandbox(CarrierSandbox):
    """Both servers at one address."""

    name = "thaipost"

    def __init__(
        self, key: str = "post+key/with=signs", hook_key: str = "hook-word", book: ParcelBook | None = None,
        life: int = 3600,
    ) -> None:  # fmt: skip
        super().__init__(book)
        self.key, self.hook_key = key, hook_key
        self.tokens = GivenTokens(life)
        self.asked_today = 0
        self.a_day = A_DAY
        self.buddhist_end = False

    def no(self, status: int, message: str) -> Refusal:
        """A refusal."""
        return Refusal(status, {"message": message, "status": False})

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """A token, a question or a registration."""
        if request.method != "POST":
            raise self.no(405, "Method Not Allowed")
        if request.path == "/post/api/v1/authenticate/token":
            return self._token(request)
        if request.path not in {"/post/api/v1/track", "/post/api/v1/hook"}:
            raise self.no(404, "Not Found")
        if not self.tokens.hold(request, fault, ("Token", "Bearer")) or answered(fault, "bad_signature"):
            raise self.no(401, "Unauthorized")
        hooks = request.path.endswith("hook")
        try:
            more = {"req_previous_status": bool} if hooks else {}
            body = strict(request, {"status": str, "language": str, "barcode": list}, more)
            need(body["language"] in {"TH", "EN", "CN"}, "language")
            need(body["status"] == "all" or body["status"].isdecimal(), "status")
            need(0 < len(body["barcode"]) <= MOST, "barcode")
            need(all(isinstance(n, str) for n in body["barcode"]), "barcode")
        except ValueError as exc:
            raise self.no(400, f"Bad Request: {exc}") from None
        return self._good(self._watch(body) if hooks else self._track(body))

    def _token(self, request: Request) -> dict[str, Any]:
        if request.headers.get("authorization") != f"Token {self.key}":
            raise self.no(401, "Unauthorized")
        ends = clock.local(clock.now() + timedelta(seconds=self.tokens.life))
        year = ends.year + (543 if self.buddhist_end else 0)
        return {"expire": f"{year}{ends.strftime('-%m-%d %H:%M:%S+07:00')}", "token": self.tokens.new()}

    def _good(self, response: Mapping[str, Any]) -> dict[str, Any]:
        return {"response": response, "message": "successful", "status": True}

    def _track(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.asked_today += len(body["barcode"])
        if self.asked_today > self.a_day:
            raise self.no(429, "track count limit")
        items = {n: self.rows(n, body["language"]) for n in body["barcode"]}
        count = {"track_date": "x", "count_number": self.asked_today, "track_count_limit": self.a_day}
        return {"items": items, "track_count": count}

    def _watch(self, body: Mapping[str, Any]) -> dict[str, Any]:
        known = {n: len(n) == 13 for n in body["barcode"]}
        self.book.watched |= {n for n, good in known.items() if good}
        return {"items": [{"barcode": n, "status": good} for n, good in known.items()]}

    def rows(self, number: str, language: str) -> list[dict[str, Any]]:
        """What a parcel lived through, oldest first; nothing for one nobody knows."""
        parcel = self.book.parcels.get(number)
        return [self.row(parcel, step, language) for step in parcel.steps] if parcel else []

    def row(self, parcel: Parcel, step: Step, language: str) -> dict[str, Any]:
        """One step."""
        code = CODES[step.name]
        done = step.name in {"delivered", "returned"}
        return {
            "barcode": parcel.number, "status": code, "status_date": self.moment(step.at, language),
            "status_description": TEXTS.get(language, {}).get(code, "?"), "location": step.place, "postcode": "10540",
            "delivery_status": "S" if done else None, "delivery_datetime": None, "delivery_description": None,
            "receiver_name": "สมชาย" if done else None, "signature": None,
        }  # fmt: skip

    def moment(self, at: datetime, language: str) -> str:
        """In Thai the year is Buddhist."""
        local = clock.local(at)
        year = local.year + (543 if language == "TH" else 0)
        return f"{local.strftime('%d/%m/')}{year}{local.strftime(' %H:%M:%S')}+07:00"

    def hook(self, parcel: Parcel, step: Step) -> Hook:
        """With the word agreed on."""
        at = clock.local(step.at).strftime("%d/%m/%Y %H:%M+07:00")
        body = {"items": [self.row(parcel, step, "EN")], "track_datetime": at}
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.hook_key}"}
        return Hook(headers, json.dumps(body, ensure_ascii=False).encode())
