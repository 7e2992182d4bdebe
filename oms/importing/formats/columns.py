"""Columns found by name: headings compared without stars, spaces and case, in NFC, with all known synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from oms.intake.records import Stage

_DROP = re.compile(r"[\s*:_\u200b\ufeff]+")
_TAIL = re.compile(r"\(.*\)$|（.*）$")

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


@lru_cache(maxsize=4096)
def heading_key(heading: str) -> str:
    """The form two headings are compared in."""
    return _DROP.sub("", unicodedata.normalize("NFC", heading)).casefold().replace("ํา", "ำ")


@lru_cache(maxsize=4096)
def short_key(heading: str) -> str:
    """The same without what stands in brackets at the end: ``Price (THB)`` is ``price``."""
    return _TAIL.sub("", heading_key(heading))


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


@dataclass(frozen=True)
class Columns:
    """Where each field of a format stands in one file, and the headings for naming a bad cell."""

    where: Mapping[str, int]
    headings: Sequence[str]
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = field(default=())

    def heading(self, name: str) -> str:
        index = self.where.get(name)
        return self.headings[index] if index is not None and index < len(self.headings) else name


def resolve(form: Format, headings: Sequence[str]) -> Columns:
    """Find every field of a format among headings."""
    keys = [heading_key(h) for h in headings]
    places: dict[str, int] = {}
    for index in range(len(keys) - 1, -1, -1):
        places[short_key(headings[index])] = index
    for index in range(len(keys) - 1, -1, -1):
        places[keys[index]] = index
    where: dict[str, int] = {}
    for name, synonyms in form.columns.items():
        place = next((places[k] for s in synonyms if (k := heading_key(s)) and k in places), None)
        if place is not None:
            where[name] = place
    missing = tuple(sorted(form.required - where.keys()))
    used = set(where.values())
    unused = tuple(h for i, h in enumerate(headings) if h and i not in used)
    return Columns(where, tuple(headings), missing, unused)


def score(form: Format, cells: Sequence[str]) -> int:
    """How many fields of the format a row of headings knows; 0 when a required one is missing."""
    found = resolve(form, cells)
    return 0 if found.missing else len(found.where)


def likeness(form: Format, cells: Sequence[str]) -> int:
    """How many fields the row knows, required or not: for saying which heading is missing."""
    return len(resolve(form, cells).where)
