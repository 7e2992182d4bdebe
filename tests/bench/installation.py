"""Installations to measure: durable PostgreSQL of their own, kept between runs, filled with so many orders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from app import factories
from jobs import initialize
from jobs.runtime import layout, postgres, redis
from oms.settings import Settings
from tests.bench.generate import Generator, load_masters

HOME = Path(os.environ.get("RUAM_BENCH_DIR") or ("/var/lib/ruam-bench" if os.geteuid() == 0 else "var/bench"))
PASSWORD = "bench-Password-1"


@contextmanager
def installation(orders: int) -> Iterator[Settings]:
    """An installation with that many orders; made when it is not there yet, with fsync and synchronous_commit on."""
    folder = HOME / str(orders)
    folders = layout.prepare(folder)
    server = postgres.prepare(folders, max_connections="60", shared_buffers="256MB")
    process = postgres.start(server, folders.log / "postgres.log")
    try:
        postgres.ensure_database(server)
        settings = Settings(data_dir=folder, database_url=server.url(), secret_key="bench", demo_password=PASSWORD)
        made = factories()
        initialize.everything(made, settings)
        made.demo_users(made.web(settings, owner=True), PASSWORD)
        _fill(settings, orders)
        yield settings
    finally:
        if process:
            postgres.stop(server, process)


@contextmanager
def with_redis(settings: Settings) -> Iterator[Settings]:
    """The installation with its Redis, as under ``oms up``."""
    folders = layout.prepare(settings.data_dir)
    server = redis.prepare(folders)
    process = redis.start(server, folders.log / "redis.log")
    try:
        yield replace(settings, redis_url=server.url)
    finally:
        if process:
            redis.stop(process)


@contextmanager
def empty(name: str) -> Iterator[Settings]:
    """An installation with nothing in it yet, as durable as the others."""
    folder = HOME / name
    shutil.rmtree(folder, ignore_errors=True)
    folders = layout.prepare(folder)
    server = postgres.prepare(folders, max_connections="60", shared_buffers="256MB")
    process = postgres.start(server, folders.log / "postgres.log")
    try:
        postgres.ensure_database(server)
        settings = Settings(data_dir=folder, database_url=server.url(), secret_key="bench", demo_password=PASSWORD)
        initialize.everything(factories(), settings)
        yield settings
    finally:
        if process:
            postgres.stop(server, process)


def _fill(settings: Settings, orders: int) -> None:
    with psycopg.connect(settings.database_url or "") as connection:
        if not connection.execute("SELECT 1 FROM shops LIMIT 1").fetchone():
            load_masters(connection)
            Generator(orders).run(connection)
