"""When to leave a provider alone: after failures in a row it is not asked for a while, then by one question alone.

Pure: the numbers are kept on the row of the account, shared by every worker of every host.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

OPENS_AFTER = 5  # failures in a row
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
PROBE = timedelta(seconds=60)  # how long the one question may take before another may probe


@dataclass(frozen=True)
class Breaker:
    """``failures`` in a row; ``closed_until``: nobody asks before."""

    failures: int = 0
    closed_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the provider is left alone (the word of electricians: open is off)."""
        return self.failures >= OPENS_AFTER

    def waits(self, now: datetime) -> datetime | None:
        """Until when not to ask; None when asking is fine."""
        return self.closed_until if self.closed_until is not None and self.closed_until > now else None

    def asking(self, now: datetime) -> Breaker:
        """Somebody asks at this moment: while the breaker is open that is the probe, and others wait for it."""
        return Breaker(self.failures, now + PROBE) if self.is_open else self

    def answered(self) -> Breaker:
        """The provider answered, whatever it said."""
        return Breaker()

    def failed(self, now: datetime, asked_to_wait: timedelta | None = None) -> Breaker:
        """No usable answer once more; pauses double. ``asked_to_wait``: the provider named a pause itself."""
        failures = self.failures + 1
        if failures < OPENS_AFTER:
            return Breaker(failures, now + asked_to_wait if asked_to_wait else None)
        pause = min(FIRST_PAUSE * 2 ** min(failures - OPENS_AFTER, 10), LONGEST_PAUSE)
        return Breaker(failures, now + max(pause, asked_to_wait or pause))
