"""Lists of variants that share one number: "shirt, men XL women S, one of each"."""

from __future__ import annotations

import re

from oms.thai.chat.words import OPTION, OPTION_HEAD, SIZE, WEARER

_SIZE = re.compile(rf"^(?:{SIZE}|\d{{2}}(?:\.5)?)$", re.IGNORECASE)
_MOST = 12


def _units(words: list[str]) -> list[str]:
    """Words, a label ("size", "color") together with what it labels; the label holds for the sizes that follow."""
    units: list[str] = []
    label = ""
    i = 0
    while i < len(words):
        if OPTION_HEAD.match(words[i]) and i + 1 < len(words):
            label = words[i]
            units.append(f"{label} {words[i + 1]}")
            i += 2
            continue
        same = label and _SIZE.match(words[i])
        units.append(f"{label} {words[i]}" if same else words[i])
        label = label if same else ""
        i += 1
    return units


def _is_size(unit: str) -> bool:
    return _SIZE.match(unit.rpartition(" ")[2]) is not None


def one_of_each(text: str) -> tuple[str, list[str]] | None:
    """The name and its variants when two or more end the text. A color or a wearer goes with the sizes behind it, each
    of several sizes with it; None when there is one variant or none."""
    units = _units(text.split())
    cut = len(units)
    while cut > 0 and (OPTION.match(units[cut - 1]) or WEARER.match(units[cut - 1])):
        cut -= 1
    found: list[str] = []
    heads: list[str] = []
    sizes: list[str] = []
    for unit in [*units[cut:], ""]:
        if unit and _is_size(unit):
            sizes.append(unit)
            continue
        if sizes:
            found += [" ".join(filter(None, (head, size))) for head in heads or [""] for size in sizes]
            heads, sizes = [], []
        heads += [unit] if unit else []
    found += heads
    if not 2 <= len(found) <= _MOST:
        return None
    return " ".join(units[:cut]), found
