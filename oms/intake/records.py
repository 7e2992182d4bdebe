"""What a file says, apart from any table of ours: one order, one product, one customer, one stock figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from oms.errors import Say
from oms.money import ZERO, Money


class Stage(StrEnum):
    """How far the channel says an order is. ``UNKNOWN``: it used a word nobody taught us."""

    UNKNOWN = "unknown"
    UNPAID = "unpaid"
    TO_SHIP = "to_ship"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    RETURNED = "returned"
    CANCELED = "canceled"


PROGRESS: dict[Stage, int] = {stage: rank for rank, stage in enumerate(Stage)}


@dataclass(frozen=True)
class RawRow:
    """A line of the file and its cells."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class CellProblem:
    """One thing wrong in one cell: file line, heading of the column (empty: the whole line), code, sentence."""

    line: int
    column: str
    code: str
    message: Say

    def as_json(self) -> dict[str, Any]:
        """As stored and printed; the sentence keeps its template, so that each reader gets it in his language."""
        facts = {k: v if isinstance(v, str | int) else str(v) for k, v in self.message.facts.items()}
        return {
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "message": str(self.message),
            "template": self.message.template,
            "facts": facts,
        }


def stored_sentence(problem: Mapping[str, Any]) -> Say:
    """The sentence of a stored problem."""
    return Say(problem["template"], problem["facts"])


@dataclass(frozen=True)
class LineIn:
    """One SKU of an order as the channel sold it. Prices include VAT; discounts are for the whole line."""

    sku: str
    name: str
    variation: str
    quantity: int
    unit_price: Money | None
    seller_discount: Money = ZERO
    platform_discount: Money = ZERO
    returned: int = 0
    external_id: str = ""
    line: int = 0


@dataclass(frozen=True)
class RecipientIn:
    """Where the goods go. ``masked`` fields came as stars; they say nothing and replace nothing."""

    name: str = ""
    phone: str = ""
    address: str = ""
    subdistrict: str = ""
    district: str = ""
    province: str = ""
    postcode: str = ""
    masked: bool = False


@dataclass(frozen=True)
class OrderIn:
    """One order as a channel's file tells it. ``seller_discount`` and ``platform_discount`` are order-level ones."""

    external_no: str
    channel_status: str
    stage: Stage
    placed_at: datetime | None
    lines: tuple[LineIn, ...]
    recipient: RecipientIn = field(default_factory=RecipientIn)
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    completed_at: datetime | None = None
    ship_by: datetime | None = None
    buyer_id: str = ""
    payment_method: str = ""
    is_cod: bool = False
    carrier: str = ""
    tracking: str = ""
    cancel_reason: str = ""
    cancel_requested: bool = False
    buyer_note: str = ""
    shipping_fee: Money = ZERO
    seller_discount: Money = ZERO
    platform_discount: Money = ZERO
    channel_fee: Money = ZERO
    channel_total: Money | None = None


@dataclass(frozen=True)
class OrderRead:
    """An order, or what stops it from being one. ``order`` may be there beside problems, for showing."""

    order: OrderIn | None
    problems: tuple[CellProblem, ...] = ()
