"""Confirming a slip: the money is in. What a verifier found counts before what was typed; a satang less leaves the
order short, more is the customer's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.slip_models import Slip
from oms.payments.states import ClaimStatus
from oms.usecases import derived
from oms.usecases.payments import (
    DecideClaim,
    Shares,
    audit_claim,
    check_own_work,
    lock_claim,
    mark_duplicate,
    put_shares,
    shares_of,
    verify_claim,
)
from oms.usecases.references import first_use, take_reference, used_before
from oms.usecases.shipping import complete_done
from oms.usecases.slip_base import (
    NOTE_LABELS,
    LockedSlip,
    check_open,
    claim_for,
    decide,
    lock_slip,
    missing_of,
    note_slip,
)
from oms.usecases.slip_facts import SlipCase, slip_case
from oms.usecases.slip_follow import check_read
from oms.usecases.statement_match import ConfirmMatch, confirm_match


@dataclass(frozen=True)
class ConfirmSlip:
    """``amount``, ``account_id`` and ``paid_at`` are what the cashier sees on the picture; a verifier's facts win.
    ``allocations`` share it out; without them one order gets all. ``same_as``: the payment that is this very money;
    ``is_another``: the cashier says that none is. ``no_reference``: the cashier says that the picture shows none.
    ``exact_only``: refuse unless every check matches."""

    slip_id: int
    version: int | None = None
    amount: Money | None = None
    account_id: int | None = None
    paid_at: datetime | None = None
    allocations: Shares | None = None
    sending_bank: str = ""
    reference: str = ""
    same_as: int | None = None
    is_another: bool = False
    no_reference: bool = False
    exact_only: bool = False


@dataclass(frozen=True)
class SlipConfirmed:
    """``missing``: what its orders still miss together."""

    slip_id: int
    claim_id: int
    amount: Money
    order_ids: tuple[int, ...]
    missing: Money


def confirm_slip(tx: Tx, cmd: ConfirmSlip) -> SlipConfirmed:
    """The money of this slip is on our account. Raises Refused for a slip that is decided, was used before, went to
    somebody else's account, or whose money is already counted."""
    tx.actor.require("payment.verify")
    others = {order_id for order_id, _ in cmd.allocations or ()}
    if cmd.same_as is not None:  # its orders are locked before any claim, as everywhere
        others |= set(tx.session.scalars(select(Allocation.order_id).where(Allocation.claim_id == cmd.same_as)))
    locked = lock_slip(tx, cmd.slip_id, others)
    slip = locked.slip
    check_open(slip, cmd.version)
    check_read(slip)
    _own_reference(tx, slip, cmd)
    case = slip_case(tx, slip)
    if cmd.exact_only and case.loose is not None:
        raise Refused(case.loose, code="slip_not_exact")
    if case.blocked is not None:
        raise Refused(case.blocked, code="slip_blocked")
    if cmd.same_as is not None:
        return _count_once(tx, locked, case, cmd.same_as)
    if case.counted and not cmd.is_another:
        raise Refused(
            say("This money may be counted already; say whether it is the same transfer or another one"),
            field="same_as",
            code="already_counted",
        )
    if not slip.reference and case.line is None and not cmd.no_reference:
        raise InvalidInput(
            say("No reference could be read; type the one on the picture, or say that it shows none"),
            field="reference",
            code="reference_missing",
        )
    return _confirm(tx, locked, case, cmd)


def _confirm(tx: Tx, locked: LockedSlip, case: SlipCase, cmd: ConfirmSlip) -> SlipConfirmed:
    slip = locked.slip
    amount = case.stated if case.proven or cmd.amount is None else cmd.amount
    if amount is None or amount <= ZERO:
        raise InvalidInput(say("Type the amount on the slip"), field="amount", code="amount_missing")
    line_account = case.line.account_id if case.line is not None else None
    account_id = (case.account_id if case.proven else None) or cmd.account_id or case.account_id or line_account
    if account_id is None:
        raise InvalidInput(say("Choose the account that got the money"), field="account_id", code="account_missing")
    paid_at = slip.paid_at or (case.paid_at if case.proven else cmd.paid_at or case.paid_at)
    shares = cmd.allocations
    claim = locked.claim
    if claim is None or claim.status is not ClaimStatus.SUBMITTED:
        shares = shares or tuple((order.id, amount) for order in locked.orders[:1])
        if not shares:
            raise InvalidInput(say("Choose the order this slip pays"), field="order", code="order_missing")
        claim = claim_for(tx, slip, amount, shares)
        slip.order_id = slip.order_id or shares[0][0]
    if shares is None and case.proven and claim.amount != amount and len(shares_of(claim)) > 1:
        shares = _cut(shares_of(claim), amount)
    done = verify_claim(
        tx,
        DecideClaim(
            claim.id, amount=amount, allocations=shares, account_id=account_id, paid_at=paid_at,
            payer_name=slip.payer_name,
        ),
    )  # fmt: skip
    slip.account_id = account_id
    if case.line is not None and case.line.amount == amount and case.line.account_id == account_id:
        _tick_line(tx, case.line.id, claim, must=cmd.exact_only and not case.proven)
    note_slip(tx, "slip.confirmed", slip, amount=amount, no_reference=not slip.reference and case.line is None)
    return _result(tx, slip, claim, amount, done.order_ids)


def _tick_line(tx: Tx, line_id: int, claim: PaymentClaim, *, must: bool) -> None:
    """The one statement line that fits is this money: ticked off at once, so that it vouches for nothing else. Who may
    not match statements leaves that to a colleague, but then the line cannot be what a slip is confirmed by."""
    if tx.actor.may("payment.statement"):
        confirm_match(tx, ConfirmMatch((line_id,), claim_ids=(claim.id,)))
    elif must:
        tx.actor.require("payment.statement")


def _count_once(tx: Tx, locked: LockedSlip, case: SlipCase, claim_id: int) -> SlipConfirmed:
    """The money was counted before (a statement line, a typed notice): the slip becomes its proof and adds nothing.
    What that payment has left goes to the slip's order."""
    if claim_id not in {c.id for c in case.counted}:
        raise Refused(say("That payment is not this money; look again"), field="same_as", code="not_the_same")
    slip = locked.slip
    own, mine = locked.claim, {share.order.id for share in case.shares}
    orders = [order for order in locked.orders if order.id in mine]
    claim, _ = lock_claim(tx, claim_id, mine)
    rest = claim.amount - sum(shares_of(claim).values(), start=ZERO)
    missing = missing_of(tx, orders)
    given, gaining = shares_of(claim), []
    for order in orders:
        if (part := min(rest, missing[order.id])) > ZERO:
            given[order.id] = given.get(order.id, ZERO) + part
            rest -= part
            gaining.append(order)
    check_own_work(tx, claim, gaining, proven=True)
    slip.claim_id = claim.id
    tx.session.flush()  # the slip follows its own notice no more
    if own is not None and own.status is ClaimStatus.SUBMITTED:
        mark_duplicate(tx, DecideClaim(own.id, note=NOTE_LABELS["counted"]))
    derived.refresh(tx, orders)
    if gaining:
        put_shares(tx, claim, given)
        derived.refresh(tx, gaining)
        audit_claim(tx, "payment.moved", gaining, claim, NOTE_LABELS["counted"])
        complete_done(tx, gaining)
    decide(tx, slip, "confirm", NOTE_LABELS["counted"])
    note_slip(tx, "slip.confirmed", slip, amount=claim.amount, counted_before=claim.id)
    return _result(tx, slip, claim, claim.amount, tuple(sorted(given)))


def _own_reference(tx: Tx, slip: Slip, cmd: ConfirmSlip) -> None:
    """The slip's reference is its own; where none could be read, the one the cashier typed is taken for it."""
    typed = "".join(cmd.reference.split())
    if not slip.reference and typed:
        take_reference(tx, cmd.sending_bank, typed, slip_id=slip.id, claim_id=slip.claim_id)
        slip.sending_bank, slip.reference = cmd.sending_bank, typed
    if not slip.reference:
        return
    use = first_use(tx, slip.sending_bank, slip.reference)
    if use is None:
        take_reference(tx, slip.sending_bank, slip.reference, slip_id=slip.id, claim_id=slip.claim_id)
    elif use.slip_id != slip.id and (use.claim_id is None or use.claim_id != slip.claim_id):
        raise used_before(use)


def _cut(shares: dict[int, Money], amount: Money) -> Shares:
    """Shares of several orders when another amount came in than was said: each its own, in their order, to the end."""
    cut, rest = [], amount
    for order_id, share in sorted(shares.items()):
        if (part := min(share, rest)) > ZERO:
            cut.append((order_id, part))
            rest -= part
    return tuple(cut)


def _result(tx: Tx, slip: Slip, claim: PaymentClaim, amount: Money, order_ids: tuple[int, ...]) -> SlipConfirmed:
    orders = list(tx.session.scalars(select(Order).where(Order.id.in_(order_ids))))
    missing = sum(missing_of(tx, orders).values(), start=ZERO)
    return SlipConfirmed(slip.id, claim.id, amount, order_ids, missing)
