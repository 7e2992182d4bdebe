"""Slip verifiers on screen: set up by hand against a running simulator; keys never come back."""

from __future__ import annotations

from sqlalchemy import func, select

from oms.actor import system
from oms.db import db, transaction
from oms.outbox import Outbox
from oms.payments.slip_models import Slip, VerifierAccount
from oms.payments.states import SlipKind, SlipStatus
from oms.permissions import ROLES
from oms.usecases.slips_verify import TOPIC
from tests.banks.play import on_stage
from tests.views.people import log_in


def stored() -> VerifierAccount:
    db.session.rollback()
    return db.session.scalars(select(VerifierAccount)).one()


def owed() -> int:
    """Questions written down; leaves no savepoint open that a request could fall back behind."""
    found = db.session.scalar(select(func.count()).where(Outbox.topic == TOPIC))
    db.session.rollback()
    return found


def test_only_who_keeps_the_shop_opens_the_screen(web):
    for role in ROLES:
        person = log_in(web, role.name)
        wanted = (200,) if "shop.edit" in role.actions else (302, 303, 403)
        assert person.get("/verifiers/").status_code in wanted, role.name
        assert person.get("/verifiers/new/slipok").status_code in wanted, role.name


def test_an_empty_list_says_what_a_verifier_is_for(web):
    page = log_in(web, "owner").get("/verifiers/").text
    assert "No slip verifier yet" in page
    for name in ("SlipOK", "EasySlip", "Slip2Go", "SCB", "KBank"):
        assert name in page


def test_a_verifier_is_added_and_tried_at_once(web):
    owner = log_in(web, "owner")
    with on_stage("slipok") as play:
        play.sandbox.book.quota = 41
        answer = owner.post(
            "/verifiers/new/slipok", name="SlipOK", host=play.host, branch_id="12345", api_key="SLIPOK-key",
            account_id="0", is_active="y",
        )  # fmt: skip
        assert answer.status_code == 303
        page = owner.get("/verifiers/").text
        assert "41 checks left" in page
        assert "SLIPOK-key" not in page
        row = stored()
        assert (row.quota_left, row.stopped) == (41, "")
        form = owner.get(f"/verifiers/{row.id}/edit").text
        assert "SLIPOK-key" not in form
        assert "12345" in form
        play.sandbox.book.quota = 7
        assert owner.post(f"/verifiers/{row.id}/test", "/verifiers/").status_code == 303
        assert stored().quota_left == 7


def test_a_wrong_key_is_said_and_mended_in_the_form(web):
    owner = log_in(web, "owner")
    with on_stage("easyslip") as play:
        facts = {"name": "EasySlip", "host": play.host, "account_id": "0", "is_active": "y"}
        owner.post("/verifiers/new/easyslip", api_key="wrong", **facts)
        page = owner.get("/verifiers/").text
        assert "Stopped: the service does not accept our settings" in page
        row = stored()
        assert row.stopped == "settings"
        owner.post(f"/verifiers/{row.id}/edit", api_key="easyslip-key", **facts)
        assert stored().stopped == ""
        assert "It works." in owner.get("/verifiers/").text


def test_a_refused_form_keeps_what_was_typed_but_the_secrets(web):
    owner = log_in(web, "owner")
    answer = owner.post(
        "/verifiers/new/scb", name="SCB ร้านหลัก", host="http://scb.example", application_key="KEY-1",
        application_secret="TOP-secret", certificate="-----PEM-secret", account_id="0", is_active="y",
    )  # fmt: skip
    assert answer.status_code == 200
    page = answer.text
    assert "must begin with https://" in page
    assert "SCB ร้านหลัก" in page
    assert "KEY-1" in page
    assert "TOP-secret" not in page
    assert "PEM-secret" not in page
    assert db.session.scalars(select(VerifierAccount)).all() == []


def test_an_unknown_provider_and_an_unknown_verifier_are_not_found(web):
    owner = log_in(web, "owner")
    assert owner.get("/verifiers/new/nobody").status_code == 404
    assert owner.get("/verifiers/4242/edit").status_code == 404


def test_a_server_that_is_not_there_is_said_in_thai(web):
    owner = log_in(web, "owner", language="th")
    owner.post(
        "/verifiers/new/slip2go", name="S2G", host="http://127.0.0.1:9", api_secret="x", account_id="0", is_active="y"
    )
    assert "ติดต่อบริการไม่ได้" in owner.get("/verifiers/").text


def test_a_cashier_asks_again_and_sales_may_not(web):
    with transaction(system("test")) as tx:
        slip = Slip(
            status=SlipStatus.WAITING, kind=SlipKind.SLIP, sending_bank="004", reference="R1", sha256="0" * 64,
            uploaded_label="test",
        )  # fmt: skip
        tx.session.add_all(
            [slip, VerifierAccount(provider="slipok", name="S", host="http://127.0.0.1:9", options={}, secrets=b"")]
        )
        tx.session.flush()
        path = f"/slip-checks/{slip.id}/ask"
        page = f"/slip/{slip.id}"
    sales = log_in(web, "sales")
    assert sales.post(path, "/").status_code in (302, 303, 403)
    assert owed() == 0
    cashier = log_in(web, "cashier")
    assert cashier.get("/slips/").status_code == 200, "a slip that says no amount and has no claim yet is listed"
    assert path in cashier.get(page).text
    answer = cashier.post(path, page, next=page)
    assert (answer.status_code, answer.location) == (303, page)
    assert owed() == 1
    with transaction(system("test")) as tx:
        tx.session.scalars(select(VerifierAccount)).one().stopped = "quota"
    shown = cashier.get(page).text
    assert "no checks left in the package" in shown
    assert path not in shown, "nobody is asked in vain"
