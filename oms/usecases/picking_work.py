"""The walk along the shelves: pieces ticked off by tap or scan, pieces that are not there, the end of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Refused, Say, say
from oms.orders.queries import lock_known
from oms.orders.states import HoldReason
from oms.shipping.floor import queries
from oms.shipping.floor.models import PackingScan, PickBatch, PickLine, PickSlot
from oms.shipping.floor.rules import OK
from oms.shipping.floor.states import PICKING, PickStatus, ScanKind
from oms.usecases.keeping import bounded
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.picking import lock_batch
from oms.usecases.sentences import pack, unpack


@dataclass(frozen=True)
class Pick:
    """Pieces taken from the shelf. ``code``: what was scanned, or ``sku_id``: what was tapped. ``quantity`` None: all
    that are left of it; less than 0: put back. ``key``: sent again, it counts once."""

    batch_id: int
    key: str
    code: str = ""
    sku_id: int | None = None
    quantity: int | None = 1


@dataclass(frozen=True)
class Picked:
    """``tote``: where the piece goes when it was one. ``finished``: it was the last of the list."""

    outcome: str
    message: Say | None = None
    sku_id: int | None = None
    tote: int | None = None
    finished: bool = False


@dataclass(frozen=True)
class ReportShort:
    """So many pieces of a SKU are not where they should be."""

    batch_id: int
    sku_id: int
    missing: int
    note: str = ""


@dataclass(frozen=True)
class ShortReported:
    """``totes``: those that cannot be filled; their orders are on hold."""

    totes: tuple[int, ...]
    finished: bool


def pick(tx: Tx, cmd: Pick) -> Picked:
    """Tick pieces off. A code that is not on the list, or one piece too many, is answered and written down."""
    tx.actor.require("shipment.pack")
    bounded(cmd.key, 64, "key", missing=say("The scan has no number of its own; load the page anew"))
    batch = lock_batch(tx, cmd.batch_id)
    if earlier := tx.session.scalars(select(PackingScan).where(PackingScan.key == cmd.key)).one_or_none():
        return Picked(
            earlier.outcome, unpack(earlier.message), earlier.sku_id, finished=batch.status != PickStatus.OPEN
        )
    row = PackingScan(
        key=cmd.key, kind=ScanKind.PICK, code=cmd.code.replace("\x00", "")[:200], outcome=OK, batch_id=batch.id,
        warehouse_id=batch.warehouse_id, by_hand=not cmd.code, user_id=tx.actor.user_id, actor=tx.actor.label[:120],
        scanned_at=clock.now(), at=clock.now(), quantity=0,
    )  # fmt: skip
    tote, message = None, None
    try:
        sku_id, tote, count = _take(tx, batch, cmd)
        row.sku_id, row.quantity = sku_id, count
    except OmsError as refusal:
        row.outcome, message = refusal.detail_code, refusal.message
    row.message = pack(message)
    tx.session.add(row)
    return Picked(row.outcome, message, row.sku_id, tote, finished=_finish_if_done(tx, batch))


def _take(tx: Tx, batch: PickBatch, cmd: Pick) -> tuple[int, int | None, int]:
    """(SKU, tote when one piece went into it, pieces)."""
    if batch.status is not PickStatus.OPEN:
        raise Refused(say("The list {number} is closed", number=batch.number), code="list_closed")
    live = _live_lines(tx, batch)
    sku_id = cmd.sku_id or _sku_on_list(tx, cmd.code, live)
    mine = [(tote, line) for tote, line in live if line.sku_id == sku_id]
    if not mine:
        raise Refused(say("This is not on the list"), code="not_on_list")
    if cmd.quantity is not None and cmd.quantity < 0:
        return sku_id, None, -_put_back(mine, -cmd.quantity)
    left = [(tote, line, line.wanted - line.picked - line.short) for tote, line in mine]
    wanted = sum(n for *_, n in left) if cmd.quantity is None else cmd.quantity
    if wanted == 0 or wanted > sum(n for *_, n in left):
        raise Refused(say("All pieces of it are picked already; put this one back"), code="too_many")
    filled, rest = [], wanted
    for tote, line, n in left:
        take = min(n, rest)
        line.picked += take
        rest -= take
        filled += [tote] * bool(take)
    return sku_id, filled[0] if len(filled) == 1 else None, wanted


def _live_lines(tx: Tx, batch: PickBatch) -> list[tuple[int, PickLine]]:
    """(tote, line) of totes that are still wanted, in tote order."""
    rows = tx.session.execute(
        select(PickSlot.tote, PickLine)
        .join(
            PickSlot, (PickSlot.batch_id == PickLine.batch_id) & (PickSlot.shipment_id == PickLine.shipment_id)
        )
        .where(PickLine.batch_id == batch.id, PickSlot.is_live)
        .order_by(PickSlot.tote, PickLine.id)
        .execution_options(populate_existing=True)
    )  # fmt: skip
    return [(tote, line) for tote, line in rows]


def _sku_on_list(tx: Tx, code: str, live: Sequence[tuple[int, PickLine]]) -> int:
    named = queries.skus_named(tx.session, code)
    if not named:
        raise Refused(say("Nobody knows the code “{code}”", code=code[:80]), code="unknown_code")
    listed = {line.sku_id for _, line in live}
    return next((sku.id for sku in named if sku.id in listed), named[0].id)


def _put_back(mine: Sequence[tuple[int, PickLine]], count: int) -> int:
    rest = count
    for _, line in reversed(mine):
        back = min(line.picked, rest)
        line.picked -= back
        rest -= back
    return count - rest


def _finish_if_done(tx: Tx, batch: PickBatch) -> bool:
    if batch.status is PickStatus.OPEN:
        tx.session.flush()  # the counts are read anew
        if all(line.picked + line.short == line.wanted for _, line in _live_lines(tx, batch)):
            _close(tx, batch)
    return batch.status is PickStatus.PICKED


def _close(tx: Tx, batch: PickBatch) -> None:
    PICKING.fire(batch, "finish")
    batch.closed_at, batch.closed_by = clock.now(), tx.actor.label[:120]
    audit.record(
        tx, "picking.finished", "pick_batch", batch.id, batch.number, before={"status": PickStatus.OPEN},
        after={"status": batch.status},
    )  # fmt: skip


def finish_pick_list(tx: Tx, batch_id: int) -> int:
    """Everything on the list is in its tote, whoever ticked what (a list picked from paper). Answers how many pieces
    were ticked off by it."""
    tx.actor.require("shipment.pack")
    batch = lock_batch(tx, batch_id)
    PICKING.check(batch, "finish")
    rest = 0
    for _, line in _live_lines(tx, batch):
        rest += line.wanted - line.picked - line.short
        line.picked = line.wanted - line.short
    _close(tx, batch)
    return rest


def report_short(tx: Tx, cmd: ReportShort) -> ShortReported:
    """Pieces are missing: the totes that must leave last go without, and their orders wait on hold for somebody to
    count the stock. Raises InvalidInput when no so many are still to be picked."""
    tx.actor.require("shipment.pack")
    tx.actor.require("order.hold")
    note = bounded(cmd.note, 300, "note")
    batch = lock_batch(tx, cmd.batch_id)
    PICKING.check(batch, "finish")
    mine = [(tote, line) for tote, line in _live_lines(tx, batch) if line.sku_id == cmd.sku_id]
    left = sum(line.wanted - line.picked - line.short for _, line in mine)
    if not 1 <= cmd.missing <= left:
        raise InvalidInput(
            say("{left} pieces are still to be picked; {n} cannot be missing", left=left, n=cmd.missing),
            field="missing", code="short_range",
        )  # fmt: skip
    totes, shipments, rest = [], [], cmd.missing
    for tote, line in reversed(mine):
        lacking = min(line.wanted - line.picked - line.short, rest)
        if lacking:
            line.short += lacking
            rest -= lacking
            totes.append(tote)
            shipments.append(line.shipment_id)
    tx.session.flush()  # the orders are read by SQL
    _hold(tx, batch, cmd, shipments, note)
    for slot in batch.slots:
        if slot.shipment_id in shipments:
            slot.is_live = False
    return ShortReported(tuple(sorted(totes)), finished=_finish_if_done(tx, batch))


def _hold(tx: Tx, batch: PickBatch, cmd: ReportShort, shipments: Sequence[int], note: str) -> None:
    """The orders of these shipments wait; their shipments are pulled back with it."""
    sku = tx.session.get_one(Sku, cmd.sku_id)
    where = next((line.location for _, line in _live_lines(tx, batch) if line.sku_id == cmd.sku_id), "")
    words = " · ".join(part for part in (batch.number, sku.code, where, f"−{cmd.missing}", note) if part)
    order_ids = queries.orders_in(tx.session, shipments)
    lock_known(tx, order_ids)
    for order_id in sorted(order_ids):
        try:
            with tx.session.begin_nested():
                hold_order(tx, HoldOrder(order_id, HoldReason.STOCK, words))
        except Refused as refusal:
            if refusal.detail_code != "held_already":
                raise
    audit.record(
        tx, "picking.short", "pick_batch", batch.id, batch.number,
        after={"sku": sku.code, "missing": cmd.missing, "orders": len(order_ids)}, reason=note,
    )  # fmt: skip
