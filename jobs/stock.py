"""Pieces became free: the orders that wait for them get theirs."""

from __future__ import annotations

from oms import outbox
from oms.db import Tx
from oms.usecases.stock_allocate import BATCH, allocate_freed, parse_keys

TOPIC = "stock.freed"


def allocate(tx: Tx, *, keys: str) -> None:
    """Serve one batch of waiting orders; a full batch owes another, so that no transaction grows long."""
    if allocate_freed(tx, parse_keys(keys)) >= BATCH:
        outbox.add(tx, TOPIC, f"{TOPIC}:after:{tx.actor.request_id}", keys=keys)
