"""By the clock and after an erasure: what is over its term is dropped, batch after batch."""

from __future__ import annotations

from flask import current_app

from oms import outbox
from oms.db import Tx
from oms.usecases.privacy_erase import DROP_FILES
from oms.usecases.privacy_retention import BATCH, drop_erased, purge_old

PURGE = "schedule.retention"


def purge(tx: Tx) -> None:
    """One batch; a full one owes another."""
    if purge_old(tx, current_app.extensions["oms.settings"].files_dir).more:
        outbox.add(tx, PURGE, f"{PURGE}:after:{tx.actor.request_id}")


def drop_files(tx: Tx, *, customer_id: int) -> None:
    """The files of a person who was erased."""
    if drop_erased(tx, current_app.extensions["oms.settings"].files_dir) >= BATCH:
        outbox.add(tx, DROP_FILES, f"{DROP_FILES}:{customer_id}:after:{tx.actor.request_id}", customer_id=customer_id)
