"""The entry screen: from the first word to reserved stock, and nothing typed is ever lost."""

import re
import threading

import pytest
from sqlalchemy import event, func, select

from oms.actor import system
from oms.approvals import Approval
from oms.audit import AuditLog
from oms.catalog.models import SkuBarcode
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, IdentityKind
from oms.db import db, transaction
from oms.inventory.models import Reservation, StockLevel
from oms.money import Money
from oms.orders.models import Order, OrderNote
from oms.orders.states import OrderStatus, PaymentTerm
from oms.usecases.customers import Address, CreateCustomer, IdentityInput, create_customer
from tests.conftest import clean
from tests.shop import small_shop
from tests.views.panel import Panel, make_logins

BUYER = {
    "name": "กนกวรรณ ป้อมปราการ", "phone": "080-000-1234", "line": "45/7 หมู่ 2", "subdistrict": "สันทรายน้อย",
    "district": "สันทราย", "province": "เชียงใหม่", "postcode": "50210",
}  # fmt: skip


@pytest.fixture
def shop(web):
    make_logins(web)
    with transaction(system("test")) as tx:
        made = small_shop(tx)
        tx.session.add(SkuBarcode(sku_id=made.skus[0], barcode="8850001112223"))
    return made


def key_of(answer):
    return re.search(r'name="key" value="([^"]+)"', answer.text)[1]


def version_of(answer):
    return re.search(r'name="version" value="(\d*)"', answer.text)[1]


def lines(*rows):
    """Rows of (sku, quantity, price, discount)."""
    data = []
    for row in rows:
        data += list(zip(("sku", "qty", "price", "line_discount"), (*row, "", "")[:4], strict=False))
    return data


def fill(shop, page, *rows, action="confirm", **fields):
    words = {"key": key_of(page), "shop_id": shop.line, "warehouse_id": shop.bkk, "term": "prepaid", "action": action}
    return lines(*(rows or [("RU-0001", 1)])) + list((BUYER | words | fields).items())


def orders():
    db.session.expire_all()
    return list(db.session.scalars(select(Order).order_by(Order.id)))


def reserved():
    return db.session.scalar(select(func.coalesce(func.sum(StockLevel.reserved), 0)))


def test_an_order_is_entered_and_its_stock_reserved(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    data = fill(
        shop, page, ("RU-0001", 2), ("8850001112223", 1), ("RU-0003", 1, "", "10%"), discount="20", shipping_fee="40",
        term="cod", contact="kanok.p", note="ห่อกันกระแทก", note_for_customer="ส่งพรุ่งนี้ค่ะ", tags="ของขวัญ, ประจำ",
    )  # fmt: skip
    answer = sales.post("/entry/", data)
    assert answer.status_code == 303, answer.text
    order = orders()[0]
    assert order.status is OrderStatus.CONFIRMED
    assert (order.goods_total, order.total) == (Money.parse("570"), Money.parse("590"))
    assert (order.payment_term, order.ship_phone, order.ship_postcode) == (PaymentTerm.COD, "0800001234", "50210")
    assert (order.tags, order.owner) == (["ของขวัญ", "ประจำ"], "")
    assert reserved() == 4
    notes = db.session.execute(select(OrderNote.body, OrderNote.for_customer).order_by(OrderNote.id)).all()
    assert [tuple(n) for n in notes] == [("ห่อกันกระแทก", False), ("ส่งพรุ่งนี้ค่ะ", True)]
    kinds = set(
        db.session.scalars(select(CustomerIdentity.kind).where(CustomerIdentity.customer_id == order.customer_id))
    )
    assert kinds == {IdentityKind.PHONE, IdentityKind.LINE}


def test_the_screen_opens_with_the_last_shop_and_oneself(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    assert re.search(rf'<option value="{shop.line}"[^>]*selected', page.text)
    sales.post("/entry/", fill(shop, page, shop_id=shop.shopee, action="draft"))
    assert re.search(rf'<option value="{shop.shopee}"[^>]*selected', sales.get("/entry/").text)
    assert re.search(r"selected>แนน", sales.get("/entry/").text)


def test_a_draft_reserves_nothing_and_is_finished_on_the_same_screen(web, shop):
    sales = Panel(web, "sales")
    saved = sales.post("/entry/", fill(shop, sales.get("/entry/"), ("RU-0002", 3), action="draft"))
    order = orders()[0]
    assert (order.status, reserved()) == (OrderStatus.DRAFT, 0)
    page = sales.get(saved.location)
    assert "RU-0002" in page.text
    assert BUYER["line"] in page.text
    data = fill(shop, page, ("RU-0002", 4), ("RU-0001", 1), version=version_of(page), name="กนกวรรณ (แก้)")
    assert sales.post(saved.location, data).status_code == 303
    order = orders()[0]
    assert (order.status, order.ship_name, reserved()) == (OrderStatus.CONFIRMED, "กนกวรรณ (แก้)", 5)
    assert [(x.sku_code, x.quantity) for x in order.lines] == [("RU-0002", 4), ("RU-0001", 1)]
    edited = db.session.scalars(select(AuditLog).where(AuditLog.action == "order.draft_edited")).one()
    assert edited.before["lines"] != edited.after["lines"]
    assert len(orders()) == 1


def test_a_double_click_makes_one_order(web, shop):
    sales = Panel(web, "sales")
    data = fill(shop, sales.get("/entry/"))
    first, second = sales.post("/entry/", data), sales.post("/entry/", data)
    assert first.location == second.location
    assert (len(orders()), reserved()) == (1, 1)


def test_the_same_form_with_other_words_is_told_it_was_saved(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    sales.post("/entry/", fill(shop, page, action="draft"))
    answer = sales.post("/entry/", fill(shop, page, ("RU-0004", 2), action="draft"))
    assert answer.status_code == 422
    assert orders()[0].number in answer.text
    assert "RU-0004" in answer.text  # what was typed is still there
    assert len(orders()) == 1


def test_saving_and_then_confirming_the_same_form_confirms_the_draft(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    sales.post("/entry/", fill(shop, page, action="draft"))
    assert sales.post("/entry/", fill(shop, page)).status_code == 303
    assert [o.status for o in orders()] == [OrderStatus.CONFIRMED]


def test_more_than_there_is_names_what_is_left_and_keeps_the_form(web, shop):
    sales = Panel(web, "sales")
    answer = sales.post("/entry/", fill(shop, sales.get("/entry/"), ("RU-0001", 11), note="ด่วนมาก"))
    assert answer.status_code == 409
    assert "10" in answer.text
    assert "RU-0001" in answer.text
    assert "ด่วนมาก" in answer.text
    assert (orders(), reserved()) == ([], 0)


@pytest.mark.parametrize(
    ("rows", "fields", "marked"),
    [
        ([("RU-0001", "0")], {}, "lines.0"),
        ([("RU-0001", "999999999")], {}, "lines.0"),
        ([("RU-0001", "สองชิ้น")], {}, "lines.0"),
        ([("RU-0001", "-1")], {}, "lines.0"),
        ([("RU-0001", "1.5")], {}, "lines.0"),
        ([("RU-0001", 1), ("ไม่มี", 1)], {}, "lines.1"),
        ([("RU-0001", 1, "", "101")], {}, "lines.0"),
        ([("RU-0001", 1, "", "101%")], {}, "lines.0"),
        ([("RU-0001", 1, "1e9")], {}, "lines.0"),
        ([], {"phone": "12345"}, "phone"),
        ([], {"name": "  "}, "name"),
        ([], {"discount": "999999"}, "discount"),
        ([], {"discount": "NaN"}, "discount"),
        ([], {"shipping_fee": "-5"}, "shipping_fee"),
        ([], {"shipping_fee": "99999999999999999999"}, "shipping_fee"),
        ([], {"term": "barter"}, "term"),
        ([], {"shop_id": "999999"}, "shop_id"),
        ([], {"shop_id": "' OR 1"}, "shop_id"),
        ([], {"warehouse_id": "999999"}, "warehouse_id"),
        ([], {"customer_id": "999999"}, ""),
        ([], {"name": "ก" * 201}, "name"),
        ([], {"line": "ก" * 1001}, "line"),
        ([], {"province": "ก" * 101}, "province"),
        ([], {"tags": "ก" * 41}, "tags"),
        ([], {"tags": ",".join(f"ก{i}" for i in range(21))}, "tags"),
        ([], {"note_for_customer": "ก" * 2001}, "body"),
        ([("RU-0001", 1)] * 501, {}, "lines"),
    ],
)
def test_what_cannot_be_is_said_where_it_stands_and_nothing_is_lost(web, shop, rows, fields, marked):
    sales = Panel(web, "sales")
    typed = fill(shop, sales.get("/entry/"), *rows, note="พิมพ์ไว้แล้ว", **fields)
    answer = sales.post("/entry/", typed)
    assert answer.status_code in {404, 409, 422}, answer.status_code
    assert "พิมพ์ไว้แล้ว" in answer.text
    if marked:
        at = marked if not marked.startswith("lines") else "lines"
        assert f'id="{at}' in answer.text
        assert "-err1" in answer.text
    assert (orders(), reserved()) == ([], 0)


def test_a_chat_name_of_somebody_else_is_said_at_its_field(web, shop):
    with transaction(system("test")) as tx:
        line = IdentityInput(IdentityKind.LINE, "kanok.p")
        create_customer(tx, CreateCustomer("กนกวรรณ", "0800009999", identities=(line,)))
        other = create_customer(tx, CreateCustomer("สมชาย", "0819998877")).customer_id
    sales = Panel(web, "sales")
    answer = sales.post("/entry/", fill(shop, sales.get("/entry/"), customer_id=other, contact="kanok.p"))
    assert answer.status_code == 422
    assert 'id="contact-err1"' in answer.text
    assert orders() == []


def test_several_problems_are_told_at_once(web, shop):
    sales = Panel(web, "sales")
    data = fill(shop, sales.get("/entry/"), ("ไม่มี", 1), ("RU-0001", "x"), phone="12", discount="ฟรี")
    answer = sales.post("/entry/", data)
    for marked in ("lines.0-err1", "lines.1-err1", "phone-err1", "discount-err1"):
        assert marked in answer.text


def test_markup_formulas_and_emoji_stay_text(web, shop):
    sales = Panel(web, "sales")
    nasty = "=1+1 <script>alert(1)</script> 🐶\"'>"
    answer = sales.post("/entry/", fill(shop, sales.get("/entry/"), name=nasty, line=nasty, note=nasty, action="draft"))
    page = sales.get(answer.location)
    assert "<script>alert" not in page.text
    assert orders()[0].ship_name == nasty


def test_the_same_again_is_noticed_and_saved_only_when_meant(web, shop):
    sales = Panel(web, "sales")
    sales.post("/entry/", fill(shop, sales.get("/entry/"), ("RU-0001", 2)))
    page = sales.get("/entry/")
    answer = sales.post("/entry/", fill(shop, page, ("RU-0001", 2)))
    assert answer.status_code == 409
    assert orders()[0].number in answer.text
    assert len(orders()) == 1
    meant = sales.post("/entry/", fill(shop, answer, ("RU-0001", 2), anyway="1"))
    assert meant.status_code == 303
    assert len(orders()) == 2
    assert db.session.scalars(select(AuditLog).where(AuditLog.action == "order.duplicate_accepted")).one()


def test_the_same_as_last_time_keeps_buyer_and_items_but_not_the_discount(web, shop):
    sales = Panel(web, "sales")
    sales.post("/entry/", fill(shop, sales.get("/entry/"), ("RU-0001", 2), discount="5%", shipping_fee="40"))
    old = orders()[0]
    assert f"/entry/?copy={old.id}" in sales.get(f"/orders/{old.id}").text
    page = sales.get(f"/entry/?copy={old.id}")
    assert BUYER["line"] in page.text
    assert "RU-0001" in page.text
    again = fill(shop, page, ("RU-0001", 2), copied_from=old.id, customer_id=old.customer_id, anyway=1)
    assert sales.post("/entry/", again).status_code == 303
    copy = orders()[1]
    assert (copy.copied_from, copy.customer_id, copy.discount.in_satang) == (old.id, old.customer_id, 0)
    assert sales.get("/entry/?copy=424242").status_code == 404


def test_what_waits_for_approval_is_counted_in_the_menu(web, shop):
    one_waits = re.compile(r'href="/approvals/"[^>]*>(?:(?!</a>).)*<b[^>]*>1</b>', re.DOTALL)
    sales, manager = Panel(web, "sales"), Panel(web, "manager")
    assert "/approvals/" in manager.get("/").text
    assert not one_waits.search(manager.get("/").text)
    sales.post("/entry/", fill(shop, sales.get("/entry/"), discount="30%", action="approval", reason="ของมีตำหนิ"))
    assert one_waits.search(manager.get("/").text)
    assert "/approvals/" not in sales.get("/").text


def test_a_discount_over_the_limit_waits_for_a_second_person(web, shop):
    sales, manager = Panel(web, "sales"), Panel(web, "manager")
    data = fill(shop, sales.get("/entry/"), ("RU-0004", 1), discount="20%")
    refused = sales.post("/entry/", data)
    assert refused.status_code == 409
    assert "20.0" in refused.text
    assert orders() == []
    asked = fill(shop, refused, ("RU-0004", 1), discount="20%", action="approval", reason="ลูกค้าประจำ")
    draft = sales.post("/entry/", asked).location
    order = orders()[0]
    assert (order.status, reserved()) == (OrderStatus.DRAFT, 0)
    page = sales.get(draft)
    again = fill(shop, page, ("RU-0004", 1), discount="80", version=version_of(page))
    assert sales.post(draft, again).status_code == 409  # nobody agreed yet
    assert order.number in manager.get("/approvals/").text
    request = db.session.scalars(select(Approval)).one()
    manager.post(f"/approvals/{request.id}", decision="approve", version=request.version)
    page = sales.get(draft)
    again = fill(shop, page, ("RU-0004", 1), discount="80", version=version_of(page))
    assert sales.post(draft, again).status_code == 303
    assert (orders()[0].status, reserved()) == (OrderStatus.CONFIRMED, 1)


def test_an_approval_needs_its_permission_a_reason_and_another_person(web, shop):
    sales, manager = Panel(web, "sales"), Panel(web, "manager")
    page = manager.get("/entry/")
    nothing_said = manager.post("/entry/", fill(shop, page, discount="60%", action="approval"))
    assert nothing_said.status_code == 422
    assert orders() == []
    manager.post("/entry/", fill(shop, page, discount="60%", action="approval", reason="ของมีตำหนิ"))
    request = db.session.scalars(select(Approval)).one()
    assert sales.get("/approvals/").status_code in {302, 403}
    for who in (sales, manager):
        who.post(f"/approvals/{request.id}", decision="approve", version=request.version)
    db.session.expire_all()
    assert db.session.scalars(select(Approval.status)).one() == "open"


def test_prices_are_changed_by_permission_only(web, shop):
    sales, manager = Panel(web, "sales"), Panel(web, "manager")
    refused = sales.post("/entry/", fill(shop, sales.get("/entry/"), ("RU-0001", 1, "95")))
    assert refused.status_code == 403
    assert 'value="95"' in refused.text
    assert orders() == []
    saved = manager.post("/entry/", fill(shop, manager.get("/entry/"), ("RU-0001", 1, "95"), action="draft"))
    page = sales.get(saved.location)
    kept = fill(shop, page, ("RU-0001", 1, "95"), version=version_of(page))
    assert sales.post(saved.location, kept).status_code == 303
    assert orders()[0].lines[0].unit_price == Money.parse("95")


def test_a_stale_draft_is_a_conflict_that_keeps_what_was_typed(web, shop):
    sales, manager = Panel(web, "sales"), Panel(web, "manager")
    draft = sales.post("/entry/", fill(shop, sales.get("/entry/"), action="draft")).location
    mine, theirs = sales.get(draft), manager.get(draft)
    manager.post(draft, fill(shop, theirs, ("RU-0002", 1), version=version_of(theirs), action="draft"))
    answer = sales.post(draft, fill(shop, mine, ("RU-0003", 1), version=version_of(mine), action="draft"))
    assert answer.status_code == 409
    assert "RU-0003" in answer.text
    assert [x.sku_code for x in orders()[0].lines] == ["RU-0002"]


def test_what_is_no_draft_any_more_is_not_edited(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    sales.post("/entry/", fill(shop, page))
    number = orders()[0].id
    assert sales.get(f"/entry/{number}").status_code == 302
    late = sales.post(f"/entry/{number}", fill(shop, page, ("RU-0002", 1), version=1, action="draft"))
    assert late.status_code == 409
    assert [x.sku_code for x in orders()[0].lines] == ["RU-0001"]


@pytest.mark.parametrize("role", ["warehouse", "viewer", "cashier", "accountant"])
def test_who_may_not_enter_orders_gets_no_screen(web, shop, role):
    panel = Panel(web, role)
    assert panel.get("/entry/").status_code in {302, 403}
    assert panel.post("/entry/", [("sku", "RU-0001")], action="confirm").status_code in {302, 303, 403}
    assert panel.client.get("/entry/ask/customers?q=กนก").status_code in {302, 403}
    assert orders() == []


def test_a_post_without_its_token_saves_nothing(web, shop):
    sales = Panel(web, "sales")
    data = fill(shop, sales.get("/entry/"))
    assert sales.post("/entry/", data, token="").status_code in {303, 400}
    assert orders() == []


def test_a_session_that_ended_sends_to_the_login_and_back(web, shop):
    sales = Panel(web, "sales")
    data = fill(shop, sales.get("/entry/"))
    sales.client.delete_cookie("ruam")
    answer = sales.post("/entry/", data)
    assert answer.status_code in {302, 303}
    assert "/login" in answer.location
    assert "resume" in answer.location
    assert orders() == []


def test_rows_outside_the_scope_are_not_found(web, shop, monkeypatch):
    from dataclasses import replace

    from views import access

    sales = Panel(web, "sales")
    draft = sales.post("/entry/", fill(shop, sales.get("/entry/"), action="draft")).location
    whole = access.actor_of
    monkeypatch.setattr(
        access,
        "actor_of",
        lambda staff, **k: replace(whole(staff, **k), warehouses=frozenset({shop.cnx}), shops=frozenset({shop.shopee})),
    )
    assert sales.get(draft).status_code == 404
    page = sales.get("/entry/")
    assert "ร้านไลน์" not in page.text
    assert sales.post("/entry/", fill(shop, page, ("RU-0002", 1))).status_code == 404
    assert sales.json("/entry/ask/skus", q="RU-0001")["items"][0]["hint"] == "CNX 0"
    assert len(orders()) == 1


def test_a_chosen_person_comes_with_number_and_addresses_and_is_noted(web, shop):
    with transaction(system("test")) as tx:
        made = create_customer(
            tx,
            CreateCustomer(
                "กนกวรรณ ป้อมปราการ",
                "0800001234",
                address=Address("กนกวรรณ", "0800001234", "1 ถ.สีลม", "สีลม", "บางรัก", "กรุงเทพมหานคร", "10500"),
            ),
        )
    sales = Panel(web, "sales")
    for typed in ("1234", "กนก", "080000"):
        items = sales.json("/entry/ask/customers", q=typed)["items"]
        assert [i["id"] for i in items] == [made.customer_id]
        assert "0800001234" not in str(items).replace("-", "")  # who is only offered is not shown
    assert sales.json("/entry/ask/customers", q="x" * 5000)["items"] == []
    noted = select(func.count()).where(
        AuditLog.action == "privacy.phones_shown", AuditLog.subject_id == made.customer_id
    )
    assert db.session.scalar(noted) == 0
    for _ in range(2):
        found = sales.json("/entry/ask/person", q=str(made.customer_id))
        assert (found["phone"], found["addresses"][0]["postcode"]) == ("080-000-1234", "10500")
    assert db.session.scalar(noted) == 1  # once an hour
    assert sales.client.get("/entry/ask/person?q=999999").status_code == 404
    assert sales.client.get("/entry/ask/person?q=x").status_code == 404
    assert Panel(web, "warehouse").client.get("/entry/ask/person?q=1").status_code in {302, 403}
    assert db.session.scalar(noted) == 1


def test_products_are_found_by_code_barcode_and_thai_part(web, shop):
    sales = Panel(web, "sales")
    for typed, exact in (("ru-0001", True), ("8850001112223", True), ("แบบ 1", False), ("คอกลม", False)):
        items = sales.json("/entry/ask/skus", q=typed)["items"]
        assert items[0]["sku"] == "RU-0001", typed
        assert items[0]["exact"] is exact
    assert items[0]["hint"] == "BKK 10 · CNX 0"
    bundle = sales.json("/entry/ask/skus", q="RU-0100")["items"][0]
    assert bundle["hint"] == "BKK 5 · CNX 0"


def test_places_are_offered_and_pasted_addresses_taken_apart(web, shop):
    sales = Panel(web, "sales")
    place = sales.json("/entry/ask/places", q="หนองหาร")["items"][0]
    assert (place["district"], place["postcodes"]) == ("สันทราย", ["50290"])
    apart = sales.json("/entry/ask/apart", q="45/7 หมู่ 2 ต.สันทรายน้อย อ.สันทราย จ.เชียงใหม่ 50210 โทร 081-000-4567")
    assert (apart["rest"], apart["phones"], len(apart["items"])) == ("45/7 หมู่ 2", ["0810004567"], 1)


def preview(panel, data):
    answer = panel.post("/entry/ask/preview", data)
    assert answer.status_code == 200, answer.text[:800]
    return answer.json


def test_the_preview_is_the_servers_own_arithmetic(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    data = fill(shop, page, ("RU-0001", 2), ("RU-0003", 1, "", "10%"), discount="20", shipping_fee="40")
    seen = preview(sales, data)
    assert (seen["goods"], seen["total"], seen["problems"]) == ("฿470.00", "฿490.00", [])
    sales.post("/entry/", data)
    assert orders()[0].total == Money.parse("490")


def test_the_preview_warns_and_refuses_nothing(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    seen = preview(sales, fill(shop, page, ("RU-0001", 99), ("ไม่มี", "x"), postcode="10900", discount="50%", phone="1"))
    assert seen["over_limit"] is True
    assert seen["lines"][0]["short"] is True
    assert [w["field"] for w in seen["warnings"]] == ["postcode"]
    assert {p["field"] for p in seen["problems"]} == {"lines.1", "phone"}
    assert preview(sales, [("key", "x")])["total"] == "฿0.00"


def test_the_preview_knows_the_phone_and_the_twin(web, shop):
    sales = Panel(web, "sales")
    sales.post("/entry/", fill(shop, sales.get("/entry/")))
    seen = preview(sales, fill(shop, sales.get("/entry/")))
    assert seen["known"]["text"] == BUYER["name"]
    assert set(seen["known"]) == {"id", "text", "hint"}  # her addresses come when she is chosen, which is noted
    assert [t["number"] for t in seen["twins"]] == [orders()[0].number]


def test_the_screen_costs_the_same_for_two_lines_and_for_twenty(web, shop):
    sales = Panel(web, "sales")
    page = sales.get("/entry/")
    costs = []
    for count in (2, 20):
        data = fill(shop, page, *[(f"RU-000{i % 4 + 1}", 1) for i in range(count)])
        statements = []

        def note(*args, statements=statements):
            statements.append(args[2])

        event.listen(db.engines[None], "before_cursor_execute", note)
        try:
            preview(sales, data)
        finally:
            event.remove(db.engines[None], "before_cursor_execute", note)
        costs.append(len(statements))
    assert costs[0] == costs[1]
    assert costs[1] <= 22


@pytest.fixture
def open_panel(web_app, settings, _kept):
    """The panel with real commits, for two people at once."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            made = small_shop(tx, pieces=1)
        db.session.remove()
    yield web_app, made
    clean(settings, _kept)


def together(*works):
    """Run these at once; returns their answers."""
    start, answers = threading.Barrier(len(works)), [None] * len(works)

    def run(i, work):
        start.wait()
        answers[i] = work()

    threads = [threading.Thread(target=run, args=(i, work)) for i, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.mark.race
def test_two_clerks_confirm_the_last_piece_and_one_is_told_what_is_left(open_panel):
    app, shop = open_panel
    clerks = [Panel(app, "sales"), Panel(app, "manager")]
    posts = [
        fill(shop, clerk.get("/entry/"), phone=f"08000000{i}0", name=f"ผู้ซื้อ {i}", note=f"ของคนที่ {i}")
        for i, clerk in enumerate(clerks)
    ]
    answers = together(*(lambda c=c, d=d: c.post("/entry/", d) for c, d in zip(clerks, posts, strict=True)))
    assert sorted(a.status_code for a in answers) == [303, 409]
    lost = next(i for i, a in enumerate(answers) if a.status_code == 409)
    assert f"ของคนที่ {lost}" in answers[lost].text
    with app.app_context():
        assert db.session.scalar(select(func.count(Order.id))) == 1
        assert db.session.scalar(select(func.sum(Reservation.quantity))) == 1
        assert db.session.scalar(select(func.sum(StockLevel.reserved))) == 1
        db.session.remove()


@pytest.mark.race
def test_two_clicks_at_the_same_moment_make_one_order_and_no_refusal(open_panel):
    app, shop = open_panel
    first = Panel(app, "sales")
    second = Panel(app)
    data = fill(shop, first.get("/entry/"))
    second.client._cookies, second.token = first.client._cookies.copy(), first.token
    answers = together(lambda: first.post("/entry/", data), lambda: second.post("/entry/", data))
    assert [a.status_code for a in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    with app.app_context():
        assert db.session.scalar(select(func.count(Order.id))) == 1
        assert db.session.scalar(select(func.count(Customer.id))) == 1
        assert db.session.scalar(select(func.count(CustomerAddress.id))) == 0
        db.session.remove()
