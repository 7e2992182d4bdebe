"""Ask the decoding process: bytes of strangers in, safe pages out, in bounded time and memory (docs/adr/0070).

The process is started when first asked, answers file after file, and ends by itself when nothing came for a while or
its parent is gone. A file that kills it or keeps it too long is refused; the next one gets a fresh process.
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import struct
import subprocess
import sys
import time
import weakref
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from oms.banks.pictures import LIMITS, Limits, Page, Prepared, check_size, kind_of, refuse
from oms.banks.slip_code import SlipCode
from oms.payments.states import SlipKind

COMMAND = (sys.executable, "-I", "-m", "oms.banks.decoding")
MOST_ANSWER = 256 * 1024 * 1024
_CHUNK = 1 << 16


class _Gone(Exception):
    """The process ended."""


class _Slow(_Gone):
    """The process took too long."""


class Decoder:
    """One decoding process for one thread. Use as a context manager, or keep it: it ends with its owner."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def prepare(self, data: bytes) -> Prepared:
        """Safe pages of the file, with what their QR codes say. Raises PictureRefused."""
        check_size(len(data), self.limits)
        kind = kind_of(data)
        fresh = self._start()
        try:
            head, blobs = self._ask(data)
        except _Gone as gone:
            self.close()
            if fresh or isinstance(gone, _Slow):
                raise refuse("picture_too_heavy") from None
            return self.prepare(data)  # it may have ended for want of work, which is no fault of this file
        if "refused" in head:
            raise refuse(str(head["refused"]))
        return Prepared(kind, hashlib.sha256(data).hexdigest(), _pages(head, blobs))

    def _start(self) -> bool:
        """Have a process; True when it is a new one."""
        if self._process is not None and self._process.poll() is None:
            return False
        self.close()
        process = subprocess.Popen(  # noqa: S603  our own module, no input in the command
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        self._process, self._end = process, weakref.finalize(self, _kill, process)
        return True

    def _ask(self, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
        asked = json.dumps(asdict(self.limits)).encode()
        waiting = memoryview(b"".join((struct.pack(">Q", len(asked)), asked, struct.pack(">Q", len(data)), data)))
        talk = _Talk(self._process, waiting, time.monotonic() + self.limits.patience)
        head = json.loads(talk.message())
        blobs = [talk.message() for _ in range(2 * len(head.get("pages", ())))]
        return head, blobs


class _Talk:
    """Writing and reading at once, against the clock, so that neither side waits for the other for ever."""

    def __init__(self, process: subprocess.Popen[bytes] | None, waiting: memoryview, until: float) -> None:
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        self.writes, self.reads = process.stdin.fileno(), process.stdout.fileno()
        self.waiting, self.until, self.got = waiting, until, bytearray()

    def message(self) -> bytes:
        (length,) = struct.unpack(">Q", self._take(8))
        if length > MOST_ANSWER:
            raise _Gone
        return self._take(length)

    def _take(self, length: int) -> bytes:
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
            raise _Slow
        try:
            for key, _ in events:
                if key.fd == self.writes:
                    self.waiting = self.waiting[os.write(self.writes, self.waiting[: 1 << 20]) :]
                else:
                    chunk = os.read(self.reads, _CHUNK)
                    if not chunk:
                        raise _Gone
                    self.got += chunk
        except (BrokenPipeError, ConnectionError):
            raise _Gone from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _code(facts: dict[str, Any]) -> SlipCode:
    return SlipCode(
        SlipKind(facts["kind"]),
        str(facts["sending_bank"]),
        str(facts["reference"]),
        facts["crc_ok"],
        str(facts["payload"]),
    )


def _pages(head: dict[str, Any], blobs: list[bytes]) -> tuple[Page, ...]:
    return tuple(
        Page(
            picture=blobs[2 * n], thumb=blobs[2 * n + 1], width=int(facts["width"]), height=int(facts["height"]),
            look=str(facts["look"]), code=_code(facts["code"]),
            other_slips=tuple(_code(other) for other in facts["others"]),
        )
        for n, facts in enumerate(head["pages"])
    )  # fmt: skip


def prepare(data: bytes, limits: Limits = LIMITS) -> Prepared:
    """One file, in a process of its own. For many files keep a ``Decoder``."""
    with Decoder(limits) as decoder:
        return decoder.prepare(data)
