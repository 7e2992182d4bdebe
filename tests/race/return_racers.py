"""Races of goods coming back: many scan one parcel, a return against a refund, tracking against the table, two settle."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from oms.money import Money
from oms.orders.models import OrderLine
from oms.returns.models import Return, ReturnLine
from oms.returns.states import Resolution, ReturnReason
from oms.shipping.queries import lock_shipments
from oms.usecases import shipping_arrival
from oms.usecases.refunds import RequestRefund, request_refund
from oms.usecases.returns import AskedLine, RequestReturn, request_return
from oms.usecases.returns_count import Counted, InspectReturn, inspect_return
from oms.usecases.returns_receive import ArriveParcel, receive_parcel
from oms.usecases.returns_resolve import ResolveReturn, resolve_return
from oms.usecases.returns_rto import expect_returns
from tests.race.refund_racers import CASH


def parcel_scan(client: Any) -> None:
    """Everybody scans the same parcels, each in an own warehouse, while the carrier says that they come back; then all
    count what lies there."""
    places = client.plan["places"]
    for code, shipment_id, order_id in client.plan["rounds"]:
        client.barrier.wait(60)
        if client.no == 0:
            client.do(_carrier_says, shipment_id)
        else:
            client.do(receive_parcel, ArriveParcel(code, places[client.no % len(places)]))
        client.barrier.wait(60)
        client.do(_count, order_id)


def _carrier_says(tx: Any, shipment_id: int) -> None:
    shipping_arrival.come_back(tx, [shipment_id])
    expect_returns(tx, [s for s in lock_shipments(tx, [shipment_id]) if s.status.value in {"returning", "returned"}])


def _count(tx: Any, order_id: int) -> object:
    rows = tx.session.execute(
        select(Return.id, ReturnLine.order_line_id, ReturnLine.quantity)
        .join(ReturnLine, ReturnLine.return_id == Return.id)
        .where(Return.order_id == order_id)
    ).all()
    return inspect_return(tx, InspectReturn(rows[0][0], tuple(Counted(line, resell=n) for _, line, n in rows)))


def return_money(client: Any) -> None:
    """A counted return is settled by some while others ask for the same money on the order's page."""
    for return_id, order_id in client.plan["rounds"]:
        client.barrier.wait(60)
        if client.no % 2:
            client.do(request_refund, RequestRefund(order_id, Money.satang(10_000), "ทดสอบ", CASH))
        else:
            client.do(resolve_return, ResolveReturn(return_id, Resolution.REFUND, refund_to=CASH))


def return_ask(client: Any) -> None:
    """Everybody asks the same two pieces back; one return fits."""
    for order_id in client.plan["rounds"]:
        client.barrier.wait(60)
        client.do(_ask, order_id)


def _ask(tx: Any, order_id: int) -> object:
    line = tx.session.scalars(select(OrderLine.id).where(OrderLine.order_id == order_id)).one()
    return request_return(tx, RequestReturn(order_id, (AskedLine(line, 2),), ReturnReason.DAMAGED))


RACES = {"parcel_scan": parcel_scan, "return_money": return_money, "return_ask": return_ask}
