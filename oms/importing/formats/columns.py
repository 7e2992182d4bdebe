"""The shape of an order format: what it calls its columns and states, and its habits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oms.intake.headings import Columns, heading_key, likeness, resolve, score, short_key
from oms.intake.records import Stage

__all__ = [
    "LINE_FIELDS", "ORDER_FIELDS", "Columns", "Format", "heading_key", "likeness", "resolve", "score", "short_key",
]  # fmt: skip

ORDER_FIELDS = (
    "external_no", "status", "payment_state", "shipping_state", "return_state", "cancel_reason", "buyer_id",
    "placed_at", "paid_at", "payment_method", "carrier", "tracking", "ship_by", "shipped_at", "completed_at",
    "shipping_fee", "seller_discount", "seller_discount2", "platform_discount", "platform_discount2",
    "platform_discount3", "fee", "fee2", "fee3", "total", "name", "phone", "address", "address2", "address3",
    "address4", "address5", "subdistrict", "district", "province", "postcode", "note",
)  # fmt: skip
LINE_FIELDS = (
    "sku", "parent_sku", "item_name", "variation", "quantity", "returned", "unit_price", "list_price", "line_total",
    "paid_price", "line_seller_discount", "line_platform_discount", "line_id",
)  # fmt: skip


@dataclass(frozen=True)
class Format:
    """One kind of order file: headings per field (first known one wins), words for states, and its habits.

    ``unit_rows``: one row per piece, no quantity column. ``carry_down``: rows below the first of an order may leave
    the order's own fields empty. ``shipping_per_row``: fees stand on every row and add up. ``era``: see thai.dates.
    """

    code: str
    label: str
    columns: Mapping[str, tuple[str, ...]]
    required: frozenset[str]
    stages: Mapping[str, Stage]
    channels: frozenset[str] = frozenset()
    era: str = "ce"
    unit_rows: bool = False
    carry_down: bool = False
    shipping_per_row: bool = False
    line_discounts_per_row: bool = True
    default_stage: Stage | None = None

    def synonyms(self) -> dict[str, str]:
        """Heading key -> field."""
        return {heading_key(h): name for name, headings in self.columns.items() for h in headings}

    def stage_of(self, word: str) -> Stage:
        return self.stages.get(heading_key(word), Stage.UNKNOWN)
