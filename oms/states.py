"""The state machine: one table per entity, checked when built, read by verbs, buttons, docs and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from oms.errors import Say, TransitionRefused, say

Guard = Callable[[Any], Say | None]


@dataclass(frozen=True)
class Transition:
    """From some states to one, under guards. A guard answers None, or the sentence why not."""

    name: str
    sources: frozenset[StrEnum]
    target: StrEnum
    label: str
    guards: Sequence[Guard] = field(default=())


class Machine:
    """All transitions of one entity. Raises ValueError on doubled names or states nothing reaches."""

    def __init__(
        self,
        name: str,
        *,
        initial: StrEnum | Iterable[StrEnum],
        transitions: Sequence[Transition],
        labels: dict[StrEnum, str],
        attribute: str = "status",
    ) -> None:
        self.name = name
        self.initial = frozenset([initial] if isinstance(initial, StrEnum) else initial)
        self.transitions = {t.name: t for t in transitions}
        self.labels = labels
        self.attribute = attribute
        self.states = type(next(iter(self.initial)))
        self._check(transitions)

    def _check(self, transitions: Sequence[Transition]) -> None:
        if len(self.transitions) != len(transitions):
            raise ValueError(f"{self.name}: two transitions share a name")
        reached = set(self.initial)
        grew = True
        while grew:
            more = {t.target for t in transitions if t.sources & reached}
            grew = not more <= reached
            reached |= more
        if lost := set(self.states) - reached:
            raise ValueError(f"{self.name}: nothing reaches {sorted(lost)}")
        if unnamed := set(self.states) - set(self.labels):
            raise ValueError(f"{self.name}: no label for {sorted(unnamed)}")

    def refusal(self, subject: Any, name: str) -> Say | None:
        """None when the transition may fire, else the sentence why not."""
        transition = self.transitions[name]
        state = self.states(getattr(subject, self.attribute))
        if state not in transition.sources:
            return say("It is {state}; this needs another state", state=say(self.labels[state]))
        for guard in transition.guards:
            if reason := guard(subject):
                return reason
        return None

    def allowed(self, subject: Any) -> list[Transition]:
        """The transitions that may fire."""
        return [t for t in self.transitions.values() if self.refusal(subject, t.name) is None]

    def check(self, subject: Any, name: str) -> None:
        """Raise TransitionRefused when the transition may not fire; change nothing either way."""
        if reason := self.refusal(subject, name):
            raise TransitionRefused(reason, code=f"{self.name.lower().replace(' ', '_')}_{name}_refused")

    def fire(self, subject: Any, name: str) -> None:
        """Change the state, or raise TransitionRefused and change nothing."""
        self.check(subject, name)
        setattr(subject, self.attribute, self.transitions[name].target)

    def mermaid(self) -> str:
        """The machine as a state diagram."""
        lines = ["stateDiagram-v2"]
        lines += [f"    [*] --> {s.value}" for s in sorted(self.initial)]
        for t in self.transitions.values():
            lines += [f"    {s.value} --> {t.target.value}: {t.name}" for s in sorted(t.sources)]
        return "\n".join(lines)


def states(*names: StrEnum) -> frozenset[StrEnum]:
    """A set of source states, for tables that read well."""
    return frozenset(names)
