"""Shipments under lock together with every order in them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms.db import Tx
from oms.orders.models import Order
from oms.shipping.models import Shipment, ShipmentLine


@dataclass(frozen=True)
class Locked:
    """Shipments under lock, with every order in them."""

    shipments: dict[int, Shipment]
    orders: dict[int, Order]

    def inside(self, *shipments: Shipment) -> list[Order]:
        """Every order with pieces in these, in id order."""
        return [self.orders[i] for i in sorted({line.order_id for s in shipments for line in s.lines})]


def lock_with_orders(tx: Tx, shipment_ids: Collection[int]) -> Locked:
    """These shipments, locked and read afresh: first every order in them, then the shipments, each in id order."""
    places = tx.actor.warehouses
    mine = select(Shipment.id).where(Shipment.id.in_(sorted(set(shipment_ids))))
    if places is not None:
        mine = mine.where(Shipment.warehouse_id.in_(sorted(places)))
    wanted = sorted(tx.session.scalars(mine))
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(wanted))
    orders = tx.session.scalars(
        select(Order)
        .where(Order.id.in_(inside))
        .order_by(Order.id)
        .options(selectinload(Order.lines), selectinload(Order.holds))
        .with_for_update(of=Order, key_share=True)
        .execution_options(populate_existing=True)
    )
    known = {order.id: order for order in orders}
    found = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(wanted))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .with_for_update(of=Shipment)
        .execution_options(populate_existing=True)
    )
    return Locked({s.id: s for s in found}, known)
