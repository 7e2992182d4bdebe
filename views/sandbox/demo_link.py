"""Links a warehouse of the demo shop to the reference site and plays its first day: goods picked and sent, a delivery
with a broken piece, a comparison that agrees to the last piece, one shipment that left although it was withdrawn."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from oms import clock
from oms.actor import Actor, system
from oms.catalog.models import Sku
from oms.db import Tx, transaction
from oms.demo.load import Users, staff
from oms.errors import OmsError
from oms.inventory.models import StockLevel, Warehouse
from oms.orders.models import Order
from oms.orders.states import Board, HoldReason
from oms.remote.models import RemoteSite
from oms.remote.queries import lock_site
from oms.sealing import Sealer
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.thai.provinces import REGIONS
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.remote_in import site_actor, take_in
from oms.usecases.remote_out import hand_out
from oms.usecases.remote_sites import SiteFacts, create_site
from oms.usecases.routing_moves import RerouteOrder, reroute_order
from oms.usecases.shipping_boxes import make_ready
from views.sandbox.demo_site import BOOKS, KEYS
from views.sandbox.remote_site import Site

CODE, PLACE, NAME = "hdy", "HDY", "คลังหาดใหญ่ (บริษัทคลังภายนอก)"
MOST = 7  # shipments the site gets to send
CARRIER = "Flash Express"


@dataclass
class Both:
    """Ruam at one end, the site at the other, packages carried between them by hand."""

    site: Site
    site_id: int
    actor: Actor

    def fetch(self) -> None:
        """What Ruam has for the site."""
        with transaction(self.actor) as tx:
            packages = hand_out(tx, self.site_id, self.site.secret, self.site.have)
        for data in packages:
            self.site.take(data)

    def bring(self) -> None:
        """What the site has for Ruam."""
        self.site.pack()
        for data in self.site.waiting():
            with transaction(self.actor) as tx:
                taken = take_in(tx, self.site_id, self.site.secret, data)
            self.site.heard_that_ruam_has(taken.have)

    def exchange(self) -> None:
        """Both ways, and what was said last is acknowledged."""
        self.fetch()
        self.bring()
        self.fetch()


def link(users: Users, folder: Path, sealer: Sealer, port: int) -> bool:
    """Link the warehouse and play; False when a site is linked already. ``port``: of the site's own page."""
    actors, end = staff(users), clock.now()
    with clock.at(end - timedelta(hours=26)), transaction(actors["owner"]) as tx:
        place = tx.session.scalar(select(Warehouse.id).where(Warehouse.code == PLACE))
        if place is None or tx.session.scalar(select(RemoteSite.id).limit(1)) is not None:
            return False
        made = create_site(tx, SiteFacts(CODE, NAME, place), sealer)
        (folder / BOOKS).unlink(missing_ok=True)  # books of a link that was never finished
        _keep(folder / KEYS, {"site": CODE, "secret": made.secret, "token": made.token, "port": port})
    with transaction(actors["manager"]) as tx:
        _ready(tx, place)
        levels, acting = _levels(tx, place), site_actor(lock_site(tx, made.site_id))
    site = Site(folder / BOOKS, CODE, made.secret, made.token)
    site.opening({sku: hand for sku, (hand, _) in levels.items()}, {sku: bad for sku, (_, bad) in levels.items()})
    _first_day(Both(site, made.site_id, acting), actors, sorted(levels), end)
    site.close()
    return True


def _first_day(both: Both, actors: Mapping[str, Actor], skus: list[str], end: datetime) -> None:
    site = both.site
    with clock.at(end - timedelta(hours=2)):
        both.fetch()
    *waiting, late = _to_send(site) or [""]  # the last one leaves although it is held
    with clock.at(end - timedelta(hours=1)):
        for number in waiting[:2]:
            site.ship(number, f"TH69{number[-6:]}HDY", CARRIER)
        for number in waiting[2:4]:
            site.step(number, "picked")
        site.receive({skus[0]: 24, skus[1]: 12}, {skus[1]: 1}, "PO-004-HDY")
        site.damage(skus[2], 1, "น้ำหยดจากหลังคา")
        site.snapshot()
        both.exchange()
    with clock.at(end - timedelta(minutes=30)):
        if late and _hold(actors["manager"], late):
            site.ship(late, f"TH69{late[-6:]}HDY", CARRIER)  # the news of the hold had not reached it
            both.bring()
    both.exchange()


def _keep(path: Path, facts: Mapping[str, object]) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(facts, out)


def _ready(tx: Tx, place: int) -> None:
    """Paid orders whose goods lie there are to be sent, and some of the south that other warehouses would have sent."""
    paid = select(Order.id).where(Order.board == Board.READY).order_by(Order.id)
    there = list(tx.session.scalars(paid.where(Order.warehouse_id == place).limit(MOST)))
    others = paid.where(Order.warehouse_id != place, Order.ship_province.in_(REGIONS["Southern region"]))
    for order_id in tx.session.scalars(others.limit(2 * MOST)).all():
        if len(there) < MOST and _moved(tx, order_id, place):
            there.append(order_id)
    make_ready(tx, there)


def _moved(tx: Tx, order_id: int, place: int) -> bool:
    """Whether the order can be sent from there, and now is."""
    why = "อยู่ภาคใต้ ส่งจากหาดใหญ่ถึงเร็วกว่า"
    try:
        with tx.session.begin_nested():
            reroute_order(tx, RerouteOrder(order_id, place, reason=why, may_wait=False))
    except OmsError:
        return False
    return True


def _levels(tx: Tx, place: int) -> dict[str, tuple[int, int]]:
    """SKU -> (on hand, damaged) as Ruam has it: what both sides start from."""
    rows = select(Sku.code, StockLevel.on_hand, StockLevel.damaged).join(Sku, Sku.id == StockLevel.sku_id)
    return {r[0]: (r[1], r[2]) for r in tx.session.execute(rows.where(StockLevel.warehouse_id == place))}


def _to_send(site: Site) -> list[str]:
    """Shipments that nobody has begun with."""
    with transaction(system("demo")) as tx:
        fresh = select(Shipment.number).where(Shipment.status == ShipmentStatus.READY)
        ready = set(tx.session.scalars(fresh))
    return [number for number in site.orders() if number in ready]


def _hold(actor: Actor, number: str) -> bool:
    """The buyer calls: the parcel is to wait."""
    with transaction(actor) as tx:
        inside = select(ShipmentLine.order_id).join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        order_id = tx.session.scalar(inside.where(Shipment.number == number).limit(1))
        if order_id is not None:
            note = "ลูกค้าโทรมาขอเลื่อนส่งไปอาทิตย์หน้า"
            hold_order(tx, HoldOrder(order_id, HoldReason.CUSTOMER_REQUEST, note))
    return order_id is not None
