"""The filters of a list as they stand in a screen's address: ``q`` and ``f_<column>_<operator>``, plain column names
for screens that use them. What means nothing here is left out, as on the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Integer, Select, or_
from sqlalchemy.dialects.postgresql import ARRAY

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime
from oms.errors import InvalidInput, say
from oms.exporting.shape import ExportList
from oms.money import Money
from oms.orders.listing import filter_conditions, read_filter
from oms.thai.dates import parse_date

Condition = Callable[[Any, Any], ColumnElement[bool]]
_DAY = timedelta(days=1)
_CONDITIONS: dict[str, Condition] = {
    "has": lambda c, v: c.icontains(v, autoescape=True),
    "starts": lambda c, v: c.istartswith(v, autoescape=True),
    "is": lambda c, v: c == v,
    "not": lambda c, v: c != v,
    "from": lambda c, v: c >= v,
    "to": lambda c, v: c <= v,
}


def narrow(wanted: ExportList, statement: Select[Any], filters: Mapping[str, str]) -> Select[Any]:
    """The statement under the filters of an address. Raises InvalidInput for a value without meaning."""
    columns = wanted.filters()
    if wanted.name in {"orders", "order_lines"}:
        statement = statement.where(*filter_conditions(read_filter(filters)))
    text = filters.get("q", "").replace("\x00", "").strip()[:200]
    if text and wanted.search is not None:
        statement = wanted.search(statement, text)
    elif text and wanted.find:
        statement = statement.where(or_(*(c.icontains(text, autoescape=True) for c in wanted.find)))
    if wanted.narrow is not None:
        statement = wanted.narrow(statement, filters)
    for name, raw in filters.items():
        if not name.startswith("f_") or not raw.strip():
            continue
        key, _, sign = name[2:].rpartition("_")
        if key in columns and sign in _CONDITIONS:
            statement = statement.where(_condition(columns[key], sign, raw.strip()))
    return statement


def _condition(column: Any, sign: str, raw: str) -> ColumnElement[bool]:
    if isinstance(column.type, UtcDateTime):
        day = datetime.combine(parse_date(raw), time(), clock.BANGKOK)
        if sign == "is":
            both: ColumnElement[bool] = (column >= day) & (column < day + _DAY)
            return both
        before: ColumnElement[bool] = column < day + _DAY
        return before if sign == "to" else _CONDITIONS["from"](column, day)
    return _CONDITIONS[sign](column, _value(column, raw))


def _value(column: Any, raw: str) -> Any:
    kind = column.type
    if isinstance(kind, MoneyAmount):
        return Money.parse(raw)
    if isinstance(kind, Boolean):
        return raw == "1"
    if isinstance(kind, ARRAY):
        return [raw]
    if isinstance(kind, EnumText):
        return _choice(kind, raw)
    if isinstance(kind, Integer):
        return _number(raw)
    return raw.replace("\x00", "")[:200]


def _choice(kind: EnumText, raw: str) -> Any:
    try:
        return kind.kind(raw)
    except ValueError:
        raise InvalidInput(say("“{text}” is not one of the choices", text=raw), code="filter_choice") from None


def _number(raw: str) -> int:
    if not raw.lstrip("-").isdigit() or len(raw) > 18:
        raise InvalidInput(say("“{text}” is not a whole number", text=raw), code="filter_number")
    return int(raw)
