"""How much cash a parcel is to bring, before it leaves: for its label, its booking, its hand-over sheet."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func, select

from oms.db import Tx
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.cod_models import CodEntry
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.usecases import derived
from oms.usecases.cod_entries import is_cod, promised

WAITING = sorted(BEFORE_HAND_OVER)


def cash_on(tx: Tx, shipment_ids: Collection[int]) -> dict[int, Money]:
    """What the buyer pays at the door for each of these shipments; those that bring none are left out.

    Goods that left say what was agreed then. Of goods still here, an order's cash goes whole with its first shipment,
    as hand-over will have it (ADR 0087). Within a shipment it is on the first box.
    """
    wanted = sorted(set(shipment_ids))
    rows = tx.session.execute(select(Shipment.id, Shipment.status).where(Shipment.id.in_(wanted))).all()
    here = [i for i, status in rows if status in BEFORE_HAND_OVER]
    left = [i for i, status in rows if status not in {*BEFORE_HAND_OVER, ShipmentStatus.CANCELED}]
    return _agreed(tx, left) | _due(tx, here)


def _agreed(tx: Tx, shipment_ids: Collection[int]) -> dict[int, Money]:
    if not shipment_ids:
        return {}
    total = func.sum(CodEntry.to_collect, type_=CodEntry.to_collect.type)
    rows = tx.session.execute(
        select(CodEntry.shipment_id, total).where(CodEntry.shipment_id.in_(shipment_ids)).group_by(CodEntry.shipment_id)
    )
    return {shipment_id: amount for shipment_id, amount in rows if amount > ZERO}


def _due(tx: Tx, shipment_ids: Collection[int]) -> dict[int, Money]:
    if not shipment_ids:
        return {}
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(shipment_ids))
    orders = [o for o in tx.session.scalars(select(Order).where(Order.id.in_(inside))) if is_cod(o)]
    if not orders:
        return {}
    facts, known = derived.read_facts(tx, orders), promised(tx, [o.id for o in orders])
    first = _first_shipments(tx, [o.id for o in orders])
    found: dict[int, Money] = {}
    for order in orders:
        shipment_id = first.get(order.id)
        amount = facts[order.id].money.due - facts[order.id].money.net - known[order.id]
        if shipment_id in set(shipment_ids) and amount > ZERO:
            found[shipment_id] = found.get(shipment_id, ZERO) + amount
    return found


def _first_shipments(tx: Tx, order_ids: Collection[int]) -> Mapping[int, int]:
    """The first shipment still here of each order."""
    rows = tx.session.execute(
        select(ShipmentLine.order_id, func.min(Shipment.id))
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(ShipmentLine.order_id.in_(order_ids), Shipment.status.in_(WAITING))
        .group_by(ShipmentLine.order_id)
    )
    return {row[0]: row[1] for row in rows}
