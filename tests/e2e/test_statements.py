"""A cashier matches a statement without the mouse: moves, chooses, matches, ignores, searches, undoes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import PaymentStatus
from oms.payments.statement_models import StatementLine
from oms.payments.states import LineStatus
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.usecases.statements import NOON, open_till
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a function from view to a cashier's page, address, ids): a slip, two equal orders, a fee, two lines of one order."""
    with web_app.app_context():
        make_logins(web_app)
        with clock.at(NOON), transaction(system("test")) as tx:
            till = open_till(tx, system("till"))
            slip, one, two, big = (
                till.order((i, 1), phone=f"08{n}0000000", name=f"ลูกค้า {n}") for n, i in enumerate((0, 1, 1, 3))
            )
            till.slip(slip, 100)
            lines = [till.line(100), till.line(200), till.line(37), till.line(250), till.line(150)]
            ids = {"slip": slip.id, "one": one.id, "two": two.id, "big": big.id, "number": big.number,
                   "lines": [n.id for n in lines]}  # fmt: skip
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda view: logged_in(browser, address, "cashier", view, troubles), address, ids
    clean(settings, _kept)
    assert troubles == []


def status(web_app, model, key):
    with web_app.app_context():
        row = db.session.get_one(model, key)
        found = row.payment_status if model is Order else row.status
        db.session.remove()
        return found


def test_a_statement_is_matched_by_keyboard_alone(walk, web_app):
    page, address, ids = walk[0](WIDE), walk[1], walk[2]
    keys = page.keyboard
    page.goto(f"{address}/statements/")
    expect(page.locator("[data-panel]:not([hidden]) [data-left-over]")).to_have_text("0.00")
    keys.press("Enter")  # the waiting slip is the only fit and is chosen beforehand
    expect(page.locator(".flash.success")).to_be_visible()
    assert status(web_app, Order, ids["slip"]) is PaymentStatus.PAID
    expect(page.locator("li.at")).to_have_id(f"l{ids['lines'][1]}")  # on to the next: two orders fit
    keys.press("2")
    keys.press("Enter")
    expect(page.locator("li.at")).to_have_id(f"l{ids['lines'][2]}")
    paid = [status(web_app, Order, ids[n]) for n in ("one", "two")]
    assert sorted(paid) == [PaymentStatus.PAID, PaymentStatus.UNPAID]
    keys.press("u")  # the wrong one
    expect(page.locator("li.at")).to_have_id(f"l{ids['lines'][1]}")
    assert status(web_app, StatementLine, ids["lines"][1]) in {LineStatus.AMBIGUOUS, LineStatus.SUGGESTED}
    keys.press("j")
    keys.press("i")  # a fee
    keys.press("Tab")
    keys.type("ค่าธรรมเนียม")
    keys.press("Enter")
    expect(page.locator("li.at")).to_have_id(f"l{ids['lines'][3]}")
    assert status(web_app, StatementLine, ids["lines"][2]) is LineStatus.IGNORED
    keys.press("x")  # 250 and 150 together
    expect(page.locator("[data-panel]:not([hidden]) [data-came]")).to_have_text("400.00")
    keys.press("/")
    keys.type(ids["number"])
    expect(page.locator(".st-find li[aria-selected=true]")).to_contain_text(ids["number"])
    keys.press("Enter")
    expect(page.locator("[data-panel]:not([hidden]) [data-left-over]")).to_have_text("0.00")
    keys.press("Enter")
    expect(page.locator(".flash.success")).to_be_visible()
    assert status(web_app, Order, ids["big"]) is PaymentStatus.PAID
    expect(page.locator("h1")).to_contain_text(re.compile(r"\b1\b"))


def test_a_line_is_matched_on_a_phone(walk, web_app):
    page, address, ids = walk[0](PHONE), walk[1], walk[2]
    page.goto(f"{address}/statements/")
    expect(page.locator(".st-side")).to_be_hidden()
    page.click(f"#l{ids['lines'][0]} a")
    expect(page.locator(".st-list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.click("[data-panel]:not([hidden]) [data-confirm-match]")
    expect(page.locator(".flash.success")).to_be_visible()
    assert status(web_app, Order, ids["slip"]) is PaymentStatus.PAID
    page.click("[data-back]")
    expect(page.locator(".st-list")).to_be_visible()
