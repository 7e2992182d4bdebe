"""What every adapter does alike: translate what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from oms.errors import say
from oms.net.silence import Silence, words_of
from oms.net.transport import Reply
from oms.notifications.port import SendError, SendKeys, SendLimited, SendRefused, SendSilent

MINUTE = timedelta(minutes=1)


def silent(silence: Silence) -> SendError:
    """No answer, as a sender's."""
    why = words_of(silence.why, silence.words)
    if silence.final:
        return keys(silence.why, silence.words)
    return SendSilent(
        say("No answer: {why}", why=why), raw_code=silence.why, raw_text=silence.words, reached=silence.reached,
        retry_after=silence.retry_after,
    )  # fmt: skip


def keys(code: str, text: str = "") -> SendKeys:
    """Our settings are at fault."""
    return SendKeys(say("Our keys are not accepted: {why}", why=words_of(code, text)), raw_code=code, raw_text=text)


def refused(code: str, text: str, *, gone: bool = False) -> SendRefused:
    """It said no, in its own words."""
    return SendRefused(say("Refused: {why}", why=text or code), raw_code=code, raw_text=text, gone=gone)


def limited(reply_after: timedelta | None, code: str = "too_many", text: str = "") -> SendLimited:
    """Too many at once."""
    return SendLimited(
        say("Too many messages at once"), retry_after=reply_after or MINUTE, raw_code=code, raw_text=text
    )  # fmt: skip


def by_status(reply: Reply, code: str = "", text: str = "") -> SendError:
    """What a reply means that the provider's own table does not name: by its HTTP status."""
    if reply.status == 429:
        return limited(reply.retry_after, code or "too_many", text)
    if reply.status in {401, 403}:
        return keys(code or "bad_key", text)
    if reply.status >= 500:
        return silent(Silence("trouble", f"{code} {text}".strip(), retry_after=reply.retry_after))
    if reply.status < 400 or reply.body is None:
        return silent(Silence("unreadable", text))
    return refused(code or str(reply.status), text)


@contextmanager
def asking() -> Iterator[None]:
    """Whatever the transport could not bring home is the sender's error."""
    try:
        yield
    except Silence as silence:
        raise silent(silence) from silence
