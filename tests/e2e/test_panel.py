"""The frame in a real browser: no violation of the policy, no request elsewhere, nothing wider than the screen, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.staff.models import StaffSession
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, opened, served
from tests.shop import small_shop
from tests.views.panel import PASSWORD, make_logins
from tests.views.test_languages import pages

pytestmark = pytest.mark.e2e


@pytest.fixture
def panel(web_app, settings, _kept, chromium) -> Iterator[tuple[Any, str]]:
    """(browser, address) of a panel with one login per role and a small shop."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            small_shop(tx)
        db.session.remove()
    with served(web_app) as address, opened(chromium) as browser:
        yield browser, address
    clean(settings, _kept)


def enter(browser: Any, address: str, view: dict[str, int], role: str = "owner", **look: Any) -> Any:
    context = browser.new_context(viewport=view, **look)
    context.set_default_timeout(15000)
    page = context.new_page()
    page.goto(f"{address}/language/en?next=/login/")
    page.fill("#username", role)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(f"{address}/language/en?next=/")
    return page


@pytest.mark.parametrize(("view", "scheme"), [pytest.param(WIDE, "light", marks=pytest.mark.deep), (PHONE, "dark")])
@pytest.mark.deep
def test_every_page_keeps_to_the_policy_to_this_host_and_to_the_screen(panel, web_app, view, scheme):
    browser, address = panel
    page = enter(browser, address, view, color_scheme=scheme)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    ours = (address, "data:", "blob:", "chrome-extension:", "chrome:")  # the last two are the browser's viewer of PDF
    page.on("request", lambda r: None if r.url.startswith(ours) else wrong.append(r.url))
    for path in pages(web_app):
        if path.startswith(("/api/", "/export/")) or "lookup" in path or path.endswith(("/progress", ".csv")):
            continue
        answer = page.goto(f"{address}{path}", wait_until="domcontentloaded")
        if answer is None or "html" not in answer.headers.get("content-type", ""):
            continue
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > view["width"]:
            wrong.append(f"{path} is {width} wide")
    assert wrong == []


def test_what_was_typed_survives_a_session_that_ended(panel, web_app):
    browser, address = panel
    page = enter(browser, address, WIDE)
    page.goto(f"{address}/products/add")
    page.fill("#code", "P-NEW")
    page.fill("#name", "เสื้อใหม่ 🎽 <b>")
    with web_app.app_context():
        db.session.execute(update(StaffSession).values(ended_at=clock.now()))
        db.session.commit()
        db.session.remove()
    page.click("main button.p")
    expect(page.locator(".flash")).to_contain_text("what you typed is kept on this device")
    page.fill("#username", "owner")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/products/add")
    expect(page.locator("#code")).to_have_value("P-NEW")
    expect(page.locator("#name")).to_have_value("เสื้อใหม่ 🎽 <b>")
    page.click("main button.p")
    expect(page.locator("h1")).to_contain_text("เสื้อใหม่ 🎽 <b>")


def test_two_clicks_on_a_button_send_one_form(panel):
    browser, address = panel
    page = enter(browser, address, WIDE)
    page.goto(f"{address}/products/add")
    page.fill("#code", "P-TWO")
    page.fill("#name", "สองครั้ง")
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    page.dblclick("main button.p")
    expect(page.locator("h1")).to_contain_text("สองครั้ง")
    assert len(sent) == 1


def test_a_question_is_asked_before_what_cannot_be_undone(panel):
    browser, address = panel
    page = enter(browser, address, WIDE)
    other = enter(browser, address, WIDE)
    page.goto(f"{address}/account/")
    page.click("td.acts button")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("End this session?")
    dialog.get_by_text("Cancel").click()
    other.goto(f"{address}/account/")
    assert "/account" in other.url
    page.click("td.acts button")
    dialog.get_by_text("Yes, go on").click()
    expect(page.locator(".flash")).to_contain_text("The session is ended")
    other.goto(f"{address}/account/")
    assert "/login" in other.url


def test_the_menu_of_a_phone_opens_and_closes(panel):
    browser, address = panel
    page = enter(browser, address, PHONE)
    expect(page.locator(".side .brand")).not_to_be_in_viewport()
    page.locator(".bar [data-menu-open]").click()
    expect(page.locator(".side .brand")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator(".side .brand")).not_to_be_in_viewport()


def test_the_slash_key_goes_to_the_search(panel):
    browser, address = panel
    page = enter(browser, address, WIDE)
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
