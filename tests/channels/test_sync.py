"""Orders arrive from a channel by themselves: once, whatever breaks on the way."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event, select

from jobs.channel_line import LeftAlone
from oms import audit, clock
from oms.channels.models import ChannelMessage, ChannelOrder
from oms.channels.port import ChannelSilent
from oms.db import db, transaction
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.states import Outcome, RunStatus
from oms.orders.models import Order
from oms.orders.states import Board, OrderStatus
from oms.outbox import Outbox
from oms.usecases import channel_intake
from oms.usecases.channel_lease import begin
from oms.usecases.channel_sync import SYNC, owe_due
from tests.channels.bazaar import WHO

STORED = (Order, ChannelOrder, ChannelMessage, IntakeRun, IntakeItem, Outbox, audit.AuditLog)


def test_orders_of_all_pages_arrive_and_the_ledger_closes(bazaar):
    made = [bazaar.stall.make(pay=n % 2 == 0).number for n in range(120)]
    ledger = bazaar.sync()
    assert (ledger.received, ledger.created, ledger.closes) == (120, 120, True)
    assert set(bazaar.orders()) == set(made)
    run = db.session.get_one(IntakeRun, ledger.run_id)
    assert (run.status, run.received, run.created, run.source) == (RunStatus.DONE, 120, 120, "poll")
    row = bazaar.row()
    assert row.cursor_at is not None
    assert (row.page, row.lease, row.failures) == ("", "", 0)


def test_the_same_pages_again_write_nothing(bazaar):
    for _ in range(60):
        bazaar.stall.make(pay=True)
    bazaar.sync()
    before = bazaar.count(*STORED)
    bazaar.set(cursor_at=clock.now() - timedelta(hours=1))
    ledger = bazaar.sync()
    assert (ledger.received, ledger.unchanged, ledger.run_id) == (60, 60, None)
    assert bazaar.count(*STORED) == before


def test_an_order_follows_its_channel(bazaar):
    order = bazaar.stall.make()
    bazaar.sync()
    assert bazaar.orders()[order.number].board is Board.WAITING_PAYMENT
    bazaar.stall.pay(order.number)
    assert bazaar.sync().updated == 1
    bazaar.stall.cancel(order.number, "ไม่มีของ", "platform")
    ledger = bazaar.sync()
    assert (ledger.updated, ledger.closes) == (1, True)
    assert bazaar.orders()[order.number].status is OrderStatus.CANCELED


def test_known_orders_are_locked_before_any_stock(bazaar):
    """As whoever sends goods does; else a page of old and new orders and a hand-over wait for each other for good."""
    known = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.sync()
    bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.stall.cancel(known.number)
    asked: list[str] = []
    listen = partial(event.listen, db.engine, "before_cursor_execute")
    listen(note := lambda *facts: asked.append(facts[2]))
    try:
        ledger = bazaar.sync()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert (ledger.created, ledger.updated) == (1, 1)
    locks = [s for s in asked if "FOR NO KEY UPDATE" in s and ("FROM orders" in s or "FROM stock_levels" in s)]
    assert "FROM orders" in locks[0]
    assert any("FROM stock_levels" in s for s in locks)


def test_an_unknown_product_waits_and_goes_in_once_it_is_known(bazaar):
    from oms.importing.quarantine import MapAndRelease, map_and_release
    from views.sandbox.market import Listing

    bazaar.stall.listings["9"] = Listing("9", "ของแปลก", "ของแปลก", bazaar.stall.listings["1001"].price, 9)
    odd, fine = bazaar.stall.make({"ของแปลก": 1}, pay=True), bazaar.stall.make({"RU-0001": 1}, pay=True)
    ledger = bazaar.sync()
    assert (ledger.created, ledger.quarantined, ledger.closes) == (1, 1, True)
    assert set(bazaar.orders()) == {fine.number}
    assert bazaar.sync(since=clock.now() - timedelta(hours=1)).unchanged == 2
    with transaction(WHO) as tx:
        done = map_and_release(tx, MapAndRelease(bazaar.shop_id, "ของแปลก", bazaar.shop.skus[0]))
    assert done.released == 1
    assert set(bazaar.orders()) == {odd.number, fine.number}
    kept = db.session.get_one(ChannelOrder, (bazaar.shop_id, odd.number))
    assert kept.order_id == bazaar.orders()[odd.number].id
    run = db.session.get_one(IntakeRun, ledger.run_id)
    assert (run.received, run.created, run.quarantined) == (2, 2, 0)


def test_a_broken_order_waits_for_a_person_and_holds_nothing_up(bazaar):
    numbers = [bazaar.stall.make(pay=True).number for _ in range(5)]
    bazaar.sandbox.broken.add(numbers[2])
    ledger = bazaar.sync()
    assert (ledger.created, ledger.quarantined, ledger.closes) == (4, 1, True)
    bazaar.sandbox.broken.clear()
    bazaar.stall.pay  # noqa: B018  the same order, readable now
    assert bazaar.sync(since=clock.now() - timedelta(hours=1)).created == 1
    assert set(bazaar.orders()) == set(numbers)
    waiting = select(IntakeItem).where(IntakeItem.outcome == Outcome.QUARANTINED, IntakeItem.closed_at.is_(None))
    assert db.session.scalars(waiting).all() == []


def test_an_order_our_program_breaks_on_waits_alone(bazaar, monkeypatch):
    numbers = [bazaar.stall.make(pay=True).number for _ in range(6)]
    real = channel_intake.take_orders

    def breaks(tx, cmd):
        if any(i.order.external_no == numbers[3] for i in cmd.orders):
            raise KeyError("a bug")
        return real(tx, cmd)

    monkeypatch.setattr(channel_intake, "take_orders", breaks)
    ledger = bazaar.sync()
    assert (ledger.received, ledger.created, ledger.quarantined, ledger.closes) == (6, 5, 1, True)
    assert set(bazaar.orders()) == set(numbers) - {numbers[3]}
    assert bazaar.row().page == ""


def test_a_sync_that_dies_between_pages_goes_on_at_the_page(bazaar):
    for _ in range(130):
        bazaar.stall.make(pay=True)
    bazaar.stall.fail("429", after=False)
    with pytest.raises(ChannelSilent):
        bazaar.sync()
    assert bazaar.count(Order) == (0,)
    seen: list[str] = []
    bazaar.sandbox.stall.told = lambda *_: None
    original = bazaar.sandbox._page

    def second_page_fails(found, page):
        seen.append(page)
        if page == "50" and len(seen) == 2:
            bazaar.stall.fail("500", after=True)
        return original(found, page)

    bazaar.sandbox._page = second_page_fails
    bazaar.set(closed_until=None, failures=0)
    bazaar.sync()
    bazaar.set(closed_until=None, failures=0)
    bazaar.sync()
    assert bazaar.count(Order) == (130,)


def test_one_sync_a_shop_at_a_time(bazaar):
    bazaar.stall.make(pay=True)
    with transaction(WHO) as tx:
        assert begin(tx, bazaar.id)
    from jobs import channels

    assert channels.sync(bazaar.unit, bazaar.id) is None
    bazaar.set(lease_until=clock.now() - timedelta(seconds=1))
    assert bazaar.sync().created == 1


def test_a_silent_channel_is_left_alone_after_a_while_and_asked_again(bazaar):
    bazaar.stall.fail("500", times=6)
    for _ in range(5):
        with pytest.raises(ChannelSilent):
            bazaar.sync()
    with pytest.raises(LeftAlone):
        bazaar.sync()
    row = bazaar.row()
    assert row.failures == 5
    assert row.last_error
    assert row.next_run_at > clock.now() + timedelta(minutes=10)
    bazaar.stall.faults.clear()
    bazaar.stall.make(pay=True)
    bazaar.set(closed_until=clock.now() - timedelta(seconds=1))
    assert bazaar.sync().created == 1
    assert (bazaar.row().failures, bazaar.row().closed_until) == (0, None)


def test_an_ended_access_is_renewed_once_and_stored_before_it_is_used(bazaar):
    bazaar.stall.make(pay=True)
    bazaar.sandbox.expire()
    assert bazaar.sync().created == 1
    assert bazaar.sandbox.renewals == ["R0"]
    bazaar.set(grant_until=clock.now() + timedelta(seconds=1))
    bazaar.sync()
    assert bazaar.sandbox.renewals == ["R0", "R2"]


def test_a_lost_access_asks_for_the_seller_again(bazaar):
    bazaar.sandbox.expire()
    bazaar.sandbox.refresh = "another"
    with pytest.raises(Exception, match="refused"):
        bazaar.sync()
    assert bazaar.row().stopped == "grant"
    with transaction(WHO) as tx:
        assert owe_due(tx) == 0


def test_a_turn_is_owed_once_and_carried_out(bazaar):
    bazaar.stall.make(pay=True)
    with transaction(WHO) as tx:
        assert owe_due(tx) == 1
        assert owe_due(tx) == 0
    bazaar.drain(SYNC)
    assert bazaar.count(Order) == (1,)
    assert bazaar.row().next_run_at > clock.now() + timedelta(seconds=40)


def test_an_older_word_moves_nothing_back(bazaar):
    from oms.channels.states import Source
    from oms.usecases.channel_intake import TakePage, take_page
    from tests.channels.toy import _news

    order = bazaar.stall.make(pay=True)
    old = bazaar.sandbox._row(order)
    bazaar.stall.accept(order.number)
    bazaar.stall.ship(order.number, "TRK1", "Flash Express")
    bazaar.sync()
    before = bazaar.count(*STORED)
    with transaction(WHO) as tx:
        ledger = take_page(tx, TakePage(bazaar.shop_id, Source.WEBHOOK, [_news(old)], "hook", finish=True))
    assert (ledger.unchanged, ledger.closes) == (1, True)
    assert bazaar.count(*STORED) == before


def test_a_shop_of_the_sandbox_never_becomes_a_real_one(bazaar):
    from oms.errors import Refused
    from oms.usecases.channels import Connect, connect_shop

    bazaar.stall.make(pay=True)
    bazaar.sync()
    version = bazaar.row().version
    real = Connect(bazaar.shop_id, "bazaar", "https://bazaar.example", secrets={"secret": "x"}, version=version)
    with transaction(WHO) as tx, pytest.raises(Refused):
        connect_shop(tx, real, bazaar.sealer)
    assert bazaar.row().host == bazaar.host
