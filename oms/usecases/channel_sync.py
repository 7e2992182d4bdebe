"""When each shop is asked next, and about what: due turns, the span to read, open orders to look at again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update

from oms import clock, outbox
from oms.channels.models import ChannelConnection, ChannelOrder
from oms.channels.port import Ability
from oms.channels.registry import CONNECTORS
from oms.channels.states import Source
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.intake.models import IntakeRun
from oms.intake.states import RunStatus
from oms.outbox import Owed
from oms.usecases.channel_intake import finish_run
from oms.usecases.channel_lease import LEASE, get_connection, keep, waits
from oms.usecases.channels import is_ready

SYNC = "channel.sync"
BACKFILL = "channel.backfill"
FETCH = "channel.fetch"
GRACE: Final = timedelta(minutes=3)  # an owed turn that is not carried out in this time is owed again
LONGEST_BACKFILL: Final = timedelta(days=180)
LOOK_FOR: Final = timedelta(days=60)  # open orders older than this are not looked at any more


@dataclass(frozen=True)
class Span:
    """What one window of a sync asks: changed from ``since`` to ``until``, going on at ``page``."""

    since: datetime
    until: datetime
    page: str = ""


def owe_due(tx: Tx) -> int:
    """Owe a sync for every shop whose turn has come; returns how many. A turn is owed once."""
    now = clock.now()
    table: Any = ChannelConnection.__table__
    free = (ChannelConnection.lease_until.is_(None)) | (ChannelConnection.lease_until < now)
    rows = tx.session.scalars(
        select(ChannelConnection)
        .where(ChannelConnection.is_active, ChannelConnection.next_run_at <= now, ChannelConnection.stopped == "", free)
        .order_by(ChannelConnection.id)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    due = [row for row in rows if is_ready(row) and waits(row) is None]
    outbox.add_many(
        tx,
        [Owed(SYNC, f"{SYNC}:{r.id}:{r.next_run_at.timestamp():.3f}", {"connection_id": r.id}) for r in due],
    )
    if rows:
        ids = [row.id for row in rows]
        tx.session.execute(update(table).where(table.c.id.in_(ids)).values(next_run_at=now + GRACE))
    return len(due)


def wake_sync(tx: Tx, connection_id: int) -> None:
    """Have a shop read at once: a person asked, or the channel said that something happened."""
    keep(tx, connection_id, next_run_at=clock.now())


def next_span(tx: Tx, connection_id: int, overlap: timedelta, window: timedelta, now: datetime) -> Span | None:
    """The window that is half read, else the next one; None when all up to ``now`` is in."""
    row = get_connection(tx, connection_id)
    begin = row.cursor_at or now - window
    if begin >= now:
        return None
    since = begin - min(overlap, window / 2)
    if row.page and row.window_until is not None:
        return Span(since, row.window_until, row.page)
    return Span(since, min(now, since + window))


def spans_between(since: datetime, until: datetime, window: timedelta) -> list[Span]:
    """A long span in windows no longer than the channel answers."""
    found = []
    while since < until:
        found.append(Span(since, min(since + window, until)))
        since = found[-1].until
    return found


@dataclass(frozen=True)
class Backfill:
    """Read a span again: after a long silence, or for a shop that was connected late."""

    connection_id: int
    since: datetime
    until: datetime


def ask_backfill(tx: Tx, cmd: Backfill) -> None:
    """Owe the reading of a span. Orders that are here already stay as they are."""
    tx.actor.require("intake.import")
    row = get_connection(tx, cmd.connection_id)
    if cmd.until <= cmd.since or cmd.until - cmd.since > LONGEST_BACKFILL:
        raise InvalidInput(
            say("Choose a first and a last day, at most {days} days apart", days=LONGEST_BACKFILL.days),
            field="since",
            code="backfill_span",
        )
    if not is_ready(row):
        raise Refused(say("This shop cannot be asked; look at its connection first"), code="not_ready")
    facts = {"connection_id": row.id, "since": cmd.since.isoformat(), "until": min(cmd.until, clock.now()).isoformat()}
    outbox.add_many(tx, [Owed(BACKFILL, f"{BACKFILL}:{row.id}:{clock.now().timestamp():.3f}", facts)])


def ask_again(tx: Tx, connection_id: int, numbers: Sequence[str], source: Source = Source.REPLAY) -> None:
    """Owe the reading of some orders by number: what the channel says of them now is taken in like everything else."""
    tx.actor.require("intake.import")
    row = get_connection(tx, connection_id)
    if not is_ready(row) or Ability.REFRESH not in CONNECTORS[row.connector].abilities:
        raise Refused(say("This shop cannot be asked for single orders; read the day again"), code="no_refresh")
    facts = {"connection_id": row.id, "numbers": list(numbers), "source": source.value}
    outbox.add_many(tx, [Owed(FETCH, f"{FETCH}:{row.id}:{clock.now().timestamp():.6f}", facts)])


def to_look_at(tx: Tx, connection_id: int, limit: int) -> list[str]:
    """Open orders that nobody has looked at for long, the longest first."""
    row, now = get_connection(tx, connection_id), clock.now()
    kind = CONNECTORS[row.connector]
    if Ability.REFRESH not in kind.abilities:
        return []
    numbers = tx.session.scalars(
        select(ChannelOrder.external_no)
        .where(
            ChannelOrder.shop_id == row.shop_id, ChannelOrder.is_open,
            ChannelOrder.checked_at < now - timedelta(seconds=kind.look_again), ChannelOrder.seen_at > now - LOOK_FOR,
        )
        .order_by(ChannelOrder.checked_at)
        .limit(limit)
    )  # fmt: skip
    return list(numbers)


def close_left_runs(tx: Tx, shop_id: int) -> None:
    """Runs whose worker died: their ledgers close with what was taken in."""
    stale = select(IntakeRun).where(
        IntakeRun.shop_id == shop_id, IntakeRun.source != Source.FILE.value, IntakeRun.status == RunStatus.COMMITTING,
        IntakeRun.created_at < clock.now() - LEASE,
    )  # fmt: skip
    for run in tx.session.scalars(stale.with_for_update(skip_locked=True)):
        finish_run(tx, run)
