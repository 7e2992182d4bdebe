"""Pieces under way arrive, all at once or bit by bit; what is broken, lost, sent back or too many is said with a reason
and a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx, insert_rows
from oms.errors import InvalidInput, Refused, say
from oms.inventory import moving
from oms.inventory.models import Bucket, MovementKind, StockLevel, Warehouse, WarehouseKind
from oms.inventory.moving import Move
from oms.inventory.reserving import Key
from oms.inventory.states import TRANSFER, StepKind, TransferStatus
from oms.inventory.transfer_models import Transfer, TransferLine, TransferStep
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import bounded
from oms.usecases.orders_cancel import announce_freed
from oms.usecases.stock_checks import StockLine
from oms.usecases.transfers import close, lock_both, lock_transfer, of_place, state_of, why_of

_FIELDS = {
    StepKind.RECEIVED: "received", StepKind.DAMAGED: "damaged", StepKind.LOST: "lost", StepKind.CAME_BACK: "came_back",
    StepKind.SURPLUS: "surplus",
}  # fmt: skip
_TURN = {kind: turn for turn, kind in enumerate(StepKind)}
_MUST_BE_OPEN = frozenset({StepKind.DAMAGED, StepKind.LOST, StepKind.CAME_BACK})


@dataclass(frozen=True)
class Arrived:
    """So many pieces of one SKU, and what became of them. All but received pieces need the reason of the receipt."""

    sku_id: int
    quantity: int
    kind: StepKind = StepKind.RECEIVED


@dataclass(frozen=True)
class ReceiveTransfer:
    """What arrived this time. ``rest_lost``: nothing more will come; what is still under way counts as lost.

    More pieces of a SKU than are under way are surplus by themselves. ``idempotency_key``: the same receipt again adds
    nothing.
    """

    transfer_id: int
    arrived: tuple[Arrived, ...]
    idempotency_key: str
    reason: str = ""
    rest_lost: bool = False
    version: int | None = None


@dataclass(frozen=True)
class TransferReceived:
    """``open``: pieces still under way. ``surplus``: pieces that were not on the paper."""

    transfer_id: int
    number: str
    status: TransferStatus
    open: int
    surplus: int = 0
    repeated: bool = False


def receive_transfer(tx: Tx, cmd: ReceiveTransfer) -> TransferReceived:
    """Take pieces of a transfer in. Raises Refused for pieces that are not under way, InvalidInput without a reason for
    a difference."""
    transfer = lock_transfer(tx, cmd.transfer_id, cmd.version)
    key = bounded(cmd.idempotency_key, 120, "idempotency_key", missing=say("The form has no key; open it again"))
    if tx.session.scalar(
        select(TransferStep.id).where(TransferStep.transfer_id == transfer.id, TransferStep.receipt == key).limit(1)
    ):
        return _answer(transfer, repeated=True)
    if transfer.status is TransferStatus.SENT:
        TRANSFER.fire(transfer, "depart")
    TRANSFER.check(transfer, "finish")
    steps = _steps(tx, transfer, cmd)
    reason = _check_reason(cmd, steps)
    _check_places(tx, transfer, steps)
    levels = lock_both(tx, transfer, [sku for sku, _ in steps])
    _write(tx, transfer, steps, key, reason)
    freed = _move(tx, transfer, levels, steps, reason)
    _finish(tx, transfer)
    _tell(tx, transfer, steps, reason)
    if freed:
        announce_freed(tx, freed, f"{transfer.number}:{key}"[:100])
    return _answer(transfer, surplus=sum(n for (_, kind), n in steps.items() if kind is StepKind.SURPLUS))


Steps = dict[tuple[int, StepKind], int]


def _steps(tx: Tx, transfer: Transfer, cmd: ReceiveTransfer) -> Steps:
    """What is said per SKU and kind; pieces beyond those under way are surplus, the rest is lost if so said."""
    said = _said(tx, transfer, cmd)
    left = {line.sku_id: line.open for line in transfer.lines}
    steps: Steps = defaultdict(int)
    for (sku, kind), pieces in sorted(said.items(), key=lambda item: (item[0][0], _TURN[item[0][1]])):
        taken = 0 if kind is StepKind.SURPLUS else min(pieces, left.get(sku, 0))
        if kind in _MUST_BE_OPEN and taken < pieces:
            raise _too_many(tx, sku, left.get(sku, 0))
        left[sku] = left.get(sku, 0) - taken
        for found, count in ((kind, taken), (StepKind.SURPLUS, pieces - taken)):
            if count:
                steps[sku, found] += count
    if cmd.rest_lost:
        for sku in [sku for sku, rest in left.items() if rest > 0]:
            steps[sku, StepKind.LOST] += left[sku]
    if not steps:
        raise InvalidInput(say("Enter what arrived"), field="arrived", code="lines_missing")
    return dict(steps)


def _said(tx: Tx, transfer: Transfer, cmd: ReceiveTransfer) -> Steps:
    said: Steps = defaultdict(int)
    for arrived in cmd.arrived:
        if not 1 <= arrived.quantity <= moving.MOST:
            raise InvalidInput(say("Enter whole numbers of pieces"), field="arrived", code="quantity_range")
        said[arrived.sku_id, arrived.kind] += arrived.quantity
    strange = {sku for sku, _ in said} - {line.sku_id for line in transfer.lines}
    if strange:
        checks.check_lines(tx, [StockLine(sku, 1) for sku in sorted(strange)], low=1)
    return said


def _too_many(tx: Tx, sku_id: int, left: int) -> Refused:
    code = checks.sku_codes(tx, [sku_id]).get(sku_id, "")
    return Refused(
        say("Only {left} pieces of {sku} are under way", left=left, sku=code), field="arrived", code="not_under_way"
    )


def _check_reason(cmd: ReceiveTransfer, steps: Steps) -> str:
    reason = bounded(cmd.reason, 500, "reason")
    if not reason and any(kind is not StepKind.RECEIVED for _, kind in steps):
        raise InvalidInput(
            say("Something differs from the paper: say in a few words what happened"), field="reason",
            code="reason_missing",
        )  # fmt: skip
    return reason


def _check_places(tx: Tx, transfer: Transfer, steps: Steps) -> None:
    """Whoever works in the receiving warehouse takes in; what came back is taken in by the sender."""
    kinds = {kind for _, kind in steps}
    if kinds - {StepKind.CAME_BACK}:
        checks.check_place(tx, transfer.to_id)
    if StepKind.CAME_BACK in kinds:
        checks.check_place(tx, transfer.from_id)


def _write(tx: Tx, transfer: Transfer, steps: Steps, key: str, reason: str) -> None:
    lines = {line.sku_id: line for line in transfer.lines}
    position = max(line.position for line in lines.values())
    for sku in sorted({sku for sku, _ in steps} - set(lines)):
        position += 1
        lines[sku] = TransferLine(
            position=position, sku_id=sku, quantity=0, received=0, damaged=0, lost=0, came_back=0, surplus=0
        )
        transfer.lines.append(lines[sku])
    for (sku, kind), pieces in steps.items():
        name = _FIELDS[kind]
        setattr(lines[sku], name, getattr(lines[sku], name) + pieces)
    tx.session.flush()  # steps name their lines
    at = clock.now()
    insert_rows(
        tx,
        TransferStep,
        [
            {
                "transfer_id": transfer.id, "line_id": lines[sku].id, "kind": kind, "quantity": pieces,
                "reason": "" if kind is StepKind.RECEIVED else reason, "receipt": key, "at": at,
                "actor": tx.actor.label[:120],
            }
            for (sku, kind), pieces in sorted(steps.items())
        ],
    )  # fmt: skip


def _move(tx: Tx, transfer: Transfer, levels: Mapping[Key, StockLevel], steps: Steps, reason: str) -> set[Key]:
    """Into the receiver's shelves and damaged corner, or back to the sender. Answers what became free for orders."""
    there, here = of_place(levels, transfer.to_id), of_place(levels, transfer.from_id)
    arriving: list[Move] = []
    returning: list[Move] = []
    for (sku, kind), pieces in sorted(steps.items()):
        if kind is not StepKind.SURPLUS:
            there[sku].incoming -= pieces
        if kind in {StepKind.RECEIVED, StepKind.SURPLUS}:
            arriving.append(Move(sku, pieces))
        elif kind is StepKind.DAMAGED:
            arriving.append(Move(sku, pieces, Bucket.DAMAGED))
        elif kind is StepKind.CAME_BACK:
            returning.append(Move(sku, pieces))
    freed: set[Key] = set()
    if arriving:
        freed |= moving.post(
            tx, transfer.to_id, _only(there, arriving), arriving, why_of(tx, MovementKind.TRANSFER_IN, transfer, reason)
        )
    if returning:
        freed |= moving.post(
            tx, transfer.from_id, _only(here, returning), returning,
            why_of(tx, MovementKind.TRANSFER_IN, transfer, reason),
        )  # fmt: skip
    shelves = {w for w in (transfer.from_id, transfer.to_id) if _is_ours(tx, w)}
    return {key for key in freed if key[1] in shelves}


def _only(levels: Mapping[int, StockLevel], moves: Sequence[Move]) -> dict[int, StockLevel]:
    return {move.sku_id: levels[move.sku_id] for move in moves}


def _is_ours(tx: Tx, warehouse_id: int) -> bool:
    return tx.session.get_one(Warehouse, warehouse_id).kind is WarehouseKind.OWN


def _finish(tx: Tx, transfer: Transfer) -> None:
    if any(line.open for line in transfer.lines):
        return
    differs = any(line.differs for line in transfer.lines)
    TRANSFER.fire(transfer, "finish_with_discrepancy" if differs else "finish")
    close(tx, transfer)


def _tell(tx: Tx, transfer: Transfer, steps: Steps, reason: str) -> None:
    codes = checks.sku_codes(tx, [sku for sku, _ in steps])
    audit.record(
        tx, "transfer.received", "transfer", transfer.id, transfer.number,
        after={
            "status": transfer.status,
            "lines": [f"{codes[sku]} {pieces} {kind.value}" for (sku, kind), pieces in sorted(steps.items())],
        },
        reason=reason,
    )  # fmt: skip


def _answer(transfer: Transfer, *, surplus: int = 0, repeated: bool = False) -> TransferReceived:
    state = state_of(transfer)
    left = sum(line.open for line in transfer.lines)
    return TransferReceived(state.transfer_id, state.number, state.status, left, surplus, repeated)
