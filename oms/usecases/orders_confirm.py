"""Confirm a draft: its stock is reserved in the same transaction, or it stays a draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from oms import audit, clock
from oms.approvals import Approval
from oms.catalog.models import Shop
from oms.customers.fingerprint import address_key
from oms.db import Tx
from oms.errors import NeedsApproval, StockShort, say
from oms.inventory.reserving import Shortage
from oms.money import ZERO
from oms.notifications.catalogue import Event
from oms.orders import rules
from oms.orders.models import Order, OrderHold
from oms.orders.queries import lock_order
from oms.orders.states import ORDER, HoldReason, HoldStatus, PaymentTerm
from oms.payments.cod_risk import cod_risks
from oms.usecases import derived, notices
from oms.usecases.routing import reserve_open_lines, short_refusal

__all__ = ["ConfirmOrder", "OrderConfirmed", "confirm_order", "reserve_open_lines", "shortage_error"]

DISCOUNT_APPROVAL = "order.discount"  # kind of the approval that lets a draft exceed its enterer's limit


@dataclass(frozen=True)
class ConfirmOrder:
    """``version`` is what the reader's screen was made from; None skips the check (bulk work re-reads under lock)."""

    order_id: int
    version: int | None = None
    may_wait_for_stock: bool = False


@dataclass(frozen=True)
class OrderConfirmed:
    order_id: int
    number: str
    waits_for_stock: bool


def confirm_order(tx: Tx, cmd: ConfirmOrder) -> OrderConfirmed:
    """Make a draft binding. Raises TransitionRefused, NeedsApproval, StockShort or Conflict; then nothing changes."""
    tx.actor.require("order.confirm")
    order = lock_order(tx, cmd.order_id, cmd.version)
    ORDER.check(order, "confirm")
    _check_discount(tx, order)
    short = reserve_open_lines(tx, order)
    if short and not cmd.may_wait_for_stock:
        raise shortage_error(order, short)
    ORDER.fire(order, "confirm")
    at = clock.now()
    order.confirmed_at = at
    if order.payment_term is PaymentTerm.COD and not _hold_risky(tx, order):
        order.term_approved_at = at
    hours = tx.session.get_one(Shop, order.shop_id).expire_hours
    if order.payment_term is PaymentTerm.PREPAID and hours:
        order.expires_at = at + timedelta(hours=hours)
    derived.refresh(tx, [order])
    audit.record(
        tx,
        "order.confirmed",
        "order",
        order.id,
        order.number,
        before={"status": "draft"},
        after={"status": order.status, "stock": order.stock_state, "board": order.board},
    )
    notices.tell(tx, Event.CONFIRMED, [(order.id, notices.ONCE)])
    return OrderConfirmed(order.id, order.number, waits_for_stock=bool(short))


def _hold_risky(tx: Tx, order: Order) -> bool:
    """Stop a COD order of somebody who refused parcels before or is on the blacklist; says whether it was."""
    place = (order.ship_phone, address_key(order.ship_line, order.ship_postcode))
    risk = cod_risks(tx.session, [place]).get(place)
    if risk is None:
        return False
    if not any(h.reason is HoldReason.COD_RISK and h.status is HoldStatus.ACTIVE for h in order.holds):
        order.holds.append(
            OrderHold(
                reason=HoldReason.COD_RISK, note=risk.note, status=HoldStatus.ACTIVE, placed_by=tx.actor.label[:120]
            )
        )  # fmt: skip
        held = {"hold": HoldReason.COD_RISK}
        audit.record(tx, "order.held", "order", order.id, order.number, after=held, reason=risk.note)
    return True


def shortage_error(order: Order, short: Sequence[Shortage]) -> StockShort:
    """Tell what is left, in the words of the order line that is short."""
    line = next((x for x in order.lines if x.sku_id == short[0].sku_id), None)
    return short_refusal(short, f"{line.sku_code} {line.name}" if line else f"#{short[0].sku_id}")


def order_discount_percent(order: Order) -> Decimal:
    """How far under the catalog's prices the whole order is, in percent."""
    listed = sum((line.usual_price * (line.quantity - line.canceled) for line in order.lines), start=ZERO)
    return rules.discount_percent(listed, order.goods_total - order.discount)


def _check_discount(tx: Tx, order: Order) -> None:
    percent = order_discount_percent(order)
    if percent <= tx.actor.discount_limit:
        return
    approved = tx.session.scalars(
        select(Approval.payload).where(
            Approval.kind == DISCOUNT_APPROVAL,
            Approval.subject_type == "order",
            Approval.subject_id == order.id,
            Approval.status == "approved",
        )
    )
    if any(percent <= Decimal(str(payload.get("percent", 0))) for payload in approved):
        return
    raise NeedsApproval(
        say(
            "This is {percent}% off; your limit is {limit}%. Ask for approval first",
            percent=f"{percent:.1f}",
            limit=tx.actor.discount_limit,
        ),
        field="discount",
        code="discount_over_limit",
    )
