"""Connections of the program: what is sent together, what is waited for, and a server that closed one meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.exc import DataError, IntegrityError

from oms import audit, outbox
from oms import db as house
from oms.actor import system
from oms.asking import Question, ask, ask_all
from oms.catalog.models import Sku
from oms.db import db, together, transaction
from oms.errors import Conflict
from oms.money import Money
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


def test_an_order_is_waited_for_three_times_its_facts_its_stock_its_writing(isolated: Flask, waits):
    with transaction(system("test")) as tx:
        shop = small_shop(tx, pieces=100)
        asked = shop.order((0, 1), (1, 1), (2, 1), confirm=True, payment_term=PaymentTerm.COD)
        place_order(tx, asked)
        before = len(waits)
        place_order(tx, asked)
        assert len(waits) - before == 3


NUMBERS = text("SELECT n FROM generate_series(1, CAST(:most AS int)) AS n")
MONEY = select(Sku.id, Sku.price).order_by(Sku.id)


def numbers(most: int) -> Question[list[int]]:
    return Question(NUMBERS, lambda rows: [r[0] for r in rows], {"most": most})


def test_questions_sent_together_are_answered_each_in_its_own_types(isolated: Flask, waits):
    heard: list[str] = []
    with transaction(system("test")) as tx:
        small_shop(tx)
        event.listen(db.engine, "before_cursor_execute", lambda *a: heard.append(a[2]))
        owed(tx)
        before = len(waits)
        prices: Question[list[Money]] = Question(MONEY, lambda rows: [price for _, price in rows])
        nothing: Question[str] = Question(None, lambda rows: f"{len(rows)} rows")
        few, none, money, more = ask_all(tx.connection, [numbers(2), nothing, prices, numbers(3)])
        assert len(waits) - before == 1
        assert (few, none, more) == ([1, 2], "0 rows", [1, 2, 3])
        assert money[0] == Money.satang(100_00)
        assert ask(tx.connection, numbers(1)) == [1]
        assert len(heard) == 1 + 3 + 1  # who counts statements counts these


def test_a_question_that_fails_among_others_is_the_error_it_is_alone(isolated: Flask):
    wrong: Question[None] = Question(text("SELECT 1 / CAST(:by AS int)"), lambda _: None, {"by": 0})
    with transaction(system("test")) as tx:
        for asked in ([wrong], [numbers(1), wrong, numbers(2)]):
            with pytest.raises(DataError, match="division by zero"), tx.session.begin_nested():
                ask_all(tx.connection, asked)
        assert ask(tx.connection, numbers(2)) == [1, 2]  # the transaction goes on


def test_what_is_asked_and_written_inside_a_savepoint_is_undone_with_it(isolated: Flask):
    with transaction(system("test")) as tx:
        outbox.add(tx, "test.topic", "stays")
        with pytest.raises(ValueError, match="no"), tx.session.begin_nested():  # noqa: PT012
            outbox.add(tx, "test.topic", "goes")
            audit.record(tx, "test.done", "test", 1, "goes")
            raise ValueError("no")
        assert owed(tx) == 1
        assert tx.session.scalar(text("SELECT count(*) FROM audit_log WHERE subject = 'goes'")) == 0


def test_the_last_writes_go_with_the_commit(committed: Flask, waits):
    took = []
    for last in (False, True):
        with transaction(system("test")) as tx:
            assert owed(tx) == 0
            if last:
                tx.last.append(lambda tx=tx: outbox.add(tx, "test.topic", "last"))
            before = len(waits)
        took.append(len(waits) - before)
    assert took[1] == took[0] + 1  # the pipeline's beginning, which is no way to the database
    with transaction(system("test")) as tx:
        assert owed(tx) == 1


def test_the_last_writes_of_somebody_else_in_the_transaction_are_sent_too(committed: Flask):
    with transaction(system("test")) as tx:
        tx.acting(system("another")).last.append(lambda: outbox.add(tx, "test.topic", "theirs"))
    with transaction(system("test")) as tx:
        assert owed(tx) == 1


def test_a_last_write_that_is_refused_undoes_the_rest(committed: Flask):
    with pytest.raises(Conflict, match="just saved"), transaction(system("test")) as tx:  # noqa: PT012
        outbox.add(tx, "test.topic", "before")
        tx.last.extend([lambda: tx.session.execute(_ONE_ROW)] * 2)
    with transaction(system("test")) as tx:
        assert owed(tx) == 0


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
