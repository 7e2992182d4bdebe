"""The tag-length-value text inside payment QR codes and slip QR codes (EMV QRCPS, merchant presented).

A payload is ``tag(2 digits) length(2 digits, in characters) value``, repeated. Tag order is free between libraries:
compare tags, never text. The checksum is CRC-16/CCITT-FALSE over everything before its own value; the standard
library's ``binascii.crc_hqx`` computes it when started at 0xFFFF.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oms.errors import InvalidInput, say

CRC_TAGS = ("63", "91")  # payment QR, slip QR
MAX_LENGTH = 1000  # characters; a real payload has fewer than 200
_HEX = frozenset("0123456789abcdefABCDEF")


class PayloadRefused(InvalidInput):
    """The text is no tag-length-value payload."""

    code = "qr_payload"


@dataclass(frozen=True)
class Payload:
    """A payload taken apart. ``crc_ok`` None means that it carries no checksum."""

    tags: Mapping[str, str]
    crc_ok: bool | None


def crc(text: str) -> int:
    """CRC-16/CCITT-FALSE of the text; 0x29B1 for ``123456789``."""
    return binascii.crc_hqx(text.encode("utf-8"), 0xFFFF)


def _refuse() -> PayloadRefused:
    return PayloadRefused(say("This QR code is no payment code and no slip code"))


def _number(text: str) -> int:
    if len(text) != 2 or not (text.isascii() and text.isdecimal()):
        raise _refuse()
    return int(text)


def _walk(text: str, *, crc_may_be_short: bool) -> Iterable[tuple[str, str, int]]:
    """(tag, value, where the value begins). A checksum at the very end may have lost its leading zeros."""
    at = 0
    while at < len(text):
        tag, length, start = text[at : at + 2], _number(text[at + 2 : at + 4]), at + 4
        _number(tag)
        end = start + length
        if end > len(text) and not (crc_may_be_short and tag in CRC_TAGS and start < len(text)):
            raise _refuse()
        yield tag, text[start:end], start
        at = end


def read_tags(text: str) -> dict[str, str]:
    """The tags of a template (the value of another tag). Raises PayloadRefused."""
    found: dict[str, str] = {}
    for tag, value, _ in _walk(text, crc_may_be_short=False):
        if tag in found:
            raise _refuse()
        found[tag] = value
    return found


def read_payload(text: str) -> Payload:
    """Take a whole payload apart and prove its checksum. Raises PayloadRefused, and nothing else, on any other text.

    Some bank apps drop leading zeros of the checksum, with or without saying so in its length; TrueMoney writes it in
    lower case. Both are read as the number they mean.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise _refuse()
    found: dict[str, str] = {}
    crc_ok: bool | None = None
    for tag, value, start in _walk(text, crc_may_be_short=True):
        if tag in found:
            raise _refuse()
        found[tag] = value
        if tag in CRC_TAGS and start + len(value) == len(text):
            crc_ok = _crc_holds(text[:start], value)
    return Payload(found, crc_ok)


def _crc_holds(before: str, written: str) -> bool:
    if not written or len(written) > 4 or not set(written) <= _HEX:
        return False
    told = int(written, 16)
    return told in {
        crc(before),
        crc(before[:-2] + "04"),
    }  # a shortened one may tell its true length; it was summed as 04


def write_tags(tags: Iterable[tuple[str, str]]) -> str:
    """Tags as text, in the order given. A value that is too long is an error of the caller."""
    written = []
    for tag, value in tags:
        if len(value) > 99 or len(tag) != 2:
            raise ValueError(f"tag {tag} cannot carry {len(value)} characters")
        written.append(f"{tag}{len(value):02d}{value}")
    return "".join(written)


def seal(text: str, tag: str = "63") -> str:
    """The payload with its checksum at the end."""
    open_end = f"{text}{tag}04"
    return f"{open_end}{crc(open_end):04X}"
