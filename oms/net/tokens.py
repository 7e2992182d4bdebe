"""An access token: fetched once, kept until shortly before it ends, dropped when it is no longer taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from oms import clock
from oms.net.silence import Silence
from oms.net.transport import Reply

MARGIN = timedelta(seconds=60)


@dataclass(frozen=True)
class Token:
    """What goes into the header, and until when."""

    value: str
    until: datetime


class Tokens:
    """Keeps one token. ``fetch`` asks for another; it raises Silence. ``margin``: renewed so long before it ends."""

    def __init__(self, fetch: Callable[[], Token], margin: timedelta = MARGIN) -> None:
        self._fetch, self._margin = fetch, margin
        self._lock = Lock()
        self._kept: Token | None = None

    def get(self) -> str:
        """A token that still holds. The question has not been sent while this runs."""
        with self._lock:
            if self._kept is None or self._kept.until - self._margin <= clock.now():
                try:
                    self._kept = self._fetch()
                except Silence as silence:
                    silence.reached = False
                    raise
            return self._kept.value

    def forget(self, value: str) -> None:
        """This one is not taken any more."""
        with self._lock:
            if self._kept is not None and self._kept.value == value:
                self._kept = None


def with_token(tokens: Tokens, send: Callable[[str], Reply]) -> Reply:
    """Send with a token; once more with a new one when the answer is that the token ended."""
    token = tokens.get()
    reply = send(token)
    if reply.status != 401:
        return reply
    tokens.forget(token)
    return send(tokens.get())


def life(seconds: object) -> datetime:
    """When a token ends; one that does not say is used once."""
    found = str(seconds)
    return clock.now() + timedelta(seconds=min(int(found), 24 * 3600) if found.isascii() and found.isdigit() else 0)


def refused(reply: Reply, code: str, message: str) -> Silence:
    """No token was given: their trouble when they say so by status, else our settings."""
    if reply.status >= 500 or reply.status == 429 or reply.body is None:
        return Silence(code or "trouble", message, retry_after=reply.retry_after)
    return Silence(code or "bad_key", message, final=True)
