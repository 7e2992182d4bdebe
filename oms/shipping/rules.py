"""What holds for boxes and their labels: pure functions of shipments, parcels and quantities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from oms.errors import Say, say
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus, TrackingStatus

_BOX = re.compile(r"^(SH\d{2}-\d{6,})-(\d{1,2})$")
Plan = dict[int, dict[int, int]]  # warehouse id -> order line id -> units


def first_due(moments: Iterable[datetime | None]) -> datetime | None:
    """When the first of several orders must leave; None when none of them has to."""
    return min((moment for moment in moments if moment is not None), default=None)


def live_parcels(shipment: Shipment) -> list[Parcel]:
    """The boxes that stand, in their order."""
    return [p for p in shipment.parcels if p.is_live]


def is_labeled(shipment: Shipment) -> bool:
    """Whether a label with this address and carrier may be on a box already."""
    return shipment.status is ShipmentStatus.LABELED or any(p.label_prints for p in live_parcels(shipment))


def box_code(number: str, box: int, boxes: int) -> str:
    """What our own label says of one box: the shipment's number, and which box it is when there are several."""
    return number if boxes == 1 else f"{number}-{box}"


def read_box_code(code: str) -> tuple[str, int]:
    """(shipment's number, box) of such a code; box 0 when it names none."""
    found = _BOX.match(code)
    return (found[1], int(found[2])) if found else (code, 0)


def label_refusal(shipment: Shipment) -> Say | None:
    """Why address and carrier may not change any more, or None."""
    return printed_already(shipment.number) if is_labeled(shipment) else None


def printed_already(number: str) -> Say:
    """The sentence that names what to do when a printed label is in the way."""
    return say("The label of {number} is printed already; void the label first", number=number)


def shared_already(number: str) -> Say:
    """The sentence for an order that cannot go its own way while it shares a box."""
    return say("{number} holds other orders too; take this order out of it first", number=number)


def void(parcel: Parcel, reason: str, at: datetime) -> None:
    """The number and label of a box no longer stand; they stay on record."""
    parcel.is_live, parcel.voided_at, parcel.void_reason = False, at, reason[:500]


def new_parcel(shipment: Shipment, position: int, *, like: Parcel | None = None) -> Parcel:
    """A box without a number yet; ``like``: the one whose label it replaces."""
    return Parcel(
        position=position, carrier=like.carrier if like else shipment.carrier,
        service=like.service if like else shipment.service, tracking_no="", is_live=True,
        tracking_status=TrackingStatus.CREATED, weight_grams=like.weight_grams if like else None, label_prints=0,
    )  # fmt: skip


def plan(held: Mapping[int, Mapping[int, int]]) -> Plan:
    """What lies promised per order line and warehouse, turned round: what every warehouse has to send."""
    turned: Plan = {}
    for line, places in held.items():
        for place, units in places.items():
            if units:
                turned.setdefault(place, {})[line] = units
    return turned


def packed(shipments: Sequence[Shipment]) -> Plan:
    """What lies in these boxes, by warehouse and order line."""
    found: Plan = {}
    for shipment in shipments:
        lines = found.setdefault(shipment.warehouse_id, {})
        for line in shipment.lines:
            lines[line.order_line_id] = lines.get(line.order_line_id, 0) + line.quantity
    return found


def all_printed(shipment: Shipment) -> bool:
    """Whether every box has its label."""
    live = live_parcels(shipment)
    return bool(live) and all(p.label_prints for p in live)
