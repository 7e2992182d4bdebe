"""What a channel is asked and what it answers, whichever platform it is.

An adapter tells facts and keeps nothing: cursors, tokens, tries and raw words are kept by the caller. An order comes as
the ``OrderIn`` that files give too, beside the channel's own words, so that one verb takes both in. Money is ``Money``,
time aware UTC. Everything that goes wrong is a ``ChannelError``.

Telling a channel something (``accept``, ``ship``, ``cancel``, ``push_stock``) may be repeated: a caller who does not
know what became of the first try asks ``refresh`` before it says the same again, and an adapter reads "done already"
as done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from oms.errors import External, Say
from oms.intake.records import CellProblem, OrderIn
from oms.money import ZERO, Money

TEXT_LENGTH = 500  # of a channel's own words; they are shown, not understood


class Ability(StrEnum):
    """What an adapter can do; the panel offers nothing else. Values are stored: never rename one."""

    LIST = "list"  # changed since a moment
    NUMBERS = "numbers"  # the numbers of a day, for the proof that none is missing
    REFRESH = "refresh"  # some orders by number
    WEBHOOK = "webhook"
    GRANT = "grant"  # access ends and is renewed with a token that works once
    LISTINGS = "listings"  # what is on sale there, and how many it shows
    STOCK = "stock"
    ACCEPT = "accept"
    SHIP = "ship"
    CANCEL = "cancel"
    ANSWER_CANCEL = "answer_cancel"  # say yes or no to a buyer who wants to cancel
    LABEL = "label"
    RETURNS = "returns"
    CHAT = "chat"  # write to the buyer inside the channel


@dataclass(frozen=True)
class OrderNews:
    """One order as the channel tells it. ``raw`` is everything it said, kept as it came. ``order`` None: it cannot be
    read, and ``problems`` says why; the number is known all the same, so that it is not lost. ``draft`` is then what
    could be read of it, for a person to complete."""

    external_no: str
    raw: Mapping[str, Any]
    order: OrderIn | None
    updated_at: datetime | None = None
    problems: tuple[CellProblem, ...] = ()
    draft: OrderIn | None = None


@dataclass(frozen=True)
class OrderPage:
    """Part of an answer. ``cursor`` is what to ask with for the rest; "" when this was the last."""

    news: tuple[OrderNews, ...]
    cursor: str = ""


@dataclass(frozen=True)
class NumberPage:
    """Order numbers placed within a span, and when; ``total`` is the channel's own count when it tells one."""

    numbers: Mapping[str, datetime | None]
    cursor: str = ""
    total: int | None = None


@dataclass(frozen=True)
class Listing:
    """One thing on sale there: the seller's word for it, the channel's own key, and what it shows."""

    external_sku: str
    external_id: str
    name: str = ""
    quantity: int | None = None


@dataclass(frozen=True)
class ListingPage:
    """Part of what is on sale."""

    listings: tuple[Listing, ...]
    cursor: str = ""


@dataclass(frozen=True)
class Offer:
    """How many pieces the channel may sell from now on: the number itself, not a difference."""

    external_sku: str
    external_id: str
    quantity: int


class ReturnStage(StrEnum):
    """How far a return is there, whatever the channel calls it. Values are stored: never rename one."""

    UNKNOWN = "unknown"  # a word nobody taught us
    ASKED = "asked"  # the buyer asks; nobody has agreed
    AGREED = "agreed"
    SENT = "sent"  # the buyer gave it to a carrier
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # by the buyer, or its time ran out
    REFUNDED = "refunded"  # the channel has paid the buyer back


@dataclass(frozen=True)
class ReturnNews:
    """Somebody there wants to give goods back. ``amounts``: pieces by the seller's SKU word; empty means all.
    ``lines``: of each word's pieces, how many are of which line of the order, by the number that the order's lines
    carry (``LineIn.external_id``), as far as the channel says it. ``goods_stay``: money back without the goods.
    ``status`` is the channel's own word for ``stage``."""

    external_no: str
    order_no: str
    status: str
    reason: str = ""
    amounts: Mapping[str, int] = field(default_factory=dict)
    refund: Money = ZERO
    goods_stay: bool = False
    tracking_no: str = ""
    is_closed: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)
    updated_at: datetime | None = None
    stage: ReturnStage = ReturnStage.UNKNOWN
    lines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReturnPage:
    """Part of the returns that changed."""

    news: tuple[ReturnNews, ...]
    cursor: str = ""


@dataclass(frozen=True)
class Shipped:
    """What an order that left is called on its way. The platform may give the number itself: "" then asks it to."""

    external_no: str
    tracking_no: str = ""
    carrier: str = ""
    carrier_code: str = ""
    url: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)  # external id of the line -> pieces; empty means all


@dataclass(frozen=True)
class Shipping:
    """What the channel gave for an order that was told to be shipped or accepted. ``tracking_no`` "" comes later."""

    tracking_no: str = ""
    carrier: str = ""
    package: str = ""


@dataclass(frozen=True)
class Grant:
    """Access to one shop. ``refresh`` works once: the one that comes back replaces it."""

    access: str
    refresh: str = ""
    until: datetime | None = None
    refresh_until: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # what else the platform gave: shop id, cipher


class HintKind(StrEnum):
    """What a webhook is about."""

    ORDER = "order"
    RETURN = "return"
    STOCK = "stock"
    ACCESS = "access"  # the permission to see the shop ends or ended
    OTHER = "other"


@dataclass(frozen=True)
class Hint:
    """Something there changed. It says where to look, never what to believe."""

    kind: HintKind
    number: str = ""


@dataclass(frozen=True)
class WebhookAnswer:
    """What the channel must hear, or it sends the same again."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True)
class WebhookNews:
    """A webhook that was read. ``trusted`` False: nothing proves who sent it. ``key`` is equal for repeats. ``news``:
    orders told whole by a sender who proved himself; without them the numbers of ``hints`` are read back. ``shop``: it
    speaks of another shop of the same program, by the platform's number; that shop's adapter reads it."""

    hints: tuple[Hint, ...]
    trusted: bool
    key: str
    news: tuple[OrderNews, ...] = ()
    answer: WebhookAnswer = field(default_factory=WebhookAnswer)
    shop: str = ""


@dataclass(frozen=True)
class Called:
    """A webhook as it came in: ``url`` is the address the channel was given, as it was registered; ``at`` when it
    came, None: now."""

    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None


class ChannelError(External):
    """The channel did not do what it was asked. ``raw_code`` and ``raw_text`` are its own."""

    code = "channel"
    retryable: ClassVar[bool] = False

    def __init__(self, message: Say, *, raw_code: str = "", raw_text: str = "", field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.raw_code, self.raw_text = raw_code[:80], raw_text[:TEXT_LENGTH]


class ChannelSilent(ChannelError):
    """No usable answer; worth another try after ``retry_after``. ``reached`` False: the question certainly never
    arrived or nothing was done, as with too many questions. Otherwise it may have been done."""

    code = "channel_silent"
    retryable = True

    def __init__(
        self, message: Say, *, raw_code: str = "", raw_text: str = "", reached: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, raw_code=raw_code, raw_text=raw_text)
        self.reached, self.retry_after = reached, retry_after


class ChannelNotReady(ChannelSilent):
    """It answered: what was asked for is not ready yet, as a label that is still being printed. The shop is well."""

    code = "channel_not_ready"


class ChannelRefused(ChannelError):
    """It said no, and will say so again; ``field`` names what is wrong where it says."""

    code = "channel_refused"
    http_status = 422


class ChannelChoice(ChannelRefused):
    """It takes one of its own names only, and ours is none: a person chooses. ``choices``: names by its numbers."""

    code = "channel_choice"

    def __init__(self, message: Say, *, choices: Mapping[str, str], raw_code: str = "", field: str = "") -> None:
        super().__init__(message, raw_code=raw_code, raw_text=", ".join(choices.values()), field=field)
        self.choices = dict(choices)


class ChannelUnknown(ChannelError):
    """It does not know this order, listing or return, or not as ours."""

    code = "channel_unknown"
    http_status = 404


class ChannelTooLate(ChannelError):
    """The order has moved on there: it can no longer be canceled, or is canceled already."""

    code = "channel_too_late"
    http_status = 409


class ChannelExpired(ChannelError):
    """The access token is no longer taken: renew the grant, then ask again once."""

    code = "channel_expired"


class ChannelKeys(ChannelError):
    """Keys, permissions or our address are not accepted: nothing works until a person mends them."""

    code = "channel_keys"


class ChannelCannot(ChannelError):
    """This channel offers no such thing by its interface; ``abilities`` said so."""

    code = "channel_cannot"
    http_status = 409


class WebhookRefused(ChannelError):
    """A webhook whose signature or form is wrong. ``http_status`` is what to answer."""

    code = "channel_webhook_refused"
    http_status = 401


class Channel(Protocol):
    """One shop on one channel. Every method raises only ``ChannelError``; those outside ``abilities`` raise
    ``ChannelCannot``. Each call is one question, or the few that one answer takes. Safe for several threads."""

    abilities: frozenset[Ability]
    refresh_limit: int  # orders in one ``refresh``
    stock_limit: int  # offers in one ``push_stock``: about a second's worth, so that no zero waits long behind others
    window: timedelta  # the longest span one ``list_changed`` may ask for
    overlap: timedelta  # how far a span reaches back over the one before it

    def check(self) -> str:
        """Whether the settings work: the shop's name, or "". Costs and changes nothing."""
        ...

    def list_changed(self, since: datetime, until: datetime, cursor: str = "") -> OrderPage:
        """Orders that changed within a span no longer than ``window``, oldest change first, whole."""
        ...

    def list_numbers(self, start: datetime, end: datetime, cursor: str = "") -> NumberPage:
        """The numbers of the orders placed within a span."""
        ...

    def refresh(self, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
        """These orders as they are now; one the channel does not know is missing from the answer."""
        ...

    def read_webhook(self, called: Called) -> WebhookNews:
        """Check and read a webhook. Asks nobody. Raises WebhookRefused."""
        ...

    def renew(self, grant: Grant) -> Grant:
        """A new grant for one that ends. The old refresh token is spent whether or not the answer arrives."""
        ...

    def list_listings(self, cursor: str = "") -> ListingPage:
        """What is on sale there."""
        ...

    def push_stock(self, offers: Sequence[Offer]) -> dict[str, ChannelError | None]:
        """Say how many there are, by external id; what was not taken says why. At most ``stock_limit``."""
        ...

    def accept(self, external_no: str) -> Shipping:
        """The seller will send it: arrange what the channel wants arranged before goods leave."""
        ...

    def ship(self, shipped: Shipped) -> Shipping:
        """The goods are on their way."""
        ...

    def cancel(self, external_no: str, reason: str) -> None:
        """The seller cannot send it. One that is canceled already is fine. Raises ChannelTooLate."""
        ...

    def answer_cancel(self, external_no: str, *, agree: bool) -> None:
        """Answer a buyer who asked to cancel."""
        ...

    def get_label(self, external_no: str) -> bytes:
        """The platform's waybill of an order, a PDF. Raises ChannelSilent while it is being made."""
        ...

    def list_returns(self, since: datetime, until: datetime, cursor: str = "") -> ReturnPage:
        """Returns that changed within a span."""
        ...

    def send_text(self, thread: str, text: str, key: str) -> str:
        """Write to a buyer; answers the channel's number of the message. ``key`` is the same in a repeat."""
        ...

    def close(self) -> None:
        """Let go of kept connections."""
        ...
