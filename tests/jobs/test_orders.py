"""Bulk lists and expiry in the background."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from jobs.orders import bulk, expire
from oms import clock, outbox
from oms.actor import system
from oms.db import db, transaction
from oms.orders.models import BulkRow, BulkRun, Order
from oms.orders.states import OrderStatus
from oms.outbox import Outbox, OutboxStatus
from oms.usecases.orders_bulk import AT_ONCE, StartBulk, start_bulk, work_bulk
from oms.usecases.orders_place import place_orders
from tests.shop import small_shop


def claimed(topic: str) -> outbox.Work:
    with transaction(system("test")) as tx:
        row = tx.session.scalars(select(Outbox).where(Outbox.topic == topic)).one()
        work = outbox.claim(tx, row.id)
    assert work
    return work


def test_a_long_list_is_finished_by_whoever_takes_over_and_each_order_is_done_once(isolated, actor):
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        ids = tuple(p.order_id for p in place_orders(tx, [shop.order() for _ in range(AT_ONCE + 5)]))
        sales = replace(tx, actor=actor("sales"))
        state = start_bulk(sales, StartBulk("tag", ids, {"tag": "ด่วน"}, "k"))
    with transaction(system("first worker")) as tx:  # dies after two
        work_bulk(tx, state.run_id)
        work_bulk(tx, state.run_id)
    bulk(claimed("orders.bulk"))
    rows = db.session.scalars(select(BulkRow)).all()
    assert len(rows) == len(ids)
    assert {row.code for row in rows} == {"ok"}
    assert db.session.scalars(select(BulkRun.finished_at)).one() is not None
    assert {tuple(tags) for tags in db.session.scalars(select(Order.tags))} == {("ด่วน",)}
    assert db.session.scalars(select(Outbox.status).where(Outbox.topic == "orders.bulk")).one() is OutboxStatus.DONE


def test_the_clock_ends_orders_nobody_paid(isolated):
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        (placed,) = place_orders(tx, [shop.order(confirm=True)])
        tx.session.get_one(Order, placed.order_id).expires_at = clock.now() - timedelta(hours=1)
        outbox.add(tx, "schedule.expire_unpaid", "turn-1")
    expire(claimed("schedule.expire_unpaid"))
    assert db.session.scalars(select(Order.status)).one() is OrderStatus.EXPIRED
