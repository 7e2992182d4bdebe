"""Payment claims: announced by anyone who takes orders, verified by somebody with that permission.

What a claim says may be put right while it is verified; from then on a mistake is reversed and claimed anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from oms import audit, clock
from oms.approvals import needs_second_person
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_order, lock_orders
from oms.orders.states import HOLD, HoldReason, HoldStatus, PaymentTerm
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount, TransferKey
from oms.payments.queries import refundable_of
from oms.payments.states import CLAIM, ClaimStatus, PaymentMethod
from oms.usecases import derived, notices
from oms.usecases.references import plain_reference, take_reference
from oms.usecases.shipping import complete_done
from oms.usecases.slip_follow import check_slips, follow
from oms.usecases.statement_rows import release_lines

Shares = tuple[tuple[int, Money], ...]  # (order id, amount)
OWN_WORK = "payment.verify"  # the approval policy: not by whoever entered the order or the payment


@dataclass(frozen=True)
class SubmitClaim:
    """A buyer says they paid. ``allocations`` are (order id, amount); their sum is at most ``amount``. Only who may
    verify records money that belongs to nobody yet."""

    method: PaymentMethod
    amount: Money
    allocations: Shares
    account_id: int | None = None
    sending_bank: str = ""
    reference: str | None = None
    paid_at: datetime | None = None
    note: str = ""
    idempotency_key: str | None = None
    customer_id: int | None = None
    payer_name: str = ""


@dataclass(frozen=True)
class DecideClaim:
    """A decision. Verifying may say what really came in: ``amount``, how it is shared, where and when it came."""

    claim_id: int
    note: str = ""
    version: int | None = None
    amount: Money | None = None
    allocations: Shares | None = None
    account_id: int | None = None
    paid_at: datetime | None = None
    payer_name: str = ""


@dataclass(frozen=True)
class ClaimResult:
    claim_id: int
    status: ClaimStatus
    order_ids: tuple[int, ...]


def submit_claim(tx: Tx, cmd: SubmitClaim) -> ClaimResult:
    """Record a payment notice. Raises InvalidInput for impossible amounts and Refused for a reference used before."""
    tx.actor.require("payment.claim")
    _check_amounts(cmd.amount, cmd.allocations)
    if not cmd.allocations and not tx.actor.may("payment.verify"):
        raise InvalidInput(say("Say how much belongs to which order"), field="amount", code="allocation_missing")
    if cmd.idempotency_key and (earlier := _by_key(tx, cmd.idempotency_key)):
        return _result(earlier)
    orders = _lock_all(tx, [order_id for order_id, _ in cmd.allocations])
    _check_account(tx, cmd.account_id)
    reference = plain_reference(cmd.reference or "")
    used = take_reference(tx, cmd.sending_bank, reference) if reference else None
    claim = PaymentClaim(
        status=ClaimStatus.SUBMITTED, method=cmd.method, amount=cmd.amount, account_id=cmd.account_id,
        customer_id=cmd.customer_id or _payer(cmd, orders),
        sending_bank=cmd.sending_bank, reference=reference or None, paid_at=cmd.paid_at, note=cmd.note,
        payer_name=cmd.payer_name[:200], submitted_by=tx.actor.user_id, submitted_label=tx.actor.label,
        idempotency_key=cmd.idempotency_key,
        allocations=[_share(tx, order_id, amount) for order_id, amount in cmd.allocations],
    )  # fmt: skip
    tx.session.add(claim)
    tx.session.flush()  # the reference and the audit name it
    if used is not None:
        tx.session.get_one(TransferKey, used.key_id).claim_id = claim.id
    derived.refresh(tx, orders)
    audit_claim(tx, "payment.claimed", orders, claim, cmd.note)
    return _result(claim)


def record_payment(tx: Tx, cmd: SubmitClaim, *, proven: bool = True) -> ClaimResult:
    """Money that is certainly in (a statement line, cash on the counter, a carrier's round): claimed and verified.
    Not ``proven``: it is this person's word alone, so that in two-person mode another one has to look."""
    tx.actor.require("payment.verify")
    claimed = submit_claim(tx, cmd)
    if claimed.status is not ClaimStatus.SUBMITTED:
        return claimed  # the same key again
    return _verify(tx, DecideClaim(claimed.claim_id, note=cmd.note), proven=proven)


def verify_claim(tx: Tx, cmd: DecideClaim, *, by_bank: bool = False) -> ClaimResult:
    """The money is on our account. Raises Refused when the actor entered it and another person has to look, or when its
    slip may not be confirmed. ``by_bank``: a line of the statement is the money, whatever the slip says."""
    return _verify(tx, cmd, proven=False, by_bank=by_bank)


def _verify(tx: Tx, cmd: DecideClaim, *, proven: bool, by_bank: bool = False) -> ClaimResult:
    tx.actor.require("payment.verify")
    claim, orders = lock_claim(tx, cmd.claim_id, [i for i, _ in cmd.allocations or ()], cmd.version)
    CLAIM.check(claim, "verify")
    if not by_bank:
        check_slips(tx, claim)
    check_own_work(tx, claim, orders, proven=proven)
    shares = _final_shares(claim, cmd)
    amount = claim.amount if cmd.amount is None else cmd.amount
    _check_amounts(amount, tuple(shares.items()))
    _check_account(tx, cmd.account_id)
    if amount != claim.amount:
        claim.said_amount, claim.amount = claim.amount, amount
    claim.account_id = cmd.account_id or claim.account_id
    claim.paid_at = cmd.paid_at or claim.paid_at
    claim.payer_name = cmd.payer_name[:200] or claim.payer_name
    put_shares(tx, claim, shares)
    return _decide(tx, claim, orders, "verify", "payment.verified", cmd.note)


def reject_claim(tx: Tx, cmd: DecideClaim) -> ClaimResult:
    """The money is not there, or not ours. Needs a reason."""
    tx.actor.require("payment.verify")
    need_reason(cmd.note)
    claim, orders = lock_claim(tx, cmd.claim_id, version=cmd.version)
    return _decide(tx, claim, orders, "reject", "payment.rejected", cmd.note)


def mark_duplicate(tx: Tx, cmd: DecideClaim) -> ClaimResult:
    """The proof was used before: this claim pays nothing."""
    tx.actor.require("payment.claim")
    claim, orders = lock_claim(tx, cmd.claim_id, version=cmd.version)
    return _decide(tx, claim, orders, "mark_duplicate", "payment.duplicate", cmd.note)


def reverse_claim(tx: Tx, cmd: DecideClaim) -> ClaimResult:
    """A verified payment was a mistake or was taken back. Needs a reason; the amount stays on record. Raises Refused
    while a refund of that money is on its way or done."""
    tx.actor.require("payment.verify")
    need_reason(cmd.note)
    claim, orders = lock_claim(tx, cmd.claim_id, version=cmd.version)
    CLAIM.check(claim, "reverse")
    check_refunds(tx, orders, shares_of(claim))
    result = _decide(tx, claim, orders, "reverse", "payment.reversed", cmd.note)
    release_lines(tx, [claim.id])  # their money is to be explained anew
    return result


def need_reason(note: str) -> None:
    """Raise InvalidInput for a decision without a word why."""
    if not note.strip():
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")


def lock_claim(
    tx: Tx, claim_id: int, more_orders: Collection[int] = (), version: int | None = None
) -> tuple[PaymentClaim, list[Order]]:
    """A claim with its orders, locked: orders first, then the claim, the one lock order of every verb that touches
    both. Raises NotFound, or Refused "stale" when ``version`` is not the one stored."""
    given = set(tx.session.scalars(select(Allocation.order_id).where(Allocation.claim_id == claim_id)))
    orders = _lock_all(tx, given | set(more_orders), of_claim=True)
    claim = tx.session.get(PaymentClaim, claim_id, with_for_update=True, populate_existing=True)
    if claim is None or (not given and not tx.actor.may("payment.verify")):
        raise NotFound(say("There is no such payment, or it is not yours to see"), code="claim_not_found")
    tx.session.refresh(claim, ["allocations"])
    if version is not None and claim.version != version:
        raise Refused(say("Someone else has decided this payment; reload and look again"), code="stale")
    if {a.order_id for a in claim.allocations} - {o.id for o in orders}:
        raise Refused(say("Someone else is sharing this payment out; reload and look again"), code="stale")
    return claim, orders


def shares_of(claim: PaymentClaim) -> dict[int, Money]:
    """How much of a claim each order has now."""
    sums: dict[int, Money] = {}
    for row in claim.allocations:
        sums[row.order_id] = sums.get(row.order_id, ZERO) + row.amount
    return {order_id: amount for order_id, amount in sums.items() if amount}


def put_shares(tx: Tx, claim: PaymentClaim, wanted: Mapping[int, Money]) -> None:
    """Share a claim out anew: what differs is taken back by a reversal row and given by a new one."""
    now = shares_of(claim)
    reversed_ids = {a.reverses_id for a in claim.allocations if a.reverses_id}
    for row in list(claim.allocations):
        live = row.reverses_id is None and row.id not in reversed_ids
        if live and now.get(row.order_id) != wanted.get(row.order_id):
            back = _share(tx, row.order_id, -row.amount)
            back.reverses_id = row.id
            claim.allocations.append(back)
    for order_id, amount in sorted(wanted.items()):
        if amount and now.get(order_id) != amount:
            claim.allocations.append(_share(tx, order_id, amount))


def check_refunds(tx: Tx, orders: Sequence[Order], losing: Mapping[int, Money] | None = None) -> None:
    """Raise Refused when less is verified for an order than is paid back or promised back (invariant 4), now or once
    it has lost what ``losing`` says."""
    tx.session.flush()  # the sums are made by SQL
    left = refundable_of(tx.session, [o.id for o in orders])
    for order in orders:
        left[order.id] -= (losing or {}).get(order.id, ZERO)
        if left[order.id] < ZERO:
            raise Refused(
                say(
                    "{amount} of {number} is being refunded or was refunded; settle the refund first",
                    amount=-left[order.id],
                    number=order.number,
                ),
                code="refund_in_the_way",
            )


def check_own_work(tx: Tx, claim: PaymentClaim, orders: Sequence[Order], *, proven: bool = False) -> None:
    """In two-person mode nobody verifies a payment of an order they entered, nor one they announced themselves.
    ``proven``: the announcement is not their word but the bank's or the carrier's."""
    me = tx.actor.user_id
    if me is None or not needs_second_person(tx.session, OWN_WORK):
        return
    if (me == claim.submitted_by and not proven) or any(order.entered_by == me for order in orders):
        raise Refused(say("You entered this yourself; another person has to check the money"), code="own_work")


def _check_amounts(amount: Money, shares: Shares) -> None:
    if amount <= ZERO:
        raise InvalidInput(say("The amount must be more than 0"), field="amount", code="amount_range")
    if any(share <= ZERO for _, share in shares):
        raise InvalidInput(say("Say how much belongs to which order"), field="amount", code="allocation_missing")
    if len({order_id for order_id, _ in shares}) != len(shares):
        raise InvalidInput(say("An order is named twice"), field="amount", code="allocation_twice")
    if sum((share for _, share in shares), start=ZERO) > amount:
        raise InvalidInput(say("More is given to orders than was paid"), field="amount", code="allocation_too_much")


def _final_shares(claim: PaymentClaim, cmd: DecideClaim) -> dict[int, Money]:
    """Who gets what of the money that came in. One order gets all of it; several keep what was said of them."""
    if cmd.allocations is not None:
        return dict(cmd.allocations)
    shares = shares_of(claim)
    amount = claim.amount if cmd.amount is None else cmd.amount
    if len(shares) == 1 and amount != claim.amount:
        return dict.fromkeys(shares, amount)
    if sum(shares.values(), start=ZERO) > amount:
        raise InvalidInput(
            say("Less came in than was said; say how much each order gets"), field="amount", code="allocation_needed"
        )
    return shares


def _lock_all(tx: Tx, ids: Collection[int], *, of_claim: bool = False) -> list[Order]:
    """These orders, locked. Raises NotFound when one is missing or out of the actor's rows."""
    orders = lock_orders(tx, ids) if ids else []
    if len(orders) == len(set(ids)):
        return orders
    if of_claim:
        raise NotFound(say("There is no such payment, or it is not yours to see"), code="claim_not_found")
    raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")


def _payer(cmd: SubmitClaim, orders: Sequence[Order]) -> int | None:
    """Whose credit the rest would be. A carrier pays for many: what is left over of its round is nobody's credit."""
    return None if cmd.method is PaymentMethod.COD else next((o.customer_id for o in orders if o.customer_id), None)


def _by_key(tx: Tx, key: str) -> PaymentClaim | None:
    return tx.session.scalars(select(PaymentClaim).where(PaymentClaim.idempotency_key == key)).one_or_none()


def _check_account(tx: Tx, account_id: int | None) -> None:
    """The money came into an account of ours that is in use."""
    if account_id is None:
        return
    known = select(ReceivingAccount.id).where(ReceivingAccount.is_active)
    if account_id not in set(tx.session.scalars(known)):
        raise InvalidInput(say("Choose one of our accounts"), field="account_id", code="account_unknown")


def _share(tx: Tx, order_id: int, amount: Money) -> Allocation:
    return Allocation(order_id=order_id, amount=amount, at=clock.now(), by=tx.actor.label[:120])


def _decide(tx: Tx, claim: PaymentClaim, orders: list[Order], transition: str, action: str, note: str) -> ClaimResult:
    if claim.status is ClaimStatus.VERIFIED:
        claim.verified_at = claim.decided_at
    CLAIM.fire(claim, transition)
    claim.decided_at, claim.decided_by = clock.now(), tx.actor.user_id
    claim.decided_label, claim.decision_note = tx.actor.label, note.strip()
    follow(tx, claim, transition)
    derived.refresh(tx, orders)
    audit_claim(tx, action, orders, claim, note)
    complete_done(tx, orders)  # goods that arrived before their money did
    notices.tell_payment(tx, claim, orders, transition)
    return _result(claim)


def audit_claim(tx: Tx, action: str, orders: Sequence[Order], claim: PaymentClaim, note: str) -> None:
    """One row per order of the claim; one for the claim itself when it belongs to nobody yet."""
    tx.session.flush()  # the rows name the claim
    shares = shares_of(claim)
    facts = {"claim": claim.id, "method": claim.method, "status": claim.status}
    if claim.said_amount is not None:
        facts["said_amount"] = claim.said_amount
    entries = [
        audit.Entry(
            action, "order", order.id, order.number, reason=note,
            after={**facts, "amount": shares.get(order.id, ZERO), "payment_status": order.payment_status},
        )
        for order in orders
    ]  # fmt: skip
    own = audit.Entry(action, "payment", claim.id, str(claim.id), after={**facts, "amount": claim.amount}, reason=note)
    audit.record_many(tx, entries or [own])


def _result(claim: PaymentClaim) -> ClaimResult:
    return ClaimResult(claim.id, claim.status, tuple(sorted(shares_of(claim))))


def approve_term(tx: Tx, order_id: int, note: str = "") -> None:
    """A person vouches for an order's COD or credit, and with it for a hold because of its risk. Raises Refused when
    there is nothing to approve."""
    tx.actor.require("payment.approve_cod")
    order = lock_order(tx, order_id)
    if order.payment_term not in {PaymentTerm.COD, PaymentTerm.CREDIT} or order.term_approved_at is not None:
        raise Refused(say("There is nothing to approve on this order"), code="term_not_open")
    order.term_approved_at = clock.now()
    for hold in order.holds:
        if hold.reason is HoldReason.COD_RISK and hold.status is HoldStatus.ACTIVE:
            HOLD.fire(hold, "release")
            hold.released_at, hold.released_by, hold.release_note = clock.now(), tx.actor.label, note.strip()
    derived.refresh(tx, [order])
    after = {"payment_term": order.payment_term, "payment_status": order.payment_status, "board": order.board}
    audit.record(tx, "payment.term_approved", "order", order.id, order.number, after=after, reason=note)
