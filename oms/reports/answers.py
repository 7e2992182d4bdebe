"""Where is my parcel? Any piece of a phone, a name or a number gives the orders it may mean, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from oms.actor import Actor
from oms.orders.listing import COLUMNS
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.reports.search import search_orders
from oms.shipping.carrier_queries import by_name
from oms.shipping.link_models import Opens, TrackingLink
from oms.shipping.models import Parcel, Shipment, ShipmentLine, TrackingEvent
from oms.shipping.numbers import plain_number
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.thai.text import GRAM, clean

SHOWN: Final = 8  # cards; more means: type more
SHORTEST: Final = 3
NUMBER_PART: Final = 4  # characters of a tracking number that are worth looking for
RECENT: Final = 20_000  # parcels looked through one by one before the index is asked
_NUMBERISH = re.compile(r"[0-9A-Z]*[0-9][0-9A-Z]*")


@dataclass(frozen=True)
class LastWord:
    """The latest thing a carrier said."""

    at: datetime
    text: str
    place: str


@dataclass(frozen=True)
class ParcelAnswer:
    """Where one box stands. ``link``: the carrier's own page of it."""

    id: int
    number: str
    carrier: str
    link: str
    status: TrackingStatus
    at: datetime | None
    last: LastWord | None
    is_live: bool
    shipment: str
    stage: ShipmentStatus


@dataclass(frozen=True)
class Answer:
    """One order a clerk may mean, with its boxes. ``token``: its public page, "" for none yet."""

    order: Row[Any]
    parcels: Sequence[ParcelAnswer]
    token: str


@dataclass(frozen=True)
class Answers:
    """What was found; ``more``: type more to narrow it down."""

    cards: Sequence[Answer]
    more: bool = False


def find_answers(session: Session, actor: Actor, raw: str) -> Answers:
    """The orders a customer's word may mean, the best first, each with where its parcels are."""
    text = clean(raw)[:100]
    if len(text) < SHORTEST:
        return Answers([])
    found = search_orders(session, actor, text)
    rows = list(found.rows[: SHOWN + 1])
    if found.exact is None and len(rows) <= SHOWN:
        known = {row.id for row in rows}
        rows += [row for row in _by_number_part(session, actor, text) if row.id not in known]
    return Answers(cards(session, rows[:SHOWN]), more=found.more or len(rows) > SHOWN)


def _by_number_part(session: Session, actor: Actor, text: str) -> Sequence[Row[Any]]:
    """Orders with a parcel whose tracking number holds this piece; recent parcels before the index of all."""
    part = plain_number(text)
    if len(part) < NUMBER_PART or not _NUMBERISH.fullmatch(part):
        return []
    recent = select(Parcel.shipment_id, Parcel.tracking_no).order_by(Parcel.id.desc()).limit(RECENT).subquery()
    near = select(recent.c.shipment_id).where(recent.c.tracking_no.contains(part, autoescape=True)).limit(SHOWN * 4)
    shipments = set(session.scalars(near))
    if not shipments:
        pieces = sorted({part[i : i + GRAM] for i in range(len(part) - GRAM + 1)})
        grams = func.text_grams(Parcel.tracking_no, type_=ARRAY(Text))
        far = select(Parcel.shipment_id).where(
            grams.contains(pieces), Parcel.tracking_no.contains(part, autoescape=True)
        )
        shipments = set(session.scalars(far.limit(SHOWN * 4)))
    if not shipments:
        return []
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id.in_(sorted(shipments)))
    return session.execute(
        visible(actor)
        .with_only_columns(*COLUMNS)
        .where(Order.id.in_(inside))
        .order_by(Order.id.desc())
        .limit(SHOWN + 1)
    ).all()


def cards(session: Session, rows: Sequence[Row[Any]]) -> list[Answer]:
    """Orders with where their parcels are, in a fixed number of statements."""
    ids = [row.id for row in rows]
    boxes = _boxes(session, ids)
    tokens = {
        row.order_id: row.token
        for row in session.execute(
            select(TrackingLink.order_id, TrackingLink.token).where(
                TrackingLink.order_id.in_(ids), TrackingLink.opens == Opens.PARCEL, TrackingLink.revoked_at.is_(None)
            )
        )
    }
    return [Answer(row, boxes.get(row.id, []), tokens.get(row.id, "")) for row in rows]


def _boxes(session: Session, order_ids: Collection[int]) -> dict[int, list[ParcelAnswer]]:
    """The boxes of each order that has any with a number, the live ones first; voided ones only when nothing lives."""
    if not order_ids:
        return {}
    rows = session.execute(
        select(ShipmentLine.order_id, Parcel, Shipment.number, Shipment.status)
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .join(Parcel, Parcel.shipment_id == Shipment.id)
        .where(ShipmentLine.order_id.in_(list(order_ids)), Parcel.tracking_no != "")
        .order_by(Parcel.is_live.desc(), Parcel.id)
    ).all()
    words = last_words(session, {row.Parcel.id for row in rows})
    carriers = by_name(session)
    found: dict[int, dict[int, ParcelAnswer]] = {}
    for row in rows:
        parcel, mine = row.Parcel, found.setdefault(row.order_id, {})
        if not parcel.is_live and any(p.is_live for p in mine.values()):
            continue
        carrier = carriers.get(parcel.carrier)
        mine[parcel.id] = ParcelAnswer(
            parcel.id, parcel.tracking_no, parcel.carrier, carrier.link(parcel.tracking_no) if carrier else "",
            parcel.tracking_status, parcel.tracked_at, words.get(parcel.id), parcel.is_live, row.number, row.status,
        )  # fmt: skip
    return {order_id: list(mine.values()) for order_id, mine in found.items()}


def last_words(session: Session, parcel_ids: Collection[int]) -> dict[int, LastWord]:
    """The latest event of each of these parcels."""
    if not parcel_ids:
        return {}
    rows = session.execute(
        select(TrackingEvent.parcel_id, TrackingEvent.at, TrackingEvent.raw_text, TrackingEvent.place)
        .where(TrackingEvent.parcel_id.in_(sorted(parcel_ids)))
        .ext(distinct_on(TrackingEvent.parcel_id))
        .order_by(TrackingEvent.parcel_id, TrackingEvent.at.desc(), TrackingEvent.id.desc())
    )
    return {row.parcel_id: LastWord(row.at, row.raw_text, row.place) for row in rows}
