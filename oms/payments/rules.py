"""What money means for an order: its payment status, and the gate. Pure functions of plain values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from oms.errors import Say, say
from oms.money import ZERO, Money
from oms.orders.states import HOLD_LABELS, HoldReason, OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.states import CodStatus


class CodState(StrEnum):
    """Where the cash of a COD order is."""

    PENDING = "pending"
    COLLECTED = "collected"
    REMITTED = "remitted"


@dataclass(frozen=True)
class MoneyFacts:
    """What the payment status is derived from. Amounts in baht as Money.

    ``due`` = total - canceled value - credits; ``verified`` = verified allocations; ``refunded`` = refunds paid.
    ``term_approved``: COD, credit or the marketplace's guarantee was accepted. ``override``: how much may be missing
    because somebody with that right said so. ``waited``: how long the oldest unchecked claim has waited.
    ``cod_refusals``: COD parcels that the same phone refused before. ``credited``: what settled returns took off
    ``due``; ``allowed``: what the allowance took off it, which is given once ``all_left``.
    """

    total: Money
    due: Money
    verified: Money = ZERO
    refunded: Money = ZERO
    claim_waiting: bool = False
    term: PaymentTerm = PaymentTerm.PREPAID
    term_approved: bool = False
    cod: CodState = CodState.PENDING
    override: Money = ZERO
    waited: timedelta | None = None
    cod_refusals: int = 0
    credited: Money = ZERO
    allowed: Money = ZERO
    all_left: bool = False

    @property
    def net(self) -> Money:
        return self.verified - self.refunded

    @property
    def missing(self) -> Money:
        """What is due and not in."""
        return max(self.due - self.net, ZERO)

    @property
    def overridden(self) -> bool:
        """Whether what is missing is covered by an override, and only by that."""
        return ZERO < self.missing <= self.override and not self.vouched

    @property
    def vouched(self) -> bool:
        """Whether the carrier, our trust or the marketplace stands in for money that is not in yet."""
        return self.term is not PaymentTerm.PREPAID and self.term_approved


PAYABLE = (OrderStatus.DRAFT, OrderStatus.CONFIRMED)


def asks_for_money(status: OrderStatus, money: MoneyFacts) -> bool:
    """Whether the customer still has to pay us by transfer: not what a marketplace or a carrier collects."""
    ours = money.term in {PaymentTerm.PREPAID, PaymentTerm.CREDIT}
    return status in PAYABLE and ours and money.missing > ZERO


def allowance(due: Money, verified: Money, refunded: Money) -> Money:
    """What was paid back of money that was due: once the goods have left, it lowers what is due, so that a price
    reduction for a fault is no new debt. Paying back what was too much lowers nothing (docs/adr/0090)."""
    too_much = max(verified - due, ZERO)
    return min(max(refunded - too_much, ZERO), due)


def cod_state(entries: Collection[str]) -> CodState:
    """Where an order's cash is, from the states of its COD entries that were not refused."""
    if not entries or CodStatus.EXPECTED in entries:
        return CodState.PENDING
    return CodState.REMITTED if set(entries) == {CodStatus.REMITTED} else CodState.COLLECTED


_COD_STATUS = {
    CodState.PENDING: PaymentStatus.COD_PENDING,
    CodState.COLLECTED: PaymentStatus.COD_COLLECTED,
    CodState.REMITTED: PaymentStatus.COD_REMITTED,
}


def payment_status(facts: MoneyFacts) -> PaymentStatus:
    """First rule that fits (DESIGN section 6). The one writer of this status.

    An order canceled before anybody paid owes nothing and got nothing; it stays "unpaid" rather than "paid". One that
    came back and was credited in full before anybody paid reads "nothing due", unless a carrier still has its cash.
    """
    net, due = facts.net, facts.due
    if facts.verified and facts.refunded and not net and not due:
        return PaymentStatus.REFUNDED
    if net > due:
        return PaymentStatus.OVERPAID
    if net == due and (due or facts.verified or not facts.total):
        return PaymentStatus.PARTIALLY_REFUNDED if facts.refunded else PaymentStatus.PAID
    if facts.credited and not due and not net:
        held = facts.term is PaymentTerm.COD and facts.cod is CodState.COLLECTED
        return PaymentStatus.COD_COLLECTED if held else PaymentStatus.NOTHING_DUE
    if due and facts.term_approved and facts.term is PaymentTerm.COD:
        return _COD_STATUS[facts.cod]
    if due and facts.term_approved and facts.term is not PaymentTerm.PREPAID:
        return PaymentStatus.CREDIT
    if net > ZERO:
        return PaymentStatus.PARTIAL
    return PaymentStatus.PENDING_REVIEW if facts.claim_waiting else PaymentStatus.UNPAID


def gate(status: OrderStatus, facts: MoneyFacts, holds: Collection[HoldReason]) -> Say | None:
    """None when goods may leave, else the sentence why not. A submitted claim never opens it."""
    if status is not OrderStatus.CONFIRMED:
        return say("The order is not confirmed")
    if holds:
        return say("On hold: {reason}", reason=say(HOLD_LABELS[min(holds)]))
    if facts.net >= facts.due or facts.overridden:
        return None
    if facts.term is not PaymentTerm.PREPAID:
        return None if facts.term_approved else _term_waits(facts)
    if facts.claim_waiting:
        return say(
            "A slip has waited {age} to be checked; {amount} is not verified yet",
            age=spell_age(facts.waited or timedelta()), amount=facts.missing,
        )  # fmt: skip
    if facts.net > ZERO:
        return say("{amount} is still missing", amount=facts.due - facts.net)
    return say("Nothing has been paid yet; {amount} is due", amount=facts.due)


def spell_age(age: timedelta) -> Say:
    """A length of time in its largest unit."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 60:
        return say("{n} min", n=max(minutes, 0))
    hours = minutes // 60
    return say("{n} h", n=hours) if hours < 48 else say("{n} days", n=hours // 24)


def without_amounts(reason: Say | None) -> Say | None:
    """The gate's sentence for people who may not see amounts."""
    if reason is None or "amount" not in reason.facts:
        return reason
    if "age" in reason.facts:
        return say("A slip has waited {age} to be checked", age=reason.facts["age"])
    return say("The money is not complete yet")


def _term_waits(facts: MoneyFacts) -> Say:
    if facts.term is PaymentTerm.COD:
        if facts.cod_refusals:
            return say("Cash on delivery is not approved yet: refused {n} times before", n=facts.cod_refusals)
        return say("Cash on delivery is not approved yet")
    if facts.term is PaymentTerm.CREDIT:
        return say("The credit is not approved yet")
    return say("The platform has not confirmed the payment yet")
