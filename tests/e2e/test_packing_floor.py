"""Fifty paid orders over one packing table without the mouse: labels in one batch, scans typed, the sheet scanned full."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from oms.actor import system
from oms.db import db, transaction
from oms.inventory.models import Warehouse
from oms.orders.states import CancelReason, PaymentTerm
from oms.shipping.models import Parcel, Shipment
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_order
from oms.usecases.shipping_boxes import make_ready
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.e2e.test_labels import work_off
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
COUNT = int(os.environ.get("RUAM_FLOOR_ORDERS", "6"))
SHOTS = os.environ.get("RUAM_SHOTS", "")


@pytest.fixture
def floor(web_app, settings, _kept, chromium):
    """(a page of a role, address, the ready shipments as (id, number)); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx, pieces=1000)
            place = tx.session.get_one(Warehouse, shop.bkk)
            place.address, place.phone = "88/8 หมู่ 4 ต.บางพลีใหญ่ อ.บางพลี สมุทรปราการ 10540", "021234567"
            term = {"payment_term": PaymentTerm.COD, "confirm": True, "carrier": "Flash Express"}
            orders = [place_order(tx, shop.order((0, 2), (1, 1), **term)).order_id for _ in range(COUNT)]
            made = make_ready(tx, orders)
            boxes = [(made[o].shipment_id, made[o].number, o) for o in orders]
        db.session.remove()
    troubles: list[str] = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, boxes
    clean(settings, _kept)
    assert troubles == []


def at_table(page, address, name="โต๊ะ 1"):
    """The station, named, ready to scan."""
    page.goto(f"{address}/pack/")
    page.keyboard.press("Control+A")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("[data-station-name]")).to_contain_text(name)
    return page


def gun(page, *codes):
    """What a barcode gun does: letters and Enter, wherever the eye is."""
    for code in codes:
        page.keyboard.type(code)
        page.keyboard.press("Enter")


def shot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def states():
    db.session.remove()
    return sorted(s.value for s in db.session.scalars(select(Shipment.status)))


def test_the_table_by_keyboard_alone(floor, web_app):
    page_of, address, boxes = floor
    page = at_table(page_of("warehouse", WIDE), address)
    shot(page, "pack-empty")
    gun(page, boxes[0][1])
    expect(page.locator("[data-count]")).to_have_text("0 / 3")
    gun(page, "RU-0001")
    expect(page.locator("[data-count]")).to_have_text("1 / 3")
    shot(page, "pack-open")
    gun(page, "RU-0003")
    expect(page.locator(".st-say.stop")).to_be_visible()
    shot(page, "pack-stop")
    gun(page, "RU-0001")
    page.keyboard.press("Enter")
    expect(page.locator(".st-say.stop")).to_be_hidden()
    page.reload()
    expect(page.locator("[data-count]")).to_have_text("1 / 3")
    gun(page, "RU-0001")
    expect(page.locator("[data-count]")).to_have_text("2 / 3")
    page.keyboard.press("F2")
    expect(page.locator("[data-count]")).to_have_text("1 / 3")
    gun(page, "RU-0001", "RU-0002")
    expect(page.locator(".st-say.done, .st-say.warn")).to_be_visible()
    shot(page, "pack-done")
    expect(page.locator("[data-printed='1']")).to_be_visible()  # the label was fetched to be printed at once
    with web_app.app_context():
        assert states().count("labeled") == 1
    page.keyboard.press("F1")
    expect(page.locator("#st-help")).to_be_visible()
    shot(page, "pack-help")


def test_a_table_named_with_the_mouse_takes_its_first_scan(floor):
    open_page, address, _ = floor
    page = open_page("warehouse", WIDE)
    page.goto(f"{address}/pack/")
    page.fill("#st-name", "โต๊ะ 9")
    page.locator("#st-setup button.p").click()
    expect(page.locator("[data-station-name]")).to_contain_text("โต๊ะ 9")
    page.keyboard.type("SH0001")
    expect(page.locator("#code")).to_have_value("SH0001")


def test_scans_made_without_a_network_are_kept_and_judged_in_order(floor, web_app):
    page_of, address, boxes = floor
    page = at_table(page_of("warehouse", WIDE), address)
    page.context.set_offline(True)
    gun(page, boxes[0][1], "RU-0001", "RU-0003", "RU-0001")
    expect(page.locator("[data-net].bad")).to_be_visible()
    shot(page, "pack-offline")
    page.context.set_offline(False)
    expect(page.locator(".st-say.stop")).to_be_visible(timeout=20000)
    expect(page.locator("[data-count]")).to_have_text("1 / 3")  # what came after the wrong one does not count
    page.keyboard.press("Enter")
    gun(page, "RU-0001", "RU-0002")
    expect(page.locator("[data-printed='1']")).to_be_visible()
    with web_app.app_context():
        assert states().count("labeled") == 1


def test_a_canceled_order_stops_with_colour_until_it_is_seen(floor, web_app):
    page_of, address, boxes = floor
    with web_app.app_context():
        with transaction(system("test")) as tx:
            cancel_order(tx, CancelOrder(boxes[1][2], CancelReason.CUSTOMER))
        db.session.remove()
    page = at_table(page_of("warehouse", PHONE), address)
    gun(page, boxes[1][1])
    expect(page.locator(".st-say.stop")).to_be_visible()
    shot(page, "pack-canceled-phone")
    gun(page, boxes[0][1])  # swallowed: nobody has seen the warning yet
    expect(page.locator("[data-order]")).to_be_hidden()
    page.keyboard.press("Enter")
    gun(page, boxes[0][1])
    expect(page.locator("[data-order]")).to_be_visible()
    shot(page, "pack-open-phone")


def test_from_ready_to_handed_over_without_the_mouse(floor, web_app):
    """The flagship: every label in one batch, every box scanned full, every box scanned out."""
    page_of, address, boxes = floor
    page = page_of("warehouse", WIDE)
    page.goto(f"{address}/shipments/list/ready")
    page.keyboard.press("a")
    page.keyboard.press("l")
    expect(page.locator("form[action$='/labels/make']")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/labels/\d+$"))
    work_off(web_app)
    with web_app.app_context():
        db.session.remove()
        assert db.session.scalar(select(func.count()).where(Parcel.label_prints == 1)) == COUNT
    page = at_table(page, address)
    for _, number, _ in boxes:
        gun(page, number, "RU-0001", "RU-0002", "RU-0001")
        expect(page.locator(".st-say.done")).to_contain_text(number)
    expect(page.locator("[data-packed]")).to_have_text(str(COUNT))
    shot(page, "pack-all")
    page.goto(f"{address}/manifests/")
    shot(page, "manifests")
    page.keyboard.press("1")
    expect(page.locator("[data-sheet]")).to_be_visible()
    for n, (_, number, _) in enumerate(boxes, 1):
        gun(page, number)
        expect(page.locator("[data-boxes]")).to_have_text(str(n))
    shot(page, "manifest-open")
    page.keyboard.press("F9")
    page.keyboard.type("สมชาย")
    page.keyboard.press("Enter")
    expect(page.locator(".flash.success")).to_be_visible()
    shot(page, "manifest-closed")
    with web_app.app_context():
        assert states() == ["handed_over"] * COUNT


@pytest.mark.deep
def test_every_screen_of_the_floor_fits_a_phone(floor):
    page_of, address, boxes = floor
    for view, name in ((WIDE, "wide"), (PHONE, "phone")):
        page = page_of("warehouse", view)
        for path in ("/shipments/list/ready", f"/shipments/{boxes[0][0]}", "/picking/", "/manifests/", "/stock/shelves/",
                     "/pack/", "/shipments/together"):  # fmt: skip
            page.goto(f"{address}{path}")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (name, path)
            shot(page, f"floor-{name}-{path.strip('/').replace('/', '-')}")


def test_a_picking_list_is_walked_by_scans(floor, web_app):
    page_of, address, _ = floor
    page = page_of("warehouse", PHONE)
    page.goto(f"{address}/picking/")
    page.keyboard.press("n")
    expect(page.locator("[data-picking]")).to_be_visible()
    shot(page, "picking-open")
    gun(page, "RU-0001")
    expect(page.locator(".floor-say.ok")).to_be_visible()
    expect(page.locator("[data-progress]")).to_have_text(f"1 / {3 * COUNT}")
    gun(page, "RU-0004")
    expect(page.locator(".floor-say.stop")).to_be_visible()
    shot(page, "picking-stop")
    page.keyboard.press("Enter")
    expect(page.locator(".floor-say")).to_be_hidden()
    page.locator("li", has_text="RU-0002").locator("[data-tick]").press("Enter")
    expect(page.locator("li", has_text="RU-0002").locator("[data-n]")).to_have_text(f"{COUNT} / {COUNT}")
    if SHOTS:
        wide = page_of("warehouse", WIDE)
        wide.goto(page.url)
        shot(wide, "picking-wide")
    page.locator("li", has_text="RU-0001").locator("[data-tick]").press("Enter")
    expect(page.locator("[data-picking]")).to_be_hidden()
    with web_app.app_context():
        assert states() == ["picking"] * COUNT
