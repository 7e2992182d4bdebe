"""Phone numbers as buyers type them, kept in one form so that any way of writing finds the same person."""

from __future__ import annotations

import re
from functools import lru_cache

from oms.errors import InvalidInput, say
from oms.thai.text import arabic_digits, clean

_EXTENSION = re.compile(r"\s*(?:ต่อ|ext\.?|#|x(?=\s*\d))\s*\d+.*$", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s().\-–—_/]")
_LETTER_O = re.compile(r"(?<=[\d+])[oO]|[oO](?=\d)")
_CANDIDATE = re.compile(r"\+?[\dOo][\dOo\s().\-–—]{7,18}[\dOo]")
_WRITTEN = re.compile(r"(?<!\d)(?:\+66[ .\-]?|0)\d(?:[ .\-–]?\d){7,8}(?!\d)")  # one number, whatever figures follow
_LANDLINE_AREA = frozenset("23457")
_MOBILE_AREA = frozenset("689")


def _digits(text: str) -> str:
    """Digits with a leading + if there was one; separators gone, letter O read as zero, Thai digits as Arabic."""
    bare = _SEPARATORS.sub("", arabic_digits(clean(text)))
    while (read := _LETTER_O.sub("0", bare)) != bare:
        bare = read
    return bare


def _national(digits: str) -> str:
    """+66 and 0066 and 66 before a full number become the leading 0."""
    for prefix in ("+66", "0066", "66"):
        rest = digits.removeprefix(prefix)
        if rest != digits and 8 <= len(rest.lstrip("0")) <= 9:
            return "0" + rest.lstrip("0")
    return digits


def _all_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def is_mobile(phone: str) -> bool:
    """Whether a number in house form is a Thai mobile: ten digits beginning 06, 08 or 09."""
    return len(phone) == 10 and phone[0] == "0" and phone[1] in _MOBILE_AREA and _all_digits(phone)


def is_landline(phone: str) -> bool:
    """Whether a number in house form is a Thai landline: nine digits beginning 02 to 05 or 07."""
    return len(phone) == 9 and phone[0] == "0" and phone[1] in _LANDLINE_AREA and _all_digits(phone)


@lru_cache(maxsize=20_000)
def read_phone(text: str) -> str | None:
    """The number in house form, or None when it is none: ``0812345678``, ``021234567``, foreign ones ``+85212345678``.

    An extension ("ต่อ 105") is left to the note it was written in. A masked number ("****78") is no number.
    """
    digits = _national(_digits(_EXTENSION.sub("", arabic_digits(clean(text)))))
    if is_mobile(digits) or is_landline(digits):
        return digits
    if digits.startswith("+") and _all_digits(digits[1:]) and 8 <= len(digits[1:]) <= 15 and digits[1] != "0":
        return None if digits.startswith("+66") else digits
    return None


def parse_phone(text: str, field: str | None = None) -> str:
    """Like ``read_phone``, but raises InvalidInput with a sentence that says what is wrong."""
    phone = read_phone(text)
    if phone is None:
        raise InvalidInput(
            say(
                "“{text}” is not a phone number: a mobile has 10 digits (06, 08, 09), a landline 9 (02 to 05, 07)",
                text=text,
            ),
            field=field,
            code="phone",
        )
    return phone


def find_phones(text: str) -> list[str]:
    """Every number in a longer text, in house form, in order, each once."""
    found: list[str] = []
    for candidate in _CANDIDATE.findall(arabic_digits(clean(text))):
        whole = read_phone(candidate)
        parts = [whole] if whole else [read_phone(part) for part in _WRITTEN.findall(candidate)]
        found += [phone for phone in parts if phone and phone not in found]
    return found


def phone_fragment(text: str) -> str:
    """What to search for when part of a number was typed; empty when the text is not digits."""
    digits = _digits(text)
    for prefix in ("+66", "0066"):
        if digits.startswith(prefix):
            digits = "0" + digits.removeprefix(prefix).lstrip("0")
    digits = _national(digits).removeprefix("+")
    return digits if _all_digits(digits) else ""


def format_phone(phone: str) -> str:
    """For reading aloud: 081-234-5678, 02-123-4567, 053-123-456. Foreign numbers stay as they are."""
    if is_mobile(phone):
        return f"{phone[:3]}-{phone[3:6]}-{phone[6:]}"
    if is_landline(phone):
        bangkok = phone[1] == "2"
        return f"{phone[:2]}-{phone[2:5]}-{phone[5:]}" if bangkok else f"{phone[:3]}-{phone[3:6]}-{phone[6:]}"
    return phone


def mask_phone(phone: str) -> str:
    """For readers who may not see numbers: the first three and last two digits stay."""
    return phone if len(phone) < 8 else f"{phone[:3]}{'x' * (len(phone) - 5)}{phone[-2:]}"


def tail_phone(phone: str) -> str:
    """For staff on the phone: the last four digits, by which a caller is told from another."""
    return phone if len(phone) < 8 else f"{'x' * (len(phone) - 4)}{phone[-4:]}"


def mask_phones(text: str) -> str:
    """A longer text with every number in it masked."""
    return _WRITTEN.sub(lambda hit: mask_phone(read_phone(hit.group()) or hit.group()), arabic_digits(text))
