"""Cells read as quantities, money, moments, phones and texts. Each raises InvalidInput with a sentence."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from oms import clock
from oms.errors import InvalidInput, say
from oms.importing.tabular import SPOILED
from oms.money import Money
from oms.thai.dates import Era, parse_moment
from oms.thai.phone import read_phone
from oms.thai.text import arabic_digits, clean

MAX_QUANTITY = 100_000
MAX_PRICE = Money.satang(1_000_000_000)  # ten million baht for one piece
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+?\d{1,2}$", re.IGNORECASE)
_PLAIN_MONEY = re.compile(r"-?\d{1,9}(?:\.\d{1,2})?$")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?$")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d\d)(?::(\d\d))?)?$")
_OFFSET = re.compile(r"(.*\d)\s*([+-])(\d\d):?(\d\d)$")
_SERIAL = re.compile(r"[34]\d{4}(?:\.\d+)?$|5[0-9]{4}(?:\.\d+)?$")
_LONG_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_NOTHING = frozenset({"", "-", "--", "n/a", "na", "null", "none", "nan", "ไม่มี", "ไม่ระบุ", "#n/a"})
_THAI_OFFSET = timedelta(hours=7)


def is_nothing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.lower() in _NOTHING


def is_masked(text: str) -> bool:
    """Whether the channel hid the value behind stars."""
    return "*" in text


@lru_cache(maxsize=20_000)
def tidy(text: str) -> str:
    """Text in the one form it is stored in."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return clean(text)


def exact(text: str) -> str:
    """A number that names something. Raises InvalidInput when a spreadsheet has rounded it."""
    if text.startswith(SPOILED) or _SCIENTIFIC.fullmatch(text):
        raise InvalidInput(
            say(
                "Excel changed this number ({text}): its last digits are lost. Use the file as downloaded, "
                "or write the number as text",
                text=text.lstrip(SPOILED),
            ),
            code="excel_changed",
        )
    return tidy(text)


def whole(text: str, low: int = 1, high: int = MAX_QUANTITY) -> int:
    """A count of pieces."""
    digits = arabic_digits(text).replace(",", "").strip()
    digits = digits.split(".")[0] if re.fullmatch(r"-?\d+\.0+", digits) else digits
    if not re.fullmatch(r"-?\d{1,18}", digits):
        raise InvalidInput(say("“{text}” is not a whole number", text=text[:60]), code="quantity_text")
    if not low <= int(digits) <= high:
        raise InvalidInput(
            say("{text} is not possible here; from {low} to {high}", text=text[:30], low=low, high=high),
            code="quantity_range",
        )
    return int(digits)


@lru_cache(maxsize=8192)
def amount(text: str) -> Money:
    """An amount of money, zero or more."""
    if _PLAIN_MONEY.fullmatch(text):
        value = Money.satang(_satang(text))
    else:
        value = Money.parse(arabic_digits(text).removeprefix(SPOILED))
    if value < Money.satang(0):
        raise InvalidInput(say("{text} is below zero", text=text[:30]), code="money_negative")
    if value > MAX_PRICE:
        raise InvalidInput(say("{text} is too large for a price", text=text[:30]), code="money_range")
    return value


def _satang(text: str) -> int:
    baht, _, rest = text.partition(".")
    cents = int((rest + "00")[:2])
    return int(baht) * 100 + (-cents if text[0] == "-" else cents)


def discount(text: str) -> Money:
    """A discount: exports write it with or without a minus sign."""
    return amount(text[1:].strip() if text[:1] == "-" else text)


def _bangkok(year: str, month: str, day: str, hour: str | None, minute: str | None, second: str | None) -> datetime:
    ce = int(year) - 543 if int(year) > 2400 else int(year)
    wall = datetime(ce, int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
    return wall - _THAI_OFFSET


def moment(text: str, era: str) -> datetime:
    """A moment on the Bangkok clock (unless an offset is written), aware UTC; not in the future, not before 2000."""
    try:
        if found := _ISO.fullmatch(text):
            value = _bangkok(*found.groups())
        elif found := _DAY_FIRST.fullmatch(text):
            day, month, year, *rest = found.groups()
            value = _bangkok(year, month, day, *rest)
        else:
            value = _other_moment(text, era)
    except ValueError:
        raise InvalidInput(say("“{text}” is not a day of the calendar", text=text[:40]), code="date_range") from None
    if value.year < 2000:
        raise InvalidInput(say("“{text}” is too long ago", text=text[:40]), code="date_range")
    return value


def _other_moment(text: str, era: str) -> datetime:
    if _SERIAL.fullmatch(text):
        wall = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(seconds=round(float(text) * 86400))
        return wall - _THAI_OFFSET
    kind = Era.AUTO if _LONG_YEAR.search(text) else Era(era)  # four digits say by themselves which era they mean
    if found := _OFFSET.fullmatch(text):
        rest, sign, hours, minutes = found.groups()
        if ":" in rest:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            return parse_moment(rest, kind) + _THAI_OFFSET - (offset if sign == "+" else -offset)
    return parse_moment(text, kind)


def past(text: str, era: str) -> datetime:
    """A moment that has been: an order dated tomorrow means that day and month were read the wrong way round."""
    value = moment(text, era)
    if value > clock.now() + timedelta(days=1):
        raise InvalidInput(say("“{text}” lies in the future", text=text[:40]), code="date_future")
    return value


@lru_cache(maxsize=8192)
def phone(text: str) -> str:
    """A phone number in house form; the leading 0 that a spreadsheet ate is put back."""
    number = exact(text).removesuffix(".0")
    if number.isdigit() and len(number) in {8, 9} and number[0] != "0" and (whole_number := read_phone("0" + number)):
        return whole_number
    if found := read_phone(number):
        return found
    raise InvalidInput(say("“{text}” is not a phone number", text=text[:40]), code="phone")


def postcode(text: str) -> str:
    """Five digits."""
    code = arabic_digits(text).removesuffix(".0").strip()
    if not re.fullmatch(r"\d{5}", code):
        raise InvalidInput(say("“{text}” is not a postcode of five digits", text=text[:20]), code="postcode")
    return code
