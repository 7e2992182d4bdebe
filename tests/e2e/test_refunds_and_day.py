"""Money back and the close of day in a real browser: asked for, agreed to by another, paid with proof; the day closed."""

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from PIL import Image
from playwright.sync_api import expect

from oms import clock
from oms.actor import system
from oms.approvals import ApprovalPolicy
from oms.db import db, transaction
from oms.money import Money
from oms.payments.models import ReceivingAccount
from oms.payments.states import PaymentMethod
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment, submit_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, address, an order paid 150 of 100); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            ours = ReceivingAccount(
                code="KB", bank="กสิกรไทย", account_no="0001234567", account_name="ร้าน", bank_code="004"
            )
            tx.session.add_all([ours, ApprovalPolicy(kind="refund", is_on=True)])
            tx.session.flush()
            order_id = place_order(tx, shop.order((0, 1), confirm=True)).order_id
            claim = SubmitClaim(
                PaymentMethod.TRANSFER, baht(150), ((order_id, baht(150)),), account_id=ours.id, payer_name="กนกวรรณ"
            )
            record_payment(tx, claim)
            mark_shipped(tx, MarkShipped(order_id))
            waits = place_order(tx, shop.order((0, 1), confirm=True)).order_id
            submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(100), ((waits, baht(100)),)))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, order_id
    clean(settings, _kept)
    assert troubles == []


def picture():
    out = io.BytesIO()
    Image.new("RGB", (300, 400), "white").save(out, "PNG")
    return {"name": "slip.png", "mimeType": "image/png", "buffer": out.getvalue()}


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_refund_is_asked_for_agreed_to_by_another_and_paid_with_proof(walk):
    page_of, address, order_id = walk
    page = page_of("manager", WIDE)
    page.goto(f"{address}/orders/{order_id}")
    page.locator("a[href*='/refunds/new/form']").first.click()
    expect(page.locator("input[name=amount]")).to_have_value("50.00")
    expect(page.locator("input[name=to_name]")).to_have_value("กนกวรรณ")
    page.fill("textarea[name=reason]", "โอนเกิน")
    page.select_option("select[name=to_bank]", "KBANK")
    page.fill("input[name=to_account]", "123-4-56789-0")
    page.locator("main form button.btn.p").click()
    page.wait_for_url(f"**/orders/{order_id}*")
    page.goto(f"{address}/refund/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/refunds/show/**")
    shown = page.url
    assert page.locator("[data-key=a]").count() == 0  # not by who asked
    other = page_of("owner", PHONE)
    other.goto(shown)
    other.keyboard.press("a")
    other.wait_for_url("**/refund/")
    cashier = page_of("cashier", PHONE)
    cashier.goto(shown)
    assert fits(cashier)
    cashier.keyboard.press("p")
    cashier.wait_for_url("**/refunds/pay/form*")
    cashier.fill("input[name=reference]", "TX900")
    cashier.set_input_files("input[name=proof]", picture())
    assert fits(cashier)
    cashier.locator("main form button.btn.p").click()
    cashier.wait_for_url("**/refunds/show/**")
    expect(cashier.locator("img.proof")).to_be_visible()
    cashier.wait_for_function("document.querySelector('img.proof').complete")
    assert fits(cashier)
    page.goto(f"{address}/orders/{order_id}")
    expect(page.locator("main")).to_contain_text("RF")
    expect(page.locator(".claim .pill.ok").last).to_be_visible()


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_day_is_closed_with_a_note_while_a_slip_waits(walk, view):
    page_of, address, _ = walk
    page = page_of("cashier", view)
    assert fits(page)
    page.goto(f"{address}/day/{clock.today().isoformat()}")
    assert fits(page)
    page.locator("a[href*='/goods/day/received']").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert fits(page)
    page.go_back()
    page.locator("[data-open=close-day]").click()
    page.fill("dialog textarea[name=note]", "รอลูกค้าส่งสลิปใหม่")
    page.locator("dialog button.btn.p").click()
    expect(page.locator(".flash.success")).to_be_visible()
    expect(page.locator("main")).to_contain_text("รอลูกค้าส่งสลิปใหม่")
    assert page.locator("[data-open=close-day]").count() == 0
    page.goto(f"{address}/day/{(clock.today() - timedelta(days=1)).isoformat()}")
    assert fits(page)
