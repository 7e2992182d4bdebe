"""Order screens through the browser's door: rows, permissions, stale forms, double clicks, bad input."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from decimal import Decimal

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.money import Money
from oms.orders.models import BulkRun, Order, OrderChange
from oms.orders.states import OrderStatus, PaymentTerm
from oms.payments.models import PaymentClaim
from oms.payments.states import ClaimStatus
from oms.usecases.orders_place import place_order
from tests.shop import SmallShop, small_shop
from tests.views.people import log_in

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Person:
    """A logged-in browser without a screen, reading English."""

    def __init__(self, web: Flask, role: str, **scope: tuple[int, ...]) -> None:
        self.client: FlaskClient = log_in(web, role, **scope).client

    def open(self, path: str, method: str = "GET", **how: object) -> TestResponse:
        for name in list(g):  # the tests' application context outlives a request; what a request kept must not
            g.pop(name)
        return self.client.open(path, method=method, **how)

    def get(self, path: str, status: int = 200) -> str:
        answer = self.open(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
        return answer.text

    def post(self, path: str, *, origin: str = "/orders/", **data: object) -> TestResponse:
        """Send a form of the page ``origin`` and follow where it leads."""
        data["csrf_token"] = TOKEN.search(self.open(origin).text)[1]
        answer = self.open(path, "POST", data=data, headers={"Referer": f"http://localhost{origin}"})
        return self.open(answer.location) if answer.status_code in {302, 303} else answer


@pytest.fixture
def people(web: Flask) -> Callable[..., Person]:
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def shop(web: Flask) -> SmallShop:
    with transaction(system("test")) as tx:
        return small_shop(tx)


@pytest.fixture
def place(web: Flask, shop: SmallShop) -> Callable[..., int]:
    def make(*lines: tuple[int, int], **facts: object) -> int:
        with transaction(system("test")) as tx:
            return place_order(tx, shop.order(*lines, **facts)).order_id

    return make


def order(order_id: int) -> Order:
    db.session.rollback()
    return db.session.get_one(Order, order_id)


@contextmanager
def statements():
    seen: list[str] = []

    def note(_c, _cur, statement, *_rest):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("role", ["owner", "manager", "sales", "cashier", "warehouse", "accountant", "viewer"])
def test_every_role_opens_the_desk_and_an_order_and_sees_no_more_than_it_may(people, place, role):
    order_id = place((0, 2), confirm=True)
    person = people(role)
    for path in ("/desk/", "/desk/held", "/orders/", f"/orders/{order_id}", "/find/?q=0800001234"):
        page = person.get(path)
        if role == "warehouse":
            assert "200.00" not in page, path
            assert "080-000-1234" not in page, path
    assert (f"/order/{order_id}/cancel" in person.get(f"/orders/{order_id}")) == (role in {"owner", "manager", "sales"})
    person.get("/desk/slips", 200 if role in {"owner", "manager", "cashier"} else 404)
    person.get("/desk/nonsense", 404)


def test_another_warehouses_order_in_the_address_is_not_found(people, shop, place):
    order_id = place(confirm=True)
    keeper = people("warehouse", warehouses=(shop.cnx,))
    keeper.get(f"/orders/{order_id}", 404)
    assert "not yours to see" in keeper.post(f"/order/{order_id}/hold", reason="address").text
    assert "SO69" not in keeper.get("/orders/").split("<main")[1]
    assert "SO69" not in keeper.get("/orders/table/list/").split("<main")[1]
    assert order(order_id).hold_reasons == []


def test_a_list_costs_the_same_statements_for_one_order_and_for_thirty(people, place):
    person = people("manager")
    place(confirm=True)
    person.get("/desk/unpaid")
    with statements() as one:
        person.get("/desk/unpaid")
    for _ in range(8):
        place(confirm=True)
    with statements() as many:
        person.get("/desk/unpaid")
    assert len(one) == len(many) <= 16


def test_a_draft_is_confirmed_once_however_often_the_button_is_clicked(people, place):
    order_id = place((0, 2))
    person = people("sales")
    version = order(order_id).version
    for _ in range(2):
        answer = person.post(f"/order/{order_id}/confirm", origin=f"/orders/{order_id}", version=version)
    assert "Someone else changed this order" in answer.text
    assert order(order_id).status is OrderStatus.CONFIRMED
    confirmations = select(func.count()).where(AuditLog.action == "order.confirmed", AuditLog.subject_id == order_id)
    assert db.session.scalar(confirmations) == 1


def test_a_stale_form_is_a_clear_conflict_and_changes_nothing(people, place):
    order_id = place(confirm=True)
    person = people("manager")
    answer = person.post(
        f"/order/{order_id}/cancel", origin=f"/orders/{order_id}", version=order(order_id).version - 1,
        reason="customer", restock="free", note="ลูกค้าเปลี่ยนใจ",
    )  # fmt: skip
    assert "reload and look again" in answer.text
    assert order(order_id).status is OrderStatus.CONFIRMED


def test_a_post_without_its_token_changes_nothing(people, place):
    order_id = place(confirm=True)
    person = people("manager")
    assert person.open(f"/order/{order_id}/cancel", "POST", data={"reason": "customer"}).status_code in {303, 400}
    assert person.open(f"/order/{order_id}/cancel").status_code == 405
    assert order(order_id).status is OrderStatus.CONFIRMED


def test_hold_release_and_cancel_are_walked_with_reasons(people, place):
    order_id = place(confirm=True)
    manager = people("manager")
    home = f"/orders/{order_id}"
    refused = manager.post(f"/order/{order_id}/hold", origin=home, version=order(order_id).version, reason="")
    assert "Choose a reason" in refused.text
    refused = manager.post(f"/order/{order_id}/hold", origin=home, version=order(order_id).version, reason="manual")
    assert "Say in a few words why" in refused.text
    manager.post(
        f"/order/{order_id}/hold", origin=home, version=order(order_id).version, reason="address", note="ไม่ครบ"
    )
    assert order(order_id).hold_reasons == ["address"]
    assert "On hold: Address in doubt" in manager.get(home)
    sales = people("sales")
    refused = sales.post(f"/order/{order_id}/release", origin=home, version=order(order_id).version)
    assert "Your role may not do this" in refused.text
    assert order(order_id).hold_reasons == ["address"]
    manager.post(f"/order/{order_id}/release", origin=home, version=order(order_id).version)
    assert order(order_id).hold_reasons == []
    version = order(order_id).version
    manager.post(f"/order/{order_id}/cancel", origin=home, version=version, reason="customer", restock="free")
    assert order(order_id).status is OrderStatus.CANCELED
    assert "Order canceled: Customer changed their mind" in manager.get(home)


def test_a_payment_is_recorded_by_sales_and_verified_by_the_cashier_only(people, place):
    order_id = place((0, 2), confirm=True)
    sales, cashier = people("sales"), people("cashier")
    home = f"/orders/{order_id}"
    bad = sales.post(f"/order/{order_id}/claim", origin=home, amount="สองร้อย", method="transfer", key="k1")
    assert "is not an amount" in bad.text
    nameless = sales.post(f"/order/{order_id}/claim", origin=home, amount="200", method="transfer", reference="R1")
    assert "Choose the bank" in nameless.text
    for _ in range(2):
        sales.post(f"/order/{order_id}/claim", origin=home, amount="200", method="transfer", key="k1", reference="R 1",
                   sending_bank="004")  # fmt: skip
    db.session.rollback()
    claim = db.session.scalars(select(PaymentClaim)).one()
    path = f"/order/{order_id}/claims/{claim.id}"
    assert "Your role may not do this" in sales.post(f"{path}/verify", origin=home, version=claim.version).text
    assert "Say in a few words why" in cashier.post(f"{path}/reject", origin=home, version=claim.version).text
    assert "Payment verified" in cashier.post(f"{path}/verify", origin=home, version=claim.version).text
    assert "nothing of that name" in cashier.post(f"{path}/nonsense", origin=home).text
    db.session.rollback()
    assert db.session.scalars(select(PaymentClaim.status)).one() is ClaimStatus.VERIFIED
    assert "May be shipped" in cashier.get(home)


def test_notes_tags_and_the_person_in_charge(people, place):
    order_id = place()
    sales = people("sales")
    home = f"/orders/{order_id}"
    sales.post(f"/order/{order_id}/note", origin=home, body="<script>alert(1)</script>", audience="customer")
    assert "&lt;script&gt;alert(1)" in sales.get(home)
    sales.post(f"/order/{order_id}/tag", origin=home, tag="ด่วน")
    assert order(order_id).tags == ["ด่วน"]
    sales.post(f"/order/{order_id}/tag", origin=home, tag="ด่วน", remove="1")
    sales.post(f"/order/{order_id}/assign", origin=home, user_id="999999")
    assert (order(order_id).tags, order(order_id).owner_id) == ([], None)


def test_an_amendment_is_walked_and_what_cannot_be_read_stays_in_the_form(people, place, shop):
    order_id = place((0, 2), confirm=True)
    sales = people("sales")
    page = f"/amend/{order_id}"
    assert "Why is the order amended?" in sales.get(page)
    sales.post(f"{page}/open", origin=page, version=order(order_id).version, reason="เพิ่มของ")
    line = order(order_id).lines[0].id
    fields = {
        f"line{line}_quantity": "สาม", "new0_text": "RU-0002", "new0_quantity": "1", "shipping_fee": "40", "discount": "",
        "ship_name": "กนกวรรณ", "ship_phone": "0800001234", "ship_province": "เชียงใหม่",
    }  # fmt: skip
    bad = sales.post(f"{page}/propose", origin=page, **fields)
    assert "“สาม” is not a quantity" in bad.text
    assert 'value="สาม"' in bad.text
    assert 'value="RU-0002"' in bad.text
    shown = sales.post(f"{page}/propose", origin=page, **(fields | {f"line{line}_quantity": "3"}))
    assert "+฿340.00" in shown.text
    assert order(order_id).total == Money(Decimal(200))
    sales.post(f"{page}/apply", origin=page, version=order(order_id).version)
    changed = order(order_id)
    assert (changed.total, changed.revision, [x.quantity for x in changed.lines]) == (Money(Decimal(540)), 1, [3, 1])
    story = sales.get(f"/orders/{order_id}")
    assert "Order amended" in story
    assert "“เพิ่มของ”" in story
    sales.post(f"{page}/open", origin=page, version=changed.version, reason="อีกที")
    sales.post(f"{page}/discard", origin=page, version=order(order_id).version)
    assert [str(s) for s in db.session.scalars(select(OrderChange.status).order_by(OrderChange.id))] == [
        "applied",
        "discarded",
    ]
    assert sales.open("/amend/skus?q=แบบ 2").json["items"][0]["text"].startswith("RU-0002")
    people("viewer").get(page, 403)


def test_bulk_work_answers_for_each_order_and_a_second_click_is_the_same_run(people, place, shop):
    ids = [place(), place(), place((0, 11))]
    sales = people("sales")
    for _ in range(2):
        answer = sales.post("/bulk/", origin="/desk/drafts", action="confirm", rowid=ids, key="once")
    assert "3 of 3 done" in answer.text
    assert "Only 8 left of RU-0001" in answer.text
    assert [order(i).status for i in ids] == [OrderStatus.CONFIRMED, OrderStatus.CONFIRMED, OrderStatus.DRAFT]
    assert db.session.scalar(select(func.count()).select_from(BulkRun)) == 1
    run_id = db.session.scalar(select(BulkRun.id))
    assert sales.open(f"/bulk/{run_id}/state").json == {
        "value": 3, "max": 3, "text": "3 of 3 done", "done": True,
    }  # fmt: skip
    people("cashier").get(f"/bulk/{run_id}", 404)


def test_all_of_a_list_means_what_the_list_shows(people, place, shop):
    one = place(tags=("ด่วน",))
    other = place()
    sales = people("sales")
    sales.post(
        "/bulk/", origin="/desk/drafts", action="tag", tag_tag="เช้า", all="1", worklist="drafts", tag="ด่วน", key="k"
    )
    assert (order(one).tags, order(other).tags) == (["ด่วน", "เช้า"], [])
    nothing = sales.post("/bulk/", origin="/desk/drafts", action="cancel", key="k2")
    assert "Choose at least one order" in nothing.text


def test_a_filter_is_saved_and_found_again(people, place):
    place(tags=("ด่วน",))
    sales = people("sales")
    sales.post("/orders/views", origin="/orders/?tag=ด่วน", name="งานด่วน", tag="ด่วน", is_shared="on", next="/orders/")
    assert "งานด่วน" in people("cashier").get("/orders/")
    assert "cannot be used as a filter" in sales.get("/orders/?board=nonsense", 422)


def test_the_search_opens_one_order_and_lists_several(people, place):
    first, _ = place(), place()
    sales = people("sales")
    answer = sales.open(f"/find/?q={order(first).number}")
    assert (answer.status_code, answer.location) == (302, f"/orders/{first}")
    assert sales.get("/find/?q=กนกวรรณ").count("data-href") == 2
    assert "Nothing found" in sales.get("/find/?q=%25%25%25")
    assert "What do you look for?" in sales.get("/find/")


def test_a_cashier_vouches_for_credit_and_the_order_may_leave(people, place):
    order_id = place(confirm=True, payment_term=PaymentTerm.CREDIT)
    home = f"/orders/{order_id}"
    assert "Approve COD or credit" not in people("sales").get(home).split("Items")[0]
    cashier = people("cashier")
    assert "The credit is not approved yet" in cashier.get(home)
    assert "May be shipped" in cashier.post(f"/order/{order_id}/approve", origin=home).text
    assert "nothing to approve" in cashier.post(f"/order/{order_id}/approve", origin=home).text


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/order/{id}/hold", {"reason": "address", "note": "ก\x00ข"}),
        ("/order/{id}/hold", {"reason": "address", "note": "ก" * 501}),
        ("/order/{id}/ship", {"carrier": "x" * 200, "tracking_no": "\x00"}),
        ("/order/{id}/claim", {"amount": "1", "method": "transfer", "account_id": "9" * 30}),
        ("/order/{id}/claim", {"amount": "9" * 30, "method": "transfer"}),
        ("/order/{id}/claim", {"amount": "1", "method": "transfer", "paid_at": "yesterday"}),
        ("/order/{id}/note", {"body": "😀" * 3000}),
        ("/order/{id}/tag", {"tag": "=cmd|' /C calc'!A0\x00"}),
        ("/order/{huge}/confirm", {}),
        ("/amend/{id}/open", {"reason": "x" * 600}),
        ("/amend/{id}/propose", {"new0_sku": "9" * 30, "new0_quantity": "-1"}),
        ("/bulk/", {"action": "tag", "tag_tag": "\x00", "rowid": ["9" * 30, "-1", "x"]}),
        ("/bulk/", {"action": "assign", "assign_user_id": "²", "rowid": ["1"]}),
        ("/orders/views", {"name": "\x00", "tag": "\x00"}),
    ],
)
def test_input_made_to_break_things_meets_a_sentence_not_a_crash(people, place, path, data):
    order_id = place(confirm=True)
    manager = people("manager")
    answer = manager.post(path.format(id=order_id, huge="9" * 30), origin=f"/orders/{order_id}", **data)
    assert answer.status_code < 500
    for address in (f"/orders/{'9' * 30}", f"/amend/{'9' * 30}", "/bulk/" + "9" * 25, "/desk/%00"):
        assert manager.open(address).status_code == 404
    for address in ("/orders/?tag=%00&after=%00", "/find/?q=%00%00", "/orders/?shop=" + "9" * 40, "/orders/?from=-1"):
        assert manager.open(address).status_code in {200, 422}
