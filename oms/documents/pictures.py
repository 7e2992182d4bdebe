"""A page of a paper as a picture, for the screen."""

from __future__ import annotations

import io

import pypdfium2

SCALE = 1.5  # 108 dots per inch
MOST_PAGES = 20  # shown on screen; the whole paper is in the PDF


def pictures(pdf: bytes, scale: float = SCALE) -> list[bytes]:
    """The first pages as PNG."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_png(document[i], scale) for i in range(min(len(document), MOST_PAGES))]
    finally:
        document.close()


def _png(page: pypdfium2.PdfPage, scale: float) -> bytes:
    out = io.BytesIO()
    page.render(scale=scale, rev_byteorder=True).to_pil().convert("RGB").quantize(64).save(out, "PNG", optimize=False)
    page.close()
    return out.getvalue()
