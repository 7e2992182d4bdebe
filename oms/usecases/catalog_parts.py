"""What hangs on a SKU: its barcodes, and the parts of a bundle. Parts are never bundles themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm.attributes import flag_modified

from oms.catalog.models import BundleItem, Sku, SkuBarcode
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.inventory.models import StockLevel, Warehouse
from oms.thai.text import clean
from oms.usecases.keeping import between, names

Change = tuple[dict[str, Any], dict[str, Any]]
NOTHING: Change = ({}, {})
MAX_BARCODES = 50
MAX_PARTS = 100


@dataclass(frozen=True)
class Part:
    """So many pieces of a plain SKU in one bundle."""

    sku_id: int
    quantity: int


def touch(sku: Sku) -> None:
    """Count the version up although only what hangs on the SKU changed."""
    flag_modified(sku, "code")


def lock_family(tx: Tx, sku_id: int, parts: Sequence[Part]) -> None:
    """Lock a SKU and the parts it shall have, in id order, so that two editors cannot nest bundles into each other."""
    ids = sorted({sku_id, *(part.sku_id for part in parts)})
    tx.session.execute(select(Sku.id).where(Sku.id.in_(ids)).order_by(Sku.id).with_for_update(key_share=True))


def check_barcodes(tx: Tx, barcodes: Collection[str], own_id: int = 0) -> list[str]:
    """The barcodes in house form, each once. Raises InvalidInput when one of them means another SKU."""
    wanted = sorted({code for code in ("".join(clean(b).split()) for b in barcodes) if code})
    if len(wanted) > MAX_BARCODES or any(len(code) > 64 for code in wanted):
        raise InvalidInput(
            say("At most {most} barcodes of 64 characters", most=MAX_BARCODES), field="barcodes", code="barcodes_long"
        )
    taken = tx.session.execute(
        select(SkuBarcode.barcode, Sku.code)
        .join(Sku, Sku.id == SkuBarcode.sku_id)
        .where(SkuBarcode.barcode.in_(wanted), SkuBarcode.sku_id != own_id)
        .limit(1)
    ).first()
    if taken:
        raise InvalidInput(
            say("Barcode {barcode} means {sku} already; remove it there first", barcode=taken[0], sku=taken[1]),
            field="barcodes",
            code="barcode_taken",
        )
    return wanted


def set_barcodes(tx: Tx, sku: Sku, barcodes: Collection[str]) -> Change:
    """Let a SKU have exactly these barcodes. Refused when one of them means another SKU."""
    wanted = check_barcodes(tx, barcodes, sku.id)
    table = SkuBarcode
    there = sorted(tx.session.scalars(select(table.barcode).where(table.sku_id == sku.id)))
    if there == wanted:
        return NOTHING
    gone, new = set(there) - set(wanted), sorted(set(wanted) - set(there))
    tx.session.execute(delete(table).where(table.sku_id == sku.id, table.barcode.in_(gone)))
    if new:
        tx.session.execute(insert(table), [{"sku_id": sku.id, "barcode": code} for code in new])
    tx.session.expire(sku, ["barcodes"])
    return {"barcodes": there}, {"barcodes": wanted}


def set_parts(tx: Tx, sku: Sku, parts: Sequence[Part]) -> Change:
    """Let a bundle hold exactly these parts; none make it a plain SKU. Orders keep what they reserved."""
    wanted = {part.sku_id: part.quantity for part in parts}
    check_parts(tx, parts, sku)
    rows = tx.session.execute(
        select(BundleItem.component_id, BundleItem.quantity, Sku.code)
        .join(Sku, Sku.id == BundleItem.component_id)
        .where(BundleItem.bundle_id == sku.id)
        .order_by(Sku.code)
    ).all()
    if {row[0]: row[1] for row in rows} == wanted:
        return NOTHING
    if wanted and not rows:
        _refuse_own_stock(tx, sku)
    tx.session.execute(delete(BundleItem).where(BundleItem.bundle_id == sku.id))
    if wanted:
        items = [{"bundle_id": sku.id, "component_id": part, "quantity": n} for part, n in sorted(wanted.items())]
        tx.session.execute(insert(BundleItem), items)
    sku.is_bundle = bool(wanted)
    tx.session.expire(sku, ["components"])
    codes = {row[0]: row[1] for row in tx.session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(wanted)))}
    shall = sorted(f"{codes[part]} ×{n}" for part, n in wanted.items())
    return {"parts": [f"{code} ×{n}" for _, n, code in rows]}, {"parts": shall}


def check_parts(tx: Tx, parts: Sequence[Part], bundle: Sku | None = None) -> None:
    """Raise InvalidInput for parts that no bundle can have, or that ``bundle`` cannot."""
    if not parts:
        return
    if len(parts) > MAX_PARTS:
        raise InvalidInput(say("A set has at most {most} parts", most=MAX_PARTS), field="parts", code="parts_many")
    if len({part.sku_id for part in parts}) != len(parts):
        raise InvalidInput(
            say("A part is named twice; enter it once with its number"), field="parts", code="part_twice"
        )
    for part in parts:
        between(part.quantity, 1, 10_000, "parts")
    found = {row.id: row for row in tx.session.scalars(select(Sku).where(Sku.id.in_([p.sku_id for p in parts])))}
    if len(found) != len(parts) or (bundle is not None and bundle.id in found):
        raise InvalidInput(say("A part must be another SKU that exists"), field="parts", code="part_unknown")
    if nested := [row.code for row in found.values() if row.is_bundle]:
        raise InvalidInput(
            say("{skus} is a set itself; name its parts instead", skus=names(nested)),
            field="parts",
            code="part_is_bundle",
        )
    if bundle is not None:
        _refuse_part_of_others(tx, bundle)


def _refuse_part_of_others(tx: Tx, sku: Sku) -> None:
    users = tx.session.scalars(
        select(Sku.code)
        .join(BundleItem, BundleItem.bundle_id == Sku.id)
        .where(BundleItem.component_id == sku.id)
        .limit(4)
    ).all()
    if users:
        raise InvalidInput(
            say("{sku} is a part of {sets}, so it cannot be a set", sku=sku.code, sets=names(users)),
            field="parts",
            code="bundle_is_part",
        )


def _refuse_own_stock(tx: Tx, sku: Sku) -> None:
    """A SKU that has pieces of its own cannot become a bundle: a bundle's stock is that of its parts."""
    place = tx.session.scalar(
        select(Warehouse.code)
        .join(StockLevel, StockLevel.warehouse_id == Warehouse.id)
        .where(
            StockLevel.sku_id == sku.id,
            (StockLevel.on_hand > 0) | (StockLevel.damaged > 0) | (StockLevel.incoming > 0),
        )
        .limit(1)
    )
    if place:
        raise Refused(
            say("{sku} has pieces of its own in {warehouse}; adjust them to zero first", sku=sku.code, warehouse=place),
            field="parts",
            code="bundle_has_stock",
        )
