"""Receiving, adjusting and setting aside: numbered, audited, never below a promise, never twice."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from oms import clock
from oms.approvals import Approval
from oms.db import Tx
from oms.inventory.models import (
    AdjustReason,
    Bucket,
    MovementKind,
    StockLevel,
    StockMovement,
    StockPaper,
    StockPaperStatus,
)
from oms.orders.models import Order
from oms.orders.states import StockState
from oms.outbox import Outbox
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_place import place_order
from oms.usecases.stock import AdjustStock, ReceiveStock, SetAside, adjust_stock, receive_stock, set_aside
from oms.usecases.stock_allocate import allocate_freed, parse_keys
from oms.usecases.stock_approvals import (
    DecideAdjustment,
    SetPolicy,
    decide_adjustment,
    request_adjustment,
    set_policy,
)
from oms.usecases.stock_checks import StockLine
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import count, last_audit, refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def level(tx, shop, i=0, place=None) -> StockLevel:
    tx.session.expire_all()
    return tx.session.get_one(StockLevel, (shop.skus[i], place or shop.bkk))


def lines(shop, *pairs) -> tuple[StockLine, ...]:
    return tuple(StockLine(shop.skus[i], quantity) for i, quantity in pairs)


def receive(shop, *pairs, key="k1", **facts) -> ReceiveStock:
    return ReceiveStock(facts.pop("place", shop.bkk), lines(shop, *pairs), key, **facts)


def adjust(shop, *pairs, key="k1", **facts) -> AdjustStock:
    words = {"reason": AdjustReason.COUNTED} | facts
    return AdjustStock(words.pop("place", shop.bkk), lines(shop, *pairs), idempotency_key=key, **words)


def moved(tx, document) -> list[tuple]:
    rows = select(StockMovement).where(StockMovement.document == document).order_by(StockMovement.id)
    return [(m.sku_id, m.bucket, m.quantity, m.kind) for m in tx.session.scalars(rows)]


def balances_agree(tx) -> bool:
    """Balance = sum of movements, for every row."""
    sums: dict = {}
    for m in tx.session.scalars(select(StockMovement)):
        key = (m.sku_id, m.warehouse_id, m.bucket)
        sums[key] = sums.get(key, 0) + m.quantity
    tx.session.expire_all()
    return all(
        (row.on_hand, row.damaged)
        == tuple(sums.get((row.sku_id, row.warehouse_id, b), 0) for b in (Bucket.ON_HAND, Bucket.DAMAGED))
        for row in tx.session.scalars(select(StockLevel))
    )


def test_goods_of_many_lines_come_in_under_one_number(tx, shop):
    done = receive_stock(tx, receive(shop, (0, 5), (1, 7), place=shop.cnx, reference="INV-9", note="เช้า"))
    year = (clock.today().year + 543) % 100
    assert done.number == f"RC{year}-000001"
    assert moved(tx, done.number) == [
        (shop.skus[0], Bucket.ON_HAND, 5, MovementKind.RECEIVE),
        (shop.skus[1], Bucket.ON_HAND, 7, MovementKind.RECEIVE),
    ]
    assert level(tx, shop, 1, shop.cnx).on_hand == 7
    entry = last_audit(tx)
    assert (entry.action, entry.after["lines"]) == ("stock.receive", ["RU-0001 +5 on_hand", "RU-0002 +7 on_hand"])
    assert balances_agree(tx)


def test_the_same_key_again_answers_alike_and_adds_nothing(tx, shop):
    first = receive_stock(tx, receive(shop, (0, 5)))
    rows = count(tx, StockMovement)
    again = receive_stock(tx, receive(shop, (0, 5)))
    assert (again.number, again.repeated) == (first.number, True)
    assert (count(tx, StockMovement), level(tx, shop).on_hand) == (rows, 15)


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ((), "lines_missing"), (((0, 0),), "quantity_range"), (((0, -3),), "quantity_range"),
        (((0, 10**15),), "quantity_range"), (((0, 1), (0, 2)), "sku_twice"),
    ],
)  # fmt: skip
def test_receipts_that_make_no_sense_are_refused(tx, shop, pairs, code):
    with refused(tx, code, "lines", StockMovement, StockPaper):
        receive_stock(tx, receive(shop, *pairs))


def test_more_than_can_be_believed_is_refused_even_in_steps(tx, shop):
    receive_stock(tx, receive(shop, (0, 9_999_990)))
    with refused(tx, "quantity_range", "lines", StockMovement):
        receive_stock(tx, receive(shop, (0, 9_999_990), key="k2"))


def test_a_bundle_has_no_stock_of_its_own(tx, shop):
    with refused(tx, "sku_is_bundle", "lines", StockPaper):
        receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(shop.bundle, 1),), "k"))
    with refused(tx, "sku_unknown", "lines", StockPaper):
        receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(10**9, 1),), "k"))


def test_freed_pieces_reach_the_order_that_waits(tx, shop):
    placed = place_order(tx, shop.order((0, 12)))
    confirm_order(tx, ConfirmOrder(placed.order_id, may_wait_for_stock=True))
    done = receive_stock(tx, receive(shop, (0, 5)))
    work = tx.session.scalars(select(Outbox).where(Outbox.topic == "stock.freed")).one()
    assert work.key == f"stock.freed:{done.number}"
    assert allocate_freed(tx, parse_keys(work.payload["keys"])) == 1
    tx.session.expire_all()
    assert tx.session.get_one(Order, placed.order_id).stock_state is StockState.RESERVED


def test_an_adjustment_down_offers_nothing_and_an_adjustment_up_does(tx, shop):
    done = adjust_stock(tx, adjust(shop, (0, -4), reason=AdjustReason.LOST, note="หาไม่พบ"))
    assert done.number.startswith("AD")
    assert count(tx, Outbox) == 0
    assert (last_audit(tx).reason, last_audit(tx).after["reason"]) == ("หาไม่พบ", "lost")
    adjust_stock(tx, adjust(shop, (0, 4), key="k2", reason=AdjustReason.FOUND))
    assert count(tx, Outbox) == 1
    assert (level(tx, shop).on_hand, balances_agree(tx)) == (10, True)


def test_a_count_becomes_the_difference_and_zero_may_be_counted(tx, shop):
    done = adjust_stock(tx, adjust(shop, (0, 0), (1, 13), (2, 10), counted=True))
    assert [m[2] for m in moved(tx, done.number)] == [-10, 3]
    assert (level(tx, shop, 0).on_hand, level(tx, shop, 1).on_hand) == (0, 13)


def test_stock_never_falls_below_a_promise_and_the_order_is_named(tx, shop):
    placed = place_order(tx, shop.order((0, 6)))
    confirm_order(tx, ConfirmOrder(placed.order_id))
    with refused(tx, "stock_short", "lines", StockMovement, StockPaper), _says(placed.number, "6"):
        adjust_stock(tx, adjust(shop, (0, -5)))
    with refused(tx, "stock_short", "lines", StockMovement, StockPaper):
        adjust_stock(tx, adjust(shop, (0, 5), counted=True))
    with refused(tx, "stock_short", "lines", StockMovement, StockPaper):
        set_aside(tx, SetAside(shop.bkk, lines(shop, (0, 5)), "แตก", "k"))
    adjust_stock(tx, adjust(shop, (0, -4)))
    assert (level(tx, shop).on_hand, level(tx, shop).available) == (6, 0)


class _says:  # noqa: N801  reads as a sentence
    def __init__(self, *words):
        self.words = words

    def __enter__(self):
        return self

    def __exit__(self, _kind, exc, _trace):
        assert all(word in str(exc) for word in self.words), str(exc)
        return False


def test_damaged_pieces_leave_what_can_be_sold_and_come_back_mended(tx, shop):
    done = set_aside(tx, SetAside(shop.bkk, lines(shop, (0, 3)), "กล่องแตก", "k1"))
    assert [(b, q) for _, b, q, _ in moved(tx, done.number)] == [(Bucket.ON_HAND, -3), (Bucket.DAMAGED, 3)]
    row = level(tx, shop)
    assert (row.on_hand, row.damaged, row.available) == (7, 3, 7)
    with refused(tx, "damaged_short", "lines", StockMovement):
        set_aside(tx, SetAside(shop.bkk, lines(shop, (0, 4)), "ซ่อมแล้ว", "k2", mended=True))
    set_aside(tx, SetAside(shop.bkk, lines(shop, (0, 1)), "ซ่อมแล้ว", "k2", mended=True))
    adjust_stock(tx, adjust(shop, (0, -2), key="k3", bucket=Bucket.DAMAGED, reason=AdjustReason.DAMAGED))
    row = level(tx, shop)
    assert (row.on_hand, row.damaged, balances_agree(tx)) == (8, 0, True)


def test_other_reasons_and_damage_need_words(tx, shop):
    with refused(tx, "reason_missing", "note", StockPaper):
        adjust_stock(tx, adjust(shop, (0, 1), reason=AdjustReason.OTHER))
    with refused(tx, "missing", "note", StockPaper):
        set_aside(tx, SetAside(shop.bkk, lines(shop, (0, 1)), "  ", "k"))


def test_a_clerk_moves_the_stock_of_her_own_warehouse_only(tx, shop, actor):
    clerk = Tx(tx.session, actor("warehouse", warehouses=frozenset({shop.cnx})))
    for verb, cmd in (
        (receive_stock, receive(shop, (0, 1))),
        (adjust_stock, adjust(shop, (0, 1))),
        (set_aside, SetAside(shop.bkk, lines(shop, (0, 1)), "x", "k")),
    ):
        with refused(tx, "warehouse_scope", "warehouse_id", StockMovement, StockPaper):
            verb(clerk, cmd)
    receive_stock(clerk, receive(shop, (0, 1), place=shop.cnx))


@pytest.mark.parametrize("role", ["sales", "cashier", "accountant", "viewer"])
def test_roles_without_the_action_move_no_stock(tx, shop, actor, role):
    clerk = Tx(tx.session, actor(role))
    for verb, cmd in ((receive_stock, receive(shop, (0, 1))), (adjust_stock, adjust(shop, (0, 1)))):
        with refused(tx, "forbidden", None, StockMovement, StockPaper):
            verb(clerk, cmd)


@pytest.fixture
def two_persons(tx):
    set_policy(tx, SetPolicy("stock.adjust", is_on=True))


def test_with_two_persons_nothing_moves_until_the_other_agrees(tx, shop, actor, two_persons):
    clerk, boss = Tx(tx.session, actor("warehouse", user_id=1)), Tx(tx.session, actor("manager", user_id=2))
    with refused(tx, "adjust_needs_approval", None, StockMovement, StockPaper):
        adjust_stock(clerk, adjust(shop, (0, -4)))
    asked = request_adjustment(clerk, adjust(shop, (0, -4)))
    assert request_adjustment(clerk, adjust(shop, (0, -4))).repeated
    assert (level(tx, shop).on_hand, asked.waiting) == (10, True)
    request = tx.session.scalars(select(Approval)).one()
    assert request.payload["lines"] == ["RU-0001 -4"]
    done = decide_adjustment(boss, DecideAdjustment(request.id, agree=True))
    assert (done.number, level(tx, shop).on_hand) == (asked.number, 6)
    assert moved(tx, asked.number)[0][2] == -4
    with refused(tx, "decided", None, StockMovement):
        decide_adjustment(boss, DecideAdjustment(request.id, agree=True))


def test_nobody_agrees_to_their_own_adjustment_and_declining_needs_a_reason(tx, shop, actor, two_persons):
    manager = Tx(tx.session, actor("manager", user_id=2))
    request_adjustment(manager, adjust(shop, (0, -4)))
    request = tx.session.scalars(select(Approval)).one()
    with refused(tx, "own_request", None, StockMovement):
        decide_adjustment(manager, DecideAdjustment(request.id, agree=True))
    with refused(tx, "reason_missing", "note", StockMovement):
        decide_adjustment(manager, DecideAdjustment(request.id, agree=False))
    decide_adjustment(manager, DecideAdjustment(request.id, agree=False, note="นับใหม่ก่อน"))
    assert tx.session.scalars(select(StockPaper)).one().status is StockPaperStatus.DECLINED
    assert level(tx, shop).on_hand == 10


def test_an_adjustment_that_became_impossible_is_not_posted(tx, shop, actor, two_persons):
    request_adjustment(Tx(tx.session, actor("warehouse", user_id=1)), adjust(shop, (0, -4)))
    placed = place_order(tx, shop.order((0, 8)))
    confirm_order(tx, ConfirmOrder(placed.order_id))
    request = tx.session.scalars(select(Approval)).one()
    with refused(tx, "stock_short", None, StockMovement):
        decide_adjustment(Tx(tx.session, actor("manager", user_id=2)), DecideAdjustment(request.id, agree=True))


def test_only_the_keeper_of_staff_switches_the_rule(tx, actor):
    with refused(tx, "forbidden"):
        set_policy(Tx(tx.session, actor("manager")), SetPolicy("stock.adjust", is_on=True))
    with refused(tx, "policy_unknown"):
        set_policy(tx, SetPolicy("nonsense", is_on=True))
    assert set_policy(tx, SetPolicy("stock.adjust", is_on=True))
    assert not set_policy(tx, SetPolicy("stock.adjust", is_on=True))
