"""What the simulated market is made of: listings, orders, returns, and what a platform says no to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from oms.demo.people import Person


class No(Exception):
    """What a platform would not do. ``code``: unknown, too_late, done or wrong."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(why or code)
        self.code = code


class State(StrEnum):
    """How far an order is on its platform."""

    UNPAID = "unpaid"
    PAID = "paid"
    ACCEPTED = "accepted"  # the platform arranged what it wants arranged; the number may be known
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELED = "canceled"
    RETURNED = "returned"


S = State
BEFORE_LEAVING = frozenset({S.UNPAID, S.PAID, S.ACCEPTED})


@dataclass
class Listing:
    """One thing on sale on one platform. ``quantity`` is what the platform shows and sells from."""

    id: str
    sku: str
    name: str
    price: Decimal
    quantity: int
    sold: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """Pieces of one listing in an order. ``discount`` is the seller's, for the whole line."""

    id: str
    listing_id: str
    sku: str
    name: str
    quantity: int
    price: Decimal
    discount: Decimal = Decimal(0)


@dataclass
class Order:
    """An order as its platform knows it. Money is baht; ``discount`` and ``platform_discount`` are for the order."""

    number: str
    serial: int
    buyer: Person
    lines: tuple[Line, ...]
    placed_at: datetime
    updated_at: datetime
    state: State = S.UNPAID
    cod: bool = False
    shipping_fee: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    platform_discount: Decimal = Decimal(0)
    note: str = ""
    carrier: str = ""
    tracking: str = ""
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    completed_at: datetime | None = None
    cancel_asked: bool = False
    cancel_reason: str = ""
    cancel_by: str = ""
    history: list[tuple[str, datetime]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def goods_total(self) -> Decimal:
        """The lines together, after their discounts."""
        return sum((line.price * line.quantity - line.discount for line in self.lines), start=Decimal(0))

    @property
    def total(self) -> Decimal:
        """What the buyer pays."""
        return self.goods_total + self.shipping_fee - self.discount - self.platform_discount


@dataclass
class Return:
    """Goods a buyer wants to give back, ``amounts`` by SKU word and ``lines`` by line. ``status``: asked,
    approved, sent, received (and paid back), refused, dropped."""

    number: str
    order_no: str
    amounts: dict[str, int]
    refund: Decimal
    reason: str
    updated_at: datetime
    status: str = "asked"
    tracking: str = ""
    lines: dict[str, int] = field(default_factory=dict)

    def of(self, order: Order) -> list[tuple[Line, int]]:
        """(line, pieces) of the order that come back."""
        return [(line, n) for line in order.lines if (n := self.lines.get(line.id, 0))]


RETURN_STEPS: dict[str, tuple[frozenset[str], str]] = {  # deed: (from, to)
    "agree_return": (frozenset({"asked"}), "approved"),
    "refuse_return": (frozenset({"asked", "approved", "sent"}), "refused"),
    "drop_return": (frozenset({"asked", "approved"}), "dropped"),
    "send_return": (frozenset({"approved"}), "sent"),
    "pay_return": (frozenset({"asked", "approved", "sent"}), "received"),
}
