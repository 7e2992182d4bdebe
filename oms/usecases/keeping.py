"""What every verb of a master record does: lock over the version the editor saw, set what changed, write it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from oms import audit
from oms.db import Base, Tx
from oms.errors import Conflict, InvalidInput, NotFound, OmsError, Problem, Say, say
from oms.money import Money
from oms.thai.text import clean, clean_lines

_M = TypeVar("_M", bound=Base)
MAX_PIECES = 10_000_000  # of one SKU in one place; more is a typing error


@dataclass(frozen=True)
class Saved:
    """``changed`` is False when what was saved is what was there."""

    id: int
    changed: bool = True


def lock_row(tx: Tx, model: type[_M], row_id: int, version: int | None = None) -> _M:
    """One row, locked and read afresh. Raises NotFound, or Conflict when ``version`` is not the one stored."""
    table: Any = model
    statement = (
        select(model)
        .where(table.id == row_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    row = tx.session.scalars(statement).one_or_none()
    if row is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    if version is not None and getattr(row, "version", version) != version:
        raise Conflict(
            say("Someone else saved this while you were editing. Reload to see the change, then enter yours again"),
            code="stale",
        )
    return row


def put(row: Base, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the fields that differ; returns them as (before, after)."""
    before, after = audit.changes({key: getattr(row, key) for key in fields}, fields)
    for key, value in after.items():
        setattr(row, key, value)
    return before, after


def known(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was filled in, for the audit row of something new."""
    return {key: value for key, value in fields.items() if value or value is False}


def bounded(text: str, most: int, field: str, *, missing: Say | None = None, lines: bool = False) -> str:
    """The cleaned text. Raises InvalidInput when it is too long, or empty although ``missing`` says it is needed."""
    cleaned = clean_lines(text) if lines else clean(text)
    if len(cleaned) > most:
        raise InvalidInput(
            say("This is too long: {length} characters, {most} at most", length=len(cleaned), most=most),
            field=field,
            code="too_long",
        )
    if not cleaned and missing is not None:
        raise InvalidInput(missing, field=field, code="missing")
    return cleaned


def between(value: int, low: int, high: int, field: str) -> int:
    """A whole number within limits, or InvalidInput."""
    if not low <= value <= high:
        raise InvalidInput(
            say("Enter a whole number from {low} to {high}", low=f"{low:,}", high=f"{high:,}"),
            field=field,
            code="number_range",
        )
    return value


def not_negative(amount: Money, field: str) -> Money:
    """An amount of zero or more, or InvalidInput."""
    if amount.amount < 0:
        raise InvalidInput(say("An amount cannot be less than zero"), field=field, code="negative")
    return amount


def refuse_taken(tx: Tx, column: InstrumentedAttribute[str], value: str, field: str, own_id: int | None = None) -> None:
    """Raise InvalidInput when another row has this value already."""
    model: Any = column.class_
    other = tx.session.scalar(select(model.id).where(column == value, model.id != (own_id or 0)).limit(1))
    if other is not None:
        raise InvalidInput(say("“{value}” is used already; choose another", value=value), field=field, code="taken")


class Gathered:
    """Problems of several fields, reported together so that a form shows all of them at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, error: OmsError) -> None:
        self.problems.extend(error.problems())

    def refuse(self) -> None:
        """Raise InvalidInput when there is anything to say."""
        if self.problems:
            first, *others = self.problems
            raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(others))


def gather(*checks: Any) -> tuple[Any, ...]:
    """Run checks (functions without arguments); all their answers, or one InvalidInput with every problem."""
    problems, answers = Gathered(), []
    for check in checks:
        try:
            answers.append(check())
        except InvalidInput as exc:
            problems.note(exc)
            answers.append(None)
    problems.refuse()
    return tuple(answers)


def checked(**checks: Any) -> dict[str, Any]:
    """Like ``gather``, by name: the columns of a record, or one InvalidInput with every problem."""
    return dict(zip(checks, gather(*checks.values()), strict=True))


def names(rows: Iterable[object], most: int = 3) -> str:
    """A few names and how many more there are, for a sentence."""
    listed = [str(row) for row in rows]
    shown = ", ".join(listed[:most])
    return shown if len(listed) <= most else f"{shown} +{len(listed) - most}"
