"""Shipments as the list and the page show them: orders, boxes, totes, read in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from oms.carriers.names import carrier_name
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.shipping.floor.models import PackingSession, PickBatch, PickSlot
from oms.shipping.floor.states import PackStatus
from oms.shipping.models import Parcel, Shipment, ShipmentLine


@dataclass(frozen=True)
class ShipmentRow:
    """One line of the list. ``orders`` and ``boxes`` are rows; ``batch``: its picking list and tote; ``packer``: who
    has it on the table."""

    shipment: Shipment
    ship_by: datetime | None
    pieces: int
    orders: Sequence[Any]
    boxes: Sequence[Any]
    batch: Any | None
    packer: str

    @property
    def carrier(self) -> str:
        return carrier_name(self.shipment.carrier)

    @property
    def is_cod(self) -> bool:
        return any(o.payment_term is PaymentTerm.COD for o in self.orders)

    @property
    def printed(self) -> int:
        """Labels printed of how many boxes: the fewest prints of any box."""
        return min((b.label_prints for b in self.boxes), default=0)


def shipment_rows(session: Session, found: Sequence[tuple[int, datetime | None]]) -> list[ShipmentRow]:
    """These shipments with what belongs to them, in their order; five statements however many."""
    ids = [shipment_id for shipment_id, _ in found]
    if not ids:
        return []
    shipments = {s.id: s for s in session.scalars(select(Shipment).where(Shipment.id.in_(ids)))}
    orders, pieces = _orders(session, ids)
    boxes = _boxes(session, ids)
    batches = _batches(session, ids)
    packers = _packers(session, ids)
    return [
        ShipmentRow(
            shipments[i], due, pieces.get(i, 0), orders.get(i, []), boxes.get(i, []), batches.get(i),
            packers.get(i, ""),
        )
        for i, due in found
    ]  # fmt: skip


def _orders(session: Session, ids: Sequence[int]) -> tuple[dict[int, list[Any]], dict[int, int]]:
    rows = session.execute(
        select(
            ShipmentLine.shipment_id, func.sum(ShipmentLine.quantity).label("pieces"), Order.id, Order.number,
            Order.external_no, Order.channel, Order.ship_name, Order.ship_province, Order.items_summary,
            Order.payment_term, Order.board,
        )
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(ShipmentLine.shipment_id.in_(ids))
        .group_by(ShipmentLine.shipment_id, Order.id)
        .order_by(Order.id)
    )  # fmt: skip
    found: dict[int, list[Any]] = {}
    pieces: dict[int, int] = {}
    for row in rows:
        found.setdefault(row.shipment_id, []).append(row)
        pieces[row.shipment_id] = pieces.get(row.shipment_id, 0) + int(row.pieces)
    return found, pieces


def _boxes(session: Session, ids: Sequence[int]) -> dict[int, list[Any]]:
    rows = session.execute(
        select(
            Parcel.shipment_id, Parcel.id, Parcel.position, Parcel.carrier, Parcel.tracking_no, Parcel.label_prints,
            Parcel.weight_grams, Parcel.tracking_status,
        )
        .where(Parcel.shipment_id.in_(ids), Parcel.is_live)
        .order_by(Parcel.position, Parcel.id)
    )  # fmt: skip
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.shipment_id, []).append(row)
    return found


def _batches(session: Session, ids: Sequence[int]) -> dict[int, Any]:
    rows = session.execute(
        select(PickSlot.shipment_id, PickSlot.tote, PickBatch.id, PickBatch.number)
        .join(PickBatch, PickBatch.id == PickSlot.batch_id)
        .where(PickSlot.shipment_id.in_(ids), PickSlot.is_live)
    )
    return {row.shipment_id: row for row in rows}


def _packers(session: Session, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(PackingSession.shipment_id, PackingSession.packer).where(
            PackingSession.shipment_id.in_(ids), PackingSession.status == PackStatus.OPEN
        )
    )
    return {row.shipment_id: row.packer for row in rows}
