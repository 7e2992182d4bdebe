"""Parcels as screens show them: one with everything its carrier said, the public page, the work that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from oms import clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import NotFound, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus
from oms.shipping.carrier_models import Carrier, CarrierBooking
from oms.shipping.carrier_queries import by_name, carrier_named
from oms.shipping.models import Parcel, Shipment, ShipmentLine, TrackingEvent
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BookingStatus, ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import BACK, FINAL, NOT_MOVING, PROBLEM

STILL_DAYS: Final = 3  # without a word on the road, a parcel is asked after
PICK_UP_HOURS: Final = 24  # after hand-over the carrier should have scanned it
T = TrackingStatus


@dataclass(frozen=True)
class PublicEvent:
    """One step for a stranger's eyes: ours, not the carrier's words, which may name people."""

    at: datetime
    status: TrackingStatus
    place: str


@dataclass(frozen=True)
class PublicParcel:
    """A box on its public page."""

    number: str
    carrier: str
    link: str
    phone: str
    status: TrackingStatus
    at: datetime | None
    cash: Money
    events: Sequence[PublicEvent]


def public_parcels(tx: Tx, order_id: int) -> list[PublicParcel]:
    """The boxes of an order that have a number and stand, with their steps."""
    parcels = tx.session.scalars(
        select(Parcel)
        .where(
            Parcel.is_live, Parcel.tracking_no != "",
            Parcel.shipment_id.in_(select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == order_id)),
        )
        .options(joinedload(Parcel.shipment))
        .order_by(Parcel.id)
    ).all()  # fmt: skip
    events: dict[int, list[PublicEvent]] = {}
    rows = tx.session.scalars(
        select(TrackingEvent)
        .where(TrackingEvent.parcel_id.in_([p.id for p in parcels]))
        .order_by(TrackingEvent.at.desc(), TrackingEvent.id.desc())
    )
    for row in rows:
        steps = events.setdefault(row.parcel_id, [])
        step = PublicEvent(row.at, row.status, row.place)
        if row.status is not T.UNKNOWN and (
            not steps or (steps[-1].status, steps[-1].place) != (step.status, step.place)
        ):
            steps.append(step)
    cash, carriers = _cash(tx, order_id), by_name(tx.session)
    found = []
    for parcel in parcels:
        carrier = carriers.get(parcel.carrier)
        found.append(
            PublicParcel(
                parcel.tracking_no, parcel.carrier, carrier.link(parcel.tracking_no) if carrier else "",
                carrier.phone if carrier else "", parcel.tracking_status, parcel.tracked_at,
                cash.pop(parcel.shipment_id, ZERO), events.get(parcel.id, []),
            )
        )  # fmt: skip
    return found


def _cash(tx: Tx, order_id: int) -> dict[int, Money]:
    """Cash still to be paid at the door for this order, by shipment."""
    rows = tx.session.execute(
        select(CodEntry.shipment_id, CodEntry.expected).where(
            CodEntry.order_id == order_id, CodEntry.status == CodStatus.EXPECTED
        )
    )
    return {row.shipment_id: row.expected for row in rows if row.expected > ZERO}


@dataclass(frozen=True)
class ParcelPage:
    """One box with everything said about it."""

    parcel: Parcel
    carrier: Carrier | None
    booking: CarrierBooking | None
    events: Sequence[TrackingEvent]
    orders: Sequence[Order]


def parcel_page(tx: Tx, parcel_id: int) -> ParcelPage:
    """A parcel the actor may see. Raises NotFound."""
    mine = visible_shipments(tx.actor).with_only_columns(Shipment.id)
    parcel = tx.session.scalars(
        select(Parcel)
        .where(Parcel.id == min(parcel_id, NO_ID), Parcel.shipment_id.in_(mine))
        .options(joinedload(Parcel.shipment).joinedload(Shipment.warehouse))
    ).one_or_none()
    if parcel is None:
        raise NotFound(say("There is no such parcel, or it is not yours to see"), code="parcel_not_found")
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == parcel.shipment_id)
    booking = tx.session.scalars(
        select(CarrierBooking).where(CarrierBooking.parcel_id == parcel.id).options(joinedload(CarrierBooking.carrier))
    ).one_or_none()
    events = tx.session.scalars(
        select(TrackingEvent)
        .where(TrackingEvent.parcel_id == parcel.id)
        .order_by(TrackingEvent.at.desc(), TrackingEvent.id.desc())
    ).all()
    orders = tx.session.scalars(select(Order).where(Order.id.in_(inside)).order_by(Order.id)).all()
    return ParcelPage(parcel, carrier_named(tx.session, parcel.carrier), booking, events, orders)


@dataclass(frozen=True)
class ParcelQueue:
    """Parcels that wait for one kind of work."""

    key: str
    label: str
    hint: str
    hot: bool = True


QUEUE_TITLES: dict[str, ParcelQueue] = {
    q.key: q
    for q in (
        ParcelQueue("problem", "Delivery problems",
                    "Not delivered, held, damaged or lost, or the carrier says something we do not know."),
        ParcelQueue("still", "No movement",
                    "On the road, and the carrier has said nothing for days. Ask after them."),
        ParcelQueue("not_taken", "Never picked up",
                    "Handed over by us, never scanned by the carrier. Look whether they are still here."),
        ParcelQueue("booking", "Bookings in trouble",
                    "The carrier refused them, did not answer, or could not cancel them."),
        ParcelQueue("early", "Taken before hand-over",
                    "The carrier has them, but nobody entered the hand-over."),
    )
}  # fmt: skip


def queue_condition(key: str, now: datetime | None = None) -> ColumnElement[bool]:
    """What makes a parcel (joined with its shipment) wait in a queue."""
    at = now or clock.now()
    live = and_(Parcel.is_live, Parcel.tracking_no != "")
    left = Shipment.status == ShipmentStatus.HANDED_OVER
    if key == "problem":
        gone = and_(left, Parcel.tracking_status == T.CANCELED)
        trouble = Parcel.tracking_status.in_([*sorted(PROBLEM), T.UNKNOWN])
        return and_(live, or_(gone, and_(trouble, Shipment.status != ShipmentStatus.CANCELED)))
    if key == "still":
        moving = Parcel.tracking_status.not_in(sorted({*FINAL, *PROBLEM, *NOT_MOVING, T.READY_FOR_PICKUP}))
        return and_(live, left, moving, Parcel.tracked_at < at - timedelta(days=STILL_DAYS))
    if key == "not_taken":
        due = Shipment.handed_over_at < at - timedelta(hours=PICK_UP_HOURS)
        asked = select(Carrier.name).where(Carrier.adapter != "", Carrier.secrets != b"")
        return and_(live, left, Parcel.tracked_at.is_(None), due, Parcel.carrier.in_(asked))
    if key == "booking":
        stuck = [BookingStatus.REFUSED, BookingStatus.CANCEL_REFUSED]
        late = at - timedelta(minutes=10)
        troubled = or_(
            CarrierBooking.status.in_(stuck),
            and_(
                CarrierBooking.status.in_([BookingStatus.UNCLEAR, BookingStatus.WAITING, BookingStatus.ASKING]),
                CarrierBooking.created_at < late,
            ),
        )
        return Parcel.id.in_(select(CarrierBooking.parcel_id).where(troubled))
    ahead = Parcel.tracking_status.not_in(sorted({*NOT_MOVING, T.CANCELED, T.UNKNOWN}))
    here = [ShipmentStatus.READY, ShipmentStatus.PICKING, ShipmentStatus.PACKED, ShipmentStatus.LABELED]
    return and_(live, ahead, Parcel.tracked_at.is_not(None), Shipment.status.in_(here))


def queue_statement(actor: Actor, key: str) -> Select[Any]:
    """The parcels of a queue that the actor may see, what has waited longest first."""
    mine = visible_shipments(actor).with_only_columns(Shipment.id)
    return (
        select(Parcel)
        .join(Shipment, Shipment.id == Parcel.shipment_id)
        .where(queue_condition(key))
        .where(Parcel.shipment_id.in_(mine))
        .order_by(func.coalesce(Parcel.tracked_at, Parcel.created_at), Parcel.id)
    )


COUNT_UP_TO: Final = 1000


def queue_counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many parcels wait in each queue, counted no further than a thousand each; one statement."""
    counted = [
        select(func.count()).select_from(
            queue_statement(actor, key).with_only_columns(Parcel.id).order_by(None).limit(COUNT_UP_TO).subquery()
        ).scalar_subquery().label(key)
        for key in QUEUE_TITLES
    ]  # fmt: skip
    row = session.execute(select(*counted)).one()
    return {key: int(row[i]) for i, key in enumerate(QUEUE_TITLES)}


__all__ = [
    "BACK", "QUEUE_TITLES", "ParcelPage", "ParcelQueue", "PublicEvent", "PublicParcel", "parcel_page",
    "public_parcels", "queue_condition", "queue_counts", "queue_statement",
]  # fmt: skip
