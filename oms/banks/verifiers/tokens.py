"""A bank's access token: fetched once, kept until shortly before it ends, dropped when the bank no longer takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from oms import clock
from oms.banks.verifiers.port import Answer, NoAnswer
from oms.banks.verifiers.transport import Reply
from oms.payments.states import CheckOutcome

MARGIN = timedelta(seconds=60)


@dataclass(frozen=True)
class Token:
    """What goes into the header, and until when."""

    value: str
    until: datetime


class Tokens:
    """Keeps one token. ``fetch`` asks the bank for another; it raises NoAnswer."""

    def __init__(self, fetch: Callable[[], Token]) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._kept: Token | None = None

    def get(self) -> str:
        """A token that still holds. The question has not been sent while this runs."""
        with self._lock:
            if self._kept is None or self._kept.until - MARGIN <= clock.now():
                try:
                    self._kept = self._fetch()
                except NoAnswer as silence:
                    raise NoAnswer(replace(silence.answer, reached=False)) from silence
            return self._kept.value

    def forget(self, value: str) -> None:
        """The bank does not take this one any more."""
        with self._lock:
            if self._kept is not None and self._kept.value == value:
                self._kept = None


def with_token(tokens: Tokens, send: Callable[[str], Reply]) -> Reply:
    """Send with a token; once more with a new one when the bank says the token ended."""
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


def refused(reply: Reply, code: str, message: str) -> NoAnswer:
    """The bank gave no token: its trouble when it says so by status, else our settings."""
    if reply.status >= 500 or reply.status == 429 or reply.body is None:
        return NoAnswer(Answer(CheckOutcome.UNAVAILABLE, code=code or "trouble", message=message))
    return NoAnswer(Answer(CheckOutcome.REFUSED, code=code or "bad_key", message=message))
