"""The seller's own look on papers: a color that white words can be read on, and a logo small enough to be frozen with
every document.
"""

from __future__ import annotations

import io
import re
from typing import Final

from PIL import Image, UnidentifiedImageError

from oms.errors import InvalidInput, say

LOGO_SIZE: Final = (420, 120)
LOGO_BYTES: Final = 16_000
CONTRAST: Final = 4.5  # white words on the color, as accessible pages want it
_COLORS = (64, 32, 16)
_HEX = re.compile(r"#[0-9a-f]{6}")


def read_color(text: str) -> str:
    """The color as #rrggbb, "" for ours. Raises InvalidInput when it is none, or white words on it are hard to read."""
    found = text.strip().lower()
    if not found:
        return ""
    if not _HEX.fullmatch(found):
        raise InvalidInput(say("A color is # and six digits, such as #17456b"), field="color", code="color")
    if 1.05 / (_light(found) + 0.05) < CONTRAST:
        raise InvalidInput(
            say("White words cannot be read on this color; choose a darker one"), field="color", code="color_pale"
        )
    return found


def _light(color: str) -> float:
    """Its relative luminance (WCAG 2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def small_logo(picture: bytes) -> bytes:
    """A small PNG of a picture that the decoding process made. Raises InvalidInput when it stays too large."""
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG",)) as opened:
            shrunk = opened.convert("RGB")
    except (UnidentifiedImageError, OSError):
        raise InvalidInput(say("This is no picture that can be a logo"), field="logo", code="logo") from None
    shrunk.thumbnail(LOGO_SIZE, Image.Resampling.LANCZOS)
    for colors in _COLORS:
        out = io.BytesIO()
        shrunk.quantize(colors).save(out, "PNG", optimize=True)
        if out.tell() <= LOGO_BYTES:
            return out.getvalue()
    raise InvalidInput(
        say("This logo is too detailed for paper; use a simpler one with few colors"), field="logo", code="logo_large"
    )
