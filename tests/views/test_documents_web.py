"""Documents through the browser's door: two clicks to a tax invoice, prints counted, void, replace, notes, setup."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from decimal import Decimal

import pypdf
import pytest
from sqlalchemy import event, select

from oms.actor import system
from oms.db import db, transaction
from oms.documents.models import BranchShop, Company, CompanyBranch, Document, DocumentPrint, DocumentSetting, VatRate
from oms.documents.states import DocumentKind as K
from oms.documents.states import DocumentStatus, PrintMark, VoidReason
from oms.exporting.documents import DOCUMENTS
from oms.money import Money
from oms.orders.models import Order
from oms.payments.states import PaymentMethod
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.documents_setup import SaveCompany, save_company
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.views.test_orders_web import TOKEN, Person


def baht(amount):
    return Money(Decimal(amount))


class Clerk(Person):
    """A browser that answers with what it got, redirects not followed."""

    def get(self, path):
        return self.open(path)

    def post(self, path, **data):
        data["csrf_token"] = TOKEN.search(self.open("/orders/").text)[1]
        return self.open(path, "POST", data=data, headers={"Referer": "http://localhost/orders/"})


@pytest.fixture
def people(web):
    return lambda role, **scope: Clerk(web, role, **scope)


@pytest.fixture
def shop(web):
    with transaction(system("test")) as tx:
        seller(tx)
        return small_shop(tx)


@pytest.fixture
def order(web, shop):
    with transaction(system("test")) as tx:
        return place_order(tx, shop.order((0, 2), (1, 1), confirm=True)).order_id


@pytest.fixture
def invoice(web, order):
    with transaction(system("test")) as tx:
        return issue_document(tx, IssueDocument(K.TAX_INVOICE, (order,), buyer=FULL)).document_id


def stored(document_id=None):
    db.session.expire_all()
    statement = select(Document).order_by(Document.id.desc())
    return db.session.get(Document, document_id) if document_id else db.session.scalars(statement).first()


BUYER = {
    "buyer_name": FULL.name, "buyer_tax_id": FULL.tax_id, "buyer_branch": "00002", "buyer_address": FULL.address,
    "language": "th", "remark": "",
}  # fmt: skip


def key(page):
    return re.search(r'name="key"[^>]*value="([^"]+)"', page.text)[1]


def test_two_clicks_from_the_order_to_a_tax_invoice(people, order):
    clerk = people("sales")
    page = clerk.get(f"/orders/{order}")
    link = re.search(r'href="(/documents/new/\?kind=tax_invoice&amp;order=\d+)"', page.text)[1].replace("&amp;", "&")
    form = clerk.get(link)
    assert "กนกวรรณ ป้อมปราการ" in form.text
    done = clerk.post(link, **BUYER, key=key(form))
    assert done.status_code == 303
    row = stored()
    assert (row.kind, row.buyer_tax_id, row.issued_label) == (K.TAX_INVOICE, FULL.tax_id, "Sales")
    shown = clerk.get(done.location)
    assert row.number in shown.text
    assert shown.text.count("data:image/png;base64,") == 1
    again = clerk.post(link, **BUYER, key=key(form))
    assert again.location == done.location
    assert row.number in clerk.get(f"/orders/{order}").text


def test_a_documents_number_in_the_search_box_opens_it_for_who_may_see_it(people, invoice, order, shop):
    number = stored(invoice).number
    for asked in (number, f" {number.lower()} "):
        assert people("sales").get(f"/find/?q={asked}").location.endswith(f"/documents/{invoice}")
    elsewhere = people("sales", warehouses=(shop.cnx,))
    assert "Nothing found" in elsewhere.get(f"/find/?q={number}").text
    assert "Nothing found" in people("warehouse").get(f"/find/?q={number}").text  # packers see papers without prices
    assert people("sales").get("/find/?q=%00").status_code == 200


def test_the_list_of_documents_as_a_file(people, invoice, order):
    number = stored(invoice).number
    accountant = people("accountant")
    assert (
        "/exports/" in accountant.get("/documents/all/list/").text
        or "export" in accountant.get("/documents/all/list/").text
    )
    with transaction(replace(system("test"), source="screen")) as tx:
        rows = tx.session.execute(DOCUMENTS.rows(tx.actor).with_only_columns(
            *(c.source.label(n) for n, c in DOCUMENTS.columns.items())
        )).mappings().all()  # fmt: skip
    assert [(r["number"], r["orders"], r["buyer_tax_id"]) for r in rows] == [
        (number, db.session.get_one(Order, order).number, FULL.tax_id)
    ]
    assert rows[0]["net"] + rows[0]["vat"] + rows[0]["exempt"] == rows[0]["total"]


def test_the_paper_is_drawn_beside_the_form_and_says_what_is_missing(people, order):
    clerk = people("sales")
    url = f"/documents/new/preview?kind=tax_invoice&order={order}"
    clerk.get(f"/documents/new/?kind=tax_invoice&order={order}")
    seen = clerk.post(url, **BUYER).json
    assert seen["problems"] == []
    assert seen["pages"][0].startswith("data:image/png;base64,")
    assert any("VAT" in text for text in seen["warnings"])
    missing = clerk.post(url, **(BUYER | {"buyer_address": ""})).json
    assert [p["field"] for p in missing["problems"]] == ["buyer_address"]
    assert stored() is None


def test_a_problem_lands_on_its_field_and_nothing_is_issued(people, order):
    clerk = people("sales")
    url = f"/documents/new/?kind=tax_invoice&order={order}"
    form = clerk.get(url)
    page = clerk.post(url, **(BUYER | {"buyer_tax_id": "0005560000018"}), key=key(form))
    assert page.status_code == 200
    assert "buyer_tax_id-err1" in page.text
    assert FULL.name in page.text
    assert stored() is None


def test_a_kind_that_may_not_be_issued_says_why_and_where_to_mend_it(people, web, order):
    with transaction(system("test")) as tx:
        save_company(tx, SaveCompany("ร้านป้าน้อย", is_vat_registered=False, version=None))
    page = people("manager").get(f"/documents/new/?kind=tax_invoice&order={order}")
    assert 'data-issue aria-disabled="true" disabled' in page.text
    assert "not registered for VAT" in page.text
    assert "/setup/company/" in page.text
    card = people("manager").get(f"/orders/{order}").text
    assert "kind=order_bill" in card
    assert "kind=tax_invoice&" not in card


def test_prints_are_counted_and_the_second_is_a_copy(people, invoice):
    clerk = people("sales")
    clerk.get(f"/documents/{invoice}")
    first = clerk.post(f"/documents/{invoice}/print", with_copy=1)
    assert (first.status_code, first.mimetype) == (200, "application/pdf")
    texts = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(first.data)).pages]
    assert len(texts) == 2
    assert "ORIGINAL" in texts[0]
    assert "สำเนาใบกำกับภาษี" in texts[1]
    second = clerk.post(f"/documents/{invoice}/print")
    third = clerk.post(f"/documents/{invoice}/print")
    assert second.data == third.data
    marks = db.session.scalars(select(DocumentPrint.mark).order_by(DocumentPrint.id)).all()
    assert marks == [PrintMark.ORIGINAL, PrintMark.COPY, PrintMark.COPY, PrintMark.COPY]
    hashes = db.session.scalars(select(DocumentPrint.sha256).order_by(DocumentPrint.id)).all()
    assert hashes[1] == hashes[2] == hashes[3] != hashes[0]
    assert stored(invoice).prints == 4


def test_who_only_reads_takes_no_original_away(people, invoice):
    viewer = people("viewer")
    assert "Print a copy" in viewer.get(f"/documents/{invoice}").text
    viewer.post(f"/documents/{invoice}/print")
    assert db.session.scalars(select(DocumentPrint.mark)).all() == [PrintMark.COPY]


def test_a_document_is_voided_with_a_reason_and_prints_as_void(people, invoice):
    manager = people("manager")
    manager.get(f"/documents/{invoice}")
    refused = manager.post(f"/documents/{invoice}/void", reason="other", note="")
    assert refused.status_code in {302, 303}
    assert stored(invoice).status is DocumentStatus.ISSUED
    manager.post(f"/documents/{invoice}/void", reason="mistake", note="พิมพ์ผิด")
    assert stored(invoice).void_reason is VoidReason.MISTAKE
    page = manager.get(f"/documents/{invoice}")
    assert "พิมพ์ผิด" in page.text
    pdf = manager.post(f"/documents/{invoice}/print")
    assert "VOID" in pypdf.PdfReader(io.BytesIO(pdf.data)).pages[0].extract_text()
    sales = people("sales")
    assert sales.post(f"/documents/{invoice}/void", reason="mistake", note="x").status_code in {302, 303, 403}


def test_void_and_replace_from_the_page(people, invoice):
    manager = people("manager")
    form = manager.get(f"/documents/replace/{invoice}")
    assert FULL.name in form.text
    data = BUYER | {"buyer_name": "บริษัท ชื่อถูก จำกัด", "reason": "wrong_name", "note": ""}
    seen = manager.post(f"/documents/replace/{invoice}/preview", **data).json
    assert seen["problems"] == []
    assert seen["pages"]
    assert stored(invoice).status is DocumentStatus.ISSUED
    done = manager.post(f"/documents/replace/{invoice}", **data, key=key(form))
    new = stored()
    assert done.location.endswith(f"/documents/{new.id}")
    assert (new.replaces_id, new.buyer_name) == (invoice, "บริษัท ชื่อถูก จำกัด")
    assert new.number in manager.get(f"/documents/{invoice}").text


def test_a_paper_without_a_tax_point_is_replaced_and_a_note_says_why_not(people, web, order, invoice):
    manager = people("manager")
    with transaction(system("test")) as tx:
        bill = issue_document(tx, IssueDocument(K.ORDER_BILL, (order,))).document_id
        note = issue_note(tx, IssueNote(invoice, K.CREDIT_NOTE, "CDNG05", "คืน", Money.satang(10000))).document_id
    form = manager.get(f"/documents/replace/{bill}")
    assert 'name="tax_point"' not in form.text
    done = manager.post(f"/documents/replace/{bill}", **BUYER, reason="wrong_name", note="", key=key(form))
    new = stored()
    assert (done.status_code, new.kind, new.replaces_id) == (303, K.ORDER_BILL, bill)
    refused = manager.get(f"/documents/replace/{note}")
    assert refused.status_code == 200
    assert "cannot be issued now" in refused.text
    assert stored(note).status is DocumentStatus.ISSUED


def test_an_abbreviated_invoice_becomes_a_full_one_from_the_orders_card(people, web, order):
    with transaction(system("test")) as tx:
        issue_document(tx, IssueDocument(K.TAX_INVOICE_SHORT, (order,)))
    manager = people("manager")
    link = re.search(r'href="(/documents/replace/\d+\?full=1)"', manager.get(f"/orders/{order}").text)[1]
    form = manager.get(link)
    manager.post(link, **BUYER, reason="full_wanted", note="", key=key(form))
    assert stored().kind is K.TAX_INVOICE


def test_a_credit_note_from_the_invoices_page(people, invoice):
    cashier = people("cashier")
    url = f"/documents/note/{invoice}/credit_note"
    form = cashier.get(url)
    line = re.search(r'name="(pieces_\d+)"', form.text)[1]
    data = {"reason_code": "CDNG05", "note": "คืน", "amount": "", "language": "th", "remark": "", line: "1"}
    seen = cashier.post(f"{url}/preview", **data).json
    assert seen["pages"], seen
    too_much = cashier.post(url, **(data | {"amount": "9999"}), key=key(form))
    assert too_much.status_code == 200
    assert "amount-err1" in too_much.text
    done = cashier.post(url, **data, key=key(form))
    row = stored()
    assert (done.status_code, row.kind, row.total, row.refers_to_id) == (303, K.CREDIT_NOTE, baht(100), invoice)
    assert row.number in cashier.get(f"/documents/{invoice}").text


def test_the_code_on_the_paper_opens_the_stored_original_for_staff(people, web, shop, invoice):
    clerk = people("sales")
    row = stored(invoice)
    answer = clerk.get(f"/d/{row.token}")
    assert answer.location.endswith(f"/documents/{invoice}?scanned=1")
    assert "Its checksum is right" in clerk.get(answer.location).text
    assert clerk.get("/d/never-given").status_code == 404
    token = row.token
    assert people("sales", shops=(shop.shopee,)).get(f"/d/{token}").status_code == 404
    assert "/login/" in web.test_client().get(f"/d/{token}").location


def test_the_list_finds_documents_and_hides_other_shops(people, web, shop, invoice):
    clerk = people("sales")
    number = stored(invoice).number
    assert number in clerk.get("/documents/all/list/").text
    assert number in clerk.get(f"/documents/all/list/?q={number}").text
    assert number not in clerk.get("/documents/all/list/?q=IV99").text
    assert number not in people("sales", shops=(shop.shopee,)).get("/documents/all/list/").text
    assert people("sales", shops=(shop.shopee,)).get(f"/documents/{invoice}").status_code == 404
    assert people("warehouse").get(f"/documents/{invoice}").status_code == 404


def test_the_list_sends_the_same_statements_for_one_document_and_for_many(people, web, shop, order):
    clerk = people("sales")

    def statements():
        sent = []
        engine = db.engines[None]
        hook = lambda *args: sent.append(args[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", hook)
        try:
            assert clerk.get("/documents/all/list/").status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", hook)
        return len(sent)

    with transaction(system("test")) as tx:
        issue_document(tx, IssueDocument(K.ORDER_BILL, (order,)))
    statements()
    db.session.rollback()
    one = statements()
    with transaction(system("test")) as tx:
        for _ in range(6):
            issue_document(tx, IssueDocument(K.ORDER_BILL, (order,)))
    assert statements() == one


def test_the_warehouse_prints_papers_without_prices_from_the_order(people, web, order):
    packer = people("warehouse")
    page = packer.get(f"/orders/{order}")
    assert "kind=picking_list" in page.text
    assert "kind=tax_invoice&" not in page.text
    url = f"/documents/new/?kind=picking_list&order={order}"
    form = packer.get(url)
    done = packer.post(url, language="th", remark="", key=key(form))
    assert done.status_code == 303
    assert packer.get(done.location).status_code == 200
    assert packer.post(done.location.removeprefix("http://localhost") + "/print").mimetype == "application/pdf"


def test_a_receipt_is_offered_for_the_money_that_came_in(people, web, order):
    with transaction(system("test")) as tx:
        record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(150), ((order, baht(150)),)))
    clerk = people("sales")
    url = f"/documents/new/?kind=receipt&order={order}"
    form = clerk.get(url)
    assert 'value="150.00"' in form.text
    data = {"buyer_name": "กนกวรรณ", "buyer_address": "", "buyer_tax_id": "", "buyer_branch": "", "language": "th",
            "remark": ""}  # fmt: skip
    page = clerk.post(url, **data, amount="150.01", key=key(form))
    assert "amount-err1" in page.text
    assert clerk.post(url, **data, amount="100", key=key(form)).status_code == 303
    assert stored().total == baht(100)


def test_the_seller_is_set_up_on_one_page(people, web):
    owner = people("owner")
    assert "Begin here" in owner.get("/setup/company/").text
    form = owner.get("/setup/company/edit")
    assert 'value="http://localhost"' in form.text
    assert 'value="00000"' in owner.get("/setup/company/branch").text
    data = {"name": "บริษัท ทดสอบ จำกัด", "name_en": "", "tax_id": "", "is_vat_registered": "y", "phone": "021112222", "email": "",
            "site_url": "http://localhost", "era": "be", "footer": "", "vat_from": ""}  # fmt: skip
    refused = owner.post("/setup/company/edit", **data, address="").text
    assert "address-err1" in refused
    assert db.session.get(Company, 1) is None
    data["address"] = "1 ถนนสีลม"
    assert "tax_id-err1" in owner.post("/setup/company/edit", **data).text
    assert owner.post("/setup/company/edit", **(data | {"tax_id": "0-0035-60000-02-5"})).status_code == 303
    assert db.session.get(Company, 1).tax_id == "0003560000025"
    head = db.session.scalars(select(CompanyBranch)).one()
    assert (head.code, head.address, head.phone) == ("00000", "1 ถนนสีลม", "021112222")
    assert 'name="address"' not in owner.get("/setup/company/edit").text  # it has its own page from here on
    del data["address"]
    assert owner.post("/setup/company/edit", **(data | {"tax_id": "0003560000025"})).status_code == 303
    branch = {"code": "00001", "name": "", "address": "2 ถนนสีลม", "address_en": "", "phone": "", "is_active": "y"}
    assert owner.post("/setup/company/branch", **branch).status_code == 303
    assert set(db.session.scalars(select(CompanyBranch.code))) == {"00000", "00001"}
    owner.get("/setup/company/series/tax_invoice")
    assert "prefix-err1" in owner.post("/setup/company/series/tax_invoice", prefix="AB", footer="").text
    assert owner.post("/setup/company/series/tax_invoice", prefix="inv", footer="ขอบคุณ").status_code == 303
    assert db.session.get(DocumentSetting, K.TAX_INVOICE).prefix == "INV"
    owner.get("/setup/company/rate")
    rate = {"valid_from": "2030-01-01", "valid_until": "", "percent": "10", "note": "พ.ร.ฎ."}
    assert owner.post("/setup/company/rate", **rate).status_code == 303
    assert {r.rate_bp for r in db.session.scalars(select(VatRate))} == {700, 1000}
    page = owner.get("/setup/company/").text
    assert "INV" in page
    assert "10%" in page
    assert people("sales").get("/setup/company/").status_code in {302, 403}


def test_a_branch_is_given_its_shops_and_warehouses(people, shop):
    owner = people("owner")
    assert f'name="shop_ids" value="{shop.shopee}"' in owner.get("/setup/company/branch").text
    data = {"code": "00001", "name": "บางนา", "address": "9 ถนนบางนา", "address_en": "", "phone": "", "is_active": "y"}
    assert owner.post("/setup/company/branch", **data, shop_ids=str(shop.shopee)).status_code == 303
    row = db.session.scalars(select(CompanyBranch).where(CompanyBranch.code == "00001")).one()
    assert db.session.scalars(select(BranchShop.shop_id).where(BranchShop.branch_id == row.id)).all() == [shop.shopee]
    page = owner.get(f"/setup/company/branch?id={row.id}").text
    assert f'name="shop_ids" value="{shop.shopee}" checked' in page
    assert f'name="shop_ids" value="{shop.line}" checked' not in page
    assert owner.post(f"/setup/company/branch?id={row.id}", **data, version=str(row.version)).status_code == 303
    assert not db.session.scalars(select(BranchShop.shop_id).where(BranchShop.branch_id == row.id)).all()


def test_only_a_plain_issue_is_one_key_away(people, order, invoice):
    manager = people("manager")
    assert re.search(
        r"<button[^>]*data-issue[^>]*autofocus", manager.get(f"/documents/new/?kind=order_bill&order={order}").text
    )
    for url in (f"/documents/note/{invoice}/credit_note", f"/documents/replace/{invoice}"):
        page = manager.get(url).text
        assert not re.search(r"<button[^>]*data-issue[^>]*autofocus", page)
        assert re.search(r"<select[^>]*autofocus", page)
