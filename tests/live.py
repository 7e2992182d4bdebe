"""A real web server on a database of its own, for browser tests; and ``oms up`` itself, for tests that kill things."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from flask import Flask

from jobs import relay as bell
from jobs.runtime.supervise import oms_command
from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.settings import Settings


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str, path: str = "/readyz") -> bool:
    """Whether the address says 200."""
    try:
        with urllib.request.urlopen(url + path, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def until(what: Callable[[], object], seconds: float = 30, why: str = "") -> None:
    """Wait for something to become true, or fail with why it should have."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError(why or "it never came true")
        time.sleep(0.05)


@dataclass
class Live:
    """A served installation. ``app`` reaches the same database, to arrange data and to look at it."""

    url: str
    settings: Settings
    app: Flask
    password: str

    def run_jobs(self) -> int:
        """Carry out all background work that is due, here and now; returns how many rows were finished."""
        finished = 0
        while True:
            with self.app.app_context():
                with transaction(system("test")) as tx:
                    due = outbox.due(tx, 500)
                done = sum(bell.carry_out(row.id) for row in due)
            finished += done
            if not done:
                return finished


@contextmanager
def served(settings: Settings, log: Path, workers: int = 1) -> Iterator[str]:
    """``oms web`` with these settings; gives its address."""
    environment = {
        **os.environ, "DATABASE_URL": settings.database_url or "", "REDIS_URL": settings.redis_url or "",
        "OMS_DATA_DIR": str(settings.data_dir), "OMS_PORT": str(settings.port), "OMS_WEB_WORKERS": str(workers),
        "OMS_SECRET_KEY": settings.secret_key,
    }  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(oms_command("web"), env=environment, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{settings.port}"
    try:
        until(lambda: process.poll() is not None or answers(url), 150)  # a limit for a machine with much to do
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait(20)


@dataclass
class Up:
    """``oms up`` in a folder of its own."""

    data: Path
    port: int = field(default_factory=free_port)
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    first_lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        """What a program beside it needs to reach its database and queue."""
        from jobs.runtime import layout, postgres, redis

        folders = layout.Layout(self.data, layout.system_account())
        return Settings(
            data_dir=self.data, database_url=postgres.describe(folders).url(), redis_url=redis.prepare(folders).url,
            secret_key="test", testing=True,
        )  # fmt: skip

    def start(self, seconds: float = 90, *, wait: bool = True) -> None:
        """Start, and wait for the line that says ready."""
        environment = (
            {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", "OMS_SUPERVISED"}}
            | {"OMS_DATA_DIR": str(self.data), "OMS_PORT": str(self.port), "OMS_WEB_WORKERS": "1"}
            | self.environment
        )
        self.lines = []
        self.process = subprocess.Popen(
            oms_command("up", *self.arguments), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(self.process, self.lines), daemon=True).start()
        if wait:
            until(lambda: self.process.poll() is not None or self.ready, seconds, "oms up never said ready")
            assert self.ready, "".join(self.lines)
            self.first_lines = self.first_lines or self.lines

    def _listen(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        assert process.stdout is not None
        with process.stdout as source:
            lines.extend(source)

    @property
    def ready(self) -> bool:
        return f"ready {self.url}\n" in self.lines

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def processes(self) -> dict[str, psutil.Process]:
        """The main process of each program, as the supervisor knows it."""
        from jobs.runtime import layout, supervise

        with supervise.remote(layout.Layout(self.data, None).run) as supervisor:
            pids = {p["name"]: p["pid"] for p in supervisor.getAllProcessInfo() if p["pid"]}
        found = {}
        for name, pid in pids.items():
            with suppress(psutil.NoSuchProcess):  # it died between the two looks
                found[name] = psutil.Process(pid)
        return found

    def kill(self, name: str) -> None:
        """kill -9 one program and wait until the supervisor has another."""
        old = self.processes()[name]
        old.kill()

        def another() -> bool:
            found = self.processes().get(name)
            return found is not None and found.pid != old.pid

        until(another, 30, f"{name} was not started again")


def leftovers(data: Path) -> list[str]:
    """Processes of an installation that are still there."""
    from jobs.runtime.supervise import left_behind

    return [" ".join(p.cmdline()) for p in left_behind(data)]


def close(app: Flask) -> None:
    """Give an app's connections back."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


__all__ = ["Live", "Up", "answers", "close", "free_port", "leftovers", "served", "until"]
