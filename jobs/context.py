"""The two shapes a background job may have. Both end with the outbox row settled in the transaction of the effect.

- ``effect``: work inside our database. One transaction: settle the row, then make the change. The row's lock lets one
  worker through; a second one finds the row settled and does nothing.
- ``steps``: work that talks to the network or takes long. Its own short transactions, never one open across the
  network; the last one settles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from oms import outbox
from oms.actor import Actor, system
from oms.db import Tx, transaction
from oms.outbox import Work

QUICK, BULK = "quick", "bulk"  # short work first come first served; long work in a worker of its own
CHANNELS = "channels"  # shops are read whatever else takes long


@dataclass(frozen=True)
class Handler:
    """What carries out one topic, and which queue it waits in."""

    perform: Callable[[Work], None]
    queue: str = QUICK
    shared: bool = False  # rows of the same payload ring for one piece of work: see ``outbox.claim``


def program(work: Work) -> Actor:
    """The program as the actor of a job; the audit log says which job."""
    return replace(system(work.topic, source="job"), request_id=f"outbox-{work.id}")


def effect(change: Callable[..., object], *, queue: str = QUICK) -> Handler:
    """Shape 1: ``change(tx, **payload)``; its effect and the settling are one transaction."""

    def perform(work: Work) -> None:
        with transaction(program(work)) as tx:
            if outbox.settle(tx, work.id):
                change(tx, **work.payload)

    return Handler(perform, queue)


def steps(walk: Callable[[Work], None], *, queue: str = BULK, shared: bool = False) -> Handler:
    """Shape 2: ``walk(work)`` opens its own short transactions, calls ``keep`` while it goes on, and settles."""
    return Handler(walk, queue, shared)


def keep(tx: Tx, work: Work) -> None:
    """Say that long work goes on, so that nobody else takes it."""
    outbox.extend(tx, work.id)
