"""From the outbox to the queue and back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from flask import Flask
from sqlalchemy.exc import OperationalError

from jobs import relay as bell
from jobs.queue import queue, work
from oms import clock, outbox
from oms.actor import system
from oms.db import transaction
from oms.outbox import BACKOFF_SECONDS, DEATHS_AT_MOST, LEASE, Outbox, OutboxStatus, Owed
from oms.settings import Settings
from tests.jobs.conftest import AWAY, BROKEN, GREET, SHARED, SHY, counted, owe, row

pytestmark = pytest.mark.usefixtures("topics")


def later(seconds: float):
    return clock.at(clock.now() + timedelta(seconds=seconds))


def test_what_is_owed_is_rung_for_and_done_once(committed: Flask, connection: redis.Redis, settings: Settings) -> None:
    first, second = owe(GREET, "a", name="A"), owe(GREET, "b", name="B")
    assert bell.Relay(connection).tick() == 2
    assert len(queue(connection, "quick")) == 1, "one job carries many rows"
    work(committed, settings.redis_url, "quick", burst=True)
    assert row(first).status is row(second).status is OutboxStatus.DONE
    assert (counted("greeted A"), counted("greeted B")) == (1, 1)


def test_a_row_rung_for_many_times_has_its_effect_once(
    committed: Flask, connection: redis.Redis, settings: Settings
) -> None:
    owed = owe(GREET, "a", name="A")
    for _ in range(3):
        bell.Relay(connection).tick()  # three relays that know nothing of each other
    assert len(queue(connection, "quick")) == 3
    work(committed, settings.redis_url, "quick", burst=True)
    assert counted("greeted A") == 1
    assert bell.carry_out(owed) is False


def test_a_waiting_queue_is_not_filled_with_the_same_rows(committed: Flask, connection: redis.Redis) -> None:
    owe(GREET, "a", name="A")
    relay = bell.Relay(connection)
    assert [relay.tick() for _ in range(4)] == [1, 0, 0, 0]


def test_a_flushed_queue_is_fed_again_from_the_table(
    committed: Flask, connection: redis.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(GREET, "a", name="A")
    relay = bell.Relay(connection)
    relay.tick()
    connection.flushdb()
    monkeypatch.setattr(bell, "RING_EMPTY_SECONDS", 0.0)
    assert relay.tick() == 1
    work(committed, settings.redis_url, "quick", burst=True)
    assert counted("greeted A") == 1


def test_a_worker_that_died_in_the_middle_is_followed_by_another_after_the_lease(committed: Flask) -> None:
    owed = owe(GREET, "a", name="A")
    with transaction(system("test")) as tx:
        assert outbox.claim(tx, owed) is not None  # and dies here
    assert bell.carry_out(owed) is False, "somebody may still be at it"
    with later(LEASE.total_seconds() + 1):
        assert bell.carry_out(owed) is True
    assert counted("greeted A") == 1


def test_a_refusal_waits_for_a_person_and_leaves_nothing(committed: Flask) -> None:
    owed = owe(SHY, "a")
    assert bell.carry_out(owed) is False
    assert row(owed).status is OutboxStatus.NEEDS_PERSON
    assert row(owed).last_error == "Not now"
    assert counted("shy") == 0


@pytest.mark.parametrize("topic", [AWAY, BROKEN])
def test_a_failure_is_tried_again_with_growing_pauses_and_then_left_to_a_person(committed: Flask, topic: str) -> None:
    owed = owe(topic, "a")
    now = clock.now()
    for pause in BACKOFF_SECONDS:
        with clock.at(now):
            assert bell.carry_out(owed) is False
        assert row(owed).status is OutboxStatus.WAITING
        assert row(owed).next_try_at == now + timedelta(seconds=pause)
        now = row(owed).next_try_at
    with clock.at(now):
        bell.carry_out(owed)
    assert row(owed).status is OutboxStatus.NEEDS_PERSON
    assert counted(topic.removeprefix("test.")) == 0


def test_a_failure_is_noted_when_the_database_is_back(committed: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    owed, real, asked = owe(BROKEN, "a"), outbox.park, []

    def restarting(*args: object, **more: bool) -> None:
        asked.append(args)
        if len(asked) < 3:
            raise OperationalError("UPDATE", {}, Exception("the database system is starting up"))
        real(*args, **more)

    monkeypatch.setattr(outbox, "park", restarting)
    monkeypatch.setattr(bell.time, "sleep", lambda _: None)
    assert bell.carry_out(owed) is False
    assert len(asked) == 3
    assert row(owed).status is OutboxStatus.WAITING, "due again at once, not when the lease runs out"


def test_a_database_that_stays_away_is_left_to_the_lease(committed: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    owed = owe(BROKEN, "a")

    def gone(*_: object, **__: bool) -> None:
        raise OperationalError("UPDATE", {}, Exception("connection refused"))

    monkeypatch.setattr(outbox, "park", gone)
    monkeypatch.setattr(bell, "AWAY_SECONDS", 0.0)
    with pytest.raises(OperationalError):
        bell.carry_out(owed)
    assert row(owed).status is OutboxStatus.RUNNING


def test_a_topic_nobody_knows_is_left_to_a_person(
    committed: Flask, connection: redis.Redis, settings: Settings
) -> None:
    owed = owe("test.unknown", "a")
    bell.Relay(connection).tick()
    work(committed, settings.redis_url, "quick", burst=True)
    assert row(owed).status is OutboxStatus.NEEDS_PERSON


def test_work_that_kills_its_workers_is_left_to_a_person(committed: Flask, connection: redis.Redis) -> None:
    owed = owe(GREET, "a", name="A")
    now = clock.now()
    for _ in range(DEATHS_AT_MOST + 1):
        now += LEASE + timedelta(seconds=1)
        with clock.at(now), transaction(system("test")) as tx:
            assert outbox.claim(tx, owed) is not None
    with clock.at(now + LEASE + timedelta(seconds=1)):
        bell.Relay(connection).tick()
    assert row(owed).status is OutboxStatus.NEEDS_PERSON
    assert counted("greeted A") == 0


def test_a_long_queue_hides_nothing_of_another(committed: Flask, connection: redis.Redis) -> None:
    for n in range(3 * bell.QUEUED_AT_MOST):
        owe(SHARED, f"c{n}", shop=n)
    owe(GREET, "late", name="A")
    bell.Relay(connection).tick()
    assert len(queue(connection, "channels")) == bell.QUEUED_AT_MOST
    assert len(queue(connection, "quick")) == 1


def test_rings_for_the_same_are_one_piece_of_work(committed: Flask) -> None:
    first, again, later_on, other = (owe(SHARED, f"s{n}", shop=n // 3) for n in range(4))
    with transaction(system("test")) as tx:
        tx.session.get_one(Outbox, later_on).next_try_at = clock.now() + timedelta(seconds=5)
    assert bell.carry_out(first) is True
    assert counted("shop 0") == 1
    states = [row(i).status for i in (first, again, later_on, other)]
    waiting = OutboxStatus.WAITING
    assert states == [OutboxStatus.DONE, OutboxStatus.DONE, waiting, waiting], "what is not due may ring for more"
    assert bell.carry_out(again) is False


def test_who_rings_while_another_is_at_it_waits_a_little(committed: Flask) -> None:
    first, again = owe(SHARED, "a", shop=1), owe(SHARED, "b", shop=1)
    with transaction(system("test")) as tx:
        tx.session.get_one(Outbox, again).next_try_at = clock.now() + timedelta(seconds=5)
    with transaction(system("test")) as tx:
        assert outbox.claim(tx, first, shared=[SHARED]) is not None  # and is at it
    now = clock.now() + timedelta(seconds=6)
    with clock.at(now):
        assert bell.carry_out(again) is False
        assert (row(again).status, row(again).attempts) == (OutboxStatus.WAITING, 0)
        assert row(again).next_try_at == now + outbox.RING_LATER
    with clock.at(now + LEASE):  # the first died
        assert bell.carry_out(again) is True
    assert counted("shop 1") == 1


def test_a_long_queue_stays_in_the_table(committed: Flask, connection: redis.Redis) -> None:
    with transaction(system("test")) as tx:
        outbox.add_many(tx, [Owed(GREET, f"k{i}", {"name": "A"}) for i in range(bell.BATCH["quick"] * 30)])
    relay = bell.Relay(connection)
    relay.tick()
    relay.tick()
    assert len(queue(connection, "quick")) == bell.QUEUED_AT_MOST
