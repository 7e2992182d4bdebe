"""Entering an order by hand: what the preview says is what is placed, and a scope is never left."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from oms.errors import Forbidden, InvalidInput, NotFound, OmsError, Refused
from oms.inventory.models import StockLevel
from oms.money import Money
from oms.orders.models import Order, OrderLine, OrderSearch
from oms.orders.states import OrderStatus
from oms.usecases.orders_draft import EditDraft, edit_draft
from oms.usecases.orders_entry import EnterOrder, PossibleDuplicate, enter_order
from oms.usecases.orders_place import place_order, place_orders
from oms.usecases.orders_preview import PreviewOrder, preview_order
from oms.usecases.orders_words import NewLine
from tests.shop import small_shop


@pytest.fixture
def shop(tx):
    return small_shop(tx)


def random_order(shop, chance):
    """Sometimes sensible, sometimes not."""
    lines = tuple(
        NewLine(
            chance.choice([*shop.skus, shop.bundle]), chance.choice([1, 1, 2, 3, 0, 12]),
            chance.choice([None, None, Money(Decimal(chance.randrange(0, 50000)) / 100)]),
            Money(Decimal(chance.choice([0, 0, 5, 33, 10000]))),
        )
        for _ in range(chance.randrange(1, 4))
    )  # fmt: skip
    discount = Money(Decimal(chance.choice(["0", "0", "19.95", "50", "9999"])))
    return replace(shop.order(), lines=lines, discount=discount, shipping_fee=Money(Decimal(chance.choice([0, 40]))))


@pytest.mark.parametrize("seed", range(12))
def test_the_preview_says_what_placing_will_come_to(tx, shop, seed):
    chance = random.Random(seed)
    for _ in range(5):
        cmd = random_order(shop, chance)
        asked = PreviewOrder(cmd.lines, cmd.ship_to, shop.bkk, None, cmd.discount, cmd.shipping_fee)
        seen = preview_order(tx, asked)
        placed = place_orders(tx, [cmd])[0]
        if isinstance(placed, OmsError):
            assert {p.code for p in placed.problems()} <= {p.code for p in seen.problems}
            continue
        order = tx.session.get_one(Order, placed.order_id)
        assert seen.problems == ()
        assert (seen.goods_total, seen.total) == (order.goods_total, order.total)
        assert [line.total for line in seen.lines] == [line.total for line in order.lines]


def test_the_preview_counts_bundles_by_their_scarcest_part(tx, shop):
    seen = preview_order(tx, PreviewOrder((NewLine(shop.bundle, 6),), shop.order().ship_to, shop.bkk))
    assert seen.lines[0].free == {shop.bkk: 5, shop.cnx: 0}
    assert seen.lines[0].is_short is True


def test_a_draft_is_replaced_as_a_whole_and_found_by_its_new_words(tx, shop):
    placed = place_order(tx, shop.order((0, 1)))
    new = replace(
        shop.order((1, 2), (2, 1)), ship_to=replace(shop.order().ship_to, name="สมชาย ใจดี", phone="0819998877")
    )
    edit_draft(tx, EditDraft(placed.order_id, 1, new))
    tx.session.flush()
    order = tx.session.get_one(Order, placed.order_id, populate_existing=True)
    assert (order.number, order.status, order.total) == (placed.number, OrderStatus.DRAFT, Money(Decimal(700)))
    assert [(x.sku_id, x.quantity) for x in order.lines] == [(shop.skus[1], 2), (shop.skus[2], 1)]
    assert tx.session.scalar(select(func.count(OrderLine.id))) == 2
    haystack = tx.session.get_one(OrderSearch, order.id).haystack
    assert "สมชาย" in haystack
    assert "0819998877" in haystack
    assert "กนกวรรณ" not in haystack
    assert tx.session.scalar(select(func.sum(StockLevel.reserved))) == 0


def test_a_draft_with_wrong_figures_stays_as_it_was(tx, shop):
    placed = place_order(tx, shop.order((0, 1)))
    wrong = replace(shop.order(), lines=(NewLine(shop.skus[0], 0),))
    with pytest.raises(InvalidInput):
        edit_draft(tx, EditDraft(placed.order_id, 1, wrong))
    order = tx.session.get_one(Order, placed.order_id)
    assert [(x.sku_id, x.quantity) for x in order.lines] == [(shop.skus[0], 1)]


def test_a_clerk_of_own_orders_becomes_their_owner(tx, shop, actor):
    clerk = replace(tx, actor=actor("sales", user_id=7, own_orders_only=True))
    entered = enter_order(clerk, EnterOrder(shop.order(owner_id=3, owner="อื่น")))
    assert tx.session.get_one(Order, entered.order_id).owner_id == 7


def test_what_is_not_ones_own_cannot_be_chosen(tx, shop, actor):
    north = replace(tx, actor=actor("sales", warehouses=frozenset({shop.cnx})))
    with pytest.raises(NotFound):
        enter_order(north, EnterOrder(shop.order(warehouse_id=shop.bkk)))
    with pytest.raises(NotFound):
        enter_order(tx, EnterOrder(shop.order(customer_id=424242)))
    with pytest.raises(Forbidden):
        enter_order(replace(tx, actor=actor("viewer")), EnterOrder(shop.order()))
    assert tx.session.scalar(select(func.count(Order.id))) == 0


def test_a_closed_shop_takes_no_order(tx, shop):
    from oms.catalog.models import Shop

    tx.session.get_one(Shop, shop.line).is_active = False
    tx.session.flush()
    with pytest.raises(Refused) as refused:
        enter_order(tx, EnterOrder(shop.order()))
    assert refused.value.detail_code == "shop_inactive"


def test_a_twin_is_refused_with_its_number_until_it_is_meant(tx, shop):
    first = enter_order(tx, EnterOrder(shop.order((0, 2))))
    with pytest.raises(PossibleDuplicate) as refused:
        enter_order(tx, EnterOrder(shop.order((0, 2))))
    assert first.number in str(refused.value)
    assert enter_order(tx, EnterOrder(shop.order((0, 1)))).created
    assert enter_order(tx, EnterOrder(shop.order((0, 2)), accept_twin=True)).created
