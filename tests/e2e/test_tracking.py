"""A ringing phone and a buyer's phone: the answer typed and copied without the mouse; the public page without a script."""

import itertools
import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.carriers.port import CarrierEvent
from oms.db import db, transaction
from oms.orders.states import PaymentTerm
from oms.shipping.models import Parcel
from oms.shipping.states import TrackingStatus as T
from oms.usecases.orders_place import ShipTo, place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.tracking import ParcelNews, record_events
from oms.usecases.tracking_links import tracking_link
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, keyed, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SMALL = {"width": 360, "height": 740}


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a page of a role, the browser, address, token); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            for i, name in enumerate(("กนกวรรณ ป้อมปราการ", "สมชาย ใจดี")):
                to = ShipTo(name, f"08{i}-555-12{i}4", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
                cmd = shop.order(confirm=True, payment_term=PaymentTerm.COD, ship_to=to)
                order = place_order(tx, cmd).order_id
                mark_shipped(tx, MarkShipped(order, "Flash Express", f"TH0112BX{i}K4A"))
                parcel = tx.session.scalars(select(Parcel).where(Parcel.tracking_no == f"TH0112BX{i}K4A")).one()
                said = tuple(
                    CarrierEvent(clock.now() - timedelta(hours=3 - n), status, "S", "ถึงสาขา", "สันทราย")
                    for n, status in enumerate((T.PICKED_UP, T.IN_TRANSIT, T.OUT_FOR_DELIVERY))
                )
                record_events(tx, [ParcelNews(parcel.id, said)], "poll")
            tx.session.flush()
            token = tracking_link(tx, order).token
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), browser, address, token
    clean(settings, _kept)
    assert troubles == []


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_customer_is_answered_without_the_mouse(walk):
    page_of, _, address, _ = walk
    page = page_of("sales", WIDE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page.goto(f"{address}/answer/")
    keyed(page, "0112BX")  # the box has the focus
    cards = page.locator("[data-card]")
    expect(cards).to_have_count(2)
    expect(cards.nth(0)).to_have_class(re.compile(r"\bat\b"))
    page.keyboard.press("ArrowDown")
    expect(cards.nth(1)).to_have_class(re.compile(r"\bat\b"))
    page.keyboard.press("Enter")
    expect(page.locator(".flash")).to_be_visible()
    said = page.evaluate("navigator.clipboard.readText()")
    assert said.startswith("คุณกนกวรรณ ป้อมปราการ พัสดุ TH0112BX0K4A ของ Flash Express กำลังนำจ่าย อัปเดต ")
    assert said.endswith("ติดตาม: https://www.flashexpress.com/fle/tracking?se=TH0112BX0K4A")
    page.keyboard.press("Escape")
    keyed(page, "สมชาย")
    expect(cards).to_have_count(1)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: "/orders/" in url)


def test_the_answer_fits_a_phone_and_needs_no_script(walk):
    page_of, _, address, _ = walk
    page = page_of("sales", PHONE)
    page.goto(f"{address}/answer/?q=1204")
    expect(page.locator("[data-card]")).to_have_count(1)
    assert fits(page)


def test_a_buyer_reads_the_way_of_the_parcel_on_a_small_phone_without_a_script(walk):
    _, browser, address, token = walk
    context = browser.new_context(viewport=SMALL, locale="th-TH", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/t/{token}")
    expect(page.locator("h2").first).to_have_text("กำลังนำจ่ายวันนี้")
    expect(page.locator(".tl li")).to_have_count(3)
    expect(page.locator("html")).to_have_attribute("lang", "th")
    small = [box for link in page.locator("a.btn, nav a").all() if (box := link.bounding_box()) and box["height"] < 40]
    assert not small
    assert context.cookies() == []
    page.get_by_role("link", name="English").click()
    expect(page.locator("h2").first).to_have_text("Out for delivery today")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    scripted = browser.new_context(viewport=SMALL).new_page()
    scripted.goto(f"{address}/t/{token}")
    assert fits(scripted)
    heads = scripted.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert heads[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(heads))  # no level is jumped over
    assert scripted.evaluate("document.querySelectorAll('main').length") == 1
    assert scripted.evaluate("[...document.querySelectorAll('a')].every(a => a.textContent.trim())")
    dead = scripted.goto(f"{address}/t/{'A' * 22}")
    assert dead.status == 404
