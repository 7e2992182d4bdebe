"""Commands of the play with bodies that make no sense: each is answered with a sentence, and the play goes on."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest
from werkzeug.test import Client

from oms import clock
from views.sandbox.book import Entry, Simulator
from views.sandbox.channel import COMMANDS, ChannelSandbox
from views.sandbox.market import Market
from views.sandbox.messages import MessageSandbox
from views.sandbox.parcels import CarrierSandbox
from views.sandbox.selling import Seller
from views.sandbox.stage import _carriers, _messages, _verifiers
from views.sandbox.stage_channels import DIALECTS, dialects, together

GARBAGE = (
    b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"[" * 4000, b'{"strange": 1}', b'{"\\u0000": 1}',
    b'{"deed": "pay"}', b'{"deed": "__init__", "number": "1"}', b'{"deed": [], "number": {}}',
    b'{"deed": "step_return", "number": "1", "step": "fly"}',
    b'{"deed": "ship", "number": "1", "agree": true}',
    b'{"skus": 5}', b'{"skus": {}}', b'{"skus": {"RU-0001": "two"}}', b'{"skus": {"RU-0001": -1}}',
    b'{"skus": {"nothing": 1}}', b'{"skus": {"RU-0001": 999999}}', b'{"pay": "yes"}', b'{"cod": 1}',
    b'{"number": "1"}', b'{"number": "x", "journey": "moon"}', b'{"number": "x", "move": "moon"}',
    b'{"reference": "unheard"}', b'{"number": 4}', b'{"number": "x", "upto": "two"}',
    b'{"url": "nowhere"}', b'{"url": "http://[::1"}', b'{"url": "http://127.0.0.1:1/x", "numbers": ["no"]}',
    b'{"url": "http://127.0.0.1:1/x", "number": "no"}', b'{"url": "http://x", "order": "sideways"}',
    b'{"times": "many"}', b'{"times": 1e400}', b'{"times": -5}', b'{"per_minute": "fast"}',
    b'{"per_minute": NaN}', b'{"per_minute": true}', b'{"per_minute": Infinity}', b'{"listings": 3}',
    b'{"listings": [3]}', b'{"listings": [{}]}', b'{"listings": [{"sku": "a", "price": "NaN", "quantity": 1}]}',
    b'{"listings": [{"sku": "a", "price": 1, "quantity": 1, "id": "x"}]}',
    b'{"kind": "strange"}', b'{"kind": 5}', b'{"kind": "500", "seconds": "slow"}',
    b'{"kind": "500", "how": 1}', b'{"to": {}}', b'{"quota": "much"}', b'{"credit": null}',
    b'{"amount": "much", "at": "now"}', b'{"amount": 1}',
    b'{"reference": "1", "sending_bank": "004", "receiving_bank": "014", "amount": "x", "at": "later"}',
)  # fmt: skip
MARKET = Market(3, skus=4)
SHOPS = dialects(MARKET)


def others() -> dict[str, Simulator]:
    entry = Entry("X1", "004", "014", Decimal("10.00"), clock.now())
    return {s.name: s for s, _ in (*_verifiers(entry), *_carriers(), *_messages())}


PLAYED: dict[str, Simulator] = {**{s.name: s for s in SHOPS.values()}, **others()}


def commands_of(played: Simulator) -> list[str]:
    if isinstance(played, ChannelSandbox):
        return ["/_faults", *COMMANDS]
    if isinstance(played, CarrierSandbox):
        return ["/_faults", "/_parcels", "/_hooks"]
    return ["/_faults", "/_blocked", "/_quota"] if isinstance(played, MessageSandbox) else ["/_faults", "/_transfers"]


def test_every_platform_is_tried():
    assert len(SHOPS) == len(DIALECTS)
    assert len(PLAYED) >= len(DIALECTS) + 9


@pytest.mark.parametrize("name", sorted(PLAYED))
def test_a_wrong_body_is_answered_with_a_sentence_and_changes_nothing(name):
    client, obeyed = Client(PLAYED[name]), []
    for command in commands_of(PLAYED[name]):
        for body in GARBAGE:
            before = client.get("/_books").get_data()
            answer = client.post(command, data=body)
            assert answer.status_code in {200, 400}, (command, body, answer.status_code)
            if answer.status_code == 400:
                assert len(answer.json["no"]) > 10, (command, body)
                assert client.get("/_books").get_data() == before, (command, body)
            else:
                obeyed.append((command, body))
    assert client.get("/_books").status_code == 200
    assert client.post("/_strange", data=b"{").status_code == 404
    wrong = {body for _, body in obeyed} & {b"{", b"[]", b"7", b"null", b'{"strange": 1}'}
    assert not wrong, wrong
    PLAYED[name].ledger.faults.clear()


@pytest.mark.parametrize("name", sorted(s.name for s in SHOPS.values()))
def test_the_play_goes_on_after_nonsense(name):
    shop = PLAYED[name]
    assert isinstance(shop, ChannelSandbox)
    client = Client(shop)
    for command in COMMANDS:
        for body in GARBAGE:
            client.post(command, data=body)
    shop.ledger.faults.clear()
    shop.hook_url = ""
    made = client.post("/_orders", json={"skus": {shop.stall.listings[min(shop.stall.listings)].sku: 1}, "pay": True})
    assert made.status_code == 200, made.get_data()
    number = made.json["number"]
    assert client.post("/_deeds", json={"deed": "ship", "number": number, "tracking": "TH1"}).json == {}
    assert client.get("/_orders").json["orders"][number] == "shipped"
    assert client.post("/_deeds", json={"deed": "ship", "number": "nobody"}).json == {"no": "unknown"}


def test_the_pace_of_all_buyers_is_a_number_or_stays():
    market = Market(1, skus=2)
    seller = Seller(market, 0)
    client = Client(together(market, {}, seller))
    for body in GARBAGE:
        assert client.post("/_rate", data=body).status_code == 400, body
    assert seller.rate == 0
    assert client.post("/_rate", json={"per_minute": 0}).json == {"planned": 0}
    seller.stopping.set()
    assert threading.active_count() < 50
    assert json.loads(client.get("/_books").get_data())
