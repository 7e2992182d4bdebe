"""An order finds its warehouse: rules, distance, stock, several warehouses; and is moved safely."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from oms import clock
from oms.audit import AuditLog
from oms.catalog.models import Channel, Routing
from oms.errors import Conflict, Forbidden, InvalidInput, NotFound
from oms.inventory.models import Reservation, StockLevel, Warehouse
from oms.inventory.routing_models import RoutingRule, RuleAction
from oms.inventory.sharing import Share
from oms.orders.amending import AmendedLine, as_it_is
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import PaymentTerm, StockState
from oms.outbox import Outbox
from oms.reports.auditor import audit_all
from oms.reports.worklists import counts_statement
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_amend import CloseChange, OpenChange, ProposeChange, apply_change, open_change, propose_change
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_draft import EditDraft, edit_draft
from oms.usecases.orders_place import NewLine, Stock, place_order, place_orders
from oms.usecases.routing_moves import (
    GivePieces,
    MarkUrgent,
    RerouteOrder,
    give_pieces,
    mark_urgent,
    reroute_order,
)
from oms.usecases.routing_rules import (
    EditRule,
    MoveRule,
    RuleFacts,
    SetShopRouting,
    edit_rule,
    move_rule,
    read_goods,
    set_shop_routing,
)
from oms.usecases.sentences import unpack
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.stock_allocate import allocate_freed
from tests.network import held, network, read, rule, stock
from tests.usecases import refusals


@pytest.fixture
def net(tx):
    return network(tx)


def place(tx, net, *lines, **facts) -> Order:
    return read(tx, place_order(tx, net.order(*lines, **facts)).order_id)


def why(order: Order) -> str:
    return str(unpack(order.warehouse_reason))


def books(tx) -> list[str]:
    return [str(f) for f in audit_all(tx.session)]


def pieces(tx):
    """What is promised and what is there, place by place."""
    columns = (StockLevel.sku_id, StockLevel.warehouse_id, StockLevel.reserved, StockLevel.on_hand)
    return tx.session.execute(select(*columns).order_by(*columns[:2])).all()


def refused(tx, code, verb, *arguments):
    """The verb is refused with this code, and nothing is different afterwards."""
    before = pieces(tx)
    with refusals.refused(tx, code, None, Reservation, Order, RoutingRule):
        verb(tx, *arguments)
    assert pieces(tx) == before


def statements(tx, work) -> list[str]:
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listener)
    try:
        work()
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    return seen


def test_a_shop_with_a_fixed_warehouse_stays_there_whatever_the_rules_say(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    rule(tx, net.shop.cnx)
    order = place(tx, net, (0, 1), shop_id=net.shop.shopee)
    assert (order.warehouse_id, order.also_in, order.warehouse_reason) == (net.shop.bkk, None, {})
    place(tx, net, (1, 10), shop_id=net.shop.shopee)
    stock(tx, net, net.shop.cnx, 0, 5)
    refused(tx, "stock_short", place_order, net.order((1, 1), shop_id=net.shop.shopee))


@pytest.mark.parametrize(
    ("to", "wanted", "told"),
    [
        ("north", 1, "in the customer's province เชียงใหม่"),
        ("capital", 0, "in the customer's province กรุงเทพมหานคร"),
        ("south", 2, "in the customer's province สงขลา"),
        ("nowhere", 0, "first in rank"),
    ],
)
def test_the_nearest_warehouse_with_everything_sends_the_order(tx, net, to, wanted, told):
    for where in net.places[1:]:
        stock(tx, net, where, 5, 5)
    order = place(tx, net, (0, 2), (1, 1), to=to)
    assert order.warehouse_id == net.places[wanted]
    assert order.stock_state is StockState.RESERVED
    assert told in why(order)
    assert {place for _, place in held(tx, order.id)} == {net.places[wanted]}


def test_one_warehouse_with_everything_is_better_than_two_nearer_ones(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    order = place(tx, net, (0, 1), (1, 1), to="north")
    assert (order.warehouse_id, order.also_in) == (net.shop.bkk, None)
    assert "the nearest to เชียงใหม่ that has it (583 km)" in why(order)
    assert "เชียงใหม่ cannot serve it alone" in why(order)


def test_rules_are_read_by_rank_and_the_first_that_names_a_warehouse_counts(tx, net):
    for where in net.places[1:]:
        stock(tx, net, where, 5)
    rule(tx, net.hdy, "ลูกค้าเหนือไปหาดใหญ่", provinces=("เชียงใหม่",))
    rule(tx, net.hdy, "ไม่ใช้หาดใหญ่", use=False)
    assert "rule “ลูกค้าเหนือไปหาดใหญ่”" in why(order := place(tx, net, to="north"))
    assert order.warehouse_id == net.hdy
    assert place(tx, net, to="south").warehouse_id == net.shop.bkk  # the second rule keeps everybody else out


@pytest.mark.parametrize(
    "condition",
    [
        {"channels": (Channel.LAZADA.value,)},
        {"provinces": ("ภูเก็ต",)},
        {"starts_on": clock.today() + timedelta(days=1)},
        {"ends_on": clock.today() - timedelta(days=1)},
        {"is_active": False},
    ],
)
def test_a_rule_whose_condition_does_not_fit_says_nothing(tx, net, condition):
    stock(tx, net, net.shop.cnx, 5)
    rule(tx, net.shop.cnx, use=False, **condition)
    assert place(tx, net, to="north").warehouse_id == net.shop.cnx


def test_goods_of_a_rule_are_found_in_a_set_too(tx, net):
    stock(tx, net, net.shop.cnx, 5, 9)
    skus, products = read_goods(tx, " RU-0002 ,\nRU-0003\n")
    assert (skus, products) == (tuple(net.shop.skus[1:3]), ())
    assert read_goods(tx, "P1")[1]
    with pytest.raises(InvalidInput, match="RU-9"):
        read_goods(tx, "RU-0001\nRU-9")
    rule(tx, net.shop.cnx, use=False, sku_ids=skus)
    assert place(tx, net, lines=(NewLine(net.shop.bundle, 1),)).warehouse_id == net.shop.bkk
    assert place(tx, net, (0, 1)).warehouse_id == net.shop.cnx


def test_when_every_warehouse_is_ruled_out_the_order_is_refused_or_waits(tx, net):
    for where in net.places:
        rule(tx, where, use=False)
    refused(tx, "stock_short", place_order, net.order())
    waits = place(tx, net, stock=Stock.MAY_WAIT)
    assert (waits.stock_state, waits.warehouse_id) == (StockState.SHORT, net.shop.bkk)
    assert "ruled out" in why(waits)


def test_a_closed_warehouse_and_one_out_of_scope_take_no_part(tx, net, actor):
    for where in net.places[1:]:
        stock(tx, net, where, 5)
    clerk = replace(tx, actor=actor("sales", warehouses=frozenset({net.shop.bkk, net.hdy})))
    assert place_order(clerk, net.order(to="north")).created
    assert tx.session.scalars(select(Order.warehouse_id)).all() == [net.shop.bkk]
    tx.session.get_one(Warehouse, net.shop.cnx).is_active = False
    tx.session.flush()
    assert place(tx, net, to="north").warehouse_id == net.shop.bkk


def test_an_order_is_shared_over_the_fewest_warehouses(tx, net):
    stock(tx, net, net.shop.cnx, 1)
    stock(tx, net, net.hdy, 0, 3, 3)
    order = place(tx, net, (0, 11), (1, 2), to="north")
    assert (order.warehouse_id, order.also_in) == (net.shop.cnx, [net.shop.bkk])
    assert held(tx, order.id) == {
        (net.shop.skus[0], net.shop.cnx): 1, (net.shop.skus[0], net.shop.bkk): 10, (net.shop.skus[1], net.shop.bkk): 2,
    }  # fmt: skip
    assert "เชียงใหม่ + กรุงเทพ" in why(order)
    assert books(tx) == []


def test_a_shop_that_does_not_split_says_that_the_pieces_are_scattered(tx, net):
    stock(tx, net, net.shop.cnx, 3)
    set_shop_routing(tx, SetShopRouting(net.shop.line, Routing.AUTOMATIC, may_split=False))
    refused(tx, "stock_short", place_order, net.order((0, 12)))
    set_shop_routing(tx, SetShopRouting(net.shop.line, Routing.AUTOMATIC, may_split=True))
    assert place(tx, net, (0, 12)).also_in


def test_a_set_is_never_torn_apart(tx, net):
    """One of the first SKU and two of the second: five sets need pieces that lie together."""
    stock(tx, net, net.shop.cnx, 5, 3)  # one set and odd pieces
    refused(tx, "stock_short", place_order, net.order(lines=(NewLine(net.shop.bundle, 7),)))
    order = place(tx, net, lines=(NewLine(net.shop.bundle, 6),))
    assert held(tx, order.id) == {
        (net.shop.skus[0], net.shop.cnx): 1, (net.shop.skus[1], net.shop.cnx): 2,
        (net.shop.skus[0], net.shop.bkk): 5, (net.shop.skus[1], net.shop.bkk): 10,
    }  # fmt: skip
    assert books(tx) == []


def test_scattered_pieces_of_sets_are_told_apart_from_missing_ones(tx, net):
    stock(tx, net, net.shop.cnx, 0, 4)  # bangkok has 10 + 10: five sets; two more would need 2 + 4 together
    refused(tx, "stock_scattered", place_order, net.order(lines=(NewLine(net.shop.bundle, 7),)))


def test_choosing_costs_two_statements_more_and_nothing_when_it_is_off(tx, net):
    for where in net.places[1:]:
        stock(tx, net, where, 5, 5, 5)
    place(tx, net)
    lines = ((0, 1), (1, 1), (2, 1))
    on = statements(tx, lambda: place_order(tx, net.order(*lines, idempotency_key="on")))
    off = statements(tx, lambda: place_order(tx, net.order(*lines, idempotency_key="off", shop_id=net.shop.shopee)))
    assert len(off) <= 14
    assert len(on) <= len(off) + 2
    place(tx, net, to="south")
    many = [net.order((2, 1), to="south") for _ in range(20)]
    plain = [net.order((3, 1), to="south", shop_id=net.shop.shopee) for _ in range(20)]
    assert (
        len(statements(tx, lambda: place_orders(tx, many))) <= len(statements(tx, lambda: place_orders(tx, plain))) + 2
    )


def test_a_chosen_warehouse_is_a_pin_and_no_other_is_looked_at(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    order = place(tx, net, (0, 2), to="north", warehouse_id=net.shop.bkk)
    assert (order.warehouse_id, order.warehouse_pinned) == (net.shop.bkk, True)
    refused(tx, "stock_short", place_order, net.order((0, 1), warehouse_id=net.hdy))
    plain = place(tx, net, shop_id=net.shop.shopee, warehouse_id=net.shop.bkk)
    assert not plain.warehouse_pinned  # it is the shop's own


def test_a_draft_chooses_when_it_is_confirmed(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    order = place(tx, net, confirm=False)
    assert (order.warehouse_id, order.warehouse_reason) == (net.shop.bkk, {})
    confirm_order(tx, ConfirmOrder(order.id))
    order = read(tx, order.id)
    assert order.warehouse_id == net.shop.cnx
    assert why(order)


def test_editing_a_draft_keeps_its_pin_or_takes_it_off(tx, net):
    order = place(tx, net, confirm=False, warehouse_id=net.shop.cnx)
    assert order.warehouse_pinned
    edit_draft(tx, EditDraft(order.id, order.version, net.order(confirm=False)))
    order = read(tx, order.id)
    assert (order.warehouse_id, order.warehouse_pinned) == (net.shop.bkk, False)


def test_an_amended_order_looks_for_its_pieces_anew(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    order = place(tx, net, (0, 2), to="north")
    assert order.warehouse_id == net.shop.cnx
    _amend(tx, order, 7)
    order = read(tx, order.id)
    assert held(tx, order.id) == {(net.shop.skus[0], net.shop.bkk): 7}
    assert order.warehouse_id == net.shop.bkk
    _amend(tx, order, 12)
    assert read(tx, order.id).also_in == [net.shop.bkk]
    assert books(tx) == []
    _propose(tx, read(tx, order.id), 16)
    refused(tx, "stock_short", apply_change, CloseChange(order.id))
    assert books(tx) == []


def _amend(tx, order: Order, quantity: int) -> None:
    _propose(tx, order, quantity)
    apply_change(tx, CloseChange(order.id))


def _propose(tx, order: Order, quantity: int) -> None:
    open_change(tx, OpenChange(order.id, "ลูกค้าขอแก้"))
    line = order.lines[0]
    proposal = replace(as_it_is(order), lines=(AmendedLine(line.sku_id, quantity, line.id),))
    propose_change(tx, ProposeChange(order.id, proposal))


def test_freed_pieces_anywhere_serve_an_order_that_may_come_from_anywhere(tx, net):
    waits = place(tx, net, (3, 12), stock=Stock.MAY_WAIT)
    pinned = place(tx, net, (3, 2), stock=Stock.MAY_WAIT, warehouse_id=net.shop.cnx)
    assert waits.stock_state is pinned.stock_state is StockState.SHORT
    stock(tx, net, net.hdy, 0, 0, 0, 5)
    assert allocate_freed(tx, {(net.shop.skus[3], net.hdy)}) == 1
    waits = read(tx, waits.id)
    assert waits.stock_state is StockState.RESERVED
    assert {waits.warehouse_id, *waits.also_in} == {net.shop.bkk, net.hdy}
    assert read(tx, pinned.id).stock_state is StockState.SHORT
    assert books(tx) == []


def test_an_urgent_order_gets_freed_pieces_before_older_ones(tx, net):
    old, new = (place(tx, net, (3, 11), stock=Stock.MAY_WAIT, warehouse_id=net.shop.bkk) for _ in range(2))
    assert mark_urgent(tx, MarkUrgent(new.id, reason="ลูกค้าประจำ"))
    assert not mark_urgent(tx, MarkUrgent(new.id))
    stock(tx, net, net.shop.bkk, 0, 0, 0, 1)
    assert allocate_freed(tx, {(net.shop.skus[3], net.shop.bkk)}) == 1
    assert read(tx, new.id).stock_state is StockState.RESERVED
    assert read(tx, old.id).stock_state is StockState.SHORT


def test_freed_pieces_are_given_out_in_few_statements(tx, net):
    for _ in range(30):
        place(tx, net, (3, 11), stock=Stock.MAY_WAIT)
    few = statements(tx, lambda: allocate_freed(tx, {(net.shop.skus[3], net.shop.bkk)}))
    stock(tx, net, net.shop.cnx, 0, 0, 0, 500)
    many = statements(tx, lambda: allocate_freed(tx, {(net.shop.skus[3], net.shop.cnx)}))
    assert tx.session.scalar(select(func.count()).where(Order.stock_state == StockState.RESERVED)) == 30
    assert len(few) <= 12
    assert len(many) <= 15 + 30, many  # one row written for each order


def test_an_order_is_moved_whole_or_not_at_all(tx, net):
    stock(tx, net, net.shop.cnx, 5, 1)
    order = place(tx, net, (0, 2), (1, 2), to="capital")
    assert order.warehouse_id == net.shop.bkk
    refused(tx, "stock_short", reroute_order, RerouteOrder(order.id, net.shop.cnx, reason="ใกล้กว่า"))
    assert held(tx, order.id) == {(net.shop.skus[0], net.shop.bkk): 2, (net.shop.skus[1], net.shop.bkk): 2}
    stock(tx, net, net.shop.cnx, 0, 1)
    done = reroute_order(tx, RerouteOrder(order.id, net.shop.cnx, reason="ใกล้กว่า", version=read(tx, order.id).version))
    assert (done.warehouses, done.waits_for_stock, done.changed) == ((net.shop.cnx,), False, True)
    order = read(tx, order.id)
    assert order.warehouse_pinned
    assert "chosen by test, “ใกล้กว่า”" in why(order)
    assert held(tx, order.id) == {(net.shop.skus[0], net.shop.cnx): 2, (net.shop.skus[1], net.shop.cnx): 2}
    freed = tx.session.scalars(select(Outbox).where(Outbox.topic == "stock.freed").order_by(Outbox.id.desc())).first()
    assert freed.payload["keys"] == f"{net.shop.skus[0]}:{net.shop.bkk},{net.shop.skus[1]}:{net.shop.bkk}"
    back = reroute_order(tx, RerouteOrder(order.id))
    assert back.warehouses == (net.shop.bkk,)
    assert not read(tx, order.id).warehouse_pinned
    assert books(tx) == []


def test_an_order_is_shared_out_by_hand(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    order = place(tx, net, (0, 4), (1, 2), to="capital")
    first, second = (line.id for line in order.lines)
    shares = (Share(first, net.shop.bkk, 1), Share(first, net.shop.cnx, 3), Share(second, net.shop.bkk, 2))
    refused(tx, "shares_sum", reroute_order, RerouteOrder(order.id, shares=shares[:2], reason="x"))
    refused(tx, "shares_sum", reroute_order, RerouteOrder(order.id, shares=(*shares, Share(0, 1, 1)), reason="x"))
    too_many = (Share(first, net.hdy, 4), shares[2])
    refused(tx, "stock_short", reroute_order, RerouteOrder(order.id, shares=too_many, reason="x"))
    done = reroute_order(tx, RerouteOrder(order.id, shares=shares, reason="แบ่งส่ง"))
    assert done.warehouses == (net.shop.bkk, net.shop.cnx)
    assert held(tx, order.id) == {
        (net.shop.skus[0], net.shop.bkk): 1, (net.shop.skus[0], net.shop.cnx): 3, (net.shop.skus[1], net.shop.bkk): 2,
    }  # fmt: skip
    _amend(tx, read(tx, order.id), 5)  # the pin covers both places
    assert books(tx) == []


def test_a_waiting_shipment_is_dropped_and_a_labeled_one_stays(tx, net):
    stock(tx, net, net.shop.cnx, 5)
    order = place(tx, net, to="capital", payment_term=PaymentTerm.COD)
    ready = make_ready(tx, [order.id])[order.id]
    done = reroute_order(tx, RerouteOrder(order.id, net.shop.cnx, reason="ย้าย"))
    assert done.dropped == (ready.number,)
    assert tx.session.get_one(Shipment, ready.shipment_id).status is ShipmentStatus.CANCELED
    ready = make_ready(tx, [order.id])[order.id]
    shipment = tx.session.get_one(Shipment, ready.shipment_id)
    assert shipment.warehouse_id == net.shop.cnx
    shipment.status = ShipmentStatus.LABELED
    refused(tx, "reroute_refused", reroute_order, RerouteOrder(order.id, net.shop.bkk, reason="ย้าย"))
    shipment.status = ShipmentStatus.READY
    tx.session.add(Parcel(
        shipment_id=shipment.id, carrier="Flash", tracking_no="", is_live=True, tracking_status="created", label_prints=1,
    ))  # fmt: skip
    tx.session.flush()
    tx.session.expire_all()
    refused(tx, "reroute_refused", reroute_order, RerouteOrder(order.id, net.shop.bkk, reason="ย้าย"))
    assert books(tx) == []


def test_moving_is_refused_when_goods_are_gone_or_it_is_not_yours(tx, net, actor):
    order = place(tx, net, to="capital", payment_term=PaymentTerm.COD)
    refused(tx, "missing", reroute_order, RerouteOrder(order.id, net.shop.cnx))
    refused(tx, "stale", reroute_order, RerouteOrder(order.id, net.shop.cnx, reason="x", version=99))
    refused(tx, "order_not_found", reroute_order, RerouteOrder(999_999, net.shop.cnx, reason="x"))
    seller = replace(tx, actor=actor("sales"))
    with pytest.raises(Forbidden):
        reroute_order(seller, RerouteOrder(order.id, net.shop.cnx, reason="x"))
    with pytest.raises(Forbidden):
        mark_urgent(seller, MarkUrgent(order.id))
    local = replace(tx, actor=actor("manager", warehouses=frozenset({net.shop.bkk})))
    refused(local, "warehouse_scope", reroute_order, RerouteOrder(order.id, net.shop.cnx, reason="x"))
    mark_shipped(tx, MarkShipped(order.id))
    refused(tx, "reroute_refused", reroute_order, RerouteOrder(order.id, net.shop.bkk, reason="x"))


def test_an_order_without_a_promise_may_wait_elsewhere(tx, net):
    order = place(tx, net, (3, 11), stock=Stock.MAY_WAIT)
    done = reroute_order(tx, RerouteOrder(order.id, net.shop.cnx, reason="ของเข้าที่นั่น"))
    assert (done.warehouses, done.waits_for_stock) == ((net.shop.cnx,), True)
    refused(tx, "stock_short", reroute_order, RerouteOrder(order.id, net.hdy, reason="x", may_wait=False))
    draft = place(tx, net, confirm=False)
    reroute_order(tx, RerouteOrder(draft.id, net.hdy, reason="จองคลัง"))
    assert (read(tx, draft.id).warehouse_id, held(tx, draft.id)) == (net.hdy, {})
    reroute_order(tx, RerouteOrder(draft.id))
    draft = read(tx, draft.id)
    assert (draft.warehouse_id, draft.warehouse_pinned) == (net.shop.bkk, False)


def test_pieces_go_from_one_order_to_another_that_waits(tx, net):
    giver = place(tx, net, (3, 8), to="capital")
    taker = place(tx, net, (3, 6), to="capital", stock=Stock.MAY_WAIT)
    done = give_pieces(tx, GivePieces(giver.id, taker.id, "ด่วนกว่า"))
    assert (done.from_number, done.to_number, done.giver_waits) == (giver.number, taker.number, True)
    giver, taker = read(tx, giver.id), read(tx, taker.id)
    assert (giver.stock_state, taker.stock_state) == (StockState.SHORT, StockState.RESERVED)
    assert held(tx, taker.id) == {(net.shop.skus[3], net.shop.bkk): 6}
    actions = set(tx.session.scalars(select(AuditLog.action).where(AuditLog.reason == "ด่วนกว่า")))
    assert actions == {"order.pieces_given", "order.pieces_got"}
    assert books(tx) == []


def test_the_giver_keeps_what_lies_elsewhere(tx, net):
    giver = place(tx, net, (3, 8), to="capital")
    taker = place(tx, net, (3, 6), to="capital", stock=Stock.MAY_WAIT)
    stock(tx, net, net.hdy, 0, 0, 0, 8)
    tx.session.execute(Outbox.__table__.delete())  # nobody has served the taker yet
    done = give_pieces(tx, GivePieces(giver.id, taker.id, "ใกล้กว่า"))
    assert not done.giver_waits
    assert read(tx, giver.id).stock_state is StockState.RESERVED
    assert books(tx) == []


def test_a_box_of_pieces_given_away_is_canceled_and_one_elsewhere_stays(tx, net):
    stock(tx, net, net.hdy, 0, 0, 3)
    giver = place(tx, net, (3, 8), (2, 12), to="capital", payment_term=PaymentTerm.COD)
    assert giver.also_in == [net.hdy]
    taker = place(tx, net, (3, 6), to="capital", stock=Stock.MAY_WAIT, payment_term=PaymentTerm.COD)
    boxes = make_ready(tx, [giver.id])[giver.id].shipments
    assert len(boxes) == 2
    give_pieces(tx, GivePieces(giver.id, taker.id, "ด่วนกว่า"))
    states = [tx.session.get_one(Shipment, i).status for i, _ in boxes]
    assert states == [ShipmentStatus.CANCELED, ShipmentStatus.CANCELED]  # it waits for all of it again
    order = place(tx, net, (2, 11), to="capital", stock=Stock.MAY_WAIT, payment_term=PaymentTerm.COD)
    boxes = make_ready(tx, [order.id])[order.id].shipments
    line = order.lines[0].id
    stock(tx, net, net.shop.cnx, 0, 0, 5)
    there, here = sorted((net.shop.bkk, net.hdy), key=lambda p: -held(tx, order.id)[net.shop.skus[2], p])
    kept = held(tx, order.id)[net.shop.skus[2], there]
    shares = (Share(line, there, kept), Share(line, net.shop.cnx, 11 - kept))
    done = reroute_order(tx, RerouteOrder(order.id, shares=shares, reason="ใกล้กว่า"))
    assert len(done.dropped) == 1
    states = {s.warehouse_id: s.status for i, _ in boxes if (s := tx.session.get_one(Shipment, i))}
    assert states == {there: ShipmentStatus.READY, here: ShipmentStatus.CANCELED}
    assert books(tx) == []


def test_pieces_are_not_given_where_that_is_no_use(tx, net):
    giver = place(tx, net, (3, 3), to="capital")
    other = place(tx, net, (2, 3), to="capital")
    taker = place(tx, net, (3, 11), stock=Stock.MAY_WAIT)
    refused(tx, "stock_short", give_pieces, GivePieces(giver.id, taker.id, "ให้"))  # ten are not eleven
    refused(tx, "give_not_needed", give_pieces, GivePieces(giver.id, other.id, "ให้"))
    refused(tx, "same_order", give_pieces, GivePieces(giver.id, giver.id, "ให้"))
    refused(tx, "missing", give_pieces, GivePieces(giver.id, taker.id, " "))
    waits = place(tx, net, (2, 9), stock=Stock.MAY_WAIT)
    refused(tx, "give_nothing", give_pieces, GivePieces(waits.id, taker.id, "ให้"))


def test_staff_of_any_warehouse_that_holds_pieces_see_the_order(tx, net, actor):
    stock(tx, net, net.shop.cnx, 3)
    order = place(tx, net, (0, 12), to="north")
    assert order.also_in == [net.shop.bkk]
    for where, seen in zip(net.places, (True, True, False), strict=True):
        found = tx.session.scalars(visible(actor("warehouse", warehouses=frozenset({where})))).all()
        assert bool(found) is seen
    reroute_order(tx, RerouteOrder(order.id, shares=(Share(order.lines[0].id, net.shop.cnx, 3),
                                                    Share(order.lines[0].id, net.shop.bkk, 9)), reason="x"))  # fmt: skip


def test_counting_the_orders_of_one_warehouse_stays_in_the_index(owner_connection, actor):
    others = owner_connection.execute(
        "SELECT i.indexrelid::regclass::text, c.conname FROM pg_index i LEFT JOIN pg_constraint c"
        " ON c.conindid = i.indexrelid AND c.contype = 'u' WHERE i.indrelid = 'orders'::regclass"
        " AND NOT i.indisprimary AND i.indexrelid <> 'ix_orders_open'::regclass"
    ).fetchall()
    for index, constraint in others:  # the costs of an empty table say nothing, so one index is left; rolled back below
        owner_connection.execute(
            f"ALTER TABLE orders DROP CONSTRAINT {constraint} CASCADE" if constraint else f"DROP INDEX {index}"
        )
    for other in ("seqscan", "bitmapscan"):
        owner_connection.execute(f"SET LOCAL enable_{other} = off")
    statement = counts_statement(actor("warehouse", warehouses=frozenset({1})))
    ready = statement.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})
    rows = owner_connection.execute(f"EXPLAIN {ready}", ready.construct_params())
    plan = "\n".join(row[0] for row in rows)
    owner_connection.rollback()
    assert "Index Only Scan using ix_orders_open" in plan, plan


def test_rules_are_kept_in_order_and_over_the_version_seen(tx, net, actor):
    a, b, c = (rule(tx, where, f"กฎ {i}") for i, where in enumerate(net.places))
    order = lambda: list(tx.session.scalars(select(RoutingRule.id).order_by(RoutingRule.rank)))  # noqa: E731
    assert order() == [a, b, c]
    assert move_rule(tx, MoveRule(c, up=True))
    assert order() == [a, c, b]
    assert not move_rule(tx, MoveRule(a, up=True))
    assert move_rule(tx, MoveRule(a, up=False))
    assert order() == [c, a, b]
    with pytest.raises(NotFound):
        move_rule(tx, MoveRule(999, up=True))
    row = tx.session.get_one(RoutingRule, a)
    facts = RuleFacts("ใหม่", RuleAction.EXCLUDE, net.hdy, provinces=("ภูเก็ต",), is_active=False)
    assert edit_rule(tx, EditRule(a, row.version, facts)).changed
    assert (row.name, row.provinces, row.is_active) == ("ใหม่", ["ภูเก็ต"], False)
    with pytest.raises(Conflict):
        edit_rule(tx, EditRule(a, 0, facts))
    for wrong, code in (
        (replace(facts, name=" "), "missing"), (replace(facts, warehouse_id=0), "warehouse_closed"),
        (replace(facts, provinces=("เมืองไทย",)), "condition_unknown"), (replace(facts, channels=("x",)), "condition_unknown"),
        (replace(facts, sku_ids=(0,)), "condition_unknown"),
        (replace(facts, starts_on=clock.today(), ends_on=clock.today() - timedelta(days=1)), "days_reversed"),
    ):  # fmt: skip
        refused(tx, code, edit_rule, EditRule(a, row.version, wrong))
    with pytest.raises(Forbidden):
        edit_rule(replace(tx, actor=actor("warehouse")), EditRule(a, row.version, facts))


def test_a_shop_is_set_over_the_version_seen(tx, net, actor):
    assert not set_shop_routing(tx, SetShopRouting(net.shop.line, Routing.AUTOMATIC, may_split=True)).changed
    refused(tx, "stale", set_shop_routing, SetShopRouting(net.shop.line, Routing.FIXED, may_split=False, version=99))
    assert set_shop_routing(tx, SetShopRouting(net.shop.line, Routing.FIXED, may_split=True)).changed
    with pytest.raises(Forbidden):
        set_shop_routing(
            replace(tx, actor=actor("sales")), SetShopRouting(net.shop.line, Routing.FIXED, may_split=False)
        )
