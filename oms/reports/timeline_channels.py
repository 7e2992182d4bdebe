"""The sentences of an order's story about what its channel and its buyer were told."""

from __future__ import annotations

from collections.abc import Callable

from oms.channels.states import DeedKind
from oms.errors import Say, say
from oms.notifications.catalogue import EVENT_LABELS, Event
from oms.reports.timeline_returns import Facts, label_of

TOLD_LABELS: dict[DeedKind, str] = {
    DeedKind.ACCEPT: "the order is accepted",
    DeedKind.SHIP: "the goods have left",
    DeedKind.CANCEL: "the order is canceled",
    DeedKind.AGREE_CANCEL: "yes to the buyer's cancellation",
    DeedKind.REFUSE_CANCEL: "no to the buyer's cancellation",
    DeedKind.LABEL: "its label is wanted",
}


def _what(after: Facts) -> Say:
    return label_of(TOLD_LABELS, DeedKind, after.get("kind", ""))


CHANNEL_SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    "channel.told": lambda _, a: say("The channel was told: {what}", what=_what(a)),
    "channel.refused": lambda _, a: say(
        "The channel did not take “{what}”: {why}", what=_what(a), why=str(a.get("error", ""))
    ),
    "channel.retold": lambda _, a: say("The channel is told once more: {what}", what=_what(a)),
    "channel.dropped": lambda _, a: say("The channel need not be told: {what}", what=_what(a)),
    "privacy.phones_shown": lambda *_: say("Whole phone number looked at"),
    "message.resent": lambda _, a: say(
        "The customer is told once more: {what}", what=label_of(EVENT_LABELS, Event, a.get("event", ""))
    ),
}
