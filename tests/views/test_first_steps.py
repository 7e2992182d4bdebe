"""The first page of a new shop, and the pages that say what to do next."""

import pytest
from sqlalchemy import select

from oms.actor import system
from oms.catalog.models import Product, Sku
from oms.db import db, transaction
from oms.inventory.models import Warehouse
from oms.money import Money
from oms.payments.models import ReceivingAccount
from oms.reports.first_steps import STEP_LABELS, first_steps
from oms.usecases.catalog import CreateProduct, create_product
from oms.usecases.orders_place import place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.papers import seller
from tests.shop import small_shop
from tests.usecases.returns import paid
from tests.views.people import log_in


def done() -> list[str]:
    with transaction(system("test")) as tx:
        return [step.key for step in first_steps(tx) if step.done]


def test_an_empty_installation_leads_its_owner_to_the_first_parcel(web):
    page = log_in(web, "owner").get("/").text
    assert page.count('<li class="next"') == 1
    assert '<a class="btn p" href="/setup/company/edit"' in page
    assert len(STEP_LABELS) == 8
    assert "first-steps" not in log_in(web, "sales").get("/").text


def test_steps_are_ticked_off_and_end_with_the_first_parcel(web):
    assert done() == []
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
    assert done() == ["warehouse", "shop", "sku", "stock"]
    with transaction(system("test")) as tx:
        order = place_order(tx, shop.order(confirm=True)).order_id
    assert done() == ["warehouse", "shop", "sku", "stock", "order"]
    with transaction(system("test")) as tx:
        paid(tx, (order, "100"))
        mark_shipped(tx, MarkShipped(order))
    with transaction(system("test")) as tx:
        assert first_steps(tx) == ()
    assert "first-steps" not in log_in(web, "owner").get("/").text


def test_every_step_says_which_one_follows(web):
    owner = log_in(web, "owner")
    assert "Next:" not in owner.get("/").text
    company = {"name": "ร้านน้ำใจ", "address": "99/1 ถ.สุขุมวิท", "phone": "0812345678", "era": "be"}
    company |= dict.fromkeys(("name_en", "tax_id", "email", "site_url", "footer", "vat_from"), "")
    assert owner.post("/setup/company/edit", **company).status_code == 303
    assert 'href="/warehouses/add"' in owner.get("/setup/company/").text.split("Next:")[1]
    form = owner.get("/warehouses/add").text
    assert 'value="WH1"' in form  # what the shop knows already is filled in
    assert "99/1 ถ.สุขุมวิท" in form
    assert 'value="0812345678"' in form
    owner.post("/warehouses/add", code="บ้าน", name="บ้าน", is_active="y")
    place = db.session.scalars(select(Warehouse)).one()
    assert place.code == "บ้าน"
    assert 'href="/shops/add"' in owner.get(f"/warehouses/show/{place.id}").text.split("Next:")[1]
    shop = {"channel": "line", "name": "ร้านน้ำใจ", "code": "SHOP1", "warehouse_id": str(place.id), "is_active": "y"}
    owner.post("/shops/add", **shop)
    owner.post(
        "/accounts/add", code="BANK1", bank_code="014", account_no="1234567890", account_name="น้ำใจ", is_active="y"
    )
    assert db.session.scalars(select(ReceivingAccount.bank)).one() == "ไทยพาณิชย์"
    assert 'href="/products/add"' in owner.get("/accounts/show/1").text.split("Next:")[1]
    assert 'value="P1"' in owner.get("/products/add").text
    owner.post("/products/add", name="เสื้อยืด", code="P1", price="290")
    sku = db.session.scalars(select(Sku)).one()
    assert (sku.code, sku.name, sku.price) == ("P1", "เสื้อยืด", Money.parse("290"))
    assert 'href="/stock/receive/form"' in owner.get(f"/products/show/{sku.product_id}").text.split("Next:")[1]
    assert "Next:" not in log_in(web, "sales").get(f"/products/show/{sku.product_id}").text


def test_a_product_of_several_sizes_is_entered_without_a_price(web):
    owner = log_in(web, "owner")
    owner.post("/products/add", name="เสื้อยืด", code="P1", price="")
    product = db.session.scalars(select(Product)).one()
    assert db.session.scalars(select(Sku)).all() == []
    form = owner.get(f"/skus/add?product={product.id}").text
    assert 'value="P1"' in form
    assert 'value="เสื้อยืด"' in form
    refused = owner.post("/products/add", name="หมวก", code="P2", price="สองร้อย")
    assert "price-err1" in refused.text
    assert db.session.scalars(select(Product.code)).all() == ["P1"]


@pytest.mark.parametrize(
    ("page", "way"),
    [
        ("/entry/", "/shops/add"), ("/channels/", "/shops/add"), ("/offers/", "/channels/"), ("/orders/", "/entry/"),
        ("/stock/receive/form", "/warehouses/add"), ("/shops/add", "/warehouses/add"), ("/pack/", "/warehouses/add"),
        ("/intake/upload", "/accounts/add"), ("/setup/letterhead/", "/setup/company/"),
    ],
)  # fmt: skip
def test_a_page_without_anything_says_where_to_go(web, page, way):
    assert f'href="{way}"' in log_in(web, "owner").get(page).text.split("<main")[1]


def test_a_company_without_its_head_office_and_a_product_without_a_sku_say_what_is_next(web):
    with transaction(system("test")) as tx:
        seller(tx, branches=False)
        product = create_product(tx, CreateProduct("P9", "ครีม")).id
    owner = log_in(web, "owner")
    assert 'class="btn p" href="/setup/company/branch"' in owner.get("/setup/company/").text
    assert f'class="btn p" href="/skus/add?product={product}"' in owner.get(f"/products/show/{product}").text


def test_the_page_of_a_shop_leads_to_connecting_it(web):
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
    owner = log_in(web, "owner")
    assert f'href="/channels/shops/{shop.shopee}/connect/shopee"' in owner.get(f"/shops/show/{shop.shopee}").text
    assert 'href="/entry/"' in owner.get(f"/shops/show/{shop.line}").text.split("<main")[1]
    assert "/connect/" not in log_in(web, "sales").get(f"/shops/show/{shop.shopee}").text
    db.session.remove()
