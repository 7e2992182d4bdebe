"""Everything a shipment's page shows: what is in it, its boxes, who worked on it, what may be done and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import Say, say
from oms.orders.models import Order, OrderLine
from oms.reports.shipment_rows import ShipmentRow, shipment_rows
from oms.reports.timeline import Event, story
from oms.shipping import combining
from oms.shipping.combining import why_closed
from oms.shipping.floor import queries
from oms.shipping.floor.models import Manifest, ManifestParcel, PackingScan
from oms.shipping.floor.queries import Goods
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import get_shipment
from oms.shipping.rules import is_labeled, label_refusal, live_parcels
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus
from oms.usecases.gate import GateStep, OverrideNote, judge, override_note, told_to

S = ShipmentStatus


@dataclass(frozen=True)
class Line:
    """Pieces of one order line in the shipment."""

    id: int
    order_number: str
    sku_id: int
    sku_code: str
    name: str
    quantity: int
    goods: Goods | None


@dataclass(frozen=True)
class Choice:
    """An action of the page: who may, and why it is not possible now."""

    name: str
    label: str
    why_not: Say | None = None


@dataclass(frozen=True)
class ShipmentPage:
    """One shipment. ``gate``: why its goods may not go on. ``together``: orders that could share its box."""

    row: ShipmentRow
    orders: Sequence[Order]
    lines: Sequence[Line]
    parcels: Sequence[Parcel]
    gate: Say | None
    overrides: Sequence[OverrideNote]
    choices: dict[str, Choice]
    events: Sequence[Event]
    scans: Sequence[PackingScan]
    skus: dict[int, str]
    manifest: Any
    together: Sequence[combining.Proposal]

    @property
    def shipment(self) -> Shipment:
        return self.row.shipment


CHOICE_LABELS: dict[str, str] = {
    "ready": "Make ready",
    "pack": "Pack without scanning",
    "carrier": "Carrier",
    "tracking": "Tracking number",
    "void_label": "Void the label",
    "split": "Split",
    "uncombine": "Take the orders apart",
    "pull_back": "Take back from packing",
    "hand_over": "Hand over",
    "cancel": "Give up",
}
NEEDS = {
    "ready": "shipment.pack", "pack": "shipment.pack", "carrier": "shipment.pack", "tracking": "shipment.track",
    "void_label": "shipment.void_label", "split": "shipment.combine", "uncombine": "shipment.combine",
    "pull_back": "shipment.pack", "hand_over": "shipment.hand_over", "cancel": "shipment.pack",
}  # fmt: skip


def shipment_page(tx: Tx, shipment_id: int) -> ShipmentPage:
    """The page. Raises NotFound."""
    shipment = get_shipment(tx, shipment_id)
    session = tx.session
    inside = sorted({line.order_id for line in shipment.lines})
    orders = list(session.scalars(select(Order).where(Order.id.in_(inside)).order_by(Order.id)))
    due = session.scalar(select(func.min(Order.ship_by)).where(Order.id.in_(inside)))
    gate = _gate(tx, shipment, orders)
    scans = queries.scans_of(session, shipment.id)
    prices = tx.actor.may("order.price")
    waits = shipment.status in combining.OPEN and tx.actor.may("shipment.combine")
    return ShipmentPage(
        shipment_rows(session, [(shipment.id, due)])[0],
        orders,
        _lines(tx, shipment),
        sorted(shipment.parcels, key=lambda p: (not p.is_live, p.position, p.id)),
        gate,
        [note for order in orders if (note := override_note(session, order.id))],
        _choices(tx, shipment, orders, gate),
        story(session, "shipment", shipment.id, prices=prices, phones=False),
        scans,
        _codes(tx, scans),
        _manifest(tx, shipment.id),
        [p for order_id in inside[:1] if waits for p in combining.combinable(session, tx.actor, order_id)
         if p.warehouse_id == shipment.warehouse_id],
    )  # fmt: skip


def _gate(tx: Tx, shipment: Shipment, orders: Sequence[Order]) -> Say | None:
    """Why the goods may not go on, in words this reader may see; nothing once they left."""
    if shipment.status not in BEFORE_HAND_OVER:
        return None
    for verdict in judge(tx, orders, GateStep.LABEL).values():
        if verdict.refusal is not None:
            return told_to(tx.actor, verdict.refusal)
    return None


def _lines(tx: Tx, shipment: Shipment) -> list[Line]:
    rows = tx.session.execute(
        select(
            ShipmentLine.id, Order.number, OrderLine.sku_id, OrderLine.sku_code, OrderLine.name, ShipmentLine.quantity
        )
        .join(OrderLine, OrderLine.id == ShipmentLine.order_line_id)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(ShipmentLine.shipment_id == shipment.id)
        .order_by(Order.id, OrderLine.position)
    ).all()
    lying = queries.goods(tx.session, {row.sku_id for row in rows}, shipment.warehouse_id)
    return [Line(*row, lying.get(row.sku_id)) for row in rows]


def _codes(tx: Tx, scans: Sequence[PackingScan]) -> dict[int, str]:
    ids = {scan.sku_id for scan in scans if scan.sku_id}
    rows = tx.session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(ids)))
    return {row.id: row.code for row in rows}


def _manifest(tx: Tx, shipment_id: int) -> Any:
    return tx.session.execute(
        select(Manifest.id, Manifest.number, Manifest.status)
        .join(ManifestParcel, ManifestParcel.manifest_id == Manifest.id)
        .where(ManifestParcel.shipment_id == shipment_id, ManifestParcel.is_live)
        .limit(1)
    ).first()


def _choices(tx: Tx, shipment: Shipment, orders: Sequence[Order], gate: Say | None) -> dict[str, Choice]:
    """What this person may do, each with the reason when it is not possible now."""
    reasons = {
        "ready": SHIPMENT.refusal(shipment, "make_ready") or gate,
        "pack": None if shipment.status is S.READY else SHIPMENT.refusal(shipment, "pack"),
        "carrier": _left(shipment) or label_refusal(shipment),
        "tracking": _closed(shipment),
        "void_label": _left(shipment) or (None if _has_label(shipment) else say("No label is printed for it")),
        "split": why_closed(shipment) or (None if _several(shipment) else say("There is one piece in it")),
        "uncombine": _left(shipment) or (None if len(orders) > 1 else say("It holds one order only")),
        "pull_back": SHIPMENT.refusal(shipment, "pull_back"),
        "hand_over": (None if shipment.status is S.PACKED else SHIPMENT.refusal(shipment, "hand_over")) or gate,
        "cancel": SHIPMENT.refusal(shipment, "cancel"),
    }
    return {
        name: Choice(name, label, reasons[name]) for name, label in CHOICE_LABELS.items() if tx.actor.may(NEEDS[name])
    }  # fmt: skip


def _left(shipment: Shipment) -> Say | None:
    if shipment.status in BEFORE_HAND_OVER:
        return None
    return say("It is {state}; this needs another state", state=say(SHIPMENT.labels[shipment.status]))


def _closed(shipment: Shipment) -> Say | None:
    if shipment.status in {S.CANCELED, S.RETURNED, S.LOST}:
        return say("The shipment {number} is closed", number=shipment.number)
    return None


def _has_label(shipment: Shipment) -> bool:
    return is_labeled(shipment) or any(p.tracking_no for p in live_parcels(shipment))


def _several(shipment: Shipment) -> bool:
    return sum(line.quantity for line in shipment.lines) > 1
