"""Parked orders and an order's money in a real browser: reminders in one click, one transfer for two orders, an override."""

import pytest
from playwright.sync_api import expect

from oms.actor import system
from oms.db import db, transaction
from oms.usecases.orders_place import place_order
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served, true_in
from tests.e2e.test_order_desk import speak
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e


@pytest.fixture
def desk(web_app, settings, _kept, chromium):
    """(a function from role and view to a page, address, order ids)."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            ids = [place_order(tx, shop.order(confirm=True)).order_id for _ in range(3)]
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, ids
    clean(settings, _kept)
    assert troubles == []


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_reminders_are_copied_in_one_click_and_marked(desk, view):
    open_page, address, ids = desk
    page = open_page("sales", view)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    speak(page, "en")
    page.goto(f"{address}/parked/")
    page.locator("button[data-copy]:visible").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "100.00 บาท" in copied
    assert "100.00 baht" in copied
    for box in page.locator("input[name=rowid]").all():
        box.check()
    page.click("[data-copy-words]")
    true_in(page, "navigator.clipboard.readText().then((t) => t.split('––––––––––').length === 3)")
    with page.expect_navigation():
        page.click("button[name=action][value=remind]")
    page.goto(f"{address}/parked/")
    for row in page.locator("tbody tr").all():
        expect(row.locator("td[data-label=Reminded]")).not_to_have_text("–")
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]
    assert len(ids) == 3


def test_a_cashier_records_one_transfer_for_two_orders_and_a_manager_overrides_the_third(desk):
    open_page, address, (first, second, third) = desk
    cashier = open_page("cashier", WIDE)
    speak(cashier, "en")
    cashier.goto(f"{address}/orders/{first}")
    cashier.click("button[data-open=claim]")
    cashier.fill("#claim input[name=amount]", "200")
    cashier.check(f"#with-{second}")
    cashier.check("#is_in")
    with cashier.expect_navigation():
        cashier.click("#claim button.p")
    expect(cashier.locator("body")).to_contain_text("May be shipped")
    cashier.goto(f"{address}/orders/{second}")
    expect(cashier.locator("body")).to_contain_text("May be shipped")
    manager = open_page("manager", WIDE)
    speak(manager, "en")
    manager.goto(f"{address}/orders/{third}")
    manager.click("button[data-open=override]")
    manager.fill("#override input[name=note]", "pays tonight")
    with manager.expect_navigation():
        manager.click("#override button.p")
    expect(manager.locator("body")).to_contain_text("May leave before payment")
    manager.goto(f"{address}/fraud/")
    expect(manager.locator("tbody")).to_contain_text("pays tonight")
