"""Stock of the demo shop: opening balances, deliveries every three weeks, a few corrections."""

from __future__ import annotations

from random import Random

from oms.db import Tx
from oms.demo.goods import Goods
from oms.inventory.models import AdjustReason
from oms.usecases.stock import AdjustStock, ReceiveStock, SetAside, adjust_stock, receive_stock, set_aside
from oms.usecases.stock_checks import StockLine

SHARE = {"BKK": (60, 160), "CNX": (30, 80), "HDY": (30, 80)}


def opening(tx: Tx, goods: Goods, random: Random) -> None:
    """What was on the shelves when the shop began. Scarce goods have two pieces."""
    for code, (low, high) in SHARE.items():
        lines = [StockLine(i.id, 2 if i.scarce else random.randint(low, high)) for i in goods.items]
        receive_stock(
            tx, ReceiveStock(goods.warehouses[code], tuple(lines), f"demo:opening:{code}", note="ยอดยกมา", opening=True)
        )


def delivery(tx: Tx, goods: Goods, random: Random, round_no: int) -> None:
    """The supplier's truck: half of the plain goods, to every warehouse."""
    for code, (low, _) in SHARE.items():
        chosen = random.sample([i for i in goods.items if not i.scarce], len(goods.items) // 2)
        lines = tuple(StockLine(i.id, random.randint(low // 3, low)) for i in chosen)
        key = f"demo:delivery:{round_no}:{code}"
        receive_stock(tx, ReceiveStock(goods.warehouses[code], lines, key, reference=f"PO-{round_no:03d}-{code}"))


def corrections(tx: Tx, goods: Goods, random: Random) -> None:
    """A count that found less, and a few pieces set aside as damaged."""
    for code, warehouse in goods.warehouses.items():
        plain = [i for i in goods.items if not i.scarce]
        lost = tuple(StockLine(i.id, -1) for i in random.sample(plain, 4))
        adjust_stock(
            tx, AdjustStock(warehouse, lost, AdjustReason.COUNTED, f"demo:count:{code}", note="นับสต็อกประจำเดือน")
        )
        broken = tuple(StockLine(i.id, 1) for i in random.sample(plain, 3))
        set_aside(tx, SetAside(warehouse, broken, "กล่องบุบจากการขนส่ง", f"demo:damage:{code}"))
