"""Everything that goes wrong on the way, with every adapter: nothing is booked twice, nothing is made up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from oms.carriers.port import BookingRequest, CarrierError, CarrierExists, CarrierKeys, CarrierRefused, CarrierSilent
from tests.carriers.play import ALL, BOOKING, Play, on_stage, opened

UNUSABLE = ["500", "cut", "broken", "html", "list", "redirect", "huge", "gzip"]


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        stage.carrier.check()  # a token is there, so that the question itself goes wrong
        yield stage


booking = pytest.mark.parametrize("play", BOOKING, indirect=True)


def prepared(play: Play, reference: str = "SH-001001-1") -> BookingRequest:
    asked = play.request(reference)
    return replace(asked, resume=play.carrier.prepare(asked))


def silent(ask: Any) -> CarrierSilent:
    with pytest.raises(CarrierSilent) as silence:
        ask()
    assert silence.value.retryable
    return silence.value


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_answer_that_cannot_be_used_is_silence_and_asked_once(play, kind):
    number = play.a_parcel()
    before = len(play.asked)
    play.sandbox.book.fail(kind)
    silence = silent(lambda: play.carrier.track([number]))
    assert silence.reached
    assert str(silence)
    assert len(play.asked) - before == 1, "nobody asks twice by himself"
    assert play.carrier.track([number]) is not None


def test_a_slow_answer_is_given_up(play):
    number = play.a_parcel()
    play.sandbox.book.fail("silence", seconds=1.8)
    began = time.monotonic()
    assert silent(lambda: play.carrier.track([number])).reached
    assert time.monotonic() - began < 1.7


def test_an_answer_that_drips_is_cut_off(play):
    number = play.a_parcel()
    play.sandbox.book.fail("drip", seconds=0.1)
    began = time.monotonic()
    silent(lambda: play.carrier.track([number]))
    assert time.monotonic() - began < 5


def test_fields_nobody_has_heard_of_change_nothing(play):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered")
    usual = play.carrier.track([number])
    play.sandbox.book.fail("extra")
    assert play.carrier.track([number]) == usual


def test_an_answer_that_says_our_signature_is_wrong_is_trouble_with_our_settings(play):
    number = play.a_parcel()
    play.sandbox.book.fail("bad_signature", times=3)  # a refused token is tried once more with a new one
    with pytest.raises(CarrierKeys):
        play.carrier.track([number]) if play.code != "shippop" else play.carrier.label(number)


@booking
@pytest.mark.parametrize("kind", [*UNUSABLE, "silence"])
def test_a_booking_that_was_made_without_an_answer_is_looked_up_and_not_made_again(play, kind):
    asked = prepared(play)
    play.sandbox.book.fail(kind, seconds=1.8 if kind == "silence" else 0)
    assert silent(lambda: play.carrier.book(asked)).reached
    assert len(play.parcels) == 1, "the carrier did the work"
    again = replace(asked, attempt=2)
    if play.code == "flash":
        for _ in range(2):
            with pytest.raises(CarrierExists) as exists:
                play.carrier.book(again)
            assert not exists.value.retryable
    else:
        found = play.carrier.book(again)
        assert (found.tracking_no, found.found) == (next(iter(play.parcels)), True)
    assert len(play.parcels) == 1


@booking
@pytest.mark.parametrize("kind", ["500", "silence", "html"])
def test_a_booking_that_never_was_is_made_by_the_next_try(play, kind):
    asked = prepared(play)
    play.sandbox.book.fail(kind, after=False, seconds=1.8 if kind == "silence" else 0)
    silent(lambda: play.carrier.book(asked))
    if kind == "silence":  # the server was slow and did it all the same
        time.sleep(1.2)
    else:
        assert not play.parcels
        assert not play.carrier.book(replace(asked, attempt=2)).found
    assert len(play.parcels) == 1


@booking
def test_a_booking_refused_for_too_many_questions_was_not_made(play):
    asked = prepared(play)
    play.sandbox.book.fail("429")
    assert not silent(lambda: play.carrier.book(asked)).reached
    assert not play.parcels
    play.carrier.book(asked)
    assert len(play.parcels) == 1


@pytest.mark.parametrize("play", ["flash"], indirect=True)
@pytest.mark.parametrize("kind", ["500", "silence", "cut"])
def test_a_number_of_ours_lets_flash_be_asked_what_happened(play, kind):
    asked = replace(prepared(play), tracking_no="TH0199900017")
    play.sandbox.book.fail(kind, seconds=1.8 if kind == "silence" else 0)
    silent(lambda: play.carrier.book(asked))
    orders = play.asked.count("/open/v3/ordersByMchPno")
    found = play.carrier.book(replace(asked, attempt=2))
    assert (found.tracking_no, found.found) == ("TH0199900017", True)
    assert play.asked.count("/open/v3/ordersByMchPno") == orders, "it was looked up, not asked again"


@pytest.mark.parametrize("play", ["flash"], indirect=True)
def test_a_lost_try_of_the_same_number_that_comes_first_is_found_by_the_refusal(play):
    asked = replace(prepared(play), tracking_no="TH0199900017")
    play.carrier.book(asked)
    assert play.carrier.book(asked).found, "the first try of a process that forgot"
    assert len(play.parcels) == 1


@pytest.mark.parametrize("play", ["ninjavan"], indirect=True)
def test_without_a_prefix_ninja_van_cannot_be_asked_and_nothing_is_booked_twice(play):
    asked = prepared(play)
    bare = play.again(prefix="")
    long = replace(asked, tracking_no="SH0010011ABCDE")
    bare.book(long)
    with pytest.raises(CarrierExists):
        bare.book(replace(long, attempt=2))
    assert len(play.parcels) == 1
    bare.close()


@pytest.mark.parametrize("play", ["ninjavan"], indirect=True)
def test_the_number_of_another_order_is_not_taken_for_ours(play):
    play.carrier.book(replace(prepared(play), tracking_no="ABCDEF12345678"))
    with pytest.raises(CarrierRefused) as refusal:
        play.carrier.book(replace(prepared(play, "SH-002002-1"), tracking_no="ABCDEF12345678"))
    assert refusal.value.field == "tracking_no"
    assert len(play.parcels) == 1


@pytest.mark.parametrize("play", ["shippop"], indirect=True)
def test_shippop_pays_once_whatever_is_lost_between_the_halves(play):
    lost = play.carrier.prepare(play.request())  # never kept: unpaid, binds nobody
    asked = prepared(play)
    assert asked.resume != lost
    play.sandbox.book.fail("silence", seconds=1.8)
    silent(lambda: play.carrier.book(asked))
    for attempt in (2, 3, 4):
        assert play.carrier.book(replace(asked, attempt=attempt)).found
    assert len(play.parcels) == 1
    assert [p["paid"] for p in play.sandbox.purchases.values()] == [False, True]


@pytest.mark.parametrize("play", ["shippop"], indirect=True)
def test_a_number_that_comes_late_is_waited_for_without_paying_again(play):
    asked = prepared(play)
    play.sandbox.late = 2
    assert silent(lambda: play.carrier.book(asked)).retry_after
    assert silent(lambda: play.carrier.book(replace(asked, attempt=2))).raw_code == "booked"
    found = play.carrier.book(replace(asked, attempt=3))
    assert (found.tracking_no, found.found) == (next(iter(play.parcels)), True)
    assert play.asked.count("/confirm/") == 1


@pytest.mark.parametrize("play", ["shippop"], indirect=True)
def test_a_carrier_that_refuses_after_the_purchase_books_nothing(play):
    nowhere = replace(play.request().receiver, line="ที่อยู่ที่ไม่รับ")
    asked = replace(play.request(receiver=nowhere))
    asked = replace(asked, resume=play.carrier.prepare(asked))
    with pytest.raises(CarrierRefused, match="Invalid Address"):
        play.carrier.book(asked)
    assert not play.parcels


@pytest.mark.parametrize("play", ["thaipost", "ninjavan"], indirect=True)
def test_a_token_is_asked_for_once_and_again_only_when_it_is_refused(play):
    number = play.a_parcel()
    tokens = [c for c in play.sandbox.book.calls if "token" in c.path]
    for _ in range(3):
        play.carrier.track([number])
    assert len([c for c in play.sandbox.book.calls if "token" in c.path]) == len(tokens)
    play.sandbox.book.fail("expire_tokens")
    play.carrier.track([number])
    assert len([c for c in play.sandbox.book.calls if "token" in c.path]) == len(tokens) + 1


@pytest.mark.parametrize("play", ["thaipost"], indirect=True)
def test_the_day_s_questions_used_up_are_waited_for(play):
    play.sandbox.a_day = play.sandbox.asked_today
    assert not silent(lambda: play.carrier.track(["ED852942182TH"])).reached


@pytest.mark.parametrize("play", ["ninjavan"], indirect=True)
def test_no_right_to_print_stops_no_account(play):
    number = play.a_parcel()
    play.sandbox.may_print = False
    with pytest.raises(CarrierError) as refusal:
        play.carrier.label(number)
    assert refusal.value.code == "carrier_cannot"


@booking
@pytest.mark.parametrize("kind", ["list", "cut", "500"])
def test_a_label_that_is_no_whole_pdf_is_none(play, kind):
    number = play.a_parcel()
    play.sandbox.book.fail(kind, times=2)  # Shippop is asked for the parcel first
    silent(lambda: play.carrier.label(number))


def test_a_wrong_address_of_the_server_is_silence(play):
    lost = opened(play.code, play.host.replace("127.0.0.1", "localhost") + "/nowhere")
    with pytest.raises(CarrierError):
        lost.track(["NVTH00000000000001"])
    lost.close()
