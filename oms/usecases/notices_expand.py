"""From "this happened" to a message on its way: who is told, by which route, when it may leave.

Runs in the background, once per outbox row. What is owed is one row per (order, event, revision), so a repeat adds
nothing; each way that is tried is one message, so a fallback is a second row that shows why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from oms import clock, outbox
from oms.catalog.models import PLATFORMS
from oms.db import Tx
from oms.errors import Say
from oms.notifications.catalogue import Event, Form, Route
from oms.notifications.chat import can_chat
from oms.notifications.choosing import Choice, Person, Way, after_quiet, choose
from oms.notifications.models import Message, MessageAccount, MessageSettings, Notice
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.models import Order
from oms.orders.states import OrderStatus
from oms.outbox import Owed
from oms.usecases.api_deliveries import owe_deliveries
from oms.usecases.message_words import render_all
from oms.usecases.notices import ONCE, Told
from oms.usecases.notices_people import people, settings_of, ways
from oms.usecases.sentences import pack

SEND = "notify.send"  # outbox: letters wait
OLD_ORDER = timedelta(days=2)  # an order taken in so long after it was placed is history; its buyer knows


@dataclass(frozen=True)
class Expanded:
    """How many notices are new."""

    notices: int = 0


def told_placed(tx: Tx, order_ids: Collection[int]) -> Expanded:
    """Orders were placed: their buyers hear that they are confirmed, or that a draft was received;
    programs that subscribed are told as well."""
    rows = tx.session.execute(
        select(Order.id, Order.status).where(
            Order.id.in_(sorted(order_ids)), Order.left_before.is_(False),
            Order.placed_at > clock.now() - OLD_ORDER, Order.status.in_([OrderStatus.DRAFT, OrderStatus.CONFIRMED]),
        )
    ).all()  # fmt: skip
    confirmed = [(row.id, ONCE) for row in rows if row.status is OrderStatus.CONFIRMED]
    drafts = [(row.id, ONCE) for row in rows if row.status is OrderStatus.DRAFT]
    owe_deliveries(tx, Event.CONFIRMED.value, confirmed)
    owe_deliveries(tx, Event.RECEIVED.value, drafts)
    made = expand(tx, Event.CONFIRMED, confirmed).notices if confirmed else 0
    return Expanded(made + (expand(tx, Event.RECEIVED, drafts).notices if drafts else 0))


def expand(tx: Tx, event: Event, about: Iterable[Told], *, urgent: bool = False) -> Expanded:
    """Write down what is owed and choose the first way for each. Said before, it adds nothing."""
    settings = settings_of(tx)
    if event.value in settings.events_off:
        return Expanded()
    open_ways = ways(tx)
    wanted = _wanted(tx, list(about), settings) if open_ways else []
    if not wanted:
        return Expanded()
    notices = _owe(tx, event, wanted, urgent=urgent)
    found = people(tx, {n.order_id for n in notices})
    route_them(tx, [(n, found[n.order_id], ()) for n in notices], open_ways, settings)
    return Expanded(len(notices))


def _wanted(tx: Tx, about: Sequence[Told], settings: MessageSettings) -> list[Told]:
    """Those whose buyers we tell ourselves: a platform tells its own, unless somebody asked for more."""
    if settings.platform_buyers:
        return list(about)
    ids = sorted({order_id for order_id, _ in about})
    quiet = set(
        tx.session.scalars(
            select(Order.id).where(Order.id.in_(ids), Order.channel.in_([c for c in PLATFORMS if not can_chat(c)]))
        )
    )
    return [told for told in about if told[0] not in quiet]


def _owe(tx: Tx, event: Event, about: Sequence[Told], *, urgent: bool) -> list[Notice]:
    now = clock.now()
    rows = [
        {
            "order_id": order_id, "event": event, "revision": revision, "urgent": urgent, "at": now,
            "status": NoticeStatus.OPEN,
        }
        for order_id, revision in about
    ]  # fmt: skip
    made = tx.session.scalars(insert(Notice).on_conflict_do_nothing().returning(Notice.id), rows).all()
    fresh = select(Notice).where(Notice.id.in_(sorted(made))).order_by(Notice.id)
    return list(tx.session.scalars(fresh)) if made else []


def route_them(
    tx: Tx, wanted: Sequence[tuple[Notice, Person, Collection[Route]]], open_ways: Sequence[Way],
    settings: MessageSettings, why: Say | None = None,
) -> None:  # fmt: skip
    """Give each notice its next way (``tried`` are behind it). Without one it waits for a person when something was
    tried in vain (``why``), and is over when nothing could be."""
    now = clock.now()
    rows: list[dict[str, Any]] = []
    copies: list[tuple[Notice, dict[str, Any]]] = []
    for notice, person, tried in wanted:
        choice = choose(person, open_ways, tried, now)
        if choice.way is None:
            notice.status = NoticeStatus.TROUBLE if tried else NoticeStatus.SKIPPED
            notice.reason, notice.ended_at = pack(why or choice.why), now
            continue
        row = _row(notice, choice, choice.way, now, settings)
        if choice.way.route is Route.COPY:
            copies.append((notice, row))
        rows.append(row)
    if copies:
        texts = render_all(tx, [(n, Form.CHAT, _language(tx, row)) for n, row in copies], settings)
        for (_, row), text in zip(copies, texts, strict=True):
            row |= {"body": text.body, "told": text.told}
    if rows:
        tx.session.execute(insert(Message).on_conflict_do_nothing(), rows)
        ring(tx, rows, now)


def _language(tx: Tx, row: dict[str, Any]) -> str:
    return tx.session.get_one(MessageAccount, row["account_id"]).language


def _row(notice: Notice, choice: Choice, way: Way, now: datetime, settings: MessageSettings) -> dict[str, Any]:
    by_hand = way.route is Route.COPY
    at = now if by_hand or notice.urgent else after_quiet(now, settings.quiet_from, settings.quiet_to)
    return {
        "notice_id": notice.id, "order_id": notice.order_id, "event": notice.event, "revision": notice.revision,
        "route": way.route, "account_id": way.id, "state": MessageState.TO_COPY if by_hand else MessageState.QUEUED,
        "recipient": choice.recipient[:200], "next_try_at": at, "created_at": now, "body": "", "told": "",
    }  # fmt: skip


def ring(tx: Tx, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Owe the sending of letters that may leave: one row of the outbox for each moment."""
    moments = sorted({row["next_try_at"] for row in rows if row["state"] is MessageState.QUEUED})
    first = min((row["notice_id"] for row in rows), default=0)
    ring_at(tx, moments, f"{first}:{now.isoformat()}")


def ring_at(tx: Tx, moments: Sequence[datetime], mark: str) -> None:
    """Owe the sending of what is due at these moments."""
    now = clock.now()
    owed = [Owed(SEND, f"{SEND}:{mark}:{at.isoformat()}", {}, at if at > now else None) for at in moments]
    outbox.add_many(tx, owed)
