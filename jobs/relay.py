"""From the outbox to the queue and back: rings for what is due, and carries out what was rung for.

The table alone is trusted. What is rung is remembered for a short while only in this process, so a flushed or restarted
Redis is fed again within seconds; a row rung for twice is claimed once.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field

import redis
from flask import Flask, current_app
from sqlalchemy.exc import InterfaceError, OperationalError

from jobs import handlers
from jobs.context import QUICK
from jobs.queue import QUEUES, queue, ring
from oms import log as lines
from oms import outbox
from oms.actor import system
from oms.db import Tx, transaction
from oms.errors import OmsError

RELAY_LOCK = 0x52554152
TICK_SECONDS = 0.4
BATCH = {QUICK: 50}  # rows in one job; other queues take one
QUEUED_AT_MOST = 20  # jobs waiting in Redis; the rest waits in the table
RING_AGAIN_SECONDS = 20.0
AWAY_SECONDS = 30.0  # a database that restarts is waited for so long before a failure is left to the lease
RING_EMPTY_SECONDS = 3.0  # a queue that is empty while rows are due may have been flushed
log = logging.getLogger(__name__)


@dataclass
class Relay:
    """Rings for due rows. ``rung`` remembers when, so that a waiting queue is not filled with the same ids."""

    connection: redis.Redis
    rung: dict[int, float] = field(default_factory=dict)
    marks: itertools.count[int] = field(default_factory=lambda: itertools.count(time.time_ns() // 1_000_000))

    def tick(self) -> int:
        """Look once; returns how many rows were rung for."""
        with transaction(system("relay")) as tx:
            outbox.give_up(tx)
            due = [row for name in QUEUES for row in _due(tx, name)]
        now = time.monotonic()
        self.rung = {d.id: self.rung[d.id] for d in due if d.id in self.rung}
        waiting = {name: len(queue(self.connection, name)) for name in QUEUES}
        fresh: dict[str, list[int]] = defaultdict(list)
        for row in due:
            handler = handlers.TOPICS.get(row.topic)
            name = handler.queue if handler else QUICK
            patience = RING_AGAIN_SECONDS if waiting[name] else RING_EMPTY_SECONDS
            if now - self.rung.get(row.id, -patience) >= patience:
                fresh[name].append(row.id)
        return sum(self._ring(name, ids, QUEUED_AT_MOST - waiting[name], now) for name, ids in fresh.items())

    def _ring(self, name: str, ids: list[int], room: int, now: float) -> int:
        size = BATCH.get(name, 1)
        done = 0
        for start in range(0, len(ids), size):
            if room <= 0:
                break
            some = ids[start : start + size]
            ring(self.connection, name, some, next(self.marks))
            self.rung.update(dict.fromkeys(some, now))
            room, done = room - 1, done + len(some)
        return done


def _due(tx: Tx, name: str) -> list[outbox.Due]:
    """What is due in one queue, counted by itself: a long queue must not hide what is due in another."""
    most = 2 * QUEUED_AT_MOST * BATCH.get(name, 1)
    if name == QUICK:  # and what no part of the program knows
        return outbox.due(tx, most, but=[t for other in QUEUES if other != QUICK for t in handlers.topics_of(other)])
    return outbox.due(tx, most, only=handlers.topics_of(name))


def drain(ids: list[int]) -> int:
    """Carry out outbox rows, each alone; returns how many this call finished. The one function RQ calls."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  Flask's own idiom
    finished = 0
    for outbox_id in ids:
        with app.app_context(), lines.about(job_id=f"outbox-{outbox_id}"):
            finished += carry_out(outbox_id)
    return finished


def carry_out(outbox_id: int) -> bool:
    """Claim one row, do its work, and note a failure on the row. False when there was nothing to do or it failed."""
    with transaction(system("relay")) as tx:
        work = outbox.claim(tx, outbox_id, shared=handlers.shared())
    if work is None:
        return False
    handler = handlers.TOPICS.get(work.topic)
    began = time.monotonic()
    if handler is None:
        log.error("no handler", extra={"topic": work.topic})
        _park(work, f"No part of the program carries out {work.topic}", retryable=False)
        return False
    try:
        handler.perform(work)
    except OmsError as refusal:
        log.warning("work refused", extra={"topic": work.topic, "code": refusal.detail_code, "reason": str(refusal)})
        _park(work, str(refusal), retryable=refusal.retryable)
        return False
    except Exception as exc:  # a bug in one row's work must not stop the rows after it
        log.exception("work failed", extra={"topic": work.topic})
        _park(work, f"{type(exc).__name__}: {exc}", retryable=True)
        return False
    log.info("work done", extra={"topic": work.topic, "ms": round((time.monotonic() - began) * 1000)})
    return True


def _park(work: outbox.Work, error: str, *, retryable: bool) -> None:
    """Note the failure. A database that is away is waited for a little: what failed because of it is due again as soon
    as it is back, not only when the lease runs out."""
    end = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            with transaction(system("relay")) as tx:
                outbox.park(tx, work.id, error, retryable=retryable)
        except (OperationalError, InterfaceError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return
