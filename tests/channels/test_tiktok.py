"""What only TikTok Shop does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from oms.channels.asking import sign_push
from oms.channels.port import (
    Called,
    ChannelExpired,
    ChannelKeys,
    ChannelRefused,
    ChannelSilent,
    HintKind,
    Offer,
    Shipped,
)
from oms.channels.registry import CONNECTORS, opening
from oms.intake.records import Stage
from oms.money import Money
from tests.channels.markets import HOOK, PLATFORMS, Play, on_stage, pages, yesterday
from views.sandbox.channel_tiktok import TikTokSandbox
from views.sandbox.channel_tiktok_door import no
from views.sandbox.market import State


@pytest.fixture
def play() -> Iterator[Play]:
    with on_stage("tiktok") as stage:
        yield stage


def refusing(monkeypatch, code: int, message: str = "", status: int = 200) -> None:
    def handle(self, request, fault):
        raise no(status, code, message)

    monkeypatch.setattr(TikTokSandbox, "handle", handle)


@pytest.mark.parametrize(("code", "message", "status", "kind"), [
    (36009003, "internal error", 500, ChannelSilent), (36009007, "time out", 200, ChannelSilent),
    (36009002, "too many", 429, ChannelSilent), (36009037, "limit", 200, ChannelSilent), (12345, "?", 503, ChannelSilent),
    (105002, "expired", 401, ChannelExpired), (1010000, "", 401, ChannelKeys), (105005, "scope", 403, ChannelKeys),
    (36009004, "Invalid access_token", 400, ChannelKeys), (36009033, "IP", 403, ChannelKeys),
    (106001, "sign", 401, ChannelKeys), (36009004, "Invalid timestamp", 400, ChannelKeys),
    (36009004, "invalid parameter", 400, ChannelRefused), (36009009, "path", 404, ChannelRefused),
    (36009010, "method", 405, ChannelRefused), (36009022, "format", 400, ChannelRefused),
    (36009023, "type", 415, ChannelRefused), (21008001, "business", 200, ChannelRefused),
])  # fmt: skip
def test_its_errors(play, monkeypatch, code, message, status, kind):
    refusing(monkeypatch, code, message, status)
    with pytest.raises(kind) as refusal:
        play.channel.refresh(["1"])
    assert type(refusal.value) is kind


@pytest.mark.parametrize("code", [36009002, 36009037])
def test_a_limit_did_nothing(play, monkeypatch, code):
    refusing(monkeypatch, code)
    with pytest.raises(ChannelSilent) as silence:
        play.channel.refresh(["1"])
    assert not silence.value.reached
    assert silence.value.retry_after == timedelta(minutes=1)


def test_a_body_with_thai_is_signed_as_it_is_sent(play, monkeypatch):
    from oms.channels.tiktok import shipping

    monkeypatch.setattr(shipping, "REJECT_REASON", "ของออกแล้ว “แพ็ก” / ✓")
    placed = play.order()
    play.stall.ask_cancel(placed.number)
    play.channel.answer_cancel(placed.number, agree=False)
    assert not placed.cancel_asked


def test_pieces_of_one_kind_are_one_line_and_canceled_ones_are_left_out(play):
    placed = play.order(skus={play.skus[0]: 3})
    placed.facts["statuses"] = ["CANCELLED", "AWAITING_SHIPMENT", "AWAITING_SHIPMENT"]
    (line,) = play.told(placed.number).order.lines
    assert (line.quantity, line.unit_price) == (2, Money(placed.lines[0].price))
    placed.facts["statuses"] = ["CANCELLED"] * 3
    assert play.told(placed.number).order.lines[0].quantity == 3


def test_what_the_platform_gives_is_told_apart_from_what_the_seller_gives(play):
    placed = play.order(skus={play.skus[0]: 1})
    price = Money(placed.lines[0].price)
    ten = Money.satang(1000)
    placed.facts["item"] = {
        "original_price": str(price.amount), "sale_price": str((price - ten - ten).amount), "seller_discount": "10.00",
    }  # fmt: skip
    placed.facts["extra"] = {"payment": {
        "currency": "THB", "shipping_fee": "38", "total_amount": str((price - ten - ten + Money.satang(3300)).amount),
    }}  # fmt: skip
    order = play.told(placed.number).order
    (line,) = order.lines
    assert (line.unit_price, line.seller_discount, line.platform_discount) == (price, ten, ten)
    assert order.platform_discount == Money.satang(500), "what the way of paying took off"


@pytest.mark.parametrize(("word", "stage"), [
    ("ON_HOLD", Stage.UNPAID), ("PARTIALLY_SHIPPING", Stage.TO_SHIP), ("AWAITING_COLLECTION", Stage.TO_SHIP),
    ("IN_TRANSIT", Stage.SHIPPED), ("CANCELLED", Stage.CANCELED),
])  # fmt: skip
def test_its_words_for_how_far_an_order_is(play, word, stage):
    placed = play.order()
    placed.facts["status"] = word
    assert play.told(placed.number).order.stage is stage


def test_a_street_told_apart_is_taken_as_it_is(play):
    placed = play.order()
    place = {"name": "A", "phone_number": "(+66)812345678", "address_detail": "99/1 ซอย 3", "postal_code": "10500",
             "full_address": "x", "district_info": [{"address_level": "L9", "address_level_name": "District",
             "address_name": "บางรัก"}, {"address_level": "L1", "address_name": "กรุงเทพมหานคร"}]}  # fmt: skip
    placed.facts["extra"] = {"recipient_address": place}
    to = play.told(placed.number).order.recipient
    assert (to.address, to.district, to.province, to.phone) == ("99/1 ซอย 3", "บางรัก", "กรุงเทพมหานคร", "0812345678")


def test_other_currencies_are_not_taken(play):
    placed = play.order()
    placed.facts["extra"] = {"payment": {"currency": "USD", "total_amount": "1"}}
    assert [p.code for p in play.told(placed.number).problems] == ["currency"]


def test_our_own_carrier_s_number_goes_along(play):
    placed = play.order()
    placed.facts["shipping_type"] = "SELLER"
    play.channel.accept(placed.number)
    assert placed.state is State.PAID, "nothing to arrange without a number"
    for unclear in ("", "Kerry", "Express"):
        with pytest.raises(ChannelRefused) as refusal:
            play.channel.ship(Shipped(placed.number, "ED123456785TH", unclear))
        assert refusal.value.field == "carrier"
    assert placed.state is State.PAID
    told = Shipped(placed.number, "ED123456785TH", "Thailand Post", carrier_code="6617675021119438849")
    assert play.channel.ship(told).tracking_no == "ED123456785TH"
    assert placed.state is State.ACCEPTED


@pytest.mark.parametrize("carrier", ["Thailand Post", "thailand post", "Flash"])
def test_our_own_carrier_is_found_by_its_name(play, carrier):
    placed = play.order()
    placed.facts["shipping_type"] = "SELLER"
    assert play.channel.ship(Shipped(placed.number, "ED123456785TH", carrier)).tracking_no == "ED123456785TH"
    assert placed.state is State.ACCEPTED


@pytest.mark.parametrize(("handover", "pickup"), [("dropoff", True), ("", False)])
def test_a_parcel_may_be_brought(play, handover, pickup):
    play.sandbox.pickup = pickup
    placed = play.order()
    mine = play.again(handover=handover)
    assert mine.accept(placed.number).tracking_no == placed.tracking != ""
    mine.close()


def test_an_order_whose_buyer_asks_to_cancel_is_not_sent(play):
    placed = play.order()
    play.stall.ask_cancel(placed.number)
    with pytest.raises(ChannelRefused):
        play.channel.accept(placed.number)
    assert placed.state is State.PAID


def test_an_answer_that_may_have_been_heard_is_said_again_under_one_key(play):
    placed = play.order()
    play.stall.ask_cancel(placed.number)
    play.stall.fail("none")
    play.stall.fail("500")
    with pytest.raises(ChannelSilent):
        play.channel.answer_cancel(placed.number, agree=True)
    assert placed.state is State.CANCELED
    play.channel.answer_cancel(placed.number, agree=True)
    assert play.stall.tallies["cancel"] == 1


def test_stock_of_some_skus_may_be_refused_and_goes_to_the_warehouse_that_sells(play):
    found = list(pages(play.channel.list_listings, "listings"))[:3]
    play.sandbox.refused_skus[found[1].external_id.split(":")[1]] = "The SKU is in a campaign"
    answers = play.channel.push_stock([Offer(x.external_sku, x.external_id, 3) for x in found])
    assert [type(a) for a in answers.values()] == [type(None), ChannelRefused, type(None)]
    assert "campaign" in answers[found[1].external_id].raw_text
    assert sum("warehouses" in p for p in play.asked) == 1
    play.channel.push_stock([Offer(found[0].external_sku, found[0].external_id, 4)])
    assert sum("warehouses" in p for p in play.asked) == 1, "asked for once"


def test_pages_are_followed_by_their_token_inside_one_second(play):
    play.stall.listings["1001"].quantity = 1000
    for _ in range(130):
        play.stall.make({play.skus[0]: 1}, placed_at=yesterday(5))
    first = play.channel.list_changed(yesterday(5), yesterday(5) + timedelta(seconds=1))
    assert len(first.news) == 100
    assert first.cursor.endswith("+t100")
    second = play.channel.list_changed(yesterday(5), yesterday(5) + timedelta(seconds=1), first.cursor)
    assert (len(second.news), second.cursor) == (30, "")


def test_an_account_with_several_thai_shops_is_not_guessed_at(play):
    kind = CONNECTORS["tiktok"]
    play.sandbox.more_shops = [{"id": "2", "name": "x", "region": "MY", "cipher": "M"}]
    door = opening("tiktok", play.host, PLATFORMS["tiktok"].settings)
    grant = kind.consent.exchange(door, {"code": play.sandbox.grants.code()})
    assert grant.facts["shop_cipher"] == "CIPHER"
    play.sandbox.more_shops.append({"id": "3", "name": "y", "region": "TH", "cipher": "T"})
    with pytest.raises(ChannelRefused):
        kind.consent.exchange(door, {"code": play.sandbox.grants.code()})
    door.transport.close()


def test_the_usual_consent_page_is_not_told_our_address():
    address = CONNECTORS["tiktok"].consent.address("", PLATFORMS["tiktok"].settings, "https://oms.example.com/cb", "s")
    assert address == "https://auth.tiktok-shops.com/oauth/authorize?app_key=abcd1234&state=s"


@pytest.mark.parametrize(("kind", "data", "hints"), [
    (4, {"package_list": [{"package_id": "1", "order_id_list": ["8", "7"]}]}, [(HintKind.ORDER, "7"), (HintKind.ORDER, "8")]),
    (12, {"order_id": "7", "return_id": "R1"}, [(HintKind.RETURN, "R1")]), (7, {}, [(HintKind.ACCESS, "")]),
    (2, {"order_id": "7", "order_status": "CANCELLED"}, [(HintKind.ORDER, "7")]), (5, {}, [(HintKind.STOCK, "")]),
    (77, {"order_id": "7"}, [(HintKind.ORDER, "7")]), (78, {}, [(HintKind.OTHER, "")]),
    (4, {"package_list": [{"order_id_list": 5}, 3]}, [(HintKind.ORDER, "")]),
])  # fmt: skip
def test_what_a_webhook_is_about(play, kind, data, hints):
    body = json.dumps({"type": kind, "shop_id": "7494726673780148744", "timestamp": 1, "data": data}).encode()
    signed = {"Authorization": sign_push("abcd1234", "ttssecret", body)}
    news = play.channel.read_webhook(Called(signed, body, HOOK))
    assert [(h.kind, h.number) for h in news.hints] == hints
    other = body.replace(b"7494726673780148744", b"1")
    signed = {"Authorization": sign_push("abcd1234", "ttssecret", other)}
    assert play.channel.read_webhook(Called(signed, other, HOOK)).hints == (), "of another shop"


def test_a_repeat_is_known_by_its_notification(play):
    placed = play.order()
    first, second = play.hook(placed), play.hook(placed)
    assert play.channel.read_webhook(first).key == play.channel.read_webhook(second).key
