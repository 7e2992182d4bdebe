"""A small shop for tests: two warehouses, one shop per kind, a few SKUs with stock. Facts only, no assertions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from oms.catalog.models import BundleItem, Channel, Product, Shop, Sku
from oms.db import Tx
from oms.inventory.models import Bucket, MovementKind, StockLevel, StockMovement, Warehouse
from oms.money import Money
from oms.thai.text import grams, normalize
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo


@dataclass(frozen=True)
class SmallShop:
    """Ids of what was made. ``skus`` have 10 pieces each in ``bkk`` and none in ``cnx``."""

    bkk: int
    cnx: int
    line: int
    shopee: int
    skus: tuple[int, ...]
    bundle: int

    def order(self, *lines: tuple[int, int], **facts: object) -> PlaceOrder:
        """A command for (place of the SKU, quantity) pairs; the first SKU once when nothing is said."""
        wanted = lines or ((0, 1),)
        words: dict[str, object] = {
            "shop_id": self.line,
            "lines": tuple(NewLine(self.skus[i], quantity) for i, quantity in wanted),
            "ship_to": ShipTo(
                "กนกวรรณ ป้อมปราการ", "080-000-1234", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210"
            ),
        }
        return PlaceOrder(**(words | facts))


def small_shop(tx: Tx, pieces: int = 10, skus: int = 4) -> SmallShop:
    """Make it. Prices are 100, 200, 300 ... baht; the bundle holds one of the first SKU and two of the second."""
    session = tx.session
    bkk, cnx = Warehouse(code="BKK", name="กรุงเทพ"), Warehouse(code="CNX", name="เชียงใหม่")
    session.add_all([bkk, cnx])
    session.flush()
    line = Shop(code="line", name="ร้านไลน์", channel=Channel.LINE, warehouse_id=bkk.id, expire_hours=48)
    shopee = Shop(code="shopee-th", name="ร้านช้อปปี้", channel=Channel.SHOPEE, warehouse_id=bkk.id, ship_within_hours=48)
    product = Product(code="P1", name="เสื้อยืดคอกลม")
    session.add_all([line, shopee, product])
    session.flush()
    made = [_sku(product.id, i) for i in range(skus)]
    bundle = _sku(product.id, 99, is_bundle=True)
    session.add_all([*made, bundle])
    session.flush()
    session.add_all(
        [
            BundleItem(bundle_id=bundle.id, component_id=made[0].id, quantity=1),
            BundleItem(bundle_id=bundle.id, component_id=made[1].id, quantity=2),
        ]
    )
    for sku in made:
        session.add(StockLevel(sku_id=sku.id, warehouse_id=bkk.id, on_hand=pieces, reserved=0, damaged=0, incoming=0))
        if pieces:
            session.add(
                StockMovement(
                    sku_id=sku.id, warehouse_id=bkk.id, bucket=Bucket.ON_HAND, quantity=pieces,
                    kind=MovementKind.OPENING, actor="test",
                )
            )  # fmt: skip
    session.flush()
    return SmallShop(bkk.id, cnx.id, line.id, shopee.id, tuple(s.id for s in made), bundle.id)


def _sku(product_id: int, i: int, **facts: object) -> Sku:
    name = f"เสื้อยืดคอกลม แบบ {i + 1}"
    haystack = normalize(f"RU-{i + 1:04d} {name}")
    return Sku(
        code=f"RU-{i + 1:04d}", product_id=product_id, name=name, price=Money(Decimal(100 * (i + 1))),
        haystack=haystack, grams=grams(haystack), **facts,
    )  # fmt: skip
