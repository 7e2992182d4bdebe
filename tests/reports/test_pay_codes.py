"""Codes to pay an order with: what is missing now, and the order's number where a reference has room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cemacqr import parse_payload

from oms.banks.promptpay import TargetKind, read_payment
from oms.errors import Forbidden, NotFound
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.payments.models import ReceivingAccount
from oms.payments.states import PaymentMethod
from oms.reports.pay_codes import BILL, TRANSFER, message, pay_code, pay_codes
from oms.usecases import derived
from oms.usecases.masters import AccountFacts, create_account
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from tests.shop import small_shop

PHONE = AccountFacts("kb", "KBANK", "123-4-56789-0", "ร้านรวม", "0812345678")
BILLER = AccountFacts("scb", "SCB", "999-9-99999-9", "ร้านรวม", "", True, "", "010555812345600", "scb")


@pytest.fixture
def shop(tx):
    return small_shop(tx)


@pytest.fixture
def made(tx, shop):
    for facts in (PHONE, BILLER, AccountFacts("none", "BBL", "111-1-11111-1", "ร้านรวม")):
        create_account(tx, facts)
    placed = place_order(tx, shop.order((1, 2), confirm=True))
    return tx.session.get_one(Order, placed.order_id)


def codes(tx, order):
    tx.session.flush()
    accounts = tx.session.query(ReceivingAccount).order_by(ReceivingAccount.code)
    return pay_codes(order, derived.read_facts(tx, [order])[order.id].money, accounts)


def test_each_account_that_can_be_paid_by_code_has_one_for_what_is_missing(tx, made):
    found = codes(tx, made)
    assert [(c.account.code, c.kind) for c in found.codes] == [("scb", BILL), ("kb", TRANSFER)]
    bill, transfer = (read_payment(c.payload) for c in found.codes)
    assert (transfer.target.kind, transfer.target.id, transfer.amount) == (TargetKind.PHONE, "0812345678", made.total)
    assert bill.bill.ref1 == "".join(c for c in made.number if c.isalnum())
    assert (bill.bill.ref3, bill.amount) == ("SCB", made.total)
    assert [c.reference for c in found.codes] == [bill.bill.ref1, ""]
    for code in found.codes:
        assert parse_payload(code.payload).amount_decimal == made.total.amount
        assert str(made.total.amount) in str(message(found, code)).replace(",", "")


def test_a_part_that_was_paid_is_not_asked_for_again(tx, made):
    part = Money.satang(15_000)
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, part, ((made.id, part),)))
    assert codes(tx, made).amount == made.total  # a notice is not money
    verify_claim(tx, DecideClaim(claim.claim_id))
    found = codes(tx, made)
    assert [read_payment(c.payload).amount for c in found.codes] == [made.total - part] * 2


def test_nothing_is_asked_for_when_nothing_is_missing_or_somebody_else_collects(tx, made):
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, made.total, ((made.id, made.total),)))
    verify_claim(tx, DecideClaim(claim.claim_id))
    assert codes(tx, made) is None
    with pytest.raises(NotFound) as refusal:
        pay_code(tx, made.id, "1-transfer")
    assert refusal.value.detail_code == "pay_code_gone"


@pytest.mark.parametrize("term", [PaymentTerm.COD, PaymentTerm.MARKETPLACE])
def test_what_somebody_else_collects_is_not_asked_for(tx, shop, term):
    create_account(tx, PHONE)
    placed = place_order(tx, shop.order(payment_term=term, confirm=True))
    assert codes(tx, tx.session.get_one(Order, placed.order_id)) is None


def test_an_account_that_cannot_make_a_code_is_named_with_the_reason(tx, made):
    account = tx.session.query(ReceivingAccount).filter_by(code="kb").one()
    account.promptpay = "021234567"
    found = codes(tx, made)
    assert [c.account.code for c in found.codes] == ["scb"]
    assert "kb" in str(found.problems[0])
    assert "021234567" in str(found.problems[0])


def test_amounts_stay_hidden_from_those_who_may_not_see_them(tx, made, actor):
    key = codes(tx, made).codes[0].key
    assert pay_code(tx, made.id, key).amount == made.total
    with pytest.raises(Forbidden):
        pay_code(replace(tx, actor=actor("warehouse")), made.id, key)
