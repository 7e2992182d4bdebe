"""Refunds: never more than is there, agreed to by another person, paid with proof, tried again when they failed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from oms import clock
from oms.approvals import ApprovalPolicy
from oms.audit import AuditLog
from oms.errors import Conflict, Forbidden, NotFound, Refused
from oms.inventory.models import StockMovement
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import CancelReason, OrderStatus, PaymentStatus
from oms.payments.models import ReceivingAccount
from oms.payments.queries import refundable_of
from oms.payments.refund_models import Refund
from oms.payments.rules import allowance
from oms.payments.states import REFUND, PaymentMethod, RefundStatus
from oms.reports.auditor import audit_all
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, record_payment, reverse_claim
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
    suggested_refund,
)
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from tests.shop import small_shop
from tests.usecases.refusals import count, refused

TO = RefundTo(PaymentMethod.TRANSFER, "กสิกรไทย", "123-4-56789-0", "กนกวรรณ ป้อมปราการ")
CASH = RefundTo(PaymentMethod.CASH)


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture
def shop(tx):
    return small_shop(tx)


@pytest.fixture
def account(tx):
    row = ReceivingAccount(code="KBANK", bank="กสิกรไทย", account_no="0001234567", account_name="ร้าน", bank_code="004")
    tx.session.add(row)
    tx.session.flush()
    return row.id


@pytest.fixture
def clerk(tx, actor):
    return replace(tx, actor=actor("sales", user_id=1))


@pytest.fixture
def manager(tx, actor):
    return replace(tx, actor=actor("manager", user_id=2))


@pytest.fixture
def cashier(tx, actor):
    return replace(tx, actor=actor("cashier", user_id=3))


def paid_order(tx, shop, amount=100, key="p"):
    """An order of 100 baht with so much verified."""
    order_id = place_order(tx, shop.order((0, 1), confirm=True)).order_id
    claim = SubmitClaim(
        PaymentMethod.TRANSFER, baht(amount), ((order_id, baht(amount)),), idempotency_key=f"{key}{order_id}"
    )
    return order_id, record_payment(tx, claim).claim_id


def asked(who, order_id, amount=40, to=TO, **facts):
    return request_refund(who, RequestRefund(order_id, baht(amount), "ของชำรุด", to, **facts)).refund_id


def refund(tx, refund_id):
    tx.session.expire_all()
    return tx.session.get_one(Refund, refund_id)


def order(tx, order_id):
    tx.session.expire_all()
    return tx.session.get_one(Order, order_id)


def pay(who, refund_id, account, reference="REF-1", **facts):
    return pay_refund(who, PayRefund(refund_id, account, reference, proof_key="abc123", **facts))


def two_persons(tx):
    tx.session.add(ApprovalPolicy(kind="refund", is_on=True))
    tx.session.flush()


def test_a_refund_goes_from_request_to_paid_and_the_order_says_so(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop, 150)
    assert order(tx, order_id).payment_status is PaymentStatus.OVERPAID
    refund_id = asked(clerk, order_id, 50)
    approve_refund(manager, DecideRefund(refund_id))
    pay(cashier, refund_id, account)
    row = refund(tx, refund_id)
    assert (row.status, row.reference, row.account_id, row.attempts) == (RefundStatus.PAID, "REF-1", account, 1)
    assert row.number.startswith("RF")
    assert row.to_account == "1234567890"
    assert order(tx, order_id).payment_status is PaymentStatus.PARTIALLY_REFUNDED
    told = tx.session.scalars(
        select(AuditLog.action).where(AuditLog.action.like("refund.%")).order_by(AuditLog.id)
    ).all()
    assert told == ["refund.requested", "refund.approved", "refund.paid"]


def test_the_audit_log_never_holds_the_whole_account(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    approve_refund(manager, DecideRefund(refund_id))
    fail_refund(cashier, DecideRefund(refund_id, "บัญชีปิด"))
    retry_refund(manager, RetryRefund(refund_id, replace(TO, account="999-8-77777-6")))
    pay(cashier, refund_id, account)
    for row in tx.session.scalars(select(AuditLog)):
        told = f"{row.before} {row.after} {row.reason}"
        assert "1234567890" not in told
        assert "9998777776" not in told
        assert "123-4-56789-0" not in told
    assert refund(tx, refund_id).to_account == "9998777776"


def test_pending_refunds_count_and_a_declined_one_gives_its_share_back(tx, shop, clerk, manager):
    order_id, _ = paid_order(tx, shop)
    first = asked(clerk, order_id, 60)
    with refused(clerk, "refund_too_much", "amount", Refund):
        asked(clerk, order_id, Decimal("40.01"))
    asked(clerk, order_id, 40)
    with refused(clerk, "nothing_to_refund", "amount", Refund):
        asked(clerk, order_id, Decimal("0.01"))
    deny_refund(manager, DecideRefund(first, "ตกลงเปลี่ยนสินค้าแทน"))
    assert refundable_of(tx.session, [order_id])[order_id] == baht(60)
    asked(clerk, order_id, 60)


def test_money_that_is_not_verified_cannot_go_back(tx, shop, clerk):
    order_id = place_order(tx, shop.order()).order_id
    with refused(clerk, "nothing_to_refund", "amount", Refund):
        asked(clerk, order_id, 10)


def test_a_payment_under_a_refund_cannot_be_reversed(tx, shop, clerk, cashier):
    order_id, claim_id = paid_order(tx, shop)
    asked(clerk, order_id, 40)
    with pytest.raises(Refused, match="being refunded"), tx.session.begin_nested():
        reverse_claim(cashier, DecideClaim(claim_id, "โอนผิด"))


@pytest.mark.parametrize(
    ("to", "code", "field"),
    [
        (replace(TO, account=""), "account_missing", "to_account"),
        (replace(TO, account="12ab567890"), "account_number", "to_account"),
        (replace(TO, account="1234"), "account_number", "to_account"),
        (replace(TO, bank=""), "bank_missing", "to_bank"),
        (replace(TO, name=" "), "name_missing", "to_name"),
        (RefundTo(PaymentMethod.COD), "refund_method", "to_method"),
        (RefundTo(PaymentMethod.CREDIT_NOTE), "refund_method", "to_method"),
    ],
)
def test_a_refund_to_nowhere_is_refused_on_its_field(tx, shop, clerk, to, code, field):
    order_id, _ = paid_order(tx, shop)
    with refused(clerk, code, field, Refund):
        asked(clerk, order_id, to=to)


@pytest.mark.parametrize("amount", [0, -5])
def test_a_refund_of_nothing_is_refused(tx, shop, clerk, amount):
    order_id, _ = paid_order(tx, shop)
    with refused(clerk, "amount_range", "amount", Refund):
        asked(clerk, order_id, amount)


def test_a_refund_without_a_reason_is_refused(tx, shop, clerk):
    order_id, _ = paid_order(tx, shop)
    with refused(clerk, "reason_missing", "reason", Refund):
        request_refund(clerk, RequestRefund(order_id, baht(10), "  ", TO))


def test_the_same_request_twice_asks_once(tx, shop, clerk):
    order_id, _ = paid_order(tx, shop)
    first = asked(clerk, order_id, 70, idempotency_key="k1")
    assert asked(clerk, order_id, 70, idempotency_key="k1") == first
    assert count(tx, Refund) == 1


def test_in_two_person_mode_nobody_approves_what_they_asked_for(tx, shop, manager, actor):
    two_persons(tx)
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(manager, order_id)
    with refused(manager, "own_request"):
        approve_refund(manager, DecideRefund(refund_id))
    assert refund(tx, refund_id).status is RefundStatus.REQUESTED
    approve_refund(replace(tx, actor=actor("owner", user_id=9)), DecideRefund(refund_id))
    assert refund(tx, refund_id).status is RefundStatus.APPROVED


def test_without_the_rule_one_person_may_do_both(tx, shop, manager):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(manager, order_id)
    approve_refund(manager, DecideRefund(refund_id))
    assert refund(tx, refund_id).status is RefundStatus.APPROVED


def test_in_two_person_mode_a_new_account_is_agreed_to_by_another(tx, shop, manager, cashier, actor, account):
    owner = replace(tx, actor=actor("owner", user_id=9))
    two_persons(tx)
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(manager, order_id)
    approve_refund(owner, DecideRefund(refund_id))
    fail_refund(cashier, DecideRefund(refund_id, "เลขบัญชีผิด"))
    elsewhere = replace(TO, account="9998877776")
    with refused(manager, "own_request"):
        retry_refund(manager, RetryRefund(refund_id, elsewhere))
    with pytest.raises(Forbidden):
        retry_refund(cashier, RetryRefund(refund_id, elsewhere))
    retry_refund(owner, RetryRefund(refund_id, elsewhere))
    assert refund(tx, refund_id).to_account == "9998877776"
    with refused(owner, "own_account"):  # the account is theirs alone: another person sends the money
        pay(owner, refund_id, account)
    assert pay(cashier, refund_id, account).status is RefundStatus.PAID


def test_who_pays_may_try_the_same_account_again(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    approve_refund(manager, DecideRefund(refund_id))
    fail_refund(cashier, DecideRefund(refund_id, "ระบบธนาคารปิด"))
    assert refundable_of(tx.session, [order_id])[order_id] == baht(60)  # a failed one still counts
    retry_refund(cashier, RetryRefund(refund_id, TO))
    pay(cashier, refund_id, account)
    row = refund(tx, refund_id)
    assert (row.status, row.attempts, row.failure) == (RefundStatus.PAID, 2, "")


def test_paying_needs_our_account_a_reference_and_proof(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    with refused(cashier, "refund_pay_refused"):
        pay(cashier, refund_id, account)  # not approved yet
    approve_refund(manager, DecideRefund(refund_id))
    for command, code, field in (
        (PayRefund(refund_id, None, "R", proof_key="a1"), "account_unknown", "account_id"),
        (PayRefund(refund_id, 999, "R", proof_key="a1"), "account_unknown", "account_id"),
        (PayRefund(refund_id, account, " ", proof_key="a1"), "reference_missing", "reference"),
        (PayRefund(refund_id, account, "R"), "proof_missing", "proof"),
        (PayRefund(refund_id, account, "R", clock.now() + timedelta(hours=1), "a1"), "future", "paid_at"),
    ):
        with refused(cashier, code, field):
            pay_refund(cashier, command)
    assert refund(tx, refund_id).status is RefundStatus.APPROVED


def test_one_transfer_pays_one_refund_and_can_never_pay_an_order(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop)
    first, second = asked(clerk, order_id, 30), asked(clerk, order_id, 30)
    for one in (first, second):
        approve_refund(manager, DecideRefund(one))
    pay(cashier, first, account, "TR77")
    with refused(cashier, "reference_used", "reference"):
        pay(cashier, second, account, "tr77")
    other = place_order(tx, shop.order()).order_id
    ours = SubmitClaim(PaymentMethod.TRANSFER, baht(30), ((other, baht(30)),), sending_bank="004", reference="TR77")
    with refused(tx, "reference_used", "reference"):
        record_payment(tx, ours)


def test_cash_goes_back_without_an_account(tx, shop, clerk, manager, cashier):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id, to=CASH)
    approve_refund(manager, DecideRefund(refund_id))
    pay_refund(cashier, PayRefund(refund_id))
    assert refund(tx, refund_id).status is RefundStatus.PAID


@pytest.mark.parametrize(("role", "verb"), [("cashier", approve_refund), ("sales", approve_refund), ("cashier", deny_refund),
                                            ("sales", fail_refund)])  # fmt: skip
def test_every_step_asks_for_its_permission(tx, shop, clerk, actor, role, verb):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    with pytest.raises(Forbidden):
        verb(replace(tx, actor=actor(role)), DecideRefund(refund_id, "x"))
    assert refund(tx, refund_id).status is RefundStatus.REQUESTED


def test_who_may_not_see_the_order_may_not_touch_its_refund(tx, shop, clerk, actor):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    stranger = replace(tx, actor=actor("manager", shops=frozenset({shop.shopee})))
    with pytest.raises(NotFound):
        approve_refund(stranger, DecideRefund(refund_id))
    with pytest.raises(NotFound):
        asked(stranger, order_id)


def test_a_screen_that_is_out_of_date_decides_nothing(tx, shop, clerk, manager):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    seen = refund(tx, refund_id).version
    approve_refund(manager, DecideRefund(refund_id, version=seen))
    with pytest.raises(Conflict):
        approve_refund(manager, DecideRefund(refund_id, version=seen))


def test_declining_and_failing_need_a_reason(tx, shop, clerk, manager, cashier):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    with refused(manager, "reason_missing", "note"):
        deny_refund(manager, DecideRefund(refund_id, " "))
    approve_refund(manager, DecideRefund(refund_id))
    with refused(cashier, "reason_missing", "note"):
        fail_refund(cashier, DecideRefund(refund_id))


def drive(tx, status, shop, clerk, manager, cashier, account):
    """A refund in this state."""
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id)
    if status is RefundStatus.DENIED:
        deny_refund(manager, DecideRefund(refund_id, "x"))
    if status in {RefundStatus.APPROVED, RefundStatus.PAID, RefundStatus.FAILED}:
        approve_refund(manager, DecideRefund(refund_id))
    if status is RefundStatus.PAID:
        pay(cashier, refund_id, account)
    if status is RefundStatus.FAILED:
        fail_refund(cashier, DecideRefund(refund_id, "x"))
    return refund_id


VERBS = {
    "approve": lambda who, i, a: approve_refund(who, DecideRefund(i)),
    "deny": lambda who, i, a: deny_refund(who, DecideRefund(i, "x")),
    "pay": lambda who, i, a: pay(who, i, a, "OTHER"),
    "fail": lambda who, i, a: fail_refund(who, DecideRefund(i, "x")),
    "retry": lambda who, i, a: retry_refund(who, RetryRefund(i)),
}
OPEN = {("approve", "requested"), ("deny", "requested"), ("pay", "approved"), ("fail", "approved"), ("retry", "failed")}


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("status", RefundStatus)
def test_every_step_is_possible_from_its_states_only(tx, shop, clerk, manager, cashier, account, name, status):
    refund_id = drive(tx, status, shop, clerk, manager, cashier, account)
    before = refund(tx, refund_id).version
    if (name, status.value) in OPEN:
        VERBS[name](manager, refund_id, account)
        assert refund(tx, refund_id).version > before
        return
    codes = {"approve": "refund_failed" if status is RefundStatus.FAILED else "refund_approve_refused",
             "retry": "refund_not_failed"}  # fmt: skip
    with refused(manager, codes.get(name, f"refund_{name}_refused")):
        VERBS[name](manager, refund_id, account)
    assert (refund(tx, refund_id).status, refund(tx, refund_id).version) == (status, before)
    assert REFUND.labels[status]


def test_a_refund_moves_no_stock(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop)
    before = count(tx, StockMovement)
    refund_id = asked(clerk, order_id)
    approve_refund(manager, DecideRefund(refund_id))
    pay(cashier, refund_id, account)
    assert count(tx, StockMovement) == before


def test_paying_back_what_was_too_much_completes_a_delivered_order(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop, 130)
    mark_shipped(tx, MarkShipped(order_id))
    mark_delivered(tx, order_id)
    assert order(tx, order_id).status is OrderStatus.CONFIRMED
    refund_id = asked(clerk, order_id, 30)
    approve_refund(manager, DecideRefund(refund_id))
    pay(cashier, refund_id, account)
    assert order(tx, order_id).status is OrderStatus.COMPLETED


@pytest.mark.parametrize(("back", "status"), [(40, PaymentStatus.PARTIALLY_REFUNDED), (100, PaymentStatus.REFUNDED)])
def test_paying_back_after_the_goods_left_is_no_new_debt(tx, shop, clerk, manager, cashier, account, back, status):
    order_id, _ = paid_order(tx, shop)
    mark_shipped(tx, MarkShipped(order_id))
    mark_delivered(tx, order_id)
    refund_id = asked(clerk, order_id, back)
    approve_refund(manager, DecideRefund(refund_id))
    pay(cashier, refund_id, account)
    row = order(tx, order_id)
    assert (row.status, row.payment_status, row.board.value) == (OrderStatus.COMPLETED, status, "completed")
    assert [str(f) for f in audit_all(tx.session)] == []


@pytest.mark.parametrize(
    ("due", "verified", "back", "expected"),
    [(100, 100, 30, 30), (100, 130, 30, 0), (100, 130, 50, 20), (100, 60, 60, 60)],
)
def test_what_is_paid_back_of_what_was_due_lowers_it(due, verified, back, expected):
    assert allowance(baht(due), baht(verified), baht(back)) == (baht(expected) if expected else ZERO)


def test_paying_back_before_the_goods_left_shuts_the_gate(tx, shop, clerk, manager, cashier, account):
    order_id, _ = paid_order(tx, shop)
    refund_id = asked(clerk, order_id, 40)
    approve_refund(manager, DecideRefund(refund_id))
    pay(cashier, refund_id, account)
    with refused(tx, "gate_closed"):
        mark_shipped(tx, MarkShipped(order_id))


def test_a_cancel_asks_for_the_refund_at_once_when_the_clerk_chose_so(tx, shop, clerk):
    order_id, _ = paid_order(tx, shop)
    done = cancel_order(clerk, CancelOrder(order_id, CancelReason.CUSTOMER, refund=TO))
    row = tx.session.scalars(select(Refund)).one()
    assert (done.refund_number, done.money_to_return) == (row.number, False)
    assert (row.amount, row.status, row.order_id) == (baht(100), RefundStatus.REQUESTED, order_id)


def test_a_cancel_without_that_choice_says_money_is_left(tx, shop, clerk):
    order_id, _ = paid_order(tx, shop)
    assert cancel_order(clerk, CancelOrder(order_id, CancelReason.CUSTOMER)).money_to_return
    assert count(tx, Refund) == 0


def test_a_cancel_whose_refund_is_wrong_cancels_nothing(tx, shop, clerk):
    order_id, _ = paid_order(tx, shop)
    with refused(clerk, "account_missing", "to_account", Refund):
        cancel_order(clerk, CancelOrder(order_id, CancelReason.CUSTOMER, refund=replace(TO, account="")))
    assert order(tx, order_id).status is OrderStatus.CONFIRMED


def test_a_cancel_of_an_unpaid_order_refunds_nothing(tx, shop, clerk):
    order_id = place_order(tx, shop.order()).order_id
    done = cancel_order(clerk, CancelOrder(order_id, CancelReason.CUSTOMER, refund=TO))
    assert (done.refund_number, done.money_to_return, count(tx, Refund)) == ("", False, 0)


@pytest.mark.parametrize(
    ("due", "net", "refundable", "waiting", "expected"),
    [(100, 150, 150, 0, 50), (100, 150, 120, 30, 20), (100, 100, 100, 0, 0), (0, 100, 100, 0, 100),
     (100, 60, 60, 0, 0), (0, 100, 0, 100, 0)],
)  # fmt: skip
def test_what_is_too_much_is_suggested(due, net, refundable, waiting, expected):
    suggested = suggested_refund(baht(due), baht(net), baht(refundable), baht(waiting))
    assert suggested == (baht(expected) if expected else ZERO)
