"""What every page for strangers with a link shares: its language, its headers, how names are masked, how guesses are
slowed down. No login, no cookie, nothing that a search engine keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, render_template, request, session
from flask_babel import force_locale, get_locale
from werkzeug.wrappers import Response

from views import web

LANGUAGES = ("th", "en")
RATE = "60 per minute"  # of one reader: enough for people, little for guessing 128 bits
MISSES = "20 per minute"  # links that lead nowhere, of one reader
View = Callable[..., Response]


def masked(name: str) -> str:
    """A name as the buyer recognizes it and nobody else reads it: the first letters of each part."""
    return " ".join(part[:2] + "***" for part in name.split()[:3])


def language() -> str:
    """The asked language, else the browser's, else Thai."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "th"


def public_page(template: str, status: int, title: Callable[[], str], **facts: Any) -> Response:
    """Render a page in its reader's language. It sets no cookie and tells no other site where its reader was."""
    get_locale()  # asked once, so that nobody asks later and marks the session as changed
    spoken = language()
    with force_locale(spoken):
        text = render_template(template, title=title(), spoken=spoken, **facts)
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Language"] = spoken
    response.headers["Vary"] = "Accept-Language"
    return private(response)


def private(response: Response) -> Response:
    """The headers of everything behind a link."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    session.modified = False  # a stranger gets no cookie
    return response


def _missed(response: Any) -> bool:
    return int(response.status_code) == 404


def open_to_all(
    app: Flask, address: str, endpoint: str, view: View, *, methods: tuple[str, ...] = ("GET",), per_link: str = ""
) -> None:
    """Give strangers an address, counted per reader and per link; guesses are counted more strictly."""
    limiter: Any = app.appbuilder.sm.limiter  # type: ignore[attr-defined]
    limited = limiter.limit(RATE)(limiter.limit(MISSES, deduct_when=_missed)(view))
    if per_link:
        limited = limiter.limit(per_link, key_func=_link)(limited)
    app.add_url_rule(address, endpoint, limited, methods=list(methods))
    web.public(app, endpoint)


def _link() -> str:
    return f"link:{(request.view_args or {}).get('token', '')[:64]}"
