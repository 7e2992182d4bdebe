"""What the demo shop has: warehouses, shops, accounts, products with options and bundles, stock on the shelves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from sqlalchemy import select

from oms.catalog.models import Channel, Routing, Shop, Sku
from oms.db import Tx
from oms.demo import words
from oms.inventory.models import Warehouse, WarehouseKind
from oms.inventory.routing_models import RuleAction
from oms.money import Money
from oms.payments.models import ReceivingAccount
from oms.thai.provinces import REGIONS
from oms.usecases.catalog import CreateProduct, CreateSku, create_product, create_sku
from oms.usecases.catalog_channels import MapChannelSku, map_channel_sku
from oms.usecases.catalog_parts import Part
from oms.usecases.masters import (
    AccountFacts,
    ShopFacts,
    WarehouseFacts,
    create_account,
    create_shop,
    create_warehouse,
)
from oms.usecases.routing_rules import RuleFacts, SetShopRouting, create_rule, set_shop_routing

WAREHOUSES = (
    ("BKK", "คลังกรุงเทพ (ลาดกระบัง)", "กรุงเทพมหานคร", "88/8 ถนนฉลองกรุง แขวงลำปลาทิว เขตลาดกระบัง กรุงเทพมหานคร 10520"),
    ("CNX", "คลังเชียงใหม่ (สันทราย)", "เชียงใหม่", "199 หมู่ 3 ต.สันทรายน้อย อ.สันทราย จ.เชียงใหม่ 50210"),
    ("HDY", "คลังหาดใหญ่ (คอหงส์)", "สงขลา", "45 ถนนปุณณกัณฑ์ ต.คอหงส์ อ.หาดใหญ่ จ.สงขลา 90110"),
)  # fmt: skip
SHOPS = (
    ("shopee-th", "รวมมิตร ออฟฟิเชียล", Channel.SHOPEE, "BKK", None, 48),
    ("lazada-th", "Ruammit Store", Channel.LAZADA, "BKK", None, 48),
    ("tiktok-th", "รวมมิตรไลฟ์", Channel.TIKTOK, "BKK", None, 24),
    ("line-shopping", "รวมมิตร MyShop", Channel.LINE_SHOPPING, "CNX", 48, 48),
    ("web", "ruammit.example", Channel.WEB, "BKK", 48, 72),
    ("facebook", "เพจ รวมมิตรของดี", Channel.FACEBOOK, "CNX", 48, 72),
    ("instagram", "@ruammit.th", Channel.INSTAGRAM, "HDY", 48, 72),
    ("line", "LINE OA @ruammit", Channel.LINE, "HDY", 48, 72),
)  # code, name, channel, warehouse, hours until an unpaid order expires, hours in which to ship
CHOOSING = frozenset({"web", "facebook"})  # shops whose orders choose their warehouse
ACCOUNTS = (
    ("KBANK", "กสิกรไทย", "000-1-23456-7", "บจก. รวมมิตรตัวอย่าง", ""),
    ("SCB", "ไทยพาณิชย์", "000-2-34567-8", "บจก. รวมมิตรตัวอย่าง", "", True, "014", "000000000000099", "SCB"),
    ("PP", "พร้อมเพย์", "0-0000-00001", "บจก. รวมมิตรตัวอย่าง", "0800000001"),
)
BUNDLES = 20
LATE_MAPS = 40


@dataclass(frozen=True)
class Item:
    """A SKU as the planner sees it. Scarce ones sell out, so that orders wait for stock."""

    id: int
    code: str
    price: Money
    scarce: bool = False


@dataclass
class Goods:
    """Ids of what was made, by code."""

    warehouses: dict[str, int] = field(default_factory=dict)
    shops: dict[str, int] = field(default_factory=dict)
    accounts: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    bundles: list[Item] = field(default_factory=list)


def _is_scarce(number: int) -> bool:
    return number % 27 == 0


def read(tx: Tx) -> Goods:
    """What ``places`` and ``catalog`` made, read back."""
    session = tx.session
    goods = Goods(
        {
            row.code: row.id
            for row in session.execute(select(Warehouse.id, Warehouse.code).where(Warehouse.kind == WarehouseKind.OWN))
        },
        {row.code: row.id for row in session.execute(select(Shop.id, Shop.code))},
        list(session.scalars(select(ReceivingAccount.id).order_by(ReceivingAccount.id))),
    )
    columns = select(Sku.id, Sku.code, Sku.price, Sku.is_bundle).order_by(Sku.code)
    for number, row in enumerate(session.execute(columns), 1):
        item = Item(row.id, row.code, row.price, scarce=not row.is_bundle and _is_scarce(number))
        (goods.bundles if row.is_bundle else goods.items).append(item)
    return goods


def ean13(number: int) -> str:
    """A barcode of the Thai prefix 885 with its true check digit."""
    digits = f"885{number:09d}"
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits))
    return digits + str(-total % 10)


def places(tx: Tx) -> Goods:
    """Warehouses, shops and receiving accounts."""
    goods = Goods()
    for rank, (code, name, province, address) in enumerate(WAREHOUSES, 1):
        facts = WarehouseFacts(code, name, province, address, f"0{rank + 1}0000000{rank}", rank * 10)
        goods.warehouses[code] = create_warehouse(tx, facts).id
    for code, name, channel, warehouse, expire, ship in SHOPS:
        facts_of_shop = ShopFacts(code, name, channel, goods.warehouses[warehouse], expire, ship)
        goods.shops[code] = create_shop(tx, facts_of_shop).id
        if code in CHOOSING:
            set_shop_routing(tx, SetShopRouting(goods.shops[code], Routing.AUTOMATIC, may_split=True))
    south = tuple(REGIONS["Southern region"])
    create_rule(tx, RuleFacts("ภาคใต้ส่งจากหาดใหญ่ก่อน", RuleAction.USE, goods.warehouses["HDY"], provinces=south))
    goods.accounts = [create_account(tx, AccountFacts(*account)).id for account in ACCOUNTS]
    return goods


def _products() -> Iterator[tuple[words.Family, str, str, int, int]]:
    for family in words.FAMILIES:
        for thai, english, price, weight in family.nouns:
            for i, (style, style_en) in enumerate(family.styles):
                yield family, f"{thai} {style}", f"{english}, {style_en}", price + 20 * i, weight


def catalog(tx: Tx, goods: Goods, random: Random) -> None:
    """200 products with their options and barcodes, then bundles of what goes together."""
    for n, (family, name, english, baht, weight) in enumerate(_products(), 1):
        product = create_product(tx, CreateProduct(f"P{n:03d}", name, english, family.category))
        for option in family.options:
            _sku(tx, goods, random, product.id, name, option, baht, weight)
    for _ in range(BUNDLES):
        _bundle(tx, goods, random)


def _sku(tx: Tx, goods: Goods, random: Random, product_id: int, name: str, option: str, baht: int, weight: int) -> None:
    number = len(goods.items) + 1
    code, price = f"RU-{number:04d}", Money(Decimal(baht))
    made = create_sku(
        tx,
        CreateSku(
            product_id, code, f"{name} {option}".strip(), option, price, price * Decimal("0.55"), weight,
            f"{'ABCDEF'[number % 6]}{number % 24 + 1:02d}-{number % 5 + 1}", random.choice((0, 5, 5, 10)),
            (ean13(number),),
        ),
    )  # fmt: skip
    goods.items.append(Item(made.id, code, price, scarce=_is_scarce(number)))


def _bundle(tx: Tx, goods: Goods, random: Random) -> None:
    parts = random.sample(goods.items, random.choice((2, 2, 3)))
    number = len(goods.items) + len(goods.bundles) + 1
    total = sum((part.price.amount for part in parts), start=Decimal(0))
    price = Money((total * Decimal("0.9")).quantize(Decimal(1)))
    product = create_product(
        tx, CreateProduct(f"SET{number - len(goods.items):02d}", f"ชุดสุดคุ้ม {number}", "Value set", "ชุดสินค้า")
    )
    code = f"RU-{number:04d}"
    contents = tuple(Part(part.id, random.choice((1, 1, 2))) for part in parts)
    made = create_sku(
        tx, CreateSku(product.id, code, f"ชุดสุดคุ้ม {' + '.join(p.code for p in parts)}", price=price, parts=contents)
    )
    goods.bundles.append(Item(made.id, code, price))


def channel_names(tx: Tx, goods: Goods) -> None:
    """What the platforms call some of the SKUs, so that their files are understood."""
    for shop in ("shopee-th", "lazada-th", "tiktok-th"):
        for item in goods.items[:LATE_MAPS]:
            map_channel_sku(tx, MapChannelSku(goods.shops[shop], f"{shop[:3].upper()}-{item.code}", item.id))
