"""The shipments of an order as its page shows them: what is in each box, and what can be done with it now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from oms.db import Tx
from oms.errors import Say, say
from oms.orders.models import Order, OrderLine
from oms.orders.states import Board, OrderStatus, StockState
from oms.reports.choices import Choice, lacks
from oms.shipping import rules
from oms.shipping.combining import Proposal, combinable, why_closed
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus

VOID: Final = "shipment.void_label"
CLOSED: Final = frozenset({ShipmentStatus.CANCELED, ShipmentStatus.RETURNED, ShipmentStatus.LOST})


@dataclass(frozen=True)
class BoxLine:
    """Pieces in a box. ``order``: the number of the order they are for, when it is another one than the page's."""

    id: int
    sku_code: str
    name: str
    quantity: int
    order: str


@dataclass(frozen=True)
class ShipmentCard:
    """One shipment. ``mates`` are the other orders in it, as (id, number)."""

    shipment: Shipment
    lines: Sequence[BoxLine]
    mates: Sequence[tuple[int, str]]
    parcels: Sequence[Parcel]
    voided: Sequence[Parcel]
    choices: Mapping[str, Choice]

    @property
    def is_labeled(self) -> bool:
        return rules.is_labeled(self.shipment)

    def may(self, name: str) -> bool:
        """Whether this can be done now by the reader."""
        return self.choices[name].why_not is None


@dataclass(frozen=True)
class OrderShipments:
    """``canceled`` are kept apart; ``proposals``: orders that could go in the same box."""

    cards: Sequence[ShipmentCard]
    canceled: Sequence[ShipmentCard]
    proposals: Sequence[Proposal]
    ready: Choice


@dataclass(frozen=True)
class _Rule:
    name: str
    label: str
    needs: str
    refusal: Callable[[Shipment], Say | None]
    voids: bool = False  # with a printed label it asks the right to void labels, too
    danger: bool = False


def _move(name: str) -> Callable[[Shipment], Say | None]:
    return lambda shipment: SHIPMENT.refusal(shipment, name)


def _void(shipment: Shipment) -> Say | None:
    if shipment.status not in BEFORE_HAND_OVER:
        return SHIPMENT.refusal(shipment, "void_label")
    printed = rules.is_labeled(shipment) or any(p.tracking_no for p in rules.live_parcels(shipment))
    return None if printed else say("No label is printed for it")


def _split(shipment: Shipment) -> Say | None:
    if reason := why_closed(shipment):
        return reason
    return None if sum(line.quantity for line in shipment.lines) > 1 else say("There is only one piece in it")


def _uncombine(shipment: Shipment) -> Say | None:
    if len({line.order_id for line in shipment.lines}) < 2:
        return say("It holds one order only")
    return SHIPMENT.refusal(shipment, "cancel")


def _carrier(shipment: Shipment) -> Say | None:
    if shipment.status not in BEFORE_HAND_OVER:
        return say("{number} has left or is canceled", number=shipment.number)
    return rules.label_refusal(shipment)


def _tracking(shipment: Shipment) -> Say | None:
    return say("The shipment {number} is closed", number=shipment.number) if shipment.status in CLOSED else None


RULES: tuple[_Rule, ...] = (
    _Rule("void", "Void the label", VOID, _void),
    _Rule("tracking", "Tracking number", "shipment.track", _tracking),
    _Rule("carrier", "Change the carrier", "shipment.pack", _carrier),
    _Rule("split", "Split", "shipment.combine", _split),
    _Rule("uncombine", "Take apart", "shipment.combine", _uncombine, voids=True),
    _Rule("pull_back", "Pull back", "shipment.pack", _move("pull_back")),
    _Rule("cancel", "Cancel the shipment", "shipment.pack", _move("cancel"), voids=True, danger=True),
    _Rule("delivered", "It was delivered", "shipment.track", _move("deliver")),
)


def choices(tx: Tx, shipment: Shipment) -> dict[str, Choice]:
    """What can be done with a shipment, with the reason against it: its own first, then the reader's rows and role."""
    elsewhere = None if tx.actor.sees_warehouse(shipment.warehouse_id) else say("It leaves another warehouse")
    found = {}
    for rule in RULES:
        why_not = rule.refusal(shipment) or elsewhere or lacks(tx.actor, rule.needs)
        if why_not is None and rule.voids and rules.is_labeled(shipment):
            why_not = lacks(tx.actor, VOID)
        found[rule.name] = Choice(rule.name, rule.label, why_not, danger=rule.danger)
    return found


def order_shipments(tx: Tx, order: Order, gate: Say | None) -> OrderShipments:
    """Read them; ``gate`` is why the order's goods may not go on, as the page tells it."""
    mine = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == order.id)
    found = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(mine))
        .options(joinedload(Shipment.warehouse), selectinload(Shipment.parcels), selectinload(Shipment.lines))
        .order_by(Shipment.id)
    ).all()
    lines = _lines(tx, order, found)
    cards = [_card(tx, order, shipment, lines) for shipment in found]
    proposals: list[Proposal] = []
    if order.board in {Board.READY, Board.PICKING} and tx.actor.may("shipment.combine"):
        proposals = combinable(tx.session, tx.actor, order.id)
    return OrderShipments(
        cards=[c for c in cards if c.shipment.status is not ShipmentStatus.CANCELED],
        canceled=[c for c in cards if c.shipment.status is ShipmentStatus.CANCELED],
        proposals=proposals,
        ready=Choice("ready", "Make ready to pick", _unready(order, gate, found) or lacks(tx.actor, "shipment.pack")),
    )


def _lines(tx: Tx, order: Order, shipments: Sequence[Shipment]) -> dict[int, tuple[OrderLine, str]]:
    """Order lines in these shipments with the number of their order; those of other orders cost one statement."""
    known = {line.id: (line, order.number) for line in order.lines}
    others = {line.order_line_id for s in shipments for line in s.lines} - set(known)
    if others:
        rows = select(OrderLine, Order.number).join(Order, Order.id == OrderLine.order_id)
        known |= {
            row[0].id: (row[0], row[1]) for row in tx.session.execute(rows.where(OrderLine.id.in_(sorted(others))))
        }
    return known


def _card(tx: Tx, order: Order, shipment: Shipment, lines: Mapping[int, tuple[OrderLine, str]]) -> ShipmentCard:
    told = []
    for line in shipment.lines:
        sold, number = lines[line.order_line_id]
        told.append(
            BoxLine(line.id, sold.sku_code, sold.name, line.quantity, "" if line.order_id == order.id else number)
        )
    mates = {line.order_id: lines[line.order_line_id][1] for line in shipment.lines if line.order_id != order.id}
    return ShipmentCard(
        shipment, told, sorted(mates.items()), rules.live_parcels(shipment),
        [p for p in shipment.parcels if not p.is_live and (p.tracking_no or p.label_prints)], choices(tx, shipment),
    )  # fmt: skip


def _unready(order: Order, gate: Say | None, shipments: Sequence[Shipment]) -> Say | None:
    """Why nothing can be made ready to pick now, or None."""
    if order.status is not OrderStatus.CONFIRMED or not any(line.open for line in order.lines):
        return say("Nothing is open to ship")
    if gate is not None:
        return gate
    if order.stock_state is StockState.SHORT:
        return say("Not every piece is in stock yet")
    waiting = [s for s in shipments if s.status in BEFORE_HAND_OVER]
    boxed = sum(line.quantity for s in waiting for line in s.lines if line.order_id == order.id)
    planned = any(s.status is ShipmentStatus.PLANNED for s in waiting)
    if not planned and boxed >= sum(line.open for line in order.lines):
        return say("Everything is ready to pick already")
    return None
