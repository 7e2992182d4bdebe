"""The export list of parcels: what the screen shows, with the carrier's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select

from oms.exporting.shape import Column, ExportList
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.parcel_queries import QUEUE_LABELS, queue_condition, visible_parcels, with_number

_ORDERS = (
    select(func.string_agg(Order.number.distinct(), ", "))
    .join(ShipmentLine, ShipmentLine.order_id == Order.id)
    .where(ShipmentLine.shipment_id == Shipment.id)
    .correlate(Shipment)
    .scalar_subquery()
)


def _queue(statement: Select[Any], filters: Mapping[str, str]) -> Select[Any]:
    """The queue that the screen shows."""
    queue = filters.get("queue", "")
    return statement.where(queue_condition(queue)) if queue in QUEUE_LABELS else statement


PARCELS = ExportList(
    "parcels", "Parcels", "order.view",
    {
        "tracking_no": Column("Tracking number", Parcel.tracking_no),
        "carrier": Column("Carrier", Parcel.carrier),
        "service": Column("Service", Parcel.service),
        "tracking_status": Column("State", Parcel.tracking_status),
        "raw_status": Column("The carrier's words", Parcel.raw_status),
        "tracked_at": Column("Last moved", Parcel.tracked_at),
        "checked_at": Column("Last asked", Parcel.checked_at),
        "shipment": Column("Shipment", Shipment.number),
        "orders": Column("Orders", _ORDERS),
        "warehouse": Column("Warehouse", Warehouse.code),
        "weight_grams": Column("Weight in grams", Parcel.weight_grams),
        "handed_over_at": Column("Handed over", Shipment.handed_over_at),
        "delivered_at": Column("Delivered on", Shipment.delivered_at),
        "is_live": Column("Stands", Parcel.is_live),
        "void_reason": Column("Why voided", Parcel.void_reason),
        "created_at": Column("Made on", Parcel.created_at),
    },
    lambda actor: visible_parcels(actor)
    .join(Warehouse, Warehouse.id == Shipment.warehouse_id)
    .order_by(Parcel.id.desc()),
    search=with_number,
    narrow=_queue,
)  # fmt: skip
