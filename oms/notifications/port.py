"""What a way of sending is asked and what it answers, whoever it is.

An adapter sends one letter to one address and keeps no state. Whatever goes wrong is a ``SendError``, and the caller
needs only two facts of it: whether the letter may have arrived (``reached``) and what is at fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

from oms.errors import External, Say
from oms.money import ZERO, Money

TEXT_LENGTH = 400


@dataclass(frozen=True)
class Letter:
    """One message, ready to go. ``retry_key`` is the same in every try. ``critical`` and ``topic`` as the provider
    may want to know them."""

    to: str
    body: str
    retry_key: str
    subject: str = ""
    html: str = ""
    topic: str = ""


@dataclass(frozen=True)
class Sent:
    """It was taken. ``repeat``: it had been taken before (the retry key was known). ``left``: what the package has
    left, where the provider says so."""

    provider_id: str = ""
    repeat: bool = False
    parts: int = 1
    cost: Money = ZERO
    left: int | None = None


@dataclass(frozen=True)
class Allowance:
    """What may still be sent: ``quota`` None is without limit. ``words``: whose account it is."""

    quota: int | None = None
    used: int = 0
    words: str = ""


@dataclass(frozen=True)
class Profile:
    """What a platform tells of somebody who wrote; "": nothing. ``thread``: the page of the conversation."""

    name: str = ""
    thread: str = ""


class SendError(External):
    """It was not sent, or nobody knows. ``raw_code`` and ``raw_text`` are the provider's own."""

    code = "message"
    retryable: ClassVar[bool] = False

    def __init__(self, message: Say, *, raw_code: str = "", raw_text: str = "") -> None:
        super().__init__(message)
        self.raw_code, self.raw_text = raw_code[:80], raw_text[:TEXT_LENGTH]


class SendSilent(SendError):
    """No usable answer. ``reached`` False: it certainly was not sent; worth another try after ``retry_after``.
    Otherwise it may have been, and only a route that knows repeats is asked again."""

    code = "message_silent"
    retryable = True

    def __init__(
        self, message: Say, *, raw_code: str = "", raw_text: str = "", reached: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, raw_code=raw_code, raw_text=raw_text)
        self.reached, self.retry_after = reached, retry_after


class SendLimited(SendSilent):
    """Too many at once: nothing was sent, and nothing is wrong with the letter."""

    code = "message_limited"

    def __init__(self, message: Say, *, retry_after: timedelta, raw_code: str = "", raw_text: str = "") -> None:
        super().__init__(message, raw_code=raw_code, raw_text=raw_text, reached=False, retry_after=retry_after)


class SendRefused(SendError):
    """This letter or this address is not taken, and will not be next time: another route is tried. ``gone``: the
    address cannot be reached any more (blocked, closed, unknown)."""

    code = "message_refused"
    http_status = 422

    def __init__(self, message: Say, *, raw_code: str = "", raw_text: str = "", gone: bool = False) -> None:
        super().__init__(message, raw_code=raw_code, raw_text=raw_text)
        self.gone = gone


class SendWindow(SendRefused):
    """The customer has not written for too long, so the platform takes no message of ours."""

    code = "message_window"


class SendEmpty(SendError):
    """The package or the month's quota is used up: nothing was sent, and nothing will be until it is filled."""

    code = "message_quota"


class SendKeys(SendError):
    """The keys, the account or the address of the server are not accepted: nothing works until a person mends them."""

    code = "message_keys"


class Sender(Protocol):
    """One account of one route. Every method raises only ``SendError``. Safe for several threads.

    ``knows_repeats``: the same ``retry_key`` is sent once however often it is asked."""

    knows_repeats: ClassVar[bool]

    def check(self) -> Allowance:
        """Whether the settings work and what is left. Sends nothing and costs nothing."""
        ...

    def send(self, letter: Letter) -> Sent:
        """Send one letter."""
        ...

    def close(self) -> None:
        """Let go of kept connections."""
        ...


@runtime_checkable
class KnowsPeople(Protocol):
    """A sender whose platform tells who somebody is."""

    def who(self, address: str) -> Profile:
        """What is told of one person. Raises SendError."""
        ...
