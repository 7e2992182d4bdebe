"""Published examples of signatures, reproduced by the program and by the simulators alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oms.channels.port import Called, Grant, WebhookRefused
from oms.channels.shopee import words as shopee
from tests.channels.markets import opened
from views.sandbox.channel_shopee import ShopeeSandbox

VECTORS = json.loads((Path(__file__).parent / "market_vectors.json").read_text())


@pytest.mark.parametrize("name", ["shopee.public", "shopee.shop"])
def test_shopee_s_signatures(name):
    vector = VECTORS[name]
    assert shopee.sign(vector["key"], vector["base"]) == vector["sign"]
    assert ShopeeSandbox(key=vector["key"]).sign(vector["base"]) == vector["sign"]


def test_a_push_of_shopee_as_published():
    vector = VECTORS["shopee.push"]
    channel = opened(
        "shopee", "https://example.com", Grant("a", facts={"shop_id": "123456"}), partner_key=vector["key"]
    )
    called = Called({"Authorization": vector["authorization"]}, vector["body"].encode(), vector["url"])
    assert channel.read_webhook(called).hints[0].number == "230103BWFUSJ1C"
    with pytest.raises(WebhookRefused):
        channel.read_webhook(Called(called.headers, called.body + b"\n", called.url))
    channel.close()
