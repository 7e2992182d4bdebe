"""The entry screen in a real browser: the keyboard alone, the thumb alone, and a session that ends in the middle."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.catalog.models import SkuBarcode
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import OrderStatus
from oms.staff.models import StaffSession
from oms.usecases.customers import Address, CreateCustomer, create_customer
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, keyed, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
PASTED = "99/1 ถ.พหลโยธิน แขวงลาดยาว เขตจตุจักร กทม 10900 โทร 086-111-2222"
PASTE = """([id, text]) => { const box = document.getElementById(id); box.focus();
  box.dispatchEvent(new ClipboardEvent("paste", {bubbles: true})); box.value = text;
  box.dispatchEvent(new InputEvent("input", {bubbles: true})); }"""


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(address, a function from role and view to a page); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            tx.session.add(SkuBarcode(sku_id=shop.skus[0], barcode="8850001112223"))
            home = Address("กนกวรรณ", "0800001234", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
            create_customer(tx, CreateCustomer("กนกวรรณ ป้อมปราการ", "0800001234", address=home))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address
    clean(settings, _kept)
    assert troubles == []


def stored(web_app):
    with web_app.app_context():
        order = db.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()
        facts = (
            order.status,
            order.ship_name,
            order.ship_postcode,
            [(x.sku_code, x.quantity) for x in order.lines],
            str(order.total),
        )
        db.session.remove()
    return facts


def test_an_order_is_entered_with_the_keyboard_alone(walk, web_app):
    page, address = walk[0]("sales", WIDE), walk[1]
    page.goto(f"{address}/entry/")
    expect(page.locator("#who")).to_be_focused()
    keyed(page, "1234")
    page.wait_for_selector("#who-list li[aria-selected=true]")
    page.keyboard.press("Enter")
    expect(page.locator("#what")).to_be_focused()
    assert page.input_value("#postcode") == "50210"
    keyed(page, "8850001112223")
    page.keyboard.press("Enter")  # as a scanner does
    page.wait_for_selector("tr.item")
    keyed(page, "3*ru-0002")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr.item")).to_have_count(2)
    keyed(page, "แบบ 3")
    page.wait_for_selector("#what-list li[aria-selected=true]")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr.item >> nth=2").locator("[name=qty]")).to_be_focused()
    keyed(page, "2")
    page.keyboard.press("Enter")
    expect(page.locator("#what")).to_be_focused()
    expect(page.locator("#sum-total")).to_have_text("฿1,300.00")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    items = [("RU-0001", 1), ("RU-0002", 3), ("RU-0003", 2)]
    assert stored(web_app) == (OrderStatus.CONFIRMED, "กนกวรรณ", "50210", items, "1,300.00")


def test_an_order_is_entered_with_a_thumb_from_a_pasted_address(walk, web_app):
    page, address = walk[0]("sales", PHONE), walk[1]
    page.goto(f"{address}/entry/")
    page.fill("#name", "ณัฏฐ์ ฟูเฟื่อง")
    page.evaluate(PASTE, ["line", PASTED])
    expect(page.locator("#postcode")).to_have_value("10900")
    assert page.input_value("#line") == "99/1 ถ.พหลโยธิน"
    assert page.input_value("#phone") == "0861112222"
    page.click("#apart button")
    assert page.input_value("#line") == PASTED
    page.fill("#line", "99/1 ถ.พหลโยธิน")
    page.fill("#postcode", "50210")
    page.wait_for_selector("#warnings li")  # warned, not corrected
    assert page.input_value("#postcode") == "50210"
    page.fill("#postcode", "10900")
    page.click("#what")
    keyed(page, "คอกลม")
    page.click("#what-list li >> nth=1")
    page.wait_for_selector("tr.item")
    expect(page.locator("#foot-total")).to_have_text("฿200.00")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_navigation():
        page.click("#save-confirm")
    assert stored(web_app)[:4] == (OrderStatus.CONFIRMED, "ณัฏฐ์ ฟูเฟื่อง", "10900", [("RU-0002", 1)])


def test_a_session_that_ends_in_the_middle_loses_nothing(walk, web_app):
    page, address = walk[0]("sales", WIDE), walk[1]
    page.goto(f"{address}/entry/")
    page.fill("#name", "สมชาย ใจดี")
    page.fill("#phone", "081-999-8877")
    page.fill("#what", "RU-0001")
    page.press("#what", "Enter")
    page.wait_for_selector("tr.item")
    page.fill("tr.item input[name=qty]", "4")
    page.fill("#shipping_fee", "40")
    with web_app.app_context():
        with transaction(system("test")) as tx:
            for row in tx.session.scalars(select(StaffSession)):
                tx.session.delete(row)
        db.session.remove()
    with page.expect_navigation():
        page.click("#save-draft")
    assert "/login" in page.url
    page.fill("input[name=username]", "sales")
    page.fill("input[name=password]", "demo-Password-1")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    page.wait_for_selector("tr.item[data-sku-id]:not([data-sku-id=''])")
    assert page.input_value("#name") == "สมชาย ใจดี"
    assert page.input_value("tr.item input[name=qty]") == "4"
    with page.expect_navigation():
        page.click("#save-draft")
    assert stored(web_app)[:4] == (OrderStatus.DRAFT, "สมชาย ใจดี", "", [("RU-0001", 4)])


def test_a_page_left_in_the_middle_offers_what_was_typed(walk, web_app):
    page, address = walk[0]("sales", WIDE), walk[1]
    page.on("dialog", lambda asked: asked.accept())
    page.goto(f"{address}/entry/")
    page.fill("#name", "สมชาย ใจดี")
    page.fill("#what", "RU-0002")
    page.press("#what", "Enter")
    page.wait_for_selector("tr.item")
    page.check("input[name=term][value=cod]")
    page.wait_for_timeout(600)
    page.reload()
    assert page.input_value("#name") == ""
    page.click(".note .btn.p")
    expect(page.locator("#name")).to_have_value("สมชาย ใจดี")
    expect(page.locator("tr.item .item-code")).to_have_text("RU-0002")
    assert page.is_checked("input[name=term][value=cod]")


def test_a_known_customer_is_chosen_with_a_finger(walk):
    page, address = walk[0]("sales", PHONE), walk[1]
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "storage_state": page.context.storage_state()}
    finger = page.context.browser.new_context(**touch).new_page()
    finger.goto(f"{address}/entry/")
    finger.locator("#who").tap()
    finger.locator("#who").press_sequentially("กนก")
    option = finger.locator("#who-list [role=option]")
    expect(option).to_contain_text("1234")
    expect(option).not_to_contain_text("0800001234")
    option.tap()  # its click must not come down on what appears below the list
    expect(finger.locator("#phone")).to_have_value("080-000-1234")
    expect(finger.locator("#postcode")).to_have_value("50210")
    expect(finger.locator("#chosen")).to_be_visible()


def test_two_orders_are_pasted_from_a_chat_and_saved_one_after_the_other(walk, web_app):
    page, address = walk[0]("sales", PHONE), walk[1]
    page.goto(f"{address}/entry/")
    page.locator("#chat summary").click()
    page.fill(
        "#chat-text",
        "10:33 Nid: RU-0001 2 ตัว นิดา แก้วใส 0955556666 8/1 ถ.นิมมานเหมินท์ ต.สุเทพ อ.เมืองเชียงใหม่ 50200 โอน\n"
        "10:40 Ying: ของแปลก 1 ชิ้น สมหญิง 0891112222 99 ม.1 ต.โคกสี อ.เมือง จ.ขอนแก่น 40000 เก็บปลายทาง",
    )
    page.click("[data-chat-read]")
    expect(page.locator("#postcode")).to_have_value("50200")
    expect(page.locator("tbody tr.item")).to_have_count(1)
    expect(page.locator('label[for="phone"] .chat-sure')).to_be_visible()
    page.click("#save-draft")
    page.wait_for_url("**/entry/?chat=next")
    expect(page.locator("#postcode")).to_have_value("40000")
    expect(page.locator("input[name=term][value=cod]")).to_be_checked()
    expect(page.locator("[data-chat-out]")).to_contain_text("ของแปลก")
    assert stored(web_app)[1:4] == ("นิดา แก้วใส", "50200", [("RU-0001", 2)])


def test_a_refused_order_keeps_its_chat_and_the_orders_that_follow(walk, web_app):
    page, address = walk[0]("sales", WIDE), walk[1]
    chat = (
        "10:33 Nid: RU-0001 1 ตัว กับผ้าพันคอ 1 ผืน นิดา 0955556666 8/1 ถ.นิมมานเหมินท์ ต.สุเทพ อ.เมืองเชียงใหม่ 50200\n"
        "10:40 Ying: RU-0002 2 ตัว สมหญิง 0891112222 99 ม.1 ต.โคกสี อ.เมือง จ.ขอนแก่น 40000"
    )
    page.goto(f"{address}/entry/")
    page.click("#chat summary")
    page.fill("#chat-text", chat)
    page.click("[data-chat-read]")
    expect(page.locator("#name")).to_have_value("นิดา")
    page.fill("#phone", "เบอร์ผิด")
    with page.expect_navigation():
        page.click("#save-draft")
    expect(page.locator("#phone-err1")).to_be_visible()
    expect(page.locator("#chat-text")).to_have_value(chat)
    expect(page.locator("#items tbody tr.item")).to_have_count(1)  # the chat was not read a second time
    expect(page.locator(".chat-now")).to_be_visible()
    page.fill("#phone", "0955556666")
    with page.expect_navigation():
        page.click("#save-draft")
    expect(page.locator("#name")).to_have_value("สมหญิง")  # the next order of the chat
    assert stored(web_app)[1] == "นิดา"
