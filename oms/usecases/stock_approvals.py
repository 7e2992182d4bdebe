"""A second person for stock adjustments: asked for with a numbered paper, posted only when another person agrees."""

from __future__ import annotations

from dataclasses import dataclass

from oms import audit, clock
from oms.approvals import POLICY_LABELS, Approval, ApprovalPolicy
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, Refused, say
from oms.inventory import moving
from oms.inventory.models import StockPaper, StockPaperStatus
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import bounded, lock_row
from oms.usecases.stock import (
    ADJUST_POLICY,
    AdjustStock,
    StockPosted,
    adjustment_paper,
    moves_of,
    number_paper,
    post_moves,
)

APPROVE_ACTION = "stock.approve_adjust"


@dataclass(frozen=True)
class DecideAdjustment:
    """``version`` is what the reader's screen was made from."""

    approval_id: int
    agree: bool
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class SetPolicy:
    """Switch the two-person rule of one kind of work on or off."""

    kind: str
    is_on: bool


def request_adjustment(tx: Tx, cmd: AdjustStock) -> StockPosted:
    """Put an adjustment before a second person. It has its number; nothing moves until somebody else agrees."""
    earlier = checks.paper_by_key(tx, cmd.idempotency_key)
    if earlier is not None:
        return StockPosted(
            earlier.id, earlier.number, waiting=earlier.status is StockPaperStatus.WAITING, repeated=True
        )
    paper = adjustment_paper(tx, cmd)
    paper.status = StockPaperStatus.WAITING
    number_paper(tx, paper)
    codes = checks.sku_codes(tx, [sku for sku, _ in paper.lines])
    asked = {
        "warehouse": checks.warehouse_code(tx, paper.warehouse_id),
        "lines": [f"{codes[sku]} {'=' if cmd.counted else '+' if n > 0 else ''}{n}" for sku, n in paper.lines],
        "reason": cmd.reason.value,
    }
    tx.session.add(
        Approval(
            kind=ADJUST_POLICY, action=APPROVE_ACTION, subject_type="stock_paper", subject_id=paper.id,
            subject=paper.number, payload=asked, reason=paper.note, status="open", requested_by=tx.actor.user_id,
            requested_label=tx.actor.label[:120], requested_at=clock.now(),
        )
    )  # fmt: skip
    audit.record(tx, "approval.requested", "stock_paper", paper.id, paper.number, after=asked, reason=paper.note)
    return StockPosted(paper.id, paper.number, waiting=True)


def decide_adjustment(tx: Tx, cmd: DecideAdjustment) -> StockPosted:
    """Agree, and the stock moves; or decline with a reason. Never one's own request."""
    request = tx.session.get(Approval, cmd.approval_id, with_for_update=True, populate_existing=True)
    if request is None or request.kind != ADJUST_POLICY:
        raise NotFound(say("There is no such request"), code="approval_not_found")
    tx.actor.require(request.action)
    note = bounded(cmd.note, 500, "note")
    _check_decider(tx, request, cmd, note)
    paper = lock_row(tx, StockPaper, request.subject_id)
    checks.check_place(tx, paper.warehouse_id)
    if cmd.agree:
        levels = moving.lock(tx, paper.warehouse_id, [sku for sku, _ in paper.lines])
        moves = moves_of(paper, {sku: (level.on_hand, level.damaged) for sku, level in levels.items()})
        checks.refuse_impossible(tx, paper.warehouse_id, levels, moves)
        paper.status = StockPaperStatus.POSTED
        post_moves(tx, paper, moves)
    else:
        paper.status = StockPaperStatus.DECLINED
    request.status = "approved" if cmd.agree else "declined"
    request.decided_by, request.decided_label = tx.actor.user_id, tx.actor.label[:120]
    request.decided_at, request.decision_note = clock.now(), note
    audit.record(
        tx, f"approval.{request.status}", "stock_paper", paper.id, paper.number,
        before={"status": "open"}, after={"status": request.status, "asked_by": request.requested_label}, reason=note,
    )  # fmt: skip
    return StockPosted(paper.id, paper.number)


def _check_decider(tx: Tx, request: Approval, cmd: DecideAdjustment, note: str) -> None:
    if request.status != "open":
        raise Refused(say("This request was decided already by {name}", name=request.decided_label), code="decided")
    if cmd.version is not None and cmd.version != request.version:
        raise Conflict(say("What is asked for has changed; look again before you decide"), code="stale")
    if cmd.agree and request.requested_by == tx.actor.user_id:
        raise Refused(say("You asked for this yourself; another person has to agree"), code="own_request")
    if not cmd.agree and not note:
        raise InvalidInput(say("Say why it is declined"), field="note", code="reason_missing")


def set_policy(tx: Tx, cmd: SetPolicy) -> bool:
    """Switch a two-person rule; True when that changed something. Requests that wait stay open."""
    tx.actor.require("staff.edit")
    if cmd.kind not in POLICY_LABELS:
        raise NotFound(say("There is no such rule"), code="policy_unknown")
    row = tx.session.get(ApprovalPolicy, cmd.kind, with_for_update=True)
    was = row is not None and row.is_on
    if was == cmd.is_on:
        return False
    if row is None:
        tx.session.add(ApprovalPolicy(kind=cmd.kind, is_on=cmd.is_on))
    else:
        row.is_on = cmd.is_on
    audit.record(
        tx, "approval.policy", "approval_policy", None, cmd.kind, before={"is_on": was}, after={"is_on": cmd.is_on}
    )
    return True
