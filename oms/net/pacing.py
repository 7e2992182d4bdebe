"""A gate before every request of a piece of work: who limits how often a server is asked counts requests, not calls of
an adapter, which may make many. The gate belongs to the thread that works; others have theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_gate: ContextVar[Callable[[], None] | None] = ContextVar("gate", default=None)


@contextmanager
def paced(gate: Callable[[], None]) -> Iterator[None]:
    """Until the end, every request of this thread passes ``gate`` first; it waits, or raises."""
    token = _gate.set(gate)
    try:
        yield
    finally:
        _gate.reset(token)


def pass_gate() -> None:
    """Called before a request leaves."""
    gate = _gate.get()
    if gate is not None:
        gate()
