"""Where LINE and Meta tell us who wrote, who follows and who left: verified over the raw bytes, answered at once.

Only what decides whether a customer can be reached is kept: the address and the moment. The conversation itself belongs
to the chat channels.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask, request
from sqlalchemy import select
from werkzeug.exceptions import Forbidden, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response

from oms import clock
from oms.actor import system
from oms.db import Tx, transaction
from oms.notifications import line, meta
from oms.notifications.catalogue import Route
from oms.notifications.models import MessageAccount
from oms.usecases.message_answers import heard, mark_gone
from oms.usecases.message_routes import open_route
from views import web
from views.account_fields import sealer

ENDPOINT = "message_hook"
RATE = "3000 per minute"
MAX_BODY = 1024 * 1024
Seen = tuple[str, datetime, str]  # address, when, why they are gone ("": they are there)


def hear(token: str) -> Response:
    """A webhook of a LINE account or a Page. What is not signed with its secret is turned away unread."""
    with transaction(system("webhook", source="webhook")) as tx:
        account = tx.session.scalars(
            select(MessageAccount).where(MessageAccount.hook_token == token, MessageAccount.is_active)
        ).one_or_none()
        if account is None:
            raise NotFound
        route, settings = account.route, open_route(tx, account.id, sealer()).settings
    if request.method == "GET":
        return _verify(settings)
    body = request.stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    if not _signed(route, settings, body):
        raise Forbidden
    with transaction(system("webhook", source="webhook")) as tx:
        _keep(tx, route, _line(body) if route is Route.LINE else _meta(body))
    return Response("{}", 200, content_type="application/json")


def _verify(settings: Mapping[str, str]) -> Response:
    """Meta asks once whether the address is ours."""
    wanted, given = settings.get("verify_token", ""), request.args.get("hub.verify_token", "")
    if not wanted or not hmac.compare_digest(wanted.encode(), given.encode()):
        raise Forbidden
    return Response(request.args.get("hub.challenge", ""), 200, content_type="text/plain")


def _signed(route: Route, settings: Mapping[str, str], body: bytes) -> bool:
    if route is Route.LINE:
        secret = settings.get("channel_secret", "")
        return bool(secret) and line.is_signed(secret, body, request.headers.get("x-line-signature", ""))
    secret = settings.get("app_secret", "")
    return bool(secret) and meta.is_signed(secret, body, request.headers.get("X-Hub-Signature-256", ""))


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _moment(milliseconds: Any) -> datetime:
    """When it happened; nothing lies in the future."""
    now = clock.now()
    if not isinstance(milliseconds, int) or not 0 < milliseconds < 32503680000000:
        return now
    return min(datetime.fromtimestamp(milliseconds / 1000, UTC), now)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _line(body: bytes) -> Iterator[Seen]:
    """Events of people; those for another module (``standby``) are not ours."""
    for event in _objects(_read(body).get("events")):
        source = event.get("source")
        user = source.get("userId") if isinstance(source, dict) else None
        if isinstance(user, str) and line.USER_ID.fullmatch(user) and event.get("mode") != "standby":
            gone = "unfollow" if event.get("type") == "unfollow" else ""
            yield user, _moment(event.get("timestamp")), gone


def _meta(body: bytes) -> Iterator[Seen]:
    """Messages people wrote; echoes of our own say nothing of them."""
    for entry in _objects(_read(body).get("entry")):
        for item in _objects(entry.get("messaging")):
            sender, message = item.get("sender"), item.get("message")
            who = sender.get("id") if isinstance(sender, dict) else None
            echo = isinstance(message, dict) and message.get("is_echo")
            if isinstance(who, str) and who.isdecimal() and not echo and ("message" in item or "postback" in item):
                yield who, _moment(item.get("timestamp")), ""


def _keep(tx: Tx, route: Route, seen: Iterator[Seen]) -> None:
    for address, at, gone in seen:
        if gone:
            mark_gone(tx, route, address, gone)
        else:
            heard(tx, route, address, at)


def install(app: Flask) -> None:
    """The address, open to all who know it, without a session and its token against forged forms."""
    limited = app.appbuilder.sm.limiter.limit(RATE, key_func=lambda: f"hook:{request.path}")(hear)  # type: ignore[attr-defined]
    app.add_url_rule("/hooks/messages/<token>", ENDPOINT, limited, methods=["GET", "POST"])
    app.extensions["csrf"].exempt(hear)
    web.public(app, ENDPOINT)
