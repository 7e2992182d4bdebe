"""Somebody writes on LINE; a clerk makes an order of it in a real browser, at a desk and on a phone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.customers.models import CustomerIdentity, IdentityKind
from oms.db import db, transaction
from oms.notifications.catalogue import Route
from oms.notifications.hearing import Heard
from oms.notifications.writers import ChatWriter
from oms.usecases.chat_writers import link_writer, take_chat
from oms.usecases.customers import CreateCustomer, create_customer
from oms.usecases.message_routes import RouteFacts, create_route
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")  # a folder for pictures of what was walked through
USER = "U" + "c" * 32
SAID = (
    "สวัสดีค่ะ เสื้อยืดยังมีไหมคะ", "เอา RU-0001 2 ตัวค่ะ เก็บปลายทาง",
    "สมใจ ใจดี 0812345678\n45/7 หมู่ 2 ต.สันทรายน้อย อ.สันทราย เชียงใหม่ 50210",
)  # fmt: skip


@pytest.fixture
def walk(web_app, settings, _kept, chromium):
    """(a function from role and view to a page, address). One wrote an order on LINE, another asked on Messenger."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            small_shop(tx, pieces=100)
            sealer, now = web_app.extensions["oms.sealer"], clock.now()
            line = create_route(tx, RouteFacts("line", "LINE ร้าน", secrets={"access_token": "t"}), sealer).id
            page = {"page_id": "1"}
            meta = create_route(tx, RouteFacts("messenger", "เพจ", options=page, secrets={"access_token": "t"}), sealer)
            took = [
                Heard(
                    USER,
                    now - timedelta(minutes=9 - n),
                    told_id=f"m{n}",
                    kind="text",
                    body=text,
                    thread="https://chat.line.biz/x",
                )
                for n, text in enumerate(SAID)
            ]
            take_chat(tx, line, Route.LINE, took)
            asked = Heard("4711", now - timedelta(days=2), told_id="a", kind="image")
            take_chat(tx, meta.id, Route.MESSENGER, [asked])
            rows = tx.session.scalars(select(ChatWriter).order_by(ChatWriter.id)).all()
            rows[0].name, rows[1].name = "น้องแนน 🌸", "สมชาย ขายดี"
            person = create_customer(tx, CreateCustomer("สมชาย ขายดี", "0891112222")).customer_id
            link_writer(tx, rows[1].id, person)
        db.session.remove()
    troubles = []
    with served(web_app) as address, opened(chromium) as browser:
        yield lambda role, view: logged_in(browser, address, role, view, troubles), address
    clean(settings, _kept)
    assert troubles == []


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
def test_an_order_is_made_of_what_somebody_wrote(walk, web_app, view):
    open_as, address = walk
    page, size = open_as("sales", view), view["width"]
    page.goto(f"{address}/chats/")
    expect(page.get_by_text("น้องแนน 🌸")).to_be_visible()
    expect(page.get_by_text("081xxxxx78")).to_be_visible()
    shot(page, f"chats-list-{size}")
    page.get_by_text("สมชาย ขายดี").first.click()
    page.wait_for_url("**/chats/*")
    shot(page, f"chats-linked-{size}")
    page.goto(f"{address}/chats/")
    page.get_by_text("น้องแนน 🌸").click()
    page.wait_for_url("**/chats/*")
    expect(page.get_by_text("0812345678")).to_be_visible()
    shot(page, f"chats-show-{size}")
    page.get_by_role("link", name="เปิดคำสั่งซื้อ", exact=True).last.click()
    page.wait_for_url("**/entry/?writer=*")
    expect(page.locator("#name")).to_have_value("สมใจ ใจดี")
    expect(page.locator("#postcode")).to_have_value("50210")
    expect(page.locator("#items .item")).to_have_count(1)
    expect(page.locator("input[name=term][value=cod]")).to_be_checked()
    shot(page, f"chats-entry-{size}")
    page.locator("button[name=action][value=draft]").first.click()
    page.wait_for_url(lambda url: "writer=" not in url)
    with web_app.app_context():
        known = db.session.scalars(
            select(CustomerIdentity.external_id).where(CustomerIdentity.kind == IdentityKind.LINE)
        ).all()
        db.session.remove()
    assert known == [USER]
    page.goto(f"{address}/chats/?linked=yes")
    expect(page.get_by_role("link", name="สมใจ ใจดี")).to_be_visible()


def test_what_was_typed_into_a_form_comes_back_when_it_is_refused(walk, web_app):
    open_as, address = walk
    page = open_as("manager", WIDE)
    page.goto(f"{address}/chats/1")
    page.fill("#who", "สมชายคนที่อยู่เชียงใหม่")
    with page.expect_navigation():
        page.get_by_role("button", name="ผูกกับลูกค้าคนนี้").click()
    expect(page.locator(".flash.danger")).to_be_visible()
    expect(page.locator("#who")).to_have_value("สมชายคนที่อยู่เชียงใหม่")
    page.goto(f"{address}/chats/1")
    expect(page.locator("#who")).to_have_value("")
