"""Confirm all exact ones: which slips every check vouches for, and why the others are left to a person.

Each slip is confirmed in a transaction of its own and judged anew there, under its locks; so it may be repeated, and
two cashiers may do it at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

from oms.db import Tx
from oms.money import ZERO, Money
from oms.payments.slip_queries import open_slips
from oms.usecases.slip_facts import SlipCase, slip_cases
from oms.usecases.slips_confirm import ConfirmSlip, SlipConfirmed, confirm_slip

MOST = 300  # slips looked at in one go; the next go takes the next ones


@dataclass(frozen=True)
class ExactPlan:
    """``ready``: slips that would be confirmed; ``left``: the others, each with why in ``loose``."""

    ready: tuple[SlipCase, ...]
    left: tuple[SlipCase, ...]

    @property
    def total(self) -> Money:
        return sum((case.stated or ZERO for case in self.ready), start=ZERO)


def exact_plan(tx: Tx) -> ExactPlan:
    """Look at the queue. Of two slips that count on the same order or the same statement line only the first is
    ready."""
    tx.actor.require("payment.verify")
    ready: list[SlipCase] = []
    left: list[SlipCase] = []
    orders: set[int] = set()
    lines: set[int] = set()
    for case in slip_cases(tx, list(tx.session.scalars(open_slips(tx.actor).limit(MOST)))):
        mine = {share.order.id for share in case.shares}
        if case.loose is not None:
            left.append(case)
        elif not mine & orders and (case.line is None or case.line.id not in lines):
            ready.append(case)
            orders |= mine
            lines |= {case.line.id} if case.line is not None else set()
    return ExactPlan(tuple(ready), tuple(left))


def confirm_exact(tx: Tx, slip_id: int, version: int | None = None) -> SlipConfirmed:
    """Confirm one slip if every check still matches. Raises Refused with what does not."""
    return confirm_slip(tx, ConfirmSlip(slip_id, version, exact_only=True))
