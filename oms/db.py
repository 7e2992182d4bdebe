"""The one database, the one metadata, the one transaction."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import psycopg.errors
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, String, Table, event
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
    """An open transaction and who is in it. Verbs get it; only ``transaction`` makes it. ``last``: writes that nothing
    waits for, sent with the commit."""

    session: Session
    actor: Actor
    last: list[Callable[[], None]] = field(default_factory=list)

    @property
    def connection(self) -> Connection:
        """What the statements of the hot paths are sent on (``oms.asking``). Inside a savepoint the session is asked
        every time: it makes the savepoint when it first is."""
        return self.session.connection() if self.session.in_nested_transaction() else self._connection

    def acting(self, actor: Actor) -> Tx:
        """The same transaction, its last writes included, with somebody else in it."""
        return replace(self, actor=actor)

    @cached_property
    def _connection(self) -> Connection:
        return self.session.connection()


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
        if tx.last:
            _send_last(tx)
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


def _send_last(tx: Tx) -> None:
    """Send the last writes and the commit at once. The commit of the session finds nothing left to do then, unless
    somebody else's transaction is around this one: that is theirs to commit."""
    tx.session.flush()
    connection = tx.connection
    driver: Any = connection.connection.driver_connection
    with together(tx):
        for write in tx.last:
            write()
        if not connection.in_nested_transaction():
            driver.commit()


@contextmanager
def errors_of(connection: Connection) -> Iterator[None]:
    """What the driver raises inside, raised as the error it always is."""
    raw: Any = connection.connection.driver_connection
    try:
        yield
    except psycopg.Error as exc:
        if raw.closed:
            connection.invalidate(exc)
        raise DBAPIError.instance(None, None, exc, psycopg.Error, connection_invalidated=raw.closed) from exc


def send(connection: Any, kind: Any, sql: str, values: Any) -> Any:
    """Give the driver a statement as it stands, by a cursor of that kind; who listens to statements hears of it.
    Answers the cursor. Raises DBAPIError."""
    cursor = kind(connection.connection.driver_connection)
    connection.dispatch.before_cursor_execute(connection, cursor, sql, values, None, False)  # noqa: FBT003
    with errors_of(connection):
        cursor.execute(sql, values)
    return cursor


@contextmanager
def together(tx: Tx) -> Iterator[None]:
    """Send the statements inside at once and wait once, at the end: writes none of which needs an answer, each of
    fewer than ``COPY_FROM`` rows. What the database refuses is raised at the end, as the error it always is."""
    connection = tx.connection
    raw: Any = connection.connection.driver_connection
    with errors_of(connection), raw.pipeline():
        yield


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


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@cache
def _insertion(table: str, names: tuple[str, ...], rows: int) -> str:
    """One INSERT of so many rows, with the places of its values numbered: the driver has nothing to look for in it."""
    wide = len(names)
    values = ", ".join(
        "(" + ", ".join(f"${n}" for n in range(row * wide + 1, (row + 1) * wide + 1)) + ")" for row in range(rows)
    )
    return f'INSERT INTO "{table}" ({_listed(names)}) VALUES {values}'  # noqa: S608  names come from the models


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
    connection = tx.connection
    if len(rows) < COPY_FROM:
        values = [v for row in rows for v in layout.values(row)]
        send(connection, psycopg.RawCursor, _insertion(table.name, layout.names, len(rows)), values)
        return
    names = _listed(layout.names)
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(layout.values(row))
