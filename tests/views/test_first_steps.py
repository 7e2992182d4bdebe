"""The first page of a new shop, and the pages that say what to do next."""

import pytest

from oms.actor import system
from oms.db import db, transaction
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
    assert 'href="/setup/company/"' in page
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
