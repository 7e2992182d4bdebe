"""The text a SKU is found by, kept by this one function for every writer; ``finding`` reads it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, func, select, update

from oms.catalog.models import Product, Sku, SkuBarcode
from oms.db import Tx
from oms.thai.text import grams, normalize


def sku_text(*parts: str | None) -> str:
    """What a SKU is found by: code, names, option, category, barcodes."""
    return normalize(" ".join(part for part in parts if part))


def index_skus(tx: Tx, sku_ids: Collection[int]) -> None:
    """Rewrite the search text of some SKUs from what is stored. Call it after their rows are flushed."""
    barcodes = select(func.string_agg(SkuBarcode.barcode, " ")).where(SkuBarcode.sku_id == Sku.id)
    statement = (
        select(
            Sku.id, Sku.code, Sku.name, Sku.option, Product.name, Product.name_en, Product.category,
            barcodes.correlate(Sku).scalar_subquery(),
        )
        .join(Product, Product.id == Sku.product_id)
        .where(Sku.id.in_(sorted(set(sku_ids))))
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for sku_id, *parts in tx.session.execute(statement):
        text = sku_text(*parts)
        rows.append({"key": sku_id, "haystack": text, "grams": grams(text)})
    table: Any = Sku.__table__
    if rows:
        tx.session.connection().execute(update(table).where(table.c.id == bindparam("key")), rows)
