"""The screens of transfers, counts, low stock and partners, as their people use them."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest
from sqlalchemy import event, select

from oms.actor import system
from oms.db import db, transaction
from oms.inventory.consignment_models import ConsignmentPartner, Settlement
from oms.inventory.count_models import CountLine, StockCount
from oms.inventory.cover_models import StockMinimum
from oms.inventory.models import StockLevel, Warehouse
from oms.inventory.states import CountStatus, SettlementStatus, TransferStatus
from oms.inventory.transfer_models import Transfer, TransferLine
from oms.money import Money
from oms.orders.models import Order
from oms.usecases.consignment import PartnerFacts, create_partner
from oms.usecases.covering import SetMinimum, set_minimum, work_out_pace
from oms.usecases.orders_place import place_order
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.shop import small_shop
from tests.views.panel import Panel, make_logins


@pytest.fixture
def shop(web):
    make_logins(web)
    with transaction(system("test")) as tx:
        return small_shop(tx)


def panel(web, role="manager") -> Panel:
    made = Panel(web, role)
    made.get("/language/en?next=/")
    return made


def one(model):
    db.session.expire_all()
    return db.session.scalars(select(model).order_by(model.id.desc())).first()


def on_hand(shop, i, place):
    db.session.expire_all()
    level = db.session.get(StockLevel, (shop.skus[i], place))
    return (level.on_hand, level.incoming) if level else None


def lines(shop, *pairs):
    return [x for i, n in pairs for x in (("lines-sku", shop.skus[i]), ("lines-text", ""), ("lines-quantity", n))]


def test_a_transfer_is_drafted_changed_sent_and_received_with_a_difference(web, shop):
    clerk = panel(web, "warehouse")
    assert "Draft a transfer" in clerk.get("/transfers/list/").text
    blank = clerk.get("/transfer/new").text
    assert re.search(rf'name="to_id".*?<option selected value="{shop.cnx}"', blank, re.DOTALL), (
        "goods go to another place"
    )
    page = clerk.get(f"/transfer/new?from={shop.bkk}&to={shop.cnx}&sku={shop.skus[0]}&pieces=4").text
    assert 'value="4"' in page
    sides = {"from_id": shop.bkk, "to_id": shop.cnx, "lines": 1, "key": "k", "reference": "1กข-1234"}
    wrong = clerk.post("/transfer/new", lines(shop, (0, 4)), **{**sides, "to_id": shop.bkk})
    assert "two different warehouses" in wrong.text
    assert clerk.post("/transfer/new", lines(shop, (0, 4), (1, 2)), **sides).status_code == 303
    row = one(Transfer)
    assert (
        clerk.post(f"/transfer/{row.id}/edit", lines(shop, (0, 5), (1, 2)), version=row.version, **sides).status_code
        == 303
    )
    assert on_hand(shop, 0, shop.bkk) == (10, 0)
    clerk.post(f"/transfer/{row.id}/send", version=one(Transfer).version)
    assert (on_hand(shop, 0, shop.bkk), on_hand(shop, 0, shop.cnx)) == ((5, 0), (0, 5))
    page = clerk.get(f"/transfer/{row.id}/receive").text
    key = re.search(r'name="key" value="([^"]+)"', page)[1]
    numbers = {f"received_{shop.skus[0]}": 3, f"lost_{shop.skus[0]}": 1, f"received_{shop.skus[1]}": 2, "key": key}
    refused = clerk.post(f"/transfer/{row.id}/receive", version=one(Transfer).version, **numbers)
    assert "say in a few words what happened" in refused.text
    assert f'name="received_{shop.skus[0]}" value="3"' in refused.text
    extra = [("extra-sku", shop.skus[3]), ("extra-quantity", 1)]
    done = clerk.post(f"/transfer/{row.id}/receive", extra, version=one(Transfer).version, reason="กล่องแตก", **numbers)
    assert done.status_code == 303
    page = clerk.get(f"/transfer/{row.id}").text
    assert "1 pieces are still on their way" in page
    assert "กล่องแตก" in page
    clerk.post(f"/transfer/{row.id}/receive", rest_lost="on", reason="ไม่มาแล้ว", key="k2")
    assert one(Transfer).status is TransferStatus.RECEIVED_WITH_DISCREPANCY
    assert on_hand(shop, 0, shop.cnx) == (3, 0)
    assert on_hand(shop, 3, shop.cnx) == (1, 0)


def test_a_number_that_is_none_changes_nothing(web, shop):
    clerk = panel(web, "warehouse")
    clerk.get("/transfer/new")
    clerk.post("/transfer/new", lines(shop, (0, 4)), from_id=shop.bkk, to_id=shop.cnx, lines=1, key="k")
    row = one(Transfer)
    clerk.post(f"/transfer/{row.id}/send", version=row.version)
    page = clerk.post(f"/transfer/{row.id}/receive", **{f"received_{shop.skus[0]}": "สาม", "key": "r"})
    assert "is not a whole number" in page.text
    assert db.session.scalars(select(TransferLine.received)).all() == [0]
    assert clerk.post(f"/transfer/{row.id}/explode").status_code in {302, 303, 404}


def test_a_blind_count_is_scanned_typed_taken_from_a_file_and_approved_by_another(web, shop):
    clerk = panel(web, "warehouse")
    clerk.get("/count/new")
    bad = clerk.post("/count/new", warehouse_id=shop.bkk, what="shelves", lines=1, key="a")
    assert "Name at least one shelf" in bad.text
    assert (
        clerk.post("/count/new", warehouse_id=shop.bkk, what="all", is_blind="y", lines=1, key="b").status_code == 303
    )
    count = one(StockCount)
    page = clerk.get(f"/count/{count.id}").text
    assert "By the books" not in page
    told = clerk.post(f"/count/{count.id}/scan", code="RU-0001", pieces=1).json
    assert (told["ok"], told["counted"], told["done"]) == (True, 1, "1 of 4 counted")
    assert clerk.post(f"/count/{count.id}/scan", code="RU-0001", pieces=7).json["counted"] == 8
    assert clerk.post(f"/count/{count.id}/scan", code="???", pieces=1).json["ok"] is False
    clerk.post(f"/count/{count.id}/enter", **{f"counted_{shop.skus[1]}": "10", f"counted_{shop.skus[2]}": ""})
    clerk.client.post(
        f"/count/{count.id}/file",
        data={"csrf_token": clerk.token, "file": (io.BytesIO("SKU,นับได้\nRU-0003,12\n".encode()), "count.csv")},
        headers={"Referer": f"http://localhost/count/{count.id}"},
    )
    found = {x.sku_id: x.counted for x in db.session.scalars(select(CountLine).where(CountLine.count_id == count.id))}
    assert [found[sku] for sku in shop.skus] == [8, 10, 12, None]
    clerk.post(f"/count/{count.id}/submit", rest="leave", version=one(StockCount).version)
    assert "By the books" not in clerk.get(f"/count/{count.id}").text  # still blind for who may not approve
    assert clerk.post(f"/count/{count.id}/approve").status_code == 403
    assert one(StockCount).status is CountStatus.COUNTED
    boss = panel(web)
    page = boss.get(f"/count/{count.id}").text
    assert "By the books" in page
    assert "Value at cost" in page
    boss.post(f"/count/{count.id}/approve", note="ดูแล้ว", version=one(StockCount).version)
    assert one(StockCount).status is CountStatus.POSTED
    assert [on_hand(shop, i, shop.bkk)[0] for i in range(4)] == [8, 10, 12, 10]


def test_a_bad_count_file_names_its_lines_and_enters_nothing(web, shop):
    clerk = panel(web, "warehouse")
    clerk.get("/count/new")
    clerk.post("/count/new", warehouse_id=shop.bkk, what="all", lines=1, key="b")
    count = one(StockCount)
    clerk.get(f"/count/{count.id}")
    clerk.client.post(
        f"/count/{count.id}/file",
        data={
            "csrf_token": clerk.token,
            "file": (io.BytesIO(b"SKU,Counted\nRU-0003,12\nNOPE,1\nRU-0001,x\n"), "c.csv"),
        },
        headers={"Referer": f"http://localhost/count/{count.id}"},
    )
    page = clerk.get(f"/count/{count.id}").text
    assert "Line 3" in page
    assert set(db.session.scalars(select(CountLine.counted))) == {None}


def test_a_count_that_breaks_promises_offers_stock_holds(web, shop):
    with transaction(system("test")) as tx:
        order = place_order(tx, shop.order((0, 9), confirm=True)).order_id
    clerk, boss = panel(web, "warehouse"), panel(web)
    clerk.get("/count/new")
    clerk.post("/count/new", lines(shop, (0, 1)), warehouse_id=shop.bkk, what="skus", lines=1, key="b")
    count = one(StockCount)
    clerk.post(f"/count/{count.id}/enter", **{f"counted_{shop.skus[0]}": "5"})
    clerk.post(f"/count/{count.id}/submit", rest="leave")
    page = boss.get(f"/count/{count.id}").text
    assert db.session.get_one(Order, order).number in page
    boss.post(f"/count/{count.id}/approve")
    assert one(StockCount).status is CountStatus.COUNTED
    boss.post(f"/count/{count.id}/approve", hold_orders="on")
    assert one(StockCount).status is CountStatus.POSTED
    db.session.expire_all()
    assert db.session.get_one(Order, order).hold_reasons == ["stock"]
    line = db.session.scalars(select(CountLine)).one()
    assert line.posted == -5


def test_low_stock_suggests_a_transfer_and_levels_are_set(web, shop):
    with transaction(system("test")) as tx:
        receive_stock(tx, ReceiveStock(shop.cnx, (StockLine(shop.skus[0], 50),), "cnx"))
        set_minimum(tx, SetMinimum(shop.skus[0], shop.bkk, 30))
        work_out_pace(tx)
    clerk = panel(web, "warehouse")
    page = clerk.get("/stock/cover/").text
    assert "Move 20 from CNX" in page
    assert f"from={shop.cnx}" in page
    clerk.post("/stock/cover/minimum", sku_id=shop.skus[1], warehouse_id=shop.bkk, minimum=11)
    db.session.expire_all()
    assert db.session.get_one(StockMinimum, (shop.skus[1], shop.bkk)).minimum == 11
    row = db.session.get_one(Warehouse, shop.bkk)
    clerk.post(f"/stock/cover/days/{shop.bkk}", days=21, version=row.version)
    db.session.expire_all()
    assert db.session.get_one(Warehouse, shop.bkk).cover_days == 21
    assert "RU-0002" in clerk.get("/stock/cover/").text
    assert "Warn below, in BKK" in clerk.get(f"/stock/card/{shop.skus[1]}").text
    assert clerk.get("/stock/low").status_code == 200


def partner(shop) -> int:
    with transaction(system("test")) as tx:
        place = create_partner(tx, PartnerFacts("MUJU", "ร้านมูจู", Decimal(30))).id
        receive_stock(tx, ReceiveStock(place, (StockLine(shop.skus[0], 6), StockLine(shop.skus[1], 6)), "p"))
    return place


def test_a_partner_is_added_changed_and_sells(web, shop):
    books = panel(web, "accountant")
    assert "No partner yet" in books.get("/consignment/").text
    books.get("/consignment/new")
    facts = {"code": "CAFE", "name": "คาเฟ่ริมน้ำ", "commission": "25%", "pay_days": 15, "is_active": "y"}
    assert "is not a percentage" in books.post("/consignment/new", **{**facts, "commission": "มาก"}).text
    assert books.post("/consignment/new", **facts).status_code == 303
    place = db.session.scalars(select(Warehouse).where(Warehouse.code == "CAFE")).one().id
    row = db.session.get_one(ConsignmentPartner, place)
    assert (
        books.post(f"/consignment/{place}/edit", version=row.version, **{**facts, "commission": "20"}).status_code
        == 303
    )
    assert "คาเฟ่ริมน้ำ" in books.get("/consignment/").text


def test_a_report_makes_a_settlement_that_is_paid(web, shop):
    place, books = partner(shop), panel(web, "accountant")
    books.get(f"/consignment/{place}/sold")
    sold = [*lines(shop, (0, 2)), ("lines-price", "150"), *lines(shop, (1, 1)), ("lines-price", "")]
    assert books.post(f"/consignment/{place}/sold", sold, lines=1, key="s1").status_code == 303
    row = one(Settlement)
    assert (row.sold, row.commission, row.due) == tuple(Money(Decimal(n)) for n in (500, 150, 350))
    page = books.get(f"/settlement/{row.id}").text
    assert "350.00" in page
    books.post(f"/settlement/{row.id}/pay", paid_on="not a day")
    assert one(Settlement).status is SettlementStatus.OPEN
    books.post(f"/settlement/{row.id}/pay", paid_on=row.at.date().isoformat(), reference="KBANK")
    assert one(Settlement).status is SettlementStatus.PAID
    assert row.number in books.get("/settlements/list/").text
    assert row.number in books.get(f"/consignment/{place}").text


def test_a_partners_file_fills_the_form_and_counts_only_when_saved(web, shop):
    place, books = partner(shop), panel(web, "accountant")
    books.get(f"/consignment/{place}/sold")
    sent = io.BytesIO("รหัสสินค้า,ขายได้,ราคา\nRU-0001,2,159.75\nRU-0002,1,\n".encode())
    page = books.client.post(
        f"/consignment/{place}/sold", data={"csrf_token": books.token, "file": (sent, "sold.csv")},
        headers={"Referer": f"http://localhost/consignment/{place}/sold"},
    ).text  # fmt: skip
    assert "2 lines of the file are filled in" in page
    assert 'value="159.75"' in page
    assert one(Settlement) is None


def test_people_see_only_what_their_role_opens(web, shop):
    place = partner(shop)
    viewer, clerk = panel(web, "viewer"), panel(web, "warehouse")
    assert viewer.get("/transfers/list/").status_code == 200
    for path in ("/transfer/new", "/count/new", "/counts/list/", "/consignment/", f"/consignment/{place}"):
        assert viewer.get(path).status_code in {302, 403}, path
    assert clerk.get("/consignment/").status_code in {302, 403}
    viewer.post("/transfer/new", lines(shop, (0, 4)), from_id=shop.bkk, to_id=shop.cnx, lines=1, key="k")
    assert one(Transfer) is None


def test_lists_cost_the_same_however_long_they_are(web, shop):
    clerk = panel(web)

    def cost(path):
        seen = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        assert clerk.get(path).status_code == 200
        event.remove(db.engine, "before_cursor_execute", listener)
        return len(seen)

    def more(n):
        with transaction(system("test")) as tx:
            for i in range(n):
                place = create_partner(tx, PartnerFacts(f"P{n}{i}", f"p{i}", Decimal(30))).id
                receive_stock(tx, ReceiveStock(place, (StockLine(shop.skus[0], 6),), f"{n}{i}"))
                set_minimum(tx, SetMinimum(shop.skus[0], place, 30))

    more(2)
    paths = ("/consignment/", "/stock/cover/")
    few = [cost(path) for path in paths]
    more(9)
    assert [cost(path) for path in paths] == few


def test_lists_lead_to_their_papers(web, shop):
    clerk = panel(web, "warehouse")
    clerk.get("/transfer/new")
    clerk.post("/transfer/new", lines(shop, (0, 4)), from_id=shop.bkk, to_id=shop.cnx, lines=1, key="k")
    page = clerk.get("/transfers/list/").text
    assert f'data-href="/transfer/{one(Transfer).id}"' in page
    assert '<span class="pill mut">Draft</span>' in page
    clerk.get("/count/new")
    clerk.post("/count/new", warehouse_id=shop.bkk, what="all", lines=1, key="b")
    assert f'data-href="/count/{one(StockCount).id}"' in clerk.get("/counts/list/").text
