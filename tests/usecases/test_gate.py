"""The gate: who passes, what it says to whom, overrides, and goods pulled back the moment it closes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.audit import AuditLog
from oms.db import Tx
from oms.errors import Refused
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, HoldReason, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.models import GateOverride, PaymentClaim
from oms.payments.rules import spell_age
from oms.payments.states import CodStatus
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases import derived
from oms.usecases.gate import (
    GateStep,
    OverrideGate,
    RevokeOverride,
    override_gate,
    override_note,
    pass_gate,
    revoke_override,
)
from oms.usecases.orders_amend import CloseChange, OpenChange, ProposeChange, apply_change, open_change, propose_change
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, approve_term, reject_claim, reverse_claim
from oms.usecases.shipping import MarkShipped, mark_shipped, mark_shipped_many
from oms.usecases.shipping_boxes import make_ready
from tests.shop import SmallShop, small_shop
from tests.usecases.money import answered_for, baht, box, claimed, order_of, paid, placed
from tests.usecases.refusals import refused

S = ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def said(tx, order, step=GateStep.HAND_OVER, actor=None) -> str:
    seen = Tx(tx.session, actor) if actor else tx
    return str(pass_gate(seen, [order.id], step)[order.id])


def stage(tx, shipment) -> ShipmentStatus:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Shipment, shipment.id).status


def assert_settled(tx, *orders):
    """What is derived follows from the facts (invariant 1)."""
    for order in orders:
        tx.session.flush()
        tx.session.expire_all()
        row = tx.session.get_one(Order, order.id)
        before = (row.board, row.payment_status, row.stock_state, row.fulfillment_status)
        derived.refresh(tx, [row])
        assert (row.board, row.payment_status, row.stock_state, row.fulfillment_status) == before


@pytest.mark.parametrize("step", GateStep)
def test_every_step_asks_for_the_money(tx, shop, step):
    order = placed(tx, shop)
    assert said(tx, order, step) == "Nothing has been paid yet; 100.00 is due"
    claim = claimed(tx, (order.id, 80))
    tx.session.get_one(PaymentClaim, claim).submitted_at = clock.now() - timedelta(hours=3, minutes=5)
    assert said(tx, order, step) == "A slip has waited 3 h to be checked; 100.00 is not verified yet"
    reject_claim(tx, DecideClaim(claim, note="not ours"))
    paid(tx, (order.id, 80))
    assert said(tx, order, step) == "20.00 is still missing"
    paid(tx, (order.id, 20))
    assert said(tx, order, step) == "None"


def test_whoever_may_not_see_amounts_hears_the_reason_without_them(tx, shop, actor):
    order = placed(tx, shop)
    clerk = actor("warehouse")
    assert said(tx, order, actor=clerk) == "The money is not complete yet"
    claimed(tx, (order.id, 100))
    assert said(tx, order, actor=clerk) == "A slip has waited 0 min to be checked"
    with refused(tx, "gate_closed"):
        mark_shipped(Tx(tx.session, clerk), MarkShipped(order.id))
    with pytest.raises(Refused) as caught:
        mark_shipped(Tx(tx.session, clerk), MarkShipped(order.id))
    assert "100" not in str(caught.value)


def test_cod_tells_how_often_the_same_phone_refused_before(tx, shop):
    for _ in range(2):
        old = placed(tx, shop, payment_term=PaymentTerm.COD, term_approved=True)
        mark_shipped(tx, MarkShipped(old.id))
        shipment = tx.session.scalars(select(Shipment).order_by(Shipment.id.desc())).first()
        entry = tx.session.scalars(select(CodEntry).where(CodEntry.order_id == old.id)).one_or_none() or CodEntry(
            shipment_id=shipment.id, order_id=old.id, carrier="Flash", to_collect=baht(100), expected=baht(0),
            handed_over_at=clock.now(), status=CodStatus.REFUSED,
        )  # fmt: skip
        entry.status, entry.expected, entry.refused_at = CodStatus.REFUSED, baht(0), clock.now()
        tx.session.add(entry)
    order = placed(tx, shop, payment_term=PaymentTerm.COD)
    assert order.board is Board.ON_HOLD
    draft = order_of(tx, place_order(tx, shop.order(payment_term=PaymentTerm.COD)).order_id)
    confirm_order(tx, ConfirmOrder(draft.id))
    assert said(tx, draft) == "On hold: COD risk"
    approve_term(tx, draft.id)
    assert said(tx, draft) == "None"
    release_hold(tx, ReleaseHold(order.id, HoldReason.COD_RISK))
    assert said(tx, order) == "Cash on delivery is not approved yet: refused 2 times before"


def test_the_age_of_a_slip_is_spelled_in_its_largest_unit():
    ages = [timedelta(minutes=59), timedelta(hours=47), timedelta(days=3, hours=2), timedelta(seconds=-5)]
    assert [str(spell_age(a)) for a in ages] == ["59 min", "47 h", "3 days", "0 min"]


def test_an_order_of_nobody_does_not_pass(tx, shop):
    assert pass_gate(tx, [987654], GateStep.READY)[987654] is not None


def test_made_ready_once_and_handed_over_in_that_box(tx, shop):
    order = placed(tx, shop, (0, 2), (1, 1))
    assert make_ready(tx, [order.id])[order.id].detail_code == "gate_closed"
    assert tx.session.scalar(select(func.count()).select_from(Shipment)) == 0
    paid(tx, (order.id, 400))
    made = make_ready(tx, [order.id])[order.id]
    assert make_ready(tx, [order.id])[order.id] == made
    assert order_of(tx, order.id).board is Board.READY
    left = mark_shipped(tx, MarkShipped(order.id, "Flash", "TH1"))
    assert left.shipment_id == made.shipment_id
    shipment = tx.session.scalars(select(Shipment)).one()
    assert (shipment.status, [p.tracking_no for p in shipment.parcels]) == (S.HANDED_OVER, ["TH1"])
    assert sum(line.quantity for line in shipment.lines) == 3
    assert order_of(tx, order.id).board is Board.HANDED_OVER


def test_a_box_is_not_made_ready_while_stock_lacks(tx, shop):
    order = placed(tx, shop, (0, 11), stock="may_wait")
    paid(tx, (order.id, 1100))
    assert make_ready(tx, [order.id])[order.id].detail_code == "stock_short"


@pytest.mark.parametrize("at", [S.READY, S.PICKING, S.PACKED, S.LABELED])
@pytest.mark.parametrize("cause", ["reversal", "hold", "cancel", "total", "revoke"])
def test_goods_are_pulled_back_the_moment_the_gate_closes(tx, shop, cause, at):
    order = placed(tx, shop)
    if cause == "revoke":
        answered_for(tx, order.id, "old customer")
    else:
        claim = paid(tx, (order.id, 100))
    shipment = box(tx, at, order)
    if cause == "reversal":
        reverse_claim(tx, DecideClaim(claim, note="taken back by the bank"))
    elif cause == "hold":
        hold_order(tx, HoldOrder(order.id, HoldReason.ADDRESS))
    elif cause == "cancel":
        cancel_order(tx, CancelOrder(order.id, CancelReason.CUSTOMER))
    elif cause == "total":
        raised = order_of(tx, order.id)
        raised.shipping_fee, raised.total = baht(40), baht(140)
        derived.refresh(tx, [raised])
    else:
        revoke_override(tx, RevokeOverride(order.id, "they did not answer"))
    assert stage(tx, shipment) is (S.CANCELED if cause == "cancel" else S.PLANNED)
    assert_settled(tx, order)
    row = tx.session.scalars(
        select(AuditLog).where(AuditLog.subject_type == "order", AuditLog.action.like("shipment.%"))
    ).one()
    assert row.subject_id == order.id
    with refused(tx, "gate_closed"):
        mark_shipped(tx, MarkShipped(order.id))


def _more(order):
    from oms.orders import amending

    now = amending.as_it_is(order)
    return replace(now, lines=tuple(replace(line, quantity=line.quantity + 1) for line in now.lines))


def test_after_the_hold_is_released_the_same_box_goes_on(tx, shop):
    order = placed(tx, shop)
    paid(tx, (order.id, 100))
    made = make_ready(tx, [order.id])[order.id]
    hold_order(tx, HoldOrder(order.id, HoldReason.ADDRESS))
    release_hold(tx, ReleaseHold(order.id))
    assert order_of(tx, order.id).board is Board.READY
    assert make_ready(tx, [order.id])[order.id] == made
    assert tx.session.get_one(Shipment, made.shipment_id).status is S.READY


def test_an_outdated_box_is_canceled_and_a_fitting_one_made(tx, shop):
    order = placed(tx, shop)
    paid(tx, (order.id, 100))
    old = make_ready(tx, [order.id])[order.id]
    open_change(tx, OpenChange(order.id, "one more"))
    propose_change(tx, ProposeChange(order.id, _more(order_of(tx, order.id))))
    apply_change(tx, CloseChange(order.id))
    paid(tx, (order.id, 100))
    left = mark_shipped(tx, MarkShipped(order.id))
    assert left.shipment_id != old.shipment_id
    assert tx.session.get_one(Shipment, old.shipment_id).status is S.CANCELED
    assert order_of(tx, order.id).lines[0].shipped == 2
    assert_settled(tx, order)


@pytest.mark.parametrize("cause", ["reversal", "hold", "cancel"])
def test_two_orders_in_one_box_are_stopped_together(tx, shop, cause):
    first, second = placed(tx, shop), placed(tx, shop)
    claim = paid(tx, (second.id, 100))
    paid(tx, (first.id, 100))
    shipment = box(tx, S.PACKED, first, second)
    assert {order_of(tx, o.id).board for o in (first, second)} == {Board.PACKED}
    if cause == "reversal":
        reverse_claim(tx, DecideClaim(claim, note="taken back"))
    elif cause == "hold":
        hold_order(tx, HoldOrder(second.id, HoldReason.FRAUD))
    else:
        cancel_order(tx, CancelOrder(second.id, CancelReason.CUSTOMER))
    assert stage(tx, shipment) is S.PLANNED
    assert order_of(tx, first.id).board is Board.READY
    assert_settled(tx, first, second)
    if cause == "cancel":
        left = mark_shipped(tx, MarkShipped(first.id))
        assert (left.shipment_id != shipment.id, stage(tx, shipment)) == (True, S.CANCELED)
        assert_settled(tx, first, second)
        return
    with refused(tx, "gate_closed"):
        mark_shipped(tx, MarkShipped(first.id))


def test_a_box_that_fits_one_of_its_orders_no_more_is_packed_anew_for_all(tx, shop):
    first, second = placed(tx, shop), placed(tx, shop)
    paid(tx, (first.id, 100), (second.id, 200))
    shipment = box(tx, S.PACKED, first, second)
    order_of(tx, second.id).lines[0].quantity = 2
    order_of(tx, second.id)
    mark_shipped(tx, MarkShipped(first.id))
    assert stage(tx, shipment) is S.CANCELED
    assert [order_of(tx, o.id).board for o in (first, second)] == [Board.HANDED_OVER, Board.READY]
    assert_settled(tx, first, second)


def test_two_orders_in_one_box_leave_together_when_both_gates_are_open(tx, shop):
    first, second = placed(tx, shop), placed(tx, shop, (1, 1))
    paid(tx, (first.id, 100), (second.id, 200))
    shipment = box(tx, S.LABELED, first, second)
    answers = mark_shipped_many(tx, [MarkShipped(first.id, "Flash", "TH9"), MarkShipped(second.id)])
    assert {a.shipment_id for a in answers} == {shipment.id}
    assert stage(tx, shipment) is S.HANDED_OVER
    assert [order_of(tx, o.id).board for o in (first, second)] == [Board.HANDED_OVER] * 2
    assert tx.session.scalar(select(func.count()).select_from(Parcel)) == 1


def test_an_override_covers_what_is_missing_and_no_more(tx, shop, actor):
    order = placed(tx, shop)
    paid(tx, (order.id, 30))
    with refused(tx, "forbidden", None, GateOverride):
        override_gate(Tx(tx.session, actor("cashier")), OverrideGate(order.id, "old customer"))
    with refused(tx, "override_person", None, GateOverride):
        override_gate(tx, OverrideGate(order.id, "by a program"))
    with refused(tx, "reason_missing", "reason", GateOverride):
        answered_for(tx, order.id, "  ")
    boss = actor("manager")
    done = override_gate(Tx(tx.session, boss), OverrideGate(order.id, "old customer"))
    assert done.covers == baht(70)
    assert order_of(tx, order.id).board is Board.READY
    with refused(tx, "override_refused", None, GateOverride):
        answered_for(tx, order.id, "again")
    open_change(tx, OpenChange(order.id, "one more"))
    propose_change(tx, ProposeChange(order.id, _more(order_of(tx, order.id))))
    apply_change(tx, CloseChange(order.id))
    assert said(tx, order) == "170.00 is still missing"
    assert answered_for(tx, order.id, "still").covers == baht(170)
    note = override_note(tx.session, order.id)
    assert (note.reason, note.covers, note.used_at) == ("still", baht(170), None)
    mark_shipped(tx, MarkShipped(order.id))
    assert override_note(tx.session, order.id).used_at is not None
    with refused(tx, "override_used"):
        revoke_override(tx, RevokeOverride(order.id, "too late"))
    assert_settled(tx, order)


def test_an_override_lapses_when_the_money_comes_in_and_covers_no_later_matter(tx, shop):
    order = placed(tx, shop)
    answered_for(tx, order.id, "pays tonight")
    paid(tx, (order.id, 100))
    (override,) = tx.session.scalars(select(GateOverride).execution_options(populate_existing=True))
    assert (override_note(tx.session, order.id), override.used_at) == (None, None)
    assert override.revoked_at is not None
    open_change(tx, OpenChange(order.id, "one more"))
    propose_change(tx, ProposeChange(order.id, _more(order_of(tx, order.id))))
    apply_change(tx, CloseChange(order.id))
    with refused(tx, "gate_closed"):
        mark_shipped(tx, MarkShipped(order.id))


def test_a_hold_is_never_overridden(tx, shop):
    order = placed(tx, shop)
    answered_for(tx, order.id, "old customer")
    hold_order(tx, HoldOrder(order.id, HoldReason.FRAUD))
    with refused(tx, "gate_closed"):
        mark_shipped(tx, MarkShipped(order.id))


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"payment_term": PaymentTerm.CREDIT}, "Approve COD or credit instead"),
        ({"payment_term": PaymentTerm.COD}, "No money is missing"),
    ],
)
def test_cod_is_approved_not_overridden(tx, shop, facts, sentence):
    order = placed(tx, shop, **facts)
    with pytest.raises(Refused, match=sentence):
        answered_for(tx, order.id, "x")


def test_a_draft_and_a_paid_order_have_nothing_to_override(tx, shop):
    order = placed(tx, shop)
    paid(tx, (order.id, 100))
    with refused(tx, "override_refused"):
        answered_for(tx, order.id, "x")
    mark_shipped(tx, MarkShipped(order.id))
    with refused(tx, "override_refused"):
        answered_for(tx, order.id, "x")
    with refused(tx, "override_not_found"):
        revoke_override(tx, RevokeOverride(order.id, "x"))


def test_an_overridden_order_does_not_expire_until_the_override_is_taken_back(tx, shop):
    order = placed(tx, shop)
    answered_for(tx, order.id, "old customer")
    shipment = box(tx, S.PACKED, order)
    order_of(tx, order.id).expires_at = clock.now() - timedelta(hours=1)
    expire_unpaid(tx, ExpireUnpaid())
    assert_settled(tx, order)
    assert stage(tx, shipment) is S.PACKED
    revoke_override(tx, RevokeOverride(order.id, "no answer"))
    assert stage(tx, shipment) is S.PLANNED
    assert len(expire_unpaid(tx, ExpireUnpaid()).numbers) == 1
    assert_settled(tx, order)
    assert stage(tx, shipment) is S.CANCELED
