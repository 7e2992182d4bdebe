"""Where a line of Thai may turn: Thai is written without spaces, so words are found by a dictionary.

The words are those of newmm and every place name of the country; the reading is checked to give back the very text it
was given, and where it does not, lines turn between written syllables instead. Nothing is loaded before the first
Thai text. The faster "safe" mode of the segmenter is never used: it alters texts of more than about 130 characters.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache, lru_cache
from pathlib import Path

import geothai
import newmm_tokenizer
import nlpo3

MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # written above or below the letter before; for a character class
LEADING = "เแโใไ"  # vowels written before the consonant they follow in speech

_DICTIONARY = "ruam"
_PREFIXES = ("เขต", "อำเภอ", "กิ่งอำเภอ")
_RUN = re.compile("[\u0e01-\u0e3a\u0e40-\u0e4e]+")
_THAI = re.compile("[\u0e01-\u0e3a\u0e40-\u0e4e]")
_NEVER_FIRST = re.compile(f"[{MARKS}ะาำๅๆฯ]")
_CLUSTER = re.compile(f"[{LEADING}]?.[{MARKS}]*[ะาำๅ]*", re.DOTALL)
_BEFORE_THAI = re.compile(r"[A-Za-z0-9\u0e50-\u0e59)\]}%/,;:!?”’»]")
_AFTER_THAI = re.compile("[A-Za-z0-9\u0e50-\u0e59(\\[{฿#@“‘«]")


def has_thai(text: str) -> bool:
    """Whether there is a Thai letter in it."""
    return _THAI.search(text) is not None


def clusters(text: str) -> list[str]:
    """The text in pieces that may not be parted in writing: a letter with its marks and the vowels around it."""
    return _CLUSTER.findall(text)


@cache
def _load() -> None:
    words = Path(newmm_tokenizer.__file__).with_name("words_th.txt").read_text(encoding="utf-8").split("\n")
    places: set[str] = set()
    for province in geothai.provinces():
        places.add(province.name_th)
        for district in geothai.districts(province.code):
            name = next((district.name_th.removeprefix(p) for p in _PREFIXES if district.name_th.startswith(p)), "")
            places |= {name or district.name_th, *(s.name_th for s in geothai.subdistricts(district.code))}
    thai = sorted({w for w in map(str.strip, [*words, *places]) if w})
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:  # it reads files only
        file.write("\n".join(thai))
        file.flush()
        message, loaded = nlpo3.load_dict(file.name, _DICTIONARY)
    if not loaded:
        raise RuntimeError(f"The Thai words could not be loaded: {message}")


def prepare() -> None:
    """Load the words now, before the first text needs them."""
    _load()


def words_of(run: str) -> list[str]:
    """The words of a piece of Thai written together; joined they are the piece again, whatever the segmenter does."""
    _load()
    found = nlpo3.segment(run, _DICTIONARY)
    return found if "".join(found) == run else clusters(run)


@lru_cache(16384)
def _turns(run: str) -> tuple[int, ...]:
    """Where a line may turn inside a piece of Thai."""
    ends: list[int] = []
    at = 0
    for word in words_of(run)[:-1]:
        at += len(word)
        if not _NEVER_FIRST.match(run, at) and run[at - 1] not in LEADING:
            ends.append(at)
    return tuple(ends)


@lru_cache(4096)
def joints(text: str) -> tuple[int, ...]:
    """Positions where a line may turn although nothing is written between: before the character at the position.

    Between two words of Thai, between Thai and figures or Latin, and after "/" or "," before Thai. Never before a mark,
    a closing bracket, ๆ or ฯ, nor after an opening bracket.
    """
    found: list[int] = []
    for run in _RUN.finditer(text):
        start, end = run.span()
        if start and _BEFORE_THAI.match(text, start - 1) and not _NEVER_FIRST.match(text, start):
            found.append(start)
        found += [start + at for at in _turns(run.group())]
        if end < len(text) and _AFTER_THAI.match(text, end) and text[end - 1] not in LEADING:
            found.append(end)
    return tuple(found)
