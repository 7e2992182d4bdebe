"""Short ways to goods that left and come back, for tests."""

from __future__ import annotations

from sqlalchemy import select

from oms.db import Tx
from oms.inventory.models import StockLevel, StockMovement
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.returns.models import Return
from oms.returns.states import ReturnReason
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import SHIPMENT
from oms.usecases import derived
from oms.usecases.returns import AskedLine, RequestReturn, request_return
from oms.usecases.returns_rto import expect_returns
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from tests.shop import SmallShop
from tests.usecases.money import order_of, paid, placed


def left(tx: Tx, shop: SmallShop, *lines: tuple[int, int], tracking_no: str = "", money: bool = True, **facts) -> Order:
    """A confirmed order whose goods left; paid in full unless it is COD or ``money`` is False."""
    order = placed(tx, shop, *lines, **facts)
    if order.payment_term is PaymentTerm.PREPAID and money:
        paid(tx, (order.id, str(order.total.amount)))
    mark_shipped(tx, MarkShipped(order.id, "Flash Express", tracking_no or f"TH{order.id:010d}"))
    return order_of(tx, order.id)


def arrived(tx: Tx, shop: SmallShop, *lines: tuple[int, int], **facts) -> Order:
    """An order whose goods are with the buyer."""
    order = left(tx, shop, *lines, **facts)
    mark_delivered(tx, order.id)
    return order_of(tx, order.id)


def shipments(tx: Tx, order_id: int) -> list[Shipment]:
    inside = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == order_id)
    return list(tx.session.scalars(select(Shipment).where(Shipment.id.in_(inside)).order_by(Shipment.id)))


def carrier_says(tx: Tx, order_id: int, *moves: str) -> Shipment:
    """The first shipment of an order moves as tracking would move it; what comes back is expected."""
    shipment = shipments(tx, order_id)[0]
    for move in moves:
        SHIPMENT.fire(shipment, move)
    tx.session.flush()
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == shipment.id)
    derived.refresh(tx, list(tx.session.scalars(select(Order).where(Order.id.in_(inside)).order_by(Order.id))))
    if moves != ("lose",):
        expect_returns(tx, [shipment])
    return shipment


def asked(tx: Tx, order: Order, *quantities: int, reason: ReturnReason = ReturnReason.DAMAGED, **facts) -> int:
    """A return of so many pieces of each line; everything when nothing is said."""
    wanted = quantities or tuple(line.shipped for line in order.lines)
    lines = tuple(AskedLine(x.id, n) for x, n in zip(order.lines, wanted, strict=False) if n)
    return request_return(tx, RequestReturn(order.id, lines, reason, **facts)).return_id


def returns_of(tx: Tx, order_id: int) -> list[Return]:
    tx.session.flush()
    tx.session.expire_all()
    return list(tx.session.scalars(select(Return).where(Return.order_id == order_id).order_by(Return.id)))


def return_of(tx: Tx, return_id: int) -> Return:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Return, return_id)


def stock(tx: Tx, shop: SmallShop, sku: int, warehouse_id: int | None = None) -> tuple[int, int]:
    """(on hand, damaged) of one SKU."""
    tx.session.flush()
    tx.session.expire_all()
    level = tx.session.get(StockLevel, (shop.skus[sku], warehouse_id or shop.bkk))
    return (level.on_hand, level.damaged) if level else (0, 0)


def movements(tx: Tx, document: str) -> list[tuple[int, int, str, int]]:
    """(SKU, warehouse, bucket, pieces) of one paper."""
    rows = tx.session.scalars(
        select(StockMovement).where(StockMovement.document == document).order_by(StockMovement.id)
    )
    return [(m.sku_id, m.warehouse_id, m.bucket.value, m.quantity) for m in rows]
