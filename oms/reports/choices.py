"""One thing that can be done with a record, and the reason when it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from oms.actor import Actor
from oms.errors import Say, say
from oms.permissions import ACTIONS


@dataclass(frozen=True)
class Choice:
    """One thing to do. ``why_not`` None means that it is allowed now."""

    name: str
    label: str
    why_not: Say | None
    primary: bool = False
    danger: bool = False


def lacks(actor: Actor, needs: str) -> Say | None:
    """The sentence for somebody whose role lacks a named action, or None."""
    if actor.may(needs):
        return None
    return say("Your role lacks the permission “{permission}”", permission=say(ACTIONS[needs]))
