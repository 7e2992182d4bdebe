"""Facts of a verifier against our accounts and the order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.banks.checking import Expected, OurAccount, Topic, Verdicts, compare, fits, receiver_check, unasked
from oms.banks.verifiers.port import Party, Transfer
from oms.errors import say
from oms.money import Money
from oms.payments.states import Verdict

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SCB = OurAccount(1, "SCB 123-4-55366-7", "014", "123-4-55366-7", promptpay="080-123-4567")
KBANK = OurAccount(
    2, "KBANK 777-1-23456-0", "004", "777-1-23456-0", promptpay="0105558123456", biller_id="010555812345600"
)
WALLET = OurAccount(3, "TrueMoney", "wallet", "0891112222")
CLOSED = OurAccount(4, "BBL 555-0-12345-6", "002", "555-0-12345-6", is_active=False)
ALL = (SCB, KBANK, WALLET, CLOSED)


def paid(satang: int = 159000, at: datetime | None = NOW, **receiver: str) -> Transfer:
    words = {"account": "xxx-x-x5366-x", "bank": "014"} | receiver
    return Transfer("REF", "004", Money.satang(satang), at, receiver=Party(**words))


def due(satang: int | None = 159000, ordered: datetime | None = NOW - timedelta(minutes=12)) -> Expected:
    return Expected(None if satang is None else Money.satang(satang), ordered, NOW, NOW)


def of(verdicts: Verdicts, topic: Topic) -> Verdict:
    return verdicts.of(topic).verdict


def test_everything_right_is_exact():
    verdicts = compare(paid(), due(), ALL)
    assert verdicts.exact
    assert verdicts.account_id == SCB.id
    assert str(verdicts.of(Topic.TIME).why) == "12 minutes after the order"


@pytest.mark.parametrize("satang", [158999, 159001, 1, 9_999_999_999])
def test_one_satang_off_is_a_mismatch(satang):
    verdicts = compare(paid(satang), due(), ALL)
    assert of(verdicts, Topic.AMOUNT) is Verdict.MISMATCH
    assert not verdicts.exact


def test_without_an_order_amount_and_time_are_not_checked():
    verdicts = compare(paid(), due(None, None), ALL)
    assert of(verdicts, Topic.AMOUNT) is of(verdicts, Topic.TIME) is Verdict.NOT_CHECKED
    assert of(verdicts, Topic.RECEIVER) is Verdict.MATCH
    assert not verdicts.exact


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (NOW + timedelta(minutes=4), Verdict.MATCH),
        (NOW + timedelta(minutes=6), Verdict.MISMATCH),
        (NOW - timedelta(hours=2), Verdict.MATCH),
        (NOW - timedelta(hours=2, minutes=13), Verdict.MISMATCH),
        (NOW - timedelta(days=3, seconds=1), Verdict.MISMATCH),
        (None, Verdict.NOT_CHECKED),
    ],
)
def test_time_is_after_the_order_recent_and_not_in_the_future(at, verdict):
    assert of(compare(paid(at=at), due(), ALL), Topic.TIME) is verdict


def test_an_old_slip_is_old_even_for_an_old_order():
    verdicts = compare(paid(at=NOW - timedelta(days=4)), due(ordered=NOW - timedelta(days=9)), ALL)
    assert of(verdicts, Topic.TIME) is Verdict.MISMATCH


@pytest.mark.parametrize(
    ("receiver", "verdict", "account"),
    [
        ({}, Verdict.MATCH, 1),
        ({"bank": ""}, Verdict.MATCH, 1),
        ({"account": "1234553667"}, Verdict.MATCH, 1),
        ({"bank": "002"}, Verdict.MISMATCH, None),
        ({"account": "xxx-x-x5367-x"}, Verdict.MISMATCH, None),
        ({"account": "xxx-x-x66-x"}, Verdict.NOT_CHECKED, None),
        ({"account": "xxx-x-xxxxx-x"}, Verdict.NOT_CHECKED, None),
        ({"account": ""}, Verdict.NOT_CHECKED, None),
        ({"account": "xxxxxxx-x-x5366-x"}, Verdict.NOT_CHECKED, None),
        ({"account": "xxxxxxx-x-x5366-x", "bank": "030"}, Verdict.MISMATCH, None),
        ({"account": "xxx-x-x1234-x", "bank": "002"}, Verdict.MISMATCH, None),
        ({"account": "", "bank": "", "proxy_type": "MSISDN", "proxy": "xxx-xxx-4567"}, Verdict.MATCH, 1),
        ({"account": "", "bank": "", "proxy_type": "MSISDN", "proxy": "xxxxxxxxx4567"}, Verdict.MATCH, 1),
        ({"account": "", "bank": "", "proxy_type": "MSISDN", "proxy": "xxx-xxx-4568"}, Verdict.MISMATCH, None),
        ({"account": "", "bank": "", "proxy_type": "NATID", "proxy": "x-xxxx-xxxx3-45-6"}, Verdict.MATCH, 2),
        ({"account": "", "bank": "", "proxy_type": "BILLERID", "proxy": "XXXXXXXXXXX5600"}, Verdict.MATCH, 2),
        ({"account": "", "bank": "", "proxy_type": "EWALLETID", "proxy": "140-xxxxxxxx-2222"}, Verdict.MATCH, 3),
        ({"account": "", "bank": "", "proxy_type": "EMAIL", "proxy": "s***@mail.co"}, Verdict.NOT_CHECKED, None),
        # the phone could be ours, the account number cannot: a person looks
        ({"account": "xxx-x-x9999-x", "proxy_type": "MSISDN", "proxy": "xxx-xxx-4567"}, Verdict.NOT_CHECKED, None),
        # nobody registered an e-mail; a biller of the same bank is another's
        ({"account": "", "bank": "", "proxy_type": "BILLERID", "proxy": "XXXXXXXXXXX9999"}, Verdict.MISMATCH, None),
    ],
)  # fmt: skip
def test_the_receiver_is_one_of_our_accounts(receiver, verdict, account):
    check, found = receiver_check(paid(**receiver).receiver, ALL)
    assert (check.verdict, found) == (verdict, account)


def test_money_to_a_closed_account_of_ours_is_a_mismatch_that_says_so():
    check, found = receiver_check(Party(account="xxx-x-x2345-x", bank="002"), ALL)
    assert (check.verdict, found) == (Verdict.MISMATCH, None)
    assert "closed" in str(check.why)


def test_a_mask_that_fits_two_accounts_is_ours_but_of_no_certain_account():
    twin = OurAccount(9, "SCB 2", "014", "999-9-95366-9")
    check, found = receiver_check(paid().receiver, (SCB, twin))
    assert (check.verdict, found) == (Verdict.MATCH, None)


def test_a_kind_of_number_nobody_registered_proves_nothing():
    receiver = Party(bank="014", proxy_type="BILLERID", proxy="XXXXXXXXXXX9999")
    assert receiver_check(receiver, (SCB, WALLET))[0].verdict is Verdict.NOT_CHECKED


def test_no_register_proves_nothing():
    assert receiver_check(paid().receiver, ())[0].verdict is Verdict.NOT_CHECKED


def test_without_an_answer_nothing_is_a_match():
    verdicts = unasked(say("The service does not answer"))
    assert {c.verdict for c in verdicts.checks} == {Verdict.NOT_CHECKED}
    assert not verdicts.exact


digits = st.text("0123456789", min_size=4, max_size=15)


@st.composite
def masked(draw):
    """A number and one of its masks that shows at least three digits, with separators anywhere."""
    number = draw(digits)
    shown = draw(st.sets(st.integers(0, len(number) - 1), min_size=3))
    mask = [c if i in shown else draw(st.sampled_from("xX*•")) for i, c in enumerate(number)]
    for place in sorted(draw(st.sets(st.integers(0, len(mask)), max_size=4)), reverse=True):
        mask.insert(place, draw(st.sampled_from("- .")))
    return number, shown, "".join(mask)


@given(masked())
def test_a_number_always_fits_its_own_mask(case):
    number, _, mask = case
    assert fits(mask, number) is True
    assert fits(mask, "-".join(number)) is True


@given(masked(), st.data())
def test_another_digit_where_the_mask_shows_one_never_fits(case, data):
    number, shown, mask = case
    place = data.draw(st.sampled_from(sorted(shown)))
    other = data.draw(st.sampled_from([c for c in "0123456789" if c != number[place]]))
    assert fits(mask, number[:place] + other + number[place + 1 :]) is False


@given(masked(), st.text("0123456789", min_size=1, max_size=3))
def test_another_length_never_fits(case, more):
    number, _, mask = case
    assert fits(mask, number + more) is False


@given(st.text(), st.text())
def test_any_text_gets_an_answer_and_only_numbers_fit(mask, number):
    answer = fits(mask, number)
    assert answer in {True, False, None}
    if answer:
        assert sum(c in "0123456789" for c in mask) >= 3


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_amounts_match_exactly_when_they_are_equal(paid_satang, due_satang):
    verdict = of(compare(paid(paid_satang), due(due_satang), ALL), Topic.AMOUNT)
    assert (verdict is Verdict.MATCH) == (paid_satang == due_satang)
