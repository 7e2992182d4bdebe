"""Bulk work: a result per order, the refused skipped with their reason, each order done once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from oms.actor import system
from oms.audit import AuditLog
from oms.errors import Forbidden, InvalidInput, NotFound
from oms.orders.models import BulkRow, BulkRun, Order
from oms.orders.states import Board, OrderStatus
from oms.outbox import Outbox
from oms.usecases.orders_bulk import AT_ONCE, StartBulk, bulk_rows, start_bulk, work_bulk
from oms.usecases.orders_place import place_order
from oms.usecases.sentences import unpack
from tests.shop import SmallShop, small_shop


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=3)


def place(tx, shop, n=1, **facts) -> tuple[int, ...]:
    return tuple(place_order(tx, shop.order(**facts)).order_id for _ in range(n))


def run(tx, action, ids, key="k1", **params) -> dict[int, str]:
    state = start_bulk(tx, StartBulk(action, ids, params, key))
    while not state.finished:
        state = work_bulk(tx, state.run_id)
    return {row.order_id: row.code for row in bulk_rows(tx.session, state.run_id)}


def test_what_is_allowed_is_done_and_the_rest_is_skipped_with_its_reason(tx, shop):
    ids = place(tx, shop, 4)
    done = place(tx, shop, confirm=False)
    got = run(tx, "cancel", (*ids[:1], *done), reason="customer")
    assert set(got.values()) == {"ok"}
    got = run(tx, "confirm", ids, key="k2")
    assert got == {ids[0]: "order_confirm_refused", ids[1]: "ok", ids[2]: "ok", ids[3]: "ok"}
    tx.session.expire_all()
    states = [tx.session.get_one(Order, i).status for i in ids]
    assert states == [OrderStatus.CANCELED, OrderStatus.CONFIRMED, OrderStatus.CONFIRMED, OrderStatus.CONFIRMED]


def test_the_last_piece_goes_to_the_first_and_the_second_hears_what_is_left(tx, shop):
    ids = place(tx, shop, 4)
    got = run(tx, "confirm", ids)
    assert list(got.values()) == ["ok", "ok", "ok", "stock_short"]
    row = tx.session.get_one(BulkRow, (1 if not (r := tx.session.scalar(select(BulkRun.id))) else r, ids[3]))
    assert "Only 0 left" in str(unpack(row.message))


def test_a_refused_order_is_left_as_it_was(tx, shop):
    (kept,) = place(tx, shop)
    run(tx, "cancel", (kept,), reason="customer")
    before = tx.session.scalar(select(func.count()).select_from(AuditLog).where(AuditLog.subject_id == kept))
    assert run(tx, "hold", (kept,), key="k2", reason="address") == {kept: "order_closed"}
    after = tx.session.scalar(select(func.count()).select_from(AuditLog).where(AuditLog.subject_id == kept))
    assert before == after


def test_the_same_form_sent_twice_is_one_run(tx, shop):
    ids = place(tx, shop, 2)
    run(tx, "tag", ids, tag="ด่วน")
    again = start_bulk(tx, StartBulk("tag", ids, {"tag": "ด่วน"}, "k1"))
    assert again.finished
    assert tx.session.scalar(select(func.count()).select_from(BulkRun)) == 1


def test_hold_release_assign_and_untag_work_on_many(tx, shop):
    ids = place(tx, shop, 2)
    assert set(run(tx, "hold", ids, "a", reason="address", note="ขอที่อยู่ใหม่").values()) == {"ok"}
    tx.session.expire_all()
    assert tx.session.get_one(Order, ids[0]).hold_reasons == ["address"]
    assert set(run(tx, "release", ids, "b").values()) == {"ok"}
    assert set(run(tx, "assign", ids, "c", user_id=7, label="แนน").values()) == {"ok"}
    assert (
        set(run(tx, "tag", ids, "d", tag="x").values()) == set(run(tx, "untag", ids, "e", tag="x").values()) == {"ok"}
    )
    tx.session.expire_all()
    order = tx.session.get_one(Order, ids[1])
    assert (order.hold_reasons, order.owner, order.tags, order.board) == ([], "แนน", [], Board.DRAFT)


def test_a_long_list_goes_to_the_background_with_the_rights_of_whoever_asked(tx, shop, actor):
    ids = place(tx, shop, AT_ONCE + 1)
    sales = replace(tx, actor=actor("sales", warehouses=frozenset({shop.cnx})))
    state = start_bulk(sales, StartBulk("tag", ids, {"tag": "x"}, "long"))
    assert not state.at_once
    owed = tx.session.scalars(select(Outbox).where(Outbox.topic == "orders.bulk")).one()
    assert owed.payload == {"run_id": state.run_id}
    job = replace(tx, actor=system("worker"))
    for _ in range(3):
        work_bulk(job, state.run_id)
    codes = {row.code for row in bulk_rows(tx.session, state.run_id)}
    assert codes == {"order_not_found"}, "the job sees only what the asker saw"


def test_a_run_belongs_to_whoever_started_it(tx, shop, actor):
    ids = place(tx, shop)
    state = start_bulk(replace(tx, actor=actor("sales")), StartBulk("tag", ids, {"tag": "x"}, "mine"))
    with pytest.raises(NotFound):
        work_bulk(replace(tx, actor=actor("cashier")), state.run_id)
    assert bulk_rows(tx.session, state.run_id) == []


@pytest.mark.parametrize(
    ("action", "ids", "params", "code"),
    [
        ("fly", (1,), {}, "bulk_action"),
        ("confirm", (), {}, "bulk_empty"),
        ("confirm", tuple(range(5001)), {}, "bulk_many"),
        ("cancel", (1,), {"reason": ""}, "bulk_reason"),
        ("hold", (1,), {"reason": "nonsense"}, "bulk_reason"),
        ("tag", (1,), {"tag": " "}, "tag_length"),
    ],
)
def test_bulk_work_that_says_nothing_is_refused_as_a_whole(tx, action, ids, params, code):
    with pytest.raises(InvalidInput) as caught:
        start_bulk(tx, StartBulk(action, ids, params, "bad"))
    assert caught.value.detail_code == code
    assert tx.session.scalar(select(func.count()).select_from(BulkRun)) == 0


def test_without_the_permission_nothing_starts(tx, actor):
    with pytest.raises(Forbidden):
        start_bulk(replace(tx, actor=actor("viewer")), StartBulk("cancel", (1,), {"reason": "customer"}, "v"))
