"""Goods in by scanner, in a real browser: the same code twice counts up, the paper shows what moved."""

import pytest
from playwright.sync_api import expect

from oms.actor import system
from oms.catalog.models import SkuBarcode
from oms.db import db, transaction
from oms.inventory.models import StockLevel
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, address, the shop); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            tx.session.add(SkuBarcode(sku_id=shop.skus[1], barcode="8850001112223"))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, shop
    clean(settings, _kept)
    assert troubles == []


def on_hand(web_app, shop, i):
    with web_app.app_context():
        count = db.session.get(StockLevel, (shop.skus[i], shop.bkk)).on_hand
        db.session.remove()
    return count


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_scanned_goods_come_in(web_app, walk, view):
    page_of, address, shop = walk
    page = page_of("warehouse", view)
    page.goto(f"{address}/stock/receive/form")
    scan = page.locator("[data-lines-input]")
    for typed in ("8850001112223", "8850001112223", "RU-0001"):
        scan.fill(typed)
        scan.press("Enter")
        expect(scan).to_have_value("")
    shown = page.locator("[data-line]:visible")
    expect(shown).to_have_count(2)
    expect(shown.first.locator(".qty")).to_have_value("2")
    page.fill("input[name=reference]", "INV-1")
    page.locator("main form button.btn.p").click()
    page.wait_for_url("**/stock/papers/show/**")
    expect(page.locator("main")).to_contain_text("RU-0002")
    assert (on_hand(web_app, shop, 0), on_hand(web_app, shop, 1)) == (11, 12)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
