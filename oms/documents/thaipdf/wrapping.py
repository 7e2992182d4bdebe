"""Lines for papers drawn by hand: turned between words, cut to what fits, never parted inside a letter."""

from __future__ import annotations

import itertools
import re

from oms.documents.thaipdf.fonts import load
from oms.documents.thaipdf.tidy import tidy
from oms.thai.words import clusters, joints

_WORD = re.compile(r"\s*\S+")
ELLIPSIS = "…"


def width_of(text: str, font: str, size: float) -> float:
    """How wide a text is, in points."""
    return load()[font].stringWidth(text, size)


def wrap(text: str, font: str, size: float, width: float) -> list[str]:
    """The text in lines no wider than ``width``; its own line ends stay. Joined, they are the text but for spaces at
    the turns."""
    return [line for part in text.split("\n") for line in _lines(tidy(part).strip(), font, size, width)]


def wrap_to(text: str, font: str, size: float, width: float, most: int) -> tuple[list[str], bool]:
    """At most ``most`` lines, the last one ending in … when something was left out; and whether that was so."""
    lines = wrap(text, font, size, width)
    if len(lines) <= most:
        return lines, False
    return [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), font, size, width, always=True)], True


def fit(text: str, font: str, size: float, width: float, *, always: bool = False) -> str:
    """One line: the text, or as much of it as fits before …."""
    text = tidy(text).strip()
    if not always and width_of(text, font, size) <= width:
        return text
    room = width - width_of(ELLIPSIS, font, size)
    kept = ""
    for cluster in clusters(text):
        if width_of(kept + cluster, font, size) > room:
            break
        kept += cluster
    return kept.rstrip() + ELLIPSIS


def largest(text: str, font: str, sizes: tuple[float, ...], width: float) -> float:
    """The first of these sizes in which the text stands on one line, else the last."""
    return next((size for size in sizes if width_of(tidy(text), font, size) <= width), sizes[-1])


def _lines(text: str, font: str, size: float, width: float) -> list[str]:
    if width_of(text, font, size) <= width:
        return [text]
    lines, line = [], ""
    for piece in _pieces(text):
        longer = line + piece if line else piece.lstrip()
        if width_of(longer, font, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = piece.lstrip()
        if width_of(line, font, size) > width:
            *whole, line = _parted(line, font, size, width)
            lines += whole
    return [*lines, line]


def _pieces(text: str) -> list[str]:
    """The text cut where a line may turn; spaces go before the piece they precede."""
    cuts = {m.start() for m in _WORD.finditer(text)} | set(joints(text)) | {0, len(text)}
    places = sorted(cuts)
    return [text[a:b] for a, b in itertools.pairwise(places)]


def _parted(word: str, font: str, size: float, width: float) -> list[str]:
    """A word wider than the line, parted between clusters."""
    parts = [""]
    for cluster in clusters(word):
        if parts[-1] and width_of(parts[-1] + cluster, font, size) > width:
            parts.append("")
        parts[-1] += cluster
    return parts
