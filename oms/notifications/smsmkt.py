"""SMSMKT. Its own codes inside an answer that is always 200; it knows no repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from oms.errors import say
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.notifications.asking import asking, by_status, keys, refused, silent
from oms.notifications.port import Allowance, Letter, SendEmpty, SendError, Sent
from oms.notifications.rendering import segments
from oms.thai.phone import is_mobile

OK = "000"
_KEYS = frozenset({"200", "500", "1004"})
_GONE = frozenset({"107", "110"})
_EMPTY = "400"
CAMPAIGN = "Ruam"


class SmsMkt:
    """One account."""

    knows_repeats: ClassVar[bool] = False

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._head = {"api_key": settings["api_key"], "secret_key": settings["secret_key"]}
        self.sender = settings["sender"]

    def close(self) -> None:
        self._transport.close()

    def check(self) -> Allowance:
        """There is no free question, so an incomplete message is sent: it is turned down for that when the keys are
        right."""
        reply = self._post({"message": "", "phone": "", "sender": self.sender})
        code = reply.text("code")
        if code in {OK, "100", "107"}:
            return Allowance(words=self.sender)
        raise _error(reply)

    def send(self, letter: Letter) -> Sent:
        if not is_mobile(letter.to):
            raise refused("phone", "this is no mobile number", gone=True)
        reply = self._post({"message": letter.body, "phone": letter.to, "sender": self.sender})
        if reply.text("code") != OK or reply.status >= 400:
            raise _error(reply)
        found = reply.part("result")
        number = next((words(v) for k, v in found.items() if "transaction" in k.lower()), "")
        return Sent(number, parts=segments(letter.body).parts)

    def _post(self, said: Mapping[str, str]) -> Reply:
        body = {**said, "send_date": "", "expire": "", "url": "", "campaign_name": CAMPAIGN}
        with asking():
            return self._transport.send("POST", "/api/send-message", headers=self._head, body=body)


def _error(reply: Reply) -> SendError:
    code, text = reply.text("code"), reply.text("detail")
    if not code or reply.status >= 500 or reply.status == 429:
        return by_status(reply, code, text)
    if code == OK:
        return silent(Silence("unreadable"))
    if code == _EMPTY:
        return SendEmpty(say("No SMS are left in the package"), raw_code=code, raw_text=text)
    if code in _KEYS:
        return keys(code, text)
    return refused(code, text, gone=code in _GONE)
