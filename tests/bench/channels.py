"""P4: new orders taken in from a simulated shop, net of the network; P13: how soon the last piece is gone everywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

from flask import Flask
from sqlalchemy import func, select, update

from jobs import channels
from jobs.channel_line import Line
from jobs.offers import TICK_SECONDS, Pusher, look_at_listings
from oms import audit, clock
from oms.actor import system
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection, ChannelMessage, ChannelOrder
from oms.channels.registry import CONNECTORS
from oms.db import db, transaction
from oms.intake.models import IntakeItem, IntakeRun
from oms.orders.models import Order
from oms.outbox import Outbox
from oms.usecases.channels import Connect, connect_shop
from oms.usecases.orders_place import place_order
from tests.shop import SmallShop, small_shop
from views.sandbox.market import Market
from views.sandbox.server import running
from views.sandbox.stage_channels import DIALECTS, together

WHO = system("bench")
ORDERS, PIECES, LAST = 2_000, 100_000, 40
SPREAD = timedelta(minutes=55)  # the orders came one after the other in that time
SHOPS = ("woocommerce", "line_shopping")
STORED = (Order, ChannelOrder, ChannelMessage, IntakeRun, IntakeItem, Outbox, audit.AuditLog)


@dataclass(frozen=True)
class Measured:
    """Orders a second without the network; rows that a repeat wrote; seconds until the last piece was gone from the
    other shop, slowest twentieth."""

    rate: float
    repeated: int
    gone: float


class Stage:
    """A shop with ``ORDERS`` new orders waiting on its channel, and another that shows the same goods."""

    def __init__(self, app: Flask, stack: ExitStack) -> None:
        self.app = app
        self.market = Market(11, skus=LAST + 20, pieces=PIECES)
        self.sandboxes = {code: DIALECTS[code](self.market.open(code)) for code in SHOPS}
        url = stack.enter_context(running(together(self.market, {s.name: s for s in self.sandboxes.values()})))
        self.ids: dict[str, int] = {}
        with transaction(WHO) as tx:
            self.small: SmallShop = small_shop(tx, pieces=PIECES, skus=LAST + 20)
            for code, sandbox in self.sandboxes.items():
                kind = CONNECTORS[code]
                shop = Shop(code=code, name=code, channel=kind.channel, warehouse_id=self.small.bkk)
                tx.session.add(shop)
                tx.session.flush()
                keys, secret = sandbox.keys(), set(kind.secret_names)
                options = {k: v for k, v in keys.items() if k not in secret}
                secrets = {k: v for k, v in keys.items() if k in secret}
                command = Connect(shop.id, code, f"{url}/{sandbox.name}{sandbox.root}", options, secrets)
                self.ids[code] = connect_shop(tx, command, app.extensions["oms.sealer"]).id
            tx.session.execute(update(ChannelConnection).values(offers=True))

    def unit(self):  # type: ignore[no-untyped-def]
        """A short transaction."""
        return transaction(WHO)

    def counted(self) -> int:
        """Rows of everything that a reading may write."""
        db.session.rollback()
        return sum(db.session.scalar(select(func.count()).select_from(m)) or 0 for m in STORED)


@contextmanager
def without_network(spent: list[float]) -> Iterator[None]:
    """Count the seconds in which somebody else answers."""
    asked: Callable[..., object] = Line._asked

    def timed(self: Line, *args: object, **kwargs: object) -> object:
        began = time.perf_counter()
        try:
            return asked(self, *args, **kwargs)
        finally:
            spent.append(time.perf_counter() - began)

    with mock.patch.object(Line, "_asked", timed):
        yield


@contextmanager
def unpaced(connection_id: int) -> Iterator[None]:
    """Ask that shop as fast as it answers: the pace that spares a real one would be all that is measured."""
    wait = Line._wait_for_turn

    def only_others(self: Line) -> None:
        if self.connection_id != connection_id:
            wait(self)

    with mock.patch.object(Line, "_wait_for_turn", only_others):
        yield


def measure(app: Flask) -> Measured:
    """Take everything in, take it in again, and sell last pieces while more comes in."""
    with ExitStack() as stack, app.app_context():
        stage = Stage(app, stack)
        stack.enter_context(unpaced(stage.ids["woocommerce"]))
        stall = stage.sandboxes["woocommerce"].stall
        start = clock.now() - SPREAD
        for n in range(ORDERS):
            with clock.at(start + SPREAD * n / ORDERS):
                stall.make({f"RU-{LAST + n % 20 + 1:04d}": 1, f"RU-{LAST + (n + 7) % 20 + 1:04d}": 2}, pay=True)
        spent: list[float] = []
        with without_network(spent):
            began = time.perf_counter()
            first = channels.sync(stage.unit, stage.ids["woocommerce"], since=start)
            took = time.perf_counter() - began - sum(spent)
        assert first is not None
        assert first.created == ORDERS, first
        before = stage.counted()
        channels.sync(stage.unit, stage.ids["woocommerce"], since=start)
        return Measured(ORDERS / took, stage.counted() - before, _last_pieces(app, stage))


def _last_pieces(app: Flask, stage: Stage) -> float:
    """Sell the last piece of one SKU after the other here and watch the other shop, while orders come in."""
    stall = stage.sandboxes["line_shopping"].stall
    look_at_listings(Line(stage.unit, stage.ids["line_shopping"]), always=True)
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_push, args=(app, stopping)),
        threading.Thread(target=_load, args=(app, stage, stopping)),
    ]
    for thread in threads:
        thread.start()
    waits = []
    for n in range(LAST):
        with transaction(WHO) as tx:
            place_order(tx, stage.small.order((n, PIECES), confirm=True))
        began = time.monotonic()
        while stall.listing_of(f"RU-{n + 1:04d}").quantity and time.monotonic() - began < 30:  # type: ignore[union-attr]
            time.sleep(0.02)
        waits.append(time.monotonic() - began)
    stopping.set()
    for thread in threads:
        thread.join(60)
    return sorted(waits)[int(len(waits) * 0.95)]


def _push(app: Flask, stopping: threading.Event) -> None:
    pusher = Pusher()
    while not stopping.wait(TICK_SECONDS):
        with app.app_context():
            pusher.tick()
            db.session.remove()


def _load(app: Flask, stage: Stage, stopping: threading.Event) -> None:
    stall = stage.sandboxes["woocommerce"].stall
    while not stopping.is_set():
        for n in range(100):
            stall.make({f"RU-{LAST + n % 20 + 1:04d}": 1}, pay=True)
        with app.app_context():
            channels.sync(stage.unit, stage.ids["woocommerce"])
            db.session.remove()
