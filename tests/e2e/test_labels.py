"""Labels from the desk by keyboard: tick, print, watch the bar, the print dialog; and what it looks like."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from jobs import labels as job
from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.documents.labels.models import LabelPrint
from oms.inventory.models import Warehouse
from oms.orders.states import HoldReason, PaymentTerm
from oms.outbox import Outbox
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.orders_place import place_order
from tests.conftest import clean
from tests.documents.test_labels import waybill
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served, true_in
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")


@pytest.fixture
def desk(web_app, settings, _kept, chromium):
    """(a page of a role, address, orders ready to ship); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx, pieces=1000)
            place = tx.session.get_one(Warehouse, shop.bkk)
            place.address, place.phone = "88/8 หมู่ 4 ต.บางพลีใหญ่ อ.บางพลี สมุทรปราการ 10540", "021234567"
            term = {"payment_term": PaymentTerm.COD, "confirm": True, "carrier": "Flash Express"}
            orders = [place_order(tx, shop.order((0, 2), (1, 1), **term)).order_id for _ in range(6)]
        db.session.remove()
    troubles: list[str] = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, orders
    clean(settings, _kept)
    assert troubles == []


def work_off(web_app) -> None:
    """What the background would do."""
    with web_app.app_context():
        with transaction(system("worker")) as tx:
            waiting = select(Outbox.id).where(Outbox.topic == job.TOPIC, Outbox.status == "waiting")
            works = [w for i in tx.session.scalars(waiting).all() if (w := outbox.claim(tx, i))]
        for work in works:
            job.walk(work)


def shot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_labels_from_the_desk_without_the_mouse(desk, web_app):
    page_of, address, orders = desk
    with web_app.app_context():
        with transaction(system("test")) as tx:
            hold_order(tx, HoldOrder(orders[5], HoldReason.MANUAL, "โทรถามก่อน"))
        db.session.remove()
    page = page_of("warehouse", WIDE)
    page.goto(f"{address}/desk/ready")
    for _ in range(5):
        page.keyboard.press("j")
        page.keyboard.press("x")
    shot(page, "labels-desk")
    page.keyboard.press("l")
    expect(page.locator("form[action$='/labels/make']")).to_be_visible()
    shot(page, "labels-choose")
    page.keyboard.press("Enter")
    expect(page.locator("[data-poll]")).to_be_visible()
    shot(page, "labels-working")
    work_off(web_app)
    expect(page.locator("a[data-key=p]")).to_be_visible()
    shot(page, "labels-done")
    with page.expect_navigation():
        page.keyboard.press("p")
    expect(page.locator("iframe[data-paper]")).to_be_visible()
    true_in(page, "document.documentElement.dataset.printed === '1'")
    shot(page, "labels-printer")
    with web_app.app_context():
        db.session.remove()
        assert len(db.session.scalars(select(LabelPrint)).all()) == 5
        db.session.remove()


def test_what_was_refused_is_listed_and_waybills_are_dropped_in(desk, web_app, tmp_path):
    page_of, address, orders = desk
    page = page_of("warehouse", WIDE)
    page.goto(f"{address}/labels/start?orders={','.join(map(str, orders))}")
    page.keyboard.press("Enter")
    expect(page.locator("[data-poll]")).to_be_visible()
    with web_app.app_context():
        with transaction(system("test")) as tx:
            for order_id in orders[:2]:
                hold_order(tx, HoldOrder(order_id, HoldReason.MANUAL, "โทรถามก่อน"))
        db.session.remove()
    work_off(web_app)
    expect(page.locator(".tile.hot")).to_contain_text("2")
    shot(page, "labels-refused")
    page.goto(f"{address}/labels/")
    shot(page, "labels-batches")
    page.goto(f"{address}/labels/waybills/")
    file = tmp_path / "spx.pdf"
    file.write_bytes(waybill("SPXTH00000001"))
    page.set_input_files("input[type=file]", str(file))
    expect(page.locator("form.assign")).to_be_visible()
    shot(page, "labels-waybills")
    phone = page_of("warehouse", PHONE)
    for path, name in (("/labels/", "batches"), ("/labels/waybills/", "waybills"), ("/labels/1", "batch"),
                       (f"/labels/start?orders={orders[2]}", "choose")):  # fmt: skip
        phone.goto(f"{address}{path}")
        assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        shot(phone, f"labels-phone-{name}")
    manager = page_of("manager", WIDE)
    manager.goto(f"{address}/labels/settings/")
    shot(manager, "labels-settings")
    manager.goto(f"{address}/language/en?next=/labels/settings/")
    shot(manager, "labels-settings-en")
