"""Reads of the catalog."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from oms.asking import Question, Rows, ask
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


def about_skus(sku_ids: Collection[int]) -> Question[dict[int, SkuFacts]]:
    """Facts of many SKUs, bundles expanded."""
    return Question(_SKUS, _read_skus, {"ids": sorted(set(sku_ids))})


def _read_skus(rows: Rows) -> dict[int, SkuFacts]:
    found = {}
    for i, code, name, price, is_active, parts, pieces, product in rows:
        made_of = tuple(zip(parts, pieces, strict=True)) if parts else ((i, 1),)
        found[i] = SkuFacts(i, code, name, price, is_active, made_of, product)
    return found


def sku_facts(session: Session, sku_ids: Collection[int]) -> dict[int, SkuFacts]:
    """``about_skus``, asked by itself."""
    return ask(session.connection(), about_skus(sku_ids))


def about_shops(shop_ids: Collection[int]) -> Question[dict[int, ShopFacts]]:
    """Facts of many shops."""
    return Question(_SHOPS, lambda rows: {r[0]: ShopFacts(*r) for r in rows}, {"ids": sorted(set(shop_ids))})


def shop_facts(session: Session, shop_ids: Collection[int]) -> dict[int, ShopFacts]:
    """``about_shops``, asked by itself."""
    return ask(session.connection(), about_shops(shop_ids))
