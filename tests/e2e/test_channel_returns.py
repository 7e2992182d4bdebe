"""What channels bring besides orders, in a browser: returns on the desk, a waiting order put right, a carrier chosen."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from jobs import channels
from jobs.relay import carry_out
from oms import clock, outbox
from oms.channels.models import ChannelDeed, ChannelHook
from oms.channels.port import Called, ReturnNews, ReturnStage
from oms.channels.states import HookStatus
from oms.db import db, transaction
from oms.intake.models import IntakeItem
from oms.intake.states import Outcome
from oms.money import Money
from oms.orders.models import Order
from oms.outbox import Outbox
from oms.returns.models import Return
from oms.usecases.channel_deeds import TELL
from oms.usecases.channel_hooks import keep_hook
from oms.usecases.channel_returns import TakeReturns, take_returns
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.channels.bazaar import WHO
from tests.channels.test_every_channel import Town
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS")


class Day:
    """A morning on which much came besides orders."""

    def __init__(self, app, stack: ExitStack) -> None:
        self.town = town = Town(app, stack)
        for code in ("shopee", "tiktok", "lazada"):
            stall = town.sandboxes[code].stall
            for n in range(3):
                order = stall.make({f"RU-000{n + 1}": 2, "RU-0009": 1}, pay=True)
                stall.ship(order.number, f"TH{code[:2].upper()}0000{n}", "Flash Express")
                stall.deliver(order.number)
                asked = stall.ask_return(order.number, ("กล่องบุบ สินค้าแตก", "ส่งผิดสี", "เปลี่ยนใจ")[n])
                for step in ("agree_return", "send_return", "pay_return")[:n]:
                    stall.step_return(asked.number, step, f"TH77000{n}1")
            channels.sync(town.unit, town.ids[code])
        self.paid_there(order.number)
        self.odd_phone()
        self.strange_carrier()
        with transaction(WHO) as tx:
            keep_hook(tx, town.ids["shopee"], Called({}, b"{}"))
            tx.session.query(ChannelHook).update({"status": HookStatus.ELSEWHERE, "note": "700123456"})

    def paid_there(self, number: str) -> None:
        """Money back without goods; a return of an order nobody knows."""
        shop, at = self.town.shops["lazada"], clock.now()
        told = (
            ReturnNews("LZ-R-889", "900000999", "SELLER_AGREE_RETURN", "สินค้าไม่ตรงปก", {"RU-0004": 1},
                       Money.satang(45900), updated_at=at, stage=ReturnStage.AGREED),
            ReturnNews("LZ-R-890", number, "REFUND_SUCCESS", "ได้ของไม่ครบ", {"RU-0009": 7}, Money.satang(9900),
                       goods_stay=True, updated_at=at, stage=ReturnStage.REFUNDED),
        )  # fmt: skip
        with transaction(WHO) as tx:
            take_returns(tx, TakeReturns(shop, told))
            order = tx.session.scalars(
                select(Order.external_no).where(Order.shop_id == shop).order_by(Order.id)
            ).first()
            alone = ReturnNews("LZ-R-891", str(order), "REFUND_SUCCESS", "", {"RU-0009": 1}, Money.satang(5000),
                               goods_stay=True, updated_at=at, stage=ReturnStage.REFUNDED)  # fmt: skip
            take_returns(tx, TakeReturns(shop, [alone]))

    def odd_phone(self) -> None:
        """An order whose telephone cannot be read waits."""
        order = self.town.sandboxes["shopee"].stall.make({"RU-0005": 1}, pay=True)
        object.__setattr__(order.buyer.home, "phone", "ถามที่ร้านกาแฟ")
        channels.sync(self.town.unit, self.town.ids["shopee"])

    def strange_carrier(self) -> None:
        """An order sent by a carrier that TikTok does not know by this name."""
        at = self.town.ids["tiktok"]
        made = self.town.sandboxes["tiktok"].stall.make({"RU-0006": 1}, pay=True, facts={"shipping_type": "SELLER"})
        channels.sync(self.town.unit, at)
        with transaction(WHO) as tx:
            order_id = tx.session.scalars(select(Order.id).where(Order.external_no == made.number)).one()
            mark_shipped(tx, MarkShipped(order_id, "รถประจำทางสาย 8", "B8-0001"))
            outbox.add(tx, TELL, "walk", connection_id=at)
        db.session.rollback()
        owed = db.session.scalars(select(Outbox.id).where(Outbox.topic == TELL)).all()
        db.session.rollback()
        for one in owed:
            carry_out(one)


@pytest.fixture
def day(web_app, committed):
    with ExitStack() as stack:
        make_logins(web_app)
        yield Day(committed, stack)
        for app in (web_app, committed):
            kept = app.extensions.pop("oms.channels", None)
            if kept is not None:
                kept.close()


def test_what_channels_bring_besides_orders(day, web_app, chromium):
    troubles: list[str] = []
    too_wide: dict[tuple[str, str], int] = {}
    ids = day.town.ids
    db.session.rollback()
    item = db.session.scalars(select(IntakeItem).where(IntakeItem.outcome == Outcome.QUARANTINED)).one()
    waits = f"/quarantine/{item.run_id}/{item.no}"
    sent = db.session.scalars(select(Return).where(Return.tracking_no != "").order_by(Return.id)).first()
    alone = db.session.scalars(select(Return).where(Return.goods_stay)).one()
    paths = {
        "pile": "/returns/?pile=channel", "asked": "/returns/?pile=asked", "return": f"/returns/all/show/{sent.id}",
        "order": f"/orders/{sent.order_id}", "settle": f"/returns/settle/form?return={alone.id}",
        "told": f"/channels/returns/{ids['lazada']}", "shop": f"/channels/{ids['shopee']}",
        "deeds": f"/channels/told/{ids['tiktok']}", "waits": waits,
    }  # fmt: skip
    db.session.rollback()
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
        page.goto(url + paths["deeds"])
        page.locator("select[name=number]").first.select_option(index=2)
        page.locator("form[action$='/carrier'] button").first.click()
        page.wait_for_url(url + paths["deeds"])
        page.goto(url + waits)
        page.fill("input[name=phone]", "081-234-5678")
        page.locator("form[action$='/order'] button.p").click()
        page.wait_for_url(f"{url}/quarantine/")
        page.goto(url + paths["settle"])
        page.locator("form[data-settle] button.p").click()
        page.wait_for_url(f"{url}/returns/all/show/{alone.id}")
    assert (troubles, too_wide) == ([], {})
    db.session.rollback()
    assert db.session.scalars(select(ChannelDeed.facts)).one()["carrier_code"]
    assert db.session.get_one(Return, alone.id).resolution.value == "platform"
