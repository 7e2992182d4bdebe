"""A throw-away installation: its own PostgreSQL (and Redis) in a temporary folder, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.runtime import layout, postgres
from oms.settings import Settings

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}  # nothing here outlives the process


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder that the database's system user may walk through."""
    folder = Path(tempfile.mkdtemp(prefix="ruam-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_database() -> Iterator[Settings]:
    """Settings of an empty database on a server of its own."""
    with scratch_folder() as folder:
        folders = layout.prepare(folder)
        server = postgres.prepare(folders, **FAST)
        process = postgres.start(server, folders.log / "postgres.log")
        try:
            postgres.ensure_database(server)
            yield Settings(data_dir=folder, database_url=server.url(), secret_key="scratch", testing=True)  # noqa: S106
        finally:
            if process:
                postgres.stop(server, process)
