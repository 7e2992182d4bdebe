"""Webhooks of channels: kept as they came, answered at once, read later. They say where to look; only what a channel
signed is taken at its word."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from oms import audit, clock, outbox
from oms.channels.models import ChannelConnection, ChannelHook
from oms.channels.port import Called
from oms.channels.states import HookStatus
from oms.db import Tx
from oms.errors import NotFound, say
from oms.outbox import Owed
from oms.usecases.channel_lease import get_connection
from oms.usecases.tracking_links import plain_token

HEAR = "channel.hear"
MAX_BODY: Final = 1024 * 1024
KEEP: Final = timedelta(days=30)  # raw bodies; what they said stays as words about orders
LOOK_EVERY: Final = 1  # seconds: webhooks of that long are read together
AT_ONCE: Final = 200
TRIES: Final = 5  # then a person looks
HIDDEN_HEADERS: Final = frozenset({"cookie", "forwarded", "host", "connection"})
H = HookStatus


@dataclass(frozen=True)
class Kept:
    """A webhook that was kept. ``fresh`` False: the same body came before."""

    hook_id: int
    fresh: bool


def connection_of_hook(tx: Tx, token: str) -> ChannelConnection:
    """The connection whose webhook address this is. Raises NotFound, the same for all that lead nowhere."""
    wanted = select(ChannelConnection).where(ChannelConnection.hook_token == plain_token(token))
    found = tx.session.scalars(wanted).one_or_none()
    if found is None or not found.is_active:
        raise NotFound(say("There is no such page"), code="hook_not_found")
    return found


def keep_hook(tx: Tx, connection_id: int, called: Called) -> Kept:
    """Keep a webhook before anybody reads it, and have it read. A repeat is only counted, unless the first was read
    already: then something may have happened since."""
    now = clock.now()
    headers = {k: v[:1000] for k, v in list(called.headers.items())[:60] if k.lower() not in HIDDEN_HEADERS}
    statement = insert(ChannelHook).values(
        connection_id=connection_id, digest=hashlib.sha256(called.body).hexdigest(), headers=headers,
        query=dict(called.query), url=called.url[:400], body=called.body, status=H.WAITING, times=1, tries=0, note="",
        received_at=now, last_at=now,
    )  # fmt: skip
    row = tx.session.execute(
        statement.on_conflict_do_update(
            index_elements=[ChannelHook.connection_id, ChannelHook.digest],
            set_={"times": ChannelHook.times + 1, "last_at": now, "status": H.WAITING, "headers": headers},
        ).returning(ChannelHook.id, ChannelHook.times)
    ).one()
    have_heard(tx, connection_id)
    return Kept(row.id, row.times == 1)


def have_heard(tx: Tx, connection_id: int) -> None:
    """Have the waiting webhooks of a shop read, once for all of a second: when it is over."""
    turn = int(clock.now().timestamp()) // LOOK_EVERY + 1
    at = datetime.fromtimestamp(turn * LOOK_EVERY, UTC)
    outbox.add_many(tx, [Owed(HEAR, f"{HEAR}:{connection_id}:{turn}", {"connection_id": connection_id}, at)])


def hear_what_waits(tx: Tx, connection_id: int) -> None:
    """The shop answers again: what waited for that is read."""
    waiting = exists().where(ChannelHook.connection_id == connection_id, ChannelHook.status == H.WAITING)
    if tx.session.scalar(select(waiting)):
        key = f"{HEAR}:{connection_id}:after:{clock.now().timestamp():.3f}"
        outbox.add_many(tx, [Owed(HEAR, key, {"connection_id": connection_id})])


def refuse_hook(tx: Tx, hook_id: int, why: str) -> None:
    """Its signature or form is wrong: nothing in it is believed."""
    _mark(tx, [hook_id], H.REFUSED, why)


@dataclass(frozen=True)
class Raw:
    """A webhook to be read."""

    id: int
    called: Called


def waiting_hooks(tx: Tx, connection_id: int, after: int = 0) -> list[Raw]:
    """The next webhooks of a shop that nobody has read, in the order they came."""
    rows = tx.session.scalars(
        select(ChannelHook)
        .where(ChannelHook.connection_id == connection_id, ChannelHook.status == H.WAITING, ChannelHook.id > after)
        .order_by(ChannelHook.id)
        .limit(AT_ONCE)
    )
    return [Raw(r.id, Called(r.headers, r.body, r.url, r.query, r.last_at)) for r in rows]


def mark_heard(tx: Tx, read: Collection[int], refused: Mapping[int, str]) -> None:
    """What became of webhooks: read, or not to be believed."""
    _mark(tx, read, H.DONE)
    for hook_id, why in refused.items():
        _mark(tx, [hook_id], H.REFUSED, why)


def mark_elsewhere(tx: Tx, hooks: Mapping[int, str], passed: Mapping[int, str]) -> None:
    """Webhooks that came to one shop's address and speak of another shop of the same program: ``passed`` on to it, or
    kept under the number of a shop nobody connected."""
    for hook_id, number in hooks.items():
        _mark(tx, [hook_id], H.ELSEWHERE, number)
    for hook_id, code in passed.items():
        _mark(tx, [hook_id], H.DONE, f"→ {code}")


def hear_elsewhere(tx: Tx, connector: str) -> None:
    """A shop was let in: webhooks kept for shops nobody had connected are read again, and may be its own."""
    mine = select(ChannelConnection.id).where(ChannelConnection.connector == connector)
    ids = tx.session.scalars(
        update(ChannelHook)
        .where(ChannelHook.status == H.ELSEWHERE, ChannelHook.connection_id.in_(mine))
        .values(status=H.WAITING, note="")
        .returning(ChannelHook.connection_id)
        .execution_options(synchronize_session=False)
    )
    for connection_id in sorted(set(ids)):
        hear_what_waits(tx, connection_id)


def not_heard(tx: Tx, ids: Collection[int], why: str) -> None:
    """The channel could not be asked about them; after some tries a person looks."""
    mine = ChannelHook.id.in_(sorted(ids))
    tx.session.execute(update(ChannelHook).where(mine).values(tries=ChannelHook.tries + 1, note=why[:300]))
    tx.session.execute(
        update(ChannelHook).where(mine, ChannelHook.tries >= TRIES, ChannelHook.status == H.WAITING)
        .values(status=H.DEAD)
    )  # fmt: skip


def _mark(tx: Tx, ids: Collection[int], status: HookStatus, note: str = "") -> None:
    if ids:
        tx.session.execute(
            update(ChannelHook)
            .where(ChannelHook.id.in_(sorted(ids)), ChannelHook.status == H.WAITING)
            .values(status=status, note=note[:300], read_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def hear_again(tx: Tx, connection_id: int, hook_id: int) -> None:
    """Read a webhook once more: one that was refused or given up. It is checked like the first time."""
    tx.actor.require("intake.resolve")
    row = get_connection(tx, connection_id)
    hook = tx.session.get(ChannelHook, hook_id, with_for_update=True)
    if hook is None or hook.connection_id != row.id:
        raise NotFound(say("There is no such record"), code="record_not_found")
    hook.status, hook.tries, hook.note = H.WAITING, 0, ""
    tx.session.flush()  # what waits is asked of the database
    hear_what_waits(tx, connection_id)
    audit.record(tx, "channel.hook_replayed", "channel_connection", row.id, row.shop.code, after={"hook": hook_id})


def forget_hooks(tx: Tx, limit: int = 2000) -> int:
    """Remove raw bodies that were read long ago."""
    old = (
        select(ChannelHook.id)
        .where(ChannelHook.last_at < clock.now() - KEEP, ChannelHook.status != H.WAITING)
        .limit(limit)
    )
    return len(tx.session.execute(delete(ChannelHook).where(ChannelHook.id.in_(old)).returning(ChannelHook.id)).all())
