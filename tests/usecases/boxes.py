"""Short ways to boxes for tests: orders that are ready, promises moved to another warehouse, what is stored."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms.db import Tx
from oms.errors import OmsError
from oms.inventory.models import Bucket, MovementKind, StockLevel, StockMovement
from oms.inventory.sharing import Share
from oms.orders.states import PaymentTerm
from oms.shipping.models import Parcel, Shipment
from oms.usecases.routing_moves import RerouteOrder, reroute_order
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import PackShipment, mark_labeled, pack_shipment
from tests.shop import SmallShop
from tests.usecases.money import order_of, paid, placed

T = TypeVar("T")


def good(outcome: T | OmsError) -> T:
    """The answer, or the refusal raised."""
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


def ready(tx: Tx, shop: SmallShop, *lines: tuple[int, int], **facts: object) -> tuple[int, int]:
    """(order id, shipment id) of an order that is ready to pick, paid unless it is said how else."""
    order = placed(tx, shop, *lines, **facts)
    if order.payment_term is PaymentTerm.PREPAID:
        paid(tx, (order.id, order.total.amount))
    return order.id, good(make_ready(tx, [order.id])[order.id]).shipment_id


def labeled(tx: Tx, shop: SmallShop, *lines: tuple[int, int], **facts: object) -> tuple[int, int]:
    """Like ``ready``, packed and with a printed label."""
    order_id, shipment_id = ready(tx, shop, *lines, **facts)
    pack_shipment(tx, PackShipment(shipment_id))
    good(mark_labeled(tx, [shipment_id])[shipment_id])
    return order_id, shipment_id


def stored(tx: Tx, shipment_id: int) -> Shipment:
    """The shipment as it is stored now."""
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Shipment, shipment_id)


def content(tx: Tx, shipment_id: int) -> dict[str, int]:
    """Pieces by SKU code."""
    lines = {
        line.id: line for i in {x.order_id for x in stored(tx, shipment_id).lines} for line in order_of(tx, i).lines
    }
    found: Counter[str] = Counter()
    for line in stored(tx, shipment_id).lines:
        found[lines[line.order_line_id].sku_code] += line.quantity
    return dict(found)


def parcels(tx: Tx, shipment_id: int) -> list[tuple[str, bool, int]]:
    """(number, stands, prints) of every parcel, in the order they were made."""
    tx.session.flush()
    rows = select(Parcel).where(Parcel.shipment_id == shipment_id).order_by(Parcel.id)
    return [(p.tracking_no, p.is_live, p.label_prints) for p in tx.session.scalars(rows)]


def stock_in(tx: Tx, shop: SmallShop, place: int, pieces: int = 10) -> None:
    """As many pieces of each SKU in a warehouse that had none."""
    for sku in shop.skus:
        level = {"on_hand": pieces, "reserved": 0, "damaged": 0, "incoming": 0}
        tx.session.add(StockLevel(sku_id=sku, warehouse_id=place, **level))
        tx.session.add(
            StockMovement(
                sku_id=sku, warehouse_id=place, bucket=Bucket.ON_HAND, quantity=pieces, kind=MovementKind.OPENING,
                actor="test",
            )
        )  # fmt: skip
    tx.session.flush()


def promise_elsewhere(tx: Tx, order_id: int, place: int, units: int) -> None:
    """Up to ``units`` of each line are sent from ``place``, the rest from the order's own warehouse."""
    order = order_of(tx, order_id)
    shares = []
    for line in (x for x in order.lines if x.open):
        moving = min(units, line.open)
        shares += [Share(line.id, place, moving), Share(line.id, order.warehouse_id, line.open - moving)]
    reroute_order(tx, RerouteOrder(order_id, shares=tuple(shares), reason="stock is there"))


def moved(session: Session, number: str) -> dict[tuple[int, int], int]:
    """Pieces that left stock under a shipment's number, by SKU and warehouse."""
    found: Counter[tuple[int, int]] = Counter()
    for m in session.scalars(select(StockMovement).where(StockMovement.document == number)):
        found[m.sku_id, m.warehouse_id] -= m.quantity
    return dict(found)
