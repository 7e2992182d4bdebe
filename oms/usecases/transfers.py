"""Goods from one warehouse to another: a numbered paper, pieces out of one place, under way, into the other (W7).

Locks are taken in one order by everybody: the paper, the stock rows of both warehouses by (SKU, warehouse), the series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock, numbering
from oms.db import Tx
from oms.errors import Conflict, Forbidden, InvalidInput, NotFound, Refused, say
from oms.inventory import moving
from oms.inventory.models import MovementKind, StockLevel, Warehouse
from oms.inventory.moving import Move, Why
from oms.inventory.reserving import Key, lock_or_make_levels
from oms.inventory.states import TRANSFER, TransferStatus
from oms.inventory.transfer_models import Transfer, TransferLine
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import bounded
from oms.usecases.stock_checks import StockLine

PREFIX = "TR"


@dataclass(frozen=True)
class PlanTransfer:
    """A load as it shall be. ``reference``: truck, driver or waybill."""

    from_id: int
    to_id: int
    lines: tuple[StockLine, ...]
    idempotency_key: str
    reference: str = ""
    note: str = ""


@dataclass(frozen=True)
class EditTransfer:
    """The draft as it shall be, over the version the editor saw."""

    transfer_id: int
    version: int
    plan: PlanTransfer


@dataclass(frozen=True)
class MoveTransfer:
    """One step of a transfer. ``version`` None skips the check."""

    transfer_id: int
    version: int | None = None
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True)
class TransferState:
    """A transfer after a verb. ``repeated``: it was saved before with this key."""

    transfer_id: int
    number: str
    status: TransferStatus
    repeated: bool = False


def create_transfer(tx: Tx, plan: PlanTransfer) -> TransferState:
    """Draft a load. Nothing moves yet. The same key again answers like the first time."""
    tx.actor.require("stock.transfer")
    checks.take_turn(tx, plan.idempotency_key)
    earlier = tx.session.scalars(select(Transfer).where(Transfer.idempotency_key == plan.idempotency_key)).one_or_none()
    if earlier is not None:
        return TransferState(earlier.id, earlier.number, earlier.status, repeated=True)
    facts = _checked(tx, plan)
    made = Transfer(
        number=numbering.allot_yearly(tx, PREFIX), status=TransferStatus.DRAFT, created_at=clock.now(),
        created_by=tx.actor.label[:120], idempotency_key=plan.idempotency_key, lines=_lines(plan.lines), **facts,
    )  # fmt: skip
    tx.session.add(made)
    tx.session.flush()  # the audit row names it
    _tell(tx, "transfer.created", made, after=_told(tx, made))
    return state_of(made)


def edit_transfer(tx: Tx, cmd: EditTransfer) -> TransferState:
    """Replace what a draft says. Raises Refused once it was sent, Conflict over a stale version."""
    transfer = lock_transfer(tx, cmd.transfer_id, cmd.version)
    if transfer.status is not TransferStatus.DRAFT:
        raise Refused(say("{number} was sent already", number=transfer.number), code="transfer_sent")
    facts, before = _checked(tx, cmd.plan), _told(tx, transfer)
    for name, value in facts.items():
        setattr(transfer, name, value)
    for line in list(transfer.lines):
        tx.session.delete(line)
    tx.session.flush()  # a SKU stands once on a paper
    transfer.lines = _lines(cmd.plan.lines)
    tx.session.flush()
    _tell(tx, "transfer.edited", transfer, before=before, after=_told(tx, transfer))
    return state_of(transfer)


def send_transfer(tx: Tx, cmd: MoveTransfer) -> TransferState:
    """The pieces leave the sender's stock and are under way. Never what orders were promised."""
    transfer = lock_transfer(tx, cmd.transfer_id, cmd.version)
    TRANSFER.check(transfer, "send")
    checks.check_place(tx, transfer.from_id)
    open_place(tx, transfer.to_id)
    levels = lock_both(tx, transfer)
    here, there = of_place(levels, transfer.from_id), of_place(levels, transfer.to_id)
    moves = [Move(line.sku_id, -line.quantity) for line in transfer.lines]
    checks.refuse_impossible(tx, transfer.from_id, here, moves)
    TRANSFER.fire(transfer, "send")
    transfer.sent_at, transfer.sent_by = clock.now(), tx.actor.label[:120]
    if reference := bounded(cmd.reference, 80, "reference"):
        transfer.reference = reference
    for line in transfer.lines:
        there[line.sku_id].incoming += line.quantity
    moving.post(tx, transfer.from_id, here, moves, why_of(tx, MovementKind.TRANSFER_OUT, transfer))
    _tell(tx, "transfer.sent", transfer, before={"status": "draft"}, after=_told(tx, transfer))
    return state_of(transfer)


def depart_transfer(tx: Tx, cmd: MoveTransfer) -> TransferState:
    """The truck has left. Receiving says so by itself; this tells the receiver to expect it."""
    transfer = lock_transfer(tx, cmd.transfer_id, cmd.version)
    TRANSFER.check(transfer, "depart")
    checks.check_place(tx, transfer.from_id)
    TRANSFER.fire(transfer, "depart")
    if reference := bounded(cmd.reference, 80, "reference"):
        transfer.reference = reference
    _tell(
        tx, "transfer.departed", transfer, before={"status": "sent"},
        after={"status": transfer.status, "reference": transfer.reference},
    )  # fmt: skip
    return state_of(transfer)


def cancel_transfer(tx: Tx, cmd: MoveTransfer) -> TransferState:
    """Drop a draft; its number stays. What was sent is received back instead."""
    transfer = lock_transfer(tx, cmd.transfer_id, cmd.version)
    reason = bounded(cmd.reason, 500, "reason", missing=say("Say in a few words why"))
    TRANSFER.fire(transfer, "cancel")
    close(tx, transfer)
    _tell(
        tx, "transfer.canceled", transfer, before={"status": "draft"}, after={"status": transfer.status}, reason=reason
    )
    return state_of(transfer)


# --- shared with receiving ----------------------------------------------------------------------------------------


def lock_transfer(tx: Tx, transfer_id: int, version: int | None) -> Transfer:
    """A transfer to or from one of the actor's warehouses, locked and read afresh. Raises NotFound or Conflict."""
    tx.actor.require("stock.transfer")
    statement = (
        select(Transfer)
        .where(Transfer.id == transfer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found = tx.session.scalars(statement).one_or_none()
    if found is None or not (tx.actor.sees_warehouse(found.from_id) or tx.actor.sees_warehouse(found.to_id)):
        raise NotFound(say("There is no such transfer, or it is not yours to see"), code="transfer_not_found")
    if version is not None and found.version != version:
        raise Conflict(say("Someone else changed this transfer; reload and look again"), code="stale")
    return found


def lock_both(tx: Tx, transfer: Transfer, more: Sequence[int] = ()) -> dict[Key, StockLevel]:
    """The balances of the load's SKUs in both warehouses, locked in key order."""
    skus = {line.sku_id for line in transfer.lines} | set(more)
    return lock_or_make_levels(tx, [(sku, place) for sku in skus for place in (transfer.from_id, transfer.to_id)])


def of_place(levels: Mapping[Key, StockLevel], warehouse_id: int) -> dict[int, StockLevel]:
    """The balances of one of the two warehouses, by SKU."""
    return {sku: level for (sku, place), level in levels.items() if place == warehouse_id}


def why_of(tx: Tx, kind: MovementKind, transfer: Transfer, reason: str = "") -> Why:
    """What the movements of a transfer say."""
    way = f"{checks.warehouse_code(tx, transfer.from_id)} → {checks.warehouse_code(tx, transfer.to_id)}"
    return Why(kind, transfer.number, " · ".join(part for part in (way, reason) if part))


def close(tx: Tx, transfer: Transfer) -> None:
    """Nothing of it is under way any more."""
    transfer.closed_at, transfer.closed_by = clock.now(), tx.actor.label[:120]


def state_of(transfer: Transfer) -> TransferState:
    """What a verb answers about a transfer."""
    return TransferState(transfer.id, transfer.number, transfer.status)


def open_place(tx: Tx, warehouse_id: int) -> Warehouse:
    """A warehouse that is open, whosever it is."""
    row = tx.session.get(Warehouse, warehouse_id)
    if row is None or not row.is_active:
        raise InvalidInput(say("Choose an open warehouse"), field="to_id", code="warehouse_closed")
    return row


def _checked(tx: Tx, plan: PlanTransfer) -> dict[str, object]:
    if plan.from_id == plan.to_id:
        raise InvalidInput(say("Choose two different warehouses"), field="to_id", code="same_warehouse")
    for place in (plan.from_id, plan.to_id):
        open_place(tx, place)
    if not (tx.actor.sees_warehouse(plan.from_id) or tx.actor.sees_warehouse(plan.to_id)):
        raise Forbidden(say("Neither warehouse is one of yours"), field="from_id", code="warehouse_scope")
    checks.check_lines(tx, plan.lines, low=1)
    return {
        "from_id": plan.from_id, "to_id": plan.to_id, "reference": bounded(plan.reference, 80, "reference"),
        "note": bounded(plan.note, 500, "note"),
    }  # fmt: skip


def _lines(lines: Sequence[StockLine]) -> list[TransferLine]:
    return [TransferLine(position=i, sku_id=x.sku_id, quantity=x.quantity) for i, x in enumerate(lines, 1)]


def _told(tx: Tx, transfer: Transfer) -> dict[str, object]:
    codes = checks.sku_codes(tx, [line.sku_id for line in transfer.lines])
    return {
        "status": transfer.status,
        "from": checks.warehouse_code(tx, transfer.from_id),
        "to": checks.warehouse_code(tx, transfer.to_id),
        "lines": [f"{codes[line.sku_id]} {line.quantity}" for line in transfer.lines],
    }


def _tell(
    tx: Tx,
    action: str,
    transfer: Transfer,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
) -> None:
    audit.record(tx, action, "transfer", transfer.id, transfer.number, before=before, after=after, reason=reason)
