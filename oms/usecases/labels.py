"""Labels in batches: asked for, decided box by box, put on record, then drawn as one file.

A batch goes in two steps. First every shipment is decided under lock, some at a time: its label is put on record with
what stands on it, or it is refused and says why. Then the file is drawn from what was put on record, as often as it
takes. So a worker that dies in between loses nothing, prints nothing twice, and one bad row holds up no other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from oms import audit, clock, outbox
from oms.actor import Actor
from oms.catalog.models import Sku
from oms.db import Tx, insert_rows
from oms.documents.labels.models import BatchStatus, LabelBatch, LabelRow, RowStatus
from oms.documents.labels.papers import Paper
from oms.errors import InvalidInput, NotFound, OmsError, Refused, say
from oms.inventory.models import StockLevel
from oms.orders.models import Order, OrderLine
from oms.orders.queries import NO_ID
from oms.shipping.floor.rules import shelf_key
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.keeping import bounded
from oms.usecases.labels_setup import Look, look_of
from oms.usecases.sentences import pack
from oms.usecases.shipping_boxes import ready_boxes

TOPIC = "labels.print"
MOST = 3000


@dataclass(frozen=True)
class MakeLabelBatch:
    """Labels of these shipments, or of all boxes of these orders that have not left; orders without a box are made
    ready first. ``reason``: why labels printed before are printed again. ``look`` None: as the settings have it."""

    shipment_ids: tuple[int, ...] = ()
    order_ids: tuple[int, ...] = ()
    paper: Paper | None = None
    look: Look | None = None
    reason: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True)
class BatchMade:
    batch_id: int
    total: int


@dataclass(frozen=True)
class CancelBatch:
    batch_id: int


@dataclass(frozen=True)
class Wanted:
    """One shipment of a batch before it is decided: or why there is none."""

    shipment_id: int | None
    number: str
    orders: tuple[str, ...]
    refusal: OmsError | None = None


def make_label_batch(tx: Tx, cmd: MakeLabelBatch) -> BatchMade:
    """Write down whose labels are to be printed, in the order they are picked. The same key again answers with the
    first batch.

    Raises InvalidInput when nothing was chosen, too much, or when labels were printed before and no reason is given.
    """
    tx.actor.require("shipment.label")
    chosen = list(dict.fromkeys((*cmd.shipment_ids, *cmd.order_ids)))
    if not chosen:
        raise InvalidInput(say("Choose at least one shipment"), field="shipment_ids", code="labels_none")
    if len(chosen) > MOST:
        raise InvalidInput(say("Choose {most} shipments at most", most=MOST), field="shipment_ids", code="labels_many")
    reason = bounded(cmd.reason, 200, "reason")
    wanted = [*_by_orders(tx, cmd.order_ids), *_by_shipments(tx, cmd.shipment_ids)]
    _ask_reason(tx, wanted, reason)
    look = cmd.look or look_of(tx.session)
    batch_id = tx.session.scalar(
        insert(LabelBatch)
        .values(
            status=BatchStatus.WAITING, paper=cmd.paper or look.paper, options=look.to_json(), reason=reason,
            total=len(wanted), printed=0, refused=sum(1 for w in wanted if w.refusal), canceled=0, labels=0,
            actor=tx.actor.snapshot(), user_id=tx.actor.user_id, user_label=tx.actor.label[:120], canceled_by="",
            idempotency_key=cmd.idempotency_key or f"{clock.now().timestamp()}:{tx.actor.user_id}", file_key="",
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=[LabelBatch.idempotency_key])
        .returning(LabelBatch.id)
    )  # fmt: skip
    if batch_id is None:
        earlier = select(LabelBatch).where(LabelBatch.idempotency_key == cmd.idempotency_key)
        found = tx.session.scalars(earlier).one()
        return BatchMade(found.id, found.total)
    insert_rows(tx, LabelRow, [_row(batch_id, n, w) for n, w in enumerate(wanted)])
    outbox.add(tx, TOPIC, f"{TOPIC}:{batch_id}", batch_id=batch_id)
    after = {"paper": cmd.paper or look.paper, "shipments": len(wanted)}
    audit.record(tx, "labels.asked", "label_batch", batch_id, f"#{batch_id}", after=after, reason=reason)
    return BatchMade(batch_id, len(wanted))


def _row(batch_id: int, position: int, wanted: Wanted) -> dict[str, Any]:
    refusal = wanted.refusal
    return {
        "batch_id": batch_id, "position": position, "shipment_id": wanted.shipment_id, "number": wanted.number,
        "orders": list(wanted.orders), "status": RowStatus.REFUSED if refusal else RowStatus.WAITING,
        "code": refusal.detail_code[:64] if refusal else "", "message": pack(refusal.message) if refusal else None,
        "facts": None,
    }  # fmt: skip


def _by_orders(tx: Tx, order_ids: Collection[int]) -> list[Wanted]:
    """The boxes of orders that have not left; those without one are made ready, and those that cannot be say why."""
    ids = [i for i in dict.fromkeys(order_ids) if 0 < i < NO_ID]
    if not ids:
        return []
    boxed = (
        select(ShipmentLine.order_id)
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(ShipmentLine.order_id.in_(ids), Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
    )
    have = set(tx.session.scalars(boxed))
    answers = ready_boxes(tx, [i for i in ids if i not in have])
    refused = {i: a for i, a in answers.items() if isinstance(a, OmsError)}
    named = tx.session.execute(select(Order.id, Order.number).where(Order.id.in_(list(refused))))
    numbers: dict[int, str] = {row.id: row.number for row in named}
    bad = [Wanted(None, "", (numbers.get(i, "–"),), refusal) for i, refusal in refused.items()]
    inside = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(ids))
    live = Shipment.status.in_(sorted(BEFORE_HAND_OVER))
    return [*_in_pick_order(tx, visible_shipments(tx.actor).where(Shipment.id.in_(inside), live)), *bad]


def _by_shipments(tx: Tx, shipment_ids: Collection[int]) -> list[Wanted]:
    ids = [i for i in dict.fromkeys(shipment_ids) if 0 < i < NO_ID]
    return _in_pick_order(tx, visible_shipments(tx.actor).where(Shipment.id.in_(ids))) if ids else []


def _in_pick_order(tx: Tx, statement: Select[Shipment]) -> list[Wanted]:
    """Shipments in the order they are picked: warehouse by warehouse, by the first shelf a picker comes to, then what
    has to leave first."""
    found = statement.with_only_columns(Shipment.id, Shipment.number, Shipment.warehouse_id).subquery()
    shelf = func.coalesce(func.nullif(StockLevel.location, ""), Sku.location)
    rows = tx.session.execute(
        select(
            found.c.id, found.c.number, found.c.warehouse_id,
            func.array_agg(func.coalesce(Order.external_no, Order.number).distinct()).label("orders"),
            func.array_agg(shelf.distinct()).label("shelves"), func.min(Order.ship_by).label("due"),
        )
        .join(ShipmentLine, ShipmentLine.shipment_id == found.c.id)
        .join(Order, Order.id == ShipmentLine.order_id)
        .join(OrderLine, OrderLine.id == ShipmentLine.order_line_id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .outerjoin(StockLevel, and_(StockLevel.sku_id == Sku.id, StockLevel.warehouse_id == found.c.warehouse_id))
        .group_by(found.c.id, found.c.number, found.c.warehouse_id)
    ).all()  # fmt: skip
    picked = sorted(
        rows, key=lambda r: (r.warehouse_id, min(map(shelf_key, r.shelves)), r.due is None, r.due or clock.now(), r.id)
    )
    return [Wanted(r.id, r.number, tuple(sorted(r.orders))) for r in picked]


def _ask_reason(tx: Tx, wanted: Sequence[Wanted], reason: str) -> None:
    """Printing again is possible, and asks why."""
    ids = [w.shipment_id for w in wanted if w.shipment_id]
    if reason or not ids:
        return
    again = tx.session.scalar(
        select(func.count(Parcel.shipment_id.distinct())).where(
            Parcel.shipment_id.in_(ids), Parcel.is_live, Parcel.label_prints > 0
        )
    )
    if again:
        raise InvalidInput(
            say("{n} of these have their label already; say why they are printed again", n=again),
            field="reason",
            code="label_reprint_reason",
        )


def cancel_batch(tx: Tx, cmd: CancelBatch) -> None:
    """Give up what is not decided yet; labels on record so far are still drawn, so that every mark has its paper.

    Raises NotFound, or Refused when there is nothing left to give up.
    """
    tx.actor.require("shipment.label")
    batch = lock_batch(tx, cmd.batch_id)
    if batch.status not in {BatchStatus.WAITING, BatchStatus.RUNNING} or batch.canceled_at is not None:
        raise Refused(say("This batch is finished already"), code="batch_finished")
    given_up = give_up(tx, batch)
    batch.canceled_at, batch.canceled_by = clock.now(), tx.actor.label[:120]
    audit.record(tx, "labels.canceled", "label_batch", batch.id, f"#{batch.id}", after={"given_up": given_up})


def give_up(tx: Tx, batch: LabelBatch) -> int:
    """Mark what waits as given up; answers how much."""
    rows = tx.session.execute(
        update(LabelRow)
        .where(LabelRow.batch_id == batch.id, LabelRow.status == RowStatus.WAITING)
        .values(status=RowStatus.CANCELED)
        .returning(LabelRow.position)
    ).all()
    batch.canceled += len(rows)
    return len(rows)


def lock_batch(tx: Tx, batch_id: int) -> LabelBatch:
    """A batch this actor may see, locked. Raises NotFound."""
    get_batch(tx.session, tx.actor, batch_id)
    return tx.session.scalars(
        select(LabelBatch).where(LabelBatch.id == batch_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def get_batch(session: Session, actor: Actor, batch_id: int) -> LabelBatch:
    """A batch of one's own; those who manage background work see all. Raises NotFound."""
    actor.require("shipment.label")
    found = session.scalars(visible_batches(actor).where(LabelBatch.id == min(batch_id, NO_ID))).one_or_none()
    if found is None:
        raise NotFound(say("There is no such batch of labels, or it is not yours"), code="batch_not_found")
    return found


def visible_batches(actor: Actor) -> Select[LabelBatch]:
    """The batches this actor may see: their own, or all."""
    statement = select(LabelBatch)
    if not actor.may("operations.manage"):
        statement = statement.where(LabelBatch.user_id == actor.user_id)
    return statement


def acting(tx: Tx, batch: LabelBatch) -> Tx:
    """The transaction as whoever asked for the batch; the background has no rights of its own."""
    return replace(tx, actor=Actor.restored(batch.actor)) if tx.actor.kind == "system" else tx


def batch_rows(session: Session, batch_id: int, *statuses: RowStatus) -> list[LabelRow]:
    """The rows of a batch in their order; all of them, or of some kinds."""
    statement = select(LabelRow).where(LabelRow.batch_id == batch_id).order_by(LabelRow.position)
    if statuses:
        statement = statement.where(LabelRow.status.in_(statuses))
    return list(session.scalars(statement))
