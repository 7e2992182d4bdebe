"""What a confined process does: hold itself to its limits, and answer until its parent is gone.

It has no environment, no database and no open file of its parent; its memory, its processor time and what it may write
are limited by the system. What breaks it breaks nothing else: the parent starts another.
"""

from __future__ import annotations

import resource
import select
import sys
from collections.abc import Callable, Iterable
from typing import BinaryIO

from oms.confined.wire import HEAD, packed


def confine(memory_bytes: int) -> None:
    """Let the system hold this process to its memory; no files are written and few are open."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (allowed, allowed))
        except (ValueError, OSError):  # some systems know no limit of that kind; the parent's clock still holds
            continue


def grant(seconds: float) -> None:
    """Processor time for one more question; when it is used up the system ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def serve(answer: Callable[[list[bytes]], Iterable[bytes]], idle_seconds: float) -> None:
    """Answer questions until the parent is gone or nothing came for a while."""
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while select.select([source], [], [], idle_seconds)[0]:
        question = _read(source)
        if question is None:
            return
        out.write(packed(list(answer(question))))
        out.flush()


def _read(source: BinaryIO) -> list[bytes] | None:
    """The parts of one question; None when the other side is gone."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    parts: list[bytes] = []
    for _ in range(HEAD.unpack(head)[0]):
        length = source.read(HEAD.size)
        if len(length) < HEAD.size:
            return None
        (wanted,) = HEAD.unpack(length)
        parts.append(source.read(wanted))
        if len(parts[-1]) != wanted:
            return None
    return parts
