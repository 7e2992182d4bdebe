"""Credit and debit notes: within their invoice, with its rate, ending at exactly nothing."""

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms.documents.models import Document
from oms.documents.parties import Buyer
from oms.documents.states import CreditReason, DebitReason, VoidReason
from oms.documents.states import DocumentKind as K
from oms.errors import Forbidden, InvalidInput, Refused
from oms.money import ZERO, Money
from oms.numbering import NumberSeries
from oms.orders.models import Order
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, credit_for_return, issue_note
from oms.usecases.documents_void import ReplaceDocument, VoidDocument, replace_document, void_document
from oms.usecases.orders_place import place_order
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.usecases.refusals import refused


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture
def shop(tx):
    seller(tx)
    return small_shop(tx)


def invoiced(tx, shop, *lines, kind=K.TAX_INVOICE, buyer=FULL, **facts):
    order_id = place_order(tx, shop.order(*(lines or ((0, 2), (1, 1))), confirm=True, **facts)).order_id
    done = issue_document(tx, IssueDocument(kind, (order_id,), buyer=buyer))
    return order_id, tx.session.get_one(Document, done.document_id)


def note(tx, invoice, kind=K.CREDIT_NOTE, code=CreditReason.PRICE_CUT, **facts):
    facts = {"reason_code": code, "reason": "ทดสอบ"} | facts
    return tx.session.get_one(Document, issue_note(tx, IssueNote(invoice.id, kind, **facts)).document_id)


def line_ids(tx, order_id):
    return [line.id for line in tx.session.get_one(Order, order_id).lines]


def test_a_credit_note_names_the_invoice_its_value_the_right_one_and_the_difference(tx, shop):
    _, invoice = invoiced(tx, shop)  # 400: 373.83 + 26.17
    row = note(tx, invoice, amount=baht(107))
    assert (row.number, row.refers_to_id, row.net, row.vat, row.total) == (
        "CN69-000001", invoice.id, baht(100), baht(7), baht(107),
    )  # fmt: skip
    said = row.content["note"]
    assert (said["number"], said["on"], said["code"]) == (invoice.number, invoice.issued_on.isoformat(), "CDNG01")
    assert (said["original"], said["before"], said["right"], said["difference"]) == (37383, 37383, 27383, 10000)
    second = note(tx, invoice, amount=baht(107)).content["note"]
    assert (second["original"], second["before"], second["right"]) == (37383, 27383, 17383)
    assert row.content["buyer"] == invoice.content["buyer"]


def test_credits_never_exceed_their_invoice(tx, shop):
    _, invoice = invoiced(tx, shop)
    with refused(tx, "credit_too_much", "amount", Document, NumberSeries):
        note(tx, invoice, amount=baht("400.01"))
    note(tx, invoice, amount=baht(300))
    with refused(tx, "credit_too_much", "amount", Document, NumberSeries):
        note(tx, invoice, amount=baht("100.01"))
    for amount in (ZERO, baht(-5)):
        with refused(tx, "amount_range", "amount", Document, NumberSeries):
            note(tx, invoice, amount=amount)
    rest = note(tx, invoice)
    assert rest.total == baht(100)
    with refused(tx, "amount_range", "amount", Document, NumberSeries):
        note(tx, invoice)


def test_a_debit_note_raises_what_may_be_credited(tx, shop):
    _, invoice = invoiced(tx, shop)
    more = note(tx, invoice, K.DEBIT_NOTE, DebitReason.PRICE_TOO_LOW, amount=baht(107))
    assert (more.number, more.vat, more.content["note"]["right"]) == ("DN69-000001", baht(7), 47383)
    assert note(tx, invoice, amount=baht(507)).total == baht(507)


def test_a_return_is_credited_in_its_own_transaction(tx, shop, actor):
    order_id, invoice = invoiced(tx, shop, discount=baht(40), shipping_fee=baht(30))
    lines = line_ids(tx, order_id)
    cashier = replace(tx, actor=actor("cashier"))
    done = credit_for_return(cashier, order_id, {lines[0]: 1, lines[1]: 0}, baht(90), "CDNG05", "คืนหนึ่งตัว")
    row = tx.session.get_one(Document, done.document_id)
    assert (row.total, row.vat) == (baht(90), baht("5.89"))
    assert [(x["quantity"], x["amount"], x["line"]) for x in row.content["lines"]] == [(1, 9000, lines[0])]
    assert row.content["note"]["reason"] == "รับคืนสินค้า"
    assert row.content["note"]["words"] == "คืนหนึ่งตัว"
    with refused(tx, "too_many_pieces", "pieces", Document, NumberSeries):
        credit_for_return(tx, order_id, {lines[0]: 2}, baht(90), "CDNG05", "x")
    with refused(tx, "pieces_unknown", "pieces", Document, NumberSeries):
        note(tx, invoice, K.DEBIT_NOTE, DebitReason.MORE_GOODS, pieces={999999: 1})


def test_pieces_are_worth_what_was_billed_less_their_share_of_the_discount(tx, shop):
    order_id, invoice = invoiced(tx, shop, (0, 2), (1, 1), discount=baht(40))
    row = note(tx, invoice, pieces={line_ids(tx, order_id)[0]: 2})
    assert row.total == baht(180)


def test_without_a_live_tax_invoice_a_return_credits_nothing(tx, shop):
    order_id = place_order(tx, shop.order(confirm=True)).order_id
    assert credit_for_return(tx, order_id, {}, baht(10), "CDNG05", "x") is None
    issue_document(tx, IssueDocument(K.ORDER_BILL, (order_id,)))
    assert credit_for_return(tx, order_id, {}, baht(10), "CDNG05", "x") is None
    billed, invoice = invoiced(tx, shop)
    assert credit_for_return(tx, billed, {}, ZERO, "CDNG05", "x") is None
    void_document(tx, VoidDocument(invoice.id, VoidReason.MISTAKE, "x"))
    assert credit_for_return(tx, billed, {}, baht(10), "CDNG05", "x") is None


def test_who_may_credit(tx, shop, actor):
    order_id, invoice = invoiced(tx, shop)
    for role in ("viewer", "warehouse"):
        by = replace(tx, actor=actor(role))
        with pytest.raises(Forbidden):
            credit_for_return(by, order_id, {}, baht(10), "CDNG05", "x")
        with pytest.raises(Forbidden):
            note(by, invoice, amount=baht(10))


def test_a_note_needs_a_reason_the_law_knows_and_an_invoice_that_lives(tx, shop):
    order_id, invoice = invoiced(tx, shop)
    with refused(tx, "reason_code", "reason_code", Document, NumberSeries):
        note(tx, invoice, code="CDNG77", amount=baht(1))
    with refused(tx, "reason_code", "reason_code", Document, NumberSeries):
        note(tx, invoice, code="DBNG01", amount=baht(1))
    with refused(tx, "reason_missing", "reason", Document, NumberSeries):
        note(tx, invoice, code="CDNG99", reason="", amount=baht(1))
    with refused(tx, "note_kind", "kind", Document, NumberSeries):
        note(tx, invoice, K.RECEIPT, amount=baht(1))
    with refused(tx, "which_order", "order_id", Document, NumberSeries):
        note(tx, invoice, amount=baht(1), order_id=order_id + 999)
    credit = note(tx, invoice, amount=baht(1))
    with refused(tx, "no_tax_invoice", None, Document, NumberSeries):
        note(tx, credit, amount=baht(1))
    with refused(tx, "note_of_invoice", None, Document, NumberSeries):
        issue_document(tx, IssueDocument(K.CREDIT_NOTE, (order_id,)))


def test_an_invoice_with_notes_is_not_voided_before_them(tx, shop):
    _, invoice = invoiced(tx, shop)
    credit = note(tx, invoice, amount=baht(10))
    with refused(tx, "has_notes", None, Document, NumberSeries):
        void_document(tx, VoidDocument(invoice.id, VoidReason.MISTAKE, "x"))
    with refused(tx, "has_notes", None, Document, NumberSeries):
        replace_document(tx, ReplaceDocument(invoice.id, VoidReason.WRONG_NAME))
    with refused(tx, "not_replaceable", None, Document, NumberSeries):
        replace_document(tx, ReplaceDocument(credit.id, VoidReason.WRONG_NAME))
    void_document(tx, VoidDocument(credit.id, VoidReason.MISTAKE, "x"))
    assert note(tx, invoice).total == baht(400)


def test_an_abbreviated_invoice_without_an_address_is_first_replaced(tx, shop):
    _, invoice = invoiced(tx, shop, kind=K.TAX_INVOICE_SHORT, buyer=Buyer("เงินสด"))
    with refused(tx, "buyer_address_missing", None, Document, NumberSeries):
        note(tx, invoice, amount=baht(1))


def test_the_key_answers_with_the_first_note(tx, shop):
    _, invoice = invoiced(tx, shop)
    first, again = (note(tx, invoice, amount=baht(10), idempotency_key="n") for _ in range(2))
    assert first.id == again.id


def test_each_order_of_an_invoice_is_credited_within_its_own_share(tx, shop):
    ids = [place_order(tx, shop.order((0, 1), confirm=True)).order_id for _ in range(2)]
    done = issue_document(tx, IssueDocument(K.TAX_INVOICE, tuple(ids), buyer=FULL))
    invoice = tx.session.get_one(Document, done.document_id)
    with refused(tx, "which_order", "order_id", Document, NumberSeries):
        note(tx, invoice, amount=baht(10))
    with refused(tx, "credit_too_much", "amount", Document, NumberSeries):
        note(tx, invoice, amount=baht(101), order_id=ids[0])
    assert credit_for_return(tx, ids[1], {}, baht(100), "CDNG05", "x") is not None
    with refused(tx, "credit_too_much", "amount", Document, NumberSeries):
        credit_for_return(tx, ids[1], {}, baht(1), "CDNG05", "x")
    assert note(tx, invoice, order_id=ids[0]).total == baht(100)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.integers(1, 40000), min_size=1, max_size=8))
def test_whatever_is_credited_the_rest_ends_at_nothing(tx, shop, parts):
    example = tx.session.begin_nested()
    _, invoice = invoiced(tx, shop)
    notes = []
    for part in parts:
        try:
            notes.append(note(tx, invoice, amount=Money.satang(part)))
        except Refused:
            break
    with contextlib.suppress(InvalidInput):
        notes.append(note(tx, invoice))
    for total, own in (("total", invoice.total), ("vat", invoice.vat), ("net", invoice.net)):
        assert sum((getattr(n, total) for n in notes), start=ZERO) == own
    example.rollback()
