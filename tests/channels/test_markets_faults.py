"""Everything that goes wrong on the way to a marketplace: nothing is done twice, nothing is made up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from oms import clock
from oms.channels.port import Ability, ChannelError, ChannelExpired, ChannelKeys, ChannelSilent, Grant, Offer, Shipped
from oms.channels.registry import CONNECTORS, opening
from tests.channels.markets import ALL, IMPATIENT, PLATFORMS, Play, on_stage, pages, yesterday
from tests.channels.test_markets_contract import able
from views.sandbox.market import State

A = Ability
UNUSABLE = ["500", "cut", "broken", "html", "list", "redirect", "gzip"]
GRANTED = [code for code in ALL if A.GRANT in CONNECTORS[code].abilities]
granted = pytest.mark.parametrize("play", GRANTED, indirect=True)


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param, IMPATIENT) as stage:
        yield stage


def silent(ask: Callable[[], Any]) -> ChannelSilent:
    with pytest.raises(ChannelSilent) as silence:
        ask()
    assert silence.value.retryable
    return silence.value


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_answer_that_cannot_be_used_is_silence_and_asked_once(play, kind):
    number = play.order().number
    before = len(play.asked)
    play.stall.fail(kind)
    silence = silent(lambda: play.channel.refresh([number]))
    assert silence.reached
    assert str(silence)
    assert len(play.asked) - before == 1, "nobody asks twice by himself"
    assert play.told(number).order is not None


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_list_that_cannot_be_read_is_never_an_empty_one(play, kind):
    play.order(placed_at=yesterday())
    play.stall.fail(kind, times=9)
    silent(lambda: play.changed(yesterday(-1), clock.now()))


def test_a_slow_answer_is_given_up(play):
    number = play.order().number
    play.stall.fail("silence", seconds=2.0)
    began = time.monotonic()
    assert silent(lambda: play.channel.refresh([number])).reached
    assert time.monotonic() - began < 1.9


def test_too_many_questions_did_nothing_and_say_how_long_to_wait(play):
    number = play.order().number
    play.stall.per_minute = 0
    silence = silent(lambda: play.channel.refresh([number]))
    assert not silence.reached
    assert silence.retry_after == timedelta(seconds=7)
    play.sandbox.retry_after = ""
    silence = silent(lambda: play.channel.refresh([number]))
    assert not silence.reached
    assert silence.retry_after == timedelta(minutes=1)


def test_an_answer_that_says_our_signature_is_wrong_is_trouble_with_our_settings(play):
    number = play.order().number
    play.stall.fail("bad_signature")
    with pytest.raises(ChannelKeys):
        play.channel.refresh([number])


@granted
def test_a_clock_that_is_wrong_is_trouble_with_our_settings(play):
    number = play.order().number
    for minutes in (-180, 180):
        with clock.at(clock.now() + timedelta(minutes=minutes)), pytest.raises(ChannelKeys) as refusal:
            play.channel.refresh([number])
        assert "clock" in str(refusal.value)


@granted
def test_access_that_ended_is_renewed_and_the_question_asked_again(play):
    number = play.order().number
    play.stall.fail("expire_tokens")
    with pytest.raises(ChannelExpired):
        play.channel.refresh([number])
    renewed = play.channel.renew(play.grant)
    assert renewed.access != play.grant.access
    assert renewed.refresh not in {"", play.grant.refresh}
    assert renewed.facts == play.grant.facts
    assert clock.now() < renewed.until < renewed.refresh_until
    later = play.again(renewed)
    assert [n.external_no for n in later.refresh([number])] == [number]
    later.close()


@granted
def test_a_renewing_token_works_once(play):
    first = play.channel.renew(play.grant)
    with pytest.raises(ChannelKeys) as refusal:
        play.channel.renew(play.grant)
    assert not refusal.value.retryable
    assert play.sandbox.grants.raced == 1
    second = play.channel.renew(first)
    assert second.access != first.access
    with pytest.raises(ChannelKeys):
        play.channel.renew(Grant("a", "nonsense", facts=play.grant.facts))
    with pytest.raises(ChannelKeys):
        play.channel.renew(Grant(""))


@granted
@pytest.mark.parametrize("kind", [*UNUSABLE, "429"])
def test_a_renewal_without_an_answer_is_silence(play, kind):
    play.stall.fail(kind)
    silent(lambda: play.channel.renew(play.grant))


@granted
def test_a_seller_lets_us_in_by_the_browser(play):
    kind = CONNECTORS[play.code]
    callback = "http://127.0.0.1:9/channels/callback"
    address = kind.consent.address(play.host, PLATFORMS[play.code].settings, callback, "state-1")
    answer = httpx.get(address, trust_env=False)
    assert answer.status_code in {301, 302, 303}
    back = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert answer.headers["location"].startswith(callback)
    assert back["state"] == "state-1"
    door = opening(play.code, play.host, PLATFORMS[play.code].settings)
    grant = kind.consent.exchange(door, back)
    assert grant.facts == play.grant.facts
    mine = play.again(grant)
    assert mine.check()
    mine.close()
    with pytest.raises(ChannelError):
        kind.consent.exchange(door, back)
    with pytest.raises(ChannelError):
        kind.consent.exchange(door, {})
    door.transport.close()


DEEDS: dict[str, tuple[Ability, Callable[[Play, str], Any], State]] = {
    "accept": (A.ACCEPT, lambda p, n: p.channel.accept(n), State.ACCEPTED),
    "cancel": (A.CANCEL, lambda p, n: p.channel.cancel(n, "customer"), State.CANCELED),
    "ship": (A.SHIP, lambda p, n: p.channel.ship(Shipped(n, "ED123456789TH", "Thailand Post")), State.SHIPPED),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("kind", ["500", "cut", "broken", "html"])
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_deed_that_was_done_without_an_answer_is_done_once(play, deed, kind, skip):
    ability, do, ends = DEEDS[deed]
    if not play.can(ability):
        pytest.skip("not by its interface")
    number = play.order().number
    for _ in range(skip):
        play.stall.fail("none")
    play.stall.fail(kind)
    with suppress(ChannelSilent):
        do(play, number)
    play.stall.faults.clear()
    do(play, number)
    state = play.stall.get(number).state
    assert state is ends or (deed == "ship" and state is State.ACCEPTED)
    assert play.stall.tallies.get("accept", 0) <= 1
    assert play.stall.tallies.get("ship", 0) <= 1
    assert play.stall.tallies.get("cancel", 0) <= 1


@able(A.STOCK)
def test_stock_that_may_have_been_set_is_said_again(play):
    found = list(pages(play.channel.list_listings, "listings"))[:3]
    wanted = [Offer(x.external_sku, x.external_id, 7) for x in found]
    play.stall.fail("500")
    answers = play.channel.push_stock(wanted)
    assert any(isinstance(a, ChannelSilent) for a in answers.values())
    assert all(a is None or a.retryable for a in answers.values())
    assert set(play.channel.push_stock(wanted).values()) == {None}
    assert {play.stall.listing_of(o.external_sku).quantity for o in wanted} == {7}


@able(A.STOCK)
def test_stock_is_not_half_said_when_access_ends(play):
    found = list(pages(play.channel.list_listings, "listings"))[:3]
    wanted = [Offer(x.external_sku, x.external_id, 7) for x in found]
    if play.code not in GRANTED:
        pytest.skip("its key does not end")
    play.sandbox.grants.expire()
    with pytest.raises(ChannelExpired):
        play.channel.push_stock(wanted)
    assert play.stall.pushes == []
