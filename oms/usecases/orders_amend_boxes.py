"""What an amendment means for boxes that are being made ready: packed anew, untouched, or in the way of it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms.db import Tx
from oms.errors import Refused, say
from oms.orders.models import Order
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.rules import shared_already
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.usecases.shipping_boxes import cancel_box

_NOT_BEGUN = frozenset({ShipmentStatus.PLANNED, ShipmentStatus.READY})


def boxes_to_repack(tx: Tx, order: Order, *, goods: bool, address: bool) -> list[Shipment]:
    """The boxes of a locked order that its amendment makes outdated: those nobody has begun, when goods change.

    Raises Refused when goods change that are in somebody's hands, or when the order shares a box with another one.
    """
    if not (goods or address):
        return []
    mine = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == order.id)
    waiting = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(mine), Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .with_for_update(of=Shipment)
        .execution_options(populate_existing=True)
    ).all()
    for box in waiting:
        if any(line.order_id != order.id for line in box.lines):
            raise Refused(shared_already(box.number), code="amend_combined")
        if goods and box.status not in _NOT_BEGUN:
            raise Refused(say("A parcel is being packed for it; cancel the shipment first"), code="amend_refused")
    return list(waiting) if goods else []


def repack(tx: Tx, order: Order, outdated: Sequence[Shipment]) -> None:
    """Cancel boxes that were made ready for goods that changed; derived columns are the caller's."""
    for box in outdated:
        cancel_box(tx, box, [order], say("Packed anew").template)
