"""Choosing warehouses in a real browser: a rule by keyboard, a try, and an order moved from its page."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from oms.actor import system
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.usecases.orders_place import Stock, place_order
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, keyed, logged_in, opened, served
from tests.network import network, rule, stock
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, address, the shop, an order of the north, one that waits); fails when a script failed."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            net = network(tx)
            stock(tx, net, net.shop.cnx, 6, 4, 1)
            cod = {"payment_term": PaymentTerm.COD}
            north = place_order(tx, net.order((0, 2), (1, 1), to="north", **cod)).order_id
            place_order(tx, net.order((2, 11), to="south", **cod))
            waits = place_order(tx, net.order((2, 4), to="capital", stock=Stock.MAY_WAIT, **cod)).order_id
            rule(tx, net.hdy, "ภาคใต้ส่งจากหาดใหญ่", provinces=("สงขลา", "ภูเก็ต", "ตรัง", "พัทลุง", "ยะลา"))
            rule(tx, net.shop.cnx, "งดส่งขวดแก้วจากเชียงใหม่", use=False, sku_ids=(net.shop.skus[3],), channels=("line",))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, net, north, waits
    clean(settings, _kept)
    assert troubles == []


def fits(page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_rule_is_written_tried_and_an_order_moved(web_app, walk, view):
    page_of, address, net, north, waits = walk
    page = page_of("manager", view)
    name = "wide" if view is WIDE else "phone"
    page.goto(f"{address}/routing/")
    fits(page)
    shot(page, f"routing-{name}")
    page.keyboard.press("r")
    page.wait_for_url("**/routing/rules/new")
    keyed(page, "เหนือจากกรุงเทพ")
    page.locator("summary", has_text="ภาคเหนือ").click()
    page.locator("[data-region][open] [data-region-all]").click()
    expect(page.locator("[data-region][open] [data-region-count]")).to_have_text("9/9")
    page.select_option("select[name=warehouse_id]", str(net.shop.bkk))
    shot(page, f"routing-rule-{name}")
    fits(page)
    page.locator("main form button.btn.p").click()
    page.wait_for_url("**/routing/")
    with web_app.app_context():
        number = db.session.get_one(Order, north).number
        db.session.remove()
    page.fill("input[name=number]", number)
    page.press("input[name=number]", "Enter")
    expect(page.locator("main")).to_contain_text("เหนือจากกรุงเทพ", timeout=5000)
    shot(page, f"routing-try-{name}")
    fits(page)
    page.goto(f"{address}/orders/{north}")
    expect(page.locator("main")).to_contain_text("อยู่จังหวัดเดียวกับลูกค้า")
    shot(page, f"order-{name}")
    fits(page)
    page.locator("button[data-open=reroute]").click()
    page.select_option("#reroute select", str(net.shop.bkk))
    page.fill("#reroute input[name=note]", "ลูกค้าขอรวมส่ง")
    shot(page, f"order-reroute-{name}")
    page.locator("#reroute .btn.p").click()
    expect(page.locator("main .why")).to_contain_text("ลูกค้าขอรวมส่ง")
    page.goto(f"{address}/order/{north}/places")
    page.locator("input[name^=share_]").first.fill("1")
    shot(page, f"share-{name}")
    fits(page)
    page.goto(f"{address}/orders/{waits}")
    page.locator("button[data-open=give]").click()
    shot(page, f"order-give-{name}")
    page.goto(f"{address}/orders/")
    fits(page)
    shot(page, f"orders-{name}")
    if view is WIDE and SHOTS:
        page.goto(f"{address}/language/en?next=/routing/")
        page.goto(f"{address}/routing/?number={number}")
        shot(page, "routing-en")
        page.goto(f"{address}/orders/{north}")
        shot(page, "order-en")
        page.goto(f"{address}/entry/")
        shot(page, "entry-en")
