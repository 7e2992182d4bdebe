"""Counting: the difference is true whatever moves meanwhile, somebody else approves, no promise is broken silently."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event, func, select

from oms.errors import Forbidden
from oms.inventory.count_models import CountEntry, CountLine, StockCount
from oms.inventory.models import MovementKind, StockLevel, StockMovement
from oms.inventory.states import CountStatus
from oms.orders.models import Order
from oms.orders.states import HoldReason, PaymentTerm, StockState
from oms.reports.auditor import audit_all
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.counts import (
    CloseCounting,
    CountAgain,
    DropCount,
    OpenCount,
    RecordCounts,
    ShelfCount,
    cancel_count,
    open_count,
    record_counts,
    recount,
    submit_count,
)
from oms.usecases.counts_posting import ApproveCount, approve_count
from oms.usecases.locations import SetLocation, set_location
from oms.usecases.orders_place import NewLine, place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import PackShipment, pack_shipment
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.shop import small_shop
from tests.usecases import refusals

COD = {"payment_term": PaymentTerm.COD}


@pytest.fixture
def shop(tx):
    return small_shop(tx)


@pytest.fixture
def boss(tx, actor):
    """Who approves: a manager who did not count."""
    return replace(tx, actor=actor("manager"))


@pytest.fixture
def clerk(tx, actor):
    return replace(tx, actor=actor("warehouse"))


def opened(tx, shop, *which, key="k", **facts) -> int:
    skus = tuple(shop.skus[i] for i in which)
    return open_count(tx, OpenCount(shop.bkk, key, skus, **facts)).count_id


def enter(tx, shop, count, *numbers, add=False):
    entries = tuple(ShelfCount(shop.skus[i], n) for i, n in numbers)
    return record_counts(tx, RecordCounts(count, entries, add=add))


def lines(tx, count) -> dict[int, CountLine]:
    tx.session.flush()
    return {line.sku_id: line for line in tx.session.scalars(select(CountLine).where(CountLine.count_id == count))}


def on_hand(tx, shop, i) -> tuple[int, int]:
    level = tx.session.get(StockLevel, (shop.skus[i], shop.bkk), populate_existing=True)
    return level.on_hand, level.reserved


def books(tx):
    return [str(f) for f in audit_all(tx.session)]


def refused(tx, code, verb, *arguments):
    with refusals.refused(tx, code, None, StockCount, CountLine, CountEntry, StockMovement):
        verb(tx, *arguments)


def test_a_count_is_opened_entered_submitted_and_posted_by_somebody_else(tx, shop, clerk, boss):
    made = open_count(clerk, OpenCount(shop.bkk, "k", note="นับประจำเดือน"))
    assert made.number.startswith("CT")
    assert (made.lines, made.counted) == (4, 0)
    assert open_count(clerk, OpenCount(shop.bkk, "k")).repeated
    count = made.count_id
    refused(clerk, "count_nothing", submit_count, CloseCounting(count))
    state = enter(clerk, shop, count, (0, 8), (1, 10), (2, 12))
    assert (state.counted, state.lines) == (3, 4)
    refused(boss, "stock_count_approve_refused", approve_count, ApproveCount(count))
    assert submit_count(clerk, CloseCounting(count)).status is CountStatus.COUNTED
    done = approve_count(boss, ApproveCount(count, "ตรวจแล้ว"))
    assert (done.lines, done.more, done.fewer) == (2, 2, 2)
    assert [on_hand(tx, shop, i)[0] for i in range(4)] == [8, 10, 12, 10]
    moved = tx.session.execute(
        select(StockMovement.sku_id, StockMovement.quantity, StockMovement.kind, StockMovement.reason)
        .where(StockMovement.document == done.number).order_by(StockMovement.sku_id)
    ).all()  # fmt: skip
    assert moved == [
        (shop.skus[0], -2, MovementKind.ADJUST, "adjust.counted · นับประจำเดือน · ตรวจแล้ว"),
        (shop.skus[2], 2, MovementKind.ADJUST, "adjust.counted · นับประจำเดือน · ตรวจแล้ว"),
    ]
    assert books(tx) == []


def test_what_nobody_counted_is_left_or_not_there_as_was_said(tx, shop, clerk, boss):
    count = opened(clerk, shop, 0, 1)
    enter(clerk, shop, count, (0, 10))
    submit_count(clerk, CloseCounting(count, zero=True))
    approve_count(boss, ApproveCount(count))
    assert (on_hand(tx, shop, 0)[0], on_hand(tx, shop, 1)[0]) == (10, 0)


def test_goods_may_come_and_go_between_counting_and_approving(tx, shop, clerk, boss):
    count = opened(clerk, shop, 0)
    enter(clerk, shop, count, (0, 9))  # one is missing
    receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(shop.skus[0], 5),), "later"))
    order = place_order(tx, shop.order((0, 3), confirm=True, **COD)).order_id
    mark_shipped(tx, MarkShipped(order))
    submit_count(clerk, CloseCounting(count))
    approve_count(boss, ApproveCount(count))
    assert on_hand(tx, shop, 0)[0] == 10 - 1 + 5 - 3
    assert books(tx) == []


def test_packed_boxes_are_not_counted(tx, shop, clerk, boss):
    order = place_order(tx, shop.order(lines=(NewLine(shop.bundle, 2), NewLine(shop.skus[2], 1)), confirm=True, **COD))
    ready = make_ready(tx, [order.order_id])[order.order_id]
    pack_shipment(tx, PackShipment(ready.shipment_id))
    count = opened(clerk, shop, 0, 1, 2, 3)
    enter(clerk, shop, count, (0, 8), (1, 6), (2, 8), (3, 10))
    found = lines(tx, count)
    assert [(found[s].expected, found[s].boxed) for s in shop.skus] == [(8, 2), (6, 4), (9, 1), (10, 0)]
    submit_count(clerk, CloseCounting(count))
    assert approve_count(boss, ApproveCount(count)).fewer == 1
    assert tx.session.get_one(Shipment, ready.shipment_id).status is ShipmentStatus.PACKED
    assert on_hand(tx, shop, 2)[0] == 9


def test_scans_and_shelves_add_up_and_a_new_number_takes_their_place(tx, shop, clerk):
    count = opened(clerk, shop, 0)
    for _ in range(3):
        enter(clerk, shop, count, (0, 1), add=True)
    assert lines(tx, count)[shop.skus[0]].counted == 3
    enter(clerk, shop, count, (0, 4), add=True)
    enter(clerk, shop, count, (0, 9))
    assert lines(tx, count)[shop.skus[0]].counted == 9
    kept = tx.session.execute(select(CountEntry.quantity, CountEntry.is_more).order_by(CountEntry.id)).all()
    assert kept == [(1, True), (1, True), (1, True), (4, True), (9, False)]


def test_a_product_found_that_is_not_on_the_sheet_is_put_on_it(tx, shop, clerk):
    count = opened(clerk, shop, 0)
    assert enter(clerk, shop, count, (3, 2)).added == 1
    assert lines(tx, count)[shop.skus[3]].difference == -8
    refused(clerk, "sku_is_bundle", record_counts, RecordCounts(count, (ShelfCount(shop.bundle, 1),)))


def test_shelves_choose_what_is_counted_in_walking_order(tx, shop, clerk):
    for i, shelf in ((0, "B-01"), (1, "A-02"), (2, "A-01")):
        set_location(tx, SetLocation(shop.skus[i], shop.bkk, shelf))
    count = open_count(clerk, OpenCount(shop.bkk, "a", locations=("a",)))
    assert count.lines == 2
    order = tx.session.scalars(
        select(CountLine.sku_id).where(CountLine.count_id == count.count_id).order_by(CountLine.position)
    )
    assert list(order) == [shop.skus[2], shop.skus[1]]
    refused(clerk, "count_empty", open_count, OpenCount(shop.bkk, "z", locations=("Z",)))
    everything = open_count(clerk, OpenCount(shop.bkk, "all"))
    walk = select(CountLine.sku_id).where(CountLine.count_id == everything.count_id).order_by(CountLine.position)
    assert list(tx.session.scalars(walk)) == [shop.skus[i] for i in (2, 1, 0, 3)]


def test_lines_are_counted_again_and_the_first_number_is_kept(tx, shop, clerk, boss):
    count = opened(clerk, shop, 0, 1)
    enter(clerk, shop, count, (0, 5), (1, 9))
    submit_count(clerk, CloseCounting(count))
    line = lines(tx, count)[shop.skus[0]]
    assert recount(boss, CountAgain(count, (line.id,))).status is CountStatus.OPEN
    refused(clerk, "line_settled", record_counts, RecordCounts(count, (ShelfCount(shop.skus[1], 3),)))
    enter(clerk, shop, count, (0, 10))
    line = lines(tx, count)[shop.skus[0]]
    assert (line.first_counted, line.counted, line.difference) == (5, 10, 0)
    submit_count(clerk, CloseCounting(count))
    assert approve_count(boss, ApproveCount(count)).fewer == 1
    refused(boss, "stock_count_recount_refused", recount, CountAgain(count, (line.id,)))


def test_who_counted_does_not_approve(tx, shop, boss):
    count = opened(boss, shop, 0)
    enter(boss, shop, count, (0, 9))
    submit_count(boss, CloseCounting(count))
    refused(boss, "own_count", approve_count, ApproveCount(count))
    other = replace(boss, actor=replace(boss.actor, user_id=4711, label="อีกคน"))
    assert approve_count(other, ApproveCount(count)).fewer == 1


def test_a_count_below_what_is_promised_names_the_orders_and_holds_the_youngest(tx, shop, clerk, boss):
    old, young, urgent = (place_order(tx, shop.order((0, 3), confirm=True, **COD)) for _ in range(3))
    tx.session.get_one(Order, urgent.order_id).is_urgent = True
    ready = make_ready(tx, [young.order_id])[young.order_id]
    count = opened(clerk, shop, 0)
    enter(clerk, shop, count, (0, 7))
    submit_count(clerk, CloseCounting(count))
    refused(boss, "count_below_reserved", approve_count, ApproveCount(count))
    with pytest.raises(Exception, match=young.number):
        approve_count(boss, ApproveCount(count))
    done = approve_count(boss, ApproveCount(count, hold_orders=True))
    assert done.held == (young.number,)
    assert on_hand(tx, shop, 0) == (7, 6)
    order = tx.session.get_one(Order, young.order_id)
    assert (order.stock_state, order.hold_reasons) == (StockState.SHORT, [HoldReason.STOCK.value])
    assert order.holds[0].note.startswith(done.number)
    assert tx.session.get_one(Shipment, ready.shipment_id).status is ShipmentStatus.CANCELED
    assert tx.session.get_one(Order, old.order_id).stock_state is StockState.RESERVED
    assert books(tx) == []


def test_labeled_boxes_keep_their_promise(tx, shop, clerk, boss):
    order = place_order(tx, shop.order((0, 3), confirm=True, **COD))
    ready = make_ready(tx, [order.order_id])[order.order_id]
    pack_shipment(tx, PackShipment(ready.shipment_id))
    tx.session.get_one(Shipment, ready.shipment_id).status = ShipmentStatus.LABELED
    count = opened(clerk, shop, 0)
    enter(clerk, shop, count, (0, 0))  # three are in the box: four of ten on the shelf are wanted, none is there
    submit_count(clerk, CloseCounting(count))
    approve_count(boss, ApproveCount(count))
    assert on_hand(tx, shop, 0) == (3, 3)
    more = place_order(tx, shop.order((1, 2), confirm=True, **COD))
    tx.session.get_one(
        Shipment, make_ready(tx, [more.order_id])[more.order_id].shipment_id
    ).status = ShipmentStatus.LABELED
    count = opened(clerk, shop, 1, key="2")
    receive = lines(tx, count)[shop.skus[1]]
    receive.counted, receive.expected = 0, 10  # as if the box had been counted away
    tx.session.flush()
    submit_count(clerk, CloseCounting(count))
    refused(boss, "count_stuck", approve_count, ApproveCount(count, hold_orders=True))


def test_rights_scopes_and_versions(tx, shop, clerk, boss, actor):
    count = opened(clerk, shop, 0)
    with pytest.raises(Forbidden):
        open_count(replace(tx, actor=actor("sales")), OpenCount(shop.bkk, "s"))
    with pytest.raises(Forbidden):
        approve_count(clerk, ApproveCount(count))
    stranger = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx})))
    refused(stranger, "count_not_found", record_counts, RecordCounts(count, (ShelfCount(shop.skus[0], 1),)))
    refused(stranger, "warehouse_scope", open_count, OpenCount(shop.bkk, "x"))
    refused(clerk, "stale", submit_count, CloseCounting(count, version=99))
    refused(clerk, "quantity_range", record_counts, RecordCounts(count, (ShelfCount(shop.skus[0], -1),)))
    refused(clerk, "lines_missing", record_counts, RecordCounts(count, ()))
    refused(clerk, "missing", cancel_count, DropCount(count, ""))
    assert cancel_count(clerk, DropCount(count, "ผิดคลัง")).status is CountStatus.CANCELED
    refused(clerk, "count_closed", record_counts, RecordCounts(count, (ShelfCount(shop.skus[0], 1),)))
    assert on_hand(tx, shop, 0)[0] == 10


def test_five_hundred_numbers_cost_no_more_statements_than_five(tx, shop, clerk):
    count = opened(clerk, shop, 0, 1, 2, 3)

    def cost(numbers):
        seen = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731
        engine = tx.session.get_bind().engine
        event.listen(engine, "before_cursor_execute", listener)
        record_counts(clerk, RecordCounts(count, tuple(ShelfCount(shop.skus[i % 4], i) for i in range(numbers))))
        event.remove(engine, "before_cursor_execute", listener)
        return len(seen)

    few = cost(4)
    assert cost(500) <= few
    assert tx.session.scalar(select(func.count()).select_from(CountEntry)) == 504
