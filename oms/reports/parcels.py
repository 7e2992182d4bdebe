"""Parcels as screens show them: one with everything its carrier said, the public page, the work that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
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
from oms.shipping.numbers import plain_number
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BookingStatus, ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import NOT_MOVING, PROBLEM
from oms.thai.text import GRAM

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


QUEUE_LABELS: dict[str, str] = {
    "problem": "Delivery problems",
    "still": "No movement",
    "not_taken": "Never picked up",
    "booking": "Bookings in trouble",
    "early": "Taken before hand-over",
}
HINT_LABELS: dict[str, str] = {
    "problem": "Not delivered, held, damaged or lost, or the carrier says something we do not know.",
    "still": "On the road, and the carrier has said nothing for three days. Ask after them.",
    "not_taken": "Handed over by us a day ago, never scanned by the carrier. Look whether they are still here.",
    "booking": "The carrier refused them, did not answer, or could not cancel them.",
    "early": "The carrier has them, but nobody entered the hand-over.",
}


def queue_condition(key: str, now: datetime | None = None) -> ColumnElement[bool]:
    """What makes a parcel (joined with its shipment) wait in a queue."""
    at = now or clock.now()
    live = and_(Parcel.is_live, Parcel.tracking_no != "")
    left = Shipment.status == ShipmentStatus.HANDED_OVER
    told = Parcel.carrier.in_(select(Carrier.name).where(Carrier.adapter != "", Carrier.secrets != b""))
    moving = Parcel.tracking_status.in_([T.PICKED_UP, T.IN_TRANSIT, T.OUT_FOR_DELIVERY])
    if key == "problem":
        trouble = Parcel.tracking_status.in_([*sorted(PROBLEM), T.UNKNOWN, T.CANCELED])
        real = or_(Parcel.tracking_status != T.CANCELED, left)
        return and_(live, trouble, real, Shipment.status != ShipmentStatus.CANCELED)
    if key == "still":
        return and_(live, moving, told, left, Parcel.tracked_at < at - timedelta(days=STILL_DAYS))
    if key == "not_taken":
        due = Shipment.handed_over_at < at - timedelta(hours=PICK_UP_HOURS)
        return and_(live, moving, told, left, Parcel.tracked_at.is_(None), due)
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


def visible_parcels(actor: Actor) -> Select[Any]:
    """The parcels this actor may see, with their shipments."""
    return (
        visible_shipments(actor)
        .join(Parcel, Parcel.shipment_id == Shipment.id)
        .with_only_columns(Parcel, maintain_column_froms=True)
    )


def queue_statement(actor: Actor, key: str) -> Select[Any]:
    """The parcels of a queue that the actor may see, what has waited longest first."""
    waited = func.coalesce(Parcel.tracked_at, Parcel.created_at)
    return visible_parcels(actor).where(queue_condition(key)).order_by(waited, Parcel.id)


def with_number(statement: Select[Any], text: str) -> Select[Any]:
    """Narrow parcels to those whose number holds this piece, or whose shipment is named."""
    part = plain_number(text)
    if not part:
        return statement
    holds = Parcel.tracking_no.contains(part, autoescape=True)
    if len(part) >= GRAM:
        pieces = sorted({part[i : i + GRAM] for i in range(len(part) - GRAM + 1)})
        holds = and_(func.text_grams(Parcel.tracking_no, type_=ARRAY(Text)).contains(pieces), holds)
    named = select(Shipment.id).where(Shipment.number == text.strip().upper()).scalar_subquery()
    return statement.where(or_(holds, Parcel.shipment_id == named))


COUNT_UP_TO: Final = 1000


def queue_counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many parcels wait in each queue, counted no further than a thousand each; one statement."""
    counted = [
        select(func.count()).select_from(
            queue_statement(actor, key)
            .with_only_columns(Parcel.id, maintain_column_froms=True).order_by(None).limit(COUNT_UP_TO).subquery()
        ).scalar_subquery().label(key)
        for key in QUEUE_LABELS
    ]  # fmt: skip
    row = session.execute(select(*counted)).one()
    return {key: int(row[i]) for i, key in enumerate(QUEUE_LABELS)}


__all__ = [
    "HINT_LABELS", "QUEUE_LABELS", "ParcelPage", "PublicEvent", "PublicParcel", "parcel_page",
    "public_parcels", "queue_condition", "queue_counts", "queue_statement", "visible_parcels", "with_number",
]  # fmt: skip
