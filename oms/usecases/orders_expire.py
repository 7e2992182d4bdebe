"""Unpaid orders run out: after their time they close by themselves and give their stock back (O19, invariant 10)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.db import Tx
from oms.inventory import reserving
from oms.orders.models import Order
from oms.orders.states import ORDER, OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.models import GateOverride
from oms.usecases import derived
from oms.usecases.api_deliveries import announce_canceled
from oms.usecases.orders_cancel import announce_freed

BATCH = 100


@dataclass(frozen=True)
class ExpireUnpaid:
    """At most ``limit`` orders in one transaction; call again while the answer is full."""

    limit: int = BATCH


@dataclass(frozen=True)
class UnpaidExpired:
    """``full``: there may be more."""

    numbers: tuple[str, ...]
    full: bool


def _lock_due(tx: Tx, limit: int) -> list[Order]:
    """Orders whose time is over, in id order; ones somebody is working on are left for the next round."""
    statement = (
        select(Order)
        .where(
            Order.status == OrderStatus.CONFIRMED,
            Order.expires_at < clock.now(),
            Order.payment_term == PaymentTerm.PREPAID,
            Order.payment_status == PaymentStatus.UNPAID,
            ~select(GateOverride.id)
            .where(GateOverride.order_id == Order.id, GateOverride.revoked_at.is_(None))
            .exists(),
        )
        .order_by(Order.id)
        .limit(limit)
        .options(selectinload(Order.lines), selectinload(Order.holds))
        .with_for_update(of=Order, key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(statement))


def expire_unpaid(tx: Tx, cmd: ExpireUnpaid) -> UnpaidExpired:
    """Expire what nobody paid, announced or promised to pay, or answered for; read afresh under the lock."""
    tx.actor.require("order.cancel")
    due = _lock_due(tx, cmd.limit)
    derived.refresh(tx, due)
    facts = derived.read_facts(tx, due)
    answered = {order_id for order_id, known in facts.items() if known.money.overridden}
    gone = [order for order in due if ORDER.refusal(order, "expire") is None and order.id not in answered]
    freed = reserving.release(tx, [order.id for order in gone]) if gone else set()
    for order in gone:
        ORDER.fire(order, "expire")
        order.cancel_reason = "unpaid"
        for line in order.lines:
            line.canceled = line.quantity - line.shipped
    derived.refresh(tx, gone)
    audit.record_many(
        tx,
        [
            audit.Entry(
                "order.expired", "order", order.id, order.number,
                before={"status": OrderStatus.CONFIRMED}, after={"status": order.status, "due": order.expires_at},
            )
            for order in gone
        ],
    )  # fmt: skip
    if gone:
        announce_freed(tx, freed, f"expired:{gone[0].id}:{gone[-1].id}:{clock.now():%Y%m%d%H%M%S}")
        announce_canceled(tx, gone)
    return UnpaidExpired(tuple(order.number for order in gone), full=len(due) == cmd.limit and bool(gone))
