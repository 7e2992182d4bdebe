"""The slip inbox in a real browser: a morning's slips without the mouse, sending by dropping, and the work by thumb."""

import io
import os
import time
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.banks.slip_code import SlipCode
from oms.db import db, transaction
from oms.demo.slips import Drawn, draw
from oms.intake import files
from oms.money import Money
from oms.orders.models import Order
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import Slip
from oms.payments.states import SlipKind, SlipStatus
from oms.usecases.orders_place import place_order
from oms.usecases.slips import ReceiveSlip, receive_slip
from oms.usecases.slips_read import PageRead, Reading, record_reading
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served, true_in
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
COUNT = int(os.environ.get("RUAM_SLIPS", "15"))  # by hand: 100
SHOTS = os.environ.get("RUAM_SHOTS")


def fill(tx, root, number):
    """Orders with a slip each, all read."""
    tx.session.add(
        ReceivingAccount(code="scb", bank="SCB", account_no="1112345678", account_name="ร้านรวม", bank_code="014")
    )
    shop, random = small_shop(tx, pieces=10 * number), Random(4)
    for no in range(number):
        order = tx.session.get(Order, place_order(tx, shop.order((3, 1), confirm=True)).order_id)
        drawn = Drawn("014", f"2026REF{no:05}X", order.total, order.ship_name, "ร้านรวม", "x4567", clock.now())
        picture = draw(drawn)
        kept = files.keep(root, io.BytesIO(picture), f"slip-{no}.jpg")
        came = receive_slip(tx, ReceiveSlip(kept, order.id))
        look = f"{random.getrandbits(2048):0512x}"
        code = SlipCode(SlipKind.SLIP, "014", drawn.reference, crc_ok=True)
        record_reading(tx, came.slip_id, Reading((PageRead(kept.key, kept.key, 720, 1180, look, code),)))


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            fill(tx, settings.files_dir, COUNT)
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address
    clean(settings, _kept)
    assert troubles == []


def states(web_app):
    with web_app.app_context():
        found = dict(db.session.execute(select(Slip.status, func.count()).group_by(Slip.status)).all())
        paid = db.session.scalar(select(func.count()).where(Order.verified_amount == Money(Decimal(400))))
        db.session.remove()
    return found, paid


def shot(page, name):
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_a_cashier_clears_the_queue_without_the_mouse(walk, web_app):
    login, address = walk
    page = login("cashier", WIDE)
    page.goto(f"{address}/slip/")
    began = time.monotonic()
    for no in range(COUNT):
        expect(page.locator("[data-place]")).to_contain_text(f"{COUNT - no}")
        page.wait_for_load_state()  # keys are heard from then on; a driven browser is quicker than any hand
        slip = page.locator("[data-review]").get_attribute("data-slip")
        shot(page, f"review-{no}") if no < 3 else None
        if no % 5 == 3:  # one of five is turned down
            press(page, "r")
            expect(page.locator("dialog#reject")).to_be_visible()
            press(page, "1")
        else:
            press(page, "Enter" if no % 2 else "c")
        true_in(page, "id => document.querySelector('[data-review]')?.dataset.slip !== id", slip)
    seconds = time.monotonic() - began
    print(f"{COUNT} slips in {seconds:.1f} s")
    shot(page, "done")
    rejected = sum(1 for no in range(COUNT) if no % 5 == 3)
    assert states(web_app) == (
        {SlipStatus.CONFIRMED: COUNT - rejected, SlipStatus.REJECTED: rejected}, COUNT - rejected,
    )  # fmt: skip
    press(page, "z")
    expect(page.locator("[data-place]")).to_contain_text("1")
    assert states(web_app)[0][SlipStatus.WAITING] == 1
    assert seconds < COUNT * 3


def test_slips_are_dropped_together_and_each_answers_by_itself(walk, web_app, settings):
    login, address = walk
    page = login("sales", WIDE)
    page.goto(f"{address}/slips/")
    drawn = [Drawn("004", f"NEW{n}", Money(Decimal(50)), "ก", "ร้านรวม", "x", clock.now()) for n in range(2)]
    sent = [{"name": f"new-{n}.jpg", "mimeType": "image/jpeg", "buffer": draw(d)} for n, d in enumerate(drawn)]
    sent.append({"name": "empty.jpg", "mimeType": "image/jpeg", "buffer": b""})
    page.set_input_files("form[data-uploads] input[name=file]", sent)
    expect(page.locator("[data-sent] li.success")).to_have_count(2)
    expect(page.locator("[data-sent] li.danger")).to_have_count(1)
    page.set_input_files("form[data-uploads] input[name=file]", sent[:1])
    expect(page.locator("[data-sent] li.warning")).to_have_count(1)
    assert states(web_app)[0][SlipStatus.RECEIVED] == 2


def test_a_thumb_confirms_on_a_phone(walk, web_app):
    login, address = walk
    page = login("cashier", PHONE)
    page.goto(f"{address}/slip/")
    shot(page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    slip = page.locator("[data-review]").get_attribute("data-slip")
    page.locator(".keys .btn.p").click()
    true_in(page, "id => document.querySelector('[data-review]')?.dataset.slip !== id", slip)
    assert states(web_app)[0][SlipStatus.CONFIRMED] == 1
