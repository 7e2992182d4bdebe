"""A morning with channels in a browser: who does well, what was read, what waits, what may be sold, in both sizes."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from jobs import channels
from jobs.channel_line import Line
from jobs.offers import Pusher, look_at_listings
from jobs.relay import carry_out
from oms import clock
from oms.channels.models import ChannelConnection, ChannelMessage
from oms.db import db, transaction
from oms.outbox import Outbox, OutboxStatus
from oms.usecases.channel_days import PROVE, ask_proof
from oms.usecases.orders_cancel import CancelOrder, CancelReason, cancel_order
from tests.channels.bazaar import WHO
from tests.channels.test_every_channel import Town
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS")


@pytest.fixture
def town(web_app, committed):
    with ExitStack() as stack:
        make_logins(web_app)
        made = Town(committed, stack)
        shopee = made.sandboxes["shopee"].stall
        for n in range(9):
            shopee.make({f"RU-{n + 1:04d}": 1}, pay=n % 4 > 0)
        shopee.listings["1012"].sku = "ของแปลกที่ไม่รู้จัก"
        shopee.make({"ของแปลกที่ไม่รู้จัก": 1}, pay=True)
        made.sandboxes["lazada"].stall.make({"RU-0003": 2}, pay=True)
        with transaction(WHO) as tx:
            tx.session.execute(update(ChannelConnection).values(offers=True))
        for code in ("shopee", "lazada", "woocommerce"):
            channels.sync(made.unit, made.ids[code])
        look_at_listings(Line(made.unit, made.ids["shopee"]), always=True)
        pusher = Pusher()
        pusher.tick()
        pusher.settle()
        first = db.session.scalars(
            select(ChannelMessage).where(ChannelMessage.shop_id == made.shops["shopee"], ChannelMessage.order_id > 0)
        ).first()
        order_id = first.order_id
        with transaction(WHO) as tx:
            cancel_order(tx, CancelOrder(order_id, CancelReason.OUT_OF_STOCK))
            ask_proof(tx, made.ids["shopee"], clock.local(clock.now()).date())
            tx.session.execute(
                update(ChannelConnection)
                .where(ChannelConnection.id == made.ids["tiktok"])
                .values(failures=6, closed_until=clock.now() + timedelta(minutes=9), last_error="36009002 busy",
                        last_error_at=clock.now())
            )  # fmt: skip
        waiting = select(Outbox.id).where(Outbox.topic == PROVE, Outbox.status == OutboxStatus.WAITING)
        for owed in list(db.session.scalars(waiting)):
            db.session.rollback()
            carry_out(owed)
        yield made
        for app in (web_app, committed):
            kept = app.extensions.pop("oms.channels", None)
            if kept is not None:
                kept.close()


def test_a_morning_with_channels(town, web_app, chromium):
    troubles: list[str] = []
    too_wide: dict[tuple[str, str], int] = {}
    shopee = town.ids["shopee"]
    word = db.session.scalars(select(ChannelMessage.id).where(ChannelMessage.shop_id == town.shops["shopee"])).first()
    db.session.rollback()
    paths = {
        "list": "/channels/", "show": f"/channels/{shopee}", "runs": f"/channels/said/{shopee}/runs",
        "messages": f"/channels/said/{shopee}/messages", "word": f"/channels/said/{shopee}/messages/{word}",
        "deeds": f"/channels/told/{shopee}", "days": "/channels/days/", "offers": f"/offers/?shop={town.shops['shopee']}",
    }  # fmt: skip
    with served(web_app) as url, opened(chromium) as browser:
        for size, view in (("wide", WIDE), ("phone", PHONE)):
            page = logged_in(browser, url, "manager", view, troubles)
            for name, path in paths.items():
                page.goto(url + path)
                expect(page.locator("h1").first).to_be_visible()
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                too_wide |= {(name, size): wide} if wide > 1 else {}
                if SHOTS:
                    page.screenshot(path=Path(SHOTS) / f"{name}-{size}.png", full_page=True)
        page = logged_in(browser, url, "manager", WIDE, troubles)
        page.goto(f"{url}/channels/{shopee}")
        page.locator("form[action$='/sync'] button").first.click()
        page.wait_for_url(f"{url}/channels/{shopee}")
    assert (troubles, too_wide) == ([], {})
