"""One order from the chat to the credit note, every step by the person whose step it is: the clerk writes and sends the
link, the buyer pays by it and watches, the cashier checks, the floor packs and hands over, the buyer sends a piece back
and sees the money return. The buyer has a phone of 360 px without scripts and nothing but the link."""

from __future__ import annotations

import io
import os
import re
from decimal import Decimal

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select

from jobs import slips
from oms import clock, outbox
from oms.actor import system
from oms.banks.promptpay import TRANSFER_AID
from oms.db import db, transaction
from oms.demo.slips import Drawn, draw
from oms.documents.states import DocumentKind
from oms.inventory.models import Warehouse
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import PaymentStatus
from oms.outbox import Outbox
from oms.payments.models import ReceivingAccount
from oms.reports.auditor import audit_all
from oms.returns.models import Return
from oms.returns.states import ReturnStatus
from oms.usecases.documents import IssueDocument, issue_document
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, gun, keyed, logged_in, opened, served
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")
SMALL = {"width": 360, "height": 740}


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, the browser, address); fails when a script failed on the way."""
    with web_app.app_context():
        web_app.appbuilder.sm.limiter.reset()
        make_logins(web_app)
        with transaction(system("test")) as tx:
            place = tx.session.get_one(Warehouse, small_shop(tx).bkk)
            place.address, place.phone = "88/8 หมู่ 4 ต.บางพลีใหญ่ อ.บางพลี สมุทรปราการ 10540", "021234567"
            seller(tx)
            tx.session.add(
                ReceivingAccount(
                    code="KB", bank="KBANK", account_no="012-3-45678-9", account_name="ร้านรวม", promptpay="0812345678",
                    bank_code="004",
                )
            )  # fmt: skip
        db.session.remove()
    troubles: list[str] = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view=WIDE: logged_in(browser, address, role, view, troubles), browser, address
    clean(settings, _kept)
    assert troubles == []


def work_off(web_app, topic, step) -> None:
    """What the background would do."""
    with web_app.app_context():
        with transaction(system("worker")) as tx:
            waiting = select(Outbox.id).where(Outbox.topic == topic, Outbox.status == "waiting")
            works = [w for i in tx.session.scalars(waiting).all() if (w := outbox.claim(tx, i))]
        assert works, f"nothing waits for {topic}"
        for work in works:
            step(work)
        db.session.remove()


def shot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def slip_of(number: str, baht: int) -> dict:
    facts = Drawn("014", f"2026{number}", Money(Decimal(baht)), "กนกวรรณ ป.", "ร้านรวม", "x6789", clock.now())
    return {"name": "slip.jpg", "mimeType": "image/jpeg", "buffer": draw(facts)}


def amount_of(page) -> tuple[str, Decimal]:
    """What the code on the screen asks for: (whose, how much), read as a bank's app would."""
    picture = Image.open(io.BytesIO(page.locator(".link-qr").first.screenshot()))
    (found,) = zxingcpp.read_barcodes(picture)
    assert TRANSFER_AID in found.text
    amount = re.search(r"5303764.*?54(\d\d)", found.text)
    assert amount
    rest = found.text[amount.end() :]
    return found.text, Decimal(rest[: int(amount[1])])


def test_one_order_from_the_chat_to_the_credit_note(walk, web_app):
    page_of, browser, address = walk

    clerk = page_of("sales", PHONE)
    clerk.goto(f"{address}/entry/")
    clerk.fill("#name", "กนกวรรณ ป้อมปราการ")
    clerk.fill("#phone", "0800001234")
    clerk.fill("#line", "45/7 หมู่ 2")
    place = {"subdistrict": "สันทรายน้อย", "district": "สันทราย", "province": "เชียงใหม่", "postcode": "50210"}
    for name, said in place.items():
        clerk.fill(f"#{name}", said)
    for code in ("RU-0002", "RU-0001"):
        clerk.fill("#what", code)
        clerk.press("#what", "Enter")
    expect(clerk.locator("tr.item")).to_have_count(2)
    with clerk.expect_navigation():
        clerk.click("#save-confirm")
    order_page = clerk.url.split("#")[0].split("?")[0]
    order_id = int(re.search(r"/orders/(\d+)", order_page)[1])
    shot(clerk, "01-order-phone")
    clerk.locator("form[action$='/make'] button").click()
    link = clerk.locator("#for-customer p.break a").get_attribute("href")
    shot(clerk, "02-link-phone")

    buyer = browser.new_context(viewport=SMALL, locale="th-TH", java_script_enabled=False).new_page()
    buyer.goto(link)
    expect(buyer.locator("#pay")).to_have_text("ชำระ ฿300.00")
    said, amount = amount_of(buyer)
    assert (amount, "0066812345678" in said) == (300, True)
    shot(buyer, "03-buyer-pays")
    buyer.set_input_files("input[name=file]", slip_of("WALK1", 300))
    buyer.get_by_role("button", name="ส่งสลิป").click()
    expect(buyer.locator("#state")).to_have_text("กำลังตรวจสอบการชำระเงิน")
    shot(buyer, "04-buyer-checking")
    work_off(web_app, slips.READ, slips.walk)

    cashier = page_of("cashier", PHONE)
    cashier.goto(f"{address}/slip/")
    expect(cashier.locator("#amount")).to_have_value("300.00")
    shot(cashier, "05-cashier-slip")
    cashier.locator(".keys .btn.p").click()
    expect(cashier.locator("[data-review]")).to_have_count(0)
    buyer.reload()
    expect(buyer.locator("#state")).to_have_text("กำลังเตรียมสินค้า")
    expect(buyer.locator(".link-note")).to_have_count(0)  # what was said of the slip is over
    expect(buyer.locator("#pay")).to_have_count(0)
    shot(buyer, "06-buyer-paid")

    packer = page_of("warehouse")
    packer.goto(f"{address}/desk/ready")
    shot(packer, "07-ready")
    packer.goto(order_page)
    packer.locator("form[action$='/ready'] button").click()
    number = packer.locator(".ship-top a.mono").first.text_content().strip()
    station = packer.context.new_page()  # stays open beside the other pages, as on a real table
    station.goto(f"{address}/pack/")
    station.locator("dialog[open]").wait_for()
    station.keyboard.press("Control+A")
    gun(station, "โต๊ะ 1", number, "RU-0002", "RU-0001")
    expect(station.locator(".st-say.done, .st-say.warn")).to_be_visible()
    shot(station, "08-packed")
    expect(station.locator("[data-printed='1']")).to_be_visible()  # the label went to the printer
    packer.goto(order_page)
    packer.locator("[data-open^='tracking-']").click()
    packer.fill("dialog[open] input[name=carrier]", "Flash Express")
    packer.fill("dialog[open] input[name=tracking_no]", "TH0112BX4K4A")
    packer.locator("dialog[open] .btn.p").click()
    expect(packer.locator(".flash.success")).to_be_visible()
    packer.goto(f"{address}/manifests/")
    packer.keyboard.press("1")
    expect(packer.locator("[data-sheet]")).to_be_visible()
    gun(packer, "TH0112BX4K4A")
    expect(packer.locator("[data-boxes]")).to_have_text("1")
    packer.keyboard.press("F9")
    keyed(packer, "สมชาย")
    packer.keyboard.press("Enter")
    expect(packer.locator(".flash.success")).to_be_visible()
    shot(packer, "09-handed-over")

    buyer.reload()
    expect(buyer.locator("#state")).to_have_text("พัสดุอยู่ระหว่างจัดส่ง")
    expect(buyer.get_by_role("link", name=re.compile("ขนส่ง"))).to_have_attribute("href", re.compile("TH0112BX4K4A"))
    shot(buyer, "10-buyer-sent")
    packer.goto(order_page)
    packer.locator("form[action$='/delivered'] button").click()
    packer.locator("dialog[open] .btn.p").click()
    expect(packer.locator(".flash.success")).to_be_visible()
    buyer.reload()
    expect(buyer.locator("#state")).to_have_text(re.compile("จัดส่งสำเร็จแล้ว|คำสั่งซื้อเสร็จสมบูรณ์"))
    buyer.get_by_text("สินค้ามีปัญหา").click()
    buyer.locator("input[type=number]").first.fill("1")
    buyer.select_option("select[name=reason]", "damaged")
    buyer.fill("textarea", "ตะเข็บขาด")
    shot(buyer, "11-buyer-asks")
    buyer.get_by_role("button", name="ส่งคำขอ").click()
    expect(buyer.locator(".link-note.ok")).to_be_visible()

    with web_app.app_context():
        with transaction(system("test")) as tx:  # the accountant's paper: what goes back takes a credit note off it
            issue_document(tx, IssueDocument(DocumentKind.TAX_INVOICE, (order_id,), buyer=FULL))
        db.session.remove()
    boss = page_of("manager")
    boss.goto(f"{address}/returns/?pile=decide")
    shot(boss, "12-returns")
    boss.keyboard.press("j")
    boss.keyboard.press("Enter")
    boss.wait_for_url("**/returns/all/show/**")
    return_page = boss.url
    shot(boss, "13-return-asked")
    boss.keyboard.press("a")
    expect(boss.locator(".flash.success")).to_be_visible()
    shot(boss, "14-return-agreed")
    buyer.reload()
    expect(buyer.get_by_text("ส่งกลับมาที่")).to_contain_text("88/8 หมู่ 4")
    shot(buyer, "15-buyer-agreed")

    packer.goto(f"{address}/returns/receive/")
    gun(packer, "TH0112BX4K4A")
    expect(packer.locator("[data-counted]")).to_be_visible()
    packer.locator(".rc-grade.rc-damaged .btn").nth(1).click()
    expect(packer.locator("[data-counted]")).to_contain_text("1 จาก 1")
    shot(packer, "15b-counting")
    packer.keyboard.press("F9")
    expect(packer.locator("[data-done] li").first).to_contain_text("✓")
    shot(packer, "16-counted")

    boss.goto(return_page)
    boss.keyboard.press("s")
    boss.wait_for_url("**/returns/settle/**")
    boss.locator("input[value=refund]").check()
    boss.select_option("[name=to_bank]", "KBANK")
    boss.fill("[name=to_account]", "123-4-56789-0")
    boss.fill("[name=to_name]", "กนกวรรณ ป้อมปราการ")
    shot(boss, "17-settle")
    boss.locator("form[data-settle] .btn.p").click()
    boss.wait_for_url("**/returns/all/show/**")
    shot(boss, "18-settled")
    boss.locator("a[href*='/refunds/show/']").first.click()
    boss.wait_for_url("**/refunds/show/**")
    refund_page = boss.url
    boss.keyboard.press("a")
    boss.wait_for_url("**/refund/")
    cashier.set_viewport_size(WIDE)
    cashier.goto(refund_page)
    cashier.keyboard.press("p")
    cashier.wait_for_url("**/refunds/pay/form*")
    cashier.fill("input[name=reference]", "TX901")
    cashier.set_input_files("input[name=proof]", slip_of("BACK1", 200))
    cashier.locator("main form button.btn.p").click()
    cashier.wait_for_url("**/refunds/show/**")
    shot(cashier, "19-refund-paid")
    buyer.reload()
    shot(buyer, "20-buyer-end")
    assert buyer.context.cookies() == []
    with web_app.app_context():
        order = db.session.get_one(Order, order_id)
        back = db.session.scalars(select(Return)).one()
        assert (order.payment_status, back.status) == (PaymentStatus.PARTIALLY_REFUNDED, ReturnStatus.RESOLVED)
        assert back.credit_note
        # a refund is noted to the minute, which here is the minute in which the goods left: "gate" cannot tell them apart
        assert [found for found in audit_all(db.session()) if found.check != "gate"] == []
        db.session.remove()
