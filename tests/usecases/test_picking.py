"""Picking lists: the most urgent first, along the shelves, ticked off, and what is not there is said at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.inventory.models import StockLevel
from oms.orders.models import Order, OrderHold
from oms.orders.states import Board, CancelReason, HoldReason
from oms.shipping.floor.models import PackingScan, PickBatch, PickLine, PickSlot
from oms.shipping.floor.rules import shelf_key
from oms.shipping.floor.states import PickStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.locations import SetLocation, set_location
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_place import NewLine
from oms.usecases.picking import GivePickListUp, MakePickList, give_pick_list_up, make_pick_list
from oms.usecases.picking_work import Pick, ReportShort, finish_pick_list, pick, report_short
from oms.usecases.shipping_boxes import make_ready
from tests.shop import SmallShop, small_shop
from tests.usecases.floor import Station, key, order, ready, statements
from tests.usecases.refusals import last_audit, refused

S = ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def picker(tx, actor) -> Tx:
    return Tx(tx.session, actor("warehouse"))


def status(tx, shipment) -> S:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Shipment, shipment.id).status


def lines(tx, batch_id):
    tx.session.expire_all()
    rows = tx.session.scalars(select(PickLine).where(PickLine.batch_id == batch_id).order_by(PickLine.id))
    return [(x.shipment_id, x.sku_id, x.wanted, x.picked, x.short) for x in rows]


def take(picker, batch_id, code="", **facts):
    return pick(picker, Pick(batch_id, key(), code, **facts))


def test_the_next_ones_are_the_most_urgent_with_or_without_a_shipment(tx, shop, picker):
    late = order(tx, shop, (0, 1))
    soon, later = ready(tx, shop, (1, 1)), ready(tx, shop, (2, 1))
    now = clock.now()
    for order_id, hours in ((late, 1), (soon.lines[0].order_id, 5), (later.lines[0].order_id, 9)):
        tx.session.get_one(Order, order_id).ship_by = now + timedelta(hours=hours)
    tx.session.flush()
    made = make_pick_list(picker, MakePickList(shop.bkk, next_count=2))
    assert (made.shipments, made.number[:2]) == (2, "PK")
    slots = tx.session.scalars(select(PickSlot).where(PickSlot.batch_id == made.batch_id).order_by(PickSlot.tote)).all()
    first = tx.session.get_one(Shipment, slots[0].shipment_id)
    assert ([x.order_id for x in first.lines], slots[1].shipment_id) == ([late], soon.id)
    assert (status(tx, soon), status(tx, later)) == (S.PICKING, S.READY)
    assert tx.session.get_one(Order, late).board is Board.PICKING
    assert (last_audit(tx).action, last_audit(tx).after["shipments"]) == ("picking.started", 2)


def test_a_list_takes_sets_apart_and_knows_the_shelves_of_its_warehouse(tx, shop, picker):
    set_location(tx, SetLocation(shop.skus[0], shop.bkk, "a-03-2"))
    box = ready(tx, shop, lines=(NewLine(shop.bundle, 2), NewLine(shop.skus[0], 1)))
    made = make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))
    rows = tx.session.scalars(
        select(PickLine).where(PickLine.batch_id == made.batch_id).order_by(PickLine.sku_id)
    ).all()
    assert [(x.sku_id, x.wanted, x.location) for x in rows] == [(shop.skus[0], 3, "A-03-2"), (shop.skus[1], 4, "")]


def test_shelves_are_walked_in_their_order():
    shelves = ["", "B-1", "A-03-10", "a-03-2", "ชั้น 2", "10", "9"]
    assert sorted(shelves, key=shelf_key) == ["9", "10", "a-03-2", "A-03-10", "B-1", "ชั้น 2", ""]


def test_some_are_refused_with_their_reason_and_the_rest_is_picked(tx, shop, picker):
    good, listed, packed = ready(tx, shop), ready(tx, shop), ready(tx, shop)
    first = make_pick_list(picker, MakePickList(shop.bkk, (listed.id,)))
    Station(picker, shop.bkk).scan(packed.number)
    made = make_pick_list(picker, MakePickList(shop.bkk, (good.id, listed.id, packed.id, 999_999)))
    assert made.shipments == 1
    assert {i: e.detail_code for i, e in made.refused.items()} == {
        listed.id: "on_another_list", packed.id: "being_packed", 999_999: "shipment_not_found",
    }  # fmt: skip
    assert first.number in str(made.refused[listed.id].message)
    with refused(picker, "on_another_list", None, PickBatch, PickSlot):
        make_pick_list(picker, MakePickList(shop.bkk, (listed.id,)))


def test_scans_fill_the_first_tote_first_and_the_last_piece_ends_the_list(tx, shop, picker):
    one, two = ready(tx, shop, (0, 1)), ready(tx, shop, (0, 2))
    made = make_pick_list(picker, MakePickList(shop.bkk, (one.id, two.id)))
    assert [(p.tote, p.finished) for p in (take(picker, made.batch_id, "RU-0001") for _ in range(3))] == [
        (1, False), (2, False), (2, True),
    ]  # fmt: skip
    batch = tx.session.get_one(PickBatch, made.batch_id)
    assert (batch.status, batch.closed_by) == (PickStatus.PICKED, "warehouse")
    assert take(picker, made.batch_id, "RU-0001").outcome == "list_closed"


def test_wrong_and_surplus_pieces_are_said_and_written_down(tx, shop, picker):
    box = ready(tx, shop, (0, 1), (1, 5))
    made = make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))
    answers = [take(picker, made.batch_id, code).outcome for code in ("RU-0003", "???", "RU-0001", "RU-0001")]
    assert answers == ["not_on_list", "unknown_code", "ok", "too_many"]
    assert len(tx.session.scalars(select(PackingScan).where(PackingScan.batch_id == made.batch_id)).all()) == 4


def test_a_tap_ticks_all_of_it_and_a_second_tap_puts_it_back(tx, shop, picker):
    box = ready(tx, shop, (0, 1), (1, 5))
    made = make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))
    take(picker, made.batch_id, sku_id=shop.skus[1], quantity=None)
    assert [x[3] for x in lines(tx, made.batch_id)] == [0, 5]
    take(picker, made.batch_id, sku_id=shop.skus[1], quantity=-5)
    assert [x[3] for x in lines(tx, made.batch_id)] == [0, 0]
    same = Pick(made.batch_id, "twice", "", shop.skus[0], 1)
    assert [pick(picker, same).outcome for _ in range(2)] == ["ok", "ok"]
    assert [x[3] for x in lines(tx, made.batch_id)] == [1, 0]


def test_missing_pieces_stop_the_least_urgent_order_with_a_hold_that_says_where(tx, shop, picker):
    set_location(tx, SetLocation(shop.skus[0], shop.bkk, "A-1"))
    first, last = ready(tx, shop, (0, 2)), ready(tx, shop, (0, 2), (1, 1))
    made = make_pick_list(picker, MakePickList(shop.bkk, (first.id, last.id)))
    take(picker, made.batch_id, "RU-0001")
    told = report_short(picker, ReportShort(made.batch_id, shop.skus[0], 1, "กล่องว่าง"))
    assert (told.totes, told.finished) == ((2,), False)
    hold = tx.session.scalars(select(OrderHold)).one()
    assert (hold.reason, hold.note) == (HoldReason.STOCK, f"{made.number} · RU-0001 · A-1 · −1 · กล่องว่าง")
    assert (status(tx, first), status(tx, last)) == (S.PICKING, S.PLANNED)
    assert tx.session.get_one(Order, last.lines[0].order_id).board is Board.ON_HOLD
    assert take(picker, made.batch_id, "RU-0001").finished  # the rest of the list is whole


def test_no_more_can_be_missing_than_is_still_to_be_picked(tx, shop, picker):
    box = ready(tx, shop, (0, 2))
    made = make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))
    with refused(picker, "short_range", "missing", OrderHold):
        report_short(picker, ReportShort(made.batch_id, shop.skus[0], 3))
    with refused(picker, "short_range", "missing", OrderHold):
        report_short(picker, ReportShort(made.batch_id, shop.skus[1], 1))


def test_a_list_on_paper_is_finished_with_one_word(tx, shop, picker):
    boxes = [ready(tx, shop, (0, 1), (1, 2)) for _ in range(3)]
    made = make_pick_list(picker, MakePickList(shop.bkk, tuple(b.id for b in boxes)))
    assert finish_pick_list(picker, made.batch_id) == 9
    assert tx.session.get_one(PickBatch, made.batch_id).status is PickStatus.PICKED
    with refused(picker, "picking_list_finish_refused"):
        finish_pick_list(picker, made.batch_id)


def test_a_list_given_up_lets_its_shipments_be_picked_again(tx, shop, picker):
    waits, packed = ready(tx, shop), ready(tx, shop)
    made = make_pick_list(picker, MakePickList(shop.bkk, (waits.id, packed.id)))
    Station(picker, shop.bkk).outcomes(packed.number, "RU-0001")
    assert give_pick_list_up(picker, GivePickListUp(made.batch_id, "เปลี่ยนคนหยิบ")) == 1
    assert (status(tx, waits), status(tx, packed)) == (S.READY, S.PACKED)
    assert make_pick_list(picker, MakePickList(shop.bkk, next_count=5)).shipments == 1


def test_a_shipment_stopped_and_ready_again_comes_onto_the_next_list(tx, shop, picker):
    box = ready(tx, shop)
    made = make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))
    order_id = box.lines[0].order_id
    hold_order(tx, HoldOrder(order_id, HoldReason.ADDRESS))
    release_hold(tx, ReleaseHold(order_id))
    make_ready(tx, [order_id])
    again = make_pick_list(picker, MakePickList(shop.bkk, next_count=5))
    assert (again.shipments, again.batch_id != made.batch_id) == (1, True)
    live = tx.session.scalars(select(PickSlot.batch_id).where(PickSlot.is_live)).all()
    assert live == [again.batch_id]


def test_the_same_request_makes_one_list(tx, shop, picker):
    for _ in range(3):
        ready(tx, shop)
    one, two = (make_pick_list(picker, MakePickList(shop.bkk, next_count=2, idempotency_key="form-1")) for _ in "ab")
    assert (one.batch_id, one.repeated, two.batch_id, two.repeated) == (two.batch_id, False, one.batch_id, True)


def test_who_may_and_what_makes_no_list(tx, shop, picker, actor):
    with refused(picker, "nothing_to_pick", None, PickBatch):
        make_pick_list(picker, MakePickList(shop.bkk, next_count=5))
    for count in (0, 201):
        with refused(picker, "pick_count", None, PickBatch):
            make_pick_list(picker, MakePickList(shop.bkk, next_count=count))
    sales = Tx(tx.session, actor("sales"))
    with refused(sales, "forbidden"):
        make_pick_list(sales, MakePickList(shop.bkk, next_count=5))
    box = ready(tx, shop)
    away = Tx(tx.session, replace(actor("warehouse"), warehouses=frozenset({shop.cnx})))
    with refused(away, "warehouse_scope", "warehouse_id"):
        make_pick_list(away, MakePickList(shop.bkk, (box.id,)))
    made = make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))
    with refused(away, "pick_batch_not_found"):
        take(away, made.batch_id, "RU-0001")


def test_canceled_orders_never_come_onto_a_list(tx, shop, picker):
    box = ready(tx, shop)
    cancel_order(tx, CancelOrder(box.lines[0].order_id, CancelReason.CUSTOMER))
    with refused(picker, "shipment_pick_refused", None, PickBatch):
        make_pick_list(picker, MakePickList(shop.bkk, (box.id,)))


def test_a_list_of_twenty_reads_no_more_often_than_one_of_two(tx, shop, picker):
    costs = []
    for count in (2, 20):
        boxes = tuple(ready(tx, shop, (0, 1), (1, 1)).id for _ in range(count))
        with statements(tx) as seen:
            make_pick_list(picker, MakePickList(shop.bkk, boxes))
        costs.append(len([s for s in seen if s.startswith("SELECT")]))
    assert costs[0] == costs[1], costs


def test_a_shelf_is_kept_per_warehouse_and_audited(tx, shop, picker, actor):
    assert set_location(picker, SetLocation(shop.skus[0], shop.cnx, " b-1 ")).changed
    assert not set_location(picker, SetLocation(shop.skus[0], shop.cnx, "B-1")).changed
    level = tx.session.get_one(StockLevel, (shop.skus[0], shop.cnx))
    assert (level.location, level.on_hand) == ("B-1", 0)
    assert (last_audit(tx).action, last_audit(tx).after) == (
        "stock.location_set", {"location": "B-1", "warehouse": "CNX"})  # fmt: skip
    with refused(picker, "sku_is_bundle", "sku_id"):
        set_location(picker, SetLocation(shop.bundle, shop.bkk, "A"))
    with refused(picker, "too_long", "location"):
        set_location(picker, SetLocation(shop.skus[0], shop.bkk, "A" * 41))
    sales = Tx(tx.session, actor("sales"))
    with refused(sales, "forbidden"):
        set_location(sales, SetLocation(shop.skus[0], shop.bkk, "A"))
