"""Boxes on an order's page in a real browser: made ready, put together with the buyer's other order, split, a label voided."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.money import Money
from oms.orders.states import PaymentTerm
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_place import place_order
from oms.usecases.shipping_work import BoxSpec, PackShipment, mark_labeled, pack_shipment
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
COD = {"confirm": True, "payment_term": PaymentTerm.COD, "shipping_fee": Money(Decimal(40))}


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a function from role and view to a page, address, the ids of two orders of one buyer)."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            orders = [place_order(tx, shop.order(*lines, **COD)).order_id for lines in (((0, 3), (1, 1)), ((2, 1),))]
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address, orders
    clean(settings, _kept)
    assert troubles == []


def live(web_app) -> list[int]:
    with web_app.app_context():
        ids = db.session.scalars(
            select(Shipment.id).where(Shipment.status != ShipmentStatus.CANCELED).order_by(Shipment.id)
        ).all()
        db.session.remove()
    return list(ids)


def packed_and_labeled(web_app, shipment_id: int) -> None:
    with web_app.app_context():
        with transaction(system("test")) as tx:
            pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(850, "TH0123456789", "Flash"), BoxSpec(400))))
            mark_labeled(tx, [shipment_id])
        db.session.remove()


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_clerk_works_on_the_boxes_of_an_order(web_app, walk, view):
    open_as, address, (first, second) = walk
    page = open_as("manager", view)
    page.goto(f"{address}/orders/{first}")
    card = page.locator("section.card", has=page.get_by_role("heading", name="การจัดส่ง", exact=True))
    card.get_by_role("button", name="รวมกล่อง").click()
    page.locator("dialog[open] .btn.p").click()
    expect(page.get_by_text("อยู่ในกล่องเดียวกับ")).to_be_visible()
    (together,) = live(web_app)
    page.locator(f"[data-open=uncombine-{together}]").click()
    page.locator(f"#uncombine-{together}").get_by_role("button", name="แยกคำสั่งซื้อออก").click()
    expect(card.locator(".ship-top")).not_to_have_count(0)
    expect(page.get_by_text("อยู่ในกล่องเดียวกับ")).to_have_count(1)  # only in the canceled one
    mine = live(web_app)[0]
    page.locator(f"[data-open=split-{mine}]").click()
    page.locator(f"#split-{mine} input[type=number]").first.fill("2")
    page.locator(f"#split-{mine}").get_by_role("button", name="แยกกล่อง").click()
    expect(page.get_by_text("แยกเป็นสองกล่องแล้ว")).to_be_visible()
    packed_and_labeled(web_app, mine)
    page.reload()
    page.locator(f"[data-open=void-{mine}]").click()
    page.locator(f"#void-{mine} input[name=reason]").fill("ลูกค้าแจ้งที่อยู่ใหม่")
    page.locator(f"#void-{mine}").get_by_role("button", name="ยกเลิกใบปะหน้า").click()
    expect(page.locator("del", has_text="TH0123456789")).to_be_visible()
    expect(page.get_by_text("ลูกค้าแจ้งที่อยู่ใหม่").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert second
