"""What went wrong with a channel, kept in its own words and said in ours: what a person does next."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from oms.channels.port import (
    ChannelCannot,
    ChannelError,
    ChannelExpired,
    ChannelKeys,
    ChannelRefused,
    ChannelSilent,
    ChannelTooLate,
    ChannelUnknown,
)
from oms.usecases.trouble_words import KEPT, Told, read_told, told


class Trouble(StrEnum):
    """Kinds that ask for different things of a person."""

    KEYS = "keys"
    GRANT = "grant"
    PACE = "pace"
    NOT_READY = "not_ready"
    SILENT = "silent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


TROUBLE_LABELS: Final[dict[str, str]] = {
    Trouble.KEYS: "The channel does not accept our keys. Press “Enter keys”, enter them as they stand at the channel, "
    "then press “Try”.",
    Trouble.GRANT: "The channel took our access back. Press “Let us in again”: the seller logs in there once and "
    "allows it.",
    Trouble.PACE: "The channel asks for fewer questions. There is nothing to do: it goes on by itself in a while.",
    Trouble.NOT_READY: "The channel has it not ready yet. There is nothing to do: it is asked again by itself.",
    Trouble.SILENT: "The channel does not answer. It is asked again by itself; if this lasts more than an hour, see "
    "whether the channel opens in a browser, then press “Try”.",
    Trouble.REFUSED: "The channel refused this one thing; the connection works. Put right what it names, then tell it "
    "again, or do it at the channel by hand.",
    Trouble.UNKNOWN: "The channel answered something we do not know. Press “Try”; if it comes back, show the words "
    "below to who looks after the system.",
}
_KINDS: Final[tuple[tuple[type[ChannelError], Trouble], ...]] = (
    (ChannelExpired, Trouble.GRANT),
    (ChannelKeys, Trouble.KEYS),
    (ChannelSilent, Trouble.SILENT),
    (ChannelRefused, Trouble.REFUSED),
    (ChannelUnknown, Trouble.REFUSED),
    (ChannelTooLate, Trouble.REFUSED),
    (ChannelCannot, Trouble.REFUSED),
)


def kind_of(error: ChannelError) -> Trouble:
    """What a person is told of it."""
    if isinstance(error, ChannelSilent) and (error.raw_code == "too_many" or (error.retry_after and not error.reached)):
        return Trouble.PACE
    if error.raw_code == Trouble.NOT_READY:
        return Trouble.NOT_READY
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), Trouble.UNKNOWN)


def raw_of(error: ChannelError) -> str:
    """The channel's own code and words; ours where it said nothing."""
    return f"{error.raw_code} {error.raw_text}".strip()[:KEPT] or str(error)[:KEPT]


def told_of(error: ChannelError, kind: Trouble | None = None) -> str:
    """A trouble as it is kept: its kind, and the channel's words."""
    return f"{kind or kind_of(error)}: {raw_of(error)}"[:KEPT]


def read_trouble(kept: str) -> Told:
    """A kept trouble again."""
    return read_told(TROUBLE_LABELS, kept)


def last_trouble(kept: str) -> Told:
    """The last trouble of a connection; words from before its kind was kept count as unknown ones."""
    found = read_trouble(kept)
    return found if found.advice or not kept else told(TROUBLE_LABELS[Trouble.UNKNOWN], kept)
