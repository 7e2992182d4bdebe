"""Orders were placed: their addresses go into the customers' books, and their buyers are told."""

from __future__ import annotations

from oms.db import Tx
from oms.usecases.address_book import parse_ids, remember_addresses
from oms.usecases.notices_expand import told_placed

TOPIC = "orders.placed"


def remember(tx: Tx, *, order_ids: str) -> None:
    """Note where the parcels of these orders go, and tell the buyers."""
    ids = parse_ids(order_ids)
    remember_addresses(tx, ids)
    told_placed(tx, ids)
