"""Picking lists: many shipments fetched from the shelves in one walk, each into its tote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select, update

from oms import audit, clock, numbering
from oms.db import Tx, insert_rows
from oms.errors import Forbidden, InvalidInput, NotFound, OmsError, Refused, say
from oms.inventory.models import Warehouse
from oms.shipping.floor import queries
from oms.shipping.floor.models import PickBatch, PickLine, PickSlot
from oms.shipping.floor.states import PICKING, PickStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.picking_queue import next_to_pick, refused_before, urgent_first
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_parcels import PullBack, pull_back
from oms.usecases.shipping_work import start_picking

MOST = 200  # shipments on one list
_LISTS_LOCK = 0x5255504B  # advisory lock, with the warehouse: two who ask for "the next 20" get different ones


@dataclass(frozen=True)
class MakePickList:
    """These shipments, or (none named) the ``next_count`` of the warehouse that must leave first."""

    warehouse_id: int
    shipment_ids: tuple[int, ...] = ()
    next_count: int = 0
    picker: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class PickListMade:
    """``refused``: shipments that were asked for and why they are not on the list."""

    batch_id: int
    number: str
    shipments: int
    refused: Mapping[int, OmsError] = field(default_factory=dict)
    repeated: bool = False


@dataclass(frozen=True)
class GivePickListUp:
    batch_id: int
    reason: str = ""


def make_pick_list(tx: Tx, cmd: MakePickList) -> PickListMade:
    """Put shipments on a new picking list; they are being picked from then on. Raises Refused when none may be."""
    tx.actor.require("shipment.pack")
    place = _place(tx, cmd.warehouse_id)
    tx.session.execute(select(func.pg_advisory_xact_lock(_LISTS_LOCK, place.id)))
    if cmd.idempotency_key and (made := _replay(tx, cmd.idempotency_key)):
        return made
    wanted = _wanted(tx, cmd)
    refused = refused_before(tx, place.id, wanted)
    answers = start_picking(tx, [i for i in wanted if i not in refused])
    refused |= {i: answer for i, answer in answers.items() if isinstance(answer, OmsError)}
    taken = [i for i in wanted if i not in refused]
    if not taken:
        raise next(iter(refused.values()), Refused(say("Nothing waits to be picked here"), code="nothing_to_pick"))
    batch = PickBatch(
        number=numbering.allot_yearly(tx, "PK"), warehouse_id=place.id, status=PickStatus.OPEN,
        picker=cmd.picker[:120] or tx.actor.label[:120], idempotency_key=cmd.idempotency_key,
        created_by=tx.actor.label[:120], created_at=clock.now(),
    )  # fmt: skip
    tx.session.add(batch)
    tx.session.flush()  # the totes name it
    _fill(tx, batch, taken)
    audit.record(
        tx, "picking.started", "pick_batch", batch.id, batch.number,
        after={"warehouse": place.code, "shipments": len(taken), "refused": len(refused)},
    )  # fmt: skip
    return PickListMade(batch.id, batch.number, len(taken), refused)


def _place(tx: Tx, warehouse_id: int) -> Warehouse:
    place = tx.session.get(Warehouse, warehouse_id)
    if place is None:
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    if not tx.actor.sees_warehouse(place.id):
        raise Forbidden(
            say("{warehouse} is not one of your warehouses", warehouse=place.code),
            field="warehouse_id", code="warehouse_scope",
        )  # fmt: skip
    return place


def _replay(tx: Tx, key: str) -> PickListMade | None:
    batch = tx.session.scalars(select(PickBatch).where(PickBatch.idempotency_key == key)).one_or_none()
    if batch is None:
        return None
    count = tx.session.scalar(select(func.count()).where(PickSlot.batch_id == batch.id)) or 0
    return PickListMade(batch.id, batch.number, count, repeated=True)


def _wanted(tx: Tx, cmd: MakePickList) -> list[int]:
    """The shipments, those that must leave first at the front: the first tote is the most urgent one."""
    count = len(cmd.shipment_ids) or cmd.next_count
    if not 1 <= count <= MOST:
        raise InvalidInput(say("A picking list takes 1 to {most} shipments", most=MOST), code="pick_count")
    if cmd.shipment_ids:
        return urgent_first(tx, cmd.shipment_ids)
    return next_to_pick(tx, cmd.warehouse_id, cmd.next_count)


def _fill(tx: Tx, batch: PickBatch, shipment_ids: Sequence[int]) -> None:
    """Totes in the order of the shipments, lines per tote and SKU with the shelf of today. A tote on an older list,
    left when the shipment was stopped for a while, is given up."""
    tx.session.execute(update(PickSlot).where(PickSlot.shipment_id.in_(shipment_ids)).values(is_live=False))
    contents = queries.contents_of(tx.session, shipment_ids)
    lying = queries.goods(tx.session, {sku for c in contents.values() for sku in c.wanted}, batch.warehouse_id)
    insert_rows(
        tx, PickSlot,
        [
            {"batch_id": batch.id, "shipment_id": i, "tote": tote, "is_live": True}
            for tote, i in enumerate(shipment_ids, 1)
        ],
    )  # fmt: skip
    insert_rows(
        tx, PickLine,
        [
            {"batch_id": batch.id, "shipment_id": i, "sku_id": sku, "location": lying[sku].location, "wanted": n,
             "picked": 0, "short": 0}
            for i in shipment_ids
            for sku, n in sorted(contents[i].wanted.items())
        ],
    )  # fmt: skip


def lock_batch(tx: Tx, batch_id: int) -> PickBatch:
    """One picking list of the actor's warehouses, locked. Raises NotFound."""
    batch = tx.session.scalars(
        queries.visible_batches(tx.actor)
        .where(PickBatch.id == batch_id)
        .with_for_update(of=PickBatch)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if batch is None:
        raise NotFound(say("There is no such picking list, or it is not yours to see"), code="pick_batch_not_found")
    return batch


def give_pick_list_up(tx: Tx, cmd: GivePickListUp) -> int:
    """Nobody walks this list: shipments not packed yet wait to be picked again. Answers how many went back."""
    tx.actor.require("shipment.pack")
    batch = lock_batch(tx, cmd.batch_id)
    PICKING.fire(batch, "cancel")
    batch.closed_at, batch.closed_by = clock.now(), tx.actor.label[:120]
    live = select(Shipment.id).join(PickSlot, PickSlot.shipment_id == Shipment.id).where(
        PickSlot.batch_id == batch.id, PickSlot.is_live, Shipment.status == ShipmentStatus.PICKING
    )  # fmt: skip
    waiting = sorted(tx.session.scalars(live))
    tx.session.execute(update(PickSlot).where(PickSlot.batch_id == batch.id).values(is_live=False))
    reason = cmd.reason.strip() or batch.number
    for shipment_id in waiting:
        pull_back(tx, PullBack(shipment_id, reason))
    if waiting:
        make_ready(tx, sorted(queries.orders_in(tx.session, waiting)))
    audit.record(
        tx, "picking.given_up", "pick_batch", batch.id, batch.number, before={"status": PickStatus.OPEN},
        after={"status": batch.status, "shipments": len(waiting)}, reason=cmd.reason,
    )  # fmt: skip
    return len(waiting)
