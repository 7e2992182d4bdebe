"""Tracking numbers bought ahead: blocks kept in the panel, the next number drawn for a parcel, none ever twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from oms import audit
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Refused, Say, say
from oms.shipping.carrier_models import Carrier, NumberRange
from oms.shipping.carrier_queries import lock_carrier
from oms.shipping.models import Parcel, Shipment
from oms.shipping.numbers import Shape, read_block
from oms.shipping.queries import lock_with_orders, shipment_missing
from oms.shipping.rules import live_parcels
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus, TrackingStatus
from oms.usecases.keeping import Saved, between, bounded, checked, lock_row, put
from oms.usecases.masters import Edit

ALLOTTED_IN = BEFORE_HAND_OVER - {ShipmentStatus.PLANNED}
WARN_BELOW = 100


@dataclass(frozen=True)
class RangeFacts:
    """A block as the carrier gave it: its first and last number. ``service`` "": for every service."""

    carrier_id: int
    first_number: str = ""
    last_number: str = ""
    service: str = ""
    warn_below: int = WARN_BELOW
    note: str = ""
    is_active: bool = True


def add_range(tx: Tx, facts: RangeFacts) -> Saved:
    """Put a block on record. Raises InvalidInput when it overlaps one there is."""
    tx.actor.require("carrier.edit")
    carrier = lock_carrier(tx, facts.carrier_id)
    shape, first, last = read_block(facts.first_number, facts.last_number)
    fields = _fields(carrier, facts)
    clash = tx.session.scalars(
        select(NumberRange)
        .where(
            NumberRange.prefix == shape.prefix, NumberRange.suffix == shape.suffix,
            NumberRange.digits == shape.digits, NumberRange.first_serial <= last, NumberRange.last_serial >= first,
        )
        .limit(1)
    ).one_or_none()  # fmt: skip
    if clash is not None:
        raise InvalidInput(
            say(
                "These numbers overlap the block {first} to {last}",
                first=shape_of(clash).spell(clash.first_serial),
                last=shape_of(clash).spell(clash.last_serial),
            ),
            field="first_number",
            code="block_overlap",
        )
    row = NumberRange(
        carrier_id=carrier.id, prefix=shape.prefix, suffix=shape.suffix, digits=shape.digits, check=shape.check,
        first_serial=first, last_serial=last, next_serial=first, **fields,
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    after = {"first": shape.spell(first), "last": shape.spell(last), "carrier": carrier.name, **fields}
    audit.record(tx, "carrier.range_added", "carrier", carrier.id, carrier.name, after=after)
    return Saved(row.id)


def edit_range(tx: Tx, edit: Edit, facts: RangeFacts) -> Saved:
    """Change when it warns, what it is for, whether it is drawn from. Its numbers stay as they are."""
    tx.actor.require("carrier.edit")
    row = lock_row(tx, NumberRange, edit.id, edit.version)
    carrier = lock_carrier(tx, row.carrier_id)
    before, after = put(row, _fields(carrier, facts))
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, "carrier.range_changed", "carrier", carrier.id, carrier.name, before=before, after=after)
    return Saved(row.id)


def _fields(carrier: Carrier, facts: RangeFacts) -> dict[str, object]:
    def service() -> str:
        if facts.service and facts.service not in {s["code"] for s in carrier.services}:
            raise InvalidInput(say("This carrier has no such service"), field="service", code="service_unknown")
        return facts.service

    return checked(
        service=service,
        warn_below=lambda: between(facts.warn_below, 0, 1_000_000, "warn_below"),
        note=lambda: bounded(facts.note, 200, "note"),
    ) | {"is_active": facts.is_active}


def shape_of(row: NumberRange) -> Shape:
    """How the numbers of a block are spelled."""
    return Shape(row.prefix, row.suffix, row.digits, row.check)


def draw_numbers(tx: Tx, carrier: Carrier, service: str, count: int) -> list[str]:
    """The next numbers of a carrier's blocks, those of the service first, the oldest block first; fewer when there are
    no more. They are used up the moment the transaction commits, whatever becomes of the parcels."""
    rows = tx.session.scalars(
        select(NumberRange)
        .where(
            NumberRange.carrier_id == carrier.id, NumberRange.is_active, NumberRange.service.in_(["", service]),
            NumberRange.next_serial <= NumberRange.last_serial,
        )
        .order_by(NumberRange.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()  # fmt: skip
    drawn: list[str] = []
    for row in sorted(rows, key=lambda r: (r.service != service, r.id)):
        while len(drawn) < count and row.left:
            shape, wanted = shape_of(row), min(count - len(drawn), row.left)
            spelled = [shape.spell(row.next_serial + i) for i in range(wanted)]
            row.next_serial += wanted
            typed = set(tx.session.scalars(select(Parcel.tracking_no).where(Parcel.tracking_no.in_(spelled))))
            drawn += [number for number in spelled if number not in typed]  # somebody typed it in before
    return drawn


def _short(carrier: Carrier, left: int, wanted: int) -> Say:
    return say(
        "Only {left} numbers of {carrier} are left and {wanted} are needed; enter a new block under Setup, Carriers",
        left=left,
        carrier=carrier.name,
        wanted=wanted,
    )


@dataclass(frozen=True)
class Allotted:
    """The numbers a shipment's parcels got; () when every one had a number already."""

    numbers: tuple[str, ...]


def allot_numbers(tx: Tx, shipment_ids: Collection[int]) -> dict[int, Allotted | OmsError]:
    """Give every parcel of these shipments that has no number yet the next one of its carrier's blocks."""
    tx.actor.require("shipment.label")
    shipments = lock_with_orders(tx, shipment_ids).shipments
    carriers = {c.name: c for c in tx.session.scalars(select(Carrier).where(Carrier.is_active))}
    answers: dict[int, Allotted | OmsError] = {}
    wanted: dict[tuple[str, str], list[Shipment]] = {}
    for shipment_id in dict.fromkeys(shipment_ids):
        shipment = shipments.get(shipment_id)
        if shipment is None:
            answers[shipment_id] = shipment_missing()
        elif (refusal := _refusal(shipment, carriers)) is not None:
            answers[shipment_id] = refusal
        elif not _bare(shipment):
            answers[shipment_id] = Allotted(())
        else:
            wanted.setdefault((shipment.carrier, shipment.service), []).append(shipment)
    for (name, service), group in sorted(wanted.items()):
        answers |= _allot(tx, carriers[name], service, group)
    return answers


def _bare(shipment: Shipment) -> list[Parcel]:
    return [p for p in live_parcels(shipment) if not p.tracking_no]


def _refusal(shipment: Shipment, carriers: dict[str, Carrier]) -> OmsError | None:
    if shipment.status not in ALLOTTED_IN:
        return Refused(say("{number} is not waiting to leave", number=shipment.number), code="shipment_not_waiting")
    if shipment.carrier not in carriers:
        return Refused(say("Choose a carrier for {number} first", number=shipment.number), code="carrier_missing")
    return None


def _allot(tx: Tx, carrier: Carrier, service: str, group: Sequence[Shipment]) -> dict[int, Allotted | OmsError]:
    """Numbers for the shipments of one carrier and service; those for whom none are left answer so."""
    left = numbers_left(tx.session, carrier.id, service)
    served: list[Shipment] = []
    answers: dict[int, Allotted | OmsError] = {}
    for shipment in group:
        need = len(_bare(shipment))
        if need > left:
            answers[shipment.id] = Refused(_short(carrier, left, need), code="numbers_short")
            continue
        left -= need
        served.append(shipment)
    numbers = draw_numbers(tx, carrier, service, sum(len(_bare(s)) for s in served)) if served else []
    entries = []
    for shipment in served:
        bare = _bare(shipment)
        if len(numbers) < len(bare):
            answers[shipment.id] = Refused(_short(carrier, len(numbers), len(bare)), code="numbers_short")
            continue
        given, numbers = numbers[: len(bare)], numbers[len(bare) :]
        for parcel, number in zip(bare, given, strict=True):
            parcel.carrier, parcel.service, parcel.tracking_no = carrier.name, service, number
            if parcel.tracking_status is TrackingStatus.CREATED:
                parcel.tracking_status = TrackingStatus.LABEL_READY
        answers[shipment.id] = Allotted(tuple(given))
        after = {"carrier": carrier.name, "tracking_no": ", ".join(given)}
        entries.append(audit.Entry("shipment.numbered", "shipment", shipment.id, shipment.number, after=after))
    audit.record_many(tx, entries)
    return answers


def numbers_left(session: Session, carrier_id: int, service: str = "") -> int:
    """How many numbers can still be drawn for a service."""
    left = func.coalesce(func.sum(NumberRange.last_serial - NumberRange.next_serial + 1), 0)
    found = session.scalar(
        select(left).where(
            NumberRange.carrier_id == carrier_id, NumberRange.is_active, NumberRange.service.in_(["", service])
        )
    )
    return int(found or 0)


@dataclass(frozen=True)
class Low:
    """Blocks that run out: of one carrier and service, together."""

    carrier: str
    service: str
    left: int


def low_statement() -> Select[str, str, int]:
    """Carrier, service and numbers left where the blocks in use hold fewer than the largest mark among them."""
    left = func.sum(NumberRange.last_serial - NumberRange.next_serial + 1).label("left")
    return (
        select(Carrier.name, NumberRange.service, left)
        .join(Carrier, Carrier.id == NumberRange.carrier_id)
        .where(NumberRange.is_active, Carrier.is_active)
        .group_by(Carrier.name, NumberRange.service)
        .having(left < func.max(NumberRange.warn_below))
    )


def running_low(session: Session) -> list[Low]:
    """Blocks that run out, by carrier."""
    rows = session.execute(low_statement().order_by(Carrier.name, NumberRange.service))
    return [Low(name, service, int(n)) for name, service, n in rows]
