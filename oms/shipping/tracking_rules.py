"""What a carrier's events mean for a parcel, and what parcels mean for their shipment. Pure.

The state of a parcel is a function of the set of its events, read in the order in which they happened. So it cannot
matter in which order, or how often, they reached us.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from oms.shipping.states import ShipmentStatus, TrackingStatus

T = TrackingStatus
S = ShipmentStatus

BY_HAND: Final = "staff"
FROM_THE_FUTURE: Final = timedelta(days=1)  # an event later than this after we heard of it has a wrong clock
FINAL: Final = frozenset({T.DELIVERED, T.RETURNED, T.LOST, T.CANCELED})
BACK: Final = frozenset({T.RETURNING, T.RETURNED})
PROBLEM: Final = frozenset({T.DELIVERY_FAILED, T.ON_HOLD, T.EXCEPTION, T.LOST})
NOT_MOVING: Final = frozenset({T.CREATED, T.LABEL_READY})
NOT_AHEAD: Final = frozenset({T.CREATED, T.LABEL_READY, T.PICKED_UP})  # of a parcel that we hand over ourselves
_RANK: Final = {
    T.CREATED: 0, T.LABEL_READY: 1, T.PICKED_UP: 2, T.IN_TRANSIT: 3, T.OUT_FOR_DELIVERY: 4, T.READY_FOR_PICKUP: 4,
    T.DELIVERY_FAILED: 4, T.DELIVERED: 6,
}  # fmt: skip
_ASIDE: Final = frozenset({T.ON_HOLD, T.EXCEPTION, T.UNKNOWN})
_OUT_OF_FINAL: Final = {
    T.DELIVERED: BACK,
    T.LOST: frozenset({T.DELIVERED, *BACK}),
    T.CANCELED: frozenset(
        {
            T.PICKED_UP,
            T.IN_TRANSIT,
            T.OUT_FOR_DELIVERY,
            T.READY_FOR_PICKUP,
            T.DELIVERED,
            T.LOST,
            *BACK,
        }
    ),
    T.RETURNED: frozenset[TrackingStatus](),
}  # only an explicit later event takes a parcel out of a final state


class Happened(Protocol):
    """An event as it is stored."""

    at: datetime
    status: TrackingStatus
    raw_code: str
    raw_text: str
    source: str
    received_at: datetime


@dataclass(frozen=True)
class Standing:
    """Where a parcel stands. ``since``: the event it follows from, None when no event has said so; ``rank`` is how far
    it had come, also while it stands aside; ``back``: it turned round at some time."""

    status: TrackingStatus
    since: Happened | None = None
    rank: int = 0
    back: bool = False


def in_order(events: Iterable[Happened]) -> list[Happened]:
    """As they happened; of one moment the farther one last."""
    return sorted(events, key=lambda e: (e.at, _RANK.get(e.status, 5), e.status.value, e.raw_code, e.raw_text))


def standing(events: Iterable[Happened], own: TrackingStatus = T.CREATED) -> Standing:
    """The state that these events amount to. ``own``: where it stands by our own word, before any event."""
    found = Standing(own, rank=_RANK.get(own, 0), back=own in BACK)
    for event in in_order(events):
        if event.at <= event.received_at + FROM_THE_FUTURE:
            found = _after(found, event)
    return found


def _after(now: Standing, event: Happened) -> Standing:
    said = event.status
    if now.back and said is T.DELIVERED:
        if event.source == BY_HAND and now.status is T.RETURNING:
            return Standing(said, event, _RANK[said])  # a person knows that the buyer has it after all
        said = T.RETURNED  # delivered, but to us
    if now.status in FINAL:
        allowed = said is now.status or said in _OUT_OF_FINAL[now.status]
    elif now.status is T.RETURNING:
        allowed = said in {*BACK, T.LOST}
    else:
        allowed = _is_forward(now, said)
    if not allowed:
        return now
    return Standing(said, event, max(now.rank, _RANK.get(said, now.rank)), now.back or said in BACK)


def _is_forward(now: Standing, said: TrackingStatus) -> bool:
    """Whether a parcel still on its way out may come to stand here."""
    if said in FINAL or said in BACK or said in _ASIDE:
        return True
    if now.status is T.DELIVERY_FAILED:
        return said in {T.DELIVERY_FAILED, T.OUT_FOR_DELIVERY, T.READY_FOR_PICKUP}
    reached = min(now.rank, _RANK[T.IN_TRANSIT]) if now.status in _ASIDE else now.rank
    return _RANK[said] >= reached


def shipment_target(parcels: Collection[TrackingStatus]) -> ShipmentStatus:
    """Where a shipment that has left stands when its boxes stand here: it goes on when none is on its way out any
    more, and is back when all are. One that the carrier calls canceled waits for a person."""
    kinds = set(parcels)
    if not kinds or T.CANCELED in kinds or kinds - FINAL - BACK:
        return S.HANDED_OVER
    if kinds == {T.RETURNED}:
        return S.RETURNED
    if kinds & BACK:
        return S.RETURNING
    return S.LOST if T.LOST in kinds else S.DELIVERED


_PATHS: Final[dict[tuple[ShipmentStatus, ShipmentStatus], Sequence[str]]] = {
    (S.HANDED_OVER, S.DELIVERED): ("deliver",),
    (S.HANDED_OVER, S.RETURNING): ("come_back",),
    (S.HANDED_OVER, S.RETURNED): ("come_back", "arrive_back"),
    (S.HANDED_OVER, S.LOST): ("lose",),
    (S.DELIVERED, S.RETURNING): ("come_back",),
    (S.DELIVERED, S.RETURNED): ("come_back", "arrive_back"),
    (S.DELIVERED, S.LOST): ("come_back", "lose"),
    (S.LOST, S.DELIVERED): ("deliver",),
    (S.LOST, S.RETURNING): ("come_back",),
    (S.LOST, S.RETURNED): ("come_back", "arrive_back"),
    (S.RETURNING, S.RETURNED): ("arrive_back",),
    (S.RETURNING, S.LOST): ("lose",),
    (S.RETURNING, S.DELIVERED): ("deliver",),
}


def moves(now: ShipmentStatus, target: ShipmentStatus) -> Sequence[str]:
    """The transitions that lead there; none when the goods have not left, are there, or only a person may say so."""
    return _PATHS.get((now, target), ())


_EVERY: Final = {
    T.OUT_FOR_DELIVERY: timedelta(minutes=30), T.DELIVERY_FAILED: timedelta(hours=2), T.PICKED_UP: timedelta(hours=3),
    T.IN_TRANSIT: timedelta(hours=3), T.UNKNOWN: timedelta(hours=3), T.ON_HOLD: timedelta(hours=4),
    T.EXCEPTION: timedelta(hours=4), T.CREATED: timedelta(hours=6), T.LABEL_READY: timedelta(hours=6),
    T.READY_FOR_PICKUP: timedelta(hours=6), T.RETURNING: timedelta(hours=12),
}  # fmt: skip
_AGED: Final = (
    (timedelta(days=90), timedelta(days=365)), (timedelta(days=45), timedelta(days=7)),
    (timedelta(days=14), timedelta(days=1)),
)  # fmt: skip
SELDOM: Final = timedelta(hours=24)  # the longest pause of a parcel the carrier knows nothing of


def check_after(status: TrackingStatus, still_for: timedelta, misses: int = 0) -> timedelta:
    """How long until the carrier is asked again: often on the last mile, seldom on the road, hardly when nothing has
    moved for weeks. ``misses``: how often in a row it knew nothing."""
    usual = _EVERY.get(status, SELDOM)
    for age, pause in _AGED:
        if still_for >= age:
            return pause
    return min(usual * (1 << min(misses, 6)), max(SELDOM, usual))
