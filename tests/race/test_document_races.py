"""Many processes at the same documents: no number lost or given twice, no second tax invoice, no credit too much."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from oms.db import db, transaction
from oms.documents.models import Document, DocumentOrder, DocumentPrint
from oms.documents.states import DocumentKind as K
from oms.documents.states import DocumentStatus, PrintMark
from oms.money import Money
from oms.numbering import NumberSeries
from oms.payments.states import PaymentMethod
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from tests.papers import FULL, seller
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]


def sales(count: int) -> list[int]:
    """Paid orders of 100 baht."""
    with transaction(ME) as tx:
        seller(tx)
        shop, made, amount = small_shop(tx, pieces=count), [], Money(Decimal(100))
        for _ in range(count):
            order_id = place_order(tx, shop.order((0, 1), confirm=True)).order_id
            record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),)))
            made.append(order_id)
        return made


def numbers(kind: K) -> list[int]:
    db.session.remove()
    return sorted(db.session.scalars(select(Document.sequence).where(Document.kind == kind)))


def test_thirty_two_issuers_of_one_series_leave_no_gap_though_some_die(committed, settings):
    orders = sales(40 if CHAOS else 6)
    seen = race(settings, "document_issue", clients=32, rounds=orders)
    assert seen.get("exit 9"), "nobody died: the race proves nothing"
    assert numbers(K.TAX_INVOICE) == list(range(1, len(orders) + 1))  # one for each, whoever asked
    bills = numbers(K.ORDER_BILL)
    assert bills == list(range(1, len(bills) + 1))
    assert seen["ok"] > len(orders) * 24
    assert db.session.get_one(NumberSeries, "document:IV69").last == len(orders)
    live = select(func.count()).where(DocumentOrder.is_live_tax)
    assert db.session.scalar(live) == len(orders)
    assert_books_in_order()


@pytest.mark.deep
def test_credits_of_one_invoice_never_exceed_it_whoever_comes_first(committed, settings):
    orders = sales(20 if CHAOS else 5)
    with transaction(ME) as tx:
        made = [issue_document(tx, IssueDocument(K.TAX_INVOICE, (i,), buyer=FULL)).document_id for i in orders]
    seen = race(settings, "document_credit", clients=8, rounds=made)
    db.session.remove()
    rows = db.session.execute(
        select(Document.refers_to_id, func.count())
        .where(Document.kind == K.CREDIT_NOTE)
        .group_by(Document.refers_to_id)
    )
    notes = dict(rows.all())
    for invoice_id in made:
        voided = db.session.get_one(Document, invoice_id).status is DocumentStatus.VOIDED
        assert notes.get(invoice_id, 0) == (0 if voided else 3)
    assert seen["ok"] == sum(notes.values()) + sum(1 for i in made if i not in notes)
    assert_books_in_order()


@pytest.mark.deep
def test_mixed_work_on_the_same_sales_keeps_every_promise(committed, settings):
    orders = sales(5)
    seen = race(settings, "document_mixed", clients=8, rounds=orders, turns=400 if CHAOS else 25)
    assert seen["ok"] > 50
    assert "busy" not in seen, seen
    originals = select(func.count()).where(DocumentPrint.mark == PrintMark.ORIGINAL).group_by(DocumentPrint.document_id)
    assert set(db.session.scalars(originals)) <= {1}
    assert_books_in_order()
