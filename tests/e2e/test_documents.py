"""Documents in a real browser: two clicks from the order to a tax invoice, its paper, its prints, its replacement."""

import io
from decimal import Decimal

import pypdf
import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.documents.models import Document, DocumentPrint
from oms.documents.states import DocumentKind, DocumentStatus, PrintMark
from oms.money import Money
from oms.payments.states import PaymentMethod
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.papers import seller
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
DRAWN = 60_000  # the first paper starts the process that draws them


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, address, a paid order); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            seller(tx)
            shop = small_shop(tx)
            order_id = place_order(tx, shop.order((0, 2), (1, 1), confirm=True)).order_id
            amount = Money(Decimal(400))
            record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),)))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, order_id
    clean(settings, _kept)
    assert troubles == []


def documents(web_app):
    with web_app.app_context():
        db.session.remove()
        return db.session.scalars(select(Document).order_by(Document.id)).all()


def test_a_tax_invoice_in_two_clicks_printed_and_replaced(walk, web_app):
    at, address, order_id = walk
    page = at("manager", WIDE)
    page.goto(f"{address}/orders/{order_id}")
    page.get_by_role("link", name="ใบเสร็จรับเงิน/ใบกำกับภาษี", exact=True).first.click()
    expect(page.locator("img.paper")).to_have_count(1, timeout=DRAWN)
    expect(page.locator("[data-issue]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/documents/new" not in url, timeout=DRAWN)
    made = documents(web_app)
    assert [d.kind for d in made] == [DocumentKind.RECEIPT_TAX_INVOICE]
    expect(page.get_by_role("heading", name=made[0].number)).to_be_visible()
    with (
        page.expect_popup() as opened_pdf,
        page.context.expect_event("response", lambda r: "/print" in r.url) as answer,
    ):
        page.get_by_role("button", name="พิมพ์ต้นฉบับ").click()
    assert answer.value.headers["content-type"] == "application/pdf"
    opened_pdf.value.close()
    page.reload()
    expect(page.get_by_role("button", name="พิมพ์สำเนา")).to_be_visible()
    page.get_by_role("link", name="ยกเลิกและออกแทน").click()
    page.select_option("select[name=reason]", "wrong_name")
    page.fill("input[name=buyer_name]", "นางสาวกนกวรรณ ป้อมปราการ")
    expect(page.locator("img.paper")).to_have_count(1, timeout=DRAWN)
    page.locator("[data-issue]").click()
    page.wait_for_url(lambda url: "/replace/" not in url, timeout=DRAWN)
    old, new = documents(web_app)
    assert (old.status, old.replaced_by_id) == (DocumentStatus.VOIDED, new.id)
    assert new.content["replaces"]["number"] == old.number
    with web_app.app_context():
        marks = db.session.scalars(select(DocumentPrint.mark).order_by(DocumentPrint.id)).all()
    assert marks == [PrintMark.ORIGINAL, PrintMark.COPY]


def test_the_form_draws_what_is_typed_and_says_what_is_wrong_on_a_phone(walk, web_app):
    at, address, order_id = walk
    page = at("sales", PHONE)
    page.goto(f"{address}/documents/new/?kind=tax_invoice&order={order_id}")
    expect(page.locator("img.paper")).to_have_count(1, timeout=DRAWN)
    before = page.locator("img.paper").get_attribute("src")
    page.fill("input[name=buyer_name]", "บริษัท ใหม่ จำกัด")
    expect(page.locator("img.paper")).not_to_have_attribute("src", before, timeout=DRAWN)
    page.fill("textarea[name=buyer_address]", "")
    expect(page.get_by_text("กรอกที่อยู่ผู้ซื้อ")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert documents(web_app) == []


def test_the_file_a_browser_gets_is_the_paper(walk, web_app):
    at, address, order_id = walk
    page = at("sales", WIDE)
    page.goto(f"{address}/documents/new/?kind=order_bill&order={order_id}")
    page.locator("[data-issue]").click()
    page.wait_for_url(lambda url: "/documents/new" not in url, timeout=DRAWN)
    token = page.locator("form[target=_blank] input[name=csrf_token]").input_value()
    answer = page.request.post(page.url + "/print", form={"csrf_token": token}, headers={"Referer": page.url})
    text = pypdf.PdfReader(io.BytesIO(answer.body())).pages[0].extract_text()
    assert documents(web_app)[0].number in text
    assert "เสื้อยืดคอกลม" in text
