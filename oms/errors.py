"""One error tree. Every refusal is an ``OmsError`` with a code for programs and a sentence for people.

A sentence is a ``Say``: an English template and its facts. Whoever shows it translates the template first
(``views`` through its catalogue), then fills in the facts, so the business never imports a translator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Say:
    """A sentence for a person: a template in English and the facts it names."""

    template: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def render(self, translate: Callable[[str], str] = str) -> str:
        """The sentence in the reader's language; facts that are sentences are rendered the same way."""
        facts = {k: v.render(translate) if isinstance(v, Say) else v for k, v in self.facts.items()}
        text = translate(self.template)
        return text.format(**facts) if facts else text

    def __str__(self) -> str:
        return self.render()


def say(template: str, /, **facts: object) -> Say:
    """Mark a sentence for translation (the extractor looks for this name) and bind its facts."""
    return Say(template, facts)


@dataclass(frozen=True)
class Problem:
    """One thing wrong, with the input field it concerns when there is one."""

    code: str
    message: Say
    field: str | None = None


class OmsError(Exception):
    """Base of all refusals. ``code`` is API: snake_case and never reused."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: Say, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.detail_code = code or self.code

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.message.facts

    def problems(self) -> list[Problem]:
        return [Problem(self.detail_code, self.message, self.field)]

    def __str__(self) -> str:
        return str(self.message)


class NotFound(OmsError):
    """There is no such record, or not for this reader."""

    code = "not_found"
    http_status = 404


class InvalidInput(OmsError):
    """What was entered cannot be used; carries one or many problems."""

    code = "invalid_input"
    http_status = 422

    def __init__(
        self,
        message: Say,
        *,
        field: str | None = None,
        code: str | None = None,
        others: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(message, field=field, code=code)
        self.others = others

    def problems(self) -> list[Problem]:
        return [*super().problems(), *self.others]


class Refused(OmsError):
    """The input is fine, the moment is not."""

    code = "refused"
    http_status = 409


class TransitionRefused(Refused):
    """A state machine said no, and why."""

    code = "transition_refused"


class StockShort(Refused):
    """Fewer pieces are free than were asked for."""

    code = "stock_short"


class NeedsApproval(Refused):
    """Allowed only after a second person agrees."""

    code = "needs_approval"


class Conflict(OmsError):
    """Somebody else changed the record in between."""

    code = "conflict"
    http_status = 409
    retryable = True


class Forbidden(OmsError):
    """The actor lacks a named permission or the row is out of scope."""

    code = "forbidden"
    http_status = 403


class External(OmsError):
    """An outside system failed."""

    code = "external"
    http_status = 502
    retryable = True


class EngineMissing(OmsError):
    """PostgreSQL or Redis cannot be started or reached; the sentence says what to install or mend."""

    code = "engine_missing"
    http_status = 503
