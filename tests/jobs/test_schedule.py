"""What happens by the clock."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from jobs import relay as bell
from jobs import schedule
from oms import audit, clock
from oms.actor import system
from oms.db import db, transaction
from oms.outbox import Outbox, OutboxStatus


def written(topic: str) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Outbox).where(Outbox.topic == topic))


def test_a_turn_is_owed_once_however_many_schedulers_there_are(committed: Flask) -> None:
    start = clock.now().replace(minute=10)
    with clock.at(start):
        for _ in range(3):
            schedule.Scheduler().tick()
    assert written(schedule.CLEAN) == 1
    with clock.at(start + timedelta(hours=1)):
        schedule.Scheduler().tick()
    assert written(schedule.CLEAN) == 2


def test_the_audit_log_is_sealed_within_seconds(committed: Flask) -> None:
    with transaction(system("test")) as tx:
        audit.record(tx, "test.done", "test", 1, "one")
    schedule.Scheduler().tick()
    report = audit.verify(db.session())
    assert report.checked >= 1
    assert (report.unsealed, report.broken) == (0, None)


def test_receipts_of_old_work_are_forgotten_and_nothing_else(committed: Flask) -> None:
    long_ago = clock.now() - schedule.KEEP_DONE - timedelta(days=1)
    with transaction(system("test")) as tx:
        for i, status in enumerate(OutboxStatus):
            tx.session.add(
                Outbox(
                    topic="test.old",
                    key=f"k{i}",
                    payload={},
                    status=status,
                    attempts=1,
                    created_at=long_ago,
                    next_try_at=long_ago,
                    done_at=long_ago,
                    last_error="",
                )
            )
    with clock.at(clock.now()):
        schedule.Scheduler().tick()
    due = db.session.scalar(select(Outbox.id).where(Outbox.topic == schedule.CLEAN))
    db.session.rollback()
    assert bell.carry_out(due) is True
    left = set(db.session.scalars(select(Outbox.status).where(Outbox.topic == "test.old")))
    assert left == set(OutboxStatus) - {OutboxStatus.DONE}
