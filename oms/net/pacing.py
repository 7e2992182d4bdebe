"""A gate before every request of a piece of work: who limits how often a server is asked counts requests, not calls of
an adapter, which may make many. The gate belongs to the thread that works; others have theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class _Gate:
    let_through: Callable[[], None]
    keep_shut: Callable[[float], None] | None


_gate: ContextVar[_Gate | None] = ContextVar("gate", default=None)


@contextmanager
def paced(gate: Callable[[], None], keep_shut: Callable[[float], None] | None = None) -> Iterator[None]:
    """Until the end, every request of this thread passes ``gate`` first; it waits, or raises. ``keep_shut`` is told for
    how many seconds nobody is to pass."""
    token = _gate.set(_Gate(gate, keep_shut))
    try:
        yield
    finally:
        _gate.reset(token)


def pass_gate() -> None:
    """Called before a request leaves."""
    gate = _gate.get()
    if gate is not None:
        gate.let_through()


def hold_off(seconds: float) -> bool:
    """Called when a server says that it soon has enough: the next request waits for so long, whoever's it is. False
    when there is no gate to keep shut."""
    gate = _gate.get()
    if gate is None or gate.keep_shut is None:
        return False
    if seconds > 0:
        gate.keep_shut(seconds)
    return True
