"""Hold and release: anyone who works orders may stop one; releasing needs a permission of its own (O13)."""

from __future__ import annotations

from dataclasses import dataclass

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.orders.models import Order, OrderHold
from oms.orders.queries import lock_order
from oms.orders.states import CLOSED_BOARDS, HOLD, HoldReason, HoldStatus
from oms.usecases import derived


@dataclass(frozen=True)
class HoldOrder:
    order_id: int
    reason: HoldReason
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ReleaseHold:
    """``reason`` None releases every active hold."""

    order_id: int
    reason: HoldReason | None = None
    note: str = ""
    version: int | None = None


def hold_order(tx: Tx, cmd: HoldOrder) -> None:
    """Stop work on an order. Raises Refused when it is closed or held for this reason already."""
    tx.actor.require("order.hold")
    if cmd.reason is HoldReason.MANUAL and not cmd.note.strip():
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")
    order = lock_order(tx, cmd.order_id, cmd.version)
    if order.board in CLOSED_BOARDS:
        raise Refused(say("The order is closed; there is nothing to hold"), code="order_closed")
    if any(h.reason is cmd.reason and h.status is HoldStatus.ACTIVE for h in order.holds):
        raise Refused(say("It is on hold for this reason already"), code="held_already")
    order.holds.append(
        OrderHold(reason=cmd.reason, note=cmd.note.strip(), status=HoldStatus.ACTIVE, placed_by=tx.actor.label)
    )
    _finish(tx, order, "order.held", {"hold": cmd.reason}, cmd.note)


def release_hold(tx: Tx, cmd: ReleaseHold) -> None:
    """Let work go on. Raises NotFound when no such hold is active."""
    tx.actor.require("order.release_hold")
    order = lock_order(tx, cmd.order_id, cmd.version)
    active = [h for h in order.holds if h.status is HoldStatus.ACTIVE and cmd.reason in {None, h.reason}]
    if not active:
        raise NotFound(say("There is no such hold to release"), code="hold_not_found")
    for hold in active:
        HOLD.fire(hold, "release")
        hold.released_at, hold.released_by, hold.release_note = clock.now(), tx.actor.label, cmd.note.strip()
    _finish(tx, order, "order.hold_released", {"hold": [h.reason for h in active]}, cmd.note)


def _finish(tx: Tx, order: Order, action: str, after: dict[str, object], note: str) -> None:
    before = {"board": order.board}
    derived.refresh(tx, [order])
    audit.record(
        tx, action, "order", order.id, order.number, before=before, after={**after, "board": order.board}, reason=note
    )
