"""Verified money finds its orders: shared out anew, left over as the customer's credit, and used for the next order.

Amounts never change here. What an order gives up is taken back by a reversal row, what it gets is a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from oms.approvals import needs_second_person
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.orders.states import OrderStatus
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.queries import credit_claims, refundable_of
from oms.payments.states import ClaimStatus
from oms.usecases import derived
from oms.usecases.payments import (
    OWN_WORK,
    Shares,
    audit_claim,
    check_refunds,
    lock_claim,
    need_reason,
    put_shares,
    shares_of,
)
from oms.usecases.shipping import complete_done

DEAD = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})


@dataclass(frozen=True)
class MoveMoney:
    """Who shall have the money of a verified claim: every order that gets some, with its amount. The rest is credit."""

    claim_id: int
    allocations: Shares
    note: str
    version: int | None = None


@dataclass(frozen=True)
class MakeCredit:
    """What an order has too much becomes its customer's credit; ``amount`` of it, or all."""

    order_id: int
    note: str = ""
    amount: Money | None = None


@dataclass(frozen=True)
class UseCredit:
    """Pay an order from its customer's credit: ``amount``, or as much as is missing and there."""

    order_id: int
    amount: Money | None = None
    note: str = ""


@dataclass(frozen=True)
class Moved:
    """How much changed hands, of which claims."""

    amount: Money
    claim_ids: tuple[int, ...]


def move_money(tx: Tx, cmd: MoveMoney) -> Moved:
    """Share a verified claim out anew. Needs a reason; raises Refused when an order's money is promised back."""
    tx.actor.require("payment.verify")
    need_reason(cmd.note)
    wanted = _wanted(cmd.allocations)
    claim, orders = lock_claim(tx, cmd.claim_id, list(wanted), cmd.version)
    if claim.status is not ClaimStatus.VERIFIED:
        raise Refused(say("Only verified money can be moved"), code="not_verified")
    if sum(wanted.values(), start=ZERO) > claim.amount:
        raise InvalidInput(say("More is given to orders than was paid"), field="amount", code="allocation_too_much")
    now = shares_of(claim)
    if wanted == now:
        raise InvalidInput(say("Nothing is changed yet"), field="amount", code="nothing_moved")
    gaining = [o for o in orders if wanted.get(o.id, ZERO) > now.get(o.id, ZERO)]
    _check_gaining(tx, gaining)
    check_refunds(tx, orders, {o.id: now.get(o.id, ZERO) - wanted.get(o.id, ZERO) for o in orders})
    _give(tx, claim, wanted, orders, cmd.note)
    return Moved(sum((wanted[o.id] - now.get(o.id, ZERO) for o in gaining), start=ZERO), (claim.id,))


def make_credit(tx: Tx, cmd: MakeCredit) -> Moved:
    """Take what is too much off an order, the latest payment first. Raises Refused when nothing is too much, or when
    nobody is known whose credit it could be. What is promised back stays on the order."""
    tx.actor.require("payment.verify")
    order = lock_order(tx, cmd.order_id)
    facts = derived.read_facts(tx, [order])[order.id].money
    over = min(facts.net - facts.due, refundable_of(tx.session, [order.id])[order.id] - facts.due)
    if over <= ZERO:
        raise Refused(say("Nothing is too much on this order"), code="nothing_over")
    if order.customer_id is None:
        raise Refused(say("The order has no customer; refund the money instead"), code="no_customer")
    if cmd.amount is not None and not ZERO < cmd.amount <= over:
        raise InvalidInput(say("Between 0.01 and {most} can be used", most=over), field="amount", code="credit_range")
    left = wanted = over if cmd.amount is None else cmd.amount
    touched = []
    for claim in _claims_of(tx, order):
        shares = shares_of(claim)
        taken = min(left, shares.get(order.id, ZERO))
        if not taken:
            continue
        claim.customer_id = claim.customer_id or order.customer_id
        _give(tx, claim, {**shares, order.id: shares[order.id] - taken}, [order], cmd.note)
        touched.append(claim.id)
        left -= taken
    return Moved(wanted - left, tuple(touched))


def use_credit(tx: Tx, cmd: UseCredit) -> Moved:
    """Pay from the customer's credit, the oldest first. Raises Refused when there is too little, or none is missing."""
    tx.actor.require("payment.verify")
    order = lock_order(tx, cmd.order_id)
    _check_gaining(tx, [order])
    missing = derived.read_facts(tx, [order])[order.id].money.missing
    if not missing:
        raise Refused(say("No money is missing"), code="nothing_missing")
    credit = _locked_credit(tx, order)
    there = sum((left for _, left in credit), start=ZERO)
    amount = cmd.amount if cmd.amount is not None else min(missing, there)
    if not ZERO < amount <= missing:
        raise InvalidInput(
            say("Between 0.01 and {most} can be used", most=missing), field="amount", code="credit_range"
        )
    if amount > there:
        raise Refused(say("The customer has {left} left", left=there), field="amount", code="credit_short")
    rest, touched = amount, []
    for claim, left in credit:
        taken = min(rest, left)
        if taken:
            shares = shares_of(claim)
            _give(tx, claim, {**shares, order.id: shares.get(order.id, ZERO) + taken}, [order], cmd.note)
            touched.append(claim.id)
            rest -= taken
    return Moved(amount, tuple(touched))


def _wanted(shares: Shares) -> dict[int, Money]:
    if any(amount < ZERO for _, amount in shares):
        raise InvalidInput(say("Say how much belongs to which order"), field="amount", code="allocation_missing")
    if len({order_id for order_id, _ in shares}) != len(shares):
        raise InvalidInput(say("An order is named twice"), field="amount", code="allocation_twice")
    return {order_id: amount for order_id, amount in shares if amount}


def _check_gaining(tx: Tx, orders: Sequence[Order]) -> None:
    """Dead orders get no money; in two-person mode nobody gives verified money to an order they entered."""
    me = tx.actor.user_id
    strict = me is not None and needs_second_person(tx.session, OWN_WORK)
    for order in orders:
        if order.status in DEAD:
            raise Refused(say("{number} is closed; it cannot be paid", number=order.number), code="order_closed")
        if strict and order.entered_by == me:
            raise Refused(say("You entered this yourself; another person has to check the money"), code="own_work")


def _give(tx: Tx, claim: PaymentClaim, wanted: Mapping[int, Money], orders: Sequence[Order], note: str) -> None:
    put_shares(tx, claim, {order_id: amount for order_id, amount in wanted.items() if amount})
    derived.refresh(tx, orders)
    audit_claim(tx, "payment.moved", orders, claim, note)
    complete_done(tx, orders)


def _claims_of(tx: Tx, order: Order) -> list[PaymentClaim]:
    """The verified claims with money on an order, the latest first, locked in id order. The order is locked."""
    ids = select(Allocation.claim_id).where(Allocation.order_id == order.id)
    locked = tx.session.scalars(
        select(PaymentClaim)
        .where(PaymentClaim.id.in_(ids), PaymentClaim.status == ClaimStatus.VERIFIED)
        .order_by(PaymentClaim.id)
        .with_for_update(of=PaymentClaim)
        .execution_options(populate_existing=True)
    )
    found = list(locked)[::-1]
    for claim in found:
        tx.session.refresh(claim, ["allocations"])
    return found


def _locked_credit(tx: Tx, order: Order) -> list[tuple[PaymentClaim, Money]]:
    """(claim, what is left of it) of the order's customer, read again under the lock."""
    if order.customer_id is None:
        raise NotFound(say("The order has no customer, so there is no credit"), code="no_customer")
    ids = [claim_id for claim_id, _ in credit_claims(tx.session, order.customer_id)]
    locked = tx.session.scalars(
        select(PaymentClaim)
        .where(PaymentClaim.id.in_(ids), PaymentClaim.status == ClaimStatus.VERIFIED)
        .order_by(PaymentClaim.id)
        .with_for_update(of=PaymentClaim)
        .execution_options(populate_existing=True)
    )
    found = []
    for claim in locked:
        tx.session.refresh(claim, ["allocations"])
        found.append((claim, claim.amount - sum(shares_of(claim).values(), start=ZERO)))
    return found
