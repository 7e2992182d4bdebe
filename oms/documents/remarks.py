"""What xhtml2pdf remarks while it works, and which of it spoils the paper.

It goes on where a paper would be wrong: a picture is left out, another font is taken, text is dropped. Its remarks on
style (a property it does not know, a color it cannot read) change how a paper looks and nothing it says. Those are let
through; everything else is an error, so that a remark nobody has thought of is one too.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from oms.documents.errors import Unprintable
from oms.errors import Say, say

OUTSIDE, PICTURE, FONT, BROKEN = "paper_outside", "paper_picture", "paper_font", "paper_broken"

_STYLE_ONLY = (
    "%s: Ignoring CSS properties",
    "%sIgnoring CSS declarations",
    "%sIgnoring %s: %s, as %s",
    "Cannot read the colour",
    "getSize:",
    "Not a percentage:",
    "%s: %r %s",
    "%s: %r is not",
    "%s: %s",
    "To many elements for border style",
    "flex",
    "gap:",
    "border-radius:",
    "The content of the static frame %r needs",
    "The contents of a %s do not fit in its",
    "No font this document has can draw",  # ours says so better, and lets through what is tidied away
)
_KINDS = (
    ("resource policy", OUTSIDE),
    ("image", PICTURE),
    ("extracting data", PICTURE),
    ("src attribute", PICTURE),
    ("font", FONT),
)


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: tuple[str, str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.first is None and not str(record.msg).startswith(_STYLE_ONLY):
            said = record.getMessage().splitlines()[0][:200]
            self.first = next((kind for sign, kind in _KINDS if sign in said.lower()), BROKEN), said


@contextmanager
def no_remark_that_spoils() -> Iterator[None]:
    """Raise Unprintable when something was remarked that makes the paper wrong."""
    listener, log = _Listener(), logging.getLogger("xhtml2pdf")
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)
        spoiled = listener.first if sys.exc_info()[0] is None else None
    if spoiled:
        raise Unprintable(_sentence(*spoiled), code=spoiled[0])


def _sentence(kind: str, said: str) -> Say:
    if kind == OUTSIDE:
        return say("A paper may use nothing from outside it, only pictures put into it: {what}", what=said)
    if kind == PICTURE:
        return say("A picture on the paper does not open: {what}", what=said)
    if kind == FONT:
        return say("A font on the paper is not there, only Sarabun is: {what}", what=said)
    return say("The paper cannot be printed: {what}", what=said)
