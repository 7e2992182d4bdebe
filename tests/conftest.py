"""Real PostgreSQL and Redis for every test, started by the tests themselves.

One server of each for a run; every xdist worker gets its own database, copied from a migrated template, and its own
Redis database number. ``DATABASE_URL`` / ``REDIS_URL`` are respected when they name test servers (the user must be
allowed to create databases; Redis databases 1 to 15 are flushed).
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import subprocess
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql

from jobs.runtime import layout, postgres, redis
from jobs.runtime.scratch import FAST
from oms import permissions
from oms.actor import Actor, system
from oms.db import Tx, db, transaction
from oms.settings import Settings
from oms.usecases import channel_lease
from tests.live import Live, close, free_port, served

TEMPLATE = "ruam_template"
gc.disable()  # while everything is imported, nothing becomes garbage


@dataclass(frozen=True)
class Kept:
    """What the template holds: its filled tables, the last row of its audit log, and the tables copied for later."""

    tables: frozenset[str]
    last_audit: int
    copies: frozenset[str]


class Servers:
    """The run's servers, started when the first test asks and handed to xdist workers by environment."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.server: postgres.Postgres | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.redis: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if "RUAM_TEST_DATABASE" in os.environ:
            return
        given, given_redis = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        self.folder = Path(tempfile.mkdtemp(prefix="ruam-test-"))
        folders = layout.prepare(self.folder)
        if not given:
            self.server = postgres.prepare(folders, **FAST, max_connections="200")
            self.process = postgres.start(self.server, folders.log / "postgres.log")
            given = self.server.url("postgres")
        if not given_redis:
            prepared = redis.prepare(folders)
            self.redis = redis.start(prepared, folders.log / "redis.log")
            given_redis = prepared.url
        os.environ["RUAM_TEST_DATABASE"], os.environ["RUAM_TEST_REDIS"] = given, given_redis
        os.environ["RUAM_TEST_TEMPLATE"] = f"{TEMPLATE}_{secrets.token_hex(4)}"
        _build_template(given, os.environ["RUAM_TEST_TEMPLATE"])

    def stop(self) -> None:
        if self.server and self.process:
            postgres.stop(self.server, self.process)
        if self.redis:
            redis.stop(self.redis)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            for name in ("RUAM_TEST_DATABASE", "RUAM_TEST_REDIS", "RUAM_TEST_TEMPLATE"):
                os.environ.pop(name, None)


servers = Servers()


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None):
        servers.start()  # workers inherit the environment


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests that are like another, and walks at their second size of screen, run when asked for by name or by
    ``RUAM_DEEP=1``: the usual run has to end while somebody waits for it."""
    if os.environ.get("RUAM_DEEP") or os.environ.get("RUAM_CHAOS") or any("::" in arg for arg in config.args):
        return
    late = [item for item in items if item.get_closest_marker("deep") or _second_size(item)]
    config.hook.pytest_deselected(items=late)
    dropped = set(late)
    items[:] = [item for item in items if item not in dropped]


def _second_size(item: pytest.Item) -> bool:
    """Whether this walk is done at both sizes and this one's turn is the deep run's; half the walks are on a phone."""
    name, _, size = item.nodeid.rstrip("]").rpartition("[")
    if item.get_closest_marker("e2e") is None or size not in {"wide", "phone"}:
        return False
    return size != ("phone" if zlib.crc32(name.encode()) % 2 else "wide")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Programs and tests stay until the end: looking through them again and again for garbage took a tenth of the run."""
    gc.freeze()
    gc.set_threshold(5000, 20, 20)
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.stop()


def address(server: str, database: str) -> str:
    """The same server, another database."""
    head, _, query = server.partition("?")
    return head.rsplit("/", 1)[0] + f"/{database}" + (f"?{query}" if query else "")


def create_database(server: str, name: str, template: str | None = None) -> str:
    """Make a database, as a copy of the template when one is named; returns its address."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        copy = sql.SQL(" TEMPLATE {} STRATEGY WAL_LOG").format(sql.Identifier(template)) if template else sql.SQL("")
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)
    return address(server, name)


def _build_template(server: str, name: str) -> None:
    """Schema, role, rights and the panel's permissions once for the run."""
    from app import factories
    from jobs import initialize

    url = create_database(server, name)
    made = Settings(
        data_dir=Path(tempfile.gettempdir()), database_url=url, redis_url=os.environ["RUAM_TEST_REDIS"],
        secret_key="template", testing=True,
    )  # fmt: skip
    initialize.everything(replace(factories(), first_owner=lambda _: None), made)


@pytest.fixture(scope="session")
def new_database() -> Callable[[], str]:
    """A function that makes one more migrated database and returns its address."""
    servers.start()

    def make() -> str:
        name = f"t_{secrets.token_hex(6)}"
        return create_database(os.environ["RUAM_TEST_DATABASE"], name, os.environ["RUAM_TEST_TEMPLATE"])

    return make


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Settings:
    """This worker's installation: its own migrated database and Redis database."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15 + 1
    redis_url = os.environ["RUAM_TEST_REDIS"].partition("?")[0] + f"?db={number}"
    client = redis_client.Redis.from_url(redis_url)
    client.flushdb()
    client.close()
    return Settings(
        data_dir=tmp_path_factory.mktemp("data"), database_url=new_database(), redis_url=redis_url,
        secret_key="test", demo_password="demo-Password-1", testing=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The program without the panel."""
    from app import create_worker_app

    made = create_worker_app(settings)
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def web_app(settings: Settings) -> Iterator[Flask]:
    """The program with the panel. Made once for a run: Flask-AppBuilder is slow to start."""
    from app import create_app

    made = create_app(settings)
    yield made
    with made.app_context():
        db.engine.dispose()


def _isolated(app: Flask) -> Iterator[Flask]:
    """Everything in one outer transaction that is rolled back; commits inside only release savepoints."""
    with app.app_context():
        db.session.remove()
        engine = db.engines[None]
        connection = engine.connect()
        outer = connection.begin()
        db.engines[None] = connection
        db.session.configure(join_transaction_mode="create_savepoint")
        try:
            yield app
        finally:
            db.session.remove()
            db.session.configure(join_transaction_mode="conditional_savepoint")
            db.engines[None] = engine
            outer.rollback()
            connection.close()


@pytest.fixture
def isolated(app: Flask) -> Iterator[Flask]:
    """An application context in which ``transaction(...)`` may be used; everything is undone afterwards."""
    yield from _isolated(app)


@pytest.fixture
def tx(isolated: Flask) -> Iterator[Tx]:
    """An open transaction of the program itself; everything is undone afterwards."""
    with transaction(system("test")) as opened:
        yield opened


@pytest.fixture
def web(web_app: Flask) -> Iterator[Flask]:
    """The panel in an application context of its own; everything is undone afterwards."""
    yield from _isolated(web_app)


@pytest.fixture
def client(web: Flask) -> FlaskClient:
    """A browser without a screen; what it changes is undone afterwards."""
    return web.test_client()


@pytest.fixture(scope="session")
def _kept(settings: Settings) -> Kept:
    """Tables that the template itself fills; ``committed`` leaves them alone, but for what the audit log grew by."""
    with psycopg.connect(settings.database_url) as connection:
        names = frozenset(name for name in _tables(connection) if _filled(connection, [name]))
        last = connection.execute("SELECT coalesce(max(id), 0) FROM audit_log").fetchone()
        copies = names - {"audit_log", "alembic_version"}
        connection.execute("CREATE SCHEMA IF NOT EXISTS kept")
        for name in copies:
            table = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS kept.{} AS TABLE public.{}").format(table, table))
    return Kept(names, last[0] if last else 0, copies)


def _tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def _filled(connection: psycopg.Connection, names: list[str]) -> list[str]:
    if not names:
        return []
    parts = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT 1 FROM {})").format(sql.Literal(n), sql.Identifier(n)) for n in names
    ]
    return [row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()]


def _changed(connection: psycopg.Connection, names: list[str]) -> list[str]:
    """Those of the template's own tables whose rows are not what they were."""
    mark = "(SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM {}.{} r)"
    different = sql.SQL(f"SELECT {{}} WHERE {mark} IS DISTINCT FROM {mark}")
    parts = [
        different.format(
            sql.Literal(n), sql.Identifier("public"), sql.Identifier(n), sql.Identifier("kept"), sql.Identifier(n)
        )
        for n in names
    ]
    return [row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()] if parts else []


@pytest.fixture(autouse=True)
def _hurry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated channels are asked without waiting for a turn, but where the waiting is what is tested."""
    if request.node.path.name != "test_pace.py":
        monkeypatch.setattr(channel_lease, "SHARE", 1000.0)


@pytest.fixture
def committed(app: Flask, settings: Settings, _kept: Kept) -> Iterator[Flask]:
    """For tests that need real commits (several processes, several connections). Cleans every table afterwards."""
    with app.app_context():
        yield app
        db.session.remove()
    clean(settings, _kept)


def clean(settings: Settings, kept: Kept) -> None:
    """Empty every table that a test may have filled. Rows are deleted: tables are small, and truncating one makes a new
    file for it and for each of its indexes."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # triggers and foreign keys stand aside
        others = [n for n in _tables(connection) if n not in kept.tables]
        connection.execute(sql.SQL(";").join(sql.SQL("DELETE FROM {}").format(sql.Identifier(n)) for n in others))
        connection.execute(_RESTART, [others])
        for name in _changed(connection, sorted(kept.copies)):
            table = sql.Identifier(name)
            connection.execute(sql.SQL("DELETE FROM public.{}").format(table))
            connection.execute(sql.SQL("INSERT INTO public.{} SELECT * FROM kept.{}").format(table, table))
        connection.execute("DELETE FROM audit_seal WHERE audit_id > %s", (kept.last_audit,))
        connection.execute("DELETE FROM audit_log WHERE id > %s", (kept.last_audit,))


_RESTART = """
SELECT setval(s.seqrelid::regclass, 1, false) FROM pg_sequence s JOIN pg_depend d ON d.objid = s.seqrelid
JOIN pg_class t ON t.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
AND t.relname = ANY(%s) AND pg_sequence_last_value(s.seqrelid) IS NOT NULL
"""


@pytest.fixture
def actor() -> Callable[..., Actor]:
    """A function from a role's name to a person of that role: ``actor("sales", shops=frozenset({1}))``."""

    def make(role: str, **facts: object) -> Actor:
        found = next(r for r in permissions.ROLES if r.name == role)
        person = Actor(
            "user", role, user_id=hash(role) % 1000 + 1, role=role, actions=found.actions,
            discount_limit=found.discount_limit,
        )  # fmt: skip
        return replace(person, **facts)

    return make


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser. With CI set a missing one fails; otherwise the test is skipped loudly."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next((p for n in names if (p := shutil.which(n))), None)
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail("no Chromium: browser tests must run in CI (install chromium or set CHROMIUM)")
    warnings.warn(pytest.PytestWarning("NO CHROMIUM FOUND: the browser tests do not run"), stacklevel=1)
    pytest.skip("no Chromium found (install chromium or set CHROMIUM)")


@pytest.fixture
def owner_connection(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection as the database's owner, past every lock of the program: for tests that tamper."""
    with psycopg.connect(settings.database_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[Live]:
    """A real web server on a database of its own, with one login per role (password: ``live.password``)."""
    from app import create_app, create_worker_app
    from views import security

    folder = tmp_path_factory.mktemp("live")
    made = Settings(
        data_dir=folder, database_url=new_database(), redis_url=os.environ["RUAM_TEST_REDIS"].partition("?")[0] + "?db=0",
        secret_key=secrets.token_hex(8), port=free_port(),
    )  # fmt: skip
    panel, worker = create_app(made), create_worker_app(made)
    password = "Demo-Password-1"
    security.make_demo_users(panel, password)
    close(panel)
    with served(made, folder / "web.log") as url:
        yield Live(url, made, worker, password)
    close(worker)


# Folders with files that take long begin early, so that the workers end together.
FIRST = ("e2e", "faults", "race", "property", "demo", "documents", "banks", "channels", "carriers", "views", "jobs")


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].split("/")[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long tests to the deep run, and begin with what takes long, so that none is alone at the end."""
    _leave_out(config, items)
    order = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(_folder(item.nodeid), len(order)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file runs in one worker, so what its module made is made once; one worker has the browser, one the kills.

    The groups of xdist itself need node ids that pytest 9.2 no longer lets anybody write.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Rooms(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = _folder(nodeid)
            return folder if folder in {"e2e", "faults"} else nodeid.partition("::")[0]

    config.option.loadscopereorder = False
    return Rooms(config, log)
