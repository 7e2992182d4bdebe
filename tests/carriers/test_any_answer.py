"""Whatever a carrier answers or sends, an adapter says something true or a CarrierError; nothing else comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms.carriers.port import Booking, Carrier, CarrierError, CarrierEvent, PickupRequest, WebhookNews
from oms.carriers.registry import ADAPTERS, Opening
from oms.money import ZERO
from oms.net.transport import Reply, Transport
from tests.carriers.play import ALL, SENDER, SERVICES, SETTINGS, Play, on_stage, rate_request

NAMES = [
    "code", "message", "data", "status", "response", "items", "error", "details", "field", "result", "purchase_id",
    "tracking_code", "courier_tracking_code", "order_status", "states", "state", "routes", "routedAt", "routeAction", "pno",
    "TH1", "events", "tracking_number", "timestamp", "status_date", "barcode", "price", "estimatePrice", "0", "EMST",
    "available", "courier_code", "pdf", "token", "access_token", "expires_in", "expire", "purchase_status", "sortCode",
    "is_parcel_on_rts_leg", "datetime", "in_transit_information", "shipper_order_ref_no", "outTradeNo", "mchPno",
]  # fmt: skip
WORDS = st.sampled_from([
    "1", "0", "1003", "paid", "booking", "cancel", "TH1", "501", "203", "24/04/2563 17:30:48+07:00", "01/01/0001 00:00",
    "2026-11-22T10:00:00+0700", "0001-01-01T00:00:00+07:00", "2026-11-22 10:00:00", "SP1", "SH-001001-1", "NaN", "JVBERi0=",
])  # fmt: skip
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**13) | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)
bodies = st.none() | st.dictionaries(st.sampled_from(NAMES), junk, max_size=8)
TOKEN = {"token": "t", "access_token": "t", "expires_in": 3600, "expire": "2030-01-01 00:00:00+07:00"}


class Says:
    """A server that gives these answers in turn, the last one for ever, and a token to whoever asks for one."""

    base_url = "https://example.com"

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def send(self, _method: str, path: str, **_: Any) -> Reply:
        if "token" in path:
            return Reply(200, TOKEN)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self) -> None:
        """Nothing."""


class Hears:
    """A real transport whose answers are kept."""

    base_url = "https://example.com"

    def __init__(self, transport: Transport) -> None:
        self.transport, self.heard = transport, []

    def send(self, method: str, path: str, **how: Any) -> Reply:
        reply = self.transport.send(method, path, **how)
        if "token" not in path:
            self.heard.append(reply)
        return reply

    def close(self) -> None:
        self.transport.close()


def opened(code: str, server: Any) -> Carrier:
    return ADAPTERS[code].make(Opening(server, SETTINGS[code], lambda _: server))


ASKS: dict[str, Callable[[Carrier, Play, str], Any]] = {
    "book": lambda c, p, n: c.book(replace(p.request("SH-2"), resume=RESUME)),
    "repeat": lambda c, p, n: c.book(replace(p.request(), resume=RESUME, attempt=2, tracking_no=n)),
    "find": lambda c, p, n: c.find(replace(p.request(), resume=RESUME, tracking_no=n)),
    "prepare": lambda c, p, n: c.prepare(p.request("SH-3")),
    "label": lambda c, p, n: c.label(n),
    "track": lambda c, p, n: c.track([n]),
    "track_two": lambda c, p, n: c.track([n, "EI217050620TH"][: c.track_limit]),
    "rates": lambda c, p, n: c.rates(rate_request(service=SERVICES.get(p.code, ""))),
    "watch": lambda c, p, n: c.watch([n]),
    "courier": lambda c, p, n: c.call_courier(PickupRequest("P", SENDER, 1)),
    "check": lambda c, p, n: c.check(),
    "cancel": lambda c, p, n: c.cancel(n),
}  # fmt: skip
RESUME = "452001/SP452000001/42.00"  # what the simulator of Shippop answers first


@pytest.fixture(scope="module", params=ALL)
def heard(request) -> tuple[str, str, Play, dict[str, list[Reply]]]:
    """(carrier, a number, the stage, what the simulator answered to each thing asked)."""
    code = request.param
    with on_stage(code) as play:
        number = play.a_parcel()
        play.sandbox.book.travel(number, "refused")
        said = {}
        for name, ask in ASKS.items():
            ears = Hears(Transport(play.host))
            outcome(lambda ask=ask, ears=ears: ask(opened(code, ears), play, number))
            said[name] = ears.heard or [Reply(200, {})]
            ears.close()
        return code, number, play, said


def outcome(work: Callable[[], Any]) -> Any:
    """What came out; a CarrierError is fine, and says something."""
    try:
        return work()
    except CarrierError as error:
        return str(error) or pytest.fail("an error without a word")


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside an answer."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from paths(part, (*here, name))


def bent(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The same with something else at one place."""
    if not path:
        return other
    name, *rest = path
    if isinstance(value, dict):
        return value | {name: bent(value[name], tuple(rest), other)}
    return [bent(part, tuple(rest), other) if i == name else part for i, part in enumerate(value)]


STATUSES = st.sampled_from([200] * 8 + [201, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_an_answer_bent_at_any_place_is_understood_or_refused(heard, data):
    code, number, play, said = heard
    name = data.draw(st.sampled_from(sorted(ASKS)))
    replies = list(said[name])
    which = data.draw(st.integers(0, len(replies) - 1))
    body = replies[which].body or {}
    changed = bent(body, data.draw(st.sampled_from(list(paths(body)))), data.draw(junk))
    replies[which] = replace(
        replies[which], status=data.draw(STATUSES), body=changed if isinstance(changed, dict) else None
    )
    found = outcome(lambda: ASKS[name](opened(code, Says(*replies)), play, number))
    check_told(found)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(STATUSES, bodies, st.binary(max_size=8), st.sampled_from(sorted(ASKS)))
def test_any_answer_at_all_is_understood_or_refused(heard, status, body, data, name):
    code, number, play, _ = heard
    server = Says(Reply(status, dict(body) if body is not None else None, data=data))
    check_told(outcome(lambda: ASKS[name](opened(code, server), play, number)))


def check_told(found: Any) -> None:
    """Nothing that could not be true."""
    if isinstance(found, Booking):
        assert found.tracking_no, "no parcel without a number"
        assert found.fee is None or found.fee >= ZERO
    for events in found.values() if isinstance(found, dict) else ():
        for event in events if isinstance(events, tuple) else ():
            assert isinstance(event, CarrierEvent)
            assert event.at.tzinfo is not None


@pytest.mark.parametrize("code", ALL)
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=30) | junk.map(lambda j: json.dumps(j).encode()) | bodies.map(lambda b: b"data=" + json.dumps(b).encode()),
       st.dictionaries(st.sampled_from(["Authorization", "X-Ninjavan-Hmac-Sha256"]), st.text(max_size=20)))  # fmt: skip
def test_any_webhook_is_read_or_refused(code, body, headers):
    carrier = opened(code, Says(Reply(200, None)))
    news = outcome(lambda: carrier.read_webhook(headers | {"authorization": "Bearer hook-word"}, body))
    if isinstance(news, WebhookNews):
        assert all(parcel.tracking_no or parcel.reference for parcel in news.parcels)
