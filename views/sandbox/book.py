"""What every simulated system stands on: calls written down, a limit a minute or a second, faults on command; for slip
verifiers a book of transfers with a count of checks left."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox import commands

FAULTS = frozenset({
    "silence", "500", "429", "cut", "broken", "html", "list", "redirect", "huge", "drip", "gzip", "nan", "extra",
    "monthly", "was_sent",
    "none", "bank_down", "delay", "pending", "expire_tokens", "other_transfer", "receiver", "amount", "bad_signature",
})  # fmt: skip

_FAULT = {
    "kind": commands.one_of(FAULTS, needed=True), "times": commands.whole(), "after": commands.flag(),
    "seconds": commands.number(), "minutes": commands.whole(),
}  # fmt: skip
_TRANSFER = {
    **dict.fromkeys(("reference", "sending_bank", "receiving_bank"), commands.text(needed=True)),
    "amount": commands.amount(needed=True), "at": commands.moment(needed=True),
    **dict.fromkeys(
        ("sender", "sender_account", "receiver", "receiver_account", "account_type", "proxy_type", "proxy"),
        commands.text(),
    ),
}  # fmt: skip
JSON = "application/json"
HUGE = 9_000_000  # bytes: more than any client of ours takes


@dataclass(frozen=True)
class Entry:
    """A transfer as the banks know it. Numbers are masked by whoever shows them, as banks do."""

    reference: str
    sending_bank: str
    receiving_bank: str
    amount: Decimal
    at: datetime
    sender: str = "นาย สมชาย ใ"
    sender_account: str = "xxx-x-x9866-x"
    receiver: str = "บจก. รวม ทดสอบ"
    receiver_account: str = "xxx-x-x5366-x"
    account_type: str = "BANKAC"
    proxy_type: str | None = None
    proxy: str | None = None


@dataclass
class Fault:
    """Goes wrong once (``times``). ``after``: only after the work was done and counted."""

    kind: str
    times: int = 1
    after: bool = True
    seconds: float = 0.0
    minutes: int = 0


@dataclass
class Call:
    """A request that came in, without its secrets."""

    method: str
    path: str
    said: str = ""


class Refusal(Exception):
    """The simulator says no: status and body."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status, self.body, self.headers = status, body, dict(headers or {})


@dataclass
class Ledger:
    """What came in, and what is to go wrong."""

    calls: list[Call] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    per_minute: int | None = None
    per_second: float | None = None
    refused: int = 0  # for too many questions
    lock: threading.RLock = field(default_factory=threading.RLock)
    asked_at: deque[float] = field(default_factory=deque)

    def fail(self, kind: str, times: int = 1, **how: Any) -> None:
        """Let the next answers go wrong in this way."""
        if kind not in FAULTS:
            raise ValueError(kind)
        with self.lock:
            self.faults.append(Fault(kind, times, **how))

    def take(self) -> Fault | None:
        """The fault of this request."""
        with self.lock:
            if not self.faults:
                return None
            fault = self.faults[0]
            fault.times -= 1
            if fault.times <= 0:
                self.faults.popleft()
            return fault

    def too_many(self) -> bool:
        """Whether this minute has had its questions."""
        with self.lock:
            now = time.monotonic()
            while self.asked_at and self.asked_at[0] < now - 60:
                self.asked_at.popleft()
            self.asked_at.append(now)
            second = sum(at > now - 1 for at in self.asked_at) if self.per_second is not None else 0
            many = (self.per_minute is not None and len(self.asked_at) > self.per_minute) or (
                self.per_second is not None and second > self.per_second
            )
            self.refused += many
            return many

    def shown(self) -> dict[str, Any]:
        """What ``GET /_books`` tells."""
        with self.lock:
            return {"calls": [asdict(c) for c in self.calls]}


@dataclass
class Book(Ledger):
    """The state of one simulated slip verifier."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    remembered: set[tuple[str, str]] = field(default_factory=set)
    quota: int = 1000

    def add(self, entry: Entry) -> Entry:
        """Write a transfer down."""
        with self.lock:
            self.entries[entry.sending_bank, entry.reference] = entry
        return entry

    def spend(self) -> bool:
        """Count one check; False when none is left."""
        with self.lock:
            if self.quota <= 0:
                return False
            self.quota -= 1
            return True

    def seen(self, key: tuple[str, str]) -> bool:
        """Remember a slip; whether it was known before."""
        with self.lock:
            before = key in self.remembered
            self.remembered.add(key)
            return before

    def shown(self) -> dict[str, Any]:
        """What ``GET /_books`` tells."""
        with self.lock:
            return super().shown() | {
                "transfers": [asdict(e) for e in self.entries.values()],
                "remembered": sorted(self.remembered),
                "quota": self.quota,
            }


class Simulator:
    """A simulated system as a WSGI application. Subclasses answer ``handle(request, fault)``."""

    name: ClassVar[str] = ""
    root: ClassVar[str] = ""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:  # noqa: ARG002  theirs
        """The body of a good answer, or the answer when it is no JSON. Raises Refusal."""
        raise Refusal(404, {"message": request.path})

    def control(self, request: Request) -> dict[str, Any] | None:  # noqa: ARG002  subclasses read it
        """What a command of the play (``/_...``) answers; None: there is no such command. Raises Wrong."""
        return None

    def limited(self) -> Refusal:
        """How this provider says "too many"."""
        return Refusal(429, {"message": "too many requests"}, {"Retry-After": "7"})

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        response = self._control(request) if request.path.startswith("/_") else self._answer(request)
        return response(environ, start)

    def _control(self, request: Request) -> Response:
        if request.method == "GET" and request.path == "/_books":
            return _json(200, self.ledger.shown())
        try:
            if request.method == "POST" and request.path == "/_faults":
                self.ledger.fail(**commands.read(request, _FAULT))
                return _json(200, {})
            answer = self.control(request)
        except commands.Wrong as wrong:
            return _json(400, {"no": str(wrong)})
        return _json(404, {}) if answer is None else _json(200, answer)

    def _answer(self, request: Request) -> Response:
        call = Call(request.method, request.path)
        with self.ledger.lock:
            self.ledger.calls.append(call)
        fault = self.ledger.take()
        if fault is not None and not fault.after and (early := spoil(fault, {})) is not None:
            return early
        try:
            if self.ledger.too_many() or (fault is not None and fault.kind == "429"):
                raise self.limited()
            body = self.handle(request, fault)
        except Refusal as refusal:
            call.said = str(refusal.status)
            response = _json(refusal.status, refusal.body)
            response.headers.extend(refusal.headers)
            return response
        call.said = "200"
        if isinstance(body, Response):
            return (spoil(fault, body.get_data()) if fault is not None else None) or body
        return (spoil(fault, body) if fault is not None else None) or _json(200, body)


class Sandbox(Simulator):
    """A simulated slip verifier."""

    def __init__(self, book: Book | None = None) -> None:
        self.book = book or Book()
        super().__init__(self.book)

    def control(self, request: Request) -> dict[str, Any] | None:
        """``POST /_transfers`` writes a transfer down."""
        if request.method != "POST" or request.path != "/_transfers":
            return None
        facts = commands.read(request, _TRANSFER)
        given = {"amount": Decimal(str(facts["amount"])), "at": clock.aware(datetime.fromisoformat(facts["at"]))}
        self.book.add(Entry(**(facts | given)))
        return {}


def _json(status: int, body: Mapping[str, Any]) -> Response:
    text = json.dumps(body, ensure_ascii=False, default=plain)
    return Response(text, status=status, content_type="application/json; charset=utf-8")


def plain(value: Any) -> Any:
    """Decimals as numbers that keep their satang, moments as ISO."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _broken(text: bytes) -> Response:
    response = Response(text[: len(text) // 2], content_type=JSON)
    response.automatically_set_content_length = False
    response.headers["Content-Length"] = str(len(text))
    return response


SPOILT: Mapping[str, Callable[[bytes], Response]] = {
    "500": lambda _: Response("Internal Server Error", status=500, content_type="text/plain"),
    "cut": lambda text: Response(text[: len(text) // 2], content_type=JSON),
    "broken": _broken,
    "html": lambda text: Response(text, content_type="text/html"),
    "list": lambda text: Response(b"[" + text + b"]", content_type=JSON),
    "redirect": lambda _: Response("", status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"}),
    "huge": lambda _: Response(b'{"padding": "' + b"x" * HUGE + b'"}', content_type=JSON),
    "gzip": lambda text: Response(text, content_type=JSON, headers={"Content-Encoding": "gzip"}),
    "nan": lambda text: Response(text.replace(b'"amount": ', b'"amount": NaN, "was": '), content_type=JSON),
}


def spoil(fault: Fault, body: Mapping[str, Any] | bytes) -> Response | None:
    """The answer as it arrives when this goes wrong; None: as it is."""
    text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, default=plain).encode()
    if fault.kind == "silence":
        time.sleep(fault.seconds)
    if fault.kind == "drip":
        return Response(_drops(text, fault.seconds), content_type=JSON)
    if fault.kind == "extra" and not isinstance(body, bytes):
        return _json(200, _with_more(body))
    made = SPOILT.get(fault.kind)
    return made(text) if made else None


def _drops(text: bytes, seconds: float) -> Iterator[bytes]:
    for byte in text:
        time.sleep(seconds)
        yield bytes([byte])


def _with_more(value: Any) -> Any:
    """The same with fields nobody has heard of, everywhere."""
    if isinstance(value, dict):
        return {"aNewField": {"deep": [1, None]}} | {k: _with_more(v) for k, v in value.items()}
    return value


def strict(
    request: Request, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """The JSON body: exactly these fields of these types. Raises ValueError."""
    if request.mimetype != "application/json":
        raise ValueError("content-type")
    body = request.get_json(silent=True)
    allowed = dict(required) | dict(optional or {})
    if not isinstance(body, dict) or not set(required) <= set(body) <= set(allowed):
        raise ValueError("fields")
    wrong = [k for k, v in body.items() if type(v) is not allowed[k]]
    if wrong:
        raise ValueError(f"types of {wrong}")
    return body


def need(condition: object, what: str) -> None:
    """Raises ValueError when it does not hold."""
    if not condition:
        raise ValueError(what)


def bent(entry: Entry, fault: Fault | None) -> Entry:
    """The transfer as a lying or confused answer tells it."""
    if fault is not None and fault.kind == "other_transfer":
        return replace(entry, reference=entry.reference[::-1])
    return entry
