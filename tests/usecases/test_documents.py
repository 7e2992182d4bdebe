"""Issuing documents: numbered in the same transaction, frozen, and refused in a sentence that says what is missing."""

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from oms import clock
from oms.approvals import ApprovalPolicy
from oms.audit import AuditLog
from oms.catalog.models import Sku, VatClass
from oms.customers.models import Customer
from oms.db import db
from oms.documents.kinds import KINDS, TAX_INVOICES
from oms.documents.models import Document, DocumentOrder, DocumentPrint, canonical, checksum
from oms.documents.parties import Buyer
from oms.documents.states import DocumentKind as K
from oms.documents.states import DocumentStatus, PrintMark, SeriesEra, VoidReason
from oms.errors import Conflict, Forbidden, InvalidInput, NotFound
from oms.money import ZERO, Money
from oms.numbering import NumberSeries
from oms.orders.models import Order
from oms.orders.states import CancelReason, PaymentTerm
from oms.payments.states import PaymentMethod
from oms.reports.order_documents import order_documents
from oms.usecases.documents import IssueDocument, issue_document, preview_document
from oms.usecases.documents_print import open_prints, record_prints
from oms.usecases.documents_setup import AddVatRate, SaveBranch, SaveSeries, add_vat_rate, save_branch, save_series
from oms.usecases.documents_void import ReplaceDocument, VoidDocument, replace_document, void_document
from oms.usecases.gate import OverrideGate, override_gate
from oms.usecases.orders_bulk import StartBulk, bulk_rows, start_bulk, work_bulk
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import NewLine, place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, record_payment, reverse_claim, submit_claim
from oms.usecases.refunds import (
    DecideRefund,
    PayRefund,
    RefundTo,
    RequestRefund,
    approve_refund,
    pay_refund,
    request_refund,
)
from oms.usecases.sentences import unpack
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.usecases.refusals import count, refused

LOCKED = "never changed or removed|permission denied"


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture
def shop(tx):
    return small_shop(tx)


@pytest.fixture
def vat(tx):
    seller(tx)


@pytest.fixture
def clerk(tx, actor):
    return replace(tx, actor=actor("sales", user_id=1))


@contextmanager
def statements():
    """The statements sent to the database meanwhile."""
    sent = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    engine = db.engines[None]
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def manager(tx, actor):
    return replace(tx, actor=actor("manager", user_id=2))


def placed(tx, shop, *lines, **facts):
    return place_order(tx, shop.order(*(lines or ((0, 2), (1, 1))), **({"confirm": True} | facts))).order_id


def pay(tx, order_id, amount=None):
    amount = amount or tx.session.get_one(Order, order_id).total
    return record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),))).claim_id


def issue(tx, kind, *order_ids, **facts):
    done = issue_document(tx, IssueDocument(kind, order_ids, **facts))
    return tx.session.get_one(Document, done.document_id)


def test_a_tax_invoice_is_numbered_frozen_and_told_in_the_orders_story(tx, shop, vat):
    order_id = placed(tx, shop, discount=baht(50), shipping_fee=baht(40))
    row = issue(tx, K.TAX_INVOICE, order_id, buyer=FULL)
    assert (row.number, row.series, row.sequence) == ("IV69-000001", "IV69", 1)
    assert (row.total, row.vat, row.net, row.exempt) == (baht(390), baht("25.51"), baht("364.49"), ZERO)
    assert (row.buyer_name, row.buyer_tax_id, row.buyer_branch) == (FULL.name, FULL.tax_id, "00002")
    kept = row.content
    assert [line["kind"] for line in kept["lines"]] == ["goods", "goods", "shipping", "discount"]
    assert sum(line["amount"] for line in kept["lines"]) == 39000
    assert sum(line["net"] for line in kept["lines"]) == 36449
    assert kept["seller"]["tax_id"] == "0003560000025"
    assert kept["buyer"]["address"].startswith("9 ถนนสีลม")
    assert kept["link"] == f"https://panel.example.test/d/{row.token}"
    assert row.checksum == checksum(kept)
    told = tx.session.scalars(select(AuditLog).where(AuditLog.action == "document.issued")).all()
    assert {(a.subject_type, a.subject_id) for a in told} == {("document", row.id), ("order", order_id)}
    assert all(a.after["document"] == "IV69-000001" for a in told)


def test_the_database_can_recompute_the_checksum(tx, shop, vat):
    row = issue(tx, K.TAX_INVOICE, placed(tx, shop))
    found = tx.session.execute(
        text("SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex'), content FROM documents WHERE id = :i"),
        {"i": row.id},
    ).one()
    assert found[0] == row.checksum == hashlib.sha256(canonical(row.content).encode()).hexdigest()
    assert found[1] == canonical(row.content)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE documents SET total = total + 1, net = net + 1", "UPDATE documents SET content = '{}'",
        "UPDATE documents SET number = 'IV69-000009'", "UPDATE documents SET status = 'issued', prints = -1",
        "UPDATE documents SET buyer_name = 'x'", "DELETE FROM documents", "DELETE FROM document_orders",
        "UPDATE document_orders SET amount = 0", "UPDATE documents SET issued_on = '2020-01-01'",
        "TRUNCATE documents CASCADE",
    ],
)  # fmt: skip
def test_nobody_changes_an_issued_document(tx, shop, vat, change):
    issue(tx, K.TAX_INVOICE, placed(tx, shop))
    with pytest.raises(DBAPIError, match=LOCKED), tx.session.begin_nested():
        tx.session.execute(text(change))


def test_a_voided_one_stays_voided_and_its_goods_get_no_second_life(tx, shop, vat, manager):
    row = issue(tx, K.TAX_INVOICE, placed(tx, shop))
    void_document(manager, VoidDocument(row.id, VoidReason.WRONG_NAME))
    for change in (
        "UPDATE documents SET status = 'issued', voided_at = NULL, void_reason = NULL",
        "UPDATE documents SET void_note = 'other'",
        "UPDATE document_orders SET is_live_tax = true",
    ):
        with pytest.raises(DBAPIError, match=LOCKED), tx.session.begin_nested():
            tx.session.execute(text(change))


def test_the_same_key_answers_with_the_first_document(tx, shop, vat):
    order_id = placed(tx, shop)
    first = issue_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), "k1"))
    again = issue_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), "k1"))
    assert (again.document_id, again.number, again.repeated) == (first.document_id, first.number, True)
    other = placed(tx, shop)
    with refused(tx, "key_reused", None, Document, NumberSeries):
        issue_document(tx, IssueDocument(K.TAX_INVOICE, (other,), "k1"))
    with refused(tx, "key_reused", None, Document, NumberSeries):
        issue_document(tx, IssueDocument(K.ORDER_BILL, (order_id,), "k1"))


def test_numbers_run_by_kind_branch_and_year(tx, shop, vat):
    save_branch(tx, SaveBranch("3", "1 ถนนนิมมานเหมินท์ เชียงใหม่ 50200", shop_ids=(shop.shopee,)))
    at_line, at_shopee = placed(tx, shop), placed(tx, shop, shop_id=shop.shopee)
    numbers = [issue(tx, K.ORDER_BILL, i).number for i in (at_line, at_shopee, at_line)]
    assert numbers == ["OB69-000001", "OB69-00003-000001", "OB69-000002"]
    assert issue(tx, K.TAX_INVOICE, at_shopee).content["seller"]["branch"] == "00003"
    with clock.at(clock.now() + timedelta(days=366)):
        assert issue(tx, K.ORDER_BILL, at_line).number == "OB70-000001"


def test_a_prefix_and_the_year_are_the_sellers_choice(tx, shop):
    seller(tx, era=SeriesEra.CE)
    save_series(tx, SaveSeries(K.ORDER_BILL, "sale"))
    year = clock.today().year % 100
    assert issue(tx, K.ORDER_BILL, placed(tx, shop)).number == f"SALE{year}-000001"


def test_a_refusal_uses_no_number(tx, shop, vat):
    order_id = placed(tx, shop)
    issue(tx, K.TAX_INVOICE, order_id)
    with refused(tx, "tax_invoice_exists", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, order_id)
    assert issue(tx, K.TAX_INVOICE, placed(tx, shop)).number == "IV69-000002"


@pytest.mark.parametrize("kind", sorted(TAX_INVOICES))
def test_goods_have_one_live_tax_invoice_of_whatever_form(tx, shop, vat, manager, kind):
    order_id = placed(tx, shop)
    pay(tx, order_id)
    first = issue(tx, kind, order_id)
    for other in sorted(TAX_INVOICES):
        code = "use_replace" if KINDS[kind].is_short and not KINDS[other].is_short else "tax_invoice_exists"
        with refused(tx, code, None, Document, NumberSeries):
            issue(tx, other, order_id)
    void_document(manager, VoidDocument(first.id, VoidReason.ORDER_CANCELED))
    assert issue(tx, K.TAX_INVOICE, order_id).status is DocumentStatus.ISSUED


def test_nothing_is_issued_before_the_company_is_entered(tx, shop):
    order_id = placed(tx, shop)
    with refused(tx, "seller_incomplete", None, Document, NumberSeries) as caught:
        issue(tx, K.TAX_INVOICE, order_id)
    assert "company name, tax id, address of the branch" in str(caught.value)
    assert "Company and documents" in str(caught.value)
    with refused(tx, "seller_incomplete", None, Document, NumberSeries) as caught:
        issue(tx, K.ORDER_BILL, order_id)
    assert str(caught.value).startswith("Missing: company name.")


def test_a_seller_without_vat_gives_receipts_without_tax_words_and_no_tax_document(tx, shop):
    seller(tx, vat=False)
    order_id = placed(tx, shop)
    pay(tx, order_id)
    for kind in (k for k, row in KINDS.items() if row.is_tax and not row.sign):
        with refused(tx, "not_vat", None, Document, NumberSeries):
            issue(tx, kind, order_id)
    row = issue(tx, K.RECEIPT, order_id)
    assert (row.total, row.vat, row.vat_rate_bp) == (baht(400), ZERO, None)
    assert row.content["sums"]["rate_bp"] is None
    assert not row.content["seller"]["is_vat"]


def test_a_seller_registers_for_vat_on_a_day(tx, shop):
    seller(tx, vat_from=clock.today() + timedelta(days=1))
    order_id = placed(tx, shop)
    with refused(tx, "before_vat", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, order_id)


@pytest.mark.parametrize(
    ("buyer", "code", "field"),
    [
        (Buyer("", address="1 ถนนสีลม"), "buyer_name_missing", "buyer_name"),
        (Buyer("นายสมชาย"), "buyer_address_missing", "buyer_address"),
        (Buyer("ก***า", address="1 ถนนสีลม"), "buyer_masked", "buyer_name"),
        (Buyer("นายสมชาย", "123", address="1"), "tax_id_length", "buyer_tax_id"),
        (Buyer("นายสมชาย", "0005560000018", address="1"), "tax_id_check", "buyer_tax_id"),
        (Buyer("นายสมชาย", "0005560000019", "x1", "1"), "branch", "buyer_branch"),
        (Buyer("น" * 201, address="1"), "too_long", "buyer_name"),
    ],
)
def test_a_full_tax_invoice_names_what_is_wrong_with_the_buyer(tx, shop, vat, buyer, code, field):
    order_id = placed(tx, shop)
    with refused(tx, code, field, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, order_id, buyer=buyer)


def test_an_abbreviated_one_needs_no_buyer_but_is_refused_to_one_who_wants_a_full_one(tx, shop, vat):
    order_id = placed(tx, shop)
    with refused(tx, "full_wanted", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE_SHORT, order_id, buyer=FULL)
    row = issue(tx, K.TAX_INVOICE_SHORT, order_id, buyer=Buyer(""))
    assert row.number == "AB69-000001"
    known = placed(tx, shop)
    customer = tx.session.get_one(Customer, tx.session.get_one(Order, known).customer_id)
    customer.tax_name, customer.tax_id, customer.tax_address = FULL.name, FULL.tax_id, FULL.address
    with refused(tx, "full_wanted", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE_SHORT, known)
    assert issue(tx, K.TAX_INVOICE, known).buyer_tax_id == FULL.tax_id


def test_an_order_called_off_or_not_confirmed_is_not_billed(tx, shop, vat):
    gone, draft = placed(tx, shop), placed(tx, shop, confirm=False)
    cancel_order(tx, CancelOrder(gone, CancelReason.CUSTOMER))
    for kind in (K.TAX_INVOICE, K.ORDER_BILL, K.DELIVERY_NOTE, K.PICKING_LIST):
        with refused(tx, "order_dead", None, Document, NumberSeries):
            issue(tx, kind, gone)
    with refused(tx, "order_draft", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, draft)
    assert issue(tx, K.QUOTATION, draft).number == "QT69-000001"


def test_a_free_order_comes_to_nothing(tx, shop, vat):
    order_id = placed(tx, shop, lines=(NewLine(shop.skus[0], 1, unit_price=ZERO),), priced_by_channel=True)
    with refused(tx, "nothing_to_bill", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, order_id)


def test_a_receipt_is_for_verified_money_alone(tx, shop, vat):
    order_id = placed(tx, shop)
    with refused(tx, "no_money", None, Document, NumberSeries):
        issue(tx, K.RECEIPT, order_id)
    submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(400), ((order_id, baht(400)),)))
    with refused(tx, "no_money", None, Document, NumberSeries):
        issue(tx, K.RECEIPT, order_id)
    pay(tx, order_id, baht(150))
    with refused(tx, "receipt_amount", "amount", Document, NumberSeries):
        issue(tx, K.RECEIPT, order_id, amount=baht("150.01"))
    with refused(tx, "money_short", None, Document, NumberSeries):
        issue(tx, K.RECEIPT_TAX_INVOICE, order_id)
    first = issue(tx, K.RECEIPT, order_id, amount=baht(100))
    second = issue(tx, K.RECEIPT, order_id)
    assert (first.total, second.total) == (baht(100), baht(50))
    assert second.content["money"] == {"due": 40000, "before": 10000, "received": 5000, "left": 25000}
    with refused(tx, "no_money", None, Document, NumberSeries):
        issue(tx, K.RECEIPT, order_id)


def test_money_taken_back_leaves_nothing_to_acknowledge(tx, shop, vat):
    order_id = placed(tx, shop)
    reverse_claim(tx, DecideClaim(pay(tx, order_id), "โอนผิด"))
    with refused(tx, "no_money", None, Document, NumberSeries):
        issue(tx, K.RECEIPT, order_id)


def test_too_much_money_is_acknowledged_as_far_as_it_is_due(tx, shop, vat):
    order_id = placed(tx, shop)
    pay(tx, order_id, baht(500))
    assert issue(tx, K.RECEIPT, order_id).total == baht(400)


def test_cod_is_receipted_when_the_carrier_has_paid(tx, shop, vat):
    order_id = placed(tx, shop, payment_term=PaymentTerm.COD)
    mark_shipped(tx, MarkShipped(order_id, "Flash", "TH0001"))
    with refused(tx, "no_money", None, Document, NumberSeries) as caught:
        issue(tx, K.RECEIPT, order_id)
    assert "carrier has not paid" in str(caught.value)
    tx.session.execute(text("UPDATE cod_entries SET status = 'remitted', collected = expected, remitted = expected"))
    assert issue(tx, K.RECEIPT, order_id).total == baht(400)


def test_vat_is_summed_by_class_and_discounts_are_spread(tx, shop, vat):
    tx.session.get_one(Sku, shop.skus[1]).vat_class = VatClass.EXEMPT
    order_id = placed(tx, shop, (0, 1), (1, 1), discount=baht(30), shipping_fee=baht(50))  # 100 taxed, 200 exempt
    row = issue(tx, K.TAX_INVOICE, order_id)
    sums = row.content["sums"]
    assert (sums["exempt"], sums["base"] + sums["vat"], sums["total"]) == (18000, 14000, 32000)
    assert (row.exempt, row.vat, row.net) == (baht(180), baht("9.16"), baht("130.84"))
    exempt = placed(tx, shop, (1, 1))
    with refused(tx, "nothing_taxed", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, exempt)


def test_canceled_pieces_are_not_billed(tx, shop, vat):
    order_id = placed(tx, shop, (0, 3), (1, 1))
    line = tx.session.get_one(Order, order_id).lines[0]
    line.canceled = 1
    tx.session.flush()
    row = issue(tx, K.ORDER_BILL, order_id)
    assert row.total == baht(400)
    assert [x["quantity"] for x in row.content["lines"]] == [2, 1]


def test_the_rate_goes_with_the_tax_point(tx, shop, vat):
    today = clock.today()
    add_vat_rate(tx, AddVatRate(today - timedelta(days=3), Decimal(10), today - timedelta(days=2)))
    row = issue(tx, K.TAX_INVOICE, placed(tx, shop), tax_point=today - timedelta(days=2))
    assert (row.vat_rate_bp, row.vat) == (1000, baht("36.36"))
    other = placed(tx, shop)
    with refused(tx, "rate_missing", None, Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, other, tax_point=today)
    with refused(tx, "tax_point_future", "tax_point", Document, NumberSeries):
        issue(tx, K.TAX_INVOICE, other, tax_point=today + timedelta(days=1))


def test_the_tax_point_is_delivery_or_payment_whichever_came_first(tx, shop, vat):
    order_id, ago = placed(tx, shop), clock.now() - timedelta(days=2)
    amount = baht(400)
    record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),), paid_at=ago))
    mark_shipped(tx, MarkShipped(order_id, "Flash", "TH0002"))
    seen = preview_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,)))
    assert seen.content["tax_point"] == clock.local(ago).date().isoformat()
    assert any("tax point" in str(w) for w in seen.warnings)
    assert issue(tx, K.TAX_INVOICE, order_id).tax_point == clock.local(ago).date()


def test_a_preview_is_the_document_without_its_number_and_changes_nothing(tx, shop, vat):
    order_id = placed(tx, shop)
    before = [count(tx, m) for m in (Document, NumberSeries, AuditLog)]
    seen = preview_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), buyer=FULL))
    assert [count(tx, m) for m in (Document, NumberSeries, AuditLog)] == before
    row = issue(tx, K.TAX_INVOICE, order_id, buyer=FULL)
    given = {"number", "series", "link", "footer"}
    assert {k: v for k, v in seen.content.items() if k not in given} == {
        k: v for k, v in row.content.items() if k not in given
    }
    assert seen.total == row.total


def test_an_override_stands_on_the_papers_and_its_reason_only_inside(tx, shop, vat, manager):
    order_id = placed(tx, shop)
    override_gate(manager, OverrideGate(order_id, "ลูกค้าประจำ"))
    outside, inside = issue(tx, K.TAX_INVOICE, order_id), issue(tx, K.PACKING_SLIP, order_id)
    assert (outside.content["override"]["by"], outside.content["override"]["reason"]) == ("manager", "")
    assert inside.content["override"]["reason"] == "ลูกค้าประจำ"


def test_several_orders_of_one_customer_go_on_one_document(tx, shop, vat):
    first, second = placed(tx, shop), placed(tx, shop, (2, 1))
    row = issue(tx, K.TAX_INVOICE, second, first)
    assert row.total == baht(700)
    assert next(o["number"] for o in row.content["orders"]) == tx.session.get_one(Order, second).number
    shares = dict(tx.session.execute(select(DocumentOrder.order_id, DocumentOrder.amount)).all())
    assert shares == {first: baht(400), second: baht(300)}
    stranger = placed(tx, shop, ship_to=replace(shop.order().ship_to, name="คนอื่น", phone="081-000-9999"))
    with refused(tx, "different_buyers", None, Document, NumberSeries):
        issue(tx, K.INVOICE, first, stranger)
    with refused(tx, "one_order", None, Document, NumberSeries):
        issue(tx, K.PACKING_SLIP, first, second)


def test_permission_and_row_scope_are_asked_in_the_verb(tx, shop, vat, actor):
    order_id = placed(tx, shop)

    def by(role, **facts):
        return replace(tx, actor=actor(role, **facts))

    with refused(by("viewer"), "forbidden", None, Document, NumberSeries):
        issue(by("viewer"), K.TAX_INVOICE, order_id)
    with refused(by("warehouse"), "forbidden", None, Document, NumberSeries):
        issue(by("warehouse"), K.TAX_INVOICE, order_id)
    assert issue(by("warehouse"), K.PICKING_LIST, order_id).kind is K.PICKING_LIST
    with refused(by("sales", shops=frozenset({shop.shopee})), "order_not_found", None, Document, NumberSeries):
        issue(by("sales", shops=frozenset({shop.shopee})), K.TAX_INVOICE, order_id)
    row = issue(by("sales"), K.TAX_INVOICE, order_id)
    with pytest.raises(NotFound):
        open_prints(by("manager", shops=frozenset({shop.shopee})), [row.id])
    with pytest.raises(Forbidden):
        void_document(by("sales"), VoidDocument(row.id, VoidReason.MISTAKE, "x"))


def test_void_keeps_the_number_and_frees_the_goods(tx, shop, vat, manager):
    order_id = placed(tx, shop)
    row = issue(tx, K.TAX_INVOICE, order_id)
    with refused(manager, "reason_missing", "note"):
        void_document(manager, VoidDocument(row.id, VoidReason.OTHER))
    with pytest.raises(Conflict):
        void_document(manager, VoidDocument(row.id, VoidReason.MISTAKE, "x", version=row.version + 1))
    void_document(manager, VoidDocument(row.id, VoidReason.MISTAKE, "พิมพ์ผิด", row.version))
    assert (row.status, row.void_reason, row.void_note) == (DocumentStatus.VOIDED, VoidReason.MISTAKE, "พิมพ์ผิด")
    assert row.checksum == checksum(row.content)
    with refused(manager, "document_void_refused"):
        void_document(manager, VoidDocument(row.id, VoidReason.WRONG_NAME))
    assert issue(tx, K.TAX_INVOICE, order_id).number == "IV69-000002"


def test_in_two_person_mode_nobody_voids_what_they_issued(tx, shop, vat, manager):
    tx.session.add(ApprovalPolicy(kind="document.void", is_on=True))
    mine, other = issue(manager, K.ORDER_BILL, placed(tx, shop)), issue(tx, K.ORDER_BILL, placed(tx, shop))
    with refused(manager, "own_document"):
        void_document(manager, VoidDocument(mine.id, VoidReason.WRONG_NAME))
    with refused(manager, "own_document", None, Document, NumberSeries):
        replace_document(manager, ReplaceDocument(mine.id, VoidReason.WRONG_NAME))
    void_document(manager, VoidDocument(other.id, VoidReason.WRONG_NAME))


def test_a_replacement_names_the_old_one_its_date_and_the_reason(tx, shop, vat, manager):
    order_id = placed(tx, shop)
    old = issue(tx, K.TAX_INVOICE, order_id, tax_point=clock.today() - timedelta(days=1))
    new_buyer = replace(FULL, name="บริษัท ชื่อถูก จำกัด")
    done = replace_document(
        manager, ReplaceDocument(old.id, VoidReason.WRONG_NAME, buyer=new_buyer, idempotency_key="r")
    )
    new = tx.session.get_one(Document, done.document_id)
    assert (old.status, old.replaced_by_id, new.replaces_id) == (DocumentStatus.VOIDED, new.id, old.id)
    assert (new.buyer_name, new.tax_point, new.number) == (new_buyer.name, old.tax_point, "IV69-000002")
    said = new.content["replaces"]
    assert (said["number"], said["on"], said["code"]) == (old.number, old.issued_on.isoformat(), "TIVC01")
    assert "ชื่อ" in said["reason"]
    again = replace_document(manager, ReplaceDocument(old.id, VoidReason.WRONG_NAME, idempotency_key="r"))
    assert (again.document_id, again.repeated) == (new.id, True)
    with refused(manager, "not_replaceable", None, Document, NumberSeries):
        replace_document(manager, ReplaceDocument(old.id, VoidReason.WRONG_NAME))
    third = replace_document(manager, ReplaceDocument(new.id, VoidReason.WRONG_ADDRESS))
    assert tx.session.get_one(Document, third.document_id).content["replaces"]["code"] == "TIVC02"


def test_an_abbreviated_one_becomes_a_full_one_by_replacement(tx, shop, vat, manager):
    old = issue(tx, K.TAX_INVOICE_SHORT, placed(tx, shop))
    done = replace_document(manager, ReplaceDocument(old.id, VoidReason.FULL_WANTED, buyer=FULL, kind=K.TAX_INVOICE))
    new = tx.session.get_one(Document, done.document_id)
    assert (new.kind, new.content["replaces"]["title"][0]) == (K.TAX_INVOICE, "ใบกำกับภาษีอย่างย่อ")
    with refused(manager, "not_replaceable", None, Document, NumberSeries):
        replace_document(manager, ReplaceDocument(new.id, VoidReason.MISTAKE, "x", kind=K.ORDER_BILL))
    with refused(manager, "not_replaceable", None, Document, NumberSeries):
        replace_document(manager, ReplaceDocument(new.id, VoidReason.MISTAKE, "x", kind=K.TAX_INVOICE_SHORT))


def test_a_refused_replacement_leaves_the_old_one_alive(tx, shop, vat, manager):
    old = issue(tx, K.TAX_INVOICE, placed(tx, shop))
    with pytest.raises(InvalidInput), tx.session.begin_nested():
        replace_document(manager, ReplaceDocument(old.id, VoidReason.WRONG_NAME, buyer=Buyer("")))
    tx.session.expire_all()
    assert old.status is DocumentStatus.ISSUED


def test_the_first_print_is_the_original_and_every_later_one_a_copy(tx, shop, vat, clerk):
    row = issue(tx, K.TAX_INVOICE, placed(tx, shop))
    first = open_prints(clerk, [row.id], with_copy=True)
    late = open_prints(clerk, [row.id])
    assert [s.mark for s in first] == [PrintMark.ORIGINAL, PrintMark.COPY]
    record_prints(clerk, first, "a4", ["a" * 64, "b" * 64])
    with refused(clerk, "printed", None, DocumentPrint):
        record_prints(clerk, late, "a4", ["c" * 64])
    again = open_prints(clerk, [row.id], with_copy=True)
    assert [s.mark for s in again] == [PrintMark.COPY]
    record_prints(clerk, again, "a4", ["b" * 64])
    tx.session.expire_all()
    assert row.prints == 3
    with pytest.raises(DBAPIError, match=LOCKED), tx.session.begin_nested():
        tx.session.execute(text("DELETE FROM document_prints"))


def test_statements_do_not_grow_with_the_orders(tx, shop, vat):
    ids = [placed(tx, shop, (i % 4, 1)) for i in range(8)]
    with statements() as few:
        issue(tx, K.INVOICE, *ids[:2])
    with statements() as many:
        issue(tx, K.INVOICE, *ids[2:])
    assert len(many) == len(few) <= 20


def test_many_orders_get_their_document_each_or_the_reason_why_not(tx, shop, vat):
    good, dead = [placed(tx, shop) for _ in range(3)], placed(tx, shop)
    cancel_order(tx, CancelOrder(dead, CancelReason.CUSTOMER))
    state = start_bulk(tx, StartBulk("issue", (*good, dead), {"kind": "tax_invoice"}, "bulk"))
    while not state.finished:
        state = work_bulk(tx, state.run_id)
    rows = bulk_rows(tx.session, state.run_id)
    assert [row.code for row in rows] == ["ok", "ok", "ok", "order_dead"]
    assert [str(unpack(row.message)) for row in rows[:3]] == ["IV69-000001", "IV69-000002", "IV69-000003"]
    with pytest.raises(InvalidInput):
        start_bulk(tx, StartBulk("issue", tuple(good), {"kind": "nothing"}, "other"))


def test_the_order_says_when_papers_and_sale_no_longer_agree(tx, shop, vat):
    order_id = placed(tx, shop)
    claim = pay(tx, order_id)
    issue(tx, K.TAX_INVOICE, order_id)
    issue(tx, K.RECEIPT, order_id)
    order = tx.session.get_one(Order, order_id)
    assert order_documents(tx, order).attention == []
    reverse_claim(tx, DecideClaim(claim, "โอนผิด"))
    order.lines[0].canceled = 1
    tx.session.flush()
    said = [str(text) for text in order_documents(tx, order).attention]
    assert len(said) == 2
    assert "only 0.00 is in" in said[0]
    assert "comes to 400.00, the order to 300.00" in said[1]


def test_the_card_offers_what_may_be_issued_and_says_why_not_the_rest(tx, shop, vat):
    order = tx.session.get_one(Order, placed(tx, shop))
    card = order_documents(tx, order)
    state = {choice.kind: choice.why_not for choice in card.choices}
    assert [c.kind for c in card.first] == [K.TAX_INVOICE]
    assert state[K.ORDER_BILL] is None
    assert "no money is verified" in str(state[K.RECEIPT])
    assert "No parcel" in str(state[K.HAND_OVER_SHEET])
    issue(tx, K.TAX_INVOICE_SHORT, order.id)
    replaced = {c.kind: c.replace_id for c in order_documents(tx, order).choices}
    assert replaced[K.TAX_INVOICE] is not None


def test_a_refund_voucher_is_for_a_refund_that_was_paid(tx, shop, vat, manager, clerk, actor):
    order_id = placed(tx, shop)
    pay(tx, order_id)
    asked = RequestRefund(order_id, baht(40), "ของชำรุด", RefundTo(PaymentMethod.CASH, name="กนกวรรณ"))
    refund_id = request_refund(clerk, asked).refund_id
    with refused(tx, "refund_not_paid", None, Document, NumberSeries):
        issue(tx, K.REFUND_VOUCHER, order_id, refund_id=refund_id)
    approve_refund(manager, DecideRefund(refund_id))
    pay_refund(replace(tx, actor=actor("cashier", user_id=3)), PayRefund(refund_id))
    row = issue(tx, K.REFUND_VOUCHER, order_id, refund_id=refund_id)
    assert (row.total, row.refund_id, row.buyer_name) == (baht(40), refund_id, "กนกวรรณ")
    with refused(tx, "refund_not_found", None, Document, NumberSeries):
        issue(tx, K.REFUND_VOUCHER, order_id, refund_id=refund_id + 99)


def test_a_hand_over_sheet_lists_the_parcels_and_their_cash(tx, shop, vat):
    order_id = placed(tx, shop, payment_term=PaymentTerm.COD)
    with refused(tx, "no_parcels", None, Document, NumberSeries):
        issue(tx, K.HAND_OVER_SHEET, order_id)
    mark_shipped(tx, MarkShipped(order_id, "Flash", "TH0009"))
    kept = issue(tx, K.HAND_OVER_SHEET, order_id).content
    assert [(b["tracking_no"], b["cod"]) for b in kept["boxes"]] == [("TH0009", 40000)]
    assert kept["cash"] == 40000
    assert kept["buyer"]["name"] == ""


def test_papers_of_goods_are_about_the_pieces_asked_for(tx, shop, vat):
    first, second = placed(tx, shop), placed(tx, shop)
    kept = issue(tx, K.PICKING_LIST, first, second).content
    assert [(row["code"], row["quantity"], len(row["orders"])) for row in kept["goods"]] == [
        ("RU-0001", 4, 2), ("RU-0002", 2, 2),
    ]  # fmt: skip
    with refused(tx, "no_pieces", None, Document, NumberSeries):
        issue(tx, K.RETURN_RECEIPT, first)
    line = tx.session.get_one(Order, first).lines[0].id
    kept = issue(tx, K.RETURN_RECEIPT, first, pieces={line: 1}).content
    assert (kept["pieces"], len(kept["goods"])) == (1, 1)
    with refused(tx, "too_many_pieces", None, Document, NumberSeries):
        issue(tx, K.RETURN_RECEIPT, first, pieces={line: 3})
