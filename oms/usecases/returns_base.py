"""What every verb of returns does: open one with its pieces promised back, promise them no longer, leave a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oms import audit, clock, numbering
from oms.db import Tx
from oms.orders.models import Order
from oms.returns.models import Return, ReturnLine
from oms.returns.queries import Out
from oms.returns.states import UNCOUNTED, ReturnKind, ReturnReason, ReturnStatus
from oms.usecases import derived

SERIES = "RT"


@dataclass(frozen=True)
class Piece:
    """So many pieces of an order line, of the shipment they left in."""

    line_id: int
    shipment_id: int | None
    quantity: int
    reason: ReturnReason | None = None


@dataclass(frozen=True)
class ReturnResult:
    return_id: int
    number: str
    status: ReturnStatus
    order_id: int


def open_return(tx: Tx, order: Order, pieces: Sequence[Piece], facts: Mapping[str, Any]) -> Return:
    """Write a return of a locked order and promise its pieces back. ``facts`` are further columns."""
    now = clock.now()
    ret = Return(
        number=numbering.allot_yearly(tx, SERIES), order_id=order.id, requested_at=now,
        requested_by=tx.actor.user_id, requested_label=tx.actor.label[:120],
        lines=[
            ReturnLine(order_line_id=p.line_id, shipment_id=p.shipment_id, quantity=p.quantity, reason=p.reason)
            for p in pieces
        ],
        **facts,
    )  # fmt: skip
    if not ret.goods_stay:
        promise(order, {p.line_id: 0 for p in pieces} | _sums(pieces))
    tx.session.add(ret)
    tx.session.flush()  # the trace and the answer name its id
    return ret


def _sums(pieces: Sequence[Piece]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for piece in pieces:
        sums[piece.line_id] = sums.get(piece.line_id, 0) + piece.quantity
    return sums


def promise(order: Order, changes: Mapping[int, int]) -> None:
    """So many pieces more (or fewer) of these lines are to come back; the database bounds them by what left."""
    for line in order.lines:
        line.coming_back += changes.get(line.id, 0)


def unpromise(order: Order, ret: Return) -> None:
    """Nothing of this return is to come any more."""
    if ret.goods_stay or ret.status not in UNCOUNTED:
        return
    sums: dict[int, int] = {}
    for line in ret.lines:
        sums[line.order_line_id] = sums.get(line.order_line_id, 0) - line.quantity
    promise(order, sums)


def pieces_of(outs: Sequence[Out]) -> list[Piece]:
    """Everything that is out there."""
    return [Piece(out.line_id, out.shipment_id, out.left) for out in outs]


def finish(
    tx: Tx, ret: Return, order: Order, action: str, after: Mapping[str, Any], reason: str = "", *, before: str = ""
) -> ReturnResult:
    """The end of every verb: the order's state anew, and the trace on the order and on the return."""
    board = order.board
    derived.refresh(tx, [order])
    was = {"board": board} | ({"status": before} if before else {})
    told = {"return": ret.number, "status": ret.status, **after, "board": order.board}
    audit.record_many(
        tx,
        [
            audit.Entry(action, kind, key, number, before=was, after=told, reason=reason)
            for kind, key, number in (("return", ret.id, ret.number), ("order", order.id, order.number))
        ],
    )
    return ReturnResult(ret.id, ret.number, ret.status, order.id)


def is_rto(ret: Return) -> bool:
    """Whether the carrier brings it back because it could not deliver it."""
    return ret.kind is ReturnKind.RTO
