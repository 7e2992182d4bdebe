"""Accounts at outside systems kept open in this process, so that connections and tokens serve many questions."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be let go of."""

    def close(self) -> None:
        """Let go of kept connections."""
        ...


T = TypeVar("T", bound=Closable)
Open = Callable[[str, str, Mapping[str, str]], T]


class Kept(Generic[T]):
    """One opened account per set of settings; changed settings or a forked process make another. ``open_it`` takes
    the kind, the address and the settings, and may raise InvalidInput."""

    def __init__(self, open_it: Open[T]) -> None:
        self._make = open_it
        self._lock = Lock()
        self._open: dict[int, tuple[str, T]] = {}

    def get(self, account_id: int, code: str, host: str, settings: Mapping[str, str]) -> T:
        """The opened account."""
        facts = json.dumps([os.getpid(), code, host, sorted(settings.items())])
        mark = hashlib.sha256(facts.encode()).hexdigest()
        with self._lock:
            kept = self._open.get(account_id)
            if kept is not None and kept[0] == mark:
                return kept[1]
            made = self._make(code, host, settings)
            self._open[account_id] = (mark, made)
        if kept is not None:
            kept[1].close()
        return made

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            for _, opened in self._open.values():
                opened.close()
            self._open.clear()
