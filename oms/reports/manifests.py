"""Hand-over sheets as screen and paper show them: boxes, cash, what is late for the round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from oms.actor import Actor
from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import NotFound, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.shipping.floor import queries
from oms.shipping.floor.models import Manifest, ManifestParcel, PackingScan
from oms.shipping.floor.rules import SOFT
from oms.shipping.floor.states import ManifestStatus
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases import derived
from oms.usecases.cod_entries import still_to_come

LATE_SHOWN = 100
_ON_ITS_WAY = (ShipmentStatus.READY, ShipmentStatus.PICKING, ShipmentStatus.PACKED, ShipmentStatus.LABELED)


@dataclass(frozen=True)
class SheetRow:
    """One box on the sheet."""

    row: ManifestParcel
    parcel: Parcel
    shipment: Shipment
    name: str
    province: str
    orders: str
    cod: Money


@dataclass(frozen=True)
class Late:
    """A shipment of this carrier whose label is printed and that is not on the sheet yet."""

    shipment: Shipment
    tracking: str


@dataclass(frozen=True)
class Sheet:
    """A sheet with what is on it, what came off it at the closing, and what is late for the round."""

    manifest: Manifest
    rows: Sequence[SheetRow]
    behind: Sequence[SheetRow]
    late: Sequence[Late]
    misses: int

    @property
    def cod_total(self) -> Money:
        return sum((row.cod for row in self.rows), start=ZERO)

    @property
    def shipments(self) -> int:
        return len({row.shipment.id for row in self.rows})


def get_sheet(tx: Tx, manifest_id: int) -> Sheet:
    """One sheet of the actor's warehouses. Raises NotFound."""
    session = tx.session
    manifest = session.scalars(
        queries.visible_manifests(tx.actor).where(Manifest.id == manifest_id).options(joinedload(Manifest.warehouse))
    ).one_or_none()
    if manifest is None:
        raise NotFound(say("There is no such hand-over sheet, or it is not yours to see"), code="manifest_not_found")
    found = session.execute(
        select(ManifestParcel, Parcel, Shipment)
        .join(Parcel, Parcel.id == ManifestParcel.parcel_id)
        .join(Shipment, Shipment.id == ManifestParcel.shipment_id)
        .where(ManifestParcel.manifest_id == manifest.id)
        .order_by(ManifestParcel.id.desc())
    ).all()
    rows = _rows(tx, manifest, [tuple(row) for row in found])
    live = [row for row in rows if row.row.is_live]
    behind = [row for row in rows if not row.row.is_live and row.row.message]
    is_open = manifest.status is ManifestStatus.OPEN
    misses = session.scalar(
        select(func.count()).where(PackingScan.manifest_id == manifest.id, PackingScan.outcome.not_in(SOFT))
    )
    return Sheet(manifest, live, behind, _late(session, manifest) if is_open else (), int(misses or 0))


def _rows(tx: Tx, manifest: Manifest, found: Sequence[Any]) -> list[SheetRow]:
    ids = sorted({shipment.id for _, _, shipment in found})
    orders: dict[int, list[Order]] = {i: [] for i in ids}
    inside = select(ShipmentLine.shipment_id, Order).join(Order, Order.id == ShipmentLine.order_id)
    for shipment_id, order in tx.session.execute(inside.where(ShipmentLine.shipment_id.in_(ids)).order_by(Order.id)):
        if order not in orders[shipment_id]:
            orders[shipment_id].append(order)
    cash = _cash(tx, manifest, orders)
    told: set[int] = set()
    rows = []
    for row, parcel, shipment in reversed(found):
        mine = orders[shipment.id]
        first = row.is_live and shipment.id not in told
        told |= {shipment.id} if row.is_live else set()
        amount = cash.get(shipment.id, ZERO) if first and manifest.status is ManifestStatus.OPEN else row.cod
        rows.append(
            SheetRow(
                row, parcel, shipment, mine[0].ship_name if mine else "", mine[0].ship_province if mine else "",
                ", ".join(o.number for o in mine), amount,
            )
        )  # fmt: skip
    return rows[::-1]


def _cash(tx: Tx, manifest: Manifest, orders: dict[int, list[Order]]) -> dict[int, Money]:
    """What each shipment on an open sheet would bring by today's facts; an order's cash goes with its first one."""
    if manifest.status is not ManifestStatus.OPEN:
        return {}
    flat = list({o.id: o for mine in orders.values() for o in mine}.values())
    coming = still_to_come(tx, flat, derived.read_facts(tx, flat))
    cash: dict[int, Money] = {}
    for shipment_id, mine in sorted(orders.items()):
        for order in mine:
            cash[shipment_id] = cash.get(shipment_id, ZERO) + coming.pop(order.id, ZERO)
    return cash


def _late(session: Session, manifest: Manifest) -> list[Late]:
    """Labels of this carrier that were printed here and are on no sheet."""
    on_sheet = select(ManifestParcel.id).where(ManifestParcel.parcel_id == Parcel.id, ManifestParcel.is_live)
    rows = session.execute(
        select(Shipment, Parcel.tracking_no, Parcel.carrier)
        .join(Parcel, Parcel.shipment_id == Shipment.id)
        .where(
            Shipment.warehouse_id == manifest.warehouse_id, Shipment.status.in_([s.value for s in _ON_ITS_WAY]),
            Parcel.is_live, or_(Parcel.label_prints > 0, Shipment.status == ShipmentStatus.LABELED), ~on_sheet.exists(),
        )
        .order_by(Shipment.id)
        .limit(LATE_SHOWN * 4)
    )  # fmt: skip
    mine = [
        Late(shipment, tracking)
        for shipment, tracking, carrier in rows
        if carrier_name(carrier or shipment.carrier) == manifest.carrier
    ]
    return mine[:LATE_SHOWN]


def sheet_list(actor: Actor) -> Select[Any]:
    """Rows of (sheet, boxes on it), open ones first, then the newest."""
    boxes = (
        select(func.count())
        .where(ManifestParcel.manifest_id == Manifest.id, ManifestParcel.is_live)
        .scalar_subquery()
    )  # fmt: skip
    found: Select[Any] = (
        queries.visible_manifests(actor)
        .add_columns(boxes.label("boxes"))
        .order_by((Manifest.status != ManifestStatus.OPEN), Manifest.id.desc())
    )
    return found


@dataclass(frozen=True)
class Round:
    """What waits for one carrier in one warehouse: shipments labeled, and those with a printed label not packed yet."""

    warehouse_id: int
    carrier: str
    labeled: int
    open_id: int | None


def rounds(session: Session, actor: Actor, warehouse_ids: Sequence[int]) -> list[Round]:
    """The carriers somebody has to come for, the fullest first."""
    rows = session.execute(
        select(Shipment.warehouse_id, Shipment.carrier, func.count())
        .where(Shipment.status == ShipmentStatus.LABELED, Shipment.warehouse_id.in_(warehouse_ids))
        .group_by(Shipment.warehouse_id, Shipment.carrier)
    )
    waiting: dict[tuple[int, str], int] = {}
    for place, carrier, n in rows:
        key = (place, carrier_name(carrier))
        waiting[key] = waiting.get(key, 0) + int(n)
    opened = session.scalars(queries.visible_manifests(actor).where(Manifest.status == ManifestStatus.OPEN))
    standing = {(m.warehouse_id, m.carrier): m.id for m in opened}
    found = [
        Round(place, carrier, waiting.get((place, carrier), 0), standing.get((place, carrier)))
        for place, carrier in sorted(waiting.keys() | standing.keys())
    ]
    return sorted(found, key=lambda r: (-r.labeled, r.carrier))
