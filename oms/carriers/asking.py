"""What every adapter does alike: send, translate what went wrong, and read the way home of a parcel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from oms.carriers.port import (
    Ability,
    Booking,
    BookingRequest,
    CarrierCannot,
    CarrierError,
    CarrierEvent,
    CarrierKeys,
    CarrierRefused,
    CarrierSilent,
    CarrierUnknown,
    LabelSize,
    Pickup,
    PickupRequest,
    Rate,
    RateRequest,
    WebhookNews,
)
from oms.errors import say
from oms.net.reading import is_pdf
from oms.net.silence import Silence, words_of
from oms.net.transport import Reply, Transport
from oms.shipping.states import TrackingStatus

T = TrackingStatus
NUMBER = re.compile(r"[A-Za-z0-9-]{1,40}")


def silent(silence: Silence) -> CarrierError:
    """No answer, as a carrier's."""
    why = words_of(silence.why, silence.words)
    if silence.final:
        return CarrierKeys(
            say("The carrier does not accept our keys: {why}", why=why), raw_code=silence.why, raw_text=silence.words
        )
    return CarrierSilent(
        say("The carrier gave no answer: {why}", why=why), raw_code=silence.why, raw_text=silence.words,
        reached=silence.reached, retry_after=silence.retry_after,
    )  # fmt: skip


def unreadable(text: str = "") -> CarrierError:
    """It answered, and we cannot read it."""
    return silent(Silence("unreadable", text))


def refused(code: str, text: str, field: str | None = None) -> CarrierRefused:
    """It said no, in its own words."""
    return CarrierRefused(
        say("The carrier refused: {why}", why=text or code), raw_code=code, raw_text=text, field=field
    )


def by_status(reply: Reply, code: str = "", text: str = "") -> CarrierError:
    """What a reply means that the carrier's own table does not name: by its HTTP status. A refusal for too many
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
    """Whatever the transport could not bring home is the carrier's error."""
    try:
        yield
    except Silence as silence:
        raise silent(silence) from silence


def homeward(events: Iterable[CarrierEvent]) -> tuple[CarrierEvent, ...]:
    """Oldest first, and once a parcel is on its way home, moving is ``returning`` and arriving is ``returned``: what
    the carrier hands to the sender was not delivered."""
    told: list[CarrierEvent] = []
    home = False
    for event in sorted(events, key=lambda e: e.at):
        status = event.status
        if home and status in _ON_THE_WAY:
            status = T.RETURNED if status is T.DELIVERED else T.RETURNING
        home = home or status in {T.RETURNING, T.RETURNED}
        told.append(replace(event, status=status))
    return tuple(told)


_ON_THE_WAY = frozenset({T.PICKED_UP, T.IN_TRANSIT, T.OUT_FOR_DELIVERY, T.READY_FOR_PICKUP, T.DELIVERED})


def mark_of(body: bytes) -> str:
    """Equal for equal webhooks."""
    return hashlib.sha256(body).hexdigest()


def header(headers: Mapping[str, str], name: str) -> str:
    """A header whatever its case."""
    return next((value for key, value in headers.items() if key.casefold() == name.casefold()), "")


def segment(number: str) -> str:
    """A number as one part of an address. Raises CarrierUnknown for what no carrier would print."""
    if not NUMBER.fullmatch(number):
        raise unknown()
    return number


def unknown(code: str = "", text: str = "") -> CarrierUnknown:
    """It knows no such parcel of ours."""
    return CarrierUnknown(say("The carrier does not know this parcel as ours"), raw_code=code, raw_text=text)


def pdf_of(reply: Reply) -> bytes | None:
    """The label in a reply; None when it is something else."""
    return reply.data if reply.status < 400 and is_pdf(reply.data) else None


class Adapter:
    """What an adapter stands on: it says no to everything. Subclasses name their ``abilities`` and answer for them."""

    abilities: frozenset[Ability] = frozenset()
    track_limit = 1

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def close(self) -> None:
        """Let go of kept connections."""
        self.transport.close()

    def send(self, method: str, path: str, **how: Any) -> Reply:
        """One request, one reply. Raises CarrierSilent."""
        with asking():
            return self.transport.send(method, path, **how)

    def within(self, numbers: Sequence[str]) -> list[str]:
        """The numbers to ask about, each once; what no carrier would print is not asked."""
        found = list(dict.fromkeys(numbers))
        if len(found) > self.track_limit:
            raise ValueError(f"at most {self.track_limit} numbers at once")
        return [number for number in found if NUMBER.fullmatch(number)]

    def check(self) -> str:
        """Nothing to check."""
        raise _cannot()

    def prepare(self, request: BookingRequest) -> str:  # noqa: ARG002
        """Booking is one step here."""
        return ""

    def book(self, request: BookingRequest) -> Booking:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def find(self, request: BookingRequest) -> Booking | None:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def label(self, tracking_no: str, size: LabelSize = LabelSize.LARGE) -> bytes:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def cancel(self, tracking_no: str) -> None:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def watch(self, numbers: Sequence[str]) -> dict[str, bool]:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookNews:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def rates(self, request: RateRequest) -> tuple[Rate, ...]:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()

    def call_courier(self, request: PickupRequest) -> Pickup:  # noqa: ARG002
        """Not by this interface."""
        raise _cannot()


def _cannot() -> CarrierCannot:
    return CarrierCannot(say("This carrier's interface offers no such thing"))
