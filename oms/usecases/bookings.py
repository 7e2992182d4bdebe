"""Asking carriers for parcels: what is wanted is written down, asked later without a transaction, never asked twice
unknowingly. A parcel that no longer stands is taken back at the carrier by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from oms import audit, clock, outbox
from oms.carriers.port import Ability
from oms.carriers.registry import ADAPTERS
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import OmsError, Refused, say
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.orders.models import OrderLine
from oms.outbox import Owed
from oms.shipping import carrier_rules
from oms.shipping.carrier_models import Carrier, CarrierBooking
from oms.shipping.carrier_queries import bookings_of
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import Locked, lock_with_orders
from oms.shipping.rules import live_parcels
from oms.shipping.states import BOOKING, BookingStatus
from oms.usecases.booking_requests import place_of
from oms.usecases.cod_entries import cash_at_the_door
from oms.usecases.gate import GateStep, Verdict, judge
from oms.usecases.number_ranges import draw_numbers, numbers_left
from oms.usecases.shipping_work import check_printable

BOOK = "carrier.book"
CANCEL = "carrier.cancel"
BATCH: Final = 25  # parcels of one background row
USUAL_GRAMS: Final = 1000  # of a box nobody weighed, of goods without weights
B = BookingStatus
OPEN: Final = (B.WAITING, B.ASKING, B.UNCLEAR)


@dataclass(frozen=True)
class BookingAsked:
    """The parcels of a shipment that the carrier will be asked for; () when it has them all."""

    parcel_ids: tuple[int, ...]


@dataclass
class _Facts:
    """What is known of the shipments to be booked, read once."""

    locked: Locked
    carriers: Mapping[str, Carrier]
    places: Mapping[int, Warehouse]
    verdicts: Mapping[int, Verdict]
    cash: Mapping[int, Money]
    grams: Mapping[int, int]
    known: dict[int, CarrierBooking] = field(default_factory=dict)


def book_parcels(tx: Tx, shipment_ids: Collection[int]) -> dict[int, BookingAsked | OmsError]:
    """Ask the carrier of each shipment for its parcels. Refused ones can be asked again; each shipment answers for
    itself. The gate is asked: a booked parcel costs money."""
    tx.actor.require("shipment.label")
    facts = _read(tx, shipment_ids)
    answers: dict[int, BookingAsked | OmsError] = {}
    asked: dict[int, list[CarrierBooking]] = {}
    for shipment_id in dict.fromkeys(shipment_ids):
        try:
            shipment = facts.locked.shipment(shipment_id)
            carrier = _able(shipment, facts)
            wanted = _wanted(tx, shipment, carrier, facts)
            asked.setdefault(carrier.id, []).extend(wanted)
            answers[shipment_id] = BookingAsked(tuple(b.parcel.id for b in wanted))
        except OmsError as refusal:
            answers[shipment_id] = refusal
    _give_numbers(tx, [b for found in asked.values() for b in found])
    tx.session.flush()  # the background rows name the bookings
    for carrier_id, bookings in asked.items():
        owe(tx, BOOK, carrier_id, bookings)
    audit.record_many(tx, [_told(b, facts) for found in asked.values() for b in found])
    return answers


def _told(booking: CarrierBooking, facts: _Facts) -> audit.Entry:
    shipment = facts.locked.shipments[booking.parcel.shipment_id]
    after = {"carrier": booking.carrier.name, "ref": booking.ref, "cod": booking.cod}
    return audit.Entry("shipment.booking_asked", "shipment", shipment.id, shipment.number, after=after)


def _read(tx: Tx, shipment_ids: Collection[int]) -> _Facts:
    locked = lock_with_orders(tx, shipment_ids)
    shipments = list(locked.shipments.values())
    lines = {line.order_line_id for s in shipments for line in s.lines}
    weighed = select(OrderLine.id, Sku.weight_g).join(Sku, Sku.id == OrderLine.sku_id).where(OrderLine.id.in_(lines))
    weights = {row.id: row.weight_g for row in tx.session.execute(weighed)}
    places = tx.session.scalars(select(Warehouse).where(Warehouse.id.in_({s.warehouse_id for s in shipments})))
    return _Facts(
        locked,
        {c.name: c for c in tx.session.scalars(select(Carrier))},
        {w.id: w for w in places},
        judge(tx, list(locked.orders.values()), GateStep.LABEL),
        cash_at_the_door(tx, shipments),
        {s.id: sum(weights.get(line.order_line_id, 0) * line.quantity for line in s.lines) for s in shipments},
        bookings_of(tx.session, [p.id for s in shipments for p in live_parcels(s)]),
    )


def _able(shipment: Shipment, facts: _Facts) -> Carrier:
    """The carrier to ask. Raises Refused in words."""
    check_printable(shipment, [facts.verdicts[o.id] for o in facts.locked.inside(shipment)])
    carrier = facts.carriers.get(shipment.carrier)
    if carrier is None:
        raise Refused(say("Choose a carrier for {number} first", number=shipment.number), code="carrier_missing")
    kind = ADAPTERS.get(carrier.adapter)
    if kind is None or Ability.BOOK not in kind.abilities:
        raise Refused(
            say("{carrier} cannot be booked from here; use a block of numbers or its portal", carrier=carrier.name),
            code="carrier_no_booking",
        )
    if not carrier.secrets:
        raise Refused(
            say("{carrier} has no connection; enter its keys first", carrier=carrier.name), code="not_connected"
        )
    place_of(facts.places[shipment.warehouse_id])
    cod = facts.cash.get(shipment.id, ZERO)
    heaviest = max((p.weight_grams or 0 for p in live_parcels(shipment)), default=0)
    if why := carrier_rules.refusal(carrier, cod=cod, weight_grams=heaviest or facts.grams[shipment.id]):
        raise Refused(why, code="carrier_limit")
    return carrier


def _wanted(tx: Tx, shipment: Shipment, carrier: Carrier, facts: _Facts) -> list[CarrierBooking]:
    """New or renewed bookings of the boxes that have no number yet."""
    boxes = live_parcels(shipment)
    bare = [p for p in boxes if not p.tracking_no and _is_free(facts.known.get(p.id))]
    found = []
    for parcel in bare:
        cod = facts.cash.get(shipment.id, ZERO) if parcel is boxes[0] else ZERO
        grams = parcel.weight_grams or max(facts.grams[shipment.id] // len(boxes), 0) or USUAL_GRAMS
        booking = facts.known.get(parcel.id)
        if booking is None:
            booking = CarrierBooking(
                parcel=parcel, status=B.WAITING, ref=f"{shipment.number}-{parcel.id}", created_by=tx.actor.label[:120]
            )
            tx.session.add(booking)
        else:
            BOOKING.fire(booking, "again")
            booking.reason = booking.raw_code = booking.problem_field = ""
        booking.carrier, booking.service, booking.cod, booking.weight_grams = carrier, shipment.service, cod, grams
        parcel.carrier, parcel.service, parcel.booking_ref = carrier.name, shipment.service, booking.ref
        found.append(booking)
    return found


def _is_free(booking: CarrierBooking | None) -> bool:
    """Whether a parcel may be asked for: never was, or was refused."""
    return booking is None or booking.status is B.REFUSED


def _give_numbers(tx: Tx, bookings: Sequence[CarrierBooking]) -> None:
    """Numbers of our own blocks for carriers that take them: then a repeat can never make a second parcel."""
    groups: dict[tuple[int, str], list[CarrierBooking]] = {}
    for booking in bookings:
        if Ability.OWN_NUMBER in ADAPTERS[booking.carrier.adapter].abilities and not booking.own_number:
            groups.setdefault((booking.carrier.id, booking.service), []).append(booking)
    for (carrier_id, service), group in sorted(groups.items(), key=lambda item: item[0]):
        if numbers_left(tx.session, carrier_id, service) >= len(group):
            for booking, number in zip(group, draw_numbers(tx, group[0].carrier, service, len(group)), strict=False):
                booking.own_number = number


def owe(
    tx: Tx,
    topic: str,
    carrier_id: int,
    bookings: Sequence[CarrierBooking],
    *,
    at: datetime | None = None,
    mark: str = "",
) -> None:
    """Have these bookings carried out, in batches. The key names the tries, so one try is owed once."""
    rows = sorted(bookings, key=lambda b: b.id)
    owed = []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        ids = [b.id for b in part]
        tries = ".".join(f"{b.id}v{b.version}" for b in (part[0], part[-1]))
        key = ":".join(x for x in (topic, str(carrier_id), str(len(ids)), tries, mark) if x)
        facts = {"carrier_id": carrier_id, "ids": ids}
        owed.append(Owed(CANCEL, key, facts, at) if topic == CANCEL else Owed(BOOK, key, facts, at))
    outbox.add_many(tx, owed)


def resume_bookings(tx: Tx, carrier_id: int) -> int:
    """Ask again for what waits at this carrier: its keys were mended. Returns how many."""
    waiting = select(CarrierBooking).where(
        CarrierBooking.carrier_id == carrier_id, CarrierBooking.status.in_(OPEN),
        CarrierBooking.problem_field != EXISTS,
    )  # fmt: skip
    rows = list(tx.session.scalars(waiting.order_by(CarrierBooking.id)))
    owe(tx, BOOK, carrier_id, rows, mark=f"resumed.{clock.now():%Y%m%d%H%M%S}")
    return len(rows)


EXISTS: Final = "exists"  # of ``problem_field``: the carrier has it and does not tell its number


def release_dead(tx: Tx, since: datetime, limit: int = 500) -> int:
    """Take back at the carrier what was booked for boxes that no longer stand (a label voided, a shipment canceled).
    Returns how many."""
    rows = list(
        tx.session.scalars(
            select(CarrierBooking)
            .join(Parcel, Parcel.id == CarrierBooking.parcel_id)
            .where(
                ~Parcel.is_live, Parcel.voided_at >= since,
                CarrierBooking.status.in_([B.WAITING, B.REFUSED, B.UNCLEAR, B.BOOKED]),
            )
            .order_by(CarrierBooking.id)
            .limit(limit)
            .options(joinedload(CarrierBooking.carrier))
            .with_for_update(of=CarrierBooking, skip_locked=True)
        )
    )  # fmt: skip
    going: dict[int, list[CarrierBooking]] = {}
    for booking in rows:
        if booking.status in {B.WAITING, B.REFUSED}:
            BOOKING.fire(booking, "drop")
            booking.canceled_at = clock.now()
        else:
            BOOKING.fire(booking, "take_back")
            going.setdefault(booking.carrier_id, []).append(booking)
    tx.session.flush()  # the mark of a try is the version
    for carrier_id, bookings in going.items():
        owe(tx, CANCEL, carrier_id, bookings)
    return len(rows)


def try_cancel_again(tx: Tx, booking_ids: Iterable[int]) -> int:
    """A person wants the carrier asked once more to cancel. Returns how many."""
    tx.actor.require("shipment.void_label")
    rows = list(
        tx.session.scalars(
            select(CarrierBooking)
            .where(CarrierBooking.id.in_(list(booking_ids)), CarrierBooking.status == B.CANCEL_REFUSED)
            .with_for_update()
        )
    )
    for booking in rows:
        BOOKING.fire(booking, "take_back")
        booking.reason = ""
    tx.session.flush()  # the mark of a try is the version
    for carrier_id in {b.carrier_id for b in rows}:
        owe(tx, CANCEL, carrier_id, [b for b in rows if b.carrier_id == carrier_id])
    return len(rows)
