"""Every marketplace, from the consent page to orders in the panel: connected, read, renewed, and the books agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from flask import Flask
from sqlalchemy import select

from jobs import channels
from oms.actor import system
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection
from oms.channels.port import Grant, Shipped
from oms.channels.registry import CONNECTORS, opening
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import Board, PaymentTerm
from oms.usecases.channel_intake import Ledger
from oms.usecases.channels import Connect, connect_shop, store_grant
from tests.channels.markets import ALL, PLATFORMS, opened
from tests.shop import small_shop
from views.sandbox.market import Market, State
from views.sandbox.server import running
from views.sandbox.stage_channels import DIALECTS, together

WHO = system("test")


class Connected:
    """A shop of ours on one simulated marketplace."""

    def __init__(self, app: Flask, stack: ExitStack, code: str) -> None:
        self.sandbox: Any = PLATFORMS[code].make(Market(3, skus=4, pieces=500).open(code))
        self.stall = self.sandbox.stall
        host = stack.enter_context(running(self.sandbox))
        kind, sealer = CONNECTORS[code], app.extensions["oms.sealer"]
        secrets = {k: v for k, v in self.sandbox.keys().items() if k in kind.secret_names}
        options = {k: v for k, v in self.sandbox.keys().items() if k not in secrets}
        with transaction(WHO) as tx:
            shop = small_shop(tx, pieces=500, skus=4)
            row = Shop(code=f"m-{code}"[:16], name="ร้าน", channel=kind.channel, warehouse_id=shop.bkk)
            tx.session.add(row)
            tx.session.flush()
            self.shop_id = row.id
            self.id = connect_shop(tx, Connect(row.id, code, host, options=options, secrets=secrets), sealer).id
        if kind.consent is not None:
            door = opening(code, host, self.sandbox.keys())
            page = httpx.get(
                kind.consent.address(host, self.sandbox.keys(), "http://127.0.0.1:9/cb", "s"), trust_env=False
            )
            back = dict(parse_qsl(urlsplit(page.headers["location"]).query))
            with transaction(WHO) as tx:
                store_grant(tx, self.id, kind.consent.exchange(door, back), sealer, by_consent=True)
            door.transport.close()

    def sync(self, **how: Any) -> Ledger:
        """Read it now."""
        ledger = channels.sync(lambda: transaction(WHO), self.id, **how)
        assert ledger is not None
        return ledger

    def orders(self) -> dict[str, Order]:
        """Ours, by the marketplace's number."""
        db.session.rollback()
        return {str(o.external_no): o for o in db.session.scalars(select(Order).where(Order.shop_id == self.shop_id))}


@pytest.fixture(params=ALL)
def connected(request, committed) -> Iterator[Connected]:
    with ExitStack() as stack:
        yield Connected(committed, stack, request.param)
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


def test_every_order_arrives_once_and_follows(connected):
    stall = connected.stall
    made = [stall.make(pay=n % 3 > 0, cod=n % 3 == 2) for n in range(30)]
    ledger = connected.sync()
    assert (ledger.created, ledger.quarantined, ledger.closes) == (30, 0, True)
    orders = connected.orders()
    assert set(orders) == {o.number for o in made}
    for told in made:
        ours = orders[told.number]
        assert ours.total.amount == told.total
        assert ours.ship_province == told.buyer.home.province
        assert (ours.payment_term is PaymentTerm.COD) == told.cod
        assert (ours.board is Board.WAITING_PAYMENT) == (told.state is State.UNPAID)
    for told in made[::3]:
        stall.pay(told.number)
    for told in made[1::3]:
        stall.cancel(told.number, "ลูกค้าเปลี่ยนใจ")
    ledger = connected.sync()
    assert (ledger.updated, ledger.created, ledger.quarantined, ledger.closes) == (20, 0, 0, True)
    orders = connected.orders()
    assert {n for n, o in orders.items() if o.board is Board.CANCELED} == {o.number for o in made[1::3]}
    assert connected.sync().run_id is None, "nothing new"


def test_hidden_names_do_not_replace_good_ones(connected):
    told = connected.stall.make(pay=True)
    connected.sync()
    connected.stall.ship(told.number, "ED123456785TH")
    connected.sync()
    ours = connected.orders()[told.number]
    assert (ours.ship_name, ours.ship_phone) == (told.buyer.home.name, told.buyer.home.phone.replace("-", ""))
    assert ours.ship_line == told.buyer.home.line
    assert ours.fulfillment_status.value == "shipped"


def test_access_that_ends_is_renewed_on_the_way(connected):
    if not hasattr(connected.sandbox, "grants"):
        return
    connected.stall.make(pay=True)
    connected.sync()
    connected.stall.make(pay=True)
    connected.sandbox.grants.expire()
    assert connected.sync().created == 1
    assert connected.sandbox.grants.raced == 0
    row = db.session.get_one(ChannelConnection, connected.id, populate_existing=True)
    assert row.stopped == ""


def test_every_marketplace_is_in_the_sandbox_that_a_newcomer_starts():
    assert set(ALL) <= set(DIALECTS)
    assert {c for c, kind in CONNECTORS.items() if kind.channel.value in set(ALL)} == set(ALL)


def test_all_of_them_work_below_one_address():
    market = Market(5, skus=4)
    mounted = {code: PLATFORMS[code].make(market.open(code)) for code in ALL}
    with running(together(market, mounted)) as url:
        for code, sandbox in mounted.items():
            host, kind = f"{url}/{code}", CONNECTORS[code]
            grant = Grant("")
            if kind.consent is not None:
                door = opening(code, host, PLATFORMS[code].settings)
                grant = kind.consent.exchange(door, {"code": sandbox.grants.code(), **PLATFORMS[code].facts})
                door.transport.close()
            channel = opened(code, host, grant)
            number = sandbox.stall.make({"RU-0001": 1}, pay=True).number
            assert [n.external_no for n in channel.refresh([number])] == [number]
            channel.ship(Shipped(number, "ED123456785TH"))
            assert channel.get_label(number).startswith(b"%PDF-")
            channel.close()
        books = httpx.get(f"{url}/_books", trust_env=False).json()
    assert (books["made"], books["accepted"] + books["shipped"]) == (len(ALL), len(ALL))
