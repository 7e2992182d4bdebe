"""What runs low: by level, by pace, with advice that leaves the giver enough; quick at many SKUs."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from oms import clock
from oms.errors import Forbidden
from oms.inventory.cover import Advice, advise, low_count, low_places
from oms.inventory.cover_models import StockPace
from oms.inventory.models import Bucket, MovementKind, StockLevel, StockMovement, Warehouse
from oms.orders.states import PaymentTerm
from oms.usecases.covering import SetCoverDays, SetMinimum, set_cover_days, set_minimum, work_out_pace
from oms.usecases.orders_place import place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.shop import small_shop
from tests.usecases import refusals


@pytest.fixture
def shop(tx):
    return small_shop(tx, pieces=100)


def left(tx, shop, i, pieces, days_ago, place=None):
    """Pieces that left for customers some days ago."""
    tx.session.add(
        StockMovement(
            sku_id=shop.skus[i], warehouse_id=place or shop.bkk, bucket=Bucket.ON_HAND, quantity=-pieces,
            kind=MovementKind.SHIP, actor="x", at=clock.now() - timedelta(days=days_ago),
        )
    )  # fmt: skip
    level = tx.session.get(StockLevel, (shop.skus[i], place or shop.bkk))
    level.on_hand -= pieces
    tx.session.flush()


def low(tx, window=30, **facts):
    rows = tx.session.execute(low_places(tx.actor, window, **facts)).all()
    return advise(tx.session, rows, window)


def test_fewer_free_pieces_than_the_level_is_low(tx, shop):
    set_minimum(tx, SetMinimum(shop.skus[0], shop.bkk, 98))
    assert low(tx) == []
    place_order(tx, shop.order((0, 3), confirm=True))
    (row,) = low(tx)
    assert (row.sku.id, row.free, row.minimum, row.days) == (shop.skus[0], 97, 98, None)
    assert row.advice == Advice(order=1)
    assert not set_minimum(tx, SetMinimum(shop.skus[0], shop.bkk, 98)).changed
    set_minimum(tx, SetMinimum(shop.skus[0], shop.bkk, 0))
    assert low(tx) == []


def test_stock_that_lasts_fewer_days_than_the_warehouse_should_is_low(tx, shop):
    left(tx, shop, 0, 60, 10)
    left(tx, shop, 0, 20, 60)
    work_out_pace(tx)
    pace = tx.session.get_one(StockPace, (shop.skus[0], shop.bkk))
    assert (pace.sold_7, pace.sold_30, pace.sold_90, pace.is_low) == (0, 60, 80, False)
    assert low(tx) == []  # 20 left at 2 a day: ten days, and seven are asked
    set_cover_days(tx, SetCoverDays(shop.bkk, 14))
    (row,) = low(tx)
    assert (row.free, row.sold, row.days) == (20, 60, 10)
    assert row.advice == Advice(order=36)  # to 28 days at 2 a day
    assert low(tx, window=7) == []
    assert [(r.sold, r.days) for r in low(tx, window=90)] == []  # 80 in 90 days: 22 days
    work_out_pace(tx)
    assert tx.session.scalar(low_count(tx.actor)) == 1
    set_cover_days(tx, SetCoverDays(shop.bkk, 0))
    assert low(tx) == []


def test_another_warehouse_gives_what_it_does_not_need_itself(tx, shop):
    receive_stock(tx, ReceiveStock(shop.cnx, (StockLine(shop.skus[0], 50),), "cnx"))
    left(tx, shop, 0, 90, 3)
    left(tx, shop, 0, 30, 3, shop.cnx)
    receive_stock(tx, ReceiveStock(shop.cnx, (StockLine(shop.skus[0], 10),), "cnx2"))
    work_out_pace(tx)
    (row,) = low(tx)
    # 10 left at 3 a day, 42 wanted for 14 days; Chiang Mai has 30, sells 1 a day and keeps 14
    assert row.advice == Advice(move=16, from_id=shop.cnx, from_code="CNX", order=16)
    tx.session.get_one(StockLevel, (shop.skus[0], shop.bkk)).incoming = 40
    tx.session.flush()
    assert low(tx)[0].advice == Advice()  # it is on the way already


def test_orders_that_leave_set_the_pace(tx, shop):
    order = place_order(tx, shop.order((1, 4), confirm=True, payment_term=PaymentTerm.COD)).order_id
    mark_shipped(tx, MarkShipped(order))
    work_out_pace(tx)
    assert tx.session.get_one(StockPace, (shop.skus[1], shop.bkk)).sold_7 == 4


def test_the_most_urgent_come_first_and_scopes_hold(tx, shop, actor):
    for i, minimum in ((0, 101), (1, 150)):
        set_minimum(tx, SetMinimum(shop.skus[i], shop.bkk, minimum))
    left(tx, shop, 2, 99, 1)
    work_out_pace(tx)
    assert [r.sku.id for r in low(tx)] == [shop.skus[2], shop.skus[1], shop.skus[0]]
    assert low(tx, warehouse_id=shop.cnx) == []
    local = actor("warehouse", warehouses=frozenset({shop.cnx}))
    assert tx.session.execute(low_places(local)).all() == []
    assert tx.session.scalar(low_count(local)) == 0
    tx.session.get_one(Warehouse, shop.bkk).is_active = False
    tx.session.flush()
    assert low(tx) == []


def test_levels_are_refused_where_they_make_no_sense(tx, shop, actor):
    with refusals.refused(tx, "sku_is_bundle"):
        set_minimum(tx, SetMinimum(shop.bundle, shop.bkk, 1))
    with refusals.refused(tx, "number_range"):
        set_minimum(tx, SetMinimum(shop.skus[0], shop.bkk, -1))
    with refusals.refused(tx, "number_range"):
        set_cover_days(tx, SetCoverDays(shop.bkk, 999))
    with pytest.raises(Forbidden):
        set_minimum(replace(tx, actor=actor("viewer")), SetMinimum(shop.skus[0], shop.bkk, 1))
    local = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx})))
    with refusals.refused(local, "warehouse_scope"):
        set_minimum(local, SetMinimum(shop.skus[0], shop.bkk, 1))


def test_nothing_is_written_when_nothing_changed(tx, shop):
    left(tx, shop, 0, 60, 10)
    work_out_pace(tx)
    first = tx.session.get_one(StockPace, (shop.skus[0], shop.bkk)).at
    tx.session.expire_all()
    with clock.at(clock.now() + timedelta(hours=1)):
        work_out_pace(tx)
    assert tx.session.get_one(StockPace, (shop.skus[0], shop.bkk)).at == first


@pytest.mark.deep
def test_twenty_thousand_skus_are_looked_through_quickly(tx, shop):
    run = tx.session.execute
    run(text(
        "INSERT INTO skus (code, product_id, name, option, price, cost, weight_g, location, low_stock, is_bundle,"
        " is_active, haystack, grams, version) SELECT 'X' || i, (SELECT min(id) FROM products), 'x', '', 0, 0, 0, '', 0,"
        " false, true, '', '{}', 1 FROM generate_series(1, 20000) i"
    ))  # fmt: skip
    run(text(
        "INSERT INTO stock_levels (sku_id, warehouse_id, on_hand, reserved, damaged, incoming, location)"
        " SELECT id, :place, id % 50, 0, 0, 0, '' FROM skus WHERE code LIKE 'X%'"
    ), {"place": shop.bkk})  # fmt: skip
    run(text("INSERT INTO stock_minimums SELECT id, :place, 20 FROM skus WHERE code LIKE 'X%'"), {"place": shop.bkk})
    run(text("ANALYZE stock_levels"))
    work_out_pace(tx)
    seen = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listener)
    began = time.perf_counter()
    rows = run(low_places(tx.actor).limit(50)).all()
    shown = advise(tx.session, rows)
    took = time.perf_counter() - began
    event.remove(engine, "before_cursor_execute", listener)
    assert (len(shown), len(seen)) == (50, 2)
    assert tx.session.scalar(low_count(tx.actor)) == 8000
    assert took < 1.5
