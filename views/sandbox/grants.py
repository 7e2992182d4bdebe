"""Access that a simulated platform gives: codes that work once, tokens that end, and renewing tokens that work once."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pair:
    """What a seller's program gets."""

    access: str
    refresh: str


@dataclass
class Grants:
    """``life`` of an access token in seconds. ``raced`` counts renewing tokens that came a second time."""

    life: float = 14_400
    raced: int = 0
    given: int = 0
    _codes: set[str] = field(default_factory=set)
    _access: dict[str, float] = field(default_factory=dict)
    _refresh: set[str] = field(default_factory=set)
    _spent: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def code(self) -> str:
        """A code for the way back from the consent page."""
        made = secrets.token_hex(12)
        with self._lock:
            self._codes.add(made)
        return made

    def pair(self) -> Pair:
        """A fresh pair, for a play that begins with the shop connected."""
        with self._lock:
            return self._pair()

    def _pair(self) -> Pair:
        made = Pair(f"a{secrets.token_hex(16)}", f"r{secrets.token_hex(16)}")
        self._access[made.access] = time.monotonic() + self.life
        self._refresh.add(made.refresh)
        self.given += 1
        return made

    def by_code(self, code: str) -> Pair | None:
        """For a code, once."""
        with self._lock:
            if code not in self._codes:
                return None
            self._codes.remove(code)
            return self._pair()

    def by_refresh(self, token: str) -> Pair | None:
        """For a renewing token, once; the access it came with goes on until its end."""
        with self._lock:
            if token not in self._refresh:
                self.raced += token in self._spent
                return None
            self._refresh.remove(token)
            self._spent.add(token)
            return self._pair()

    def holds(self, access: str) -> bool:
        """Whether this access is taken."""
        with self._lock:
            return self._access.get(access, 0.0) > time.monotonic()

    def expire(self) -> None:
        """All access ends at once."""
        with self._lock:
            self._access.clear()
