"""Where the pieces of orders come from: the one place that turns open lines into promises of stock, per warehouse.

A shop with a fixed warehouse, or an order whose warehouse a person pinned, has one place to look in. Otherwise every
warehouse the actor works with is ranked and the stock rows of all of them are locked, in key order, before anything is
decided; so two orders never count on the same piece.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from oms import clock
from oms.catalog.models import Channel, Routing, Shop
from oms.catalog.queries import SkuFacts, sku_facts
from oms.db import Tx
from oms.errors import Say, StockShort, say
from oms.inventory import reserving
from oms.inventory.models import Reservation, ReservationStatus, Warehouse, WarehouseKind
from oms.inventory.reserving import Key, Shortage, Want
from oms.inventory.routing import Case, Choice, Ranked, Rule, Site, choose, judged, ranked
from oms.inventory.routing_models import RoutingRule
from oms.inventory.sharing import Need, Share, missing, share_out
from oms.orders.models import Order
from oms.thai.provinces import province_of
from oms.usecases.sentences import pack


@dataclass(frozen=True)
class Asking:
    """What one order wants, and where it may come from. ``places``: only these, the main one first; none are named:
    the best of all, ``warehouse_id`` is then where it waits when every one is ruled out."""

    order_id: int
    case: Case
    needs: tuple[Need, ...]
    warehouse_id: int
    places: tuple[int, ...] = ()
    may_split: bool = False


@dataclass(frozen=True)
class Plan:
    """What an order gets. ``short``: it gets nothing, for the lack of these; ``warehouse_id`` is then where it waits.

    ``also_in`` are the places beside the main one; ``reason`` None leaves the order's own word.
    """

    warehouse_id: int
    wants: tuple[Want, ...] = ()
    short: tuple[Shortage, ...] = ()
    also_in: tuple[int, ...] = ()
    reason: Say | None = None


@dataclass(frozen=True)
class Network:
    """The warehouses that take part for this actor, and the rules in their order."""

    sites: Sequence[Site] = ()
    rules: Sequence[Rule] = ()
    turns: dict[Case, list[Ranked]] = field(default_factory=dict)

    def turn(self, case: Case) -> list[Ranked]:
        """The warehouses for an order, the best first; worked out once for orders that look the same."""
        if case not in self.turns:
            self.turns[case] = ranked(case, self.sites, self.rules, clock.today())
        return self.turns[case]


def read_network(tx: Tx) -> Network:
    """Two statements, however many orders are planned."""
    rows = tx.session.execute(
        select(Warehouse.id, Warehouse.code, Warehouse.name, Warehouse.province, Warehouse.rank)
        .where(Warehouse.is_active, Warehouse.kind == WarehouseKind.OWN)
        .order_by(Warehouse.rank, Warehouse.code)
    )
    sites = [Site(r.id, r.code, r.name, province_of(r.province), r.rank) for r in rows if tx.actor.sees_warehouse(r.id)]
    rules = tx.session.scalars(
        select(RoutingRule).where(RoutingRule.is_active).order_by(RoutingRule.rank, RoutingRule.id)
    )
    return Network(sites, [judged(rule) for rule in rules])


def case_of(channel: Channel, shop_id: int, place: tuple[str, str], skus: Iterable[SkuFacts]) -> Case:
    """What rules look at. ``place``: province and postcode as written. A set is itself and its parts."""
    facts = list(skus)
    return Case(
        channel, shop_id, province_of(*place),
        frozenset(i for sku in facts for i in (sku.id, *(part for part, _ in sku.parts))),
        frozenset(sku.product_id for sku in facts),
    )  # fmt: skip


def asking_of(tx: Tx, order: Order) -> Asking:
    """What the open lines of an order want, bundles expanded."""
    return askings_of(tx, [order])[0]


def askings_of(tx: Tx, orders: Sequence[Order]) -> list[Asking]:
    """``asking_of`` for many orders, in two statements."""
    skus = sku_facts(tx.session, {line.sku_id for order in orders for line in order.lines if line.open})
    wanted = select(Shop).where(Shop.id.in_({order.shop_id for order in orders}))
    shops = {shop.id: shop for shop in tx.session.scalars(wanted)}
    return [_asking(order, shops[order.shop_id], skus) for order in orders]


def _asking(order: Order, shop: Shop, skus: Mapping[int, SkuFacts]) -> Asking:
    lines = [line for line in order.lines if line.open]
    automatic = shop.routing is Routing.AUTOMATIC and not order.warehouse_pinned
    bound = (order.warehouse_id, *(order.also_in or ()))
    return Asking(
        order.id,
        case_of(
            order.channel, order.shop_id, (order.ship_province, order.ship_postcode),
            [skus[line.sku_id] for line in lines],
        ),
        tuple(Need(line.id, line.open, skus[line.sku_id].parts) for line in lines),
        order.warehouse_id,
        places=() if automatic else bound,
        may_split=shop.may_split if automatic else len(bound) > 1,
    )  # fmt: skip


def plan_orders(tx: Tx, askings: Sequence[Asking], own: Mapping[Key, int] | None = None) -> dict[int, Plan]:
    """Lock everything that may be wanted, then decide order by order, first come first served, each all or nothing.

    ``own``: pieces that are promised to these very orders and are given back by the caller before anything is taken.
    """
    network = read_network(tx) if any(not a.places for a in askings) else Network()
    keys = {(sku, place) for a in askings for place in _places(a, network) for sku in _skus(a.needs)} | set(own or ())
    free = _free(tx, keys, own or {})
    plans: dict[int, Plan] = {}
    for asking in askings:
        plan = decide(asking, network, free)
        plans[asking.order_id] = plan
        for want in plan.wants:
            free[want.sku_id, want.warehouse_id] -= want.quantity
    return plans


def decide(asking: Asking, network: Network, free: Mapping[Key, int]) -> Plan:
    """What one order gets out of what is free."""
    if asking.places:
        return _bound(asking, free)
    found = choose(asking.case, network.turn(asking.case), asking.needs, free, split=asking.may_split)
    if found is None:
        nowhere = say("Every warehouse is ruled out for this order")
        lacking = {sku: (wanted, 0) for sku, (wanted, _) in missing(asking.needs, 0, {}).items()}
        return Plan(asking.warehouse_id, short=shortages(asking.warehouse_id, lacking), reason=nowhere)
    return _planned(asking, found)


def _bound(asking: Asking, free: Mapping[Key, int]) -> Plan:
    """From the places it is bound to, and from nowhere else."""
    main = asking.places[0]
    shares = share_out(asking.needs, asking.places, free, split=asking.may_split)
    if shares is None:
        return Plan(main, short=shortages(main, missing(asking.needs, main, free)))
    used = list(dict.fromkeys(share.warehouse_id for share in shares))
    main = main if main in used else used[0]
    return Plan(main, wants_of(asking, shares), also_in=tuple(p for p in used if p != main))


def _planned(asking: Asking, found: Choice) -> Plan:
    if found.shares is None:
        return Plan(found.main, short=shortages(found.main, found.short), reason=found.reason)
    wants = wants_of(asking, found.shares)
    return Plan(found.main, wants, also_in=tuple(found.others), reason=found.reason)


def wants_of(asking: Asking, shares: Iterable[Share]) -> tuple[Want, ...]:
    """Shares of lines as pieces of plain SKUs."""
    parts = {need.line_id: need.parts for need in asking.needs}
    return tuple(
        Want(asking.order_id, share.line_id, sku, share.warehouse_id, pieces * share.units)
        for share in shares
        for sku, pieces in parts[share.line_id]
    )


def shortages(place: int, lacking: Mapping[int, tuple[int, int]]) -> tuple[Shortage, ...]:
    """What ``missing`` found, of one place."""
    return tuple(Shortage(sku, place, wanted, left) for sku, (wanted, left) in lacking.items())


def _skus(needs: Iterable[Need]) -> set[int]:
    return {sku for need in needs for sku, _ in need.parts}


def _places(asking: Asking, network: Network) -> Collection[int]:
    return asking.places or [one.site.id for one in network.turn(asking.case) if not one.is_out]


def reserve_many(tx: Tx, orders: Sequence[Order]) -> dict[int, Plan]:
    """Promise everything open of each order, all or nothing, first come first served. The caller settles the plans."""
    if not orders:
        return {}
    plans = plan_orders(tx, askings_of(tx, orders))
    reserving.take(tx, [want for plan in plans.values() for want in plan.wants])
    return plans


def reserve_open_lines(tx: Tx, order: Order) -> tuple[Shortage, ...]:
    """Promise everything open, all or nothing, and write on the order where it is sent from and why.

    The answer names what is short (empty: all was promised).
    """
    plan = reserve_many(tx, [order])[order.id]
    settle(tx, order, plan)
    return plan.short


def plan_anew(tx: Tx, order: Order, asking: Asking | None = None) -> Plan:
    """What the order would get with its own pieces given back; everything is locked, nothing is changed."""
    wanted = asking or asking_of(tx, order)
    return plan_orders(tx, [wanted], held_pieces(tx, [order.id]))[order.id]


def free_anew(tx: Tx, order_ids: Collection[int], keys: Collection[Key]) -> Mapping[Key, int]:
    """Pieces free under these keys once the orders' own are given back; both are locked."""
    own = held_pieces(tx, order_ids)
    return _free(tx, set(keys) | set(own), own)


def _free(tx: Tx, keys: Collection[Key], own: Mapping[Key, int]) -> dict[Key, int]:
    free = reserving.lock_free(tx, keys)
    return defaultdict(int, {key: pieces + own.get(key, 0) for key, pieces in free.items()})


def promise_as(tx: Tx, order: Order, plan: Plan) -> set[Key]:
    """Carry a plan of ``plan_anew`` out: the old promise is given back and the new one taken in one step.

    Answers the keys of which more pieces are free than before; nothing changes when the plan is short.
    """
    if plan.short:
        return set()
    freed = exchange(tx, [order.id], plan.wants)
    settle(tx, order, plan)
    return freed


def exchange(tx: Tx, order_ids: Collection[int], wants: Sequence[Want]) -> set[Key]:
    """Give back everything these orders hold and take this instead, all locked; answers what became freer."""
    held = held_pieces(tx, order_ids)
    reserving.release(tx, order_ids)
    reserving.take(tx, wants)
    taken: dict[Key, int] = defaultdict(int)
    for want in wants:
        taken[want.sku_id, want.warehouse_id] += want.quantity
    return {key for key, pieces in held.items() if pieces > taken[key]}


def held_pieces(tx: Tx, order_ids: Collection[int]) -> dict[Key, int]:
    """Pieces promised to these orders at the moment; the caller has the orders locked."""
    rows = tx.session.execute(
        select(Reservation.sku_id, Reservation.warehouse_id, Reservation.quantity).where(
            Reservation.order_id.in_(sorted(order_ids)), Reservation.status == ReservationStatus.ACTIVE
        )
    )
    held: dict[Key, int] = defaultdict(int)
    for sku, place, quantity in rows:
        held[sku, place] += quantity
    return dict(held)


def settle(tx: Tx, order: Order, plan: Plan) -> None:
    """Write the places and the reason on a locked order, touching only what differs."""
    sent = _sent_from(tx, order) if any(line.shipped for line in order.lines) else set()
    others = sorted((set(plan.also_in) | sent) - {plan.warehouse_id}) or None
    facts: dict[str, Any] = {"warehouse_id": plan.warehouse_id, "also_in": others}
    if plan.reason is not None:
        facts["warehouse_reason"] = pack(plan.reason)
    for name, value in facts.items():
        if getattr(order, name) != value:
            setattr(order, name, value)


def _sent_from(tx: Tx, order: Order) -> set[int]:
    """The places pieces of an order have left from already."""
    statement = select(Reservation.warehouse_id).where(
        Reservation.order_id == order.id, Reservation.status == ReservationStatus.CONSUMED
    )
    return set(tx.session.scalars(statement.distinct()))


def short_refusal(short: Sequence[Shortage], name: str) -> StockShort:
    """Tell what is left of the first SKU that is short; ``name`` is what the reader calls it."""
    first = short[0]
    if first.left >= first.wanted:
        return StockShort(
            say("The pieces are there, but not together: choose warehouses by hand, or let the shop split orders"),
            field="lines",
            code="stock_scattered",
        )
    return StockShort(
        say("Only {left} left of {sku}, {wanted} wanted", left=first.left, sku=name, wanted=first.wanted),
        field="lines",
    )


def holder_name(sku_id: int, skus: Iterable[SkuFacts]) -> str:
    """What is short in the words of the order: the SKU or the set that it is a part of."""
    holder = next((s for s in skus if any(part == sku_id for part, _ in s.parts)), None)
    return f"{holder.code} {holder.name}" if holder else f"#{sku_id}"
