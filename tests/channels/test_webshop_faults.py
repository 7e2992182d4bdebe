"""Everything that goes wrong on the way to a web shop: told as what it is, nothing is done twice or made up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from oms import clock
from oms.channels.port import Called, ChannelError, ChannelKeys, ChannelSilent, Offer, Shipped
from tests.channels.webshops import ALL, HOUR, IMPATIENT, Ear, Play, on_stage, opened, paged
from views.sandbox.market import State
from views.sandbox.server import running

UNUSABLE = ["500", "cut", "broken", "html", "redirect", "gzip"]


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param, IMPATIENT) as stage:
        stage.channel.check()
        yield stage


def silent(ask: Any) -> ChannelSilent:
    with pytest.raises(ChannelSilent) as silence:
        ask()
    assert silence.value.retryable
    return silence.value


def look(play: Play) -> Any:
    return play.channel.list_changed(clock.now() - HOUR, clock.now() + HOUR)


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_answer_that_cannot_be_used_is_silence_and_asked_once(play, kind):
    made = play.stall.make(pay=True)
    before = len(play.asked)
    play.stall.fail(kind)
    assert silent(lambda: look(play)).reached
    assert len(play.asked) - before == 1, "nobody asks twice by himself"
    assert [n.external_no for n in look(play).news] == [play.no(made.number)]


def test_a_slow_answer_is_given_up(play):
    play.stall.fail("silence", seconds=4)
    began = time.monotonic()
    assert silent(lambda: look(play)).reached
    assert time.monotonic() - began < 3.5


def test_an_answer_that_drips_is_cut_off(play):
    play.stall.make(pay=True)
    play.stall.fail("drip", seconds=0.1)
    began = time.monotonic()
    silent(lambda: look(play))
    assert time.monotonic() - began < 7


def test_too_many_questions_are_waited_for_and_did_nothing(play):
    made = play.stall.make(pay=True)
    play.stall.fail("429")
    silence = silent(lambda: play.channel.ship(Shipped(play.no(made.number), "TH1")))
    assert not silence.reached
    assert silence.retry_after is not None
    assert timedelta(0) < silence.retry_after <= timedelta(seconds=60)
    assert made.state is State.PAID
    play.sandbox.patient = False
    play.stall.fail("429")
    assert silent(lambda: look(play)).retry_after is not None
    play.stall.per_minute = 0
    assert not silent(lambda: look(play)).reached


def test_keys_that_ended_need_a_person(play):
    play.stall.fail("expire_tokens", times=2)
    with pytest.raises(ChannelKeys):
        look(play)
    play.stall.fail("bad_signature", times=2)
    with pytest.raises(ChannelError) as refusal:
        look(play)
    assert isinstance(refusal.value, ChannelKeys) or refusal.value.retryable


def test_fields_nobody_has_heard_of_change_nothing(play):
    play.stall.make(pay=True)
    usual = [n.order for n in look(play).news]
    play.stall.fail("extra")
    assert [n.order for n in look(play).news] == usual


def test_a_server_that_is_not_there_was_certainly_not_asked(play):
    with running(play.sandbox) as url:
        gone = opened(play.code, url, play.sandbox.keys())
    assert not silent(lambda: gone.list_changed(clock.now() - HOUR, clock.now())).reached
    gone.close()


@pytest.mark.parametrize("kind", [pytest.param("silence", marks=pytest.mark.deep), "500", "cut"])
@pytest.mark.parametrize("step", range(4))
def test_shipping_that_was_done_without_an_answer_is_not_done_again(play, kind, step):
    """Whichever of its questions goes unanswered, the next try finishes what is left."""
    made = play.stall.make(pay=True)
    said = Shipped(play.no(made.number), "TH0123456789", "Flash Express", url="https://t.example/1")
    for _ in range(step):
        play.stall.fail("extra")
    play.stall.fail(kind, seconds=2.0 if kind == "silence" else 0)
    try:
        play.channel.ship(said)
    except ChannelSilent:
        play.channel.ship(said)
    play.stall.faults.clear()
    assert (made.state, made.tracking) == (State.SHIPPED, "TH0123456789")
    assert play.stall.tallies["ship"] == 1
    assert len(made.facts.get("notes", [])) <= 1
    assert len(made.facts.get("fulfillments", [])) <= 1


def test_a_cancel_that_was_done_without_an_answer_is_done(play):
    made = play.stall.make(pay=True)
    play.stall.fail("extra")
    play.stall.fail("500")
    try:
        play.channel.cancel(play.no(made.number), "สินค้าหมด")
    except ChannelSilent:
        play.channel.cancel(play.no(made.number), "สินค้าหมด")
    assert made.state is State.CANCELED
    assert play.stall.tallies["cancel"] == 1


def test_stock_that_was_taken_without_an_answer_is_told_again(play):
    listing = paged(play.channel.list_listings)[0]
    offers = [Offer(listing.external_sku, listing.external_id, 7)]
    play.stall.fail("500", times=2)
    silent(lambda: play.channel.push_stock(offers))
    play.stall.faults.clear()
    assert play.channel.push_stock(offers) == {listing.external_id: None}
    assert {x.sku: x.quantity for x in play.stall.listings.values()}[listing.external_sku] == 7


@pytest.fixture
def ear(play) -> Iterator[tuple[Ear, str]]:
    ear = Ear(play.channel)
    with running(ear) as url:
        yield ear, url


def test_a_webhook_says_where_to_look(play, ear):
    heard, url = ear
    made = play.stall.make(pay=True)
    answers = play.sandbox.send_hooks(url, [made.number])
    assert answers
    assert set(answers) == {200}
    assert all(news.trusted for news in heard.heard)
    assert {h.number for news in heard.heard for h in news.hints} == {play.no(made.number)}
    assert all(not news.news for news in heard.heard), "the order itself is read back"


def test_repeats_have_one_key_and_disorder_harms_nobody(play, ear):
    heard, url = ear
    made = play.stall.make(pay=True)
    play.stall.ship(made.number)
    play.sandbox.send_hooks(url, [made.number], times=3, order="reversed")
    told = play.sandbox.hook(made, "ship")
    called = Called(told.headers, told.body)
    assert play.channel.read_webhook(called).key == play.channel.read_webhook(called).key
    assert {h.number for news in heard.heard for h in news.hints} == {play.no(made.number)}


@pytest.mark.parametrize("spoil", ["signature", "body"])
def test_a_forged_or_cut_webhook_is_refused(play, ear, spoil):
    heard, url = ear
    made = play.stall.make(pay=True)
    assert set(play.sandbox.send_hooks(url, [made.number], spoil=spoil)) == {401}
    assert not heard.heard


def test_without_a_secret_nobody_is_believed(play):
    made = play.stall.make(pay=True)
    nobody = play.again(hook_secret="")
    ear = Ear(nobody)
    with running(ear) as url:
        assert set(play.sandbox.send_hooks(url, [made.number])) == {401}
    nobody.close()
