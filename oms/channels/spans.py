"""Reading a span of time page by page so that nothing is passed over while it changes.

Platforms count their pages from the beginning of a list that moves: an order that changes between two pages leaves the
list, the rest moves up, and one that was not read yet lies on a page that was. So a span is cut until one answer holds
all of it, and the next span begins where this one ended (adr/0170). Only when a single second holds more than one
answer are the platform's own pages followed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")
SHORTEST = timedelta(seconds=1)
FILLED = 0.7  # how full the next answer is meant to be, so that it is rarely too full
MOST_GROWTH, LEAST_GROWTH = 4.0, 0.5


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What one question brought. ``token``: how to ask for the rest, "" when this was all; ``total``: how many there
    are, when the platform says so."""

    rows: Sequence[T]
    token: str = ""
    total: int | None = None


Ask = Callable[[datetime, datetime, str], Answer[T]]


def read(since: datetime, until: datetime, cursor: str, ask: Ask[T], page: int = 50) -> tuple[Sequence[T], str]:
    """Some rows of a span and the cursor of the rest, "" when it was the last. ``ask`` takes whole seconds, both of
    them inside; ``page`` is how many rows one answer holds."""
    since, until = since.replace(microsecond=0), _up(until)
    start, span, token = _place(cursor) if cursor else (since, max(until - since, SHORTEST), "")
    while True:
        end = min(start + span, until)
        answer = ask(start, end, token)
        if not answer.token or token or end - start <= SHORTEST:
            break
        span = _times(end - start, FILLED * page / answer.total if answer.total else LEAST_GROWTH, LEAST_GROWTH)
    if answer.token:
        return answer.rows, _cursor(start, span, answer.token)
    if end >= until:
        return answer.rows, ""
    return answer.rows, _cursor(end, _times(end - start, FILLED * page / max(len(answer.rows), 1), MOST_GROWTH), "")


def _up(moment: datetime) -> datetime:
    return moment if not moment.microsecond else moment.replace(microsecond=0) + SHORTEST


def _times(span: timedelta, factor: float, most: float) -> timedelta:
    """So many times as long, within reason; whole seconds."""
    return max(timedelta(seconds=int(span.total_seconds() * min(factor, most))), SHORTEST)


def _cursor(start: datetime, span: timedelta, token: str) -> str:
    return f"{int(start.timestamp())}+{int(span.total_seconds())}+{token}"


def _place(cursor: str) -> tuple[datetime, timedelta, str]:
    start, span, token = cursor.split("+", 2)
    return datetime.fromtimestamp(int(start), UTC), timedelta(seconds=int(span)), token
