"""A shop with three warehouses whose orders choose among them. Facts only, no assertions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms.catalog.models import Routing, Shop
from oms.db import Tx
from oms.inventory.models import Reservation, ReservationStatus, StockLevel, Warehouse
from oms.inventory.routing_models import RuleAction
from oms.orders.models import Order
from oms.usecases.orders_place import ShipTo
from oms.usecases.routing_rules import RuleFacts, SetShopRouting, create_rule, set_shop_routing
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.shop import SmallShop, small_shop

TOWNS = {
    "north": ShipTo("ลูกค้าเหนือ", "080-000-0011", "1 หมู่ 1", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210"),
    "capital": ShipTo("ลูกค้ากรุงเทพ", "080-000-0012", "1 ซอย 1", "ลำปลาทิว", "ลาดกระบัง", "กรุงเทพมหานคร", "10520"),
    "south": ShipTo("ลูกค้าใต้", "080-000-0013", "1 หมู่ 1", "คอหงส์", "หาดใหญ่", "จ.สงขลา", "90110"),
    "nowhere": ShipTo("ลูกค้าไม่ระบุ", "080-000-0014", "1 หมู่ 1"),
}


@dataclass(frozen=True)
class Net:
    """The small shop, its third warehouse, and hands to move things."""

    shop: SmallShop
    hdy: int

    @property
    def places(self) -> tuple[int, int, int]:
        return self.shop.bkk, self.shop.cnx, self.hdy

    def order(self, *lines: tuple[int, int], to: str = "north", **facts: object):
        """A confirmed order to one of the towns."""
        return self.shop.order(*lines, **({"ship_to": TOWNS[to], "confirm": True} | facts))


def network(tx: Tx, pieces: int = 10, *, split: bool = True) -> Net:
    """Bangkok has ``pieces`` of every SKU, the others nothing yet; the LINE shop goes by the rules."""
    shop = small_shop(tx, pieces=pieces)
    hdy = Warehouse(code="HDY", name="หาดใหญ่", province="สงขลา", rank=30)
    tx.session.add(hdy)
    tx.session.flush()
    for place, province, rank in ((shop.bkk, "กรุงเทพฯ", 10), (shop.cnx, "Chiang Mai", 20)):
        row = tx.session.get_one(Warehouse, place)
        row.province, row.rank = province, rank
    tx.session.flush()
    set_shop_routing(tx, SetShopRouting(shop.line, Routing.AUTOMATIC, may_split=split))
    return Net(shop, hdy.id)


def stock(tx: Tx, net: Net, place: int, *pieces: int) -> None:
    """So many more pieces of the first SKUs in a warehouse."""
    lines = tuple(StockLine(net.shop.skus[i], n) for i, n in enumerate(pieces) if n)
    key = f"stock {place} {pieces} {tx.session.scalar(select(StockLevel.on_hand).limit(1))} {id(lines)}"
    receive_stock(tx, ReceiveStock(place, lines, key))


def rule(tx: Tx, warehouse_id: int, name: str = "กฎ", *, use: bool = True, **facts: object) -> int:
    """A rule behind the others."""
    action = RuleAction.USE if use else RuleAction.EXCLUDE
    return create_rule(tx, RuleFacts(name, action, warehouse_id, **facts)).id


def held(tx: Tx, order_id: int) -> dict[tuple[int, int], int]:
    """(SKU, warehouse) -> pieces promised to an order."""
    rows = tx.session.execute(
        select(Reservation.sku_id, Reservation.warehouse_id, Reservation.quantity).where(
            Reservation.order_id == order_id, Reservation.status == ReservationStatus.ACTIVE
        )
    )
    found: dict[tuple[int, int], int] = {}
    for sku, place, quantity in rows:
        found[sku, place] = found.get((sku, place), 0) + quantity
    return found


def read(tx: Tx, order_id: int) -> Order:
    """The order as it is stored."""
    tx.session.expire_all()
    return tx.session.get_one(Order, order_id)


def shop_row(tx: Tx, shop_id: int) -> Shop:
    return tx.session.get_one(Shop, shop_id)
