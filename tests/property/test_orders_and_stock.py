"""Whatever is done to orders, money and stock, in any order: the books stay in order, and a refusal changes nothing.

The auditor (plain SQL, no code shared with the verbs) is the judge of invariants 1 to 13.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, inspect, select

from oms import clock
from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.errors import Conflict, OmsError
from oms.inventory.models import AdjustReason, StockLevel
from oms.money import Money
from oms.orders.amending import ADDRESS, AmendedLine, Proposal
from oms.orders.models import Order
from oms.orders.states import CancelReason, HoldReason, OrderStatus, PaymentTerm
from oms.payments.models import PaymentClaim
from oms.payments.states import PaymentMethod
from oms.reports.auditor import audit_all
from oms.usecases import derived
from oms.usecases.orders_amend import (
    CloseChange,
    OpenChange,
    ProposeChange,
    apply_change,
    discard_change,
    open_change,
    propose_change,
)
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_place import NewLine, Stock, place_order
from oms.usecases.payments import (
    DecideClaim,
    SubmitClaim,
    approve_term,
    reject_claim,
    reverse_claim,
    submit_claim,
    verify_claim,
)
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from oms.usecases.stock import AdjustStock, ReceiveStock, SetAside, adjust_stock, receive_stock, set_aside
from oms.usecases.stock_allocate import allocate_freed
from oms.usecases.stock_checks import StockLine
from tests.shop import small_shop

PICK = st.integers(0, 10_000)
LINES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=3)
SYSTEM = system("property test")


class Desk(RuleBasedStateMachine):
    """A shop of four SKUs and a bundle, few pieces of each, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.savepoint = db.engines[None].begin_nested()
        self.moment = clock.now() - timedelta(days=30)
        self.orders: list[int] = []
        self.claims: list[int] = []
        self.serial = 0
        self.refused: Counter[tuple[str, str]] = Counter()

    @initialize()
    def open_shop(self):
        with clock.at(self.moment), transaction(SYSTEM) as tx:
            self.shop = small_shop(tx, pieces=6)
            self.skus = (*self.shop.skus, self.shop.bundle)

    def do(self, verb, *arguments, hours: int = 0):
        """Run one verb in a transaction; a refusal must leave no trace."""
        self.moment += timedelta(minutes=1, hours=hours)
        before = self.trace()
        with clock.at(self.moment):
            try:
                with transaction(SYSTEM) as tx:
                    return verb(tx, *arguments)
            except OmsError as refusal:
                said = refusal
        if self.trace() != before:
            pytest.fail(f"{verb.__name__} was refused ({said}) and left something behind")
        self.refused[verb.__name__, said.detail_code] += 1
        return None

    def trace(self):
        session = db.session()
        counted = tuple(session.scalar(select(func.count()).select_from(m)) for m in (AuditLog, Order, PaymentClaim))
        pieces = session.execute(select(func.sum(StockLevel.on_hand), func.sum(StockLevel.reserved))).one()
        return counted, tuple(pieces)

    def order(self, pick: int) -> int:
        return self.orders[pick % len(self.orders)]

    def key(self) -> str:
        self.serial += 1
        return f"key {self.serial}"

    @rule(lines=LINES, term=st.sampled_from(PaymentTerm), confirm=st.booleans(), stock=st.sampled_from(Stock))
    def place(self, lines, term, confirm, stock):
        placed = self.do(
            place_order,
            self.shop.order(
                lines=tuple(NewLine(self.skus[i], n) for i, n in dict(lines).items()), payment_term=term,
                confirm=confirm or stock is Stock.LEFT_BEFORE, stock=stock, idempotency_key=self.key(),
                shipping_fee=Money(Decimal(40)), term_approved=term is PaymentTerm.MARKETPLACE,
                priced_by_channel=stock is not Stock.MUST_RESERVE,
            ),
        )  # fmt: skip
        if placed:
            self.orders.append(placed.order_id)

    has_orders = precondition(lambda self: self.orders)
    has_claims = precondition(lambda self: self.claims)

    @has_orders
    @rule(pick=PICK, may_wait=st.booleans())
    def confirm(self, pick, may_wait):
        self.do(confirm_order, ConfirmOrder(self.order(pick), may_wait_for_stock=may_wait))

    @has_orders
    @rule(pick=PICK, restock=st.sampled_from(Restock))
    def cancel(self, pick, restock):
        self.do(cancel_order, CancelOrder(self.order(pick), CancelReason.CUSTOMER, restock=restock))

    @has_orders
    @rule(pick=PICK, reason=st.sampled_from([HoldReason.ADDRESS, HoldReason.FRAUD]))
    def hold(self, pick, reason):
        self.do(hold_order, HoldOrder(self.order(pick), reason))

    @has_orders
    @rule(pick=PICK)
    def release(self, pick):
        self.do(release_hold, ReleaseHold(self.order(pick)))

    @has_orders
    @rule(pick=PICK, part=st.sampled_from([1, 1, 1, 2, 3]), verify=st.booleans())
    def claim(self, pick, part, verify):
        total = db.session.get_one(Order, self.order(pick)).total
        amount = Money(total.amount / part)
        made = self.do(
            submit_claim,
            SubmitClaim(PaymentMethod.TRANSFER, amount, ((self.order(pick), amount),), reference=self.key()),
        )
        if made:
            self.claims.append(made.claim_id)
            if verify:
                self.do(verify_claim, DecideClaim(made.claim_id))

    @has_claims
    @rule(pick=PICK, verb=st.sampled_from([verify_claim, reject_claim, reverse_claim]))
    def decide(self, pick, verb):
        self.do(verb, DecideClaim(self.claims[pick % len(self.claims)], note="looked again"))

    @has_orders
    @rule(pick=PICK)
    def approve(self, pick):
        self.do(approve_term, self.order(pick))

    @has_orders
    @rule(pick=PICK, by_channel=st.booleans())
    def ship(self, pick, by_channel):
        self.do(mark_shipped, MarkShipped(self.order(pick), "Flash", self.key(), by_channel=by_channel))

    @has_orders
    @rule(pick=PICK)
    def deliver(self, pick):
        self.do(mark_delivered, self.order(pick))

    @has_orders
    @rule(pick=PICK, quantity=st.integers(0, 4), apply=st.booleans())
    def amend(self, pick, quantity, apply):
        order_id = self.order(pick)
        self.do(open_change, OpenChange(order_id, "the buyer asked"))
        order = db.session.get_one(Order, order_id)
        lines = tuple(
            AmendedLine(line.sku_id, quantity if i == 0 else line.quantity, line.id)
            for i, line in enumerate(order.lines)
        )
        address = {name: getattr(order, name) for name in ADDRESS}
        proposal = Proposal((*lines, AmendedLine(self.skus[3], 1)), order.discount, order.shipping_fee, address)
        self.do(propose_change, ProposeChange(order_id, proposal))
        self.do(apply_change if apply else discard_change, CloseChange(order_id))

    @rule(hours=st.sampled_from([1, 30, 50]))
    def time_passes(self, hours):
        self.do(expire_unpaid, ExpireUnpaid(), hours=hours)

    @rule(sku=st.integers(0, 3), pieces=st.integers(1, 5))
    def receive(self, sku, pieces):
        self.do(receive_stock, ReceiveStock(self.shop.bkk, (StockLine(self.skus[sku], pieces),), self.key()))
        self.do(allocate_freed, [(self.skus[sku], self.shop.bkk)])

    @rule(sku=st.integers(0, 3), pieces=st.integers(-4, 3).filter(bool))
    def adjust(self, sku, pieces):
        line = (StockLine(self.skus[sku], pieces),)
        self.do(adjust_stock, AdjustStock(self.shop.bkk, line, AdjustReason.COUNTED, self.key(), note="counted"))

    @rule(sku=st.integers(0, 3), mended=st.booleans())
    def damage(self, sku, mended):
        line = (StockLine(self.skus[sku], 1),)
        self.do(set_aside, SetAside(self.shop.bkk, line, "dented", self.key(), mended=mended))

    @has_orders
    @rule(pick=PICK)
    def a_stale_form_is_a_conflict(self, pick):
        version = db.session.get_one(Order, self.order(pick)).version
        with pytest.raises(Conflict), transaction(SYSTEM) as tx:
            hold_order(tx, HoldOrder(self.order(pick), HoldReason.MANUAL, "late", version=version - 1))

    @invariant()
    def nothing_expired_that_money_or_trust_stood_behind(self):
        """Invariant 10, seen from the outside after every single step."""
        gone = db.session.scalars(select(Order).where(Order.status == OrderStatus.EXPIRED)).all()
        assert all(o.payment_term is PaymentTerm.PREPAID for o in gone)

    def teardown(self):
        try:
            broken = [str(f) for f in audit_all(db.session())]
            assert broken == []
            self.recompute()
        finally:
            db.session.remove()
            self.savepoint.rollback()

    def recompute(self):
        """Invariant 1: deriving everything again from the facts changes not one column."""
        with transaction(SYSTEM) as tx:
            orders = list(tx.session.scalars(select(Order)))
            facts = derived.read_facts(tx, orders)
            for order in orders:
                derived.write(order, derived.derive(facts[order.id]))
                changed = [a.key for a in inspect(order).attrs if a.history.has_changes()]
                assert not changed, f"{order.number}: {changed}"


def test_no_sequence_of_events_breaks_the_books(isolated):
    run_state_machine_as_test(Desk)
