"""What went wrong with a carrier, kept in its own words and said in ours: what a person does next."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from oms.carriers.port import CarrierCannot, CarrierError, CarrierKeys, CarrierSilent
from oms.usecases.trouble_words import KEPT, Told, read_told, told


class CarrierTrouble(StrEnum):
    """Kinds that ask for different things of a person. Values are kept: never rename one."""

    KEYS = "keys"
    PACE = "pace"
    SILENT = "silent"
    CANNOT = "cannot"
    REFUSED = "refused"
    UNKNOWN = "unknown"


CARRIER_TROUBLE_LABELS: Final[dict[str, str]] = {
    CarrierTrouble.KEYS: "The carrier does not accept our keys. Press “Enter keys”, enter them as they stand at the "
    "carrier, then press “Try”. Until then parcels are not booked.",
    CarrierTrouble.PACE: "The carrier asks for fewer questions. There is nothing to do: it goes on by itself in a "
    "while.",
    CarrierTrouble.SILENT: "The carrier does not answer. It is asked again by itself. If parcels have to leave now, "
    "type the tracking numbers from the carrier's own page.",
    CarrierTrouble.CANNOT: "This carrier offers no such thing by its interface. Do it on the carrier's own page.",
    CarrierTrouble.REFUSED: "The carrier said no to this one thing; the connection works. Put right what it names and "
    "try again.",
    CarrierTrouble.UNKNOWN: "The carrier answered something we do not know. Press “Try”; if it comes back, show the "
    "details to who looks after the system.",
}


def kind_of(error: CarrierError) -> CarrierTrouble:
    """What a person is told of it."""
    if isinstance(error, CarrierKeys):
        return CarrierTrouble.KEYS
    if isinstance(error, CarrierSilent):
        return CarrierTrouble.PACE if error.raw_code == "too_many" else CarrierTrouble.SILENT
    return CarrierTrouble.CANNOT if isinstance(error, CarrierCannot) else CarrierTrouble.REFUSED


def told_of(error: CarrierError) -> str:
    """A carrier's trouble as it is kept: its kind, its code and words; ours where it said nothing."""
    raw = f"{error.raw_code} {error.raw_text}".strip() or str(error)
    return f"{kind_of(error)}: {raw}"[:KEPT]


def last_trouble(kept: str) -> Told:
    """The last trouble of a carrier; words from before its kind was kept count as unknown ones."""
    found = read_told(CARRIER_TROUBLE_LABELS, kept)
    return found if found.advice or not kept else told(CARRIER_TROUBLE_LABELS[CarrierTrouble.UNKNOWN], kept)
