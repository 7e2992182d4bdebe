"""What screens show of choosing warehouses: a dry run over an order, where its pieces lie, who could give it pieces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from oms.actor import Actor
from oms.catalog.models import Product, Routing, Shop, Sku
from oms.catalog.queries import sku_facts
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Say, say
from oms.inventory.availability import available
from oms.inventory.models import Reservation, ReservationStatus, StockLevel, Warehouse
from oms.inventory.reserving import Key, units_held
from oms.inventory.routing import Ranked
from oms.inventory.routing_models import RoutingRule
from oms.inventory.sharing import missing
from oms.orders.models import Order, OrderLine
from oms.orders.queries import visible
from oms.orders.states import BOARD_LABELS, OrderStatus, StockState
from oms.usecases import routing
from oms.usecases.routing import Asking, Plan
from oms.usecases.sentences import unpack

GIVERS = 20


@dataclass(frozen=True)
class Lack:
    """What a warehouse lacks of one SKU."""

    code: str
    wanted: int
    left: int


@dataclass(frozen=True)
class Tried:
    """One warehouse in a dry run. ``pieces``: what it would send."""

    place: Ranked
    lacks: Sequence[Lack]
    pieces: int

    @property
    def rule(self) -> str:
        return self.place.rule.name if self.place.rule else ""


@dataclass(frozen=True)
class DryRun:
    """What would become of an order. ``bound``: why the rules are not asked for it as it stands, or None."""

    order: Order
    places: Sequence[Tried]
    plan: Plan
    bound: Say | None

    @property
    def reason(self) -> Say:
        return self.plan.reason or say("Every warehouse is ruled out for this order")


def find_by_number(tx: Tx, number: str) -> Order:
    """An order by our number or the channel's. Raises InvalidInput for the field, so that a form can say it."""
    wanted = number.strip()[:80]
    statement = visible(tx.actor).where((Order.number == wanted.upper()) | (Order.external_no == wanted))
    order = tx.session.scalars(statement.options(selectinload(Order.lines)).limit(1)).one_or_none()
    if order is None:
        raise InvalidInput(
            say("There is no order “{number}” that you may see", number=wanted), field="number", code="order_not_found"
        )
    return order


def dry_run(tx: Tx, order: Order) -> DryRun:
    """Which warehouse an order would get by rules, distance and stock as they are, and why. Nothing is locked or
    changed; the pieces it holds count as free for it."""
    tx.actor.require("stock.route")
    shop = tx.session.get_one(Shop, order.shop_id)
    asking = replace(routing.asking_of(tx, order), places=(), may_split=shop.may_split)
    network = routing.read_network(tx)
    turn = network.turn(asking.case)
    free = _free(tx, asking, [one.site.id for one in turn])
    plan = routing.decide(asking, network, free)
    codes = _codes(tx.session, {sku for need in asking.needs for sku, _ in need.parts})
    return DryRun(order, [_tried(one, asking, free, plan, codes) for one in turn], plan, _bound(order, shop))


def _bound(order: Order, shop: Shop) -> Say | None:
    if order.warehouse_pinned:
        return say("A person chose its warehouse; the rules are not asked")
    if shop.routing is Routing.FIXED:
        return say("{shop} always sends from its own warehouse; the rules are not asked", shop=shop.name)
    return None


def _free(tx: Tx, asking: Asking, places: Collection[int]) -> dict[Key, int]:
    skus = {sku for need in asking.needs for sku, _ in need.parts}
    levels = select(StockLevel.sku_id, StockLevel.warehouse_id, StockLevel.on_hand - StockLevel.reserved).where(
        StockLevel.sku_id.in_(skus), StockLevel.warehouse_id.in_(list(places))
    )
    own = routing.held_pieces(tx, [asking.order_id])
    return {(sku, place): n + own.get((sku, place), 0) for sku, place, n in tx.session.execute(levels)}


def _tried(one: Ranked, asking: Asking, free: Mapping[Key, int], plan: Plan, codes: Mapping[int, str]) -> Tried:
    lacks = [Lack(codes[sku], *facts) for sku, facts in missing(asking.needs, one.site.id, free).items()]
    return Tried(one, lacks, sum(want.quantity for want in plan.wants if want.warehouse_id == one.site.id))


def _codes(session: Session, skus: Collection[int]) -> dict[int, str]:
    rows = session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(skus)))
    return {row.id: row.code for row in rows}


@dataclass(frozen=True)
class Lying:
    """Pieces of an order in one warehouse. ``to_go``: promised there; ``gone``: have left from there."""

    code: str
    name: str
    to_go: int
    gone: int
    is_main: bool


@dataclass(frozen=True)
class Places:
    """Where an order is sent from, and why. ``reason`` None: its shop's warehouse, nothing was chosen."""

    lying: Sequence[Lying]
    reason: Say | None
    automatic: bool


def order_places(tx: Tx, order: Order) -> Places:
    """The warehouse card of an order's page; one statement."""
    rows = tx.session.execute(
        select(Warehouse, Reservation.status, func.sum(Reservation.quantity))
        .join(Reservation, Reservation.warehouse_id == Warehouse.id)
        .where(Reservation.order_id == order.id, Reservation.status != ReservationStatus.RELEASED)
        .group_by(Warehouse.id, Reservation.status)
    )
    counted: dict[int, dict[ReservationStatus, int]] = {}
    known = {order.warehouse_id: order.warehouse}
    for place, status, pieces in rows:
        known[place.id] = place
        counted.setdefault(place.id, {})[status] = int(pieces)
    main_first = sorted(known, key=lambda i: (i != order.warehouse_id, known[i].rank))
    lying = [
        Lying(
            known[i].code, known[i].name, counted.get(i, {}).get(ReservationStatus.ACTIVE, 0),
            counted.get(i, {}).get(ReservationStatus.CONSUMED, 0), is_main=i == order.warehouse_id,
        )
        for i in main_first
    ]  # fmt: skip
    automatic = order.shop.routing is Routing.AUTOMATIC and not order.warehouse_pinned
    return Places(lying, unpack(order.warehouse_reason), automatic)


@dataclass(frozen=True)
class Cell:
    """One line in one warehouse. ``here``: units that come from there; ``room``: how many could."""

    warehouse_id: int
    here: int
    room: int


@dataclass(frozen=True)
class Shelf:
    """An open line over all warehouses."""

    line: OrderLine
    cells: Sequence[Cell]


def shelves(tx: Tx, order: Order, warehouse_ids: Sequence[int]) -> list[Shelf]:
    """Where the units of each open line come from, and where they could come from; for sharing out by hand."""
    lines = [line for line in order.lines if line.open]
    held = units_held(tx, [order.id], {line.id: line.open for line in lines})
    free = available(tx.session, [line.sku_id for line in lines], warehouse_ids)
    return [
        Shelf(
            line,
            [
                Cell(place, here := held.get(line.id, {}).get(place, 0), free[line.sku_id].get(place, 0) + here)
                for place in warehouse_ids
            ],
        )
        for line in lines
    ]


@dataclass(frozen=True)
class Giver:
    """An order that holds pieces another one waits for."""

    order_id: int
    number: str
    name: str
    board: str
    version: int
    pieces: int
    is_urgent: bool


def givers(tx: Tx, order: Order) -> list[Giver]:
    """Orders that hold pieces this one lacks, those that leave last first; none when it does not wait for stock."""
    if order.status is not OrderStatus.CONFIRMED or order.stock_state is not StockState.SHORT:
        return []
    skus = sku_facts(tx.session, {line.sku_id for line in order.lines if line.open})
    parts = {part for sku in skus.values() for part, _ in sku.parts}
    held = (
        select(Reservation.order_id, func.sum(Reservation.quantity).label("pieces"))
        .where(Reservation.status == ReservationStatus.ACTIVE, Reservation.sku_id.in_(parts))
        .group_by(Reservation.order_id)
        .subquery()
    )
    statement = (
        visible(tx.actor)
        .with_only_columns(
            Order.id, Order.number, Order.ship_name, Order.board, Order.version, held.c.pieces, Order.is_urgent
        )
        .join(held, held.c.order_id == Order.id)
        .where(Order.id != order.id, Order.stock_state == StockState.RESERVED)
        .order_by(Order.is_urgent, Order.ship_by.desc().nulls_first(), Order.confirmed_at.desc(), Order.id.desc())
        .limit(GIVERS)
    )
    return [
        Giver(r.id, r.number, r.ship_name, BOARD_LABELS[r.board], r.version, int(r.pieces), r.is_urgent)
        for r in tx.session.execute(statement)
    ]


@dataclass(frozen=True)
class RuleText:
    """A rule as the list shows it: its row and the codes of its goods."""

    row: RoutingRule
    goods: Sequence[str]
    shops: Sequence[str]


def list_rules(session: Session, actor: Actor) -> list[RuleText]:
    """Every rule in its order, with the names its conditions mean; four statements."""
    actor.require("stock.route")
    named = select(RoutingRule).options(joinedload(RoutingRule.warehouse))
    rows = list(session.scalars(named.order_by(RoutingRule.rank, RoutingRule.id)))
    skus = _named(session, select(Sku.id, Sku.code).where(Sku.id.in_({i for r in rows for i in r.sku_ids})))
    goods = _named(
        session, select(Product.id, Product.code).where(Product.id.in_({i for r in rows for i in r.product_ids}))
    )
    shops = _named(session, select(Shop.id, Shop.name).where(Shop.id.in_({i for r in rows for i in r.shop_ids})))
    return [
        RuleText(
            row,
            [*(skus[i] for i in row.sku_ids if i in skus), *(goods[i] for i in row.product_ids if i in goods)],
            [shops[i] for i in row.shop_ids if i in shops],
        )
        for row in rows
    ]


def _named(session: Session, statement: Any) -> dict[int, str]:
    return {row[0]: row[1] for row in session.execute(statement)}


def get_rule(tx: Tx, rule_id: int) -> RoutingRule:
    """One rule. Raises NotFound."""
    tx.actor.require("stock.route")
    row = tx.session.get(RoutingRule, rule_id)
    if row is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    return row
