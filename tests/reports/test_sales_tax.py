"""The sales-tax report: what stands in it, what it adds up to, and whether it ties to the orders."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, update

from oms import clock
from oms.db import db
from oms.documents.models import Document
from oms.documents.parties import Buyer
from oms.documents.states import CreditReason, VoidReason
from oms.documents.states import DocumentKind as K
from oms.errors import Forbidden, InvalidInput
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.reports import sales_tax_files
from oms.reports.sales_tax import Month, read_month, tax_report
from oms.shipping.states import ShipmentStatus
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.documents_void import VoidDocument, void_document
from oms.usecases.orders_place import place_order
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.usecases.money import box, order_of, placed

NOON = datetime(2026, 11, 15, 5, tzinfo=UTC)
NOVEMBER = Month(date(2026, 11, 1))


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture(autouse=True)
def _now():
    with clock.at(NOON):
        yield


@pytest.fixture
def shop(tx):
    seller(tx)
    return small_shop(tx, pieces=1000)


def invoiced(tx, shop, *lines, kind=K.TAX_INVOICE, buyer=FULL, tax_point=None):
    order_id = place_order(tx, shop.order(*(lines or ((0, 2), (1, 1))), confirm=True)).order_id
    done = issue_document(tx, IssueDocument(kind, (order_id,), buyer=buyer, tax_point=tax_point))
    return order_id, tx.session.get_one(Document, done.document_id)


@contextmanager
def statements():
    sent = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    event.listen(db.engines[None], "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engines[None], "before_cursor_execute", note)


def test_each_tax_document_is_a_row_and_other_papers_are_none(tx, shop):
    order_id, invoice = invoiced(tx, shop)  # 400: 373.83 + 26.17
    issue_document(tx, IssueDocument(K.INVOICE, (order_id,)))
    report = tax_report(tx, NOVEMBER)
    (row,) = report.rows
    assert (row.number, row.day, row.buyer, row.tax_id, row.branch) == (
        invoice.number, date(2026, 11, 15), FULL.name, FULL.tax_id, "00002",
    )  # fmt: skip
    assert (row.net, row.vat, row.exempt, row.total) == (baht("373.83"), baht("26.17"), ZERO, baht(400))
    assert (report.net, report.vat, report.total) == (baht("373.83"), baht("26.17"), baht(400))
    assert (report.ties, report.voided, report.unbilled_count) == (True, 0, 0)


def test_a_voided_one_keeps_its_row_and_counts_nothing(tx, shop):
    _, invoice = invoiced(tx, shop)
    invoiced(tx, shop)
    void_document(tx, VoidDocument(invoice.id, VoidReason.OTHER, "ทดสอบ"))
    report = tax_report(tx, NOVEMBER)
    assert [(r.is_voided, r.total, r.voided_late) for r in report.rows] == [
        (True, ZERO, False), (False, baht(400), False),
    ]  # fmt: skip
    assert (report.total, report.voided, report.ties) == (baht(400), 1, True)


def test_one_voided_after_its_month_says_so(tx, shop):
    _, invoice = invoiced(tx, shop)
    with clock.at(datetime(2026, 12, 3, 5, tzinfo=UTC)):
        void_document(tx, VoidDocument(invoice.id, VoidReason.OTHER, "ทดสอบ"))
    (row,) = tax_report(tx, NOVEMBER).rows
    assert (row.is_voided, row.voided_late) == (True, True)


def test_a_credit_note_is_taken_off_and_names_its_invoice(tx, shop):
    order_id, invoice = invoiced(tx, shop)
    issue_note(tx, IssueNote(invoice.id, K.CREDIT_NOTE, CreditReason.PRICE_CUT, "ทดสอบ", amount=baht(107)))
    report = tax_report(tx, NOVEMBER)
    credit = next(r for r in report.rows if r.kind is K.CREDIT_NOTE)
    assert (credit.net, credit.vat, credit.total, credit.refers_to) == (
        baht(-100), baht(-7), baht(-107), invoice.number,
    )  # fmt: skip
    assert report.total == baht(293)
    (untied,) = report.untied  # the order still says 400 is due
    assert (untied.order_id, untied.papers, untied.due) == (order_id, baht(293), baht(400))


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ((2026, 10, 31, 16, 59), "2026-10"),  # 23:59 in Bangkok
        ((2026, 10, 31, 17, 0), "2026-11"),
        ((2026, 11, 30, 16, 59), "2026-11"),
        ((2026, 11, 30, 17, 0), "2026-12"),
    ],
)
def test_the_month_is_the_one_of_bangkok(tx, shop, at, month):
    with clock.at(datetime(*at, tzinfo=UTC)):
        invoiced(tx, shop)
        found = {m: len(tax_report(tx, read_month(m)).rows) for m in ("2026-10", "2026-11", "2026-12")}
    assert found == {"2026-10": 0, "2026-11": 0, "2026-12": 0} | {month: 1}


def test_months_follow_each_other_over_the_year():
    december = read_month("2026-12")
    assert (str(december.following), str(december.before), december.last) == (
        "2027-01", "2026-11", date(2026, 12, 31),
    )  # fmt: skip
    assert str(read_month("")) == "2026-11"
    for text in ("2026-13", "nonsense", "1800-01", "2026-11-01"):
        with pytest.raises(InvalidInput):
            read_month(text)


def test_a_branch_has_its_own_report(tx, shop):
    _, invoice = invoiced(tx, shop)
    assert [r.number for r in tax_report(tx, NOVEMBER, "00000").rows] == [invoice.number]
    assert tax_report(tx, NOVEMBER, "00007").rows == []


def test_an_order_whose_due_is_another_is_found(tx, shop):
    order_id, _ = invoiced(tx, shop)
    tx.session.execute(update(Order).where(Order.id == order_id).values(total=baht(401), shipping_fee=baht(1)))
    tx.session.expire_all()
    report = tax_report(tx, NOVEMBER)
    assert not report.ties
    assert [(u.order_id, u.papers, u.due) for u in report.untied] == [(order_id, baht(400), baht(401))]


def test_goods_that_left_without_a_tax_invoice_are_named(tx, shop, actor):
    order = placed(tx, shop)
    made = box(tx, ShipmentStatus.LABELED, order)
    assert tax_report(tx, NOVEMBER).unbilled_count == 0
    made.handed_over_at = NOON
    tx.session.flush()
    report = tax_report(tx, NOVEMBER)
    assert ([o.id for o in report.unbilled], report.unbilled_count) == ([order.id], 1)
    assert tax_report(tx, NOVEMBER.before).unbilled_count == 0
    elsewhere = replace(tx, actor=actor("accountant", shops=frozenset({999_999})))
    assert tax_report(elsewhere, NOVEMBER).unbilled_count == 0
    issue_document(tx, IssueDocument(K.TAX_INVOICE, (order.id,), buyer=FULL))
    assert tax_report(tx, NOVEMBER).unbilled_count == 0


def test_who_may_not_see_documents_gets_no_report(tx, shop, actor):
    with pytest.raises(Forbidden):
        tax_report(replace(tx, actor=actor("warehouse")), NOVEMBER)


def test_the_number_of_statements_does_not_grow(tx, shop):
    invoiced(tx, shop)
    tx.session.flush()
    tx.session.expunge_all()
    with statements() as few:
        tax_report(tx, NOVEMBER)
    for _ in range(6):
        invoiced(tx, shop)
    tx.session.flush()
    tx.session.expunge_all()
    with statements() as many:
        assert len(tax_report(tx, NOVEMBER).rows) == 7
    assert len(many) == len(few) <= 20


def test_the_spreadsheet_and_the_paper_end_in_the_sums(tx, shop):
    invoiced(tx, shop)
    invoiced(tx, shop, kind=K.TAX_INVOICE_SHORT, buyer=Buyer(name="คุณสมใจ"))
    report = tax_report(tx, NOVEMBER)
    headings, rows = sales_tax_files.table(report, str)
    assert len(rows) == 3
    assert {len(row) for row in rows} == {len(headings)}
    assert rows[-1][7:11] == [report.net, report.vat, report.exempt, report.total]
    assert sales_tax_files.paper(tx.session, report).startswith(b"%PDF")


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=2, unique_by=lambda x: x[0]),
            st.booleans(),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_the_report_is_to_the_satang_what_its_orders_come_to(tx, shop, wanted):
    with tx.session.begin_nested() as savepoint:
        due = ZERO
        for lines, is_voided in wanted:
            order_id, invoice = invoiced(tx, shop, *lines)
            if is_voided:
                void_document(tx, VoidDocument(invoice.id, VoidReason.OTHER, "ทดสอบ"))
            else:
                due += order_of(tx, order_id).total
        report = tax_report(tx, NOVEMBER)
        assert report.total == due == sum((r.net + r.vat + r.exempt for r in report.rows), start=ZERO)
        assert (len(report.rows), report.ties) == (len(wanted), True)
        savepoint.rollback()
    tx.session.expire_all()
