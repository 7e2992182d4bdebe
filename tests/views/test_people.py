"""The customer page and its buttons; groups, blacklist, twins; the same as last time; prices and warnings while typing."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, text

from oms.actor import system
from oms.catalog.models import Sku
from oms.customers.models import Customer, IdentityKind
from oms.customers.people_models import Block, CustomerGroup, CustomerMerge, CustomerTaxIdentity, GroupPrice
from oms.db import db, transaction
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import OrderStatus
from oms.usecases.blacklist import BlockPhone, block_phone
from oms.usecases.customer_groups import SaveGroup, SetGroupPrice, save_group, set_group_price
from oms.usecases.customers import CreateCustomer, IdentityInput, create_customer
from oms.usecases.orders_place import place_order
from tests.shop import SmallShop, small_shop
from tests.views.people import log_in


@pytest.fixture
def shop(web) -> SmallShop:
    with transaction(system("test")) as tx:
        return small_shop(tx)


@pytest.fixture
def people(shop) -> tuple[int, int]:
    """Two cards of one person, each with an order."""
    with transaction(system("test")) as tx:
        line = IdentityInput(IdentityKind.LINE, "@Nok")
        one = create_customer(
            tx, CreateCustomer("กนกวรรณ", "0811112222", identities=(line,), group="ขายส่ง")
        ).customer_id
        two = create_customer(
            tx, CreateCustomer("นก", identities=(IdentityInput(IdentityKind.LINE, "nok"),))
        ).customer_id
        for who in (one, two):
            place_order(tx, shop.order((0, 2), confirm=True, customer_id=who))
        return one, two


def test_the_page_shows_the_whole_person_and_merges_with_a_click(web, people):
    one, two = people
    person = log_in(web, "manager")
    page = person.get(f"/customers/show/{one}").text
    for shown in ("may be the same person", "The same chat name", "Usual items", "Same as last time", "Bought for"):
        assert shown in page, shown
    path = f"/customers/show/{one}"
    assert person.post(f"/customer/{one}/merge", form=path, gone_id=two, reason="คนเดียวกัน").status_code == 303
    page = person.get(path).text
    assert "was merged into" in page
    assert page.count("RU-0001") == 1
    gone = person.get(f"/customers/show/{two}").text
    assert "This card was merged into" in gone
    assert "นก<" not in re.sub(r"\s+", "", person.get("/customers/list/").text)
    merge = db.session.scalars(select(CustomerMerge.id)).one()
    assert person.post(f"/customer/merge/{merge}/undo", form=path).status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Customer, two).merged_into_id is None
    assert log_in(web, "viewer").client.post(f"/customer/{one}/merge").status_code in {400, 403}
    assert "may be the same person" not in log_in(web, "viewer").get(path).text


def test_twins_by_phone_are_a_list(web, people):
    one, two = people
    with transaction(system("test")) as tx:
        tx.session.execute(text("UPDATE customers SET phone = '0811112222'"))
    person = log_in(web, "sales")
    page = person.get("/customer/twins").text
    assert f"/customer/{one}/merge" in page
    assert f"/customer/{two}/merge" in page
    with transaction(system("test")) as tx:
        tx.session.execute(text("UPDATE customers SET phone = ''"))
    assert "No cards share a phone" in person.get("/customer/twins").text


def test_the_blacklist_is_kept_from_the_page_and_from_its_list(web, people):
    one, _ = people
    person = log_in(web, "manager")
    path = f"/customers/show/{one}"
    done = person.post(f"/customer/{one}/block", form=path, what="phone", phone="", reason="โกง", days=30, next=path)
    assert done.status_code == 303
    assert done.headers["Location"] == path
    assert "โกง" in person.get(path).text
    done = person.post(
        "/customer/0/block",
        form="/blacklist/list/",
        what="address",
        line="45/7 ม.2",
        postcode="50210",
        reason="ไม่รับ",
        days=9,
    )
    assert done.status_code == 303
    page = person.get("/blacklist/list/").text
    assert "45/7 ม.2 50210" in page
    block = db.session.scalars(select(Block.id).order_by(Block.id)).first()
    assert (
        person.post(f"/customer/blacklist/{block}/lift", form=f"/blacklist/show/{block}", note="ผิดคน").status_code
        == 303
    )
    assert "โกง" not in person.get(path).text
    assert log_in(web, "sales").get("/blacklist/list/").status_code == 403


def test_tax_names_are_added_and_put_on_the_card(web, people):
    one, _ = people
    person = log_in(web, "sales")
    path = f"/customers/show/{one}"
    person.post(
        f"/customer/{one}/tax",
        form=path,
        tax_name="บริษัท รวม จำกัด",
        tax_id="0005560000019",
        tax_branch="",
        tax_address="กทม",
    )
    kept = db.session.scalars(select(CustomerTaxIdentity.id)).one()
    assert "บริษัท รวม จำกัด" in person.get(path).text
    assert person.post(f"/customer/{one}/tax/{kept}", form=path).status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Customer, one).tax_id == "0005560000019"


def test_a_group_has_a_price_list(web, shop):
    person = log_in(web, "manager")
    assert person.post("/customer-groups/add", name="ขายส่ง", note="", is_active="y").status_code in {302, 303}
    group = db.session.scalars(select(CustomerGroup.id)).one()
    path = f"/customer-groups/show/{group}"
    assert person.post(f"/customer-group/{group}/price", form=path, sku_id=shop.skus[0], price="60").status_code == 303
    assert db.session.scalars(select(GroupPrice.price)).one() == Money.satang(60_00)
    page = person.get(path).text
    assert "RU-0001" in page
    assert "60.00" in page
    assert person.post(f"/customer-group/{group}/price", form=path, sku_id=shop.skus[0], price="").status_code == 303
    assert db.session.scalars(select(GroupPrice.id)).all() == []
    assert log_in(web, "sales").client.post(f"/customer-group/{group}/price").status_code in {400, 403}


def test_typing_an_order_shows_the_groups_price_its_reason_and_the_risk(web, shop, people):
    one, _ = people
    with transaction(system("test")) as tx:
        group = save_group(tx, SaveGroup("ขายส่ง")).id
        set_group_price(tx, SetGroupPrice(group, shop.skus[0], Money.satang(60_00)))
        block_phone(tx, BlockPhone("0811112222", "โกง", 30))
    person = log_in(web, "sales")
    typed = {
        "csrf_token": person.token("/entry/"), "customer_id": str(one), "phone": "081-111-2222", "name": "ก",
        "sku": "RU-0001", "qty": "2", "price": "", "line_discount": "", "shop_id": str(shop.line),
    }  # fmt: skip
    person._anew()
    found = person.client.post("/entry/ask/preview", data=typed).json
    assert found["lines"][0]["price"] == "60.00"
    assert found["lines"][0]["why"] == "Price of ขายส่ง"
    assert found["total"] == "฿120.00"
    assert found["percent"] == "0.0"
    assert "Blacklisted: โกง" in [w["message"] for w in found["warnings"]]
    person._anew()
    saved = person.client.post("/entry/", data=typed | {"action": "draft", "key": "k", "term": "prepaid"})
    assert saved.status_code == 303, saved.text[:500]
    draft = db.session.scalars(select(Order).order_by(Order.id.desc())).first()
    assert "Price of ขายส่ง" in person.get(f"/orders/{draft.id}").text
    assert 'placeholder="100.00"' in person.get(f"/entry/{draft.id}").text  # no price of its own was typed


def test_the_same_as_last_time_leads_to_a_draft_and_its_sheet(web, shop, people):
    one, _ = people
    with transaction(system("test")) as tx:
        tx.session.get_one(Sku, shop.skus[0]).price = Money.satang(120_00)
    person = log_in(web, "manager")
    answer = person.post(f"/customer/{one}/again", form=f"/customers/show/{one}")
    assert answer.status_code == 303
    page = person.get(answer.headers["Location"]).text
    for shown in ("Look at what is different", "Dearer", "100.00", "120.00", "Another draft at the old prices"):
        assert shown in page, shown
    draft = db.session.scalars(select(Order).where(Order.status == OrderStatus.DRAFT)).one()
    assert draft.copied_from is not None
    old = person.post(f"/again/{draft.copied_from}", form=answer.headers["Location"], old_prices=1)
    assert old.status_code == 303
    assert "Same as last time" in person.get(f"/orders/{draft.copied_from}").text
    first = person.get(f"/again/{draft.copied_from}/differences")
    assert first.status_code == 302  # an order that repeats nothing has no sheet
    assert log_in(web, "viewer").client.post(f"/customer/{one}/again").status_code in {400, 403}
