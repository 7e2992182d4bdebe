"""Find QR codes in photos of phones. Runs only in the decoding process.

The quick look comes first and settles nearly every slip; what it cannot read is looked at larger, with more contrast,
smoother, sharper and piece by piece, until a slip is found or the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps

from oms.banks.slip_code import SlipCode, choose
from oms.payments.states import SlipKind

QUICK_SIDE = 1400
SECONDS = 2.0
EDGE_OF_SHADE = 16  # pixels around each that tell its light: a hard shadow across the code is taken out
ENOUGH = 8  # codes in one picture; a page of more is no slip
QR = zxingcpp.barcode_formats_from_str("QRCode")
PATIENCE = 6  # further looks once a QR to pay with was found: the slip's own code may be the faint one


def read_codes(picture: Image.Image, seconds: float = SECONDS) -> tuple[SlipCode, tuple[SlipCode, ...]]:
    """The code that counts in this picture, and further slips beside it."""
    until = time.process_time() + seconds  # computing, so that a busy machine reads as much as an idle one
    texts: list[str] = []
    for looks, (view, binarizer) in enumerate(views(picture.convert("L")), 1):
        texts += [t for t in look(view, binarizer) if t not in texts]
        best, _ = choose(texts)
        settled = best.kind is SlipKind.SLIP and best.crc_ok is not False
        tired = best.kind is SlipKind.PAYMENT_QR and looks > PATIENCE
        if settled or tired or len(texts) >= ENOUGH or time.process_time() > until:
            break
    return choose(texts)


def look(view: Image.Image, binarizer: zxingcpp.Binarizer) -> list[str]:
    """The texts of the QR codes that are seen at once."""
    found = zxingcpp.read_barcodes(view, formats=QR, binarizer=binarizer)
    return [code.text for code in found if code.valid]


def fitted(gray: Image.Image, side: int) -> Image.Image:
    """Not longer than ``side``."""
    if max(gray.size) <= side:
        return gray
    scale = side / max(gray.size)
    size = (max(1, round(gray.width * scale)), max(1, round(gray.height * scale)))
    return gray.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def enlarged(gray: Image.Image, times: float) -> Image.Image:
    """Larger, with smooth edges."""
    return gray.resize((round(gray.width * times), round(gray.height * times)), Image.Resampling.BICUBIC)


def evened(gray: Image.Image, radius: int) -> Image.Image:
    """Shadows and glare taken out: every pixel against the light around it."""
    light = gray.filter(ImageFilter.BoxBlur(radius))
    return ImageOps.autocontrast(ImageChops.subtract(gray, light, scale=0.5, offset=128), cutoff=1)


def views(gray: Image.Image) -> Iterator[tuple[Image.Image, zxingcpp.Binarizer]]:
    """Ways to look, from quick to slow."""
    local, whole = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram
    quick = fitted(gray, QUICK_SIDE)
    yield quick, local
    if quick is not gray:
        yield gray, local
    yield evened(quick, EDGE_OF_SHADE), local
    bright = ImageOps.autocontrast(quick, cutoff=1)
    yield bright, whole
    larger = enlarged(bright, min(2.0, 2600 / max(bright.size)))
    yield larger, local
    yield larger.filter(ImageFilter.UnsharpMask(radius=4, percent=250, threshold=0)), local
    yield larger.filter(ImageFilter.GaussianBlur(1.6)), local
    yield evened(quick, max(8, max(quick.size) // 24)), local
    yield evened(larger, max(8, max(larger.size) // 40)), whole
    yield bright.filter(ImageFilter.MedianFilter(3)), local
    calm = ImageOps.autocontrast(quick.reduce(2), cutoff=1)  # grain averages out
    yield enlarged(calm, 2), local
    yield enlarged(calm.filter(ImageFilter.GaussianBlur(1)), 2), whole
    yield from pieces(gray)
    for part, _ in pieces(gray.filter(ImageFilter.GaussianBlur(2))):
        yield part, whole
    for angle in (45, 22, -22):
        yield quick.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255), local


def pieces(gray: Image.Image) -> Iterator[tuple[Image.Image, zxingcpp.Binarizer]]:
    """Overlapping quarters, enlarged: a small code in a large picture. The lower ones first: slips print it there."""
    local = zxingcpp.Binarizer.LocalAverage
    width, height = gray.size
    wide, high = max(1, width * 5 // 8), max(1, height * 3 // 8)
    for top in (height - high, (height - high) // 2, 0):
        for left in (width - wide, 0):
            part = ImageOps.autocontrast(gray.crop((left, top, left + wide, top + high)), cutoff=1)
            grown = enlarged(part, min(3.0, max(1.0, 1800 / max(part.size))))
            yield grown, local
            yield grown.filter(ImageFilter.UnsharpMask(radius=6, percent=350, threshold=0)), local
