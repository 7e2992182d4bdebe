"""Parcels as screens show them: one with everything its carrier said, the public page, the work that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Final

from sqlalchemy import ScalarSelect, Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

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
from oms.shipping.parcel_queries import QUEUE_LABELS, queue_statement
from oms.shipping.queries import visible_shipments
from oms.shipping.states import ShipmentStatus, TrackingStatus

T = TrackingStatus
_NOT_COMING = (ShipmentStatus.RETURNING, ShipmentStatus.RETURNED, ShipmentStatus.LOST)


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
    """Cash still to be paid at the door for this order, by shipment; a parcel on its way back asks for none."""
    rows = tx.session.execute(
        select(CodEntry.shipment_id, CodEntry.expected)
        .outerjoin(Shipment, Shipment.id == CodEntry.shipment_id)
        .where(
            CodEntry.order_id == order_id, CodEntry.status == CodStatus.EXPECTED,
            or_(Shipment.id.is_(None), Shipment.status.not_in(_NOT_COMING)),
        )
    )  # fmt: skip
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


COUNT_UP_TO: Final = 1000


def _counted(actor: Actor, key: str) -> ScalarSelect[int]:
    ids = queue_statement(actor, key).with_only_columns(Parcel.id, maintain_column_froms=True).order_by(None)
    return select(func.count()).select_from(ids.limit(COUNT_UP_TO).subquery()).scalar_subquery()


def queue_counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many parcels wait in each queue, counted no further than a thousand each; one statement."""
    row = session.execute(select(*(_counted(actor, key).label(key) for key in QUEUE_LABELS))).one()
    return {key: int(row[i]) for i, key in enumerate(QUEUE_LABELS)}


def waiting(actor: Actor) -> Select[int]:
    """The statement that counts what stands in all queues together."""
    return select(reduce(add, (_counted(actor, key) for key in QUEUE_LABELS)))
