"""Stock changed by hand: received, adjusted with a reason, set aside as damaged. Every change is a paper with a number.

Locks are taken in one order by everybody: the idempotency key, the stock rows by (SKU, warehouse), the number series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oms import audit, clock, numbering
from oms.approvals import needs_second_person
from oms.db import Tx
from oms.errors import InvalidInput, NeedsApproval, say
from oms.inventory import moving
from oms.inventory.models import (
    AdjustReason,
    Bucket,
    MovementKind,
    StockPaper,
    StockPaperKind,
    StockPaperStatus,
)
from oms.inventory.moving import Move, Why
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import bounded
from oms.usecases.orders_cancel import announce_freed
from oms.usecases.stock_checks import StockLine

ADJUST_POLICY = "stock.adjust"
_PREFIX = {
    StockPaperKind.RECEIVE: "RC",
    StockPaperKind.OPENING: "OP",
    StockPaperKind.ADJUST: "AD",
    StockPaperKind.DAMAGE: "DM",
}
_KIND = {
    StockPaperKind.RECEIVE: MovementKind.RECEIVE,
    StockPaperKind.OPENING: MovementKind.OPENING,
    StockPaperKind.ADJUST: MovementKind.ADJUST,
    StockPaperKind.DAMAGE: MovementKind.DAMAGE,
}


@dataclass(frozen=True)
class ReceiveStock:
    """Goods arrived. ``reference`` is the supplier's paper; ``opening`` marks the stock a shop starts with."""

    warehouse_id: int
    lines: tuple[StockLine, ...]
    idempotency_key: str
    reference: str = ""
    note: str = ""
    opening: bool = False


@dataclass(frozen=True)
class AdjustStock:
    """Balances corrected. ``counted``: quantities are what was counted, otherwise how many more or fewer."""

    warehouse_id: int
    lines: tuple[StockLine, ...]
    reason: AdjustReason
    idempotency_key: str
    note: str = ""
    counted: bool = False
    bucket: Bucket = Bucket.ON_HAND


@dataclass(frozen=True)
class SetAside:
    """Pieces found damaged leave what can be sold; ``mended`` brings them back."""

    warehouse_id: int
    lines: tuple[StockLine, ...]
    note: str
    idempotency_key: str
    mended: bool = False


@dataclass(frozen=True)
class StockPosted:
    """``waiting``: nothing moved yet, a second person must agree. ``repeated``: it was posted before with this key."""

    paper_id: int
    number: str
    waiting: bool = False
    repeated: bool = False


def receive_stock(tx: Tx, cmd: ReceiveStock) -> StockPosted:
    """Take goods in, under one document number. The same key again answers like the first time and adds nothing."""
    tx.actor.require("stock.receive")
    if earlier := _replay(tx, cmd.idempotency_key):
        return earlier
    kind = StockPaperKind.OPENING if cmd.opening else StockPaperKind.RECEIVE
    checks.check_place(tx, cmd.warehouse_id)
    checks.check_lines(tx, cmd.lines, low=1)
    reference = bounded(cmd.reference, 80, "reference")
    paper = _paper(tx, kind, cmd, note=bounded(cmd.note, 500, "note"))
    paper.reference = reference
    return _post(tx, paper)


def adjust_stock(tx: Tx, cmd: AdjustStock) -> StockPosted:
    """Correct balances, with a reason. Never below what orders were promised. With the two-person rule on, use
    ``stock_approvals.request_adjustment``; this raises NeedsApproval then."""
    if needs_second_person(tx.session, ADJUST_POLICY):
        tx.actor.require("stock.adjust")
        raise NeedsApproval(say("A stock adjustment needs a second person to agree"), code="adjust_needs_approval")
    if earlier := _replay(tx, cmd.idempotency_key):
        return earlier
    return _post(tx, adjustment_paper(tx, cmd))


def adjustment_paper(tx: Tx, cmd: AdjustStock) -> StockPaper:
    """The checked paper of an adjustment; nothing has moved yet."""
    tx.actor.require("stock.adjust")
    checks.check_place(tx, cmd.warehouse_id)
    checks.check_lines(tx, cmd.lines, low=0 if cmd.counted else -moving.MOST, zero=cmd.counted)
    note = bounded(cmd.note, 500, "note")
    if cmd.reason is AdjustReason.OTHER and not note:
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")
    paper = _paper(tx, StockPaperKind.ADJUST, cmd, note=note)
    paper.reason, paper.counted, paper.bucket = cmd.reason.value, cmd.counted, cmd.bucket
    return paper


def set_aside(tx: Tx, cmd: SetAside) -> StockPosted:
    """Move pieces from sellable to damaged, or back when they were mended. Damaged pieces are never sold."""
    tx.actor.require("stock.adjust")
    if earlier := _replay(tx, cmd.idempotency_key):
        return earlier
    checks.check_place(tx, cmd.warehouse_id)
    checks.check_lines(tx, cmd.lines, low=1)
    note = bounded(cmd.note, 500, "note", missing=say("Say what is wrong with them, or how they were mended"))
    paper = _paper(tx, StockPaperKind.DAMAGE, cmd, note=note)
    paper.bucket = Bucket.ON_HAND if cmd.mended else Bucket.DAMAGED
    return _post(tx, paper)


def _replay(tx: Tx, key: str) -> StockPosted | None:
    paper = checks.paper_by_key(tx, key)
    if paper is None:
        return None
    return StockPosted(paper.id, paper.number, waiting=paper.status is StockPaperStatus.WAITING, repeated=True)


def _paper(tx: Tx, kind: StockPaperKind, cmd: ReceiveStock | AdjustStock | SetAside, *, note: str) -> StockPaper:
    return StockPaper(
        kind=kind, status=StockPaperStatus.POSTED, warehouse_id=cmd.warehouse_id, bucket=Bucket.ON_HAND, counted=False,
        reason="", reference="", note=note, lines=[[line.sku_id, line.quantity] for line in cmd.lines],
        pieces=sum(line.quantity for line in cmd.lines), idempotency_key=cmd.idempotency_key, at=clock.now(),
        actor=tx.actor.label[:120],
    )  # fmt: skip


def number_paper(tx: Tx, paper: StockPaper) -> None:
    """Give a paper its number and store it. As late as possible: the series stays locked until the end."""
    paper.number = numbering.allot_yearly(tx, _PREFIX[paper.kind])
    tx.session.add(paper)
    tx.session.flush()  # movements and the audit row name it


def _post(tx: Tx, paper: StockPaper) -> StockPosted:
    """Lock, check, number, move, write down."""
    levels = moving.lock(tx, paper.warehouse_id, [sku for sku, _ in paper.lines])
    moves = moves_of(paper, {sku: (level.on_hand, level.damaged) for sku, level in levels.items()})
    checks.refuse_impossible(tx, paper.warehouse_id, levels, moves)
    number_paper(tx, paper)
    post_moves(tx, paper, moves)
    return StockPosted(paper.id, paper.number)


def post_moves(tx: Tx, paper: StockPaper, moves: Sequence[Move]) -> None:
    """Move the stock of a numbered paper whose rows are locked, audit it, and offer what became free."""
    levels = moving.lock(tx, paper.warehouse_id, [sku for sku, _ in paper.lines])
    code = f"adjust.{paper.reason}" if paper.reason else ""
    reason = " · ".join(part for part in (code, paper.reference, paper.note) if part)
    freed = moving.post(tx, paper.warehouse_id, levels, moves, Why(_KIND[paper.kind], paper.number, reason))
    paper.pieces = sum(move.quantity for move in moves if move.bucket is paper.bucket)
    announce_freed(tx, freed, paper.number)
    codes = checks.sku_codes(tx, [sku for sku, _ in paper.lines])
    after = {
        "warehouse": checks.warehouse_code(tx, paper.warehouse_id),
        "lines": [f"{codes[m.sku_id]} {m.quantity:+d} {m.bucket.value}" for m in moves],
    }
    if paper.reason:
        after["reason"] = paper.reason
    audit.record(tx, f"stock.{paper.kind.value}", "stock_paper", paper.id, paper.number, after=after, reason=paper.note)


def moves_of(paper: StockPaper, balances: dict[int, tuple[int, int]]) -> list[Move]:
    """What a paper does to balances of (on hand, damaged); a count becomes the difference."""
    moves = []
    for sku_id, quantity in paper.lines:
        on_hand, damaged = balances[sku_id]
        if paper.kind is StockPaperKind.DAMAGE:
            back = paper.bucket is Bucket.ON_HAND
            moves.append(Move(sku_id, quantity if back else -quantity, Bucket.ON_HAND))
            moves.append(Move(sku_id, -quantity if back else quantity, Bucket.DAMAGED))
        elif paper.counted:
            change = quantity - (on_hand if paper.bucket is Bucket.ON_HAND else damaged)
            moves += [Move(sku_id, change, paper.bucket)] if change else []
        else:
            moves.append(Move(sku_id, quantity, paper.bucket))
    return moves
