"""Every adapter against its strict simulator, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta

import httpx
import pytest

from oms import clock
from oms.banks.verifiers.port import Question, Quota, Transfer, answer_of
from oms.banks.verifiers.registry import PROVIDERS, open_verifier
from oms.errors import InvalidInput
from oms.money import Money
from oms.net.silence import Silence
from oms.payments.states import CheckOutcome as Out
from tests.banks.play import BANKS, MINUTES, PAID_AT, PORTALS, SETTINGS, Play, on_stage, transfer

UNKNOWN = Question("004", "NOBODYKNOWS", "")


@pytest.fixture(params=PORTALS + BANKS)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


def of(provider: str):
    return pytest.mark.parametrize("play", [provider] if isinstance(provider, str) else provider, indirect=True)


def test_a_known_transfer_comes_back_with_every_fact(play):
    answer = play.ask(play.known())
    assert answer.outcome is Out.FOUND
    found = answer.transfer
    assert (found.reference, found.sending_bank) == ("015073144041ATF00999", "004")
    assert found.amount == Money.satang(159025)
    assert found.paid_at == PAID_AT
    assert found.paid_at.tzinfo is UTC
    assert (found.receiver.bank, found.receiver.account) == ("014", "xxx-x-x5366-x")
    assert found.receiver.name
    assert found.sender.account == "xxx-x-x9866-x"
    assert Transfer.from_facts(found.as_facts()) == found


def test_proxies_are_told(play):
    found = play.ask(play.known(proxy_type="MSISDN", proxy="xxx-xxx-4567")).transfer
    assert (found.receiver.proxy_type, found.receiver.proxy) == ("MSISDN", "xxx-xxx-4567")


def test_an_account_that_is_a_token_is_no_account_number(play):
    found = play.ask(play.known(account_type="TOKEN", receiver_account="1234567890")).transfer
    assert not found.receiver.account


def test_an_unknown_transfer_is_not_found(play):
    asked = play.known()
    play.sandbox.book.entries.clear()
    assert play.ask(asked).outcome is Out.NOT_FOUND


def test_a_wrong_key_is_trouble_with_our_settings(play):
    secret = PROVIDERS[play.provider].secret_names[0]
    wrong = replace(play, verifier=play.again(**{secret: "no"}))
    answer = wrong.ask(play.known())
    assert answer.outcome is Out.REFUSED
    assert answer.transfer is None
    with pytest.raises(Silence) as silence:
        wrong.verifier.quota()
    assert answer_of(silence.value).outcome is Out.REFUSED
    wrong.verifier.close()


@pytest.mark.parametrize("kind", ["500", "cut", "broken", "html", "list", "redirect", "huge", "gzip", "nan"])
def test_an_answer_that_cannot_be_used_is_no_answer_and_may_have_counted(play, kind):
    asked = play.known()
    if play.provider in BANKS:
        play.verifier.quota()  # the token is there, so that the question itself goes wrong
    play.sandbox.book.fail(kind)
    answer = play.ask(asked)
    assert answer.outcome is Out.UNAVAILABLE
    assert answer.transfer is None
    assert answer.reached
    assert play.asked == 1, "nobody asks twice by himself"


def test_a_time_out_after_the_work_was_done_may_have_counted(play):
    asked = play.known()
    if play.provider in BANKS:
        play.verifier.quota()
    play.sandbox.book.fail("silence", seconds=1.8)
    began = time.monotonic()
    answer = play.ask(asked)
    assert answer.outcome is Out.UNAVAILABLE
    assert answer.reached
    assert time.monotonic() - began < 1.7


def test_an_answer_that_drips_is_cut_off(play):
    asked = play.known()
    if play.provider in BANKS:
        play.verifier.quota()
    play.sandbox.book.fail("drip", seconds=0.05)
    began = time.monotonic()
    assert play.ask(asked).outcome is Out.UNAVAILABLE
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_was_certainly_not_asked():
    verifier = open_verifier("slipok", "http://127.0.0.1:9", SETTINGS["slipok"])
    answer = Play("slipok", None, "", verifier).ask(UNKNOWN)
    assert (answer.outcome, answer.reached) == (Out.UNAVAILABLE, False)
    verifier.close()


def test_too_many_questions_are_waited_for(play):
    asked = play.known()
    if play.provider in BANKS:
        play.verifier.quota()
    play.sandbox.book.fail("429")
    assert play.ask(asked).outcome is Out.UNAVAILABLE
    play.sandbox.book.per_minute = 0
    answer = play.ask(asked)
    assert answer.outcome is Out.UNAVAILABLE
    if play.provider != "easyslip":
        assert answer.retry_after == timedelta(seconds=7)


def test_fields_nobody_has_heard_of_change_nothing(play):
    asked = play.known()
    if play.provider in BANKS:
        play.verifier.quota()
    play.sandbox.book.fail("extra")
    assert play.ask(asked).transfer.amount == Money.satang(159025)


def test_an_answer_about_another_transfer_keeps_its_reference(play):
    asked = play.known()
    if play.provider in BANKS:
        play.verifier.quota()
    play.sandbox.book.fail("other_transfer")
    answer = play.ask(asked)
    assert answer.transfer is None or answer.transfer.reference != asked.reference


def test_what_is_left_is_told_and_proves_the_settings(play):
    play.sandbox.book.quota = 41
    quota = play.verifier.quota()
    assert quota == Quota() if play.provider in BANKS else quota.left == 41


@of(list(PORTALS))
def test_an_empty_package_is_said(play):
    play.sandbox.book.quota = 0
    answer = play.ask(play.known())
    assert answer.outcome is Out.QUOTA


@of(list(PORTALS))
def test_a_code_that_is_no_slip_is_unreadable_there(play):
    asked = replace(play.known(), qr_payload="00020101021129370016A000000677010111")
    assert play.ask(asked).outcome is Out.UNREADABLE


@of(list(PORTALS))
def test_a_slip_asked_about_twice_is_told_as_used_with_its_facts(play):
    asked = play.known()
    assert play.ask(asked).outcome is Out.FOUND
    for _ in range(2):
        answer = play.ask(asked)
        assert answer.outcome is Out.USED_BEFORE
        assert answer.transfer.amount == Money.satang(159025)


@of(["slipok", "slip2go"])
@pytest.mark.parametrize(("kind", "outcome"), [("receiver", Out.WRONG_RECEIVER), ("amount", Out.MISMATCH_AMOUNT)])
def test_a_rejection_that_carries_the_slip_is_still_a_rejection(play, kind, outcome):
    play.sandbox.book.fail(kind)
    answer = play.ask(play.known())
    assert answer.outcome is outcome
    assert answer.transfer.amount == Money.satang(159025)


@of("slipok")
def test_slipok_waits_a_quarter_of_an_hour_for_a_bank_and_as_long_as_a_delay_says(play):
    asked = play.known()
    play.sandbox.book.fail("bank_down")
    down = play.ask(asked)
    assert (down.outcome, down.code, down.retry_after) == (Out.PENDING, "1009", MINUTES[15])
    play.sandbox.book.fail("delay", minutes=7)
    late = play.ask(asked)
    assert (late.outcome, late.code, late.retry_after) == (Out.PENDING, "1010", MINUTES[7])
    assert play.ask(asked).outcome is Out.FOUND


@of("slipok")
def test_slipok_is_asked_to_log_and_never_told_the_amount(play):
    asked = play.known()
    play.ask(asked)
    assert play.sandbox.book.remembered == {(asked.sending_bank, asked.reference)}


@of("slipok")
def test_a_package_that_ended_and_a_branch_that_is_not_there_are_settings(play):
    play.sandbox.package_ended = True
    answer = play.ask(play.known())
    assert (answer.outcome, answer.code) == (Out.REFUSED, "1003")
    elsewhere = play.again(branch_id="999")
    assert replace(play, verifier=elsewhere).ask(play.known()).code == "1001"
    elsewhere.close()


@of("easyslip")
def test_easyslip_is_asked_again_about_fresh_slips(play):
    asked = play.known()
    play.sandbox.book.fail("pending")
    pending = play.ask(asked)
    assert (pending.outcome, pending.retry_after) == (Out.PENDING, MINUTES[3])
    play.sandbox.book.entries.clear()
    assert play.ask(asked).retry_after == MINUTES[3]
    play.sandbox.book.fail("bank_down")
    assert play.ask(asked).outcome is Out.UNAVAILABLE


@of(list(BANKS))
def test_a_bank_that_is_down_is_no_answer(play):
    asked = play.known()
    play.verifier.quota()
    play.sandbox.book.fail("bank_down")
    assert play.ask(asked).outcome is Out.UNAVAILABLE


@of(list(BANKS))
def test_one_token_serves_many_questions_and_is_fetched_again_when_it_ended(play):
    asked = play.known()
    for _ in range(3):
        assert play.ask(asked).outcome is Out.FOUND
    tokens = [c for c in play.sandbox.book.calls if "oauth" in c.path]
    assert len(tokens) == 1
    play.sandbox.book.fail("expire_tokens")
    assert play.ask(asked).outcome is Out.FOUND
    assert sum("oauth" in c.path for c in play.sandbox.book.calls) == 2


@of(list(BANKS))
def test_a_token_is_renewed_shortly_before_it_ends(play):
    asked = play.known()
    play.ask(asked)
    with clock.at(clock.now() + timedelta(seconds=play.sandbox.life - 30)):
        play.ask(asked)
    assert sum("oauth" in c.path for c in play.sandbox.book.calls) == 2


@of(list(BANKS))
def test_a_bank_silent_at_the_door_was_certainly_not_asked(play):
    play.sandbox.book.fail("silence", seconds=1.8)
    answer = play.ask(play.known())
    assert (answer.outcome, answer.reached) == (Out.UNAVAILABLE, False)


@of("scb")
def test_scb_names_its_other_refusals_by_code_and_a_person_looks(play):
    answer = play.ask(replace(play.known(), sending_bank=""))
    assert answer.outcome is Out.UNREADABLE
    assert answer.code == "4005"


def test_amounts_that_are_no_satang_are_not_rounded(play):
    from decimal import Decimal

    asked = play.known(amount=Decimal("1590.255"))
    assert play.ask(asked).outcome is Out.UNAVAILABLE


def test_addresses_must_be_https_or_this_machine():
    for host in ("http://api.slipok.com", "ftp://127.0.0.1", "https://", "https://a@b.c", "nonsense", "https://x:y"):
        with pytest.raises(InvalidInput) as refusal:
            open_verifier("slipok", host, SETTINGS["slipok"])
        assert refusal.value.field == "host"


def test_a_simulator_shows_its_books_without_secrets():
    with on_stage("slipok") as play:
        play.ask(play.known())
        answer = httpx.get(f"{play.host.removesuffix('/api/line/apikey')}/_books", trust_env=False)
        books = answer.json()
    assert books["transfers"][0]["reference"] == transfer().reference
    assert [c["said"] for c in books["calls"]] == ["200"]
    assert "SLIPOK-key" not in answer.text
