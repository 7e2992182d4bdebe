"""Fields that take nothing but what they say: no text for a number, no control characters, no unknown names."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from oms import clock
from oms.money import Money

LARGEST_ID = 2**63 - 1
_AMOUNT = r"^[0-9]{1,11}(\.[0-9]{1,2})?$"
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)$")


class Words(fields.String):
    """Text of bounded length, without characters no screen shows."""

    def __init__(self, most: int, *, least: int = 0, **facts: Any) -> None:
        super().__init__(validate=validate.Length(min=least, max=most), **facts)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **facts: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **facts)
        if _UNREADABLE.search(text):
            raise ValidationError("Control characters are not allowed")
        return text


class Whole(fields.Integer):
    """A whole number of JSON within bounds; in an address, its digits."""

    def __init__(self, low: int = 1, high: int = LARGEST_ID, *, from_text: bool = False, **facts: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=low, max=high), **facts)
        self.from_text = from_text

    def _deserialize(self, value: Any, attr: str | None, data: Any, **facts: Any) -> int:  # noqa: ARG002
        if self.from_text and isinstance(value, str):
            if not re.fullmatch(r"-?[0-9]{1,19}", value):
                raise self.make_error("invalid")
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class Truth(fields.Boolean):
    """true or false; in an address, the same words."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **facts: Any) -> bool:  # noqa: ARG002
        if isinstance(value, bool):
            return value
        raise self.make_error("invalid", input=value)


class Amount(fields.String):
    """Baht as text with at most two decimals: exact in every language."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(validate=validate.Regexp(_AMOUNT, error="Write an amount like 1234.50"), **facts)

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **facts: Any) -> Any:
        found = super().deserialize(value, attr, data, **facts)
        return Money(Decimal(found)) if isinstance(found, str) else found

    def _serialize(self, value: Any, attr: str | None, obj: Any, **facts: Any) -> str | None:  # noqa: ARG002
        return None if value is None else f"{value.amount:.2f}"


class Moment(fields.String):
    """A moment with its zone, as RFC 3339 writes it."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(metadata={"format": "date-time"}, **facts)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **facts: Any) -> Any:
        text = super()._deserialize(value, attr, data, **facts)
        if not _MOMENT.match(text):
            raise ValidationError("Write a moment like 2026-11-28T09:00:00+07:00")
        try:
            return clock.aware(datetime.fromisoformat(text.upper()))
        except (ValueError, OverflowError):
            raise ValidationError("There is no such moment") from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **facts: Any) -> str | None:  # noqa: ARG002
        return None if value is None else value.isoformat().replace("+00:00", "Z")


class Choice(fields.String):
    """One of the values of an enumeration."""

    def __init__(self, kind: type[StrEnum], *, only: tuple[StrEnum, ...] = (), **facts: Any) -> None:
        values = [v.value for v in only or tuple(kind)]
        super().__init__(validate=validate.OneOf(values), **facts)
        self.kind = kind

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **facts: Any) -> Any:
        found = super().deserialize(value, attr, data, **facts)
        return self.kind(found) if isinstance(found, str) and not isinstance(found, StrEnum) else found


class Page(Schema):
    """How far a list is read: ``cursor`` is the ``next`` of the page before."""

    limit = Whole(1, 200, from_text=True, load_default=50)
    cursor = Words(120)


def flat(messages: Any, at: str = "") -> list[dict[str, str]]:
    """What a schema found wrong, one entry for each field by its path: ``lines.0.quantity``."""
    if isinstance(messages, dict):
        found: list[dict[str, str]] = []
        for name, inner in messages.items():
            here = "" if name == "_schema" else str(name)
            found += flat(inner, ".".join(p for p in (at, here) if p))
        return found
    listed = messages if isinstance(messages, list) else [messages]
    return [{"field": at, "code": _code(str(m)), "detail": str(m)} for m in listed]


def _code(message: str) -> str:
    if message.startswith("Unknown field"):
        return "unknown_field"
    return "missing" if message.startswith("Missing data") else "invalid"
