"""What the font of papers cannot draw, met when a document is issued and not when somebody wants to print it.

Names of goods and remarks lose such signs (emoji, other scripts); who sells and who buys must be drawn as they are
written, so those are refused (docs/adr/0119).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oms.documents.errors import missing_glyph

_PARTIES = ("buyer", "seller")


def printable(content: dict[str, Any]) -> dict[str, Any]:
    """The content as it can be printed. Raises MissingGlyph, on its form field, for the seller or the buyer."""
    missing = _missing()
    for party in _PARTIES:
        for name, value in content[party].items():
            if isinstance(value, str) and (char := missing(value)):
                refused = missing_glyph(char, value)
                refused.field = f"{party}_{name}"
                raise refused
    kept: dict[str, Any] = {key: value if key in _PARTIES else _drawn(value, missing) for key, value in content.items()}
    for row in (*kept.get("lines", ()), *kept.get("goods", ())):
        row["name"] = row["name"] or row["code"]
    return kept


def _missing() -> Callable[[str], str]:
    """The first character of a text that the font lacks, or "". Loaded when first used."""
    from oms.documents.thaipdf import fonts

    regular = fonts.load()[fonts.REGULAR]
    return lambda text: "" if text.isascii() else regular.missing(text)


def _drawn(value: Any, missing: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _drawn(part, missing) for key, part in value.items()}
    if isinstance(value, list):
        return [_drawn(part, missing) for part in value]
    if not isinstance(value, str) or not missing(value):
        return value
    return " ".join("".join(c for c in value if not missing(c)).split())
