"""A4 papers from HTML. The one place that knows xhtml2pdf.

``render_pdf`` gives the same bytes for the same HTML, with the embedded Thai font. What would be wrong on paper is an
error: a character without a glyph, a font that is not there, a picture that does not open, text outside the page.
Nothing is fetched: pictures are ``data:`` URIs, and no file and no address is opened.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from oms.documents.thaipdf import fonts, paragraphs
from oms.errors import InvalidInput, OmsError, say
from oms.thai import words

PAGES = {"A4": "a4", "A4 landscape": "a4 landscape", "A5": "a5", "A5 landscape": "a5 landscape"}
MOST_HTML = 10_000_000
MOST_SECONDS = 60

_HOUSE_CSS = """
html { font-family: Sarabun; font-size: 10pt; line-height: 140%; }
h1, h2, h3, h4, h5, h6 { -pdf-outline: false; }
pre, code, tt, kbd, samp { font-family: Sarabun; }
"""


class Unprintable(InvalidInput):
    """The paper cannot be made as it is."""

    code = "unprintable"


def render_pdf(html: str, *, page: str = "A4") -> bytes:
    """The paper as PDF. Raises InvalidInput with a sentence that names what is wrong and where."""
    return convert(html, page)


@cache
def _engine() -> Any:
    """xhtml2pdf, taught Thai. Loaded when first used: it takes half a second."""
    from reportlab import rl_config
    from xhtml2pdf import default, document, reportlab_paragraph, xhtml2pdf_reportlab

    rl_config.invariant = 1
    fonts.load()
    words.prepare()
    for name in list(default.DEFAULT_FONT):
        default.DEFAULT_FONT[name] = fonts.FAMILY
    default.DEFAULT_FONT[fonts.FAMILY.lower()] = fonts.FAMILY
    paragraphs.install(xhtml2pdf_reportlab.PmlParagraph, reportlab_paragraph)
    return document


def convert(html: str, page: str = "A4") -> bytes:
    """``render_pdf`` in this very process, without its limits."""
    engine = _engine()
    from xhtml2pdf.config.resources import RenderLimitError, ResourceAccessPolicy

    policy = ResourceAccessPolicy.server(
        None, allow_remote=False, max_render_seconds=MOST_SECONDS, max_document_bytes=MOST_HTML
    )
    css = f"{engine.DEFAULT_CSS}\n{_HOUSE_CSS}"
    if "@page" not in html:
        css += f"@page {{ size: {PAGES[page]}; margin: 12mm; }}"
    out = io.BytesIO()
    with _complaints() as said:
        try:
            engine.pisaDocument(
                html, out, encoding="utf-8", default_css=css, resource_policy=policy, raise_exception=True
            )
        except OmsError:
            raise
        except RenderLimitError:
            raise Unprintable(say("The paper is too large or too deeply nested"), code="paper_too_large") from None
    if said:
        raise Unprintable(say("The paper cannot be printed: {what}", what=said[0]), code="paper_broken")
    return out.getvalue()


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage().splitlines()[0][:200])


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What xhtml2pdf warns of while it works: it goes on where a paper would be wrong."""
    listener, log = _Listener(), logging.getLogger("xhtml2pdf")
    log.addHandler(listener)
    try:
        yield listener.said
    finally:
        log.removeHandler(listener)
