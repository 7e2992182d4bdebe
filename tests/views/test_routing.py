"""The screens of choosing warehouses: rules, shops, the try, the order's card, sharing out by hand, bulk."""

from __future__ import annotations

import pytest
from sqlalchemy import event, func, select

from oms.actor import system
from oms.catalog.models import Routing, Shop
from oms.db import db, transaction
from oms.inventory.models import Reservation, ReservationStatus
from oms.inventory.routing_models import RoutingRule, RuleAction
from oms.orders.models import BulkRow, Order
from oms.orders.states import PaymentTerm, StockState
from oms.usecases.orders_place import Stock, place_order
from tests.network import network, stock
from tests.network import rule as add_rule
from tests.views.panel import Panel, make_logins


@pytest.fixture
def net(web):
    make_logins(web)
    with transaction(system("test")) as tx:
        made = network(tx)
        stock(tx, made, made.shop.cnx, 5, 5)
    return made


@pytest.fixture
def panel(web, net) -> Panel:
    made = Panel(web, "manager")
    made.get("/language/en?next=/")
    return made


def place(net, *lines, **facts) -> int:
    with transaction(system("test")) as tx:
        return place_order(tx, net.order(*lines, payment_term=PaymentTerm.COD, **facts)).order_id


def order(order_id: int) -> Order:
    db.session.expire_all()
    return db.session.get_one(Order, order_id)


def rules() -> list[RoutingRule]:
    db.session.expire_all()
    return list(db.session.scalars(select(RoutingRule).order_by(RoutingRule.rank)))


def test_an_empty_list_says_what_happens_and_what_to_do(panel):
    page = panel.get("/routing/").text
    assert "No rule yet" in page
    assert "Without rules the nearest warehouse" in page
    assert "/routing/rules/new" in page


def test_a_rule_is_added_changed_moved_and_switched_off(panel, net):
    panel.get("/routing/rules/new")
    fields = {
        "name": "ภาคเหนือ",
        "action": "use",
        "warehouse_id": net.shop.cnx,
        "goods": "RU-0001\nP1",
        "is_active": "y",
    }
    many = [("channels", "line"), ("channels", "shopee"), ("provinces", "เชียงใหม่"), ("provinces", "ลำพูน")]
    assert panel.post("/routing/rules/new", many, **fields).status_code == 303
    (made,) = rules()
    assert (made.channels, made.provinces, made.sku_ids) == (
        ["line", "shopee"],
        ["ลำพูน", "เชียงใหม่"],
        [net.shop.skus[0]],
    )
    assert len(made.product_ids) == 1
    page = panel.get(f"/routing/rules/{made.id}").text
    assert 'value="ลำพูน" checked' in page
    assert "RU-0001\nP1" in page
    again = panel.post(f"/routing/rules/{made.id}", many, **{**fields, "name": "เหนือ", "version": made.version})
    assert again.status_code == 303
    stale = panel.post(f"/routing/rules/{made.id}", many, **{**fields, "version": 1})
    assert "Someone else saved this" in stale.text
    assert rules()[0].name == "เหนือ"
    panel.post("/routing/rules/new", name="สอง", action="exclude", warehouse_id=net.hdy, is_active="y")
    first, second = rules()
    assert panel.post(f"/routing/rules/{second.id}/move", way="up").status_code == 303
    assert [r.id for r in rules()] == [second.id, first.id]
    assert panel.post(f"/routing/rules/{second.id}/switch", version=rules()[0].version).status_code == 303
    assert not rules()[0].is_active
    page = panel.get("/routing/").text
    assert page.index("สอง") < page.index("เหนือ")
    assert "switched off" in page


def test_a_rule_with_an_unknown_code_keeps_what_was_typed(panel, net):
    panel.get("/routing/rules/new")
    answer = panel.post(
        "/routing/rules/new", [("provinces", "ภูเก็ต")], name="x", action="use", warehouse_id=net.hdy, goods="NOPE"
    )
    assert "No SKU or product is called NOPE" in answer.text
    assert 'value="ภูเก็ต" checked' in answer.text
    assert rules() == []


def test_a_shop_is_switched_on_the_spot(panel, net):
    shop = db.session.get_one(Shop, net.shop.shopee)
    panel.get("/routing/")
    panel.post(f"/routing/shops/{shop.id}", routing="automatic", may_split="on", version=shop.version)
    db.session.expire_all()
    shop = db.session.get_one(Shop, net.shop.shopee)
    assert (shop.routing, shop.may_split) == (Routing.AUTOMATIC, True)


def test_the_try_tells_the_warehouse_and_why_and_changes_nothing(panel, net):
    with transaction(system("test")) as tx:
        add_rule(tx, net.hdy, "หาดใหญ่พัก", use=False)
    placed = order(place(net, (0, 2), to="north"))
    page = panel.get(f"/routing/?number={placed.number.lower()}").text
    assert "in the customer&#39;s province เชียงใหม่" in page
    assert "sends 2 pieces" in page
    assert "kept out: หาดใหญ่พัก" in page
    assert "583 km" in page
    fixed = order(place(net, (0, 1), to="north", shop_id=net.shop.shopee))
    page = panel.get(f"/routing/?number={fixed.number}").text
    assert "always sends from its own warehouse" in page
    assert order(fixed.id).warehouse_id == net.shop.bkk
    assert "There is no order" in panel.get("/routing/?number=SO00").text


def test_the_card_shows_the_reason_and_moves_the_order(panel, net):
    placed = place(net, (0, 2), to="north")
    page = panel.get(f"/orders/{placed}").text
    assert "2 pieces reserved" in page
    assert "in the customer&#39;s province เชียงใหม่" in page
    listed = panel.get("/orders/").text
    assert "in the customer&#39;s province เชียงใหม่" in listed
    panel.post(f"/order/{placed}/reroute", warehouse_id=net.shop.bkk, note="ของเก่า", version=order(placed).version)
    assert order(placed).warehouse_id == net.shop.bkk
    page = panel.get(f"/orders/{placed}").text
    assert "chosen by" in page
    assert "Sent from BKK ×2" in page
    panel.post(f"/order/{placed}/reroute", warehouse_id=net.hdy, note="x", version=order(placed).version)
    assert order(placed).warehouse_id == net.shop.bkk
    assert "Only 0 left of RU-0001" in panel.get(f"/orders/{placed}").text
    panel.post(f"/order/{placed}/reroute", warehouse_id="", version=order(placed).version)
    assert not order(placed).warehouse_pinned


def test_sharing_out_by_hand_keeps_what_was_typed_when_it_is_refused(panel, net):
    placed = place(net, (0, 4), to="north")
    line = order(placed).lines[0].id
    page = panel.get(f"/order/{placed}/places").text
    assert f'name="share_{line}_{net.shop.cnx}" value="4"' in page
    wrong = {f"share_{line}_{net.shop.cnx}": 1, f"share_{line}_{net.shop.bkk}": 2, "note": "แบ่ง"}
    answer = panel.post(f"/order/{placed}/places", version=order(placed).version, **wrong)
    assert "must add up" in answer.text
    assert f'name="share_{line}_{net.shop.bkk}" value="2"' in answer.text
    assert (
        "is not a whole number"
        in panel.post(f"/order/{placed}/places", **{**wrong, f"share_{line}_{net.hdy}": "x"}).text
    )
    right = {**wrong, f"share_{line}_{net.shop.bkk}": 3}
    assert panel.post(f"/order/{placed}/places", version=order(placed).version, **right).status_code == 303
    found = select(Reservation.warehouse_id, Reservation.quantity).where(
        Reservation.order_id == placed, Reservation.status == ReservationStatus.ACTIVE
    )
    assert set(db.session.execute(found).all()) == {(net.shop.cnx, 1), (net.shop.bkk, 3)}
    assert "main" in panel.get(f"/orders/{placed}").text


def test_an_order_takes_the_pieces_of_another_and_is_marked_urgent(panel, net):
    giver = place(net, (3, 9), to="capital")
    taker = place(net, (3, 6), to="capital", stock=Stock.MAY_WAIT)
    page = panel.get(f"/orders/{taker}").text
    assert order(giver).number in page
    panel.post(f"/order/{taker}/take", **{"from": "", "note": "x", "version": order(taker).version})
    assert order(taker).stock_state is StockState.SHORT
    chosen = f"{giver}.{order(giver).version}"
    panel.post(f"/order/{taker}/take", **{"from": chosen, "note": "ด่วน", "version": order(taker).version})
    assert (order(taker).stock_state, order(giver).stock_state) == (StockState.RESERVED, StockState.SHORT)
    panel.post(f"/order/{giver}/urgent", urgent="1", version=order(giver).version)
    assert order(giver).is_urgent
    assert "Urgent" in panel.get(f"/orders/{giver}").text
    assert "Its pieces were given to" in panel.get(f"/orders/{giver}").text


def test_many_orders_get_their_warehouse_with_a_result_for_each(panel, net):
    fits, short = place(net, (0, 2), to="capital"), place(net, (0, 6), to="capital")
    panel.get("/orders/")
    answer = panel.post(
        "/bulk/", [("rowid", fits), ("rowid", short)], action="route", route_warehouse_id=net.shop.cnx, route_note="ย้าย",
        key="k1",
    )  # fmt: skip
    assert answer.status_code == 303
    codes = {row.order_id: row.code for row in db.session.scalars(select(BulkRow))}
    assert codes == {fits: "ok", short: "stock_short"}
    assert order(fits).warehouse_id == net.shop.cnx
    panel.post("/bulk/", [("rowid", fits)], action="urgent", urgent_note="x", key="k2")
    assert order(fits).is_urgent


def test_the_screens_are_shut_to_people_without_the_permission(web, net):
    placed = place(net, (0, 1), to="capital")
    clerk = Panel(web, "warehouse")
    assert clerk.get("/routing/").status_code in {302, 403}
    page = clerk.get(f"/orders/{placed}").text
    assert 'data-open="reroute"' not in page
    clerk.post(f"/order/{placed}/reroute", warehouse_id=net.shop.cnx, note="x")
    assert order(placed).warehouse_id == net.shop.bkk


def test_the_rule_list_costs_the_same_however_long_it_is(panel, net):
    def cost() -> int:
        seen = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        panel.get("/routing/")
        event.remove(db.engine, "before_cursor_execute", listener)
        return len(seen)

    with transaction(system("test")) as tx:
        add_rule(tx, net.hdy, "a", sku_ids=(net.shop.skus[0],), shop_ids=(net.shop.line,))
    few = cost()
    with transaction(system("test")) as tx:
        for i in range(20):
            add_rule(tx, net.places[i % 3], f"r{i}", sku_ids=(net.shop.skus[i % 4],), use=RuleAction.USE)
    assert cost() == few
    assert db.session.scalar(select(func.count()).select_from(RoutingRule)) == 21
