"""Thai text as people and files write it, brought to one form for storing, comparing and searching."""

from __future__ import annotations

import re
import unicodedata

GRAM = 3  # characters in one piece of the search index; a fragment of this length or more is found

_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")
_INVISIBLE = dict.fromkeys([0x00AD, 0x2060, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)])
_DOUBLE_E = re.compile("เเ")
_SPLIT_AM = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32")  # nikhahit, perhaps a tone mark, sara aa
_AM_THEN_TONE = re.compile("\u0e33([\u0e48-\u0e4b])")  # a tone mark typed after sara am
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text fit for storing: NFC, one spelling of แ and ำ, nothing invisible, single spaces, no control characters."""
    text = unicodedata.normalize("NFC", text)
    plain = text.isprintable()  # then nothing invisible is in it and no space but the plain one
    if not plain:
        text = text.translate(_INVISIBLE)
    if "เเ" in text:
        text = _DOUBLE_E.sub("แ", text)
    if "\u0e4d" in text:
        text = _SPLIT_AM.sub("\\1ำ", text)
    if "\u0e33" in text:
        text = _AM_THEN_TONE.sub("\\1ำ", text)
    if not plain:
        text = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    return (_SPACE.sub(" ", text) if not plain or "  " in text else text).strip()


def clean_lines(text: str) -> str:
    """Like ``clean``, line by line; empty lines at both ends go."""
    return "\n".join(clean(line) for line in text.splitlines()).strip()


def arabic_digits(text: str) -> str:
    """๐-๙ as 0-9. For numbers only: a name keeps the digits it was written with."""
    return text.translate(_THAI_DIGITS)


def normalize(text: str) -> str:
    """The form two texts are compared in: cleaned, lower case, Arabic digits."""
    return arabic_digits(clean(text)).lower()


def _pieces(token: str) -> list[str]:
    if len(token) <= GRAM:
        return [token]
    return [token[i : i + GRAM] for i in range(len(token) - GRAM + 1)]


def grams(text: str) -> list[str]:
    """The search pieces of a text, sorted, each once: three characters each, and shorter words whole.

    A record is found by a fragment when it holds all the fragment's pieces (``query_grams``).
    """
    return sorted({piece for token in normalize(text).split() for piece in _pieces(token)})


def query_grams(text: str) -> list[str]:
    """The pieces a searched text must have. Words too short to index count only when nothing longer was typed."""
    tokens = normalize(text).split()
    long = [t for t in tokens if len(t) >= GRAM]
    return sorted({piece for token in long or tokens for piece in _pieces(token)})
