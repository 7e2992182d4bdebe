"""Products, SKUs, barcodes, bundles and what shops call them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from oms.catalog.finding import search
from oms.catalog.models import BundleItem, ChannelSku, Product, Sku, SkuBarcode
from oms.db import Tx
from oms.errors import InvalidInput
from oms.money import Money
from oms.usecases.catalog import (
    CreateProduct,
    CreateSku,
    EditProduct,
    EditSku,
    create_product,
    create_sku,
    edit_product,
    edit_sku,
)
from oms.usecases.catalog_channels import EditChannelSku, MapChannelSku, edit_channel_sku, map_channel_sku
from oms.usecases.catalog_parts import Part
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import count, last_audit, refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def baht(amount: int) -> Money:
    return Money(Decimal(amount))


def product(tx, code="P2", name="แก้วเก็บเย็น") -> int:
    return create_product(tx, CreateProduct(code, name)).id


def sku(tx, shop, **facts) -> Sku:
    words = {"product_id": product(tx), "code": "CUP-30", "name": "แก้วเก็บเย็น 30 ออนซ์", "price": baht(390)}
    made = create_sku(tx, CreateSku(**(words | facts)))
    return tx.session.get_one(Sku, made.id)


def edit(tx, row: Sku, **facts) -> EditSku:
    tx.session.refresh(row)
    as_is = EditSku(
        row.id, row.version, row.code, row.name, row.option, row.price, None, row.weight_g, row.location, row.low_stock,
        tuple(b.barcode for b in row.barcodes), tuple(Part(c.component_id, c.quantity) for c in row.components),
        row.is_active,
    )  # fmt: skip
    return replace(as_is, **facts)


def test_a_new_sku_is_found_by_thai_fragment_code_and_barcode(tx, shop):
    row = sku(tx, shop, barcodes=("885 0001 112223",))
    for typed in ("เก็บเย", "cup-3", "8850001112223"):
        assert [hit.id for hit in search(tx.session, typed)] == [row.id]
    assert last_audit(tx).after["barcodes"] == ["8850001112223"]


def test_a_new_product_name_is_found_on_all_its_skus(tx, shop):
    row = sku(tx, shop)
    edit_product(tx, EditProduct(row.product_id, 1, "P2", "ทัมเบลอร์"))
    assert [hit.id for hit in search(tx.session, "ทัมเบลอ")] == [row.id]
    assert last_audit(tx).before == {"name": "แก้วเก็บเย็น"}


def test_all_problems_of_a_form_are_told_at_once(tx, shop):
    wrong = CreateSku(product(tx), "", "", price=baht(-1), weight_g=10**9)
    with refused(tx, "missing", "name", Sku):
        create_sku(tx, wrong)
    with pytest.raises(InvalidInput) as told:
        create_sku(tx, wrong)
    assert [p.field for p in told.value.problems()] == ["code", "name", "price", "weight_g"]


def test_a_code_that_is_used_already_is_refused(tx, shop):
    with refused(tx, "taken", "code", Sku):
        create_sku(tx, CreateSku(shop_product(tx), "RU-0001", "อีกตัว"))
    with refused(tx, "taken", "code", Product):
        create_product(tx, CreateProduct("P1", "ซ้ำ"))


def shop_product(tx) -> int:
    return tx.session.scalar(select(Product.id).where(Product.code == "P1"))


def test_formulas_markup_and_emoji_are_kept_as_text(tx, shop):
    name = '=HYPERLINK("http://x") <script>alert(1)</script> 🎁'
    assert sku(tx, shop, name=name).name == name


def test_an_edit_writes_before_and_after_of_what_changed_only(tx, shop):
    row = sku(tx, shop)
    edit_sku(tx, edit(tx, row, price=baht(350), barcodes=("111", "222")))
    entry = last_audit(tx)
    assert entry.action == "sku.edited"
    assert entry.before == {"price": "390.00", "barcodes": []}
    assert entry.after == {"price": "350.00", "barcodes": ["111", "222"]}


def test_saving_what_is_there_changes_nothing(tx, shop):
    row = sku(tx, shop)
    version, entry = row.version, last_audit(tx).id
    assert not edit_sku(tx, edit(tx, row)).changed
    tx.session.refresh(row)
    assert (row.version, last_audit(tx).id) == (version, entry)


def test_a_stale_edit_is_a_conflict_even_when_only_barcodes_changed_before(tx, shop):
    row = sku(tx, shop)
    stale = edit(tx, row, name="ของเก่า")
    edit_sku(tx, edit(tx, row, barcodes=("333",)))
    with refused(tx, "stale"):
        edit_sku(tx, stale)
    assert tx.session.get_one(Sku, row.id).name != "ของเก่า"


def test_a_barcode_means_one_sku_only(tx, shop):
    row = sku(tx, shop, barcodes=("444",))
    other = tx.session.get_one(Sku, shop.skus[0])
    with refused(tx, "barcode_taken", "barcodes", SkuBarcode):
        edit_sku(tx, edit(tx, other, barcodes=("444",)))
    edit_sku(tx, edit(tx, row, barcodes=()))
    edit_sku(tx, edit(tx, other, barcodes=("444",)))
    assert [hit.id for hit in search(tx.session, "444")] == [other.id]


def test_a_bundle_holds_plain_skus_only(tx, shop):
    parts = (Part(shop.skus[0], 2), Part(shop.skus[1], 1))
    row = sku(tx, shop, code="SET", parts=parts)
    assert row.is_bundle
    assert last_audit(tx).after["parts"] == ["RU-0001 ×2", "RU-0002 ×1"]
    with refused(tx, "part_is_bundle", "parts", BundleItem):
        create_sku(tx, CreateSku(row.product_id, "SET2", "เซตซ้อน", parts=(Part(row.id, 1),)))
    with refused(tx, "bundle_is_part", "parts", BundleItem):
        first = tx.session.get_one(Sku, shop.skus[0])
        edit_sku(tx, edit(tx, first, parts=(Part(shop.skus[2], 1),)))


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (((0, 0),), "number_range"), (((0, -1),), "number_range"), (((0, 10**9),), "number_range"),
        (((0, 1), (0, 2)), "part_twice"),
    ],
)  # fmt: skip
def test_parts_that_make_no_sense_are_refused(tx, shop, parts, code):
    wanted = tuple(Part(shop.skus[i], n) for i, n in parts)
    with refused(tx, code, "parts", Sku, BundleItem):
        create_sku(tx, CreateSku(shop_product(tx), "SET", "เซต", parts=wanted))


def test_a_sku_with_stock_of_its_own_cannot_become_a_bundle(tx, shop):
    third = tx.session.get_one(Sku, shop.skus[2])
    with refused(tx, "bundle_has_stock", "parts", BundleItem):
        edit_sku(tx, edit(tx, third, parts=(Part(shop.skus[3], 1),)))


def test_taking_a_product_off_sale_takes_its_skus_along(tx, shop):
    row = sku(tx, shop)
    edit_product(tx, EditProduct(row.product_id, 1, "P2", "แก้วเก็บเย็น", is_active=False))
    tx.session.refresh(row)
    assert not row.is_active
    assert search(tx.session, "แก้วเก็บ") == []


def test_who_may_not_see_costs_may_not_change_them(tx, shop, actor):
    row = sku(tx, shop, cost=baht(100))
    clerk = Tx(tx.session, actor("sales", actions=frozenset({"catalog.edit"})))
    with refused(tx, "cost_hidden", "cost"):
        edit_sku(clerk, edit(tx, row, cost=baht(1)))
    edit_sku(clerk, edit(tx, row, price=baht(1)))
    tx.session.refresh(row)
    assert row.cost == baht(100)


@pytest.mark.parametrize("role", ["sales", "cashier", "warehouse", "accountant", "viewer"])
def test_only_keepers_of_the_catalog_write_it(tx, shop, actor, role):
    clerk = Tx(tx.session, actor(role))
    with refused(tx, "forbidden", None, Product):
        create_product(clerk, CreateProduct("X", "x"))
    with refused(tx, "forbidden", None, ChannelSku):
        map_channel_sku(clerk, MapChannelSku(shop.line, "X", shop.skus[0]))


def test_a_shops_name_means_one_sku_and_can_be_pointed_elsewhere(tx, shop):
    saved = map_channel_sku(tx, MapChannelSku(shop.shopee, " TEE-BLK-XL ", shop.skus[0], 2))
    with refused(tx, "channel_sku_taken", "external_sku", ChannelSku):
        map_channel_sku(tx, MapChannelSku(shop.shopee, "TEE-BLK-XL", shop.skus[1]))
    map_channel_sku(tx, MapChannelSku(shop.line, "TEE-BLK-XL", shop.skus[1]))
    edit_channel_sku(tx, EditChannelSku(saved.id, 1, "TEE-BLK-XL", shop.bundle, 2))
    entry = last_audit(tx)
    assert (entry.before, entry.after) == ({"sku": "RU-0001"}, {"sku": "RU-0100"})
    with refused(tx, "stale"):
        edit_channel_sku(tx, EditChannelSku(saved.id, 1, "TEE", shop.bundle, 2))


def test_a_clerk_of_one_shop_maps_names_of_that_shop_only(tx, shop, actor):
    keeper = Tx(tx.session, actor("manager", shops=frozenset({shop.line})))
    with refused(tx, "shop_scope", "shop_id", ChannelSku):
        map_channel_sku(keeper, MapChannelSku(shop.shopee, "X", shop.skus[0]))
    map_channel_sku(keeper, MapChannelSku(shop.line, "X", shop.skus[0]))
    assert count(tx, ChannelSku) == 1
