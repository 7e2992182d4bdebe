"""The screens of personal data: numbers shown on request, requests, consents, a copy in a file, forgetting, terms."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from sqlalchemy import select

from oms.actor import system
from oms.audit import AuditLog
from oms.customers.models import Customer
from oms.customers.privacy_models import Consent, PrivacyRequest, RetentionRules
from oms.customers.states import RequestStatus
from oms.db import db, transaction
from oms.usecases.customers import Address, CreateCustomer, create_customer
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_place import place_order
from tests.shop import small_shop
from tests.views.people import log_in
from views.privacy import MOST_SHOWN

NUMBER = "080-000-1234"


@pytest.fixture
def person(web) -> int:
    with transaction(system("test")) as tx:
        home = Address("กนกวรรณ ป้อมปราการ", "0800001234", "45/7 หมู่ 2", postcode="50210")
        return create_customer(tx, CreateCustomer("กนกวรรณ ป้อมปราการ", "0800001234", address=home)).customer_id


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditLog.action).order_by(AuditLog.id.desc()).limit(3)))


def test_numbers_are_hidden_until_they_are_asked_for_and_that_is_noted(web, person):
    with transaction(system("test")) as tx:
        other = create_customer(tx, CreateCustomer("นก", "0899999999")).customer_id
    sales, colleague, viewer = (log_in(web, role) for role in ("sales", "sales", "viewer"))
    path = f"/customers/show/{person}"
    page = sales.get(path).text
    assert NUMBER not in page
    assert "xxxxxx1234" in page
    assert sales.post(f"/privacy/{person}/phones", form=path).status_code == 303
    assert sales.get(path).text.count(NUMBER) >= 3  # the card, the identity, the address
    assert "089-999-9999" not in sales.get(f"/customers/show/{other}").text
    assert NUMBER not in colleague.get(path).text  # another browser asks for itself
    assert "Show the number" not in viewer.get(path).text
    assert viewer.post(f"/privacy/{person}/phones", form=path).status_code == 403
    assert NUMBER not in viewer.get(path).text
    shown = select(AuditLog.id).where(AuditLog.action == "privacy.phones_shown")
    assert len(db.session.scalars(shown).all()) == 1  # the one of the person who may


@pytest.fixture
def order_id(web) -> int:
    with transaction(system("test")) as tx:
        return place_order(tx, small_shop(tx).order((0, 1))).order_id


def shown_of(order_id: int) -> list[str]:
    db.session.rollback()
    log = select(AuditLog.actor).where(
        AuditLog.action == "privacy.phones_shown", AuditLog.subject_type == "order", AuditLog.subject_id == order_id
    )
    return list(db.session.scalars(log.order_by(AuditLog.id)))


def test_the_number_of_an_order_is_hidden_until_it_is_asked_for_and_that_is_noted(web, order_id):
    sales, colleague, packer = (log_in(web, role) for role in ("sales", "sales", "warehouse"))
    path = f"/orders/{order_id}"
    for person in (sales, packer):
        page = person.get(path).text
        assert ("xxxxxx1234" in page, NUMBER in page, "0800001234" in page) == (True, False, False)
        assert NUMBER not in person.get("/orders/").text
    assert 'href="tel:' not in sales.get(path).text
    assert shown_of(order_id) == []
    assert sales.post(f"/privacy/orders/{order_id}/phone", form=path, next=path).status_code == 303
    assert len(shown_of(order_id)) == 1
    page = sales.get(path).text
    assert (NUMBER in page, 'href="tel:0800001234"' in page, "Show the number" in page) == (True, True, False)
    assert "Whole phone number looked at" in page  # the story of the order says who looked
    assert "Whole phone number looked at" in log_in(web, "owner").get("/audit/list/").text
    assert NUMBER not in sales.get("/orders/").text  # a list stays masked
    assert NUMBER not in colleague.get(path).text
    assert "Show the number" not in packer.get(path).text
    assert packer.post(f"/privacy/orders/{order_id}/phone", form=path, next=path).status_code == 403
    assert NUMBER not in packer.get(path).text
    assert sales.post("/privacy/orders/999999/phone", form=path, next=path).status_code == 404
    assert (
        sales.post(f"/privacy/orders/{order_id}/phone", form=path, next="//evil.example/")
        .headers["Location"]
        .endswith(path)
    )
    assert len(shown_of(order_id)) == 2  # each press is noted, the refused ones are not


def test_a_form_that_changes_the_address_is_a_look_at_the_number_once_an_hour(web, order_id):
    sales = log_in(web, "sales")
    for _ in range(3):
        assert NUMBER in sales.get(f"/entry/{order_id}").text
    assert len(shown_of(order_id)) == 1


def test_an_amendment_shows_the_number_only_in_its_form_and_notes_it(web, order_id):
    with transaction(system("test")) as tx:
        confirm_order(tx, ConfirmOrder(order_id))
    sales, path = log_in(web, "sales"), f"/amend/{order_id}"
    assert "0800001234" not in sales.get(path).text
    assert shown_of(order_id) == []
    assert sales.post(f"{path}/open", form=path, reason="ที่อยู่ใหม่").status_code == 303
    for _ in range(2):
        assert "0800001234" in sales.get(path).text
    assert len(shown_of(order_id)) == 1


def test_a_cookie_has_room_for_the_numbers_of_a_busy_day(web):
    with transaction(system("test")) as tx:
        shop = small_shop(tx, pieces=100)
        ids = [place_order(tx, shop.order((0, 1))).order_id for _ in range(MOST_SHOWN + 5)]
    sales = log_in(web, "sales")
    for number in ids:
        answer = sales.post(f"/privacy/orders/{number}/phone", form=f"/orders/{number}", next=f"/orders/{number}")
    assert max(len(c) for c in answer.headers.getlist("Set-Cookie")) < 3000
    assert NUMBER in sales.get(f"/orders/{ids[-1]}").text
    assert NUMBER in sales.get(f"/orders/{ids[-MOST_SHOWN]}").text
    assert NUMBER not in sales.get(f"/orders/{ids[0]}").text  # it is asked for again


def test_requests_are_noted_shown_with_their_clock_and_answered(web, person):
    manager = log_in(web, "manager")
    path = f"/privacy/{person}"
    assert manager.post(f"{path}/request", form=path, kind="erase", note="ทางไลน์").status_code == 303
    page = manager.get("/privacy/").text
    assert "กนกวรรณ" in page
    assert "90 days left" in page or "89 days left" in page
    row = db.session.scalars(select(PrivacyRequest.id)).one()
    refused = manager.post(f"/privacy/request/{row}/refuse", form=path, answer="")
    assert refused.status_code in {303, 422}
    assert db.session.scalars(select(PrivacyRequest.status)).one() is RequestStatus.OPEN
    assert manager.post(f"/privacy/request/{row}/refuse", form=path, answer="มีคดี").status_code == 303
    assert "มีคดี" in manager.get("/privacy/").text
    assert log_in(web, "sales").get("/privacy/").status_code == 403


def test_consents_are_added_to_the_log(web, person):
    manager = log_in(web, "manager")
    path = f"/privacy/{person}"
    for given in ("1", "0"):
        assert (
            manager.post(f"{path}/consent", form=path, purpose="marketing", given=given, source="LINE").status_code
            == 303
        )
    assert list(db.session.scalars(select(Consent.given).order_by(Consent.id))) == [True, False]


def test_a_copy_is_one_file_for_programs_and_for_reading(web, person):
    manager = log_in(web, "manager")
    answer = manager.post(f"/privacy/{person}/copy", form=f"/privacy/{person}")
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        found = json.loads(packed.read("data.json"))
        read = packed.read("data.html").decode()
    assert found["card"][0]["phone"] == "0800001234"
    assert "กนกวรรณ ป้อมปราการ" in read
    assert "45/7 หมู่ 2" in read
    assert actions()[0] == "privacy.exported"
    assert log_in(web, "cashier").client.post(f"/privacy/{person}/copy").status_code in {400, 403}


def test_a_person_is_forgotten_after_a_look_at_what_stays(web, person):
    manager = log_in(web, "manager")
    path = f"/privacy/{person}"
    page = manager.get(path).text
    assert "This cannot be undone" in page
    assert manager.post(f"{path}/erase", form=path, reason="ลูกค้าขอ").status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Customer, person).anonymised_at is not None
    page = manager.get(path).text
    assert "This person was erased" in page
    assert "กนกวรรณ" not in page + manager.get(f"/customers/show/{person}").text


def test_terms_are_set_and_shown(web, person):
    manager = log_in(web, "manager")
    fields = {"intake_days": 90, "slip_days": 1825, "paper_years": 10}
    assert manager.post("/privacy/retention", form="/privacy/", **fields).status_code == 303
    row = db.session.scalars(select(RetentionRules)).one()
    assert (row.intake_days, row.paper_years) == (90, 10)
    bad = manager.post("/privacy/retention", form="/privacy/", intake_days=1, slip_days=1, paper_years=1)
    assert bad.status_code in {303, 422}
    db.session.expire_all()
    assert db.session.scalars(select(RetentionRules.intake_days)).one() == 90
