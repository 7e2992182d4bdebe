"""Our own programs as forks of the supervisor, which has loaded the code once for all of them.

Eight programs that each load the same code take eight times its memory and its start. The supervisor therefore loads it
when the first of them is to start (the engines are up by then), moves everything out of the garbage collector's sight,
and forks: what nobody writes to is there once. Loading opens nothing and starts nothing (a test says so), so a fork
shares no connection, no file and no thread. Where loading fails, each program is started by its command line and says
itself what is wrong.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from supervisor import supervisord
from supervisor.options import ProcessConfig, ServerOptions
from supervisor.process import Subprocess
from supervisor.states import SupervisorStates

from jobs.runtime.supervise import OURS

_HEARD = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)


class Options(ServerOptions):  # type: ignore[misc]  # the library ships no types
    """The library's settings; programs of ours are forks."""

    loaded: Callable[[], object] | None = None
    tried = False

    def load(self) -> None:
        """Load the whole program, once. A failure is left to whoever is started."""
        if self.tried:
            return
        self.tried = True
        try:
            program = importlib.import_module("app")
            program.load()
        except Exception:  # noqa: BLE001  the supervisor lives on, whatever is wrong with what it watches
            why = traceback.format_exc()
        else:
            why = "a module started a thread when it was imported" if threading.active_count() > 1 else ""
        if why:
            self.logger.critical("not loaded ahead: " + why)  # noqa: G003  the library has a logger of its own
            return
        gc.collect()
        gc.freeze()
        self.loaded = program.main

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """In the child: be the program."""
        if self.loaded is not None and is_ours(argv):
            _be(self.loaded, argv, env)
        super().execve(filename, argv, env)

    def _processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> list[Any]:
        kind = _Config if klass in {None, ProcessConfig} else klass
        found: list[Any] = super()._processes_from_section(parser, section, group_name, kind)
        return found


class _Config(ProcessConfig):  # type: ignore[misc]  # the library ships no types
    def make_process(self, group: Any = None) -> Subprocess:
        process = _Process(self)
        process.group = group
        return process


class _Process(Subprocess):  # type: ignore[misc]  # the library ships no types
    def spawn(self) -> int | None:
        _, argv = self.get_execv_args()
        if is_ours(argv):
            self.config.options.load()
        pid: int | None = super().spawn()
        return pid


def is_ours(argv: Sequence[str]) -> bool:
    """Whether a command line is one of our programs."""
    return tuple(argv[1:3]) == OURS


def _be(program: Callable[[], object], argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Run the program in this fork as if it had just been started, and end without a word to the supervisor's own
    cleaning up: its sockets and files are not ours."""
    for number in _HEARD:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["oms", *argv[3:]]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  open as long as the process
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    with suppress(OSError):  # what ``ps`` and ``top`` show; Linux alone has it
        Path("/proc/self/comm").write_text(env.get("SUPERVISOR_PROCESS_NAME", "oms"))
    code: object = 1
    try:
        program()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  the fork ends here, whatever happened in it
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def supervise(configuration: Path) -> None:
    """Be the supervisor until told to stop; a HUP reads the configuration anew."""
    first = True
    while True:
        options = Options()
        options.realize(["-n", "-c", str(configuration)])
        options.first, options.test = first, False
        supervisord.go(options)
        options.close_httpservers()
        options.close_logger()
        first = False
        if options.mood < SupervisorStates.RESTARTING:
            return
