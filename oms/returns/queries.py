"""Reads and locks of returns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from oms.actor import Actor
from oms.db import Tx
from oms.errors import Conflict, NotFound, say
from oms.inventory.availability import parts_of
from oms.inventory.models import Reservation, ReservationStatus
from oms.money import ZERO
from oms.orders.models import Order, OrderLine
from oms.orders.queries import NO_ID, in_warehouses, lock_known
from oms.returns.models import CarrierClaim, Return, ReturnArrival, ReturnLine, ReturnRules
from oms.returns.states import UNCOUNTED, ReturnKind, ReturnStatus
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import ShipmentStatus

LEFT = (
    ShipmentStatus.HANDED_OVER, ShipmentStatus.DELIVERED, ShipmentStatus.RETURNING, ShipmentStatus.RETURNED,
    ShipmentStatus.LOST,
)  # fmt: skip


def _scope(actor: Actor) -> list[ColumnElement[bool]]:
    """Conditions on (Return, Order): the orders one sees, and what comes to one's warehouses whoever sent it."""
    found: list[ColumnElement[bool]] = []
    if actor.shops is not None:
        found.append(Order.shop_id.in_(sorted(actor.shops)))
    if actor.own_orders_only:
        found.append(Order.owner_id == actor.user_id)
    if actor.warehouses is not None:
        mine = sorted(actor.warehouses)
        found.append(or_(Return.warehouse_id.in_(mine), in_warehouses(mine)))
    return found


def visible_returns(actor: Actor) -> Select[Return]:
    """The returns this actor may see."""
    statement = select(Return)
    if conditions := _scope(actor):
        statement = statement.join(Order, Order.id == Return.order_id).where(*conditions)
    return statement


def visible_arrivals(actor: Actor) -> Select[ReturnArrival]:
    """Unknown parcels in the warehouses of this actor."""
    statement = select(ReturnArrival)
    if actor.warehouses is not None:
        statement = statement.where(ReturnArrival.warehouse_id.in_(sorted(actor.warehouses)))
    return statement


def visible_claims(actor: Actor) -> Select[CarrierClaim]:
    """Claims for shipments this actor may see."""
    statement = select(CarrierClaim)
    if actor.warehouses is None and actor.shops is None and not actor.own_orders_only:
        return statement
    return statement.where(CarrierClaim.shipment_id.in_(visible_shipments(actor).with_only_columns(Shipment.id)))


def lock_any_orders(tx: Tx, order_ids: Collection[int]) -> dict[int, Order]:
    """Orders by id, locked in id order, whoever may see them: goods at the door belong to whom they belong."""
    return {order.id: order for order in lock_known(tx, {i for i in order_ids if 0 < i < NO_ID})}


def lock_returns(tx: Tx, return_ids: Collection[int]) -> list[Return]:
    """Returns in id order, locked and read afresh, with their lines. Their orders are locked by the caller."""
    statement = (
        select(Return)
        .where(Return.id.in_(sorted({i for i in return_ids if 0 < i < NO_ID})))
        .order_by(Return.id)
        .options(selectinload(Return.lines))
        .with_for_update(of=Return, key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(statement))


def lock_return(tx: Tx, return_id: int, version: int | None = None) -> tuple[Return, Order]:
    """A return this actor may see with its order, locked: the order first. Raises NotFound, or Conflict when somebody
    was faster."""
    wanted = visible_returns(tx.actor).where(Return.id == min(return_id, NO_ID)).with_only_columns(Return.order_id)
    order_id = tx.session.scalar(wanted)
    if order_id is None:
        raise NotFound(say("There is no such return, or it is not yours to see"), code="return_not_found")
    order = lock_any_orders(tx, [order_id])[order_id]
    found = lock_returns(tx, [return_id])[0]
    if version is not None and found.version != version:
        raise Conflict(say("Someone else worked on this return; reload and look again"), code="stale")
    return found, order


def get_return(tx: Tx, return_id: int) -> Return:
    """One return this actor may see. Raises NotFound."""
    found = tx.session.scalars(visible_returns(tx.actor).where(Return.id == min(return_id, NO_ID))).one_or_none()
    if found is None:
        raise NotFound(say("There is no such return, or it is not yours to see"), code="return_not_found")
    return found


def rules_of(session: Session) -> ReturnRules:
    """What was agreed about returns; the defaults until somebody says otherwise."""
    return session.get(ReturnRules, 1) or ReturnRules(id=1, alert_days=3, claim_days=30, version=0)


@dataclass(frozen=True)
class Out:
    """Pieces of an order line that left in a shipment and neither came back nor are on their way back."""

    order_id: int
    line_id: int
    shipment_id: int
    left: int
    status: ShipmentStatus


def pieces_out(session: Session, order_ids: Collection[int]) -> list[Out]:
    """What of these orders is out there, per shipment, the oldest shipment first."""
    ids = sorted(set(order_ids))
    taken = (
        select(
            ReturnLine.order_line_id,
            ReturnLine.shipment_id,
            func.sum(ReturnLine.quantity).filter(Return.status.in_(UNCOUNTED)).label("coming"),
            func.sum(ReturnLine.resell + ReturnLine.repair + ReturnLine.damaged).label("back"),
        )
        .join(Return, Return.id == ReturnLine.return_id)
        .where(Return.order_id.in_(ids), ~Return.goods_stay)
        .group_by(ReturnLine.order_line_id, ReturnLine.shipment_id)
        .subquery()
    )
    rows = session.execute(
        select(
            ShipmentLine.order_id,
            ShipmentLine.order_line_id,
            ShipmentLine.shipment_id,
            func.sum(ShipmentLine.quantity)
            - func.coalesce(func.max(taken.c.coming), 0)
            - func.coalesce(func.max(taken.c.back), 0),
            func.max(Shipment.status),
        )
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .outerjoin(
            taken,
            and_(
                taken.c.order_line_id == ShipmentLine.order_line_id, taken.c.shipment_id == ShipmentLine.shipment_id
            ),
        )
        .where(ShipmentLine.order_id.in_(ids), Shipment.status.in_(LEFT))
        .group_by(ShipmentLine.order_id, ShipmentLine.order_line_id, ShipmentLine.shipment_id)
        .order_by(ShipmentLine.shipment_id, ShipmentLine.order_line_id)
    )  # fmt: skip
    return [Out(o, line, s, int(left), ShipmentStatus(status)) for o, line, s, left, status in rows if left > 0]


def credited_before(session: Session, order_id: int) -> dict[int, int]:
    """Pieces per order line that settled returns with a credit counted as credited."""
    counted = ReturnLine.resell + ReturnLine.repair + ReturnLine.damaged
    whole = Return.kind.in_([ReturnKind.RTO, ReturnKind.LOST])
    rows = session.execute(
        select(ReturnLine.order_line_id, func.sum(ReturnLine.quantity).filter(whole), func.sum(counted).filter(~whole))
        .join(Return, Return.id == ReturnLine.return_id)
        .where(Return.order_id == order_id, Return.status == ReturnStatus.RESOLVED, Return.credit > ZERO)
        .group_by(ReturnLine.order_line_id)
    )
    return {line_id: int(a or 0) + int(b or 0) for line_id, a, b in rows}


def parts_as_sent(session: Session, lines: Collection[OrderLine]) -> Mapping[int, Mapping[int, int]]:
    """Per order line: what one piece of it consisted of when it left, by the promises used up for it; what left
    without one (before Ruam knew the order) is taken as the catalog has it."""
    shipped = {line.id: line.shipped for line in lines}
    rows = session.execute(
        select(Reservation.order_line_id, Reservation.sku_id, func.sum(Reservation.quantity))
        .where(
            Reservation.order_id.in_({line.order_id for line in lines}),
            Reservation.order_line_id.in_(sorted(shipped)),
            Reservation.status == ReservationStatus.CONSUMED,
        )
        .group_by(Reservation.order_line_id, Reservation.sku_id)
    )
    used: dict[int, dict[int, int]] = {}
    for line_id, sku_id, quantity in rows:
        used.setdefault(line_id, {})[sku_id] = int(quantity)
    listed = parts_of(session, [line.sku_id for line in lines])
    found: dict[int, Mapping[int, int]] = {}
    for line in lines:
        mine, pieces = used.get(line.id, {}), shipped[line.id]
        whole = bool(mine) and all(quantity % pieces == 0 for quantity in mine.values())
        found[line.id] = {sku: quantity // pieces for sku, quantity in mine.items()} if whole else listed[line.sku_id]
    return found
