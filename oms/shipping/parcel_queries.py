"""Reads of parcels: those an actor may see, by any piece of their number, and the queues that wait for somebody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from oms import clock
from oms.actor import Actor
from oms.shipping.carrier_models import Carrier, CarrierBooking
from oms.shipping.models import Parcel, Shipment
from oms.shipping.numbers import plain_number
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BookingStatus, ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import NOT_MOVING, PROBLEM
from oms.thai.text import GRAM

STILL_DAYS: Final = 3  # without a word on the road, a parcel is asked after
PICK_UP_HOURS: Final = 24  # after hand-over the carrier should have scanned it
T = TrackingStatus

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
