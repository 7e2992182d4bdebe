"""How tracking numbers are spelled: the check digit of postal numbers (UPU S10), blocks bought ahead. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oms.errors import InvalidInput, say
from oms.shipping.states import NumberCheck

_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10 = re.compile(r"([A-Z]{2})(\d{8})(\d)([A-Z]{2})")
_PLAIN = re.compile(r"([A-Z0-9]*?[A-Z])?(\d{1,15})([A-Z]{0,12})")
MOST = 1_000_000  # numbers in one block; more is a typing error


def plain_number(text: str) -> str:
    """A number in the form it is compared in: upper case, no spaces or dashes."""
    return re.sub(r"[\s\-‐-―]+", "", text).upper()[:80]


def s10_digit(serial: int) -> int:
    """The check digit of eight digits."""
    rest = 11 - sum(w * int(d) for w, d in zip(_WEIGHTS, f"{serial:08d}", strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)


@dataclass(frozen=True)
class Shape:
    """How the numbers of one block are spelled."""

    prefix: str
    suffix: str
    digits: int
    check: NumberCheck

    def spell(self, serial: int) -> str:
        """The tracking number of a serial number."""
        digit = str(s10_digit(serial)) if self.check is NumberCheck.S10 else ""
        return f"{self.prefix}{serial:0{self.digits}d}{digit}{self.suffix}"


def read_number(text: str, field: str) -> tuple[Shape, int]:
    """A tracking number as the shape of its block and its serial. Raises InvalidInput."""
    number = plain_number(text)
    if post := _S10.fullmatch(number):
        prefix, serial, digit, suffix = post.groups()
        right = s10_digit(int(serial))
        if right != int(digit):
            raise InvalidInput(
                say("The check digit of {number} should be {digit}", number=number, digit=right),
                field=field,
                code="check_digit",
            )
        return Shape(prefix, suffix, 8, NumberCheck.S10), int(serial)
    found = _PLAIN.fullmatch(number)
    if not found or len(found[1] or "") > 12:
        raise InvalidInput(say("“{text}” is no tracking number", text=text), field=field, code="number_shape")
    return Shape(found[1] or "", found[3], len(found[2]), NumberCheck.NONE), int(found[2])


def read_block(first: str, last: str) -> tuple[Shape, int, int]:
    """A block from its first and last number, as the carrier gave them. Raises InvalidInput."""
    shape, start = read_number(first, "first_number")
    other, end = read_number(last, "last_number")
    if other != shape:
        raise InvalidInput(
            say("First and last number are not of one kind"), field="last_number", code="block_kinds"
        )  # fmt: skip
    if end < start:
        raise InvalidInput(say("The last number comes before the first"), field="last_number", code="block_order")
    if end - start >= MOST:
        raise InvalidInput(
            say("These are {n} numbers; at most {most} in one block", n=f"{end - start + 1:,}", most=f"{MOST:,}"),
            field="last_number",
            code="block_large",
        )
    return shape, start, end
