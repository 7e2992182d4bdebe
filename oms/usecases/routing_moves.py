"""Promises moved by hand: another warehouse for an order, an order first in the queue, pieces given to another order.

Each move is one step: what is promised now is given back only when the new promise is taken (W18).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from oms import audit
from oms.catalog.models import Routing, Shop
from oms.catalog.queries import sku_facts
from oms.db import Tx
from oms.errors import InvalidInput, Refused, Say, say
from oms.inventory.models import Warehouse
from oms.inventory.sharing import MOST_PARCELS, Share, missing
from oms.orders.models import Order
from oms.orders.queries import checked, lock_order
from oms.orders.states import CLOSED_BOARDS, OrderStatus, StockState
from oms.shipping.models import Shipment
from oms.shipping.rules import label_refusal
from oms.usecases import derived, routing
from oms.usecases.keeping import bounded
from oms.usecases.orders_cancel import announce_freed
from oms.usecases.routing import Asking, Plan
from oms.usecases.sentences import pack
from oms.usecases.shipping_boxes import Boxes, drop, lock_boxes
from oms.usecases.stock_checks import check_sender


@dataclass(frozen=True)
class RerouteOrder:
    """``warehouse_id`` pins the order to one warehouse; ``shares`` says for every open line what comes from where.

    Neither: the order goes back to being sent as its shop's orders are. ``may_wait``: an order that has no promise may
    wait in its new warehouse. ``version`` None skips the check (bulk work re-reads under lock).
    """

    order_id: int
    warehouse_id: int | None = None
    shares: tuple[Share, ...] = ()
    reason: str = ""
    may_wait: bool = True
    version: int | None = None


@dataclass(frozen=True)
class OrderRerouted:
    """``changed`` False: the pieces lie where they lay. ``dropped``: shipments that no longer fitted, canceled."""

    order_id: int
    number: str
    warehouses: tuple[int, ...]
    waits_for_stock: bool = False
    changed: bool = True
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class MarkUrgent:
    order_id: int
    urgent: bool = True
    reason: str = ""
    version: int | None = None


@dataclass(frozen=True)
class GivePieces:
    """The pieces promised to one order go to another that waits."""

    from_order_id: int
    to_order_id: int
    reason: str
    from_version: int | None = None
    to_version: int | None = None


@dataclass(frozen=True)
class PiecesGiven:
    """``giver_waits``: the order that gave them waits for stock from now on."""

    from_number: str
    to_number: str
    giver_waits: bool


def reroute_order(tx: Tx, cmd: RerouteOrder) -> OrderRerouted:
    """Send an order from another warehouse, or from several. Raises StockShort when the pieces are not there; then
    the order keeps what it has. Refused once its goods are labeled or gone."""
    tx.actor.require("stock.route")
    boxes = lock_boxes(tx, [cmd.order_id])
    order = checked(boxes.orders.get(cmd.order_id) if cmd.order_id in boxes.asked else None, cmd.version)
    if refusal := move_refusal(order, boxes.of(order.id)):
        raise Refused(refusal, code="reroute_refused")
    by_hand = cmd.warehouse_id is not None or bool(cmd.shares)
    why = bounded(cmd.reason, 500, "reason", missing=say("Say in a few words why") if by_hand else None)
    before = _told(tx, order)
    order.warehouse_pinned = by_hand
    if order.status is OrderStatus.DRAFT:
        _place_draft(tx, order, cmd, why)
        return _tell(tx, order, before, why, ())
    plan = _plan(tx, order, cmd, why)
    may_wait = cmd.may_wait and not cmd.shares and order.stock_state is not StockState.RESERVED
    if plan.short and not may_wait:
        raise _short_error(tx, order, plan)
    _carry_out(tx, order, plan)
    dropped = drop_outdated(tx, boxes, order)
    derived.refresh(tx, [order])
    return _tell(tx, order, before, why, dropped)


def move_refusal(order: Order, waiting: Iterable[Shipment]) -> Say | None:
    """Why the pieces of an order cannot be moved, or None. ``waiting``: its shipments that have not left."""
    if order.board in CLOSED_BOARDS or order.status not in {OrderStatus.DRAFT, OrderStatus.CONFIRMED}:
        return say("The order is closed")
    if not any(line.open for line in order.lines):
        return say("Its goods have left already")
    return next((reason for box in waiting if (reason := label_refusal(box))), None)


def _place_draft(tx: Tx, order: Order, cmd: RerouteOrder, why: str) -> None:
    """A draft holds no stock: only where it will be sent from is written down."""
    if cmd.shares:
        raise InvalidInput(say("Confirm the order before its pieces are shared out"), code="draft_shares")
    place = cmd.warehouse_id
    if place is None:
        place = tx.session.get_one(Shop, order.shop_id).warehouse_id
    check_sender(tx, place)
    order.warehouse_id = place
    order.warehouse_reason = (pack(_by_hand(tx, [place], why)) or {}) if order.warehouse_pinned else {}


def _plan(tx: Tx, order: Order, cmd: RerouteOrder, why: str) -> Plan:
    """Where the pieces shall come from; everything that matters is locked, nothing is changed."""
    asking = routing.asking_of(tx, order)
    if cmd.shares:
        return _plan_shares(tx, order, asking, cmd.shares, why)
    if cmd.warehouse_id is not None:
        check_sender(tx, cmd.warehouse_id)
        plan = routing.plan_anew(tx, order, replace(asking, places=(cmd.warehouse_id,)))
        return replace(plan, reason=_by_hand(tx, [cmd.warehouse_id], why))
    shop = tx.session.get_one(Shop, order.shop_id)
    if shop.routing is Routing.AUTOMATIC:
        return routing.plan_anew(tx, order, replace(asking, places=(), may_split=shop.may_split))
    plan = routing.plan_anew(tx, order, replace(asking, places=(shop.warehouse_id,)))
    return replace(plan, reason=say("The shop's own warehouse"))


def _plan_shares(tx: Tx, order: Order, asking: Asking, shares: Sequence[Share], why: str) -> Plan:
    """Exactly so many units of each line from each warehouse."""
    places = sorted({share.warehouse_id for share in shares if share.units})
    _check_shares(tx, asking, shares, places)
    wants = routing.wants_of(asking, [share for share in shares if share.units])
    free = routing.free_anew(tx, [order.id], {(want.sku_id, want.warehouse_id) for want in wants})
    units: dict[int, int] = defaultdict(int)
    for share in shares:
        units[share.warehouse_id] += share.units
    main = order.warehouse_id if order.warehouse_id in places else max(places, key=lambda p: (units[p], -p))
    for place in places:
        here = [
            replace(need, units=sum(s.units for s in shares if s.line_id == need.line_id and s.warehouse_id == place))
            for need in asking.needs
        ]
        if lacking := missing(here, place, free):
            return Plan(main, short=routing.shortages(place, lacking))
    return Plan(main, wants, also_in=tuple(p for p in places if p != main), reason=_by_hand(tx, places, why))


def _check_shares(tx: Tx, asking: Asking, shares: Sequence[Share], places: Sequence[int]) -> None:
    wanted = {need.line_id: need.units for need in asking.needs}
    given: dict[int, int] = defaultdict(int)
    for share in shares:
        given[share.line_id] += share.units
    if any(share.units < 0 for share in shares) or {k: n for k, n in given.items() if n} != wanted:
        raise InvalidInput(
            say("The numbers of each line must add up to what is open of it"), field="shares", code="shares_sum"
        )
    if len(places) > MOST_PARCELS:
        raise InvalidInput(
            say("An order is sent from {most} warehouses at most", most=MOST_PARCELS),
            field="shares",
            code="shares_many",
        )
    for place in places:
        check_sender(tx, place)


def _by_hand(tx: Tx, places: Sequence[int], why: str) -> Say:
    named = " + ".join(tx.session.get_one(Warehouse, place).name for place in places)
    return say("{warehouse}: chosen by {who}, “{why}”", warehouse=named, who=tx.actor.label, why=why[:200])


def _carry_out(tx: Tx, order: Order, plan: Plan) -> None:
    if plan.short:  # it had no promise: it waits in the new place
        routing.settle(tx, order, plan)
        return
    freed = routing.promise_as(tx, order, plan)
    announce_freed(tx, freed, f"{order.number}:{order.version}:moved")


def _short_error(tx: Tx, order: Order, plan: Plan) -> Exception:
    skus = sku_facts(tx.session, {line.sku_id for line in order.lines if line.open})
    return routing.short_refusal(plan.short, routing.holder_name(plan.short[0].sku_id, skus.values()))


def _told(tx: Tx, order: Order) -> dict[str, object]:
    """What the audit log keeps: pieces by warehouse."""
    held: dict[int, int] = defaultdict(int)
    for (_, place), pieces in routing.held_pieces(tx, [order.id]).items():
        held[place] += pieces
    places = sorted(set(held) | {order.warehouse_id})
    codes = {row.id: row.code for row in tx.session.scalars(select(Warehouse).where(Warehouse.id.in_(places)))}
    return {"warehouse": codes[order.warehouse_id], "pieces": {codes[place]: n for place, n in sorted(held.items())}}


def drop_outdated(tx: Tx, boxes: Boxes, order: Order) -> tuple[str, ...]:
    """Boxes that hold what is no longer promised where they are, are canceled; they are made ready anew."""
    for line in order.lines:
        boxes.held.pop(line.id, None)
    boxes.read_held(tx, [order])
    outdated = boxes.outdated(order)
    drop(tx, boxes, outdated)
    return tuple(shipment.number for shipment in outdated)


def _tell(tx: Tx, order: Order, before: dict[str, object], why: str, dropped: tuple[str, ...]) -> OrderRerouted:
    after = _told(tx, order)
    reason = order.warehouse_reason
    facts = {**after, "reason": reason, "pinned": order.warehouse_pinned} | (
        {"dropped": list(dropped)} if dropped else {}
    )
    audit.record(tx, "order.rerouted", "order", order.id, order.number, before=before, after=facts, reason=why)
    return OrderRerouted(
        order.id, order.number, (order.warehouse_id, *(order.also_in or ())),
        waits_for_stock=order.stock_state is StockState.SHORT, changed=before != after, dropped=dropped,
    )  # fmt: skip


def mark_urgent(tx: Tx, cmd: MarkUrgent) -> bool:
    """Put an order first in the queue for stock, or back in its turn. False when it stands so already."""
    tx.actor.require("stock.route")
    why = bounded(cmd.reason, 500, "reason")
    order = lock_order(tx, cmd.order_id, cmd.version)
    if order.board in CLOSED_BOARDS:
        raise Refused(say("The order is closed"), code="order_closed")
    if order.is_urgent == cmd.urgent:
        return False
    order.is_urgent = cmd.urgent
    audit.record(
        tx, "order.urgent", "order", order.id, order.number,
        before={"urgent": not cmd.urgent}, after={"urgent": cmd.urgent}, reason=why,
    )  # fmt: skip
    return True


def give_pieces(tx: Tx, cmd: GivePieces) -> PiecesGiven:
    """Let an order that waits have the pieces another one was promised. The giver keeps what can still be promised to
    it, else it waits in its turn. Raises StockShort when they would not be enough; then both stay as they are."""
    tx.actor.require("stock.route")
    why = bounded(cmd.reason, 500, "reason", missing=say("Say in a few words why"))
    if cmd.from_order_id == cmd.to_order_id:
        raise InvalidInput(say("Choose another order"), field="to_order_id", code="same_order")
    boxes = lock_boxes(tx, [cmd.from_order_id, cmd.to_order_id])
    giver = checked(boxes.orders.get(cmd.from_order_id) if cmd.from_order_id in boxes.asked else None, cmd.from_version)
    taker = checked(boxes.orders.get(cmd.to_order_id) if cmd.to_order_id in boxes.asked else None, cmd.to_version)
    _check_gift(giver, taker, boxes)
    before = _told(tx, giver)
    to_taker, to_giver = _plan_both(tx, giver, taker)
    freed = routing.exchange(tx, [giver.id], [*to_taker.wants, *to_giver.wants])
    routing.settle(tx, taker, to_taker)
    routing.settle(tx, giver, to_giver)
    dropped = drop_outdated(tx, boxes, giver)
    derived.refresh(tx, [giver, taker])
    announce_freed(tx, freed, f"{giver.number}:{giver.version}:given")
    waits = giver.stock_state is StockState.SHORT
    facts = {"from": giver.number, "to": taker.number, "giver_waits": waits}
    audit.record_many(
        tx,
        [
            audit.Entry(
                "order.pieces_given", "order", giver.id, giver.number, before, {**facts, "dropped": dropped}, why
            ),
            audit.Entry("order.pieces_got", "order", taker.id, taker.number, None, facts, why),
        ],
    )
    return PiecesGiven(giver.number, taker.number, giver_waits=waits)


def _check_gift(giver: Order, taker: Order, boxes: Boxes) -> None:
    if refusal := move_refusal(giver, boxes.of(giver.id)):
        raise Refused(say("{number}: {why}", number=giver.number, why=refusal), code="give_refused")
    if giver.stock_state is not StockState.RESERVED:
        raise Refused(say("{number} has no pieces to give", number=giver.number), code="give_nothing")
    if taker.status is not OrderStatus.CONFIRMED or taker.stock_state is not StockState.SHORT:
        raise Refused(say("{number} does not wait for stock", number=taker.number), code="give_not_needed")


def _plan_both(tx: Tx, giver: Order, taker: Order) -> tuple[Plan, Plan]:
    """The taker first, then the giver, out of what is free and what the giver holds."""
    askings = [routing.asking_of(tx, taker), routing.asking_of(tx, giver)]
    plans = routing.plan_orders(tx, askings, routing.held_pieces(tx, [giver.id]))
    if plans[taker.id].short:
        raise _short_error(tx, taker, plans[taker.id])
    return plans[taker.id], plans[giver.id]
