"""A shop with carriers that are simulated on their own ports, and a worker: for tests of booking and tracking."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, text, update

from jobs.relay import carry_out
from oms import clock, outbox
from oms.actor import system
from oms.carriers.port import Carrier as Adapter
from oms.carriers.registry import open_carrier
from oms.db import db, transaction
from oms.errors import OmsError
from oms.inventory.models import Warehouse
from oms.net.kept import Kept
from oms.orders.states import PaymentTerm
from oms.outbox import Outbox, OutboxStatus
from oms.sealing import Sealer
from oms.shipping.carrier_models import Carrier, CarrierBooking
from oms.shipping.models import Parcel, Shipment
from oms.usecases.bookings import book_parcels
from oms.usecases.orders_place import place_order
from oms.usecases.shipping_boxes import make_ready
from tests.carriers.play import IMPATIENT, SETTINGS, Play, on_stage
from tests.shop import SmallShop, small_shop

WHO = system("test")
_TURNS = itertools.count(10**9)
SECRET = {"api_key", "client_secret", "hook_key"}
ADDRESS = "99/1 ถนนสีลม แขวงสีลม เขตบางรัก กรุงเทพมหานคร 10500"
KEPT_COLUMNS = "adapter, host, options, secrets, is_active, stopped, failures, closed_until, last_ok_at, last_error"


class Depot:
    """The shop, its carriers on stage, and a worker."""

    def __init__(self, app: Flask, stack: ExitStack) -> None:
        self.app, self.stack = app, stack
        self.sealer: Sealer = app.extensions["oms.sealer"]
        self.plays: dict[str, Play] = {}
        with transaction(WHO) as tx:
            self.shop: SmallShop = small_shop(tx, pieces=5000)
            tx.session.execute(update(Warehouse).values(address=ADDRESS, phone="021234567"))

    def stage(self, code: str, **settings: str) -> Play:
        """A simulated carrier, and ours connected to it."""
        play = self.stack.enter_context(on_stage(code))
        known = SETTINGS[code] | settings
        with transaction(WHO) as tx:
            row = tx.session.scalars(select(Carrier).where(Carrier.adapter == code)).one()
            row.host = play.host
            row.options = {k: v for k, v in known.items() if k not in SECRET}
            row.secrets = self.sealer.seal({k: v for k, v in known.items() if k in SECRET})
        self.plays[code] = play
        return play

    def carrier(self, code: str) -> Carrier:
        db.session.rollback()
        return db.session.scalars(select(Carrier).where(Carrier.adapter == code)).one()

    def ready(self, carrier: str = "Flash Express", service: str = "", **facts: Any) -> int:
        """A shipment that waits for its label; its buyer pays at the door."""
        words: dict[str, Any] = {"confirm": True, "payment_term": PaymentTerm.COD, "carrier": carrier}
        with transaction(WHO) as tx:
            order = place_order(tx, self.shop.order(**(words | facts))).order_id
            made = make_ready(tx, [order])[order]
            assert not isinstance(made, OmsError), made
            tx.session.get_one(Shipment, made.shipment_id).service = service
            return made.shipment_id

    def book(self, *shipments: int) -> dict[int, Any]:
        with transaction(WHO) as tx:
            return book_parcels(tx, shipments)

    def work(self, *topics: str, later: timedelta = timedelta()) -> int:
        """Carry out what is due; returns how many rows. ``later``: as if so much time had passed."""
        done = 0
        with clock.at(clock.now() + later):
            while True:
                with transaction(WHO) as tx:
                    due = [d.id for d in outbox.due(tx, 100) if not topics or d.topic in topics]
                if not due:
                    return done
                for outbox_id in due:
                    assert carry_out(outbox_id)
                done += len(due)

    def turn(self, topic: str, later: timedelta = timedelta()) -> None:
        """One turn of the clock."""
        with transaction(WHO) as tx:
            outbox.add(tx, topic, f"{topic}@{next(_TURNS)}")
        self.work(topic, later=later)

    def owed(self, topic: str) -> list[Outbox]:
        db.session.rollback()
        found = select(Outbox).where(Outbox.topic == topic, Outbox.status == OutboxStatus.WAITING)
        return list(db.session.scalars(found.order_by(Outbox.next_try_at)))

    def parcel(self, shipment_id: int) -> Parcel:
        db.session.rollback()
        db.session.expire_all()
        found = select(Parcel).where(Parcel.shipment_id == shipment_id, Parcel.is_live)
        return db.session.scalars(found.order_by(Parcel.position)).first()

    def booking(self, shipment_id: int) -> CarrierBooking:
        db.session.rollback()
        db.session.expire_all()
        found = select(CarrierBooking).join(Parcel).where(Parcel.shipment_id == shipment_id)
        return db.session.scalars(found.order_by(CarrierBooking.id.desc())).first()


def depot_of(app: Flask) -> Iterator[Depot]:
    """The depot, and everything as it was afterwards."""
    app.extensions["oms.carriers"] = Kept[Adapter](lambda *facts: open_carrier(*facts, IMPATIENT))
    with transaction(WHO) as tx:
        before = tx.session.execute(text(f"SELECT id, {KEPT_COLUMNS} FROM carriers")).all()
    with ExitStack() as stack:
        yield Depot(app, stack)
        app.extensions.pop("oms.carriers").close()
    with transaction(WHO) as tx:
        tx.session.execute(text("DELETE FROM carriers WHERE id <> ALL(:ids)"), {"ids": [row.id for row in before]})
        for row in before:
            facts = dict(row._mapping)
            key = facts.pop("id")
            tx.session.execute(update(Carrier.__table__).where(Carrier.__table__.c.id == key).values(**facts))
