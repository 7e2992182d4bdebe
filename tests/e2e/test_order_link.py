"""A buyer with only the link, on a small phone without scripts: pays, watches, asks for a return. The clerk copies."""

import io
import itertools

import pytest
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.money import Money
from oms.orders.models import Order
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.states import ClaimStatus, PaymentMethod
from oms.returns.models import Return
from oms.usecases.order_links import link_for
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.conftest import clean
from tests.e2e.browser import PHONE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SMALL = {"width": 360, "height": 740}


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, the browser, address, order id); fails when a script failed on the way."""
    with web_app.app_context():
        web_app.appbuilder.sm.limiter.reset()
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            tx.session.add(
                ReceivingAccount(
                    code="KB", bank="KBANK", account_no="012-3-45678-9", account_name="ร้านรวม", promptpay="0812345678"
                )
            )
            order = place_order(tx, shop.order((0, 2), (1, 1), confirm=True)).order_id
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), browser, address, order
    clean(settings, _kept)
    assert troubles == []


def slip() -> dict:
    out = io.BytesIO()
    Image.new("RGB", (300, 500), "white").save(out, "PNG")
    return {"name": "slip.png", "mimeType": "image/png", "buffer": out.getvalue()}


def test_a_buyer_pays_watches_and_asks_for_a_return_without_a_script(walk, web_app):
    _, browser, address, order = walk
    with web_app.app_context(), transaction(system("test")) as tx:
        path = link_for(tx, order)
    context = browser.new_context(viewport=SMALL, locale="th-TH", java_script_enabled=False)
    page = context.new_page()
    page.goto(address + path)
    expect(page.locator("#pay")).to_have_text("ชำระ ฿400.00")
    expect(page.locator(".link-qr svg").first).to_be_visible()
    expect(page.locator("button[data-copy]")).to_be_hidden()
    box = page.locator(".link-qr").first.bounding_box()
    assert box["width"] >= 200
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    page.locator("input[type=file]").set_input_files(slip())
    page.get_by_role("button", name="ส่งสลิป").click()
    expect(page.locator(".link-note.ok")).to_contain_text("ได้รับสลิปแล้ว")
    expect(page.locator("#state")).to_have_text("กำลังตรวจสอบการชำระเงิน")
    expect(page.get_by_text("ไม่ต้องโอนซ้ำ")).to_be_visible()  # the codes fold away, so that nobody pays twice
    expect(page.locator(".link-code[open]")).to_have_count(0)
    page.locator("input[type=file]").set_input_files(slip())
    page.get_by_role("button", name="ส่งสลิป").click()
    expect(page.locator(".link-note.ok")).to_contain_text("ไม่ต้องส่งซ้ำ")
    with web_app.app_context():
        with transaction(system("test")) as tx:
            assert tx.session.scalars(select(PaymentClaim)).one().status is ClaimStatus.SUBMITTED
            account, total = tx.session.scalars(select(ReceivingAccount.id)).one(), Money.satang(400_00)
            bank = SubmitClaim(PaymentMethod.TRANSFER, total, ((order, total),), account_id=account)
            record_payment(tx, bank, proven=False)
            tx.session.flush()
            mark_shipped(tx, MarkShipped(order, "Flash Express", "TH0112BX4K4A"))
        db.session.remove()
    page.get_by_role("link", name="English").click()
    expect(page.locator("#state")).to_have_text("Your parcel is on its way")
    expect(page.get_by_text("TH0112BX4K4A")).to_be_visible()
    page.get_by_text("Something is wrong? Ask for a return").click()
    page.locator("input[type=number]").first.fill("1")
    page.select_option("select[name=reason]", "damaged")
    page.fill("textarea", "กล่องบุบ")
    page.get_by_role("button", name="Send the request").click()
    expect(page.locator(".link-note.ok")).to_contain_text("We have your request")
    assert context.cookies() == []
    with web_app.app_context():
        assert db.session.scalars(select(Return)).one().note == "กล่องบุบ"
        db.session.remove()


def test_the_page_fits_a_small_phone_and_is_in_order(walk, web_app):
    _, browser, address, order = walk
    with web_app.app_context(), transaction(system("test")) as tx:
        path = link_for(tx, order)
    page = browser.new_context(viewport=SMALL, locale="th-TH").new_page()
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    heads = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert heads[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(heads))
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(i => !i.labels.length).length"
    )
    assert unnamed == 0
    low = page.evaluate(
        "[...document.querySelectorAll('main .btn:not([hidden]), main input:not([name=website])')]"
        ".filter(b => b.offsetParent && b.getBoundingClientRect().height < 40).length"
    )
    assert low == 0
    assert (
        page.locator("input[name=website]").bounding_box()["width"] <= 1
        or page.evaluate("getComputedStyle(document.querySelector('input[name=website]').closest('p')).position")
        == "absolute"
    )


def test_a_clerk_copies_a_message_whose_link_is_made_on_the_way(walk, web_app):
    page_of, _, address, order = walk
    page = page_of("sales", PHONE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page.goto(f"{address}/orders/{order}")
    page.locator("form[data-copy-made] button").first.click()
    expect(page.get_by_role("button", name="คัดลอกลิงก์")).to_be_visible()
    said = page.evaluate("navigator.clipboard.readText()")
    with web_app.app_context(), transaction(system("test")) as tx:
        path = link_for(tx, order)
        number = tx.session.get_one(Order, order).number
    assert number in said
    assert f"{address}{path}" in said
    assert "012-3-45678-9" in said
    page.locator(".chat-words button", has_text="EN").first.click()  # the link is there: copied at once
    expect(page.locator(".flash").first).to_be_visible()
    assert "Transfer to:" in page.evaluate("navigator.clipboard.readText()")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
