"""Notes, tags, assignment, expiry, duplicates, saved views: what they do, and what refusals leave untouched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.audit import AuditLog
from oms.errors import Forbidden, InvalidInput, NotFound, OmsError
from oms.inventory.models import StockLevel
from oms.money import Money
from oms.orders.listing import OrderFilter
from oms.orders.models import Order, OrderNote, SavedView
from oms.orders.states import Board, OrderStatus, PaymentTerm
from oms.outbox import Outbox
from oms.payments.states import PaymentMethod
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_duplicates import duplicates_of, find_duplicates
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid
from oms.usecases.orders_notes import AddNote, AssignOrder, TagOrder, add_note, assign_order, tag_order
from oms.usecases.orders_place import place_order
from oms.usecases.orders_views import SaveView, drop_view, list_views, save_view
from oms.usecases.payments import DecideClaim, SubmitClaim, reject_claim, submit_claim
from tests.shop import SmallShop, small_shop


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def placed(tx, shop, *lines, **facts) -> Order:
    return tx.session.get_one(Order, place_order(tx, shop.order(*lines, **facts)).order_id)


def audits(tx) -> int:
    return tx.session.scalar(select(func.count()).select_from(AuditLog))


def test_a_note_is_kept_with_its_author_and_told_in_the_audit(tx, shop, actor):
    order = placed(tx, shop)
    sales = replace(tx, actor=actor("sales"))
    add_note(sales, AddNote(order.id, "  ห่อของขวัญ\n\n", for_customer=True))
    note = tx.session.scalars(select(OrderNote)).one()
    assert (note.body, note.author, note.for_customer) == ("ห่อของขวัญ", "sales", True)
    assert tx.session.scalars(select(AuditLog.action).order_by(AuditLog.id.desc())).first() == "order.note_added"


@pytest.mark.parametrize(
    ("verb", "command", "code"),
    [
        (add_note, AddNote(0, "   "), "note_empty"),
        (add_note, AddNote(0, "ก" * 2001), "note_long"),
        (tag_order, TagOrder(0, " # "), "tag_length"),
        (tag_order, TagOrder(0, "ก" * 41), "tag_length"),
        (assign_order, AssignOrder(0, 7, ""), "assignee"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(tx, shop, verb, command, code):
    order = placed(tx, shop)
    before = audits(tx)
    with pytest.raises(OmsError) as caught:
        verb(tx, replace(command, order_id=order.id))
    assert caught.value.detail_code == code
    assert audits(tx) == before


def test_tagging_twice_changes_nothing_and_untagging_takes_it_off(tx, shop):
    order = placed(tx, shop)
    assert tag_order(tx, TagOrder(order.id, "#ด่วน")).changed
    assert not tag_order(tx, TagOrder(order.id, "ด่วน")).changed
    assert order.tags == ["ด่วน"]
    assert tag_order(tx, TagOrder(order.id, "ด่วน", remove=True)).changed
    assert order.tags == []


def test_an_order_is_handed_from_one_person_to_the_next(tx, shop, actor):
    order = placed(tx, shop)
    assign_order(tx, AssignOrder(order.id, 7, "แนน"))
    assert (order.owner_id, order.owner) == (7, "แนน")
    assign_order(tx, AssignOrder(order.id, None))
    assert (order.owner_id, order.owner) == (None, "")
    with pytest.raises(Forbidden):
        assign_order(replace(tx, actor=actor("viewer")), AssignOrder(order.id, 7, "แนน"))


def test_another_warehouses_order_is_not_there(tx, shop, actor):
    order = placed(tx, shop)
    stranger = replace(tx, actor=actor("sales", warehouses=frozenset({shop.cnx})))
    with pytest.raises(NotFound):
        add_note(stranger, AddNote(order.id, "x"))


def expired(tx) -> list[str]:
    return list(expire_unpaid(tx, ExpireUnpaid()).numbers)


def later(order: Order) -> None:
    order.expires_at = clock.now() - timedelta(minutes=1)


def test_an_unpaid_order_expires_and_gives_its_stock_back(tx, shop):
    order = placed(tx, shop, (0, 3), confirm=True)
    later(order)
    assert expired(tx) == [order.number]
    assert (order.status, order.board) == (OrderStatus.EXPIRED, Board.EXPIRED)
    tx.session.expire_all()
    assert tx.session.get_one(StockLevel, (shop.skus[0], shop.bkk)).reserved == 0
    assert tx.session.scalar(select(Outbox.topic).where(Outbox.topic == "stock.freed"))
    assert expired(tx) == []


def test_expiry_spares_money_announced_cod_credit_and_orders_whose_time_is_not_up(tx, shop):
    claimed = placed(tx, shop, confirm=True)
    cod = placed(tx, shop, confirm=True, payment_term=PaymentTerm.COD)
    credit = placed(tx, shop, confirm=True, payment_term=PaymentTerm.CREDIT)
    fresh = placed(tx, shop, confirm=True)
    draft = placed(tx, shop)
    amount = Money(Decimal(100))
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((claimed.id, amount),)))
    for order in (claimed, cod, credit, draft):
        later(order)
    assert expired(tx) == []
    reject_claim(tx, DecideClaim(claim.claim_id, "ไม่พบยอด"))
    assert expired(tx) == [claimed.number]
    assert fresh.status is OrderStatus.CONFIRMED


def test_the_same_phone_and_items_within_the_window_look_like_a_duplicate(tx, shop):
    first = placed(tx, shop, (0, 2), (1, 1), confirm=True)
    again = placed(tx, shop, (1, 1), (0, 2))
    placed(tx, shop, (0, 1))
    assert [t.number for t in duplicates_of(tx.session, tx.actor, again)] == [first.number]
    items = [(shop.skus[0], 2), (shop.skus[1], 1)]
    found = find_duplicates(tx.session, tx.actor, phone="+66 80 000 1234", items=items)
    assert {t.number for t in found} == {first.number, again.number}
    first.placed_at = clock.now() - timedelta(hours=72)
    tx.session.flush()
    assert duplicates_of(tx.session, tx.actor, again) == []
    assert find_duplicates(tx.session, tx.actor, phone="****34", items=items) == []


def test_a_saved_view_is_ones_own_unless_shared(tx, shop, actor):
    one, other = replace(tx, actor=actor("sales")), replace(tx, actor=actor("cashier"))
    mine = save_view(one, SaveView("ช้อปปี้", OrderFilter(channel="shopee")))
    save_view(one, SaveView("ด่วน", OrderFilter(tag="ด่วน"), is_shared=True))
    again = save_view(one, SaveView("ช้อปปี้", OrderFilter(channel="shopee", late=True)))
    assert again.view_id == mine.view_id, "the same name replaces"
    assert [v.name for v in list_views(tx.session, other.actor)] == ["ด่วน"]
    with pytest.raises(NotFound):
        drop_view(other, mine.view_id)
    drop_view(one, mine.view_id)
    assert tx.session.scalar(select(func.count()).select_from(SavedView)) == 1
    with pytest.raises(InvalidInput):
        save_view(one, SaveView("ว่าง", OrderFilter(sort="newest")))


def test_a_draft_amended_down_is_confirmed_by_the_price_of_what_is_left(tx, shop, actor):
    order = placed(tx, shop, (0, 1), (3, 5))
    order.lines[1].canceled, order.lines[1].total = 5, Money(Decimal(0))
    order.goods_total = order.total = Money(Decimal(100))
    tx.session.flush()
    assert not confirm_order(replace(tx, actor=actor("sales")), ConfirmOrder(order.id)).waits_for_stock
