"""What customers are told, and by which ways a message may go. Values are stored: never rename one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Event(StrEnum):
    """Something a customer wants to hear of."""

    RECEIVED = "received"
    CONFIRMED = "confirmed"
    PAID = "paid"
    SLIP_REJECTED = "slip_rejected"
    REMINDER = "reminder"
    PACKED = "packed"
    SHIPPED = "shipped"
    OUT_FOR_DELIVERY = "out_for_delivery"
    PROBLEM = "problem"
    DELIVERED = "delivered"
    RETURN_RECEIVED = "return_received"
    REFUNDED = "refunded"
    CORRECTION = "correction"


EVENT_LABELS: dict[Event, str] = {
    Event.RECEIVED: "Order received",
    Event.CONFIRMED: "Order confirmed",
    Event.PAID: "Payment received",
    Event.SLIP_REJECTED: "Slip turned down",
    Event.REMINDER: "Payment reminder",
    Event.PACKED: "Packed",
    Event.SHIPPED: "Parcel sent",
    Event.OUT_FOR_DELIVERY: "Out for delivery",
    Event.PROBLEM: "Delivery problem",
    Event.DELIVERED: "Delivered",
    Event.RETURN_RECEIVED: "Return received",
    Event.REFUNDED: "Refund paid",
    Event.CORRECTION: "Tracking number corrected",
}


class Route(StrEnum):
    """A way a message goes."""

    CHAT = "chat"
    LINE = "line"
    MESSENGER = "messenger"
    INSTAGRAM = "instagram"
    THAIBULKSMS = "thaibulksms"
    SMSMKT = "smsmkt"
    EMAIL = "email"
    COPY = "copy"


ROUTE_LABELS: dict[Route, str] = {
    Route.CHAT: "Marketplace chat",
    Route.LINE: "LINE",
    Route.MESSENGER: "Messenger",
    Route.INSTAGRAM: "Instagram",
    Route.THAIBULKSMS: "SMS (ThaiBulkSMS)",
    Route.SMSMKT: "SMS (SMSMKT)",
    Route.EMAIL: "E-mail",
    Route.COPY: "Copied into the chat by staff",
}


class Form(StrEnum):
    """What a message looks like: routes of one form share their words."""

    CHAT = "chat"
    SMS = "sms"
    EMAIL = "email"


FORM_LABELS: dict[Form, str] = {Form.CHAT: "Chat (LINE, Messenger, copied text)", Form.SMS: "SMS", Form.EMAIL: "E-mail"}
FORMS: Mapping[Route, Form] = {
    Route.CHAT: Form.CHAT, Route.LINE: Form.CHAT, Route.MESSENGER: Form.CHAT, Route.INSTAGRAM: Form.CHAT,
    Route.THAIBULKSMS: Form.SMS, Route.SMSMKT: Form.SMS, Route.EMAIL: Form.EMAIL, Route.COPY: Form.CHAT,
}  # fmt: skip
PREFERENCE: tuple[Route, ...] = tuple(Route)  # the first that can reach the customer is taken

LANGUAGES = ("th", "en")
LANGUAGE_LABELS: dict[str, str] = {"th": "Thai", "en": "English"}


@dataclass(frozen=True)
class Kind:
    """What is particular to one event.

    ``words``: its placeholders beside the common ones. ``fresh_for``: a message that could not leave by then says
    nothing new. ``critical``: goes out of the reserve of a quota. ``once_for``: the letter of what it happens to (see
    ``revision``). ``on``: whether a new installation sends it.
    """

    words: tuple[str, ...]
    fresh_for: timedelta
    critical: bool = False
    on: bool = True


_MONEY = ("missing", "pay_until", "accounts")
_WAY = ("carrier", "tracking", "track_link")
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)

KINDS: Mapping[Event, Kind] = {
    Event.RECEIVED: Kind((), _DAY, on=False),
    Event.CONFIRMED: Kind(_MONEY, _DAY),
    Event.PAID: Kind(("amount", "missing"), 3 * _DAY, critical=True),
    Event.SLIP_REJECTED: Kind(("reason", *_MONEY), 3 * _DAY, critical=True),
    Event.REMINDER: Kind(_MONEY, _DAY, critical=True),
    Event.PACKED: Kind((), _DAY, on=False),
    Event.SHIPPED: Kind(_WAY, 3 * _DAY, critical=True),
    Event.OUT_FOR_DELIVERY: Kind(_WAY, timedelta(hours=12)),
    Event.PROBLEM: Kind((*_WAY, "reason"), 2 * _DAY, critical=True),
    Event.DELIVERED: Kind(_WAY, 3 * _DAY),
    Event.RETURN_RECEIVED: Kind(("return_no",), _WEEK),
    Event.REFUNDED: Kind(("amount", "refund_to"), _WEEK, critical=True),
    Event.CORRECTION: Kind(_WAY, 3 * _DAY, critical=True),
}

COMMON = ("name", "order", "shop", "items", "total", "link")
WORD_LABELS: dict[str, str] = {
    "name": "The buyer's name",
    "order": "Number of the order",
    "shop": "Name of the shop",
    "items": "What was ordered",
    "total": "Total of the order",
    "link": "Link to the order's page",
    "missing": "What is still to pay",
    "pay_until": "Until when to pay",
    "accounts": "Our accounts to pay to",
    "amount": "Amount that was paid or refunded",
    "reason": "Why",
    "carrier": "Carrier",
    "tracking": "Tracking number",
    "track_link": "The carrier's page for the parcel",
    "return_no": "Number of the return",
    "refund_to": "Where the refund went",
}


def words_for(event: Event) -> tuple[str, ...]:
    """The placeholders a message about this may use."""
    return (*COMMON, *KINDS[event].words)


OVERTAKEN_BY: Mapping[Event, frozenset[Event]] = {
    Event.PACKED: frozenset({Event.SHIPPED, Event.DELIVERED}),
    Event.OUT_FOR_DELIVERY: frozenset({Event.DELIVERED}),
    Event.PROBLEM: frozenset({Event.DELIVERED}),
}  # of the same shipment: what has not left when this happens says nothing new any more
