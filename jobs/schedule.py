"""What happens by the clock: one table.

The scheduler writes each turn into the outbox under a key that names the turn, so it is owed once however many hosts
run a scheduler, and is retried, shown and closed like all other background work. Shops say themselves when they are
read next. Only sealing the audit log, which is due every few seconds, is done on the spot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from flask import current_app

from oms import audit, clock, outbox
from oms.actor import system
from oms.db import Tx, transaction
from oms.intake import files
from oms.outbox import Owed
from oms.usecases.api_answers import forget_answers
from oms.usecases.api_deliveries import forget_deliveries
from oms.usecases.channel_days import PROVE_ALL
from oms.usecases.channel_deeds import owe_turns
from oms.usecases.channel_hooks import forget_hooks
from oms.usecases.channel_sync import owe_due

SCHEDULE_LOCK = 0x52554143
TICK_SECONDS = 1.0
SEAL_EVERY = timedelta(seconds=2)
KEEP_DONE = timedelta(days=30)

CLEAN = "schedule.clean"
EXPIRE = "schedule.expire_unpaid"
COUNT_CHECKS = "schedule.count_slip_checks"
TRACK = "schedule.track_parcels"
PACE = "schedule.stock_pace"
MESSAGES = "schedule.messages"
RETENTION = "schedule.retention"


@dataclass(frozen=True)
class Periodic:
    """Work that is owed once in every span of time."""

    topic: str
    every: timedelta

    def turn(self) -> int:
        """The number of the span the present moment lies in."""
        return int(clock.now().timestamp() // self.every.total_seconds())


TABLE: tuple[Periodic, ...] = (
    Periodic(CLEAN, timedelta(hours=1)),
    Periodic(EXPIRE, timedelta(minutes=5)),
    Periodic(COUNT_CHECKS, timedelta(hours=1)),
    Periodic(TRACK, timedelta(minutes=2)),
    Periodic(PACE, timedelta(minutes=15)),
    Periodic(PROVE_ALL, timedelta(hours=1)),
    Periodic(MESSAGES, timedelta(minutes=1)),
    Periodic(RETENTION, timedelta(hours=6)),
)


@dataclass
class Scheduler:
    """Writes turns that have come. ``written`` spares asking the database about a turn again."""

    written: dict[str, int] = field(default_factory=dict)
    sealed_at: float = 0.0

    def tick(self) -> None:
        """Look at the clock once."""
        come = [(p, p.turn()) for p in TABLE if self.written.get(p.topic) != p.turn()]
        if come:
            with transaction(system("scheduler")) as tx:
                outbox.add_many(tx, [Owed(p.topic, f"{p.topic}@{turn}", {}) for p, turn in come])
            self.written.update({p.topic: turn for p, turn in come})
        with transaction(system("scheduler")) as tx:
            owe_due(tx)
            owe_turns(tx)
        now = clock.now().timestamp()
        if now - self.sealed_at >= SEAL_EVERY.total_seconds():
            with transaction(system("scheduler")) as tx:
                audit.seal(tx)
            self.sealed_at = now


def clean(tx: Tx) -> None:
    """Remove outbox rows done long ago, receipts of work without business meaning of their own, webhooks read
    long ago, what the API answered and told long ago, and files made for download whose time is over."""
    outbox.forget_done(tx, clock.now() - KEEP_DONE)
    forget_hooks(tx)
    forget_answers(tx)
    forget_deliveries(tx)
    files.purge_expired(tx, current_app.extensions["oms.settings"].files_dir)
