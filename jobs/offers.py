"""Offers worked out and told, again and again: one process elected, one thread for each shop that is told something, so
that a slow shop holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Thread

from flask import Flask, current_app

from jobs.channel_line import LeftAlone, Line
from oms.actor import system
from oms.channels.port import Ability, Channel, ChannelError, Listing, ListingPage, Offer
from oms.channels.registry import CONNECTORS
from oms.db import Tx, db, transaction
from oms.usecases.channel_lease import get_connection
from oms.usecases.offers import Batch, Drift, listings_due, offers_told, owed_batches, take_listings, take_touches

OFFERS_LOCK = 0x5255414F
TICK_SECONDS = 0.2
ROUNDS = 20  # questions to one shop before others get their offers worked out anew
WHO = system("offers")
log = logging.getLogger(__name__)
Unit = Callable[[], AbstractContextManager[Tx]]


def unit() -> AbstractContextManager[Tx]:
    """A short transaction of the program."""
    return transaction(WHO)


@dataclass
class Pusher:
    """Works offers out and has them told. ``busy``: the shops that are being told at this moment."""

    busy: dict[int, Thread] = field(default_factory=dict)

    def tick(self) -> int:
        """Look once; returns how many shops are told something now."""
        with unit() as tx:
            take_touches(tx)
            batches = owed_batches(tx)
        self.busy = {i: t for i, t in self.busy.items() if t.is_alive()}
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  Flask's own idiom
        free = [b for b in batches if b.connection_id not in self.busy]
        for batch in free:
            thread = Thread(target=_in_thread, args=(app, batch), daemon=True)
            self.busy[batch.connection_id] = thread
            thread.start()
        return len(free)

    def settle(self) -> None:
        """Wait until nobody is being told anything."""
        for thread in list(self.busy.values()):
            thread.join(60)


def _in_thread(app: Flask, batch: Batch) -> None:
    with app.app_context():
        try:
            tell_offers(batch)
        finally:
            db.session.remove()


def tell_offers(batch: Batch) -> None:
    """Tell one shop its offers, and what else it is owed by then."""
    line = Line(unit, batch.connection_id)
    for _ in range(ROUNDS):
        offers = [owed.offer for owed in batch.owed]
        try:
            answer: dict[str, ChannelError | None] | ChannelError = line.ask(_Push(offers))
        except LeftAlone:
            return
        except ChannelError as error:
            answer = error
        with unit() as tx:
            offers_told(tx, batch, answer)
            more = {b.connection_id: b for b in owed_batches(tx)}
        if isinstance(answer, ChannelError) or batch.connection_id not in more:
            return
        batch = more[batch.connection_id]


@dataclass(frozen=True)
class _Push:
    offers: list[Offer]

    def __call__(self, channel: Channel) -> dict[str, ChannelError | None]:
        return channel.push_stock(self.offers)


def look_at_listings(line: Line, *, always: bool = False) -> Drift | None:
    """Ask a shop what is on sale there and what it shows; None when it is not time, or it cannot say."""
    with line.unit() as tx:
        row = get_connection(tx, line.connection_id)
        able = Ability.LISTINGS in CONNECTORS[row.connector].abilities
        due = always or listings_due(tx, line.connection_id)
    if not able or not due:
        return None
    found: list[Listing] = []
    cursor = ""
    while True:
        page = line.ask(_Listed(cursor))
        found += page.listings
        cursor = page.cursor
        if not cursor:
            break
    with line.unit() as tx:
        drift = take_listings(tx, line.connection_id, found)
    if drift.drifted:
        log.warning("%s listings of connection %s showed another number", drift.drifted, line.connection_id)
    return drift


@dataclass(frozen=True)
class _Listed:
    cursor: str

    def __call__(self, channel: Channel) -> ListingPage:
        return channel.list_listings(self.cursor)
