"""A line to one shop on its channel: every question through it keeps the limit, the breaker and the grant."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TypeVar

from flask import current_app

from jobs.carriers import sealer
from oms.channels.port import Channel, ChannelError, ChannelExpired, ChannelKeys
from oms.db import Tx
from oms.errors import Refused, say
from oms.net.pacing import paced
from oms.usecases.channel_lease import book_turn, get_connection, note_answer, note_asking, rest, waits
from oms.usecases.channel_open import EXTENSION, no_channels, open_kept
from oms.usecases.channels import (
    Reached,
    claim_renewal,
    ends_soon,
    is_ready,
    reach,
    renewal_failed,
    store_grant,
)

T = TypeVar("T")
Unit = Callable[[], AbstractContextManager[Tx]]
PATIENCE = 20.0  # seconds to wait for somebody else's renewal
ALIVE = timedelta(seconds=40)  # whoever works at a shop and gives no sign of life for so long is dead
BEAT = 15.0  # seconds between two signs of life within a long question


class LeftAlone(Refused):
    """This shop is not asked now: it is stopped, or was silent too often."""

    code = "channel_left_alone"
    retryable = True


def opened(reached: Reached) -> Channel:
    """The shop's adapter, kept open in this process. Raises ChannelKeys when its settings cannot be used."""
    return open_kept(current_app.extensions.setdefault(EXTENSION, no_channels()), reached)


class Line:
    """Asks one shop. ``unit`` opens short transactions; ``beat`` is called before every question, and now and then
    within a long one."""

    def __init__(self, unit: Unit, connection_id: int, beat: Callable[[Tx], None] = lambda _: None) -> None:
        self.unit, self.connection_id, self.beat = unit, connection_id, beat
        self._beaten = time.monotonic()

    def ask(self, question: Callable[[Channel], T], *, aside: bool = False) -> T:
        """One question, with a renewed grant when the old one ended. ``aside``: about something the shop can do
        without; a refusal of our keys for it alone does not stop the shop. Raises ChannelError or LeftAlone."""
        reached = self._ready()
        try:
            answer = self._asked(reached, question, aside=aside)
        except ChannelExpired:
            answer = self._asked(self.renew(reached), question, last=True)
        return answer

    def _asked(
        self, reached: Reached, question: Callable[[Channel], T], *, last: bool = False, aside: bool = False
    ) -> T:
        try:
            with paced(self._wait_for_turn, self._keep_shut):
                answer = question(opened(reached))
        except ChannelExpired as error:
            if last or not reached.grant.refresh:
                keys = ChannelKeys(error.message, raw_code=error.raw_code, raw_text=error.raw_text)
                self.note(keys)
                raise keys from error
            raise
        except ChannelError as error:
            self.note(None if aside and isinstance(error, ChannelKeys) else error)
            raise
        self.note(None)
        return answer

    def note(self, error: ChannelError | None) -> None:
        """Write down how the shop answered."""
        with self.unit() as tx:
            note_answer(tx, self.connection_id, error)

    def _ready(self) -> Reached:
        with self.unit() as tx:
            self.beat(tx)
            row = get_connection(tx, self.connection_id)
            if not is_ready(row) or waits(row) is not None:
                raise LeftAlone(say("{shop} is not asked now", shop=row.shop.code))
            note_asking(tx, row)
            reached, soon = reach(row, sealer()), ends_soon(row)
        return self.renew(reached) if soon and reached.grant.refresh else reached

    def _wait_for_turn(self) -> None:
        """Before every request: one question may take many."""
        with self.unit() as tx:
            if time.monotonic() - self._beaten > BEAT:
                self._beaten = time.monotonic()
                self.beat(tx)
            pause = book_turn(tx, self.connection_id)
        time.sleep(pause)

    def _keep_shut(self, seconds: float) -> None:
        with self.unit() as tx:
            rest(tx, self.connection_id, seconds)

    def renew(self, used: Reached) -> Reached:
        """Another grant: asked for by one refresher, stored before anybody uses it. Raises ChannelError."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with self.unit() as tx:
                claim = claim_renewal(tx, self.connection_id, used.grant_mark, sealer())
            if claim.mine:
                return self._renewed(claim.reached)
            if claim.reached.grant_mark != used.grant_mark:
                return claim.reached
            time.sleep(0.2)
        raise LeftAlone(say("The access of this shop is being renewed"))

    def _renewed(self, reached: Reached) -> Reached:
        try:
            with paced(self._wait_for_turn, self._keep_shut):
                grant = opened(reached).renew(reached.grant)
        except ChannelError as error:
            with self.unit() as tx:
                renewal_failed(tx, self.connection_id, error)
            raise
        with self.unit() as tx:
            store_grant(tx, self.connection_id, grant, sealer())
            return reach(get_connection(tx, self.connection_id), sealer())
