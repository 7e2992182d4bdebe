"""Reading what outside systems send: text, amounts to the satang, moments with a zone. Unknown fields are passed
over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from oms.money import MAX_SATANG, Money


def words(value: Any, most: int = 200) -> str:
    """Text of a field that may be missing, null or a number."""
    return str(value).strip()[:most] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def amount(value: Any) -> Money:
    """An exact amount. Raises ValueError: more than two decimals, zero or less, or no number is not rounded away."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("no amount")  # noqa: TRY004  one error for all that cannot be read
    try:
        number = Decimal(value.strip().replace(",", "") if isinstance(value, str) else value)
    except InvalidOperation:
        raise ValueError("no amount") from None
    if not number.is_finite() or not 0 < number < MAX_SATANG // 100 or number != round(number, 2):
        raise ValueError("no amount of baht and satang")
    return Money(number)


def moment(text: Any) -> datetime | None:
    """An ISO moment that names its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(words(text))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):  # the first hours of year 1 lie before time in another zone
        return None


def part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an object; empty when it is not there."""
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def minutes(value: Any, default: int, most: int = 24 * 60) -> timedelta:
    """A number of minutes a provider asks us to wait, within reason."""
    text = words(value)
    return timedelta(minutes=min(max(int(text), 1), most) if text.isascii() and text.isdigit() else default)


def is_pdf(data: bytes) -> bool:
    """Whether this is a PDF, whole as far as its ends tell."""
    return data.startswith(b"%PDF-") and b"%%EOF" in data[-1024:]
