"""Public client libraries and our own agree: they talk to the same simulators, and sign the same."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.channels.lazada import words as lazada
from oms.channels.shopee import words as shopee
from tests.channels.markets import Play, on_stage, yesterday

TOKENS = st.text("abcdef0123456789", min_size=1, max_size=40)


@pytest.fixture(scope="module")
def lazop(tmp_path_factory) -> Iterator[ModuleType]:
    """The vendor's library; it opens a log file in the home of whoever imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        library = importlib.import_module("lazop_sdk.base")
        yield library
        for handler in list(library.logger.handlers):
            handler.close()
            library.logger.removeHandler(handler)


@pytest.fixture(scope="module")
def shopee_client() -> Iterator[Any]:
    """A public library; it would open a browser for the consent page, which is not asked of it here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "selenium", ModuleType("selenium"))
        sys.modules["selenium"].webdriver = None
        yield importlib.import_module("pyshopee2.client").Client


@given(TOKENS, TOKENS, st.integers(1, 10**9), st.integers(10**9, 2 * 10**9), st.sampled_from([
    "/api/v2/order/get_order_list", "/api/v2/logistics/ship_order", "/api/v2/product/update_stock",
]))  # fmt: skip
def test_shopee_is_signed_the_same(shopee_client, key, access, shop, stamp, path):
    client = shopee_client(shop, 2001234, key, "", access_token=access)
    assert shopee.sign(key, "2001234", path, str(stamp), access, str(shop)) == client._api_sign(path, stamp)
    assert shopee.sign(key, "2001234", path, str(stamp)) == client._sign(path, stamp)


@given(st.text(min_size=1, max_size=20), st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.text(max_size=20)),
       st.sampled_from(["/orders/get", "/order/fulfill/pack"]))  # fmt: skip
def test_lazada_is_signed_the_same(lazop, secret, params, path):
    said = {k: v for k, v in params.items() if k != "sign"}
    assert lazada.sign(secret, path, said) == lazop.sign(secret, path, said)


@pytest.fixture(params=["shopee", "lazada"])
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


@pytest.mark.parametrize("play", ["shopee"], indirect=True)
def test_a_public_client_of_shopee_reads_what_we_read(play, shopee_client):
    made = [play.order(placed_at=yesterday(n)).number for n in range(3)]
    client = shopee_client(600000, 2001234, "shopeesecretkey", "", access_token=play.grant.access)
    client.host = play.host
    since = int(yesterday(-1).timestamp())
    told = client.execute("order/get_order_list", "GET", {
        "time_range_field": "create_time", "time_from": since, "time_to": since + 86_400, "page_size": 50,
    })  # fmt: skip
    assert [row["order_sn"] for row in told["response"]["order_list"]] == made
    whole = client.execute("order/get_order_detail", "GET", {
        "order_sn_list": ",".join(made), "response_optional_fields": "item_list,total_amount",
    })  # fmt: skip
    theirs = {row["order_sn"]: row["total_amount"] for row in whole["response"]["order_list"]}
    ours = {n.external_no: float(n.order.channel_total.amount) for n in play.channel.refresh(made)}
    assert theirs == ours
    access, _, refresh = client.get_access_token(600000, 2001234, "shopeesecretkey", play.grant.refresh)
    assert access
    assert refresh not in {"", play.grant.refresh}


@pytest.mark.parametrize("play", ["lazada"], indirect=True)
def test_the_vendor_s_client_of_lazada_reads_what_we_read(play, lazop):
    made = [play.order(placed_at=yesterday(n)).number for n in range(3)]
    client = lazop.LazopClient(f"{play.host}/rest", "123456", "lazsecret")

    def ask(path: str, method: str = "GET", **params: str) -> Any:
        request = lazop.LazopRequest(path, method)
        for name, value in params.items():
            request.add_api_param(name, value)
        return client.execute(request, play.grant.access).body

    told = ask("/orders/get", created_after=yesterday(-1).isoformat(), sort_by="created_at", sort_direction="ASC",
               limit="50", offset="0")  # fmt: skip
    assert [str(row["order_id"]) for row in told["data"]["orders"]] == made
    many = ask("/orders/items/get", order_ids=json.dumps([int(n) for n in made]))
    theirs = {str(row["order_id"]): sum(i["paid_price"] for i in row["order_items"]) for row in many["data"]}
    ours = {
        n.external_no: float((n.order.channel_total - n.order.shipping_fee).amount) for n in play.channel.refresh(made)
    }
    assert theirs == ours
    renewed = lazop.LazopClient(f"{play.host}/rest", "123456", "lazsecret")
    request = lazop.LazopRequest("/auth/token/refresh")
    request.add_api_param("refresh_token", play.grant.refresh)
    assert renewed.execute(request).body["access_token"]
