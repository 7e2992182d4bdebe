"""How returns end: what the order owes less, where the money goes, what goes out instead; and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from oms.approvals import ApprovalPolicy
from oms.documents.models import Document
from oms.documents.parties import Buyer
from oms.documents.states import CreditReason, DocumentKind
from oms.money import ZERO
from oms.orders.models import Order
from oms.orders.states import Board, FulfillmentStatus, OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.queries import customer_credit
from oms.payments.refund_models import Refund
from oms.payments.states import CodRefusal, PaymentMethod, RefundStatus
from oms.reports.auditor import audit_all
from oms.returns.models import Return
from oms.returns.rules import LineFacts, credit_code, value_of
from oms.returns.states import Resolution, ReturnKind, ReturnReason, ReturnStatus
from oms.usecases.cod import RefuseCod, ReopenCod, refuse_cod, reopen_cod
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.orders_place import NewLine
from oms.usecases.refunds import (
    DecideRefund,
    PayRefund,
    RefundTo,
    RequestRefund,
    approve_refund,
    pay_refund,
    request_refund,
)
from oms.usecases.returns import DecideReturn, SendReturn, approve_return, send_return
from oms.usecases.returns_count import Counted, InspectReturn, NeverArrived, inspect_return, never_arrived
from oms.usecases.returns_receive import ArriveParcel, ReceiveReturn, receive_parcel, receive_return
from oms.usecases.returns_resolve import NewGoods, ResolveReturn, SetTripCost, propose, resolve_return, set_trip_cost
from oms.usecases.returns_rto import OpenLost, open_lost
from tests.papers import FULL, seller
from tests.shop import SmallShop, small_shop
from tests.usecases.money import baht, order_of
from tests.usecases.refusals import refused
from tests.usecases.returns import arrived, asked, carrier_says, left, return_of, returns_of, shipments, stock

CASH = RefundTo(PaymentMethod.CASH)
R = Resolution


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=50)


def back(tx, shop, order: Order, *quantities: int, good: bool = True, **facts) -> int:
    """A return of the buyer, here and counted whole."""
    return_id = asked(tx, order, *quantities, **facts)
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    return count(tx, return_id, good=good)


def count(tx, return_id: int, *, good: bool = True, **facts) -> int:
    ret = return_of(tx, return_id)
    name = "resell" if good else "damaged"
    inspect_return(
        tx, InspectReturn(return_id, tuple(Counted(x.order_line_id, **{name: x.quantity}) for x in ret.lines), **facts)
    )
    return return_id


def undelivered(tx, shop, order: Order) -> int:
    """The parcel of an order came back and was counted."""
    carrier_says(tx, order.id, "come_back")
    done = receive_parcel(tx, ArriveParcel(shipments(tx, order.id)[0].number, shop.bkk))
    return count(tx, done.returns[0].return_id)


def settle(tx, return_id: int, kind: Resolution, **facts):
    if kind is R.REFUND:
        facts.setdefault("refund_to", CASH)
    return resolve_return(tx, ResolveReturn(return_id, kind, **facts))


def pay_back(tx, order_id: int) -> None:
    refund = tx.session.scalars(select(Refund).where(Refund.order_id == order_id)).one()
    approve_refund(tx, DecideRefund(refund.id))
    pay_refund(tx, PayRefund(refund.id))


# --- what pieces are worth ---


def test_pieces_are_worth_their_share_of_line_and_order_discount_to_the_satang():
    lines = [LineFacts(1, 3, baht(100)), LineFacts(2, 7, baht("33.33"))]
    everything = {1: 3, 2: 7}
    assert value_of(lines, baht("13.37"), everything) == baht("119.96")
    credited, total = {1: 0, 2: 0}, ZERO
    for line_id, pieces in ((1, 1), (2, 3), (1, 2), (2, 1), (2, 3)):
        now = [replace(x, credited=credited[x.line_id]) for x in lines]
        total += value_of(now, baht("13.37"), {line_id: pieces})
        credited[line_id] += pieces
    assert total == baht("119.96")
    assert value_of([], ZERO, {}) == ZERO
    assert value_of([LineFacts(1, 1, ZERO)], ZERO, {1: 1}) == ZERO


# --- money back ---


def test_money_back_for_what_came_back(tx, shop):
    order = arrived(tx, shop, (0, 2), (1, 1), shipping_fee=baht(50))
    assert order_of(tx, order.id).status is OrderStatus.COMPLETED
    return_id = back(tx, shop, order, 1)
    done = settle(tx, return_id, R.REFUND)
    assert (done.credit, done.back) == (baht(100), baht(100))
    refund = tx.session.scalars(select(Refund)).one()
    assert (refund.amount, refund.status, refund.order_id) == (baht(100), RefundStatus.REQUESTED, order.id)
    ret = return_of(tx, return_id)
    assert (ret.status, ret.resolution, ret.refund_id) == (ReturnStatus.RESOLVED, R.REFUND, refund.id)
    assert order_of(tx, order.id).payment_status is PaymentStatus.OVERPAID
    pay_back(tx, order.id)
    assert order_of(tx, order.id).payment_status is PaymentStatus.PARTIALLY_REFUNDED
    assert audit_all(tx.session) == []


def test_all_back_and_all_paid_back_reads_refunded(tx, shop):
    order = arrived(tx, shop, (0, 2), shipping_fee=baht(50))
    done = settle(tx, back(tx, shop, order, 2), R.REFUND, credit=baht(250))
    assert done.back == baht(250)
    pay_back(tx, order.id)
    now = order_of(tx, order.id)
    assert (now.payment_status, now.status, now.board) == (
        PaymentStatus.REFUNDED, OrderStatus.COMPLETED, Board.COMPLETED,
    )  # fmt: skip
    assert audit_all(tx.session) == []


def test_an_undelivered_parcel_gives_everything_back_its_shipping_too(tx, shop):
    order = left(tx, shop, (0, 2), shipping_fee=baht(50))
    return_id = undelivered(tx, shop, order)
    assert order_of(tx, order.id).board is Board.RETURNING
    done = settle(tx, return_id, R.REFUND)
    assert (done.credit, done.back) == (baht(250), baht(250))
    now = order_of(tx, order.id)
    assert (now.board, now.fulfillment_status) == (Board.CAME_BACK, FulfillmentStatus.RETURNED)
    pay_back(tx, order.id)
    now = order_of(tx, order.id)
    assert (now.status, now.payment_status, now.board) == (
        OrderStatus.COMPLETED, PaymentStatus.REFUNDED, Board.COMPLETED,
    )  # fmt: skip
    assert now.closed_at is not None
    assert audit_all(tx.session) == []


def test_a_price_cut_paid_back_before_is_not_paid_back_twice(tx, shop):
    order = arrived(tx, shop, (0, 1))
    earlier = request_refund(tx, RequestRefund(order.id, baht(20), "รอยขีดข่วน", CASH))
    pay_back(tx, order.id)
    done = settle(tx, back(tx, shop, order_of(tx, order.id), 1), R.REFUND)
    assert (done.credit, done.back) == (baht(100), baht(80))
    assert earlier.number != done.refund_number
    refund = tx.session.scalars(select(Refund).order_by(Refund.id.desc())).first()
    approve_refund(tx, DecideRefund(refund.id))
    pay_refund(tx, PayRefund(refund.id))
    assert order_of(tx, order.id).payment_status is PaymentStatus.REFUNDED
    assert audit_all(tx.session) == []


def test_a_refund_that_waits_counts_against_what_may_go_back(tx, shop):
    order = arrived(tx, shop, (0, 2))
    request_refund(tx, RequestRefund(order.id, baht(150), "x", CASH))
    return_id = back(tx, shop, order, 2)
    done = settle(tx, return_id, R.REFUND)
    assert (done.credit, done.back) == (baht(200), baht(50))


def test_refund_without_return_and_return_without_refund(tx, shop):
    order = arrived(tx, shop, (0, 2))
    kept = asked(tx, order, 1, goods_stay=True, reason=ReturnReason.DAMAGED)
    with refused(tx, "return_resolve_refused", None, Return):
        settle(tx, kept, R.REFUND)
    approve_return(tx, DecideReturn(kept))
    before = stock(tx, shop, 0)
    done = settle(tx, kept, R.REFUND, credit=baht(40))
    assert (done.back, stock(tx, shop, 0)) == (baht(40), before)
    given = back(tx, shop, order_of(tx, order.id), 1)
    done = settle(tx, given, R.NOTHING, note="ลูกค้าไม่ขอเงินคืน")
    assert (done.credit, done.back, return_of(tx, given).refund_id) == (ZERO, ZERO, None)
    assert stock(tx, shop, 0)[0] == before[0] + 1
    assert order_of(tx, order.id).lines[0].returned == 1
    assert audit_all(tx.session) == []


# --- cash that was never paid ---


def test_a_refused_cod_parcel_ends_as_stock_and_no_debt(tx, shop):
    order = left(tx, shop, (0, 2), payment_term=PaymentTerm.COD, shipping_fee=baht(40))
    before = stock(tx, shop, 0)
    return_id = undelivered(tx, shop, order)
    assert stock(tx, shop, 0)[0] == before[0] + 2
    for kind in (R.REFUND, R.STORE_CREDIT):
        with refused(tx, "nothing_paid", "resolution", Refund):
            settle(tx, return_id, kind)
    with refused(tx, "still_owed", "resolution", Return):
        settle(tx, return_id, R.NOTHING)
    with refused(tx, "replacement_unpaid", "resolution", Order):
        settle(tx, return_id, R.REPLACEMENT)
    done = settle(tx, return_id, R.WAIVE)
    assert (done.credit, done.back) == (baht(240), ZERO)
    now = order_of(tx, order.id)
    assert (now.status, now.payment_status, now.board, now.fulfillment_status) == (
        OrderStatus.COMPLETED, PaymentStatus.NOTHING_DUE, Board.COMPLETED, FulfillmentStatus.RETURNED,
    )  # fmt: skip
    entry = tx.session.scalars(select(CodEntry)).one()
    with refused(tx, "cod_came_back"):
        reopen_cod(tx, ReopenCod(entry.id, "ส่งสำเร็จ"))
    assert audit_all(tx.session) == []


def test_cash_the_carrier_has_waits_and_is_not_forgotten(tx, shop):
    order = arrived(tx, shop, (0, 2), payment_term=PaymentTerm.COD)
    return_id = back(tx, shop, order, 2)
    with refused(tx, "nothing_paid", "resolution", Refund):
        settle(tx, return_id, R.REFUND)
    settle(tx, return_id, R.WAIVE)
    now = order_of(tx, order.id)
    assert (now.payment_status, now.board, now.status) == (
        PaymentStatus.COD_COLLECTED, Board.COD_OUTSTANDING, OrderStatus.CONFIRMED,
    )  # fmt: skip
    assert audit_all(tx.session) == []
    entry = tx.session.scalars(select(CodEntry)).one()
    refuse_cod(tx, RefuseCod(entry.id, CodRefusal.AFTER_OPENING))
    now = order_of(tx, order.id)
    assert (now.payment_status, now.status) == (PaymentStatus.NOTHING_DUE, OrderStatus.COMPLETED)
    assert audit_all(tx.session) == []


def test_money_that_came_in_is_not_let_fall(tx, shop):
    order = arrived(tx, shop, (0, 2))
    return_id = back(tx, shop, order, 2)
    with refused(tx, "money_paid", "resolution", Return):
        settle(tx, return_id, R.WAIVE)


def test_half_of_a_cod_order_back_leaves_the_other_half_owed(tx, shop):
    order = arrived(tx, shop, (0, 2), payment_term=PaymentTerm.COD)
    done = settle(tx, back(tx, shop, order, 1), R.WAIVE)
    assert done.credit == baht(100)
    assert order_of(tx, order.id).payment_status is PaymentStatus.COD_COLLECTED
    assert audit_all(tx.session) == []


# --- credit, exchange, replacement ---


def test_store_credit_is_the_customers_and_pays_the_next_order(tx, shop):
    order = arrived(tx, shop, (0, 2))
    done = settle(tx, back(tx, shop, order, 2), R.STORE_CREDIT)
    assert done.back == baht(200)
    now = order_of(tx, order.id)
    assert customer_credit(tx.session, now.customer_id) == baht(200)
    assert now.payment_status is PaymentStatus.NOTHING_DUE
    assert audit_all(tx.session) == []


@pytest.mark.parametrize(("sku", "to_pay", "credit_left"), [(0, 0, 100), (1, 0, 0), (2, 100, 0)])
def test_an_exchange_is_a_linked_order_paid_as_far_as_the_money_goes(tx, shop, sku, to_pay, credit_left):
    order = arrived(tx, shop, (1, 1))
    goods = NewGoods((NewLine(shop.skus[sku], 1),))
    done = settle(tx, back(tx, shop, order, 1), R.EXCHANGE, goods=goods)
    new = order_of(tx, done.new_order_id)
    assert (new.copied_from, new.status, done.to_pay) == (order.id, OrderStatus.CONFIRMED, baht(to_pay))
    assert new.payment_status is (PaymentStatus.PARTIAL if to_pay else PaymentStatus.PAID)
    assert new.board is (Board.SHORT_PAYMENT if to_pay else Board.READY)
    assert customer_credit(tx.session, new.customer_id) == baht(credit_left)
    assert (new.ship_name, new.ship_phone) == (order.ship_name, order.ship_phone)
    assert return_of(tx, done.return_id).new_order_id == new.id
    assert audit_all(tx.session) == []


def test_an_unpaid_cod_parcel_is_exchanged_for_another_cod_parcel(tx, shop):
    order = left(tx, shop, (0, 1), payment_term=PaymentTerm.COD)
    goods = NewGoods((NewLine(shop.skus[1], 1),), PaymentTerm.COD, baht(30))
    done = settle(tx, undelivered(tx, shop, order), R.EXCHANGE, goods=goods)
    new = order_of(tx, done.new_order_id)
    assert (done.back, done.to_pay, new.total, new.payment_term) == (ZERO, baht(230), baht(230), PaymentTerm.COD)
    assert order_of(tx, order.id).payment_status is PaymentStatus.NOTHING_DUE
    assert audit_all(tx.session) == []


def test_the_same_again_costs_nothing_and_leaves_the_old_order_paid(tx, shop):
    order = arrived(tx, shop, (0, 2), discount=baht(20))
    before = stock(tx, shop, 0)
    return_id = back(tx, shop, order, 1, good=False)
    done = settle(tx, return_id, R.REPLACEMENT)
    new = order_of(tx, done.new_order_id)
    assert (new.total, new.payment_status, new.board, [(x.sku_id, x.quantity) for x in new.lines]) == (
        ZERO, PaymentStatus.PAID, Board.READY, [(shop.skus[0], 1)],
    )  # fmt: skip
    old = order_of(tx, order.id)
    assert (old.payment_status, old.status) == (PaymentStatus.PAID, OrderStatus.COMPLETED)
    assert stock(tx, shop, 0) == (before[0], 1)
    assert audit_all(tx.session) == []


def test_who_settles_may_place_what_settles_and_no_lower_price(tx, shop, actor):
    order = arrived(tx, shop, (0, 1))
    return_id = back(tx, shop, order, 1)
    cashier = replace(tx, actor=actor("cashier", user_id=3))
    cheap = NewGoods((NewLine(shop.skus[1], 1, baht(1)),))
    with refused(tx, "forbidden", None, Order, Return):
        settle(cashier, return_id, R.EXCHANGE, goods=cheap)
    done = settle(cashier, return_id, R.EXCHANGE, goods=NewGoods((NewLine(shop.skus[1], 1),)))
    assert order_of(tx, done.new_order_id).entered_by == 3
    assert done.to_pay == baht(100)


def test_in_two_person_mode_the_new_order_is_not_paid_by_whoever_placed_it(tx, shop, actor):
    tx.session.add(ApprovalPolicy(kind="payment.verify", is_on=True))
    order = arrived(tx, shop, (0, 1))
    return_id = back(tx, shop, order, 1)
    cashier = replace(tx, actor=actor("cashier", user_id=3))
    done = settle(cashier, return_id, R.EXCHANGE, goods=NewGoods((NewLine(shop.skus[0], 1),)))
    new = order_of(tx, done.new_order_id)
    assert (done.to_pay, new.payment_status) == (baht(100), PaymentStatus.UNPAID)
    assert customer_credit(tx.session, new.customer_id) == baht(100)


def test_an_exchange_without_stock_settles_nothing(tx, shop):
    order = arrived(tx, shop, (0, 1))
    return_id = back(tx, shop, order, 1)
    with refused(tx, "stock_short", "lines", Order, Return):
        settle(tx, return_id, R.EXCHANGE, goods=NewGoods((NewLine(shop.skus[1], 51),)))
    assert return_of(tx, return_id).status is ReturnStatus.INSPECTED


# --- the credit note ---


def invoiced(tx, order: Order, buyer=FULL, kind=DocumentKind.TAX_INVOICE) -> Document:
    done = issue_document(tx, IssueDocument(kind, (order.id,), buyer=buyer))
    return tx.session.get_one(Document, done.document_id)


def test_the_credit_note_is_issued_with_the_settlement_and_of_its_amount(tx, shop):
    seller(tx)
    order = arrived(tx, shop, (0, 2), (1, 1))
    invoice = invoiced(tx, order)
    done = settle(tx, back(tx, shop, order, 1), R.REFUND, credit=baht(90))
    ret = return_of(tx, done.return_id)
    note = tx.session.get_one(Document, ret.credit_note_id)
    assert (note.kind, note.number, note.total, note.refers_to_id) == (
        DocumentKind.CREDIT_NOTE, done.credit_note, baht(90), invoice.id,
    )  # fmt: skip
    assert (note.content["note"]["code"], note.content["lines"][0]["quantity"]) == ("CDNG05", 1)
    assert note.content["note"]["words"] == "สินค้าเสียหายระหว่างขนส่ง"
    second = settle(tx, back(tx, shop, order_of(tx, order.id), 1, 1), R.REFUND)
    assert second.credit_note != done.credit_note
    assert audit_all(tx.session) == []


def test_a_refused_cod_parcel_with_a_tax_invoice_gets_a_credit_note_of_all_of_it(tx, shop, actor):
    seller(tx)
    order = left(tx, shop, (0, 2), payment_term=PaymentTerm.COD, shipping_fee=baht(40))
    invoiced(tx, order)
    cashier = replace(tx, actor=actor("cashier", user_id=3))
    done = settle(cashier, undelivered(tx, shop, order), R.WAIVE)
    note = tx.session.scalars(select(Document).where(Document.number == done.credit_note)).one()
    assert note.total == baht(240)
    assert order_of(tx, order.id).status is OrderStatus.COMPLETED
    assert audit_all(tx.session) == []


def test_what_cannot_be_noted_is_not_settled(tx, shop):
    seller(tx)
    order = arrived(tx, shop, (0, 1))
    invoiced(tx, order, Buyer("ผู้ซื้อหน้าร้าน"), DocumentKind.TAX_INVOICE_SHORT)
    return_id = back(tx, shop, order, 1)
    with refused(tx, "buyer_address_missing", None, Return, Refund, Document):
        settle(tx, return_id, R.REFUND)
    assert return_of(tx, return_id).status is ReturnStatus.INSPECTED


def test_without_a_tax_invoice_or_a_credit_there_is_no_note(tx, shop):
    seller(tx)
    order = arrived(tx, shop, (0, 2))
    assert settle(tx, back(tx, shop, order, 1), R.REFUND).credit_note == ""
    invoiced(tx, order_of(tx, order.id))
    done = settle(tx, back(tx, shop, order_of(tx, order.id), 1), R.REPLACEMENT)
    assert done.credit_note == ""


@pytest.mark.parametrize(
    ("kind", "reason", "stay", "code"),
    [
        (ReturnKind.CUSTOMER, ReturnReason.DAMAGED, False, CreditReason.RETURNED),
        (ReturnKind.RTO, ReturnReason.REFUSED, False, CreditReason.RETURNED),
        (ReturnKind.CUSTOMER, ReturnReason.DEFECTIVE, True, CreditReason.DAMAGED),
        (ReturnKind.CUSTOMER, ReturnReason.MISSING_ITEM, True, CreditReason.SHORT),
        (ReturnKind.CUSTOMER, ReturnReason.LATE, True, CreditReason.PRICE_CUT),
        (ReturnKind.LOST, ReturnReason.LOST, True, CreditReason.OTHER),
    ],
)
def test_the_note_says_why_in_the_tax_offices_codes(kind, reason, stay, code):
    assert credit_code(kind, reason, goods_stay=stay) == code.value


# --- refusals ---


@pytest.mark.parametrize(
    ("kind", "facts", "code", "field"),
    [
        (R.REFUND, {"credit": baht(0)}, "credit_range", "credit"),
        (R.REFUND, {"credit": baht(201)}, "credit_range", "credit"),
        (R.REFUND, {"credit": baht(-1)}, "credit_range", "credit"),
        (R.REFUND, {"refund_to": None}, "refund_method", "to_method"),
        (R.REFUND, {"refund_to": RefundTo(PaymentMethod.TRANSFER)}, "bank_missing", "to_bank"),
        (R.NOTHING, {"credit": baht(1)}, "credit_not_taken", "credit"),
        (R.REPLACEMENT, {"credit": baht(1)}, "credit_not_taken", "credit"),
        (R.EXCHANGE, {}, "lines_missing", "lines"),
        (R.EXCHANGE, {"goods": NewGoods(())}, "lines_missing", "lines"),
        (R.REFUND, {"note": "x" * 501}, "too_long", "note"),
        (R.REFUND, {"version": 99}, "stale", None),
    ],
)
def test_a_settlement_that_cannot_be_is_refused(tx, shop, kind, facts, code, field):
    order = arrived(tx, shop, (0, 2))
    return_id = back(tx, shop, order, 2)
    with refused(tx, code, field, Return, Refund, Order):
        settle(tx, return_id, kind, **facts)
    assert return_of(tx, return_id).status is ReturnStatus.INSPECTED


def test_only_counted_goods_are_settled_and_only_once(tx, shop, actor):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    with refused(tx, "return_resolve_refused", None, Return):
        settle(tx, return_id, R.NOTHING)
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    with refused(tx, "return_resolve_refused", None, Return):
        settle(tx, return_id, R.NOTHING)
    count(tx, return_id)
    with refused(tx, "forbidden", None, Return):
        settle(replace(tx, actor=actor("sales")), return_id, R.NOTHING)
    settle(tx, return_id, R.REFUND)
    with refused(tx, "return_resolve_refused", None, Return, Refund):
        settle(tx, return_id, R.REFUND)


def test_an_approved_return_with_goods_to_come_waits_for_them(tx, shop):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    approve_return(tx, DecideReturn(return_id))
    with refused(tx, "return_settle_without_refused", None, Return):
        settle(tx, return_id, R.NOTHING)


def test_store_credit_needs_a_customer(tx, shop):
    order = arrived(tx, shop, (0, 1))
    order.customer_id = None
    tx.session.flush()
    return_id = back(tx, shop, order_of(tx, order.id), 1)
    with refused(tx, "no_customer", None, Return):
        settle(tx, return_id, R.STORE_CREDIT)


# --- lost ---


@pytest.mark.parametrize("term", [PaymentTerm.PREPAID, PaymentTerm.COD])
def test_a_lost_parcel_is_settled_without_goods(tx, shop, term):
    order = left(tx, shop, (0, 2), payment_term=term)
    before = stock(tx, shop, 0)
    carrier_says(tx, order.id, "lose")
    (case,) = open_lost(tx, OpenLost(shipments(tx, order.id)[0].id))
    assert order_of(tx, order.id).board is Board.DELIVERY_PROBLEM
    done = settle(tx, case.return_id, R.WAIVE if term is PaymentTerm.COD else R.REFUND)
    assert (done.credit, stock(tx, shop, 0)) == (baht(200), before)
    if term is PaymentTerm.COD:
        entry = tx.session.scalars(select(CodEntry)).one()
        assert entry.refusal is CodRefusal.LOST
        assert order_of(tx, order.id).board is Board.COMPLETED
    else:
        assert order_of(tx, order.id).board is Board.CAME_BACK
    assert audit_all(tx.session) == []


def test_a_lost_parcel_is_sent_again(tx, shop):
    order = left(tx, shop, (0, 2))
    carrier_says(tx, order.id, "lose")
    (case,) = open_lost(tx, OpenLost(shipments(tx, order.id)[0].id))
    done = settle(tx, case.return_id, R.REPLACEMENT)
    assert [x.quantity for x in order_of(tx, done.new_order_id).lines] == [2]
    now = order_of(tx, order.id)
    assert (now.status, now.payment_status) == (OrderStatus.COMPLETED, PaymentStatus.PAID)
    assert audit_all(tx.session) == []


def test_what_was_lost_on_its_way_back_is_settled_as_lost(tx, shop):
    order = left(tx, shop, (0, 2))
    shipment = carrier_says(tx, order.id, "come_back")
    carrier_says(tx, order.id, "lose")
    (case,) = open_lost(tx, OpenLost(shipment.id))
    assert [r.status for r in returns_of(tx, order.id)] == [ReturnStatus.CANCELED, ReturnStatus.APPROVED]
    settle(tx, case.return_id, R.REFUND)
    assert audit_all(tx.session) == []


def test_what_a_buyer_sent_and_never_came_counts_as_missing(tx, shop, actor):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    with refused(tx, "return_missing_refused"):
        never_arrived(tx, NeverArrived(return_id, "ขนส่งทำหาย"))
    approve_return(tx, DecideReturn(return_id))
    send_return(tx, SendReturn(return_id, "EMS", "EB1"))
    with refused(tx, "missing", "note"):
        never_arrived(tx, NeverArrived(return_id, ""))
    with refused(tx, "forbidden"):
        never_arrived(replace(tx, actor=actor("warehouse")), NeverArrived(return_id, "x"))
    never_arrived(tx, NeverArrived(return_id, "ขนส่งทำหาย"))
    ret = return_of(tx, return_id)
    assert (ret.status, ret.lines[0].missing) == (ReturnStatus.INSPECTED, 2)
    assert order_of(tx, order.id).lines[0].coming_back == 0
    settle(tx, return_id, R.REFUND, credit=baht(200))
    assert audit_all(tx.session) == []


# --- the trip ---


def test_the_cost_of_the_useless_trip_is_kept(tx, shop, actor):
    order = left(tx, shop, (0, 1))
    return_id = undelivered(tx, shop, order)
    with refused(tx, "negative", "amount"):
        set_trip_cost(tx, SetTripCost(return_id, baht(-1)))
    with refused(tx, "forbidden"):
        set_trip_cost(replace(tx, actor=actor("warehouse")), SetTripCost(return_id, baht(1)))
    set_trip_cost(tx, SetTripCost(return_id, baht(35)))
    assert return_of(tx, return_id).trip_cost == baht(35)


def test_two_returns_of_one_order_add_up(tx, shop):
    order = arrived(tx, shop, (0, 3), discount=baht("0.01"))
    first = settle(tx, back(tx, shop, order, 1), R.REFUND)
    second = settle(tx, back(tx, shop, order_of(tx, order.id), 2), R.REFUND)
    assert first.credit + second.credit == baht("299.99")
    assert audit_all(tx.session) == []


def test_what_is_still_to_be_sent_is_not_credited(tx, shop):
    from oms.shipping.models import Shipment
    from oms.usecases.shipping_boxes import make_ready
    from oms.usecases.shipping_combine import SplitShipment, split_shipment
    from oms.usecases.shipping_work import PackShipment, hand_over_shipments, mark_labeled, pack_shipment
    from tests.usecases.money import paid, placed

    order = placed(tx, shop, (0, 3))
    paid(tx, (order.id, "300"))
    shipment_id = make_ready(tx, [order.id])[order.id].shipment_id
    line = tx.session.get_one(Shipment, shipment_id).lines[0].id
    half = split_shipment(tx, SplitShipment(shipment_id, ((line, 1),))).taken.shipment_id
    pack_shipment(tx, PackShipment(half))
    mark_labeled(tx, [half])
    hand_over_shipments(tx, [half])
    done = receive_parcel(tx, ArriveParcel(tx.session.get_one(Shipment, half).number, shop.bkk))
    return_id = count(tx, done.returns[0].return_id)
    offered = propose(tx, return_of(tx, return_id), order_of(tx, order.id))
    assert (offered.most, offered.offer.credit) == (baht(100), baht(100))
    with refused(tx, "credit_range", "credit", Return):
        settle(tx, return_id, R.REFUND, credit=baht(101))
    settle(tx, return_id, R.REFUND)
    assert audit_all(tx.session) == []
