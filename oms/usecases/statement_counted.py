"""Money that may be counted twice: a slip that waits for a line's money or has made it count already."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from oms.db import Tx
from oms.errors import Refused, say
from oms.money import ZERO, Money
from oms.payments.matching import LineFacts, same_moment
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.statement_models import StatementLine
from oms.payments.states import ClaimStatus, PaymentMethod
from oms.usecases.payments import Shares
from oms.usecases.statement_candidates import facts_of, unticked
from oms.usecases.statement_rows import live_matches

TRANSFERS = (PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY, PaymentMethod.EWALLET)


def check_other_proof(tx: Tx, orders: Shares, lines: Sequence[StatementLine]) -> None:
    """Raise Refused when a slip of these orders waits for this money, or a slip has made it count already."""
    ids = [order_id for order_id, _ in orders]
    shares = {share for _, share in orders} | {sum((s for _, s in orders), start=ZERO)}
    waiting = tx.session.scalars(
        select(PaymentClaim.id)
        .join(Allocation, Allocation.claim_id == PaymentClaim.id)
        .where(
            Allocation.order_id.in_(ids),
            PaymentClaim.status == ClaimStatus.SUBMITTED,
            PaymentClaim.amount.in_(sorted(shares | {abs_of(line.amount) for line in lines})),
        )
        .limit(1)
    ).first()
    if waiting is not None:
        raise Refused(
            say("A slip of this order waits with the same amount. Choose the slip, or say that it is another transfer"),
            code="slip_waits",
        )
    for facts in facts_of(tx.session, lines):
        if counted := counted_for(tx, facts):
            raise _counted_before(counted[0])


def check_twins(tx: Tx, lines: Sequence[StatementLine]) -> None:
    """Raise Refused for a line that was called a duplicate when its twin has made a payment count already."""
    twins = [line.duplicate_of for line in lines if line.duplicate_of is not None]
    ids = [m.claim_id for m in live_matches(tx, twins) if m.claim_id is not None] if twins else []
    if ids:
        raise _counted_before(tx.session.get_one(PaymentClaim, ids[0]))


def _counted_before(claim: PaymentClaim) -> Refused:
    return Refused(
        say(
            "This money may be counted already: payment {claim}, verified by {who}. Choose that payment, or "
            "say that it is another transfer",
            claim=claim.id,
            who=claim.decided_label,
        ),
        code="counted_before",
    )


def abs_of(amount: Money) -> Money:
    """An amount without its sign."""
    return amount if amount > ZERO else -amount


def counted_for(tx: Tx, line: LineFacts) -> list[PaymentClaim]:
    """Verified transfers of the line's amount, account and time that no line has ticked off."""
    found = _transfers(tx, line.account_id, line.rest)
    return [c for c in found if c.paid_at is not None and same_moment(line, c.paid_at)]


def _transfers(tx: Tx, account_id: int | None, amount: Money) -> list[PaymentClaim]:
    statement = select(PaymentClaim).where(
        PaymentClaim.status == ClaimStatus.VERIFIED, PaymentClaim.amount == amount,
        PaymentClaim.method.in_(TRANSFERS), unticked(),
    )  # fmt: skip
    if account_id is not None:
        own = (PaymentClaim.account_id == account_id) | PaymentClaim.account_id.is_(None)
        statement = statement.where(own)
    return list(tx.session.scalars(statement.order_by(PaymentClaim.id)))
