"""The last piece is in: the box is closed, and the next one may come."""

from __future__ import annotations

from sqlalchemy import update

from oms import clock
from oms.db import Tx
from oms.shipping.floor import queries
from oms.shipping.floor.models import PackingSession, PickSlot
from oms.shipping.floor.states import PACKING
from oms.usecases.shipping_work import BoxSpec, PackShipment, pack_shipment


def finish(tx: Tx, session: PackingSession) -> None:
    """Pack the shipment in the boxes that were filled. Raises
    what ``pack_shipment`` refuses; nothing is packed then."""
    filled = {box for (box, _), n in queries.scanned_in(tx.session, session.id).items() if n}
    boxes = tuple(
        BoxSpec(weight_grams=box.get("grams"))
        for number, box in enumerate(session.boxes, 1)
        if number in filled or number == len(session.boxes)
    )
    pack_shipment(tx, PackShipment(session.shipment_id, boxes=boxes))
    PACKING.fire(session, "finish")
    session.closed_at, session.stopped_by = clock.now(), None
    tx.session.execute(update(PickSlot).where(PickSlot.shipment_id == session.shipment_id).values(is_live=False))
