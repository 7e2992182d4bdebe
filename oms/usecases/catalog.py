"""Products and their SKUs: entered, changed, taken off sale. Nothing is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.indexing import index_skus
from oms.catalog.models import Product, Sku, VatClass
from oms.db import Tx
from oms.errors import Forbidden, say
from oms.money import ZERO, Money
from oms.usecases import catalog_parts
from oms.usecases.catalog_parts import Part
from oms.usecases.keeping import (
    MAX_PIECES,
    Saved,
    between,
    bounded,
    checked,
    known,
    lock_row,
    not_negative,
    put,
    refuse_taken,
)

MAX_WEIGHT = 1_000_000  # grams


@dataclass(frozen=True)
class CreateProduct:
    """What a customer thinks of as one thing; its SKUs follow."""

    code: str
    name: str
    name_en: str = ""
    category: str = ""
    description: str = ""


@dataclass(frozen=True)
class EditProduct:
    """The whole product as it shall be, over the version the editor saw. Inactive: off sale with all its SKUs."""

    product_id: int
    version: int
    code: str
    name: str
    name_en: str = ""
    category: str = ""
    description: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class CreateSku:
    """One option of a product. ``parts`` make it a bundle. Weight in grams; ``cost`` None when not known."""

    product_id: int
    code: str
    name: str
    option: str = ""
    price: Money = ZERO
    cost: Money | None = None
    weight_g: int = 0
    location: str = ""
    low_stock: int = 0
    barcodes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    vat_class: VatClass = VatClass.STANDARD


@dataclass(frozen=True)
class EditSku:
    """The whole SKU as it shall be, over the version the editor saw. ``cost`` and ``vat_class`` None: as they are."""

    sku_id: int
    version: int
    code: str
    name: str
    option: str = ""
    price: Money = ZERO
    cost: Money | None = None
    weight_g: int = 0
    location: str = ""
    low_stock: int = 0
    barcodes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    is_active: bool = True
    vat_class: VatClass | None = None


def create_product(tx: Tx, cmd: CreateProduct) -> Saved:
    """Enter a product. Refused when its code is used already."""
    tx.actor.require("catalog.edit")
    fields = _product_fields(cmd)
    refuse_taken(tx, Product.code, fields["code"], "code")
    product = Product(**fields, created_at=clock.now())
    tx.session.add(product)
    tx.session.flush()  # the audit row names it by id
    audit.record(tx, "product.created", "product", product.id, product.code, after=known(fields))
    return Saved(product.id)


def edit_product(tx: Tx, cmd: EditProduct) -> Saved:
    """Change a product. Its SKUs are found by the new name at once; taking it off sale takes them along."""
    tx.actor.require("catalog.edit")
    product = lock_row(tx, Product, cmd.product_id, cmd.version)
    fields = _product_fields(cmd) | {"is_active": cmd.is_active}
    refuse_taken(tx, Product.code, fields["code"], "code", product.id)
    before, after = put(product, fields)
    if not after:
        return Saved(product.id, changed=False)
    tx.session.flush()  # the search text is read back from the row
    audit.record(tx, "product.edited", "product", product.id, product.code, before=before, after=after)
    if {"name", "name_en", "category"} & set(after):
        index_skus(tx, tx.session.scalars(select(Sku.id).where(Sku.product_id == product.id)).all())
    if after.get("is_active") is False:
        _take_off_sale(tx, product)
    return Saved(product.id)


def _take_off_sale(tx: Tx, product: Product) -> None:
    skus = select(Sku).where(Sku.product_id == product.id, Sku.is_active).order_by(Sku.id)
    entries = []
    for sku in tx.session.scalars(skus.with_for_update(key_share=True)):
        sku.is_active = False
        entries.append(
            audit.Entry("sku.edited", "sku", sku.id, sku.code, {"is_active": True}, {"is_active": False}, product.code)
        )
    audit.record_many(tx, entries)


def create_sku(tx: Tx, cmd: CreateSku) -> Saved:
    """Enter a SKU with its barcodes, or a bundle with its parts."""
    tx.actor.require("catalog.edit")
    product = lock_row(tx, Product, cmd.product_id)
    fields = _sku_fields(tx, cmd, ZERO)
    refuse_taken(tx, Sku.code, fields["code"], "code")
    catalog_parts.check_barcodes(tx, cmd.barcodes)
    catalog_parts.check_parts(tx, cmd.parts)
    sku = Sku(**fields, product_id=product.id, is_bundle=bool(cmd.parts), haystack="", grams=[])
    tx.session.add(sku)
    tx.session.flush()  # barcodes, parts and the audit row name it by id
    after: dict[str, Any] = known(fields) | {"product": product.code}
    after |= known(catalog_parts.set_barcodes(tx, sku, cmd.barcodes)[1])
    after |= known(catalog_parts.set_parts(tx, sku, cmd.parts)[1])
    audit.record(tx, "sku.created", "sku", sku.id, sku.code, after=after)
    index_skus(tx, [sku.id])
    return Saved(sku.id)


def edit_sku(tx: Tx, cmd: EditSku) -> Saved:
    """Change a SKU, its barcodes and its parts. Orders keep the name and price they were agreed with."""
    tx.actor.require("catalog.edit")
    catalog_parts.lock_family(tx, cmd.sku_id, cmd.parts)
    sku = lock_row(tx, Sku, cmd.sku_id, cmd.version)
    fields = _sku_fields(tx, cmd, sku.cost) | {"is_active": cmd.is_active}
    refuse_taken(tx, Sku.code, fields["code"], "code", sku.id)
    catalog_parts.check_barcodes(tx, cmd.barcodes, sku.id)
    catalog_parts.check_parts(tx, cmd.parts, sku)
    before, after = put(sku, fields)
    for was, shall in (
        catalog_parts.set_barcodes(tx, sku, cmd.barcodes),
        catalog_parts.set_parts(tx, sku, cmd.parts),
    ):
        before, after = {**before, **was}, {**after, **shall}
    if not after:
        return Saved(sku.id, changed=False)
    catalog_parts.touch(sku)
    tx.session.flush()  # the search text is read back from the rows
    audit.record(tx, "sku.edited", "sku", sku.id, sku.code, before=before, after=after)
    index_skus(tx, [sku.id])
    return Saved(sku.id)


def _product_fields(cmd: CreateProduct | EditProduct) -> dict[str, Any]:
    return checked(
        code=lambda: bounded(cmd.code, 64, "code", missing=say("A product needs a code")),
        name=lambda: bounded(cmd.name, 300, "name", missing=say("A product needs a name")),
        name_en=lambda: bounded(cmd.name_en, 300, "name_en"),
        category=lambda: bounded(cmd.category, 100, "category"),
        description=lambda: bounded(cmd.description, 10_000, "description", lines=True),
    )


def _sku_fields(tx: Tx, cmd: CreateSku | EditSku, old_cost: Money) -> dict[str, Any]:
    fields: Mapping[str, Any] = checked(
        code=lambda: bounded(cmd.code, 64, "code", missing=say("A SKU needs a code")),
        name=lambda: bounded(cmd.name, 300, "name", missing=say("A SKU needs a name")),
        option=lambda: bounded(cmd.option, 200, "option"),
        price=lambda: not_negative(cmd.price, "price"),
        cost=lambda: old_cost if cmd.cost is None else not_negative(cmd.cost, "cost"),
        weight_g=lambda: between(cmd.weight_g, 0, MAX_WEIGHT, "weight_g"),
        location=lambda: bounded(cmd.location, 40, "location"),
        low_stock=lambda: between(cmd.low_stock, 0, MAX_PIECES, "low_stock"),
    )
    fields = dict(fields)
    if cmd.vat_class is not None:
        fields["vat_class"] = cmd.vat_class
    if fields["cost"] != old_cost and not tx.actor.may("stock.cost"):
        raise Forbidden(say("Your role may not change costs"), field="cost", code="cost_hidden")
    return dict(fields)
