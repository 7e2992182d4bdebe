"""Orders in the background: long bulk lists, and the end of orders that nobody paid."""

from __future__ import annotations

from jobs.context import keep, program
from oms import outbox
from oms.db import transaction
from oms.outbox import Work
from oms.usecases.orders_bulk import TOPIC, work_bulk
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid

__all__ = ["TOPIC", "bulk", "expire"]


def bulk(work: Work) -> None:
    """Do a bulk list, one order to a transaction; whoever takes over goes on where the last one stopped."""
    finished = False
    while not finished:
        with transaction(program(work)) as tx:
            keep(tx, work)
            finished = work_bulk(tx, int(work.payload["run_id"])).finished
            if finished:
                outbox.settle(tx, work.id)


def expire(work: Work) -> None:
    """Expire what is due, a batch to a transaction."""
    full = True
    while full:
        with transaction(program(work)) as tx:
            keep(tx, work)
            full = expire_unpaid(tx, ExpireUnpaid()).full
            if not full:
                outbox.settle(tx, work.id)
