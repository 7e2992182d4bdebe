"""What only Lazada does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from oms import clock
from oms.channels.asking import sign_push
from oms.channels.port import (
    Called,
    ChannelKeys,
    ChannelRefused,
    ChannelSilent,
    HintKind,
    Offer,
    Shipped,
)
from oms.intake.records import Stage
from oms.money import Money
from tests.channels.markets import HOOK, Play, on_stage, pages, yesterday
from views.sandbox.channel_lazada import LazadaSandbox
from views.sandbox.channel_lazada_door import no
from views.sandbox.market import State
from views.sandbox.parcels import label_pdf


@pytest.fixture
def play() -> Iterator[Play]:
    with on_stage("lazada") as stage:
        yield stage


def refusing(monkeypatch, code: str, message: str = "", kind: str = "ISV") -> None:
    def handle(self, request, fault):
        raise no(code, message, kind)

    monkeypatch.setattr(LazadaSandbox, "handle", handle)


@pytest.mark.parametrize(("code", "kind"), [
    ("ServiceTimeout", "ISP"), ("ServiceUnavailable", "ISP"), ("E501", "ISP"), ("500", "ISP"), ("901", "ISP"),
    ("SomethingNew", "SYSTEM"),
])  # fmt: skip
def test_trouble_of_its_own_is_asked_again(play, monkeypatch, code, kind):
    refusing(monkeypatch, code, "later", kind)
    with pytest.raises(ChannelSilent) as silence:
        play.channel.refresh(["1"])
    assert silence.value.raw_code == code


@pytest.mark.parametrize("code", ["IncompleteSignature", "InvalidAppKey", "InsufficientPermission", "InvalidApiPath"])
def test_trouble_with_our_permission_waits_for_a_person(play, monkeypatch, code):
    refusing(monkeypatch, code)
    with pytest.raises(ChannelKeys) as refusal:
        play.channel.refresh(["1"])
    assert refusal.value.raw_code == code


@pytest.mark.parametrize("code", ["MissingParameter", "InvalidParameter", "4001"])
def test_a_question_it_does_not_take_is_final(play, monkeypatch, code):
    refusing(monkeypatch, code, "no", "ISP")
    with pytest.raises(ChannelRefused):
        play.channel.refresh(["1"])


@pytest.mark.parametrize(("message", "wait"), [
    ("Api access frequency exceeds the limit. This ban will last 30 seconds", 30), ("busy", 60),
    ("ban of 999999 seconds", 86_400),
])  # fmt: skip
@pytest.mark.parametrize("code", ["ApiCallLimit", "AppCallLimit", "SellerCallLimit"])
def test_a_ban_lasts_as_long_as_it_says(play, monkeypatch, code, message, wait):
    refusing(monkeypatch, code, message)
    with pytest.raises(ChannelSilent) as silence:
        play.channel.refresh(["1"])
    assert silence.value.retry_after == timedelta(seconds=wait)
    assert not silence.value.reached


def test_pieces_of_one_kind_are_one_line(play):
    placed = play.order(skus={play.skus[0]: 3, play.skus[1]: 1})
    order = play.told(placed.number).order
    assert [(n.sku, n.quantity) for n in order.lines] == [(play.skus[0], 3), (play.skus[1], 1)]
    assert len(play.told(placed.number).raw["order_items"]) == 4


def test_pieces_at_different_stages(play):
    placed = play.order(skus={play.skus[0]: 4})
    placed.facts["statuses"] = ["canceled", "returned", "delivered", "shipped"]
    news = play.told(placed.number)
    (line,) = news.order.lines
    assert (line.quantity, line.returned) == (3, 1)
    assert news.order.stage is Stage.SHIPPED, "the least advanced counts"
    assert news.order.channel_status == "canceled, returned, delivered, shipped"
    assert news.order.channel_total == Money(placed.lines[0].price * 3 + placed.shipping_fee)
    placed.facts["statuses"] = ["canceled"] * 4
    news = play.told(placed.number)
    assert news.order.stage is Stage.CANCELED
    assert news.order.lines[0].quantity == 4
    placed.facts["statuses"] = ["shipped", "beamed_up", "shipped", "shipped"]
    assert play.told(placed.number).order.stage is Stage.UNKNOWN


@pytest.mark.parametrize(("word", "stage"), [
    ("unpaid", Stage.UNPAID), ("ready_to_ship_pending", Stage.TO_SHIP), ("ready_to_ship", Stage.TO_SHIP),
    ("failed_delivery", Stage.SHIPPED), ("lost_by_3pl", Stage.RETURNED), ("damaged_by_3pl", Stage.RETURNED),
    ("shipped_back_success", Stage.RETURNED), ("packed_scrapped", Stage.RETURNED), ("package_scrapped", Stage.RETURNED),
    ("confirmed", Stage.COMPLETED),
])  # fmt: skip
def test_its_words_for_how_far_a_piece_is(play, word, stage):
    placed = play.order()
    placed.facts["status"] = word
    assert play.told(placed.number).order.stage is stage


def test_moments_carry_the_zone_they_are_told_in(play):
    placed = play.order(placed_at=yesterday())
    news = play.told(placed.number)
    assert news.raw["created_at"].endswith("+0800")
    assert news.order.placed_at == yesterday()
    assert news.order.ship_by == yesterday() + timedelta(days=2)
    placed.facts["extra"] = {"created_at": "2026-11-28 10:00:00", "updated_at": "soon"}
    news = play.told(placed.number)
    assert news.order is None
    assert {(p.column, p.code) for p in news.problems} == {("created_at", "date_range"), ("updated_at", "date_range")}


def test_an_order_without_pieces_is_not_lost(play, monkeypatch):
    placed = play.order()
    many = LazadaSandbox.operations["GET", "/orders/items/get"]
    monkeypatch.setattr(many, "do", lambda self, told: [])
    (news,) = play.changed(yesterday(), clock.now() + timedelta(seconds=1))
    assert (news.external_no, news.order) == (placed.number, None)
    assert [p.code for p in news.problems] == ["unreadable"]


def test_an_offset_beyond_the_limit_is_never_asked_for(play):
    cursor = f"{int(yesterday().timestamp())}+1+5001"
    with pytest.raises(ChannelRefused):
        play.channel.list_changed(yesterday(), clock.now(), cursor)
    assert play.asked == []


def test_packing_comes_before_ready_to_ship(play):
    placed = play.order()
    shipping = play.channel.ship(Shipped(placed.number))
    assert placed.state is State.ACCEPTED
    assert placed.facts["rts"] is True
    assert shipping.tracking_no == placed.tracking
    assert shipping.package
    assert play.told(placed.number).order.tracking == placed.tracking
    before = len(play.asked)
    assert play.channel.ship(Shipped(placed.number)) == shipping
    assert [p for p in play.asked[before:] if "items" not in p] == [], "nothing is left to be said"


def test_what_lazada_or_our_own_car_sends_is_not_packed(play):
    for mark in ("is_fbl", "delivery_option_sof", "is_reroute"):
        placed = play.order()
        placed.facts["item"] = {mark: 1}
        play.channel.accept(placed.number)
        play.channel.ship(Shipped(placed.number))
        assert placed.state is State.PAID


def test_an_unpaid_order_is_not_packed(play):
    number = play.stall.make({play.skus[0]: 1}).number
    with pytest.raises(ChannelRefused):
        play.channel.accept(number)


def test_a_waybill_that_lies_at_another_address_is_fetched(play):
    from werkzeug.wrappers import Response

    from views.sandbox.server import running

    placed = play.order()
    play.channel.accept(placed.number)
    heard = []

    def files(environ, start):
        heard.append((environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_AUTHORIZATION")))
        return Response(label_pdf("LEX1", 100, 150), content_type="application/pdf")(environ, start)

    with running(files) as url:
        play.sandbox.label_address = f"{url}/labels/1.pdf?sig=a%20b"
        assert play.channel.get_label(placed.number).startswith(b"%PDF-")
    assert heard == [("/labels/1.pdf", "sig=a%20b", None)]
    play.sandbox.label_address = "http://example.com/labels/1.pdf"
    with pytest.raises(ChannelSilent):
        play.channel.get_label(placed.number)


def test_a_label_before_packing_is_not_ready(play):
    with pytest.raises(ChannelSilent) as silence:
        play.channel.get_label(play.order().number)
    assert silence.value.retry_after == timedelta(minutes=5)


@pytest.mark.parametrize(("reason", "chosen"), [("out_of_stock", "15"), ("customer", "21")])
def test_out_of_stock_is_said_only_when_it_is(play, reason, chosen):
    placed = play.order()
    play.channel.cancel(placed.number, reason)
    assert placed.cancel_reason == chosen


def test_stock_of_some_skus_may_be_refused(play):
    found = list(pages(play.channel.list_listings, "listings"))[:3]
    play.sandbox.refused_skus[found[1].external_sku] = "Quantity is locked by a campaign"
    answers = play.channel.push_stock([Offer(x.external_sku, x.external_id, 3) for x in found])
    assert [type(a) for a in answers.values()] == [type(None), ChannelRefused, type(None)]
    assert "campaign" in answers[found[1].external_id].raw_text
    assert [p["sku"] for p in play.stall.pushes] == [found[0].external_sku, found[2].external_sku]


def test_cancellations_are_not_told_as_returns(play):
    placed = play.order()
    play.stall.cancel(placed.number)
    page = play.channel.list_returns(yesterday(), clock.now())
    assert page.news == ()


@pytest.mark.parametrize(("kind", "data", "hint"), [
    (10, {"reverse_status": "CANCEL_INIT", "trade_order_id": "1", "reverse_order_id": "2"}, (HintKind.ORDER, "1")),
    (10, {"reverse_status": "RTM_INIT", "trade_order_id": "1", "reverse_order_id": "2"}, (HintKind.RETURN, "2")),
    (8, {}, (HintKind.ACCESS, "")), (6, {}, (HintKind.STOCK, "")), (21, {}, (HintKind.OTHER, "")),
])  # fmt: skip
def test_what_a_push_is_about(play, kind, data, hint):
    for seller in ("1234567", "null"):
        body = json.dumps({"seller_id": seller, "message_type": kind, "data": data, "site": "lazada_th"}).encode()
        news = play.channel.read_webhook(Called({"authorization": sign_push("123456", "lazsecret", body)}, body, HOOK))
        assert [(h.kind, h.number) for h in news.hints] == [hint]
    body = json.dumps({"seller_id": "77", "message_type": kind, "data": data}).encode()
    assert not play.channel.read_webhook(
        Called({"authorization": sign_push("123456", "lazsecret", body)}, body)
    ).hints, "of another shop"
