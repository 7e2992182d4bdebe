"""Everything that goes wrong, shown once: a message on the page it belongs to, a page with a way out, or JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from oms.errors import OmsError, Problem
from views.access import current_staff, request_id
from views.api import problems
from views.base import note_refusal, safe_path
from views.filters import tr


def wants_json() -> bool:
    """Whether a program asked, not a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return request.path.startswith("/api/") or request.is_json or best == "application/json"


def came_from() -> str | None:
    """The path of the page that sent this request, when it is one of ours."""
    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host:
        return None
    return safe_path(parts.path + (f"?{parts.query}" if parts.query else ""))


def _json(status: int, code: str, message: str, problems: list[Problem] | None = None) -> tuple[Response, int]:
    details = [{"code": p.code, "message": tr(p.message), "field": p.field} for p in problems or []]
    field = details[0]["field"] if details else None
    return jsonify(error={"code": code, "message": message, "field": field, "details": details}), status


def error_page(status: int, title: str, text: str) -> tuple[str, int]:
    """A page that says what happened and offers a way out."""
    back = came_from() if request.method == "POST" else None
    facts = {"status": status, "title": title, "text": text, "back": back, "reference": request_id()}
    return render_template("error.html", appbuilder=current_app.appbuilder, **facts), status


def on_oms_error(error: OmsError) -> Any:
    """A refusal of the business: JSON for programs; for a person's post, a message where they came from."""
    if problems.is_ours():
        return problems.of_refusal(error)
    sentences = [tr(p.message) for p in error.problems()]
    if wants_json():
        return _json(error.http_status, error.detail_code, sentences[0], error.problems())
    back = came_from()
    if request.method == "POST" and back and back != request.full_path.rstrip("?"):
        for sentence in sentences:
            flash(sentence, "danger")
        return redirect(back, 303)
    return error_page(error.http_status, _title(error.http_status), " ".join(sentences))


def _title(status: int) -> str:
    titles = {
        400: gettext("This request cannot be read"),
        403: gettext("This is not open to your role"),
        404: gettext("There is nothing here"),
        405: gettext("This address does not take that"),
        409: gettext("This is not possible right now"),
        413: gettext("That is too large"),
        422: gettext("Something needs correcting"),
        429: gettext("Too many tries in a short time"),
        502: gettext("An outside system did not answer"),
        503: gettext("The system is starting or under repair"),
    }
    return titles.get(status, gettext("Something went wrong on our side"))


def _text(status: int) -> str:
    texts = {
        403: gettext("Ask the owner of the shop to give your role the permission. The attempt was noted."),
        404: gettext("The address is wrong, or the record is not for you to see. Use the search or the menu."),
        413: gettext("Files may have up to %(size)s MB. Split the file and send it in parts.", size=_limit_mb()),
        429: gettext("Wait a minute, then try again."),
    }
    calm = gettext("Nothing was lost. Try again; if it comes back, tell the owner the reference below.")
    return texts.get(status, calm)


def _limit_mb() -> int:
    return int(current_app.config["MAX_CONTENT_LENGTH"]) // (1024 * 1024)


def on_http_error(error: HTTPException) -> Any:
    """What the web framework refuses."""
    status = error.code or 500
    if status < 400:
        return error
    if problems.is_ours():
        return problems.of_http(error)
    if status == 403 and current_staff() is not None:
        note_refusal(request.endpoint or request.path)
    answer: Any
    if wants_json():
        answer = _json(status, error.name.lower().replace(" ", "_"), _title(status))
    else:
        answer = error_page(status, _title(status), _text(status))
    if status == 429:
        made = current_app.make_response(answer)
        made.headers["Retry-After"] = "60"
        return made
    return answer


def on_csrf_error(error: CSRFError) -> Any:
    """A form without its token: usually the session ended while the form was open."""
    if wants_json():
        return _json(400, "form_expired", gettext("This form has expired"))
    if current_staff() is None:
        return to_login()
    title = gettext("This form has expired")
    text = gettext(
        "It was open too long, or in another login. Nothing was saved. Go back, load the page anew and send it again."
    )
    current_app.logger.info("form refused: %s", error.description)
    return error_page(400, title, text)


def to_login() -> Response:
    """Send a person to the login and afterwards back to where they were."""
    if request.method == "POST":
        target = came_from() or "/"
        target += ("&" if "?" in target else "?") + "resume=1"
        flash(gettext("Your session has ended. Log in again; what you typed is kept on this device."), "warning")
    else:
        target = request.full_path.rstrip("?")
        if target != "/":
            flash(gettext("Log in to go on"), "info")
    return redirect(url_for("LoginView.login", next=target), 303)


def on_crash(error: Exception) -> Any:
    """A bug of ours: it is logged with its trace, and the person gets a reference to name."""
    current_app.logger.error("unhandled error", exc_info=error)
    if problems.is_ours():
        return problems.problem(500, "internal", "Something went wrong on our side; name the request_id to the shop")
    if wants_json():
        return _json(500, "internal", _title(500))
    return error_page(500, _title(500), _text(500))


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(OmsError, on_oms_error)
    app.register_error_handler(CSRFError, on_csrf_error)
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(500, on_crash)
