"""What every call passes: the key, its limit, its body read strictly, one transaction, the answer kept for repeats."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from flask import current_app, g, request, session
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests, Unauthorized
from werkzeug.wrappers import Response

from oms import audit
from oms.actor import system
from oms.db import Tx, transaction
from oms.errors import Forbidden
from oms.usecases.api_answers import Answered, begin_answer, keep_answer
from oms.usecases.api_keys import Caller, find_caller, note_use
from views.access import request_id
from views.api import limits
from views.api.problems import BadRequest
from views.api.schemas import flat

KEPT_SECONDS: Final = 5.0  # a revoked key still opens for so long in a process that has just used it
KEPT_AT_MOST: Final = 1000
MAX_BODY: Final = 512 * 1024
_REPEAT_KEY = re.compile(r"^[\x21-\x7e]{1,80}$")


@dataclass(frozen=True)
class Call:
    """One request, read: ids of the address, query and body by the endpoint's schemas."""

    ids: Mapping[str, int]
    query: Mapping[str, Any]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """One thing the API does. ``run`` answers (status, plain value) inside the request's transaction."""

    name: str
    method: str
    path: str
    action: str
    summary: str
    run: Callable[[Tx, Call], tuple[int, Any]]
    answer: Schema
    body: Schema | None = None
    query: Schema | None = None
    statuses: tuple[int, ...] = (200,)
    tag: str = ""


@dataclass
class KeyCache:
    """Keys seen in the last seconds, so that a call costs no statement for its key."""

    seconds: float = KEPT_SECONDS
    _seen: OrderedDict[str, tuple[float, Caller]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, token: str) -> Caller | None:
        """The key when it was looked up a moment ago."""
        mark = hashlib.sha256(token.encode()).hexdigest()
        with self._lock:
            until, caller = self._seen.get(mark, (0.0, None))
            return caller if until > time.monotonic() else None

    def put(self, token: str, caller: Caller) -> None:
        """Remember a key for a moment."""
        with self._lock:
            self._seen[hashlib.sha256(token.encode()).hexdigest()] = (time.monotonic() + self.seconds, caller)
            while len(self._seen) > KEPT_AT_MOST:
                self._seen.popitem(last=False)

    def clear(self) -> None:
        """Forget all: a key was revoked in this process."""
        with self._lock:
            self._seen.clear()


def cache() -> KeyCache:
    """The keys this process remembers."""
    kept: KeyCache = current_app.extensions.setdefault("oms.api_keys", KeyCache())
    return kept


def caller() -> Caller:
    """The key of this request. Raises Unauthorized."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not 20 <= len(token) <= 100 or not token.isascii():
        raise Unauthorized("Send a key: Authorization: Bearer ruam_...")
    return cache().get(token) or _looked_up(token)


def _looked_up(token: str) -> Caller:
    """A key that this process has not seen in the last seconds. Guesses are counted by address."""
    guesses, ip = f"wrong:{request.remote_addr}", request.remote_addr or ""
    if limits.count(guesses, limits.WRONG_KEYS, add=0).used >= limits.WRONG_KEYS:
        raise TooManyRequests
    with transaction(system("api", source="api")) as tx:
        known = find_caller(tx, token)
        if known is not None:
            note_use(tx, known, ip)
    if known is None:
        g.api_count = limits.count(guesses, limits.WRONG_KEYS)
        raise Unauthorized("This key is unknown or revoked")
    cache().put(token, known)
    return known


def read_body() -> Any:
    """The body as JSON, read strictly. Raises BadRequest."""
    if request.content_length is not None and request.content_length > MAX_BODY:
        raise RequestEntityTooLarge(f"A body may have {MAX_BODY // 1024} kB")
    if request.mimetype != "application/json":
        raise BadRequest("json_needed", "Send JSON: Content-Type: application/json")
    raw = request.stream.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise RequestEntityTooLarge(f"A body may have {MAX_BODY // 1024} kB")
    try:
        found = json.loads(raw.decode(), parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as exc:
        raise BadRequest("json", f"This is not JSON: {str(exc)[:200]}") from exc
    if not isinstance(found, dict):
        raise BadRequest("json", "Send a JSON object")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def loaded(schema: Schema | None, given: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """What was given by its schema. Raises BadRequest naming every field that is wrong or unknown."""
    if schema is None:
        if given:
            errors = [{"field": name, "code": "unknown_field", "detail": "Unknown field."} for name in sorted(given)]
            raise BadRequest("invalid_request", f"The {what} has a field that is not known", errors)
        return {}
    try:
        found: Mapping[str, Any] = schema.load(given)
    except ValidationError as exc:
        errors = flat(exc.messages)
        unknown = next((e["field"] for e in errors if e["code"] == "unknown_field"), None)
        first = f"unknown field “{unknown}”" if unknown else f"{errors[0]['field']}: {errors[0]['detail']}"
        raise BadRequest("invalid_request", f"The {what} cannot be used: {first}", errors) from exc
    return found


def repeat_key() -> str:
    """The Idempotency-Key. Raises BadRequest when there is none."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if not _REPEAT_KEY.match(given):
        raise BadRequest(
            "idempotency_key_missing",
            "Every POST needs an Idempotency-Key of 1 to 80 visible ASCII characters: the same for the same try",
        )
    return given


def serve(endpoint: Endpoint, known: Caller, ids: Mapping[str, int]) -> Response:
    """One call from the read request to the answer."""
    query = loaded(endpoint.query, _query(), "query")
    actor = known.actor(request_id(), request.remote_addr or "")
    if endpoint.method == "GET":
        with transaction(actor) as tx:
            tx.actor.require(endpoint.action)
            status, value = endpoint.run(tx, Call(ids, query, {}))
            text = _text(endpoint, value)
        return _answer(status, text)
    key = repeat_key()
    given = read_body()
    body = loaded(endpoint.body, given, "body")
    with transaction(actor) as tx:
        tx.actor.require(endpoint.action)
        begun = begin_answer(tx, known.id, key, _mark(given))
        if isinstance(begun, Answered):
            answer = _answer(begun.status, begun.body)
            answer.headers["Idempotency-Replayed"] = "true"
            return answer
        status, value = endpoint.run(tx, Call(ids, query, body))
        text = _text(endpoint, value)
        keep_answer(tx, begun, status, text)
    current_app.extensions["oms.wake"]()
    return _answer(status, text)


def _query() -> dict[str, str]:
    """The query; a name that stands twice is refused like a field that does."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise BadRequest(
            "invalid_request", "A name stands twice in the query",
            [{"field": twice[0], "code": "invalid", "detail": "Give it once"}],
        )  # fmt: skip
    return request.args.to_dict()


def _mark(given: Any) -> str:
    """What makes a request the same: where it goes and what it says, however its JSON was spaced."""
    text = json.dumps([request.path, given], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _text(endpoint: Endpoint, value: Any) -> str:
    return json.dumps(endpoint.answer.dump(value), ensure_ascii=False, separators=(",", ":"))


def _answer(status: int, text: str) -> Response:
    answer = Response(text, status, content_type="application/json; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def view_of(endpoint: Endpoint) -> Callable[..., Response]:
    """The endpoint as Flask calls it."""

    def called(**ids: int) -> Response:
        session.modified = False  # a program gets no cookie
        known = caller()
        g.api_count = used = limits.count(str(known.id), known.per_minute)
        if used.is_over:
            raise TooManyRequests
        try:
            return serve(endpoint, known, ids)
        except Forbidden as refusal:
            _note_refusal(known, str(refusal.facts.get("action", refusal.detail_code)))
            raise

    called.__name__ = called.__qualname__ = f"api_{endpoint.name}"  # the guard against forged forms knows it by name
    return called


def _note_refusal(known: Caller, action: str) -> None:
    """Write down that a key tried what it may not do."""
    with transaction(known.actor(request_id(), request.remote_addr or "")) as tx:
        after = {"action": action, "path": request.path, "method": request.method}
        audit.record(tx, "permission.refused", "api_key", known.id, request.path[:200], after=after)


def tell_count(answer: Response) -> Response:
    """How much of its minute a key has left, on good answers and refusals alike."""
    used: limits.Count | None = g.pop("api_count", None)
    return answer if used is None else used.tell(answer)
