"""A statement line pays an order, verifies a slip or ticks a payment off, and the same money never pays twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from oms import clock, numbering
from oms.approvals import ApprovalPolicy
from oms.audit import AuditLog
from oms.errors import Forbidden, Refused
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import PaymentStatus
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.refund_models import Refund
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import ClaimStatus, LineStatus, PaymentMethod, RefundStatus
from oms.reports.auditor import audit_all
from oms.usecases.payments import DecideClaim, reverse_claim
from oms.usecases.statement_match import (
    ConfirmMatch,
    SetAside,
    confirm_match,
    ignore_line,
    reopen_line,
    unmatch_line,
)
from oms.usecases.statement_suggest import look_again
from tests.usecases.refusals import refused
from tests.usecases.statements import NOON, Till, baht, live, open_till


@pytest.fixture
def till(tx, actor):
    with clock.at(NOON + timedelta(hours=3)):
        made = open_till(tx, actor("cashier"))
        yield made
        tx.session.flush()
        assert [f for f in audit_all(tx.session) if f.check not in {"tail", "seal"}] == []


def kinds(line: StatementLine) -> list[tuple[str, tuple[int, ...]]]:
    return [(s["kind"], tuple(s["ids"])) for s in line.suggestions or []]


def status(till: Till, order: Order) -> PaymentStatus:
    till.tx.session.refresh(order)
    return order.payment_status


def match(till: Till, *lines: StatementLine, **facts):
    seen = tuple((n.id, n.version) for n in lines)
    return confirm_match(till.tx, ConfirmMatch(tuple(n.id for n in lines), versions=seen, **facts))


# --- what a line may be ------------------------------------------------------------------------------


def test_the_one_order_of_the_amount_is_suggested_and_never_paid_by_itself(till: Till):
    order = till.order((1, 1))
    till.order((2, 1))
    line = till.line(200)
    assert (line.status, kinds(line)) == (LineStatus.SUGGESTED, [("orders", (order.id,))])
    assert status(till, order) is PaymentStatus.UNPAID


def test_two_orders_of_the_amount_are_ambiguous_unless_the_text_names_one(till: Till):
    one, other = till.order((1, 1)), till.order((1, 1), phone="0811112222", name="สมชาย ใจดี")
    assert till.line(200).status is LineStatus.AMBIGUOUS
    named = till.line(200, f"รับโอน {other.number}")
    assert (named.status, kinds(named)[0]) == (LineStatus.SUGGESTED, ("orders", (other.id,)))
    by_name = till.line(200, "จาก X1111 นาย สมชาย ใจ++")
    assert (by_name.status, kinds(by_name)[0][1]) == (LineStatus.AMBIGUOUS, (other.id,))
    by_phone = till.line(200, "จาก PromptPay X1234")
    assert kinds(by_phone)[0][1] == (one.id,)


def test_an_order_number_in_the_text_is_found_though_the_amount_differs(till: Till):
    order = till.order((3, 1))
    line = till.line(150, f"รับโอน {order.number.replace('-', '')}")
    assert (line.status, line.suggestions[0]["fits"]) == (LineStatus.SUGGESTED, False)
    assert kinds(line) == [("orders", (order.id,))]


def test_orders_of_one_customer_are_added_up(till: Till):
    orders = [till.order((i, 1)) for i in range(3)]
    assert len({o.customer_id for o in orders}) == 1
    line = till.line(300)
    assert kinds(line)[0][0] == "orders"
    assert set(map(frozenset, (ids for _, ids in kinds(line)))) == {
        frozenset({orders[2].id}), frozenset({orders[0].id, orders[1].id}),
    }  # fmt: skip
    assert line.status is LineStatus.AMBIGUOUS
    assert kinds(till.line(600)) == [("orders", tuple(o.id for o in orders))]


def test_a_waiting_slip_stands_for_its_order(till: Till):
    order = till.order((1, 1))
    claim = till.slip(order, 200)
    line = till.line(200)
    assert (line.status, kinds(line)) == (LineStatus.SUGGESTED, [("claim", (claim.id,))])


def test_two_equal_lines_and_one_order_are_for_a_person(till: Till):
    till.order((1, 1))
    first, second = till.line(200, look=False), till.line(200, look=False)
    looked = look_again(till.tx, [first.id, second.id])
    assert (looked.ambiguous, first.status, second.status) == (2, LineStatus.AMBIGUOUS, LineStatus.AMBIGUOUS)


def test_a_payer_is_remembered_from_confirmed_lines(till: Till):
    words = "จาก X9 บริษัท ผู้จ่ายแทน จำกัด"
    first = till.order((1, 1))
    match(till, till.line(200, words), orders=((first.id, baht(200)),))
    till.order((1, 1), phone="0899998888", name="คนอื่น มาก")
    again = till.order((1, 1))
    assert again.customer_id == first.customer_id
    line = till.line(200, words, NOON + timedelta(minutes=5))
    assert kinds(line)[0] == ("orders", (again.id,))
    assert "payer" in line.suggestions[0]["why"]


# --- confirming ----------------------------------------------------------------------------------------


def test_a_line_pays_its_order(till: Till):
    order = till.order((1, 1))
    line = till.line(200, "จาก X1111 นาย สมชาย ใจดี")
    done = match(till, line, orders=((order.id, baht(200)),))
    assert (status(till, order), line.status, done.left) == (PaymentStatus.PAID, LineStatus.MATCHED, ZERO)
    claim = till.tx.session.get_one(PaymentClaim, done.claim_ids[0])
    assert (claim.status, claim.account_id, claim.paid_at) == (ClaimStatus.VERIFIED, till.account_id, NOON)
    assert claim.payer_name == "นาย สมชาย ใจดี"
    assert live(till.tx) == [(line.id, claim.id, baht(200))]


def test_one_line_pays_several_orders_and_what_is_left_stays_on_the_line(till: Till):
    orders = [till.order((i, 1)) for i in range(3)]
    line = till.line(650)
    done = match(till, line, orders=tuple((o.id, o.total) for o in orders))
    assert [status(till, o) for o in orders] == [PaymentStatus.PAID] * 3
    assert (done.left, line.status) == (baht(50), LineStatus.UNMATCHED)
    last = till.order((0, 1), phone="0822223333")
    match(till, line, orders=((last.id, baht(50)),))
    assert (status(till, last), line.status) == (PaymentStatus.PARTIAL, LineStatus.MATCHED)


def test_several_lines_pay_one_order(till: Till):
    order = till.order((3, 1))
    lines = [till.line(250), till.line(150, at=NOON + timedelta(minutes=1))]
    done = match(till, *lines, orders=((order.id, baht(400)),))
    assert (status(till, order), len(done.claim_ids)) == (PaymentStatus.PAID, 2)
    assert all(n.status is LineStatus.MATCHED for n in lines)


def test_what_is_left_over_can_be_the_customers_credit(till: Till):
    order = till.order((1, 1))
    line = till.line(210)
    done = match(till, line, orders=((order.id, baht(200)),), rest_is_credit=True)
    claim = till.tx.session.get_one(PaymentClaim, done.claim_ids[0])
    assert (claim.amount, done.left, line.status) == (baht(210), ZERO, LineStatus.MATCHED)
    assert (status(till, order), claim.customer_id) == (PaymentStatus.PAID, order.customer_id)


def test_a_line_verifies_the_waiting_slip_by_what_the_bank_says(till: Till):
    order = till.order((1, 1))
    claim = till.slip(order, 200)
    line = till.line(180)
    match(till, line, claim_ids=(claim.id,))
    assert (claim.status, claim.amount, claim.said_amount) == (ClaimStatus.VERIFIED, baht(180), baht(200))
    assert (status(till, order), line.status) == (PaymentStatus.PARTIAL, LineStatus.MATCHED)


def test_several_lines_verify_one_slip(till: Till):
    order = till.order((3, 1))
    claim = till.slip(order, 400)
    lines = [till.line(300), till.line(100)]
    match(till, *lines, claim_ids=(claim.id,))
    assert (status(till, order), live(till.tx)) == (
        PaymentStatus.PAID, [(lines[0].id, claim.id, baht(300)), (lines[1].id, claim.id, baht(100))],
    )  # fmt: skip


def test_a_verified_slip_is_only_ticked_off(till: Till):
    order = till.order((1, 1))
    claim = till.slip(order, 200, verified=True)
    line = till.line(200)
    assert (line.status, kinds(line)) == (LineStatus.SUGGESTED, [("claim", (claim.id,))])
    match(till, line, claim_ids=(claim.id,))
    assert (line.status, status(till, order)) == (LineStatus.MATCHED, PaymentStatus.PAID)
    assert till.tx.session.scalar(select(Allocation.amount).where(Allocation.order_id == order.id)) == baht(200)


def test_a_reference_in_the_banks_text_ticks_itself_off_and_nothing_else_does(till: Till):
    order = till.order((1, 1))
    claim = till.slip(order, 200, verified=True, reference="202611200500AB12")
    line = till.line(200, "โอนเงิน REF 202611200500AB12")
    assert (line.status, live(till.tx)) == (LineStatus.MATCHED, [(line.id, claim.id, baht(200))])
    waiting = till.slip(till.order((2, 1)), 300, reference="202611200500CD34")
    other = till.line(300, "โอนเงิน REF 202611200500CD34")
    assert (other.status, waiting.status) == (LineStatus.SUGGESTED, ClaimStatus.SUBMITTED)


# --- the same money never twice ---------------------------------------------------------------------------


def test_an_order_is_not_paid_by_hand_while_its_slip_waits(till: Till):
    order = till.order((1, 1))
    claim = till.slip(order, 200)
    line = till.line(200)
    with refused(till.tx, "slip_waits", None, PaymentClaim, StatementMatch):
        match(till, line, orders=((order.id, baht(200)),))
    match(till, line, orders=((order.id, baht(200)),), is_another=True)
    assert (status(till, order), claim.status) == (PaymentStatus.PAID, ClaimStatus.SUBMITTED)


def test_a_duplicate_that_is_opened_again_does_not_pay_a_second_order(till: Till):
    first, other = till.order((1, 1)), till.order((1, 1), phone="0866667777")
    line = till.line(200)
    match(till, line, orders=((first.id, baht(200)),))
    twin = till.line(200, look=False)
    twin.status, twin.duplicate_of = LineStatus.DUPLICATE, line.id
    reopen_line(till.tx, SetAside(twin.id))
    with refused(till.tx, "counted_before", None, PaymentClaim, StatementMatch):
        match(till, twin, orders=((other.id, baht(200)),))
    slip = till.slip(till.order((1, 1), phone="0877778888"), 200)
    with refused(till.tx, "counted_before", None, PaymentClaim, StatementMatch):
        match(till, twin, claim_ids=(slip.id,))
    match(till, twin, orders=((other.id, baht(200)),), is_another=True)
    assert status(till, other) is PaymentStatus.PAID


def test_a_transfer_that_a_slip_made_count_is_not_counted_again_for_another_order(till: Till):
    till.slip(till.order((1, 1)), 200, verified=True)
    other = till.order((1, 1), phone="0866667777")
    line = till.line(200, at=NOON + timedelta(minutes=3))
    with refused(till.tx, "counted_before", None, PaymentClaim, StatementMatch):
        match(till, line, orders=((other.id, baht(200)),))


def test_one_payment_is_ticked_off_by_one_line_only(till: Till):
    claim = till.slip(till.order((1, 1)), 200, verified=True)
    first, second = till.line(200), till.line(200, at=NOON + timedelta(minutes=1))
    match(till, first, claim_ids=(claim.id,))
    with refused(till.tx, "claim_ticked", None, StatementMatch):
        match(till, second, claim_ids=(claim.id,))


def test_a_matched_line_is_taken_and_a_stale_screen_is_told(till: Till):
    order = till.order((1, 1))
    line = till.line(200)
    old = line.version
    match(till, line, orders=((order.id, baht(200)),))
    with refused(till.tx, "stale", None, StatementMatch):
        confirm_match(till.tx, ConfirmMatch((line.id,), orders=((order.id, baht(200)),), versions=((line.id, old),)))
    with refused(till.tx, "line_taken", None, StatementMatch):
        match(till, line, orders=((order.id, baht(200)),))


def test_more_than_came_in_is_never_given_out(till: Till):
    order = till.order((3, 1))
    line = till.line(200)
    with refused(till.tx, "more_than_line", None, PaymentClaim):
        match(till, line, orders=((order.id, baht(200.01)),))
    with refused(till.tx, "choice_missing", "choice", PaymentClaim):
        match(till, line)
    with refused(till.tx, "amount_range", "amount", PaymentClaim):
        match(till, line, orders=((order.id, ZERO),))


def test_a_line_where_the_balance_breaks_needs_a_word(till: Till):
    order = till.order((1, 1))
    line = till.line(200, broken=True)
    with refused(till.tx, "balance_break", "note", PaymentClaim):
        match(till, line, orders=((order.id, baht(200)),))
    match(till, line, orders=((order.id, baht(200)),), note="ธนาคารยืนยันทางโทรศัพท์")
    assert status(till, order) is PaymentStatus.PAID


# --- undoing -------------------------------------------------------------------------------------------------


def test_undoing_a_line_takes_back_what_it_made_count(till: Till):
    order = till.order((1, 1))
    line = till.line(200)
    done = match(till, line, orders=((order.id, baht(200)),))
    with refused(till.tx, "reason_missing", "reason", StatementMatch):
        unmatch_line(till.tx, SetAside(line.id))
    unmatch_line(till.tx, SetAside(line.id, "ผิดออเดอร์"))
    claim = till.tx.session.get_one(PaymentClaim, done.claim_ids[0])
    assert (status(till, order), claim.status, live(till.tx)) == (PaymentStatus.UNPAID, ClaimStatus.REVERSED, [])
    till.tx.session.refresh(line)
    assert line.status is LineStatus.SUGGESTED
    match(till, line, orders=((order.id, baht(200)),))
    assert status(till, order) is PaymentStatus.PAID


def test_undoing_a_tick_leaves_the_slips_payment_alone(till: Till):
    order = till.order((1, 1))
    claim = till.slip(order, 200, verified=True)
    line = till.line(200)
    match(till, line, claim_ids=(claim.id,))
    unmatch_line(till.tx, SetAside(line.id, "ผิดรายการ"))
    assert (status(till, order), claim.status, live(till.tx)) == (PaymentStatus.PAID, ClaimStatus.VERIFIED, [])


def test_a_payment_reversed_elsewhere_opens_its_lines_again(till: Till):
    order = till.order((3, 1))
    lines = [till.line(300), till.line(100)]
    claim = till.slip(order, 400)
    match(till, *lines, claim_ids=(claim.id,))
    reverse_claim(till.program, DecideClaim(claim.id, note="ธนาคารเรียกคืน"))
    for line in lines:
        till.tx.session.refresh(line)
    assert ([n.status for n in lines], live(till.tx)) == ([LineStatus.UNMATCHED] * 2, [])


def test_a_fee_is_ignored_with_a_reason_and_looked_at_again_on_demand(till: Till):
    line = till.line(200)
    with refused(till.tx, "reason_missing", "reason", AuditLog):
        ignore_line(till.tx, SetAside(line.id))
    ignore_line(till.tx, SetAside(line.id, "ดอกเบี้ย"))
    assert (line.status, line.note) == (LineStatus.IGNORED, "ดอกเบี้ย")
    order = till.order((1, 1))
    with refused(till.tx, "line_taken", None, StatementMatch):
        match(till, line, orders=((order.id, baht(200)),))
    reopen_line(till.tx, SetAside(line.id))
    till.tx.session.refresh(line)
    assert line.status is LineStatus.SUGGESTED


# --- money that goes out -----------------------------------------------------------------------------------------


def test_money_that_goes_out_ticks_off_a_paid_refund(till: Till):
    order = till.order((1, 1))
    till.slip(order, 200, verified=True)
    refund = Refund(
        number=numbering.allot_yearly(till.program, "RF"), order_id=order.id, status=RefundStatus.PAID, amount=baht(50),
        reason="x", method=PaymentMethod.TRANSFER, account_id=till.account_id, requested_label="a", paid_at=NOON, paid_label="a",
    )  # fmt: skip
    till.tx.session.add(refund)
    till.tx.session.flush()
    from oms.usecases.derived import refresh

    refresh(till.program, [order])
    line = till.line(-50, "โอนไป X1")
    assert (line.status, kinds(line)) == (LineStatus.SUGGESTED, [("refund", (refund.id,))])
    match(till, line, refund_id=refund.id)
    assert line.status is LineStatus.MATCHED
    other = till.line(-50)
    with refused(till.tx, "refund_ticked", None, StatementMatch):
        match(till, other, refund_id=refund.id)
    with refused(till.tx, "line_goes_out", None, StatementMatch):
        match(till, other, orders=((order.id, baht(50)),))
    unmatch_line(till.tx, SetAside(line.id, "ผิด"))
    assert live(till.tx) == []


# --- who may --------------------------------------------------------------------------------------------------


def test_matching_needs_its_own_permission_and_counting_money_another(till: Till, actor):
    from dataclasses import replace

    order, line = till.order((1, 1)), till.line(200)
    clerk = replace(till.tx, actor=actor("sales"))
    with pytest.raises(Forbidden):
        confirm_match(clerk, ConfirmMatch((line.id,), orders=((order.id, baht(200)),)))
    only_lines = replace(till.tx, actor=replace(actor("viewer"), actions=frozenset({"payment.statement"})))
    with pytest.raises(Forbidden):
        confirm_match(only_lines, ConfirmMatch((line.id,), orders=((order.id, baht(200)),)))
    claim = till.slip(till.order((2, 1)), 300, verified=True)
    ticked = till.line(300)
    confirm_match(only_lines, ConfirmMatch((ticked.id,), claim_ids=(claim.id,)))
    assert ticked.status is LineStatus.MATCHED


def test_in_two_person_mode_a_line_does_not_pay_the_order_of_who_entered_it(till: Till):
    till.tx.session.add(ApprovalPolicy(kind="payment.verify", is_on=True))
    order, line = till.order((1, 1)), till.line(200)
    order.entered_by = till.tx.actor.user_id
    till.tx.session.flush()
    savepoint = till.tx.session.begin_nested()
    with pytest.raises(Refused) as refusal:
        match(till, line, orders=((order.id, baht(200)),))
    savepoint.rollback()
    assert (refusal.value.detail_code, status(till, order)) == ("own_work", PaymentStatus.UNPAID)
    order.entered_by = 99999
    till.tx.session.flush()
    match(till, line, orders=((order.id, baht(200)),))
    assert status(till, order) is PaymentStatus.PAID


def test_a_hundred_lines_are_looked_at_in_a_few_statements(till: Till):
    from sqlalchemy import event

    for i in range(4):
        till.order((i, 1), phone=f"08{i}0000000")
    lines = [till.line(100 + i, look=False) for i in range(30)]
    seen = []
    connection = till.tx.session.connection()

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    look_again(till.tx, [n.id for n in lines])
    event.remove(connection, "before_cursor_execute", note)
    assert len(seen) < 12, seen
    assert Money.satang(0) == ZERO
