"""One form for names, addresses and chat names, so that the same person written twice is seen."""

from __future__ import annotations

import re
from typing import Final

from oms.thai.text import normalize

LONGEST: Final = 120
_TITLES = re.compile(r"^(นางสาว|น\.\s?ส\.|นาง|นาย|ด\.ช\.|ด\.ญ\.|คุณ|mrs?\.?|ms\.?|miss)\s*")
_SHORT: Final = (
    (re.compile(r"(บ้านเลขที่|เลขที่|no\.)\s*"), ""), (re.compile(r"(หมู่ที่|หมู่|ม\.|moo)\s*(?=\d)"), "ม"),
    (re.compile(r"(ซอย|ซ\.|soi)\s*"), "ซ"), (re.compile(r"(ถนน|ถ\.|road|rd\.?)\s*"), "ถ"),
)  # fmt: skip
_OTHER = re.compile(r"[^0-9a-z\u0e01-\u0e4e]")
_POSTCODE = re.compile(r"[1-9][0-9]{4}")


def bare_name(name: str) -> str:
    """A name in small letters without its title."""
    return _TITLES.sub("", normalize(name))


def name_key(name: str) -> str:
    """A name without its title, its spaces and its signs; "" for none."""
    return _OTHER.sub("", bare_name(name))


def address_key(line: str, postcode: str) -> str:
    """House, village and road with the postcode; "" for an address too vague to tell two homes apart."""
    text = normalize(line)
    for pattern, short in _SHORT:
        text = pattern.sub(short, text)
    compact, code = _OTHER.sub("", text), normalize(postcode).strip()
    if len(compact) < 3 or not any(c.isdigit() for c in compact) or not _POSTCODE.fullmatch(code):
        return ""
    return f"{code}:{compact}"[:LONGEST]


def handles(external_id: str) -> tuple[str, ...]:
    """The ways one chat name is written: with and without its sign, in lower case."""
    bare = external_id.strip().lstrip("@")
    return tuple(dict.fromkeys(x for x in (bare, f"@{bare}", bare.lower(), f"@{bare.lower()}") if bare))
