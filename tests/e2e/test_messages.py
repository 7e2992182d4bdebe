"""Messages in a real browser: a text copied with one click, words edited beside their preview, at a desk and on a phone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.notifications.catalogue import Event
from oms.notifications.models import Message, MessageSettings
from oms.notifications.states import MessageState
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.message_work import mark_copied
from oms.usecases.notices_expand import expand
from oms.usecases.orders_place import place_orders
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")  # a folder for pictures of what was walked through


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a function from role and view to a page, address). Three buyers wait to be told; one was."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            shop = small_shop(tx, pieces=100)
            tx.session.add(MessageSettings(id=1, events_off=[], quiet_from=0, quiet_to=0))
            sealer = web_app.extensions["oms.sealer"]
            create_route(tx, RouteFacts("copy", "คัดลอกลงแชต"), sealer)
            placed = place_orders(tx, [shop.order((i, 1), confirm=True) for i in range(3)])
            for event in (Event.CONFIRMED, Event.SHIPPED):
                expand(tx, event, [(p.order_id, "0") for p in placed])
            mark_copied(tx, tx.session.scalars(select(Message.id).order_by(Message.id)).first())
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address
    clean(settings, _kept)
    assert troubles == []


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_a_text_is_copied_and_ticked_off_with_one_click(walk, web_app):
    open_page, address = walk
    page = open_page("sales", WIDE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/messages/copies")
    shot(page, "copies-wide")
    buttons = page.locator("button[data-copy]")
    expect(buttons).to_have_count(5)
    wanted = buttons.first.get_attribute("data-copy")
    buttons.first.click()
    expect(buttons).to_have_count(4)
    assert page.evaluate("navigator.clipboard.readText()") == wanted
    with web_app.app_context():
        states = db.session.scalars(select(Message.state).order_by(Message.id)).all()
        db.session.remove()
    assert states.count(MessageState.COPIED) == 2
    page.goto(f"{address}/messages/")
    shot(page, "log-wide")
    page.locator("td.lead a").first.click()
    shot(page, "show-wide")
    phone = open_page("sales", PHONE)
    for path, name in (("/messages/", "log-phone"), ("/messages/copies", "copies-phone"), ("/alerts/", "alerts-phone")):
        phone.goto(f"{address}{path}")
        shot(phone, name)
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path


def test_words_are_edited_beside_their_preview(walk):
    open_page, address = walk
    page = open_page("owner", WIDE)
    page.goto(f"{address}/message-words/")
    shot(page, "words-wide")
    page.goto(f"{address}/message-words/shipped/sms/th")
    expect(page.locator("[data-size]")).not_to_be_empty()
    page.fill("#body", "ส่งแล้ว ")
    page.locator("[data-word='{tracking}']").click()
    expect(page.locator("[data-body]")).to_have_text("ส่งแล้ว TH01234567890")
    page.fill("#body", "{รหัส}")
    expect(page.locator("[data-problems] li")).to_have_count(1)
    shot(page, "editor-wide")
    page.fill("#body", "ส่ง {order} แล้ว")
    page.locator("form[data-words] button.p").click()
    page.wait_for_url(lambda url: url.endswith("/message-words/?language=th"))
    for path, name in (
        ("/message-routes/", "routes-wide"), ("/message-routes/rules", "rules-wide"), ("/alerts/", "alerts-wide"),
        ("/message-routes/new/line", "line-wide"), ("/message-words/confirmed/email/th", "email-wide"),
    ):  # fmt: skip
        page.goto(f"{address}{path}")
        shot(page, name)
    phone = open_page("owner", PHONE)
    for path, name in (
        ("/message-words/", "words-phone"), ("/message-words/confirmed/chat/th", "editor-phone"),
        ("/message-routes/", "routes-phone"), ("/message-routes/rules", "rules-phone"),
    ):  # fmt: skip
        phone.goto(f"{address}{path}")
        shot(phone, name)
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path


def test_words_that_are_not_saved_yet_outlive_a_test_message(walk, web_app):
    open_page, address = walk
    with web_app.app_context():
        with transaction(system("test")) as tx:
            keys = {"api_key": "a", "api_secret": "b"}
            facts = RouteFacts("thaibulksms", "SMS", "http://127.0.0.1:9", options={"sender": "RUAM"}, secrets=keys)
            create_route(tx, facts, web_app.extensions["oms.sealer"])
        db.session.remove()
    page = open_page("manager", WIDE)
    page.goto(f"{address}/message-words/shipped/sms/th")
    page.fill("#body", "ส่งแล้วนะคะ {order}")
    page.fill("#to", "12345")  # no number of a phone
    with page.expect_navigation():
        page.locator("#to").press("Enter")
    expect(page.locator(".flash.danger")).to_be_visible()
    expect(page.locator("#body")).to_have_value("ส่งแล้วนะคะ {order}")
    expect(page.locator("#to")).to_have_value("12345")
    page.goto(f"{address}/message-words/shipped/sms/th")
    expect(page.locator("#body")).not_to_have_value("ส่งแล้วนะคะ {order}")
