"""Goods between places: loads on the road, counts, shelves that run low, a partner who sells for the demo shop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.carriers.fees import Rates, RateTable, Step
from oms.carriers.zones import Zone
from oms.catalog.models import Sku
from oms.db import Tx, transaction
from oms.demo.goods import Goods
from oms.inventory.models import StockLevel
from oms.inventory.states import StepKind
from oms.inventory.transfer_models import Transfer
from oms.money import Money
from oms.usecases.consignment import (
    PartnerFacts,
    PaySettlement,
    ReportSold,
    Sold,
    create_partner,
    pay_settlement,
    report_sold,
)
from oms.usecases.counts import (
    CloseCounting,
    OpenCount,
    RecordCounts,
    ShelfCount,
    open_count,
    record_counts,
    submit_count,
)
from oms.usecases.counts_posting import ApproveCount, approve_count
from oms.usecases.covering import SetMinimum, set_minimum, work_out_pace
from oms.usecases.fees import FeeFacts, create_fee_table
from oms.usecases.stock_checks import StockLine
from oms.usecases.transfers import MoveTransfer, PlanTransfer, create_transfer, depart_transfer, send_transfer
from oms.usecases.transfers_receiving import Arrived, ReceiveTransfer, receive_transfer

PARTNER = PartnerFacts(
    "MUJU", "ร้านมูจู (ฝากขาย)", Decimal(30), "คุณแพร", "080-000-2000", "กรุงเทพมหานคร",
    "999 ถนนพระรามที่ 1 แขวงปทุมวัน เขตปทุมวัน กรุงเทพมหานคร 10330", pay_days=30,
)  # fmt: skip
COUNTED, SHELVES = {2: -3, 5: 1, 9: -1}, 14  # of so many SKUs some lie there in other numbers than the books say
PIECES = 6  # of every SKU a load carries


@dataclass(frozen=True)
class Hands:
    """Who works, with what, and the moment at which it all ends."""

    actors: Mapping[str, Actor]
    goods: Goods
    random: Random
    end: datetime

    def at(self, role: str, days: float, verb: Callable[..., Any], *arguments: Any) -> Any:
        """One step, so many days before the end."""
        with clock.at(self.end - timedelta(days=days)), transaction(self.actors[role]) as tx:
            return verb(tx, *arguments)

    def place(self, code: str) -> int:
        return self.goods.warehouses[code]


def between(actors: Mapping[str, Actor], goods: Goods, random: Random, end: datetime) -> None:
    """Everything of this part. Done once: an interrupted load finds it done."""
    hands = Hands(actors, goods, random, end)
    with transaction(actors["system"]) as tx:
        if tx.session.scalar(select(Transfer.id).limit(1)):
            return
        free = _plenty(tx, hands.place("BKK"))
    random.shuffle(free)
    loads = [free[i : i + 5] for i in range(0, 25, 5)]
    _partner(hands, loads[4])
    _transfers(hands, loads)
    _counts(hands, free[25:])
    hands.at("warehouse", 0.3, _minimums, [goods.warehouses["BKK"], goods.warehouses["CNX"]])
    hands.at("system", 0.05, work_out_pace)
    hands.at("owner", 20, _fees)


def _plenty(tx: Tx, warehouse_id: int) -> list[int]:
    """SKUs of which far more lie there than are promised."""
    wanted = select(StockLevel.sku_id).where(
        StockLevel.warehouse_id == warehouse_id, StockLevel.on_hand - StockLevel.reserved > 4 * PIECES
    )
    return list(tx.session.scalars(wanted.order_by(StockLevel.sku_id)))


def _lines(skus: Sequence[int], pieces: int = PIECES) -> tuple[StockLine, ...]:
    return tuple(StockLine(sku, pieces) for sku in skus)


def _send(hands: Hands, days: float, there: int, skus: Sequence[int], **words: str) -> int:
    """A load that has left Bangkok."""
    plan = PlanTransfer(hands.place("BKK"), there, _lines(skus), f"demo:transfer:{there}:{days}", **words)
    made: int = hands.at("warehouse", days, create_transfer, plan).transfer_id
    hands.at("warehouse", days - 0.05, send_transfer, MoveTransfer(made))
    hands.at("warehouse", days - 0.1, depart_transfer, MoveTransfer(made, reference=words.get("reference", "")))
    return made


def _transfers(hands: Hands, loads: Sequence[Sequence[int]]) -> None:
    """One arrived whole, one with pieces broken and missing, one is on the road, one is only planned."""
    whole = _send(hands, 12, hands.place("CNX"), loads[0], reference="รถ 2ฒก-4481")
    everything = tuple(Arrived(line.sku_id, line.quantity) for line in _lines(loads[0]))
    hands.at("warehouse", 11, receive_transfer, ReceiveTransfer(whole, everything, "demo"))
    short = _send(hands, 5, hands.place("HDY"), loads[1], reference="ขนส่งนิ่ม NS-118820")
    first, second, *rest = _lines(loads[1])
    found = (
        Arrived(first.sku_id, PIECES - 2), Arrived(second.sku_id, PIECES - 1),
        Arrived(second.sku_id, 1, StepKind.DAMAGED),
        *(Arrived(line.sku_id, line.quantity) for line in rest),
    )  # fmt: skip
    reason = "กล่องที่ 3 เปียกและเปิดออก ของหายไป 2 ชิ้น"
    hands.at("warehouse", 3, receive_transfer, ReceiveTransfer(short, found, "demo", reason, rest_lost=True))
    _send(hands, 0.9, hands.place("CNX"), loads[2], reference="รถ 2ฒก-4481", note="เติมของก่อนแคมเปญ 12.12")
    planned = PlanTransfer(hands.place("BKK"), hands.place("HDY"), _lines(loads[3], 4), "demo:transfer:planned")
    hands.at("warehouse", 0.1, create_transfer, planned)


def _partner(hands: Hands, skus: Sequence[int]) -> None:
    """A shop that sells for us: goods on its shelf, last month settled and paid, this month to be paid."""
    shop: int = hands.at("owner", 55, create_partner, PARTNER).id
    load = _send(hands, 50, shop, skus, reference="ส่งเอง")
    everything = tuple(Arrived(line.sku_id, line.quantity) for line in _lines(skus))
    hands.at("warehouse", 49, receive_transfer, ReceiveTransfer(load, everything, "demo"))
    for no, (days, pieces) in enumerate(((32.0, 2), (1.2, 1)), 1):
        day = clock.local(hands.end - timedelta(days=days)).date()
        sold = tuple(Sold(sku, pieces) for sku in skus[: 4 - no])
        report = ReportSold(
            shop, sold, f"demo:settlement:{no}", day - timedelta(days=29), day, reference=f"ใบขาย {no:03d}/2569"
        )
        made = hands.at("accountant", days, report_sold, report)
        if no == 1:
            paid = clock.local(hands.end - timedelta(days=9)).date()
            hands.at("accountant", 9, pay_settlement, PaySettlement(made.settlement_id, paid, "โอน KBANK 10:42"))


def _counts(hands: Hands, skus: Sequence[int]) -> None:
    """A count of last week that was posted, and one of this morning that waits for somebody else to agree."""
    _count(hands, 8, skus[:SHELVES], "นับรอบเดือน โซน A", posted=True)
    _count(hands, 0.12, skus[SHELVES : 2 * SHELVES], "นับรอบเดือน โซน B", posted=False)


def _count(hands: Hands, days: float, skus: Sequence[int], note: str, *, posted: bool) -> None:
    if not skus:
        return
    opened = OpenCount(hands.place("BKK"), f"demo:count:{note}", tuple(skus), note=note)
    count: int = hands.at("warehouse", days, open_count, opened).count_id
    hands.at("warehouse", days - 0.04, _enter, count, hands.place("BKK"), skus)
    hands.at("warehouse", days - 0.05, submit_count, CloseCounting(count))
    if posted:
        hands.at("manager", days - 0.1, approve_count, ApproveCount(count, "ตรวจซ้ำแล้ว"))


def _enter(tx: Tx, count: int, place: int, skus: Sequence[int]) -> None:
    """What was found on the shelves."""
    levels = select(StockLevel.sku_id, StockLevel.on_hand).where(
        StockLevel.warehouse_id == place, StockLevel.sku_id.in_(skus)
    )
    there = {row.sku_id: row.on_hand for row in tx.session.execute(levels)}
    entries = tuple(ShelfCount(sku, there[sku] + COUNTED.get(i, 0)) for i, sku in enumerate(skus))
    record_counts(tx, RecordCounts(count, entries))


def _minimums(tx: Tx, places: Sequence[int]) -> None:
    """What the shop wants to have at least, of what sells out."""
    scarce = (
        select(StockLevel.sku_id, StockLevel.warehouse_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .where(StockLevel.warehouse_id.in_(places), StockLevel.on_hand < 5, Sku.is_active)
    )
    for sku, place in tx.session.execute(scarce.order_by(StockLevel.sku_id, StockLevel.warehouse_id).limit(6)).all():
        set_minimum(tx, SetMinimum(sku, place, 10))


def _rates(*prices: int) -> Rates:
    steps = zip((1000, 3000, 5000), prices, strict=True)
    return Rates(tuple(Step(up_to, Money(Decimal(price))) for up_to, price in steps), Money(Decimal(10)))


def _fees(tx: Tx) -> None:
    """What the shop asks for shipping."""
    table = RateTable(
        {Zone.NEAR: _rates(35, 55, 75), Zone.PROVINCE: _rates(45, 65, 90)}, cod_percent=Decimal(3),
        cod_minimum=Money(Decimal(15)), remote_extra=Money(Decimal(50)), whole_baht=True,
    )  # fmt: skip
    create_fee_table(tx, FeeFacts("ค่าส่งร้านรวม", table))
