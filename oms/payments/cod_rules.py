"""What a carrier's payment does to one COD entry, and when its money is late. Amounts are Money, nothing is written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from oms.money import ZERO, Money
from oms.payments.cod_models import CodEntry
from oms.payments.states import COD_ENTRY, CodStatus, RoundLineOutcome

OPEN: Final = (CodStatus.EXPECTED, CodStatus.COLLECTED, CodStatus.SHORT)
SETTLES: Final = frozenset({RoundLineOutcome.MATCHED, RoundLineOutcome.SHORT, RoundLineOutcome.OVER})
LATE_DAYS: Final = 7  # after the first day the carrier may pay, unless agreed otherwise
TRAVEL_DAYS: Final = 14  # without a word of delivery for so long, a parcel's cash is late
HOLD_DAYS: Final = timedelta(days=5)  # the carrier holds the cash for the recipient: OCPB notice, since 3 Oct 2024


def outstanding(entry: CodEntry) -> Money:
    """What the carrier still owes of one entry."""
    return entry.expected - entry.remitted if entry.status in OPEN else ZERO


def collect(entry: CodEntry, at: datetime) -> None:
    """The cash is in the carrier's hands."""
    COD_ENTRY.fire(entry, "collect")
    entry.collected, entry.collected_at, entry.settle_from = entry.expected, at, at + HOLD_DAYS


def pay(entry: CodEntry, amount: Money, fee: Money, at: datetime) -> RoundLineOutcome:
    """Book what the carrier paid for a parcel and say how it compares. A payment proves that the cash was collected;
    one for a refused or a paid parcel changes nothing."""
    if entry.status is CodStatus.REFUSED:
        return RoundLineOutcome.RETURNED
    if entry.status is CodStatus.REMITTED:
        if not ZERO < amount <= entry.written_off:
            return RoundLineOutcome.PAID_BEFORE
        entry.written_off -= amount  # the rest came after all
    if entry.status is CodStatus.EXPECTED:
        collect(entry, at)
    entry.remitted += amount
    entry.fee += fee
    entry.remitted_at = at
    if entry.remitted + entry.written_off >= entry.expected:
        if entry.status is not CodStatus.REMITTED:
            COD_ENTRY.fire(entry, "remit")
        return RoundLineOutcome.OVER if entry.remitted > entry.expected else RoundLineOutcome.MATCHED
    if entry.status is CodStatus.COLLECTED:
        COD_ENTRY.fire(entry, "fall_short")
    return RoundLineOutcome.SHORT


def late_from(entry: CodEntry, late_days: int) -> datetime:
    """From when on the money of an entry is late: so many days after the carrier may pay; without a word of delivery,
    after the longest usual travel as well."""
    first = entry.settle_from or entry.handed_over_at + timedelta(days=TRAVEL_DAYS) + HOLD_DAYS
    return first + timedelta(days=late_days)
