"""Carrying bookings out: marked as asked, the carrier's answer written down, its silence too.

A worker that dies leaves a booking ``asking``; whoever takes it up asks as a further try, and the adapter looks first
whether the carrier has the parcel already (``oms.carriers.port``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from oms import audit, clock
from oms.carriers.port import (
    Ability,
    Booking,
    BookingRequest,
    CarrierCannot,
    CarrierError,
    CarrierExists,
    CarrierKeys,
    CarrierRefused,
    CarrierSilent,
    CarrierTooLate,
)
from oms.carriers.registry import ADAPTERS
from oms.db import Tx
from oms.errors import OmsError
from oms.sealing import Sealer
from oms.shipping.carrier_models import Carrier, CarrierBooking
from oms.shipping.carrier_queries import get_carrier
from oms.shipping.models import Parcel
from oms.shipping.queries import lock_with_orders
from oms.shipping.states import BOOKING, BookingStatus, TrackingStatus
from oms.usecases.booking_requests import Wanted, build_requests
from oms.usecases.bookings import BOOK, CANCEL, EXISTS, OPEN, owe
from oms.usecases.carrier_health import note_answer, note_asking, waits
from oms.usecases.carriers import Reached, reach
from oms.usecases.shipping_work import SetTracking, set_tracking

B = BookingStatus
LEASE: Final = timedelta(minutes=3)  # one parcel at its slowest: looked for, booked, a new token in between
BACKOFF: Final = tuple(timedelta(seconds=s) for s in (30, 120, 300, 900, 1800, 3600, 7200))


@dataclass(frozen=True)
class Batch:
    """What to ask a carrier: everything for it, without the database. Empty when there is nothing to ask now."""

    reached: Reached | None
    wanted: tuple[Wanted, ...] = ()


def begin_batch(tx: Tx, carrier_id: int, ids: Collection[int], sealer: Sealer) -> Batch:
    """The bookings of a batch that have to be asked, and how the carrier is reached. While it is left alone they are
    owed for later; stopped, they wait until its keys are mended. Raises Refused when no key opens its secrets."""
    carrier = get_carrier(tx.session, carrier_id)
    rows = _locked(tx, ids, OPEN)
    if not rows or carrier.stopped or not carrier.adapter:
        return Batch(None)
    if (until := waits(carrier, clock.now())) is not None:
        owe(tx, BOOK, carrier_id, rows, at=until, mark=f"waits.{until:%Y%m%d%H%M%S}")
        return Batch(None)
    reached = reach(carrier, sealer)
    note_asking(tx, carrier)
    return Batch(reached, tuple(build_requests(tx, [b for b in rows if b.parcel.is_live])))


def _locked(tx: Tx, ids: Collection[int], states: Collection[BookingStatus]) -> list[CarrierBooking]:
    """These bookings in these states, without those another worker is asking about right now."""
    rows = tx.session.scalars(
        select(CarrierBooking)
        .where(CarrierBooking.id.in_(sorted(ids)), CarrierBooking.status.in_(states))
        .order_by(CarrierBooking.id)
        .options(joinedload(CarrierBooking.parcel), joinedload(CarrierBooking.carrier))
        .with_for_update(of=CarrierBooking)
        .execution_options(populate_existing=True)
    )
    busy = clock.now() - LEASE
    return [b for b in rows if b.status is not B.ASKING or b.asked_at is None or b.asked_at <= busy]


def begin_one(tx: Tx, booking_id: int) -> BookingRequest | None:
    """Mark one as asked, before it is. None: it was settled or dropped meanwhile, or somebody else asks."""
    rows = _locked(tx, [booking_id], OPEN)
    if not rows or not rows[0].parcel.is_live:
        return None
    booking = rows[0]
    BOOKING.fire(booking, "ask")
    booking.attempts += 1
    booking.asked_at = clock.now()
    wanted = build_requests(tx, [booking])
    return wanted[0].request if wanted else None


def put_off(tx: Tx, carrier_id: int, ids: Collection[int], mark: str) -> None:
    """What a batch did not come to is owed again, for when the carrier may answer; stopped, it waits for its keys."""
    carrier, rows = get_carrier(tx.session, carrier_id), _locked(tx, ids, OPEN)
    if rows and not carrier.stopped:
        at = waits(carrier, clock.now()) or clock.now() + BACKOFF[0]
        owe(tx, BOOK, carrier_id, rows, at=at, mark=mark)


def keep_resume(tx: Tx, booking_id: int, resume: str) -> None:
    """Keep what the first half of booking answered, before the second is asked."""
    tx.session.get_one(CarrierBooking, booking_id, with_for_update=True).resume = resume[:200]


def record_booking(tx: Tx, booking_id: int, answer: Booking | CarrierError) -> BookingStatus:
    """Write the carrier's answer down: the number onto the parcel, or why not."""
    booking = _with_its_goods(tx, booking_id)
    note_answer(tx, booking.carrier_id, None if isinstance(answer, Booking) else answer)
    if booking.status not in {*OPEN, B.REFUSED}:
        return booking.status  # somebody was faster
    if isinstance(answer, Booking):
        take_number(tx, booking, answer)
    else:
        _fail(tx, booking, answer)
    return booking.status


def _with_its_goods(tx: Tx, booking_id: int) -> CarrierBooking:
    """A booking under lock, after the orders and the shipment it is for (whoever packs locks those first)."""
    shipment_id = select(Parcel.shipment_id).join(CarrierBooking, CarrierBooking.parcel_id == Parcel.id)
    lock_with_orders(tx, tx.session.scalars(shipment_id.where(CarrierBooking.id == booking_id)).all())
    return tx.session.get_one(
        CarrierBooking, booking_id, with_for_update={"of": CarrierBooking}, populate_existing=True
    )


def take_number(tx: Tx, booking: CarrierBooking, answer: Booking) -> None:
    """The carrier has it, under this number. A box that no longer stands is taken back at once."""
    BOOKING.fire(booking, "book")
    booking.tracking_no, booking.sort_code = answer.tracking_no[:80], answer.sort_code[:40]
    booking.has_label, booking.booked_at = answer.label_available, clock.now()
    booking.fee = answer.fee if answer.fee is not None else booking.fee
    booking.reason = booking.raw_code = booking.problem_field = ""
    parcel = booking.parcel
    if not parcel.is_live:
        BOOKING.fire(booking, "take_back")
        tx.session.flush()  # the mark of a try is the version
        owe(tx, CANCEL, booking.carrier_id, [booking])
        return
    if parcel.tracking_no == booking.tracking_no:
        return  # typed in by hand meanwhile
    named = SetTracking(
        parcel.shipment_id, booking.carrier.name, booking.tracking_no, parcel.id, booking.service, booking.ref
    )
    try:
        with tx.session.begin_nested():
            set_tracking(tx, named)
    except OmsError as refusal:  # the number stands on another box, or on a label that was printed by hand
        booking.reason = str(refusal)[:500]
        return
    if parcel.tracking_status is TrackingStatus.CREATED:
        parcel.tracking_status = TrackingStatus.LABEL_READY


def _fail(tx: Tx, booking: CarrierBooking, error: CarrierError) -> None:
    booking.raw_code, booking.reason = error.raw_code, str(error)[:500]
    booking.problem_field = (error.problems()[0].field or "")[:40]
    if isinstance(error, CarrierRefused | CarrierCannot):
        BOOKING.fire(booking, "refuse")
        parcel = booking.parcel
        after = {"carrier": booking.carrier.name, "reason": booking.reason, "code": booking.raw_code}
        number = parcel.shipment.number
        audit.record(tx, "shipment.booking_refused", "shipment", parcel.shipment_id, number, after=after)
        return
    BOOKING.fire(booking, "stay_silent")
    if isinstance(error, CarrierExists):
        booking.problem_field = EXISTS  # its number comes by webhook or is typed in; asking again would not help
    elif isinstance(error, CarrierSilent) and booking.attempts <= len(BACKOFF):
        pause = max(BACKOFF[booking.attempts - 1], error.retry_after or BACKOFF[0])
        tx.session.flush()  # the mark of a try is the version
        owe(tx, BOOK, booking.carrier_id, [booking], at=clock.now() + pause)


def found_by_reference(tx: Tx, carrier_id: int, ref: str, tracking_no: str) -> CarrierBooking | None:
    """The booking that a carrier's message names by our reference; its number is taken when it was not known."""
    known = select(CarrierBooking.id).where(CarrierBooking.carrier_id == carrier_id, CarrierBooking.ref == ref)
    booking_id = tx.session.scalar(known)
    if booking_id is None:
        return None
    booking = _with_its_goods(tx, booking_id)
    if tracking_no and booking.status in {*OPEN, B.REFUSED}:
        take_number(tx, booking, Booking(tracking_no, label_available=_draws(booking.carrier)))
    return booking


def _draws(carrier: Carrier) -> bool:
    kind = ADAPTERS.get(carrier.adapter)
    return kind is not None and Ability.LABEL in kind.abilities


@dataclass(frozen=True)
class Cancel:
    """A parcel to take back. ``tracking_no`` "": nobody knows whether the carrier has it; it is looked for first."""

    booking_id: int
    tracking_no: str
    request: BookingRequest | None


def begin_cancels(tx: Tx, carrier_id: int, ids: Collection[int], sealer: Sealer) -> tuple[Reached | None, list[Cancel]]:
    """What to take back at a carrier, and how it is reached; put off while it is left alone or stopped."""
    carrier = get_carrier(tx.session, carrier_id)
    rows = _locked(tx, ids, [B.CANCELING])
    if not rows:
        return None, []
    now = clock.now()
    until = now + timedelta(hours=1) if carrier.stopped or not carrier.adapter else waits(carrier, now)
    if until is not None:
        owe(tx, CANCEL, carrier_id, rows, at=until, mark=f"waits.{until:%Y%m%d%H%M%S}")
        return None, []
    requests = {w.booking_id: w.request for w in build_requests(tx, [b for b in rows if not b.tracking_no])}
    return reach(carrier, sealer), [Cancel(b.id, b.tracking_no, requests.get(b.id)) for b in rows]


def record_cancel(tx: Tx, booking_id: int, error: CarrierError | None) -> BookingStatus:
    """The carrier took it back, or said why not, or was silent and is asked again."""
    booking = tx.session.get_one(
        CarrierBooking, booking_id, with_for_update={"of": CarrierBooking}, populate_existing=True
    )
    note_answer(tx, booking.carrier_id, error)
    if booking.status is not B.CANCELING:
        return booking.status
    facts: dict[str, Any] = {"carrier": booking.carrier.name, "tracking_no": booking.tracking_no}
    if error is None:
        BOOKING.fire(booking, "canceled")
        booking.canceled_at, booking.reason = clock.now(), ""
        action = "shipment.booking_canceled"
    elif isinstance(error, CarrierSilent | CarrierKeys):
        booking.attempts += 1
        booking.reason = str(error)[:500]
        pause = BACKOFF[min(booking.attempts, len(BACKOFF)) - 1]
        tx.session.flush()  # the mark of a try is the version
        owe(tx, CANCEL, booking.carrier_id, [booking], at=clock.now() + pause)
        return booking.status
    else:
        BOOKING.fire(booking, "too_late")
        booking.raw_code, booking.reason = error.raw_code, str(error)[:500]
        facts |= {"reason": booking.reason, "too_late": isinstance(error, CarrierTooLate)}
        action = "shipment.booking_cancel_refused"
    shipment = booking.parcel.shipment
    audit.record(tx, action, "shipment", shipment.id, shipment.number, after=facts)
    return booking.status


def keep_label(tx: Tx, booking_id: int, key: str) -> None:
    """The carrier's label lies in the file store."""
    tx.session.get_one(CarrierBooking, booking_id, with_for_update=True).label_key = key
