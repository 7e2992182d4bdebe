"""Orders were placed: their addresses go into the customers' books."""

from __future__ import annotations

from oms.db import Tx
from oms.usecases.address_book import parse_ids, remember_addresses

TOPIC = "orders.placed"


def remember(tx: Tx, *, order_ids: str) -> None:
    """Note where the parcels of these orders go."""
    remember_addresses(tx, parse_ids(order_ids))
