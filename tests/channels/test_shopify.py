"""Shopify alone: published signatures, its client library, points, places, taxes, consent in the browser."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import shopify as library

from oms import clock
from oms.channels import shopify_access as access
from oms.channels import shopify_words as ask
from oms.channels.port import (
    Called,
    ChannelKeys,
    ChannelRefused,
    ChannelSilent,
    HintKind,
    Offer,
    Shipped,
    WebhookRefused,
)
from oms.channels.registry import CONNECTORS, opening
from oms.intake.records import Stage
from oms.money import Money
from oms.net.pacing import paced
from tests.channels.test_webshop_contract import fits
from tests.channels.webshops import HOUR, on_stage, paged
from views.sandbox import graphql
from views.sandbox.channel_shopify import MOST, Bucket
from views.sandbox.market import State
from views.sandbox.shopify_schema import SCHEMA

VECTORS = json.loads((Path(__file__).parent / "webshop_vectors.json").read_text())
CALLBACK = "https://oms.example/channels/back"


@pytest.fixture
def play():
    with on_stage("shopify") as stage:
        yield stage


def several(play, count: int):
    return play.stall.make({x.sku: 1 for x in list(play.stall.listings.values())[:count]}, pay=True)


def test_the_published_signatures():
    hook = VECTORS["shopify.webhook"]
    assert access.hook_signature(hook["secret"], hook["body"].encode()) == hook["x_shopify_hmac_sha256"]
    back = VECTORS["shopify.oauth_hmac"]
    query = dict(parse_qsl(back["message"])) | {"hmac": back["hmac"]}
    assert access.callback_signature(back["secret"], query) == back["hmac"]


def test_the_client_library_signs_the_same():
    library.Session.setup(api_key="ruam-app", secret="hush")
    query = {"shop": "some-shop.myshopify.com", "code": "0907", "state": "x y", "timestamp": str(int(time.time()))}
    assert library.Session.calculate_hmac(query) == access.callback_signature("hush", query)
    assert library.Session.validate_params(query | {"hmac": access.callback_signature("hush", query)})


@pytest.mark.parametrize(
    ("topic", "told", "hints"),
    [
        ("orders/create", {"id": 5}, [(HintKind.ORDER, "5")]), ("app/uninstalled", {"id": 9}, [(HintKind.ACCESS, "")]),
        ("refunds/create", {"id": 7, "order_id": 5}, [(HintKind.ORDER, "5"), (HintKind.RETURN, "7")]),
        ("fulfillments/update", {"id": 7, "order_id": 5}, [(HintKind.ORDER, "5")]),
        ("inventory_levels/update", {"inventory_item_id": 3}, [(HintKind.STOCK, "3")]),
        ("customers/redact", {"shop_id": 1}, [(HintKind.OTHER, "")]), ("orders/create", {}, [(HintKind.OTHER, "")]),
    ],
)  # fmt: skip
def test_what_a_webhook_is_about(play, topic, told, hints):
    body = json.dumps(told).encode()
    signature = access.hook_signature(play.sandbox.hook_secret, body)
    for names in (("X-Shopify-Topic", "X-Shopify-Hmac-SHA256"), ("Shopify-Topic", "Shopify-Hmac-Sha256")):
        news = play.channel.read_webhook(Called({names[0]: topic, names[1]: signature}, body))
        assert [(h.kind, h.number) for h in news.hints] == hints
        assert (news.trusted, news.news) == (True, ())


def test_after_the_secret_was_changed_both_are_taken_for_a_while(play):
    body = b'{"id": 5}'
    changed = play.again(hook_secret="new", old_secret=play.sandbox.hook_secret)
    for secret in ("new", play.sandbox.hook_secret):
        called = Called({"x-shopify-hmac-sha256": access.hook_signature(secret, body)}, body)
        assert changed.read_webhook(called).trusted
    with pytest.raises(WebhookRefused):
        changed.read_webhook(Called({"x-shopify-hmac-sha256": access.hook_signature("", body)}, body))
    changed.close()


QUESTIONS = {name: text for name, text in vars(ask).items() if name.isupper() and isinstance(text, str) and "{" in text}


@pytest.mark.parametrize("name", [name for name in QUESTIONS if not name.startswith("_")])
def test_every_question_fits_the_schema_and_costs_less_than_a_thousand(name):
    tree, wrongs = graphql.checked(SCHEMA, QUESTIONS[name])
    assert not wrongs
    cost = graphql.Cost(SCHEMA, tree, {"ids": ["x"] * ask.ORDERS}).points()
    assert 0 < cost <= MOST * 0.9


def test_points_that_are_used_up_come_back(play):
    several(play, 5)
    play.sandbox.bucket = Bucket(size=1000, rate=100)
    play.sandbox.bucket.left = 100
    with pytest.raises(ChannelSilent) as silence:
        play.changed()
    assert not silence.value.reached
    assert timedelta(seconds=5) < silence.value.retry_after < timedelta(seconds=10)
    assert silence.value.raw_code == "too_many"
    play.sandbox.bucket.left = 1000
    assert len(play.changed()) == 1


def test_cheap_questions_leave_points_for_the_dearest(play):
    play.sandbox.bucket = Bucket()
    rests: list[float] = []
    with paced(lambda: None, rests.append):
        play.channel.check()
        assert rests == []
        play.sandbox.bucket.left = 1300
        play.channel.check()
    assert rests == [pytest.approx(6, abs=0.2)]


def test_points_that_are_used_up_are_waited_for_at_the_gate(play):
    several(play, 5)
    play.sandbox.bucket = Bucket(rate=1000)
    play.sandbox.bucket.left = 100
    shut: list[float] = []
    with paced(lambda: time.sleep(shut[-1] if shut else 0), shut.append):
        assert len(play.changed()) == 1
    assert shut[0] == pytest.approx(1.8, abs=0.2)
    play.sandbox.bucket = Bucket(rate=0.001)
    play.sandbox.bucket.left = 100
    asked = len(play.stall.calls)
    with paced(lambda: None, shut.append), pytest.raises(ChannelSilent):
        play.changed()
    assert len(play.stall.calls) - asked == 3, "it gives up"


def test_an_order_of_many_lines_is_read_whole(play):
    made = several(play, 40)
    news = play.one(made.number)
    assert [x.sku for x in news.order.lines] == [x.sku for x in made.lines]
    assert fits(news)
    assert [n.order for n in play.changed()] == [news.order]


def test_tax_beside_the_prices_is_part_of_them(play):
    play.stall.facts["tax_outside"] = True
    made = several(play, 3)
    news = play.one(made.number)
    assert fits(news)
    assert news.order.channel_total == Money(made.total)
    assert [x.unit_price for x in news.order.lines] == [Money(x.price) for x in made.lines]


def test_what_was_taken_out_before_it_left_is_gone_and_afterwards_came_back(play):
    listing = next(iter(play.stall.listings.values()))
    made = play.stall.make({listing.sku: 3}, pay=True, discount=Decimal("10.01"))
    made.facts["kept"] = {made.lines[0].id: 2}
    (line,) = play.one(made.number).order.lines
    assert (line.quantity, line.returned) == (2, 0)
    play.stall.ship(made.number)
    (line,) = play.one(made.number).order.lines
    assert (line.quantity, line.returned) == (3, 1)


@pytest.mark.parametrize(
    ("word", "stage"),
    [("AUTHORIZED", Stage.UNPAID), ("PARTIALLY_REFUNDED", Stage.TO_SHIP), ("REFUNDED", Stage.RETURNED),
     ("VOIDED", Stage.CANCELED), ("EXPIRED", Stage.UNPAID)],
)  # fmt: skip
def test_the_shops_words(play, word, stage):
    made = play.stall.make(pay=True)
    made.facts["status"] = word
    assert play.one(made.number).order.stage is stage


def test_delivered_when_every_parcel_is(play):
    made = play.stall.make(pay=True)
    play.stall.ship(made.number, "TH1", "Flash Express")
    assert play.one(made.number).order.stage is Stage.SHIPPED
    play.stall.deliver(made.number)
    assert play.one(made.number).order.stage is Stage.DELIVERED


def test_an_order_that_leaves_from_two_places_is_sent_from_both(play):
    made = several(play, 4)
    made.facts["split"] = True
    said = Shipped(made.number, "TH1", "Flash Express", url="https://t.example/TH1")
    play.stall.fail("extra", times=2)
    play.stall.fail("500")
    with pytest.raises(ChannelSilent):
        play.channel.ship(said)
    assert len(made.facts["fulfillments"]) < 3
    play.channel.ship(said)
    assert made.state is State.SHIPPED
    assert len(made.facts["fulfillments"]) == 2
    assert {f["number"] for f in made.facts["fulfillments"]} == {"TH1"}
    assert {f["url"] for f in made.facts["fulfillments"]} == {"https://t.example/TH1"}


def test_what_the_shop_holds_back_is_not_taken_for_sent(play):
    made = play.stall.make(pay=True)
    made.facts["held"] = True
    with pytest.raises(ChannelRefused) as refusal:
        play.channel.ship(Shipped(made.number, "TH1"))
    assert refusal.value.raw_code == "ON_HOLD"
    assert made.state is State.PAID
    made.facts["held"] = False
    play.channel.ship(Shipped(made.number, "TH1"))
    assert made.state is State.SHIPPED


def test_the_shop_does_not_write_to_the_buyer(play):
    sent = []
    kept = play.sandbox.orders._send
    play.sandbox.orders._send = lambda info, fulfillment: sent.append(fulfillment) or kept(info, fulfillment)
    made = play.stall.make(pay=True)
    play.channel.ship(Shipped(made.number, "TH1"))
    assert [f["notifyCustomer"] for f in sent] == [False]
    assert sent[0]["trackingInfo"] == {"number": "TH1"}


def test_every_push_has_a_key_of_its_own_so_that_going_back_to_a_number_is_not_passed_over(play):
    listing = paged(play.channel.list_listings)[0]
    for quantity in (5, 3, 5):
        play.channel.push_stock([Offer(listing.external_sku, listing.external_id, quantity)])
    assert [p["quantity"] for p in play.stall.pushes] == [5, 3, 5]
    assert len(play.sandbox.orders.keys) == 3


def test_a_deed_without_a_key_is_refused_there(play):
    body = {"query": ask.SET_STOCK.replace("@idempotent(key: $key)", "").replace(", $key: String!", ""),
            "variables": {"input": {"name": "available", "reason": "correction", "quantities": []}}}  # fmt: skip
    headers = {"x-shopify-access-token": play.sandbox.token}
    address = f"{play.host}/admin/api/2026-07/graphql.json"
    answer = httpx.post(address, json=body, headers=headers, trust_env=False).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_a_place_that_is_not_its_own_is_refused_for_each(play):
    wrong = play.again(location="999")
    listing = next(iter(play.stall.listings.values()))
    told = wrong.push_stock([Offer(listing.sku, listing.id, 5)])
    assert isinstance(told[listing.id], ChannelRefused)
    assert not play.stall.pushes
    wrong.close()


def test_the_shop_counts_its_orders(play):
    made = [play.stall.make(pay=True) for _ in range(3)]
    start = (clock.now() - HOUR).replace(microsecond=0)
    page = play.channel.list_numbers(start, start + 2 * HOUR)
    assert (page.total, set(page.numbers)) == (3, {o.number for o in made})


@pytest.mark.parametrize("status", [402, 423, 404])
def test_a_frozen_or_locked_shop_needs_a_person(play, monkeypatch, status):
    from views.sandbox.book import Refusal

    def frozen(*_):
        raise Refusal(status, {"errors": "Unavailable Shop"})

    monkeypatch.setattr(play.sandbox, "handle", frozen)
    with pytest.raises(ChannelKeys):
        play.changed()


@pytest.mark.parametrize(("code", "kind"), [("ACCESS_DENIED", ChannelKeys), ("INTERNAL_SERVER_ERROR", ChannelSilent),
                                            ("MAX_COST_EXCEEDED", ChannelRefused)])  # fmt: skip
def test_errors_beside_the_data(play, monkeypatch, code, kind):
    body = {"data": {"orders": None}, "errors": [{"message": "no", "extensions": {"code": code}}]}
    monkeypatch.setattr(play.sandbox, "handle", lambda *_: body)
    with pytest.raises(kind):
        play.changed()


def test_a_seller_lets_us_in_by_the_browser(play):
    kind = CONNECTORS["shopify_app"]
    settings = {k: v for k, v in play.sandbox.keys().items() if k != "token"} | {"version": "2026-07"}
    where = kind.consent.address(play.host, settings, CALLBACK, "state-1")
    assert "read_orders" in where
    sent = httpx.get(where, trust_env=False)
    assert sent.status_code == 302
    back = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
    assert back["state"] == "state-1"
    grant = kind.consent.exchange(opening("shopify_app", play.host, settings), back)
    play.stall.make(pay=True)
    channel = kind.make(opening("shopify_app", play.host, settings, grant))
    assert len(channel.list_changed(clock.now() - HOUR, clock.now() + HOUR).news) == 1
    channel.close()
    for changed in ({"code": "other"}, {"hmac": "0" * 64}, {"timestamp": "1"}):
        with pytest.raises(ChannelKeys):
            kind.consent.exchange(opening("shopify_app", play.host, settings), back | changed)
    with pytest.raises(ChannelKeys):  # a code opens once
        kind.consent.exchange(opening("shopify_app", play.host, settings), back)
    old = play.sandbox.signed(
        {k: v for k, v in back.items() if k != "hmac"} | {"timestamp": str(int(time.time()) - 100)}
    )
    with pytest.raises(ChannelKeys):
        kind.consent.exchange(opening("shopify_app", play.host, settings), old)
