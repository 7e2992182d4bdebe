"""Products, setup and stock on screen: who sees what, what a form keeps, and that lists ask few questions."""

from __future__ import annotations

import pytest
from sqlalchemy import event, func, select

from oms.actor import system
from oms.catalog.models import ChannelSku, Product, Sku
from oms.db import db, transaction
from oms.inventory.models import StockLevel, StockMovement, StockPaper, Warehouse
from oms.permissions import ROLES
from oms.usecases.catalog_channels import MapChannelSku, map_channel_sku
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.shop import SmallShop, small_shop
from tests.views.people import Person, log_in

LISTS = {
    "/products/list/": "stock.view",
    "/skus/list/": "stock.view",
    "/channel-skus/list/": "stock.view",
    "/warehouses/list/": "stock.view",
    "/shops/list/": "order.view",
    "/accounts/list/": "payment.claim",
    "/stock/list/": "stock.view",
    "/stock/low": "stock.view",
    "/stock/movements/list/": "stock.view",
    "/stock/papers/list/": "stock.view",
    "/products/add": "catalog.edit",
    "/skus/add": "catalog.edit",
    "/channel-skus/add": "catalog.edit",
    "/warehouses/add": "shop.edit",
    "/shops/add": "shop.edit",
    "/accounts/add": "shop.edit",
    "/stock/receive/form": "stock.receive",
    "/stock/adjust/form": "stock.adjust",
    "/stock/damage/form": "stock.adjust",
}


@pytest.fixture
def shop(web) -> SmallShop:
    with transaction(system("test")) as tx:
        made = small_shop(tx)
        map_channel_sku(tx, MapChannelSku(made.line, "LINE-1", made.skus[0]))
        map_channel_sku(tx, MapChannelSku(made.shopee, "SHP-1", made.skus[0]))
    return made


@pytest.fixture
def owner(web, shop) -> Person:
    return log_in(web, "owner")


@pytest.mark.parametrize("role", ROLES, ids=lambda r: r.name)
def test_each_role_opens_its_own_screens_only(web, shop, role):
    person = log_in(web, role.name)
    for path, action in LISTS.items():
        answer = person.get(path)
        wanted = 200 if action in role.actions else (302, 403)
        assert answer.status_code in (wanted if isinstance(wanted, tuple) else (wanted,)), (path, answer.status_code)


def test_a_stranger_is_sent_to_the_login(web, shop):
    for path in LISTS:
        answer = web.test_client().get(path)
        assert answer.status_code in (302, 303), path
        assert "/login" in answer.location


def test_a_product_is_added_found_changed_and_shown(web, owner):
    answer = owner.post("/products/add", code="MUG", name="แก้วน้ำ <b>🎁</b>", category="ของใช้")
    assert answer.status_code == 302
    assert "MUG" in owner.get("/products/list/?q=แก้วน้ำ").text
    shown = owner.get(answer.location).text
    assert "&lt;b&gt;🎁" in shown
    pk = answer.location.rsplit("/", 1)[1]
    again = owner.post(f"/products/edit/{pk}", code="MUG", name="แก้วกาแฟ", is_active="y")
    assert again.status_code == 302
    assert "แก้วกาแฟ" in owner.get(answer.location).text


def test_a_refused_form_keeps_what_was_typed_and_says_why_at_the_field(web, owner, shop):
    answer = owner.post("/skus/add", product_id=str(_id(Product)), code="RU-0001", name="ชื่อที่พิมพ์ไว้", price="12o")
    assert answer.status_code == 200
    assert "ชื่อที่พิมพ์ไว้" in answer.text
    assert "“12o” is not an amount" in answer.text
    answer = owner.post("/skus/add", product_id=str(_id(Product)), code="RU-0001", name="ชื่อที่พิมพ์ไว้", price="120")
    assert "“RU-0001” is used already" in answer.text
    assert answer.text.count('class="err"') == 1


def _id(model) -> int:
    return db.session.scalar(select(func.min(model.id)))


def test_astronomical_numbers_are_refused_in_words(web, owner, shop):
    for price, weight in (("9" * 30, "1"), ("1", "9" * 30), ("-5", "1"), ("1e999", "1"), ("NaN", "1")):
        answer = owner.post(
            "/skus/add", product_id=str(_id(Product)), code="NEW", name="x", price=price, weight_g=weight
        )
        assert (answer.status_code, 'class="err"' in answer.text) == (200, True), (price, weight)
    assert db.session.scalar(select(func.count()).where(Sku.code == "NEW")) == 0


def test_a_stale_edit_shows_a_conflict_and_writes_nothing(web, owner, shop):
    first = owner.post(f"/warehouses/edit/{shop.cnx}", code="CNX", name="ใหม่", rank="1", is_active="y")
    assert first.status_code == 302
    page = owner.post(f"/warehouses/edit/{shop.cnx}", code="CNX", name="ทับของเขา", rank="1", is_active="y", version="1")
    assert "Someone else saved this" in page.text
    assert "ทับของเขา" in page.text
    db.session.expire_all()
    assert db.session.get(Warehouse, shop.cnx).name == "ใหม่"


def test_a_set_is_made_of_scanned_and_typed_lines(web, owner, shop):
    answer = owner.post(
        "/skus/add",
        **{
            "product_id": str(_id(Product)), "code": "SET-9", "name": "เซต", "price": "999", "barcodes": "111\n222\n",
            "components": "1", "components-sku": [str(shop.skus[0]), "", ""],
            "components-text": ["", "RU-0002", ""], "components-quantity": ["2", "1", ""],
        },
    )  # fmt: skip
    assert answer.status_code == 302, answer.text
    made = db.session.scalars(select(Sku).where(Sku.code == "SET-9")).one()
    assert [(c.component_id, c.quantity) for c in made.components] == [(shop.skus[0], 2), (shop.skus[1], 1)]
    page = owner.get(f"/skus/edit/{made.id}").text
    assert "RU-0001" in page
    assert "111\n222" in page


def test_an_unknown_line_is_named_and_the_others_stay(web, owner, shop):
    answer = owner.post(
        "/stock/receive/form",
        **{
            "warehouse_id": str(shop.bkk), "lines": "1", "lines-sku": [str(shop.skus[0]), ""],
            "lines-text": ["RU-0001", "ไม่มีจริง"], "lines-quantity": ["2", "1"],
        },
    )  # fmt: skip
    assert answer.status_code == 200
    assert "“ไม่มีจริง” is no SKU" in answer.text
    assert 'value="RU-0001"' in answer.text
    assert db.session.scalar(select(func.count()).select_from(StockPaper)) == 0


def receive(person, shop, place, quantity="5", **more):
    lines = {"lines": "1", "lines-sku": str(shop.skus[0]), "lines-text": "", "lines-quantity": quantity}
    return person.post("/stock/receive/form", warehouse_id=str(place), reference="INV-7", **lines, **more)


def test_goods_are_received_once_however_often_the_button_is_pressed(web, owner, shop):
    first = receive(owner, shop, shop.bkk, key="the-same")
    second = receive(owner, shop, shop.bkk, key="the-same")
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.location == second.location
    assert db.session.get(StockLevel, (shop.skus[0], shop.bkk)).on_hand == 15
    assert "INV-7" in owner.get(first.location).text
    assert "+5" in owner.get(f"/stock/card/{shop.skus[0]}").text


def test_an_adjustment_below_a_promise_stays_on_the_form_with_the_reason(web, owner, shop):
    lines = {"lines": "1", "lines-sku": str(shop.skus[0]), "lines-text": "", "lines-quantity": "-11"}
    answer = owner.post(
        "/stock/adjust/form", warehouse_id=str(shop.bkk), reason="lost", how="change", bucket="on_hand", **lines
    )
    assert answer.status_code == 200
    assert "Only 10 of RU-0001 are there; 11 cannot leave" in answer.text
    assert db.session.scalar(select(func.count()).select_from(StockPaper)) == 0


@pytest.fixture
def clerk(web, shop) -> Person:
    """Works in Chiang Mai only."""
    with transaction(system("test")) as tx:
        receive_stock(tx, ReceiveStock(shop.cnx, (StockLine(shop.skus[1], 3),), "cnx"))
    return log_in(web, "warehouse", warehouses=(shop.cnx,))


def test_a_clerk_sees_the_stock_of_her_own_warehouse_only(web, shop, clerk):
    page = clerk.get("/stock/list/").text
    assert ("RU-0002" in page, "RU-0001" in page) == (True, False)
    assert "BKK" not in clerk.get("/stock/movements/list/").text
    assert "BKK" not in clerk.get("/warehouses/list/").text
    card = clerk.get(f"/stock/card/{shop.skus[0]}").text
    assert ("CNX" in card, "BKK" in card) == (True, False)
    card = clerk.get(f"/stock/card/{shop.skus[0]}?warehouse={shop.bkk}").text
    assert "BKK" not in card
    assert clerk.get(f"/warehouses/show/{shop.bkk}").status_code == 404
    assert receive(clerk, shop, shop.bkk).status_code == 200
    assert db.session.get(StockLevel, (shop.skus[0], shop.bkk)).on_hand == 10


def test_a_paper_of_another_warehouse_is_not_found(web, owner, shop, clerk):
    assert clerk.get(receive(owner, shop, shop.bkk).location).status_code == 404


def test_names_on_channels_are_those_of_ones_own_shops(web, shop):
    person = log_in(web, "manager", shops=(shop.line,))
    page = person.get("/channel-skus/list/").text
    assert ("LINE-1" in page, "SHP-1" in page) == (True, False)
    other = db.session.scalar(select(ChannelSku.id).where(ChannelSku.external_sku == "SHP-1"))
    assert person.get(f"/channel-skus/show/{other}").status_code == 404
    assert person.get(f"/channel-skus/edit/{other}").status_code == 404


def test_costs_show_only_to_those_who_may_see_them(web, owner, shop):
    assert "Cost" in owner.get(f"/skus/show/{shop.skus[0]}").text
    assert "Cost" in log_in(web, "accountant").get(f"/skus/show/{shop.skus[0]}").text
    for role in ("sales", "warehouse", "viewer"):
        assert "Cost" not in log_in(web, role).get(f"/skus/show/{shop.skus[0]}").text


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/products/list/", 12), ("/skus/list/", 15), ("/channel-skus/list/", 12), ("/shops/list/", 13),
        ("/warehouses/list/", 12), ("/stock/list/", 12), ("/stock/movements/list/", 12), ("/stock/low", 12),
    ],
)  # fmt: skip
def test_a_list_asks_as_few_questions_for_many_rows_as_for_few(web, owner, shop, path, most):
    with transaction(system("test")) as tx:
        small = [(f"Z{i}", i) for i in range(30)]
        for code, _ in small:
            tx.session.add(Product(code=code, name=code))
        receive_stock(tx, ReceiveStock(shop.cnx, tuple(StockLine(s, 1) for s in shop.skus), "many"))
    asked: list[str] = []

    def note(_c, _cu, statement, *_rest):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            asked.append(statement)

    event.listen(db.engines[None], "before_cursor_execute", note)
    try:
        assert owner.get(path).status_code == 200
    finally:
        event.remove(db.engines[None], "before_cursor_execute", note)
    assert len(asked) <= most, "\n".join(asked)


def test_boxes_that_ask_while_one_types(web, owner, shop):
    found = owner.get("/lookup/skus?q=RU-0001").json["items"]
    assert (found[0]["id"], found[0]["exact"]) == (shop.skus[0], True)
    assert all(item["id"] != shop.bundle for item in owner.get("/lookup/skus?q=RU&plain=1").json["items"])
    assert owner.get("/lookup/skus?q=%00").json == {"items": []}
    assert owner.get("/lookup/products?q=P1").json["items"][0]["text"].startswith("P1")


def test_the_card_pages_through_a_long_story_with_the_right_balance(web, owner, shop):
    with transaction(system("test")) as tx:
        for i in range(60):
            receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(shop.skus[0], 1),), f"k{i}"))
    page = owner.get(f"/stock/card/{shop.skus[0]}").text
    assert ">70<" in page
    older = max(
        i for (i,) in db.session.execute(select(StockMovement.id).order_by(StockMovement.id.desc()).offset(49)).all()
    )
    page = owner.get(f"/stock/card/{shop.skus[0]}?before={older}").text
    assert ">10<" in page
    assert ">70<" not in page.split("Movements in")[1]
