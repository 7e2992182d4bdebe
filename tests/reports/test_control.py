"""The daily control page ties: orders in stand somewhere, stock is explained, the countdown counts what has not left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from oms import clock
from oms.catalog.models import Shop
from oms.errors import InvalidInput
from oms.inventory.models import StockLevel
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, HoldReason
from oms.reports import control
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.stock import ReceiveStock, SetAside, StockLine, receive_stock, set_aside
from tests.reports.test_worklists import statements
from tests.shop import SmallShop, small_shop
from tests.usecases.money import paid, placed

TODAY = control.read_period("", "")


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def test_every_board_state_belongs_to_one_bucket():
    assert set(control.BUCKETS) == set(Board)
    assert set(control.BUCKETS.values()) | {"quarantined"} == set(control.BUCKET_LABELS)


def test_what_came_in_is_split_by_where_it_stands(tx, shop):
    shipped, ready, parked, held, gone = (placed(tx, shop) for _ in range(5))
    for order in (shipped, ready, held):
        paid(tx, (order.id, 100))
    mark_shipped(tx, MarkShipped(shipped.id, "Flash", "TH01"))
    hold_order(tx, HoldOrder(held.id, HoldReason.ADDRESS, "no house number"))
    cancel_order(tx, CancelOrder(gone.id, CancelReason.CUSTOMER))
    (row,) = control.orders_of(tx.session, tx.actor, TODAY)
    assert (row.shop_id, row.warehouse_id, row.taken_in, row.by_hand) == (shop.line, shop.bkk, 5, 5)
    assert {name: row.bucket(name) for name in control.BUCKET_LABELS} == {
        "shipped": 1, "ready": 1, "parked": 2, "canceled": 1, "quarantined": 0,
    }  # fmt: skip
    assert row.boards["on_hold"] == row.boards["waiting_payment"] == 1
    assert row.difference == 0
    assert parked.board is Board.WAITING_PAYMENT


def test_a_state_that_nobody_knows_does_not_tie(tx, shop):
    row = control.OrderRow(shop.line, shop.bkk, by_hand=2, boards={"ready": 1, "somewhere else": 1})
    assert (row.bucket("ready"), row.difference) == (1, 1)


def test_orders_of_other_days_and_other_shops_are_not_counted(tx, shop, actor):
    placed(tx, shop)
    old = placed(tx, shop)
    tx.session.execute(update(Order).where(Order.id == old.id).values(placed_at=clock.now() - timedelta(days=1)))
    (row,) = control.orders_of(tx.session, tx.actor, TODAY)
    assert row.taken_in == 1
    assert control.orders_of(tx.session, replace(actor("viewer"), shops=frozenset({shop.shopee})), TODAY) == []
    assert control.orders_of(tx.session, replace(actor("viewer"), warehouses=frozenset({shop.cnx})), TODAY) == []


def test_stock_opens_moves_and_closes(tx, shop):
    with clock.at(clock.now() - timedelta(days=1)):
        receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(shop.skus[0], 5),), "yesterday"))
    receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(shop.skus[0], 7),), "today"))
    set_aside(tx, SetAside(shop.bkk, (StockLine(shop.skus[1], 2),), "wet", "damp"))
    order = placed(tx, shop, (0, 3))
    paid(tx, (order.id, 300))
    mark_shipped(tx, MarkShipped(order.id))
    hand, damaged = control.stock_of(tx.session, tx.actor, TODAY)
    assert hand.kinds == {"opening": 40, "receive": 7, "damage": -2, "ship": -3}
    assert (hand.opening, hand.closing) == (5, 47)
    assert (damaged.opening, damaged.kinds, damaged.closing) == (0, {"damage": 2}, 2)
    before = control.read_period((TODAY.first - timedelta(days=1)).isoformat(), "")
    (earlier,) = [r for r in control.stock_of(tx.session, tx.actor, before) if r.bucket == "on_hand"]
    assert (earlier.opening, earlier.kinds, earlier.closing) == (0, {"receive": 5}, 5)


def test_the_proof_names_a_balance_that_its_movements_do_not_make(tx, shop):
    assert not control.stock_proof(tx.session, tx.actor)
    level = tx.session.get_one(StockLevel, (shop.skus[0], shop.bkk))
    level.on_hand += 1
    tx.session.flush()
    (found,) = control.stock_proof(tx.session, tx.actor)
    assert (found.code, found.place, found.on_hand, found.moved_on_hand) == ("RU-0001", "BKK", 11, 10)


def test_the_countdown_counts_what_has_not_left(tx, shop):
    tx.session.get_one(Shop, shop.line).ship_within_hours = None
    late, soon, gone = (placed(tx, shop) for _ in range(3))
    placed(tx, shop)  # without a deadline
    paid(tx, (gone.id, 100))
    mark_shipped(tx, MarkShipped(gone.id))
    late.ship_by, soon.ship_by = clock.now() - timedelta(minutes=1), clock.now() + timedelta(hours=1)
    tx.session.flush()
    assert control.countdown(tx.session, tx.actor) == {(shop.line, shop.bkk): {"late": 1, "2": 1, "open": 1}}


def test_each_part_is_one_statement(tx, shop):
    placed(tx, shop)
    with statements() as seen:
        control.orders_of(tx.session, tx.actor, TODAY)
        control.stock_of(tx.session, tx.actor, TODAY)
        control.countdown(tx.session, tx.actor)
    assert len(seen) == 3


@pytest.mark.parametrize(("first", "last", "code"), [("x", "", "day"), ("2026-01-01", "2026-12-31", "too_long")])
def test_days_that_cannot_be_asked_for_are_refused(first, last, code):
    with pytest.raises(InvalidInput) as refusal:
        control.read_period(first, last)
    assert refusal.value.detail_code == code


def test_days_given_the_wrong_way_round_are_turned():
    assert control.read_period("2026-11-02", "2026-11-01") == control.read_period("2026-11-01", "2026-11-02")
