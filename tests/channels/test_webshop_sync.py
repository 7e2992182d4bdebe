"""Web shops behind the whole program: what they sell arrives once, webhooks only make us look, what left is told there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from oms import clock
from oms.catalog.models import Channel, Shop
from oms.channels.models import ChannelDeed, ChannelHook, ChannelOrder
from oms.channels.port import Shipped
from oms.channels.registry import CONNECTORS
from oms.channels.states import DeedStatus, HookStatus
from oms.db import db, transaction
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import CancelReason, OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.states import PaymentMethod
from oms.usecases.channel_deeds import TELL
from oms.usecases.channel_hooks import HEAR
from oms.usecases.channels import Connect, connect_shop
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.payments import SubmitClaim, submit_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.channels.bazaar import WHO, Bazaar
from tests.channels.webshops import opened
from tests.e2e.browser import served
from tests.shop import small_shop
from views.sandbox.channel_inbound import InboundSandbox
from views.sandbox.channel_shopify import Bucket, ShopifySandbox
from views.sandbox.market import Market, State
from views.sandbox.server import running
from views.sandbox.stage_channels import together
from views.sandbox.stage_webshops import WEBSHOPS

ASKED = ("woocommerce", "shopify", "vendure", "medusa")


class WebShop(Bazaar):
    """A shop of ours connected to a simulated web shop."""

    def __init__(self, app: Any, stack: ExitStack, code: str) -> None:
        self.app, self.code = app, code
        self.market = Market(7, skus=6, pieces=500)
        self.sandbox = WEBSHOPS[code](self.market.open(code))
        if isinstance(self.sandbox, ShopifySandbox):
            self.sandbox.bucket = Bucket(1e6)
        self.stall = self.sandbox.stall
        self.host = stack.enter_context(running(self.sandbox))
        self.sealer = app.extensions["oms.sealer"]
        keys, kind = self.sandbox.keys(), CONNECTORS[code]
        secrets = {k: v for k, v in keys.items() if k in kind.secret_names}
        config = {k: v for k, v in keys.items() if k in {f.name for f in kind.fields} - set(secrets)}
        with transaction(WHO) as tx:
            self.shop = small_shop(tx, pieces=500, skus=6)
            row = Shop(code="web", name="ร้านเว็บ", channel=Channel.WEB, warehouse_id=self.shop.bkk)
            tx.session.add(row)
            tx.session.flush()
            self.shop_id = row.id
            host = "" if code == "inbound" else self.host
            self.id = connect_shop(tx, Connect(row.id, code, host, config, secrets=secrets), self.sealer).id

    def look_again(self) -> None:
        """It is time to look at open orders."""
        with transaction(WHO) as tx:
            tx.session.execute(update(ChannelOrder).values(checked_at=clock.now() - timedelta(days=1)))
        self.sync()


@pytest.fixture
def stage(committed) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


@pytest.fixture(params=ASKED)
def web_shop(committed, stage, request) -> WebShop:
    return WebShop(committed, stage, request.param)


def test_what_a_shop_sells_arrives_once_whatever_is_read_again(web_shop):
    made = [web_shop.stall.make(cod=n % 3 == 0, pay=n % 3 == 1) for n in range(15)]
    for order in made[:3]:
        web_shop.stall.cancel(order.number)
    web_shop.sync()
    web_shop.sync()
    web_shop.sync(since=clock.now() - timedelta(hours=1))
    ours = web_shop.orders()
    assert set(ours) == {o.number for o in made}
    for order in made[3:]:
        assert ours[order.number].total == Money(order.total), order.number
        assert ours[order.number].ship_postcode == order.buyer.home.postcode
    for order in made[:3]:
        assert ours[order.number].status is OrderStatus.CANCELED


def test_a_cancel_and_an_address_follow(web_shop):
    made = web_shop.stall.make(pay=True)
    web_shop.sync()
    web_shop.stall.cancel(made.number)
    web_shop.sync()
    assert web_shop.orders()[made.number].status is OrderStatus.CANCELED


def test_a_payment_that_moves_no_time_of_change_is_noticed_when_the_order_is_looked_at(web_shop):
    made = web_shop.stall.make()
    web_shop.sync()
    before = web_shop.orders()[made.number].channel_status
    web_shop.stall.pay(made.number)
    web_shop.look_again()
    assert web_shop.orders()[made.number].channel_status != before


def test_what_was_paid_in_the_web_shop_may_leave_and_what_was_not_may_not(web_shop):
    paid, unpaid, cod = web_shop.stall.make(pay=True), web_shop.stall.make(), web_shop.stall.make(cod=True)
    web_shop.sync()
    ours = web_shop.orders()
    told = {n: (o.payment_term, o.payment_status) for n, o in ours.items()}
    assert told[paid.number] == (PaymentTerm.MARKETPLACE, PaymentStatus.CREDIT)
    assert told[unpaid.number] == (PaymentTerm.PREPAID, PaymentStatus.UNPAID)
    assert told[cod.number][0] is PaymentTerm.COD
    web_shop.stall.pay(unpaid.number)
    web_shop.look_again()
    order = web_shop.orders()[unpaid.number]
    assert (order.payment_term, order.payment_status) == (PaymentTerm.MARKETPLACE, PaymentStatus.CREDIT)


def test_where_money_was_announced_here_a_person_decides(web_shop):
    made = web_shop.stall.make()
    web_shop.sync()
    order = web_shop.orders()[made.number]
    with transaction(WHO) as tx:
        submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, order.total, ((order.id, order.total),)))
    web_shop.stall.pay(made.number)
    web_shop.look_again()
    order = web_shop.orders()[made.number]
    assert (order.payment_term, order.payment_status) == (PaymentTerm.PREPAID, PaymentStatus.PENDING_REVIEW)


def tell(shop: WebShop) -> list[DeedStatus]:
    with transaction(WHO) as tx:
        tx.session.execute(update(ChannelDeed).values(next_try_at=clock.now()))
    shop.work(TELL, connection_id=shop.id)
    db.session.rollback()
    return list(db.session.scalars(select(ChannelDeed.status).order_by(ChannelDeed.id)))


@pytest.mark.parametrize("fails_at", [None, 1, 2, 3])
@pytest.mark.deep
def test_what_left_here_is_told_there_once_whatever_goes_unanswered(web_shop, fails_at):
    made = web_shop.stall.make(pay=True)
    web_shop.sync()
    with transaction(WHO) as tx:
        mark_shipped(tx, MarkShipped(web_shop.orders()[made.number].id, "Flash Express", "TH0123456789"))
    if fails_at is not None:
        for _ in range(fails_at):
            web_shop.stall.fail("extra")
        web_shop.stall.fail("500")
    status = tell(web_shop)
    web_shop.stall.faults.clear()
    for _ in range(3):
        if status != [DeedStatus.DONE]:
            status = tell(web_shop)
    assert status == [DeedStatus.DONE]
    assert (made.state, made.tracking) == (State.SHIPPED, "TH0123456789")
    assert web_shop.stall.tallies["ship"] == 1
    assert len(made.facts.get("notes", [])) <= 1
    assert len(made.facts.get("fulfillments", [])) <= 1


def test_a_cancel_of_ours_is_told_there(web_shop):
    made = web_shop.stall.make(pay=True)
    web_shop.sync()
    with transaction(WHO) as tx:
        cancel_order(tx, CancelOrder(web_shop.orders()[made.number].id, CancelReason.OUT_OF_STOCK))
    assert tell(web_shop) == [DeedStatus.DONE]
    assert made.state is State.CANCELED
    web_shop.sync()
    assert web_shop.stall.tallies["cancel"] == 1


@pytest.fixture
def heard(web_app, committed, stage, request) -> Iterator[tuple[WebShop, str]]:
    shop = WebShop(committed, stage, request.param)
    with served(web_app) as url:
        yield shop, f"{url}/hooks/channels/{shop.row().hook_token}"
        kept = web_app.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


@pytest.mark.parametrize("heard", ASKED, indirect=True)
def test_webhooks_repeated_and_out_of_order_bring_the_order_as_it_is_now(heard):
    shop, address = heard
    made = shop.stall.make(pay=True)
    shop.stall.cancel(made.number)
    assert set(shop.sandbox.send_hooks(address, [made.number], times=2, order="reversed")) == {200}
    assert shop.count(Order) == (0,)
    shop.drain(HEAR)
    assert shop.orders()[made.number].status is OrderStatus.CANCELED
    assert set(shop.sandbox.send_hooks(address, [made.number], spoil="signature")) == {401}


@pytest.mark.parametrize("heard", ["inbound"], indirect=True)
def test_orders_of_a_shop_of_one_s_own_arrive_though_they_are_read_late(heard):
    shop, address = heard
    assert isinstance(shop.sandbox, InboundSandbox)
    made = [shop.stall.make(cod=True) for _ in range(3)]
    assert set(shop.sandbox.send_hooks(address, [o.number for o in made], times=2)) == {202}
    with transaction(WHO) as tx:  # the worker was away for a quarter of an hour
        late = clock.now() - timedelta(minutes=15)
        for hook in tx.session.scalars(select(ChannelHook)):
            at = int(late.timestamp())
            told = dict(hook.headers)
            name = next(k for k in told if k.lower() == "ruam-signature")
            told[name] = shop.sandbox.signed(hook.body, at).headers["Ruam-Signature"]
            hook.headers, hook.received_at, hook.last_at = told, late, late
    shop.drain(HEAR)
    assert set(shop.orders()) == {o.number for o in made}
    db.session.rollback()
    assert set(db.session.scalars(select(ChannelHook.status))) == {HookStatus.DONE}


@pytest.mark.parametrize("heard", ["inbound"], indirect=True)
def test_of_two_messages_the_later_change_counts_whatever_arrives_last(heard):
    shop, address = heard
    made = shop.stall.make(cod=True)
    early = shop.sandbox.hook(made, "make")
    shop.stall.cancel(made.number)
    late = shop.sandbox.hook(made, "cancel")
    for told in (late, early):
        answer = httpx.post(address, content=told.body, headers=dict(told.headers), trust_env=False)
        assert answer.status_code == 202
    shop.drain(HEAR)
    assert shop.orders()[made.number].status is OrderStatus.CANCELED


@pytest.mark.parametrize("code", ASKED)
def test_it_works_below_the_one_address_of_the_sandbox(code):
    market = Market(3, skus=6)
    sandbox = WEBSHOPS[code](market.open(code))
    with running(together(market, {code: sandbox})) as url:
        channel = opened(code, f"{url}/{code}", sandbox.keys())
        made = sandbox.stall.make(pay=True)
        found = channel.list_changed(clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1))
        assert [n.external_no for n in found.news] == [made.number]
        channel.ship(Shipped(made.number, "TH1", "Flash Express"))
        channel.close()
        books = httpx.get(f"{url}/_books", trust_env=False).json()
    assert books["shops"][code]["shipped"] == 1
