"""What staff hear about a parcel on the phone, or see on the carrier's page: entered by hand, kept beside the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.orders.queries import NO_ID
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import visible_shipments
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import BY_HAND
from oms.usecases.keeping import bounded
from oms.usecases.tracking import ParcelNews, Recorded, record_events

T = TrackingStatus
SAYABLE: Final = (
    T.PICKED_UP, T.IN_TRANSIT, T.OUT_FOR_DELIVERY, T.READY_FOR_PICKUP, T.DELIVERED, T.DELIVERY_FAILED, T.ON_HOLD,
    T.EXCEPTION, T.RETURNING, T.RETURNED, T.LOST,
)  # fmt: skip


@dataclass(frozen=True)
class SayParcel:
    """Where a parcel is, by a person's word; ``at`` None: now."""

    parcel_id: int
    status: TrackingStatus
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class _Word:
    at: datetime
    status: TrackingStatus
    raw_code: str
    raw_text: str
    place: str


def say_parcel(tx: Tx, cmd: SayParcel) -> Recorded:
    """Enter what a person knows. It obeys the rules carriers obey, and may say what they may not: that a parcel on its
    way back was delivered after all. Raises NotFound, InvalidInput, Refused."""
    tx.actor.require("shipment.track")
    if cmd.status not in SAYABLE:
        raise InvalidInput(say("Choose where the parcel is"), field="status", code="parcel_status")
    now = clock.now()
    at = cmd.at or now
    if at > now:
        raise InvalidInput(say("This time has not come yet"), field="at", code="future")
    note = bounded(cmd.note, 300, "note")
    mine = visible_shipments(tx.actor).with_only_columns(Shipment.id)
    parcel = tx.session.scalars(
        select(Parcel).where(Parcel.id == min(cmd.parcel_id, NO_ID), Parcel.shipment_id.in_(mine))
    ).one_or_none()
    if parcel is None:
        raise NotFound(say("There is no such parcel, or it is not yours to see"), code="parcel_not_found")
    shipment = tx.session.get_one(Shipment, parcel.shipment_id)
    if shipment.handed_over_at is None or shipment.status is ShipmentStatus.CANCELED:
        raise Refused(say("{number} has not left yet", number=shipment.number), code="not_handed_over")
    before = parcel.tracking_status
    word = _Word(at, cmd.status, tx.actor.label[:80], note, "")
    found = record_events(tx, [ParcelNews(parcel.id, (word,))], BY_HAND)
    after = {"tracking_status": cmd.status, "tracking_no": parcel.tracking_no}
    audit.record(
        tx, "shipment.said", "shipment", shipment.id, shipment.number, before={"tracking_status": before}, after=after,
        reason=note,
    )  # fmt: skip
    return found
