"""Parked orders: reasons, ages, reminders that two clerks do not send twice, more time, in a fixed number of statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from oms import clock
from oms.db import Tx, db
from oms.orders.states import OrderStatus, PaymentTerm
from oms.payments.models import ReceivingAccount
from oms.payments.reminders import PaymentReminder
from oms.reports import parked
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid
from oms.usecases.parked import ExtendExpiry, RemindBuyer, extend_expiry, remind_buyer
from tests.shop import SmallShop, small_shop
from tests.usecases.money import claimed, order_of, paid, placed
from tests.usecases.refusals import refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


def numbers(tx, section, bucket=None):
    return [row.order.number for row in parked.parked_rows(tx, section, bucket)]


def aged(tx, order, hours: float):
    row = order_of(tx, order.id)
    row.confirmed_at = clock.now() - timedelta(hours=hours)
    tx.session.flush()
    return row


def test_each_order_waits_in_the_section_of_its_reason(tx, shop):
    nothing, little, slip, credit, done = (
        placed(tx, shop, **facts)
        for facts in ({}, {}, {}, {"payment_term": PaymentTerm.CREDIT}, {})
    )  # fmt: skip
    paid(tx, (little.id, 80))
    claimed(tx, (slip.id, 100))
    paid(tx, (done.id, 100))
    tx.session.flush()
    found = {key: numbers(tx, key) for key in parked.SECTION_LABELS}
    assert found == {"unpaid": [nothing.number], "short": [little.number], "slips": [slip.number],
                     "terms": [credit.number]}  # fmt: skip
    short = parked.parked_rows(tx, "short")[0]
    assert (str(short.reason), str(short.missing)) == ("20.00 is still missing", "20.00")
    assert {key: sum(n) for key, n in parked.parked_counts(tx).items()} == dict.fromkeys(parked.SECTION_LABELS, 1)


def test_ages_fall_into_buckets_and_what_runs_out_first_stands_first(tx, shop):
    ages = (0.5, 3, 12, 48, 100)
    rows = [aged(tx, placed(tx, shop), hours) for hours in ages]
    for i, row in enumerate(rows):
        assert numbers(tx, "unpaid", i) == [row.number]
    assert parked.parked_counts(tx)["unpaid"] == [1, 1, 1, 1, 1]
    order_of(tx, rows[0].id).expires_at = clock.now() + timedelta(minutes=5)
    tx.session.flush()
    assert numbers(tx, "unpaid")[0] == rows[0].number


def test_a_clerk_sees_only_parked_orders_of_their_shops(tx, shop, actor):
    placed(tx, shop)
    tx.session.flush()
    theirs = Tx(tx.session, actor("sales", shops=frozenset({shop.shopee})))
    assert parked.parked_rows(theirs, "unpaid") == []
    assert parked.parked_counts(theirs)["unpaid"] == [0] * 5


def test_thirty_parked_orders_cost_the_statements_of_one(tx, shop):
    def cost() -> int:
        seen: list[str] = []
        hook = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(db.engines[None], "before_cursor_execute", hook)
        try:
            parked.parked_counts(tx)
            rows = parked.parked_rows(tx, "unpaid")
            assert [parked.reminder_text(row, []) for row in rows]
        finally:
            event.remove(db.engines[None], "before_cursor_execute", hook)
        return len(seen)

    placed(tx, shop)
    tx.session.flush()
    tx.session.expire_all()
    once = cost()
    for _ in range(29):
        placed(tx, shop)
    tx.session.flush()
    tx.session.expire_all()
    assert cost() == once == 3


def test_the_reminder_tells_amount_account_order_and_deadline_in_thai_then_english(tx, shop):
    order = placed(tx, shop)
    paid(tx, (order.id, 30))
    tx.session.add(
        ReceivingAccount(code="K1", bank="กสิกรไทย", account_no="123-4-56789-0", account_name="ร้านทดสอบ",
                         promptpay="0812345678", version=1)
    )  # fmt: skip
    tx.session.flush()
    words = parked.reminder_text(parked.parked_rows(tx, "short")[0], parked.open_accounts(tx))
    thai, english = words.split("\n\n")
    for fact in (order.number, "70.00", "123-4-56789-0", "0812345678", "ภายใน"):
        assert fact in thai
    assert order.number in english
    assert "70.00 baht" in english


def test_two_clerks_do_not_remind_the_same_buyer_twice(tx, shop, actor):
    order = placed(tx, shop)
    with refused(tx, "forbidden", None, PaymentReminder):
        remind_buyer(Tx(tx.session, actor("warehouse")), RemindBuyer(order.id))
    remind_buyer(tx, RemindBuyer(order.id))
    with refused(tx, "reminded", None, PaymentReminder):
        remind_buyer(Tx(tx.session, actor("sales")), RemindBuyer(order.id))
    assert parked.parked_rows(tx, "unpaid")[0].reminded_by == "test"
    tx.session.scalars(select(PaymentReminder)).one().at = clock.now() - timedelta(hours=3)
    remind_buyer(tx, RemindBuyer(order.id))
    paid(tx, (order.id, 100))
    with refused(tx, "nothing_missing", None, PaymentReminder):
        remind_buyer(tx, RemindBuyer(order.id))


def test_more_time_keeps_an_order_alive_within_reason(tx, shop):
    order = placed(tx, shop)
    order_of(tx, order.id).expires_at = clock.now() - timedelta(minutes=1)
    for hours in (0, -5, 10_000):
        with refused(tx, "hours_range", "hours"):
            extend_expiry(tx, ExtendExpiry(order.id, hours))
    until = extend_expiry(tx, ExtendExpiry(order.id, 24)).expires_at
    assert clock.now() + timedelta(hours=23) < until < clock.now() + timedelta(hours=25)
    assert expire_unpaid(tx, ExpireUnpaid()).numbers == ()
    assert order_of(tx, order.id).status is OrderStatus.CONFIRMED
    with refused(tx, "expiry_far"):
        extend_expiry(tx, ExtendExpiry(order.id, 160))
    term = placed(tx, shop, payment_term=PaymentTerm.COD)
    with refused(tx, "no_expiry"):
        extend_expiry(tx, ExtendExpiry(term.id, 5))
