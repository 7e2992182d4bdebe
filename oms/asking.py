"""Statements of the hot paths, past SQLAlchemy: constants of their modules, compiled once. Several questions, one way
to the database and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from psycopg import Cursor
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.sql import Executable

from oms.db import errors_of, send

T_co = TypeVar("T_co", covariant=True)
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Question(Generic[T_co]):
    """One read: a statement that is a constant of its module, its parameters as the driver takes them, and what its
    rows mean. Without a statement nothing is asked, and ``read`` gets no rows."""

    statement: Executable | None
    read: Callable[[Rows], T_co]
    facts: Mapping[str, Any] = field(default_factory=dict)


def ask(connection: Connection, question: Question[T_co]) -> T_co:
    """The answer to one question."""
    answer: T_co = ask_all(connection, [question])[0]
    return answer


def ask_all(connection: Connection, questions: Sequence[Question[Any]]) -> list[Any]:
    """The answers, in the order of the questions, none of which needs another's. Sent at once, with the beginning of
    the transaction when they are its first. Changes that were not flushed are not seen. Raises DBAPIError."""
    asked = [q for q in questions if q.statement is not None]
    found: dict[int, Rows] = {}
    if asked:
        driver: Any = connection.connection.driver_connection
        is_open = driver.info.transaction_status == TransactionStatus.INTRANS
        with errors_of(connection), nullcontext() if is_open and len(asked) == 1 else driver.pipeline():
            sent = [send(connection, Cursor, _compiled(q.statement)[0], q.facts) for q in asked]
        for cursor, question in zip(sent, asked, strict=True):
            found[id(question)] = _typed(cursor.fetchall(), _compiled(question.statement)[1])
    return [q.read(found.get(id(q), ())) for q in questions]


def write(connection: Connection, statement: Executable, facts: Mapping[str, Any]) -> None:
    """A statement, a constant of its module, that answers nothing. Raises DBAPIError."""
    send(connection, Cursor, _compiled(statement)[0], facts)


@cache
def _compiled(statement: Any) -> tuple[str, tuple[tuple[int, Callable[[Any], Any]], ...]]:
    """The SQL, and what turns a value of a column into one of ours."""
    dialect: Any = psycopg_dialect.dialect
    dialect = dialect()
    sql = str(statement.compile(dialect=dialect))
    columns = getattr(statement, "selected_columns", ())
    made = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
    return sql, tuple((i, process) for i, process in enumerate(made) if process is not None)


def _typed(rows: Rows, processes: Sequence[tuple[int, Callable[[Any], Any]]]) -> Rows:
    if not processes:
        return rows
    typed = [list(row) for row in rows]
    for row in typed:
        for i, process in processes:
            row[i] = process(row[i])
    return typed
