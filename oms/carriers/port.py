"""What a carrier is asked and what it answers, whoever it is.

An adapter tells facts and keeps no state of its own beside a token: the caller keeps references, tries and events.
Money is ``Money``, weight grams, size centimetres, time aware UTC. Everything that goes wrong is a ``CarrierError``.

Booking never makes two parcels of one reference. The caller says with every repeat which try it is (``attempt``) and
what ``prepare`` gave (``resume``); an adapter that may have booked before looks first and books second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from oms.errors import External, Say
from oms.money import ZERO, Money
from oms.shipping.states import TrackingStatus

TEXT_LENGTH = 500  # of a carrier's own words; they are shown, not understood


class Ability(StrEnum):
    """What an adapter can do; the panel offers nothing else. Values are stored: never rename one."""

    BOOK = "book"
    PREPARE = "prepare"  # booking has a first half whose answer must be kept before the second
    FIND = "find"
    OWN_NUMBER = "own_number"  # takes a tracking number of ours
    LABEL = "label"
    CANCEL = "cancel"
    TRACK = "track"
    WEBHOOK = "webhook"
    WATCH = "watch"  # must be told which parcels to send news of
    RATES = "rates"
    COURIER = "courier"  # can be called to fetch parcels


class LabelSize(StrEnum):
    """Labels a carrier draws; one that has no such size draws its nearest."""

    LARGE = "100x150"
    SMALL = "100x75"
    A6 = "a6"
    A5 = "a5"
    A4 = "a4"


@dataclass(frozen=True)
class Address:
    """Where a parcel comes from or goes to. Names of places in Thai, without "จังหวัด", "อำเภอ", "ตำบล"."""

    name: str
    phone: str
    line: str
    subdistrict: str
    district: str
    province: str
    postcode: str
    email: str = ""


@dataclass(frozen=True)
class Size:
    """Of the box, in whole centimetres."""

    width: int
    length: int
    height: int


@dataclass(frozen=True)
class Item:
    """What is inside, as the label or customs may say it."""

    name: str
    quantity: int


@dataclass(frozen=True)
class BookingRequest:
    """One parcel to be booked.

    ``reference`` is ours, deterministic per parcel (letters, digits, dashes, at most 40): a repeat uses the same one,
    a booking after a cancel another.
    ``tracking_no``: a number of our own range, where the carrier takes one. ``cod`` and ``insured``: zero is none.
    ``attempt`` counts from 1; ``resume`` is what ``prepare`` answered for this reference.
    """

    reference: str
    sender: Address
    receiver: Address
    weight_grams: int
    size: Size | None = None
    cod: Money = ZERO
    insured: Money = ZERO
    items: tuple[Item, ...] = ()
    service: str = ""
    remark: str = ""
    tracking_no: str = ""
    return_to: Address | None = None
    attempt: int = 1
    resume: str = ""


@dataclass(frozen=True)
class Booking:
    """A booked parcel. ``sort_code`` is printed large on a label of ours; ``label_available``: the carrier draws one.
    ``handle``: another number of the parcel, by which its webhooks may name it. ``fee`` is the price it named, if any;
    ``found``: it had been booked before and was looked up."""

    tracking_no: str
    handle: str = ""
    sort_code: str = ""
    label_available: bool = False
    fee: Money | None = None
    found: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CarrierEvent:
    """One thing the carrier says about a parcel. A code nobody has heard of is ``unknown``, its words kept."""

    at: datetime
    status: TrackingStatus
    raw_code: str
    raw_text: str = ""
    place: str = ""


@dataclass(frozen=True)
class RateRequest:
    """A parcel to be priced."""

    sender: Address
    receiver: Address
    weight_grams: int
    size: Size | None = None
    cod: Money = ZERO
    insured: Money = ZERO
    service: str = ""


@dataclass(frozen=True)
class Rate:
    """A price before booking. ``carrier``: the one that would carry it, by our code, where an aggregator asks many."""

    service: str
    price: Money
    carrier: str = ""
    name: str = ""
    note: str = ""


@dataclass(frozen=True)
class PickupRequest:
    """Come and fetch parcels. ``reference`` is ours and the same in a repeat."""

    reference: str
    sender: Address
    parcels: int
    day: date | None = None
    remark: str = ""


@dataclass(frozen=True)
class Pickup:
    """A called courier. ``known``: one had been called before, and this is that one."""

    number: str
    note: str = ""
    known: bool = False


@dataclass(frozen=True)
class ParcelNews:
    """What a webhook says of one parcel. ``reference`` is ours where it is echoed; ``other_numbers``: further numbers
    the same parcel goes by (a label made anew)."""

    tracking_no: str
    events: tuple[CarrierEvent, ...] = ()
    reference: str = ""
    other_numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class WebhookAnswer:
    """What the carrier must hear, or it sends the same again."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True)
class WebhookNews:
    """A webhook that was read. ``trusted`` False: the signature, if any, does not cover what it says, so it only means
    "look": ask ``track`` for the named parcels and keep nothing of ``events``. ``key`` is equal for repeats."""

    parcels: tuple[ParcelNews, ...]
    trusted: bool
    key: str
    answer: WebhookAnswer = field(default_factory=WebhookAnswer)


class CarrierError(External):
    """The carrier did not do what it was asked. ``raw_code`` and ``raw_text`` are its own."""

    code = "carrier"
    retryable: ClassVar[bool] = False

    def __init__(self, message: Say, *, raw_code: str = "", raw_text: str = "", field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.raw_code, self.raw_text = raw_code[:80], raw_text[:TEXT_LENGTH]


class CarrierSilent(CarrierError):
    """No usable answer; worth another try after ``retry_after``. ``reached`` False: the question certainly never
    arrived, so nothing was done. Otherwise it may have been, and a repeat says so by its ``attempt``."""

    code = "carrier_silent"
    retryable = True

    def __init__(
        self, message: Say, *, raw_code: str = "", raw_text: str = "", reached: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, raw_code=raw_code, raw_text=raw_text)
        self.reached, self.retry_after = reached, retry_after


class CarrierRefused(CarrierError):
    """It said no, and will say so again: ``field`` names what is wrong (receiver, sender, weight_grams, cod ...)."""

    code = "carrier_refused"
    http_status = 422


class CarrierExists(CarrierError):
    """It has a parcel of this reference already and does not tell its number: never book again. The number comes by
    webhook (which echoes the reference) or is typed in from the carrier's portal."""

    code = "carrier_exists"
    http_status = 409


class CarrierUnknown(CarrierError):
    """It does not know this parcel, or not as ours."""

    code = "carrier_unknown_parcel"
    http_status = 404


class CarrierTooLate(CarrierError):
    """The parcel has moved on; it can no longer be canceled."""

    code = "carrier_too_late"
    http_status = 409


class CarrierKeys(CarrierError):
    """The keys, the account or the address of the server are not accepted: nothing works until a person mends them."""

    code = "carrier_keys"


class CarrierCannot(CarrierError):
    """This carrier offers no such thing by its interface; ``abilities`` said so."""

    code = "carrier_cannot"
    http_status = 409


class WebhookRefused(CarrierError):
    """A webhook whose signature or form is wrong. ``http_status`` is what to answer."""

    code = "carrier_webhook_refused"
    http_status = 401


class Carrier(Protocol):
    """One account at one carrier. Every method raises only ``CarrierError``; those outside ``abilities`` raise
    ``CarrierCannot``. Safe for several threads."""

    abilities: frozenset[Ability]
    track_limit: int

    def check(self) -> str:
        """Whether the settings work: a word of the account, or "". Costs and changes nothing."""
        ...

    def prepare(self, request: BookingRequest) -> str:
        """The first half of booking: what to keep (and pass as ``resume``) before ``book``. Binds nobody."""
        ...

    def book(self, request: BookingRequest) -> Booking:
        """Book a parcel; with ``attempt`` above 1, look for it first."""
        ...

    def find(self, request: BookingRequest) -> Booking | None:
        """The parcel booked under this reference; None when there certainly is none. Raises CarrierCannot where the
        carrier is no help (some find a parcel only by a number of ours)."""
        ...

    def label(self, tracking_no: str, size: LabelSize = LabelSize.LARGE) -> bytes:
        """The carrier's label, a PDF."""
        ...

    def cancel(self, tracking_no: str) -> None:
        """Take a booking back. One that was canceled before is fine."""
        ...

    def track(self, numbers: Sequence[str]) -> dict[str, tuple[CarrierEvent, ...]]:
        """What it says of these parcels, oldest first; every number asked is a key, () when it knows nothing. At most
        ``track_limit`` numbers."""
        ...

    def watch(self, numbers: Sequence[str]) -> dict[str, bool]:
        """Ask for webhooks of these parcels; whether each was taken. At most ``track_limit`` numbers."""
        ...

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookNews:
        """Check and read a webhook. Asks nobody."""
        ...

    def rates(self, request: RateRequest) -> tuple[Rate, ...]:
        """What a parcel would cost, cheapest first."""
        ...

    def call_courier(self, request: PickupRequest) -> Pickup:
        """Let parcels be fetched."""
        ...

    def close(self) -> None:
        """Let go of kept connections."""
        ...
