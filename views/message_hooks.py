"""Where LINE and Meta tell us who wrote, who follows and who left: verified over the raw bytes, answered at once.

Kept is whether a customer can be reached, who wrote, and their last words as long as privacy lets us; what we answer
stays in the chat itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from flask import Flask, current_app, request
from sqlalchemy import select
from werkzeug.exceptions import Forbidden, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response

from oms.actor import system
from oms.db import transaction
from oms.notifications import line, meta
from oms.notifications.catalogue import Route
from oms.notifications.hearing import read_hook
from oms.notifications.models import MessageAccount
from oms.usecases.chat_writers import take_chat
from oms.usecases.message_routes import open_route
from views import web
from views.account_fields import sealer

ENDPOINT = "message_hook"
RATE = "3000 per minute"
MAX_BODY = 1024 * 1024


def hear(token: str) -> Response:
    """A webhook of a LINE account or a Page. What is not signed with its secret is turned away unread."""
    with transaction(system("webhook", source="webhook")) as tx:
        account = tx.session.scalars(
            select(MessageAccount).where(MessageAccount.hook_token == token, MessageAccount.is_active)
        ).one_or_none()
        if account is None:
            raise NotFound
        account_id, route = account.id, account.route
        settings = open_route(tx, account.id, sealer()).settings
    if request.method == "GET":
        return _verify(settings)
    body = request.stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    if not _signed(route, settings, body):
        raise Forbidden
    with transaction(system("webhook", source="webhook")) as tx:
        take_chat(tx, account_id, route, read_hook(route, body))
    current_app.extensions["oms.wake"]()
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


def install(app: Flask) -> None:
    """The address, open to all who know it, without a session and its token against forged forms."""
    limited = app.appbuilder.sm.limiter.limit(RATE, key_func=lambda: f"hook:{request.path}")(hear)  # type: ignore[attr-defined]
    app.add_url_rule("/hooks/messages/<token>", ENDPOINT, limited, methods=["GET", "POST"])
    app.extensions["csrf"].exempt(hear)
    web.public(app, ENDPOINT)
