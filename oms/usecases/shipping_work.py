"""A shipment on its way through the packing room: picked, packed, labeled, handed over.

Verbs on many answer per shipment id: its state, or the refusal; one that is refused never holds up the rest. The gate
is asked when goods are made ready, when a label is printed and when they leave.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Refused, say
from oms.inventory import reserving
from oms.money import ZERO, Money
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.shipping import rules
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import Locked, lock_shipment, lock_with_orders
from oms.shipping.states import SHIPMENT, ShipmentStatus
from oms.usecases import derived, notices
from oms.usecases.cod_entries import cash_at_the_door, cash_on_labels, check_label_cash, is_cod
from oms.usecases.gate import GateStep, Verdict, judge
from oms.usecases.shipping_boxes import Held, ShipmentState, state_of, step, told, use
from oms.usecases.shipping_leaving import Departing, leave_together
from oms.usecases.shipping_parcels import (
    CancelShipment,
    ChangeCarrier,
    LabelVoided,
    PullBack,
    SetTracking,
    VoidLabel,
    cancel_shipment,
    change_carrier,
    give_number,
    pull_back,
    set_tracking,
    void_label,
)

__all__ = [
    "Answers", "BoxSpec", "CancelShipment", "ChangeCarrier", "LabelVoided", "PackShipment", "PullBack", "SetTracking",
    "ShipmentState", "VoidLabel", "cancel_shipment", "change_carrier", "check_printable", "hand_over_shipments",
    "mark_labeled", "pack_shipment", "pull_back", "set_tracking", "start_picking", "void_label",
]  # fmt: skip

Answers = dict[int, ShipmentState | OmsError]
BOXES_AT_MOST = 50
HEAVIEST = 1_000_000  # grams
S = ShipmentStatus


@dataclass(frozen=True)
class BoxSpec:
    """One box as it was packed. What is left empty stays as it is known."""

    weight_grams: int | None = None
    tracking_no: str = ""
    carrier: str = ""
    service: str = ""


@dataclass(frozen=True)
class PackShipment:
    """Everything in a shipment is in these boxes."""

    shipment_id: int
    boxes: tuple[BoxSpec, ...] = (BoxSpec(),)
    version: int | None = None


def start_picking(tx: Tx, shipment_ids: Collection[int]) -> Answers:
    """Somebody goes to fetch the goods. Asked again it answers the same."""
    tx.actor.require("shipment.pack")
    locked = lock_with_orders(tx, shipment_ids)
    answers: Answers = {}
    moved: list[Shipment] = []
    entries: list[audit.Entry] = []
    for shipment_id in dict.fromkeys(shipment_ids):
        try:
            shipment = locked.shipment(shipment_id)
            if shipment.status is not S.PICKING:
                SHIPMENT.check(shipment, "pick")
                entries += _go(shipment, locked.inside(shipment), "pick", "shipment.picking")
                moved.append(shipment)
            answers[shipment_id] = state_of(shipment)
        except OmsError as refusal:
            answers[shipment_id] = refusal
    audit.record_many(tx, entries)
    derived.refresh(tx, locked.inside(*moved))
    return answers


def _go(shipment: Shipment, orders: Sequence[Order], move: str, action: str, **facts: object) -> list[audit.Entry]:
    before = shipment.status
    step(shipment, move)
    return told(action, shipment, orders, {"status": before}, {"status": shipment.status, **facts})


def pack_shipment(tx: Tx, cmd: PackShipment) -> ShipmentState:
    """The goods are in their boxes. When every box has its label already, it is labeled too.

    Raises NotFound, Conflict, InvalidInput, TransitionRefused, or Refused for a tracking number in use.
    """
    tx.actor.require("shipment.pack")
    _check_boxes(cmd.boxes)
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    orders = locked.inside(shipment)
    if shipment.status is not S.READY:
        SHIPMENT.check(shipment, "pack")
    with tx.session.begin_nested():  # refused at its last box, it is as it was, whatever the caller does next
        entries = _pack(tx, shipment, orders, cmd.boxes)
    audit.record_many(tx, entries)
    derived.refresh(tx, orders)
    notices.tell(tx, Event.PACKED, [(o.id, notices.of_shipment(shipment.id)) for o in orders])
    return state_of(shipment)


def _pack(tx: Tx, shipment: Shipment, orders: Sequence[Order], boxes: Sequence[BoxSpec]) -> list[audit.Entry]:
    parcels = _boxes(shipment, len(boxes))
    for parcel, spec in zip(parcels, boxes, strict=True):
        parcel.weight_grams = spec.weight_grams or parcel.weight_grams
        if spec.tracking_no.strip() or spec.carrier.strip() or spec.service.strip():
            give_number(tx, shipment, parcel, spec.carrier, spec.tracking_no, spec.service)
    if shipment.status is S.READY:
        step(shipment, "pick")
    shipment.packed_by = tx.actor.label[:120]
    weight = sum(p.weight_grams or 0 for p in rules.live_parcels(shipment))
    entries = _go(shipment, orders, "pack", "shipment.packed", boxes=len(boxes), weight=weight)
    if rules.all_printed(shipment):
        for verdict in judge(tx, orders, GateStep.LABEL).values():
            verdict.check()
        entries += _go(shipment, orders, "label", "shipment.labeled")
    return entries


def _check_boxes(boxes: Sequence[BoxSpec]) -> None:
    if not 0 < len(boxes) <= BOXES_AT_MOST:
        raise InvalidInput(
            say("A shipment goes in 1 to {most} boxes", most=BOXES_AT_MOST), field="boxes", code="boxes_range"
        )
    if any(b.weight_grams is not None and not 0 < b.weight_grams <= HEAVIEST for b in boxes):
        raise InvalidInput(say("The weight must be more than 0 and at most 1,000 kg"), field="weight", code="weight")


def _boxes(shipment: Shipment, wanted: int) -> list[Parcel]:
    """As many live parcels as boxes were used; a label for a box that was not used does not stand."""
    live = rules.live_parcels(shipment)
    for parcel in live[wanted:]:
        rules.void(parcel, say("No such box was packed").template, clock.now())
    for position in range(len(live) + 1, wanted + 1):
        shipment.parcels.append(rules.new_parcel(shipment, position))
    kept = rules.live_parcels(shipment)
    for position, parcel in enumerate(kept, 1):
        parcel.position = position
    return kept


def mark_labeled(tx: Tx, shipment_ids: Collection[int]) -> Answers:
    """Labels of all boxes of these were printed. A packed one is labeled by it; one that is not packed yet keeps the
    mark on its boxes and is labeled when it is packed. Refused while the gate is closed."""
    tx.actor.require("shipment.label")
    locked = lock_with_orders(tx, shipment_ids)
    verdicts = judge(tx, list(locked.orders.values()), GateStep.LABEL)
    pays = any(is_cod(order) for order in locked.orders.values())
    cash = cash_at_the_door(tx, list(locked.shipments.values())) if pays else {}
    answers: Answers = {}
    marked: list[Shipment] = []
    entries: list[audit.Entry] = []
    for shipment_id in dict.fromkeys(shipment_ids):
        try:
            shipment = locked.shipment(shipment_id)
            check_printable(shipment, [verdicts[o.id] for o in locked.inside(shipment)])
            entries += _mark(shipment, locked.inside(shipment), cash)
            marked.append(shipment)
            answers[shipment_id] = state_of(shipment)
        except OmsError as refusal:
            answers[shipment_id] = refusal
    audit.record_many(tx, entries)
    derived.refresh(tx, locked.inside(*marked))
    return answers


def check_printable(shipment: Shipment, verdicts: Sequence[Verdict]) -> None:
    """Raise why a label of this shipment may not be printed now: its state, or the gate of an order in it."""
    if shipment.status is not S.LABELED and shipment.status not in {S.READY, S.PICKING}:
        SHIPMENT.check(shipment, "label")
    for verdict in verdicts:
        verdict.check()


def _mark(shipment: Shipment, orders: Sequence[Order], cash: Mapping[int, Money]) -> list[audit.Entry]:
    at = clock.now()
    if not rules.live_parcels(shipment):
        shipment.parcels.append(rules.new_parcel(shipment, 1))
    for parcel in rules.live_parcels(shipment):
        parcel.label_prints += 1
        parcel.label_printed_at = at
    shipment.label_cash = cash.get(shipment.id, ZERO) if any(is_cod(order) for order in orders) else None
    prints = max(p.label_prints for p in rules.live_parcels(shipment))
    if shipment.status is S.PACKED:
        return _go(shipment, orders, "label", "shipment.labeled", prints=prints)
    return told("shipment.label_printed", shipment, orders, {}, {"prints": prints})


def hand_over_shipments(tx: Tx, shipment_ids: Collection[int], at: datetime | None = None) -> Answers:
    """The carrier takes these: exactly what is in them leaves stock, other shipments of the same orders stay.

    A packed one whose label was made elsewhere leaves too. Refused while the gate of an order in it is closed.
    """
    tx.actor.require("shipment.hand_over")
    if at is not None and at > clock.now():
        raise InvalidInput(say("This time has not come yet"), field="at", code="future")
    locked = lock_with_orders(tx, shipment_ids)
    verdicts = judge(tx, list(locked.orders.values()), GateStep.HAND_OVER)
    held, due = _held(tx, locked), cash_on_labels(tx, list(locked.shipments.values()))
    answers: Answers = {}
    going: list[Departing] = []
    for shipment_id in dict.fromkeys(shipment_ids):
        try:
            shipment = locked.shipment(shipment_id)
            check_label_cash(shipment, due)
            _check_leaving(shipment, [verdicts[o.id] for o in locked.inside(shipment)], held)
            going.append(_departing(shipment, at or clock.now()))
        except OmsError as refusal:
            answers[shipment_id] = refusal
    if going:
        leave_together(tx, going, locked.orders, verdicts)
    return answers | {d.shipment_id: state_of(locked.shipments[d.shipment_id]) for d in going}


def _held(tx: Tx, locked: Locked) -> Held:
    open_units = {line.id: line.open for o in locked.orders.values() for line in o.lines if line.open}
    return reserving.units_held(tx, list(locked.orders), open_units)


def _check_leaving(shipment: Shipment, verdicts: Sequence[Verdict], held: Held) -> None:
    """Raise why a shipment may not leave; else count its pieces off what is promised."""
    if shipment.status is not S.PACKED:
        SHIPMENT.check(shipment, "hand_over")
    for verdict in verdicts:
        verdict.check()
    if not use(held, shipment):
        raise Refused(
            say(
                "{number} no longer holds what is promised in its warehouse; make it ready anew", number=shipment.number
            ),
            code="box_outdated",
        )


def _departing(box: Shipment, at: datetime) -> Departing:
    lines = [(line.order_id, line.order_line_id, line.quantity) for line in box.lines]
    return Departing(box.id, box.number, box.warehouse_id, lines, "", "", at, box=box)
