"""An order of the market told piece by piece, as some platforms do."""

from __future__ import annotations

from decimal import Decimal

from oms.money import Money
from views.sandbox.market import Line, Order


def pieces_of(order: Order) -> list[tuple[Line, str, Decimal]]:
    """(line, the piece's own number, what is taken off it): the discounts are spread by price."""
    pieces = [(line, n) for line in order.lines for n in range(line.quantity)]
    spread = Money(order.discount + sum(line.discount for line in order.lines))
    shares = spread.allocate([int(line.price * 100) for line, _ in pieces])
    return [(line, f"{line.id}{n:02d}", off.amount) for (line, n), off in zip(pieces, shares, strict=True)]
