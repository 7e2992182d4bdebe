"""Pictures that belong to a box as well as to its orders, and who may see the pictures of orders at all."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ForeignKey, Select, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from oms.actor import Actor
from oms.db import Model, Tx
from oms.errors import NotFound, say
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order
from oms.orders.queries import NO_ID, visible
from oms.shipping.models import Shipment
from oms.shipping.queries import visible_shipments


class ShipmentPicture(Model):
    """The box that an attachment shows. A box of several orders has one attachment for each, of the same file."""

    __tablename__ = "shipment_pictures"

    attachment_id: Mapped[int] = mapped_column(
        ForeignKey("order_attachments.id"), primary_key=True, autoincrement=False
    )
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)


def visible_attachments(actor: Actor) -> Select[OrderAttachment]:
    """The attachments this actor may see: of orders they see, or of boxes they work on; slips with the money only."""
    statement = select(OrderAttachment)
    if actor.warehouses is not None or actor.shops is not None or actor.own_orders_only:
        order = visible(actor).where(Order.id == OrderAttachment.order_id)
        box = (
            visible_shipments(actor)
            .join(ShipmentPicture, ShipmentPicture.shipment_id == Shipment.id)
            .where(ShipmentPicture.attachment_id == OrderAttachment.id)
        )
        statement = statement.where(or_(order.exists(), box.exists()))  # row by row: there are few
    if not actor.may("order.price"):
        statement = statement.where(OrderAttachment.kind != AttachmentKind.SLIP)
    return statement


def get_attachment(tx: Tx, attachment_id: int) -> OrderAttachment:
    """One attachment this actor may see. Raises NotFound."""
    mine = visible_attachments(tx.actor).where(OrderAttachment.id == min(attachment_id, NO_ID))
    found = tx.session.scalars(mine).one_or_none()
    if found is None:
        raise NotFound(say("There is no such file, or it is not yours to see"), code="attachment_not_found")
    return found


def of_orders(session: Session, actor: Actor, order_ids: Collection[int]) -> list[OrderAttachment]:
    """The attachments of these orders, the newest first; removed ones stay in their place."""
    if not order_ids:
        return []
    mine = visible_attachments(actor).where(OrderAttachment.order_id.in_(sorted(order_ids)))
    return _each_once(session, mine)


def of_shipment(session: Session, actor: Actor, shipment_id: int) -> list[OrderAttachment]:
    """The pictures of one box, each once however many orders are in it."""
    inside = select(ShipmentPicture.attachment_id).where(ShipmentPicture.shipment_id == shipment_id)
    return _each_once(session, visible_attachments(actor).where(OrderAttachment.id.in_(inside)))


def _each_once(session: Session, statement: Select[OrderAttachment]) -> list[OrderAttachment]:
    rows = session.scalars(statement.order_by(OrderAttachment.id.desc()))
    return list({row.file_key: row for row in rows}.values())


def photos_of(session: Session, shipment_ids: Collection[int]) -> dict[int, int]:
    """How many photos stand for each of these boxes, in one statement."""
    rows = session.execute(
        select(ShipmentPicture.shipment_id, OrderAttachment.file_key)
        .join(OrderAttachment, OrderAttachment.id == ShipmentPicture.attachment_id)
        .where(ShipmentPicture.shipment_id.in_(sorted(shipment_ids)), OrderAttachment.removed_at.is_(None))
        .distinct()
    )
    found = dict.fromkeys(shipment_ids, 0)
    for shipment_id, _ in rows:
        found[shipment_id] += 1
    return found
