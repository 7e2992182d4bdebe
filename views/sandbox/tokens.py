"""Access tokens a simulated system gave out."""

from __future__ import annotations

import secrets
import threading
import time

from werkzeug.wrappers import Request

from views.sandbox.book import Fault


class GivenTokens:
    """Tokens that hold for ``life`` seconds."""

    def __init__(self, life: int) -> None:
        self.life = life
        self._given: dict[str, float] = {}
        self._lock = threading.Lock()

    def new(self) -> str:
        """Another token."""
        token = secrets.token_hex(16)
        with self._lock:
            self._given[token] = time.monotonic() + self.life
        return token

    def hold(self, request: Request, fault: Fault | None, kinds: tuple[str, ...] = ("Bearer",)) -> bool:
        """Whether the request may pass."""
        if fault is not None and fault.kind == "expire_tokens":
            with self._lock:
                self._given.clear()
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            return kind in kinds and self._given.get(token, 0) > time.monotonic()
