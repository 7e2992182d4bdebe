"""A finished PDF looked at by another program than the one that made it: is everything on the page?"""

from __future__ import annotations

import ctypes

import pypdfium2
import pypdfium2.raw as pdfium

from oms.documents.errors import Unprintable, too_heavy
from oms.errors import say

MOST_PAGES = 2000
_LINKS = (b"https://", b"http://", b"mailto:", b"tel:")
_READABLE = 3.5  # points from the lowest to the highest ink of some words
_SLACK = 0.5  # points; ink of italic letters leans over


def check_fonts(pdf: bytes) -> None:
    """Raise Unprintable when text is set in a font that is not in the file."""
    if b"/Subtype /Type1 " in pdf:
        raise Unprintable(say("A font on the paper is not there, only Sarabun is: {what}", what=""), code="paper_font")


def check_pages(pdf: bytes, most: int = MOST_PAGES) -> None:
    """Raise Unprintable, naming the page and the text, when text lies outside a page or there are too many pages."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        if len(document) > most:
            raise too_heavy()
        for number, page in enumerate(document, 1):
            _check(page, number)
            _check_links(document, page, number)
            page.close()
    finally:
        document.close()


def _check(page: pypdfium2.PdfPage, number: int) -> None:
    width, height = page.get_size()
    text = page.get_textpage()
    for i in range(text.count_rects()):
        left, bottom, right, top = box = text.get_rect(i)
        if top - bottom < _READABLE and len(text.get_text_bounded(*box).strip()) > 7:
            raise Unprintable(
                say("Page {page}: so much stands in one place that it would be too small to read", page=number),
                code="paper_too_small",
            )
        if left < -_SLACK or bottom < -_SLACK or right > width + _SLACK or top > height + _SLACK:
            said = text.get_text_bounded(*box).strip() or "?"
            raise Unprintable(
                say("Page {page}: this runs off the paper: {text}", page=number, text=said[:80]), code="paper_off_page"
            )
    text.close()


def _check_links(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, number: int) -> None:
    """A link leads to a place in the paper or to a page on the web; it runs no program and opens no file."""
    at, link = ctypes.c_int(0), pdfium.FPDF_LINK()
    while pdfium.FPDFLink_Enumerate(page, at, link):
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) == pdfium.PDFACTION_GOTO:
            continue
        room = ctypes.create_string_buffer(2048)
        pdfium.FPDFAction_GetURIPath(document, action, room, len(room))
        if not room.value.lower().startswith(_LINKS):
            raise Unprintable(
                say(
                    "Page {page}: this link is not to the web: {link}",
                    page=number, link=room.value.decode(errors="replace")[:80],
                ),
                code="paper_link",
            )  # fmt: skip
