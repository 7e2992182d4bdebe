"""Any sequence of goods leaving and coming back: a witness that keeps its own books of pieces and money agrees to the
last piece and satang, the auditor finds nothing broken, deriving again changes nothing, and a carrier's word alone
moves neither stock nor money (invariants 1, 2, 4, 6, 9)."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

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
from oms.errors import OmsError
from oms.inventory.models import StockLevel, StockMovement
from oms.money import ZERO, Money
from oms.orders.models import Order, OrderLine
from oms.orders.states import OrderStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.models import Allocation
from oms.payments.queries import customer_credit, verified_of
from oms.payments.refund_models import Refund
from oms.payments.states import PaymentMethod, RefundStatus
from oms.reports.auditor import audit_all
from oms.returns.models import Return, ReturnLine
from oms.returns.states import Resolution, ReturnReason, ReturnStatus
from oms.shipping.models import Shipment
from oms.shipping.queries import lock_shipments
from oms.usecases import derived, shipping_arrival
from oms.usecases.orders_place import NewLine, place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.refunds import DecideRefund, PayRefund, RefundTo, approve_refund, deny_refund, pay_refund
from oms.usecases.returns import (
    AskedLine,
    DecideReturn,
    RequestReturn,
    SendReturn,
    approve_return,
    call_off_return,
    cancel_return,
    keep_goods,
    reject_return,
    request_return,
    send_return,
)
from oms.usecases.returns_count import Counted, InspectReturn, NeverArrived, inspect_return, never_arrived
from oms.usecases.returns_receive import ArriveParcel, receive_parcel
from oms.usecases.returns_resolve import NewGoods, ResolveReturn, resolve_return
from oms.usecases.returns_rto import OpenLost, delivered_after_all, expect_returns, open_lost
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from tests.shop import small_shop

PICK = st.integers(0, 10_000)
SYSTEM = system("property test")
CASH = RefundTo(PaymentMethod.CASH)
PIECES = 400


class Witness:
    """Books of its own: what is on the shelves and what every buyer has, from what was said to happen alone."""

    def __init__(self) -> None:
        self.shelf: dict[tuple[int, int], int] = defaultdict(int)  # (sku, warehouse) -> good pieces
        self.broken: dict[tuple[int, int], int] = defaultdict(int)
        self.out: dict[int, int] = defaultdict(int)  # order line -> pieces that left and were not counted back
        self.paid_in = ZERO
        self.paid_out = ZERO


class Returns(RuleBasedStateMachine):
    """A shop whose parcels arrive, come back, are lost, and whose buyers send things back."""

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.savepoint = db.engines[None].begin_nested()
        self.moment = clock.now() - timedelta(days=60)
        self.witness = Witness()
        self.orders: list[int] = []

    @initialize()
    def open_shop(self):
        with clock.at(self.moment), transaction(SYSTEM) as tx:
            self.shop = small_shop(tx, pieces=PIECES)
        for sku in self.shop.skus:
            self.witness.shelf[sku, self.shop.bkk] = PIECES
        self.parts = {sku: {sku: 1} for sku in self.shop.skus}
        self.parts[self.shop.bundle] = {self.shop.skus[0]: 1, self.shop.skus[1]: 2}

    def do(self, verb, *arguments):
        """Run one verb in a transaction; a refusal must leave no trace."""
        self.moment += timedelta(hours=3)
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
        models = (AuditLog, CodEntry, Return, ReturnLine, Refund, Allocation, StockMovement, Order)
        return tuple(db.session().scalar(select(func.count()).select_from(m)) for m in models)

    def some(self, model, pick: int, *conditions) -> int:
        ids = db.session.scalars(select(model.id).where(*conditions).order_by(model.id)).all()
        return ids[pick % len(ids)] if ids else 0

    # --- goods and money go out and come in ------------------------------------------------------

    @rule(
        sku=st.integers(0, 4), pieces=st.integers(1, 4), more=st.booleans(), fee=st.sampled_from([0, 4_000]),
        cod=st.booleans(), off=st.sampled_from([0, 0, 1_333]),
    )  # fmt: skip
    def send(self, sku, pieces, more, fee, cod, off):
        skus = [*self.shop.skus, self.shop.bundle]
        lines = [NewLine(skus[sku], pieces)] + ([NewLine(skus[(sku + 1) % 4], 1)] if more and sku < 4 else [])
        term = PaymentTerm.COD if cod else PaymentTerm.PREPAID
        placed = self.do(place_order, self.shop.order(
            lines=tuple(lines), confirm=True, payment_term=term, shipping_fee=Money.satang(fee), discount=Money.satang(off),
        ))  # fmt: skip
        if placed is None:
            return
        if not cod:
            total = db.session.get_one(Order, placed.order_id).total
            self.do(record_payment, SubmitClaim(PaymentMethod.TRANSFER, total, ((placed.order_id, total),)))
            self.witness.paid_in += total
        self.leave(placed.order_id)

    def leave(self, order_id: int) -> None:
        if self.do(mark_shipped, MarkShipped(order_id, "Flash Express", f"TH{order_id}")) is None:
            return
        self.orders.append(order_id)
        for line in db.session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)):
            self.witness.out[line.id] = line.quantity
            for part, n in self.parts[line.sku_id].items():
                self.witness.shelf[part, self.shop.bkk] -= n * line.quantity

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def arrive(self, pick):
        self.do(mark_delivered, self.orders[pick % len(self.orders)])

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, word=st.sampled_from(["come_back", "come_back", "arrive_back", "lose", "deliver_shipments"]))
    def carrier_says(self, pick, word):
        """As tracking does it: the shipment moves, and what comes back is expected. Told twice, nothing more."""
        shipment = self.some(Shipment, pick)
        before = self.stock_and_money()
        self.do(lambda tx, i: self.told(tx, i, word), shipment)
        self.do(lambda tx, i: self.told(tx, i, ""), shipment)
        if word != "deliver_shipments":
            assert self.stock_and_money() == before

    @staticmethod
    def told(tx, shipment_id: int, word: str) -> None:
        if word:
            getattr(shipping_arrival, word)(tx, [shipment_id])
        shipments = lock_shipments(tx, [shipment_id])
        coming = [s for s in shipments if s.status.value in {"returning", "returned"}]
        expect_returns(tx, coming)
        delivered_after_all(tx, [s for s in shipments if s.status.value == "delivered"])

    def stock_and_money(self):
        session = db.session()
        return (
            session.scalar(select(func.count()).select_from(StockMovement)),
            session.scalar(select(func.count()).select_from(Allocation)),
            session.scalar(select(func.count()).select_from(Refund)),
            session.execute(select(CodEntry.id, CodEntry.status, CodEntry.expected).order_by(CodEntry.id)).all(),
        )

    # --- returns -----------------------------------------------------------------------------------

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, pieces=st.integers(0, 5), reason=st.sampled_from(list(ReturnReason)[:6]), stay=st.booleans())
    def ask(self, pick, pieces, reason, stay):
        order_id = self.orders[pick % len(self.orders)]
        line = db.session.scalars(
            select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.id)
        ).first()
        asked = (AskedLine(line.id, pieces),)
        self.do(request_return, RequestReturn(order_id, asked, reason, goods_stay=stay and not pick % 3))

    @rule(
        pick=PICK,
        verb=st.sampled_from(
            [approve_return, approve_return, reject_return, cancel_return, call_off_return, keep_goods]
        ),
    )
    def decide(self, pick, verb):
        self.do(verb, DecideReturn(self.some(Return, pick), "why"))

    @rule(pick=PICK)
    def send_back(self, pick):
        self.do(send_return, SendReturn(self.some(Return, pick), "EMS", f"EB{pick % 7}"))

    @rule(pick=PICK)
    def never(self, pick):
        self.do(never_arrived, NeverArrived(self.some(Return, pick), "why"))

    @rule(pick=PICK)
    def lost(self, pick):
        self.do(open_lost, OpenLost(self.some(Shipment, pick)))

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, how=st.sampled_from(["parcel", "order", "return", "nonsense"]), elsewhere=st.booleans())
    def scan(self, pick, how, elsewhere):
        order_id = self.orders[pick % len(self.orders)]
        code = {"parcel": f"TH{order_id}", "nonsense": f"X{pick % 3}"}.get(how, "")
        if how == "order":
            code = db.session.get_one(Order, order_id).number
        if how == "return":
            code = db.session.scalar(select(Return.number).where(Return.id == self.some(Return, pick))) or "RT"
        place = self.shop.cnx if elsewhere else self.shop.bkk
        stock = db.session.scalar(select(func.count()).select_from(StockMovement))
        self.do(receive_parcel, ArriveParcel(code, place))
        assert db.session.scalar(select(func.count()).select_from(StockMovement)) == stock

    @rule(pick=PICK, counts=st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=2, max_size=2))
    def count(self, pick, counts):
        found = self.some(Return, pick, Return.status == ReturnStatus.RECEIVED)
        lines = db.session.scalars(
            select(ReturnLine).where(ReturnLine.return_id == found).order_by(ReturnLine.id)
        ).all()
        ids = list(dict.fromkeys(line.order_line_id for line in lines))
        said = tuple(Counted(i, *c) for i, c in zip(ids, counts, strict=False))
        if self.do(inspect_return, InspectReturn(found, said)) is None:
            return
        place = db.session.get_one(Return, found).warehouse_id
        for one in said:
            line = db.session.get_one(OrderLine, one.order_line_id)
            self.witness.out[line.id] -= one.resell + one.repair + one.damaged
            for part, n in self.parts[line.sku_id].items():
                self.witness.shelf[part, place] += n * one.resell
                self.witness.broken[part, place] += n * (one.repair + one.damaged)

    @rule(
        pick=PICK, kind=st.sampled_from(Resolution), share=st.sampled_from([None, None, 50, 100]), sku=st.integers(0, 3)
    )
    def settle(self, pick, kind, share, sku):
        found = self.some(Return, pick, Return.status.in_([ReturnStatus.INSPECTED, ReturnStatus.APPROVED]))
        if not found:
            return
        goods = NewGoods((NewLine(self.shop.skus[sku], 1),), PaymentTerm.COD if pick % 2 else PaymentTerm.PREPAID)
        cash = self.witness.paid_in - self.witness.paid_out
        credit = Money.satang(share * 100) if share else None
        done = self.do(resolve_return, ResolveReturn(found, kind, credit, CASH, goods))
        if done is None:
            return
        assert done.back <= done.credit
        assert done.back <= cash, "more is to go back than ever came in"
        if done.new_order_id and not done.to_pay:
            self.leave(done.new_order_id)

    @rule(pick=PICK, pay=st.booleans())
    def refund(self, pick, pay):
        found = self.some(Refund, pick, Refund.status.in_([RefundStatus.REQUESTED, RefundStatus.APPROVED]))
        if not pay:
            self.do(deny_refund, DecideRefund(found, "why"))
            return
        self.do(approve_refund, DecideRefund(found))
        done = self.do(pay_refund, PayRefund(found))
        if done is not None:
            self.witness.paid_out += db.session.get_one(Refund, found).amount

    # --- what must hold ------------------------------------------------------------------------------

    @invariant()
    def the_shelves_are_as_the_witness_saw(self):
        if not hasattr(self, "shop"):
            return
        levels = {(x.sku_id, x.warehouse_id): x for x in db.session.scalars(select(StockLevel))}
        for key in {*levels, *self.witness.shelf, *self.witness.broken}:
            on_hand = levels[key].on_hand if key in levels else 0
            damaged = levels[key].damaged if key in levels else 0
            assert (on_hand, damaged) == (self.witness.shelf[key], self.witness.broken[key]), key

    @invariant()
    def no_piece_comes_back_twice(self):
        for line in db.session.scalars(select(OrderLine)):
            assert line.shipped - line.returned == self.witness.out[line.id], line.id
            assert 0 <= line.coming_back <= line.shipped - line.returned

    @invariant()
    def the_money_is_somewhere(self):
        """All that came in is with orders, with customers as credit, or was paid back."""
        orders = list(db.session.scalars(select(Order)))
        held = sum(verified_of(db.session(), [o.id for o in orders]).values(), start=ZERO)
        people = {o.customer_id for o in orders if o.customer_id}
        credit = sum((customer_credit(db.session(), c) for c in people), start=ZERO)
        assert held + credit == self.witness.paid_in
        for order in orders:
            if order.status is OrderStatus.COMPLETED and order.payment_term is PaymentTerm.COD:
                open_cash = select(func.count()).where(CodEntry.order_id == order.id, CodEntry.status == "collected")
                assert db.session.scalar(open_cash) == 0

    def teardown(self):
        try:
            assert [str(f) for f in audit_all(db.session())] == []
            with transaction(SYSTEM) as tx:
                orders = list(tx.session.scalars(select(Order)))
                facts = derived.read_facts(tx, orders)
                for order in orders:
                    derived.write(order, derived.derive(facts[order.id]))
                    changed = [a.key for a in inspect(order).attrs if a.history.has_changes()]
                    assert not changed, f"{order.number}: {changed}"
        finally:
            db.session.remove()
            self.savepoint.rollback()


@pytest.mark.deep
def test_no_sequence_of_returns_loses_a_piece_or_a_satang(isolated):
    run_state_machine_as_test(Returns)
