"""Reads of the catalog."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from oms.catalog.models import BundleItem, Channel, Routing, Shop, Sku
from oms.money import Money


@dataclass(frozen=True)
class SkuFacts:
    """What an order needs to know of a SKU. ``parts`` are (component id, pieces); a plain SKU is its own part."""

    id: int
    code: str
    name: str
    price: Money
    is_active: bool
    parts: tuple[tuple[int, int], ...]
    product_id: int


@dataclass(frozen=True)
class ShopFacts:
    """What an order needs to know of its shop."""

    id: int
    code: str
    channel: Channel
    warehouse_id: int
    expire_hours: int | None
    ship_within_hours: int | None
    is_active: bool
    routing: Routing
    may_split: bool


def _parts(column: Any) -> Any:
    """A bundle's components, or how many of each, in component order; NULL for a plain SKU."""
    return (
        select(func.array_agg(aggregate_order_by(column, BundleItem.component_id)))
        .where(BundleItem.bundle_id == Sku.id)
        .scalar_subquery()
    )


_IDS = any_(bindparam("ids", type_=ARRAY(BigInteger)))
_SKUS = select(
    Sku.id,
    Sku.code,
    Sku.name,
    Sku.price,
    Sku.is_active,
    _parts(BundleItem.component_id),
    _parts(BundleItem.quantity),
    Sku.product_id,
).where(Sku.id == _IDS)
_SHOPS = select(
    Shop.id,
    Shop.code,
    Shop.channel,
    Shop.warehouse_id,
    Shop.expire_hours,
    Shop.ship_within_hours,
    Shop.is_active,
    Shop.routing,
    Shop.may_split,
).where(Shop.id == _IDS)


def sku_facts(session: Session, sku_ids: Collection[int]) -> dict[int, SkuFacts]:
    """Facts of many SKUs, bundles expanded, in one statement."""
    return {
        row[0]: SkuFacts(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            tuple(zip(row[5], row[6], strict=True)) if row[5] else ((row[0], 1),),
            row[7],
        )
        for row in session.connection().execute(_SKUS, {"ids": sorted(set(sku_ids))})
    }


def shop_facts(session: Session, shop_ids: Collection[int]) -> dict[int, ShopFacts]:
    """Facts of many shops in one statement."""
    rows = session.connection().execute(_SHOPS, {"ids": sorted(set(shop_ids))})
    return {row[0]: ShopFacts(*row) for row in rows}
