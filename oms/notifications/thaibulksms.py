"""ThaiBulkSMS, API version 2. It knows no repeats: a message that may have left is never sent again by itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from oms.errors import say
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.notifications.asking import asking, by_status, keys, refused, silent
from oms.notifications.port import Allowance, Letter, SendEmpty, SendError, Sent
from oms.notifications.rendering import segments
from oms.thai.phone import is_mobile

_KEYS = frozenset({"ERROR_AUTHENTICATION", "ERROR_UNAUTHORIZED", "ERROR_SENDER_NAME"})
_EMPTY = frozenset({"ERROR_INSUFFICIENT_CREDIT", "ERROR_CREDIT"})


class ThaiBulkSms:
    """One account."""

    knows_repeats: ClassVar[bool] = False

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._basic = (settings["api_key"], settings["api_secret"])
        self.sender, self.force = settings["sender"], settings.get("force") or "corporate"

    def close(self) -> None:
        self._transport.close()

    def check(self) -> Allowance:
        with asking():
            reply = self._transport.send("GET", "/credit", basic=self._basic)
        if reply.status != 200 or reply.body is None:
            raise _error(reply)
        credit = reply.part("remaining_credit").get(self.force)
        return Allowance(words=words(credit) or reply.text("remaining_credit"))

    def send(self, letter: Letter) -> Sent:
        if not is_mobile(letter.to):
            raise refused("msisdn", "this is no mobile number", gone=True)
        form = {"msisdn": letter.to, "message": letter.body, "sender": self.sender, "force": self.force}
        with asking():
            reply = self._transport.send("POST", "/sms", form=form, basic=self._basic)
        if reply.status not in {200, 201}:
            raise _error(reply)
        if reply.body is None:
            raise silent(Silence("unreadable"))  # it was taken, or not: nobody knows
        return _taken(reply, letter)


def _taken(reply: Reply, letter: Letter) -> Sent:
    body = reply.body or {}
    good, bad = _entries(body.get("phone_number_list")), _entries(body.get("bad_phone_number_list"))
    if bad and not good:
        raise refused("bad_phone", words(bad[0].get("message")) or "the number is not taken", gone=True)
    if not good:
        raise silent(Silence("unreadable"))
    credit = _number(good[0].get("used_credit"))
    left = _number(body.get("remaining_credit"))
    parts = int(credit) if credit is not None and credit == int(credit) and credit > 0 else segments(letter.body).parts
    return Sent(words(good[0].get("message_id")), parts=parts, left=None if left is None else int(left))


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        return None


def _error(reply: Reply) -> SendError:
    found = reply.part("error")
    code = words(found.get("name")) or words(found.get("code"))
    text = words(found.get("description"))
    if code in _EMPTY:
        return SendEmpty(say("No SMS are left in the package"), raw_code=code, raw_text=text)
    if code in _KEYS:
        return keys(code, text)
    return by_status(reply, code, text)
