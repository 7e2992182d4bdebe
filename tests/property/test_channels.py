"""Whatever order polls, webhooks, repeats, deaths and late words come in, the orders end the same (R5)."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from jobs import channels
from oms import clock
from oms.channels.models import ChannelOrder
from oms.channels.states import Source
from oms.db import db, transaction
from oms.intake.models import IntakeRun
from oms.intake.states import RunStatus
from oms.orders.models import Order
from oms.orders.states import OrderStatus
from oms.usecases.channel_intake import TakePage, take_page
from tests.channels.bazaar import WHO, Bazaar, bazaar_of
from tests.channels.toy import _news
from views.sandbox.market import No, State

DEEDS = ("pay", "accept", "ship", "deliver", "complete", "cancel")
FINAL = {
    State.UNPAID: OrderStatus.CONFIRMED, State.PAID: OrderStatus.CONFIRMED, State.ACCEPTED: OrderStatus.CONFIRMED,
    State.CANCELED: OrderStatus.CANCELED,
}  # fmt: skip


@pytest.fixture
def bazaar(committed, monkeypatch):
    yield from bazaar_of(committed, monkeypatch)


class Died(Exception):
    """The worker is gone."""


@contextmanager
def dying(bazaar: Bazaar, after: int):
    """A unit of which one transaction never commits."""
    count = 0

    @contextmanager
    def unit():
        nonlocal count
        count += 1
        with transaction(WHO) as tx:
            yield tx
            if count == after:
                raise Died

    yield unit
    bazaar.set(lease_until=clock.now() - timedelta(seconds=1))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), st.integers(0, 0)),
        st.tuples(st.just("deed"), st.integers(0, 10**6)),
        st.tuples(st.just("poll"), st.integers(0, 0)),
        st.tuples(st.just("die"), st.integers(2, 9)),
        st.tuples(st.just("hook"), st.integers(0, 10**6)),
        st.tuples(st.just("late"), st.integers(0, 10**6)),
        st.tuples(st.just("again"), st.integers(0, 0)),
        st.tuples(st.just("flush"), st.integers(0, 0)),
    ),
    min_size=4,
    max_size=25,
)


class Run:
    """What happened so far: orders of ours, and every word the channel ever said of them."""

    def __init__(self, bazaar: Bazaar) -> None:
        self.bazaar, self.stall = bazaar, bazaar.stall
        self.mine: set[str] = set()
        self.words: list[dict] = []

    def step(self, name: str, dice: int) -> None:
        """Do one thing."""
        getattr(self, name)(Random(dice), dice)
        self.words += [self.bazaar.sandbox._row(self.stall.orders[n]) for n in sorted(self.mine)]

    def make(self, *_: object) -> None:
        self.mine.add(self.stall.make({"RU-0001": 1}, pay=True).number)

    def deed(self, random: Random, _: int) -> None:
        if self.mine:
            with suppress(No):
                getattr(self.stall, random.choice(DEEDS))(random.choice(sorted(self.mine)))

    def poll(self, *_: object) -> None:
        self.bazaar.sync()

    def die(self, _: Random, dice: int) -> None:
        with dying(self.bazaar, dice) as unit:
            try:
                channels.sync(unit, self.bazaar.id)
            except Died:
                db.session.rollback()

    def hook(self, *_: object) -> None:
        self.hear(self.words[-1:])

    def late(self, random: Random, _: int) -> None:
        self.hear(random.sample(self.words, min(len(self.words), 3)))

    def hear(self, words: list[dict]) -> None:
        with transaction(WHO) as tx:
            for told in words:
                page = TakePage(self.bazaar.shop_id, Source.WEBHOOK, [_news(told)] * 3, "hook", finish=True)
                take_page(tx, page)

    def again(self, *_: object) -> None:
        self.bazaar.set(cursor_at=clock.now() - timedelta(hours=1), page="", window_until=None)

    def flush(self, *_: object) -> None:
        self.bazaar.drain()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_interleaving_ends_in_the_same_orders(bazaar, steps):
    run = Run(bazaar)
    for name, dice in steps:
        run.step(name, dice)
    bazaar.set(lease_until=None)
    bazaar.sync(since=clock.now() - timedelta(hours=2))
    orders = bazaar.orders()
    assert run.mine <= set(orders)
    for number in run.mine:
        state = run.stall.orders[number].state
        if state in FINAL:
            assert orders[number].status is FINAL[state], (number, state)
        else:
            assert orders[number].fulfillment_status.value in {"shipped", "delivered"}, (number, state)
    db.session.rollback()
    numbers = list(db.session.scalars(select(Order.external_no).where(Order.shop_id == bazaar.shop_id)))
    assert len(numbers) == len(set(numbers))
    for kept in db.session.scalars(select(IntakeRun).where(IntakeRun.status == RunStatus.DONE)):
        assert kept.received == kept.created + kept.updated + kept.unchanged + kept.quarantined + kept.rejected
    assert {c.external_no for c in db.session.scalars(select(ChannelOrder))} >= run.mine
