"""The money of one order as its page shows it: every claim, whom it also pays, its slips, the customer's credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from oms.db import Tx
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.queries import customer_credit
from oms.payments.rules import MoneyFacts
from oms.payments.slip_models import Slip
from oms.payments.states import ClaimStatus
from oms.usecases import derived
from oms.usecases.gate import OverrideNote, override_note

DEBTS = 20  # other unpaid orders of the customer that one transfer may pay as well


@dataclass(frozen=True)
class Share:
    """How much of a claim another order has. ``number`` is empty when the reader may not see that order."""

    order_id: int
    number: str
    amount: Money


@dataclass(frozen=True)
class PaymentRow:
    """One claim: ``amount`` is this order's part, ``left`` what belongs to no order."""

    claim: PaymentClaim
    amount: Money
    others: tuple[Share, ...]
    left: Money
    slips: tuple[int, ...]


@dataclass(frozen=True)
class Debt:
    """Another order of the customer and what is missing on it."""

    order_id: int
    number: str
    missing: Money


@dataclass(frozen=True)
class OrderMoney:
    """``over``: what may be taken off as credit; ``credit``: what the customer has left."""

    rows: Sequence[PaymentRow] = ()
    over: Money = ZERO
    credit: Money = ZERO
    debts: Sequence[Debt] = ()
    override: OverrideNote | None = None


def order_money(tx: Tx, order: Order, money: MoneyFacts) -> OrderMoney:
    """Read it, in a fixed number of statements."""
    rows = payment_rows(tx, order)
    mine = order.customer_id
    credit = customer_credit(tx.session, mine) if mine else ZERO
    return OrderMoney(
        rows=rows,
        over=max(money.net - money.due, ZERO),
        credit=credit,
        debts=_debts(tx, order) if tx.actor.may("payment.claim") else [],
        override=override_note(tx.session, order.id),
    )


def payment_rows(tx: Tx, order: Order) -> list[PaymentRow]:
    """The claims that have or had money on an order, the oldest first."""
    mine = select(Allocation.claim_id).where(Allocation.order_id == order.id)
    claims = tx.session.scalars(
        select(PaymentClaim)
        .where(PaymentClaim.id.in_(mine))
        .order_by(PaymentClaim.id)
        .options(joinedload(PaymentClaim.account))
    ).all()
    if not claims:
        return []
    ids = [claim.id for claim in claims]
    shares = _shares(tx, ids)
    slips: dict[int, list[int]] = {}
    for slip_id, claim_id in tx.session.execute(select(Slip.id, Slip.claim_id).where(Slip.claim_id.in_(ids))):
        slips.setdefault(claim_id or 0, []).append(slip_id)
    found = []
    for claim in claims:
        given = shares.get(claim.id, {})
        others = tuple(share for order_id, share in sorted(given.items()) if order_id != order.id)
        own = given.get(order.id)
        is_money = claim.status in {ClaimStatus.VERIFIED, ClaimStatus.SUBMITTED}
        left = claim.amount - sum((s.amount for s in given.values()), start=ZERO) if is_money else ZERO
        row = PaymentRow(claim, own.amount if own else ZERO, others, left, tuple(sorted(slips.get(claim.id, []))))
        found.append(row)
    return found


def _shares(tx: Tx, claim_ids: Sequence[int]) -> dict[int, dict[int, Share]]:
    """Per claim and order what it has now; numbers only of orders the reader may see."""
    seen = visible(tx.actor).with_only_columns(Order.id, Order.number).subquery()
    rows = tx.session.execute(
        select(Allocation.claim_id, Allocation.order_id, func.sum(Allocation.amount), func.max(seen.c.number))
        .outerjoin(seen, seen.c.id == Allocation.order_id)
        .where(Allocation.claim_id.in_(claim_ids))
        .group_by(Allocation.claim_id, Allocation.order_id)
        .having(func.sum(Allocation.amount) != ZERO)
    )
    found: dict[int, dict[int, Share]] = {}
    for claim_id, order_id, amount, number in rows:
        found.setdefault(claim_id, {})[order_id] = Share(order_id, number or "", amount)
    return found


def _debts(tx: Tx, order: Order) -> list[Debt]:
    """What else the customer owes by transfer, the oldest first."""
    if order.customer_id is None:
        return []
    waiting = [PaymentStatus.UNPAID, PaymentStatus.PARTIAL, PaymentStatus.PENDING_REVIEW]
    orders = tx.session.scalars(
        visible(tx.actor)
        .where(
            Order.customer_id == order.customer_id, Order.id != order.id, Order.closed_at.is_(None),
            Order.payment_term == PaymentTerm.PREPAID, Order.payment_status.in_(waiting),
        )
        .order_by(Order.placed_at, Order.id)
        .limit(DEBTS)
    ).all()  # fmt: skip
    facts = derived.read_facts(tx, orders)
    return [Debt(o.id, o.number, facts[o.id].money.missing) for o in orders if facts[o.id].money.missing]


def find_number(tx: Tx, number: str) -> int | None:
    """The id of the order with this number, when the reader may see it."""
    return tx.session.scalar(visible(tx.actor).with_only_columns(Order.id).where(Order.number == number))
