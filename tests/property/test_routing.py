"""Whatever the stock and the rules: an order gets everything or nothing, from the fewest places, never more than is
there; and orders that confirm, move, give and wait among three warehouses keep the books in order."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.audit import AuditLog
from oms.catalog.models import Routing
from oms.db import db, transaction
from oms.errors import OmsError
from oms.inventory.models import StockLevel
from oms.inventory.sharing import MOST_PARCELS, Need, Share, share_out
from oms.orders.models import Order
from oms.orders.states import CancelReason, OrderStatus, PaymentTerm, StockState
from oms.reports.auditor import audit_all
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_place import NewLine, Stock, place_order
from oms.usecases.routing_moves import (
    GivePieces,
    MarkUrgent,
    RerouteOrder,
    give_pieces,
    mark_urgent,
    reroute_order,
)
from oms.usecases.routing_rules import SetShopRouting, set_shop_routing
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_allocate import allocate_freed
from oms.usecases.stock_checks import StockLine
from tests.network import TOWNS, network
from tests.network import rule as add_rule

PLACES = (1, 2, 3, 4)
SKUS = (1, 2, 3)
PARTS = {
    "a": ((1, 1),), "b": ((2, 1),), "c": ((3, 1),), "ab": ((1, 1), (2, 2)), "bc": ((2, 1), (3, 1)), "aa": ((1, 2),),
}  # fmt: skip
NEEDS = st.lists(st.tuples(st.sampled_from(sorted(PARTS)), st.integers(1, 3)), min_size=1, max_size=3)
FREE = st.dictionaries(st.tuples(st.sampled_from(SKUS), st.sampled_from(PLACES)), st.integers(0, 4), max_size=12)


def ways(units: int, places: int):
    """Every way to put so many units into so many places."""
    return [way for way in product(range(units + 1), repeat=places) if sum(way) == units]


def possible(needs, places, free) -> bool:
    """By trying everything: can these places together give all of it, sets whole?"""
    for spread in product(*(ways(need.units, len(places)) for need in needs)):
        taken = Counter()
        for need, way in zip(needs, spread, strict=True):
            for place, units in zip(places, way, strict=True):
                for sku, pieces in need.parts:
                    taken[sku, place] += pieces * units
        if all(free.get(key, 0) >= n for key, n in taken.items()):
            return True
    return False


@given(asked=NEEDS, free=FREE)
def test_the_fewest_places_are_found_and_the_preferred_among_equals(asked, free):
    needs = [Need(i, units, PARTS[name]) for i, (name, units) in enumerate(asked)]
    found = share_out(needs, PLACES, free, split=True)
    best = next(
        (chosen for n in range(1, MOST_PARCELS + 1) for chosen in combinations(PLACES, n)
         if possible(needs, chosen, free)), None,
    )  # fmt: skip
    if best is None:
        assert found is None
        return
    assert found is not None
    assert tuple(sorted({share.warehouse_id for share in found})) == best
    taken = Counter()
    for share in found:
        for sku, pieces in needs[share.line_id].parts:
            taken[sku, share.warehouse_id] += pieces * share.units
    assert all(free.get(key, 0) >= n for key, n in taken.items())
    assert {need.line_id: need.units for need in needs} == Counter(
        {i: sum(s.units for s in found if s.line_id == i) for i in range(len(needs))}
    )


@given(asked=NEEDS, free=FREE)
def test_without_splitting_it_is_one_place_or_none(asked, free):
    needs = [Need(i, units, PARTS[name]) for i, (name, units) in enumerate(asked)]
    found = share_out(needs, PLACES, free, split=False)
    first = next((p for p in PLACES if possible(needs, (p,), free)), None)
    assert (found is None) == (first is None)
    assert {share.warehouse_id for share in found or ()} == ({first} if first else set())


def test_a_hopeless_puzzle_ends_in_time():
    """Sets that share their parts over many places: the search stops and the order waits."""
    needs = [Need(i, 50, ((1, 2), (2, 3), (3, 5))) for i in range(8)]
    free = {(sku, place): 97 + sku * place % 7 for sku in SKUS for place in range(12)}
    began = clock.now()
    share_out(needs, range(12), free, split=True)
    assert clock.now() - began < timedelta(seconds=5)


PICK = st.integers(0, 10_000)
LINES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=3)
SYSTEM = system("property test")


class Warehouses(RuleBasedStateMachine):
    """Three warehouses with few pieces, and everything that moves promises between them."""

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.savepoint = db.engines[None].begin_nested()
        self.moment = clock.now() - timedelta(days=30)
        self.orders: list[int] = []
        self.serial = 0

    @initialize()
    def open_shop(self):
        with clock.at(self.moment), transaction(SYSTEM) as tx:
            self.net = network(tx, pieces=4)
            self.skus = (*self.net.shop.skus, self.net.shop.bundle)
        for pieces in (4, 3, 2):  # one has them all, the others wait
            self.place_one([(3, pieces)], "capital", None, confirm=True, may_wait=True, other_shop=False)

    def do(self, verb, *arguments):
        """Run one verb in a transaction; a refusal must leave no trace."""
        self.moment += timedelta(minutes=1)
        before = self.trace()
        with clock.at(self.moment):
            try:
                with transaction(SYSTEM) as tx:
                    return verb(tx, *arguments)
            except OmsError as refusal:
                said = refusal
        if self.trace() != before:
            pytest.fail(f"{verb.__name__} was refused ({said}) and left something behind")
        return None

    def trace(self):
        session = db.session()
        counted = tuple(session.scalar(select(func.count()).select_from(m)) for m in (AuditLog, Order))
        columns = (StockLevel.sku_id, StockLevel.warehouse_id, StockLevel.on_hand, StockLevel.reserved)
        return counted, session.execute(select(*columns).order_by(*columns[:2])).all()

    def order(self, pick: int) -> int:
        return self.orders[pick % len(self.orders)]

    def place_of(self, pick: int) -> int:
        return self.net.places[pick % 3]

    has_orders = precondition(lambda self: self.orders)

    @rule(lines=LINES, to=st.sampled_from(sorted(TOWNS)), confirm=st.sampled_from([True, True, False]), may_wait=st.booleans(),
          pin=st.sampled_from([None, None, None, 0, 1, 2]), other_shop=st.booleans())  # fmt: skip
    def place(self, lines, to, confirm, may_wait, pin, other_shop):
        for _ in range(2):  # twins compete for the same pieces
            self.place_one(lines, to, pin, confirm=confirm, may_wait=may_wait, other_shop=other_shop)

    def place_one(self, lines, to, pin, *, confirm, may_wait, other_shop):
        placed = self.do(
            place_order,
            self.net.order(
                to=to, confirm=confirm, lines=tuple(NewLine(self.skus[i], n) for i, n in dict(lines).items()),
                stock=Stock.MAY_WAIT if may_wait else Stock.MUST_RESERVE, payment_term=PaymentTerm.COD,
                warehouse_id=None if pin is None else self.place_of(pin),
                shop_id=self.net.shop.shopee if other_shop else self.net.shop.line,
            ),
        )  # fmt: skip
        if placed:
            self.orders.append(placed.order_id)

    @rule(pick=PICK, routing=st.sampled_from([*Routing, None, None]), use=st.booleans(), sku=st.integers(0, 4))
    def regulate(self, pick, routing, use, sku):
        if routing:
            shop = self.net.shop.shopee if use else self.net.shop.line
            self.do(set_shop_routing, SetShopRouting(shop, routing, may_split=bool(pick % 2)))
            return
        facts = {"sku_ids": (self.skus[sku],), "provinces": ("เชียงใหม่",) if pick % 2 else ()}
        self.do(lambda tx: add_rule(tx, self.place_of(pick), use=use, **facts))

    @has_orders
    @rule(pick=PICK, may_wait=st.booleans())
    def confirm(self, pick, may_wait):
        self.do(confirm_order, ConfirmOrder(self.order(pick), may_wait_for_stock=may_wait))

    @has_orders
    @rule(pick=PICK)
    def cancel(self, pick):
        self.do(cancel_order, CancelOrder(self.order(pick), CancelReason.CUSTOMER))

    @has_orders
    @rule(pick=PICK)
    def make_ready(self, pick):
        self.do(lambda tx: make_ready(tx, [self.order(pick)]))

    @has_orders
    @rule(pick=PICK)
    def ship(self, pick):
        self.do(mark_shipped, MarkShipped(self.order(pick)))

    @has_orders
    @rule(pick=PICK, to=st.sampled_from([None, 0, 1, 2]), may_wait=st.booleans())
    def reroute(self, pick, to, may_wait):
        target = None if to is None else self.place_of(to)
        self.do(reroute_order, RerouteOrder(self.order(pick), target, reason="moved", may_wait=may_wait))

    @has_orders
    @rule(pick=PICK, cut=st.integers(0, 4), first=st.integers(0, 2), second=st.integers(0, 2))
    def share(self, pick, cut, first, second):
        order = db.session.get_one(Order, self.order(pick))
        shares = []
        for line in order.lines:
            here = min(cut, line.open)
            shares += [
                Share(line.id, self.place_of(first), here),
                Share(line.id, self.place_of(second), line.open - here),
            ]
        self.do(reroute_order, RerouteOrder(order.id, shares=tuple(shares), reason="shared out"))

    @has_orders
    @rule(giver=PICK, taker=PICK, sensible=st.sampled_from([True, True, False]))
    def give(self, giver, taker, sensible):
        givers, takers = self.orders, self.orders
        if sensible:
            states = dict(
                db.session.execute(select(Order.id, Order.stock_state).where(Order.id.in_(self.orders))).all()
            )
            givers = [i for i, state in states.items() if state is StockState.RESERVED] or givers
            takers = [i for i, state in states.items() if state is StockState.SHORT] or takers
        cmd = GivePieces(givers[giver % len(givers)], takers[taker % len(takers)], "needed there")
        self.do(give_pieces, cmd)

    @has_orders
    @rule(pick=PICK, urgent=st.booleans())
    def hurry(self, pick, urgent):
        self.do(mark_urgent, MarkUrgent(self.order(pick), urgent))

    @rule(pick=PICK, sku=st.integers(0, 3), pieces=st.integers(1, 4))
    def receive(self, pick, sku, pieces):
        self.serial += 1
        line = (StockLine(self.skus[sku], pieces),)
        self.do(receive_stock, ReceiveStock(self.place_of(pick), line, f"key {self.serial}"))
        self.do(allocate_freed, {(self.skus[sku], self.place_of(pick))})

    def teardown(self):
        try:
            assert [str(f) for f in audit_all(db.session())] == []
            live = select(func.count()).where(Order.status == OrderStatus.CONFIRMED)
            assert db.session.scalar(live) is not None
        finally:
            db.session.remove()
            self.savepoint.rollback()


@pytest.mark.deep
def test_no_move_between_warehouses_breaks_the_books(isolated):
    run_state_machine_as_test(Warehouses)
