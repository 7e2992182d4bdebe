"""The ground floor: exact money, aware time, machines that refuse with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import clock
from oms.errors import InvalidInput, Problem, TransitionRefused, say
from oms.money import Money
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.rules import MoneyFacts, payment_status
from oms.settings import from_env
from oms.states import Machine, Transition, states


def baht(text: str) -> Money:
    return Money(Decimal(text))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.50", "1234.50"),
        ("฿390", "390"),
        ("890.-", "890"),
        ("650บาท", "650"),
        (" 1,285 บาท ", "1285"),
        ("-5", "-5"),
    ],
)
def test_amounts_are_read_as_people_write_them(text, amount):
    assert Money.parse(text) == baht(amount)


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "NaN", "Infinity", "9" * 30, "=1+1", "๑๒x"])
def test_what_is_no_amount_is_refused_with_its_field(text):
    with pytest.raises(InvalidInput) as refusal:
        Money.parse(text, field="price")
    assert refusal.value.field == "price"


def test_money_refuses_floats_and_rounds_half_up():
    with pytest.raises(TypeError):
        Money(2.675)
    assert baht("2.675") == baht("2.68")
    assert str(baht("1234567.5")) == "1,234,567.50"


@given(st.integers(0, 10**9), st.lists(st.integers(1, 100), min_size=1, max_size=9))
def test_allocating_loses_no_satang(satang, weights):
    shares = Money.satang(satang).allocate(weights)
    assert sum(s.in_satang for s in shares) == satang


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        clock.aware(datetime(2026, 11, 23))
    with clock.at(datetime(2026, 11, 23, 18, 0, tzinfo=UTC)):
        assert clock.today().isoformat() == "2026-11-24"


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"


def test_a_machine_refuses_with_a_sentence_and_changes_nothing():
    locked = lambda door: say("The door is locked") if door.locked else None  # noqa: E731
    machine = Machine(
        "Door",
        initial=Door.OPEN,
        labels={Door.OPEN: "Open", Door.SHUT: "Shut"},
        transitions=[
            Transition("shut", states(Door.OPEN), Door.SHUT, "Shut"),
            Transition("open", states(Door.SHUT), Door.OPEN, "Open", (locked,)),
        ],
    )
    door = SimpleNamespace(status=Door.SHUT, locked=True)
    with pytest.raises(TransitionRefused, match="locked"):
        machine.fire(door, "open")
    assert door.status is Door.SHUT
    assert machine.allowed(door) == []
    door.locked = False
    machine.fire(door, "open")
    assert door.status is Door.OPEN


def test_a_table_with_an_unreachable_state_cannot_be_built():
    with pytest.raises(ValueError, match="nothing reaches"):
        Machine("Door", initial=Door.OPEN, labels={}, transitions=[])


def test_a_sentence_is_translated_first_and_filled_in_afterwards():
    thai = {"Only {left} left": "เหลือ {left} ชิ้น", "Open": "เปิด", "It is {state}": "สถานะ {state}"}
    assert say("Only {left} left", left=3).render(lambda t: thai[t]) == "เหลือ 3 ชิ้น"
    assert say("It is {state}", state=say("Open")).render(lambda t: thai[t]) == "สถานะ เปิด"
    assert say("100% {sure}").render() == "100% {sure}"


def test_every_bad_setting_is_named_at_once(tmp_path):
    with pytest.raises(InvalidInput) as refusal:
        from_env({"OMS_PORT": "x", "DATABASE_URL": "mysql://h", "OMS_DATA_DIR": str(tmp_path)})
    assert len(refusal.value.problems()) == 2
    assert all(isinstance(p, Problem) for p in refusal.value.problems())


def test_the_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    first = from_env({"OMS_DATA_DIR": str(tmp_path)})
    assert from_env({"OMS_DATA_DIR": str(tmp_path)}).secret_key == first.secret_key
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, PaymentStatus.UNPAID),
        ({"claim_waiting": True}, PaymentStatus.PENDING_REVIEW),
        ({"verified": "50"}, PaymentStatus.PARTIAL),
        ({"verified": "50", "claim_waiting": True}, PaymentStatus.PARTIAL),
        ({"verified": "100"}, PaymentStatus.PAID),
        ({"verified": "120"}, PaymentStatus.OVERPAID),
        ({"verified": "120", "refunded": "20"}, PaymentStatus.PARTIALLY_REFUNDED),
        ({"verified": "100", "refunded": "100", "due": "0"}, PaymentStatus.REFUNDED),
        ({"verified": "100", "due": "0"}, PaymentStatus.OVERPAID),
        ({"due": "0"}, PaymentStatus.UNPAID),
        ({"total": "0", "due": "0"}, PaymentStatus.PAID),
        ({"term": PaymentTerm.COD}, PaymentStatus.UNPAID),
        ({"term": PaymentTerm.COD, "term_approved": True}, PaymentStatus.COD_PENDING),
        ({"term": PaymentTerm.MARKETPLACE, "term_approved": True}, PaymentStatus.CREDIT),
        ({"term": PaymentTerm.COD, "term_approved": True, "due": "0"}, PaymentStatus.UNPAID),
    ],
)
def test_the_payment_status_follows_from_amounts(facts, status):
    words = {"total": "100", "due": "100"} | facts
    amounts = {k: baht(v) if k in {"total", "due", "verified", "refunded"} else v for k, v in words.items()}
    assert payment_status(MoneyFacts(**amounts)) is status
