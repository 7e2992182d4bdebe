"""The accountant's screens: the sales-tax report, its files, and a month of documents taken out."""

import io

import openpyxl
import pytest
from sqlalchemy import select

from jobs import papers
from oms import clock, outbox
from oms.actor import system
from oms.db import db, transaction
from oms.documents.bundles import BundleForm, DocumentBundle
from oms.documents.states import DocumentKind as K
from oms.outbox import Outbox
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_bundle import TOPIC
from oms.usecases.orders_place import place_order
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.views.test_documents_web import Clerk


@pytest.fixture
def people(web):
    return lambda role, **scope: Clerk(web, role, **scope)


@pytest.fixture
def invoices(web):
    with transaction(system("test")) as tx:
        seller(tx)
        shop = small_shop(tx)
        made = []
        for _ in range(2):
            order_id = place_order(tx, shop.order((0, 2), (1, 1), confirm=True)).order_id
            made.append(issue_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), buyer=FULL)))
    return made


def test_the_report_shows_its_documents_and_that_they_tie(people, invoices):
    page = people("accountant").get("/tax-report/")
    assert page.status_code == 200
    for made in invoices:
        assert made.number in page.text
    assert "52.34" in page.text  # 2 x 26.17
    assert "Ties to the orders" in page.text


def test_an_empty_month_says_what_to_do(people, invoices):
    page = people("accountant").get("/tax-report/?month=2020-01")
    assert "No tax document in this month" in page.text
    wrong = people("accountant").get("/tax-report/?month=soon")
    assert wrong.status_code == 422 or "That is no month" in wrong.text


def test_who_packs_has_no_report_and_takes_nothing_out(people, invoices):
    packer = people("warehouse")
    for path in ("/tax-report/", "/tax-report/file.xlsx", "/document-bundles/"):
        assert packer.get(path).status_code in {302, 403}, path
    assert packer.post("/document-bundles/new", month=f"{clock.today():%Y-%m}").status_code in {302, 403}
    db.session.expire_all()
    assert db.session.scalars(select(DocumentBundle)).all() == []


def test_the_report_as_spreadsheet_and_as_paper(people, invoices):
    clerk = people("accountant")
    answer = clerk.get("/tax-report/file.xlsx")
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.iter_rows(values_only=True))
    assert len(rows) == 1 + 2 + 1
    assert float(rows[-1][10]) == 800
    assert answer.headers["Cache-Control"] == "no-store"
    assert clerk.get("/tax-report/file.pdf").data.startswith(b"%PDF")
    assert clerk.get("/tax-report/file.exe").status_code == 404


def test_a_month_is_taken_out_and_fetched_by_its_asker(people, invoices):
    clerk = people("accountant")
    asked = clerk.post("/document-bundles/new", month=f"{clock.today():%Y-%m}", form="zip")
    assert asked.status_code == 303
    waiting = clerk.get(asked.location)
    assert "0 of 2 documents" in waiting.text
    assert clerk.get(f"{asked.location}/progress").json["done"] is False
    row_id = db.session.scalar(select(Outbox.id).where(Outbox.topic == TOPIC))
    with transaction(system("worker")) as tx:
        work = outbox.claim(tx, row_id)
    papers.walk(work)
    assert clerk.get(f"{asked.location}/progress").json == {
        "value": 2, "max": 2, "text": "2 of 2 documents", "done": True,
    }  # fmt: skip
    assert "Fetch the file" in clerk.get(asked.location).text
    got = clerk.get(f"{asked.location}/file")
    assert (got.data[:2], got.headers["Cache-Control"]) == (b"PK", "no-store")
    got.close()
    assert asked.location.split("localhost")[-1] in clerk.get("/document-bundles/").text
    assert people("accountant").get(f"{asked.location}/file").status_code == 404


def test_ticked_documents_are_taken_out_as_one_file(people, invoices):
    clerk = people("accountant")
    listed = clerk.get("/documents/all/list/").text
    assert "One PDF" in listed
    asked = clerk.post("/documents/all/action_post", action="one_pdf", rowid=[str(m.document_id) for m in invoices])
    assert asked.status_code == 303
    row = db.session.scalars(select(DocumentBundle)).one()
    assert (row.form, row.document_ids) == (BundleForm.PDF, [m.document_id for m in invoices])
    assert asked.location.endswith(f"/document-bundles/{row.id}")
    packer = people("sales")
    assert "One PDF" not in packer.get("/documents/all/list/").text
    packer.post("/documents/all/action_post", action="one_pdf", rowid=[str(invoices[0].document_id)])
    db.session.expire_all()
    assert len(db.session.scalars(select(DocumentBundle)).all()) == 1


def test_a_wrong_form_is_refused(people, invoices):
    clerk = people("accountant")
    assert clerk.post("/document-bundles/new", month="2026-11", form="exe").status_code in {302, 303, 422}
    assert db.session.scalars(select(DocumentBundle)).all() == []
