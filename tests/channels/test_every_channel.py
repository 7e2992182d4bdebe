"""Every connector there is, connected to the selling sandbox: all orders arrive once, and both sides' books agree."""

from __future__ import annotations

from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import func, select

from jobs import channels
from jobs.channel_line import Line
from jobs.offers import Pusher, look_at_listings
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection
from oms.channels.offer_models import ChannelListing
from oms.channels.port import Ability, Offer
from oms.channels.registry import CONNECTORS
from oms.db import db, transaction
from oms.orders.models import Order
from oms.usecases.channel_lease import SHARE
from oms.usecases.channels import Connect, connect_shop, store_grant
from oms.usecases.orders_place import place_order
from tests.channels.bazaar import WHO
from tests.shop import small_shop
from views.sandbox.market import Market
from views.sandbox.server import running
from views.sandbox.stage_channels import DIALECTS, dialects, first_grant, together

SKUS = 12
READ = sorted(code for code in DIALECTS if Ability.LIST in CONNECTORS[code].abilities)


class Town:
    """The small shop with one shop on every channel."""

    def __init__(self, app, stack: ExitStack) -> None:
        self.market = Market(5, skus=SKUS, pieces=1000)
        self.sandboxes = dialects(self.market, 5)
        self.url = stack.enter_context(running(together(self.market, {s.name: s for s in self.sandboxes.values()})))
        self.ids: dict[str, int] = {}
        self.shops: dict[str, int] = {}
        sealer = app.extensions["oms.sealer"]
        with transaction(WHO) as tx:
            self.small = small_shop(tx, pieces=1000, skus=SKUS)
            for code, sandbox in self.sandboxes.items():
                kind = CONNECTORS[code]
                shop = Shop(code=code, name=code, channel=kind.channel, warehouse_id=self.small.bkk)
                tx.session.add(shop)
                tx.session.flush()
                keys = {f.name: f.default for f in kind.fields if f.default} | sandbox.keys()
                secret = set(kind.secret_names)
                self.shops[code] = shop.id
                self.ids[code] = connect_shop(
                    tx,
                    Connect(
                        shop.id, code, f"{self.url}/{sandbox.name}{sandbox.root}",
                        {k: v for k, v in keys.items() if k not in secret},
                        {k: v for k, v in keys.items() if k in secret},
                    ),
                    sealer,
                ).id  # fmt: skip
                if (grant := first_grant(sandbox)) is not None:
                    store_grant(tx, self.ids[code], grant, sealer, by_consent=True)

    def unit(self):
        return transaction(WHO)

    def numbers(self, code: str) -> list[str]:
        db.session.rollback()
        rows = select(Order.external_no).where(Order.shop_id == self.shops[code]).order_by(Order.external_no)
        return [str(n) for n in db.session.scalars(rows)]


@pytest.fixture
def town(committed):
    with ExitStack() as stack:
        yield Town(committed, stack)
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


@pytest.mark.parametrize("code", READ)
def test_orders_of_every_channel_arrive_once_and_the_books_agree(town, code):
    stall = town.sandboxes[code].stall
    for n in range(7):
        stall.make({f"RU-{n % SKUS + 1:04d}": 2, "RU-0012": 1}, pay=n % 3 > 0)
    first = channels.sync(town.unit, town.ids[code])
    assert first is not None
    assert (first.received, first.created, first.closes) == (7, 7, True), first
    again = channels.sync(town.unit, town.ids[code])
    assert again is not None
    assert (again.created, again.updated, again.quarantined) == (0, 0, 0), again
    books = httpx.get(f"{town.url}/_books", trust_env=False).json()["shops"][code]
    assert sorted(books["orders"]) == town.numbers(code)


OFFERED = sorted(c for c in DIALECTS if {"stock", "listings"} <= set(CONNECTORS[c].abilities))


@pytest.mark.parametrize("code", OFFERED)
def test_every_shop_that_can_is_told_its_stock(town, code):
    with transaction(WHO) as tx:
        tx.session.get_one(ChannelConnection, town.ids[code]).offers = True
    look_at_listings(Line(town.unit, town.ids[code]), always=True)
    db.session.rollback()
    known = db.session.scalar(
        select(func.count()).select_from(ChannelListing).where(ChannelListing.sku_id.is_not(None))
    )  # fmt: skip
    assert known == SKUS
    with transaction(WHO) as tx:
        place_order(tx, town.small.order((0, 1000), (1, 3), confirm=True))
    pusher = Pusher()
    for _ in range(3):
        pusher.tick()
        pusher.settle()
    shown = {x.sku: x.quantity for x in town.sandboxes[code].stall.listings.values()}
    assert (shown["RU-0001"], shown["RU-0002"], shown["RU-0003"]) == (0, 997, 1000)


@pytest.mark.parametrize("code", OFFERED)
def test_no_batch_of_numbers_holds_up_a_zero_for_long(town, code):
    stall = town.sandboxes[code].stall
    line, limit = Line(town.unit, town.ids[code]), CONNECTORS[code].kind.stock_limit
    offers = [Offer(x.external_sku, x.external_id, 7) for x in line.ask(lambda c: c.list_listings()).listings[:limit]]
    before = len(stall.calls)
    assert not any(line.ask(lambda c: c.push_stock(offers)).values())
    seconds = (len(stall.calls) - before) / (CONNECTORS[code].per_second * SHARE)
    assert seconds <= 1.2, "a zero waits no longer than that behind other numbers"
