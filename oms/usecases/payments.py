"""Payment claims: announced by anyone who takes orders, verified by somebody with that permission.

Amounts are never edited; a mistake is reversed and claimed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_order, lock_orders
from oms.orders.states import PaymentTerm
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.states import CLAIM, ClaimStatus, PaymentMethod
from oms.usecases import derived
from oms.usecases.shipping import complete_done


@dataclass(frozen=True)
class SubmitClaim:
    """A buyer says they paid. ``allocations`` are (order id, amount); their sum is at most ``amount``."""

    method: PaymentMethod
    amount: Money
    allocations: tuple[tuple[int, Money], ...]
    account_id: int | None = None
    sending_bank: str = ""
    reference: str | None = None
    paid_at: datetime | None = None
    note: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class DecideClaim:
    claim_id: int
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ClaimResult:
    claim_id: int
    status: ClaimStatus
    order_ids: tuple[int, ...]


def submit_claim(tx: Tx, cmd: SubmitClaim) -> ClaimResult:
    """Record a payment notice. Raises InvalidInput for impossible amounts and Refused for a reference used before."""
    tx.actor.require("payment.claim")
    _check_amounts(cmd)
    if cmd.idempotency_key and (earlier := _by_key(tx, cmd.idempotency_key)):
        return _result(earlier)
    orders = lock_orders(tx, [order_id for order_id, _ in cmd.allocations])
    if len(orders) != len({order_id for order_id, _ in cmd.allocations}):
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    _check_reference(tx, cmd)
    _check_account(tx, cmd.account_id)
    claim = PaymentClaim(
        status=ClaimStatus.SUBMITTED, method=cmd.method, amount=cmd.amount, account_id=cmd.account_id,
        sending_bank=cmd.sending_bank, reference=cmd.reference or None, paid_at=cmd.paid_at, note=cmd.note,
        submitted_by=tx.actor.user_id, submitted_label=tx.actor.label, idempotency_key=cmd.idempotency_key,
        allocations=[Allocation(order_id=order_id, amount=amount) for order_id, amount in cmd.allocations],
    )  # fmt: skip
    tx.session.add(claim)
    derived.refresh(tx, orders)
    for order in orders:
        _audit(tx, "payment.claimed", order, claim, cmd.note)
    return _result(claim)


def _check_amounts(cmd: SubmitClaim) -> None:
    if cmd.amount <= ZERO:
        raise InvalidInput(say("The amount must be more than 0"), field="amount", code="amount_range")
    if not cmd.allocations or any(amount <= ZERO for _, amount in cmd.allocations):
        raise InvalidInput(say("Say how much belongs to which order"), field="amount", code="allocation_missing")
    if sum((amount for _, amount in cmd.allocations), start=ZERO) > cmd.amount:
        raise InvalidInput(say("More is given to orders than was paid"), field="amount", code="allocation_too_much")


def _by_key(tx: Tx, key: str) -> PaymentClaim | None:
    return tx.session.scalars(select(PaymentClaim).where(PaymentClaim.idempotency_key == key)).one_or_none()


def _check_account(tx: Tx, account_id: int | None) -> None:
    """The money came into an account of ours that is in use."""
    if account_id is None:
        return
    known = select(ReceivingAccount.id).where(ReceivingAccount.is_active)
    if account_id not in set(tx.session.scalars(known)):
        raise InvalidInput(say("Choose one of our accounts"), field="account_id", code="account_unknown")


def _check_reference(tx: Tx, cmd: SubmitClaim) -> None:
    """A transfer reference counts once in the whole system, rejected claims included (invariant 7)."""
    if not cmd.reference:
        return
    used = tx.session.scalars(
        select(PaymentClaim).where(
            PaymentClaim.sending_bank == cmd.sending_bank, PaymentClaim.reference == cmd.reference
        )
    ).one_or_none()
    if used is not None:
        raise Refused(
            say(
                "This transfer was used before, by {who} on {day}",
                who=used.submitted_label,
                day=used.submitted_at.date(),
            ),
            field="reference",
            code="reference_used",
        )


def verify_claim(tx: Tx, cmd: DecideClaim) -> ClaimResult:
    """The money is on our account."""
    tx.actor.require("payment.verify")
    return _decide(tx, cmd, "verify", "payment.verified")


def reject_claim(tx: Tx, cmd: DecideClaim) -> ClaimResult:
    """The money is not there, or not ours. Needs a reason."""
    tx.actor.require("payment.verify")
    _need_note(cmd)
    return _decide(tx, cmd, "reject", "payment.rejected")


def reverse_claim(tx: Tx, cmd: DecideClaim) -> ClaimResult:
    """A verified payment was a mistake or was taken back. Needs a reason; the amount stays on record."""
    tx.actor.require("payment.verify")
    _need_note(cmd)
    return _decide(tx, cmd, "reverse", "payment.reversed")


def _need_note(cmd: DecideClaim) -> None:
    if not cmd.note.strip():
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")


def _decide(tx: Tx, cmd: DecideClaim, transition: str, action: str) -> ClaimResult:
    orders = _orders_of(tx, cmd.claim_id)
    claim = tx.session.get(PaymentClaim, cmd.claim_id, with_for_update=True, populate_existing=True)
    if claim is None or (cmd.version is not None and claim.version != cmd.version):
        raise Refused(say("Someone else has decided this payment; reload and look again"), code="stale")
    CLAIM.fire(claim, transition)
    claim.decided_at, claim.decided_by = clock.now(), tx.actor.user_id
    claim.decided_label, claim.decision_note = tx.actor.label, cmd.note.strip()
    derived.refresh(tx, orders)
    for order in orders:
        _audit(tx, action, order, claim, cmd.note)
    complete_done(tx, orders)  # goods that arrived before their money did
    return _result(claim)


def _orders_of(tx: Tx, claim_id: int) -> list[Order]:
    """Orders first, then the claim: one lock order for every verb that touches both."""
    ids = list(tx.session.scalars(select(Allocation.order_id).where(Allocation.claim_id == claim_id)))
    orders = lock_orders(tx, ids)
    if not ids or len(orders) != len(set(ids)):
        raise NotFound(say("There is no such payment, or it is not yours to see"), code="claim_not_found")
    return orders


def _audit(tx: Tx, action: str, order: Order, claim: PaymentClaim, note: str) -> None:
    mine = sum((a.amount for a in claim.allocations if a.order_id == order.id), start=ZERO)
    after = {
        "claim": claim.id,
        "method": claim.method,
        "amount": mine,
        "status": claim.status,
        "payment_status": order.payment_status,
    }
    audit.record(tx, action, "order", order.id, order.number, after=after, reason=note)


def _result(claim: PaymentClaim) -> ClaimResult:
    return ClaimResult(claim.id, claim.status, tuple(sorted({a.order_id for a in claim.allocations})))


def approve_term(tx: Tx, order_id: int, note: str = "") -> None:
    """A person vouches for an order's COD or credit. Raises Refused when there is nothing to approve."""
    tx.actor.require("payment.approve_cod")
    order = lock_order(tx, order_id)
    if order.payment_term not in {PaymentTerm.COD, PaymentTerm.CREDIT} or order.term_approved_at is not None:
        raise Refused(say("There is nothing to approve on this order"), code="term_not_open")
    order.term_approved_at = clock.now()
    derived.refresh(tx, [order])
    after = {"payment_term": order.payment_term, "payment_status": order.payment_status, "board": order.board}
    audit.record(tx, "payment.term_approved", "order", order.id, order.number, after=after, reason=note)


def open_claims(tx: Tx, order_ids: Sequence[int]) -> list[PaymentClaim]:
    """Claims of these orders, newest first."""
    statement = (
        select(PaymentClaim)
        .join(Allocation, Allocation.claim_id == PaymentClaim.id)
        .where(Allocation.order_id.in_(sorted(order_ids)))
        .order_by(PaymentClaim.id.desc())
        .distinct()
    )
    return list(tx.session.scalars(statement))
