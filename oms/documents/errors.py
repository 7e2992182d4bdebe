"""What can be wrong with a paper, said so that the person at the screen knows what to mend."""

from __future__ import annotations

import json

from oms.errors import InvalidInput, Say, say


class MissingGlyph(InvalidInput):
    """A character that the font cannot draw."""

    code = "missing_glyph"


class Unprintable(InvalidInput):
    """The paper cannot be made as it is."""

    code = "unprintable"


_KINDS: dict[str, type[InvalidInput]] = {kind.code: kind for kind in (MissingGlyph, Unprintable)}


def missing_glyph(char: str, text: str) -> MissingGlyph:
    """The refusal of a character."""
    return MissingGlyph(
        say(
            "The character {char} (U+{code}) cannot be printed. It is in: {text}",
            char=char, code=f"{ord(char):04X}", text=text.strip()[:80],
        )
    )  # fmt: skip


def too_heavy() -> Unprintable:
    """The refusal of a paper that took too much time or memory."""
    return Unprintable(say("The paper is too large or too deeply nested"), code="paper_too_large")


def to_wire(error: InvalidInput) -> bytes:
    """A refusal as bytes, to leave the confined process."""
    facts = {name: str(fact) for name, fact in error.facts.items()}
    return json.dumps({
        "kind": error.code, "code": error.detail_code, "says": error.message.template, "facts": facts,
    }).encode()  # fmt: skip


def from_wire(said: bytes) -> InvalidInput:
    """The refusal again."""
    told = json.loads(said)
    return _KINDS[told["kind"]](Say(told["says"], told["facts"]), code=told["code"])
