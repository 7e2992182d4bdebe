"""``oms init``: schema, permissions and the first owner, once, before anything serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import make_url

from migrations import roles, steps
from oms.db import db
from oms.settings import Settings

if TYPE_CHECKING:
    from jobs.cli import Factories

INIT_LOCK = 0x52554149  # advisory lock: one init at a time


@dataclass(frozen=True)
class Initialized:
    """What init did. ``role`` False means the database let us make no role; ``secrets`` are shown once."""

    revision: str | None
    role: bool
    secrets: tuple[tuple[str, str], ...] = ()


def schema(app: Flask) -> Initialized:
    """Bring the schema up to date, make the database role and the triggers. ``app`` works as the owner."""
    with app.app_context(), db.engine.connect() as connection:
        steps.upgrade(connection)
        role = roles.make_role(connection)
        connection.commit()
        roles.lock(connection)
        roles.freeze_claims(connection)
        roles.freeze_lines(connection)
        roles.freeze_documents(connection)
        connection.commit()
        return Initialized(steps.current(connection), role)


def rights(app: Flask) -> None:
    """Give the role its rights on every table there is, the panel's own included. Called last."""
    with app.app_context(), db.engine.begin() as connection:
        roles.grant(connection)


def everything(factories: Factories, settings: Settings) -> Initialized:
    """All of init, in the only order that works. Safe to repeat, and for two hosts at once: one waits for the other."""
    base, panel = factories.worker(settings, owner=True), factories.web(settings, owner=True)
    with _alone(base):
        done = schema(base)
        factories.sync(panel)
        if done.role:
            rights(panel)
        password = factories.first_owner(panel)
    for app in (base, panel):
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
    return replace(done, secrets=(("owner", password),) if password else ())


@contextmanager
def _alone(app: Flask) -> Iterator[None]:
    with app.app_context():
        connection = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": INIT_LOCK})
        yield


def was_done(settings: Settings) -> bool:
    """Whether an earlier init left everything that a web worker needs, so that it need not wait for this one."""
    address = make_url(settings.sqlalchemy_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        tables = connection.execute("SELECT to_regclass('alembic_version'), to_regclass('ab_user')").fetchone()
        if tables is None or None in tables:
            return False
        at = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return at is not None and at[0] == steps.head()


def sentences(done: Initialized) -> list[str]:
    """What the person who started this should read."""
    lines = [f"first login: {name}   password: {password}" for name, password in done.secrets]
    if not done.role:
        lines.append(
            "ATTENTION: this database user may not create roles, so the program works with the owner's rights; "
            "the audit log is still protected by triggers. Better: let an administrator create the role ruam_app."
        )
    return lines
