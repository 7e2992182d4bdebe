"""One sync per shop at a time: a lease on the connection's row, the cursor, questions allowed by the second, pauses.

What the program counts is written past the version: no open form of a person loses by it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import DateTime, Interval, bindparam, select, text, update

from oms import clock
from oms.channels.models import ChannelConnection
from oms.channels.port import ChannelError, ChannelKeys, ChannelNotReady, ChannelSilent
from oms.channels.registry import CONNECTORS
from oms.db import Tx
from oms.errors import Conflict, NotFound, say
from oms.net.breaker import Breaker
from oms.usecases.channel_trouble import told_of

LEASE: Final = timedelta(seconds=60)
LONGEST_PAUSE: Final = timedelta(minutes=15)
SETTINGS, GRANT = "settings", "grant"  # why nobody asks until a person has looked
SHARE: Final = 0.9  # of what a channel allows: requests do not travel equally fast
LONGEST_REST: Final = timedelta(seconds=20)  # a turn booked further ahead is from a clock that was wrong
_dice = Random()  # noqa: S311  spreads turns


@dataclass(frozen=True)
class Move:
    """Where the cursor goes: ``until``: everything up to here is in; else the window goes on at ``page``."""

    until: datetime | None = None
    window_until: datetime | None = None
    page: str = ""


def _table() -> Any:
    return ChannelConnection.__table__


def keep(tx: Tx, connection_id: int, **values: Any) -> None:
    """Write what the program counts."""
    table = _table()
    tx.session.execute(update(table).where(table.c.id == connection_id).values(**values))
    key = tx.session.identity_key(ChannelConnection, connection_id)
    if (row := tx.session.identity_map.get(key)) is not None:
        tx.session.expire(row)


def get_connection(tx: Tx, connection_id: int) -> ChannelConnection:
    """A connection, read afresh. Raises NotFound, also for a shop out of sight."""
    row = tx.session.get(ChannelConnection, connection_id, populate_existing=True)
    if row is None or not tx.actor.sees_shop(row.shop_id):
        raise NotFound(say("This shop is not connected"), code="not_connected")
    return row


def of_shop(tx: Tx, shop_id: int) -> ChannelConnection:
    """The connection of a shop. Raises NotFound."""
    row = tx.session.scalars(select(ChannelConnection).where(ChannelConnection.shop_id == shop_id)).one_or_none()
    if row is None or not tx.actor.sees_shop(shop_id):
        raise NotFound(say("This shop is not connected"), code="not_connected")
    return row


def keep_lease(tx: Tx, shop_id: int, lease: str, move: Move | None) -> ChannelConnection:
    """The connection locked, so that one page of a shop is taken in at a time; the lease goes on and the cursor moves
    in this very commit. Raises Conflict when the lease is lost."""
    row = tx.session.scalars(
        select(ChannelConnection)
        .where(ChannelConnection.shop_id == shop_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound(say("This shop is not connected"), code="not_connected")
    if lease and row.lease != lease:
        raise Conflict(say("Somebody else reads this shop by now"), code="sync_lease")
    values: dict[str, Any] = {}
    if lease:
        values["lease_until"] = clock.now() + LEASE
    if move is not None:
        values |= {"window_until": move.window_until, "page": move.page}
        if move.until is not None:
            values["cursor_at"] = max(move.until, row.cursor_at or move.until)
    if values:
        keep(tx, row.id, **values)
    return row


def begin(tx: Tx, connection_id: int) -> str:
    """Take the lease; "" when somebody holds it."""
    table, now, lease = _table(), clock.now(), secrets.token_hex(12)
    won = tx.session.execute(
        update(table)
        .where(table.c.id == connection_id, (table.c.lease_until.is_(None)) | (table.c.lease_until < now))
        .values(lease=lease, lease_until=now + LEASE)
        .returning(table.c.id)
    ).one_or_none()
    return lease if won else ""


def end(tx: Tx, connection_id: int, lease: str) -> None:
    """Give the lease back and say when the next turn is."""
    table, row = _table(), get_connection(tx, connection_id)
    tx.session.execute(
        update(table)
        .where(table.c.id == connection_id, table.c.lease == lease)
        .values(lease="", lease_until=None, next_run_at=clock.now() + pause_of(row))
    )


def pause_of(row: ChannelConnection) -> timedelta:
    """Until the next turn: the connector's cadence, doubled by each failure, with a tenth of jitter."""
    kind = CONNECTORS.get(row.connector)
    usual = timedelta(seconds=kind.cadence if kind else 120)
    seconds = min(usual.total_seconds() * 2 ** min(row.failures, 6), max(LONGEST_PAUSE, usual).total_seconds())
    return timedelta(seconds=seconds * (0.9 + 0.2 * _dice.random()))


_BOOK = text("""
INSERT INTO channel_paces AS p (connection_id, free_at) VALUES (:id, :at + :apart)
ON CONFLICT (connection_id) DO UPDATE SET free_at = greatest(:at, least(p.free_at, :at + :longest)) + :apart
RETURNING p.free_at - :apart
""").bindparams(
    bindparam("at", type_=DateTime(timezone=True)), bindparam("apart", type_=Interval),
    bindparam("longest", type_=Interval),
)  # fmt: skip


def book_turn(tx: Tx, connection_id: int) -> float:
    """Book the next request to a shop, counted over all workers: how many seconds to wait before it. They are spread
    evenly: in no second are there more than the channel allows, also after a rest. Whoever dies first loses a turn."""
    kind = CONNECTORS.get(get_connection(tx, connection_id).connector)
    apart = timedelta(seconds=1 / ((kind.per_second if kind else 1.0) * SHARE))
    now = clock.now()
    facts = {"id": connection_id, "at": now, "apart": apart, "longest": LONGEST_REST}
    turn: datetime = tx.session.execute(_BOOK, facts).scalar_one()
    return max((turn - now).total_seconds(), 0.0)


_REST = text("UPDATE channel_paces SET free_at = greatest(free_at, :until) WHERE connection_id = :id")


def rest(tx: Tx, connection_id: int, seconds: float) -> None:
    """Nobody's next request goes to a shop before so many seconds have passed: it soon has enough."""
    until = clock.now() + min(timedelta(seconds=seconds), LONGEST_REST)
    tx.session.execute(_REST, {"id": connection_id, "until": until})


def extend_lease(tx: Tx, connection_id: int, lease: str) -> None:
    """A reading goes on: nobody else begins one."""
    table = _table()
    mine = (table.c.id == connection_id) & (table.c.lease == lease)
    tx.session.execute(update(table).where(mine).values(lease_until=clock.now() + LEASE))


def waits(row: ChannelConnection) -> datetime | None:
    """Until when nobody asks this shop; None when asking is fine."""
    return Breaker(row.failures, row.closed_until).waits(clock.now())


def note_answer(tx: Tx, connection_id: int, error: ChannelError | None) -> None:
    """A shop answered, or did not. A refusal of one thing, or "not yet", is an answer: the connection works."""
    row, now = get_connection(tx, connection_id), clock.now()
    if not isinstance(error, ChannelKeys | ChannelSilent) or isinstance(error, ChannelNotReady):
        if row.failures or row.closed_until or row.last_ok_at is None or now - row.last_ok_at > timedelta(seconds=5):
            keep(tx, connection_id, failures=0, closed_until=None, last_ok_at=now)
        return
    told = {"last_error": told_of(error), "last_error_at": now}
    if isinstance(error, ChannelKeys):
        keep(tx, connection_id, failures=0, closed_until=None, stopped=row.stopped or SETTINGS, **told)
        return
    breaker = Breaker(row.failures, row.closed_until).failed(now, error.retry_after)
    keep(tx, connection_id, failures=breaker.failures, closed_until=breaker.closed_until, **told)


def note_asking(tx: Tx, row: ChannelConnection) -> None:
    """Somebody asks now: while the breaker is open that is the probe, and others wait for it."""
    breaker = Breaker(row.failures, row.closed_until).asking(clock.now())
    if breaker.closed_until != row.closed_until:
        keep(tx, row.id, closed_until=breaker.closed_until)
