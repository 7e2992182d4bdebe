"""What the packer sees: the open box piece by piece, what came before, how the day goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.carriers.names import carrier_name
from oms.catalog.models import Channel, Sku
from oms.db import Tx
from oms.errors import Say
from oms.orders.models import Order
from oms.shipping.floor import queries
from oms.shipping.floor.models import PackingRules, PackingScan, PackingSession, PickBatch, PickSlot
from oms.shipping.floor.queries import Goods, Pace
from oms.shipping.floor.rules import SOFT, Contents, shelf_key
from oms.shipping.floor.states import PackStatus
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases.packing import rules_of
from oms.usecases.sentences import unpack

RECENT = 5


@dataclass(frozen=True)
class Item:
    """Pieces of one SKU that belong in. ``sets``: the sets they are parts of."""

    goods: Goods
    wanted: int
    counted: int
    sets: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return self.counted >= self.wanted


@dataclass(frozen=True)
class OrderFacts:
    """An order as the packer needs it: no amounts."""

    id: int
    number: str
    external_no: str
    channel: Channel
    note: str
    name: str
    province: str


@dataclass(frozen=True)
class Box:
    """A box being filled: its pieces so far, its weight when it was weighed."""

    number: int
    pieces: int
    grams: int | None


@dataclass(frozen=True)
class Labels:
    """The boxes' labels: how many boxes stand, how many of them have a printed label, their numbers."""

    boxes: int
    printed: int
    tracking: tuple[str, ...]

    @property
    def is_on(self) -> bool:
        return self.boxes > 0 and self.printed >= self.boxes


@dataclass(frozen=True)
class OpenBox:
    """The shipment on the table. ``stopped``: the sentence that has to be acknowledged first."""

    session: PackingSession
    shipment: Shipment
    orders: Sequence[OrderFacts]
    items: Sequence[Item]
    boxes: Sequence[Box]
    labels: Labels
    rules: PackingRules
    tote: str
    last_sku: int | None
    stopped_code: str = ""
    stopped: Say | None = None

    @property
    def counted(self) -> int:
        return sum(item.counted for item in self.items)

    @property
    def wanted(self) -> int:
        return sum(item.wanted for item in self.items)

    @property
    def needs_weight(self) -> bool:
        return self.rules.weigh and self.counted == self.wanted

    @property
    def carrier(self) -> str:
        return carrier_name(self.shipment.carrier)


def open_box(tx: Tx, station: str) -> OpenBox | None:
    """What lies on this person's table, or None."""
    found = queries.open_session(tx.session, tx.actor.user_id, station)
    if found is None:
        return None
    session = tx.session
    contents = queries.contents_of(session, [found.shipment_id])[found.shipment_id]
    scanned = queries.scanned_in(session, found.id)
    stop = session.get(PackingScan, found.stopped_by) if found.stopped_by else None
    last = queries.last_counted(session, found.id)
    return OpenBox(
        found,
        session.get_one(Shipment, found.shipment_id),
        _orders(session, found.shipment_id),
        _items(session, found.warehouse_id, contents, scanned),
        _boxes(found, contents, scanned),
        labels_of(session, [found.shipment_id])[found.shipment_id],
        rules_of(tx, found.warehouse_id),
        _tote(session, found.shipment_id),
        last.sku_id if last else None,
        stop.outcome if stop else "",
        unpack(stop.message) if stop else None,
    )


def _orders(session: Session, shipment_id: int) -> list[OrderFacts]:
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == shipment_id)
    rows = session.execute(
        select(
            Order.id, Order.number, func.coalesce(Order.external_no, ""), Order.channel, Order.buyer_note,
            Order.ship_name, Order.ship_province,
        ).where(Order.id.in_(inside)).order_by(Order.id)
    )  # fmt: skip
    return [OrderFacts(*row) for row in rows]


def _items(
    session: Session, warehouse_id: int, contents: Contents, scanned: Mapping[tuple[int, int], int]
) -> list[Item]:
    """In walking order of the shelves, so that tote and screen agree."""
    times: dict[int, int] = {}
    for (_, sku_id), n in scanned.items():
        times[sku_id] = times.get(sku_id, 0) + n
    counted = contents.pieces(times)
    lying = queries.goods(session, contents.wanted, warehouse_id)
    names = _set_codes(session, contents)
    found = [
        Item(lying[i], n, counted.get(i, 0), tuple(names[s] for s, parts in contents.sets.items() if i in parts))
        for i, n in contents.wanted.items()
    ]
    return sorted(found, key=lambda item: (shelf_key(item.goods.location), item.goods.code))


def _set_codes(session: Session, contents: Contents) -> dict[int, str]:
    if not contents.sets:
        return {}
    rows = session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(sorted(contents.sets))))
    return {row.id: row.code for row in rows}


def _boxes(found: PackingSession, contents: Contents, scanned: Mapping[tuple[int, int], int]) -> list[Box]:
    pieces: dict[int, int] = {}
    for (box, sku_id), n in scanned.items():
        pieces[box] = pieces.get(box, 0) + n * sum(contents.parts(sku_id).values())
    return [Box(n, pieces.get(n, 0), box.get("grams")) for n, box in enumerate(found.boxes, 1)]


def labels_of(session: Session, shipment_ids: Sequence[int]) -> dict[int, Labels]:
    """The labels of shipments, in one statement."""
    found: dict[int, list[Any]] = {i: [] for i in shipment_ids}
    rows = session.execute(
        select(Parcel.shipment_id, Parcel.label_prints, Parcel.tracking_no)
        .where(Parcel.shipment_id.in_(sorted(found)), Parcel.is_live)
        .order_by(Parcel.shipment_id, Parcel.position, Parcel.id)
    )
    for row in rows:
        found[row.shipment_id].append(row)
    return {
        i: Labels(
            len(mine), sum(1 for r in mine if r.label_prints), tuple(r.tracking_no for r in mine if r.tracking_no)
        )
        for i, mine in found.items()
    }


def _tote(session: Session, shipment_id: int) -> str:
    row = session.execute(
        select(PickBatch.number, PickSlot.tote)
        .join(PickBatch, PickBatch.id == PickSlot.batch_id)
        .where(PickSlot.shipment_id == shipment_id, PickSlot.is_live)
    ).first()
    return f"{row.number} · {row.tote}" if row else ""


def midnight() -> datetime:
    """When the business day began."""
    return datetime.combine(clock.today(), time(), clock.BANGKOK)


def pace(session: Session, actor: Actor, warehouse_id: int) -> Pace:
    """How the day goes in one warehouse, in three statements."""
    packed = session.execute(
        select(func.count(), func.count(case((PackingSession.user_id == actor.user_id, 1)))).where(
            PackingSession.warehouse_id == warehouse_id, PackingSession.closed_at >= midnight(),
            PackingSession.status == PackStatus.PACKED,
        )
    ).one()  # fmt: skip
    waiting = session.scalar(
        select(func.count()).where(
            Shipment.warehouse_id == warehouse_id,
            Shipment.status.in_([ShipmentStatus.READY, ShipmentStatus.PICKING]),
        )
    )
    misses = session.scalar(
        select(func.count()).where(
            PackingScan.user_id == actor.user_id, PackingScan.at >= midnight(),
            PackingScan.session_id.is_not(None), PackingScan.outcome.not_in([*SOFT, "not_seen"]),
        )
    )  # fmt: skip
    return Pace(packed[0], packed[1], int(waiting or 0), int(misses or 0))


@dataclass(frozen=True)
class Before:
    """A shipment this person had on the table: packed, or put aside and waiting."""

    shipment_id: int
    number: str
    status: PackStatus
    closed_at: datetime | None
    labels: Labels


def before(session: Session, actor: Actor, warehouse_id: int) -> list[Before]:
    """What this person packed last today, and what they put aside that still waits; the latest first."""
    rows = session.execute(
        select(PackingSession.shipment_id, Shipment.number, PackingSession.status, PackingSession.closed_at)
        .join(Shipment, Shipment.id == PackingSession.shipment_id)
        .where(
            PackingSession.user_id == actor.user_id, PackingSession.warehouse_id == warehouse_id,
            PackingSession.closed_at >= midnight(), PackingSession.status != PackStatus.OPEN,
            and_(
                (PackingSession.status == PackStatus.PACKED)
                | Shipment.status.in_([ShipmentStatus.READY, ShipmentStatus.PICKING, ShipmentStatus.PLANNED])
            ),
        )
        .order_by(PackingSession.closed_at.desc())
        .limit(RECENT)
    ).all()  # fmt: skip
    labels = labels_of(session, [row.shipment_id for row in rows])
    return [Before(row.shipment_id, row.number, row.status, row.closed_at, labels[row.shipment_id]) for row in rows]
