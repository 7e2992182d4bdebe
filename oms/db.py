"""The one database, the one metadata, the one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg.errors
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Table, insert
from sqlalchemy.exc import DBAPIError
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


COPY_FROM = 40  # rows; below this one INSERT is faster than opening a COPY


def insert_rows(tx: Tx, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write many rows of one table at once: COPY for many, INSERT for few. Fills in plain column defaults.

    Keys are column names. Values pass through the column types, so Money and enums work as everywhere else.
    """
    if not rows:
        return
    table: Any = model.__table__
    if len(rows) < COPY_FROM:
        tx.session.execute(insert(table), list(rows))
        return
    _copy(tx, table, rows)


def _copy(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    connection = tx.session.connection()
    given = {key for row in rows for key in row}
    columns = [c for c in table.columns if c.key in given or (c.default is not None and not c.primary_key)]
    makers = []
    for column in columns:
        process = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        makers.append((column.key, column.default, process))
    names = ", ".join(f'"{c.name}"' for c in columns)
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row([_value(row, key, default, process) for key, default, process in makers])


def _value(row: Mapping[str, Any], key: str, default: Any, process: Any) -> Any:
    if key in row:
        value = row[key]
    elif default is None:
        value = None
    else:
        value = default.arg(None) if default.is_callable else default.arg
    return process(value) if process is not None else value
