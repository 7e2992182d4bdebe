"""What one check of the auditor is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One query. ``invariant`` is the number in DESIGN section 7 (0: one of the ten laws); no row means it holds."""

    invariant: int
    name: str
    meaning: str
    sql: str
