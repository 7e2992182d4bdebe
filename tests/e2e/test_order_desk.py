"""The desk in a real browser: one order from draft to its end, the list by keyboard, bulk work with a thumb."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import OrderStatus
from oms.usecases.orders_place import place_order
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, keyed, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS")  # a folder to keep pictures of the walk in


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a function from role and view to a page, address); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            for lines in (((0, 2),), ((1, 1), (2, 1)), ((3, 4),)):
                place_order(tx, shop.order(*lines))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address
    clean(settings, _kept)
    assert troubles == []


def first(web_app):
    with web_app.app_context():
        order = db.session.scalars(select(Order).order_by(Order.id)).first()
        facts = (order.id, order.status, list(order.hold_reasons), order.cancel_reason)
        db.session.remove()
    return facts


def picture(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def speak(page, language):
    if page.get_attribute("html", "lang") != language:
        with page.expect_navigation():
            if page.locator("[data-menu-open]:visible").count():
                page.locator("[data-menu-open]:visible").first.click()
            page.locator("a[data-language]:visible").first.click()


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_an_order_is_walked_from_draft_to_its_end(walk, web_app, view):
    page, address = walk[0]("manager", view), walk[1]
    order_id = first(web_app)[0]
    name = f"{view['width']}"
    page.goto(f"{address}/orders/{order_id}")
    speak(page, "th")
    picture(page, f"draft-th-{name}")
    with page.expect_navigation():
        page.click("form[action$='/confirm'] button")
    assert first(web_app)[1] is OrderStatus.CONFIRMED
    expect(page.locator(".note.bad").first).to_contain_text("ยังส่งไม่ได้")
    picture(page, f"confirmed-th-{name}")

    page.click("button[data-open=hold]")
    with page.expect_navigation():  # without a reason it is refused, and the dialog comes back with what was typed
        page.fill("#hold [name=note]", "บ้านเลขที่ไม่ครบ")
        page.click("#hold .btn.p")
    expect(page.locator("#hold")).to_be_visible()
    expect(page.locator("#hold [name=note]")).to_have_value("บ้านเลขที่ไม่ครบ")
    picture(page, f"hold-th-{name}")
    page.select_option("#hold [name=reason]", "address")
    with page.expect_navigation():
        page.click("#hold .btn.p")
    assert first(web_app)[2] == ["address"]
    speak(page, "en")
    expect(page.locator(".note.warn").first).to_contain_text("On hold: Address in doubt")
    picture(page, f"held-en-{name}")

    with page.expect_navigation():
        page.click("form[action$='/release'] button >> nth=0")
    assert first(web_app)[2] == []

    page.click("button[data-open=note]")
    page.fill("#note [name=body]", "Gift wrap, please")
    with page.expect_navigation():
        page.click("#note .btn.p")
    expect(page.locator(".note-item").first).to_contain_text("Gift wrap, please")

    page.click("button[data-open=cancel]")
    page.select_option("#cancel [name=reason]", "customer")
    with page.expect_navigation():
        page.click("#cancel .btn.p")
    assert first(web_app)[1] is OrderStatus.CANCELED
    expect(page.locator(".story li").first).to_contain_text("Order canceled: Customer changed their mind")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"canceled-en-{name}")


def test_the_list_is_worked_with_the_keyboard_alone(walk, web_app):
    page, address = walk[0]("sales", WIDE), walk[1]
    page.goto(f"{address}/desk/drafts")
    speak(page, "en")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    page.keyboard.press("k")
    expect(page.locator("tbody tr >> nth=1")).to_have_class("at")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "/orders/" in page.url
    page.keyboard.press("/")
    keyed(page, "ru-0004")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_several_orders_are_confirmed_with_a_thumb(walk, web_app):
    page, address = walk[0]("sales", PHONE), walk[1]
    page.goto(f"{address}/desk/drafts")
    speak(page, "th")
    for box in page.locator("input[name=rowid]").all():
        box.check()
    picture(page, "bulk-th-390")
    page.click("[data-bulk-bar] button[value=confirm]")
    with page.expect_navigation():
        page.click("dialog[open] .btn.p")
    expect(page.locator("h1")).to_contain_text("3")
    picture(page, "bulk-done-th-390")
    assert first(web_app)[1] is OrderStatus.CONFIRMED
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
