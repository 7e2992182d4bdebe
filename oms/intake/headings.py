"""Columns found by name: headings compared without stars, spaces and case, in NFC, with all known synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

_DROP = re.compile(r"[\s*:_\u200b\ufeff]+")
_TAIL = re.compile(r"\(.*\)$|（.*）$")


@lru_cache(maxsize=4096)
def heading_key(heading: str) -> str:
    """The form two headings are compared in."""
    return _DROP.sub("", unicodedata.normalize("NFC", heading)).casefold().replace("ํา", "ำ")


@lru_cache(maxsize=4096)
def short_key(heading: str) -> str:
    """The same without what stands in brackets at the end: ``Price (THB)`` is ``price``."""
    return _TAIL.sub("", heading_key(heading))


class Form(Protocol):
    """What a kind of file calls its columns: headings per field, the first known one wins."""

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]: ...

    @property
    def required(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Columns:
    """Where each field of a format stands in one file, and the headings for naming a bad cell."""

    where: Mapping[str, int]
    headings: Sequence[str]
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = field(default=())

    def heading(self, name: str) -> str:
        index = self.where.get(name)
        return self.headings[index] if index is not None and index < len(self.headings) else name


def resolve(form: Form, headings: Sequence[str]) -> Columns:
    """Find every field of a format among headings."""
    keys = [heading_key(h) for h in headings]
    places: dict[str, int] = {}
    for index in range(len(keys) - 1, -1, -1):
        places[short_key(headings[index])] = index
    for index in range(len(keys) - 1, -1, -1):
        places[keys[index]] = index
    where: dict[str, int] = {}
    for name, synonyms in form.columns.items():
        place = next((places[k] for s in synonyms if (k := heading_key(s)) and k in places), None)
        if place is not None:
            where[name] = place
    missing = tuple(sorted(form.required - where.keys()))
    used = set(where.values())
    unused = tuple(h for i, h in enumerate(headings) if h and i not in used)
    return Columns(where, tuple(headings), missing, unused)


def score(form: Form, cells: Sequence[str]) -> int:
    """How many fields of the format a row of headings knows; 0 when a required one is missing."""
    found = resolve(form, cells)
    return 0 if found.missing else len(found.where)


def likeness(form: Form, cells: Sequence[str]) -> int:
    """How many fields the row knows, required or not: for saying which heading is missing."""
    return len(resolve(form, cells).where)
