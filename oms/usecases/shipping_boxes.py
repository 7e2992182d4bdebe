"""Boxes that wait to leave: an order whose gate is open gets a shipment in every warehouse its goods are promised in.

What lies in a box follows the promises: a box that holds more than is promised in its warehouse is packed anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select, update
from sqlalchemy.orm import aliased, selectinload

from oms import audit, clock
from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import NotFound, OmsError, Refused, say
from oms.inventory import reserving
from oms.numbering import buddhist_year
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.shipping import rules
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.rules import Plan
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus
from oms.usecases import derived
from oms.usecases.carrier_defaults import ways_for
from oms.usecases.gate import GateStep, judge

STAMPS = {"make_ready": "ready_at", "pack": "packed_at", "label": "labeled_at"}
Held = dict[int, dict[int, int]]  # order line id -> warehouse id -> units promised there and not yet in a box that left


@dataclass(frozen=True)
class MadeReady:
    """The first shipment of an order, and all of them as (id, number)."""

    shipment_id: int
    number: str
    shipments: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class ShipmentState:
    """A shipment after a verb."""

    shipment_id: int
    number: str
    status: ShipmentStatus


def state_of(shipment: Shipment) -> ShipmentState:
    """What a verb answers about a shipment."""
    return ShipmentState(shipment.id, shipment.number, shipment.status)


@dataclass
class Boxes:
    """Orders under lock with the shipments of theirs that have not left. ``asked`` are those the caller named, the
    others share a box with one of them. ``held`` is what is promised and not in ``leaving``, per order line."""

    orders: dict[int, Order]
    asked: set[int]
    waiting: dict[int, list[Shipment]] = field(default_factory=dict)
    held: Held = field(default_factory=dict)
    leaving: dict[int, int] = field(default_factory=dict)

    def of(self, order_id: int) -> list[Shipment]:
        return self.waiting.get(order_id, [])

    def inside(self, shipments: Iterable[Shipment]) -> list[Order]:
        """Every order with pieces in these boxes, in id order."""
        return [self.orders[i] for i in sorted({line.order_id for s in shipments for line in s.lines})]

    def wanted(self, order: Order) -> Plan:
        """What every warehouse has to send of an order."""
        return rules.plan({line.id: self.held[line.id] for line in order.lines if line.id in self.held})

    def missing(self, order: Order) -> Plan:
        """What of that is in no box yet."""
        found = rules.packed(self.of(order.id))
        left = {
            place: {line: n - found.get(place, {}).get(line, 0) for line, n in lines.items()}
            for place, lines in sorted(self.wanted(order).items())
        }
        return {place: kept for place, lines in left.items() if (kept := {x: n for x, n in lines.items() if n > 0})}

    def outdated(self, order: Order) -> list[Shipment]:
        """The boxes of an order that hold more than is promised where they are; of those not begun, also ones that
        hold less."""
        return [box for box in self.of(order.id) if not self._fits(box)]

    def _fits(self, box: Shipment) -> bool:
        place, exact = box.warehouse_id, box.status is ShipmentStatus.PLANNED
        for line in box.lines:
            total = rules.packed(self.of(line.order_id))[place].get(line.order_line_id, 0)
            have = self.held.get(line.order_line_id, {}).get(place, 0)
            if total > have or (exact and total < have):
                return False
        return True

    def scattered(self, order: Order) -> bool:
        """Whether some open units are promised nowhere as a whole."""
        lines = [(line.open - self.leaving.get(line.id, 0), self.held.get(line.id, {})) for line in order.lines]
        return any(sum(places.values()) < wanted for wanted, places in lines)

    def take(self, boxes: Collection[Shipment]) -> None:
        """These leave: what is in them is no longer promised to anything else."""
        for box in boxes:
            use(self.held, box)
            for line in box.lines:
                self.leaving[line.order_line_id] = self.leaving.get(line.order_line_id, 0) + line.quantity
        self.forget(boxes)

    def forget(self, boxes: Collection[Shipment]) -> None:
        """These no longer wait."""
        for order in self.inside(boxes):
            self.waiting[order.id] = [s for s in self.of(order.id) if s not in boxes]

    def read_held(self, tx: Tx, orders: Iterable[Order]) -> None:
        """Learn what is promised for these orders, and where."""
        known = list(orders)
        open_units = {line.id: line.open for order in known for line in order.lines if line.open}
        self.held |= reserving.units_held(tx, [order.id for order in known], open_units)


def use(held: Held, shipment: Shipment) -> bool:
    """Count the pieces of a box off what is promised. False, and nothing is counted, when less is promised."""
    place = shipment.warehouse_id
    wanted = rules.packed([shipment]).get(place, {})
    if any(held.get(line, {}).get(place, 0) < n for line, n in wanted.items()):
        return False
    for line, n in wanted.items():
        held[line][place] -= n
    return True


def lock_boxes(tx: Tx, order_ids: Collection[int]) -> Boxes:
    """Lock these orders, then all that share boxes with them, then the boxes; read what is promised where."""
    orders = {order.id: order for order in lock_orders(tx, order_ids)}
    boxes = Boxes(dict(orders), set(orders))
    mates = orders
    while mates := derived.lock_mates(tx, mates, boxes.orders):
        boxes.orders |= mates
    mine = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(sorted(boxes.orders)))
    found = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(mine), Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .with_for_update(of=Shipment)
        .execution_options(populate_existing=True)
    )
    for shipment in found:
        inside = {line.order_id for line in shipment.lines}
        if inside - set(boxes.orders):
            raise Refused(say("Someone else is packing this box; reload and look again"), code="stale")
        for order_id in inside:
            boxes.waiting.setdefault(order_id, []).append(shipment)
    boxes.read_held(tx, boxes.orders.values())
    return boxes


def make_ready(tx: Tx, order_ids: Collection[int]) -> dict[int, MadeReady | OmsError]:
    """Shipments to be picked for each order whose gate is open and whose stock is there, one in every warehouse its
    goods are promised in; the rest answers why not.

    Asked again it answers with the shipments there are. One that was pulled back goes on; one that no longer fits the
    order is canceled and made anew.
    """
    tx.actor.require("shipment.pack")
    return ready_boxes(tx, order_ids)


def ready_one(tx: Tx, order_id: int) -> MadeReady:
    """``make_ready`` of one order. Raises its refusal."""
    outcome = make_ready(tx, [order_id])[order_id]
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


def ready_boxes(tx: Tx, order_ids: Collection[int]) -> dict[int, MadeReady | OmsError]:
    """``make_ready`` for verbs that have asked for a right of their own."""
    boxes = lock_boxes(tx, order_ids)
    verdicts = judge(tx, list(boxes.orders.values()), GateStep.READY)
    answers: dict[int, MadeReady | OmsError] = {}
    new: list[tuple[Order, int, Mapping[int, int]]] = []
    for order_id in dict.fromkeys(order_ids):
        order = boxes.orders.get(order_id)
        if order is None or order_id not in boxes.asked:
            missing = say("There is no such order, or it is not yours to see")
            answers[order_id] = NotFound(missing, code="order_not_found")
            continue
        outdated = boxes.outdated(order)
        staying = [box for box in boxes.of(order_id) if box not in outdated]
        try:
            for inside in (order, *boxes.inside(staying)):
                verdicts[inside.id].check()
            if boxes.scattered(order):
                raise Refused(say("Not every piece is in stock yet"), code="stock_short")
        except OmsError as refusal:
            answers[order_id] = refusal
            continue
        drop(tx, boxes, outdated)
        new += [(order, place, lines) for place, lines in boxes.missing(order).items()]
    _make(tx, boxes, new)
    ready = [i for i in boxes.asked if i not in answers]
    _go_on(tx, boxes, [boxes.orders[i] for i in sorted(ready)])
    derived.refresh(tx, list(boxes.orders.values()))
    return {i: answers[i] if i in answers else _answer(boxes.of(i)) for i in dict.fromkeys(order_ids)}


def _answer(shipments: Sequence[Shipment]) -> MadeReady:
    first, *_ = shipments
    return MadeReady(first.id, first.number, tuple((s.id, s.number) for s in shipments))


def _make(tx: Tx, boxes: Boxes, new: Sequence[tuple[Order, int, Mapping[int, int]]]) -> None:
    """Planned shipments for what is in no box yet, each with one parcel."""
    numbers = draw_numbers(tx, len(new)) if new else []
    ways = ways_for(tx.session, [(order, place) for order, place, _ in new])
    for (order, place, lines), way, (number, shipment_id) in zip(new, ways, numbers, strict=True):
        parts = [ShipmentLine(order_id=order.id, order_line_id=line, quantity=n) for line, n in sorted(lines.items())]
        made = new_shipment(tx, number, shipment_id, place, [order], parts, way)
        boxes.waiting.setdefault(order.id, []).append(made)


def new_shipment(
    tx: Tx,
    number: str,
    shipment_id: int,
    warehouse_id: int,
    orders: Sequence[Order],
    lines: Sequence[ShipmentLine],
    way: tuple[str, str] | None = None,
) -> Shipment:
    """A planned shipment with one parcel, of the orders inside. ``way``: its carrier and service; else as the first
    of the orders that says so is to go."""
    carrier, service = way or (carrier_name(next((o.carrier for o in orders if o.carrier), "")), "")
    made = Shipment(
        id=shipment_id, number=number, warehouse_id=warehouse_id, status=ShipmentStatus.PLANNED,
        carrier=carrier, service=service, created_at=clock.now(), lines=list(lines), parcels=[],
        ship_by=rules.first_due(o.ship_by for o in orders),
    )  # fmt: skip
    made.parcels.append(rules.new_parcel(made, 1))
    tx.session.add(made)
    return made


def boxes_due_anew(tx: Tx, order_ids: Collection[int]) -> None:
    """The channel moved when these orders must leave: so do the shipments they are in, in one statement."""
    inside, all_inside = aliased(ShipmentLine), aliased(ShipmentLine)
    first = (
        select(func.min(Order.ship_by))
        .join(all_inside, all_inside.order_id == Order.id)
        .where(all_inside.shipment_id == Shipment.id)
        .scalar_subquery()
    )
    holding = select(inside.shipment_id).where(inside.order_id.in_(sorted(order_ids)))
    tx.session.flush()
    tx.session.execute(update(Shipment).where(Shipment.id.in_(holding)).values(ship_by=first))


def _go_on(tx: Tx, boxes: Boxes, orders: Sequence[Order]) -> None:
    """What is planned for these orders may be picked from now on."""
    planned = {s.id: s for o in orders for s in boxes.of(o.id) if s.status is ShipmentStatus.PLANNED}
    for shipment in planned.values():
        step(shipment, "make_ready")
    audit.record_many(
        tx,
        [
            audit.Entry("shipment.made_ready", "order", o.id, o.number, after={"shipment": shipment.number})
            for shipment in planned.values()
            for o in boxes.inside([shipment])
        ],
    )


def step(shipment: Shipment, move: str) -> None:
    """One step of a shipment, with its time."""
    SHIPMENT.fire(shipment, move)
    if move in STAMPS:
        setattr(shipment, STAMPS[move], clock.now())


def drop(tx: Tx, boxes: Boxes, outdated: Sequence[Shipment]) -> None:
    """Cancel boxes that no longer hold what is promised; the orders in them are packed anew."""
    if not outdated:
        return
    orders = boxes.inside(outdated)
    for shipment in outdated:
        cancel_box(tx, shipment, boxes.inside([shipment]), say("Packed anew").template)
    boxes.forget(outdated)
    derived.refresh(tx, orders)


def cancel_box(
    tx: Tx, shipment: Shipment, orders: Sequence[Order], void_reason: str, *, said: str = "", into: str = ""
) -> None:
    """Cancel one box with the numbers on it; what was in it stays promised. Derived columns are the caller's.

    ``said`` is a person's reason; ``into`` the number of the shipment that has the goods now.
    """
    before, at = shipment.status, clock.now()
    SHIPMENT.fire(shipment, "cancel")
    for parcel in rules.live_parcels(shipment):
        rules.void(parcel, void_reason, at)
    after = {"status": shipment.status, **({"into": into} if into else {})}
    tell(tx, "shipment.canceled", shipment, orders, {"status": before}, after, said)


def leave(shipment: Shipment) -> None:
    """Walk a box through every step that is left, to handed over."""
    for move in ("make_ready", "pick", "pack", "label", "hand_over"):
        if SHIPMENT.refusal(shipment, move) is None:
            step(shipment, move)


def draw_numbers(tx: Tx, count: int) -> list[tuple[str, int]]:
    """(number, id) of new shipments."""
    sequence = func.nextval("shipments_id_seq")
    ids = tx.session.scalars(select(sequence).select_from(func.generate_series(1, count)))
    return [(f"SH{buddhist_year()}-{i:06d}", i) for i in ids]


def told(
    action: str,
    shipment: Shipment,
    orders: Sequence[Order],
    before: Mapping[str, object],
    after: Mapping[str, object],
    reason: str = "",
) -> list[audit.Entry]:
    """What happened to a shipment, said of it and of every order in it."""
    facts = {**after, "shipment": shipment.number}
    kinds = [("shipment", shipment.id, shipment.number), *(("order", o.id, o.number) for o in orders)]
    return [audit.Entry(action, kind, key, no, before, facts, reason) for kind, key, no in kinds]


def tell(
    tx: Tx,
    action: str,
    shipment: Shipment,
    orders: Sequence[Order],
    before: Mapping[str, object],
    after: Mapping[str, object],
    reason: str = "",
) -> None:
    """Audit what happened to one shipment."""
    audit.record_many(tx, told(action, shipment, orders, before, after, reason))
