"""Webhooks: kept first, answered at once, read later; repeats, disorder, forgery and floods change nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from oms import clock
from oms.channels.models import ChannelHook, ChannelMessage
from oms.channels.port import Called
from oms.channels.states import HookStatus
from oms.db import db, transaction
from oms.errors import NotFound
from oms.orders.models import Order
from oms.orders.states import OrderStatus
from oms.outbox import Outbox
from oms.usecases.channel_hooks import HEAR, connection_of_hook, hear_again, keep_hook
from tests.channels.bazaar import WHO
from tests.e2e.browser import served

H = HookStatus


@pytest.fixture
def address(web_app, bazaar):
    """The shop's webhook address on a port of this machine."""
    with served(web_app) as url:
        yield f"{url}/hooks/channels/{bazaar.row().hook_token}"
        kept = web_app.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


def statuses() -> list[HookStatus]:
    db.session.rollback()
    return list(db.session.scalars(select(ChannelHook.status).order_by(ChannelHook.id)))


def test_a_signed_webhook_brings_the_order(bazaar, address):
    order = bazaar.stall.make(pay=True)
    assert bazaar.sandbox.send_hooks(address, [order.number]) == [200, 200]
    assert bazaar.count(Order) == (0,)
    bazaar.drain(HEAR)
    assert set(bazaar.orders()) == {order.number}
    assert statuses() == [H.DONE, H.DONE]


def test_repeats_and_disorder_end_in_the_same_order(bazaar, address):
    order = bazaar.stall.make(pay=True)
    bazaar.stall.cancel(order.number, "x", "buyer")
    bazaar.sandbox.send_hooks(address, [order.number], times=3, order="reversed")
    bazaar.drain(HEAR)
    before = bazaar.count(Order, ChannelMessage)
    bazaar.sandbox.send_hooks(address, [order.number], times=3, order="shuffled")
    bazaar.drain(HEAR)
    assert bazaar.orders()[order.number].status is OrderStatus.CANCELED
    assert bazaar.count(Order, ChannelMessage) == before
    assert bazaar.count(ChannelHook) == (3,)


def test_a_forged_webhook_is_kept_refused_and_believed_in_nothing(bazaar, address):
    order = bazaar.stall.make(pay=True)
    assert set(bazaar.sandbox.send_hooks(address, [order.number], spoil="signature")) == {401}
    assert set(statuses()) == {H.REFUSED}
    bazaar.drain(HEAR)
    assert bazaar.count(Order) == (0,)


def test_an_unsigned_webhook_only_makes_us_look(bazaar, address):
    order = bazaar.stall.make(pay=True)
    bazaar.sandbox.signs = False
    bazaar.sandbox.send_hooks(address, [order.number])
    calls = len(bazaar.stall.calls)
    bazaar.drain(HEAR)
    assert [c.path for c in bazaar.stall.calls[calls:]] == ["/orders/some"]
    assert set(bazaar.orders()) == {order.number}


def test_a_flood_is_read_in_one_go(bazaar):
    with transaction(WHO) as tx:
        for _ in range(300):
            keep_hook(tx, bazaar.id, Called({}, b'{"number": "X1"}'))
    hooks = db.session.scalars(select(ChannelHook)).all()
    assert [h.times for h in hooks] == [300]
    assert db.session.query(Outbox).filter(Outbox.topic == HEAR).count() <= 3


def test_what_cannot_be_looked_up_waits_for_the_channel_to_answer(bazaar, address):
    order = bazaar.stall.make(pay=True)
    bazaar.sandbox.signs = False
    bazaar.sandbox.send_hooks(address, [order.number])
    bazaar.set(closed_until=clock.now() + timedelta(hours=1), failures=7)
    bazaar.drain(HEAR)
    assert set(statuses()) == {H.WAITING}
    bazaar.set(closed_until=None, failures=0)
    bazaar.sync()
    bazaar.drain(HEAR)
    assert set(statuses()) == {H.DONE}
    assert set(bazaar.orders()) == {order.number}


def test_a_refused_webhook_can_be_read_again_after_the_keys_are_mended(bazaar, address):
    order = bazaar.stall.make(pay=True)
    right = bazaar.sandbox.secret
    bazaar.sandbox.secret = "another"
    bazaar.sandbox.send_hooks(address, [order.number])
    assert set(statuses()) == {H.REFUSED}
    bazaar.sandbox.secret = right
    hook = db.session.scalars(select(ChannelHook.id)).first()
    with transaction(WHO) as tx:
        hear_again(tx, bazaar.id, hook)
    bazaar.drain(HEAR)
    assert H.REFUSED in statuses()


def test_an_address_that_leads_nowhere_says_only_that(bazaar):
    with transaction(WHO) as tx, pytest.raises(NotFound):
        connection_of_hook(tx, "x" * 43)
    bazaar.set(is_active=False)
    with transaction(WHO) as tx, pytest.raises(NotFound):
        connection_of_hook(tx, bazaar.row().hook_token)
