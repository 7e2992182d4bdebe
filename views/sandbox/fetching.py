"""A carrier that takes what was arranged with a platform, some seconds later."""

from __future__ import annotations

import threading

from views.sandbox.market import Stall, State


def fetch(stall: Stall, number: str, after: float | None) -> None:
    """Let the parcel of an order be taken in so many seconds; None: never by itself. What was taken back stays."""
    if after is not None:
        timer = threading.Timer(after, _fetch, [stall, number])
        timer.daemon = True
        timer.start()


def _fetch(stall: Stall, number: str) -> None:
    if stall.get(number).state is State.ACCEPTED:
        stall.ship(number)
