"""Whatever is done to the money of orders, in any order: nothing is paid twice, given back twice or let out unpaid.

The auditor (plain SQL, no code shared with the verbs) judges invariants 3, 4 and 7 among the others. A witness beside
it keeps books of its own, in Python, from nothing but the answers of the verbs: how much every order was given and gave
back, and whether it was covered when its goods left.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from oms import clock
from oms.db import db, transaction
from oms.errors import OmsError
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import HoldStatus, PaymentTerm
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.refund_models import Refund
from oms.payments.states import ClaimStatus, PaymentMethod, RefundStatus
from oms.permissions import ROLES
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases.gate import OverrideGate, RevokeOverride, override_gate, revoke_override
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid
from oms.usecases.orders_place import NewLine, place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, record_payment, submit_claim, verify_claim
from oms.usecases.refunds import (
    DecideRefund,
    PayRefund,
    RefundTo,
    RequestRefund,
    RetryRefund,
    approve_refund,
    deny_refund,
    fail_refund,
    pay_refund,
    request_refund,
    retry_refund,
)
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import make_ready
from tests.property import test_orders_and_stock as desk
from tests.shop import small_shop

PICK = desk.PICK
FEW = 3
TERMS = st.sampled_from([PaymentTerm.PREPAID, PaymentTerm.PREPAID, PaymentTerm.COD, PaymentTerm.CREDIT])
BAHT = st.sampled_from([1, 40, 100, 140, 240, 500, 1000])
OWNER = next(role for role in ROLES if role.name == "owner")
BEFORE = {ShipmentStatus.READY, ShipmentStatus.PICKING, ShipmentStatus.PACKED, ShipmentStatus.LABELED}


class Counter(desk.Desk):
    """A few orders, so that everything meets: the desk with everything a cashier does to the money of the same orders."""

    def __init__(self) -> None:
        super().__init__()
        self.refunds: list[int] = []
        self.actor = replace(desk.SYSTEM, kind="user", user_id=7, actions=OWNER.actions, role="owner")
        self.references: dict[str, int] = defaultdict(int)

    def as_owner(self, verb, *arguments):
        """Like ``do``, by a person: overrides need a name behind them."""

        def told(tx, *words):
            return verb(tx, *words)

        told.__name__ = verb.__name__
        system, desk.SYSTEM = desk.SYSTEM, self.actor
        try:
            return self.do(told, *arguments)
        finally:
            desk.SYSTEM = system

    has_orders = precondition(lambda self: self.orders)
    has_claims = precondition(lambda self: self.claims)
    has_refunds = precondition(lambda self: self.refunds)
    # the stock of a shop that has enough is not this test's business
    receive = adjust = damage = place = time_passes = a_stale_form_is_a_conflict = None

    @initialize()
    def open_shop(self):
        with clock.at(self.moment), transaction(desk.SYSTEM) as tx:
            self.shop = small_shop(tx, pieces=500)
            self.skus = (*self.shop.skus, self.shop.bundle)

    @precondition(lambda self: len(self.orders) < FEW)
    @rule(term=TERMS, pieces=st.integers(1, 3))
    def a_new_order(self, term, pieces):
        lines = (NewLine(self.skus[0], pieces),)
        cmd = self.shop.order(lines=lines, payment_term=term, confirm=True, idempotency_key=self.key())
        self.orders.append(self.do(place_order, cmd).order_id)

    @has_orders
    @rule(hours=st.sampled_from([1, 2, 50]), really=st.sampled_from([False, False, False, True]))
    def the_clock_goes_on(self, hours, really):
        self.do(expire_unpaid, ExpireUnpaid(), hours=hours if really else 0)

    @has_orders
    @rule(pick=PICK, percent=st.sampled_from([100, 100, 50, 150]))
    def pay_at_once(self, pick, percent):
        amount = Money.satang(db.session.get_one(Order, self.order(pick)).total.in_satang * percent // 100)
        made = self.do(record_payment, SubmitClaim(PaymentMethod.PROMPTPAY, amount, ((self.order(pick), amount),)))
        if made:
            self.claims.append(made.claim_id)

    @has_orders
    @rule(
        picks=st.lists(PICK, min_size=1, max_size=3), baht=BAHT, verify=st.booleans(), spare=st.sampled_from([0, 0, 60])
    )
    def one_transfer_for_several_orders(self, picks, baht, verify, spare):
        orders = sorted({self.order(p) for p in picks})
        shares = tuple((order_id, Money(Decimal(baht))) for order_id in orders)
        total = Money(Decimal(baht * len(orders) + spare))
        cmd = SubmitClaim(PaymentMethod.TRANSFER, total, shares, sending_bank="014", reference=self.key())
        made = self.do(record_payment if verify else submit_claim, cmd)
        if made:
            self.claims.append(made.claim_id)

    @has_orders
    @rule(pick=PICK, of=st.integers(1, 12), bank=st.sampled_from(["014", "004", ""]), upper=st.booleans())
    def a_reference_comes_again(self, pick, of, bank, upper):
        """Typed in another way, with another bank or none: it pays once, whatever became of it before."""
        reference = f"ref {of}".upper() if upper else f"ref {of}"
        amount = Money(Decimal(100))
        cmd = SubmitClaim(PaymentMethod.TRANSFER, amount, ((self.order(pick), amount),), sending_bank=bank,
                          reference=reference)  # fmt: skip
        made = self.do(submit_claim, cmd)
        if made:
            self.claims.append(made.claim_id)
            self.references[f"{reference.upper()} of {bank}"] += 1

    @has_claims
    @rule(pick=PICK, baht=BAHT, to=st.lists(PICK, max_size=2))
    def verify_what_really_came(self, pick, baht, to):
        if not self.orders:
            return
        shares = {self.order(p): Money(Decimal(baht)) for p in to}
        amount = Money(Decimal(baht * max(len(shares), 1)))
        self.do(
            verify_claim,
            DecideClaim(self.claims[pick % len(self.claims)], amount=amount, allocations=tuple(shares.items()) or None),
        )

    @has_orders
    @rule(pick=PICK, revoke=st.booleans())
    def override(self, pick, revoke):
        if revoke:
            self.as_owner(revoke_override, RevokeOverride(self.order(pick), "thought again"))
        else:
            self.as_owner(override_gate, OverrideGate(self.order(pick), "an old customer"))

    @has_orders
    @rule(pick=PICK)
    def get_ready(self, pick):
        self.do(lambda tx: raise_refusal(make_ready(tx, [self.order(pick)])))

    @has_orders
    @rule(pick=PICK, baht=BAHT)
    def ask_money_back(self, pick, baht):
        to = RefundTo(PaymentMethod.TRANSFER, "014", "1234567890", "กนกวรรณ")
        made = self.do(request_refund, RequestRefund(self.order(pick), Money(Decimal(baht)), "asked", to))
        if made:
            self.refunds.append(made.refund_id)

    @has_orders
    @rule(pick=PICK, part=st.sampled_from([1, 1, 2]), pay=st.booleans())
    def give_money_back(self, pick, part, pay):
        """From asking to paying without anything in between; the order may be anywhere."""
        order_id = self.order(pick)
        amount = Money.satang(max(self.net(order_id) // part, 1))
        to = RefundTo(PaymentMethod.CASH)
        made = self.do(request_refund, RequestRefund(order_id, amount, "asked", to))
        if made:
            self.refunds.append(made.refund_id)
            self.do(approve_refund, DecideRefund(made.refund_id))
            if pay:
                self.do(pay_refund, PayRefund(made.refund_id, reference=self.key()))

    @has_refunds
    @rule(pick=PICK, step=st.sampled_from(["approve", "approve", "deny", "pay", "pay", "fail", "retry"]))
    def work_on_a_refund(self, pick, step):
        refund_id = self.refunds[pick % len(self.refunds)]
        decide = DecideRefund(refund_id, note="looked at it")
        verb, words = {
            "approve": (approve_refund, decide), "deny": (deny_refund, decide), "fail": (fail_refund, decide),
            "pay": (pay_refund, PayRefund(refund_id, reference=self.key())),
            "retry": (retry_refund, RetryRefund(refund_id, note="again")),
        }[step]  # fmt: skip
        self.do(verb, words)

    @has_orders
    @rule(pick=PICK, by_channel=st.booleans())
    def ship(self, pick, by_channel):
        """The witness decides for itself whether these goods are covered, before the verb is asked."""
        order_id = self.order(pick)
        may = self.covered(order_id)
        left = self.do(mark_shipped, MarkShipped(order_id, "Flash", self.key(), by_channel=by_channel))
        assert may or left is None, f"order {order_id} left although nothing covered it"

    def covered(self, order_id: int) -> bool:
        """In Python, from the rows: confirmed, no hold, and money, a promise or an override for all of what is due."""
        session = db.session
        order = session.get_one(Order, order_id, populate_existing=True)
        if order.status.value != "confirmed" or any(h.status is HoldStatus.ACTIVE for h in order.holds):
            return False
        if order.payment_term is not PaymentTerm.PREPAID and order.term_approved_at is not None:
            return True
        off = sum(line.total.in_satang * line.canceled // line.quantity for line in order.lines)
        missing = order.total.in_satang - off - self.net(order_id)
        covers = session.connection().exec_driver_sql(
            "SELECT coalesce(max(covers), 0) FROM gate_overrides WHERE order_id = %s AND revoked_at IS NULL",
            (order_id,),
        )
        return missing <= covers.scalar_one()

    def net(self, order_id: int) -> int:
        rows = db.session.execute(
            select(Allocation.amount, PaymentClaim.status).join(PaymentClaim).where(Allocation.order_id == order_id)
        )
        back = db.session.scalars(
            select(Refund.amount).where(Refund.order_id == order_id, Refund.status == RefundStatus.PAID)
        )
        given = sum(amount.in_satang for amount, status in rows if status is ClaimStatus.VERIFIED)
        return given - sum(amount.in_satang for amount in back)

    @invariant()
    def nobody_gets_back_more_than_they_gave(self):
        for order_id in self.orders:
            assert self.net(order_id) >= 0

    @invariant()
    def goods_are_never_left_half_packed_behind_a_closed_gate(self):
        """Whatever closed the gate pulled the goods back in the same transaction."""
        under_way = db.session.execute(
            select(ShipmentLine.order_id).join(Shipment).where(Shipment.status.in_(BEFORE)).distinct()
        )
        for (order_id,) in under_way:
            assert self.covered(order_id), f"order {order_id} is being packed although nothing covers it"

    @invariant()
    def a_reference_pays_once(self):
        assert all(count == 1 for count in self.references.values())
        by_reference: dict[str, set[str]] = defaultdict(set)
        for key in self.references:
            reference, _, bank = key.partition(" of ")
            by_reference[reference].add(bank)
        assert all(len(banks) == 1 for banks in by_reference.values() if "" in banks)

    def teardown(self):
        for order_id in self.orders:
            order = db.session.get_one(Order, order_id, populate_existing=True)
            assert order.verified_amount >= ZERO
        super().teardown()


def raise_refusal(made):
    """What became of one order: its answer, or its refusal raised."""
    (outcome,) = made.values()
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


def test_no_sequence_of_money_events_breaks_the_books(isolated):
    run_state_machine_as_test(Counter)


def test_the_witness_can_see_an_uncovered_order(isolated):
    """The test could fail: an unpaid order is not covered, a paid one is."""
    machine = Counter()
    machine.open_shop()
    machine.a_new_order(term=PaymentTerm.PREPAID, pieces=1)
    (order_id,) = machine.orders
    assert not machine.covered(order_id)
    with clock.at(machine.moment), transaction(desk.SYSTEM) as tx:
        total = tx.session.get_one(Order, order_id).total
        record_payment(tx, SubmitClaim(PaymentMethod.CASH, total, ((order_id, total),)))
    assert machine.covered(order_id)
    machine.teardown()
