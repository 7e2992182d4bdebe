"""A4 papers from HTML. The one place that knows xhtml2pdf.

``render_pdf`` gives the same bytes for the same HTML, with the embedded Thai font. What would be wrong on paper is an
error: a character without a glyph, a font that is not there, a picture that does not open, text outside the page.
Nothing is fetched: pictures are ``data:`` URIs of PNG or JPEG, and no file and no address is opened.

Templates are edited by users and filled with what strangers wrote, so papers are made in a confined process
(``oms.documents.rendering``) that is held to time and memory; ``convert`` is what it does there.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

from oms.confined.parent import Confined, Gone
from oms.documents.errors import MissingGlyph, Unprintable, from_wire, too_heavy
from oms.documents.source import MOST_BYTES, read
from oms.errors import say

PAGES = {"A4": "a4", "A4 landscape": "a4 landscape", "A5": "a5", "A5 landscape": "a5 landscape"}
SECONDS = 20.0  # of computing for one paper
MEMORY = 1024 * 1024 * 1024
_MOST = 2  # at once in one web process or worker
_LARGE = 200_000  # bytes; what was read for so large a paper is forgotten after it

__all__ = ["MissingGlyph", "Renderer", "Unprintable", "convert", "render_pdf"]

_HOUSE_CSS = """
html { font-family: Sarabun; font-size: 10pt; line-height: 140%; }
h1, h2, h3, h4, h5, h6 { -pdf-outline: false; }
pre, code, tt, kbd, samp { font-family: Sarabun; }
"""


class Renderer(Confined):
    """One rendering process for one thread. For many papers in a row keep one; else call ``render_pdf``."""

    def __init__(self) -> None:
        super().__init__("oms.documents.rendering")

    def render(self, html: str, *, page: str = "A4", seconds: float = SECONDS) -> bytes:
        """The paper as PDF. Raises InvalidInput with a sentence that names what is wrong and where."""
        source = read(html)
        asked = json.dumps({"page": page, "seconds": seconds}).encode()
        try:
            refused, pdf = self.ask([asked, source], 3 * seconds)
        except Gone:
            raise too_heavy() from None
        if refused:
            raise from_wire(refused)
        return pdf


def render_pdf(html: str, *, page: str = "A4", seconds: float = SECONDS) -> bytes:
    """The paper as PDF. Raises InvalidInput with a sentence that names what is wrong and where.

    ``page`` is the paper when the HTML has no ``@page`` rule of its own.
    """
    with _pool.borrowed() as renderer:
        return renderer.render(html, page=page, seconds=seconds)


class _Pool:
    """The processes of this process: at most ``_MOST`` work at once, who comes later waits. They are not shared with a
    process that was forked off."""

    def __init__(self) -> None:
        self.owner, self.free, self.room = 0, deque[Renderer](), threading.Semaphore(_MOST)
        self.lock = threading.Lock()

    @contextmanager
    def borrowed(self) -> Iterator[Renderer]:
        with self.lock:
            if self.owner != os.getpid():
                self.owner, self.free, self.room = os.getpid(), deque(), threading.Semaphore(_MOST)
            room = self.room
        with room:
            try:
                renderer = self.free.pop()
            except IndexError:
                renderer = Renderer()
            try:
                yield renderer
            finally:
                self.free.append(renderer)


_pool = _Pool()


@cache
def engine() -> Any:
    """xhtml2pdf, taught Thai and not to do the same thing twice. Loaded when first used: it takes half a second."""
    from reportlab import rl_config
    from reportlab.pdfbase import pdfdoc
    from reportlab.pdfgen import canvas
    from reportlab.platypus.flowables import KeepInFrame
    from xhtml2pdf import context, default, document, parser, reportlab_paragraph, tags, util, xhtml2pdf_reportlab
    from xhtml2pdf import tables as boxes
    from xhtml2pdf.builders import flex

    from oms.documents.pace import cells, drawing, elements, styles
    from oms.documents.thaipdf import fonts, paragraphs
    from oms.thai import words

    rl_config.invariant = 1
    rl_config.useA85 = 0  # streams as bytes, not as letters: a fifth shorter
    rl_config.canvas_basefontname = fonts.REGULAR
    fonts.stand_in()
    words.prepare()
    for name in list(default.DEFAULT_FONT):
        default.DEFAULT_FONT[name] = fonts.FAMILY
    default.DEFAULT_FONT[fonts.FAMILY.lower()] = fonts.FAMILY
    tags._list_style_font.clear()  # noqa: SLF001  marks of lists in our font too, not in one that is not embedded
    tags._list_style_type["square"] = tags._list_style_type["disc"]  # noqa: SLF001
    paragraphs.install(xhtml2pdf_reportlab.PmlParagraph, reportlab_paragraph)
    paragraphs.install_page_count(xhtml2pdf_reportlab.PmlPageCount)
    elements.install(
        SimpleNamespace(
            context=context,
            document=document,
            flex=flex,
            parser=parser,
            util=util,
            xhtml2pdf_reportlab=xhtml2pdf_reportlab,
        ),
        pdfdoc,
    )
    styles.install(context.pisaContext, parser, document.DEFAULT_CSS + _HOUSE_CSS)
    cells.install(xhtml2pdf_reportlab.PmlParagraph, xhtml2pdf_reportlab.PmlKeepInFrame, KeepInFrame)
    cells.install_tables(boxes, xhtml2pdf_reportlab.PmlTable)
    drawing.install(xhtml2pdf_reportlab, reportlab_paragraph, pdfdoc, canvas)
    return document


def convert(source: bytes, page: str = "A4") -> bytes:
    """``render_pdf`` in this very process, without its limits; ``source`` as ``read`` gives it."""
    document = engine()
    from reportlab.platypus.doctemplate import LayoutError
    from xhtml2pdf import util
    from xhtml2pdf.config.resources import RenderLimitError, ResourceAccessPolicy

    from oms.documents.proof import check_fonts, check_pages
    from oms.documents.remarks import no_remark_that_spoils

    policy = ResourceAccessPolicy.server(None, allow_remote=False, max_document_bytes=MOST_BYTES)
    css = document.DEFAULT_CSS + _HOUSE_CSS
    if b"@page" not in source:
        css = f"@page {{ size: {PAGES[page]}; margin: 12mm; }}\n{css}"
    out = io.BytesIO()
    with no_remark_that_spoils():
        try:
            document.pisaDocument(
                source, out, encoding="utf-8", default_css=css, resource_policy=policy, capacity=2 * MOST_BYTES
            )
        except RenderLimitError:
            raise too_heavy() from None
        except LayoutError:
            raise Unprintable(say("A part of the paper is larger than the page"), code="paper_part_size") from None
        finally:
            if len(source) > _LARGE:
                util.reset_caches()
    pdf = out.getvalue()
    check_fonts(pdf)
    check_pages(pdf)
    return pdf
