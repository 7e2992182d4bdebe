"""Code 128 and QR as label printers need them: every bar a whole number of the printer's dots, quiet room around."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import zxingcpp
from PIL import Image

from oms.documents.errors import Unprintable
from oms.documents.labels.papers import DOT
from oms.errors import say

QUIET_BARS = 10  # modules of white a reader needs beside Code 128
QUIET_QR = 4
MOST_DOTS = 4
LEAST_DOTS = 2  # thinner bars do not survive a label printer


@dataclass(frozen=True)
class Bars:
    """Dark bars as (left, width), in modules; ``modules`` in all; ``dots`` of the printer a module takes."""

    bars: tuple[tuple[int, int], ...]
    modules: int
    dots: int

    @property
    def width(self) -> float:
        """Without the quiet room, in points."""
        return self.modules * self.dots * DOT

    def path(self, x: float, y: float, height: float) -> str:
        """What draws it, in the language of the page: one shape of many rectangles."""
        module = self.dots * DOT
        return " ".join(f"{x + a * module:.3f} {y:.3f} {w * module:.3f} {height:.3f} re" for a, w in self.bars) + " f"


@dataclass(frozen=True)
class Matrix:
    """A QR code: its rows as bits, dark ones set."""

    size: int
    dots: int
    rows: bytes

    @property
    def width(self) -> float:
        """Without the quiet room, in points."""
        return self.size * self.dots * DOT

    def image(self, x: float, y: float) -> str:
        """What draws it: a picture of one bit a module, painted in the color that is set."""
        width = f"{self.width:.3f}"
        return (
            f"q {width} 0 0 {width} {x:.3f} {y:.3f} cm BI /W {self.size} /H {self.size} /IM true /D [1 0] /F /AHx "
            f"ID {self.rows.hex()}> EI Q"
        )


def _modules(text: str, form: zxingcpp.BarcodeFormat, **how: str) -> memoryview:
    try:
        made: Any = zxingcpp.create_barcode(text, form, **how)
    except ValueError:
        raise unwritable(text) from None
    picture: Any = made.to_image(scale=1, add_quiet_zones=False)
    return memoryview(picture)


def unwritable(text: str) -> Unprintable:
    """The refusal of a number that is no bar code."""
    return Unprintable(say("“{number}” cannot be written as a bar code", number=text[:60]), code="label_number")


@lru_cache(512)
def code128(text: str, room: float) -> Bars | None:
    """The bars in ``room`` points, as thick as fits; None when they would be thinner than a printer can."""
    if not text or not text.isascii() or not text.isprintable():
        raise unwritable(text)
    view = _modules(text, zxingcpp.BarcodeFormat.Code128)
    row = view.tobytes()[: _side(view, 1)]
    bars: list[tuple[int, int]] = []
    start = None
    for at, white in enumerate((*row, 255)):
        if not white and start is None:
            start = at
        elif white and start is not None:
            bars.append((start, at - start))
            start = None
    dots = int(room / (DOT * (len(row) + 2 * QUIET_BARS)))
    return Bars(tuple(bars), len(row), min(dots, MOST_DOTS)) if dots >= LEAST_DOTS else None


def _side(view: memoryview, axis: int) -> int:
    assert view.shape is not None
    return view.shape[axis]


def square(text: str, *, scale: int, border: int) -> Image.Image:
    """The QR code as a picture of black and white dots, ``border`` modules of white around it."""
    view = _modules(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    size = _side(view, 0)
    side = size + 2 * border
    dots = Image.new("1", (side, side), 1)
    dots.paste(
        Image.frombytes("L", (size, size), view.tobytes()).convert("1", dither=Image.Dither.NONE), (border, border)
    )
    return dots.resize((side * scale, side * scale), Image.Resampling.NEAREST)


@lru_cache(512)
def qr(text: str, room: float) -> Matrix:
    """The QR code in a square of ``room`` points."""
    view = _modules(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    size, flat = _side(view, 0), view.tobytes()
    padded = -(-size // 8) * 8
    lines = ("".join("0" if v else "1" for v in flat[r * size : (r + 1) * size]) for r in range(size))
    rows = b"".join(int(line.ljust(padded, "0"), 2).to_bytes(padded // 8, "big") for line in lines)
    dots = int(room / (DOT * (size + 2 * QUIET_QR)))
    if dots < LEAST_DOTS:
        raise unwritable(text)
    return Matrix(size, dots, rows)
