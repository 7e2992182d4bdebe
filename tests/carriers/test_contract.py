"""What every adapter does alike, each against its strict simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from oms.carriers.port import (
    Ability,
    CarrierCannot,
    CarrierExists,
    CarrierKeys,
    CarrierRefused,
    CarrierSilent,
    CarrierTooLate,
    CarrierUnknown,
    LabelSize,
    PickupRequest,
)
from oms.carriers.registry import ADAPTERS, try_out
from oms.money import ZERO
from oms.shipping.states import TrackingStatus
from tests.carriers.play import ALL, BOOKING, COD, SENDER, Play, on_stage, opened, rate_request

T = TrackingStatus


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


booking = pytest.mark.parametrize("play", BOOKING, indirect=True)


def test_its_settings_are_proved_without_cost(play):
    play.carrier.check()
    assert not play.parcels
    assert play.asked == [] or not any("order" in path for path in play.asked)


def test_wrong_keys_are_trouble_with_our_settings(play):
    for name in ADAPTERS[play.code].secret_names:
        if name == "hook_key":
            continue
        wrong = play.again(**{name: "no"})
        with pytest.raises(CarrierKeys) as refusal:
            wrong.check()
        assert not refusal.value.retryable
        with pytest.raises(CarrierKeys):
            wrong.rates(rate_request()) if Ability.RATES in wrong.abilities else wrong.track(["NVTH00000000000001"])
        wrong.close()


def test_an_address_that_cannot_be_used_is_trouble_with_our_settings(play):
    with pytest.raises(CarrierKeys):
        try_out(play.code, "http://example.com", {})


def test_trying_out_tells_the_same(play):
    from tests.carriers.play import SETTINGS

    assert isinstance(try_out(play.code, play.host, SETTINGS[play.code]), str)
    with pytest.raises(CarrierSilent) as silence:
        try_out(play.code, "http://127.0.0.1:9", SETTINGS[play.code])
    assert not silence.value.reached


def test_what_it_cannot_do_it_says(play):
    asks = {
        Ability.BOOK: lambda c: c.book(play.request() if play.code != "thaipost" else None),
        Ability.LABEL: lambda c: c.label("X"), Ability.CANCEL: lambda c: c.cancel("X"),
        Ability.TRACK: lambda c: c.track([]), Ability.WATCH: lambda c: c.watch([]),
        Ability.WEBHOOK: lambda c: c.read_webhook({}, b""), Ability.RATES: lambda c: c.rates(rate_request()),
        Ability.COURIER: lambda c: c.call_courier(PickupRequest("P-1", SENDER, 1)),
    }  # fmt: skip
    for ability, ask in asks.items():
        if not play.can(ability):
            with pytest.raises(CarrierCannot):
                ask(play.carrier)


@booking
def test_a_parcel_is_booked_with_everything_in_the_carriers_units(play):
    made = play.book(play.request(cod=COD, insured=COD))
    assert made.tracking_no in play.parcels
    assert made.label_available
    assert not made.found
    facts = str(play.parcels[made.tracking_no].facts)
    assert "สมชาย ใจดี" in facts
    assert "50210" in facts
    assert {"flash": "'weight': '1250'", "ninjavan": "'weight': 1.25", "shippop": "'weight': 1250"}[play.code] in facts
    cash = {"flash": "'codAmount': '159000'", "ninjavan": "'cash_on_delivery': 1590", "shippop": "'cod_amount': 1590"}
    assert cash[play.code] in facts
    assert play.parcels[made.tracking_no].reference == "SH-001001-1"


@booking
def test_the_same_reference_makes_one_parcel(play):
    first = play.request()
    resume = play.carrier.prepare(first)
    made = play.carrier.book(replace(first, resume=resume))
    again = replace(first, resume=resume, attempt=2)
    if play.code == "flash":
        with pytest.raises(CarrierExists):
            play.carrier.book(again)
    else:
        found = play.carrier.book(again)
        assert found.found
        assert found.tracking_no == made.tracking_no
    assert len(play.parcels) == 1


@booking
def test_two_references_are_two_parcels(play):
    one, other = play.book(play.request("SH-001001-1")), play.book(play.request("SH-001001-2"))
    assert one.tracking_no != other.tracking_no
    assert len(play.parcels) == 2


@booking
def test_a_parcel_that_is_not_there_is_not_found(play):
    asked = play.request(tracking_no="TH0199999999" if play.code == "flash" else "")
    resume = play.carrier.prepare(asked)
    assert play.carrier.find(replace(asked, resume=resume)) is None


@booking
def test_a_refusal_names_what_is_wrong_and_books_nothing(play):
    nowhere = replace(play.request().receiver, postcode="ABC")
    with pytest.raises(CarrierRefused) as refusal:
        play.book(play.request(receiver=nowhere))
    assert not refusal.value.retryable
    assert refusal.value.raw_code
    assert refusal.value.field in {"receiver", "sender"}
    with pytest.raises(CarrierRefused) as refusal:
        play.book(play.request(weight_grams=99_000))
    assert not play.parcels


@booking
def test_the_label_is_a_pdf(play):
    number = play.a_parcel()
    for size in LabelSize:
        assert play.carrier.label(number, size).startswith(b"%PDF-")
    with pytest.raises(CarrierUnknown):
        play.carrier.label("NVTH99999999999999")


@booking
def test_a_parcel_is_canceled_once_and_again_is_fine(play):
    number = play.a_parcel()
    play.carrier.cancel(number)
    play.carrier.cancel(number)
    assert play.parcels[number].stands == "canceled"
    with pytest.raises(CarrierUnknown):
        play.carrier.cancel("NVTH99999999999999")


@booking
def test_a_parcel_that_left_is_not_canceled(play):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered", 2)
    with pytest.raises(CarrierTooLate):
        play.carrier.cancel(number)
    assert play.parcels[number].stands == "in_transit"


def test_nobody_knows_an_unknown_number(play):
    assert play.carrier.track(["NVTH99999999999999"]) == {"NVTH99999999999999": ()}
    assert play.carrier.track([]) == {}


def test_events_are_aware_utc_oldest_first_with_the_carriers_words(play):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered")
    events = play.carrier.track([number])[number]
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert {e.at.tzinfo for e in events} == {UTC}
    steps = play.parcels[number].steps
    assert [e.at for e in events if e.status is not T.CREATED] == [s.at for s in steps]
    assert all(e.raw_code for e in events)
    assert events[-1].status is T.DELIVERED
    assert play.carrier.track([number])[number] == events, "asked again it says the same"


def test_as_many_as_the_limit_says_are_asked_at_once(play):
    limit = play.carrier.track_limit
    numbers = [f"NVTH{n:014d}" for n in range(limit)]
    assert set(play.carrier.track(numbers)) == set(numbers)
    assert len([p for p in play.asked if "check" not in p]) == 1
    with pytest.raises(ValueError, match="at most"):
        play.carrier.track([*numbers, "one more"])


def test_strange_numbers_break_nothing(play):
    for number in ("../../etc", "TH 1/2?x=1&y", "ก" * 40, "a,b", "%2e%2e"):
        assert play.carrier.track([number]) == {number: ()}


@pytest.mark.parametrize("play", [c for c in BOOKING if Ability.RATES in ADAPTERS[c].abilities], indirect=True)
def test_rates_come_cheapest_first(play):
    rates = play.carrier.rates(rate_request())
    assert rates
    assert [r.price for r in rates] == sorted(r.price for r in rates)
    assert all(r.price > ZERO and r.service for r in rates)


def test_too_many_questions_are_waited_for_and_did_nothing(play):
    number = play.a_parcel()
    play.sandbox.book.per_minute = 0
    with pytest.raises(CarrierSilent) as silence:
        play.carrier.track([number])
    assert silence.value.retryable
    assert silence.value.retry_after == timedelta(seconds=7)
    assert not silence.value.reached


def test_a_server_that_is_not_there_was_certainly_not_asked(play):
    nobody = opened(play.code, "http://127.0.0.1:9")
    with pytest.raises(CarrierSilent) as silence:
        nobody.track(["X"])
    assert not silence.value.reached
    nobody.close()
