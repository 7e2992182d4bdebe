"""The database the program works in: its role, its locks, the tests' own isolation."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from oms import audit, outbox
from oms.actor import system
from oms.db import APP_ROLE, Tx, db, transaction


def test_the_program_works_as_its_own_role(tx: Tx) -> None:
    assert tx.session.scalar(text("SELECT current_user")) == APP_ROLE


def test_the_database_keeps_utc_and_utf8(tx: Tx) -> None:
    assert tx.session.scalar(text("SHOW timezone")) == "UTC"
    assert tx.session.scalar(text("SHOW server_encoding")) == "UTF8"


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
def test_the_program_cannot_change_the_audit_log(tx: Tx, statement: str) -> None:
    audit.record(tx, "test.done", "test", 1, "one")
    tx.session.flush()
    with pytest.raises(Exception, match="permission denied"), tx.session.begin_nested():
        tx.session.execute(text(statement))
    assert tx.session.scalar(text("SELECT actor FROM audit_log WHERE action = 'test.done'")) == "test"


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log CASCADE"]
)
def test_even_the_owner_is_refused_by_a_trigger(owner_connection: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed or removed"):
        owner_connection.execute(statement)


def test_one_tests_rows_are_not_anothers_a(isolated: Flask) -> None:
    _write_one()


def test_one_tests_rows_are_not_anothers_b(isolated: Flask) -> None:
    _write_one()


def test_committed_rows_are_cleaned_afterwards_a(committed: Flask) -> None:
    _write_one()
    db.session.remove()


def test_committed_rows_are_cleaned_afterwards_b(committed: Flask) -> None:
    _write_one()


def _write_one() -> None:
    with transaction(system("test")) as tx:
        assert tx.session.scalar(text("SELECT count(*) FROM outbox")) == 0
        outbox.add(tx, "test.topic", "key")
        audit.record(tx, "test.done", "test", 1, "one")
    with transaction(system("test")) as tx:
        assert tx.session.scalar(text("SELECT count(*) FROM outbox")) == 1
