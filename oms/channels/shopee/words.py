"""How Shopee signs, and what its errors mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from oms import clock
from oms.channels.asking import by_status, hex_mac, refused, silent, unknown, unreadable
from oms.channels.port import ChannelError, ChannelExpired
from oms.errors import say
from oms.net.silence import Silence
from oms.net.transport import Reply

# Of the access token; a new one may help.
EXPIRED = frozenset({"invalid_acceess_token", "invalid_access_token", "error_auth"})
AGAIN = frozenset({
    "error_server", "error_network", "error_other", "error_inner", "error_timeout", "error_connection",
    "error_third_party_server", "error_too_many_invoke_function", "logistic_order_is_locked_on_creating",
})  # fmt: skip
KEYS = frozenset({
    "error_sign", "error_permission", "error_shop", "shop_banned", "shop_no_linked", "partner_shop_no_link",
    "error_partner_key_expired", "error_api_permission", "api_suspended", "source_ip_undeclared", "error_kyc_auth",
})  # fmt: skip
UNKNOWN = frozenset({"error_not_found", "order_not_found", "error_order_not_found"})
SHIPPED_BEFORE = frozenset({"package_already_shipped"})
EIGHT_HOURS = timezone(timedelta(hours=8))
MINUTE = timedelta(minutes=1)


def sign(key: str, *parts: str) -> str:
    """The signature over these parts, put together as they are. The key is text, also where it looks like hex."""
    return hex_mac(key, "".join(parts).encode())


def sign_push(key: str, url: str, body: bytes) -> str:
    """The signature of a push message to the address as it was registered."""
    return hex_mac(key, url.encode() + b"|" + body)


def bare(code: str) -> str:
    """An error without the family it stands in: ``logistics.error_timeout`` is ``error_timeout``."""
    return code.rpartition(".")[2]


def next_day(now: datetime) -> timedelta:
    """How long until the daily limit begins anew, at midnight of UTC+8."""
    there = now.astimezone(EIGHT_HOURS)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight.astimezone(UTC) - now


def problem(reply: Reply) -> ChannelError | None:
    """What a reply complains of; None when it is good."""
    if reply.body is None:
        return by_status(reply)
    code, text = reply.text("error"), reply.text("message")
    if not code:
        return by_status(reply, code, text) if reply.status >= 400 else None
    if bare(code) in EXPIRED:
        return ChannelExpired(say("The platform no longer takes our access"), raw_code=code, raw_text=text)
    if (silence := _silence(code, text, reply.retry_after)) is not None:
        return silent(silence)
    if bare(code) in UNKNOWN:
        return unknown(code, text)
    if reply.status == 429 or reply.status >= 500:
        return by_status(reply, code, text)
    return refused(code, text)


def _silence(code: str, text: str, wait: timedelta | None) -> Silence | None:
    """Errors that say nothing of what was asked."""
    kind = bare(code)
    if kind == "error_limit":
        return Silence("too_many", text, reached=False, retry_after=next_day(clock.now()))
    if kind == "error_rate_limit":
        return Silence("too_many", text, reached=False, retry_after=wait or MINUTE)
    if kind in AGAIN:
        return Silence(code, text, retry_after=wait)
    if kind in KEYS:
        return Silence(code, text, final=True)
    if kind == "error_param" and "timestamp" in text.lower() and "expired" in text.lower():
        return Silence("clock", text, final=True)
    return None


def told(reply: Reply) -> Reply:
    """A good reply. Raises ChannelError."""
    if (trouble := problem(reply)) is not None:
        raise trouble
    if reply.body is None or "error" not in reply.body:
        raise unreadable()
    return reply
