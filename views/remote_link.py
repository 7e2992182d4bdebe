"""Where remote sites call: they fetch what is for them and bring what they did. No session, no cookie: a token finds
the site, a signature makes sure of every package (docs/remote-link.md)."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, Unauthorized
from werkzeug.wrappers import Response

from oms.actor import system
from oms.db import transaction
from oms.errors import Conflict, InvalidInput, OmsError, say
from oms.remote.packages import LARGEST, unbundle
from oms.remote.queries import lock_site, site_by_token
from oms.usecases.remote_in import site_actor, take_in
from oms.usecases.remote_out import hand_out
from oms.usecases.remote_sites import note_trouble, secret_of
from views import web
from views.account_fields import sealer
from views.filters import tr

RATE = "600 per minute"  # of one site; it calls every few seconds
BODY_AT_MOST = 4 * LARGEST
LINE_KIND = "application/x-ndjson"


def _site(code: str) -> tuple[int, str, Any]:
    """The site that calls: its id, its signing secret, and itself as whoever acts. Raises 401."""
    given = request.headers.get("Authorization", "")
    token = given.removeprefix("Bearer ").strip()
    with transaction(system("remote link", source="api")) as tx:
        site = site_by_token(tx.session, code[:40], token) if token and given.startswith("Bearer ") else None
        if site is None:
            raise Unauthorized
        return site.id, secret_of(site, sealer()), site_actor(site)


def fetch(code: str) -> Response:
    """Packages after the last one the site has, one a line; none: nothing is new."""
    site_id, secret, actor = _site(code)
    after = request.args.get("after", "")
    if not after.isascii() or not after.isdigit() or len(after) > 15:
        raise InvalidInput(say("“after” is the number of the last package you have"), field="after", code="after")
    with transaction(actor) as tx:
        packages = hand_out(tx, site_id, secret, int(after))
    return Response(b"".join(p + b"\n" for p in packages), content_type=LINE_KIND)


def bring(code: str) -> Response:
    """Packages of the site, one a line; each is taken by itself. ``have`` says from where to go on."""
    site_id, secret, actor = _site(code)
    body = request.stream.read(BODY_AT_MOST + 1)
    if len(body) > BODY_AT_MOST:
        raise RequestEntityTooLarge
    results: list[dict[str, Any]] = []
    have: int | None = None
    missing = None
    for data in unbundle(body):
        try:
            with transaction(actor) as tx:
                taken = take_in(tx, site_id, secret, data)
        except Conflict:
            raise  # somebody else was faster; the site brings it again
        except OmsError as refusal:
            with transaction(actor) as tx:
                note_trouble(tx, site_id, refusal)
            results.append({"outcome": "refused", "code": refusal.detail_code, "message": tr(refusal.message)})
            continue
        have, missing = taken.have, taken.missing
        results.append({"outcome": taken.outcome, "seq": taken.seq, "parked": taken.parked})
    if have is None:
        with transaction(actor) as tx:
            have = lock_site(tx, site_id).in_seq
    return jsonify({"have": have, "missing": list(missing) if missing else None, "packages": results})


def install(app: Flask) -> None:
    """The addresses, without a session and its token against forged forms."""
    limiter: Any = app.appbuilder.sm.limiter  # type: ignore[attr-defined]
    for name, function, method in (("remote_fetch", fetch, "GET"), ("remote_bring", bring, "POST")):
        limited = limiter.limit(RATE, key_func=lambda: f"remote:{request.path}")(function)
        app.add_url_rule("/remote/<code>/packages", name, limited, methods=[method])
        app.extensions["csrf"].exempt(function)
        web.public(app, name)
