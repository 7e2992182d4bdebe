"""Two cashiers on one statement line, and a line against a slip: the money counts once, and the slower one is told."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.errors import OmsError
from oms.money import ZERO
from oms.orders.models import Order
from oms.payments.models import PaymentClaim
from oms.payments.states import ClaimStatus
from oms.reports.auditor import audit_all
from oms.usecases.payments import DecideClaim, verify_claim
from oms.usecases.statement_match import ConfirmMatch, SetAside, confirm_match, unmatch_line
from tests.usecases.statements import NOON, baht, open_till

pytestmark = pytest.mark.race


def together(app, *works) -> list[str]:
    """Run works at once, each in a transaction of its own; answers "ok" or the refusal's code of each."""
    barrier, answers = threading.Barrier(len(works)), [""] * len(works)

    def run(place: int) -> None:
        with app.app_context(), clock.at(NOON):
            barrier.wait(30)
            try:
                with transaction(system(f"racer {place}")) as tx:
                    works[place](tx)
                answers[place] = "ok"
            except OmsError as refusal:
                answers[place] = refusal.detail_code
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def verified() -> int:
    db.session.remove()
    return db.session.scalar(
        select(func.count()).select_from(PaymentClaim).where(PaymentClaim.status == ClaimStatus.VERIFIED)
    )


@pytest.mark.parametrize("turn", range(4))
def test_two_cashiers_on_one_line_pay_once(committed, turn):
    with clock.at(NOON), transaction(system("test")) as tx:
        till = open_till(tx, system("till"))
        orders = [till.order((1, 1)).id, till.order((1, 1), phone="0899990000").id]
        line = till.line(200).id

    def pay(order_id):
        return lambda tx: confirm_match(tx, ConfirmMatch((line,), orders=((order_id, baht(200)),)))

    answers = together(committed, pay(orders[0]), pay(orders[turn % 2]))
    assert answers.count("ok") == 1
    assert set(answers) - {"ok"} <= {"line_taken", "counted_before", "busy", "stale"}
    assert verified() == 1
    paid = [db.session.get_one(Order, i).verified_amount for i in orders]
    assert sorted(paid) == [ZERO, baht(200)]
    assert [str(f) for f in audit_all(db.session())] == []


def test_a_line_and_the_inbox_on_one_slip_count_it_once(committed):
    with clock.at(NOON), transaction(system("test")) as tx:
        till = open_till(tx, system("till"))
        order = till.order((1, 1))
        claim, line, order_id = till.slip(order, 200).id, till.line(200).id, order.id
    answers = together(
        committed,
        lambda tx: confirm_match(tx, ConfirmMatch((line,), claim_ids=(claim,))),
        lambda tx: verify_claim(tx, DecideClaim(claim)),
    )
    assert "ok" in answers
    assert verified() == 1
    assert db.session.get_one(Order, order_id).verified_amount == baht(200)
    assert [str(f) for f in audit_all(db.session())] == []


def test_two_undo_one_match_once(committed):
    with clock.at(NOON), transaction(system("test")) as tx:
        till = open_till(tx, system("till"))
        order = till.order((1, 1))
        line, order_id = till.line(200).id, order.id
        confirm_match(tx, ConfirmMatch((line,), orders=((order_id, baht(200)),)))
    undo = SetAside(line, "wrong")
    answers = together(committed, lambda tx: unmatch_line(tx, undo), lambda tx: unmatch_line(tx, undo))
    assert answers.count("ok") == 1
    assert verified() == 0
    assert db.session.get_one(Order, order_id).verified_amount == ZERO
    assert [str(f) for f in audit_all(db.session())] == []
