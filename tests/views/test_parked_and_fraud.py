"""The parked worklist and the oversight page through the browser's door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.approvals import Approval
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import Board, OrderStatus
from oms.payments.models import TransferKey
from oms.payments.reminders import PaymentReminder
from oms.payments.slip_models import Slip
from oms.payments.states import SlipStatus
from oms.reports import fraud
from oms.usecases.orders_place import ShipTo, Stock, place_order
from oms.usecases.payments import DecideClaim, reverse_claim
from oms.usecases.shipping import LeftBefore, MarkShipped, mark_shipped, record_left_before
from tests.shop import SmallShop, small_shop
from tests.usecases.money import answered_for, paid, placed
from tests.views.test_orders_web import Person


@pytest.fixture
def people(web: Flask) -> Callable[..., Person]:
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def shop(web: Flask) -> SmallShop:
    with transaction(system("test")) as tx:
        return small_shop(tx, pieces=100)


def row(order_id: int) -> Order:
    db.session.rollback()
    return db.session.get_one(Order, order_id)


def test_parked_orders_are_reminded_extended_and_let_go(people, shop):
    with transaction(system("test")) as tx:
        orders = [placed(tx, shop).id for _ in range(3)]
    sales, warehouse = people("sales"), people("warehouse")
    page = sales.get("/parked/")
    assert all(row(i).number in page for i in orders)
    assert "Nothing has been paid yet" in page
    warehouse.get("/parked/", 403)
    sales.post(f"/parked/{orders[0]}/remind", origin="/parked/", next="/parked/")
    again = sales.post(f"/parked/{orders[0]}/remind", origin="/parked/", next="/parked/?section=unpaid")
    assert "reminded them" in again.text
    before = row(orders[1]).expires_at
    done = sales.post("/bulk/", origin="/parked/", action="extend", extend_hours="24", rowid=orders[1:], key="e1")
    assert "2" in done.text
    assert row(orders[1]).expires_at - before == timedelta(hours=24)
    refused = sales.post("/bulk/", origin="/parked/", action="remind", rowid=orders[:2], key="r1")
    assert "reminded them" in refused.text
    assert len(db.session.scalars(select(PaymentReminder)).all()) == 2
    sales.post("/bulk/", origin="/parked/", action="cancel", rowid=[orders[2]], key="c1", cancel_reason="unpaid",
               cancel_restock="free")  # fmt: skip
    assert row(orders[2]).status is OrderStatus.CANCELED
    for section in ("short", "slips", "terms", "nonsense"):
        sales.get(f"/parked/?section={section}&age=2")


@pytest.fixture
def frauds(shop: SmallShop) -> dict[str, int]:
    """One order for each section of the page."""
    found: dict[str, int] = {}
    with transaction(system("test")) as tx:

        def order(**facts: object) -> int:
            return placed(tx, shop, **facts).id

        found["overrides"] = order()
        answered_for(tx, found["overrides"])
        found["used_twice"], found["alike"], first = order(), order(), order()
        key = TransferKey(sending_bank="004", reference="R1", claim_id=paid(tx, (first, 100)), taken_label="x")
        tx.session.add(key)
        tx.session.flush()
        slips = [
            Slip(status=SlipStatus.DUPLICATE, sha256="a", uploaded_label="x", order_id=found["used_twice"],
                 first_use_id=key.id),
            Slip(status=SlipStatus.WAITING, sha256="b", uploaded_label="x", order_id=found["alike"]),
        ]  # fmt: skip
        tx.session.add_all(slips)
        tx.session.flush()
        slips[1].alike_id = slips[0].id
        for i in range(3):
            to = ShipTo("ผู้ซื้อ", f"089-000-000{i}", "9/9  หมู่ 9", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
            found["phones"] = order(ship_to=to)
        found["reversed"] = order()
        claim = paid(tx, (found["reversed"], 100))
        mark_shipped(tx, MarkShipped(found["reversed"]))
        reverse_claim(tx, DecideClaim(claim, note="charged back"))
        found["discounts"] = order()
        tx.session.add(
            Approval(kind="discount", action="order.approve_discount", subject_type="order", subject="x",
                     subject_id=found["discounts"], payload={}, status="approved", requested_label="a",
                     requested_at=clock.now(), decided_label="b", decided_at=clock.now())
        )  # fmt: skip
        found["left_before"] = place_order(
            tx, shop.order(confirm=True, stock=Stock.LEFT_BEFORE, priced_by_channel=True)
        ).order_id
        record_left_before(tx, [LeftBefore(found["left_before"])])
        found["own_work"] = order()
        db.session.get_one(Order, found["own_work"]).entered_by = 7
        from oms.payments.models import PaymentClaim

        done = tx.session.get_one(PaymentClaim, paid(tx, (found["own_work"], 100)))
        done.decided_by = 7
    return found


def test_every_kind_of_fraud_is_found_and_leads_to_its_order(people, frauds, shop):
    accountant = people("accountant")
    people("cashier").get("/fraud/", 403)
    for section, order_id in frauds.items():
        page = accountant.get(f"/fraud/?section={section}")
        assert f"/orders/{order_id}" in page, section
    period = fraud.read_period("", "")
    with transaction(system("test")) as tx:
        assert set(fraud.fraud_counts(tx.session, tx.actor, period).values()) == {1}
        elsewhere = system("test").__class__("user", "x", user_id=1, shops=frozenset({shop.shopee}))
        assert sum(fraud.fraud_counts(tx.session, elsewhere, period).values()) == 0
        past = fraud.read_period("2020-01-01", "2020-01-02")
        assert sum(fraud.fraud_counts(tx.session, tx.actor, past).values()) == 0
    assert "Nothing of this kind" in accountant.get("/fraud/?section=overrides&first=2020-01-01&last=2020-01-05")
    accountant.get("/fraud/?first=nonsense&last=%00")
    assert row(frauds["overrides"]).board is Board.READY


def test_a_period_is_three_months_at_most():
    period = fraud.read_period("2000-01-01", "2026-06-30")
    assert (period.last - period.first) == fraud.LONGEST
