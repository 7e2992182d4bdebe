"""A marketplace file in a real browser: dropped, checked, written, its unknown product named."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from oms.actor import system
from oms.db import db, transaction
from oms.importing import pipeline
from oms.intake.models import IntakeRun
from oms.orders.models import Order
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(address, a function from role and view to a page)."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            small_shop(tx, pieces=100)
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address
    clean(settings, _kept)
    assert troubles == []


def background(web_app) -> None:
    """What the worker would do with the newest file."""
    with web_app.app_context():
        run_id = db.session.scalar(select(func.max(IntakeRun.id)))
        root = web_app.extensions["oms.settings"].files_dir
        pipeline.carry_out(lambda: transaction(system("job")), root, run_id)
        db.session.remove()


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_packer_sees_which_numbers_went_where(walk, web_app, tmp_path, view):
    page, address = walk[0]("warehouse", view), walk[1]
    path = market.write_csv(tmp_path / "flash.csv", [["Order No", "PNO"], ["C9", "TH0112BX4K4A"], ["", "TH01011C27"]])
    page.goto(f"{address}/intake/upload?kind=tracking")
    page.set_input_files("input[type=file]", str(path))
    expect(page.locator("#shop")).to_be_hidden()
    page.select_option("#carrier", "Flash Express")
    page.click("form[data-intake] button.p")
    expect(page.locator("progress")).to_be_visible()
    background(web_app)
    expect(page.locator(".ledger")).to_be_visible()
    expect(page.locator("body")).to_contain_text("ไม่พบการจัดส่งของคุณตามเลข C9")
    expect(page.locator("body")).to_contain_text("แถวนี้ไม่มีเลขคำสั่งซื้อหรือเลขการจัดส่ง")
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_file_walks_from_the_drop_zone_to_orders(walk, web_app, tmp_path, view):
    page, address = walk[0]("sales", view), walk[1]
    samples = [Sample("E2E1"), Sample("E2E2", (Item("BOX-9", 2, 120),))]
    path = market.write_xlsx(tmp_path / "Order.all.xlsx", market.shopee(samples))
    page.goto(f"{address}/intake/upload")
    page.set_input_files("input[type=file]", str(path))
    expect(page.locator("[data-drop-text]")).to_have_text("Order.all.xlsx")
    page.select_option("#shop", "shopee-th")
    page.click("form[data-intake] button.p")
    expect(page.locator("progress")).to_be_visible()
    background(web_app)
    expect(page.locator(".ledger")).to_be_visible()
    expect(page.locator("body")).to_contain_text("BOX-9")
    page.click(".note button.p")
    background(web_app)
    expect(page.locator(".ledger .cell.ok b").first).to_have_text("1")
    page.goto(f"{address}/quarantine/")
    page.fill("input[name=sku]", "RU-0002")
    page.locator("li", has_text="RU-0002").first.click()
    page.click("form.map-line button.p")
    expect(page.locator(".flash.success")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]
    with web_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Order)) == 2
        db.session.remove()
