"""Claims against carriers: opened once, sent, answered, paid; nothing of the buyer's money or the stock moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from oms import clock
from oms.audit import AuditLog
from oms.money import ZERO
from oms.reports.auditor import audit_all
from oms.returns.models import CarrierClaim, CarrierClaimFile, ReturnRules
from oms.returns.queries import rules_of
from oms.returns.states import CarrierClaimReason, CarrierClaimStatus
from oms.usecases.carrier_claims import (
    AddClaimFile,
    MoveClaim,
    OpenClaim,
    SetReturnRules,
    accept_claim,
    add_claim_file,
    open_claim,
    pay_claim,
    reject_claim,
    send_claim,
    set_return_rules,
    withdraw_claim,
)
from oms.usecases.returns_rto import OpenLost, open_lost
from tests.shop import SmallShop, small_shop
from tests.usecases.money import baht, placed
from tests.usecases.refusals import refused
from tests.usecases.returns import carrier_says, left, shipments, stock

S = CarrierClaimStatus
LOST = CarrierClaimReason.LOST


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=50)


@pytest.fixture
def lost(tx, shop):
    """A lost shipment."""
    order = left(tx, shop, (0, 2), tracking_no="TH1")
    carrier_says(tx, order.id, "lose")
    return shipments(tx, order.id)[0]


def opened(tx, shipment, amount="200", reason=LOST, **facts) -> int:
    return open_claim(tx, OpenClaim(shipment.id, reason, baht(amount), **facts)).claim_id


def claim_of(tx, claim_id) -> CarrierClaim:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(CarrierClaim, claim_id)


def test_the_way_of_a_claim(tx, shop, lost):
    before = stock(tx, shop, 0)
    (case,) = open_lost(tx, OpenLost(lost.id))
    claim_id = opened(tx, lost, return_id=case.return_id)
    claim = claim_of(tx, claim_id)
    due = clock.local(lost.handed_over_at).date() + timedelta(days=30)
    assert (claim.number[:2], claim.status, claim.carrier, claim.tracking_no, claim.due_on, claim.return_id) == (
        "CL", S.OPEN, "Flash Express", "TH1", due, case.return_id,
    )  # fmt: skip
    send_claim(tx, MoveClaim(claim_id, reference="FE-77"))
    reject_claim(tx, MoveClaim(claim_id, "หีบห่อไม่ได้มาตรฐาน"))
    send_claim(tx, MoveClaim(claim_id, "อุทธรณ์"))
    accept_claim(tx, MoveClaim(claim_id, amount=baht(150)))
    pay_claim(tx, MoveClaim(claim_id, amount=baht(150), reference="INV-9"))
    claim = claim_of(tx, claim_id)
    assert (claim.status, claim.accepted, claim.paid, claim.reference, claim.payment_reference) == (
        S.PAID, baht(150), baht(150), "FE-77", "INV-9",
    )  # fmt: skip
    assert stock(tx, shop, 0) == before
    story = tx.session.scalars(select(AuditLog.action).where(AuditLog.action.like("carrier_claim.%"))).all()
    assert len(story) == 12  # six steps, each on the claim and on the order
    assert audit_all(tx.session) == []


@pytest.mark.parametrize(
    ("verb", "state", "code"),
    [
        (accept_claim, S.OPEN, "carrier_claim_accept_refused"),
        (reject_claim, S.OPEN, "carrier_claim_reject_refused"),
        (pay_claim, S.SENT, "carrier_claim_pay_refused"),
        (send_claim, S.SENT, "carrier_claim_send_refused"),
        (withdraw_claim, S.ACCEPTED, "carrier_claim_withdraw_refused"),
        (send_claim, S.WITHDRAWN, "carrier_claim_send_refused"),
    ],
)
def test_a_step_out_of_turn_is_refused(tx, lost, verb, state, code):
    claim_id = opened(tx, lost)
    if state in {S.SENT, S.ACCEPTED}:
        send_claim(tx, MoveClaim(claim_id))
    if state is S.ACCEPTED:
        accept_claim(tx, MoveClaim(claim_id, amount=baht(1)))
    if state is S.WITHDRAWN:
        withdraw_claim(tx, MoveClaim(claim_id, "พบพัสดุแล้ว"))
    with refused(tx, code, None, CarrierClaim):
        verb(tx, MoveClaim(claim_id, "x", "y", baht(1)))
    assert claim_of(tx, claim_id).status is state


def test_what_cannot_be_claimed_is_refused(tx, shop, lost, actor):
    here = placed(tx, shop, (1, 1))
    with refused(tx, "shipment_not_found", None, CarrierClaim):
        open_claim(tx, OpenClaim(10**9, LOST, baht(1)))
    with refused(tx, "amount_range", "amount", CarrierClaim):
        opened(tx, lost, 0)
    with refused(tx, "reason_missing", "note", CarrierClaim):
        opened(tx, lost, reason=CarrierClaimReason.OTHER)
    with refused(tx, "return_unknown", "return_id", CarrierClaim):
        opened(tx, lost, return_id=10**9)
    with refused(tx, "forbidden", None, CarrierClaim):
        opened(replace(tx, actor=actor("warehouse")), lost)
    with refused(tx, "shipment_not_found", None, CarrierClaim):
        opened(replace(tx, actor=actor("manager", warehouses=frozenset({shop.cnx}))), lost)
    opened(tx, lost)
    with refused(tx, "carrier_claim_open", None, CarrierClaim):
        opened(tx, lost)
    opened(tx, lost, 5, CarrierClaimReason.LATE)
    assert here.lines


def test_an_answer_names_what_was_asked_at_most(tx, shop, lost, actor):
    claim_id = opened(tx, lost)
    send_claim(tx, MoveClaim(claim_id))
    with refused(tx, "amount_range", "amount"):
        accept_claim(tx, MoveClaim(claim_id, amount=baht(201)))
    with refused(tx, "amount_range", "amount"):
        accept_claim(tx, MoveClaim(claim_id, amount=ZERO))
    with refused(tx, "missing", "note"):
        reject_claim(tx, MoveClaim(claim_id))
    with refused(tx, "stale"):
        accept_claim(tx, MoveClaim(claim_id, amount=baht(1), version=99))
    with refused(tx, "carrier_claim_not_found"):
        reject_claim(replace(tx, actor=actor("manager", shops=frozenset({shop.shopee}))), MoveClaim(claim_id, "x"))
    accept_claim(tx, MoveClaim(claim_id, amount=baht(200)))
    with refused(tx, "missing", "reference"):
        pay_claim(tx, MoveClaim(claim_id, amount=baht(1)))


def test_proof_is_added_until_the_claim_is_over(tx, lost):
    claim_id = opened(tx, lost)
    add_claim_file(tx, AddClaimFile(claim_id, "abc123", "กล่องบุบ.jpg"))
    assert [f.name for f in claim_of(tx, claim_id).files] == ["กล่องบุบ.jpg"]
    withdraw_claim(tx, MoveClaim(claim_id, "ไม่คุ้ม"))
    with refused(tx, "carrier_claim_closed", None, CarrierClaimFile):
        add_claim_file(tx, AddClaimFile(claim_id, "abc124", "x.jpg"))


def test_the_days_are_set_once_for_all(tx, actor, lost):
    assert (rules_of(tx.session).alert_days, rules_of(tx.session).claim_days) == (3, 30)
    with refused(tx, "forbidden", None, ReturnRules):
        set_return_rules(replace(tx, actor=actor("sales")), SetReturnRules(1, 7))
    for days in ((-1, 7), (91, 7), (1, 0), (1, 366)):
        with refused(tx, "number_range", None, ReturnRules):
            set_return_rules(tx, SetReturnRules(*days))
    set_return_rules(tx, SetReturnRules(1, 7))
    tx.session.flush()
    version = rules_of(tx.session).version
    set_return_rules(tx, SetReturnRules(2, 8, version))
    tx.session.flush()
    with refused(tx, "stale", None, ReturnRules):
        set_return_rules(tx, SetReturnRules(5, 9, version))
    assert (rules_of(tx.session).alert_days, rules_of(tx.session).claim_days) == (2, 8)
    assert claim_of(tx, opened(tx, lost)).due_on == clock.local(lost.handed_over_at).date() + timedelta(days=8)
