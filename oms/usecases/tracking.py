"""What carriers say about parcels: kept word for word, turned into where parcels and shipments stand.

A carrier's word moves a parcel's tracking status and may deliver, turn round, bring back or lose a shipment that has
left. It never creates money, never touches stock, never passes a guard (invariant 9). News may come late, twice and in
any order: the state is computed from all of it (``oms.shipping.tracking_rules``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from oms import audit, clock
from oms.db import Tx
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.shipping.models import Parcel, Shipment, TrackingEvent
from oms.shipping.queries import Locked, lock_with_orders
from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import FINAL, Standing, moves, shipment_target, standing
from oms.usecases import derived, notices
from oms.usecases.cod_entries import collect_entries
from oms.usecases.returns_rto import delivered_after_all, drop_lost, expect_returns
from oms.usecases.shipping_arrival import complete_done

S = ShipmentStatus
_TOLD: Final = {
    "deliver": "order.delivered",
    "come_back": "shipment.coming_back",
    "arrive_back": "shipment.came_back",
    "lose": "shipment.lost",
}


_HEARD: Final = {
    Event.OUT_FOR_DELIVERY: frozenset({TrackingStatus.OUT_FOR_DELIVERY}),
    Event.PROBLEM: frozenset({TrackingStatus.DELIVERY_FAILED, TrackingStatus.EXCEPTION}),
}


class Said(Protocol):
    """One thing a carrier said (``oms.carriers.port.CarrierEvent``)."""

    @property
    def at(self) -> datetime: ...
    @property
    def status(self) -> TrackingStatus: ...
    @property
    def raw_code(self) -> str: ...
    @property
    def raw_text(self) -> str: ...
    @property
    def place(self) -> str: ...


@dataclass(frozen=True)
class ParcelNews:
    """What was heard about one parcel; what was heard before does no harm."""

    parcel_id: int
    events: tuple[Said, ...]


@dataclass(frozen=True)
class Recorded:
    """How many events were new, which parcels stand elsewhere now, and which shipments moved, by transition."""

    events: int = 0
    parcels: tuple[int, ...] = ()
    shipments: Mapping[int, tuple[str, ...]] | None = None


_Key = tuple[int, datetime, str, str]


def record_events(tx: Tx, news: Sequence[ParcelNews], source: str) -> Recorded:
    """Keep what carriers said about parcels, and move what follows from it. Parcels that the actor may not see are left
    alone. ``source``: poll, ask, webhook, channel or staff."""
    tx.actor.require("shipment.track")
    fresh = _unheard(tx, news, source)
    if not fresh:
        return Recorded()
    wanted = sorted({parcel_id for parcel_id, *_ in fresh})
    shipment_ids = set(tx.session.scalars(select(Parcel.shipment_id).where(Parcel.id.in_(wanted))))
    locked = lock_with_orders(tx, shipment_ids)
    parcels = {p.id: p for s in locked.shipments.values() for p in s.parcels if p.id in set(wanted)}
    rows = [row for key, row in fresh.items() if key[0] in parcels]
    if not rows:
        return Recorded()
    added = tx.session.scalars(
        insert(TrackingEvent).on_conflict_do_nothing().returning(TrackingEvent.id), rows
    ).all()  # fmt: skip
    moved = _place(parcels, locked, _heard(tx, parcels))
    went = _follow(tx, locked, {p.shipment_id for p in moved})
    _tell_buyers(tx, locked, moved)
    return Recorded(len(added), tuple(p.id for p in moved), went)


def _unheard(tx: Tx, news: Iterable[ParcelNews], source: str) -> dict[_Key, dict[str, Any]]:
    """The rows to write, without those that stand there already; asked without locks, as most polls bring nothing."""
    now = clock.now()
    rows: dict[_Key, dict[str, Any]] = {}
    for item in news:
        for event in item.events:
            code, words = event.raw_code[:80], event.raw_text[:500]
            rows.setdefault(
                (item.parcel_id, event.at, code, words),
                {
                    "parcel_id": item.parcel_id, "at": event.at, "status": event.status, "raw_code": code,
                    "raw_text": words, "place": event.place[:200], "source": source, "received_at": now,
                },
            )  # fmt: skip
    known = select(TrackingEvent.parcel_id, TrackingEvent.at, TrackingEvent.raw_code, TrackingEvent.raw_text)
    ids = {key[0] for key in rows}
    for row in tx.session.execute(known.where(TrackingEvent.parcel_id.in_(sorted(ids)))) if ids else ():
        rows.pop((row.parcel_id, row.at, row.raw_code, row.raw_text), None)
    return rows


def _heard(tx: Tx, parcel_ids: Collection[int]) -> dict[int, list[TrackingEvent]]:
    found: dict[int, list[TrackingEvent]] = {}
    events = select(TrackingEvent).where(TrackingEvent.parcel_id.in_(sorted(parcel_ids)))
    for event in tx.session.scalars(events):
        found.setdefault(event.parcel_id, []).append(event)
    return found


def _tell_buyers(tx: Tx, locked: Locked, moved: Sequence[Parcel]) -> None:
    """Out for delivery, or a try that failed: the buyer can do something about it. Once for a shipment."""
    for event, marks in _HEARD.items():
        shipments = {p.shipment_id for p in moved if p.tracking_status in marks}
        about = [(o.id, notices.of_shipment(i)) for i in shipments for o in locked.inside(locked.shipments[i])]
        notices.tell(tx, event, about)


def own_word(parcel: Parcel, shipment: Shipment) -> TrackingStatus:
    """Where a parcel stands by what we did ourselves, before any event: handed over, delivered by hand, received."""
    unsaid = parcel.tracked_at is None
    if shipment.status is S.RETURNED:
        return TrackingStatus.RETURNED
    if unsaid and parcel.tracking_status in FINAL:
        return parcel.tracking_status
    if shipment.handed_over_at is not None:
        return TrackingStatus.IN_TRANSIT
    return parcel.tracking_status if unsaid else TrackingStatus.CREATED


def _place(parcels: Mapping[int, Parcel], locked: Locked, heard: Mapping[int, Sequence[TrackingEvent]]) -> list[Parcel]:
    """Put each parcel where its events say it is; answers those that stand elsewhere now."""
    moved = []
    for parcel in parcels.values():
        found = standing(heard.get(parcel.id, ()), own_word(parcel, locked.shipments[parcel.shipment_id]))
        if found.status is not parcel.tracking_status:
            moved.append(parcel)
        _write(parcel, found)
    return moved


def _write(parcel: Parcel, found: Standing) -> None:
    parcel.tracking_status = found.status
    if found.since is not None:
        parcel.tracked_at = found.since.at
        parcel.raw_code, parcel.raw_status = found.since.raw_code, found.since.raw_text[:200]


def follow_parcels(tx: Tx, shipment_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Move shipments to where their parcels already are: news that came before the hand-over was entered."""
    tx.actor.require("shipment.track")
    locked = lock_with_orders(tx, shipment_ids)
    return _follow(tx, locked, set(locked.shipments))


def _follow(tx: Tx, locked: Locked, touched: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Fire what follows for the shipments of these parcels; bring their orders up to date."""
    touched_now = [locked.shipments[i] for i in sorted(touched)]
    if not touched_now:
        return {}
    went: dict[int, tuple[str, ...]] = {}
    were = {shipment.id: shipment.status for shipment in touched_now}
    for shipment in touched_now:
        counted = [p for p in shipment.parcels if p.is_live and p.tracking_no]
        names = moves(shipment.status, shipment_target([p.tracking_status for p in counted]))
        for name in names:
            SHIPMENT.fire(shipment, name)
        if names:
            went[shipment.id] = tuple(names)
            shipment.delivered_at = _delivered_at(counted) if shipment.status is S.DELIVERED else None
    orders = locked.inside(*touched_now)
    before = {order.id: order.board for order in orders}
    arrived = [s for s in touched_now if "deliver" in went.get(s.id, ())]
    tx.session.flush()  # cash is collected by SQL
    cash = collect_entries(tx, orders, {s.id for s in arrived})
    derived.refresh(tx, orders)
    _tell(tx, locked, went, before, cash)
    notices.tell(tx, Event.DELIVERED, [(o.id, notices.of_shipment(s.id)) for s in arrived for o in locked.inside(s)])
    _turn_up(tx, locked, [s for s in arrived if were[s.id] is not S.HANDED_OVER])
    if back := [s for s in touched_now if {"come_back", "arrive_back"} & set(went.get(s.id, ()))]:
        expect_returns(tx, back)
    complete_done(tx, locked.inside(*arrived))
    return went


def _turn_up(tx: Tx, locked: Locked, arrived: Sequence[Shipment]) -> None:
    """Delivered after all: what was expected back, or searched for, is so no more."""
    if not arrived:
        return
    delivered_after_all(tx, arrived)
    for shipment in arrived:
        for order in locked.inside(shipment):
            drop_lost(tx, shipment, order)


def _delivered_at(parcels: Sequence[Parcel]) -> datetime:
    said = [p.tracked_at for p in parcels if p.tracked_at is not None]
    return min(max(said, default=clock.now()), clock.now())


def _tell(
    tx: Tx, locked: Locked, went: Mapping[int, Sequence[str]], before: Mapping[int, object], cash: Mapping[int, object]
) -> None:
    """Audit each step of each shipment, on it and on its orders."""
    entries = []
    for shipment_id, names in went.items():
        shipment = locked.shipments[shipment_id]
        numbers = ", ".join(p.tracking_no for p in shipment.parcels if p.is_live and p.tracking_no)
        for name in names:
            facts = {"shipment": shipment.number, "carrier": shipment.carrier, "tracking_no": numbers}
            action = "shipment.delivered" if name == "deliver" else _TOLD[name]
            entries.append(audit.Entry(action, "shipment", shipment.id, shipment.number, after={**facts, "move": name}))
            entries += [_order_entry(name, order, facts, before, cash) for order in locked.inside(shipment)]
    audit.record_many(tx, entries)


def _order_entry(
    name: str, order: Order, facts: Mapping[str, object], before: Mapping[int, object], cash: Mapping[int, object]
) -> audit.Entry:
    after = {**facts, "board": order.board}
    if name == "deliver":
        after |= {"shipments": [facts["shipment"]]} | ({"cod_collected": cash[order.id]} if order.id in cash else {})
    return audit.Entry(_TOLD[name], "order", order.id, order.number, {"board": before[order.id]}, after)
