"""Reads and locks of shipments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, or_, select, union
from sqlalchemy.orm import Session, selectinload

from oms.actor import Actor
from oms.catalog.models import BundleItem, Shop
from oms.db import Tx
from oms.errors import Conflict, NotFound, Refused, Say, say
from oms.orders.models import Order, OrderLine
from oms.orders.queries import NO_ID, lock_known
from oms.shipping import rules
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus

SCANNED_AT_MOST = 20


def visible_shipments(actor: Actor) -> Select[Shipment]:
    """The shipments this actor may see: those of their warehouses, whose orders are all of their shops (or their own).

    The warehouse is the one the goods leave; an order of another warehouse that is served from here is seen here.
    """
    statement = select(Shipment)
    if actor.warehouses is not None:
        statement = statement.where(Shipment.warehouse_id.in_(sorted(actor.warehouses)))
    foreign: list[ColumnElement[bool]] = []
    if actor.shops is not None:
        foreign.append(Order.shop_id.not_in(sorted(actor.shops)))
    if actor.own_orders_only:
        foreign.append(Order.owner_id.is_distinct_from(actor.user_id))
    if foreign:
        inside = select(ShipmentLine.id).join(Order, Order.id == ShipmentLine.order_id)
        statement = statement.where(~inside.where(ShipmentLine.shipment_id == Shipment.id, or_(*foreign)).exists())
    return statement


def shipment_missing() -> NotFound:
    """The refusal for a shipment that is not there, or out of the actor's rows."""
    return NotFound(say("There is no such shipment, or it is not yours to see"), code="shipment_not_found")


def get_shipment(tx: Tx, shipment_id: int) -> Shipment:
    """One visible shipment with its lines and parcels. Raises NotFound."""
    found = tx.session.scalars(
        visible_shipments(tx.actor)
        .where(Shipment.id == min(shipment_id, NO_ID))
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
    ).one_or_none()
    if found is None:
        raise shipment_missing()
    return found


@dataclass(frozen=True)
class Locked:
    """Shipments under lock, with every order in them."""

    shipments: dict[int, Shipment]
    orders: dict[int, Order]

    def shipment(self, shipment_id: int) -> Shipment:
        """One of them. Raises NotFound."""
        if shipment_id not in self.shipments:
            raise shipment_missing()
        return self.shipments[shipment_id]

    def inside(self, *shipments: Shipment) -> list[Order]:
        """Every order with pieces in these, in id order."""
        return [self.orders[i] for i in sorted({line.order_id for s in shipments for line in s.lines})]


def lock_with_orders(tx: Tx, shipment_ids: Collection[int]) -> Locked:
    """The visible shipments among these, locked and read afresh: first every order in them, then the shipments, each in
    id order, so that nobody waits for us who we wait for."""
    wanted = sorted({i for i in shipment_ids if 0 < i < NO_ID})
    if not wanted:
        return Locked({}, {})
    mine = visible_shipments(tx.actor).where(Shipment.id.in_(wanted)).with_only_columns(Shipment.id)
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(mine)).distinct()
    orders = {order.id: order for order in lock_known(tx, tx.session.scalars(inside).all())}
    found = tx.session.scalars(
        visible_shipments(tx.actor)
        .where(Shipment.id.in_(wanted))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .with_for_update(of=Shipment)
        .execution_options(populate_existing=True)
    )
    locked = Locked({s.id: s for s in found}, orders)
    if any(line.order_id not in orders for s in locked.shipments.values() for line in s.lines):
        raise Refused(say("Someone else is packing this box; reload and look again"), code="stale")
    return locked


def lock_shipments(tx: Tx, shipment_ids: Collection[int]) -> list[Shipment]:
    """The visible shipments among these, in id order, locked together with their orders."""
    return list(lock_with_orders(tx, shipment_ids).shipments.values())


def lock_shipment(tx: Tx, shipment_id: int, version: int | None = None) -> tuple[Shipment, Locked]:
    """One visible shipment with its orders, locked. Raises NotFound, or Conflict when ``version`` is another one."""
    locked = lock_with_orders(tx, [shipment_id])
    found = locked.shipment(shipment_id)
    check_version(found, version)
    return found, locked


def check_version(shipment: Shipment, version: int | None) -> None:
    """Raise Conflict when the reader's screen was made from another version."""
    if version is not None and shipment.version != version:
        raise Conflict(say("Someone else changed this shipment; reload and look again"), code="stale")


def label_in_the_way(session: Session, order_id: int) -> Say | None:
    """Why nothing on the label of an order's goods may change: it is printed and on a box that has not left."""
    printed = select(Parcel.id).where(Parcel.shipment_id == Shipment.id, Parcel.is_live, Parcel.label_prints > 0)
    number = session.scalar(
        _waiting(order_id).where(or_(Shipment.status == ShipmentStatus.LABELED, printed.exists())).limit(1)
    )
    return rules.printed_already(number) if number else None


def address_refusal(session: Session, order_id: int) -> Say | None:
    """Why the address of an order may not change now: its label is printed, or others go to it in the same box."""
    if refusal := label_in_the_way(session, order_id):
        return refusal
    mate = select(ShipmentLine.id).where(ShipmentLine.shipment_id == Shipment.id, ShipmentLine.order_id != order_id)
    number = session.scalar(_waiting(order_id).where(mate.exists()).limit(1))
    return rules.shared_already(number) if number else None


def _waiting(order_id: int) -> Select[str]:
    """Numbers of the shipments of an order that have not left."""
    mine = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == order_id)
    waiting = select(Shipment.number).where(Shipment.id.in_(mine), Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
    return waiting.order_by(Shipment.id)


def find_shipments(session: Session, actor: Actor, scanned: str) -> list[Shipment]:
    """What a scanned text names exactly: a shipment's, order's, channel's or tracking number; those that can still be
    worked on first, then the newest. Canceled ones are found too, so that the scanner can say so."""
    text = "".join(scanned.split())[:80]
    if not text:
        return []
    spelled = sorted({text, text.upper()})
    shops = select(Shop.id).scalar_subquery()
    orders = union(
        select(Order.id).where(Order.number.in_(spelled)),
        select(Order.id).where(Order.shop_id.in_(shops), Order.external_no.in_(spelled)),
    )
    named = union(
        select(Shipment.id).where(Shipment.number.in_(spelled)),
        select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(orders)),
        select(Parcel.shipment_id).where(Parcel.tracking_no.in_(spelled)),
    )
    rank = case(
        (Shipment.status.in_(sorted(BEFORE_HAND_OVER)), 0), (Shipment.status != ShipmentStatus.CANCELED, 1), else_=2
    )
    return list(
        session.scalars(
            visible_shipments(actor)
            .where(Shipment.id.in_(named))
            .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
            .order_by(rank, Shipment.id.desc())
            .limit(SCANNED_AT_MOST)
        )
    )


def pieces_in_boxes(session: Session, warehouse_id: int, sku_ids: Collection[int]) -> dict[int, int]:
    """Pieces of plain SKUs that lie packed in boxes of a warehouse, off its shelves already; sets by their parts."""
    part = func.coalesce(BundleItem.component_id, OrderLine.sku_id)
    pieces = func.sum(ShipmentLine.quantity * func.coalesce(BundleItem.quantity, 1))
    statement = (
        select(part, pieces)
        .select_from(ShipmentLine)
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .join(OrderLine, OrderLine.id == ShipmentLine.order_line_id)
        .outerjoin(BundleItem, BundleItem.bundle_id == OrderLine.sku_id)
        .where(
            Shipment.warehouse_id == warehouse_id,
            Shipment.status.in_((ShipmentStatus.PACKED, ShipmentStatus.LABELED)),
            part.in_(set(sku_ids)),
        )
        .group_by(part)
    )
    return {sku: int(n) for sku, n in session.execute(statement)}
