"""How TikTok Shop signs, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from oms.channels.asking import by_status, hex_mac, refused, silent, unreadable
from oms.channels.port import ChannelError, ChannelExpired
from oms.errors import say
from oms.net.silence import Silence
from oms.net.transport import Reply

GOOD = "0"
UNSIGNED = frozenset({"sign", "access_token", "x-tts-access-token"})
EXPIRED = frozenset({"105002"})
LIMITS = frozenset({"36009002", "36009037"})
AGAIN = frozenset({"36009003", "36009007"})
KEYS = frozenset({"1010000", "105005", "36009033", "106001"})
PARAMETER = "36009004"
MINUTE = timedelta(minutes=1)


def sign(secret: str, path: str, query: Mapping[str, str], body: str = "") -> str:
    """The signature: the path, the query sorted by name and the body as it is sent, wrapped in the secret."""
    said = "".join(f"{name}{query[name]}" for name in sorted(query) if name not in UNSIGNED)
    return hex_mac(secret, f"{secret}{path}{said}{body}{secret}".encode())


def problem(reply: Reply) -> ChannelError | None:
    """What a reply complains of; None when it is good."""
    if reply.body is None:
        return by_status(reply)
    code, text = reply.text("code"), reply.text("message")
    if code == GOOD and reply.status < 400:
        return None
    if code in EXPIRED:
        return ChannelExpired(say("The platform no longer takes our access"), raw_code=code, raw_text=text)
    if (silence := _silence(code, text, reply.retry_after)) is not None:
        return silent(silence)
    if not code or reply.status in {401, 403, 429} or reply.status >= 500:
        return by_status(reply, code, text) if reply.status >= 400 else unreadable()
    return refused(code, text)


def _silence(code: str, text: str, wait: timedelta | None) -> Silence | None:
    """Errors that say nothing of what was asked."""
    said = text.lower()
    if code in LIMITS:
        return Silence("too_many", text, reached=False, retry_after=wait or MINUTE)
    if code in AGAIN:
        return Silence(code, text, retry_after=wait)
    if code in KEYS or (code == PARAMETER and "access_token" in said):
        return Silence(code, text, final=True)
    if code == PARAMETER and "timestamp" in said:
        return Silence("clock", text, final=True)
    return None


def told(reply: Reply) -> Reply:
    """A good reply. Raises ChannelError."""
    if (trouble := problem(reply)) is not None:
        raise trouble
    return reply
