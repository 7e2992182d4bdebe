"""Jobs of channels are under way beside each other in one process, and are not cut off when it is told to stop."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
from sqlalchemy import select

from jobs.context import CHANNELS
from jobs.queue import connect, ring
from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.outbox import Outbox, OutboxStatus
from tests.jobs.side_by_side import LINGER, MEET, TOGETHER
from tests.live import until

_MARKS = itertools.count(1)


def owe(topic: str, count: int, redis_url: str, **payload: str) -> list[int]:
    with transaction(system("test")) as tx:
        for n in range(count):
            outbox.add(tx, topic, f"{topic}:{n}:{next(_MARKS)}", **payload)
        ids = list(tx.session.scalars(select(Outbox.id).where(Outbox.topic == topic)))
    connection = connect(redis_url)
    for one in ids:
        ring(connection, CHANNELS, [one], next(_MARKS))
    connection.close()
    return ids


def done(ids: list[int]) -> bool:
    db.session.rollback()
    return all(db.session.get_one(Outbox, one).status is OutboxStatus.DONE for one in ids)


@pytest.mark.timeout(120)
def test_jobs_that_need_each_other_meet_and_a_stop_waits_for_what_is_under_way(committed, settings, tmp_path):
    facts = {
        "PLAY_DATA": str(tmp_path), "PLAY_DATABASE": settings.database_url, "PLAY_REDIS": settings.redis_url,
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "tests.jobs.side_by_side"], env=os.environ | facts)
    try:
        met = owe(MEET, TOGETHER, settings.redis_url)
        until(lambda: done(met), 90, "they were carried out one after another")
        began = tmp_path / "began"
        ids = owe(LINGER, 1, settings.redis_url, began=str(began))
        until(began.exists, 30)
        process.terminate()
        assert process.wait(30) == 0
        assert done(ids)
    finally:
        process.kill()
        process.wait(10)
