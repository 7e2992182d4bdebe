"""P4: new orders taken in from a simulated shop, net of the network; P13: how soon the last piece is gone everywhere."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.managers import BaseManager
from multiprocessing.synchronize import Event
from unittest import mock

from flask import Flask
from sqlalchemy import func, select, update

from app import create_worker_app
from jobs import channels
from jobs.channel_line import Line
from jobs.offers import TICK_SECONDS, Pusher, look_at_listings
from oms import audit, clock
from oms.actor import system
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection, ChannelMessage, ChannelOrder
from oms.channels.registry import CONNECTORS
from oms.db import Tx, db, transaction
from oms.intake.models import IntakeItem, IntakeRun
from oms.orders.models import Order
from oms.outbox import Outbox
from oms.settings import Settings
from oms.usecases.channels import Connect, connect_shop
from oms.usecases.orders_place import place_order
from tests.live import until
from tests.shop import SmallShop, small_shop
from views.sandbox.market import Market
from views.sandbox.server import running
from views.sandbox.stage_channels import DIALECTS, together

WHO = system("bench")
APART = multiprocessing.get_context("spawn")
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


class Play:
    """The platforms: two shops that sell the same goods, at one address."""

    def __init__(self) -> None:
        self._market = Market(11, skus=LAST + 20, pieces=PIECES)
        self._shops = {code: DIALECTS[code](self._market.open(code)) for code in SHOPS}
        self._stack = ExitStack()
        self._url = self._stack.enter_context(running(together(self._market, dict(self._shops))))

    def way(self, code: str) -> tuple[str, dict[str, str]]:
        """A shop's address and keys."""
        return f"{self._url}/{code}{self._shops[code].root}", self._shops[code].keys()

    def make(self, code: str, orders: int, since: datetime | None = None) -> None:
        """So many paid orders, now or one after the other since then."""
        apart = (clock.now() - since) / (orders + 1) if since else timedelta()
        for n in range(orders):
            things = {f"RU-{LAST + n % 20 + 1:04d}": 1, f"RU-{LAST + (n + 7) % 20 + 1:04d}": 2}
            with clock.at((since or clock.now()) + apart * n):
                self._shops[code].stall.make(things, pay=True)

    def shown(self, code: str, sku: str) -> int:
        """Pieces a buyer sees."""
        listing = self._shops[code].stall.listing_of(sku)
        return listing.quantity if listing else 0


class Platforms(BaseManager):
    """``Play`` in a process of its own, as platforms are."""


Platforms.register("Play", Play)


class Stage:
    """A shop with ``ORDERS`` new orders waiting on its channel, and another that shows the same goods."""

    def __init__(self, app: Flask, play: Play) -> None:
        self.ids: dict[str, int] = {}
        with transaction(WHO) as tx:
            self.small: SmallShop = small_shop(tx, pieces=PIECES, skus=LAST + 20)
            for code in SHOPS:
                kind = CONNECTORS[code]
                shop = Shop(code=code, name=code, channel=kind.channel, warehouse_id=self.small.bkk)
                tx.session.add(shop)
                tx.session.flush()
                (address, keys), secret = play.way(code), set(kind.secret_names)
                options = {k: v for k, v in keys.items() if k not in secret}
                secrets = {k: v for k, v in keys.items() if k in secret}
                command = Connect(shop.id, code, address, options, secrets)
                self.ids[code] = connect_shop(tx, command, app.extensions["oms.sealer"]).id
            tx.session.execute(update(ChannelConnection).values(offers=True))

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


def unit() -> AbstractContextManager[Tx]:
    """A short transaction."""
    return transaction(WHO)


def measure(app: Flask, settings: Settings) -> Measured:
    """Take everything in, take it in again, and sell last pieces while more comes in."""
    with Platforms(ctx=APART) as platforms, app.app_context():
        play: Play = platforms.Play()  # type: ignore[attr-defined]  # registered above
        stage = Stage(app, play)
        shop, start = stage.ids["woocommerce"], clock.now() - SPREAD
        play.make("woocommerce", ORDERS, start)
        spent: list[float] = []
        with without_network(spent), unpaced(shop):
            began = time.perf_counter()
            first = channels.sync(unit, shop, since=start)
            took = time.perf_counter() - began - sum(spent)
        assert first is not None
        assert first.created == ORDERS, first
        before = stage.counted()
        with unpaced(shop):
            channels.sync(unit, shop, since=start)
        return Measured(ORDERS / took, stage.counted() - before, _last_pieces(play, settings, stage))


def _last_pieces(play: Play, settings: Settings, stage: Stage) -> float:
    """Sell the last piece of one SKU after the other here and watch the other shop, while orders come in. Reading,
    telling and selling are processes of their own, as they are under ``oms up``."""
    look_at_listings(Line(unit, stage.ids["line_shopping"]), always=True)
    stopping = APART.Event()
    programs = [
        APART.Process(target=_push, args=(settings, stopping), daemon=True),
        APART.Process(target=_load, args=(settings, play, stage.ids["woocommerce"], stopping), daemon=True),
    ]
    for program in programs:
        program.start()
    waits = []
    read = _orders()
    until(lambda: _orders() > read, 60, "nothing was read")
    for n in range(LAST):
        with transaction(WHO) as tx:
            place_order(tx, stage.small.order((n, PIECES), confirm=True))
        began = time.monotonic()
        while play.shown("line_shopping", f"RU-{n + 1:04d}") and time.monotonic() - began < 30:
            time.sleep(0.02)
        waits.append(time.monotonic() - began)
    stopping.set()
    for program in programs:
        program.join(60)
    return sorted(waits)[int(len(waits) * 0.95)]


def _orders() -> int:
    db.session.rollback()
    return int(db.session.scalar(select(func.count()).select_from(Order)) or 0)


def _push(settings: Settings, stopping: Event) -> None:
    app, pusher = create_worker_app(settings), Pusher()
    while not stopping.wait(TICK_SECONDS):
        with app.app_context():
            pusher.tick()
            db.session.remove()


def _load(settings: Settings, play: Play, connection_id: int, stopping: Event) -> None:
    app = create_worker_app(settings)
    with unpaced(connection_id):
        while not stopping.is_set():
            play.make("woocommerce", 100)
            with app.app_context():
                channels.sync(unit, connection_id)
                db.session.remove()
