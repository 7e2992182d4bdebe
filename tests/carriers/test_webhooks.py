"""Webhooks: signed as the real ones are, forged, cut, repeated, out of order, and sent to a server of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from werkzeug.wrappers import Request, Response

from oms.carriers.port import WebhookNews, WebhookRefused
from oms.shipping.states import TrackingStatus
from tests.carriers.play import ALL, Play, on_stage
from views.sandbox.server import running

T = TrackingStatus


class Ear:
    """A server of ours that hears webhooks."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.heard: list[WebhookNews] = []
        self.refused: list[WebhookRefused] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        try:
            news = self.play.carrier.read_webhook(dict(request.headers), request.get_data())
        except WebhookRefused as refusal:
            self.refused.append(refusal)
            return Response(status=refusal.http_status)(environ, start)
        self.heard.append(news)
        answer = news.answer
        return Response(answer.body, status=answer.status, content_type=answer.content_type)(environ, start)


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


@pytest.fixture
def ear(play) -> Iterator[tuple[Ear, str]]:
    ear = Ear(play)
    with running(ear) as url:
        yield ear, url


def test_every_step_is_told_taken_and_answered_as_the_carrier_wants(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered")
    assert play.sandbox.send_hooks(url, number) == [200] * 4
    assert all(row["accepted"] for row in play.sandbox.book.hooks)
    names = {play.parcels[number].number, play.parcels[number].code}
    assert {news.parcels[0].tracking_no for news in heard.heard} <= names
    assert len({news.key for news in heard.heard}) == (4 if play.code != "shippop" else len(heard.heard))


def test_a_repeat_has_the_same_key(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered", 1)
    play.sandbox.send_hooks(url, number, times=3)
    assert len({news.key for news in heard.heard}) == 1
    assert len(heard.heard) == 3


def test_order_is_the_carriers_and_times_are_its_own(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered")
    play.sandbox.send_hooks(url, number, order="reversed")
    told = [e for news in heard.heard for p in news.parcels for e in p.events]
    if play.code in {"thaipost", "ninjavan"}:
        assert [e.at for e in told] == [s.at for s in reversed(play.parcels[number].steps)]
    else:
        assert told == [], "a hint carries nothing to keep"


def test_a_forged_or_broken_message_is_refused(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered", 3)
    if play.code != "shippop":  # it does not sign
        assert play.sandbox.send_hooks(url, number, spoil="signature") == [401] * 3
    assert play.sandbox.send_hooks(url, number, spoil="body") == [401] * 3
    assert not heard.heard


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"data=%7B%7D", b'{"items": 5}'])
def test_nothing_else_gets_in(play, body):
    with pytest.raises(WebhookRefused):
        play.carrier.read_webhook({}, body)


def test_whose_word_counts(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered")
    play.sandbox.send_hooks(url, number)
    trust = {"flash": [False] * 4, "shippop": [False] * 4, "ninjavan": [True] * 4, "thaipost": [True] * 3 + [False]}
    assert [news.trusted for news in heard.heard] == trust[play.code]


def test_a_delivery_on_the_way_home_is_never_trusted_as_one(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "refused")
    play.sandbox.send_hooks(url, number)
    sure = [e for news in heard.heard if news.trusted for p in news.parcels for e in p.events]
    assert T.DELIVERED not in {e.status for e in sure}


@pytest.mark.parametrize("play", ["flash"], indirect=True)
def test_flash_echoes_our_reference_so_that_a_lost_number_is_found(play, ear):
    heard, url = ear
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered", 1)
    play.sandbox.send_hooks(url, number)
    news = heard.heard[0].parcels[0]
    assert (news.reference, news.tracking_no) == ("SH-001001-1", number)


@pytest.mark.parametrize("play", ["flash"], indirect=True)
def test_flash_s_signature_does_not_cover_what_it_says_so_another_text_passes_as_a_hint(play):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered", 1)
    told = play.sandbox.hook(play.parcels[number], play.parcels[number].steps[0])
    form = dict(parse_qsl(told.body.decode())) | {"data": '{"pno": "TH999", "recentPno": "TH1000", "state": 5}'}
    news = play.carrier.read_webhook(told.headers, urlencode(form).encode())
    assert not news.trusted
    assert news.parcels[0].events == ()
    assert news.parcels[0].other_numbers == ("TH1000",)


@pytest.mark.parametrize("play", ["thaipost"], indirect=True)
def test_without_a_word_agreed_on_nobody_is_believed(play):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered", 1)
    told = play.sandbox.hook(play.parcels[number], play.parcels[number].steps[0])
    with pytest.raises(WebhookRefused):
        play.again(hook_key="").read_webhook({"Authorization": "Bearer "}, told.body)
    assert play.carrier.watch(["ED852942182TH", "short"]) == {"ED852942182TH": True, "short": False}
    assert play.sandbox.book.watched == {"ED852942182TH"}


def test_the_play_is_directed_over_http(play, ear):
    _, url = ear
    number = play.a_parcel()
    root = play.host.removesuffix(play.sandbox.root)
    httpx.post(f"{root}/_parcels", json={"number": number, "journey": "refused", "upto": 2}, timeout=5)
    httpx.post(f"{root}/_parcels", json={"number": number, "move": "lost"}, timeout=5)
    httpx.post(f"{root}/_faults", json={"kind": "500", "after": False}, timeout=5)
    shown = httpx.get(f"{root}/_parcels", timeout=5).json()["parcels"]
    assert [s["name"] for s in shown[0]["steps"]] == ["picked_up", "in_transit", "lost"]
    sent = httpx.post(
        f"{root}/_hooks", json={"url": url, "number": number, "times": 2, "order": "shuffled"}, timeout=20
    )
    assert sent.json() == {"answers": [200] * 6}
    books = httpx.get(f"{root}/_books", timeout=5).json()
    assert len(books["hooks"]) == 6
    assert books["calls"] or play.code == "thaipost"
