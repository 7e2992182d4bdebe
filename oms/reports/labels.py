"""What a batch of labels would be, and the history of batches and prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import distinct, func, or_, select
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import PLATFORMS
from oms.documents.labels.models import LabelPrint, Waybill
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BEFORE_HAND_OVER


@dataclass(frozen=True)
class Preview:
    """What was chosen: how many, how many of them have a label already, how many platform orders lack the platform's
    own waybill."""

    chosen: int
    printed: int
    no_waybill: int


def preview(session: Session, actor: Actor, shipment_ids: Sequence[int], order_ids: Sequence[int]) -> Preview:
    """Count a choice before it is printed."""
    mine = visible_shipments(actor).where(Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
    inside = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(order_ids))
    boxes = mine.where(or_(Shipment.id.in_(shipment_ids), Shipment.id.in_(inside))).with_only_columns(Shipment.id)
    printed = select(func.count(distinct(Parcel.shipment_id))).where(
        Parcel.shipment_id.in_(boxes), Parcel.is_live, Parcel.label_prints > 0
    )
    boxed = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(boxes))
    waybill = select(Waybill.id).where(Waybill.order_id == Order.id, Waybill.is_current)
    bare = visible(actor).where(
        or_(Order.id.in_(boxed), Order.id.in_(order_ids)), Order.channel.in_(sorted(PLATFORMS)), ~waybill.exists()
    )
    without = bare.with_only_columns(func.count(Order.id))
    return Preview(len(shipment_ids) + len(order_ids), session.scalar(printed) or 0, session.scalar(without) or 0)


def prints_of(session: Session, shipment_id: int) -> list[LabelPrint]:
    """Every label printed for a shipment, the newest first."""
    return list(
        session.scalars(select(LabelPrint).where(LabelPrint.shipment_id == shipment_id).order_by(LabelPrint.id.desc()))
    )
