"""Boxes split, orders of one buyer put together and taken apart (G9), and what is refused of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oms import clock
from oms.catalog.models import Channel
from oms.db import Tx
from oms.errors import OmsError
from oms.money import ZERO
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, FulfillmentStatus, HoldReason, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.shipping.combining import combinable
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases.cod_entries import cash_at_the_door
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import boxes_due_anew, make_ready
from oms.usecases.shipping_combine import (
    CombineOrders,
    CombineShipments,
    SplitShipment,
    UncombineShipment,
    combine_orders,
    combine_shipments,
    split_shipment,
    uncombine_shipment,
)
from oms.usecases.shipping_work import (
    CancelShipment,
    PackShipment,
    PullBack,
    VoidLabel,
    cancel_shipment,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    pull_back,
    start_picking,
    void_label,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.boxes import content, good, labeled, moved, parcels, promise_elsewhere, ready, stock_in, stored
from tests.usecases.money import baht, order_of, placed
from tests.usecases.refusals import count, refused

S = ShipmentStatus
COD = {"payment_term": PaymentTerm.COD}


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def pair(tx, shop, **facts) -> tuple[tuple[int, int], tuple[int, int]]:
    """Two paid orders of one buyer, ready to pick: ((order, order), (shipment, shipment))."""
    (a, one), (b, two) = ready(tx, shop, **facts), ready(tx, shop, (1, 2), **facts)
    return (a, b), (one, two)


def together(tx, shop, **facts) -> tuple[tuple[int, int], int]:
    orders, shipments = pair(tx, shop, **facts)
    return orders, combine_shipments(tx, CombineShipments(shipments)).shipment.shipment_id


# --- split ------------------------------------------------------------------------------------------------------


def test_a_split_order_leaves_on_two_days(tx, shop):
    order_id, first = ready(tx, shop, (0, 3), (1, 1))
    line = stored(tx, first).lines[0]
    taken = split_shipment(tx, SplitShipment(first, ((line.id, 2),))).taken
    assert [content(tx, i) for i in (first, taken.shipment_id)] == [{"RU-0001": 1, "RU-0002": 1}, {"RU-0001": 2}]
    for shipment_id in (first, taken.shipment_id):
        pack_shipment(tx, PackShipment(shipment_id))
        good(mark_labeled(tx, [shipment_id])[shipment_id])
    good(hand_over_shipments(tx, [taken.shipment_id])[taken.shipment_id])
    order = order_of(tx, order_id)
    assert [x.shipped for x in order.lines] == [2, 0]
    assert (order.fulfillment_status, order.board) == (FulfillmentStatus.PARTIAL, Board.LABELED)
    assert moved(tx.session, taken.number) == {(shop.skus[0], shop.bkk): 2}
    good(hand_over_shipments(tx, [first])[first])
    assert order_of(tx, order_id).fulfillment_status is FulfillmentStatus.SHIPPED


@pytest.mark.parametrize("stage", [S.PLANNED, S.READY, S.PICKING])
def test_both_halves_stand_where_the_whole_stood(tx, shop, stage):
    order_id, shipment_id = ready(tx, shop, (0, 2))
    if stage is S.PICKING:
        start_picking(tx, [shipment_id])
    elif stage is S.PLANNED:
        pull_back(tx, PullBack(shipment_id, "wait"))
    version = stored(tx, shipment_id).version
    done = split_shipment(tx, SplitShipment(shipment_id, ((stored(tx, shipment_id).lines[0].id, 1),)))
    assert (done.kept.status, done.taken.status) == (stage, stage)
    assert stored(tx, shipment_id).version > version  # a screen made before does not split it again
    assert order_of(tx, order_id).board is (Board.PICKING if stage is S.PICKING else Board.READY)


@pytest.mark.parametrize(
    ("units", "code"),
    [(0, "split_nothing"), (3, "split_all"), (4, "quantity_range"), (-1, "quantity_range")],
)
def test_something_goes_and_something_stays(tx, shop, units, code):
    _, shipment_id = ready(tx, shop, (0, 3))
    with refused(tx, code, None, Shipment, ShipmentLine, Parcel):
        split_shipment(tx, SplitShipment(shipment_id, ((stored(tx, shipment_id).lines[0].id, units),)))


def test_a_line_of_another_shipment_is_not_taken_out(tx, shop):
    _, shipment_id = ready(tx, shop, (0, 3))
    _, other = ready(tx, shop, (0, 3))
    foreign = stored(tx, other).lines[0].id
    with refused(tx, "line_unknown", f"line-{foreign}", Shipment):
        split_shipment(tx, SplitShipment(shipment_id, ((foreign, 1),)))


def test_what_is_packed_labeled_or_gone_is_not_split(tx, shop, actor):
    _, shipment_id = ready(tx, shop, (0, 3))
    line = stored(tx, shipment_id).lines[0].id
    command = SplitShipment(shipment_id, ((line, 1),))
    with refused(tx, "forbidden", None, Shipment):
        split_shipment(Tx(tx.session, actor("viewer")), command)
    with refused(tx, "stale", None, Shipment):
        split_shipment(tx, replace(command, version=99))
    for step in (
        lambda: pack_shipment(tx, PackShipment(shipment_id)),
        lambda: mark_labeled(tx, [shipment_id]),
        lambda: hand_over_shipments(tx, [shipment_id]),
    ):
        step()
        with refused(tx, "split_refused", None, Shipment):
            split_shipment(tx, command)


def test_a_printed_label_says_what_is_in_the_way_of_a_split(tx, shop):
    _, shipment_id = ready(tx, shop, (0, 3))
    mark_labeled(tx, [shipment_id])
    command = SplitShipment(shipment_id, ((stored(tx, shipment_id).lines[0].id, 1),))
    with pytest.raises(OmsError, match="void the label first"):
        split_shipment(tx, command)
    void_label(tx, VoidLabel(shipment_id, "it is to be split"))
    split_shipment(tx, command)


# --- combine ----------------------------------------------------------------------------------------------------


def test_two_orders_in_one_box_keep_their_number_money_and_pieces(tx, shop):
    (a, b), (one, two) = pair(tx, shop, shipping_fee=baht(40))
    order_of(tx, b).shipping_fee = baht(60)
    done = combine_shipments(tx, CombineShipments((one, two)))
    box = done.shipment.shipment_id
    assert done.fee_over == {a: baht(40)}
    assert [stored(tx, i).status for i in (one, two)] == [S.CANCELED] * 2
    assert content(tx, box) == {"RU-0001": 1, "RU-0002": 2}
    assert content(tx, one) == {"RU-0001": 1}  # what was in it stays on record
    assert {order_of(tx, i).board for i in (a, b)} == {Board.READY}
    pack_shipment(tx, PackShipment(box))
    mark_labeled(tx, [box])
    good(hand_over_shipments(tx, [box])[box])
    assert {order_of(tx, i).fulfillment_status for i in (a, b)} == {FulfillmentStatus.SHIPPED}
    by_order = {(m.order_id, m.quantity) for m in _moves(tx, stored(tx, box).number)}
    assert by_order == {(a, -1), (b, -2)}
    assert [order_of(tx, i).shipping_fee for i in (a, b)] == [baht(40), baht(60)]  # no money moved


def test_a_box_is_due_when_the_first_of_its_orders_is(tx, shop):
    early, late = clock.now() + timedelta(hours=3), clock.now() + timedelta(days=2)
    (a, one), (b, two) = ready(tx, shop, ship_by=late), ready(tx, shop, (1, 2), ship_by=early)
    assert [stored(tx, i).ship_by for i in (one, two)] == [late, early]
    box = combine_shipments(tx, CombineShipments((one, two))).shipment.shipment_id
    assert stored(tx, box).ship_by == early
    order_of(tx, a).ship_by = early - timedelta(hours=1)  # the channel moved it
    boxes_due_anew(tx, [a])
    assert stored(tx, box).ship_by == early - timedelta(hours=1)
    apart = uncombine_shipment(tx, UncombineShipment(box))
    assert [stored(tx, s.shipment_id).ship_by for s in apart] == [early - timedelta(hours=1), early]
    _, whole = ready(tx, shop, (0, 3), ship_by=late)
    part = split_shipment(tx, SplitShipment(whole, ((stored(tx, whole).lines[0].id, 2),))).taken.shipment_id
    assert [stored(tx, i).ship_by for i in (whole, part)] == [late, late]
    assert b


def _moves(tx, number):
    from oms.inventory.models import StockMovement

    return tx.session.scalars(select(StockMovement).where(StockMovement.document == number)).all()


def test_each_cash_on_delivery_order_in_a_box_has_its_own_entry(tx, shop):
    orders, box = together(tx, shop, **COD)
    assert cash_at_the_door(tx, [stored(tx, box)]) == {box: baht(500)}
    pack_shipment(tx, PackShipment(box))
    hand_over_shipments(tx, [box])
    entries = tx.session.execute(select(CodEntry.order_id, CodEntry.shipment_id, CodEntry.to_collect)).all()
    assert {tuple(e) for e in entries} == {(orders[0], box, baht(100)), (orders[1], box, baht(400))}


def test_halves_of_one_order_go_together_again(tx, shop):
    _, first = ready(tx, shop, (0, 3))
    taken = split_shipment(tx, SplitShipment(first, ((stored(tx, first).lines[0].id, 2),))).taken.shipment_id
    whole = combine_shipments(tx, CombineShipments((first, taken))).shipment.shipment_id
    assert content(tx, whole) == {"RU-0001": 3}
    assert len(stored(tx, whole).lines) == 1


APART = {
    "another phone": lambda tx, o: setattr(o, "ship_phone", "0899999999"),
    "no phone": lambda tx, o: setattr(o, "ship_phone", ""),
    "another address": lambda tx, o: setattr(o, "ship_line", "99 หมู่ 9"),
    "a platform's waybill": lambda tx, o: setattr(o, "channel", Channel.SHOPEE),
    "cash and paid": lambda tx, o: tx.session.execute(
        update(Order).where(Order.id == o.id).values(payment_term="cod", term_approved_at=o.confirmed_at)
    ),
    "another carrier": lambda tx, o: setattr(o, "carrier", "J&T"),
}


@pytest.mark.parametrize("why", APART)
def test_orders_that_do_not_belong_together_stay_apart(tx, shop, why):
    (a, b), shipments = pair(tx, shop)
    order_of(tx, a).carrier = "Flash"
    APART[why](tx, order_of(tx, b))
    tx.session.flush()
    with refused(tx, "combine_refused", None, Shipment, ShipmentLine):
        combine_shipments(tx, CombineShipments(shipments))
    assert combinable(tx.session, tx.actor) == []
    assert [stored(tx, i).status for i in shipments] == [S.READY] * 2


def test_the_same_address_spelled_in_another_way_is_the_same(tx, shop):
    (_, b), shipments = pair(tx, shop)
    order_of(tx, b).ship_line = " 45/7  หมู่ ๒ "
    tx.session.flush()
    assert combine_shipments(tx, CombineShipments(shipments)).shipment.status is S.READY


def test_boxes_of_two_warehouses_or_behind_a_gate_or_begun_stay_apart(tx, shop, actor):
    stock_in(tx, shop, shop.cnx)
    (a, one), (b, two) = ready(tx, shop), ready(tx, shop)
    with refused(tx, "combine_few", "shipments", Shipment):
        combine_shipments(tx, CombineShipments((one, one)))
    with refused(tx, "shipment_not_found", None, Shipment):
        combine_shipments(tx, CombineShipments((one, 987654)))
    with refused(tx, "forbidden", None, Shipment):
        combine_shipments(Tx(tx.session, actor("viewer")), CombineShipments((one, two)))
    hold_order(tx, HoldOrder(b, HoldReason.ADDRESS))
    with refused(tx, "gate_closed", None, Shipment):
        combine_shipments(tx, CombineShipments((one, two)))
    release_hold(tx, ReleaseHold(b))
    make_ready(tx, [b])
    mark_labeled(tx, [two])
    with refused(tx, "combine_refused", None, Shipment):
        combine_shipments(tx, CombineShipments((one, two)))
    void_label(tx, VoidLabel(two, "they go together"))
    pack_shipment(tx, PackShipment(two))
    with refused(tx, "combine_refused", None, Shipment):
        combine_shipments(tx, CombineShipments((one, two)))
    cancel_shipment(tx, CancelShipment(two, "again"))
    promise_elsewhere(tx, b, shop.cnx, 9)
    there = good(make_ready(tx, [b])[b]).shipment_id
    with refused(tx, "combine_refused", None, Shipment):
        combine_shipments(tx, CombineShipments((one, there)))
    assert order_of(tx, a).board is Board.READY


def test_orders_are_proposed_with_what_one_box_saves_and_put_together(tx, shop, actor):
    stock_in(tx, shop, shop.cnx)
    first, second, third = (placed(tx, shop, shipping_fee=baht(40), **COD) for _ in range(3))
    stranger = placed(tx, shop, **COD)
    stranger.ship_phone = "0811111111"
    tx.session.flush()
    promise_elsewhere(tx, third.id, shop.cnx, 9)
    (found,) = combinable(tx.session, tx.actor)
    assert ([i for i, _ in found.orders], found.fee_over, found.shipments) == ([first.id, second.id], baht(40), ())
    assert combinable(tx.session, tx.actor, third.id) == []
    elsewhere = replace(actor("owner"), warehouses=frozenset({shop.cnx}))
    assert combinable(tx.session, elsewhere) == []
    done = combine_orders(tx, CombineOrders((first.id, second.id), shop.bkk))
    assert {x.order_id for x in stored(tx, done.shipment.shipment_id).lines} == {first.id, second.id}
    assert combinable(tx.session, tx.actor) == []  # they are in one box already


def test_sales_puts_orders_together_and_one_that_is_not_paid_stays_out(tx, shop, actor):
    first, unpaid = placed(tx, shop, **COD), placed(tx, shop)
    sales = Tx(tx.session, actor("sales"))
    with refused(tx, "gate_closed", None, Shipment):
        combine_orders(sales, CombineOrders((first.id, unpaid.id), shop.bkk))
    second = placed(tx, shop, **COD)
    assert combine_orders(sales, CombineOrders((first.id, second.id), shop.bkk)).shipment.status is S.READY


# --- un-combine -------------------------------------------------------------------------------------------------


def test_a_box_is_taken_apart_until_it_leaves(tx, shop):
    (a, b), box = together(tx, shop)
    pack_shipment(tx, PackShipment(box))
    mark_labeled(tx, [box])
    with refused(tx, "reason_missing", "reason", Shipment):
        uncombine_shipment(tx, UncombineShipment(box))
    apart = uncombine_shipment(tx, UncombineShipment(box, "they want two parcels"))
    assert [(s.status, content(tx, s.shipment_id)) for s in apart] == [
        (S.READY, {"RU-0001": 1}), (S.READY, {"RU-0002": 2}),
    ]  # fmt: skip
    assert stored(tx, box).status is S.CANCELED
    assert parcels(tx, box) == [("", False, 1)]
    assert {order_of(tx, i).board for i in (a, b)} == {Board.READY}


def test_one_order_of_three_is_taken_out(tx, shop):
    _, shipments = pair(tx, shop)
    c, three = ready(tx, shop, (2, 1))
    box = combine_shipments(tx, CombineShipments((*shipments, three))).shipment.shipment_id
    apart = uncombine_shipment(tx, UncombineShipment(box, order_ids=(c,)))
    assert [content(tx, s.shipment_id) for s in apart] == [{"RU-0003": 1}, {"RU-0001": 1, "RU-0002": 2}]


def test_behind_a_closed_gate_the_other_order_goes_on_alone(tx, shop):
    (a, b), box = together(tx, shop)
    hold_order(tx, HoldOrder(b, HoldReason.FRAUD))
    assert stored(tx, box).status is S.PLANNED
    apart = uncombine_shipment(tx, UncombineShipment(box))
    assert [s.status for s in apart] == [S.READY, S.PLANNED]
    assert [order_of(tx, i).board for i in (a, b)] == [Board.READY, Board.ON_HOLD]


def test_a_canceled_order_leaves_its_box_and_the_other_is_packed_anew(tx, shop):
    (a, b), box = together(tx, shop)
    cancel_order(tx, CancelOrder(b, CancelReason.CUSTOMER))
    assert stored(tx, box).status is S.PLANNED
    again = good(make_ready(tx, [a])[a])
    assert (stored(tx, box).status, content(tx, again.shipment_id)) == (S.CANCELED, {"RU-0001": 1})


def test_what_is_no_shared_box_or_has_left_is_not_taken_apart(tx, shop, actor):
    _, single = ready(tx, shop)
    with refused(tx, "uncombine_refused", None, Shipment):
        uncombine_shipment(tx, UncombineShipment(single))
    (a, _), box = together(tx, shop)
    with refused(tx, "order_not_inside", "orders", Shipment):
        uncombine_shipment(tx, UncombineShipment(box, order_ids=(a, 987654)))
    with refused(tx, "forbidden", None, Shipment):
        uncombine_shipment(Tx(tx.session, actor("viewer")), UncombineShipment(box))
    pack_shipment(tx, PackShipment(box))
    mark_labeled(tx, [box])
    with refused(tx, "forbidden", None, Shipment):
        uncombine_shipment(Tx(tx.session, actor("sales")), UncombineShipment(box, "x"))
    hand_over_shipments(tx, [box])
    with refused(tx, "shipment_cancel_refused", None, Shipment):
        uncombine_shipment(tx, UncombineShipment(box, "too late"))


def test_an_order_handed_over_by_its_number_takes_its_mates_along_and_only_their_boxes(tx, shop):
    (a, b), box = together(tx, shop)
    pull_back(tx, PullBack(box, "wait"))
    line = next(x for x in stored(tx, box).lines if x.order_id == b)
    apart = split_shipment(tx, SplitShipment(box, ((line.id, 1),))).taken.shipment_id
    mark_shipped(tx, MarkShipped(a, "Flash", "TH1"))
    assert (stored(tx, box).status, stored(tx, apart).status) == (S.HANDED_OVER, S.PLANNED)
    assert [order_of(tx, i).fulfillment_status for i in (a, b)] == [
        FulfillmentStatus.SHIPPED, FulfillmentStatus.PARTIAL,
    ]  # fmt: skip
    mark_shipped(tx, MarkShipped(b, "Flash", "TH2"))
    assert order_of(tx, b).fulfillment_status is FulfillmentStatus.SHIPPED
    assert count(tx, Parcel) == 4
    assert order_of(tx, a).shipping_fee == ZERO
    assert labeled(tx, shop)
