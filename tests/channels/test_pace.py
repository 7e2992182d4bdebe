"""A shop is asked no faster than it allows: every request counts, over all workers; the platform never says "too many"."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from jobs import channels
from jobs.channel_line import Line
from oms.channels import registry
from oms.channels.registry import CONNECTORS
from oms.db import db, transaction
from oms.net.pacing import hold_off, paced, pass_gate
from oms.orders.models import Order
from oms.usecases.channel_lease import book_turn
from tests.channels.bazaar import WHO
from tests.channels.test_markets_sync import Connected
from tests.channels.toy import KIND


def limited(stall, per_second: float) -> None:
    stall.per_second, stall.refused = per_second, 0
    stall.asked_at.clear()


@pytest.fixture(params=[pytest.param("lazada", marks=pytest.mark.deep), "shopee"])
def market(committed, request):
    """Lazada asks for the pieces of orders beside them, Shopee for numbers and then whole orders in fifties."""
    with ExitStack() as stack:
        yield Connected(committed, stack, request.param)
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


def test_three_hundred_orders_come_in_without_one_no(market):
    for n in range(300):
        market.stall.make({f"RU-000{n % 4 + 1}": 1}, pay=True)
    code = market.sandbox.name
    limited(market.stall, CONNECTORS[code].per_second)
    before = len(market.stall.calls)
    assert channels.sync(lambda: transaction(WHO), market.id).created == 300
    assert market.stall.refused == 0
    assert len(market.stall.calls) - before > 8, "one page takes several requests"
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Order)) == 300


def test_a_question_of_many_requests_waits_before_each(bazaar, monkeypatch):
    monkeypatch.setitem(registry.CONNECTORS, "bazaar", replace(KIND, per_second=10.0))
    limited(bazaar.stall, 10)
    line = Line(bazaar.unit, bazaar.id)
    began = time.monotonic()
    line.ask(lambda channel: [channel.check() for _ in range(12)])
    took = time.monotonic() - began
    assert bazaar.stall.refused == 0
    assert 11 / 10 < took < 5


def test_several_workers_share_one_pace(bazaar, monkeypatch):
    monkeypatch.setitem(registry.CONNECTORS, "bazaar", replace(KIND, per_second=8.0))
    limited(bazaar.stall, 10)  # one that was held up on its way comes close to the next

    def work() -> None:
        with bazaar.app.app_context():
            line = Line(bazaar.unit, bazaar.id)
            for _ in range(4):
                line.ask(lambda channel: channel.check())

    workers = [threading.Thread(target=work) for _ in range(4)]
    began = time.monotonic()
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert bazaar.stall.refused == 0
    assert len(bazaar.stall.calls) == 16
    assert time.monotonic() - began > 15 / 8


def test_a_rest_saves_nothing_up(bazaar, monkeypatch):
    monkeypatch.setitem(registry.CONNECTORS, "bazaar", replace(KIND, per_second=0.1))
    with transaction(WHO) as tx:
        assert book_turn(tx, bazaar.id) == 0
        assert 0 < book_turn(tx, bazaar.id) <= 10 / 0.9


def test_the_gate_is_this_threads_alone():
    passed: list[str] = []
    with paced(lambda: passed.append("mine")):
        pass_gate()
        other = threading.Thread(target=pass_gate)
        other.start()
        other.join()
    pass_gate()
    assert passed == ["mine"]


def test_a_shop_that_soon_has_enough_is_left_alone_by_all(bazaar, monkeypatch):
    monkeypatch.setitem(registry.CONNECTORS, "bazaar", replace(KIND, per_second=50.0))
    mine, other = Line(bazaar.unit, bazaar.id), Line(bazaar.unit, bazaar.id)
    mine.ask(lambda channel: channel.check())
    mine.ask(lambda channel: (channel.check(), hold_off(0.6)))
    began = time.monotonic()
    other.ask(lambda channel: channel.check())
    assert time.monotonic() - began > 0.5
