"""Connections of the program: what is sent together, what is waited for, and a server that closed one meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from oms import audit, outbox
from oms import db as house
from oms.actor import system
from oms.db import db, together, transaction
from oms.errors import Conflict
from oms.orders.states import PaymentTerm
from oms.settings import Settings
from oms.usecases.orders_place import place_order
from tests.shop import small_shop


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """What the program waited for the database to answer; writes sent together are waited for once, at their end."""
    seen: list[object] = []
    wait = psycopg.Connection.wait

    def counted(self, *args, **facts):
        if self.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF:
            seen.append(args)
        return wait(self, *args, **facts)

    monkeypatch.setattr(psycopg.Connection, "wait", counted)
    return seen


def owed(tx) -> int:
    return tx.session.scalar(text("SELECT count(*) FROM outbox"))


def test_writes_sent_together_are_not_waited_for_one_by_one(isolated: Flask, waits):
    with transaction(system("test")) as tx:
        owed(tx)
        before = len(waits)
        with together(tx):
            for n in range(8):
                audit.record(tx, "test.done", "test", n, "one")
                outbox.add(tx, "test.topic", f"key{n}", order_id=n)
        assert len(waits) - before == 1
        assert owed(tx) == 8


def test_what_is_refused_among_writes_sent_together_undoes_them_all(isolated: Flask):
    with pytest.raises(Conflict, match="just saved"), transaction(system("test")) as tx, together(tx):  # noqa: PT012
        outbox.add(tx, "test.topic", "key")
        for _ in range(2):
            tx.session.execute(_ONE_ROW)
    with transaction(system("test")) as tx:
        assert owed(tx) == 0


_ONE_ROW = text(
    "INSERT INTO outbox (topic, key, payload, status, attempts, created_at, next_try_at, last_error)"
    " VALUES ('x', 'twice', '{}', 'waiting', 0, now(), now(), '')"
)


def test_a_refusal_is_the_error_it_is_when_sent_alone(isolated: Flask):
    with transaction(system("test")) as tx:
        tx.session.execute(_ONE_ROW)
        with pytest.raises(IntegrityError) as alone, tx.session.begin_nested():
            tx.session.execute(_ONE_ROW)
        with pytest.raises(IntegrityError) as sent, tx.session.begin_nested(), together(tx):
            tx.session.execute(_ONE_ROW)
        assert type(alone.value.orig) is type(sent.value.orig) is psycopg.errors.UniqueViolation
        assert owed(tx) == 1  # the transaction goes on


def test_an_order_is_six_questions_and_one_writing(isolated: Flask, waits):
    with transaction(system("test")) as tx:
        shop = small_shop(tx, pieces=100)
        asked = shop.order((0, 1), (1, 1), (2, 1), confirm=True, payment_term=PaymentTerm.COD)
        place_order(tx, asked)
        before = len(waits)
        place_order(tx, asked)
        assert len(waits) - before == 6 + 1


def backend() -> int:
    with transaction(system("test")) as tx:
        return tx.session.scalar(text("SELECT pg_backend_pid()"))


def test_a_connection_the_server_closed_meanwhile_is_replaced(committed: Flask, settings: Settings):
    db.session.remove()
    db.engine.dispose()  # of what other tests left in the pool
    first = backend()
    assert backend() == first
    db.session.remove()
    with psycopg.connect(settings.database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    assert backend() != first


def test_a_connection_in_use_is_not_asked_whether_it_lives_and_a_rested_one_is(committed: Flask, waits, monkeypatch):
    db.session.remove()
    db.engine.dispose()
    backend()
    db.session.remove()
    before = len(waits)
    backend()
    db.session.remove()
    usual = len(waits) - before
    monkeypatch.setattr(house, "IDLE_SECONDS", -1.0)
    before = len(waits)
    backend()
    assert len(waits) - before > usual
