"""Kept connections to one host, on the standard library's client: a question costs half of what a full client takes.

Every way of failing has an exception of its own, so that ``transport`` can tell "never arrived" from "nobody knows".
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse
from threading import BoundedSemaphore, Lock
from urllib.parse import urlsplit

KEPT_FOR = 30.0  # seconds a connection may lie idle; many servers close theirs soon after
CHUNK = 64 * 1024


class NotReached(Exception):
    """No connection: the question was not sent."""


class TooLate(Exception):
    """No answer in time."""


class Broken(Exception):
    """The connection broke, or what came is no HTTP."""


class NotTaken(Exception):
    """An answer that is not taken; ``why`` is a code of ``silence``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Answer:
    """What came back, read whole."""

    status: int
    headers: HTTPMessage
    data: bytes


class _Line(HTTPConnection):
    """One connection. ``pinned``: the address to call instead of asking for the host's."""

    def __init__(
        self, host: str, port: int, pinned: str, tls: ssl.SSLContext | None, patience: tuple[float, float]
    ) -> None:
        super().__init__(host, port)
        self._pinned, self._tls = pinned, tls
        self._connect, self._read = patience
        self.idle_since = 0.0
        if tls is not None:
            self.default_port = 443  # so that the host is named as it is written

    def connect(self) -> None:
        """Open it; the server of an https address proves that it is the host."""
        sock = socket.create_connection((self._pinned or self.host, self.port), self._connect)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._tls.wrap_socket(sock, server_hostname=self.host) if self._tls else sock
        except BaseException:
            sock.close()
            raise
        self.sock.settimeout(self._read)

    def is_fresh(self) -> bool:
        """Whether it may be used once more: lately used, and nothing came on it meanwhile (a farewell)."""
        return time.monotonic() - self.idle_since < KEPT_FOR and not _readable(self.sock)


def _readable(sock: socket.socket) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class Pool:
    """Connections to one host, ``most`` at once, of which ``kept`` stay open. Safe to share among threads."""

    def __init__(
        self, base_url: str, tls: ssl.SSLContext | None, patience: tuple[float, float], most: int, kept: int,
        pinned: str = "",
    ) -> None:  # fmt: skip
        parts = urlsplit(base_url)
        self._tls = tls if parts.scheme == "https" else None
        self._host, self._pinned = parts.hostname or "", pinned
        self._port = parts.port or (443 if self._tls else 80)
        self._patience, self._kept = patience, kept
        self._room, self._lock = BoundedSemaphore(most), Lock()
        self._idle: deque[_Line] = deque()

    def close(self) -> None:
        """Let go of kept connections."""
        with self._lock:
            lines = list(self._idle)
            self._idle.clear()
        for line in lines:
            line.close()

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, ends: float, most: int
    ) -> Answer:
        """One request and the whole answer. Raises NotReached, TooLate, Broken or NotTaken."""
        if not self._room.acquire(timeout=self._patience[1]):
            raise NotReached
        try:
            line = self._open()
            try:
                answer, again = _exchange(line, method, target, headers, body, ends, most)
            except BaseException:
                line.close()
                raise
            self._keep(line, again=again)
            return answer
        finally:
            self._room.release()

    def _open(self) -> _Line:
        while (line := self._newest()) is not None:
            if line.is_fresh():
                return line
            line.close()
        line = _Line(self._host, self._port, self._pinned, self._tls, self._patience)
        try:
            line.connect()
        except (OSError, UnicodeError) as exc:
            line.close()
            raise NotReached from exc
        return line

    def _newest(self) -> _Line | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, line: _Line, *, again: bool) -> None:
        line.idle_since = time.monotonic()
        with self._lock:
            if again and len(self._idle) < self._kept:
                self._idle.append(line)
                return
        line.close()


def _exchange(
    line: _Line, method: str, target: str, headers: Mapping[str, str], body: bytes | None, ends: float, most: int
) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used once more."""
    try:
        line.request(method, target, body, dict(headers))
        response = line.getresponse()
        with response:
            data = _read(response, ends, most)
            whole = not response.length  # None: chunks, or until the end; else what was promised and did not come
        if not whole:
            raise Broken
        return Answer(response.status, response.headers, data), not response.will_close
    except TimeoutError as exc:
        raise TooLate from exc
    except (OSError, HTTPException, ValueError) as exc:  # the last: a header that cannot be written
        raise Broken from exc


def _read(response: HTTPResponse, ends: float, most: int) -> bytes:
    if 300 <= response.status <= 399:
        raise NotTaken("redirect")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NotTaken("unreadable")  # packed, which was not asked for: it could unpack to anything
    found = bytearray()
    while chunk := response.read1(CHUNK):
        found += chunk
        if len(found) > most:
            raise NotTaken("too_long")
        if time.monotonic() > ends:
            raise TooLate
    return bytes(found)
