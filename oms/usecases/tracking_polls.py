"""Asking carriers where parcels are: what is due is claimed, asked without a transaction, and written down.

A claim moves the next turn a little ahead, so that two workers ask about different parcels, and one that dies loses
only that little time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update

from oms import clock
from oms.carriers.port import Ability, CarrierError, CarrierEvent
from oms.carriers.registry import ADAPTERS
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.sealing import Sealer
from oms.shipping.carrier_models import Carrier
from oms.shipping.carrier_queries import carrier_named
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import visible_shipments
from oms.shipping.states import ShipmentStatus
from oms.shipping.tracking_rules import FINAL, check_after
from oms.usecases.carrier_health import note_answer, note_asking, waits
from oms.usecases.carriers import Reached, reach
from oms.usecases.tracking import ParcelNews, Recorded, record_events

CLAIM: Final = timedelta(minutes=10)
POLL, ASK, HOOK = "poll", "ask", "webhook"


@dataclass(frozen=True)
class Round:
    """Parcels to ask one carrier about: their ids by number."""

    carrier_id: int
    reached: Reached
    numbers: Mapping[str, tuple[int, ...]]


def tracked_carriers(tx: Tx) -> list[int]:
    """Carriers that can be asked now."""
    tx.actor.require("shipment.track")
    now = clock.now()
    rows = tx.session.scalars(
        select(Carrier).where(Carrier.is_active, Carrier.stopped == "", Carrier.adapter != "").order_by(Carrier.id)
    )
    return [row.id for row in rows if row.secrets and _tracks(row) and waits(row, now) is None]


def _tracks(carrier: Carrier) -> bool:
    kind = ADAPTERS.get(carrier.adapter)
    return kind is not None and Ability.TRACK in kind.abilities


def track_limit(carrier: Carrier) -> int:
    """How many numbers one question to this carrier may name."""
    return ADAPTERS[carrier.adapter].kind.track_limit


def claim_due(tx: Tx, carrier_id: int, sealer: Sealer) -> Round | None:
    """The next parcels of a carrier that are due, what waited longest first. None when there are none, or the carrier
    is left alone."""
    tx.actor.require("shipment.track")
    carrier = tx.session.get_one(Carrier, carrier_id, populate_existing=True)
    now = clock.now()
    if carrier.stopped or not _tracks(carrier) or waits(carrier, now) is not None:
        return None
    rows = tx.session.execute(
        select(Parcel.id, Parcel.tracking_no)
        .where(
            Parcel.carrier == carrier.name, Parcel.is_live, Parcel.tracking_no != "",
            Parcel.tracking_status.not_in(sorted(FINAL)), Parcel.next_check_at <= now,
        )
        .order_by(Parcel.next_check_at, Parcel.id)
        .limit(track_limit(carrier))
        .with_for_update(skip_locked=True)
    ).all()  # fmt: skip
    return _claimed(tx, carrier, [(row.id, row.tracking_no) for row in rows], sealer)


def claim_these(tx: Tx, carrier_id: int, parcel_ids: Collection[int], sealer: Sealer) -> Round | None:
    """These parcels of a carrier, whatever their turn: it says that something happened to them. At most as many as one
    question may name."""
    tx.actor.require("shipment.track")
    carrier = tx.session.get_one(Carrier, carrier_id, populate_existing=True)
    if carrier.stopped or not _tracks(carrier) or waits(carrier, clock.now()) is not None:
        _due(tx, parcel_ids, clock.now())  # when it answers again, these come first
        return None
    wanted = sorted(parcel_ids)[: track_limit(carrier)]
    rows = tx.session.execute(select(Parcel.id, Parcel.tracking_no).where(Parcel.id.in_(wanted))).all()
    return _claimed(tx, carrier, [(row.id, row.tracking_no) for row in rows], sealer)


def _claimed(tx: Tx, carrier: Carrier, rows: Sequence[tuple[int, str]], sealer: Sealer) -> Round | None:
    if not rows:
        return None
    numbers: dict[str, tuple[int, ...]] = {}
    for parcel_id, number in rows:
        numbers[number] = (*numbers.get(number, ()), parcel_id)
    _due(tx, [row[0] for row in rows], clock.now() + CLAIM)
    reached = reach(carrier, sealer)
    note_asking(tx, carrier)
    return Round(carrier.id, reached, numbers)


def _due(tx: Tx, parcel_ids: Collection[int], at: datetime) -> None:
    tx.session.execute(
        update(Parcel)
        .where(Parcel.id.in_(sorted(parcel_ids)))
        .values(next_check_at=at)
        .execution_options(synchronize_session=False)
    )


Answer = Mapping[str, Sequence[CarrierEvent]]


def record_round(tx: Tx, asked: Round, answer: Answer | CarrierError, source: str = POLL) -> Recorded:
    """Write down what a carrier answered about the parcels of a round, and when each is due again. After silence they
    are due when the claim runs out."""
    tx.actor.require("shipment.track")
    if isinstance(answer, CarrierError):
        note_answer(tx, asked.carrier_id, answer)
        return Recorded()
    note_answer(tx, asked.carrier_id, None)
    news = [
        ParcelNews(parcel_id, tuple(answer.get(number, ())))
        for number, ids in asked.numbers.items()
        for parcel_id in ids
    ]
    found = record_events(tx, news, source)
    _schedule(tx, {item.parcel_id: bool(item.events) for item in news})
    return found


def _schedule(tx: Tx, known: Mapping[int, bool]) -> None:
    """When each parcel is due again; in one statement for many."""
    tx.session.flush()
    now = clock.now()
    table: Any = Parcel.__table__
    rows = tx.session.execute(
        select(
            table.c.id, table.c.tracking_status, table.c.check_misses, table.c.created_at, table.c.tracked_at
        ).where(table.c.id.in_(sorted(known)))
    ).all()  # fmt: skip
    groups: dict[tuple[datetime, int], list[int]] = {}
    for row in rows:
        misses = 0 if known[row.id] else row.check_misses + 1
        pause = check_after(row.tracking_status, now - (row.tracked_at or row.created_at), misses)
        groups.setdefault((now + pause, misses), []).append(row.id)
    for (due, misses), ids in groups.items():
        tx.session.execute(
            update(table)
            .where(table.c.id.in_(ids))
            .values(checked_at=now, next_check_at=due, check_misses=misses)
        )  # fmt: skip
    for parcel in [p for p in tx.session.identity_map.values() if isinstance(p, Parcel) and p.id in known]:
        tx.session.expire(parcel, ["checked_at", "next_check_at", "check_misses"])


def ask_about(tx: Tx, parcel_id: int, sealer: Sealer) -> Round:
    """A person wants to know now. Raises NotFound, or Refused when the carrier of the parcel cannot be asked."""
    tx.actor.require("shipment.track")
    mine = visible_shipments(tx.actor).with_only_columns(Shipment.id)
    parcel = tx.session.scalars(
        select(Parcel).where(Parcel.id == min(parcel_id, 2**63 - 1), Parcel.shipment_id.in_(mine))
    ).one_or_none()
    if parcel is None:
        raise NotFound(say("There is no such parcel, or it is not yours to see"), code="parcel_not_found")
    carrier = carrier_named(tx.session, parcel.carrier)
    if carrier is None or not _tracks(carrier) or not parcel.tracking_no or not carrier.secrets:
        raise Refused(
            say("{carrier} cannot be asked from here; look at its own page", carrier=parcel.carrier or "–"),
            code="carrier_no_tracking",
        )
    return Round(carrier.id, reach(carrier, sealer), {parcel.tracking_no: (parcel.id,)})


def waiting_to_follow(tx: Tx, limit: int = 500) -> list[int]:
    """Shipments handed over whose boxes are all at an end already: the news came before the hand-over was entered."""
    final = Parcel.tracking_status.in_(["delivered", "returned", "lost", "returning"])
    live = select(Parcel.id).where(Parcel.shipment_id == Shipment.id, Parcel.is_live, Parcel.tracking_no != "")
    rows = tx.session.scalars(
        select(Shipment.id)
        .where(Shipment.status == ShipmentStatus.HANDED_OVER, live.where(final).exists(), ~live.where(~final).exists())
        .order_by(Shipment.id)
        .limit(limit)
    )
    return list(rows)
