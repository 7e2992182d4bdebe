"""A test of the words and the route: one made-up message to an address of one's own. Nothing is kept but that it was
done."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from oms import audit
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.notifications.catalogue import FORMS, Event, Route
from oms.notifications.models import MessageAccount
from oms.notifications.port import Letter
from oms.notifications.rendering import render, sample_of
from oms.sealing import Sealer
from oms.usecases.keeping import bounded
from oms.usecases.message_routes import OpenedRoute, open_route
from oms.usecases.message_words import stored


@dataclass(frozen=True)
class Trial:
    """How to reach the account, and what to send."""

    route: OpenedRoute
    letter: Letter


def prepare_trial(tx: Tx, account_id: int, event: Event, to: str, sealer: Sealer) -> Trial:
    """A test message as it would go out. Raises InvalidInput without an address, Refused for a route that sends
    nothing."""
    tx.actor.require("message.design")
    address = bounded(to, 200, "to", missing=say("Enter where to send the test"))
    account = tx.session.get(MessageAccount, account_id)
    if account is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    if account.route in {Route.COPY, Route.CHAT}:
        raise Refused(say("Nothing is sent this way; staff copies the text"), code="no_test")
    if not account.is_active:
        raise InvalidInput(say("The route is switched off"), field="account", code="route_off")
    form = FORMS[account.route]
    words = stored(tx, event, form, account.language)
    made = render(words.body, words.subject, form, sample_of(event, account.language))
    after = {"event": event, "route": account.route}
    audit.record(tx, "message.test_sent", "message_route", account.id, account.name, after=after)
    opened = open_route(tx, account_id, sealer, "message.design")
    return Trial(opened, Letter(address, made.body, str(uuid4()), made.subject, made.html))
