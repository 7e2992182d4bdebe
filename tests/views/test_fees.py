"""The screen of rate tables and the fee at order entry."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from oms.actor import system
from oms.catalog.models import Sku
from oms.db import db, transaction
from oms.shipping.carrier_models import FeeTable
from tests.shop import small_shop
from tests.views.people import log_in


@pytest.fixture
def shop(web):
    with transaction(system("test")) as tx:
        made = small_shop(tx)
        tx.session.execute(update(Sku).values(weight_g=400))
        return made


def add(person, **facts):
    words = {
        "name": "ปกติ", "by": "weight", "province": "1000 40\n5,000 80", "near": "๑๐๐๐ ๓๐", "cod_percent": "3%",
        "shop": "", "carrier": "", "is_active": "y",
    }  # fmt: skip
    return person.post("/fees/new", **(words | facts))


def test_a_table_is_entered_tried_and_changed(web, shop):
    manager = log_in(web, "manager")
    assert "No rate table yet" in manager.get("/fees/").text
    assert add(manager).status_code == 303
    row = db.session.scalars(select(FeeTable)).one()
    assert row.rates["zones"]["near"]["steps"] == [[1000, 3000]]
    tried = manager.get("/fees/?postcode=50210&grams=1200&pieces=1&cod=1000").text
    assert "฿110.00" in tried
    assert "Provinces, 1.2 kg" in tried
    page = manager.get(f"/fees/{row.id}/edit").text
    assert "1000 40\n5000 80" in page
    assert manager.post(f"/fees/{row.id}/edit", name="ปกติ", by="weight", province="1000 45", is_active="y", shop="",
                        carrier="").status_code == 303  # fmt: skip
    assert "฿45.00" in manager.get("/fees/?postcode=50210&grams=500").text
    assert manager.get("/fees/99999/edit").status_code == 404


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"province": "1000"}, "is no step"),
        ({"province": "1000 40\n500 80"}, "is no step"),
        ({"province": "1000 -5"}, "is no step"),
        ({"cod_percent": "120"}, "from 0 to 100"),
        ({"name": ""}, "Must be filled in"),
    ],
)
def test_what_cannot_be_read_is_said_on_the_form(web, shop, facts, words):
    answer = add(log_in(web, "manager"), **facts)
    assert answer.status_code == 200
    assert words in answer.text
    assert db.session.scalars(select(FeeTable)).all() == []


def test_only_who_keeps_carriers_sees_the_tables(web, shop):
    for role in ("sales", "cashier", "warehouse", "viewer"):
        assert log_in(web, role).get("/fees/").status_code == 403


def test_order_entry_is_told_the_fee(web, shop):
    add(log_in(web, "manager"))
    seller = log_in(web, "sales")
    lines = {"sku": "RU-0001", "qty": "3", "price": "100", "line_discount": ""}
    form = {"shop_id": shop.line, "postcode": "50210", "name": "ก", "term": "cod", **lines}
    assert "data-fee=" in seller.get("/entry/").text
    answer = seller.post("/fees/ask", form="/entry/", **form)
    assert answer.json["fee"] == "89.00"  # 1.2 kg to the provinces, and three percent of 300
    assert "Provinces, 1.2 kg" in answer.json["text"]
    assert seller.post("/fees/ask", form="/entry/", **(form | {"postcode": ""})).json["fee"] == ""
    assert seller.post("/fees/ask", form="/entry/", shop_id=shop.line).json == {"fee": "", "text": ""}
    assert log_in(web, "viewer").client.post("/fees/ask").status_code in {400, 403}
