"""Kept connections: used again, given up when the other side left, and every way of failing told apart."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from oms.net.silence import Silence
from oms.net.transport import Patience, Transport, _target

GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
QUICK = Patience(connect=1, read=1, whole=2)


@contextmanager
def server(*answers: bytes, hang_up: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """Answers each request with the next bytes; ``hang_up`` closes after each. Yields its address and what it heard,
    with b"" for each connection that was opened."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(5)

    def play() -> None:
        left = list(answers)
        while left:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            heard.append(b"")
            with line:
                while left:
                    asked = _request(line)
                    if not asked:
                        break
                    heard.append(asked)
                    line.sendall(left.pop(0))
                    if hang_up:
                        break

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard
    finally:
        listening.close()
        thread.join(5)


def _request(line: socket.socket) -> bytes:
    """One request with the body it promises; b"" when the other side left."""
    found = b""
    while more := line.recv(65536):
        found += more
        head, end, body = found.partition(b"\r\n\r\n")
        promised = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= (int(promised.group(1)) if promised else 0):
            return found
    return b""


def test_one_connection_serves_many_questions():
    with server(GOOD, GOOD, GOOD) as (url, heard):
        transport = Transport(url, patience=QUICK)
        assert [transport.send("GET", "/a").body for _ in range(3)] == [{"ok": True}] * 3
        transport.close()
    assert heard.count(b"") == 1


def test_a_connection_the_other_side_left_is_not_asked_again():
    with server(GOOD, GOOD, hang_up=True) as (url, heard):
        transport = Transport(url, patience=QUICK)
        for _ in range(2):
            assert transport.send("GET", "/a").status == 200
            threading.Event().wait(0.05)  # its farewell arrives
        transport.close()
    assert heard.count(b"") == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (GOOD[:-3], "broken"), (b"", "broken"), (b"nonsense\r\n\r\n", "broken"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "broken"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "redirect"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab", "unreadable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"x" * 99, "too_long"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_silence_that_was_reached(answer, why):
    with server(answer, hang_up=True) as (url, _):
        transport = Transport(url, patience=QUICK, max_bytes=50)
        with pytest.raises(Silence) as silence:
            transport.send("POST", "/a", body={"a": 1})
    assert (silence.value.why, silence.value.reached) == (why, True)


def test_nobody_there_was_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Silence) as silence:
        Transport(f"http://127.0.0.1:{port}", patience=QUICK).send("GET", "/")
    assert (silence.value.why, silence.value.reached) == ("no_connection", False)


def test_a_header_that_would_be_two_is_not_sent():
    with server() as (url, heard), pytest.raises(Silence):
        Transport(url, patience=QUICK).send("GET", "/", headers={"x-key": "a\r\nx-other: b"})
    assert not any(heard)


def test_no_more_connections_than_agreed():
    with server(GOOD) as (url, _):
        transport = Transport(url, patience=Patience(1, 0.2, 1), connections=1)
        transport._pool._room.acquire()
        with pytest.raises(Silence) as silence:
            transport.send("GET", "/a")
        assert not silence.value.reached
        transport._pool._room.release()
        assert transport.send("GET", "/a").status == 200
        transport.close()


def test_the_body_is_sent_as_json_form_or_as_signed():
    with server(GOOD, GOOD, GOOD) as (url, heard):
        transport = Transport(url, patience=QUICK)
        transport.send("POST", "/j", body={"ชื่อ": 1}, basic=("u", "p"))
        transport.send("POST", "/f", form={"a": "ก ข"})
        transport.send("POST", "/r", raw='{"a": 1}', headers={"Content-Type": "text/x"})
        transport.close()
    said = b"".join(heard)
    assert '{"ชื่อ":1}'.encode() in said
    assert b"authorization: Basic dTpw" in said
    assert b"a=%E0%B8%81+%E0%B8%82" in said
    assert b'{"a": 1}' in said
    assert b"content-type: text/x" in said


@pytest.mark.parametrize(
    ("path", "params", "target"),
    [
        ("", None, "/base"), ("/a b/ก", None, "/base/a%20b/%E0%B8%81"), ("/a%2Fb?x=%20y&z=1", None, "/base/a%2Fb?x=%20y&z=1"),
        ("/a", {"t": ["1", "2"], "q": "ก ข"}, "/base/a?t=1&t=2&q=%E0%B8%81+%E0%B8%82"), ("/a", {}, "/base/a"),
    ],
)  # fmt: skip
def test_what_is_escaped_stays_as_it_is(path, params, target):
    assert _target("https://h.example/base", path, params) == target
