"""Lists that stay quick on a million rows: declared filters, a count that stops counting, pages that stop paging.

A list is described by its address alone (``q``, ``f_<column>_<operator>``, ``sort``, ``page``, ``size``), so it can be
kept as a link, shared, and exported as it is filtered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from flask import flash, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy import ColumnElement, Select, func, literal, or_, select
from sqlalchemy import types as sql_types

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime
from oms.db import db
from oms.errors import InvalidInput, say
from oms.money import Money
from oms.thai.dates import parse_date
from views.filters import tr

COUNT_UP_TO = 10_000  # beyond this a list says "10,000+" and pages no further: narrow it down instead
PAGE_SIZE = 50
LARGEST_PAGE = 200
TEXT, NUMBER, AMOUNT, MOMENT, TRUTH, CHOICE = "text", "number", "amount", "moment", "truth", "choice"


@dataclass(frozen=True)
class Operator:
    """One way to compare: its label and the condition it makes of a column and a value."""

    label: Any
    condition: Callable[[Any, Any], ColumnElement[bool]]


def _day_after(value: datetime) -> datetime:
    return value + timedelta(days=1)


EQUAL = Operator(lazy_gettext("is"), lambda c, v: c == v)
OPERATORS: dict[str, dict[str, Operator]] = {
    TEXT: {
        "has": Operator(lazy_gettext("contains"), lambda c, v: c.icontains(v, autoescape=True)),
        "starts": Operator(lazy_gettext("starts with"), lambda c, v: c.istartswith(v, autoescape=True)),
        "is": EQUAL,
    },
    NUMBER: {
        "is": EQUAL,
        "from": Operator(lazy_gettext("at least"), lambda c, v: c >= v),
        "to": Operator(lazy_gettext("at most"), lambda c, v: c <= v),
    },
    MOMENT: {
        "is": Operator(
            lazy_gettext("on the day"), lambda c, v: c.between(v, _day_after(v) - timedelta(microseconds=1))
        ),
        "from": Operator(lazy_gettext("from"), lambda c, v: c >= v),
        "to": Operator(lazy_gettext("until"), lambda c, v: c < _day_after(v)),
    },
    TRUTH: {"is": EQUAL},
    CHOICE: {"is": EQUAL, "not": Operator(lazy_gettext("is not"), lambda c, v: c != v)},
}
OPERATORS[AMOUNT] = OPERATORS[NUMBER]


def kind_of(column: Any) -> str:
    """How a column is asked for."""
    found = column.type
    if isinstance(found, MoneyAmount):
        return AMOUNT
    if isinstance(found, EnumText):
        return CHOICE
    if isinstance(found, UtcDateTime):
        return MOMENT
    if isinstance(found, sql_types.Boolean):
        return TRUTH
    return NUMBER if isinstance(found, sql_types.Integer) else TEXT


def read_value(column: Any, kind: str, raw: str) -> Any:
    """What a person put into a filter, as the column holds it. Raises InvalidInput."""
    if kind == AMOUNT:
        return Money.parse(raw)
    if kind == MOMENT:
        return datetime.combine(parse_date(raw), time(), clock.BANGKOK)
    if kind == TRUTH:
        return raw == "1"
    if kind == CHOICE:
        try:
            return column.type.kind(raw)
        except ValueError:
            raise InvalidInput(say("“{text}” is not one of the choices", text=raw), code="filter_choice") from None
    if kind == NUMBER:
        if not raw.lstrip("-").isdigit() or len(raw) > 18:
            raise InvalidInput(say("“{text}” is not a whole number", text=raw), code="filter_number")
        return int(raw)
    return raw.replace("\x00", "")[:200]


@dataclass(frozen=True)
class Active:
    """A filter that is on: what it says, and the address of the list without it."""

    text: str
    without: str


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    rows: Sequence[Any]
    first: int
    last: int
    total: int
    total_text: str
    previous: str | None = None
    next: str | None = None
    active: Sequence[Active] = field(default=())


def address(**changes: Any) -> str:
    """The present list with something changed; None takes an argument away. Always from the first page."""
    wanted: dict[str, Any] = dict(request.view_args or {}) | request.args.to_dict(flat=False) | {"page": None} | changes
    return url_for(str(request.endpoint), **{k: v for k, v in wanted.items() if v is not None})


def _number(name: str, default: int, largest: int) -> int:
    raw = request.args.get(name, "")
    return min(max(int(raw), 1), largest) if raw.isdigit() and len(raw) < 9 else default


def apply_filters(
    statement: Select[Any],
    columns: Mapping[str, Any],
    labels: Mapping[str, Any],
    choices: Mapping[str, Mapping[Any, str]],
) -> tuple[Select[Any], list[Active]]:
    """Narrow a statement by the filters in the address; what cannot be read is said and left out."""
    active = []
    for name, raw in request.args.items():
        if not name.startswith("f_") or not raw.strip():
            continue
        key, _, sign = name[2:].rpartition("_")
        column = columns.get(key)
        kind = "" if column is None else kind_of(column)
        operator = OPERATORS.get(kind, {}).get(sign)
        if column is None or operator is None:
            continue
        try:
            value = read_value(column, kind, raw.strip())
        except InvalidInput as exc:
            flash(tr(exc.message), "warning")
            continue
        statement = statement.where(operator.condition(column, value))
        shown = _shown(kind, raw, value, choices.get(key, {}))
        active.append(Active(f"{labels.get(key, key)} {operator.label} {shown}", address(**{name: None})))
    return statement, active


def _shown(kind: str, raw: str, value: Any, choices: Mapping[Any, str]) -> str:
    if kind == TRUTH:
        return gettext("Yes") if value else gettext("No")
    if kind == CHOICE:
        return tr(choices.get(value, str(value)))
    return tr(choices[raw]) if raw in choices else raw


def apply_find(statement: Select[Any], columns: Sequence[Any], text: str) -> Select[Any]:
    """Rows in which any of the columns contains the text."""
    text = text.replace("\x00", "").strip()[:200]
    if not text or not columns:
        return statement
    return statement.where(or_(*(c.icontains(text, autoescape=True) for c in columns)))


def capped_count(statement: Select[Any]) -> int:
    """How many rows, counted no further than one past ``COUNT_UP_TO``."""
    inner = statement.with_only_columns(literal(1), maintain_column_froms=True).order_by(None).limit(COUNT_UP_TO + 1)
    return int(db.session.scalar(select(func.count()).select_from(inner.subquery())) or 0)


def fetch(
    statement: Select[Any], *, size: int = PAGE_SIZE, active: Sequence[Active] = (), scalars: bool = True
) -> Page:
    """The page the address asks for. The statement brings its own order, which must be total."""
    size = _number("size", size, LARGEST_PAGE)
    number = _number("page", 1, COUNT_UP_TO // size)
    total = capped_count(statement)
    wanted = statement.offset((number - 1) * size).limit(size)
    rows = list(db.session.scalars(wanted) if scalars else db.session.execute(wanted))
    first = (number - 1) * size
    more = first + size < min(total, COUNT_UP_TO)
    return Page(
        rows=rows,
        first=first + 1 if rows else 0,
        last=first + len(rows),
        total=total,
        total_text=f"{COUNT_UP_TO:,}+" if total > COUNT_UP_TO else f"{total:,}",
        previous=address(page=number - 1 if number > 2 else None) if number > 1 else None,
        next=address(page=number + 1) if more else None,
        active=active,
    )


def choices_of(kind: type[StrEnum], labels: Mapping[Any, str] | None = None) -> list[tuple[str, str]]:
    """The choices of an enumeration, for a drop-down, in the reader's language."""
    return [(item.value, tr((labels or {}).get(item, item.value.replace("_", " ").capitalize()))) for item in kind]
