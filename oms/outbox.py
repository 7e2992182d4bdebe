"""Side effects, written in the transaction of the change and carried out later.

The table is the truth; the queue is a doorbell. A row is claimed under a lease, so a worker that dies loses only time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Identity,
    Index,
    Integer,
    Select,
    String,
    Text,
    case,
    delete,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from oms import clock
from oms.asking import write
from oms.columns import EnumText, UtcDateTime
from oms.db import Model, Tx

BACKOFF_SECONDS = (5, 15, 60, 300, 900)
LEASE = timedelta(seconds=60)
RING_LATER = timedelta(seconds=1)
DEATHS_AT_MOST = 5  # a row whose workers keep dying is not tried for ever


class OutboxStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    NEEDS_PERSON = "needs_person"
    CLOSED = "closed"


class Outbox(Model):
    """One side effect owed. ``key`` is unique: the same effect is owed once."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    topic: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[OutboxStatus] = mapped_column(EnumText(OutboxStatus))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index(
            "ix_outbox_due",
            "next_try_at",
            "id",
            postgresql_where=text("status IN ('waiting', 'running')"),
        ),
        Index("ix_outbox_status", "status", "id", postgresql_where=text("status <> 'done'")),
    )


@dataclass(frozen=True)
class Work:
    """A claimed row, detached from the session."""

    id: int
    topic: str
    payload: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True)
class Owed:
    """A side effect to write: ``key`` makes it owed once, ids only in the payload."""

    topic: str
    key: str
    payload: Mapping[str, Any]
    not_before: datetime | None = None


_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:kind, 0))")
_OWE = text(
    "INSERT INTO outbox (topic, key, payload, status, attempts, created_at, next_try_at, last_error)"
    " SELECT t.topic, t.key, t.payload, 'waiting', 0, :at, coalesce(t.not_before, :at), ''"
    " FROM unnest(CAST(:topics AS varchar[]), CAST(:keys AS varchar[]), CAST(:payloads AS jsonb[]),"
    " CAST(:times AS timestamptz[])) AS t(topic, key, payload, not_before)"
    " ON CONFLICT (key) DO NOTHING"
)


def add_many(tx: Tx, owed: Sequence[Owed]) -> None:
    """Write side effects; one whose key exists already is owed already and stays as it is."""
    if not owed:
        return
    facts = {
        "at": clock.now(),
        "topics": [o.topic for o in owed],
        "keys": [o.key for o in owed],
        "payloads": [json.dumps(dict(o.payload)) for o in owed],
        "times": [o.not_before for o in owed],
    }
    write(tx.connection, _OWE, facts)


def add(tx: Tx, topic: str, key: str, **payload: int | str) -> None:
    """Write one side effect."""
    add_many(tx, [Owed(topic, key, payload)])


@dataclass(frozen=True)
class Due:
    """A row whose turn it is."""

    id: int
    topic: str


def due(tx: Tx, limit: int, *, only: Collection[str] = (), but: Collection[str] = ()) -> list[Due]:
    """What is due: waiting, or running under a lease that ran out; of ``only`` these topics, or all ``but`` these."""
    at = clock.now()
    statement = (
        select(Outbox.id, Outbox.topic)
        .where(
            Outbox.status.in_([OutboxStatus.WAITING, OutboxStatus.RUNNING]),
            Outbox.next_try_at <= at,
            (Outbox.lease_until.is_(None)) | (Outbox.lease_until < at),
            *([Outbox.topic.in_(only)] if only else []),
            *([Outbox.topic.not_in(but)] if but else []),
        )
        .order_by(Outbox.next_try_at, Outbox.id)
        .limit(limit)
    )
    return [Due(row.id, row.topic) for row in tx.session.execute(statement)]


def give_up(tx: Tx) -> int:
    """Leave to a person what was claimed again and again and never answered; returns how many."""
    at = clock.now()
    rows = tx.session.execute(
        update(Outbox)
        .where(
            Outbox.status == OutboxStatus.RUNNING,
            Outbox.lease_until < at,
            Outbox.attempts > DEATHS_AT_MOST,
        )
        .values(
            status=OutboxStatus.NEEDS_PERSON,
            lease_until=None,
            last_error="The worker stopped in the middle of this work, every time",
        )
        .returning(Outbox.id)
    ).all()
    return len(rows)


def forget_done(tx: Tx, before: datetime) -> int:
    """Remove rows done before a moment; returns how many."""
    rows = tx.session.execute(
        delete(Outbox).where(Outbox.status == OutboxStatus.DONE, Outbox.done_at < before).returning(Outbox.id)
    ).all()
    return len(rows)


def claim(tx: Tx, outbox_id: int, lease: timedelta = LEASE, *, shared: Collection[str] = ()) -> Work | None:
    """Take a row for ``lease``; None when it is settled or somebody holds it. Commit before working on it.

    Due rows of a ``shared`` topic with the same payload are rings for one piece of work: the one that is taken settles
    the others, and while another is at it, this one is put off a little.
    """
    at = clock.now()
    row = tx.session.execute(
        update(Outbox)
        .where(
            Outbox.id == outbox_id,
            Outbox.status.in_([OutboxStatus.WAITING, OutboxStatus.RUNNING]),
            (Outbox.lease_until.is_(None)) | (Outbox.lease_until < at),
        )
        .values(status=OutboxStatus.RUNNING, lease_until=at + lease, attempts=Outbox.attempts + 1)
        .returning(Outbox.id, Outbox.topic, Outbox.payload, Outbox.attempts)
    ).one_or_none()
    if row is None:
        return None
    work = Work(row.id, row.topic, row.payload, row.attempts)
    return work if work.topic not in shared or _takes_all(tx, work, at) else None


def _takes_all(tx: Tx, work: Work, at: datetime) -> bool:
    """Settle what rings for the same; put ``work`` off when another is at it."""
    tx.session.execute(_ONE_AT_A_TIME, {"kind": f"{work.topic} {sorted(work.payload.items())}"})
    alike = (Outbox.topic == work.topic) & (Outbox.payload == work.payload) & (Outbox.id != work.id)
    waiting = (
        select(Outbox.id)
        .where(alike, Outbox.status == OutboxStatus.WAITING, Outbox.next_try_at <= at)
        .with_for_update(skip_locked=True)
    )
    tx.session.execute(
        update(Outbox)
        .where(Outbox.id.in_(waiting.scalar_subquery()))
        .values(status=OutboxStatus.DONE, done_at=at, last_error="")
    )
    busy = exists().where(alike, Outbox.status == OutboxStatus.RUNNING, Outbox.lease_until >= at)
    if not tx.session.scalar(select(busy)):
        return True
    tx.session.execute(
        update(Outbox)
        .where(Outbox.id == work.id)
        .values(
            status=OutboxStatus.WAITING, lease_until=None, attempts=Outbox.attempts - 1, next_try_at=at + RING_LATER
        )
    )
    return False


def extend(tx: Tx, outbox_id: int, lease: timedelta = LEASE) -> None:
    """Keep a claimed row while long work goes on."""
    tx.session.execute(update(Outbox).where(Outbox.id == outbox_id).values(lease_until=clock.now() + lease))


def settle(tx: Tx, outbox_id: int) -> bool:
    """Mark the effect done in the transaction that made it. False when settled before: make no second effect."""
    row = tx.session.execute(
        update(Outbox)
        .where(Outbox.id == outbox_id, Outbox.status == OutboxStatus.RUNNING)
        .values(status=OutboxStatus.DONE, done_at=clock.now(), lease_until=None, last_error="")
        .returning(Outbox.id)
    ).one_or_none()
    return row is not None


def park(tx: Tx, outbox_id: int, error: str, *, retryable: bool) -> None:
    """Note a failure: try again later with growing pauses, or leave it to a person."""
    row = tx.session.get(Outbox, outbox_id, with_for_update=True)
    if row is None or row.status is not OutboxStatus.RUNNING:
        return
    row.last_error = error[:4000]
    row.lease_until = None
    if retryable and row.attempts <= len(BACKOFF_SECONDS):
        row.status = OutboxStatus.WAITING
        row.next_try_at = clock.now() + timedelta(seconds=BACKOFF_SECONDS[row.attempts - 1])
    else:
        row.status = OutboxStatus.NEEDS_PERSON


class Shelf(StrEnum):
    """How a person looks at background work: by what it waits for."""

    NEEDS_PERSON = "needs_person"
    FAILED = "failed"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CLOSED = "closed"


_FAILED = (Outbox.status == OutboxStatus.WAITING) & (Outbox.attempts > 0)
_ON_SHELF: Mapping[Shelf, ColumnElement[bool]] = {
    Shelf.NEEDS_PERSON: Outbox.status == OutboxStatus.NEEDS_PERSON,
    Shelf.FAILED: _FAILED,
    Shelf.WAITING: (Outbox.status == OutboxStatus.WAITING) & (Outbox.attempts == 0),
    Shelf.RUNNING: Outbox.status == OutboxStatus.RUNNING,
    Shelf.DONE: Outbox.status == OutboxStatus.DONE,
    Shelf.CLOSED: Outbox.status == OutboxStatus.CLOSED,
}


def on_shelf(shelf: Shelf) -> Select[Outbox]:
    """The work of one kind, what has waited longest first; finished work newest first."""
    newest_first = shelf in {Shelf.DONE, Shelf.CLOSED}
    order = (Outbox.id.desc(),) if newest_first else (Outbox.next_try_at, Outbox.id)
    return select(Outbox).where(_ON_SHELF[shelf]).order_by(*order)


def open_counts(session: Session) -> dict[Shelf, int]:
    """How much unfinished work there is of each kind, in one statement."""
    shelf = case(
        (_ON_SHELF[Shelf.NEEDS_PERSON], Shelf.NEEDS_PERSON.value),
        (_FAILED, Shelf.FAILED.value),
        else_=Outbox.status,
    )
    rows = session.execute(select(shelf, func.count()).where(Outbox.status != OutboxStatus.DONE).group_by(shelf)).all()
    return {Shelf(name): int(count) for name, count in rows}
