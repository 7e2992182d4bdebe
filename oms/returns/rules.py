"""What goods that come back are worth, and what ends with them. Pure functions of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from oms.inventory.models import Bucket
from oms.inventory.moving import Move
from oms.money import ZERO, Money
from oms.payments.rules import MoneyFacts, allowance
from oms.payments.states import CodRefusal
from oms.returns.states import BACK, Condition, ReturnKind, ReturnReason


@dataclass(frozen=True)
class LineFacts:
    """One order line: its pieces, what they cost after the line's discount, how many were credited before."""

    line_id: int
    quantity: int
    total: Money
    credited: int = 0


def value_of(lines: Iterable[LineFacts], discount: Money, pieces: Mapping[int, int]) -> Money:
    """What these pieces cost the buyer, the order's discount taken off in proportion.

    Counted from what was credited before, so that several returns of an order add up to what all of it cost, to the
    satang.
    """
    goods = before = after = 0
    for line in lines:
        whole = line.total.in_satang
        goods += whole
        before += whole * line.credited // line.quantity
        after += whole * min(line.credited + pieces.get(line.line_id, 0), line.quantity) // line.quantity
    if not goods:
        return ZERO
    off = discount.in_satang
    return Money.satang((after - before) - (off * after // goods - off * before // goods))


def credited_pieces(kind: ReturnKind, reason: ReturnReason, counts: Mapping[Condition, int]) -> int:
    """How many pieces of a line the proposal credits: what is here again; what the buyer never got; and, where we sent
    the wrong thing, what was sent instead."""
    if kind is not ReturnKind.CUSTOMER:
        return sum(counts.values())
    back = sum(counts.get(condition, 0) for condition in BACK)
    return back + (counts.get(Condition.WRONG, 0) if reason is ReturnReason.WRONG_ITEM else 0)


@dataclass(frozen=True)
class Consequence:
    """What taking ``credit`` off what an order owes does to its money: ``due`` is owed afterwards, ``back`` is then too
    much and may go back."""

    credit: Money
    due: Money
    back: Money


def creditable(money: MoneyFacts) -> Money:
    """The most that may still be taken off what an order owes."""
    return money.due + money.allowed


def consequence(money: MoneyFacts, waiting: Money, credit: Money) -> Consequence:
    """``waiting``: refunds that are asked for or agreed to. No more goes back than came in and than was credited."""
    gross = creditable(money) - credit
    due = gross - allowance(gross, money.verified, money.refunded) if money.all_left and money.refunded else gross
    over = max(money.net - waiting - due, ZERO)
    return Consequence(credit, due, min(over, credit))


def moves_of(counts: Sequence[tuple[Mapping[Condition, int], Mapping[int, int]]]) -> list[Move]:
    """What counted pieces add to the stock: (pieces per condition, pieces of each SKU that one piece consists of).
    Good ones can be sold again, broken ones never without somebody mending them, missing ones add nothing."""
    sums: dict[tuple[int, Bucket], int] = {}
    for found, parts in counts:
        for condition in BACK:
            bucket = Bucket.ON_HAND if condition is Condition.RESELL else Bucket.DAMAGED
            for sku_id, pieces in parts.items():
                if found.get(condition):
                    sums[sku_id, bucket] = sums.get((sku_id, bucket), 0) + found[condition] * pieces
    return [Move(sku_id, quantity, bucket) for (sku_id, bucket), quantity in sorted(sums.items())]


_REFUSALS = {
    ReturnReason.REFUSED: CodRefusal.AT_DOOR,
    ReturnReason.NOT_REACHED: CodRefusal.NOT_REACHED,
    ReturnReason.WRONG_ADDRESS: CodRefusal.ADDRESS,
    ReturnReason.LOST: CodRefusal.LOST,
    ReturnReason.UNDELIVERED: CodRefusal.NOT_REACHED,
}


def refusal_of(reason: ReturnReason) -> CodRefusal:
    """Why no cash will come for a parcel that came back."""
    return _REFUSALS.get(reason, CodRefusal.OTHER)


def credit_code(ret_kind: ReturnKind, reason: ReturnReason, *, goods_stay: bool) -> str:
    """The reason of a credit note in the words of the tax office's code list (CDNG01 to 05 and 99): goods taken back,
    or why the buyer pays less for what he keeps or never got."""
    if ret_kind is ReturnKind.LOST:
        return "CDNG99"
    if not goods_stay:
        return "CDNG05"
    if reason in {ReturnReason.DAMAGED, ReturnReason.DEFECTIVE}:
        return "CDNG02"
    return "CDNG03" if reason is ReturnReason.MISSING_ITEM else "CDNG01"
