"""Thai tax identity: 13 digits with a check digit, and the five-digit branch."""

from __future__ import annotations

import re

from oms.errors import InvalidInput, Say, say
from oms.thai.text import arabic_digits, clean

HEAD_OFFICE = "00000"
_SEPARATORS = re.compile(r"[\s\-–.]")


def _bare(text: str) -> str:
    return _SEPARATORS.sub("", arabic_digits(clean(text)))


def check_digit(first_twelve: str) -> int:
    """The thirteenth digit: weights 13 to 2 over the first twelve, then (11 - sum mod 11) mod 10."""
    total = sum(weight * int(digit) for weight, digit in zip(range(13, 1, -1), first_twelve, strict=True))
    return (11 - total % 11) % 10


def is_tax_id(digits: str) -> bool:
    """Whether 13 digits can be a tax id: not all zero, first digit 0 to 8 or 9 as issued, check digit right."""
    if len(digits) != 13 or not (digits.isascii() and digits.isdecimal()) or not digits.strip("0"):
        return False
    return int(digits[12]) == check_digit(digits[:12])


def is_person(digits: str) -> bool:
    """Whether the id is a citizen's (personal data): juristic persons' ids begin with 0."""
    return digits[0] != "0"


def parse_tax_id(text: str, field: str | None = None) -> str:
    """13 digits without separators. Raises InvalidInput with the reason in words."""
    digits = _bare(text)
    if len(digits) != 13 or not (digits.isascii() and digits.isdecimal()):
        raise InvalidInput(
            say("A tax id has 13 digits; “{text}” has not", text=text), field=field, code="tax_id_length"
        )
    if not is_tax_id(digits):
        raise InvalidInput(
            say("The check digit of tax id “{text}” is wrong; look for a mistyped digit", text=text),
            field=field,
            code="tax_id_check",
        )
    return digits


def format_tax_id(digits: str) -> str:
    """In the groups the Revenue Department prints: 0-1055-60000-01-9."""
    if len(digits) != 13:
        return digits
    return f"{digits[0]}-{digits[1:5]}-{digits[5:10]}-{digits[10:12]}-{digits[12]}"


def parse_branch(text: str, field: str | None = None) -> str:
    """Five digits; empty and "สำนักงานใหญ่" mean the head office, 00000. Raises InvalidInput."""
    written = clean(text)
    if written.lower() in {"", "สำนักงานใหญ่", "สนญ", "สนญ.", "head office", "ho"}:
        return HEAD_OFFICE
    digits = _bare(re.sub(r"^(?:สาขา(?:ที่)?|branch)", "", written, flags=re.IGNORECASE))
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 5):
        raise InvalidInput(
            say("“{text}” is not a branch: up to five digits, 00000 is the head office", text=text),
            field=field,
            code="branch",
        )
    return digits.zfill(5)


def branch_label(branch: str) -> Say:
    """The branch as a tax invoice names it."""
    return say("Head office") if branch == HEAD_OFFICE else say("Branch {branch}", branch=branch)
