"""Reads of the floor: what belongs in a shipment, what was counted, what a code names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import BundleItem, Sku, SkuBarcode
from oms.inventory.models import StockLevel
from oms.orders.models import OrderLine
from oms.shipping.floor.models import Manifest, PackingScan, PackingSession, PickBatch
from oms.shipping.floor.rules import OK, Contents
from oms.shipping.floor.states import PackStatus
from oms.shipping.models import ShipmentLine
from oms.thai.keyboard import latin_keys
from oms.thai.text import clean


def spellings(code: str) -> list[str]:
    """The ways a scanned code may stand in the database: as it came, in capitals, and as the same keys type it when the
    keyboard is not on Thai."""
    typed, plain = clean(code), clean(latin_keys(code))
    return list(dict.fromkeys(form for form in (typed, typed.upper(), plain, plain.upper()) if form))


def skus_named(session: Session, code: str) -> list[Sku]:
    """The SKUs whose whole code or barcode this is, on sale or not: what an order holds may have gone off sale."""
    wanted = spellings(code)
    if not wanted:
        return []
    barcodes = select(SkuBarcode.sku_id).where(SkuBarcode.barcode.in_(wanted))
    return list(session.scalars(select(Sku).where(or_(Sku.code.in_(wanted), Sku.id.in_(barcodes))).order_by(Sku.id)))


def contents_of(session: Session, shipment_ids: Collection[int]) -> dict[int, Contents]:
    """What belongs in these shipments, sets as their parts, in one statement."""
    rows = session.execute(
        select(
            ShipmentLine.shipment_id, OrderLine.sku_id, func.sum(ShipmentLine.quantity), BundleItem.component_id,
            BundleItem.quantity,
        )
        .join(OrderLine, OrderLine.id == ShipmentLine.order_line_id)
        .outerjoin(BundleItem, BundleItem.bundle_id == OrderLine.sku_id)
        .where(ShipmentLine.shipment_id.in_(sorted(shipment_ids)))
        .group_by(ShipmentLine.shipment_id, OrderLine.sku_id, BundleItem.component_id, BundleItem.quantity)
    )  # fmt: skip
    wanted: dict[int, dict[int, int]] = {i: {} for i in shipment_ids}
    sets: dict[int, dict[int, dict[int, int]]] = {i: {} for i in shipment_ids}
    for shipment_id, sku_id, quantity, part, pieces in rows:
        mine, key = wanted[shipment_id], part or sku_id
        mine[key] = mine.get(key, 0) + int(quantity) * (pieces or 1)
        if part:
            sets[shipment_id].setdefault(sku_id, {})[part] = pieces
    return {i: Contents(wanted[i], sets[i]) for i in shipment_ids}


def scanned_in(session: Session, session_id: int) -> dict[tuple[int, int], int]:
    """Pieces that count in a packing session, per (box, SKU scanned)."""
    rows = session.execute(
        select(PackingScan.box, PackingScan.sku_id, func.sum(PackingScan.quantity))
        .where(PackingScan.session_id == session_id, PackingScan.sku_id.is_not(None), PackingScan.outcome == OK)
        .group_by(PackingScan.box, PackingScan.sku_id)
    )
    return {(box, sku_id): int(n) for box, sku_id, n in rows if n and sku_id is not None}


def last_counted(session: Session, session_id: int) -> PackingScan | None:
    """The latest scan of a packing session that counts and was not undone."""
    undone = select(PackingScan.undoes_id).where(
        PackingScan.session_id == session_id, PackingScan.undoes_id.is_not(None)
    )
    return session.scalars(
        select(PackingScan)
        .where(
            PackingScan.session_id == session_id, PackingScan.outcome == OK, PackingScan.quantity > 0,
            PackingScan.sku_id.is_not(None), PackingScan.id.not_in(undone),
        )
        .order_by(PackingScan.id.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip


@dataclass(frozen=True)
class Goods:
    """A SKU as the floor shows it. ``barcodes``: what a gun may read on it."""

    id: int
    code: str
    name: str
    option: str
    location: str


def goods(session: Session, sku_ids: Collection[int], warehouse_id: int) -> dict[int, Goods]:
    """SKUs with the shelf they lie on in one warehouse."""
    shelf = func.coalesce(func.nullif(StockLevel.location, ""), Sku.location)
    rows = session.execute(
        select(Sku.id, Sku.code, Sku.name, Sku.option, shelf)
        .outerjoin(StockLevel, and_(StockLevel.sku_id == Sku.id, StockLevel.warehouse_id == warehouse_id))
        .where(Sku.id.in_(sorted(sku_ids)))
    )
    return {row[0]: Goods(*row) for row in rows}


def open_session(session: Session, user_id: int | None, station: str) -> PackingSession | None:
    """What this person has open at this station."""
    return session.scalars(
        select(PackingSession).where(
            PackingSession.user_id == user_id, PackingSession.station == station,
            PackingSession.status == PackStatus.OPEN,
        )
    ).one_or_none()  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """How the day goes: shipments packed today here, by this person, still to do; this person's scans that were
    stopped."""

    packed: int
    mine: int
    waiting: int
    misses: int

    @property
    def total(self) -> int:
        return self.packed + self.waiting


def visible_batches(actor: Actor) -> Select[PickBatch]:
    """The picking lists of the actor's warehouses."""
    statement = select(PickBatch)
    return statement if actor.warehouses is None else statement.where(_mine(PickBatch, actor))


def visible_manifests(actor: Actor) -> Select[Manifest]:
    """The hand-over sheets of the actor's warehouses."""
    statement = select(Manifest)
    return statement if actor.warehouses is None else statement.where(_mine(Manifest, actor))


def _mine(model: Any, actor: Actor) -> Any:
    return model.warehouse_id.in_(sorted(actor.warehouses or ()))


def scans_of(session: Session, shipment_id: int, most: int = 500) -> Sequence[PackingScan]:
    """Every scan that had to do with a shipment, for a dispute."""
    statement = select(PackingScan).where(PackingScan.shipment_id == shipment_id).order_by(PackingScan.id).limit(most)
    return session.scalars(statement).all()


def orders_in(session: Session, shipment_ids: Collection[int]) -> set[int]:
    """Ids of the orders with pieces in these shipments."""
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(sorted(shipment_ids)))
    return set(session.scalars(inside))
