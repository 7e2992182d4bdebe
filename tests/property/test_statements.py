"""Whatever slips and lines do to one another, in any order: the same money counts once, and the books stay whole."""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.db import transaction
from oms.errors import OmsError
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.models import PaymentClaim
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import ClaimStatus
from oms.reports.auditor import audit_all
from oms.usecases.payments import DecideClaim, reject_claim, reverse_claim, verify_claim
from oms.usecases.statement_match import (
    ConfirmMatch,
    SetAside,
    confirm_match,
    ignore_line,
    reopen_line,
    tick_counted,
    unmatch_line,
)
from oms.usecases.statement_suggest import look_again
from tests.usecases.statements import NOON, Till, baht, open_till

SEEDS = range(40) if os.environ.get("RUAM_PROFILE") == "deep" else range(5)
STEPS = 70


class Walk:
    """A cashier who presses whatever key comes to hand."""

    def __init__(self, till: Till, random: Random) -> None:
        self.till, self.random = till, random
        self.orders = [till.order((i % 4, 1), phone=f"08{i % 3}0000000") for i in range(6)]
        self.slips: list[int] = []
        self.refused: set[str] = set()
        self.done = 0

    def pick(self, model) -> int:
        ids = list(self.till.tx.session.scalars(select(model.id)))
        return self.random.choice(ids) if ids else 0

    def step(self) -> None:
        savepoint = self.till.tx.session.begin_nested()
        try:
            self.random.choice(STEPS_THERE_ARE)(self)
            savepoint.commit()
            self.done += 1
        except OmsError as refusal:
            savepoint.rollback()
            self.refused.add(refusal.detail_code)
        self.till.tx.session.expire_all()

    def when(self):
        return NOON + timedelta(minutes=self.random.randint(0, 90))

    def line(self) -> None:
        order = self.random.choice(self.orders)
        self.till.line(self.random.choice([100, 200, 300, 400, 500, -100]), order.number, self.when())

    def slip(self) -> None:
        order = self.random.choice(self.orders)
        verified = self.random.random() < 0.5
        claim = self.till.slip(order, self.random.choice([100, 200, 300, 400]), verified=verified, at=self.when())
        if verified:
            self.slips.append(claim.id)

    def verify(self) -> None:
        claim = self.pick(PaymentClaim)
        verify_claim(self.till.tx, DecideClaim(claim))
        self.slips.append(claim)

    def reject(self) -> None:
        reject_claim(self.till.tx, DecideClaim(self.pick(PaymentClaim), note="x"))

    def reverse(self) -> None:
        reverse_claim(self.till.tx, DecideClaim(self.pick(PaymentClaim), note="x"))

    def to_orders(self) -> None:
        lines = {self.pick(StatementLine) for _ in range(self.random.randint(1, 2))}
        orders = {self.pick(Order) for _ in range(self.random.randint(1, 3))}
        shares = tuple((i, baht(self.random.choice([50, 100, 200, 300]))) for i in orders)
        confirm_match(
            self.till.tx,
            ConfirmMatch(
                tuple(lines), orders=shares, rest_is_credit=self.random.random() < 0.3,
                is_another=self.random.random() < 0.5,
            ),
        )  # fmt: skip

    def to_claim(self) -> None:
        lines = {self.pick(StatementLine) for _ in range(self.random.randint(1, 2))}
        confirm_match(self.till.tx, ConfirmMatch(tuple(lines), claim_ids=(self.pick(PaymentClaim),)))

    def undo(self) -> None:
        unmatch_line(self.till.tx, SetAside(self.pick(StatementLine), "x"))

    def ignore(self) -> None:
        ignore_line(self.till.tx, SetAside(self.pick(StatementLine), "x"))

    def reopen(self) -> None:
        reopen_line(self.till.tx, SetAside(self.pick(StatementLine)))

    def look(self) -> None:
        look_again(self.till.tx)
        tick_counted(self.till.tx, list(self.till.tx.session.scalars(select(StatementLine.id))))

    def witness(self) -> None:
        """All verified money is what slips made count and what lines made count, once each."""
        session = self.till.tx.session
        verified = {
            c.id: c.amount
            for c in session.scalars(select(PaymentClaim).where(PaymentClaim.status == ClaimStatus.VERIFIED))
        }
        by_line: dict[int, Money] = {}
        for match in session.scalars(select(StatementMatch).where(StatementMatch.counts)):
            by_line[match.claim_id] = by_line.get(match.claim_id, ZERO) + match.amount
        live = {i: amount for i, amount in by_line.items() if amount}
        by_slip = {i for i in self.slips if i in verified}
        assert not set(live) & by_slip, "one payment was made to count twice"
        assert set(live) | by_slip == set(verified)
        assert all(amount == verified[i] for i, amount in live.items())


STEPS_THERE_ARE = [
    Walk.line, Walk.line, Walk.line, Walk.slip, Walk.slip, Walk.verify, Walk.reject, Walk.reverse, Walk.to_orders,
    Walk.to_orders, Walk.to_orders, Walk.to_claim, Walk.to_claim, Walk.undo, Walk.undo, Walk.ignore, Walk.reopen, Walk.look,
]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_money_counts_once_whatever_is_pressed(isolated, seed):
    with clock.at(NOON + timedelta(hours=3)), transaction(system("test")) as tx:
        walk = Walk(open_till(tx, system("till")), Random(seed))
        for number in range(STEPS):
            walk.step()
            tx.session.flush()
            walk.witness()
            if number % 10 == 9:
                assert [str(f) for f in audit_all(tx.session)] == []
    assert walk.done > STEPS // 4
