"""What is to be picked next: shipments that wait, then paid orders that have none yet, the most urgent first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from oms.actor import Actor
from oms.db import Tx
from oms.errors import OmsError, Refused, say
from oms.inventory.models import Reservation, ReservationStatus
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import Board
from oms.shipping.floor.models import PackingSession, PickBatch, PickSlot
from oms.shipping.floor.states import PackStatus
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.usecases.shipping_boxes import MadeReady, make_ready

_BEGUN = BEFORE_HAND_OVER - {ShipmentStatus.PLANNED}
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def due_by(actor: Actor) -> Any:
    """(shipment id, the earliest ship-by of its orders) of visible shipments."""
    return (
        visible_shipments(actor)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .join(Order, Order.id == ShipmentLine.order_id)
        .with_only_columns(Shipment.id, func.min(Order.ship_by).label("ship_by"))
        .group_by(Shipment.id)
    )


def urgent_first(tx: Tx, shipment_ids: Collection[int]) -> list[int]:
    """These, by the time they must leave; unknown ones last."""
    wanted = list(dict.fromkeys(shipment_ids))
    due = {row[0]: row[1] for row in tx.session.execute(due_by(tx.actor).where(Shipment.id.in_(sorted(wanted))))}
    return sorted(wanted, key=lambda i: (due.get(i) or _NEVER, i))


def waiting(actor: Actor, warehouse_id: int) -> Any:
    """(shipment id, ship-by) of what is ready here and on no packing table, the most urgent first."""
    table = select(PackingSession.id).where(
        PackingSession.shipment_id == Shipment.id, PackingSession.status == PackStatus.OPEN
    )
    return (
        due_by(actor)
        .where(Shipment.warehouse_id == warehouse_id, Shipment.status == ShipmentStatus.READY, ~table.exists())
        .order_by(func.min(Order.ship_by), Shipment.id)
    )


def orders_without(actor: Actor, warehouse_id: int) -> Any:
    """(order id, ship-by) of orders whose goods may go from here and are in no shipment that anybody works on."""
    promised = select(Reservation.id).where(
        Reservation.order_id == Order.id, Reservation.warehouse_id == warehouse_id,
        Reservation.status == ReservationStatus.ACTIVE,
    )  # fmt: skip
    begun = (
        select(ShipmentLine.id)
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(
            ShipmentLine.order_id == Order.id, Shipment.warehouse_id == warehouse_id,
            Shipment.status.in_(sorted(_BEGUN)),
        )
    )  # fmt: skip
    return (
        visible(actor)
        .with_only_columns(Order.id, Order.ship_by)
        .where(Order.board == Board.READY, Order.closed_at.is_(None), promised.exists(), ~begun.exists())
        .order_by(Order.ship_by, Order.id)
    )


def next_to_pick(tx: Tx, warehouse_id: int, count: int) -> list[int]:
    """The shipments to be picked next here. Paid orders without a shipment get theirs when it is their turn."""
    ready = [tuple(row) for row in tx.session.execute(waiting(tx.actor, warehouse_id).limit(count))]
    bare = [tuple(row) for row in tx.session.execute(orders_without(tx.actor, warehouse_id).limit(count))]
    turn = sorted(
        [(due or _NEVER, 0, i) for i, due in ready] + [(due or _NEVER, 1, i) for i, due in bare]
    )[:count]  # fmt: skip
    made = make_ready(tx, [i for _, is_order, i in turn if is_order])
    wanted = [i for _, is_order, i in turn if not is_order]
    for answer in made.values():
        if isinstance(answer, MadeReady):
            wanted += [shipment_id for shipment_id, _ in answer.shipments]
    return urgent_first(tx, _here(tx, warehouse_id, wanted))


def _here(tx: Tx, warehouse_id: int, shipment_ids: Sequence[int]) -> list[int]:
    """Those of this warehouse: an order may be served from several."""
    tx.session.flush()  # what was made just now is found by SQL
    statement = select(Shipment.id).where(
        Shipment.id.in_(sorted(set(shipment_ids))), Shipment.warehouse_id == warehouse_id,
        Shipment.status == ShipmentStatus.READY,
    )  # fmt: skip
    return list(tx.session.scalars(statement))


def refused_before(tx: Tx, warehouse_id: int, shipment_ids: Sequence[int]) -> dict[int, OmsError]:
    """Those that cannot come onto a list of this warehouse: they are on one, on a table, or lie elsewhere."""
    ids = sorted(set(shipment_ids))
    refused: dict[int, OmsError] = {}
    listed = (
        select(PickSlot.shipment_id, PickBatch.number)
        .join(PickBatch, PickBatch.id == PickSlot.batch_id)
        .join(Shipment, Shipment.id == PickSlot.shipment_id)
        .where(PickSlot.shipment_id.in_(ids), PickSlot.is_live, Shipment.status == ShipmentStatus.PICKING)
    )
    for shipment_id, number in tx.session.execute(listed):
        refused[shipment_id] = Refused(say("It is on picking list {number}", number=number), code="on_another_list")
    table = select(PackingSession.shipment_id, PackingSession.packer).where(
        PackingSession.shipment_id.in_(ids), PackingSession.status == PackStatus.OPEN
    )
    for shipment_id, packer in tx.session.execute(table):
        refused[shipment_id] = Refused(say("{who} is packing it", who=packer), code="being_packed")
    away = select(Shipment.id).where(Shipment.id.in_(ids), Shipment.warehouse_id != warehouse_id)
    for shipment_id in tx.session.scalars(away):
        refused[shipment_id] = Refused(say("It lies in another warehouse"), code="other_warehouse")
    return refused
