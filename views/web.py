"""What every request passes: its id, the login wall, the headers that keep a browser safe."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g, request, session, url_for
from sqlalchemy import select
from werkzeug.routing import IntegerConverter
from werkzeug.wrappers import Response

from oms.audit import AuditLog
from oms.db import db
from views import auth
from views.access import current_staff, may
from views.errors import _json, to_login, wants_json
from views.listing import address

PUBLIC = {
    "LoginView",
    "static",
    "language",
    "theme",
    "healthz",
    "readyz",
    "metrics",
    "favicon",
}
HIDDEN = re.compile(r"^(LocaleView|UtilView|appbuilder)\.")  # the library's own routes that we do not serve
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
DEMO_SECONDS = 60
STATIC = Path(__file__).parent / "static"


class Id(IntegerConverter):
    """A number in an address; one too large for any row is an address that leads nowhere."""

    def __init__(self, map: Any, **bounds: Any) -> None:  # noqa: A002  the library calls it so
        super().__init__(map, **{"max": 2**63 - 1, **bounds})


def public(app: Flask, *endpoints: str) -> None:
    """Name endpoints that need no login (they guard themselves)."""
    app.extensions.setdefault("oms.public", set(PUBLIC)).update(endpoints)


REQUEST_FACTS = ("user", "_login_user", "csrf_token", "csrf_valid", "oms_actor", "oms_counts")


def _start() -> None:
    """An id for the request, and nothing known yet of who asks (contexts of commands and tests may be nested)."""
    for fact in REQUEST_FACTS:
        g.pop(fact, None)
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _ID.match(given) else secrets.token_hex(8)


def _wall() -> Any:
    """Nobody passes without a login, but to what is public by name."""
    endpoint = request.endpoint or ""
    if HIDDEN.match(endpoint):
        return current_app.handle_http_exception(_not_found())
    open_to_all = current_app.extensions.get("oms.public", PUBLIC)
    if not endpoint or endpoint in open_to_all or endpoint.split(".")[0] in open_to_all:
        return None
    if current_staff() is None:
        if wants_json():
            return _json(401, "login_required", "Log in first")
        return to_login()
    auth.touch()
    return None


def _not_found() -> Any:
    from werkzeug.exceptions import NotFound

    return NotFound()


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id", "")
    headers.setdefault("Content-Security-Policy", CSP)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers.setdefault("Referrer-Policy", "same-origin")
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "geolocation=(), microphone=(), camera=(self), payment=(), usb=()"
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint == "static":
        keep = "max-age=31536000, immutable" if "v" in request.args else "max-age=300"
        headers["Cache-Control"] = f"public, {keep}"
    elif response.mimetype == "text/html":
        headers["Cache-Control"] = "no-store"
    return response


@lru_cache(maxsize=256)
def _mark(name: str, changed_at: float) -> str:  # noqa: ARG001  a changed file has a new key
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a file of ours, with a mark of its content so that browsers may keep it for good. Worked out once
    a page: every icon asks."""
    kept: dict[str, str] = g.setdefault("oms_assets", {})
    if name not in kept:
        kept[name] = url_for("static", filename=name, v=_mark(name, (STATIC / name).stat().st_mtime))
    return kept[name]


def install(app: Flask) -> None:
    """Register the hooks; ids first, the wall after the login is known."""
    app.extensions.setdefault("oms.public", set(PUBLIC))
    app.before_request_funcs.setdefault(None, []).insert(0, _start)
    app.before_request(_wall)
    app.after_request(_finish)
    app.jinja_env.globals.update(
        asset=asset, theme=_theme, here=_here, is_demo=is_demo, list_address=address, export_url=_export_url,
    )  # fmt: skip


def _theme() -> str:
    return str(session.get("theme", "auto"))


def _here() -> str:
    """The present page as a path, for links that come back to it."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def _export_url(view: Any) -> str | None:
    """The exporter's address for a list as it is filtered, for those who may export."""
    if not view.export_list or "ExportView.download" not in current_app.view_functions or not may("export.run"):
        return None
    return url_for("ExportView.download", name=view.export_list, **request.args.to_dict(flat=False))


def is_demo() -> bool:
    """Whether this installation holds the demo shop; asked of the audit log, once a minute until it does."""
    found, asked = current_app.extensions.get("oms.demo", (False, None))
    if not found and (asked is None or time.monotonic() - asked > DEMO_SECONDS):
        found = db.session.scalar(select(AuditLog.id).where(AuditLog.action == "demo.started").limit(1)) is not None
        current_app.extensions["oms.demo"] = (found, time.monotonic())
    return bool(found)
