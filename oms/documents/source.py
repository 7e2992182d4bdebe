"""The HTML of a paper looked at before it is rendered: what a paper cannot hold is said at once and in our words."""

from __future__ import annotations

import html
import re

from oms.documents.errors import Unprintable, missing_glyph, too_heavy
from oms.documents.thaipdf.tidy import tidy
from oms.errors import say

MOST_BYTES = 10_000_000

_SVG = re.compile(r"data:\s*image/svg|<svg", re.IGNORECASE)
_NOT_ON_PAPER = re.compile(
    r"<\s*(input|select|textarea|button|iframe|frame|object|embed|applet|audio|video|script|canvas|pdf:insertpdf)\b",
    re.IGNORECASE,
)
_WIDE_SPAN = re.compile(r"(?:col|row)span\s*=\s*[\"']?\s*\+?0*[1-9]\d{3,}", re.IGNORECASE)
_NUMBER = re.compile(r"&#(?:x[0-9a-f]{1,6}|[0-9]{1,7});?", re.IGNORECASE)
_TIDIED_TEXT = re.compile("[^\t\n\r -\u024f\u0e00-\u0e7f]+")


def read(source: str) -> bytes:
    """The HTML as it is rendered, without signs that are nothing on paper. Raises InvalidInput for what no paper is."""
    try:
        encoded = source.encode()
    except UnicodeEncodeError as error:
        raise missing_glyph(source[error.start], "") from None
    if len(encoded) > MOST_BYTES:
        raise too_heavy()
    if _SVG.search(source):
        raise Unprintable(say("Pictures on a paper are PNG or JPEG, not SVG"), code="paper_svg")
    if found := _NOT_ON_PAPER.search(source):
        raise Unprintable(say("A paper cannot hold <{tag}>", tag=found[1].lower()), code="paper_tag")
    if _WIDE_SPAN.search(source):
        raise too_heavy()
    tidied = _NUMBER.sub(_number, source)
    return _TIDIED_TEXT.sub(lambda found: tidy(found[0]), tidied).replace("\0", "").encode()


def _number(found: re.Match[str]) -> str:
    """A character written as its number: gone when it is nothing on paper, else as it stands."""
    char = html.unescape(found[0])
    return found[0] if char.isspace() or tidy(char) == char else tidy(char)
