"""Cancel an order: reason always, stock given back in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oms import audit, outbox
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.inventory import reserving
from oms.money import ZERO
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.orders.states import CANCEL_LABELS, ORDER, CancelReason
from oms.payments.queries import refundable_of
from oms.usecases import derived, refunds
from oms.usecases.api_deliveries import announce_canceled
from oms.usecases.channel_deeds import owe_canceled
from oms.usecases.refunds import RefundTo


class Restock(StrEnum):
    """What happens to the pieces promised to the order."""

    FREE = "free"  # sellable again at once
    KEEP_OUT = "keep_out"  # found broken or missing: not sellable until somebody has looked


@dataclass(frozen=True)
class CancelOrder:
    """``refund`` says where the money goes back to; a request for all that may go back is then made with the cancel."""

    order_id: int
    reason: CancelReason
    note: str = ""
    restock: Restock = Restock.FREE
    version: int | None = None
    refund: RefundTo | None = None


@dataclass(frozen=True)
class OrderCanceled:
    order_id: int
    number: str
    money_to_return: bool  # verified money is left: somebody must refund it
    refund_number: str = ""  # the refund asked for with it


def cancel_order(tx: Tx, cmd: CancelOrder) -> OrderCanceled:
    """Cancel a draft or confirmed order whose goods are still here. Raises TransitionRefused or Conflict."""
    tx.actor.require("order.cancel")
    if cmd.reason is CancelReason.OTHER and not cmd.note.strip():
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")
    order = lock_order(tx, cmd.order_id, cmd.version)
    before = {"status": order.status, "board": order.board}
    left = refundable_of(tx.session, [order.id])[order.id]
    ORDER.check(order, "cancel")
    if cmd.refund is not None and left > ZERO:
        tx.actor.require("refund.request")
        refunds.checked(cmd.refund)
    ORDER.fire(order, "cancel")
    _close_lines(tx, order, cmd.restock)
    order.cancel_reason = cmd.reason.value
    derived.refresh(tx, [order])
    audit.record(
        tx,
        "order.canceled",
        "order",
        order.id,
        order.number,
        before=before,
        after={"status": order.status, "cancel_reason": cmd.reason, "restock": cmd.restock},
        reason=cmd.note or cmd.reason.value,
    )
    if cmd.reason is not CancelReason.CHANNEL:  # else it was the channel that told us
        owe_canceled(tx, order, cmd.reason.value)
    announce_canceled(tx, [order])
    if cmd.refund is None or left <= ZERO:
        return OrderCanceled(order.id, order.number, money_to_return=left > ZERO)
    reason = cmd.note.strip() or CANCEL_LABELS[cmd.reason]
    asked = refunds.ask(tx, order, refunds.RequestRefund(order.id, left, reason, cmd.refund))
    return OrderCanceled(order.id, order.number, money_to_return=False, refund_number=asked.number)


def _close_lines(tx: Tx, order: Order, restock: Restock) -> None:
    if restock is Restock.KEEP_OUT:
        freed = reserving.set_aside(tx, order.id, document=order.number, reason="order.canceled")
    else:
        freed = reserving.release(tx, [order.id])
    for line in order.lines:
        line.canceled = line.quantity - line.shipped
    announce_freed(tx, freed, f"{order.number}:{order.version}")


def announce_freed(tx: Tx, keys: set[reserving.Key], cause: str) -> None:
    """Tell the background that pieces became free, so that waiting orders get them. ``cause`` makes the key unique."""
    if keys:
        pairs = ",".join(f"{sku}:{place}" for sku, place in sorted(keys))
        outbox.add(tx, "stock.freed", f"stock.freed:{cause}", keys=pairs)
