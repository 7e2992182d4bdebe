"""Export lists of the floor: shipments as their queues show them, and hand-over sheets box by box."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select

from oms.errors import say
from oms.exporting.shape import Column, ExportList, own_places
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.shipping.floor.models import Manifest, ManifestParcel, PickBatch, PickSlot
from oms.shipping.listing import WORKLISTS, filter_conditions, list_conditions, read_filter
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments

_INSIDE = (
    select(func.string_agg(Order.number.distinct(), ", "))
    .select_from(ShipmentLine)
    .join(Order, Order.id == ShipmentLine.order_id)
    .where(ShipmentLine.shipment_id == Shipment.id)
    .correlate(Shipment)
)
_NUMBERS = (
    select(func.string_agg(Parcel.tracking_no.distinct(), ", "))
    .where(Parcel.shipment_id == Shipment.id, Parcel.is_live, Parcel.tracking_no != "")
    .correlate(Shipment)
    .scalar_subquery()
)
_BOXES = (
    select(func.count()).where(Parcel.shipment_id == Shipment.id, Parcel.is_live).correlate(Shipment).scalar_subquery()
)
_PRINTS = (
    select(func.min(Parcel.label_prints))
    .where(Parcel.shipment_id == Shipment.id, Parcel.is_live)
    .correlate(Shipment)
    .scalar_subquery()
)
_PIECES = (
    select(func.sum(ShipmentLine.quantity))
    .where(ShipmentLine.shipment_id == Shipment.id)
    .correlate(Shipment)
    .scalar_subquery()
)
_LISTED = (
    select(PickBatch.number)
    .join(PickSlot, PickSlot.batch_id == PickBatch.id)
    .where(PickSlot.shipment_id == Shipment.id, PickSlot.is_live)
    .limit(1)
    .correlate(Shipment)
    .scalar_subquery()
)


def _who(column: Any) -> Any:
    """A fact of the shipment's first order."""
    return (
        select(column)
        .select_from(ShipmentLine)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(ShipmentLine.shipment_id == Shipment.id)
        .order_by(Order.id)
        .limit(1)
        .correlate(Shipment)
        .scalar_subquery()
    )


def _narrow(statement: Select[Any], filters: Mapping[str, str]) -> Select[Any]:
    """The queue and the filter of the screen, its search box among them."""
    queue = WORKLISTS.get(filters.get("queue", ""), WORKLISTS["all"])
    return statement.where(*list_conditions(queue), *filter_conditions(read_filter(filters)))


SHIPMENTS = ExportList(
    "shipments", "Shipments", "order.view",
    {
        "number": Column("Shipment", Shipment.number),
        "orders": Column("Orders", _INSIDE.scalar_subquery()),
        "status": Column("State", Shipment.status),
        "warehouse": Column("Warehouse", Warehouse.code),
        "recipient": Column("Recipient", _who(Order.ship_name)),
        "province": Column("Province", _who(Order.ship_province)),
        "channel": Column("Channel", _who(Order.channel)),
        "payment_term": Column("Payment term", _who(Order.payment_term)),
        "ship_by": Column("Ship by", _who(Order.ship_by)),
        "pieces": Column("Pieces", _PIECES),
        "carrier": Column("Carrier", Shipment.carrier),
        "service": Column("Service", Shipment.service),
        "boxes": Column("Boxes", _BOXES),
        "tracking": Column("Tracking number", _NUMBERS),
        "prints": Column("Labels printed", _PRINTS),
        "batch": Column("Picking list", _LISTED),
        "packed_by": Column("Packed by", Shipment.packed_by),
        "ready_at": Column("Ready since", Shipment.ready_at),
        "packed_at": Column("Packed", Shipment.packed_at),
        "labeled_at": Column("Label printed", Shipment.labeled_at),
        "handed_over_at": Column("Handed over", Shipment.handed_over_at),
        "delivered_at": Column("Delivered", Shipment.delivered_at),
    },
    lambda actor: visible_shipments(actor).join(Warehouse, Warehouse.id == Shipment.warehouse_id)
    .with_only_columns(maintain_column_froms=True).order_by(Shipment.id.desc()),
    search=lambda statement, _: statement,
    narrow=_narrow,
)  # fmt: skip
MANIFESTS = ExportList(
    "manifests", "Hand-over sheets", "shipment.hand_over",
    {
        "number": Column("Sheet", Manifest.number),
        "carrier": Column("Carrier", Manifest.carrier),
        "warehouse": Column("Warehouse", Warehouse.code),
        "round": Column("Round", Manifest.round),
        "status": Column("State", Manifest.status),
        "opened_at": Column("Opened", Manifest.opened_at),
        "closed_at": Column("Handed over", Manifest.closed_at),
        "closed_by": Column("Handed over by", Manifest.closed_by),
        "driver": Column("Driver", Manifest.driver),
        "shipment": Column("Shipment", Shipment.number),
        "tracking": Column("Tracking number", Parcel.tracking_no),
        "cod": Column("COD", ManifestParcel.cod),
        "scanned_at": Column("Scanned", ManifestParcel.scanned_at),
        "scanned_by": Column("Scanned by", ManifestParcel.scanned_by),
    },
    lambda actor: own_places(
        actor,
        select().select_from(Manifest).join(ManifestParcel, ManifestParcel.manifest_id == Manifest.id)
        .join(Parcel, Parcel.id == ManifestParcel.parcel_id).join(Shipment, Shipment.id == ManifestParcel.shipment_id)
        .join(Warehouse, Warehouse.id == Manifest.warehouse_id).where(ManifestParcel.is_live)
        .order_by(Manifest.id.desc(), ManifestParcel.id),
        Manifest.warehouse_id,
    ),
    find=(Manifest.number, Shipment.number, Parcel.tracking_no),
    more={"manifest_id": Manifest.id},
)  # fmt: skip
_WORDS = (say("Labels printed"), say("Scanned"), say("Scanned by"))  # headings no screen says
