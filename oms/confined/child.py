"""What a confined process does: hold itself to its limits, and answer until its parent is gone.

It has no environment, no database and no open file of its parent; its memory, its processor time and what it may write
are limited by the system. What breaks it breaks nothing else: the parent starts another.
"""

from __future__ import annotations

import os
import resource
import select
import sys
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from oms.confined.wire import HEAD, packed

# What a shut-in process does not do; the names are those of Python's audit events.
_DENIED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir",
    "os.rmdir", "os.symlink", "os.link", "os.putenv", "os.chmod", "os.chown", "os.truncate", "shutil.", "tempfile.",
    "ctypes.dlopen", "urllib.", "http.", "ftplib.", "smtplib.",
)  # fmt: skip


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


def shut_in() -> None:
    """From now on: no file but those Python itself is made of, read only, and no address, program or library."""
    roots = tuple(os.path.realpath(path) + os.sep for path in {sys.prefix, sys.base_prefix, *sys.path} if path)

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "builtins.id":  # a thousand times a paper
            return
        if event.startswith(_DENIED):
            raise PermissionError(f"a confined process does not: {event}")
        if event == "open" and not isinstance(args[0], int):
            path, mode = os.path.realpath(os.fsdecode(args[0])), str(args[1] or "r")
            if not path.startswith(roots) or set(mode) & set("wax+"):
                raise PermissionError(f"a confined process does not open: {path}")

    sys.addaudithook(watch)


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
