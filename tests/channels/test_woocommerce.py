"""WooCommerce alone: published signatures, the shop's own client library, Basic over https, its bin and its baskets."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from werkzeug.wrappers import Response
from woocommerce import API
from woocommerce.oauth import OAuth

from oms import clock
from oms.channels.asking import mark_of
from oms.channels.port import Called, ChannelKeys, ChannelSilent, HintKind, Shipped, WebhookRefused
from oms.channels.woocommerce import WooCommerce, oauth
from oms.intake.records import Stage
from oms.net.transport import Transport, secure
from tests.banks.test_mutual_tls import Authority, pem
from tests.channels.webshops import HOUR, IMPATIENT, on_stage
from views.sandbox.channel_woocommerce import WooCommerceSandbox
from views.sandbox.server import running

VECTORS = json.loads((Path(__file__).parent / "webshop_vectors.json").read_text())


@pytest.fixture
def play():
    with on_stage("woocommerce") as stage:
        yield stage


def test_the_published_signature():
    vector = VECTORS["woocommerce.oauth1"]
    params = {"modified_after": "2024-01-01T00:00:00", "per_page": "50"}
    url = "http://shop.local/wp-json/wc/v3/orders"
    made = oauth("GET", url, params, ("ck_test", vector["key"].rstrip("&")), nonce="abc123", at=1700000000)
    assert made["oauth_signature"] == vector["oauth_signature"]


def test_the_shops_own_library_signs_the_same(monkeypatch):
    monkeypatch.setattr(OAuth, "generate_nonce", staticmethod(lambda: "abc123"))
    params = {"search": "เสื้อ ยืด+~*", "include[0]": "7"}
    url = "http://shop.local/wp-json/wc/v3/orders"
    theirs = OAuth(
        url=url, consumer_key="ck", consumer_secret="cs", method="GET", version="wc/v3", oauth_timestamp=1700000000
    )
    said = {"oauth_consumer_key": "ck", "oauth_timestamp": 1700000000, "oauth_nonce": "abc123",
            "oauth_signature_method": "HMAC-SHA256"}  # fmt: skip
    made = oauth("GET", url, params, ("ck", "cs"), nonce="abc123", at=1700000000)
    assert made["oauth_signature"] == theirs.generate_oauth_signature(params | said, url)


def test_the_shops_own_library_gets_into_the_simulator(play):
    made = play.stall.make(pay=True)
    client = API(url=play.host, consumer_key=play.sandbox.key, consumer_secret=play.sandbox.secret, version="wc/v3")
    found = client.get("orders", params={"per_page": 5, "status": "any"})
    assert [row["number"] for row in found.json()] == [made.number]
    assert found.headers["X-WP-Total"] == "1"
    wrong = API(url=play.host, consumer_key=play.sandbox.key, consumer_secret="no", version="wc/v3")
    assert wrong.get("orders").status_code == 401


def test_the_published_webhook(play):
    vector = VECTORS["woocommerce.webhook"]
    channel = play.again(hook_secret=vector["secret"])
    body = vector["body"].encode()
    headers = {"X-WC-Webhook-Signature": vector["x_wc_webhook_signature"], "X-WC-Webhook-Resource": "order"}
    news = channel.read_webhook(Called(headers, body))
    assert [(h.kind, h.number) for h in news.hints] == [(HintKind.ORDER, "727")]
    assert (news.trusted, news.key) == (True, mark_of(body))
    with pytest.raises(WebhookRefused):
        channel.read_webhook(Called(headers, body.replace(b"727", b"728")))
    channel.close()


def test_the_first_call_is_not_signed_and_does_nothing(play):
    news = play.channel.read_webhook(Called({}, b"webhook_id=7"))
    assert (news.hints, news.news, news.trusted, news.answer.status) == ((), (), False, 200)
    for body in (b"webhook_id=7&id=9", b"webhook_id=", b"id=7", b""):
        with pytest.raises(WebhookRefused):
            play.channel.read_webhook(Called({}, body))


def test_over_https_the_keys_go_as_basic(tmp_path):
    authority = Authority()
    cert, key = authority.issue("localhost")
    (tmp_path / "server.pem").write_text(cert + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.pem")
    sandbox = WooCommerceSandbox()
    made = sandbox.stall.make(pay=True)
    with running(sandbox, tls=tls) as url:
        assert urlsplit(url).scheme == "https"
        trusted = Transport(url, tls=secure(authority=pem(authority.cert)), patience=IMPATIENT)
        channel = WooCommerce(trusted, sandbox.keys())
        found = channel.list_changed(clock.now() - HOUR, clock.now() + HOUR)
        assert [n.external_no for n in found.news] == [made.number]
        channel.close()
    assert not sandbox.nonces


def test_what_lies_in_the_bin_is_canceled_and_a_basket_is_no_order(play):
    binned, basket, kept = (play.stall.make(pay=True) for _ in range(3))
    binned.facts["status"], basket.facts["status"] = "trash", "checkout-draft"
    assert [n.external_no for n in play.changed()] == [kept.number]
    assert play.one(binned.number).order.stage is Stage.CANCELED
    page = play.channel.list_numbers(clock.now() - HOUR, clock.now() + HOUR)
    assert set(page.numbers) == {kept.number}


@pytest.mark.parametrize(
    ("word", "stage"),
    [("on-hold", Stage.UNPAID), ("failed", Stage.UNPAID), ("refunded", Stage.RETURNED), ("completed", Stage.SHIPPED)],
)
def test_the_shops_words(play, word, stage):
    made = play.stall.make(pay=True)
    made.facts["status"] = word
    assert play.one(made.number).order.stage is stage


def test_the_buyer_is_told_the_number_once(play):
    made = play.stall.make(pay=True)
    for _ in range(2):
        play.channel.ship(Shipped(made.number, "TH1", "Flash Express", url="https://t.example/TH1"))
    (note,) = made.facts["notes"]
    assert note["customer_note"] is True
    assert note["note"] == "Flash Express TH1 https://t.example/TH1"
    assert {m["key"]: m["value"] for m in made.facts["meta"]}["_tracking_number"] == "TH1"


def test_keys_that_may_only_read_are_a_matter_of_settings(play):
    made = play.stall.make(pay=True)
    play.sandbox.reads_only = True
    with pytest.raises(ChannelKeys):
        play.channel.cancel(made.number, "x")


def test_a_page_of_a_firewall_is_a_matter_of_settings_and_one_of_maintenance_passes(play, monkeypatch):
    for status, kind in ((403, ChannelKeys), (404, ChannelKeys), (503, ChannelSilent), (200, ChannelSilent)):
        page = Response("<html>no</html>", status=status, content_type="text/html")
        monkeypatch.setattr(play.sandbox, "handle", lambda *_, page=page: page)
        with pytest.raises(kind):
            play.changed()


def test_an_address_that_is_no_shop_is_a_matter_of_settings(play):
    lost = type(play.channel)(Transport(f"{play.host}/elsewhere", patience=IMPATIENT), play.sandbox.keys())
    with pytest.raises(ChannelKeys):
        lost.list_changed(clock.now() - HOUR, clock.now())
    lost.close()
