"""Thailand Post: tracking and its webhook. Parcels are not booked by an open interface: labels carry numbers of a range
that was bought (``numbers.py``).

Two servers, the same token: a long key is exchanged for a token of some weeks. Dates are ``dd/mm/yyyy``, with the
Buddhist year when asked in Thai; a year past 2400 is taken for one, whatever was asked.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from oms import clock
from oms.carriers.asking import Adapter, T, asking, by_status, header, homeward, mark_of, silent
from oms.carriers.port import Ability, CarrierError, CarrierEvent, ParcelNews, WebhookNews, WebhookRefused
from oms.errors import say
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.tokens import Token, Tokens, refused, with_token
from oms.net.transport import Reply, Transport
from oms.shipping.states import TrackingStatus

A = Ability
LONGEST = timedelta(days=30)  # what a token without a readable end is worth at most is one call; with one, this
BUDDHIST = 543

STATUSES: Mapping[str, TrackingStatus] = {
    "101": T.CREATED, "102": T.PICKED_UP, "103": T.PICKED_UP, "201": T.IN_TRANSIT, "202": T.IN_TRANSIT,
    "203": T.RETURNING, "204": T.IN_TRANSIT, "205": T.IN_TRANSIT, "206": T.IN_TRANSIT, "207": T.IN_TRANSIT,
    "301": T.OUT_FOR_DELIVERY, "302": T.READY_FOR_PICKUP, "401": T.DELIVERY_FAILED, "501": T.DELIVERED,
}  # fmt: skip
_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4}) (\d{2}):(\d{2})(?::(\d{2}))?(?:([+-])(\d{2}):?(\d{2}))?")
_ENDS = re.compile(r"(\d{4})(-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})([+-]\d{2}:\d{2})?")


class ThailandPost(Adapter):
    """One developer account."""

    abilities = frozenset({A.TRACK, A.WEBHOOK, A.WATCH})
    track_limit = 100

    def __init__(self, transport: Transport, settings: Mapping[str, str], hooks: Transport) -> None:
        super().__init__(transport)
        self._hooks = hooks
        self._key, self._hook_key = settings["api_key"], settings.get("hook_key", "")
        self._language = settings.get("language") or "EN"
        self._tokens = Tokens(lambda: self._fetch(transport))
        self._hook_tokens = Tokens(lambda: self._fetch(hooks))

    def close(self) -> None:
        """Let go of kept connections."""
        super().close()
        self._hooks.close()

    def _fetch(self, transport: Transport) -> Token:
        reply = transport.send(
            "POST", "/post/api/v1/authenticate/token", headers={"authorization": f"Token {self._key}"}
        )
        value = reply.text("token") if reply.status < 400 else ""
        if not value:
            raise refused(reply, "", reply.text("message"))
        return Token(value, ends(reply.text("expire")))

    def _ask(self, transport: Transport, tokens: Tokens, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        def send(token: str) -> Reply:
            return transport.send("POST", path, headers={"authorization": f"Token {token}"}, body=body)

        with asking():
            reply = with_token(tokens, send)
        found = reply.part("response")
        if reply.status >= 400 or not reply.body or reply.body.get("status") is not True or "items" not in found:
            raise _problem(reply)
        return found

    def check(self) -> str:
        """A new token proves the key."""
        with asking():
            self._tokens.forget(self._tokens.get())
            self._tokens.get()
        return ""

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:
        """Up to a hundred at once; the account has a number of questions a day."""
        asked = self.within(numbers)
        found: dict[str, tuple[CarrierEvent, ...]] = dict.fromkeys(numbers, ())
        if not asked:
            return found
        body = {"status": "all", "language": self._language, "barcode": asked}
        items = self._ask(self.transport, self._tokens, "/post/api/v1/track", body)["items"]
        for number, rows in items.items() if isinstance(items, dict) else ():
            if number in found and isinstance(rows, list):
                found[number] = events_of(rows)
        return found

    def watch(self, numbers: Sequence[str]) -> dict[str, bool]:
        """Ask to be told of these parcels, with what was before."""
        asked = self.within(numbers)
        if not asked:
            return dict.fromkeys(numbers, False)
        body = {"status": "all", "language": self._language, "barcode": asked, "req_previous_status": True}
        items = self._ask(self._hooks, self._hook_tokens, "/post/api/v1/hook", body)["items"]
        rows = [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []
        taken = {words(row.get("barcode")) for row in rows if row.get("status") is True}
        return {number: number in taken for number in numbers}

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookNews:
        """The word agreed on in the dashboard is all that proves the sender. A delivery is a hint to look: only the
        whole history tells whether the parcel was handed to the receiver or, on its way back, to us."""
        given = header(headers, "authorization").encode()
        if not self._hook_key or not hmac.compare_digest(given, f"Bearer {self._hook_key}".encode()):
            raise WebhookRefused(say("The signature of the message is wrong"))
        try:
            items = json.loads(body)["items"]
        except (ValueError, TypeError, KeyError):
            raise WebhookRefused(say("The message cannot be read")) from None
        rows: dict[str, list[Any]] = {}
        for row in items if isinstance(items, list) else []:
            if isinstance(row, dict) and (number := words(row.get("barcode"))):
                rows.setdefault(number, []).append(row)
        parcels = tuple(ParcelNews(number, events_of(told)) for number, told in rows.items())
        sure = not any(e.status in {T.DELIVERED, T.RETURNED} for news in parcels for e in news.events)
        return WebhookNews(parcels, trusted=sure, key=mark_of(body))


def moment(text: str) -> datetime | None:
    """``dd/mm/yyyy HH:MM:SS+07:00``, either calendar; without a zone it is Bangkok's."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, ahead, more = found.groups()
    away = timedelta(hours=int(ahead or 7), minutes=int(more or 0)) * (-1 if sign == "-" else 1)
    try:
        told = datetime(_common(int(year)), int(month), int(day), int(hour), int(minute), int(second or 0),
                        tzinfo=timezone(away))  # fmt: skip
    except ValueError:
        return None
    return told.astimezone(UTC) if told.year > 1900 else None


def ends(text: str) -> datetime:
    """When a token ends; one that does not say is used once."""
    found = _ENDS.fullmatch(text.strip())
    if found is None:
        return clock.now()
    year, day, hour, zone = found.groups()
    try:
        told = datetime.fromisoformat(f"{_common(int(year)):04d}{day}T{hour}{zone or '+07:00'}")
    except ValueError:
        return clock.now()
    if told.year < 1900:
        return clock.now()
    return min(told.astimezone(UTC), clock.now() + LONGEST)


def _common(year: int) -> int:
    return year - BUDDHIST if year > 2400 else year


def events_of(rows: Sequence[Any]) -> tuple[CarrierEvent, ...]:
    """What the rows of one parcel say, oldest first. A row without a readable time is passed over."""
    told = []
    for row in rows:
        if isinstance(row, dict) and (at := moment(words(row.get("status_date")))) is not None:
            code = words(row.get("status"))
            text = " ".join(
                found for name in ("status_description", "delivery_description") if (found := words(row.get(name)))
            )
            place = " ".join(found for name in ("location", "postcode") if (found := words(row.get(name))))
            told.append(CarrierEvent(at, STATUSES.get(code, T.UNKNOWN), code, text, place))
    return homeward(told)


def _problem(reply: Reply) -> CarrierError:
    text = reply.text("message")
    if reply.status < 400 and reply.body is not None and reply.body.get("status") is False:
        return silent(Silence("trouble", text))
    return by_status(reply, "", text)
