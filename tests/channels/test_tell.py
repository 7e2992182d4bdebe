"""What a channel is told: once, looked up after a silence, left to a person after a refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from jobs import channel_tell
from oms import clock
from oms.channels.asking import refused, silent
from oms.channels.models import ChannelConnection, ChannelDeed
from oms.channels.states import DeedKind, DeedStatus
from oms.db import db, transaction
from oms.documents.labels.models import Waybill
from oms.errors import Forbidden
from oms.net.silence import Silence
from oms.orders.states import Board, CancelReason, OrderStatus
from oms.usecases.channel_answers import answer_buyer
from oms.usecases.channel_deeds import TELL, owe_turns, tell_again
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.channels.bazaar import WHO
from views.sandbox.market import State

D, K = DeedStatus, DeedKind


def deeds() -> list[ChannelDeed]:
    db.session.rollback()
    return list(db.session.scalars(select(ChannelDeed).order_by(ChannelDeed.id)))


@pytest.fixture
def order(bazaar):
    """An order of the channel that is ready to be sent."""
    made = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.sync()
    assert bazaar.orders()[made.number].board is Board.READY
    return made


def ship(bazaar, number: str, tracking: str = "TH123") -> None:
    with transaction(WHO) as tx:
        mark_shipped(tx, MarkShipped(bazaar.orders()[number].id, "Flash Express", tracking))


def tell(bazaar) -> None:
    with transaction(WHO) as tx:
        tx.session.query(ChannelDeed).update({"next_try_at": clock.now()})
    bazaar.work(TELL, connection_id=bazaar.id)


def test_the_channel_is_told_of_a_parcel_that_left(bazaar, order):
    ship(bazaar, order.number)
    assert [(d.kind, d.status) for d in deeds()] == [(K.SHIP, D.WAITING)]
    with transaction(WHO) as tx:
        assert owe_turns(tx) == 1
    bazaar.drain(TELL)
    assert (order.state, order.tracking, order.carrier) == (State.SHIPPED, "TH123", "Flash Express")
    assert [d.status for d in deeds()] == [D.DONE]
    tell(bazaar)
    assert bazaar.stall.tallies["ship"] == 1


def test_a_switch_that_is_off_and_goods_the_channel_sent_are_not_told(bazaar, order):
    bazaar.set(tells_shipping=False)
    ship(bazaar, order.number)
    other = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.stall.ship(other.number, "T2")
    bazaar.sync()
    assert deeds() == []


def test_an_answer_that_never_came_is_looked_up_and_not_said_twice(bazaar, order):
    ship(bazaar, order.number)
    bazaar.stall.fail("500", after=True)
    tell(bazaar)
    assert order.state is State.SHIPPED
    assert [d.status for d in deeds()] == [D.UNSURE]
    calls = len(bazaar.stall.calls)
    tell(bazaar)
    assert [c.path for c in bazaar.stall.calls[calls:]] == ["/orders/some"]
    assert [d.status for d in deeds()] == [D.DONE]


def test_a_word_that_did_not_arrive_is_said_again(bazaar, order):
    ship(bazaar, order.number)
    bazaar.stall.fail("500", after=False)
    tell(bazaar)
    assert order.state is State.PAID
    tell(bazaar)
    assert order.state is State.SHIPPED
    assert [d.status for d in deeds()] == [D.DONE]


def test_a_refusal_waits_for_a_person_who_may_try_again(bazaar, order, actor):
    ship(bazaar, order.number)
    bazaar.stall.orders[order.number].state = State.UNPAID
    tell(bazaar)
    assert [d.status for d in deeds()] == [D.NEEDS_PERSON]
    with transaction(actor("warehouse")) as tx, pytest.raises(Forbidden):
        tell_again(tx, deeds()[0].id)
    bazaar.stall.orders[order.number].state = State.PAID
    with transaction(WHO) as tx:
        tell_again(tx, deeds()[0].id)
    tell(bazaar)
    assert [d.status for d in deeds()] == [D.DONE]


@pytest.mark.parametrize("left", [True, False])
def test_a_parcel_the_platform_had_fetched_needs_no_person(bazaar, order, monkeypatch, left):
    """Its carrier took it before we said so: "not ready to be sent" then means that it has left."""
    ship(bazaar, order.number)
    if left:
        bazaar.stall.ship(order.number, "SPX1")

    def not_ready(*_: object, **__: object) -> None:
        raise refused("order_not_ready_to_ship", "not ready to ship")

    monkeypatch.setattr(channel_tell, "_tell", not_ready)
    tell(bazaar)
    assert [d.status for d in deeds()] == [D.DONE if left else D.NEEDS_PERSON]


def test_what_is_not_ready_yet_holds_up_nothing_else(bazaar, order, monkeypatch):
    """A label that is still being printed says nothing about the shop, and the next word is told."""
    other = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.sync()
    tell_it = channel_tell._tell

    def printing(channel, asked):
        if asked.external_no == order.number:
            raise silent(Silence("not_ready", retry_after=timedelta(minutes=5)))
        return tell_it(channel, asked)

    monkeypatch.setattr(channel_tell, "_tell", printing)
    ship(bazaar, order.number)
    ship(bazaar, other.number, "TH124")
    tell(bazaar)
    first, second = deeds()
    assert (first.status, second.status) == (D.UNSURE, D.DONE)
    assert first.next_try_at > clock.now() + timedelta(minutes=4)
    row = db.session.scalars(select(ChannelConnection)).one()
    assert (row.failures, row.closed_until, row.last_error) == (0, None, "")


def test_our_cancel_is_told_and_the_channels_is_not_told_back(bazaar, order):
    with transaction(WHO) as tx:
        cancel_order(tx, CancelOrder(bazaar.orders()[order.number].id, CancelReason.OUT_OF_STOCK))
    tell(bazaar)
    assert order.state is State.CANCELED
    other = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.sync()
    bazaar.stall.cancel(other.number, "x", "buyer")
    bazaar.sync()
    assert bazaar.orders()[other.number].status is OrderStatus.CANCELED
    assert [d.kind for d in deeds()] == [K.CANCEL]


@pytest.mark.parametrize("agree", [True, False])
def test_a_buyer_who_wants_to_cancel_is_answered(bazaar, order, agree):
    bazaar.stall.ask_cancel(order.number)
    bazaar.sync()
    mine = bazaar.orders()[order.number]
    assert mine.board is Board.ON_HOLD
    with transaction(WHO) as tx:
        answer_buyer(tx, mine.id, agree=agree)
    tell(bazaar)
    assert order.state is (State.CANCELED if agree else State.PAID)
    assert not order.cancel_asked
    assert [(d.kind, d.status) for d in deeds()] == [(K.AGREE_CANCEL if agree else K.REFUSE_CANCEL, D.DONE)]
    assert bazaar.orders()[order.number].board is (Board.CANCELED if agree else Board.READY)


def test_ready_orders_are_accepted_and_their_labels_fetched(bazaar, order):
    bazaar.set(accepts=True)
    bazaar.sync()
    tell(bazaar)
    assert order.state is State.ACCEPTED
    tell(bazaar)
    assert [(d.kind, d.status) for d in deeds()] == [(K.ACCEPT, D.DONE), (K.LABEL, D.DONE)]
    page = db.session.scalars(select(Waybill)).one()
    assert page.order_id == bazaar.orders()[order.number].id
