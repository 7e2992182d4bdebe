"""Whatever a marketplace answers or sends, an adapter says something true or a ChannelError; nothing else comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms import clock
from oms.channels.asking import sign_push
from oms.channels.port import (
    Ability,
    Called,
    Channel,
    ChannelError,
    Grant,
    Listing,
    NumberPage,
    Offer,
    OrderNews,
    OrderPage,
    ReturnNews,
    Shipped,
    Shipping,
    WebhookNews,
)
from oms.channels.registry import CONNECTORS, Opening
from oms.channels.shopee import words as shopee
from oms.intake.records import OrderIn
from oms.money import ZERO
from oms.net.transport import Reply, Transport
from tests.carriers.test_any_answer import bent, paths
from tests.channels.markets import ALL, HOOK, PLATFORMS, Play, on_stage, yesterday

NAMES = [
    "error", "message", "response", "code", "data", "orders", "order_list", "order_sn", "order_id", "id", "line_items", "detail",
    "item_list", "package_list", "more", "next_cursor", "result", "countTotal", "orderItems", "orderNumber", "total_count",
    "packages", "shipping_type", "status", "order_status", "info_needed", "pickup", "address_list", "time_slot_list",
    "result_list", "inventory", "skus", "products", "totalPage", "totalRow", "variants", "seller_sku", "file", "errors",
]  # fmt: skip
WORDS = st.sampled_from([
    "", "0", "1", "-1", "THB", "USD", "READY_TO_SHIP", "pending", "packed", "UNPAID", "AWAITING_SHIPMENT", "FINALIZED", "PAID",
    "2026-11-22T10:00:00+0700", "2026-11-22 10:00:00", "0001-01-01T00:00:00+07:00", "99999999999", "NaN", "1e400", "12.345",
    "error_server", "IllegalAccessToken", "36009004", "http://127.0.0.1:9/x.pdf", "file:///etc/passwd", "JVBERi0=", "****",
])  # fmt: skip
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**13) | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)
bodies = st.none() | st.dictionaries(st.sampled_from(NAMES), junk, max_size=8)
STATUSES = st.sampled_from([200] * 8 + [201, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503])


class Says:
    """A server that gives these answers in turn, the last one for ever."""

    base_url = "https://example.com"

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def send(self, _method: str, _path: str, **_: Any) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self) -> None:
        """Nothing."""


class Hears:
    """A real transport whose answers are kept."""

    def __init__(self, transport: Transport) -> None:
        self.transport, self.heard, self.base_url = transport, [], transport.base_url

    def send(self, method: str, path: str, **how: Any) -> Reply:
        self.heard.append(self.transport.send(method, path, **how))
        return self.heard[-1]

    def close(self) -> None:
        """Kept."""


def opened(code: str, server: Any, grant: Grant) -> Channel:
    return CONNECTORS[code].make(Opening(server, PLATFORMS[code].settings, grant, lambda _: server))


def now():
    return clock.now() + timedelta(seconds=1)


A = Ability
ASKS: dict[str, tuple[Ability | None, Callable[[Channel, Play, str], Any]]] = {
    "check": (None, lambda c, p, n: c.check()),
    "list": (A.LIST, lambda c, p, n: c.list_changed(yesterday(), now())),
    "numbers": (A.NUMBERS, lambda c, p, n: c.list_numbers(yesterday(), now())),
    "refresh": (A.REFRESH, lambda c, p, n: c.refresh([n])),
    "accept": (A.ACCEPT, lambda c, p, n: c.accept(n)),
    "ship": (A.SHIP, lambda c, p, n: c.ship(Shipped(n, "ED1", "x", "1"))),
    "cancel": (A.CANCEL, lambda c, p, n: c.cancel(n, "out_of_stock")),
    "answer": (A.ANSWER_CANCEL, lambda c, p, n: c.answer_cancel(n, agree=True)),
    "label": (A.LABEL, lambda c, p, n: c.get_label(n)),
    "listings": (A.LISTINGS, lambda c, p, n: c.list_listings()),
    "stock": (A.STOCK, lambda c, p, n: c.push_stock([p.offer])),
    "returns": (A.RETURNS, lambda c, p, n: c.list_returns(yesterday(), now())),
    "renew": (A.GRANT, lambda c, p, n: c.renew(p.grant)),
    "chat": (A.CHAT, lambda c, p, n: c.send_text(n, "hello", "k")),
}


@pytest.fixture(scope="module", params=ALL)
def heard(request) -> Iterator[tuple[Play, str, dict[str, list[Reply]]]]:
    """(the stage, an order, what the simulator answered to each thing asked)."""
    with on_stage(request.param) as play:
        found = play.channel.list_listings().listings[0]
        play.offer = Offer(found.external_sku, found.external_id, 7)
        said: dict[str, list[Reply]] = {}
        number = play.order().number
        back = play.order()
        for deed in (play.stall.ship, play.stall.deliver, play.stall.ask_return):
            deed(back.number)
        for name, (ability, ask) in ASKS.items():
            if ability is not None and not play.can(ability):
                continue
            ears = Hears(Transport(play.host))
            target = number
            if name in {"cancel", "answer", "ship", "accept"}:
                target = play.order().number
                if name == "answer":
                    play.stall.ask_cancel(target)
            outcome(lambda ask=ask, ears=ears, target=target: ask(opened(play.code, ears, play.grant), play, target))
            if name == "accept":
                number = target  # one that has a label
            said[name] = ears.heard or [Reply(200, {})]
            ears.transport.close()
        yield play, number, said


def outcome(work: Callable[[], Any]) -> Any:
    """What came out; a ChannelError is fine, and says something."""
    try:
        return work()
    except ChannelError as error:
        return str(error) or pytest.fail("an error without a word")


HARD = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@HARD
@given(data=st.data())
@pytest.mark.deep
def test_an_answer_bent_at_any_place_is_understood_or_refused(heard, data):
    play, number, said = heard
    name = data.draw(st.sampled_from(sorted(said)))
    replies = list(said[name])
    which = data.draw(st.integers(0, len(replies) - 1))
    body = replies[which].body or {}
    changed = bent(body, data.draw(st.sampled_from(list(paths(body)))), data.draw(junk))
    replies[which] = replace(
        replies[which], status=data.draw(STATUSES), body=changed if isinstance(changed, dict) else None
    )
    check_told(outcome(lambda: ASKS[name][1](opened(play.code, Says(*replies), play.grant), play, number)))


@HARD
@given(STATUSES, bodies, st.binary(max_size=8) | junk.map(lambda j: json.dumps(j).encode()), st.data())
def test_any_answer_at_all_is_understood_or_refused(heard, status, body, data, draw):
    play, number, said = heard
    name = draw.draw(st.sampled_from(sorted(said)))
    server = Says(Reply(status, dict(body) if body is not None else None, data=data))
    check_told(outcome(lambda: ASKS[name][1](opened(play.code, server, play.grant), play, number)))


def check_told(found: Any) -> None:
    """Nothing that could not be true."""
    if isinstance(found, dict):
        assert all(answer is None or isinstance(answer, ChannelError) for answer in found.values())
    news = found.news if isinstance(found, OrderPage) else found if isinstance(found, tuple) else ()
    for order in news:
        check_order(order)
    if isinstance(found, NumberPage):
        assert all(found.numbers)
        assert all(at is None or at.tzinfo for at in found.numbers.values())
    for row in getattr(found, "news", ()):
        if isinstance(row, ReturnNews):
            assert row.external_no
            assert row.refund >= ZERO
            assert all(n > 0 for n in row.amounts.values())
    for row in getattr(found, "listings", ()):
        assert isinstance(row, Listing)
        assert row.quantity is None or row.quantity >= 0
    if isinstance(found, Shipping):
        assert len(found.tracking_no) <= 80
    if isinstance(found, Grant):
        assert found.access
        assert found.refresh


def check_order(news: OrderNews) -> None:
    if news.order is None:
        assert news.problems
        return
    order: OrderIn = news.order
    assert news.problems == ()
    assert order.lines
    assert order.external_no == news.external_no
    for line in order.lines:
        assert line.sku
        assert line.quantity > 0
        assert line.returned <= line.quantity
        assert line.seller_discount >= ZERO
        assert line.platform_discount >= ZERO
        assert line.unit_price is None or line.unit_price >= ZERO
    for money in (order.shipping_fee, order.seller_discount, order.platform_discount):
        assert money >= ZERO
    for at in (order.placed_at, order.paid_at, order.ship_by, news.updated_at):
        assert at is None or at.tzinfo is not None


@pytest.mark.parametrize("code", [c for c in ALL if A.WEBHOOK in CONNECTORS[c].abilities])
@HARD
@given(st.binary(max_size=30) | junk.map(lambda j: json.dumps(j).encode()), st.booleans())
def test_any_webhook_is_read_or_refused(code, body, honest):
    platform = PLATFORMS[code]
    channel = opened(code, Says(Reply(200, None)), Grant("a", facts=platform.facts))
    signature, keys = "x", platform.settings
    if honest:
        of_shopee = code == "shopee"
        signature = (
            shopee.sign_push(keys["partner_key"], HOOK, body) if of_shopee
            else sign_push(keys["app_key"], keys["app_secret"], body)
        )  # fmt: skip
    news = outcome(lambda: channel.read_webhook(Called({"Authorization": signature}, body, HOOK)))
    if isinstance(news, WebhookNews):
        assert honest
        assert news.key
