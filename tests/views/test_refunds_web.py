"""Refunds and the cashier's day through the browser's door: the whole way, what is refused, what is masked."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest
from PIL import Image
from sqlalchemy import event, select

from oms import clock
from oms.actor import system
from oms.approvals import ApprovalPolicy
from oms.audit import AuditLog
from oms.banks.pictures import Limits
from oms.db import db, transaction
from oms.intake.models import StoredFile
from oms.money import Money
from oms.orders.states import PaymentTerm
from oms.payments.models import DayClosing, ReceivingAccount
from oms.payments.refund_models import Refund
from oms.payments.states import PaymentMethod, RefundStatus
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment, submit_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.shop import small_shop
from tests.views.test_orders_web import Person
from views import refund_forms


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture
def people(web):
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def shop(web):
    with transaction(system("test")) as tx:
        tx.session.add(
            ReceivingAccount(code="KB", bank="กสิกรไทย", account_no="0001234567", account_name="ร้าน", bank_code="004")
        )
        return small_shop(tx)


@pytest.fixture
def paid(web, shop):
    def make(amount=150, **facts):
        ours = account()
        with transaction(system("test")) as tx:
            order_id = place_order(tx, shop.order((0, 1), confirm=True, **facts)).order_id
            if amount:
                record_payment(
                    tx,
                    SubmitClaim(PaymentMethod.TRANSFER, baht(amount), ((order_id, baht(amount)),), account_id=ours),
                )
            return order_id

    return make


def read(statement):
    """One row, and nothing left open: a savepoint left open would take later logins back with it."""
    db.session.rollback()
    row = db.session.scalars(statement).one_or_none()
    if hasattr(row, "id"):
        db.session.expunge(row)
    db.session.rollback()
    return row


def account():
    return read(select(ReceivingAccount.id))


def refund():
    return read(select(Refund).order_by(Refund.id.desc()).limit(1))


def picture():
    out = io.BytesIO()
    Image.new("RGB", (300, 400), "white").save(out, "PNG")
    return out.getvalue()


TO = {"to_method": "transfer", "to_bank": "KBANK", "to_account": "123-4-56789-0", "to_name": "กนกวรรณ"}


def ask(person, order_id, amount="50", **facts):
    origin = f"/refunds/new/form?order={order_id}"
    key = re.search(r'name="key"[^>]*value="([^"]+)"', person.get(origin))[1]
    return person.post(origin, origin=origin, amount=amount, reason="โอนเกิน", key=key, **(TO | facts))


def pay(person, row, data=None, name="slip.png", **facts):
    origin = f"/refunds/pay/form?refund={row.id}"
    fields = {"account_id": account(), "reference": "TX1", "paid_at": "", "version": row.version, **facts}
    fields["proof"] = (io.BytesIO(picture() if data is None else data), name)
    return person.post(origin, origin=origin, **fields)


def test_a_refund_goes_all_the_way_through_the_screens(people, paid):
    order_id = paid(150)
    sales, manager, cashier = people("sales"), people("manager"), people("cashier")
    form = sales.get(f"/refunds/new/form?order={order_id}")
    assert 'value="50.00"' in form  # what was paid too much is offered
    assert "waits to be approved" in ask(sales, order_id).text
    row = refund()
    assert row.number in manager.get("/refund/")
    assert (
        "is approved"
        in manager.post(f"/refund/{row.id}/approve", origin=f"/refunds/show/{row.id}", version=row.version).text
    )
    shown = pay(cashier, refund())
    assert "is paid back" in shown.text
    row = refund()
    assert (row.status, row.reference) == (RefundStatus.PAID, "TX1")
    kept = read(select(StoredFile).where(StoredFile.key == row.proof_key))
    assert (kept.purpose, kept.mime, kept.name) == ("refund_proof", "image/jpeg", "slip.jpg")
    proof = cashier.open(f"/refund/{row.id}/proof", buffered=True)
    assert (proof.mimetype, proof.data[:3], proof.headers["Cache-Control"]) == (
        "image/jpeg", b"\xff\xd8\xff", "private, no-store",
    )  # fmt: skip
    page = cashier.get(f"/orders/{order_id}")
    assert row.number in page
    assert "Refunded in part" in page
    assert f"paid back by {row.number}" in page


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"MZ this is a program", "no picture"),
        (b"", "empty"),
        (b"\xff\xd8\xff" + b"0" * 4096, "larger than"),
    ],
)
def test_a_proof_that_is_no_picture_is_refused_and_nothing_is_kept(people, paid, monkeypatch, data, told):
    monkeypatch.setattr(refund_forms, "LIMITS", Limits(file_bytes=4096))
    ask(people("sales"), paid(150))
    row = refund()
    manager = people("manager")
    manager.post(f"/refund/{row.id}/approve", origin=f"/refunds/show/{row.id}")
    answer = pay(manager, refund(), data, "slip.jpg", reference="KEEP-ME")
    assert told in answer.text
    assert 'value="KEEP-ME"' in answer.text  # what was typed is still there
    assert refund().status is RefundStatus.APPROVED
    assert read(select(StoredFile)) is None


def test_a_payment_that_is_refused_leaves_no_file_behind(people, paid, settings):
    ask(people("sales"), paid(150))
    row = refund()
    manager = people("manager")
    manager.post(f"/refund/{row.id}/approve", origin=f"/refunds/show/{row.id}")
    before = sorted(p.name for p in settings.files_dir.rglob("*") if p.is_file())
    assert "reference" in pay(manager, refund(), reference=" ").text
    assert sorted(p.name for p in settings.files_dir.rglob("*") if p.is_file()) == before


def test_more_than_there_is_stays_in_the_form_with_the_reason(people, paid):
    answer = ask(people("sales"), paid(150), "150.01")
    assert "Only ฿150.00" in answer.text
    assert 'value="150.01"' in answer.text
    assert refund() is None


def test_who_may_not_see_phones_sees_the_last_four_digits(people, paid):
    ask(people("sales"), paid(150))
    row = refund()
    assert "1234567890" in people("cashier").get(f"/refunds/show/{row.id}")
    seen = people("viewer").get(f"/refunds/show/{row.id}")
    assert "1234567890" not in seen
    assert "7890" in seen
    assert people("viewer").open(f"/refund/{row.id}/proof").status_code in {302, 403}


def test_the_second_person_rule_shows_before_it_refuses(people, paid):
    with transaction(system("test")) as tx:
        tx.session.add(ApprovalPolicy(kind="refund", is_on=True))
    manager = people("manager")
    ask(manager, paid(150))
    row = refund()
    assert "another person has to agree" in manager.get(f"/refunds/show/{row.id}")
    manager.post(f"/refund/{row.id}/approve", origin="/refund/")
    assert refund().status is RefundStatus.REQUESTED
    people("owner").post(f"/refund/{row.id}/approve", origin="/refund/")
    assert refund().status is RefundStatus.APPROVED


def test_a_failed_transfer_goes_to_another_account_by_a_manager(people, paid):
    ask(people("sales"), paid(150))
    row = refund()
    manager = people("manager")
    manager.post(f"/refund/{row.id}/approve", origin="/refund/")
    people("cashier").post(f"/refund/{row.id}/fail", origin="/refund/", note="บัญชีปิด")
    assert "บัญชีปิด" in manager.get(f"/refunds/show/{row.id}")
    origin = f"/refunds/retry/form?refund={row.id}"
    manager.post(origin, origin=origin, **(TO | {"to_account": "9998877776"}), note="", version=refund().version)
    assert (refund().status, refund().to_account) == (RefundStatus.APPROVED, "9998877776")


def test_a_cancel_on_the_order_page_asks_for_the_refund(people, paid):
    order_id = paid(100)
    manager = people("manager")
    assert "Ask for the refund now" in manager.get(f"/orders/{order_id}")
    answer = manager.post(
        f"/order/{order_id}/cancel", origin=f"/orders/{order_id}", reason="customer", restock="free", note="",
        refund="now", refund_method="promptpay", refund_bank="", refund_account="0812345678", refund_name="กนกวรรณ",
    )  # fmt: skip
    assert "it waits to be approved" in answer.text
    assert (refund().amount, refund().method) == (baht(100), PaymentMethod.PROMPTPAY)


def test_a_stranger_finds_no_refund(people, paid, shop):
    ask(people("sales"), paid(150))
    stranger = people("manager", shops=(shop.shopee,))
    assert stranger.open(f"/refunds/show/{refund().id}").status_code == 404
    assert stranger.open(f"/refunds/pay/form?refund={refund().id}").status_code == 404
    assert refund().number not in stranger.get("/refund/")


def test_the_list_of_refunds_asks_the_same_however_long_it_is(people, paid):
    sales, cashier = people("sales"), people("cashier")

    def cost(path):
        cashier.get(path)
        asked = []
        listen = lambda *a: asked.append(a[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listen)
        cashier.get(path)
        event.remove(db.engine, "before_cursor_execute", listen)
        return len(asked)

    ask(sales, paid(150))
    few = [cost("/refund/"), cost("/refunds/list/")]
    for _ in range(4):
        ask(sales, paid(150))
    assert [cost("/refund/"), cost("/refunds/list/")] == few


def test_the_sheet_shows_the_day_and_every_figure_leads_to_its_rows(people, paid, shop):
    left = paid(150)
    cod = paid(0, payment_term=PaymentTerm.CREDIT, term_approved=True)
    with transaction(system("test")) as tx:
        for one in (left, cod):
            mark_shipped(tx, MarkShipped(one))
    cashier, today = people("cashier"), clock.today().isoformat()
    sheet = cashier.get(f"/day/{today}")
    assert "Everything that left is explained" in sheet
    links = set(re.findall(rf'href="(/day/{today}/(?:goods|money)/[^"]+)"', sheet))
    assert len(links) >= 5
    for link in links:
        assert "Sum" in cashier.get(link)
    assert "200.00" in cashier.get(f"/day/{today}/goods/day/due")


def test_closing_a_day_keeps_it_and_says_what_changed(people, paid):
    order_id = paid(0)
    with transaction(system("test")) as tx:
        submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(100), ((order_id, baht(100)),)))
    cashier, today = people("cashier"), clock.today().isoformat()
    origin = f"/day/{today}"
    answer = cashier.post(f"{origin}/close", origin=origin, note="")
    assert "slips still wait" in answer.text
    assert read(select(DayClosing)) is None
    answer = cashier.post(f"{origin}/close", origin=origin, note="รอสลิป")
    assert "Closed by" in answer.text
    assert read(select(AuditLog).where(AuditLog.action == "day.closed")).reason == "รอสลิป"
    paid(100)
    assert "Changed since closing" in cashier.get(origin)
    assert "was closed by" in cashier.post(f"{origin}/close", origin=origin, note="x").text


def test_the_sheet_leaves_as_a_file_for_who_may_export(people, paid):
    paid(100)
    today = clock.today().isoformat()
    answer = people("accountant").open(f"/day/{today}/file.csv")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert "Bank transfer: Verified" in answer.text
    assert "100.00" in answer.text
    assert people("cashier").open(f"/day/{today}/file.csv").status_code in {302, 403}


@pytest.mark.parametrize("path", ["/day/nonsense", "/day/2026-13-01", "/day/2026-11-20/goods/day/amount",
                                  "/day/2026-11-20/goods/x/due", "/day/2026-11-20/money/verified/x/0"])  # fmt: skip
def test_a_day_that_is_none_is_not_found(people, shop, path):
    assert people("cashier").open(path).status_code == 404


def test_who_keeps_the_till_starts_with_the_day(people, shop):
    assert "Close of day" in people("cashier").get("/")
    assert "Close of day" in people("cashier").get("/day/")
    assert "Close of day" not in people("manager").get("/")
    assert "Close of day" not in people("cashier", shops=(shop.line,)).get("/")
    assert people("cashier", shops=(shop.line,)).open("/day/").status_code == 403
    assert people("sales").open("/day/").status_code in {302, 403}
