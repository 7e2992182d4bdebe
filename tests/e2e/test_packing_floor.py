"""Fifty paid orders over one packing table without the mouse: labels in one batch, scans typed, the sheet scanned full."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.orders.states import PaymentTerm
from oms.shipping.models import Shipment
from oms.usecases.orders_place import place_order
from oms.usecases.shipping_boxes import make_ready
from tests.conftest import clean
from tests.e2e.browser import WIDE, logged_in, opened, served
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
    gun(page, "RU-0001", "RU-0002")
    expect(page.locator(".st-say.done, .st-say.warn")).to_be_visible()
    shot(page, "pack-done")
    with web_app.app_context():
        assert states().count("packed") == 1
