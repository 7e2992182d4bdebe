"""Who sells: entered once, changed with care, every refusal on its field."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from oms import clock
from oms.audit import AuditLog
from oms.documents.models import BranchShop, BranchWarehouse, Company, CompanyBranch, DocumentSetting, VatRate
from oms.documents.queries import find_rate, find_seller
from oms.documents.states import DocumentKind as K
from oms.documents.states import SeriesEra
from oms.errors import Conflict, Forbidden
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_setup import (
    AddVatRate,
    SaveBranch,
    SaveCompany,
    SaveSeries,
    add_vat_rate,
    save_branch,
    save_company,
    save_series,
)
from oms.usecases.orders_place import place_order
from tests.papers import seller
from tests.shop import small_shop
from tests.usecases.refusals import last_audit, refused


@pytest.fixture
def shop(tx):
    return small_shop(tx)


def issued(tx, shop, kind=K.ORDER_BILL):
    order_id = place_order(tx, shop.order(confirm=True)).order_id
    return issue_document(tx, IssueDocument(kind, (order_id,)))


def test_the_company_is_one_and_changes_over_the_version_seen(tx):
    save_company(tx, SaveCompany("ร้านรวม"))
    row = tx.session.get_one(Company, 1)
    tx.session.flush()
    seen = row.version
    save_company(tx, SaveCompany("ร้านรวมใหม่", version=seen))
    tx.session.flush()
    assert last_audit(tx).before == {"name": "ร้านรวม"}
    with pytest.raises(Conflict):
        save_company(tx, SaveCompany("อีกชื่อ", version=seen))
    assert not save_company(tx, SaveCompany("ร้านรวมใหม่")).changed


@pytest.mark.parametrize(
    ("facts", "code", "field"),
    [
        ({"name": " "}, "missing", "name"), ({"name": "ร" * 201}, "too_long", "name"),
        ({"tax_id": "0003560000024"}, "tax_id_check", "tax_id"),
        ({"is_vat_registered": True}, "tax_id_missing", "tax_id"),
        ({"site_url": "javascript:alert(1)"}, "site_url", "site_url"),
        ({"site_url": "https://x.test/?q=1"}, "site_url", "site_url"),
    ],
)  # fmt: skip
def test_a_company_names_what_is_wrong(tx, facts, code, field):
    with refused(tx, code, field, Company):
        save_company(tx, SaveCompany(**({"name": "ร้าน"} | facts)))


def test_the_year_in_numbers_stays_once_documents_of_the_year_are_out(tx, shop):
    seller(tx)
    save_company(tx, SaveCompany("บริษัท รวมค้าออนไลน์ จำกัด", tax_id="0003560000025", is_vat_registered=True,
                                 era=SeriesEra.CE))  # fmt: skip
    issued(tx, shop)
    with refused(tx, "era_used", "era", Company):
        save_company(tx, SaveCompany("บริษัท", era=SeriesEra.BE))


def test_branches_share_out_shops_and_warehouses(tx, shop):
    seller(tx)
    north = save_branch(tx, SaveBranch("1", "เชียงใหม่", shop_ids=(shop.line,), warehouse_ids=(shop.cnx,))).id
    assert find_seller(tx.session, shop.line, shop.bkk).branch == "00001"
    assert find_seller(tx.session, shop.shopee, shop.cnx).branch == "00001"
    assert find_seller(tx.session, shop.shopee, shop.bkk).branch == "00000"
    south = save_branch(tx, SaveBranch("2", "หาดใหญ่", shop_ids=(shop.line,))).id
    assert find_seller(tx.session, shop.line, shop.cnx).branch == "00002"
    assert dict(tx.session.execute(select(BranchShop.shop_id, BranchShop.branch_id)).all()) == {shop.line: south}
    save_branch(tx, SaveBranch("1", "เชียงใหม่", branch_id=north))
    assert tx.session.scalars(select(BranchWarehouse.warehouse_id)).all() == []
    with refused(tx, "record_not_found", "shop_ids", CompanyBranch):
        save_branch(tx, SaveBranch("3", "ที่ไหนสักแห่ง", shop_ids=(99999,)))


def test_a_branch_that_issued_keeps_its_number_and_the_head_office_stays(tx, shop):
    seller(tx)
    issued(tx, shop)
    row = tx.session.scalars(select(CompanyBranch)).one()
    with refused(tx, "branch_used", "code"):
        save_branch(tx, SaveBranch("5", row.address, branch_id=row.id))
    with refused(tx, "head_office", "is_active"):
        save_branch(tx, SaveBranch("00000", row.address, is_active=False, branch_id=row.id))
    with refused(tx, "taken", "code", CompanyBranch):
        save_branch(tx, SaveBranch("00000", "อีกที่"))
    with refused(tx, "missing", "address", CompanyBranch):
        save_branch(tx, SaveBranch("7", ""))


def test_a_prefix_belongs_to_one_kind_for_ever(tx, shop):
    seller(tx)
    for prefix, code in (("A1", "prefix"), ("", "prefix"), ("ABCDEFG", "prefix"), ("AB", "taken"), ("ขาย", "prefix")):
        with refused(tx, code, "prefix", DocumentSetting):
            save_series(tx, SaveSeries(K.ORDER_BILL, prefix))
    issued(tx, shop)
    save_series(tx, SaveSeries(K.ORDER_BILL, "so"))
    assert issued(tx, shop).number == "SO69-000001"
    with refused(tx, "taken", "prefix", DocumentSetting):
        save_series(tx, SaveSeries(K.INVOICE, "OB"))  # numbers OB69-... were given to order bills
    save_series(tx, SaveSeries(K.ORDER_BILL, "OB", "ขอบคุณ"))
    assert issued(tx, shop).number == "OB69-000002"


def test_rates_are_added_and_never_changed(tx, shop):
    seller(tx)
    day = clock.today()
    assert find_rate(tx.session, day) == 700
    add_vat_rate(tx, AddVatRate(day + timedelta(days=10), Decimal(10), note="พ.ร.ฎ."))
    assert (find_rate(tx.session, day + timedelta(days=9)), find_rate(tx.session, day + timedelta(days=10))) == (
        700,
        1000,
    )
    for facts, code, field in (
        ((day + timedelta(days=10), Decimal(7)), "taken", "valid_from"),
        ((day, Decimal("7.123")), "rate_range", "percent"),
        ((day, Decimal(100)), "rate_range", "percent"),
        ((day, Decimal(-1)), "rate_range", "percent"),
        ((day, Decimal(7), day - timedelta(days=1)), "rate_span", "valid_until"),
    ):
        with refused(tx, code, field, VatRate):
            add_vat_rate(tx, AddVatRate(*facts))
    issued(tx, shop, K.TAX_INVOICE)
    with refused(tx, "rate_used", "valid_from", VatRate):
        add_vat_rate(tx, AddVatRate(day, Decimal(10)))
    assert find_rate(tx.session, date(1990, 1, 1)) is None


def test_only_those_who_keep_the_shop_change_the_seller(tx, actor):
    clerk = replace(tx, actor=actor("sales"))
    for verb, cmd in (
        (save_company, SaveCompany("x")), (save_branch, SaveBranch("1", "x")),
        (save_series, SaveSeries(K.ORDER_BILL, "XX")), (add_vat_rate, AddVatRate(date(2030, 1, 1), Decimal(7))),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            verb(clerk, cmd)
    assert tx.session.scalars(select(AuditLog.id).where(AuditLog.action == "company.edited")).first() is None
