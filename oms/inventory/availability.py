"""How many pieces can be promised, per warehouse; bundles count as many as their scarcest part allows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import BundleItem
from oms.inventory.models import StockLevel, Warehouse, WarehouseKind


@dataclass(frozen=True)
class Place:
    """A warehouse orders may be sent from."""

    id: int
    code: str
    name: str


def places(session: Session, actor: Actor, *, partners: bool = False) -> list[Place]:
    """The active warehouses this actor works with, the preferred first; ``partners``: partners' places, too, from which
    no order is sent."""
    statement = select(Warehouse.id, Warehouse.code, Warehouse.name).where(Warehouse.is_active)
    if not partners:
        statement = statement.where(Warehouse.kind == WarehouseKind.OWN)
    if actor.warehouses is not None:
        statement = statement.where(Warehouse.id.in_(sorted(actor.warehouses)))
    return [Place(*row) for row in session.execute(statement.order_by(Warehouse.rank, Warehouse.code))]


def parts_of(session: Session, sku_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """What one piece of each SKU consists of: component id -> pieces; a plain SKU is its own only part."""
    rows = select(BundleItem.bundle_id, BundleItem.component_id, BundleItem.quantity).where(
        BundleItem.bundle_id.in_(sorted(set(sku_ids)))
    )
    parts: dict[int, dict[int, int]] = {}
    for bundle, component, quantity in session.execute(rows):
        parts.setdefault(bundle, {})[component] = quantity
    return {sku: parts.get(sku) or {sku: 1} for sku in sku_ids}


def available(session: Session, sku_ids: Collection[int], warehouse_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """SKU -> warehouse -> pieces free to promise at this moment. Two statements, however many SKUs."""
    parts = parts_of(session, sku_ids)
    components = sorted({component for needs in parts.values() for component in needs})
    free: dict[tuple[int, int], int] = {}
    if components and warehouse_ids:
        levels = select(StockLevel.sku_id, StockLevel.warehouse_id, StockLevel.on_hand - StockLevel.reserved).where(
            StockLevel.sku_id.in_(components), StockLevel.warehouse_id.in_(sorted(set(warehouse_ids)))
        )
        free = {(sku, place): count for sku, place, count in session.execute(levels)}
    return {sku: {place: _whole(needs, free, place) for place in warehouse_ids} for sku, needs in parts.items()}


def _whole(needs: Mapping[int, int], free: Mapping[tuple[int, int], int], place: int) -> int:
    """How many whole sets the free pieces of one warehouse make."""
    return max(0, min(free.get((component, place), 0) // quantity for component, quantity in needs.items()))
