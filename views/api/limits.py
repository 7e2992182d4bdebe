"""How often a key may call: counted by the minute where the panel counts, in one trip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import current_app
from limits.storage import MemoryStorage
from werkzeug.wrappers import Response

from oms import clock

SPAN: Final = 60
WRONG_KEYS: Final = 60  # a minute, of one address


@dataclass(frozen=True)
class Count:
    """What a minute holds, and how long it still lasts."""

    limit: int
    used: int
    seconds_left: int

    @property
    def is_over(self) -> bool:
        """Whether this call is one too many."""
        return self.used > self.limit

    def tell(self, answer: Response) -> Response:
        """Say it in the answer."""
        answer.headers["RateLimit-Limit"] = str(self.limit)
        answer.headers["RateLimit-Remaining"] = str(max(0, self.limit - self.used))
        answer.headers["RateLimit-Reset"] = str(self.seconds_left)
        if self.is_over:
            answer.headers["Retry-After"] = str(self.seconds_left)
        return answer


def count(name: str, limit: int, *, add: int = 1) -> Count:
    """Count one more of this name in this minute; ``add`` 0 only looks."""
    now = int(clock.now().timestamp())
    key = f"ruam:api:{name}:{now // SPAN}"
    return Count(limit, _ask(key, add), SPAN - now % SPAN)


def _ask(key: str, add: int) -> int:
    """In the panel's store; while that is away each process counts for itself."""
    store: Any = current_app.appbuilder.sm.limiter.storage  # type: ignore[attr-defined]
    try:
        return int(store.incr(key, SPAN, amount=add) if add else store.get(key))
    except store.base_exceptions as exc:
        current_app.logger.warning("calls are counted by each process: %s", exc)
        own: MemoryStorage = current_app.extensions.setdefault("oms.api_counts", MemoryStorage())
        return int(own.incr(key, SPAN, amount=add) if add else own.get(key))
