"""Every refusal of the API as problem JSON (RFC 9457): one shape, one writer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import request
from flask_babel import force_locale
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from oms.errors import OmsError, Problem
from views.access import request_id
from views.filters import tr

ROOT: Final = "/api/v1"
KIND: Final = "application/problem+json"
CODES: Final = {
    400: "bad_request", 401: "key_needed", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "too_large", 415: "json_needed", 429: "too_many_requests", 500: "internal",
}  # fmt: skip


class BadRequest(HTTPException):
    """A request that cannot be read; ``errors`` names each field."""

    code = 400

    def __init__(self, name: str, detail: str, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(detail)
        self.problem_code, self.errors = name, list(errors)


def is_ours() -> bool:
    """Whether the API was asked."""
    return request.path == ROOT or request.path.startswith(ROOT + "/")


def problem(status: int, code: str, detail: str, errors: Sequence[dict[str, str]] = (), **more: Any) -> Response:
    """The answer itself."""
    body: dict[str, Any] = {
        "type": f"{ROOT}/problems#{code}", "title": HTTPStatus(status).phrase, "status": status, "code": code,
        "detail": detail, "request_id": request_id(), **more,
    }  # fmt: skip
    if errors:
        body["errors"] = list(errors)
    answer = Response(json.dumps(body, ensure_ascii=False), status, content_type=KIND)
    answer.headers["Cache-Control"] = "no-store"
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def of_refusal(error: OmsError) -> Response:
    """A refusal of the business, in the language that was asked for; English when none was."""
    spoken = request.accept_languages.best_match(("en", "th")) or "en"
    with force_locale(spoken):
        errors = [_field(p) for p in error.problems()]
    answer = problem(
        error.http_status, error.detail_code, errors[0]["detail"], errors if any("field" in e for e in errors) else (),
        retryable=error.retryable,
    )  # fmt: skip
    answer.headers["Content-Language"] = spoken
    if error.retryable:
        answer.headers["Retry-After"] = "1"
    return answer


def _field(found: Problem) -> dict[str, str]:
    said = {"code": found.code, "detail": tr(found.message)}
    return said | {"field": found.field} if found.field else said


def of_http(error: HTTPException) -> Response:
    """What the web framework, the limiter or our own reading of the request refuses."""
    status = error.code or 500
    if isinstance(error, BadRequest):
        return problem(status, error.problem_code, str(error.description), error.errors)
    answer = problem(status, CODES.get(status, f"http_{status}"), _text(error, status))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer


def _text(error: HTTPException, status: int) -> str:
    if status == 429:
        return "Too many requests in this minute; wait as long as Retry-After says"
    return str(error.description or HTTPStatus(status).phrase)
