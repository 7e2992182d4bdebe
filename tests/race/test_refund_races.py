"""Many processes at the same money: never more paid back than came in, each refund paid once, each day closed once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.db import db, transaction
from oms.money import ZERO, Money
from oms.payments.models import DayClosing
from oms.payments.queries import refundable_of
from oms.payments.refund_models import Refund
from oms.payments.states import PaymentMethod, RefundStatus
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.refunds import RequestRefund, request_refund
from tests.race.refund_racers import CASH
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(600)]
ROUNDS = 60 if CHAOS else 6


def paid_orders(count: int) -> list[tuple[int, int]]:
    """(order, claim) of orders of 100 baht, paid in full."""
    with transaction(ME) as tx:
        shop, made = small_shop(tx, pieces=count), []
        for _ in range(count):
            order_id = place_order(tx, shop.order((0, 1), confirm=True)).order_id
            amount = Money(Decimal(100))
            claim = record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),)))
            made.append((order_id, claim.claim_id))
        return made


@pytest.mark.deep
def test_clerks_who_ask_at_once_never_get_more_than_was_paid(committed, settings):
    orders = paid_orders(ROUNDS)
    seen = race(settings, "refund_ask", clients=6, rounds=orders)
    left = refundable_of(db.session(), [o for o, _ in orders])
    assert all(amount >= ZERO for amount in left.values()), left
    asked = dict(db.session.execute(select(Refund.order_id, func.count()).group_by(Refund.order_id)).all())
    assert all(asked.get(order_id, 0) in {0, 3} for order_id, _ in orders)  # three fit, or the payment was taken back
    assert seen["ok"] == sum(asked.values()) + sum(1 for o, _ in orders if o not in asked)
    assert_books_in_order()


@pytest.mark.deep
def test_a_refund_is_paid_once_however_many_work_on_it(committed, settings):
    orders = paid_orders(ROUNDS)
    with transaction(ME) as tx:
        made = [request_refund(tx, RequestRefund(o, Money(Decimal(40)), "ทดสอบ", CASH)).refund_id for o, _ in orders]
    race(settings, "refund_steps", clients=4, rounds=made)
    rows = db.session.scalars(select(Refund)).all()
    assert {r.status for r in rows} <= {RefundStatus.PAID, RefundStatus.APPROVED, RefundStatus.FAILED}
    paid = db.session.scalar(select(func.count()).where(Refund.status == RefundStatus.PAID)) or 0
    told = db.session.execute(db.text("SELECT count(*) FROM audit_log WHERE action = 'refund.paid'")).scalar()
    assert paid == told
    assert paid > 0
    assert_books_in_order()


@pytest.mark.deep
def test_a_day_is_closed_once(committed, settings):
    paid_orders(1)
    days = [(clock.today() - timedelta(days=n)).isoformat() for n in range(ROUNDS)]
    seen = race(settings, "day_close", clients=4, rounds=days)
    assert (seen["ok"], seen["day_closed"]) == (len(days), 3 * len(days))
    assert db.session.scalar(select(func.count()).select_from(DayClosing)) == len(days)
