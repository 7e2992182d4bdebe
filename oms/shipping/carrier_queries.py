"""Reads of carriers, their bookings and their numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from oms.db import Tx
from oms.errors import NotFound, say
from oms.shipping.carrier_models import Carrier, CarrierBooking, NumberRange


def all_carriers(session: Session, *, active: bool = False) -> Sequence[Carrier]:
    """Every carrier, by name; ``active``: those in use alone."""
    statement = select(Carrier).order_by(Carrier.is_active.desc(), Carrier.name)
    return session.scalars(statement.where(Carrier.is_active) if active else statement).all()


def by_name(session: Session) -> dict[str, Carrier]:
    """Every carrier by the name that stands on parcels."""
    return {carrier.name: carrier for carrier in all_carriers(session)}


def get_carrier(session: Session, carrier_id: int) -> Carrier:
    """One carrier. Raises NotFound."""
    found = session.get(Carrier, carrier_id) if carrier_id < 2**63 else None
    if found is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    return found


def carrier_named(session: Session, name: str) -> Carrier | None:
    """The carrier that a shipment or parcel names."""
    return session.scalars(select(Carrier).where(Carrier.name == name)).one_or_none() if name else None


def bookings_of(session: Session, parcel_ids: Collection[int]) -> dict[int, CarrierBooking]:
    """What was asked of carriers for these parcels, by parcel."""
    if not parcel_ids:
        return {}
    rows = session.scalars(
        select(CarrierBooking)
        .where(CarrierBooking.parcel_id.in_(sorted(parcel_ids)))
        .options(joinedload(CarrierBooking.carrier))
    )
    return {row.parcel_id: row for row in rows}


def ranges_of(session: Session, carrier_id: int) -> Sequence[NumberRange]:
    """The number ranges of a carrier, those in use first, the oldest first."""
    statement = select(NumberRange).where(NumberRange.carrier_id == carrier_id)
    return session.scalars(statement.order_by(NumberRange.is_active.desc(), NumberRange.id)).all()


def lock_carrier(tx: Tx, carrier_id: int) -> Carrier:
    """One carrier, locked and read afresh. Raises NotFound."""
    found = tx.session.get(Carrier, carrier_id, with_for_update={"key_share": True}, populate_existing=True)
    if found is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    return found
