"""Published examples of signatures, reproduced by the program and by the simulators alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oms.channels.lazada import words as lazada
from oms.channels.port import Called, Grant, HintKind, WebhookRefused
from oms.channels.shopee import words as shopee
from oms.channels.tiktok import words as tiktok
from tests.channels.markets import opened
from views.sandbox.channel_lazada import LazadaSandbox
from views.sandbox.channel_shopee import ShopeeSandbox
from views.sandbox.channel_tiktok import TikTokSandbox

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


def test_lazada_s_signature():
    vector = VECTORS["lazada.request"]
    assert lazada.sign(vector["secret"], vector["path"], vector["params"]) == vector["sign"]
    assert LazadaSandbox(secret=vector["secret"]).sign(vector["path"], vector["params"]) == vector["sign"]
    assert lazada.sign(vector["secret"], vector["path"], vector["params"] | {"sign": "x"}) == vector["sign"]


def test_a_push_of_lazada_as_published():
    vector = VECTORS["lazada.push"]
    keys = {"app_key": vector["app_key"], "app_secret": vector["secret"]}
    channel = opened("lazada", "https://example.com", Grant("a", facts={"seller_id": "1234567"}), **keys)
    for signature in (vector["authorization"], vector["authorization"].upper()):
        news = channel.read_webhook(Called({"Authorization": signature}, vector["body"].encode()))
        assert [(h.kind, h.number) for h in news.hints] == [(HintKind.ORDER, "260422900198363")]
    with pytest.raises(WebhookRefused):
        channel.read_webhook(Called({"Authorization": vector["authorization"]}, vector["body"].encode() + b"\n"))
    channel.close()


def test_tiktok_s_signature():
    vector = VECTORS["tiktok.request"]
    said = vector["path"], vector["query"], vector["body"]
    assert tiktok.sign(vector["secret"], *said) == vector["sign"]
    assert TikTokSandbox(secret=vector["secret"]).sign(*said) == vector["sign"]
    noise = vector["query"] | {"sign": "x", "access_token": "y"}
    assert tiktok.sign(vector["secret"], vector["path"], noise, vector["body"]) == vector["sign"]


def test_a_webhook_of_tiktok_as_published():
    vector = VECTORS["tiktok.webhook"]
    keys = {"app_key": vector["app_key"], "app_secret": vector["secret"]}
    channel = opened("tiktok", "https://example.com", Grant("a", facts={"shop_id": "7494726673780148744"}), **keys)
    called = Called({"Authorization": vector["authorization"]}, vector["body"].encode())
    assert [(h.kind, h.number) for h in channel.read_webhook(called).hints] == [(HintKind.ORDER, "576684019603311365")]
    with pytest.raises(WebhookRefused):
        channel.read_webhook(Called(called.headers, called.body + b" "))
    channel.close()
