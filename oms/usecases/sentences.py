"""Sentences kept as data, so that they can be shown later in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms import audit
from oms.errors import Say


def pack(sentence: Say | None) -> dict[str, Any] | None:
    """A sentence as JSON; facts that are sentences are packed the same way."""
    if sentence is None:
        return None
    facts = {k: pack(v) if isinstance(v, Say) else audit.plain(v) for k, v in sentence.facts.items()}
    return {"say": sentence.template, "facts": facts}


def unpack(stored: Mapping[str, Any] | None) -> Say | None:
    """The sentence of ``pack``; None for nothing."""
    if not stored:
        return None
    facts = {k: unpack(v) if isinstance(v, Mapping) and "say" in v else v for k, v in stored["facts"].items()}
    return Say(stored["say"], facts)
