"""Tracking numbers from a carrier's portal: each named parcel gets its number, and nothing that has one loses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms.carriers.catalogue import looks_wrong
from oms.carriers.names import carrier_code
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import OmsError, Problem, Say, say
from oms.intake.queries import one_of
from oms.intake.states import Outcome
from oms.orders.models import Order
from oms.shipping import rules
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.numbers import plain_number
from oms.shipping.queries import visible_shipments
from oms.shipping.states import ShipmentStatus
from oms.usecases.shipping_parcels import SetTracking, set_tracking

OVER = frozenset({ShipmentStatus.RETURNED, ShipmentStatus.LOST})


@dataclass(frozen=True)
class NumberRow:
    """One parcel as the portal names it. ``reference``: a shipment's number, an order's, the channel's, or the one
    under which the parcel was booked."""

    no: int
    reference: str
    tracking_no: str
    carrier: str


@dataclass(frozen=True)
class TakeNumbers:
    """Parcels of one file, in its order."""

    rows: Sequence[NumberRow]


@dataclass(frozen=True)
class NumberTaken:
    """What became of one row: the shipment that has the number, or why it waits. A number that looks odd is taken and
    said."""

    no: int
    outcome: Outcome
    shipment_id: int | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Named:
    """Shipments a reference names, and the box it names when it was booked under it."""

    shipments: tuple[Shipment, ...] = ()
    parcel_id: int | None = None


def take_numbers(tx: Tx, cmd: TakeNumbers) -> list[NumberTaken]:
    """Give parcels the numbers of a file; one answer per row, in order. A number that is there already is unchanged; a
    parcel that has another one waits for a person, because the label may carry it."""
    tx.actor.require("shipment.track")
    named = _named(tx, {spelled for row in cmd.rows for spelled in _spelled(row.reference)})
    return [_take(tx, row, _pick(row.reference, named)) for row in cmd.rows]


def _spelled(reference: str) -> set[str]:
    return {reference, reference.upper()}


def _pick(reference: str, named: Mapping[str, _Named]) -> _Named:
    return next((named[text] for text in (reference, reference.upper()) if text in named), _Named())


def _named(tx: Tx, references: Collection[str]) -> dict[str, _Named]:
    """What each reference names, in as many statements for one as for a thousand."""
    shops = select(Shop.id).scalar_subquery()  # lets the index of (shop, number) serve
    inside = ShipmentLine.order_id == Order.id
    found: dict[str, set[int]] = defaultdict(set)
    for ways in (
        select(Shipment.number, Shipment.id).where(one_of(Shipment.number, references)),
        select(Order.number, ShipmentLine.shipment_id)
        .join(ShipmentLine, inside)
        .where(one_of(Order.number, references)),
        select(Order.external_no, ShipmentLine.shipment_id)
        .join(ShipmentLine, inside)
        .where(Order.shop_id.in_(shops), one_of(Order.external_no, references)),
    ):
        for reference, shipment_id in tx.session.execute(ways):
            found[str(reference)].add(shipment_id)
    booked = tx.session.execute(
        select(Parcel.booking_ref, Parcel.shipment_id, Parcel.id).where(
            Parcel.booking_ref != "", one_of(Parcel.booking_ref, references), Parcel.is_live
        )
    ).all()
    boxes = {reference: (shipment_id, parcel_id) for reference, shipment_id, parcel_id in booked}
    ids = {i for group in found.values() for i in group} | {shipment_id for shipment_id, _ in boxes.values()}
    rows = tx.session.scalars(
        visible_shipments(tx.actor)
        .where(one_of(Shipment.id, ids), Shipment.status != ShipmentStatus.CANCELED)
        .options(selectinload(Shipment.parcels))
        .order_by(Shipment.id)
    )
    seen = {shipment.id: shipment for shipment in rows}
    named = {text: _Named(tuple(seen[i] for i in sorted(group) if i in seen)) for text, group in found.items()}
    return named | {
        text: _Named((seen[shipment_id],), parcel_id)
        for text, (shipment_id, parcel_id) in boxes.items()
        if shipment_id in seen
    }


def _take(tx: Tx, row: NumberRow, named: _Named) -> NumberTaken:
    number = plain_number(row.tracking_no)
    if not named.shipments:
        return _waits(row, "number_nobody", say("No shipment of yours goes by {reference}", reference=row.reference))
    for shipment in named.shipments:
        if any(plain_number(p.tracking_no) == number for p in rules.live_parcels(shipment)):
            return NumberTaken(row.no, Outcome.UNCHANGED, shipment.id)
    target = _target(row, named)
    if isinstance(target, NumberTaken):
        return target
    try:
        with tx.session.begin_nested():
            set_tracking(tx, SetTracking(target.id, row.carrier, number, named.parcel_id))
    except OmsError as refusal:
        return NumberTaken(row.no, Outcome.QUARANTINED, target.id, tuple(refusal.problems()))
    return NumberTaken(row.no, Outcome.CREATED, target.id, _advice(row, number))


def _target(row: NumberRow, named: _Named) -> Shipment | NumberTaken:
    """The one shipment that waits for a number, or why there is none."""
    open_ones = [s for s in named.shipments if s.status not in OVER]
    waiting = [s for s in open_ones if _lacks_number(s, named.parcel_id)]
    if len(waiting) == 1:
        return waiting[0]
    if len(waiting) > 1:
        numbers = ", ".join(s.number for s in waiting)
        several = say(
            "{reference} leaves in several shipments; write one of their numbers: {numbers}",
            reference=row.reference, numbers=numbers,
        )  # fmt: skip
        return _waits(row, "number_several", several)
    if not open_ones:
        return _waits(row, "shipment_closed", say("The shipment {number} is closed", number=named.shipments[0].number))
    has = next((p.tracking_no for s in open_ones for p in rules.live_parcels(s) if p.tracking_no), "")
    other = say("{reference} has the number {number} already; change it by hand", reference=row.reference, number=has)
    return _waits(row, "number_differs", other)


def _lacks_number(shipment: Shipment, parcel_id: int | None) -> bool:
    boxes = [p for p in rules.live_parcels(shipment) if parcel_id in {None, p.id}]
    return not boxes or any(not p.tracking_no for p in boxes)


def _advice(row: NumberRow, number: str) -> tuple[Problem, ...]:
    code = carrier_code(row.carrier)
    if not code or not looks_wrong(code, number):
        return ()
    words = say("It does not look like a number of {carrier}; it was taken as it is", carrier=row.carrier)
    return (Problem("number_odd", words, "tracking"),)


def _waits(row: NumberRow, code: str, words: Say) -> NumberTaken:
    return NumberTaken(row.no, Outcome.QUARANTINED, None, (Problem(code, words, "reference"),))
