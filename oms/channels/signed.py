"""How a shop of one's own proves that a message is from it: the moment and the raw bytes, signed together.

``Ruam-Signature: t=1767225600,v1=<hex>``, where v1 is HMAC-SHA-256 of ``<t>.<raw body>``. The moment may be five
minutes away from ours; more is a message somebody kept, or a clock that is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

from oms import clock
from oms.channels.asking import forged, header, mark_of, same
from oms.channels.port import Called, Hint, HintKind, WebhookNews, WebhookRefused
from oms.errors import say
from oms.net.reading import words

HEADER = "Ruam-Signature"
SKEW = 300  # seconds


def made(secret: str, at: int, body: bytes) -> str:
    """The signature of these bytes at this moment."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def prove(called: Called, secrets: Sequence[str]) -> None:
    """Raises WebhookRefused unless the message is signed with one of the secrets, and was when it came."""
    parts = dict(part.strip().partition("=")[::2] for part in header(called.headers, HEADER).split(","))
    at, given = parts.get("t", ""), parts.get("v1", "")
    if not (at.isascii() and at.isdigit() and len(at) <= 11):
        raise forged()
    fits = [same(made(secret, int(at), called.body), given) for secret in secrets if secret]
    if not any(fits):
        raise forged()
    came = called.at or clock.now()
    if abs(came.timestamp() - int(at)) > SKEW:
        raise WebhookRefused(say("The message was signed more than five minutes ago, or a clock is wrong"))


def read_hint(called: Called, secrets: Sequence[str]) -> WebhookNews:
    """``{"order": "<number>"}`` from a shop that sends no webhooks by itself: where to look."""
    prove(called, secrets)
    try:
        row = json.loads(called.body)
    except ValueError:
        raise forged() from None
    number = words(row.get("order")) if isinstance(row, dict) else ""
    hints = (Hint(HintKind.ORDER, number),) if number else ()
    return WebhookNews(hints, trusted=True, key=mark_of(called.body + header(called.headers, HEADER).encode()))
