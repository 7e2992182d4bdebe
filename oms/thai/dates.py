"""Dates as Thai people write them: Buddhist era (BE = CE + 543), day first, own month names."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from enum import StrEnum

from oms import clock
from oms.errors import InvalidInput, say
from oms.thai.text import arabic_digits, clean

BE_OFFSET = 543

MONTHS = (
    "มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน",
    "กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม",
)  # fmt: skip
MONTHS_SHORT = (
    "ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.",
)  # fmt: skip
MONTHS_EN = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_LAST_CE_YEAR = 2400  # a four-digit year above this is BE
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*(am|pm)?\s*(?:น\.?)?$", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})$")
_NAMED = re.compile(r"(\d{1,2})[\s/-]*([^\W\d_][^\d]*?)[\s/-]*(\d{4}|\d{2})$")
_LABELS = re.compile(r"พ\.ศ\.|ค\.ศ\.|วันที่")


class Era(StrEnum):
    """How a source writes the year. ``AUTO``: four digits tell by size; two digits take the reading nearer today."""

    BE = "be"
    CE = "ce"
    AUTO = "auto"


def be_year(day: date) -> int:
    """The Buddhist year of a day."""
    return day.year + BE_OFFSET


def _month_numbers() -> dict[str, int]:
    """Every way a month is written, without dots and spaces, in lower case."""
    numbers = {}
    for index, (long, short, english) in enumerate(zip(MONTHS, MONTHS_SHORT, MONTHS_EN, strict=True), start=1):
        for name in (long, short, english, english[:3]):
            numbers[_bare(name)] = index
    numbers["sept"] = 9
    return numbers


def _bare(name: str) -> str:
    return re.sub(r"[.\s]", "", name).lower()


def format_date(day: date, language: str = "th", *, long: bool = False) -> str:
    """The day for a reader: BE and Thai month names in Thai (14 พ.ย. 2568), CE in English (14 Nov 2025)."""
    if language == "th":
        return f"{day.day} {(MONTHS if long else MONTHS_SHORT)[day.month - 1]} {be_year(day)}"
    name = MONTHS_EN[day.month - 1]
    return f"{day.day} {name if long else name[:3]} {day.year}"


def format_moment(moment: datetime, language: str = "th", *, long: bool = False) -> str:
    """A moment on the Bangkok clock: the day, then hours and minutes."""
    local = clock.local(moment)
    return f"{format_date(local.date(), language, long=long)} {local:%H:%M}"


def _full_year(year: int, digits: int, era: Era, today: date) -> int:
    """The CE year meant by what was written."""
    if digits == 4:
        return year - BE_OFFSET if era is Era.BE or (era is Era.AUTO and year > _LAST_CE_YEAR) else year
    as_ce, as_be = 2000 + year, 2500 + year - BE_OFFSET
    if era is Era.AUTO:
        return min(as_ce, as_be, key=lambda y: abs(y - today.year))
    return as_be if era is Era.BE else as_ce


def _parts(text: str) -> tuple[str, int, str] | None:
    """Year as written, month, day as written."""
    if found := _ISO.fullmatch(text):
        return found[1], int(found[2]), found[3]
    if found := _DAY_FIRST.fullmatch(text):
        return found[3], int(found[2]), found[1]
    found = _NAMED.fullmatch(text)
    month = _month_numbers().get(_bare(found[2])) if found else None
    return (found[3], month, found[1]) if found and month else None


def parse_date(text: str, era: Era = Era.AUTO, *, today: date | None = None, field: str | None = None) -> date:
    """The day a person or a file wrote, day first, in BE or CE. Raises InvalidInput with the text in it.

    The year is converted before the day is checked, because 29 Feb 2567 BE is a day and 29 Feb 2567 CE is none.
    """
    written = _LABELS.sub("", arabic_digits(clean(text))).strip()
    parts = _parts(written)
    if parts is None:
        raise InvalidInput(say("“{text}” is not a date", text=text), field=field, code="date_text")
    year, month, day = parts
    try:
        return date(_full_year(int(year), len(year), era, today or clock.today()), month, int(day))
    except ValueError:
        raise InvalidInput(
            say("“{text}” is not a day of the calendar", text=text), field=field, code="date_range"
        ) from None


def _clock_time(found: re.Match[str]) -> time:
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    return time(hour, int(found[2]), int(found[3] or 0))


def parse_moment(text: str, era: Era = Era.AUTO, *, today: date | None = None, field: str | None = None) -> datetime:
    """A day with or without a clock time, on the Bangkok clock, as aware UTC. Raises InvalidInput."""
    written = arabic_digits(clean(text)).replace("T", " ")
    found = _CLOCK.search(written)
    day = parse_date(written[: found.start()].strip(" ,") if found else written, era, today=today, field=field)
    try:
        at = _clock_time(found) if found else time(0)
    except ValueError:
        raise InvalidInput(say("“{text}” is not a time of day", text=text), field=field, code="time_range") from None
    return clock.aware(datetime.combine(day, at, tzinfo=clock.BANGKOK))
