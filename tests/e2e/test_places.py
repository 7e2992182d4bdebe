"""Transfers, counts and partners in a real browser, by keyboard and scanner."""

from __future__ import annotations

import os
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from oms.actor import system
from oms.db import db, transaction
from oms.money import Money
from oms.orders.states import PaymentTerm
from oms.usecases.consignment import PartnerFacts, create_partner
from oms.usecases.covering import SetMinimum, set_minimum, work_out_pace
from oms.usecases.orders_place import place_order
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, gun, logged_in, opened, served
from tests.network import network, stock
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")
BOTH = pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])


def shot(page, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, address, the shop); fails when a script failed."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            net = network(tx)
            stock(tx, net, net.shop.cnx, 6, 4, 1, 3)
            place_order(tx, net.order((0, 5), to="capital", payment_term=PaymentTerm.COD))
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, net
    clean(settings, _kept)
    assert troubles == []


@BOTH
def test_a_load_goes_from_one_warehouse_to_another_by_keyboard(walk, view):
    page_of, address, net = walk
    page, name = page_of("warehouse", view), "wide" if view is WIDE else "phone"
    page.goto(f"{address}/transfers/list/")
    shot(page, f"transfers-empty-{name}")
    page.goto(f"{address}/transfer/new?from={net.shop.bkk}&to={net.shop.cnx}")
    page.locator("[data-lines-input]").focus()
    gun(page, "RU-0001", "RU-0001", "RU-0003")
    quantities = page.locator("input[name=lines-quantity]")
    expect(quantities.first).to_have_value("2")
    shot(page, f"transfer-new-{name}")
    page.locator("input[name=reference]").fill("1กข-1234 คุณสมชาย")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transfer/1")
    shot(page, f"transfer-draft-{name}")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator("main .pill").first).to_have_text("ส่งแล้ว")
    shot(page, f"transfer-sent-{name}")
    page.keyboard.press("r")
    page.wait_for_url("**/receive")
    gun(page, "RU-0001", "RU-0003", "RU-0004")
    expect(page.locator("input[name=extra-quantity]")).to_have_value("1")
    page.locator("input[name=reason]").fill("กล่องบุบ ขาดไปหนึ่งชิ้น")
    page.locator("#rest_lost").check()
    shot(page, f"transfer-receive-{name}")
    page.locator("input[name=reason]").press("Enter")
    page.wait_for_url("**/transfer/1")
    expect(page.locator("main")).to_contain_text("กล่องบุบ")
    shot(page, f"transfer-done-{name}")
    page.goto(f"{address}/transfers/list/")
    shot(page, f"transfers-{name}")


@BOTH
def test_a_count_is_scanned_by_one_and_approved_by_another(walk, view):
    page_of, address, net = walk
    page, name = page_of("warehouse", view), "wide" if view is WIDE else "phone"
    page.goto(f"{address}/count/new")
    page.select_option("select[name=warehouse_id]", str(net.shop.bkk))
    shot(page, f"count-new-{name}")
    page.locator("main form .btn.p").click()
    page.wait_for_url("**/count/1")
    gun(page, "8*RU-0001", "10xRU-0002", "RU-0003")
    expect(page.locator("[data-scan-said]")).to_contain_text("RU-0003")
    shot(page, f"count-open-{name}")
    page.keyboard.press("Escape")
    page.locator("h1").first.click()
    page.keyboard.press("d")
    page.locator("#rest-zero").check()
    shot(page, f"count-submit-{name}")
    page.locator("#submit .btn.p").click()
    expect(page.locator("main .pill").first).not_to_have_text("กำลังนับ")
    page.context.close()
    boss = page_of("manager", view)
    boss.goto(f"{address}/count/1?part=different")
    shot(boss, f"count-differs-{name}")
    boss.keyboard.press("g")
    shot(boss, f"count-approve-{name}")
    boss.locator("#approve .btn.p").click()
    expect(boss.locator("main")).to_contain_text("RU-0003")
    shot(boss, f"count-after-{name}")
    boss.goto(f"{address}/counts/list/")
    shot(boss, f"counts-{name}")


@BOTH
def test_what_runs_low_and_what_partners_hold(web_app, walk, view):
    page_of, address, net = walk
    with web_app.app_context(), transaction(system("test")) as tx:
        facts = PartnerFacts("NIM", "ร้านของฝากนิมมาน", Decimal(30), "คุณนิด", "0812345678", "เชียงใหม่", "12 ถ.นิมมานเหมินท์")
        partner = create_partner(tx, facts).id
        stock(tx, net, partner, 5, 4)
        set_minimum(tx, SetMinimum(net.shop.skus[2], net.shop.cnx, 4))
        set_minimum(tx, SetMinimum(net.shop.skus[0], net.shop.cnx, 10))
        work_out_pace(tx)
    page, name = page_of("manager", view), "wide" if view is WIDE else "phone"
    page.goto(f"{address}/stock/cover/")
    shot(page, f"low-{name}")
    page.goto(f"{address}/consignment/")
    shot(page, f"partners-{name}")
    page.goto(f"{address}/consignment/{partner}")
    shot(page, f"partner-{name}")
    page.goto(f"{address}/consignment/{partner}/sold")
    page.locator("[data-lines-input]").focus()
    gun(page, "RU-0001", "RU-0001")
    expect(page.locator("input[name=lines-quantity]").first).to_have_value("2")
    page.locator("input[name=lines-price]").first.fill("250")
    shot(page, f"sold-{name}")
    page.locator("main form.form .btn.p").first.click()
    page.wait_for_url("**/settlement*/1")
    expect(page.locator("main")).to_contain_text(f"{Money.parse('350').amount:.2f}")
    shot(page, f"settlement-{name}")
    if view is WIDE and SHOTS:
        for path, title in (
            ("stock/cover/", "low"),
            (f"consignment/{partner}", "partner"),
            ("transfers/list/", "transfers"),
        ):
            page.goto(f"{address}/language/en?next=/{path}")
            page.goto(f"{address}/{path}")
            shot(page, f"{title}-en")
