"""Returns in the office: asked for, agreed to or declined, sent on their way, called off.

The goods themselves are received and counted by ``returns_receive``, the money is settled by ``returns_resolve``;
parcels that the carrier brings back open their return by ``returns_rto``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.returns.models import Return
from oms.returns.queries import Out, lock_return, pieces_out
from oms.returns.states import COMING, RETURN, ReturnKind, ReturnReason, ReturnStatus
from oms.usecases.cod_entries import plain_number
from oms.usecases.keeping import bounded
from oms.usecases.returns_base import Piece, ReturnResult, finish, open_return, unpromise

MAX_LINES = 500


@dataclass(frozen=True)
class AskedLine:
    """So many pieces of an order line; a reason of their own where it differs."""

    order_line_id: int
    quantity: int
    reason: ReturnReason | None = None


@dataclass(frozen=True)
class RequestReturn:
    """The buyer wants to send something back, or complains. ``goods_stay``: nothing is to come back.
    ``warehouse_id``: where to; the order's own when nothing is said."""

    order_id: int
    lines: tuple[AskedLine, ...]
    reason: ReturnReason
    note: str = ""
    goods_stay: bool = False
    warehouse_id: int | None = None
    carrier: str = ""
    tracking_no: str = ""
    idempotency_key: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class DecideReturn:
    """Agree, decline or call off; ``version`` is what the reader's screen was made from."""

    return_id: int
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class SendReturn:
    """The goods are on their way back: with whom, under which number."""

    return_id: int
    carrier: str = ""
    tracking_no: str = ""
    version: int | None = None


def request_return(tx: Tx, cmd: RequestReturn) -> ReturnResult:
    """Ask for a return. Raises InvalidInput for pieces that never left, came back, or are asked back already."""
    tx.actor.require("return.request")
    order = lock_order(tx, cmd.order_id, cmd.version)
    if cmd.idempotency_key and (earlier := _by_key(tx, order.id, cmd.idempotency_key)):
        return earlier
    note = bounded(cmd.note, 500, "note")
    if cmd.reason is ReturnReason.OTHER and not note:
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")
    _check_lines(order, cmd.lines, goods_stay=cmd.goods_stay)
    pieces = _spread(cmd.lines, pieces_out(tx.session, [order.id]))
    shipments = {p.shipment_id for p in pieces if p.shipment_id}
    ret = open_return(tx, order, pieces, {
        "kind": ReturnKind.CUSTOMER, "status": ReturnStatus.REQUESTED, "reason": cmd.reason, "note": note,
        "goods_stay": cmd.goods_stay, "shipment_id": shipments.pop() if len(shipments) == 1 else None,
        "warehouse_id": _place(tx, order, cmd.warehouse_id), "carrier": bounded(cmd.carrier, 80, "carrier"),
        "tracking_no": plain_number(bounded(cmd.tracking_no, 80, "tracking_no")),
        "idempotency_key": cmd.idempotency_key,
    })  # fmt: skip
    after = {"return_reason": cmd.reason, "pieces": sum(p.quantity for p in pieces), "goods_stay": cmd.goods_stay}
    return finish(tx, ret, order, "return.requested", after, note)


def approve_return(tx: Tx, cmd: DecideReturn) -> ReturnResult:
    """Agree that the goods may come back, or that the complaint is settled without them."""
    tx.actor.require("return.approve")
    note = bounded(cmd.note, 500, "note")
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    before = ret.status
    RETURN.fire(ret, "approve")
    _decided(tx, ret, note)
    return finish(tx, ret, order, "return.approved", {}, note, before=before)


def reject_return(tx: Tx, cmd: DecideReturn) -> ReturnResult:
    """Decline, with a reason. The pieces may be asked back again."""
    tx.actor.require("return.approve")
    note = bounded(cmd.note, 500, "note", missing=say("Say why it is declined"))
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    before = ret.status
    RETURN.check(ret, "reject")
    unpromise(order, ret)
    RETURN.fire(ret, "reject")
    _decided(tx, ret, note)
    return finish(tx, ret, order, "return.rejected", {}, note, before=before)


def cancel_return(tx: Tx, cmd: DecideReturn) -> ReturnResult:
    """Call a return off before it was sent: the buyer keeps the goods after all."""
    tx.actor.require("return.request")
    return _call_off(tx, cmd, "cancel")


def call_off_return(tx: Tx, cmd: DecideReturn) -> ReturnResult:
    """A parcel that was under way will not come: never sent, or delivered to the buyer after all."""
    tx.actor.require("return.approve")
    return _call_off(tx, cmd, "call_off")


def _call_off(tx: Tx, cmd: DecideReturn, move: str) -> ReturnResult:
    note = bounded(cmd.note, 500, "note", missing=say("Say in a few words why"))
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    before = ret.status
    RETURN.check(ret, move)
    unpromise(order, ret)
    RETURN.fire(ret, move)
    _decided(tx, ret, note)
    return finish(tx, ret, order, "return.canceled", {}, note, before=before)


def send_return(tx: Tx, cmd: SendReturn) -> ReturnResult:
    """The buyer has sent it; asked again it puts carrier and number right."""
    tx.actor.require("return.request")
    carrier, number = bounded(cmd.carrier, 80, "carrier"), plain_number(bounded(cmd.tracking_no, 80, "tracking_no"))
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    before = ret.status
    if ret.status is not ReturnStatus.IN_TRANSIT:
        RETURN.fire(ret, "send")
        ret.in_transit_at = clock.now()
    ret.carrier, ret.tracking_no = carrier or ret.carrier, number or ret.tracking_no
    after = {"carrier": ret.carrier, "tracking_no": ret.tracking_no}
    return finish(tx, ret, order, "return.sent", after, before=before)


def expect_number(tx: Tx, cmd: SendReturn) -> ReturnResult:
    """The number of the way back is known before anything is sent: a scan at the door finds the return by it."""
    tx.actor.require("return.request")
    number = plain_number(bounded(cmd.tracking_no, 80, "tracking_no"))
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    if ret.status not in COMING or ret.goods_stay:
        raise Refused(say("Only before the goods are here"), code="return_number_refused")
    before, ret.tracking_no = ret.status, number
    return finish(tx, ret, order, "return.number_known", {"tracking_no": number}, before=before)


def keep_goods(tx: Tx, cmd: DecideReturn) -> ReturnResult:
    """Nothing needs to come back after all: the buyer keeps it, or it is not worth the way."""
    tx.actor.require("return.approve")
    note = bounded(cmd.note, 500, "note", missing=say("Say in a few words why"))
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    if ret.status not in {ReturnStatus.REQUESTED, ReturnStatus.APPROVED} or ret.goods_stay:
        raise Refused(say("Only before the goods are sent"), code="return_keep_refused")
    before = ret.status
    unpromise(order, ret)
    ret.goods_stay = True
    return finish(tx, ret, order, "return.kept", {"goods_stay": True}, note, before=before)


def _check_lines(order: Order, asked: Sequence[AskedLine], *, goods_stay: bool) -> None:
    if not asked:
        raise InvalidInput(say("Choose what comes back"), field="lines", code="lines_missing")
    lines = {line.id: line for line in order.lines}
    if len({a.order_line_id for a in asked}) != len(asked) or len(asked) > MAX_LINES:
        raise InvalidInput(say("A line is named twice"), field="lines", code="line_twice")
    for one in asked:
        line = lines.get(one.order_line_id)
        if line is None:
            raise InvalidInput(say("This is not an item of the order"), field="lines", code="line_unknown")
        most = line.shipped - line.returned - (0 if goods_stay else line.coming_back)
        if not 1 <= one.quantity <= most:
            raise InvalidInput(
                say("Of {sku} at most {most} can come back", sku=line.sku_code, most=most),
                field="lines", code="return_quantity",
            )  # fmt: skip


def _spread(asked: Sequence[AskedLine], outs: Sequence[Out]) -> list[Piece]:
    """Which shipments the pieces are from: the oldest first; pieces without a shipment stay without."""
    found: list[Piece] = []
    for one in asked:
        left = one.quantity
        for out in outs:
            if out.line_id == one.order_line_id and left:
                taken = min(left, out.left)
                found.append(Piece(one.order_line_id, out.shipment_id, taken, one.reason))
                left -= taken
        if left:
            found.append(Piece(one.order_line_id, None, left, one.reason))
    return found


def _place(tx: Tx, order: Order, warehouse_id: int | None) -> int:
    """Where the goods are to come to. Raises InvalidInput for a closed warehouse."""
    if warehouse_id is None:
        return order.warehouse_id
    found = tx.session.get(Warehouse, warehouse_id)
    if found is None or not found.is_active:
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    return found.id


def _decided(tx: Tx, ret: Return, note: str) -> None:
    ret.decided_at, ret.decided_label, ret.decision_note = clock.now(), tx.actor.label[:120], note


def _by_key(tx: Tx, order_id: int, key: str) -> ReturnResult | None:
    same = select(Return).where(Return.idempotency_key == key, Return.order_id == order_id)
    found = tx.session.scalars(same).one_or_none()
    return ReturnResult(found.id, found.number, found.status, found.order_id) if found else None
