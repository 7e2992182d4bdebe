"""What every channel adapter does alike: send, translate what went wrong, and say no to what it cannot do."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlsplit

from oms.channels.port import (
    Ability,
    Called,
    ChannelCannot,
    ChannelError,
    ChannelKeys,
    ChannelNotReady,
    ChannelRefused,
    ChannelSilent,
    ChannelTooLate,
    ChannelUnknown,
    Grant,
    ListingPage,
    NumberPage,
    Offer,
    OrderNews,
    OrderPage,
    ReturnPage,
    Shipped,
    Shipping,
    WebhookNews,
    WebhookRefused,
)
from oms.errors import InvalidInput, say
from oms.net.reading import is_pdf
from oms.net.silence import Silence, words_of
from oms.net.transport import Reply, Transport


def silent(silence: Silence) -> ChannelError:
    """No answer, as a channel's."""
    why = words_of(silence.why, silence.words)
    if silence.final:
        return ChannelKeys(
            say("The channel does not accept our keys: {why}", why=why), raw_code=silence.why, raw_text=silence.words
        )
    kind = ChannelNotReady if silence.why == "not_ready" else ChannelSilent
    return kind(
        say("The channel gave no answer: {why}", why=why), raw_code=silence.why, raw_text=silence.words,
        reached=silence.reached, retry_after=silence.retry_after,
    )  # fmt: skip


def unreadable(text: str = "") -> ChannelError:
    """It answered, and we cannot read it."""
    return silent(Silence("unreadable", text))


def refused(code: str, text: str, field: str | None = None) -> ChannelRefused:
    """It said no, in its own words."""
    return ChannelRefused(
        say("The channel refused: {why}", why=text or code), raw_code=code, raw_text=text, field=field
    )


def unknown(code: str = "", text: str = "") -> ChannelUnknown:
    """It knows nothing of that number of ours."""
    return ChannelUnknown(say("The channel does not know this order as ours"), raw_code=code, raw_text=text)


def by_status(reply: Reply, code: str = "", text: str = "") -> ChannelError:
    """What a reply means that the channel's own table does not name: by its HTTP status. A refusal for too many
    questions has done nothing."""
    if reply.status == 429:
        return silent(Silence("too_many", text, reached=False, retry_after=reply.retry_after or timedelta(minutes=1)))
    if reply.status in {401, 403}:
        return silent(Silence("bad_key", text, final=True))
    if reply.status >= 500:
        return silent(Silence("trouble", f"{code} {text}".strip(), retry_after=reply.retry_after))
    if reply.status < 400 or reply.body is None:
        return unreadable(text)
    return refused(code, text)


@contextmanager
def asking() -> Iterator[None]:
    """Whatever the transport could not bring home is the channel's error."""
    try:
        yield
    except Silence as silence:
        raise silent(silence) from silence


def mark_of(body: bytes) -> str:
    """Equal for equal webhooks."""
    return hashlib.sha256(body).hexdigest()


def told_mark(kind: str, data: Mapping[str, Any]) -> str:
    """Equal for webhooks that tell the same, whenever they were sent."""
    return mark_of(json.dumps([kind, data], sort_keys=True, ensure_ascii=False, default=str).encode())


def header(headers: Mapping[str, str], name: str) -> str:
    """A header whatever its case."""
    return next((value for key, value in headers.items() if key.casefold() == name.casefold()), "")


def hex_mac(secret: str, message: bytes) -> str:
    """The signature most platforms use."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def sign_push(app_key: str, secret: str, body: bytes) -> str:
    """How Lazada and TikTok Shop sign a webhook."""
    return hex_mac(secret, app_key.encode() + body)


def same(ours: str, theirs: str) -> bool:
    """Whether two signatures are equal, compared in constant time."""
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogateescape"))


def forged() -> WebhookRefused:
    """A webhook whose signature does not fit."""
    return WebhookRefused(say("The signature of the message does not fit"))


def hook_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a webhook. Raises WebhookRefused."""
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise WebhookRefused(say("The message cannot be read"))
    return found


def too_late(refusal: ChannelError) -> ChannelTooLate:
    """The order has moved on there."""
    return ChannelTooLate(say("The order has moved on there"), raw_code=refusal.raw_code, raw_text=refusal.raw_text)


def expired_grant(code: str = "", text: str = "") -> ChannelKeys:
    """The access cannot be renewed: its token was spent or is too old."""
    return ChannelKeys(say("The access to this shop has ended; log in there again"), raw_code=code, raw_text=text)


def no_code() -> ChannelRefused:
    """The seller came back from the platform without what we need."""
    return ChannelRefused(say("The platform sent no code back: begin again"))


def fetch_pdf(to: Callable[[str], Transport], address: str) -> bytes:
    """A paper that lies at an address the platform gave. Nothing of our keys goes along. Raises ChannelError."""
    parts = urlsplit(address)
    try:
        server = to(f"{parts.scheme}://{parts.netloc}")
    except InvalidInput as refusal:
        raise unreadable(address) from refusal
    try:
        with asking():
            reply = server.send("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
    finally:
        server.close()
    if reply.status >= 400 or not is_pdf(reply.data):
        raise by_status(reply) if reply.status >= 400 else unreadable()
    return reply.data


class Adapter:
    """What an adapter stands on: it says no to everything. Subclasses name their ``abilities`` and answer for them."""

    abilities: frozenset[Ability] = frozenset()
    refresh_limit = 50
    stock_limit = 50
    window = timedelta(days=1)
    overlap = timedelta(minutes=5)

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def close(self) -> None:
        """Let go of kept connections."""
        self.transport.close()

    def send(self, method: str, path: str, **how: Any) -> Reply:
        """One request, one reply. Raises ChannelSilent."""
        with asking():
            return self.transport.send(method, path, **how)

    @staticmethod
    def reread(raw: Mapping[str, Any]) -> OrderNews | None:  # noqa: ARG004  nothing by itself
        """An order read once more from the words that were kept; None: this adapter does not do that."""
        return None

    def check(self) -> str:
        """Nothing to check."""
        _cannot()

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def read_webhook(self, called: Called) -> WebhookNews:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def renew(self, grant: Grant) -> Grant:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def list_listings(self, cursor: str = "") -> ListingPage:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def accept(self, external_no: str) -> Shipping:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def ship(self, shipped: Shipped) -> Shipping:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def cancel(self, external_no: str, reason: str) -> None:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def answer_cancel(self, external_no: str, *, agree: bool) -> None:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def get_label(self, external_no: str) -> bytes:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:  # noqa: ARG002
        """Not by this interface."""
        _cannot()

    def send_text(self, thread: str, text: str, key: str) -> str:  # noqa: ARG002
        """Not by this interface."""
        _cannot()


def _cannot() -> NoReturn:
    raise ChannelCannot(say("This channel does not offer that by its interface"))
