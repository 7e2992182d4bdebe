"""Where channels send their news: an address nobody can guess, a body kept before it is read, an answer at once."""

from __future__ import annotations

from flask import Flask, current_app, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from oms.actor import system
from oms.channels.port import Called, ChannelError, WebhookAnswer, WebhookRefused
from oms.db import transaction
from oms.usecases.channel_hooks import MAX_BODY, connection_of_hook, keep_hook, refuse_hook
from oms.usecases.channel_open import EXTENSION, no_channels, open_kept
from oms.usecases.channels import reach
from views import web
from views.account_fields import sealer

ENDPOINT = "channel_hook"
RATE = "6000 per minute"  # of one address; channels send again what we do not take


def hear(token: str) -> Response:
    """Keep a webhook and say that it came."""
    body = request.stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    called = Called(dict(request.headers), body, url_for(ENDPOINT, token=token, _external=True), request.args.to_dict())
    with transaction(system("webhook", source="webhook")) as tx:
        row = connection_of_hook(tx, token)
        reached = reach(row, sealer())
        kept = keep_hook(tx, row.id, called)
    try:
        channel = open_kept(current_app.extensions.setdefault(EXTENSION, no_channels()), reached)
        answer = channel.read_webhook(called).answer
    except ChannelError as error:
        with transaction(system("webhook", source="webhook")) as tx:
            refuse_hook(tx, kept.hook_id, str(error))
        answer = WebhookAnswer(error.http_status if isinstance(error, WebhookRefused) else 400, "{}")
    return Response(answer.body, answer.status, content_type=answer.content_type)


def install(app: Flask) -> None:
    """The address, open to all who know it, without a session and its token against forged forms."""
    limited = app.appbuilder.sm.limiter.limit(RATE, key_func=lambda: f"hook:{request.path}")(hear)  # type: ignore[attr-defined]
    app.add_url_rule("/hooks/channels/<token>", ENDPOINT, limited, methods=["POST"])
    app.extensions["csrf"].exempt(hear)
    web.public(app, ENDPOINT)
