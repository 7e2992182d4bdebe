"""Boxes are split, orders of one buyer share a box, and are taken apart again until they leave (G9).

Orders stay apart in everything else: number, money, returns. A box that gave its contents to another one is canceled
and keeps them on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm.attributes import flag_modified

from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Refused, Say, say
from oms.money import Money
from oms.orders.models import Order
from oms.shipping.combining import fee_over, why_apart, why_closed
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import lock_shipment, lock_with_orders
from oms.shipping.rules import first_due, is_labeled
from oms.shipping.states import SHIPMENT
from oms.usecases import derived
from oms.usecases.gate import GateStep, judge
from oms.usecases.shipping_boxes import (
    ShipmentState,
    cancel_box,
    draw_numbers,
    new_shipment,
    ready_boxes,
    state_of,
    step,
    tell,
)
from oms.usecases.shipping_parcels import reason_given


@dataclass(frozen=True)
class SplitShipment:
    """Take these pieces, as (shipment line id, quantity), out into a second shipment."""

    shipment_id: int
    lines: tuple[tuple[int, int], ...]
    version: int | None = None


@dataclass(frozen=True)
class CombineShipments:
    shipment_ids: tuple[int, ...]


@dataclass(frozen=True)
class CombineOrders:
    """Make these orders ready and put what leaves ``warehouse_id`` in one box."""

    order_ids: tuple[int, ...]
    warehouse_id: int


@dataclass(frozen=True)
class UncombineShipment:
    """Take these orders out of the box, each into one of its own; none named: all of them."""

    shipment_id: int
    reason: str = ""
    order_ids: tuple[int, ...] = ()
    version: int | None = None


@dataclass(frozen=True)
class Split:
    kept: ShipmentState
    taken: ShipmentState


@dataclass(frozen=True)
class Combined:
    """The box for all. ``fee_over``: per order id, the shipping fee that could be given back; no money moves."""

    shipment: ShipmentState
    fee_over: dict[int, Money]


def split_shipment(tx: Tx, cmd: SplitShipment) -> Split:
    """A part goes in a shipment of its own. Raises InvalidInput, or Refused when it is packed, labeled or gone."""
    tx.actor.require("shipment.combine")
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    if reason := why_closed(shipment):
        raise Refused(reason, code="split_refused")
    taken = _taken(shipment, cmd.lines)
    number, new_id = draw_numbers(tx, 1)[0]
    orders = locked.inside(shipment)
    made = new_shipment(tx, number, new_id, shipment.warehouse_id, orders, [])
    made.carrier, made.service = shipment.carrier, shipment.service
    made.parcels[0].carrier, made.parcels[0].service = shipment.carrier, shipment.service
    for line, units in taken:
        if units == line.quantity:
            shipment.lines.remove(line)
            made.lines.append(line)
        else:
            line.quantity -= units
            made.lines.append(ShipmentLine(order_id=line.order_id, order_line_id=line.order_line_id, quantity=units))
    for box in (shipment, made):
        inside = {line.order_id for line in box.lines}
        box.ship_by = first_due(o.ship_by for o in orders if o.id in inside)
    for move in ("make_ready", "pick"):
        if made.status is not shipment.status:
            step(made, move)
    flag_modified(shipment, "carrier")  # what is in it changed: a screen made before is out of date
    pieces = {"pieces": sum(units for _, units in taken), "into": made.number}
    tell(tx, "shipment.split", shipment, locked.inside(shipment, made), {}, pieces)
    derived.refresh(tx, orders)
    return Split(state_of(shipment), state_of(made))


def _taken(shipment: Shipment, lines: Sequence[tuple[int, int]]) -> list[tuple[ShipmentLine, int]]:
    """The lines and how much of each is taken out. Raises InvalidInput unless something goes and something stays."""
    known = {line.id: line for line in shipment.lines}
    wanted = {line_id: units for line_id, units in lines if units}
    if unknown := set(wanted) - set(known):
        raise InvalidInput(say("This is not in the shipment"), field=f"line-{min(unknown)}", code="line_unknown")
    for line_id, units in wanted.items():
        if not 0 < units <= known[line_id].quantity:
            raise InvalidInput(
                say("From 0 to {most} can be taken out", most=known[line_id].quantity), field=f"line-{line_id}",
                code="quantity_range",
            )  # fmt: skip
    if not wanted:
        raise InvalidInput(say("Choose what goes in the second shipment"), field="lines", code="split_nothing")
    if sum(wanted.values()) == sum(line.quantity for line in shipment.lines):
        raise InvalidInput(say("Something has to stay in the first shipment"), field="lines", code="split_all")
    return [(known[line_id], units) for line_id, units in wanted.items()]


def combine_shipments(tx: Tx, cmd: CombineShipments) -> Combined:
    """What is in these goes in one box, ready to pick. Raises NotFound, InvalidInput, or Refused saying why not."""
    tx.actor.require("shipment.combine")
    wanted = sorted(set(cmd.shipment_ids))
    if len(wanted) < 2:
        raise InvalidInput(say("Choose at least two shipments"), field="shipments", code="combine_few")
    locked = lock_with_orders(tx, wanted)
    boxes = [locked.shipment(i) for i in wanted]
    orders = locked.inside(*boxes)
    if reason := _why_not(boxes, orders):
        raise Refused(reason, code="combine_refused")
    for verdict in judge(tx, orders, GateStep.READY).values():
        verdict.check()
    units: dict[tuple[int, int], int] = {}
    for line in (line for box in boxes for line in box.lines):
        key = (line.order_id, line.order_line_id)
        units[key] = units.get(key, 0) + line.quantity
    number, new_id = draw_numbers(tx, 1)[0]
    parts = [ShipmentLine(order_id=o, order_line_id=line, quantity=n) for (o, line), n in sorted(units.items())]
    made = new_shipment(tx, number, new_id, boxes[0].warehouse_id, orders, parts)
    for box in boxes:
        cancel_box(tx, box, locked.inside(box), say("Put in one box with others").template, into=number)
    step(made, "make_ready")
    tell(
        tx,
        "shipment.combined",
        made,
        orders,
        {"from": [b.number for b in boxes]},
        {"orders": [o.number for o in orders]},
    )
    derived.refresh(tx, orders)
    return Combined(state_of(made), fee_over(orders))


def _why_not(boxes: Sequence[Shipment], orders: Sequence[Order]) -> Say | None:
    for box in boxes:
        if reason := why_closed(box):
            return reason
    if len({box.warehouse_id for box in boxes}) > 1:
        return say("They leave different warehouses")
    return why_apart(orders)


def combine_orders(tx: Tx, cmd: CombineOrders) -> Combined:
    """Make orders ready, then put what leaves one warehouse in one box. Raises as the two verbs do."""
    tx.actor.require("shipment.combine")
    with tx.session.begin_nested():  # when one of them stays out, none is made ready
        ids: set[int] = set()
        for outcome in ready_boxes(tx, cmd.order_ids).values():
            if isinstance(outcome, OmsError):
                raise outcome
            ids |= {shipment_id for shipment_id, _ in outcome.shipments}
        tx.session.flush()
        found = lock_with_orders(tx, ids).shipments.values()
        here = tuple(s.id for s in found if s.warehouse_id == cmd.warehouse_id)
        return combine_shipments(tx, CombineShipments(here))


def uncombine_shipment(tx: Tx, cmd: UncombineShipment) -> tuple[ShipmentState, ...]:
    """Every order named gets a box of its own; the others stay together. Until the box leaves, even when it is labeled:
    then its label is void, why is asked, and the right to void labels."""
    tx.actor.require("shipment.combine")
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    orders = locked.inside(shipment)
    SHIPMENT.check(shipment, "cancel")
    if len(orders) < 2:
        raise Refused(say("It holds one order only"), code="uncombine_refused")
    if set(cmd.order_ids) - {o.id for o in orders}:
        raise InvalidInput(say("This order is not in the shipment"), field="orders", code="order_not_inside")
    reason = cmd.reason.strip()
    if is_labeled(shipment):
        tx.actor.require("shipment.void_label")
        reason = reason_given(cmd.reason)
    cancel_box(tx, shipment, orders, reason or say("Taken apart").template, said=reason)
    out = [[o] for o in orders if not cmd.order_ids or o.id in cmd.order_ids]
    rest = [o for o in orders if cmd.order_ids and o.id not in cmd.order_ids]
    made = _apart(tx, shipment, [*out, *([rest] if rest else [])])
    tell(tx, "shipment.uncombined", shipment, orders, {}, {"into": [s.number for s in made]}, reason)
    derived.refresh(tx, orders)
    return tuple(state_of(s) for s in made)


def _apart(tx: Tx, shipment: Shipment, groups: Sequence[Sequence[Order]]) -> list[Shipment]:
    """A shipment for each group of orders, ready to pick where their gates are open."""
    verdicts = judge(tx, [o for group in groups for o in group], GateStep.READY)
    made: list[Shipment] = []
    for group, (number, new_id) in zip(groups, draw_numbers(tx, len(groups)), strict=True):
        ids = {o.id for o in group}
        parts = [
            ShipmentLine(order_id=line.order_id, order_line_id=line.order_line_id, quantity=line.quantity)
            for line in shipment.lines
            if line.order_id in ids
        ]
        box = new_shipment(tx, number, new_id, shipment.warehouse_id, group, parts)
        if all(verdicts[i].refusal is None for i in ids):
            step(box, "make_ready")
        made.append(box)
    return made
