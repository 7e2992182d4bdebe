"""A refused COD parcel at the receiving station: from the carrier's word to stock, a zeroed COD entry, a credit note."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.documents.models import Document
from oms.documents.states import DocumentKind
from oms.inventory.models import StockLevel
from oms.orders.models import Order
from oms.orders.states import Board, OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus
from oms.reports.auditor import audit_all
from oms.returns.models import Return
from oms.returns.states import ReturnStatus
from oms.usecases.documents import IssueDocument, issue_document
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, gun, keyed, logged_in, opened, served
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.usecases import returns as goods
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")


def shot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.fixture
def shop(web_app, settings, _kept, chromium):
    """(a page of a role, the address, ids by name); fails when a script failed on the way."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            made = small_shop(tx, pieces=100)
            seller(tx)
            cod = goods.left(tx, made, (0, 2), (1, 1), payment_term=PaymentTerm.COD, tracking_no="TH0001A")
            issue_document(tx, IssueDocument(DocumentKind.TAX_INVOICE, (cod.id,), buyer=FULL))
            goods.carrier_says(tx, cod.id, "come_back", "arrive_back")
            paid = goods.arrived(tx, made, (2, 2), tracking_no="TH0002B")
            lost = goods.left(tx, made, (1, 1), tracking_no="TH0003C")
            goods.carrier_says(tx, lost.id, "lose")
            other = goods.left(tx, made, (3, 1), tracking_no="TH0004D")
            goods.carrier_says(tx, other.id, "come_back")
            ids = {"cod": cod.id, "paid": paid.id, "lost": lost.id, "bkk": made.bkk, "sku": made.skus[0]}
        db.session.remove()
    troubles: list[str] = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view=WIDE: logged_in(browser, address, role, view, troubles), address, ids
    clean(settings, _kept)
    assert troubles == []


def test_a_refused_cod_parcel_ends_as_stock_without_a_debt(shop, web_app):
    page_of, address, ids = shop
    page = page_of("warehouse")
    page.goto(f"{address}/returns/receive/")
    shot(page, "station-empty")
    gun(page, "TH0001A")
    expect(page.locator(".st-say.done")).to_be_visible()
    expect(page.locator("[data-counted]")).to_contain_text("3")
    gun(page, "RU-0001")
    page.keyboard.press("3")
    expect(page.locator("[data-mode=damaged]")).to_have_attribute("aria-checked", "true")
    gun(page, "RU-0001")
    shot(page, "station-counting")
    page.keyboard.press("F2")
    page.keyboard.press("1")
    expect(page.locator("[data-mode=resell]")).to_have_attribute("aria-checked", "true")
    gun(page, "RU-0001", "RU-0004")
    expect(page.locator(".st-say.stop")).to_be_visible()
    shot(page, "station-stop")
    gun(page, "RU-0002")
    page.select_option("[data-reason]", "refused")
    page.reload()
    expect(page.locator("[data-waiting] li").first).to_contain_text("RT")
    page.locator("[data-waiting] .link").first.click()
    expect(page.locator("[data-counted]")).to_contain_text("3 ")
    page.keyboard.press("F9")
    expect(page.locator("[data-done] li").first).to_contain_text("✓ RT")
    shot(page, "station-done")
    gun(page, "NOBODY-1")
    expect(page.locator(".st-say.warn")).to_be_visible()

    boss = page_of("manager")
    boss.goto(f"{address}/returns/?pile=settle")
    shot(boss, "desk-settle")
    boss.keyboard.press("j")
    boss.keyboard.press("Enter")
    boss.wait_for_url("**/returns/all/show/**")
    shot(boss, "return-counted")
    boss.keyboard.press("s")
    boss.wait_for_url("**/returns/settle/**")
    expect(boss.locator("input[value=waive]")).to_be_checked()
    shot(boss, "settle-waive")
    boss.locator("form[data-settle] .btn.p").click()
    boss.wait_for_url("**/returns/all/show/**")
    shot(boss, "return-settled")
    boss.goto(f"{address}/orders/{ids['cod']}")
    shot(boss, "order-returned")
    with web_app.app_context():
        db.session.remove()
        order = db.session.get_one(Order, ids["cod"])
        entry = db.session.scalars(select(CodEntry).where(CodEntry.order_id == ids["cod"])).one()
        level = db.session.get_one(StockLevel, (ids["sku"], ids["bkk"]))
        assert (order.status, order.payment_status, order.board) == (
            OrderStatus.COMPLETED, PaymentStatus.NOTHING_DUE, Board.COMPLETED,
        )  # fmt: skip
        note = db.session.scalars(select(Document).where(Document.kind == DocumentKind.CREDIT_NOTE)).one()
        assert (note.total, note.number) == (
            order.total,
            db.session.scalars(select(Return.credit_note).where(Return.order_id == ids["cod"])).one(),
        )
        assert (entry.status, entry.expected.amount, level.on_hand) == (CodStatus.REFUSED, 0, 100)
        assert audit_all(db.session()) == []
        db.session.remove()


@pytest.mark.deep
def test_the_desk_and_the_pages_on_both_sizes(shop, web_app):
    page_of, address, ids = shop
    for view, size in ((WIDE, "wide"), (PHONE, "phone")):
        page = page_of("manager", view)
        for pile in ("coming", "lost", "unknown", "arrived"):
            page.goto(f"{address}/returns/?pile={pile}")
            shot(page, f"desk-{pile}-{size}")
        page.goto(f"{address}/returns/ask/{ids['paid']}")
        shot(page, f"ask-{size}")
        if size == "wide":
            page.locator("[data-all]").click()
            page.select_option("#reason", "damaged")
            page.fill("#note", "กล่องบุบมา เปิดแล้วเสื้อขาด")
            page.locator("form[data-ask] .btn.p").click()
            page.wait_for_url("**/returns/all/show/**")
            shot(page, "return-asked-wide")
            page.keyboard.press("a")
            expect(page.locator(".way li.on")).to_be_visible()
        page.goto(f"{address}/orders/{ids['paid']}")
        shot(page, f"order-card-{size}")
        page.goto(f"{address}/returns/receive/")
        keyed(page, "TH0002B" if size == "wide" else "TH0004D")
        page.keyboard.press("Enter")
        expect(page.locator("[data-counted]")).to_be_visible()
        page.locator(".rc-grade.rc-damaged .btn").nth(1).click()
        shot(page, f"station-{size}")
        if size == "wide":
            page.locator(".rc-grade.rc-resell .btn").nth(1).click()
            page.locator("[data-finish]").click()
            expect(page.locator("[data-done] li").first).to_be_visible()
            page.locator("[data-done] a").first.click()
            page.wait_for_url("**/returns/all/show/**")
            page.keyboard.press("s")
            page.wait_for_url("**/returns/settle/**")
            shot(page, "settle-refund-wide")
            page.locator("input[value=exchange]").check()
            shot(page, "settle-exchange-wide")
            page.fill("[name=credit]", "100")
            expect(page.locator("[data-says=store_credit]")).to_contain_text("100.00")
            page.goto(f"{address}/language/en")
            page.goto(f"{address}/returns/")
            shot(page, "desk-english")
            page.go_back()
            page.goto(f"{address}/language/th")
        else:
            ret = _uncounted(web_app)
            page.goto(f"{address}/returns/all/show/{ret}")
            shot(page, "return-phone")
            page.goto(f"{address}/returns/settle/form?return={_counted(web_app)}")
            shot(page, "settle-phone")
            page.goto(f"{address}/carrier-claims/new/form?shipment={_lost(web_app)}")
            shot(page, "claim-new-phone")
            page.locator(".form .btn.p").click()
            page.wait_for_url("**/carrier-claims/show/**")
            shot(page, "claim-phone")
            page.goto(f"{address}/carrier-claims/list/")
            shot(page, "claims-phone")


def _uncounted(app) -> int:
    with app.app_context():
        db.session.remove()
        return db.session.scalars(select(Return.id).where(Return.status == ReturnStatus.RECEIVED)).first()


def _counted(app) -> int:
    with app.app_context():
        db.session.remove()
        return db.session.scalars(select(Return.id).where(Return.status == ReturnStatus.INSPECTED)).first()


def _lost(app) -> int:
    from oms.shipping.models import Shipment

    with app.app_context():
        db.session.remove()
        return db.session.scalars(select(Shipment.id).where(Shipment.status == "lost")).first()
