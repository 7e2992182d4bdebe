"""A small shop connected to a toy channel on its own port, and a worker: for tests of what channels bring and hear."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from flask import Flask
from sqlalchemy import func, select, update

from jobs import channels
from jobs.relay import carry_out
from oms import clock, outbox
from oms.actor import Actor, system
from oms.catalog.models import Channel, Shop
from oms.channels import registry
from oms.channels.models import ChannelConnection
from oms.db import Model, db, transaction
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.sealing import Sealer
from oms.usecases.channel_intake import Ledger
from oms.usecases.channels import Connect, connect_shop, store_grant
from tests.channels.toy import KIND, BazaarSandbox
from tests.shop import SmallShop, small_shop
from views.sandbox.market import Market
from views.sandbox.server import running

WHO = system("test")
_TURNS = itertools.count(10**9)


class Bazaar:
    """The shop, its channel, and a worker."""

    def __init__(self, app: Flask, stack: ExitStack, pieces: int = 5000, skus: int = 4) -> None:
        self.app = app
        self.market = Market(7, skus=skus, pieces=pieces)
        self.sandbox = BazaarSandbox(self.market.open("bazaar"))
        self.stall = self.sandbox.stall
        self.host = stack.enter_context(running(self.sandbox))
        self.sealer: Sealer = app.extensions["oms.sealer"]
        with transaction(WHO) as tx:
            self.shop: SmallShop = small_shop(tx, pieces=pieces, skus=skus)
            row = Shop(code="bazaar", name="ร้านตลาด", channel=Channel.LINE_SHOPPING, warehouse_id=self.shop.bkk)
            tx.session.add(row)
            tx.session.flush()
            self.shop_id = row.id
            self.id = connect_shop(
                tx, Connect(row.id, "bazaar", self.host, secrets=self.sandbox.keys()), self.sealer
            ).id
            store_grant(tx, self.id, self.sandbox.grant(), self.sealer, by_consent=True)

    def unit(self, actor: Actor = WHO) -> Any:
        """A short transaction."""
        return transaction(actor)

    def sync(self, **how: Any) -> Ledger:
        """Read the shop now."""
        ledger = channels.sync(self.unit, self.id, **how)
        assert ledger is not None
        return ledger

    def row(self) -> ChannelConnection:
        """The connection as it is stored."""
        db.session.rollback()
        return db.session.get_one(ChannelConnection, self.id, populate_existing=True)

    def set(self, **values: Any) -> None:
        """Change what the program counts."""
        with transaction(WHO) as tx:
            tx.session.execute(update(ChannelConnection).where(ChannelConnection.id == self.id).values(**values))

    def orders(self) -> dict[str, Order]:
        """Our orders of the shop by the channel's number."""
        db.session.rollback()
        rows = db.session.scalars(select(Order).where(Order.shop_id == self.shop_id))
        return {str(o.external_no): o for o in rows}

    def count(self, *models: type[Model]) -> tuple[int, ...]:
        """How many rows."""
        db.session.rollback()
        return tuple(db.session.scalar(select(func.count()).select_from(m)) or 0 for m in models)

    def work(self, topic: str, **payload: Any) -> Outbox:
        """Carry out one piece of background work; the row after it."""
        with transaction(WHO) as tx:
            outbox.add(tx, topic, f"{topic}:test:{next(_TURNS)}", **payload)
        self.drain(topic)
        return db.session.scalars(select(Outbox).where(Outbox.topic == topic).order_by(Outbox.id.desc())).first()  # type: ignore[return-value]

    def drain(self, topic: str = "") -> int:
        """Carry out all owed background work, whatever its time."""
        done = 0
        for _ in range(20):
            db.session.rollback()
            wanted = select(Outbox.id).where(Outbox.status == OutboxStatus.WAITING).order_by(Outbox.id)
            ids = list(db.session.scalars(wanted.where(Outbox.topic == topic) if topic else wanted))
            db.session.rollback()
            if not ids:
                break
            done += sum(carry_out(i) for i in ids)
        return done


def bazaar_of(committed: Flask, monkeypatch: Any, **how: Any) -> Iterator[Bazaar]:
    """The fixture behind ``bazaar``."""
    monkeypatch.setitem(registry.CONNECTORS, "bazaar", KIND)
    with ExitStack() as stack:
        yield Bazaar(committed, stack, **how)
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


__all__ = ["Bazaar", "bazaar_of", "clock"]
