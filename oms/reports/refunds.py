"""Reads of refunds for screens: one's own rows, what waits, what an order may still give back, a refund's story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from oms.actor import Actor
from oms.audit import AuditLog
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.queries import refundable_of
from oms.payments.refund_models import Refund
from oms.payments.rules import MoneyFacts
from oms.payments.states import OPEN_REFUNDS, RefundStatus
from oms.usecases.refunds import suggested_refund

WAITING = (RefundStatus.REQUESTED, RefundStatus.APPROVED, RefundStatus.FAILED)
SHOWN = 200


@dataclass(frozen=True)
class Room:
    """What may be asked back of an order. ``too_much`` is what the form offers; ``name`` who paid."""

    left: Money
    too_much: Money
    name: str


def own(actor: Actor) -> Select[Refund]:
    """Refunds of orders this actor may see."""
    statement = select(Refund)
    if actor.warehouses is None and actor.shops is None and not actor.own_orders_only:
        return statement
    return statement.where(Refund.order_id.in_(visible(actor).with_only_columns(Order.id)))


def waiting(session: Session, actor: Actor) -> dict[RefundStatus, Sequence[Refund]]:
    """What waits, by state, the oldest first."""
    statement = (
        own(actor).where(Refund.status.in_(WAITING)).order_by(Refund.requested_at, Refund.id)
        .options(joinedload(Refund.order)).limit(SHOWN)
    )  # fmt: skip
    found = list(session.scalars(statement))
    return {status: [r for r in found if r.status is status] for status in WAITING}


def count_waiting(actor: Actor) -> Select[int]:
    """How many wait for this person, to agree to or to pay; over the index of open refunds."""
    mine = [RefundStatus.FAILED]
    mine += [RefundStatus.REQUESTED] if actor.may("refund.approve") else []
    mine += [RefundStatus.APPROVED] if actor.may("refund.pay") else []
    return own(actor).where(Refund.status.in_(mine)).order_by(None).with_only_columns(func.count(Refund.id))


def of_order(session: Session, order_id: int) -> Sequence[Refund]:
    """The refunds of an order, the first first."""
    return session.scalars(select(Refund).where(Refund.order_id == order_id).order_by(Refund.id)).all()


def room(session: Session, order: Order, money: MoneyFacts) -> Room:
    """How much of an order may still go back, and what the form should offer."""
    left = refundable_of(session, [order.id])[order.id]
    pending = session.scalar(
        select(func.sum(Refund.amount)).where(Refund.order_id == order.id, Refund.status.in_(OPEN_REFUNDS))
    )
    payer = session.scalar(
        select(PaymentClaim.payer_name)
        .join(Allocation, Allocation.claim_id == PaymentClaim.id)
        .where(Allocation.order_id == order.id, PaymentClaim.payer_name != "")
        .order_by(PaymentClaim.id.desc()).limit(1)
    )  # fmt: skip
    return Room(left, suggested_refund(money.due, money.net, left, pending or ZERO), payer or order.ship_name)


def story(session: Session, refund: Refund) -> Sequence[Any]:
    """What happened to one refund, from the audit log, the first first."""
    return session.scalars(
        select(AuditLog)
        .where(
            AuditLog.subject_type == "order", AuditLog.subject_id == refund.order_id,
            AuditLog.action.like("refund.%"), AuditLog.after["refund"].astext == refund.number,
        )
        .order_by(AuditLog.id)
    ).all()  # fmt: skip
