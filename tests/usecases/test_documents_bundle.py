"""A bundle of documents is asked for within rights and limits, and made of what whoever asked may see."""

import csv
import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pypdf
import pytest
from sqlalchemy import select

from jobs import papers
from oms import clock, outbox
from oms.actor import system
from oms.db import db, transaction
from oms.documents.bundles import BundleForm, DocumentBundle
from oms.documents.models import Document
from oms.documents.states import CreditReason, VoidReason
from oms.documents.states import DocumentKind as K
from oms.errors import Forbidden, NotFound
from oms.intake import files
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.reports.sales_tax import Month, tax_report
from oms.usecases import documents_bundle
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_bundle import AskBundle, ask_bundle, asker, get_bundle, leaves, my_bundles
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.documents_void import VoidDocument, void_document
from oms.usecases.orders_place import place_order
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.usecases.refusals import last_audit, refused

NOON = datetime(2026, 11, 15, 5, tzinfo=UTC)
NOVEMBER = date(2026, 11, 1)
MONTH = AskBundle(BundleForm.ZIP, NOVEMBER)


def issued(tx, shop, kind=K.TAX_INVOICE):
    order_id = place_order(tx, shop.order((0, 2), (1, 1), confirm=True)).order_id
    return issue_document(tx, IssueDocument(kind, (order_id,), buyer=FULL)).document_id


@pytest.fixture(autouse=True)
def _now():
    with clock.at(NOON):
        yield


@pytest.fixture
def shop(tx):
    seller(tx)
    return small_shop(tx, pieces=1000)


@pytest.fixture
def accountant(tx, actor):
    return replace(tx, actor=actor("accountant", user_id=4))


def test_a_month_is_asked_for_and_stands_in_the_audit(tx, shop, accountant):
    first = issued(tx, shop)
    with clock.at(datetime(2026, 12, 2, 5, tzinfo=UTC)):
        issued(tx, shop)
    done = ask_bundle(accountant, MONTH)
    row = get_bundle(accountant, done.bundle_id)
    assert (row.document_ids, row.done, row.finished_at, done.documents) == ([first], 0, None, 1)
    assert (last_audit(tx).action, last_audit(tx).after["month"]) == ("export.run", "2026-11")
    owed = tx.session.scalars(select(Outbox).where(Outbox.topic == documents_bundle.TOPIC)).one()
    assert owed.payload == {"bundle_id": done.bundle_id}
    assert [b.id for b in my_bundles(accountant)] == [done.bundle_id]
    assert [leaf.id for leaf in leaves(tx, done.bundle_id, 0, 9)] == [first]


def test_a_selection_keeps_only_what_exists_once(tx, shop, accountant):
    first, second = issued(tx, shop), issued(tx, shop)
    done = ask_bundle(accountant, AskBundle(BundleForm.PDF, document_ids=(second, first, second, 999_999)))
    assert get_bundle(accountant, done.bundle_id).document_ids == [first, second]


def test_nothing_and_too_much_are_refused(tx, shop, accountant, monkeypatch):
    for cmd in (MONTH, AskBundle(BundleForm.PDF), AskBundle(BundleForm.PDF, document_ids=(5_000,))):
        with refused(accountant, "bundle_empty", "month", DocumentBundle):
            ask_bundle(accountant, cmd)
    issued(tx, shop)
    issued(tx, shop)
    monkeypatch.setattr(documents_bundle, "MOST", 1)
    with refused(accountant, "bundle_large", None, DocumentBundle):
        ask_bundle(accountant, MONTH)


def test_it_needs_the_right_to_export_and_is_ones_own(tx, shop, accountant, actor):
    issued(tx, shop)
    with pytest.raises(Forbidden):
        ask_bundle(replace(tx, actor=actor("warehouse", user_id=5)), MONTH)
    done = ask_bundle(accountant, MONTH)
    other = replace(tx, actor=replace(actor("accountant"), user_id=77))
    with pytest.raises(NotFound):
        get_bundle(other, done.bundle_id)
    assert my_bundles(other) == []


def test_whoever_sees_one_shop_takes_out_that_shop(tx, shop, actor):
    issued(tx, shop)
    sold_in = tx.session.scalars(select(Order.shop_id)).one()
    blind = replace(tx, actor=actor("accountant", user_id=6, shops=frozenset({999_999})))
    with refused(blind, "bundle_empty", "month", DocumentBundle):
        ask_bundle(blind, MONTH)
    seeing = replace(tx, actor=actor("accountant", user_id=6, shops=frozenset({sold_in})))
    done = ask_bundle(seeing, MONTH)
    row = get_bundle(seeing, done.bundle_id)
    assert (asker(row).shops, asker(row).may("export.run")) == (frozenset({sold_in}), True)
    row.scope = row.scope | {"shops": [999_999]}
    tx.session.flush()
    assert leaves(tx, row.id, 0, 9) == []  # drawn of what the asker may see, not of what stands in the list


def work_off() -> None:
    """Claim and carry out every bundle owed, as the relay and a worker do."""
    owed = select(Outbox.id).where(Outbox.topic == documents_bundle.TOPIC, Outbox.status != OutboxStatus.DONE)
    for row_id in list(db.session.scalars(owed)):
        with transaction(system("worker")) as tx:
            work = outbox.claim(tx, row_id)
        papers.walk(work)


@pytest.fixture
def made(isolated):
    """An invoice, one with a credit note, a voided one and a delivery note, committed."""
    with transaction(system("test")) as tx:
        seller(tx)
        shop = small_shop(tx, pieces=1000)
        whole, corrected, voided = (issued(tx, shop) for _ in range(3))
        amount = Money(Decimal(107))
        issue_note(tx, IssueNote(corrected, K.CREDIT_NOTE, CreditReason.PRICE_CUT, "ทดสอบ", amount=amount))
        void_document(tx, VoidDocument(voided, VoidReason.OTHER, "ทดสอบ"))
        issued(tx, shop, K.DELIVERY_NOTE)
    return whole


def fetched(app, bundle_id, person):
    db.session.expire_all()
    with transaction(person) as tx:
        row = get_bundle(tx, bundle_id)
        stored = files.find_file(tx, row.file_key)
        assert (row.done, row.failed) == (len(row.document_ids), [])
        return files.path_of(app.extensions["oms.settings"].files_dir, stored.key).read_bytes(), stored


def test_the_zip_holds_every_paper_an_index_and_the_report_and_all_tie(isolated, actor, made):
    person = actor("accountant", user_id=4)
    with transaction(person) as tx:
        asked = ask_bundle(tx, MONTH)
        report = tax_report(tx, Month(NOVEMBER))
        documents = {d.number: d for d in tx.session.scalars(select(Document))}
        sums = sum((d.total for d in documents.values() if d.kind is K.TAX_INVOICE and d.voided_at is None), ZERO)
    work_off()
    data, stored = fetched(isolated, asked.bundle_id, person)
    assert (stored.name, stored.mime) == ("ruam-2026-11.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        index = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
        for name in names:
            if name.endswith(".pdf"):
                assert len(pypdf.PdfReader(io.BytesIO(archive.read(name))).pages) >= 1
    papers_inside = {n for n in names if "/" in n}
    assert papers_inside == {f"{d.kind.value}/{d.number}.pdf" for d in documents.values()}
    assert {"sales-tax-report.pdf", "sales-tax-report.xlsx", "index.csv"} == set(names) - papers_inside
    taxed = [r for r in index if r["kind"] in {"tax_invoice", "credit_note"}]
    assert len(taxed) == len(report.rows) == 4
    for column in ("net", "vat", "exempt", "total"):
        assert sum((Decimal(r[column]) for r in taxed), Decimal(0)) == getattr(report, column).amount
    assert report.total == sums - Money(Decimal(107))
    assert [r["total"] for r in taxed if r["state"] == "voided"] == ["0.00"]
    assert {r["number"]: r["sha256"] for r in index} == {n: d.checksum for n, d in documents.items()}
    assert set(db.session.scalars(select(Outbox.status).where(Outbox.topic == documents_bundle.TOPIC))) == {
        OutboxStatus.DONE
    }


def test_a_selection_as_one_pdf(isolated, actor, made):
    person = actor("accountant", user_id=4)
    with transaction(person) as tx:
        ids = tuple(tx.session.scalars(select(Document.id).where(Document.kind == K.TAX_INVOICE)))
        asked = ask_bundle(tx, AskBundle(BundleForm.PDF, document_ids=ids))
    work_off()
    data, stored = fetched(isolated, asked.bundle_id, person)
    assert stored.name == "ruam-documents.pdf"
    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == len(ids) == 3
