"""Every platform that tells returns, played by its simulator: asked, agreed, sent, paid back; each becomes one here."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from sqlalchemy import select

from jobs import channels
from oms.channels.port import Ability
from oms.channels.registry import CONNECTORS
from oms.channels.return_models import ChannelReturn
from oms.db import db
from oms.money import Money
from oms.returns.models import Return
from oms.returns.states import ReturnReason, ReturnStatus
from tests.channels.test_every_channel import Town
from views.sandbox.stage_channels import DIALECTS

T = ReturnStatus
TELLING = sorted(code for code in DIALECTS if Ability.RETURNS in CONNECTORS[code].abilities)
AT_ONCE = {"shopify", "shopify_app", "woocommerce"}  # a shop's own people give the money back as they take it in
STEPS = {"agree_return": T.APPROVED, "send_return": T.IN_TRANSIT, "pay_return": T.IN_TRANSIT}


@pytest.fixture
def town(committed):
    with ExitStack() as stack:
        yield Town(committed, stack)
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


def told(town, code: str) -> tuple[ChannelReturn, Return | None]:
    channels.sync(town.unit, town.ids[code])
    db.session.rollback()
    row = db.session.scalars(select(ChannelReturn).where(ChannelReturn.shop_id == town.shops[code])).one()
    return row, row.ret


@pytest.mark.parametrize("code", TELLING)
def test_a_return_becomes_one_here_and_follows(town, code):
    stall = town.sandboxes[code].stall
    order = stall.make({"RU-0001": 2, "RU-0002": 1}, pay=True)
    stall.ship(order.number, "TH900000001", "Flash Express")
    stall.deliver(order.number)
    asked = stall.ask_return(order.number, "สินค้าชำรุด")
    row, ret = told(town, code)
    assert (row.wait, ret is not None) == (None, True), (row.wait, row.wait_note, row.status)
    pieces = {line.order_line.sku_code: line.quantity for line in ret.lines}
    assert pieces == {"RU-0001": 2, "RU-0002": 1}
    assert (ret.reason, ret.note) == (ReturnReason.DAMAGED, ret.note)
    if code in AT_ONCE:
        assert (row.stage, ret.status) == ("refunded", T.APPROVED)
    else:
        assert ret.status is T.REQUESTED
        for step, status in STEPS.items():
            stall.step_return(asked.number, step, "TH7700011")
            row, ret = told(town, code)
            sent = T.APPROVED if code == "shopee" else T.IN_TRANSIT  # Shopee's list has no word for "sent"
            assert ret.status is (sent if status is T.IN_TRANSIT else status), step
        assert (row.stage, ret.tracking_no) == ("refunded", "TH7700011")
    again, _ = told(town, code)
    assert again.id == row.id
    assert db.session.scalars(select(Return)).all() == [ret]


def test_buyers_of_the_demo_give_back_and_it_shows_here(town):
    from views.sandbox.selling import Seller, Ways

    stall = town.sandboxes["tiktok"].stall
    seller = Seller(town.market, 0, Ways(refuses=0.0))
    seller.give_back_soon(stall, 1)
    now, seen = time.monotonic(), []
    for later in (1000, 1021, 1041, 1061):
        seller.turn(now + later)
        row, ret = told(town, "tiktok")
        seen.append((row.stage.value, ret.status if ret else None))
    assert seen == [
        ("asked", T.REQUESTED), ("agreed", T.APPROVED), ("sent", T.IN_TRANSIT), ("refunded", T.IN_TRANSIT),
    ]  # fmt: skip


def two_lines_of_one_sku(stall):
    """An order that has one SKU in two lines: three pieces at the price of the day, then one cheaper."""
    order = stall.make({"RU-0001": 3, "RU-0002": 1})
    first, other = order.lines
    again = replace(
        first, id=f"{order.serial}77", listing_id=str(int(first.listing_id) + 500), quantity=1, price=first.price - 9
    )  # fmt: skip
    order.lines = (first, again, other)
    stall.pay(order.number)
    stall.ship(order.number, "TH900000001", "Flash Express")
    stall.deliver(order.number)
    return order, first, again


@pytest.mark.parametrize("code", TELLING)
@pytest.mark.parametrize("named", ["cheap", "several"])
def test_a_return_is_of_the_line_that_the_channel_names(town, code, named):
    stall = town.sandboxes[code].stall
    order, first, again = two_lines_of_one_sku(stall)
    back = {again.id: 1} if named == "cheap" else {first.id: 2}
    stall.ask_return(order.number, "สินค้าชำรุด", back)
    row, ret = told(town, code)
    assert (row.wait, row.wait_note, row.pieces) == (None, "", {"RU-0001": sum(back.values())})
    price = Money(again.price if named == "cheap" else first.price)
    assert [(line.order_line.unit_price, line.quantity) for line in ret.lines] == [(price, sum(back.values()))]
    once_more, _ = told(town, code)
    assert (once_more.wait, once_more.return_id, once_more.opened) == (None, ret.id, 1)
