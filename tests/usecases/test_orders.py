"""Placing, confirming, holding and canceling orders, and what refusals leave untouched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import event, func, select, text

from oms.audit import AuditLog
from oms.db import db
from oms.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NeedsApproval,
    NotFound,
    OmsError,
    StockShort,
    TransitionRefused,
)
from oms.inventory.models import Reservation, StockLevel, StockMovement
from oms.money import Money
from oms.orders.models import Order, OrderLine
from oms.orders.states import Board, CancelReason, HoldReason, OrderStatus, PaymentStatus, PaymentTerm, StockState
from oms.outbox import Outbox
from oms.payments.states import PaymentMethod
from oms.usecases import derived
from oms.usecases.gate import GateStep, pass_gate
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_place import NewLine, Stock, place_order, place_orders, rehearse_orders
from oms.usecases.payments import DecideClaim, SubmitClaim, reverse_claim, submit_claim, verify_claim
from oms.usecases.shipping import LeftBefore, MarkShipped, mark_delivered, mark_shipped, record_left_before
from oms.usecases.stock_allocate import allocate_freed, parse_keys
from tests.shop import SmallShop, small_shop


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def level(tx, shop, i=0):
    tx.session.expire_all()
    return tx.session.get_one(StockLevel, (shop.skus[i], shop.bkk))


def counts(tx):
    return [
        tx.session.scalar(select(func.count()).select_from(m))
        for m in (Order, OrderLine, Reservation, AuditLog, Outbox)
    ]


def get(tx, placed) -> Order:
    tx.session.expire_all()
    return tx.session.get_one(Order, placed.order_id)


def again(tx, order_id) -> Order:
    tx.session.expire_all()
    return tx.session.get_one(Order, order_id)


def pay(tx, order: Order, amount: str) -> int:
    baht = Money(Decimal(amount))
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht, ((order.id, baht),)))
    verify_claim(tx, DecideClaim(claim.claim_id))
    return claim.claim_id


def test_an_order_is_placed_and_confirmed_with_its_stock_in_one_go(tx, shop):
    placed = place_order(tx, shop.order((0, 2), (1, 1), confirm=True, shipping_fee=Money(Decimal(40))))
    order = get(tx, placed)
    assert order.number.startswith("SO")
    assert (order.status, order.board, order.stock_state) == (
        OrderStatus.CONFIRMED, Board.WAITING_PAYMENT, StockState.RESERVED,
    )  # fmt: skip
    assert order.total == Money(Decimal(440))
    assert level(tx, shop, 0).reserved == 2
    assert order.expires_at is not None
    assert order.customer_id is not None


def test_one_order_of_a_known_buyer_costs_at_most_fourteen_statements(tx, shop):
    place_order(tx, shop.order())
    seen = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listener)
    try:
        place_order(tx, shop.order((0, 1), (1, 1), (2, 1), confirm=True, idempotency_key="k"))
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    assert len(seen) <= 14, seen


def test_five_hundred_orders_cost_no_more_statements_than_one(tx):
    shop = small_shop(tx, pieces=10_000)
    seen = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listener)
    try:
        outcome = place_orders(tx, [shop.order((0, 1), (1, 2), confirm=True) for _ in range(500)])
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    assert all(not isinstance(o, OmsError) for o in outcome)
    assert len(seen) <= 14, seen
    assert level(tx, shop, 1).reserved == 1000


def test_a_bundle_reserves_its_parts(tx, shop):
    place_order(tx, shop.order(lines=(NewLine(shop.bundle, 3),), confirm=True))
    assert (level(tx, shop, 0).reserved, level(tx, shop, 1).reserved) == (3, 6)


def test_the_last_piece_goes_to_one_and_the_other_is_told_what_is_left(tx, shop):
    place_order(tx, shop.order((0, 9), confirm=True))
    before = counts(tx)
    with pytest.raises(StockShort) as refusal:
        place_order(tx, shop.order((0, 2), confirm=True))
    assert "Only 1 left" in str(refusal.value)
    assert refusal.value.detail_code == "stock_short"
    assert counts(tx) == before
    assert level(tx, shop).reserved == 9


def test_in_one_batch_the_first_gets_the_piece_and_only_the_second_is_refused(tx, shop):
    first, second, third = place_orders(
        tx, [shop.order((0, 8), confirm=True), shop.order((0, 3), confirm=True), shop.order((0, 2), confirm=True)]
    )
    assert (first.created, third.created) == (True, True)
    assert isinstance(second, StockShort)
    assert level(tx, shop).reserved == 10


def test_a_marketplace_order_may_wait_for_stock_and_gets_it_when_pieces_become_free(tx, shop):
    holder = place_order(tx, shop.order((0, 10), confirm=True))
    waiting = place_order(
        tx,
        shop.order(
            (0, 4), confirm=True, stock=Stock.MAY_WAIT, payment_term=PaymentTerm.MARKETPLACE, term_approved=True
        ),
    )
    assert waiting.waits_for_stock
    assert get(tx, waiting).board is Board.WAITING_STOCK
    cancel_order(tx, CancelOrder(holder.order_id, CancelReason.CUSTOMER))
    owed = tx.session.scalars(select(Outbox).where(Outbox.topic == "stock.freed")).one()
    assert allocate_freed(tx, parse_keys(owed.payload["keys"])) == 1
    assert get(tx, waiting).board is Board.READY
    assert level(tx, shop).reserved == 4


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((), "no_lines"),
        (((0, 0),), "quantity_range"),
        (((0, -5),), "quantity_range"),
        (((0, 10**9),), "quantity_range"),
    ],
)
def test_impossible_quantities_are_refused_and_nothing_is_saved(tx, shop, lines, code):
    before = counts(tx)
    cmd = replace(shop.order(), lines=tuple(NewLine(shop.skus[i], q) for i, q in lines))
    with pytest.raises(InvalidInput) as refusal:
        place_order(tx, cmd)
    assert refusal.value.detail_code == code
    assert counts(tx) == before


def test_an_astronomical_price_is_refused(tx, shop):
    cmd = replace(shop.order(), lines=(NewLine(shop.skus[0], 1, Money(Decimal(10**12))),))
    with pytest.raises(InvalidInput) as refusal:
        place_order(tx, cmd)
    assert refusal.value.detail_code == "price_range"


def test_every_bad_line_is_named_at_once(tx, shop):
    cmd = replace(shop.order(), lines=(NewLine(shop.skus[0], 0), NewLine(10**9, 1)))
    with pytest.raises(InvalidInput) as refusal:
        place_order(tx, cmd)
    assert [p.field for p in refusal.value.problems()] == ["lines.0", "lines.1"]


def test_the_same_key_makes_one_order(tx, shop):
    first = place_order(tx, shop.order(idempotency_key="form-1"))
    second = place_order(tx, shop.order((0, 5), idempotency_key="form-1"))
    assert (second.order_id, second.created) == (first.order_id, False)
    assert tx.session.scalar(select(func.count()).select_from(Order)) == 1


def test_a_page_read_again_and_a_rehearsal_draw_no_numbers(tx, shop):
    page = [shop.order(external_no=f"X{n}", confirm=True) for n in range(3)]
    place_orders(tx, page)
    drawn = text("SELECT last_value FROM orders_id_seq")
    before = tx.session.scalar(drawn)
    assert not any(o.created for o in place_orders(tx, page))
    rehearse_orders(tx, [shop.order()])
    assert tx.session.scalar(drawn) == before
    place_order(tx, shop.order())
    assert tx.session.scalar(drawn) == before + 1


def test_the_same_external_number_is_the_same_order_for_ever(tx, shop):
    first = place_order(tx, shop.order(external_no="260212GQR5R54C"))
    again, twice = place_orders(tx, [shop.order(external_no="260212GQR5R54C"), shop.order(external_no="X1")])
    assert (again.order_id, again.created) == (first.order_id, False)
    assert twice.created
    same, other = place_orders(tx, [shop.order(external_no="X2"), shop.order(external_no="X2")])
    assert same.created
    assert other.detail_code == "order_twice"


def test_the_same_phone_is_the_same_customer_however_it_is_written(tx, shop):
    a = place_order(tx, shop.order())
    b = place_order(tx, shop.order(ship_to=replace(shop.order().ship_to, name="แนน", phone="+66 80 000 1234")))
    assert get(tx, a).customer_id == get(tx, b).customer_id


def test_a_discount_over_the_limit_needs_approval_but_may_be_saved_as_a_draft(tx, shop, actor):
    clerk = replace(tx, actor=actor("sales"))
    cmd = shop.order((0, 1), discount=Money(Decimal(30)))
    before = counts(tx)
    with pytest.raises(NeedsApproval) as refusal:
        place_order(clerk, replace(cmd, confirm=True))
    assert refusal.value.detail_code == "discount_over_limit"
    assert counts(tx) == before
    draft = place_order(clerk, cmd)
    with pytest.raises(NeedsApproval):
        confirm_order(clerk, ConfirmOrder(draft.order_id))
    assert confirm_order(tx, ConfirmOrder(draft.order_id)).number == draft.number


def test_a_price_lowered_by_hand_counts_as_a_discount(tx, shop, actor):
    sales = actor("sales")
    cmd = replace(shop.order(confirm=True), lines=(NewLine(shop.skus[0], 1, Money(Decimal(50))),))
    with pytest.raises(Forbidden):
        place_order(replace(tx, actor=sales), cmd)
    pricing = replace(sales, actions=sales.actions | {"order.override_price"})
    with pytest.raises(NeedsApproval):
        place_order(replace(tx, actor=pricing), cmd)


def test_a_viewer_places_nothing_and_a_clerk_of_another_shop_finds_nothing(tx, shop, actor):
    with pytest.raises(Forbidden):
        place_order(replace(tx, actor=actor("viewer")), shop.order())
    placed = place_order(tx, shop.order())
    stranger = replace(tx, actor=actor("sales", shops=frozenset({shop.shopee})))
    with pytest.raises(NotFound):
        place_order(stranger, shop.order())
    with pytest.raises(NotFound):
        confirm_order(stranger, ConfirmOrder(placed.order_id))


def test_a_draft_confirms_once_and_a_stale_screen_is_told(tx, shop):
    placed = place_order(tx, shop.order())
    with pytest.raises(Conflict):
        confirm_order(tx, ConfirmOrder(placed.order_id, version=7))
    confirm_order(tx, ConfirmOrder(placed.order_id, version=1))
    with pytest.raises(TransitionRefused) as refusal:
        confirm_order(tx, ConfirmOrder(placed.order_id))
    assert refusal.value.detail_code == "order_confirm_refused"
    assert level(tx, shop).reserved == 1


def test_a_hold_stops_the_order_and_only_a_supervisor_releases_it(tx, shop, actor):
    placed = place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD))
    clerk = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.bkk})))
    hold_order(clerk, HoldOrder(placed.order_id, HoldReason.ADDRESS, "บ้านเลขที่ไม่ครบ"))
    assert get(tx, placed).board is Board.ON_HOLD
    with pytest.raises(Forbidden):
        release_hold(clerk, ReleaseHold(placed.order_id))
    release_hold(tx, ReleaseHold(placed.order_id, HoldReason.ADDRESS))
    assert get(tx, placed).board is Board.READY


def test_canceling_gives_the_stock_back_or_sets_it_aside(tx, shop):
    a = place_order(tx, shop.order((0, 3), confirm=True))
    cancel_order(tx, CancelOrder(a.order_id, CancelReason.CUSTOMER))
    assert (level(tx, shop).reserved, level(tx, shop).on_hand) == (0, 10)
    b = place_order(tx, shop.order((0, 3), confirm=True))
    cancel_order(tx, CancelOrder(b.order_id, CancelReason.OTHER, "ของแตก", Restock.KEEP_OUT))
    now = level(tx, shop)
    assert (now.reserved, now.on_hand, now.damaged) == (0, 7, 3)
    assert tx.session.scalar(select(func.sum(StockMovement.quantity)).where(StockMovement.sku_id == shop.skus[0])) == 10
    order = get(tx, b)
    assert (order.board, order.payment_status) == (Board.CANCELED, PaymentStatus.UNPAID)


def test_money_opens_the_gate_and_a_reversal_closes_it(tx, shop):
    order = get(tx, place_order(tx, shop.order((0, 1), confirm=True)))
    with pytest.raises(OmsError) as refusal:
        mark_shipped(tx, MarkShipped(order.id))
    assert refusal.value.detail_code == "gate_closed"
    pay(tx, order, "80")
    assert again(tx, order.id).board is Board.SHORT_PAYMENT
    assert str(pass_gate(tx, [order.id], GateStep.HAND_OVER)[order.id]) == "20.00 is still missing"
    claim = pay(tx, order, "20")
    assert again(tx, order.id).board is Board.READY
    reverse_claim(tx, DecideClaim(claim, "โอนผิด"))
    assert again(tx, order.id).board is Board.SHORT_PAYMENT


def test_a_transfer_reference_counts_once_in_the_whole_system(tx, shop):
    a, b = (get(tx, place_order(tx, shop.order(confirm=True))) for _ in range(2))
    baht = Money(Decimal(100))
    cmd = SubmitClaim(PaymentMethod.TRANSFER, baht, ((a.id, baht),), sending_bank="014", reference="R1")
    submit_claim(tx, cmd)
    with pytest.raises(OmsError) as refusal:
        submit_claim(tx, replace(cmd, allocations=((b.id, baht),)))
    assert refusal.value.detail_code == "reference_used"
    assert again(tx, b.id).payment_status is PaymentStatus.UNPAID


def test_a_paid_order_ships_arrives_and_completes(tx, shop):
    order = get(tx, place_order(tx, shop.order((0, 2), confirm=True)))
    pay(tx, order, "200")
    mark_shipped(tx, MarkShipped(order.id, "Flash", "TH0123456789"))
    assert again(tx, order.id).board is Board.HANDED_OVER
    now = level(tx, shop)
    assert (now.on_hand, now.reserved) == (8, 0)
    mark_delivered(tx, order.id)
    done = again(tx, order.id)
    assert (done.status, done.board) == (OrderStatus.COMPLETED, Board.COMPLETED)
    assert done.closed_at is not None
    with pytest.raises(TransitionRefused):
        cancel_order(tx, CancelOrder(order.id, CancelReason.CUSTOMER))


def test_a_tracking_number_is_on_one_live_parcel_only(tx, shop):
    a, b = (place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD)) for _ in range(2))
    mark_shipped(tx, MarkShipped(a.order_id, "Flash", "TH1"))
    with pytest.raises(OmsError) as refusal:
        mark_shipped(tx, MarkShipped(b.order_id, "Flash", "TH1"))
    assert refusal.value.detail_code == "tracking_in_use"
    assert get(tx, b).board is Board.READY


def test_goods_that_left_before_touch_no_stock(tx, shop):
    placed = place_order(
        tx,
        shop.order(
            (0, 4), confirm=True, stock=Stock.LEFT_BEFORE, payment_term=PaymentTerm.MARKETPLACE, term_approved=True
        ),
    )
    record_left_before(tx, [LeftBefore(placed.order_id, "SPX", "SPXTH1", delivered=True)])
    assert get(tx, placed).board is Board.COMPLETED
    assert (level(tx, shop).on_hand, level(tx, shop).reserved) == (10, 0)


def test_recomputing_what_is_derived_changes_nothing(tx, shop):
    placed = place_order(tx, shop.order((0, 2), confirm=True))
    before = get(tx, placed).version
    derived.refresh(tx, [get(tx, placed)])
    assert get(tx, placed).version == before
    assert not db.session.dirty


def test_orders_that_cannot_be_served_do_not_keep_younger_ones_waiting(tx, shop, monkeypatch):
    monkeypatch.setattr("oms.usecases.stock_allocate.BATCH", 2)
    may_wait = {
        "confirm": True,
        "stock": Stock.MAY_WAIT,
        "payment_term": PaymentTerm.MARKETPLACE,
        "term_approved": True,
    }
    holder = place_order(tx, shop.order((0, 10), confirm=True))
    for _ in range(3):
        place_order(tx, shop.order((0, 11), **may_wait))
    young = place_order(tx, shop.order((0, 2), **may_wait))
    cancel_order(tx, CancelOrder(holder.order_id, CancelReason.CUSTOMER))
    assert allocate_freed(tx, {(shop.skus[0], shop.bkk)}) == 1
    assert get(tx, young).board is Board.READY
