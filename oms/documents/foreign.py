"""PDF files that others made: looked at and put into ours by a confined process (docs/adr/0112).

``look_at`` answers what every page is and which numbers stand on it, or refuses the file. ``put_in`` draws pages of
such files into the room that a file of ours keeps for them; only what is drawn is taken over, no script, link or field.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from oms.confined.parent import Confined, Gone
from oms.documents.errors import Unprintable
from oms.errors import Say, say

MOST_BYTES = 30 * 1024 * 1024
MOST_PAGES = 300
MEMORY = 1536 * 1024 * 1024
SECONDS = 60.0

_REFUSALS: dict[str, Say] = {
    "pdf_kind": say("The file is not a PDF"),
    "pdf_too_large": say("The PDF is larger than 30 MB; upload it in parts"),
    "pdf_damaged": say("The PDF is damaged and does not open"),
    "pdf_locked": say("The PDF is locked with a password; save it without one"),
    "pdf_pages": say("The PDF has too many pages; 300 are possible"),
    "pdf_page_size": say("A page of the PDF is no label: it is too small or too large"),
    "pdf_script": say("The PDF holds scripts or attached files; print it to a plain PDF first"),
    "pdf_heavy": say("The PDF is too heavy to be read"),
}


@dataclass(frozen=True)
class ForeignPage:
    """One page: its size in points as it is seen, and the numbers on it, from bar codes first, then from text."""

    width: float
    height: float
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a foreign page goes: page from 0 of our file, a box in points, and which page of which file."""

    page: int
    x: float
    y: float
    width: float
    height: float
    source: int
    source_page: int


def refuse(code: str) -> Unprintable:
    """The refusal by its code."""
    return Unprintable(_REFUSALS[code], code=code)


class ForeignReader(Confined):
    """One reading process for one thread. Use as a context manager, or keep it."""

    def __init__(self) -> None:
        super().__init__("oms.documents.foreign_reading")

    def look_at(self, pdf: bytes) -> tuple[ForeignPage, ...]:
        """The pages of a file. Raises InvalidInput when it is none that is printed."""
        if len(pdf) > MOST_BYTES:
            raise refuse("pdf_too_large")
        if b"%PDF-" not in pdf[:1024]:
            raise refuse("pdf_kind")
        told = json.loads(self._answer([b'{"do": "look"}', pdf])[0])
        return tuple(ForeignPage(p["width"], p["height"], tuple(p["numbers"])) for p in told["pages"])

    def put_in(self, ours: bytes, theirs: Sequence[bytes], places: Sequence[Place]) -> bytes:
        """Our file with pages of theirs drawn into it."""
        if not places:
            return ours
        asked = json.dumps({"do": "put", "places": [asdict(p) for p in places]}).encode()
        return self._answer([asked, ours, *theirs])[1]

    def _answer(self, parts: Sequence[bytes]) -> list[bytes]:
        try:
            answer = self.ask(parts, 2 * SECONDS)
        except Gone:
            raise refuse("pdf_heavy") from None
        refused = json.loads(answer[0]).get("refused")
        if refused:
            raise refuse(refused)
        return answer
