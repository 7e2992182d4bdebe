"""The one database, the one metadata, the one transaction."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg.errors
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, String, Table, event
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.orm.exc import StaleDataError

from oms.actor import Actor
from oms.errors import Conflict, say

APP_ROLE = "ruam_app"  # the database role the program works as: it may not change or delete what is append-only

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Parent of every table of ours; Flask-AppBuilder keeps its own ``ab_*`` tables in its own metadata."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model  # the library builds the working class from ours


@dataclass(frozen=True)
class Tx:
    """An open transaction and who is in it. Verbs get it; only ``transaction`` makes it."""

    session: Session
    actor: Actor


@contextmanager
def transaction(actor: Actor) -> Iterator[Tx]:
    """The only commit. Raises RuntimeError when nested and Conflict when somebody else was faster."""
    session: Any = db.session()
    if session.info.get("oms_tx"):
        raise RuntimeError("transaction() does not nest: pass tx down instead")
    session.rollback()  # drops anything a form left half-applied
    tx = session.info["oms_tx"] = Tx(session, actor)
    try:
        yield tx
        session.commit()
    except StaleDataError as exc:
        session.rollback()
        raise Conflict(say("Someone else changed this record; reload and try again"), code="stale") from exc
    except DBAPIError as exc:
        session.rollback()
        if isinstance(exc.orig, psycopg.errors.UniqueViolation):
            raise Conflict(say("The same thing was just saved; reload to see it"), code="duplicate") from exc
        if isinstance(exc.orig, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise Conflict(say("Two people changed the same rows at once; try again"), code="busy") from exc
        raise
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("oms_tx", None)


@contextmanager
def together(tx: Tx) -> Iterator[None]:
    """Send the statements inside at once and wait once, at the end: writes none of which needs an answer, each of
    fewer than ``COPY_FROM`` rows. What the database refuses is raised at the end, as the error it always is."""
    connection = tx.session.connection()
    raw: Any = connection.connection.driver_connection
    try:
        with raw.pipeline():
            yield
    except psycopg.Error as exc:
        if raw.closed:
            connection.invalidate(exc)
        raise DBAPIError.instance(None, None, exc, psycopg.Error, connection_invalidated=raw.closed) from exc


IDLE_SECONDS = 30.0  # a connection that was idle for longer is asked whether it still lives


def _note_rest(_connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _check_alive(connection: Any, record: Any, _proxy: Any) -> None:
    """A connection the server has closed has something to read: that costs no question. Raises InvalidatePoolError."""
    since = record.info.get("rests_since")
    if since is None:
        return
    try:
        watch = select.poll()
        watch.register(connection.fileno(), select.POLLIN)
        if watch.poll(0):
            raise InvalidatePoolError("the server has closed it")
        if time.monotonic() - since > IDLE_SECONDS:
            connection.execute("SELECT 1")
            connection.rollback()
    except psycopg.Error as exc:
        raise InvalidatePoolError(str(exc)) from exc


def keep_alive(engine: Engine) -> None:
    """Hand out only connections that live; a dead one and those made before it are replaced."""
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _check_alive)


COPY_FROM = 10  # rows; below this one INSERT is faster, above it many values take the driver long to take apart


@dataclass(frozen=True)
class _Layout:
    """How the rows of one table reach the wire: the columns, what stands for a missing one, what has to be turned."""

    names: tuple[str, ...]
    defaults: tuple[tuple[str, Any], ...]
    makers: tuple[tuple[int, Any], ...]
    processes: tuple[tuple[int, Any], ...]

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        """The row's values in column order, as the driver takes them. Written for speed: it runs for every row."""
        get = row.get
        found = [get(key, default) for key, default in self.defaults]
        for i, make in self.makers:
            if found[i] is None and self.names[i] not in row:
                found[i] = make(None)
        for i, process in self.processes:
            found[i] = process(found[i])
        return found


def _array_text(values: Sequence[str] | None) -> str | None:
    """A list of texts as PostgreSQL writes an array: many times quicker than the driver's general way."""
    if values is None:
        return None
    quoted = (v.replace("\\", "\\\\").replace('"', '\\"') for v in values)
    return '{"' + '","'.join(quoted) + '"}' if values else "{}"


def _processor(column: Any, dialect: Any) -> Any:
    if isinstance(column.type, ARRAY) and isinstance(column.type.item_type, String):
        return _array_text
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _scalar(default: Any) -> Any:
    return default.arg if default is not None and default.is_scalar else None


@cache
def _layout(table: Table, keys: frozenset[str]) -> _Layout:
    dialect: Any = psycopg_dialect.dialect
    dialect = dialect()
    columns = [c for c in table.columns if c.key in keys or (c.default is not None and not c.primary_key)]
    defaults: list[Any] = [c.default for c in columns]
    processes = [_processor(c, dialect) for c in columns]
    return _Layout(
        names=tuple(c.name for c in columns),
        defaults=tuple(
            (c.key, d.arg if d is not None and d.is_scalar else None) for c, d in zip(columns, defaults, strict=True)
        ),
        makers=tuple((i, d.arg) for i, d in enumerate(defaults) if d is not None and d.is_callable),
        processes=tuple((i, process) for i, process in enumerate(processes) if process is not None),
    )


def insert_rows(tx: Tx, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write many rows of one table at once: COPY for many, one INSERT for few. Fills in plain column defaults.

    Keys are column names, the same ones in every row. Values pass through the column types, so Money and enums work
    as everywhere else.
    """
    if not rows:
        return
    tx.session.flush()  # what was changed before goes before
    table: Any = model.__table__
    layout = _layout(table, frozenset(rows[0]))
    names = ", ".join(f'"{name}"' for name in layout.names)
    connection = tx.session.connection()
    if len(rows) < COPY_FROM:
        one = "(" + ", ".join(["%s"] * len(layout.names)) + ")"
        values = ", ".join([one] * len(rows))
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES {values}'  # noqa: S608  names come from the models
        connection.exec_driver_sql(statement, tuple(v for row in rows for v in layout.values(row)))
        return
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(layout.values(row))
