"""Whatever a web shop's answer holds in place of what we know, it is read, or said to be unreadable with its reasons."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.channels import medusa_orders, shopify_orders, vendure_orders, woocommerce_orders
from oms.channels import shopify_words as ask
from oms.channels.port import ChannelError, OrderNews
from oms.net.transport import Reply
from tests.channels.webshops import MADE, opened
from views.sandbox.book import plain

READ: dict[str, Callable[[Any], OrderNews]] = {
    "woocommerce": woocommerce_orders.order_news, "shopify": shopify_orders.order_news,
    "vendure": vendure_orders.order_news, "medusa": medusa_orders.order_news,
}  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def rows() -> dict[str, Any]:
    """An order of each shop as it is told, with a return."""
    found = {}
    for code, make in MADE.items():
        sandbox = make()
        order = sandbox.stall.make(pay=True, note="ฝากไว้", discount=Decimal(5))
        sandbox.stall.ship(order.number, "TH1", "Flash Express")
        if code == "shopify":
            data = sandbox._answer_it(ask.SOME, {"ids": [f"gid://shopify/Order/{order.number}"]})["data"]
            found[code] = data["nodes"][0]
        else:
            found[code] = sandbox.told(order, "") if code == "medusa" else sandbox.told(order)
    return json.loads(json.dumps(found, default=plain), parse_float=Decimal)


ROWS = rows()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(row: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(row)
    spot = changed
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    return changed


@pytest.mark.parametrize("code", READ)
@settings(max_examples=800, deadline=None)
@given(st.data())
def test_an_order_is_read_or_waits_with_its_reasons(code, data):
    path = data.draw(st.sampled_from(list(places(ROWS[code]))))
    told = READ[code](put(ROWS[code], path, data.draw(ANYTHING)))
    assert told.order is not None or told.problems


@pytest.mark.parametrize("code", READ)
@settings(max_examples=200, deadline=None)
@given(body=st.dictionaries(st.sampled_from(["orders", "nodes", "data", "errors", "items", "count", "order"]), ANYTHING),
       status=st.sampled_from([200, 200, 201, 400, 401, 404, 409, 429, 500]))  # fmt: skip
@pytest.mark.deep
def test_any_body_is_an_answer_or_an_error_of_the_channel(code, body, status):
    channel: Any = CHANNELS[code]
    text = json.dumps(body, default=plain).encode()
    channel.send = lambda *_, **__: Reply(
        status, json.loads(text, parse_float=Decimal), kind="application/json", data=text
    )
    for question in (
        lambda: channel.refresh(["1"]), channel.list_listings, channel.check,
        lambda: channel.cancel("order_1" if code == "medusa" else "1", "x"),
    ):  # fmt: skip
        try:
            question()
        except ChannelError:
            continue


CHANNELS = {code: opened(code, "https://shop.example", MADE[code]().keys()) for code in READ}
