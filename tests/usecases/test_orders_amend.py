"""Amendments: one at a time, priced before they count, stock moved with them, nothing changed by a refusal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from oms.audit import AuditLog
from oms.errors import Conflict, Forbidden, InvalidInput, NeedsApproval, NotFound, OmsError, Refused, StockShort
from oms.inventory.models import StockLevel
from oms.money import Money
from oms.orders.amending import AmendedLine, as_it_is
from oms.orders.models import Order, OrderChange, OrderSearch
from oms.orders.states import Board, ChangeStatus, PaymentStatus
from oms.outbox import Outbox
from oms.payments.states import PaymentMethod
from oms.reports.auditor import audit_all
from oms.usecases.orders_amend import (
    CloseChange,
    OpenChange,
    ProposeChange,
    apply_change,
    discard_change,
    open_change,
    propose_change,
)
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.shop import SmallShop, small_shop


def baht(text: str) -> Money:
    return Money(Decimal(text))


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


@pytest.fixture
def order(tx, shop) -> Order:
    placed = place_order(tx, shop.order((0, 2), (1, 1), confirm=True, shipping_fee=baht("40")))
    return tx.session.get_one(Order, placed.order_id)


def reserved(tx, shop) -> list[int]:
    tx.session.expire_all()
    return [tx.session.get_one(StockLevel, (sku, shop.bkk)).reserved for sku in shop.skus]


def proposal(order: Order, *lines: AmendedLine, **facts: object):
    base = as_it_is(order)
    return replace(base, **({"lines": lines or base.lines} | facts))


def amend(tx, order: Order, wanted, reason: str = "ลูกค้าขอเปลี่ยน"):
    open_change(tx, OpenChange(order.id, reason))
    state = propose_change(tx, ProposeChange(order.id, wanted))
    return state, apply_change(tx, CloseChange(order.id))


def test_an_amendment_shows_its_price_difference_before_anything_changes(tx, shop, order):
    open_change(tx, OpenChange(order.id, "เพิ่มของ"))
    first, second = as_it_is(order).lines
    state = propose_change(tx, ProposeChange(order.id, proposal(order, replace(first, quantity=3), second)))
    assert state.difference == baht("100")
    assert order.total == baht("440")
    assert reserved(tx, shop)[:2] == [2, 1]


def test_applying_moves_lines_total_stock_and_search_text_together(tx, shop, order):
    first, _ = as_it_is(order).lines
    wanted = proposal(order, replace(first, quantity=3), AmendedLine(shop.skus[2], 1), shipping_fee=baht("50"))
    state, _ = amend(tx, order, wanted)
    assert state.difference == baht("210")
    assert order.total == baht("650")
    assert reserved(tx, shop) == [3, 0, 1, 0]
    assert [(x.sku_code, x.open) for x in order.lines] == [("RU-0001", 3), ("RU-0002", 0), ("RU-0003", 1)]
    assert order.lines[1].canceled == 1, "a line taken out stays, canceled in full"
    assert (order.revision, order.item_count) == (1, 4)
    assert "ru-0003" in tx.session.get_one(OrderSearch, order.id).haystack
    assert tx.session.scalar(select(Outbox.topic).where(Outbox.topic == "stock.freed")) == "stock.freed"
    row = tx.session.scalars(select(AuditLog).where(AuditLog.action == "order.amended")).one()
    assert (row.before["total"], row.after["total"], row.after["difference"]) == ("440.00", "650.00", "210.00")


def test_the_books_are_in_order_after_amendments(tx, shop, order):
    first, _ = as_it_is(order).lines
    amend(tx, order, proposal(order, replace(first, quantity=3), AmendedLine(shop.bundle, 1)))
    kept = next(x for x in as_it_is(order).lines if x.line_id == first.line_id)
    amend(tx, order, proposal(order, replace(kept, quantity=1)))
    tx.session.flush()
    assert [str(f) for f in audit_all(tx.session)] == []


def test_a_paid_order_that_grows_waits_for_the_rest_and_one_that_shrinks_is_overpaid(tx, shop, order):
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht("440"), ((order.id, baht("440")),)))
    verify_claim(tx, DecideClaim(claim.claim_id))
    assert order.board is Board.READY
    first, second = as_it_is(order).lines
    amend(tx, order, proposal(order, replace(first, quantity=4), second))
    assert (order.payment_status, order.board) == (PaymentStatus.PARTIAL, Board.SHORT_PAYMENT)
    first, second = as_it_is(order).lines
    amend(tx, order, proposal(order, replace(first, quantity=1), second))
    assert order.payment_status is PaymentStatus.OVERPAID


def test_an_address_change_touches_no_stock_and_names_what_staff_edited(tx, shop, order):
    wanted = proposal(order, address={**as_it_is(order).address, "ship_phone": "+66 89 999 0000"})
    amend(tx, order, wanted)
    assert order.ship_phone == "0899990000"
    assert set(order.staff_edits) == {"ship_phone"}
    assert "0899990000" in tx.session.get_one(OrderSearch, order.id).haystack
    assert reserved(tx, shop)[:2] == [2, 1]


def test_one_amendment_is_open_at_a_time(tx, order):
    open_change(tx, OpenChange(order.id, "หนึ่ง"))
    with pytest.raises(Refused) as caught:
        open_change(tx, OpenChange(order.id, "สอง"))
    assert caught.value.detail_code == "change_open"
    discard_change(tx, CloseChange(order.id))
    open_change(tx, OpenChange(order.id, "สอง"))
    states = list(tx.session.scalars(select(OrderChange.status).order_by(OrderChange.id)))
    assert states == [ChangeStatus.DISCARDED, ChangeStatus.OPEN]


def test_more_than_there_is_left_is_refused_and_nothing_changes(tx, shop, order):
    first, second = as_it_is(order).lines
    open_change(tx, OpenChange(order.id, "เพิ่ม"))
    propose_change(tx, ProposeChange(order.id, proposal(order, replace(first, quantity=11), second)))
    tx.session.flush()
    with pytest.raises(StockShort), tx.session.begin_nested():
        apply_change(tx, CloseChange(order.id))
    tx.session.expire_all()
    assert (order.total, order.revision, order.lines[0].quantity) == (baht("440"), 0, 2)
    assert reserved(tx, shop)[:2] == [2, 1]


def test_the_last_pieces_one_holds_already_can_be_kept_while_amending(tx, shop, order):
    other = place_order(tx, shop.order((0, 8), confirm=True))
    assert other.created
    first, second = as_it_is(order).lines
    amend(tx, order, proposal(order, first, replace(second, quantity=2)))
    assert reserved(tx, shop)[:2] == [10, 2]


def test_a_stale_order_version_is_a_conflict(tx, order):
    with pytest.raises(Conflict):
        open_change(tx, OpenChange(order.id, "ช้าไป", version=order.version - 1))
    assert tx.session.scalars(select(OrderChange)).all() == []


def test_an_order_changed_in_between_has_to_be_looked_at_again(tx, order):
    open_change(tx, OpenChange(order.id, "เปลี่ยน"))
    first, second = as_it_is(order).lines
    propose_change(tx, ProposeChange(order.id, proposal(order, replace(first, quantity=1), second)))
    order.ship_line = "ที่อยู่ใหม่จากไฟล์"
    tx.session.flush()
    with pytest.raises(Conflict) as caught:
        apply_change(tx, CloseChange(order.id))
    assert caught.value.detail_code == "change_outdated"


def test_goods_that_left_cannot_be_amended(tx, order):
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht("440"), ((order.id, baht("440")),)))
    verify_claim(tx, DecideClaim(claim.claim_id))
    mark_shipped(tx, MarkShipped(order.id, "Flash", "TH123"))
    with pytest.raises(Refused) as caught:
        open_change(tx, OpenChange(order.id, "สายไป"))
    assert caught.value.detail_code == "amend_refused"


def test_prices_by_hand_and_deep_discounts_need_their_permissions(tx, order, actor):
    first, second = as_it_is(order).lines
    open_change(tx, OpenChange(order.id, "ลดให้"))
    sales = replace(tx, actor=actor("sales"))
    cheaper = proposal(order, replace(first, unit_price=baht("90")), second)
    with pytest.raises(Forbidden):
        propose_change(sales, ProposeChange(order.id, cheaper))
    with pytest.raises(NeedsApproval):
        propose_change(sales, ProposeChange(order.id, proposal(order, discount=baht("100"))))
    assert propose_change(sales, ProposeChange(order.id, proposal(order, discount=baht("40")))).difference == baht(
        "-40"
    )
    with pytest.raises(Forbidden):
        open_change(replace(tx, actor=actor("warehouse")), OpenChange(order.id, "ไม่มีสิทธิ์"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lines": ()}, "no_lines"),
        ({"lines": (AmendedLine(999_999, 1),)}, "sku_unknown"),
        ({"discount": baht("9999")}, "discount_range"),
        ({"shipping_fee": baht("-1")}, "fee_range"),
        ({"address": {}}, "name_missing"),
    ],
)
def test_an_impossible_proposal_is_refused_in_words(tx, order, change, code):
    open_change(tx, OpenChange(order.id, "ผิด"))
    with pytest.raises(OmsError) as caught:
        propose_change(tx, ProposeChange(order.id, replace(as_it_is(order), **change)))
    assert caught.value.detail_code == code
    assert tx.session.scalars(select(OrderChange.difference)).one() == baht("0")


def test_nothing_is_applied_when_nothing_is_open_or_nothing_differs(tx, order):
    with pytest.raises(NotFound):
        apply_change(tx, CloseChange(order.id))
    open_change(tx, OpenChange(order.id, "ว่าง"))
    with pytest.raises(InvalidInput) as caught:
        apply_change(tx, CloseChange(order.id))
    assert caught.value.detail_code == "change_empty"


def test_a_draft_is_amended_without_touching_stock(tx, shop):
    placed = place_order(tx, shop.order((0, 1)))
    draft = tx.session.get_one(Order, placed.order_id)
    (line,) = as_it_is(draft).lines
    amend(tx, draft, proposal(draft, replace(line, quantity=5)))
    assert draft.total == baht("500")
    assert reserved(tx, shop)[0] == 0
