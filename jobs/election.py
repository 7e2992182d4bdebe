"""One of many: relay and scheduler may run on every host; a lock in the database says whose turn it is."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import redis
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError

from oms.db import db

log = logging.getLogger(__name__)


def stop_event() -> threading.Event:
    """An event that Ctrl-C and the supervisor's stop set."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


@contextmanager
def beside(work: Callable[[], object], stopping: threading.Event) -> Iterator[None]:
    """Do ``work`` in a thread of its own until ``stopping`` is set. When it breaks the process ends, so that whoever
    watches it starts it anew."""
    broken = threading.Event()

    def run() -> None:
        try:
            work()
        finally:
            if not stopping.is_set():
                broken.set()
                stopping.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    stopping.set()
    thread.join(10)
    if broken.is_set():
        sys.exit(1)


@contextmanager
def _seat(key: int) -> Iterator[Connection | None]:
    """The elected one's connection, or None. The lock is the connection's: it falls free when the process dies."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        won = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})
        try:
            yield connection if won else None
        finally:
            if won and not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def lead(app: Flask, key: int, tick: Callable[[], object], every: float, stopping: threading.Event) -> None:
    """Run ``tick`` again and again while this process holds the seat; wait for the seat otherwise.

    A database or Redis that is away is waited for: the seat is given up and asked for again.
    """
    while not stopping.is_set():
        try:
            with app.app_context(), _seat(key) as seat:
                while seat is not None and not stopping.is_set():
                    seat.execute(text("SELECT 1"))  # raises when the seat's connection, and so the lock, is gone
                    with app.app_context():
                        tick()
                    stopping.wait(every)
        except (OperationalError, InterfaceError, redis.RedisError) as exc:
            log.warning("an engine is away; trying again", extra={"reason": str(exc).splitlines()[0]})
        stopping.wait(1)
