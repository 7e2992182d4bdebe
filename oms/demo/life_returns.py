"""What comes back to the demo shop: refused parcels on every step of their way, buyers who send something back, a
parcel that was lost, one that nobody knows. Through the verbs, by the people who do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.db import Tx, transaction
from oms.demo.goods import Goods
from oms.errors import OmsError
from oms.money import Money
from oms.orders.models import Order, OrderLine
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus
from oms.reports.returns import worth
from oms.returns.models import Return, ReturnLine
from oms.returns.states import CarrierClaimReason, Resolution, ReturnReason
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import lock_shipments
from oms.shipping.states import ShipmentStatus
from oms.usecases import carrier_claims, returns, shipping_arrival
from oms.usecases.returns_count import Counted, InspectReturn, inspect_return
from oms.usecases.returns_receive import ArriveParcel, receive_parcel
from oms.usecases.returns_resolve import ResolveReturn, SetTripCost, resolve_return, set_trip_cost
from oms.usecases.returns_rto import OpenLost, expect_returns, open_lost

LEFT_OPEN = ("coming", "given_back", "arrived", "counted")  # the newest refused parcels stop on each of these steps
COMPLAINTS = (
    (ReturnReason.DOES_NOT_FIT, "ใส่แล้วคับ ขอเปลี่ยนไซซ์"),
    (ReturnReason.DAMAGED, "กล่องบุบ ของข้างในแตก"),
    (ReturnReason.WRONG_ITEM, "ได้สีดำ สั่งสีขาว"),
    (ReturnReason.CHANGED_MIND, "เปลี่ยนใจ ยังไม่แกะ"),
    (ReturnReason.DEFECTIVE, "ซิปเสียตั้งแต่แกะกล่อง"),
    (ReturnReason.NOT_AS_DESCRIBED, "เนื้อผ้าไม่เหมือนในรูป"),
)
"""Reason and words of buyers, in the order in which their returns get further."""


@dataclass
class Table:
    """The table of returns: who works there, and the moment at which it all ends."""

    actors: Mapping[str, Actor]
    goods: Goods
    random: Random
    end: datetime

    def at(self, role: str, days: float, verb: Callable[..., Any], *arguments: Any) -> Any:
        """One step, so many days before the end. None when the rules turn it down, as in real life."""
        with clock.at(self.end - timedelta(days=days)):
            try:
                with transaction(self.actors[role]) as tx:
                    return verb(tx, *arguments)
            except OmsError:
                return None


def take_back(actors: Mapping[str, Actor], goods: Goods, random: Random, end: datetime) -> None:
    """Everything that comes back. Done once: an interrupted load finds it done."""
    table = Table(actors, goods, random, end)
    with transaction(actors["system"]) as tx:
        if tx.session.scalar(select(Return.id).limit(1)):
            return
        refused, arrived, under_way = _refused(tx), _arrived(tx, end), _under_way(tx)
    for number, (shipment_id, code) in enumerate(refused):
        _undelivered(table, shipment_id, code, LEFT_OPEN[number] if number < len(LEFT_OPEN) else "")
    for far, ((order_id, line_id), (reason, words)) in enumerate(zip(arrived, COMPLAINTS, strict=False)):
        _sent_back(table, order_id, line_id, reason, words, far)
    for shipment_id in under_way[:1]:
        _lost(table, shipment_id)
    table.at("warehouse", 2, receive_parcel, ArriveParcel("KEX0099887766", goods.warehouses["BKK"]))


def _refused(tx: Tx) -> list[tuple[int, str]]:
    """(shipment, its number) of refused COD parcels that are still on the road, the newest first."""
    rows = tx.session.execute(
        select(Shipment.id, Shipment.number)
        .join(CodEntry, CodEntry.shipment_id == Shipment.id)
        .where(CodEntry.status == CodStatus.REFUSED, Shipment.status == ShipmentStatus.HANDED_OVER)
        .order_by(Shipment.handed_over_at.desc(), Shipment.id)
    ).all()
    return [(row[0], row[1]) for row in rows]


def _arrived(tx: Tx, end: datetime) -> list[tuple[int, int]]:
    """(order, its first line) of orders that were paid by transfer and arrived lately."""
    rows = tx.session.execute(
        select(Order.id, OrderLine.id)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(ShipmentLine, ShipmentLine.order_line_id == OrderLine.id)
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(
            Order.payment_term == PaymentTerm.PREPAID, Order.payment_status == PaymentStatus.PAID,
            OrderLine.position == 1, ~Order.left_before, Shipment.status == ShipmentStatus.DELIVERED,
            Shipment.handed_over_at < end - timedelta(days=3),
        )
        .order_by(Shipment.handed_over_at.desc(), Order.id)
        .limit(len(COMPLAINTS))
    ).all()  # fmt: skip
    return [(row[0], row[1]) for row in rows]


def _under_way(tx: Tx) -> Sequence[int]:
    """Shipments on the road for paid orders, the oldest first."""
    return tx.session.scalars(
        select(Shipment.id)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(Shipment.status == ShipmentStatus.HANDED_OVER, Order.payment_status == PaymentStatus.PAID)
        .order_by(Shipment.handed_over_at, Shipment.id)
        .limit(2)
    ).all()


def _says(tx: Tx, shipment_id: int, *moves: str) -> None:
    """What tracking does when the carrier says so."""
    for move in moves:
        getattr(shipping_arrival, move)(tx, [shipment_id])
    expect_returns(tx, lock_shipments(tx, [shipment_id]))


def _undelivered(table: Table, shipment_id: int, code: str, stop: str) -> None:
    """A refused parcel comes back, is counted, and the buyer owes nothing."""
    table.at("system", 6, _says, shipment_id, "come_back")
    if stop == "coming":
        return
    table.at("system", 5, _says, shipment_id, "arrive_back")
    if stop == "given_back":
        return
    found = table.at("warehouse", 1.2, receive_parcel, ArriveParcel(code, table.goods.warehouses["BKK"]))
    if stop == "arrived" or found is None:
        return
    for one in found.returns:
        table.at("warehouse", 1, _count, one.return_id, int(table.random.random() < 0.2))
        if stop != "counted":
            table.at("manager", 0.5, resolve_return, ResolveReturn(one.return_id, Resolution.WAIVE))
            table.at("manager", 0.4, set_trip_cost, SetTripCost(one.return_id, _fee(table)))


def _fee(table: Table) -> Money:
    """What carriers charge for a trip there and back."""
    return Money.satang(table.random.choice((3500, 4500, 6000)))


def _count(tx: Tx, return_id: int, broken: int = 0) -> None:
    """All of it is there; of the first item so many pieces are broken."""
    statement = select(ReturnLine).where(ReturnLine.return_id == return_id).order_by(ReturnLine.id)
    lines = tx.session.scalars(statement).all()
    counts = [
        Counted(x.order_line_id, resell=x.quantity - (0 if i else broken), damaged=0 if i else broken)
        for i, x in enumerate(lines)
    ]
    inspect_return(tx, InspectReturn(return_id, tuple(counts), ReturnReason.REFUSED))


def _sent_back(table: Table, order_id: int, line_id: int, reason: ReturnReason, words: str, stop: int) -> None:
    """A buyer's return, as far as ``stop``: asked, agreed, sent, arrived, counted, settled."""
    asked = returns.RequestReturn(order_id, (returns.AskedLine(line_id, 1),), reason, words)
    done = table.at("sales", 2.8, returns.request_return, asked)
    if done is None:
        return
    sent = returns.SendReturn(done.return_id, "ไปรษณีย์ไทย", f"EB{done.return_id:09d}TH")
    ends = ResolveReturn(done.return_id, Resolution.STORE_CREDIT, note="ลูกค้าขอเก็บเป็นเครดิต")
    steps: tuple[tuple[str, float, Callable[..., Any], tuple[Any, ...]], ...] = (
        ("manager", 2.6, returns.approve_return, (returns.DecideReturn(done.return_id),)),
        ("sales", 2.2, returns.send_return, (sent,)),
        ("warehouse", 1.5, receive_parcel, (ArriveParcel(done.number, table.goods.warehouses["BKK"]),)),
        ("warehouse", 1.3, _count, (done.return_id, 1)),
        ("manager", 0.7, resolve_return, (ends,)),
    )
    for role, days, verb, arguments in steps[:stop]:
        table.at(role, days, verb, *arguments)


def _lost(table: Table, shipment_id: int) -> None:
    """The carrier lost one: the case is open, the claim is with the carrier."""
    table.at("system", 3, shipping_arrival.lose, [shipment_id])
    cases = table.at("manager", 2.5, open_lost, OpenLost(shipment_id, "ขนส่งแจ้งว่าหาไม่พบ"))
    if cases:
        table.at("manager", 2.4, _claim, shipment_id, cases[0].return_id)


def _claim(tx: Tx, shipment_id: int, return_id: int) -> None:
    shipment = tx.session.get_one(Shipment, shipment_id)
    asked = carrier_claims.OpenClaim(
        shipment_id, CarrierClaimReason.LOST, worth(tx, shipment), "ระบบขนส่งไม่ขยับ 10 วัน", return_id
    )
    done = carrier_claims.open_claim(tx, asked)
    carrier_claims.send_claim(tx, carrier_claims.MoveClaim(done.claim_id, reference="CS-770123"))
