"""Platforms that send all shops of a program to one address: each message goes to the shop it names."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from sqlalchemy import select

from jobs.relay import carry_out
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection, ChannelHook
from oms.channels.port import Called, Grant
from oms.channels.registry import CONNECTORS
from oms.channels.states import HookStatus
from oms.db import db, transaction
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.usecases.channel_hooks import HEAR, keep_hook
from oms.usecases.channels import Connect, connect_shop, store_grant
from tests.channels.bazaar import WHO
from tests.channels.markets import HOOK, PLATFORMS
from tests.shop import small_shop
from views.sandbox.market import Market
from views.sandbox.server import running

H = HookStatus
SHARED = {"shopee": "shop_id", "lazada": "seller_id", "tiktok": "shop_id"}


class Program:
    """Two shops of one program: ``mine`` is the simulated one, ``other`` has the address that is registered."""

    def __init__(self, app, stack: ExitStack, code: str) -> None:
        self.code, self.sealer = code, app.extensions["oms.sealer"]
        self.sandbox = PLATFORMS[code].make(Market(3, skus=4, pieces=500).open(code))
        self.stall, self.host = self.sandbox.stall, stack.enter_context(running(self.sandbox))
        pair = self.sandbox.grants.pair()
        self.grant = Grant(pair.access, pair.refresh, facts=PLATFORMS[code].facts)
        with transaction(WHO) as tx:
            small = small_shop(tx, pieces=500, skus=4)
            self.mine, self.other = (self.connect(tx, name, small.bkk) for name in ("mine", "other"))
            store_grant(tx, self.other, self.named("999000999"), self.sealer, by_consent=True)

    def connect(self, tx, name: str, place: int, **changed: str) -> int:
        kind, keys = CONNECTORS[self.code], self.sandbox.keys() | changed
        shop = Shop(code=name, name=name, channel=kind.channel, warehouse_id=place)
        tx.session.add(shop)
        tx.session.flush()
        secrets = {k: v for k, v in keys.items() if k in kind.secret_names}
        options = {k: v for k, v in keys.items() if k not in secrets}
        host = f"{self.host}{self.sandbox.root}"
        return connect_shop(tx, Connect(shop.id, self.code, host, options=options, secrets=secrets), self.sealer).id

    def named(self, number: str) -> Grant:
        return Grant("other", "other", facts={SHARED[self.code]: number})

    def let_in(self) -> None:
        with transaction(WHO) as tx:
            store_grant(tx, self.mine, self.grant, self.sealer, by_consent=True)

    def tell(self, number: str, times: int = 1) -> None:
        """The platform tells of an order at the other shop's address."""
        self.sandbox.hook_url = HOOK
        told = self.sandbox.hook(self.stall.get(number), "pay")
        for _ in range(times):
            with transaction(WHO) as tx:
                keep_hook(tx, self.other, Called(told.headers, told.body, HOOK))

    def drain(self) -> None:
        for _ in range(5):
            db.session.rollback()
            owed = select(Outbox.id).where(Outbox.status == OutboxStatus.WAITING, Outbox.topic == HEAR)
            ids = list(db.session.scalars(owed))
            db.session.rollback()
            for one in ids:
                carry_out(one)

    def hooks(self) -> list[tuple[int, HookStatus, str]]:
        db.session.rollback()
        rows = db.session.scalars(select(ChannelHook).order_by(ChannelHook.id))
        return [(h.connection_id, h.status, h.note) for h in rows]

    def orders(self) -> dict[str | None, int]:
        db.session.rollback()
        return dict(db.session.execute(select(Order.external_no, Order.shop_id)).all())


@pytest.fixture(params=sorted(SHARED))
def program(committed, request):
    with ExitStack() as stack:
        yield Program(committed, stack, request.param)
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


def test_a_message_for_another_shop_goes_to_it(program):
    program.let_in()
    number = program.stall.make({"RU-0001": 1}, pay=True).number
    program.tell(number, times=3)
    program.drain()
    mine = db.session.get_one(ChannelConnection, program.mine).shop_id
    assert program.orders() == {number: mine}
    assert program.hooks() == [(program.other, H.DONE, "→ mine"), (program.mine, H.DONE, "")]


def test_a_message_for_a_shop_nobody_connected_is_kept_until_it_is(program):
    number = program.stall.make({"RU-0001": 1}, pay=True).number
    program.tell(number)
    program.drain()
    ((at, status, note),) = program.hooks()
    assert (at, status) == (program.other, H.ELSEWHERE)
    assert note in PLATFORMS[program.code].facts.values()
    assert program.orders() == {}
    program.let_in()
    program.drain()
    assert list(program.orders()) == [number]


def test_a_shop_of_another_program_hears_nothing(program):
    program.let_in()
    name = "partner_id" if program.code == "shopee" else "app_key"
    with transaction(WHO) as tx:
        row = tx.session.get_one(ChannelConnection, program.mine)
        row.options = {**row.options, name: "777"}
    number = program.stall.make({"RU-0001": 1}, pay=True).number
    program.tell(number)
    program.drain()
    assert [status for _, status, _ in program.hooks()] == [H.ELSEWHERE]
    assert program.orders() == {}
