"""The lists of returns and of claims against carriers as files."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from oms.actor import Actor
from oms.catalog.models import Shop
from oms.exporting.shape import PRICE, Column, ExportList
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.returns.models import CarrierClaim, Return
from oms.returns.queries import visible_claims, visible_returns
from oms.shipping.models import Shipment


def _returns(actor: Actor) -> Select[Any]:
    seen = visible_returns(actor).with_only_columns(Return.id)
    return (
        select().select_from(Return).join(Order, Order.id == Return.order_id).join(Shop, Shop.id == Order.shop_id)
        .join(Warehouse, Warehouse.id == Return.warehouse_id).where(Return.id.in_(seen)).order_by(Return.id.desc())
    )  # fmt: skip


def _claims(actor: Actor) -> Select[Any]:
    seen = visible_claims(actor).with_only_columns(CarrierClaim.id)
    return (
        select().select_from(CarrierClaim).join(Shipment, Shipment.id == CarrierClaim.shipment_id)
        .where(CarrierClaim.id.in_(seen)).order_by(CarrierClaim.id.desc())
    )  # fmt: skip


RETURNS = ExportList(
    "returns", "Returns", "order.view",
    {
        "number": Column("Number", Return.number),
        "order": Column("Order", Order.number),
        "shop": Column("Shop", Shop.code),
        "kind": Column("Kind", Return.kind),
        "status": Column("Status", Return.status),
        "reason": Column("Reason", Return.reason),
        "note": Column("Note", Return.note),
        "carrier": Column("Carrier", Return.carrier),
        "tracking_no": Column("Tracking number", Return.tracking_no),
        "warehouse": Column("Warehouse", Warehouse.code),
        "requested_at": Column("Asked for on", Return.requested_at),
        "requested_label": Column("Asked by", Return.requested_label),
        "in_transit_at": Column("On its way since", Return.in_transit_at),
        "carrier_returned_at": Column("Given back by the carrier", Return.carrier_returned_at),
        "received_at": Column("Arrived", Return.received_at),
        "received_label": Column("Received by", Return.received_label),
        "inspected_at": Column("Counted", Return.inspected_at),
        "inspected_label": Column("Counted by", Return.inspected_label),
        "resolved_at": Column("Settled", Return.resolved_at),
        "resolved_label": Column("Settled by", Return.resolved_label),
        "resolution": Column("How it was settled", Return.resolution),
        "credit": Column("Credited", Return.credit, PRICE),
        "trip_cost": Column("Cost of the useless trip", Return.trip_cost, PRICE),
        "credit_note": Column("Credit note", Return.credit_note),
    },
    _returns,
    find=(Return.number, Return.tracking_no, Order.number),
    more={"order_id": Return.order_id, "warehouse_id": Return.warehouse_id},
)  # fmt: skip
CARRIER_CLAIMS = ExportList(
    "carrier_claims", "Claims against carriers", "shipment.claim",
    {
        "number": Column("Number", CarrierClaim.number),
        "carrier": Column("Carrier", CarrierClaim.carrier),
        "tracking_no": Column("Tracking number", CarrierClaim.tracking_no),
        "shipment": Column("Shipment", Shipment.number),
        "reason": Column("Reason", CarrierClaim.reason),
        "status": Column("Status", CarrierClaim.status),
        "amount": Column("Amount", CarrierClaim.amount),
        "accepted": Column("Accepted", CarrierClaim.accepted),
        "paid": Column("Paid", CarrierClaim.paid),
        "reference": Column("Carrier's number", CarrierClaim.reference),
        "due_on": Column("Last day", CarrierClaim.due_on),
        "opened_at": Column("Opened", CarrierClaim.opened_at),
        "opened_label": Column("Opened by", CarrierClaim.opened_label),
        "sent_at": Column("Sent", CarrierClaim.sent_at),
        "decided_at": Column("Answered", CarrierClaim.decided_at),
        "decision_note": Column("What the carrier answered", CarrierClaim.decision_note),
        "paid_at": Column("Paid on", CarrierClaim.paid_at),
        "payment_reference": Column("Reference", CarrierClaim.payment_reference),
    },
    _claims,
    find=(CarrierClaim.number, CarrierClaim.tracking_no, CarrierClaim.reference),
)  # fmt: skip
