"""How Lazada signs, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from oms.channels.asking import by_status, hex_mac, refused, silent, unknown, unreadable
from oms.channels.port import ChannelError, ChannelExpired
from oms.errors import say
from oms.net.silence import Silence
from oms.net.transport import Reply

GOOD = "0"
EXPIRED = frozenset({"IllegalAccessToken", "IllegalRefreshToken"})
LIMITS = frozenset({"ApiCallLimit", "AppCallLimit", "SellerCallLimit"})
CLOCK = frozenset({"InvalidTimestamp", "IllegalTimestamp"})
KEYS = frozenset({
    "IncompleteSignature", "InvalidAppKey", "InsufficientPermission", "InvalidApiPath", "InvalidAppSecret",
    "AppWhiteIpLimit",
})  # fmt: skip
AGAIN = frozenset({"ServiceTimeout", "ServiceUnavailable", "E501", "501", "500", "901", "E500", "E901"})
MINUTE = timedelta(minutes=1)
_SECONDS = re.compile(r"(\d{1,6})\s*second", re.IGNORECASE)
_NO_ORDER = re.compile(r"invalid order|order[^.]{0,40}not (?:found|exist)", re.IGNORECASE)


def sign(secret: str, path: str, params: Mapping[str, str], body: str = "") -> str:
    """The signature: the path, every parameter sorted by name, and a body that is no form."""
    said = path + "".join(f"{name}{params[name]}" for name in sorted(params) if name != "sign") + body
    return hex_mac(secret, said.encode()).upper()


def problem(reply: Reply) -> ChannelError | None:
    """What a reply complains of; None when it is good."""
    if reply.body is None:
        return by_status(reply)
    code, text = reply.text("code"), reply.text("message")
    if code == GOOD:
        return by_status(reply, code, text) if reply.status >= 400 else None
    if not code:
        return by_status(reply) if reply.status >= 400 else unreadable()
    if code in EXPIRED:
        return ChannelExpired(say("The platform no longer takes our access"), raw_code=code, raw_text=text)
    if (silence := _silence(code, text, reply)) is not None:
        return silent(silence)
    if _NO_ORDER.search(text):
        return unknown(code, text)
    if reply.status == 429 or reply.status >= 500:
        return by_status(reply, code, text)
    return refused(code, text)


def _silence(code: str, text: str, reply: Reply) -> Silence | None:
    """Errors that say nothing of what was asked. A ban names its seconds in words."""
    if code in LIMITS:
        named = _SECONDS.search(text)
        wait = timedelta(seconds=int(named[1])) if named else reply.retry_after or MINUTE
        return Silence("too_many", text, reached=False, retry_after=min(wait, timedelta(days=1)))
    if code in CLOCK:
        return Silence("clock", text, final=True)
    if code in KEYS:
        return Silence(code, text, final=True)
    if code in AGAIN or reply.text("type") == "SYSTEM":
        return Silence(code, text, retry_after=reply.retry_after)
    return None


def told(reply: Reply) -> Reply:
    """A good reply. Raises ChannelError."""
    if (trouble := problem(reply)) is not None:
        raise trouble
    return reply
