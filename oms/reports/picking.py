"""A picking list as the picker reads it: along the shelves, each SKU once, with the totes its pieces go into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import NotFound, say
from oms.orders.models import Order
from oms.shipping.floor import queries
from oms.shipping.floor.models import PickBatch, PickLine, PickSlot
from oms.shipping.floor.rules import shelf_key
from oms.shipping.floor.states import PickStatus
from oms.shipping.models import Shipment, ShipmentLine


@dataclass(frozen=True)
class ToteShare:
    """Pieces of a SKU for one tote."""

    tote: int
    wanted: int
    picked: int
    short: int

    @property
    def is_full(self) -> bool:
        return self.picked + self.short >= self.wanted


@dataclass(frozen=True)
class PickRow:
    """One SKU on one shelf."""

    sku_id: int
    code: str
    name: str
    option: str
    location: str
    totes: Sequence[ToteShare]

    @property
    def wanted(self) -> int:
        return sum(t.wanted for t in self.totes)

    @property
    def picked(self) -> int:
        return sum(t.picked for t in self.totes)

    @property
    def short(self) -> int:
        return sum(t.short for t in self.totes)

    @property
    def left(self) -> int:
        return self.wanted - self.picked - self.short


@dataclass(frozen=True)
class Tote:
    """One shipment of the list. Not live: packed, or taken off the list. ``back``: pieces that lie in it and belong on
    the shelf again, because its shipment was stopped."""

    tote: int
    shipment: Shipment
    is_live: bool
    orders: Sequence[Any]
    pieces: int
    picked: int

    @property
    def is_stopped(self) -> bool:
        return self.shipment.status.value in {"planned", "canceled"}

    @property
    def back(self) -> int:
        return self.picked if self.is_stopped else 0


@dataclass(frozen=True)
class PickPage:
    """A list with its rows in walking order."""

    batch: PickBatch
    rows: Sequence[PickRow]
    totes: Sequence[Tote]

    @property
    def wanted(self) -> int:
        return sum(row.wanted - row.short for row in self.rows)

    @property
    def picked(self) -> int:
        return sum(row.picked for row in self.rows)


def pick_page(tx: Tx, batch_id: int) -> PickPage:
    """One list of the actor's warehouses. Raises NotFound."""
    session = tx.session
    batch = session.scalars(queries.visible_batches(tx.actor).where(PickBatch.id == batch_id)).one_or_none()
    if batch is None:
        raise NotFound(say("There is no such picking list, or it is not yours to see"), code="pick_batch_not_found")
    lines = session.execute(
        select(PickLine, PickSlot.tote, PickSlot.is_live)
        .join(PickSlot, (PickSlot.batch_id == PickLine.batch_id) & (PickSlot.shipment_id == PickLine.shipment_id))
        .where(PickLine.batch_id == batch.id)
        .order_by(PickSlot.tote)
    ).all()
    closed = batch.status is not PickStatus.OPEN
    rows = _rows(session, [(line, tote) for line, tote, is_live in lines if is_live or closed])
    return PickPage(batch, rows, _totes(session, batch, [line for line, _, _ in lines]))


def _rows(session: Session, lines: Sequence[tuple[PickLine, int]]) -> list[PickRow]:
    names = {
        row.id: row
        for row in session.execute(
            select(Sku.id, Sku.code, Sku.name, Sku.option).where(Sku.id.in_({line.sku_id for line, _ in lines}))
        )
    }
    shares: dict[int, list[ToteShare]] = {}
    shelves: dict[int, str] = {}
    for line, tote in lines:
        shares.setdefault(line.sku_id, []).append(ToteShare(tote, line.wanted, line.picked, line.short))
        shelves[line.sku_id] = line.location
    options = {i: "" if row.option in row.name else row.option for i, row in names.items()}  # not said twice
    found = [
        PickRow(i, names[i].code, names[i].name, options[i], shelves[i], tuple(mine)) for i, mine in shares.items()
    ]
    return sorted(found, key=lambda row: (shelf_key(row.location), row.code))


def _totes(session: Session, batch: PickBatch, lines: Sequence[PickLine]) -> list[Tote]:
    slots = session.execute(
        select(PickSlot.tote, PickSlot.is_live, Shipment)
        .join(Shipment, Shipment.id == PickSlot.shipment_id)
        .where(PickSlot.batch_id == batch.id)
        .order_by(PickSlot.tote)
    ).all()
    orders: dict[int, list[Any]] = {}
    inside = session.execute(
        select(ShipmentLine.shipment_id, Order.id, Order.number, Order.channel, Order.ship_name)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(ShipmentLine.shipment_id.in_([s.id for _, _, s in slots]))
        .distinct()
        .order_by(Order.id)
    )
    for row in inside:
        orders.setdefault(row.shipment_id, []).append(row)
    pieces: dict[int, tuple[int, int]] = {}
    for line in lines:
        wanted, picked = pieces.get(line.shipment_id, (0, 0))
        pieces[line.shipment_id] = (wanted + line.wanted, picked + line.picked)
    return [Tote(tote, s, is_live, orders.get(s.id, []), *pieces.get(s.id, (0, 0))) for tote, is_live, s in slots]


def batch_list(actor: Actor) -> Select[Any]:
    """Rows of (list, shipments, pieces wanted, pieces picked), open ones first, then the newest."""
    slots = select(func.count()).where(PickSlot.batch_id == PickBatch.id).scalar_subquery()
    wanted = (
        select(func.coalesce(func.sum(PickLine.wanted - PickLine.short), 0))
        .where(PickLine.batch_id == PickBatch.id)
        .scalar_subquery()
    )
    picked = (
        select(func.coalesce(func.sum(PickLine.picked), 0)).where(PickLine.batch_id == PickBatch.id).scalar_subquery()
    )
    found: Select[Any] = (
        queries.visible_batches(actor)
        .add_columns(slots.label("shipments"), wanted.label("wanted"), picked.label("picked"))
        .order_by((PickBatch.status != PickStatus.OPEN), PickBatch.id.desc())
    )
    return found
