"""Reads of money: what was verified for orders, what goes back, what a customer has left."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.models import Allocation, PaymentClaim, TransferKey
from oms.payments.refund_models import Refund
from oms.payments.states import OPEN_REFUNDS, ClaimStatus, RefundStatus


def verified_of(session: Session, order_ids: Collection[int]) -> dict[int, Money]:
    """Verified allocations per order."""
    rows = session.execute(
        select(Allocation.order_id, func.sum(Allocation.amount))
        .join(PaymentClaim, PaymentClaim.id == Allocation.claim_id)
        .where(Allocation.order_id.in_(sorted(set(order_ids))), PaymentClaim.status == ClaimStatus.VERIFIED)
        .group_by(Allocation.order_id)
    )
    return dict.fromkeys(order_ids, ZERO) | {order_id: _money(total) for order_id, total in rows}


def refunds_of(session: Session, order_ids: Collection[int]) -> dict[int, Money]:
    """What was or may be paid back per order: everything but declined refunds."""
    rows = session.execute(
        select(Refund.order_id, func.sum(Refund.amount))
        .where(Refund.order_id.in_(sorted(set(order_ids))), Refund.status.in_([*OPEN_REFUNDS, RefundStatus.PAID]))
        .group_by(Refund.order_id)
    )
    return dict.fromkeys(order_ids, ZERO) | {order_id: _money(total) for order_id, total in rows}


def refundable_of(session: Session, order_ids: Collection[int]) -> dict[int, Money]:
    """How much of each order's money may still be asked back (invariant 4)."""
    verified, back = verified_of(session, order_ids), refunds_of(session, order_ids)
    return {order_id: verified[order_id] - back[order_id] for order_id in order_ids}


def credit_claims(session: Session, customer_id: int) -> list[tuple[int, Money]]:
    """(claim id, what is left of it), the oldest first: the customer's credit."""
    given = func.coalesce(
        select(func.sum(Allocation.amount)).where(Allocation.claim_id == PaymentClaim.id).scalar_subquery(), 0
    )
    rows = session.execute(
        select(PaymentClaim.id, PaymentClaim.amount, given)
        .where(PaymentClaim.customer_id == customer_id, PaymentClaim.status == ClaimStatus.VERIFIED)
        .order_by(PaymentClaim.id)
    )
    left = [(claim_id, amount - _money(used)) for claim_id, amount, used in rows]
    return [(claim_id, rest) for claim_id, rest in left if rest > ZERO]


def customer_credit(session: Session, customer_id: int) -> Money:
    """All that a customer has left."""
    return sum((left for _, left in credit_claims(session, customer_id)), start=ZERO)


def narrow_claims(statement: Select[Any], text: str) -> Select[Any]:
    """Payments of one order number, or of one transfer reference, whole: both found by index."""
    wanted = text.strip().upper()
    if not wanted:
        return statement
    of_order = select(Allocation.claim_id).join(Order, Order.id == Allocation.order_id).where(Order.number == wanted)
    of_reference = select(TransferKey.claim_id).where(
        func.upper(TransferKey.reference) == wanted, TransferKey.claim_id.is_not(None)
    )
    return statement.where(or_(PaymentClaim.id.in_(of_order), PaymentClaim.id.in_(of_reference)))


def _money(total: object) -> Money:
    """A sum as the database gives it: Money of the column, or a bare number of satang."""
    return total if isinstance(total, Money) else Money.satang(int(str(total or 0)))
