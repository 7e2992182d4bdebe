"""Pictures and papers of an order: put there, and removed with a reason. Removed ones stay on record with their file.

A photo of a packed box belongs to the shipment and to every order in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import Refused, say
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order
from oms.orders.queries import lock_known, lock_order
from oms.shipping.pictures import ShipmentPicture, get_attachment
from oms.shipping.queries import lock_shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.attachments_file import KeptFile
from oms.usecases.keeping import bounded

MOST = 100  # pictures of one order that stand
ADD = ("order.note", "document.issue")  # who may put files to an order: who writes on it, or issues its papers


@dataclass(frozen=True)
class AddAttachment:
    """A file for an order; ``file`` was opened and kept before (``attachments_file.keep_file``)."""

    order_id: int
    kind: AttachmentKind
    file: KeptFile
    note: str = ""


@dataclass(frozen=True)
class AddPackingPhoto:
    """A photo of a box as it was packed."""

    shipment_id: int
    file: KeptFile
    note: str = ""


@dataclass(frozen=True)
class AttachmentAdded:
    """``known``: this very file is there already; nothing was added, and what was kept of it is not needed."""

    attachment_ids: tuple[int, ...]
    known: bool = False


@dataclass(frozen=True)
class RemoveAttachment:
    attachment_id: int
    reason: str


@dataclass(frozen=True)
class AttachmentRemoved:
    """``order_ids``: every order it was removed from."""

    order_ids: tuple[int, ...]
    changed: bool = True


def add_attachment(tx: Tx, cmd: AddAttachment) -> AttachmentAdded:
    """Put a file to an order."""
    if not any(tx.actor.may(action) for action in ADD):
        tx.actor.require(ADD[0])
    if cmd.kind is AttachmentKind.SLIP:
        tx.actor.require("order.price")
    note = bounded(cmd.note, 500, "note")
    order = lock_order(tx, cmd.order_id)
    if there := _there(tx, [order.id], cmd.file):
        return AttachmentAdded(there, known=True)
    return AttachmentAdded(tuple(row.id for row in _add(tx, order, cmd.kind, cmd.file, note)))


def add_packing_photo(tx: Tx, cmd: AddPackingPhoto) -> AttachmentAdded:
    """Put a photo to a box and to every order in it."""
    tx.actor.require("shipment.pack")
    note = bounded(cmd.note, 500, "note")
    shipment, locked = lock_shipment(tx, cmd.shipment_id)
    if shipment.status is ShipmentStatus.CANCELED:
        raise Refused(say("{number} is canceled; nothing is packed in it", number=shipment.number), code="canceled")
    orders = locked.inside(shipment)
    if there := _there(tx, [order.id for order in orders], cmd.file):
        return AttachmentAdded(there, known=True)
    made: list[int] = []
    for order in orders:
        for row in _add(tx, order, AttachmentKind.PACKING, cmd.file, note, shipment.number):
            tx.session.add(ShipmentPicture(attachment_id=row.id, shipment_id=shipment.id))
            made.append(row.id)
    return AttachmentAdded(tuple(made))


def remove_attachment(tx: Tx, cmd: RemoveAttachment) -> AttachmentRemoved:
    """Take a picture off its order (off every order of the box that it shows), saying why. What others put there needs
    the permission to void documents."""
    seen = get_attachment(tx, cmd.attachment_id)
    reason = bounded(cmd.reason, 500, "reason", missing=say("Say in a few words why"))
    mine = seen.user_id is not None and seen.user_id == tx.actor.user_id
    if not mine:
        tx.actor.require("document.void")
    same = select(OrderAttachment.order_id).where(OrderAttachment.file_key == seen.file_key)
    orders = {order.id: order for order in lock_known(tx, tx.session.scalars(same).all())}
    rows = tx.session.scalars(
        select(OrderAttachment)
        .where(OrderAttachment.file_key == seen.file_key, OrderAttachment.removed_at.is_(None))
        .order_by(OrderAttachment.order_id)
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        row.removed_at, row.removed_by, row.remove_reason = clock.now(), tx.actor.label[:120], reason
        _note(tx, "order.attachment_removed", orders[row.order_id], row.kind, row.name, reason=reason)
    return AttachmentRemoved(tuple(orders), changed=bool(rows))


def _there(tx: Tx, order_ids: Sequence[int], file: KeptFile) -> tuple[int, ...]:
    """The pictures of this very file that stand with every one of these orders, or none."""
    found = tx.session.execute(
        select(OrderAttachment.id, OrderAttachment.order_id)
        .where(
            OrderAttachment.order_id.in_(order_ids), OrderAttachment.sha256 == file.sha256,
            OrderAttachment.removed_at.is_(None),
        )
        .order_by(OrderAttachment.id)
    ).all()  # fmt: skip
    return tuple(row.id for row in found) if {row.order_id for row in found} == set(order_ids) else ()


def _add(
    tx: Tx, order: Order, kind: AttachmentKind, file: KeptFile, note: str, shipment: str = ""
) -> Collection[OrderAttachment]:
    standing = select(OrderAttachment.sha256, OrderAttachment.page).where(
        OrderAttachment.order_id == order.id, OrderAttachment.removed_at.is_(None)
    )
    there = {(row.sha256, row.page) for row in tx.session.execute(standing)}
    if len(there) + len(file.pages) > MOST:
        raise Refused(
            say("{number} would have more than {most} files; remove what nobody needs", number=order.number, most=MOST),
            field="file", code="files_many",
        )  # fmt: skip
    rows = [
        OrderAttachment(
            order_id=order.id, kind=kind, name=file.name, note=note, file_key=page.file_key, thumb_key=page.thumb_key,
            sha256=file.sha256, page=no, pages=len(file.pages), by=tx.actor.label[:120], user_id=tx.actor.user_id,
        )
        for no, page in enumerate(file.pages, 1)
        if (file.sha256, no) not in there
    ]  # fmt: skip
    tx.session.add_all(rows)
    tx.session.flush()  # the answer names them
    if rows:
        _note(tx, "order.attachment_added", order, kind, file.name, note=note, pages=len(rows), shipment=shipment)
    return rows


def _note(tx: Tx, action: str, order: Order, kind: AttachmentKind, name: str, reason: str = "", **more: object) -> None:
    facts = {"kind": kind.value, "file": name, **{key: value for key, value in more.items() if value}}
    audit.record(tx, action, "order", order.id, order.number, after=facts, reason=reason)
