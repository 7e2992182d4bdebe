"""An order as a channel told it, written down as JSON and read back, and the mark that equal words share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from oms.channels.port import OrderNews
from oms.errors import Say
from oms.intake.records import CellProblem, LineIn, OrderIn, RecipientIn, Stage
from oms.money import Money

MOMENTS = frozenset(f.name for f in fields(OrderIn) if "datetime" in str(f.type))
AMOUNTS = frozenset(f.name for kind in (OrderIn, LineIn) for f in fields(kind) if "Money" in str(f.type))


def plain(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, Money):
        return value.in_satang
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    return str(value) if isinstance(value, Decimal) else list(value)


def flat(value: Any) -> Any:
    """The same in words JSON has."""
    return json.loads(json.dumps(value, default=plain))


def told_of(order: OrderIn) -> dict[str, Any]:
    """The order as JSON."""
    found: dict[str, Any] = flat(_said(order))
    return found


def _said(order: OrderIn) -> dict[str, Any]:
    """The order by field, before JSON."""
    said = dict(vars(order))
    said["lines"] = [vars(line) for line in order.lines]
    said["recipient"] = vars(order.recipient)
    return said


def order_of(told: Mapping[str, Any]) -> OrderIn:
    """The order again."""
    known = {f.name for f in fields(OrderIn)}
    said: dict[str, Any] = {k: _read(k, v) for k, v in told.items() if k in known}
    said["stage"] = Stage(said["stage"])
    said["lines"] = tuple(LineIn(**{k: _read(k, v) for k, v in line.items()}) for line in told["lines"])
    said["recipient"] = RecipientIn(**told["recipient"])
    return OrderIn(**said)


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in AMOUNTS:
        return Money.satang(value)
    return datetime.fromisoformat(value) if name in MOMENTS else value


def mark_of(news: OrderNews) -> str:
    """Equal for words that say the same of an order: by what was understood, or by the raw words when nothing was."""
    said = _said(news.order) if news.order is not None else news.raw
    problems = [p.code for p in news.problems]
    text = json.dumps([said, problems], sort_keys=True, ensure_ascii=False, default=plain)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def problems_of(stored: Any) -> tuple[CellProblem, ...]:
    """Problems of a kept word."""
    return tuple(CellProblem(p["line"], p["column"], p["code"], Say(p["template"], p["facts"])) for p in stored or ())
