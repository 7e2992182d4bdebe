"""Letters leave in batches: claimed and rendered in one transaction, sent without one, their answers kept in another.

A claim is a lease. A worker that dies leaves letters ``sending`` under a lease that ends: a route that knows repeats is
asked again with the same key and the same words; of any other nobody knows whether it arrived, and a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import aliased, joinedload

from oms import clock
from oms.db import Tx
from oms.errors import OmsError, Say, say
from oms.net.breaker import Breaker
from oms.notifications.catalogue import FORMS, KINDS, Route
from oms.notifications.choosing import Way, choose
from oms.notifications.models import Message, MessageAccount
from oms.notifications.port import Letter
from oms.notifications.registry import AT_ONCE, MANY_AT_ONCE
from oms.notifications.registry import KINDS as ROUTES
from oms.notifications.states import MESSAGE, MessageState
from oms.sealing import Sealer
from oms.usecases.message_ends import lose, move_on, pass_over
from oms.usecases.message_rules import refusal
from oms.usecases.message_words import render_all
from oms.usecases.notices_facts import known_of
from oms.usecases.notices_people import people, settings_of

LEASE: Final = timedelta(minutes=3)
CHUNK: Final = 4 * MANY_AT_ONCE  # letters of one claim, of a route that knows repeats; sent well within the lease
KEY_HOLDS: Final = timedelta(hours=23)  # LINE keeps a retry key for a day
DOWN_FOR: Final = timedelta(minutes=30)  # so long a letter waits for a provider that does not answer
NAMESPACE: Final = UUID("6a1ff3c2-51a5-4a7e-9d62-5f9c4e9d2b10")


@dataclass(frozen=True)
class Outgoing:
    """A claimed letter. ``attempt`` guards the answer: whoever lost the lease writes nothing."""

    message_id: int
    attempt: int
    letter: Letter


@dataclass(frozen=True)
class Batch:
    """Letters of one account, and how to reach it. Keys are never shown or logged."""

    account_id: int
    route: Route
    host: str
    letters: tuple[Outgoing, ...]
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


def due_accounts(tx: Tx) -> list[int]:
    """Accounts with letters whose turn it is, the longest waiting first."""
    now = clock.now()
    rows = tx.session.execute(
        select(Message.account_id)
        .where(_due(now), Message.account_id.is_not(None))
        .group_by(Message.account_id)
        .order_by(func.min(Message.next_try_at))
    )
    return [account_id for (account_id,) in rows if account_id is not None]


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Message.state == MessageState.QUEUED, Message.next_try_at <= now),
        and_(Message.state == MessageState.SENDING, Message.lease_until < now),
    )


def begin_batch(tx: Tx, account_id: int, sealer: Sealer) -> Batch | None:
    """Claim the next letters of an account; None when there are none, or nobody may ask it at this moment. Those that
    say nothing new any more end here, those that cannot go this way go on to the next."""
    now = clock.now()
    account = tx.session.get(MessageAccount, account_id, with_for_update={"key_share": True}, populate_existing=True)
    if account is None:
        return None
    shut = _shut(account, sealer)
    breaker = Breaker(account.failures, account.closed_until)
    waits = shut is None and breaker.waits(now) is not None
    rows = _claimable(tx, account, now, CHUNK if shut or waits else _size(account, breaker))
    if shut is not None:
        unsure = [m for m in rows if not _certain(m)]
        move_on(tx, [m for m in rows if _certain(m)], shut)
        lose(tx, unsure, say("The route was shut while this was on its way"))
        return None
    if waits:
        late = [m for m in rows if _certain(m) and m.created_at < now - DOWN_FOR and breaker.is_open]
        move_on(tx, late, say("The service does not answer"))
        return None
    ready = _prepare(tx, account, _sure(tx, account, rows, now), now)
    if not ready:
        return Batch(account.id, account.route, "", ()) if rows else None
    asked = breaker.asking(now)
    _count(tx, account.id, failures=asked.failures, closed_until=asked.closed_until)
    secrets = sealer.open(account.secrets) if account.secrets else {}
    return Batch(account.id, account.route, account.host, tuple(ready), {**account.options, **secrets})


def _shut(account: MessageAccount, sealer: Sealer) -> Say | None:
    """Why this account sends nothing until somebody has looked, or None."""
    if not account.is_active:
        return say("The route is switched off")
    if account.stopped == "quota" and account.closed_until is not None and account.closed_until <= clock.now():
        account.stopped = ""  # the month is over
    if account.stopped:
        return say("The route is stopped")
    try:
        _ = sealer.open(account.secrets) if account.secrets else {}
    except OmsError as exc:
        return exc.message
    return None


def _size(account: MessageAccount, breaker: Breaker) -> int:
    if breaker.is_open:
        return 1  # one question finds out whether the service is back
    return CHUNK if _knows_repeats(account) else AT_ONCE


def _knows_repeats(account: MessageAccount) -> bool:
    return account.route in ROUTES and ROUTES[account.route].knows_repeats


def _claimable(tx: Tx, account: MessageAccount, now: datetime, size: int) -> list[Message]:
    """The next letters; of each order only the oldest, so that nobody hears the end of a story before its beginning."""
    older = aliased(Message)
    before = select(older.id).where(
        older.order_id == Message.order_id, older.id < Message.id,
        or_(
            older.state == MessageState.SENDING,
            and_(older.state == MessageState.QUEUED, older.next_try_at <= now),
        ),
    )  # fmt: skip
    due = (
        select(Message)
        .where(Message.account_id == account.id, _due(now), ~before.exists())
        .order_by(Message.next_try_at, Message.id)
        .limit(size)
        .with_for_update(of=Message, skip_locked=True)
        .options(joinedload(Message.notice))
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(due))


def _certain(message: Message) -> bool:
    """Whether it certainly has not arrived."""
    return not message.unsure and message.state is MessageState.QUEUED


def _sure(tx: Tx, account: MessageAccount, rows: Sequence[Message], now: datetime) -> list[Message]:
    """Those that may be sent without telling anybody twice."""
    kept: list[Message] = []
    lost: list[Message] = []
    for message in rows:
        died = message.state is MessageState.SENDING
        message.unsure = message.unsure or died
        too_old = message.first_try_at is not None and message.first_try_at < now - KEY_HOLDS
        may = not message.unsure or (_knows_repeats(account) and not too_old)
        (kept if may else lost).append(message)
    lose(tx, lost, say("The program stopped while this was being sent"))
    return kept


def _prepare(tx: Tx, account: MessageAccount, rows: Sequence[Message], now: datetime) -> list[Outgoing]:
    """Render what is sent for the first time; what was sent before goes out again word for word."""
    again = [m for m in rows if m.unsure]
    fresh = [m for m in rows if not m.unsure]
    ready = [_claim(m, now) for m in again]
    if not fresh:
        return ready
    settings = settings_of(tx)
    known = known_of(tx, [m.notice for m in fresh], settings.public_url)
    found = people(tx, {m.order_id for m in fresh})
    texts = render_all(tx, [(m.notice, FORMS[m.route], account.language) for m in fresh], settings, known)
    why = refusal(tx, [(m, known, text) for m, text in zip(fresh, texts, strict=True)], now)
    left = _left(account)
    way = Way(account.id, account.route, account.shop_id)
    for message, text in zip(fresh, texts, strict=True):
        choice = choose(found[message.order_id], [_everywhere(way)], (), now)
        if (over := why.get(message.id)) is not None:
            pass_over(tx, [message], over)
        elif choice.way is None:
            move_on(tx, [message], say("This address cannot be reached this way any more"))
        elif left is not None and left <= (0 if KINDS[message.event].critical else account.reserve):
            move_on(tx, [message], say("The rest of the quota is kept for what matters most"))
        else:
            left = None if left is None else left - 1
            message.recipient, message.body, message.told = choice.recipient[:200], text.body, text.told
            message.subject = text.subject[:200]
            ready.append(_claim(message, now, text.html))
    return ready


def _everywhere(way: Way) -> Way:
    """The account has been chosen; whose shop it is was asked then."""
    return Way(way.id, way.route)


def _left(account: MessageAccount) -> int | None:
    return None if account.quota is None else account.quota - account.used


def _claim(message: Message, now: datetime, html: str = "") -> Outgoing:
    MESSAGE.fire(message, "send")
    message.attempts += 1
    message.lease_until = now + LEASE
    message.first_try_at = message.first_try_at or now
    message.retry_key = message.retry_key or retry_key(message)
    letter = Letter(
        message.recipient, message.body, message.retry_key, message.subject, html, message.event.value
    )  # fmt: skip
    return Outgoing(message.id, message.attempts, letter)


def retry_key(message: Message) -> str:
    """Equal for the same message whoever sends it, different for any other."""
    facts = (message.id, message.order_id, message.event.value, message.revision, message.created_at.isoformat())
    name = ":".join(str(f) for f in facts)
    return str(uuid5(NAMESPACE, name))


def _count(tx: Tx, account_id: int, **values: object) -> None:
    """What the program counts, past the version a person's form holds."""
    table: Any = MessageAccount.__table__
    tx.session.execute(update(table).where(table.c.id == account_id).values(**values))
