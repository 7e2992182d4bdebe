"""The embedded fonts. A letter with its marks is one glyph of the font in the file.

ReportLab writes one glyph per character and knows nothing of marks. ``ThaiFont`` asks HarfBuzz how a letter and its
marks are drawn, makes one glyph of the parts, and gives it a private code. So widths need no correction, no text is
drawn in pieces, and the file says for every such glyph the exact characters it stands for: what is copied or searched
is what was written. A cluster is shaped once in the life of the process.
"""

from __future__ import annotations

import copy
import re
import struct
import threading
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import fontpkg_sarabun
import uharfbuzz
from reportlab.lib.fonts import addMapping
from reportlab.lib.rl_accel import fp_str
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import SUBSETN, TTFont

from oms.documents.errors import missing_glyph
from oms.documents.thaipdf.tidy import tidy
from oms.thai.words import MARKS

FAMILY = "Sarabun"
REGULAR, BOLD, ITALIC, BOLD_ITALIC = "Sarabun", "Sarabun-Bold", "Sarabun-Italic", "Sarabun-BoldItalic"
FACES = {
    REGULAR: ("Sarabun-Regular.ttf", 0, 0),
    BOLD: ("Sarabun-Bold.ttf", 1, 0),
    ITALIC: ("Sarabun-Italic.ttf", 0, 1),
    BOLD_ITALIC: ("Sarabun-BoldItalic.ttf", 1, 1),
}
FONT_DIR = Path(fontpkg_sarabun.__file__).with_name("files")

UNREADABLE = "(?)"

_FIRST_PRIVATE = 0xF0000  # plane 15: no text uses it, and text that does is refused
_CLUSTER = re.compile(f".(?:[{MARKS}]+ำ?|ำ)|.[\u0300-\u036f]+", re.DOTALL)
_MOST_TEXTS, _LONG = 20_000, 200
_KERNING_OFF = {"kern": False}  # widths stay those that lines are measured with
_WORDS, _XY, _MORE = 0x0001, 0x0002, 0x0020  # flags of a part of a composite glyph


class _Face(Protocol):
    """What is used of ReportLab's face; a test pins it."""

    name: bytes
    subfontNameX: bytes  # noqa: N815
    charToGlyph: dict[int, int]  # noqa: N815
    charWidths: dict[int, float]  # noqa: N815
    hmetrics: list[tuple[int, int]]
    glyphPos: list[int]  # noqa: N815
    table: dict[str, dict[str, Any]]
    unitsPerEm: int  # noqa: N815
    _ttf_data: bytes


class ThaiFont(TTFont):  # type: ignore[misc]
    """A TrueType font that draws Thai. Use it as any registered font of ReportLab."""

    face: _Face

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, str(path), asciiReadable=0, shapable=False)
        data = self.face._ttf_data  # noqa: SLF001
        self._shaper = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob(data)))
        self._codes: dict[str, str] = {}
        self._texts: dict[int, str] = {}
        self._encoded: dict[str, str] = {}
        self._widths: dict[tuple[str, float], float] = {}
        self._lock = threading.Lock()
        self._make_room(data)

    def _make_room(self, data: bytes) -> None:
        """Put the outlines last in the font's data, so that more can follow, and let composites be as large as any."""
        glyf, maxp = self.face.table["glyf"], self.face.table["maxp"]
        outlines = data[glyf["offset"] : glyf["offset"] + glyf["length"]]
        room = bytearray(data + b"\0" * (-len(data) % 4))
        struct.pack_into(">HH", room, maxp["offset"] + 10, 2000, 200)  # maxCompositePoints, maxCompositeContours
        struct.pack_into(">HH", room, maxp["offset"] + 28, 16, 4)  # maxComponentElements, maxComponentDepth
        glyf["offset"] = len(room)
        self.face._ttf_data = bytes(room) + outlines  # noqa: SLF001

    def missing(self, text: str) -> str:
        """The first character the font cannot draw, or ""."""
        glyphs = self.face.charToGlyph
        return next((c for c in tidy(text) if ord(c) >= _FIRST_PRIVATE or ord(c) not in glyphs), "")

    def legible(self, text: str) -> str:
        """The text with a visible mark for what the font cannot draw: for remarks and names of goods, where a foreign
        letter is no reason to print nothing."""
        glyphs = self.face.charToGlyph
        pieces = groupby(tidy(text), lambda c: ord(c) < _FIRST_PRIVATE and ord(c) in glyphs)
        return "".join("".join(run) if drawn else UNREADABLE for drawn, run in pieces)

    def check(self, text: str) -> None:
        """Raise MissingGlyph when the font cannot draw all of it."""
        if char := self.missing(text):
            raise missing_glyph(char, text)

    def encode(self, text: str) -> str:
        """The text with each letter and its marks as one private character. Raises MissingGlyph."""
        if text.isascii() and text.isprintable():
            return text
        known = self._encoded.get(text)
        if known is None:
            self.check(text)
            known = _CLUSTER.sub(self._code, tidy(text))
            if len(self._encoded) >= _MOST_TEXTS:
                self._encoded.clear()
            self._encoded[text] = known
        return known

    def stringWidth(self, text: str | bytes, size: float, encoding: str = "utf8") -> float:  # noqa: N802
        if isinstance(text, bytes):
            text = text.decode(encoding)
        known: float | None = self._widths.get((text, size))
        if known is None:
            known = super().stringWidth(text if text.isascii() else tidy(text), size, "utf8")
            if len(self._widths) >= _MOST_TEXTS:
                self._widths.clear()
            if len(text) <= _LONG:
                self._widths[text, size] = known
        return known

    def splitString(self, text: str | bytes, doc: Any, encoding: str = "utf-8") -> list[tuple[int, bytes]]:  # noqa: N802
        if isinstance(text, bytes):
            text = text.decode(encoding)
        text = self.encode(text)
        known = self.state.get(doc)
        if known is not None:
            at = known.assignments
            try:
                codes = bytes([at[code] for code in map(ord, text)])
            except (KeyError, ValueError):
                pass  # a letter that is new to the file, or in a later part of its font
            else:
                return [(0, codes)] if codes else []
        pieces: list[tuple[int, bytes]] = super().splitString(text, doc)
        return pieces

    def addObjects(self, doc: Any) -> None:  # noqa: N802
        state = self.state.get(doc)
        subsets, internal = (state.subsets, state.internalName) if state else ([], None)
        super().addObjects(doc)
        for n, subset in enumerate(subsets):
            name = (SUBSETN(n) + b"+" + self.face.name + self.face.subfontNameX).decode("pdfdoc")
            doc.idToObject["toUnicodeCMap:" + name].content = self._to_unicode(name, subset)
            drawn = doc.idToObject["BasicFonts"].dict[f"{internal}+{n}"]
            drawn.Widths = f"[ {fp_str(*drawn.Widths.sequence)} ]"  # hundreds of numbers written at once

    def _to_unicode(self, name: str, subset: list[int]) -> str:
        """The table by which a viewer turns glyphs into text."""
        said = [
            f"<{code:02X}> <{self._texts.get(char, chr(char)).encode('utf-16-be').hex().upper()}>"
            for code, char in enumerate(subset)
        ]
        blocks = [said[i : i + 100] for i in range(0, len(said), 100)]
        return "\n".join((
            "/CIDInit /ProcSet findresource begin", "12 dict begin", "begincmap",
            f"/CIDSystemInfo << /Registry ({name}) /Ordering (UCS) /Supplement 0 >> def",
            f"/CMapName /{name} def", "/CMapType 2 def",
            "1 begincodespacerange", f"<00> <{len(subset) - 1:02X}>", "endcodespacerange",
            *(line for b in blocks for line in (f"{len(b)} beginbfchar", *b, "endbfchar")),
            "endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end",
        ))  # fmt: skip

    def _code(self, found: re.Match[str]) -> str:
        """The private character of a cluster; its glyph is made when it is first met."""
        cluster = found.group()
        code = self._codes.get(cluster)
        if code is None:
            with self._lock:
                code = self._codes.get(cluster) or self._learn(cluster)
        return code

    def _learn(self, cluster: str) -> str:
        face, private = self.face, _FIRST_PRIVATE + len(self._codes)
        parts, advance = self._shape(cluster)
        outline, left = self._compose(parts)
        face.hmetrics.append((advance, left & 0xFFFF))
        face.charToGlyph[private] = len(face.glyphPos) - 1
        face.charWidths[private] = advance * 1000 / face.unitsPerEm
        face.glyphPos.append(face.glyphPos[-1] + len(outline))
        face._ttf_data += outline  # noqa: SLF001
        face.table["glyf"]["length"] += len(outline)
        self._texts[private] = cluster
        self._codes[cluster] = chr(private)
        return chr(private)

    def _shape(self, cluster: str) -> tuple[list[tuple[int, int, int]], int]:
        """The glyphs of a cluster with their places, and how wide it is."""
        buffer = uharfbuzz.Buffer()
        buffer.add_str(cluster)
        buffer.guess_segment_properties()
        uharfbuzz.shape(self._shaper, buffer, _KERNING_OFF)
        parts, x, y = [], 0, 0
        for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            parts.append((glyph.codepoint, x + place.x_offset, y + place.y_offset))
            x, y = x + place.x_advance, y + place.y_advance
        measured = sum(self.face.charWidths[ord(c)] for c in cluster) * self.face.unitsPerEm / 1000
        return parts, round(measured)  # what lines are measured with; a test holds it against x

    def _compose(self, parts: list[tuple[int, int, int]]) -> tuple[bytes, int]:
        """A composite glyph of these parts, and its left edge."""
        data, start, places = self.face._ttf_data, self.face.table["glyf"]["offset"], self.face.glyphPos  # noqa: SLF001
        drawn, boxes = [], []
        for glyph, x, y in parts:
            if places[glyph + 1] == places[glyph]:
                continue  # nothing to draw, a space
            left, low, right, high = struct.unpack_from(">4h", data, start + places[glyph] + 2)
            boxes.append((left + x, low + y, right + x, high + y))
            drawn.append((glyph, x, y))
        if not drawn:
            return b"", 0
        box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
        outline = struct.pack(">5h", -1, *box)
        for n, (glyph, x, y) in enumerate(drawn, 1):
            flags = _WORDS | _XY | (_MORE if n < len(drawn) else 0)
            outline += struct.pack(">HHhh", flags, glyph, x, y)
        return outline + b"\0" * (-len(outline) % 4), box[0]


# The fonts that every PDF program is said to have, by family; a paper that names one gets ours, embedded.
_STANDARD = {
    "helvetica": ("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
    "times": ("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"),
    "courier": ("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"),
}


@cache
def stand_in() -> None:
    """Take the place of the standard fonts in this process: libraries set them where nobody asked for them."""
    for family, names in _STANDARD.items():
        for (_, bold, italic), font, name in zip(FACES.values(), load().values(), names, strict=True):
            same = copy.copy(font)
            same.fontName = name
            pdfmetrics.registerFont(same)
            addMapping(family, bold, italic, name)


@cache
def load() -> dict[str, ThaiFont]:
    """The four faces, registered with ReportLab under their names."""
    fonts = {name: ThaiFont(name, FONT_DIR / file) for name, (file, _, _) in FACES.items()}
    for name, (_, bold, italic) in FACES.items():
        pdfmetrics.registerFont(fonts[name])
        addMapping(FAMILY, bold, italic, name)
    return fonts
