"""Whether a message still says something new at the moment it would leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import select

from oms.db import Tx
from oms.errors import Say, say
from oms.notifications.catalogue import KINDS, OVERTAKEN_BY, Event
from oms.notifications.models import Message, Notice
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.states import OrderStatus
from oms.usecases.message_words import Text
from oms.usecases.notices_facts import Known, subject_of

_DEAD: Final = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})
_OF_LIVE_ORDERS: Final = frozenset({Event.RECEIVED, Event.CONFIRMED, Event.REMINDER, Event.SLIP_REJECTED})
_WENT: Final = (MessageState.SENDING, MessageState.SENT, MessageState.NEEDS_PERSON, MessageState.COPIED)
_NAMES_NUMBER: Final = (Event.SHIPPED, Event.CORRECTION)


@dataclass
class _History:
    """What the buyers of some orders have been told, or will be."""

    events: dict[int, set[tuple[Event, str]]] = field(default_factory=lambda: defaultdict(set))  # order: (event, rev)
    told: dict[int, list[tuple[Event, str, str]]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # shipped, not told yet


def refusal(tx: Tx, wanted: Sequence[tuple[Message, Known, Text]], now: datetime) -> dict[int, Say]:
    """Why messages are passed over, by message id; the others may leave."""
    asks = [m for m, _, _ in wanted if m.event in OVERTAKEN_BY or m.event is Event.CORRECTION]
    history = _history(tx, sorted({m.order_id for m in asks})) if asks else _History()
    found = {}
    for message, known, text in wanted:
        if why := _why(message, known, text, history, now):
            found[message.id] = why
    return found


def _why(message: Message, known: Known, text: Text, history: _History, now: datetime) -> Say | None:
    order = known.orders[message.order_id]
    if message.event in _OF_LIVE_ORDERS and order.status in _DEAD:
        return say("The order was canceled meanwhile")
    if message.event in {Event.REMINDER, Event.SLIP_REJECTED} and not text.owes:
        return say("It was paid meanwhile")
    if message.notice.at + KINDS[message.event].fresh_for < now:
        return say("It could not leave in time and says nothing new any more")
    later = OVERTAKEN_BY.get(message.event, frozenset())
    plain = message.revision.partition("~")[0]
    if any(event in later and revision == plain for event, revision in history.events.get(message.order_id, ())):
        return say("Something newer has happened since")
    if message.event is Event.CORRECTION and "~" not in message.revision:
        return _correction(message, known, text, history)
    return None


def _correction(message: Message, known: Known, text: Text, history: _History) -> Say | None:
    """A correction is for who was told another number, or none: who has not heard yet hears the right one anyway."""
    home = known.ways[message.revision].shipment_id
    if not text.told:
        return say("There is no tracking number any more")
    if f"s{home}" in history.waiting.get(message.order_id, ()):
        return say("The message that it was shipped names the new number")
    numbers = [
        told for event, revision, told in history.told.get(message.order_id, ()) if _is_of(revision, home, known)
    ]
    if not numbers:
        return say("The buyer was told no number before")
    return say("The buyer knows this number") if numbers[-1] == text.told else None


def _is_of(revision: str, shipment_id: int, known: Known) -> bool:
    letter, number = subject_of(revision)
    if letter == "s":
        return number == shipment_id
    way = known.ways.get(revision.partition("~")[0])
    return way is None or way.shipment_id == shipment_id


def _history(tx: Tx, order_ids: Sequence[int]) -> _History:
    found = _History()
    notices = tx.session.execute(
        select(Notice.order_id, Notice.event, Notice.revision, Notice.status).where(Notice.order_id.in_(order_ids))
    )
    for row in notices:
        found.events[row.order_id].add((row.event, row.revision.partition("~")[0]))
        if row.event is Event.SHIPPED and row.status is NoticeStatus.OPEN:
            found.waiting[row.order_id].add(row.revision.partition("~")[0])
    rows = tx.session.execute(
        select(Message.order_id, Message.event, Message.revision, Message.told, Message.state)
        .where(Message.order_id.in_(order_ids), Message.event.in_(_NAMES_NUMBER), Message.state.in_(_WENT))
        .order_by(Message.order_id, Message.first_try_at, Message.id)
    )
    for went in rows:
        found.told[went.order_id].append((went.event, went.revision, went.told))
        found.waiting[went.order_id].discard(went.revision.partition("~")[0])
    return found
