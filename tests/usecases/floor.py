"""Short ways to goods that wait for the floor, and a packing station without a screen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event, select

from oms.db import Tx
from oms.orders.states import PaymentTerm
from oms.shipping.floor.models import PackingSession
from oms.shipping.floor.states import ScanKind
from oms.shipping.models import Shipment
from oms.usecases.orders_place import place_order
from oms.usecases.packing import Scan, Scanned, scan
from oms.usecases.shipping_boxes import make_ready
from tests.shop import SmallShop

_keys = itertools.count(1)


def key() -> str:
    """A number of a scan nobody used before."""
    return f"k{next(_keys):08d}"


def order(tx: Tx, shop: SmallShop, *lines: tuple[int, int], **facts: object) -> int:
    """A confirmed COD order, whose gate is open."""
    words = {"payment_term": PaymentTerm.COD, "confirm": True} | facts
    return place_order(tx, shop.order(*lines, **words)).order_id


def ready(tx: Tx, shop: SmallShop, *lines: tuple[int, int], **facts: object) -> Shipment:
    """The shipment of such an order, ready to be picked."""
    made = make_ready(tx, [order(tx, shop, *lines, **facts)])
    (answer,) = made.values()
    tx.session.flush()
    return tx.session.get_one(Shipment, answer.shipment_id)


@contextmanager
def statements(tx: Tx) -> Iterator[list[str]]:
    """The SQL statements of the block."""
    seen: list[str] = []
    engine = tx.session.get_bind().engine

    def note(*arguments: object) -> None:
        if not str(arguments[2]).startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO")):
            seen.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


class Station:
    """One packer at one table."""

    def __init__(self, tx: Tx, warehouse_id: int, name: str = "T1") -> None:
        self.tx, self.warehouse_id, self.name = tx, warehouse_id, name

    def scan(self, code: str = "", kind: ScanKind | None = None, **facts: object) -> Scanned:
        facts = {"key": key()} | facts
        return scan(self.tx, Scan(station=self.name, warehouse_id=self.warehouse_id, code=code, kind=kind, **facts))

    def outcomes(self, *codes: str) -> list[str]:
        return [self.scan(code).outcome for code in codes]

    @property
    def session(self) -> PackingSession | None:
        return self.tx.session.scalars(
            select(PackingSession).where(
                PackingSession.station == self.name, PackingSession.user_id == self.tx.actor.user_id
            ).order_by(PackingSession.id.desc()).limit(1)
        ).one_or_none()  # fmt: skip
