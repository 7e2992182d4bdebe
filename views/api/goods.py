"""Stock and shipments over the API."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema
from sqlalchemy import select, tuple_
from sqlalchemy.orm import selectinload

from oms.catalog.models import Sku
from oms.db import Tx
from oms.inventory.models import StockLevel
from oms.inventory.queries import visible_levels
from oms.shipping.models import Shipment, ShipmentLine, TrackingEvent
from oms.shipping.queries import get_shipment, visible_shipments
from oms.shipping.states import ShipmentStatus
from oms.usecases.shipping_parcels import SetTracking, set_tracking
from views.api import shapes
from views.api.guard import Call, Endpoint
from views.api.paging import page, place_of
from views.api.schemas import Choice, Page, Whole, Words

EVENTS_AT_MOST = 200


class StockQuery(Page):
    """Which stock."""

    sku = Words(64, least=1)
    sku_id = Whole(from_text=True)
    warehouse_id = Whole(from_text=True)


class ShipmentQuery(Page):
    """Which shipments."""

    order_id = Whole(from_text=True)
    warehouse_id = Whole(from_text=True)
    status = Choice(ShipmentStatus)


class TrackingIn(Schema):
    """The number of a box; without ``parcel_id`` of the shipment's only box."""

    carrier = Words(80, least=1, required=True)
    tracking_no = Words(80, least=1, required=True)
    parcel_id = Whole()


def stock(tx: Tx, call: Call) -> tuple[int, Any]:
    """Balances by SKU and warehouse."""
    asked = call.query
    statement = visible_levels(tx.actor).add_columns(Sku.code, Sku.name)
    if "sku" in asked:
        statement = statement.where(Sku.code == asked["sku"])
    for name in ("sku_id", "warehouse_id"):
        if name in asked:
            statement = statement.where(getattr(StockLevel, name) == asked[name])
    if begins := place_of(asked, (int, int)):
        statement = statement.where(tuple_(StockLevel.sku_id, StockLevel.warehouse_id) > begins)
    statement = statement.order_by(StockLevel.sku_id, StockLevel.warehouse_id).limit(asked["limit"] + 1)
    rows, cursor = page(tx.session.execute(statement).all(), asked["limit"], lambda r: (r[0].sku_id, r[0].warehouse_id))
    return 200, {"data": [_level(*row) for row in rows], "next": cursor}


def _level(level: StockLevel, code: str, name: str) -> dict[str, Any]:
    said = {n: getattr(level, n) for n in ("sku_id", "warehouse_id", "on_hand", "reserved", "damaged", "incoming")}
    return said | {"sku": code, "name": name, "available": level.on_hand - level.reserved}


def shipments(tx: Tx, call: Call) -> tuple[int, Any]:
    """Shipments, the newest first."""
    asked = call.query
    statement = visible_shipments(tx.actor).options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
    for name in ("warehouse_id", "status"):
        if name in asked:
            statement = statement.where(getattr(Shipment, name) == asked[name])
    if "order_id" in asked:
        inside = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == asked["order_id"])
        statement = statement.where(Shipment.id.in_(inside))
    if begins := place_of(asked, (int,)):
        statement = statement.where(Shipment.id < begins[0])
    rows = tx.session.scalars(statement.order_by(Shipment.id.desc()).limit(asked["limit"] + 1)).all()
    kept, cursor = page(rows, asked["limit"], lambda s: (s.id,))
    return 200, {"data": kept, "next": cursor}


def shipment(tx: Tx, call: Call) -> tuple[int, Any]:
    """One shipment with its boxes."""
    return 200, get_shipment(tx, call.ids["shipment_id"])


def tracking(tx: Tx, call: Call) -> tuple[int, Any]:
    """Where the boxes are, and what the carriers said."""
    found = get_shipment(tx, call.ids["shipment_id"])
    statement = select(TrackingEvent).where(TrackingEvent.parcel_id.in_([p.id for p in found.parcels]))
    statement = statement.order_by(TrackingEvent.at.desc(), TrackingEvent.id.desc()).limit(EVENTS_AT_MOST)
    return 200, {"parcels": found.parcels, "events": tx.session.scalars(statement).all()}


def track(tx: Tx, call: Call) -> tuple[int, Any]:
    """Write down a box's number."""
    given = call.body
    done = set_tracking(
        tx, SetTracking(call.ids["shipment_id"], given["carrier"], given["tracking_no"], given.get("parcel_id"))
    )
    return 200, {"shipment_id": done.shipment_id, "status": done.status}


ENDPOINTS = (
    Endpoint("list_stock", "GET", "/stock", "stock.view", "Stock by SKU and warehouse", stock,
             shapes.page_of(shapes.StockOut), query=StockQuery(), tag="Stock"),
    Endpoint("list_shipments", "GET", "/shipments", "order.view", "Shipments, the newest first", shipments,
             shapes.page_of(shapes.ShipmentOut), query=ShipmentQuery(), tag="Shipments"),
    Endpoint("get_shipment", "GET", "/shipments/<int:shipment_id>", "order.view", "One shipment", shipment,
             shapes.ShipmentOut(), tag="Shipments"),
    Endpoint("get_tracking", "GET", "/shipments/<int:shipment_id>/tracking", "order.view",
             "Where the boxes of a shipment are", tracking, shapes.TrackingOut(), tag="Shipments"),
    Endpoint("set_tracking", "POST", "/shipments/<int:shipment_id>/tracking", "shipment.track",
             "Write down a tracking number", track, shapes.TrackingSetOut(), TrackingIn(), tag="Shipments"),
)  # fmt: skip
