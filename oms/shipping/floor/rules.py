"""What counts at the packing table: pure functions of what is wanted and what was counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Pieces = Mapping[int, int]  # SKU id -> pieces
_RUN = re.compile(r"(\d+)")

OK = "ok"
SOFT = frozenset(
    {OK, "same_shipment", "nothing_to_undo", "box_empty", "acknowledged", "weight_wanted", "already_on_sheet"}
)


@dataclass(frozen=True)
class Contents:
    """What belongs in a shipment: ``wanted`` pieces per plain SKU; ``sets``: for each set in it, what it is made of."""

    wanted: Pieces
    sets: Mapping[int, Pieces] = field(default_factory=dict)

    def parts(self, sku_id: int) -> Pieces:
        """What one scan of this SKU puts into the box."""
        return self.sets.get(sku_id) or {sku_id: 1}

    def pieces(self, scanned: Pieces) -> dict[int, int]:
        """Scans per SKU as pieces per plain SKU."""
        found: dict[int, int] = {}
        for sku_id, times in scanned.items():
            for part, pieces in self.parts(sku_id).items():
                found[part] = found.get(part, 0) + pieces * times
        return {sku_id: n for sku_id, n in found.items() if n}

    def refusal(self, counted: Pieces, sku_id: int, quantity: int = 1) -> str:
        """Why these pieces do not belong in, as a code; empty when they do."""
        parts = self.parts(sku_id)
        if not all(part in self.wanted for part in parts):
            return "wrong_item"
        if any(counted.get(part, 0) + n * quantity > self.wanted[part] for part, n in parts.items()):
            return "too_many"
        return ""

    def is_complete(self, counted: Pieces) -> bool:
        """Every piece is in, and not one more."""
        return all(counted.get(sku_id, 0) == n for sku_id, n in self.wanted.items()) and counted.keys() <= (
            self.wanted.keys()
        )

    @property
    def total(self) -> int:
        return sum(self.wanted.values())


def is_stop(code: str) -> bool:
    """Whether work stops until somebody says that they saw it."""
    return code not in SOFT


def shelf_key(location: str) -> tuple[bool, list[tuple[bool, int, str]]]:
    """Shelves in walking order: A-03-2 before A-03-10, goods without a shelf last."""
    parts = [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in _RUN.split(location.upper()) if p]
    return (not location, parts)


COMMANDS = {
    "RUAM-OK": "ok",
    "RUAM-UNDO": "undo",
    "RUAM-BOX": "box",
    "RUAM-ASIDE": "aside",
}  # barcodes of the command sheet -> kinds of scans, for hands that hold nothing but the gun


def command(code: str) -> str:
    """The kind of scan that a barcode of the command sheet asks for; empty for every other code."""
    return COMMANDS.get(code.strip().upper(), "")
