"""Remember where parcels of a customer go, after the order is safe: the background does it, off the busy path."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from oms import clock
from oms.customers.models import CustomerAddress
from oms.db import Tx
from oms.orders.models import Order

KEPT = 20  # addresses of one customer; a reseller with more types them anew

_FIELDS = ("line", "subdistrict", "district", "province", "postcode")


def parse_ids(text: str) -> list[int]:
    """The order ids of an ``orders.placed`` message, with commas between."""
    return [int(part) for part in text.split(",") if part]


def remember_addresses(tx: Tx, order_ids: Sequence[int]) -> int:
    """Add the addresses of these orders to their customers' books, or note that a known one was used again."""
    orders = list(
        tx.session.scalars(
            select(Order).where(Order.id.in_(sorted(order_ids)), Order.customer_id.is_not(None), Order.ship_line != "")
        )
    )
    people = sorted({o.customer_id for o in orders if o.customer_id})
    books: dict[int, list[CustomerAddress]] = {person: [] for person in people}
    known = (
        select(CustomerAddress)
        .where(CustomerAddress.customer_id.in_(people))
        .order_by(CustomerAddress.customer_id, CustomerAddress.last_used_at.desc(), CustomerAddress.id)
    )
    for address in tx.session.scalars(known):
        books[address.customer_id].append(address)
    for order in orders:
        _remember(tx, books[order.customer_id or 0], order)
    return len(orders)


def _remember(tx: Tx, book: list[CustomerAddress], order: Order) -> None:
    words = {name: getattr(order, f"ship_{name}") for name in _FIELDS}
    for address in book:
        if address.recipient == order.ship_name and all(getattr(address, n) == w for n, w in words.items()):
            address.last_used_at = max(address.last_used_at, order.placed_at)
            return
    if len(book) >= KEPT:
        return
    fresh = CustomerAddress(
        customer_id=order.customer_id, recipient=order.ship_name, phone=order.ship_phone[:20],
        last_used_at=min(order.placed_at, clock.now()), **{n: w[:500] for n, w in words.items()},
    )  # fmt: skip
    book.append(fresh)
    tx.session.add(fresh)
