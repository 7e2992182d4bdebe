"""What has to be entered for an account at an outside system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """Something to enter. ``secret``: sealed, never shown again. ``long``: several lines (PEM). ``default``: what
    counts when nothing is entered."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    long: bool = False
    default: str = ""


def secret_names(fields: Iterable[Field]) -> tuple[str, ...]:
    """What is sealed."""
    return tuple(f.name for f in fields if f.secret)
