"""A database user who may not make roles: the program works, says so, and the triggers still protect."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from app import factories
from jobs import initialize
from oms import audit
from oms.actor import system
from oms.db import db, transaction
from oms.settings import Settings
from tests.conftest import create_database


@pytest.fixture
def plain(settings: Settings) -> Iterator[Settings]:
    """An empty database that belongs to a user with no rights beyond it, as a hosted database gives one."""
    server = os.environ["RUAM_TEST_DATABASE"]
    name, user = f"t_{secrets.token_hex(6)}", f"plain_{secrets.token_hex(4)}"
    url = create_database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'plain'").format(sql.Identifier(user)))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(*map(sql.Identifier, (name, user))))
    head, _, rest = url.partition("@")
    yield replace(settings, database_url=f"{head.partition('://')[0]}://{user}:plain@{rest}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


@pytest.mark.deep
def test_without_the_right_to_make_roles_the_triggers_still_protect(plain: Settings):
    parts = factories()
    for _ in range(2):  # safe to repeat
        done = initialize.everything(replace(parts, first_owner=lambda _: None), plain)
        assert done.role is False
    assert "ATTENTION" in " ".join(initialize.sentences(done))
    app = parts.worker(plain)
    with app.app_context():
        with transaction(system("test")) as tx:
            audit.record(tx, "test.done", "test", 1, "one")
        db.session.remove()
        db.engine.dispose()
    with psycopg.connect(plain.database_url) as connection:
        for statement in (
            "UPDATE audit_log SET actor = 'x'",
            "DELETE FROM audit_log",
            "TRUNCATE stock_movements CASCADE",
        ):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed or removed"),
                connection.transaction(),
            ):
                connection.execute(statement)


def test_a_second_init_changes_nothing_and_shows_no_secret_again(settings: Settings, new_database):
    made = replace(settings, database_url=new_database())
    first = initialize.everything(factories(), made)
    second = initialize.everything(factories(), made)
    assert [name for name, _ in first.secrets] == ["owner"]
    assert second.secrets == ()
    assert initialize.was_done(made)
