"""Time: aware UTC in storage, Asia/Bangkok for the business day. Naive values are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

BANGKOK = ZoneInfo("Asia/Bangkok")
_frozen: ContextVar[datetime | None] = ContextVar("frozen", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)  # noqa: TID251  the one place that asks the machine


def today() -> date:
    """The business day in Bangkok."""
    return now().astimezone(BANGKOK).date()


def aware(value: datetime) -> datetime:
    """The same moment in UTC; raises ValueError on a naive value."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone is not a moment")
    return value.astimezone(UTC)


def local(value: datetime) -> datetime:
    """The same moment as the clock on a Thai wall shows it."""
    return aware(value).astimezone(BANGKOK)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let ``now()`` answer ``moment``: for tests and for the demo shop, which lives through 60 days."""
    token = _frozen.set(aware(moment))
    try:
        yield
    finally:
        _frozen.reset(token)
