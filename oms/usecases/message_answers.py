"""What became of letters that were sent: kept in one transaction for the whole batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from oms import clock
from oms.db import Tx
from oms.net.breaker import Breaker
from oms.notifications.catalogue import Route
from oms.notifications.models import Message, MessageAccount, MessageContact
from oms.notifications.port import (
    SendEmpty,
    SendError,
    SendKeys,
    SendLimited,
    SendRefused,
    SendSilent,
    SendWindow,
    Sent,
)
from oms.notifications.registry import KINDS as ROUTES
from oms.notifications.states import MESSAGE, MessageState
from oms.usecases.message_ends import lose, move_on
from oms.usecases.messages import Outgoing
from oms.usecases.notices_expand import ring_at
from oms.usecases.sentences import pack

Answer = Sent | SendError
_SENT = text(
    """
    WITH taken AS (
      SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS int[]), CAST(:providers AS varchar[]),
        CAST(:parts AS int[]), CAST(:costs AS bigint[])) AS t(id, attempt, provider_id, parts, cost)),
    done AS (
      UPDATE messages m SET state = 'sent', provider_id = t.provider_id, parts = t.parts, cost = t.cost,
        ended_at = :now, lease_until = NULL, error = NULL, error_code = '', unsure = false
      FROM taken t WHERE m.id = t.id AND m.attempts = t.attempt AND m.state = 'sending' RETURNING m.notice_id)
    UPDATE notices SET status = 'told', ended_at = :now, reason = NULL WHERE id IN (SELECT notice_id FROM done)
    """
)
PAUSES: Final = tuple(timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600))
TRIES_AT_MOST: Final = 8


def record_answers(tx: Tx, account_id: int, answers: Sequence[tuple[Outgoing, Answer]]) -> None:
    """Keep the answers of a batch. Whoever lost a lease meanwhile writes nothing."""
    now = clock.now()
    account = tx.session.get_one(
        MessageAccount, account_id, with_for_update={"key_share": True}, populate_existing=True
    )  # fmt: skip
    _keep_account(tx, account, [answer for _, answer in answers], now)
    _keep_sent(tx, [(o, answer) for o, answer in answers if isinstance(answer, Sent)], now)
    given = {o.message_id: (o, answer) for o, answer in answers if isinstance(answer, SendError)}
    mine = _still_ours(tx, {i: o for i, (o, _) in given.items()})
    later: set[datetime] = set()
    failed: dict[tuple[str, str], list[tuple[Message, SendError]]] = defaultdict(list)
    for message in mine:
        _not_sent(tx, account, message, given[message.id][1], now, later, failed)
    for group in failed.values():
        move_on(tx, [m for m, _ in group], group[0][1].message, group[0][1].raw_code)
    ring_at(tx, sorted(later), f"again:{account.id}")


def _still_ours(tx: Tx, given: Mapping[int, Outgoing]) -> list[Message]:
    """Those of these letters nobody else has taken over meanwhile."""
    if not given:
        return []
    rows = tx.session.scalars(
        select(Message)
        .where(Message.id.in_(sorted(given)), Message.state == MessageState.SENDING)
        .order_by(Message.id)
        .with_for_update(of=Message)
        .options(joinedload(Message.notice))
        .execution_options(populate_existing=True)
    )
    return [m for m in rows if m.attempts == given[m.id].attempt]


def _keep_sent(tx: Tx, sent: Sequence[tuple[Outgoing, Sent]], now: datetime) -> None:
    """Letters that were taken, all in one statement: "sent" fires from ``sending`` alone, as the machine says."""
    if sent:
        tx.session.execute(
            _SENT,
            {
                "ids": [o.message_id for o, _ in sent], "attempts": [o.attempt for o, _ in sent], "now": now,
                "providers": [a.provider_id[:200] for _, a in sent], "parts": [a.parts for _, a in sent],
                "costs": [a.cost.in_satang for _, a in sent],
            },
        )  # fmt: skip


def _not_sent(
    tx: Tx, account: MessageAccount, message: Message, error: SendError, now: datetime, later: set[datetime],
    failed: dict[tuple[str, str], list[tuple[Message, SendError]]],
) -> None:  # fmt: skip
    """What a failure means for one message."""
    message.error, message.error_code = pack(error.message), error.raw_code
    certain = isinstance(error, SendRefused | SendKeys | SendEmpty) and not (
        message.unsure and isinstance(error, SendKeys | SendEmpty)
    )
    if certain:
        failed[type(error).__name__, str(error)].append((message, error))
        if isinstance(error, SendRefused) and error.gone and not isinstance(error, SendWindow):
            mark_gone(tx, account.route, message.recipient, error.raw_text)
        return
    reached = isinstance(error, SendSilent) and error.reached
    message.unsure = message.unsure or reached
    if message.unsure and not _knows_repeats(account):
        lose(tx, [message], error.message, error.raw_code)
    elif message.attempts >= TRIES_AT_MOST and not isinstance(error, SendLimited):
        if message.unsure:
            lose(tx, [message], error.message, error.raw_code)
        else:
            failed[type(error).__name__, str(error)].append((message, error))
    else:
        MESSAGE.fire(message, "put_off")
        wait = (error.retry_after if isinstance(error, SendSilent) else None) or PAUSES[min(message.attempts, 6) - 1]
        message.next_try_at, message.lease_until = now + wait, None
        later.add(message.next_try_at)


def _knows_repeats(account: MessageAccount) -> bool:
    return account.route in ROUTES and ROUTES[account.route].knows_repeats


def _keep_account(tx: Tx, account: MessageAccount, answers: Sequence[Answer], now: datetime) -> None:
    """The breaker, what is left, and why an account stops, in one statement past the version."""
    values: dict[str, Any] = {}
    errors = [a for a in answers if isinstance(a, SendError)]
    good = [a for a in answers if isinstance(a, Sent)]
    breaker = Breaker(account.failures, account.closed_until)
    if good or any(isinstance(e, SendRefused) for e in errors):
        breaker = breaker.answered()
        values["last_ok_at"] = now
    silent = [e for e in errors if isinstance(e, SendSilent)]
    limits = [e for e in silent if isinstance(e, SendLimited)]
    if limits:
        breaker = Breaker(breaker.failures, now + max(e.retry_after or PAUSES[0] for e in limits))
    elif silent and not good:
        breaker = breaker.failed(now, max((e.retry_after for e in silent if e.retry_after), default=None))
    values |= {"failures": breaker.failures, "closed_until": breaker.closed_until}
    if any(isinstance(e, SendKeys) for e in errors):
        values["stopped"] = "settings"
    elif any(isinstance(e, SendEmpty) for e in errors):
        values |= {"stopped": "quota", "closed_until": _next_month(now) if account.route is Route.LINE else None}
    if errors:
        last = errors[-1]
        values |= {"last_error": f"{last.raw_code} {last.raw_text or last}".strip()[:300], "last_error_at": now}
    values["used"] = account.used + sum(1 for a in good if not a.repeat)
    left = [a.left for a in good if a.left is not None]
    if left:
        values |= {"quota": values["used"] + min(left), "counted_at": now}
    table: Any = MessageAccount.__table__
    tx.session.execute(update(table).where(table.c.id == account.id).values(**values))
    tx.session.expire(account)


def _next_month(now: datetime) -> datetime:
    """When LINE counts anew: the first of the next month in Thailand."""
    first = clock.local(now).replace(day=1, hour=0, minute=5, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def mark_gone(tx: Tx, route: Route, address: str, why: str, at: datetime | None = None) -> None:
    """This address cannot be reached any more, until it writes again. ``at``: since when; now, when nothing is said.
    Who wrote after that is not gone."""
    row = {"route": route, "address": address[:200], "unreachable_at": at or clock.now(), "why": why[:200]}
    made = insert(MessageContact).values(**row)
    tx.session.execute(
        made.on_conflict_do_update(
            index_elements=["route", "address"],
            set_={"unreachable_at": made.excluded.unreachable_at, "why": made.excluded.why},
            where=(MessageContact.heard_at.is_(None)) | (MessageContact.heard_at <= made.excluded.unreachable_at),
        )
    )


def heard(tx: Tx, route: Route, address: str, at: datetime) -> None:
    """They wrote, or follow us again: they can be reached, on Messenger and Instagram for a day."""
    made = insert(MessageContact).values(route=route, address=address[:200], heard_at=at, why="")
    back = MessageContact.unreachable_at <= made.excluded.heard_at  # they left before they wrote this
    newest = {
        "heard_at": made.excluded.heard_at,
        "unreachable_at": case((back, None), else_=MessageContact.unreachable_at),
        "why": case((back, ""), else_=MessageContact.why),
    }
    tx.session.execute(
        made.on_conflict_do_update(
            index_elements=["route", "address"], set_=newest,
            where=(MessageContact.heard_at.is_(None)) | (MessageContact.heard_at < made.excluded.heard_at),
        )
    )  # fmt: skip
