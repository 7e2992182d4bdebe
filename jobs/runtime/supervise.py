"""One supervisor for one host: restarts whatever dies, stops everything together, leaves nothing behind.

``oms up`` writes a configuration for the library ``supervisor`` and turns into it (``main`` here). The engines start
first; ``oms steward`` then brings the schema about, starts the rest, and says ``ready``. Every process carries
``OMS_SUPERVISED`` in its environment, by which a later start finds what a killed supervisor left.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from jobs.runtime import layout
from oms.errors import EngineMissing, Refused, say

MARK = "OMS_SUPERVISED"
ENGINE_NAMES = frozenset({"postgres", "redis-server", "valkey-server"})
STEWARD_LOG = "steward.log"
OURS = ("-c", "from app import main; main()")  # what the command line of a program of ours begins with


@dataclass(frozen=True)
class Program:
    """One process under the supervisor."""

    name: str
    command: tuple[str, ...]
    engine: bool = False
    once: bool = False
    stop_signal: str = "TERM"
    stop_seconds: int = 20

    def section(self, log: Path) -> str:
        """Its part of the configuration."""
        command = " ".join(_quoted(word) for word in self.command)
        lines = {
            "command": command,
            "autostart": str(self.engine or self.once).lower(),
            "autorestart": "unexpected" if self.once else "true",
            "exitcodes": "0,1" if self.once else "0",
            "startsecs": "0" if self.once else "1",
            "startretries": "1000000",
            "stopsignal": self.stop_signal,
            "stopwaitsecs": str(self.stop_seconds),
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(log / f"{self.name}.log").replace("%", "%%"),
            "stdout_logfile_maxbytes": "0" if self.once else "10MB",
            "stdout_logfile_backups": "3",
        }
        return f"[program:{self.name}]\n" + "".join(f"{k}={v}\n" for k, v in lines.items())


def _quoted(word: str) -> str:
    """A word of a command line as the library reads it (shell quoting, then % doubled)."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{safe}"'


def configuration(programs: list[Program], log: Path, run: Path) -> str:
    """The whole configuration file."""
    engines = [p.name for p in programs if p.engine]
    rest = [p.name for p in programs if not p.engine]
    path = {key: str(value).replace("%", "%%") for key, value in {"log": log, "run": run}.items()}
    head = f"""[supervisord]
nodaemon=true
silent=true
logfile={path["log"]}/supervisor.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile={path["run"]}/supervisor.pid
childlogdir={path["log"]}
minfds=1024
{"user=root" if os.geteuid() == 0 else ""}

[unix_http_server]
file={path["run"]}/supervisor.sock
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[group:oms]
programs={",".join(rest)}
priority=200
"""
    if engines:
        head += f"\n[group:engines]\nprograms={','.join(engines)}\npriority=10\n"
    return head + "\n" + "\n".join(p.section(log) for p in programs)


def oms_command(*words: str) -> tuple[str, ...]:
    """The command line of one of our own programs, whatever the current folder."""
    return (sys.executable, *OURS, *words)


def supervisor_pid(run: Path) -> int | None:
    """The process of a living supervisor of this installation, or None."""
    try:
        number = int((run / "supervisor.pid").read_text())
        command = psutil.Process(number).cmdline()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return number if "jobs.runtime.supervise" in command and str(run) in command else None


def left_behind(data: Path) -> list[psutil.Process]:
    """Processes of this installation that a killed supervisor left."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and _ours(process, data):
                found.append(process)
        except psutil.Error:
            continue  # not ours to look at, or gone meanwhile
    return found


def _ours(process: psutil.Process, data: Path) -> bool:
    """By the mark in its environment; the engines write their title over it, and are known by their folders."""
    if process.name() in ENGINE_NAMES:
        own = layout.Layout(data, None)
        folders = (own.run, own.postgres, own.redis)  # others may keep theirs in this very folder: no wider than that
        words = (word.rpartition(":")[2] for word in " ".join(process.cmdline()).split())
        return any(Path(word).is_relative_to(folder) for word in words for folder in folders)
    return bool(process.environ().get(MARK) == str(data))


def clear(data: Path, seconds: float = 10) -> int:
    """Stop what a killed supervisor left, gently first, the engines last; returns how many processes there were."""
    found = left_behind(data)
    engines = [p for p in found if _named(p) in ENGINE_NAMES]
    for some in ([p for p in found if p not in engines], engines):
        for process in some:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT if _named(process) == "postgres" else signal.SIGTERM)
        stubborn = _still_there(some, seconds)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _still_there(stubborn, 5)
    return len(found)


def _still_there(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that do not."""
    deadline = time.monotonic() + seconds
    left = processes
    while left and time.monotonic() < deadline:
        left = [p for p in left if _alive(p)]
        time.sleep(0.05)
    return left


def _alive(process: psutil.Process) -> bool:
    """A process that ended but was not collected by its parent (a container without init) is not alive."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _named(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def check_port(host: str, port: int) -> None:
    """Raise Refused with one clear sentence when the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise Refused(
                say(
                    "Port {port} on {host} cannot be used ({reason}): stop the program that uses it, "
                    "or set OMS_PORT to another port",
                    port=port,
                    host=host,
                    reason=str(exc.strerror or exc).lower(),
                ),
                code="port_in_use",
            ) from exc


def take_over(data: Path, run: Path) -> int:
    """Make sure no other start of this installation is alive; clear a dead one's leavings. Returns how many."""
    alive = supervisor_pid(run)
    if alive:
        raise Refused(
            say(
                "Ruam already runs with the data folder {folder} (process {pid}); stop it first",
                folder=str(data),
                pid=alive,
            ),
            code="already_running",
        )
    count = clear(data)
    for name in ("supervisor.sock", "supervisor.pid", "failed"):
        (run / name).unlink(missing_ok=True)
    return count


def become(programs: list[Program], data: Path, log: Path, run: Path, environment: dict[str, str]) -> None:
    """Turn this process into the supervisor. Never returns."""
    path = run / "supervisor.conf"
    path.write_text(configuration(programs, log, run))
    (log / STEWARD_LOG).write_text("")
    environment = {**os.environ, **environment, MARK: str(data), "PYTHONUNBUFFERED": "1"}
    sys.stdout.flush()
    os.execve(
        sys.executable, [sys.executable, "-m", "jobs.runtime.supervise", str(path), str(log), str(run)], environment
    )


@contextmanager
def remote(run: Path) -> Iterator[Any]:
    """The running supervisor's own interface."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(serverurl=f"unix://{run / 'supervisor.sock'}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        yield proxy.supervisor
    finally:
        transport.close()


def start(run: Path, *names: str) -> None:
    """Start these programs; what runs already stays."""
    with remote(run) as supervisor:
        for process in supervisor.getAllProcessInfo():
            if process["name"] in names and process["statename"] in {"STOPPED", "EXITED"}:
                supervisor.startProcess(f"oms:{process['name']}", False)  # noqa: FBT003  the interface's order: wait


def shut_down(run: Path, *, failed: bool) -> None:
    """Ask the supervisor to stop everything; ``failed`` makes ``oms up`` end with 1."""
    if failed:
        (run / "failed").touch()
    try:
        with remote(run) as supervisor:
            supervisor.shutdown()
    except OSError as exc:
        raise EngineMissing(say("The supervisor does not answer: {reason}", reason=str(exc))) from exc


def _nudge(path: Path) -> None:
    """The library looks after its programs when something happens or a second has passed: let something happen."""
    for _ in range(100):
        with socket.socket(socket.AF_UNIX) as knock, contextlib.suppress(OSError):
            knock.connect(str(path))
            return
        time.sleep(0.02)


def _follow(path: Path, door: Path, over: int) -> None:
    """Show on our own output what the steward says, until the supervisor is gone (``over`` closes with it)."""
    _nudge(door)
    with path.open("r", errors="replace") as source:
        while True:
            gone = select.select([over], [], [], 0.1)[0]
            try:
                sys.stdout.write(source.read())
                sys.stdout.flush()
            except OSError:
                return  # nobody listens any more
            if gone:
                return


def _follower(path: Path, door: Path) -> int:
    """A small process that follows, for the supervisor forks and so has no thread; returns what to close at the end."""
    over, end = os.pipe()
    if os.fork():
        os.close(over)
        return end
    os.close(end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too, and the last words come after that
    try:
        _follow(path, door, over)
    finally:
        os._exit(0)


def main() -> None:
    """The supervisor's process."""
    conf, log, run = (Path(word) for word in sys.argv[1:4])
    end = _follower(log / STEWARD_LOG, run / "supervisor.sock")
    from jobs.runtime import forks

    forks.supervise(conf)
    os.close(end)
    with contextlib.suppress(ChildProcessError):
        os.wait()  # the last words
    sys.exit(1 if (run / "failed").exists() else 0)


if __name__ == "__main__":
    main()
