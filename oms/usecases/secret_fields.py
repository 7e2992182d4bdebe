"""What is entered for an account at an outside system: plain settings checked, secrets kept or given anew.

A secret left empty stays as it is; another address asks for all of them again (ADR 0076).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oms.errors import InvalidInput, Problem, Refused, Say, say
from oms.net.settings import Field
from oms.sealing import Sealer
from oms.usecases.keeping import bounded

LONGEST, SHORT = 8000, 200  # characters of a certificate, of anything else


def option_checks(fields: Iterable[Field], given: Mapping[str, str]) -> dict[str, Callable[[], Any]]:
    """A check for each plain setting, by name: for ``keeping.checked``."""
    return {
        f.name: _text(given, f.name, say("Enter this") if f.required else None, lines=f.long)
        for f in fields
        if not f.secret
    }


def _text(given: Mapping[str, str], name: str, missing: Say | None, *, lines: bool) -> Callable[[], str]:
    return lambda: bounded(given.get(name, ""), LONGEST if lines else SHORT, name, missing=missing, lines=lines)


def merged_secrets(fields: Iterable[Field], kept: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The secrets after this save. Raises InvalidInput naming each one that is missing or misshapen."""
    found, missing = {}, []
    for entry in (f for f in fields if f.secret):
        value = given.get(entry.name, "").strip() or kept.get(entry.name, "")
        if value:
            found[entry.name] = value
        elif entry.required:
            missing.append(Problem("missing", say("Enter this secret"), entry.name))
        if len(value) > LONGEST or (not entry.long and any(ord(c) < 33 for c in value)):
            missing.append(Problem("secret_text", say("There are spaces or line breaks in it"), entry.name))
    if missing:
        first, *rest = missing
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(rest))
    return found


def opened_secrets(
    sealer: Sealer, sealed: bytes, fields: Iterable[Field], given: Mapping[str, str]
) -> dict[str, str]:  # fmt: skip
    """What is stored, {} for nothing. When no key opens it any more, entering every needed secret anew mends it."""
    if not sealed:
        return {}
    try:
        return sealer.open(sealed)
    except Refused:
        if all(given.get(f.name) for f in fields if f.secret and f.required):
            return {}
        raise
