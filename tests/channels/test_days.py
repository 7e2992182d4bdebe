"""The proof that no order is missing, and silence that is not usual."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oms import clock
from oms.actor import system
from oms.channels.models import ChannelDay, ChannelOrder
from oms.db import db, transaction
from oms.errors import InvalidInput
from oms.intake.models import IntakeRun
from oms.usecases.channel_days import PROVE, PROVE_ALL, ask_proof, proofs, silences
from oms.usecases.channel_health import connections
from tests.channels.bazaar import WHO


def today():
    return clock.local(clock.now()).date()


def test_a_missing_order_is_found_and_fetched_by_itself(bazaar):
    numbers = [bazaar.stall.make(pay=True).number for _ in range(4)]
    bazaar.sync()
    lost = bazaar.stall.make(pay=True)
    bazaar.set(cursor_at=clock.now() + timedelta(minutes=30))
    bazaar.sync()
    assert lost.number not in bazaar.orders()
    bazaar.work(PROVE_ALL)
    bazaar.drain(PROVE)
    assert set(bazaar.orders()) == {*numbers, lost.number}
    proof = db.session.scalars(select(ChannelDay).where(ChannelDay.day == today())).one()
    assert (proof.theirs, proof.ours, proof.missing, proof.fetched) == (5, 5, [], 1)
    assert "gap" in set(db.session.scalars(select(IntakeRun.source)))


def test_what_cannot_be_fetched_stays_on_the_page(bazaar, monkeypatch):
    bazaar.stall.make(pay=True)
    monkeypatch.setattr("tests.channels.toy.Bazaar.refresh", lambda self, numbers: ())
    with transaction(WHO) as tx:
        ask_proof(tx, bazaar.id, today())
    bazaar.drain(PROVE)
    shown = proofs(db.session(), connections(db.session(), WHO), today(), 2)
    assert [(p.theirs, len(p.missing)) for p in shown] == [(1, 1), (None, 0)]


def test_an_order_in_quarantine_is_not_missing(bazaar):
    order = bazaar.stall.make(pay=True)
    bazaar.sandbox.broken.add(order.number)
    bazaar.sync()
    with transaction(WHO) as tx:
        ask_proof(tx, bazaar.id, today())
    bazaar.drain(PROVE)
    assert db.session.scalars(select(ChannelDay.missing)).one() == []


def test_a_day_to_come_is_not_asked_for(bazaar):
    with transaction(WHO) as tx, pytest.raises(InvalidInput):
        ask_proof(tx, bazaar.id, today() + timedelta(days=1))


def test_silence_is_measured_by_the_shops_own_pace(bazaar):
    for _ in range(70):
        bazaar.stall.make(pay=True)
    bazaar.sync()
    now = clock.now()
    assert silences(db.session(), WHO, now) == []
    rows = db.session.scalars(select(ChannelOrder.external_no).order_by(ChannelOrder.external_no)).all()
    with transaction(WHO) as tx:
        for n, number in enumerate(rows):
            at = now - timedelta(days=n % 14 + 1, minutes=30)
            tx.session.execute(update(ChannelOrder).where(ChannelOrder.external_no == number).values(placed_at=at))
    quiet = silences(db.session(), WHO, now)
    assert [(q.usual, q.orders) for q in quiet] == [(5.0, 0)]
    assert silences(db.session(), system("x").__class__("user", "x", shops=frozenset({99})), now) == []
