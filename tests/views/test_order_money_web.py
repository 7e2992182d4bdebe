"""Payments on the order page: one transfer for several orders, what came in, moving, credit, overrides, who sees what."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import event, func, select

from oms.actor import system
from oms.db import db, transaction
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import Board
from oms.payments.models import Allocation, GateOverride, PaymentClaim
from oms.payments.states import ClaimStatus
from oms.usecases.orders_place import place_order
from tests.shop import small_shop
from tests.views.test_orders_web import Person


@pytest.fixture
def people(web: Flask) -> Callable[..., Person]:
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def orders(web: Flask) -> list[int]:
    """Three orders of one customer, 100 baht each."""
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        return [place_order(tx, shop.order(confirm=True)).order_id for _ in range(3)]


def row(order_id: int) -> Order:
    db.session.rollback()
    return db.session.get_one(Order, order_id)


def claim() -> PaymentClaim:
    db.session.rollback()
    return db.session.scalars(select(PaymentClaim).order_by(PaymentClaim.id.desc())).first()


def test_one_transfer_for_several_orders_is_recorded_from_one_page(people, orders):
    cashier = people("cashier")
    first, second, third = orders
    page = cashier.get(f"/orders/{first}")
    assert "The same transfer also pays" in page
    path = f"/order/{first}/claim"
    answer = cashier.post(path, origin=f"/orders/{first}", amount="250", method="transfer", is_in="on",
                          **{"with": [second, third], f"share_{second}": "100", f"share_{third}": "50"})  # fmt: skip
    assert "Payment recorded and verified" in answer.text
    assert [row(i).board for i in orders] == [Board.READY, Board.READY, Board.SHORT_PAYMENT]
    assert f"/orders/{second}" in cashier.get(f"/orders/{first}")
    too_much = cashier.post(path, origin=f"/orders/{third}", amount="50", method="transfer",
                            **{"with": [second], f"share_{second}": "50"})  # fmt: skip
    assert "Nothing is left for this order" in too_much.text


def test_money_is_not_paid_in_a_buddhist_year(people, orders):
    sales, home = people("sales"), f"/orders/{orders[0]}"
    answer = sales.post(f"/order/{orders[0]}/claim", origin=home, amount="100", method="transfer",
                        paid_at="2569-11-20T10:00")  # fmt: skip
    assert "This time has not come yet" in answer.text
    assert claim() is None


def test_what_came_in_is_said_while_verifying_and_money_moves_by_number(people, orders):
    sales, cashier = people("sales"), people("cashier")
    first, second, _ = orders
    home = f"/orders/{first}"
    sales.post(f"/order/{first}/claim", origin=home, amount="100", method="transfer")
    made = claim()
    cashier.post(f"/order/{first}/claims/{made.id}/verify", origin=home, version=made.version, amount="80")
    assert (claim().amount, claim().said_amount) == (Money(Decimal(80)), Money(Decimal(100)))
    assert "said ฿100.00, came in ฿80.00" in cashier.get(home)
    path = f"/order/{first}/claims/{made.id}/move"
    unknown = cashier.post(path, origin=home, with_all="1", note="wrong", to_number="SO1", to_amount="80",
                           **{f"share_{first}": ""})  # fmt: skip
    assert "There is no order SO1" in unknown.text
    number = row(second).number
    moved = cashier.post(path, origin=home, with_all="1", note="wrong order", to_number=number.lower(), to_amount="80",
                         version=claim().version, **{f"share_{first}": ""})  # fmt: skip
    assert "Payment shared out anew" in moved.text
    assert (row(first).verified_amount, row(second).verified_amount) == (Money(Decimal(0)), Money(Decimal(80)))


def test_too_much_is_kept_as_credit_and_used_for_the_next_order(people, orders):
    cashier = people("cashier")
    first, second, _ = orders
    cashier.post(f"/order/{first}/claim", origin=f"/orders/{first}", amount="150", method="cash", is_in="on")
    assert "Keep as credit" in cashier.get(f"/orders/{first}")
    cashier.post(f"/order/{first}/credit", origin=f"/orders/{first}")
    assert "Use the credit" in cashier.get(f"/orders/{second}")
    cashier.post(f"/order/{second}/use_credit", origin=f"/orders/{second}", amount="50")
    assert row(second).verified_amount == Money(Decimal(50))
    customer = row(first).customer_id
    cashier.post(f"/order/{first}/claim", origin=f"/orders/{second}", amount="70", method="cash", is_in="on")
    cashier.post(f"/order/{first}/credit", origin=f"/orders/{first}")
    assert "฿70.00" in cashier.get(f"/customers/show/{customer}")


def test_an_override_is_the_managers_and_stands_on_the_page_until_taken_back(people, orders):
    manager, sales, warehouse = people("manager"), people("sales"), people("warehouse")
    home = f"/orders/{orders[0]}"
    path = f"/order/{orders[0]}"
    assert "Your role may not do this" in sales.post(f"{path}/override", origin=home, note="please").text
    assert "Say in a few words why" in manager.post(f"{path}/override", origin=home, note=" ").text
    manager.post(f"{path}/override", origin=home, note="old customer")
    assert "old customer" in warehouse.get(home)
    assert "100.00" not in warehouse.get(home)
    assert row(orders[0]).board is Board.READY
    manager.post(f"{path}/revoke", origin=home, note="never mind")
    assert row(orders[0]).board is Board.WAITING_PAYMENT
    assert db.session.scalar(select(func.count()).select_from(GateOverride)) == 1


def test_many_payments_cost_no_more_statements_than_one(people, orders):
    cashier = people("cashier")
    home = f"/orders/{orders[0]}"

    def cost() -> int:
        seen: list[str] = []
        db.session.rollback()
        hook = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(db.engines[None], "before_cursor_execute", hook)
        try:
            cashier.get(home)
        finally:
            event.remove(db.engines[None], "before_cursor_execute", hook)
        return len(seen)

    def pay() -> None:
        cashier.post(f"/order/{orders[0]}/claim", origin=home, amount="2", method="cash", is_in="on",
                     **{"with": [orders[1]], f"share_{orders[1]}": "1"})  # fmt: skip

    pay()
    cost()
    once = cost()
    for _ in range(4):
        pay()
    assert cost() <= once
    assert db.session.scalar(select(func.count()).select_from(Allocation)) == 10
    assert set(db.session.scalars(select(PaymentClaim.status))) == {ClaimStatus.VERIFIED}


def test_every_payment_is_listed_found_and_exported(people, orders):
    cashier, accountant = people("cashier"), people("accountant")
    first, second, _ = orders
    cashier.post(f"/order/{first}/claim", origin=f"/orders/{first}", amount="150", method="transfer", is_in="on",
                 reference="A B1", sending_bank="004", **{"with": [second], f"share_{second}": "50"})  # fmt: skip
    cashier.post(f"/order/{second}/claim", origin=f"/orders/{second}", amount="10", method="cash")
    number = row(first).number
    for query, found in ((number.lower(), 1), ("ab1", 1), ("nothing", 0), (row(second).number, 2)):
        page = cashier.get(f"/payments/list/?q={query}")
        assert page.count("data-href") == found, query
    assert "Cash" in cashier.get("/payments/list/?f_method_is=cash")
    assert f"/orders/{second}" in cashier.get(f"/payments/list/?q={number}")
    assert "Payment" in cashier.get(f"/payments/show/{claim().id}")
    people("warehouse").get("/payments/list/", 403)
    assert "/export/payments" in accountant.get("/payments/list/")
    for query, rows in ((f"q={number}", 2), ("f_method_is=cash", 1)):
        with accountant.open(f"/export/payments?format=csv&{query}") as answer:
            assert len(answer.data.decode("utf-8-sig").splitlines()) == rows + 1, "one row per order that is paid"


def test_in_two_person_mode_nobody_passes_their_own_work_by_any_button(people, orders):
    owner, cashier, manager = people("owner"), people("cashier"), people("manager")
    assert "Verifying payments" in owner.get("/rules/")
    owner.post("/rules/payment.verify", origin="/rules/", on="1")
    first, second, _ = orders
    home, own = f"/orders/{first}", "another person has to check the money"
    path = f"/order/{first}/claim"
    assert own in cashier.post(path, origin=home, amount="100", method="cash", is_in="on").text
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(PaymentClaim)) == 0
    cashier.post(path, origin=home, amount="150", method="cash")
    made = claim()
    verify = f"/order/{first}/claims/{made.id}/verify"
    assert own in cashier.post(verify, origin=home, version=made.version).text
    with transaction(system("test")) as tx:
        tx.session.get_one(Order, first).entered_by = manager_id = user_id("manager")
        tx.session.get_one(Order, second).entered_by = manager_id
    assert own in manager.post(verify, origin=home, version=made.version).text
    owner.post(verify, origin=home, version=made.version)
    assert row(first).verified_amount == Money(Decimal(150))
    cashier.post(f"/order/{first}/credit", origin=home)
    assert own in manager.post(f"/order/{second}/use_credit", origin=f"/orders/{second}", amount="50").text
    assert own in manager.post(f"/order/{first}/claims/{made.id}/move", origin=home, with_all="1", note="x",
                               **{f"share_{first}": "50", f"share_{second}": "100"}).text  # fmt: skip
    assert row(second).verified_amount == Money(Decimal(0))


def user_id(name: str) -> int:
    return db.session.scalar(select(User.id).where(User.username.like(f"{name}%")))
