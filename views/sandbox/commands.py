"""Commands of the play (``POST /_...``): what a body may hold. Anything else is answered with a sentence and changes
nothing, so that a slip of the hand does not end the play."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

MOST = 1_000_000


class Wrong(Exception):
    """A command that cannot be followed, in words."""


@dataclass(frozen=True)
class Part:
    """A part of a body: what it must be, in words."""

    check: Callable[[Any], bool]
    words: str
    needed: bool = False


def read(request: Request, parts: Mapping[str, Part]) -> dict[str, Any]:
    """The body of a command. Raises Wrong."""
    try:
        given = json.loads(request.get_data() or b"{}")
    except (ValueError, RecursionError):
        raise Wrong("the body is not JSON") from None
    return fitting(given, parts)


def fitting(given: Any, parts: Mapping[str, Part]) -> dict[str, Any]:
    """An object that has these parts and no other. Raises Wrong."""
    if not isinstance(given, dict):
        raise Wrong("the body has to be a JSON object, such as {}")
    if strange := sorted(set(given) - set(parts)):
        raise Wrong(f"“{strange[0]}” is not known here; known are: {', '.join(parts) or 'nothing'}")
    for name, part in parts.items():
        if name not in given:
            if part.needed:
                raise Wrong(f"“{name}” is missing: {part.words}")
        elif not part.check(given[name]):
            raise Wrong(f"“{name}” has to be {part.words}")
    return given


def is_text(value: Any) -> bool:
    """A short text that can be printed and kept."""
    return isinstance(value, str) and len(value) <= 2000 and value.isprintable()


def is_whole(value: Any) -> bool:
    """A number of things."""
    return type(value) is int and 0 <= value <= MOST


def is_number(value: Any) -> bool:
    """A number that can be counted with."""
    return type(value) in {int, float} and math.isfinite(value) and 0 <= value <= MOST


def is_url(value: Any) -> bool:
    """An address on the web."""
    if not is_text(value) or not value.startswith(("http://", "https://")):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def is_moment(value: Any) -> bool:
    """A time as ISO writes it."""
    try:
        return is_text(value) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def text(*, needed: bool = False) -> Part:
    """Any text."""
    return Part(is_text, "a text", needed)


def flag() -> Part:
    """Yes or no."""
    return Part(lambda v: isinstance(v, bool), "true or false")


def whole(*, needed: bool = False, empty: bool = False) -> Part:
    """A number of things; ``empty``: null is none at all."""
    return Part(
        lambda v: is_whole(v) or (empty and v is None), "a whole number" + (" or null" if empty else ""), needed
    )


def number(*, needed: bool = False) -> Part:
    """Any number from zero."""
    return Part(is_number, "a number from 0", needed)


def url(*, needed: bool = False) -> Part:
    """An address on the web."""
    return Part(is_url, "an address that begins with http:// or https://", needed)


def moment(*, needed: bool = False) -> Part:
    """A time."""
    return Part(is_moment, "a time such as 2026-11-23T10:00:00+07:00", needed)


def amount(*, needed: bool = False) -> Part:
    """Baht, as a number or a text."""

    def check(value: Any) -> bool:
        try:
            return not isinstance(value, bool) and isinstance(value, str | int | float) and is_number(float(value))
        except (ValueError, OverflowError):
            return False

    return Part(check, "an amount in baht", needed)


def one_of(choices: Collection[str], *, needed: bool = False) -> Part:
    """One of some words."""
    return Part(lambda v: isinstance(v, str) and v in choices, f"one of: {', '.join(sorted(choices))}", needed)


def texts() -> Part:
    """A list of texts."""
    return Part(lambda v: isinstance(v, list) and len(v) <= 10_000 and all(map(is_text, v)), "a list of texts")


def counts() -> Part:
    """Pieces by name; null leaves the choice."""

    def check(value: Any) -> bool:
        if value is None:
            return True
        return (
            isinstance(value, dict) and bool(value) and all(is_text(k) and is_whole(n) and n for k, n in value.items())
        )

    return Part(check, 'pieces by name, such as {"RU-0001": 2}')


def objects(parts: Mapping[str, Part]) -> Part:
    """A list of objects with these parts."""

    def check(value: Any) -> bool:
        if not isinstance(value, list) or len(value) > 10_000:
            return False
        try:
            return all(fitting(row, parts) is not None for row in value)
        except Wrong:
            return False

    return Part(check, "a list of objects with " + ", ".join(parts), needed=True)
