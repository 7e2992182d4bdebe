"""Where carriers send their news: an address nobody can guess, a body kept before it is read, an answer at once.

What a carrier did not sign is believed in nothing; it only makes us ask the carrier itself (``jobs.tracking``).
"""

from __future__ import annotations

from flask import Flask, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from oms.actor import system
from oms.carriers.port import Carrier, CarrierError, CarrierKeys, WebhookAnswer, WebhookRefused
from oms.carriers.registry import open_carrier
from oms.db import transaction
from oms.errors import InvalidInput
from oms.net.kept import Kept
from oms.usecases.carrier_messages import MAX_BODY, carrier_of_hook, keep_message, refuse_message
from oms.usecases.carriers import Reached, reach
from views import web
from views.account_fields import sealer

ENDPOINT = "carrier_hook"
RATE = "1200 per minute"  # of one address; carriers send again what we do not take


def hear(token: str) -> Response:
    """Keep a message of a carrier and say that it came."""
    body = request.stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    headers = dict(request.headers)
    with transaction(system("webhook", source="webhook")) as tx:
        carrier = carrier_of_hook(tx, token)
        reached = reach(carrier, sealer())
        kept = keep_message(tx, carrier.id, headers, body)
    try:
        answer = _adapter(reached).read_webhook(headers, body).answer
    except CarrierError as error:
        with transaction(system("webhook", source="webhook")) as tx:
            refuse_message(tx, kept.message_id, str(error))
        answer = WebhookAnswer(error.http_status if isinstance(error, WebhookRefused) else 400, "{}")
    return Response(answer.body, answer.status, content_type=answer.content_type)


def _adapter(reached: Reached) -> Carrier:
    kept: Kept[Carrier] = current_app.extensions.setdefault("oms.carriers", Kept(open_carrier))
    try:
        return kept.get(reached.id, reached.adapter, reached.host, reached.settings)
    except InvalidInput as refusal:
        raise CarrierKeys(refusal.message) from refusal


def install(app: Flask) -> None:
    """The address, open to all who know it, without a session and its token against forged forms."""
    limited = app.appbuilder.sm.limiter.limit(RATE, key_func=lambda: f"hook:{request.path}")(hear)  # type: ignore[attr-defined]
    app.add_url_rule("/hooks/carriers/<token>", ENDPOINT, limited, methods=["POST"])
    app.extensions["csrf"].exempt(hear)
    web.public(app, ENDPOINT)
