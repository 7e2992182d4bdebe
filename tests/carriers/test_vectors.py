"""Published examples of signatures and check digits, reproduced by the program and by the simulators alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.carriers.flash import BLANK, sign
from oms.carriers.ninjavan import wished
from oms.carriers.port import WebhookRefused
from oms.net.reading import moment
from oms.shipping.numbers import s10_digit
from tests.carriers.play import opened, request
from views.sandbox.carriers_flash import FlashSandbox

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())


@pytest.mark.parametrize("name", ["flash.doc", "flash.order", "flash.webhook"])
def test_flash_s_signatures(name):
    base, key = VECTORS[name]["base"].rsplit("&key=", 1)
    fields = dict(part.split("=", 1) for part in base.split("&"))
    noise = {"remark": " \t\n", "note": ""}
    assert sign(fields | noise, key) == VECTORS[name]["sign"]
    assert FlashSandbox(key=key).sign(fields | noise | {"sign": "x"}) == VECTORS[name]["sign"]


def test_a_webhook_of_flash_as_published():
    told = {"mchId": "AA0005", "nonceStr": "1700000000000", "sign": VECTORS["flash.webhook"]["sign"]}
    carrier = opened("flash", "https://example.com")
    body = urlencode(told | {"data": '{"pno": "TH01011C27", "outTradeNo": "SO-1001"}'}).encode()
    news = carrier.read_webhook({}, body)
    assert news.answer.body == '{"errorCode":"1","state":"success"}'
    with pytest.raises(WebhookRefused):
        carrier.read_webhook({}, body.replace(b"1700000000000", b"1700000000001"))
    carrier.close()


def test_a_webhook_of_ninja_van_as_published():
    vector = VECTORS["ninjavan.webhook"]
    carrier = opened("ninjavan", "https://example.com", {"client_secret": vector["secret"]})
    headers = {"x-ninjavan-HMAC-sha256": vector["x_ninjavan_hmac_sha256"]}
    news = carrier.read_webhook(headers, vector["body"].encode())
    assert news.parcels[0].tracking_no == "NVTH0001"
    assert not news.trusted, "without a time there is nothing to keep"
    with pytest.raises(WebhookRefused):
        carrier.read_webhook(headers, vector["body"].encode() + b" ")
    carrier.close()


@pytest.mark.parametrize("name", [n for n in VECTORS if n.startswith("s10.")])
def test_check_digits_of_postal_numbers(name):
    assert s10_digit(int(name.removeprefix("s10."))) == VECTORS[name]["check"]


names = st.text("abcXYZ_019", min_size=1, max_size=8).filter(lambda n: n != "sign")
values = st.text(st.characters(codec="utf-8") | st.sampled_from(BLANK), max_size=12)


@given(st.dictionaries(names, values, max_size=8), values)
def test_program_and_simulator_sign_alike_and_what_is_blank_is_not_signed(fields, key):
    fields = fields | {"mchId": "AA0005"}
    assert sign(fields, key) == FlashSandbox(key=key).sign(fields)
    full = {name: value for name, value in fields.items() if value.strip(BLANK)}
    assert sign(full, key) == sign(fields, key)


@given(st.from_regex(r"[A-Za-z0-9-]{1,40}", fullmatch=True), st.sampled_from(["", "NVTH", "ABCDEFGH"]))
def test_a_reference_always_asks_for_the_same_number_that_may_be_asked_for(reference, prefix):
    asked = request(reference)
    wish = wished(asked, prefix)
    assert wish == wished(replace(asked, attempt=3), prefix)
    assert 9 <= len(wish) <= 18 - len(prefix)
    assert wish.isalnum()
    assert wish.isascii()


def test_two_long_references_ask_for_two_numbers():
    wishes = {wished(request(f"SH-2026-11-000{n:04d}-1"), "NVTH") for n in range(2000)}
    assert len(wishes) == 2000


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+07:00", "", "2026-11-22", None, 5, "2026-11-22T10:00:00"])
def test_what_is_no_moment_is_none(text):
    assert moment(text) is None
