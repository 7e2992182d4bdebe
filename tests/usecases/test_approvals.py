"""Discounts over a limit: asked for with a reason, decided once, by another person with a limit that is high enough."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from oms.approvals import Approval
from oms.audit import AuditLog
from oms.errors import Conflict, Forbidden, InvalidInput, NeedsApproval, NotFound, Refused
from oms.money import Money
from oms.orders.models import Order
from oms.usecases.approvals import (
    DecideApproval,
    RequestDiscount,
    decide_approval,
    latest_request,
    open_requests,
    request_discount,
)
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_place import place_order
from tests.shop import small_shop


@pytest.fixture
def shop(tx):
    return small_shop(tx)


@pytest.fixture
def clerk(tx, actor):
    return replace(tx, actor=actor("sales", user_id=1))


@pytest.fixture
def manager(tx, actor):
    return replace(tx, actor=actor("manager", user_id=2))


def draft(clerk, shop, percent=20):
    """A draft of 400 baht with so many percent off."""
    cmd = shop.order((3, 1), discount=Money(Decimal(4 * percent)))
    return place_order(clerk, cmd).order_id


def asked(clerk, shop, percent=20):
    order_id = draft(clerk, shop, percent)
    return order_id, request_discount(clerk, RequestDiscount(order_id, "ลูกค้าประจำ")).approval_id


def status(tx, approval_id):
    return tx.session.get_one(Approval, approval_id, populate_existing=True).status


def test_an_approved_discount_lets_the_clerk_confirm(tx, clerk, manager, shop):
    order_id, approval_id = asked(clerk, shop)
    with pytest.raises(NeedsApproval):
        confirm_order(clerk, ConfirmOrder(order_id))
    decide_approval(manager, DecideApproval(approval_id, agree=True))
    confirm_order(clerk, ConfirmOrder(order_id))
    told = list(
        tx.session.scalars(select(AuditLog.action).where(AuditLog.action.like("approval.%")).order_by(AuditLog.id))
    )
    assert told == ["approval.requested", "approval.approved"]


def test_an_approval_covers_no_larger_discount(tx, clerk, manager, shop):
    order_id, approval_id = asked(clerk, shop)
    decide_approval(manager, DecideApproval(approval_id, agree=True))
    order = tx.session.get_one(Order, order_id)
    order.discount, order.total = Money(Decimal(200)), Money(Decimal(200))
    tx.session.flush()
    with pytest.raises(NeedsApproval):
        confirm_order(clerk, ConfirmOrder(order_id))


def test_a_declined_discount_stays_a_draft_and_says_why(tx, clerk, manager, shop):
    order_id, approval_id = asked(clerk, shop)
    with pytest.raises(InvalidInput) as refused:
        decide_approval(manager, DecideApproval(approval_id, agree=False))
    assert refused.value.detail_code == "reason_missing"
    decide_approval(manager, DecideApproval(approval_id, agree=False, note="กำไรไม่พอ"))
    assert latest_request(tx, order_id).decision_note == "กำไรไม่พอ"
    with pytest.raises(NeedsApproval):
        confirm_order(clerk, ConfirmOrder(order_id))


def test_nobody_decides_their_own_request(tx, manager, shop):
    order_id = draft(manager, shop, 60)
    approval_id = request_discount(manager, RequestDiscount(order_id, "ของมีตำหนิ")).approval_id
    with pytest.raises(Refused) as refused:
        decide_approval(manager, DecideApproval(approval_id, agree=True))
    assert refused.value.detail_code == "own_request"
    assert status(tx, approval_id) == "open"


def test_nobody_agrees_above_their_own_limit(tx, clerk, manager, shop):
    _, approval_id = asked(clerk, shop, 60)
    with pytest.raises(Refused) as refused:
        decide_approval(manager, DecideApproval(approval_id, agree=True))
    assert refused.value.detail_code == "over_own_limit"
    assert status(tx, approval_id) == "open"


def test_a_request_is_decided_once(tx, clerk, manager, shop):
    _, approval_id = asked(clerk, shop)
    decide_approval(manager, DecideApproval(approval_id, agree=True))
    with pytest.raises(Refused) as refused:
        decide_approval(manager, DecideApproval(approval_id, agree=False, note="เปลี่ยนใจ"))
    assert refused.value.detail_code == "decided"
    assert status(tx, approval_id) == "approved"


def test_asking_again_replaces_what_was_asked_and_an_old_screen_cannot_agree(tx, clerk, manager, shop):
    order_id, approval_id = asked(clerk, shop)
    seen = tx.session.get_one(Approval, approval_id).version
    order = tx.session.get_one(Order, order_id)
    order.discount = Money(Decimal(160))
    again = request_discount(clerk, RequestDiscount(order_id, "ขอเพิ่ม")).approval_id
    assert again == approval_id
    with pytest.raises(Conflict):
        decide_approval(manager, DecideApproval(approval_id, agree=True, version=seen))
    assert status(tx, approval_id) == "open"


def test_only_who_has_the_action_decides_and_rows_stay_in_scope(tx, clerk, actor, shop):
    _, approval_id = asked(clerk, shop)
    with pytest.raises(Forbidden):
        decide_approval(replace(tx, actor=actor("sales", user_id=9)), DecideApproval(approval_id, agree=True))
    elsewhere = replace(tx, actor=actor("manager", user_id=3, shops=frozenset({shop.shopee})))
    with pytest.raises(NotFound):
        decide_approval(elsewhere, DecideApproval(approval_id, agree=True))
    assert tx.session.execute(open_requests(elsewhere.actor)).all() == []
    assert len(tx.session.execute(open_requests(tx.actor)).all()) == 1
    assert status(tx, approval_id) == "open"


def test_there_is_nothing_to_ask_within_the_limit_or_after_confirmation(tx, clerk, shop):
    order_id = draft(clerk, shop, 10)
    with pytest.raises(Refused) as refused:
        request_discount(clerk, RequestDiscount(order_id, "x"))
    assert refused.value.detail_code == "no_approval_needed"
    confirm_order(clerk, ConfirmOrder(order_id))
    with pytest.raises(Refused) as refused:
        request_discount(clerk, RequestDiscount(order_id, "x"))
    assert refused.value.detail_code == "not_a_draft"
    with pytest.raises(InvalidInput):
        request_discount(clerk, RequestDiscount(draft(clerk, shop, 30), "  "))
    assert tx.session.scalars(select(Approval)).all() == []
