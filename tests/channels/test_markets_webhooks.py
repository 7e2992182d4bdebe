"""Webhooks of marketplaces over the wire: repeated, out of order, forged, cut off; what they say is only where to look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.wrappers import Request, Response

from oms.channels.port import Ability, Called, HintKind, WebhookNews, WebhookRefused
from oms.channels.registry import CONNECTORS
from tests.channels.markets import ALL, Play, on_stage
from views.sandbox.server import running

HOOKED = [code for code in ALL if Ability.WEBHOOK in CONNECTORS[code].abilities]


class Receiver:
    """What stands where a platform sends to: keeps what was read."""

    def __init__(self, play: Play) -> None:
        self.play, self.url, self.news, self.refused = play, "", [], 0

    def __call__(self, environ, start):
        request = Request(environ)
        try:
            called = Called(dict(request.headers), request.get_data(), self.url)
            self.news.append(self.play.channel.read_webhook(called))
        except WebhookRefused as refusal:
            self.refused += 1
            return Response("", status=refusal.http_status)(environ, start)
        answer = self.news[-1].answer
        return Response(answer.body, status=answer.status, content_type=answer.content_type)(environ, start)


@pytest.fixture(params=HOOKED)
def heard(request) -> Iterator[tuple[Play, Receiver]]:
    with on_stage(request.param) as play:
        receiver = Receiver(play)
        with running(receiver) as url:
            receiver.url = f"{url}/hooks/1"
            yield play, receiver


def lived(play: Play) -> str:
    """An order to which much happened."""
    number = play.stall.make({play.skus[0]: 1}).number
    for deed in (play.stall.pay, play.stall.ask_cancel, play.stall.accept, play.stall.ship, play.stall.deliver):
        deed(number)
    return number


def send(play: Play, receiver: Receiver, number: str, **how) -> list[int]:
    receiver.news.clear()
    play.sandbox.hook_url = receiver.url  # from here on, so that what happened before is not told by itself
    return play.sandbox.send_hooks(receiver.url, [number], **how)


def keys(news: list[WebhookNews]) -> set[str]:
    return {n.key for n in news}


def test_repeats_in_any_order_say_the_same_as_once(heard):
    play, receiver = heard
    number = lived(play)
    once = send(play, receiver, number)
    assert len(once) == len(receiver.news) >= 5
    assert set(once) == {200}
    first = keys(receiver.news)
    for order in ("", "reversed", "shuffled"):
        assert set(send(play, receiver, number, times=3, order=order)) == {200}
        assert len(receiver.news) == 3 * len(once)
        assert keys(receiver.news) == first
        assert {(h.kind, h.number) for n in receiver.news for h in n.hints} == {(HintKind.ORDER, number)}
        assert all(n.trusted for n in receiver.news)
    told = play.told(number).order
    assert told.stage.value == "delivered", "what happened is read back, whatever came last"


@pytest.mark.parametrize("spoil", ["signature", "body"])
def test_forged_and_cut_ones_are_refused(heard, spoil):
    play, receiver = heard
    number = lived(play)
    answers = send(play, receiver, number, spoil=spoil)
    assert set(answers) == {401}
    assert receiver.news == []
    assert receiver.refused == len(answers)


@pytest.mark.deep
def test_a_flood_is_read(heard):
    play, receiver = heard
    number = lived(play)
    assert set(send(play, receiver, number, times=40)) == {200}
