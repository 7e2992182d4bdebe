"""The slip screens through the browser's door: uploads that answer by themselves, pictures for who may see, stale forms."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from oms import clock
from oms.actor import system
from oms.banks.slip_code import SlipCode
from oms.db import db, transaction
from oms.intake import files
from oms.money import Money
from oms.orders.models import Order
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.slip_models import Slip
from oms.payments.states import ClaimStatus, PaymentMethod, RejectReason, SlipKind, SlipStatus
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.slips import ReceiveSlip, RejectSlip, receive_slip, reject_slip
from oms.usecases.slips_read import PageRead, Reading, record_reading
from tests.shop import small_shop
from tests.views.people import Person, log_in

JSON = {"Accept": "application/json"}


class Shop:
    """Orders that wait, and slips that were read."""

    def __init__(self, web: Flask, root) -> None:
        self.web, self.root = web, root
        with transaction(system("test")) as tx:
            self.shop = small_shop(tx, pieces=500)
            tx.session.add(
                ReceivingAccount(code="scb", bank="SCB", account_no="1112345678", account_name="x", bank_code="014")
            )

    def order(self) -> int:
        with transaction(system("test")) as tx:
            return place_order(tx, self.shop.order(confirm=True)).order_id

    def slip(self, no: int = 1, order: int | None = 0) -> int:
        order = self.order() if order == 0 else order
        with transaction(system("test")) as tx:
            kept = files.keep(self.root, io.BytesIO(b"picture %d" % no), "slip.jpg")
            came = receive_slip(tx, ReceiveSlip(kept, order))
            look = f"{(no * 7919 + 1) ** 90 % 2**2048:0512x}"
            code = SlipCode(SlipKind.SLIP, "014", f"REF{no:05}", crc_ok=True)
            record_reading(tx, came.slip_id, Reading((PageRead(kept.key, kept.key, 9, 9, look, code),)))
            return came.slip_id


@pytest.fixture
def shop(web: Flask, settings) -> Shop:
    return Shop(web, settings.files_dir)


def send(person: Person, *pictures: tuple[str, bytes], **fields: object):
    data = {"csrf_token": person.token("/slips/"), **fields}
    data["file"] = [(io.BytesIO(body), name) for name, body in pictures]
    person._anew()
    return person.client.post("/slips/upload", data=data, headers=JSON, content_type="multipart/form-data")


def one(slip_id: int) -> Slip:
    db.session.rollback()
    return db.session.get_one(Slip, slip_id, populate_existing=True)


def test_forty_pictures_at_once_answer_each_by_itself(web, shop):
    sent = [(f"{n}.jpg", b"a picture %d" % n) for n in range(38)] + [("0 again.jpg", b"a picture 0"), ("e.jpg", b"")]
    answer = send(log_in(web, "sales"), *sent)
    results = answer.json["results"]
    assert [r["ok"] for r in results] == [True] * 39 + [False]
    assert results[38]["tone"] == "warning"
    assert results[39]["text"] == "The file is empty"
    assert db.session.scalar(select(func.count(Slip.id))) == 38


def test_too_many_and_too_large_are_refused_in_words(web, shop, monkeypatch):
    sales = log_in(web, "sales")
    answer = send(sales, *[(f"{n}.jpg", b"x%d" % n) for n in range(61)])
    assert (answer.status_code, "60" in answer.text) == (422, True)
    monkeypatch.setattr("views.slips.PICTURE_BYTES", 1000)
    results = send(sales, ("big.jpg", b"x" * 1001)).json["results"]
    assert results[0]["ok"] is False
    assert "larger than" in results[0]["text"]
    assert db.session.scalar(select(func.count(Slip.id))) == 0


def test_an_unknown_order_takes_nothing_in(web, shop):
    answer = send(log_in(web, "sales"), ("a.jpg", b"a"), order_number="SO99-000001")
    assert answer.status_code == 422
    assert db.session.scalar(select(func.count(Slip.id))) == 0


def test_without_a_script_the_form_answers_by_messages(web, shop):
    sales, order = log_in(web, "sales"), shop.order()
    token = sales.token("/slips/")
    sales._anew()
    data = {"csrf_token": token, "file": (io.BytesIO(b"one"), "one.jpg"), "order_id": order, "next": f"/orders/{order}"}
    answer = sales.client.post("/slips/upload", data=data, content_type="multipart/form-data")
    assert answer.location == f"/orders/{order}"
    page = sales.get(f"/orders/{order}").text
    assert "1 slip received" in page
    assert re.search(r'href="/slip/\d+"', page)


def test_a_picture_is_shown_to_who_may_see_it_and_kept_by_nobody(web, shop):
    slip = shop.slip()
    seen = log_in(web, "cashier").get(f"/slips/{slip}/picture")
    assert seen.status_code == 200
    assert seen.data == b"picture 1"
    assert "no-store" in seen.headers["Cache-Control"]
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
    assert seen.mimetype == "image/jpeg"
    seen.close()
    for role, scope in (("warehouse", {}), ("cashier", {"warehouses": (shop.shop.cnx,)}), ("viewer", {})):
        assert log_in(web, role, **scope).get(f"/slips/{slip}/picture").status_code in {302, 303, 403, 404}, role
    assert log_in(web, "cashier").get("/slips/999999/picture").status_code == 404


def test_a_clerk_of_another_warehouse_sees_no_slip_in_the_list(web, shop):
    slip = shop.slip()
    other = log_in(web, "cashier", warehouses=(shop.shop.cnx,))
    assert f"/slip/{slip}" not in other.get("/slips/").text
    assert other.get(f"/slip/{slip}").status_code == 404


def test_confirming_goes_on_to_the_next_slip_and_can_be_undone(web, shop):
    first, second = shop.slip(1), shop.slip(2)
    cashier = log_in(web, "cashier")
    answer = cashier.post(f"/slip/{first}/confirm", f"/slip/{first}", amount="100.00", account_id=account())
    assert answer.location == f"/slip/{second}?undo={first}"
    assert one(first).status is SlipStatus.CONFIRMED
    page = cashier.get(answer.location).text
    assert "slip 1 of 1" in page
    cashier.post(f"/slip/{first}/reopen", answer.location)
    assert one(first).status is SlipStatus.WAITING


def account() -> int:
    return db.session.scalar(select(ReceivingAccount.id))


def test_a_refused_decision_stays_on_the_slip_and_says_why(web, shop):
    slip = shop.slip()
    cashier = log_in(web, "cashier")
    answer = cashier.post(f"/slip/{slip}/confirm", f"/slip/{slip}", amount="abc")
    assert answer.location.startswith(f"/slip/{slip}")
    db.session.rollback()
    answer = cashier.post(f"/slip/{slip}/confirm", f"/slip/{slip}", amount="100", version="99", account_id=account())
    assert "look again" in cashier.get(answer.location).text
    assert one(slip).status is SlipStatus.WAITING


def test_when_a_colleague_was_quicker_the_next_slip_follows(web, shop):
    first, second = shop.slip(1), shop.slip(2)
    cashier = log_in(web, "cashier")
    token = cashier.token(f"/slip/{first}")
    data = {"csrf_token": token, "version": one(first).version, "reason": "unreadable"}
    with transaction(system("colleague")) as tx:
        reject_slip(tx, RejectSlip(first, RejectReason.NOT_ARRIVED))
    cashier._anew()
    answer = cashier.client.post(f"/slip/{first}/reject", data=data)
    assert answer.location == f"/slip/{second}"
    assert "has already decided this slip: Rejected" in cashier.get(answer.location).text
    assert one(first).reject_reason == "not_arrived"


def test_money_that_was_counted_before_is_asked_about_and_counts_once(web, shop):
    slip = shop.slip()
    order = one(slip).order_id
    with transaction(system("test")) as tx:
        share = ((order, Money(Decimal(100))),)
        paid = SubmitClaim(PaymentMethod.TRANSFER, Money(Decimal(100)), share, account(), paid_at=clock.now())
        counted = record_payment(tx, paid).claim_id
    cashier = log_in(web, "cashier")
    page = cashier.get(f"/slip/{slip}").text
    assert "This money may be counted already" in page
    answer = cashier.post(f"/slip/{slip}/confirm", f"/slip/{slip}", amount="100", account_id=account())
    assert "say whether it is the same transfer" in cashier.get(answer.location).text
    cashier.post(f"/slip/{slip}/confirm", f"/slip/{slip}", amount="100", account_id=account(), counted=counted)
    assert (one(slip).status, one(slip).claim_id) == (SlipStatus.CONFIRMED, counted)
    assert db.session.get_one(Order, order).verified_amount == Money(Decimal(100))


def test_sales_may_look_and_attach_but_not_decide(web, shop):
    slip = shop.slip()
    sales = log_in(web, "sales")
    page = sales.get(f"/slip/{slip}")
    assert page.status_code == 200
    assert "/confirm" not in page.text
    assert sales.post(f"/slip/{slip}/confirm", f"/slip/{slip}", amount="100").status_code in {302, 303, 403}
    assert one(slip).status is SlipStatus.WAITING


def test_a_used_transfer_links_to_its_first_use(web, shop):
    first = shop.slip(1)
    second = shop.order()
    with transaction(system("test")) as tx:
        kept = files.keep(shop.root, io.BytesIO(b"another picture"), "b.jpg")
        came = receive_slip(tx, ReceiveSlip(kept, second))
        code = SlipCode(SlipKind.SLIP, "014", "REF00001", crc_ok=True)
        record_reading(tx, came.slip_id, Reading((PageRead(kept.key, kept.key, 9, 9, "f" * 512, code),)))
    page = log_in(web, "cashier").get(f"/slip/{came.slip_id}").text
    assert one(came.slip_id).status is SlipStatus.DUPLICATE
    assert f'href="/slip/{first}"' in page
    assert "This transfer was used before" in page
    assert "/confirm" not in page


def test_a_slip_pays_two_orders_from_the_screen(web, shop):
    slip, other = shop.slip(), shop.order()
    cashier = log_in(web, "cashier")
    cashier.post(f"/slip/{slip}/attach", f"/slip/{slip}", order_id=other, how="add")
    first = one(slip).order_id
    shares = {f"share_{first}": "100", f"share_{other}": "100"}
    cashier.post(f"/slip/{slip}/confirm", f"/slip/{slip}", amount="200", account_id=account(), **shares)
    paid = db.session.scalars(select(Order.id).where(Order.verified_amount == Order.total)).all()
    assert set(paid) == {first, other}


def test_the_list_and_the_review_ask_the_same_number_of_questions_for_one_slip_and_for_thirty(web, shop):
    cashier = log_in(web, "cashier")

    def statements(path: str) -> int:
        seen = []
        engine = db.engines[None]
        listener = lambda *a: seen.append(a[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listener)
        try:
            assert cashier.get(path).status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", listener)
        return len(seen)

    first = shop.slip(1)
    paths = ("/slips/", f"/slip/{first}", "/slip/exact")
    for path in paths:
        statements(path)
    few = [statements(path) for path in paths]
    for no in range(2, 31):
        shop.slip(no)
    many = [statements(path) for path in paths]
    assert [m - f <= 1 for m, f in zip(many, few, strict=True)] == [True] * 3, (few, many)
    assert max(many) <= 40, many


def test_confirm_all_takes_only_what_is_still_exact(web, shop):
    slip = shop.slip()
    cashier = log_in(web, "cashier")
    assert "No slip is exact" in cashier.get("/slip/exact").text
    token = cashier.token("/slips/")
    cashier._anew()
    data = {"csrf_token": token, "slip": f"{slip}:{one(slip).version}"}
    cashier.client.post("/slip/exact/confirm", data=data)
    assert one(slip).status is SlipStatus.WAITING
    assert db.session.scalar(select(func.count()).where(PaymentClaim.status == ClaimStatus.VERIFIED)) == 0


def test_a_slip_that_is_being_read_says_so_and_looks_again_by_itself(web, shop):
    order = shop.order()
    with transaction(system("test")) as tx:
        came = receive_slip(tx, ReceiveSlip(files.Kept("a" * 48, "x.jpg", 1, "b" * 64), order))
    cashier = log_in(web, "cashier")
    page = cashier.get(f"/slip/{came.slip_id}").text
    assert "Being read" in page
    assert f'data-poll="/slips/{came.slip_id}/progress"' in page
    assert cashier.get(f"/slips/{came.slip_id}/progress").json["done"] is False


def test_the_search_finds_a_slip_by_reference_and_by_order(web, shop):
    slip = shop.slip(7)
    number = db.session.scalar(select(Order.number).where(Order.id == one(slip).order_id))
    cashier = log_in(web, "cashier")
    for asked in ("ref00007", number):
        assert f"/slip/{slip}" in cashier.get(f"/slips/?q={asked}").text
    assert "No slip found" in cashier.get("/slips/?q=REF99").text
