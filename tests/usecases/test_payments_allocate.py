"""Claims in depth: many per order, one for many, deposits, too much, credit, moving, and what the database itself keeps."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from oms.approvals import ApprovalPolicy
from oms.audit import AuditLog
from oms.db import Tx
from oms.errors import Refused
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, PaymentStatus
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.queries import credit_claims
from oms.payments.refund_models import Refund
from oms.payments.states import PaymentMethod, RefundStatus
from oms.reports.auditor import audit_all
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.payments import DecideClaim, SubmitClaim, record_payment, reverse_claim, submit_claim, verify_claim
from oms.usecases.payments_allocate import MakeCredit, MoveMoney, UseCredit, make_credit, move_money, use_credit
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from oms.usecases.shipping_boxes import make_ready
from tests.shop import SmallShop, small_shop
from tests.usecases.money import answered_for, baht, claimed, order_of, paid, placed
from tests.usecases.refusals import refused

P = PaymentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


@pytest.fixture
def buyer(tx, shop):
    """Three orders of one customer, 100 baht each."""
    orders = [placed(tx, shop) for _ in range(3)]
    assert len({o.customer_id for o in orders}) == 1
    return orders


def state(tx, order) -> PaymentStatus:
    return order_of(tx, order.id).payment_status


def credit(tx, order) -> list[str]:
    return [str(left) for _, left in credit_claims(tx.session, order_of(tx, order.id).customer_id)]


def shares(tx, claim_id) -> dict[int, str]:
    rows = tx.session.execute(
        select(Allocation.order_id, func.sum(Allocation.amount)).where(Allocation.claim_id == claim_id)
        .group_by(Allocation.order_id)
    )  # fmt: skip
    return {i: str(total) for i, total in rows if total}


def refund(tx, order, amount, status=RefundStatus.REQUESTED):
    tx.session.add(
        Refund(number=f"RF{order.id}", order_id=order.id, status=status, amount=baht(amount), reason="x",
               method=PaymentMethod.TRANSFER, requested_label="test")
    )  # fmt: skip
    tx.session.flush()


def test_a_deposit_and_the_rest_pay_an_order_by_different_methods(tx, shop, buyer):
    order = buyer[0]
    paid(tx, (order.id, 30))
    assert state(tx, order) is P.PARTIAL
    record_payment(tx, SubmitClaim(PaymentMethod.CASH, baht(50), ((order.id, baht(50)),)))
    claimed(tx, (order.id, 20))
    assert (state(tx, order), order_of(tx, order.id).board) == (P.PARTIAL, Board.SHORT_PAYMENT)
    record_payment(tx, SubmitClaim(PaymentMethod.EWALLET, baht(20), ((order.id, baht(20)),)))
    assert (state(tx, order), order_of(tx, order.id).board) == (P.PAID, Board.READY)


def test_one_transfer_pays_several_orders_and_the_rest_is_credit(tx, shop, buyer):
    first, second, third = buyer
    claim = paid(tx, (first.id, 100), (second.id, 60), amount=230)
    assert [state(tx, o) for o in buyer] == [P.PAID, P.PARTIAL, P.UNPAID]
    assert credit(tx, first) == ["70.00"]
    assert use_credit(tx, UseCredit(second.id)).amount == baht(40)
    assert use_credit(tx, UseCredit(third.id)).amount == baht(30)
    assert (state(tx, second), state(tx, third), credit(tx, first)) == (P.PAID, P.PARTIAL, [])
    assert shares(tx, claim) == {first.id: "100.00", second.id: "100.00", third.id: "30.00"}
    with refused(tx, "credit_range"):
        use_credit(tx, UseCredit(third.id))


def test_too_much_becomes_credit_and_pays_the_next_order_oldest_first(tx, shop, buyer):
    first, second, third = buyer
    old, new = paid(tx, (first.id, 150)), paid(tx, (second.id, 120))
    assert state(tx, first) is P.OVERPAID
    done = make_credit(tx, MakeCredit(first.id, "sent twice"))
    assert (done.amount, done.claim_ids, state(tx, first)) == (baht(50), (old,), P.PAID)
    make_credit(tx, MakeCredit(second.id))
    assert credit(tx, first) == ["50.00", "20.00"]
    used = use_credit(tx, UseCredit(third.id, baht(60)))
    assert used.claim_ids == (old, new)
    assert (state(tx, third), credit(tx, first)) == (P.PARTIAL, ["10.00"])
    with refused(tx, "nothing_over"):
        make_credit(tx, MakeCredit(first.id))


def test_too_much_by_several_payments_is_taken_off_the_latest(tx, shop, buyer):
    order = buyer[0]
    first, second, third = (paid(tx, (order.id, x)) for x in (80, 60, 30))
    done = make_credit(tx, MakeCredit(order.id))
    assert (done.amount, done.claim_ids) == (baht(70), (third, second))
    assert (shares(tx, first), shares(tx, second), shares(tx, third)) == ({order.id: "80.00"}, {order.id: "20.00"}, {})


def test_the_money_of_a_canceled_order_pays_the_next_one(tx, shop, buyer):
    first, second, _ = buyer
    paid(tx, (first.id, 100))
    cancel_order(tx, CancelOrder(first.id, CancelReason.CUSTOMER))
    make_credit(tx, MakeCredit(first.id))
    use_credit(tx, UseCredit(second.id))
    assert (state(tx, second), state(tx, first)) == (P.PAID, P.UNPAID)
    with refused(tx, "order_closed"):
        use_credit(tx, UseCredit(first.id))


def test_money_promised_back_is_neither_credit_nor_moved(tx, shop, buyer):
    first, second, _ = buyer
    claim = paid(tx, (first.id, 150))
    refund(tx, first, 50)
    with refused(tx, "nothing_over", None, Allocation):
        make_credit(tx, MakeCredit(first.id))
    with refused(tx, "refund_in_the_way", None, Allocation):
        move_money(tx, MoveMoney(claim, ((first.id, baht(40)), (second.id, baht(110))), "wrong order"))
    with refused(tx, "refund_in_the_way", None, Allocation):
        reverse_claim(tx, DecideClaim(claim, note="taken back"))
    move_money(tx, MoveMoney(claim, ((first.id, baht(50)), (second.id, baht(100))), "wrong order"))
    assert [state(tx, o) for o in (first, second)] == [P.PARTIAL, P.PAID]


def test_money_is_moved_between_orders_with_a_reason_and_leaves_its_trace(tx, shop, buyer, actor):
    first, second, _ = buyer
    claim = paid(tx, (first.id, 100))
    with refused(tx, "reason_missing", "note", Allocation):
        move_money(tx, MoveMoney(claim, ((second.id, baht(100)),), " "))
    with refused(tx, "forbidden", None, Allocation):
        move_money(Tx(tx.session, actor("sales")), MoveMoney(claim, ((second.id, baht(100)),), "x"))
    with refused(tx, "allocation_too_much", None, Allocation):
        move_money(tx, MoveMoney(claim, ((first.id, baht(100)), (second.id, baht("0.01"))), "x"))
    with refused(tx, "nothing_moved", None, Allocation):
        move_money(tx, MoveMoney(claim, ((first.id, baht(100)),), "x"))
    with refused(tx, "allocation_twice", None, Allocation):
        move_money(tx, MoveMoney(claim, ((first.id, baht(1)), (first.id, baht(2))), "x"))
    with refused(tx, "claim_not_found", None, Allocation):
        move_money(tx, MoveMoney(claim, ((987654, baht(1)),), "x"))
    move_money(tx, MoveMoney(claim, ((second.id, baht(100)),), "wrong order"))
    assert [state(tx, o) for o in (first, second)] == [P.UNPAID, P.PAID]
    rows = tx.session.scalars(select(Allocation).where(Allocation.claim_id == claim).order_by(Allocation.id)).all()
    assert [(r.order_id, str(r.amount), r.reverses_id) for r in rows] == [
        (first.id, "100.00", None), (first.id, "-100.00", rows[0].id), (second.id, "100.00", None),
    ]  # fmt: skip
    told = tx.session.scalars(select(AuditLog.subject_id).where(AuditLog.action == "payment.moved"))
    assert set(told) == {first.id, second.id}
    move_money(tx, MoveMoney(claim, ((first.id, baht(100)),), "no, it was right"))
    assert shares(tx, claim) == {first.id: "100.00"}


def test_only_verified_money_moves(tx, shop, buyer):
    claim = claimed(tx, (buyer[0].id, 100))
    with refused(tx, "not_verified", None, Allocation):
        move_money(tx, MoveMoney(claim, ((buyer[1].id, baht(100)),), "x"))
    with refused(tx, "no_customer", None, Allocation):
        order_of(tx, buyer[1].id).customer_id = None
        use_credit(tx, UseCredit(buyer[1].id))


def test_moving_money_away_pulls_goods_back_and_credit_completes_what_arrived(tx, shop, buyer):
    first, second, _ = buyer
    claim = paid(tx, (first.id, 200))
    mark_shipped(tx, MarkShipped(first.id))
    mark_delivered(tx, first.id)
    assert order_of(tx, first.id).board is Board.DELIVERED
    move_money(tx, MoveMoney(claim, ((first.id, baht(100)), (second.id, baht(100))), "for both"))
    assert order_of(tx, first.id).board is Board.COMPLETED


def test_verification_may_say_what_came_in_and_how_it_is_shared(tx, shop, buyer):
    first, second, _ = buyer
    claim = claimed(tx, (first.id, 100), (second.id, 100))
    with refused(tx, "allocation_needed", "amount"):
        verify_claim(tx, DecideClaim(claim, amount=baht(150)))
    verify_claim(tx, DecideClaim(claim, amount=baht(150), allocations=((first.id, baht(100)), (second.id, baht(50)))))
    assert [state(tx, o) for o in (first, second)] == [P.PAID, P.PARTIAL]
    kept = tx.session.get_one(PaymentClaim, claim)
    assert (kept.amount, kept.said_amount) == (baht(150), baht(200))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payment_claims SET amount = 1 WHERE id = :id",
        "UPDATE payment_claims SET method = 'cash' WHERE id = :id",
        "UPDATE payment_claims SET reference = 'other' WHERE id = :id",
        "UPDATE payment_claims SET status = 'submitted' WHERE id = :id",
        "DELETE FROM payment_claims WHERE id = :id",
        "UPDATE allocations SET amount = 1 WHERE claim_id = :id",
        "DELETE FROM allocations WHERE claim_id = :id",
        "TRUNCATE allocations",
        "TRUNCATE payment_claims CASCADE",
    ],
)
def test_the_database_itself_keeps_what_was_decided(tx, buyer, change):
    claim = paid(tx, (buyer[0].id, 100), reference="A1", sending_bank="004")
    tx.session.flush()
    assert tx.session.scalar(text("SELECT current_user")) == "ruam_app"
    with pytest.raises(DBAPIError, match=r"never changed|permission denied|decided payment"), tx.session.begin_nested():
        tx.session.execute(text(change), {"id": claim} if ":id" in change else {})


def test_two_persons_are_needed_once_the_rule_is_on(tx, shop, buyer, actor):
    tx.session.add(ApprovalPolicy(kind="payment.verify", is_on=True))
    cashier, other = actor("manager", user_id=71), actor("manager", user_id=72)
    mine, theirs = buyer[0], buyer[1]
    order_of(tx, mine.id).entered_by = 71
    first, second = Tx(tx.session, cashier), Tx(tx.session, other)
    for claim in (claimed(first, (theirs.id, 10)), claimed(second, (mine.id, 10))):
        with refused(tx, "own_work"):
            verify_claim(first, DecideClaim(claim))
    with pytest.raises(Refused, match="You entered this yourself"), tx.session.begin_nested():
        record_payment(first, SubmitClaim(PaymentMethod.CASH, baht(10), ((mine.id, baht(10)),)))
    moved = claimed(second, (theirs.id, 100))
    verify_claim(first, DecideClaim(moved))
    with refused(tx, "own_work", None, Allocation):
        move_money(first, MoveMoney(moved, ((mine.id, baht(100)),), "x"))
    spare = submit_claim(second, SubmitClaim(PaymentMethod.CASH, baht(50), (), customer_id=mine.customer_id)).claim_id
    verify_claim(first, DecideClaim(spare))
    with refused(tx, "own_work", None, Allocation):
        use_credit(first, UseCredit(mine.id))
    use_credit(second, UseCredit(mine.id))
    assert tx.session.get_one(Order, mine.id).verified_amount == baht(50)


def test_the_auditor_finds_nothing_wrong_with_moved_and_leftover_money(tx, shop, buyer):
    first, second, third = buyer
    claim = paid(tx, (first.id, 100), (second.id, 60), amount=230)
    use_credit(tx, UseCredit(third.id, baht(20)))
    move_money(tx, MoveMoney(claim, ((first.id, baht(110)), (second.id, baht(100))), "for both"))
    make_credit(tx, MakeCredit(first.id))
    answered_for(tx, third.id)
    mark_shipped(tx, MarkShipped(third.id))
    made = make_ready(tx, [second.id])[second.id]
    reverse_claim(tx, DecideClaim(claim, note="taken back"))
    assert tx.session.get_one(Shipment, made.shipment_id).status is ShipmentStatus.PLANNED
    tx.session.flush()
    assert [str(found) for found in audit_all(tx.session)] == []
