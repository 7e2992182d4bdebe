"""A carrier's pay file in a real browser: dropped by the cashier, checked, written, compared, banked by its line."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.importing import pipeline
from oms.intake.models import IntakeRun
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.models import ReceivingAccount
from oms.payments.statement_models import StatementLine
from oms.payments.states import LineStatus
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping import MarkShipped, mark_delivered_many, mark_shipped_many
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.samples import marketplaces as market
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
HEAD = ["หมายเลขพัสดุ", "ยอด COD", "ค่าธรรมเนียม COD", "เลขที่รอบ", "วันที่โอน"]


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(address, a function from role and view to a page). Two COD parcels arrived, 100 and 200 baht; the bank has 270."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx, pieces=100)
            wanted = [shop.order((i, 1), confirm=True, payment_term=PaymentTerm.COD) for i in range(2)]
            orders = [placed.order_id for placed in place_orders(tx, wanted)]
            mark_shipped_many(tx, [MarkShipped(o, "Flash", f"TH{n}") for n, o in enumerate(orders, 1)])
            mark_delivered_many(tx, orders)
            account = ReceivingAccount(code="KB", bank="กสิกรไทย", account_no="111-2-33333-4", account_name="รวมมิตร")
            tx.session.add(account)
            tx.session.flush()
            line = StatementLine(
                account_id=account.id, line_key="k", booked_at=clock.now(), amount=Money.satang(27000),
                status=LineStatus.UNMATCHED, description="FLASH COD",
            )  # fmt: skip
            tx.session.add(line)
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
def test_a_pay_file_walks_from_the_drop_zone_to_the_bank(walk, web_app, tmp_path, view):
    page, address = walk[0]("cashier", view), walk[1]
    today = clock.local(clock.now()).strftime("%d/%m/%Y")
    rows = [HEAD, ["TH1", "100", "5", "FL-1", today], ["TH2", "180", "5", "FL-1", today]]
    path = market.write_xlsx(tmp_path / "cod.xlsx", rows)
    page.goto(f"{address}/cod/")
    expect(page.locator("table")).to_contain_text("Flash Express")
    page.locator(".head a.btn.p").click()
    page.set_input_files("input[type=file]", str(path))
    expect(page.locator("#kind")).to_have_value("cod")
    page.select_option("#carrier", "Flash Express")
    page.click("form[data-intake] button.p")
    background(web_app)
    expect(page.locator(".ledger")).to_be_visible()
    page.click(".note button.p")
    background(web_app)
    page.locator(".note a.btn.p").click()
    expect(page.locator("h1")).to_contain_text("FL-1")
    expect(page.locator("tbody tr").first).to_contain_text("180.00")
    expect(page.locator(".sum")).to_contain_text("฿270.00")
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]
    page.locator(".note-item button.p").click()
    expect(page.locator(".flash.success")).to_be_visible()
    expect(page.locator("body")).to_contain_text("FLASH COD")
    with web_app.app_context():
        paid = select(func.count()).select_from(Order).where(Order.payment_status == PaymentStatus.PAID)
        assert db.session.scalar(paid) == 1
        db.session.remove()
