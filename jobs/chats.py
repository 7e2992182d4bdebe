"""People who write in chats: their platform is asked who they are, never with a transaction open."""

from __future__ import annotations

from collections.abc import Sequence

from flask import current_app

from jobs.context import program
from jobs.messages import open_kept
from oms import outbox
from oms.db import transaction
from oms.errors import InvalidInput
from oms.notifications.port import KnowsPeople, Profile, SendError, SendSilent
from oms.outbox import Work
from oms.sealing import Sealer
from oms.usecases.chat_writers import ASK, Unnamed, record_profiles, unnamed_writers
from oms.usecases.message_routes import OpenedRoute, open_route
from oms.usecases.messages import LEASE

__all__ = ["ASK", "ask"]


def ask(work: Work) -> None:
    """Ask for the names nobody knows. Whoever does not answer is asked again at the next occasion."""
    sealer: Sealer = current_app.extensions["oms.sealer"]
    with transaction(program(work)) as tx:
        waiting = unnamed_writers(tx)
        routes = [open_route(tx, account_id, sealer) for account_id in waiting]
    for route in routes:
        told = _told(route, waiting[route.id])
        with transaction(program(work)) as tx:
            record_profiles(tx, told)
            outbox.extend(tx, work.id, LEASE)
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def _told(route: OpenedRoute, people: Sequence[Unnamed]) -> dict[int, Profile]:
    """What one account's platform tells, until it falls silent. A refusal is an answer: no name."""
    told: dict[int, Profile] = {}
    try:
        sender = open_kept(route)
    except InvalidInput:
        return {person.writer_id: Profile() for person in people}
    if not isinstance(sender, KnowsPeople):
        return {person.writer_id: Profile() for person in people}
    for person in people:
        try:
            told[person.writer_id] = sender.who(person.address)
        except SendSilent:
            break
        except SendError:
            told[person.writer_id] = Profile()
    return told
