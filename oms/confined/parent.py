"""Ask a confined process. It is started when first asked, answers one question after another, and ends by itself when
nothing came for a while or its parent is gone. A question that kills it or keeps it too long is answered by an error;
the next one gets a fresh process.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from oms.confined.wire import HEAD, packed

MOST_ANSWER = 256 * 1024 * 1024
_CHUNK = 1 << 16


class Gone(Exception):
    """The process ended before it answered."""


class Slow(Gone):
    """The process took too long."""


class Confined:
    """One process for one thread, running a module of ours. Use as a context manager, or keep it: it ends with its
    owner. ``environment`` is all it sees of ours."""

    def __init__(self, module: str, *, environment: dict[str, str] | None = None) -> None:
        self.command = (sys.executable, "-I", "-m", module)
        self.environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The number of its process, if there is one."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process, if there is one."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def ask(self, parts: Sequence[bytes], patience: float, most: int = MOST_ANSWER) -> list[bytes]:
        """The parts of the answer. Raises Gone when there is none, Slow when it took longer than ``patience``."""
        fresh = self._start()
        try:
            return _Talk(self._process, packed(parts), time.monotonic() + patience, most).answer()
        except Gone as gone:
            self.close()
            if fresh or isinstance(gone, Slow):
                raise
        return self.ask(parts, patience, most)  # it may have ended for want of work, which is no fault of this question

    def _start(self) -> bool:
        """Have a process; True when it is a new one."""
        if self._process is not None and self._process.poll() is None:
            return False
        self.close()
        process = subprocess.Popen(  # noqa: S603  our own module, no input in the command
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=self.environment, cwd="/",
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        self._process, self._end = process, weakref.finalize(self, _kill, process, os.getpid())
        return True


class _Talk:
    """Writing and reading at once, against the clock, so that neither side waits for the other for ever."""

    def __init__(self, process: subprocess.Popen[bytes] | None, question: bytes, until: float, most: int) -> None:
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        self.writes, self.reads = process.stdin.fileno(), process.stdout.fileno()
        self.waiting, self.until, self.left, self.got = memoryview(question), until, most, bytearray()

    def answer(self) -> list[bytes]:
        return [self._take(self._number()) for _ in range(self._number())]

    def _number(self) -> int:
        (number,) = HEAD.unpack(self._take(HEAD.size))
        return int(number)

    def _take(self, length: int) -> bytes:
        self.left -= length
        if self.left < 0:
            raise Gone
        while len(self.got) < length:
            self._move()
        taken = bytes(self.got[:length])
        del self.got[:length]
        return taken

    def _move(self) -> None:
        """Wait until something can be written or read, and do it."""
        left = self.until - time.monotonic()
        with selectors.DefaultSelector() as ready:
            ready.register(self.reads, selectors.EVENT_READ)
            if self.waiting:
                ready.register(self.writes, selectors.EVENT_WRITE)
            events = ready.select(left) if left > 0 else []
        if not events:
            raise Slow
        try:
            for key, _ in events:
                if key.fd == self.writes:
                    self.waiting = self.waiting[os.write(self.writes, self.waiting[: 1 << 20]) :]
                else:
                    chunk = os.read(self.reads, _CHUNK)
                    if not chunk:
                        raise Gone
                    self.got += chunk
        except (BrokenPipeError, ConnectionError):
            raise Gone from None


def _kill(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a fork of the owner has no say over it
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
