"""What only Shopee does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from oms import clock
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
from oms.channels.shopee.words import next_day, sign_push
from oms.intake.records import Stage
from oms.money import Money
from tests.channels.markets import HOOK, Play, on_stage, pages, yesterday
from views.sandbox.channel_shopee import ShopeeSandbox
from views.sandbox.channel_shopee_door import no
from views.sandbox.market import State


@pytest.fixture
def play() -> Iterator[Play]:
    with on_stage("shopee") as stage:
        yield stage


def refusing(play: Play, monkeypatch, error: str, message: str = "", status: int = 200) -> None:
    def handle(self, request, fault):
        raise no(error, message, status)

    monkeypatch.setattr(ShopeeSandbox, "handle", handle)


@pytest.mark.parametrize("error", [
    "error_server", "error_network", "error_other", "error_inner", "logistics.error_timeout", "logistics.error_connection",
    "logistics.error_third_party_server", "logistics.error_too_many_invoke_function",
    "logistics.logistic_order_is_locked_on_creating",
])  # fmt: skip
def test_trouble_of_its_own_is_asked_again(play, monkeypatch, error):
    refusing(play, monkeypatch, error)
    with pytest.raises(ChannelSilent) as silence:
        play.channel.refresh(["A1"])
    assert silence.value.raw_code == error
    assert silence.value.reached


@pytest.mark.parametrize("error", [
    "error_sign", "error_permission", "error_shop", "shop_banned", "shop_no_linked", "partner_shop_no_link",
    "error_partner_key_expired", "error_api_permission", "api_suspended", "source_ip_undeclared", "error_kyc_auth",
])  # fmt: skip
def test_trouble_with_our_permission_waits_for_a_person(play, monkeypatch, error):
    refusing(play, monkeypatch, error, "words", 403)
    with pytest.raises(ChannelKeys) as refusal:
        play.channel.refresh(["A1"])
    assert refusal.value.raw_code == error


def test_the_daily_limit_is_waited_for_until_midnight_in_singapore(play):
    play.sandbox.quota_spent = True
    with pytest.raises(ChannelSilent) as silence:
        play.channel.refresh(["A1"])
    assert not silence.value.reached
    assert timedelta(0) < silence.value.retry_after <= timedelta(days=1)
    assert next_day(datetime(2026, 11, 28, 15, 59, 30, tzinfo=UTC)) == timedelta(seconds=30)
    assert next_day(datetime(2026, 11, 28, 16, 0, tzinfo=UTC)) == timedelta(days=1)


def test_a_span_of_more_than_fifteen_days_is_refused(play):
    with pytest.raises(ChannelRefused):
        play.channel.list_changed(clock.now() - timedelta(days=16), clock.now())


def test_whole_orders_are_asked_for_in_fifties(play):
    play.stall.listings["1001"].quantity = 1000
    made = [play.stall.make({play.skus[0]: 1}, placed_at=yesterday(n / 10)).number for n in range(80)]
    page = play.channel.list_changed(yesterday(-1), yesterday(60))
    assert page.cursor == ""
    assert len(page.news) == len(made)
    assert [p.rsplit("/", 1)[1] for p in play.asked] == ["get_order_list", "get_order_detail", "get_order_detail"]


def test_an_order_that_is_listed_and_not_told_is_not_lost(play, monkeypatch):
    kept, gone = play.order(), play.order()
    tell = ShopeeSandbox.operations["GET", "/order/get_order_detail"]
    monkeypatch.setattr(tell, "do", lambda self, told: {"order_list": [
        row for row in self.tell_orders(told)["order_list"] if row["order_sn"] != gone.number]})  # fmt: skip
    news = {n.external_no: n for n in play.changed(yesterday(), clock.now() + timedelta(seconds=1))}
    assert news[kept.number].order is not None
    assert news[gone.number].order is None
    assert [p.code for p in news[gone.number].problems] == ["unreadable"]


def test_an_order_that_cannot_be_read_says_why_and_keeps_its_words(play):
    placed = play.order()
    placed.facts["item"] = {"model_quantity_purchased": "two", "model_sku": "", "item_sku": ""}
    placed.facts["extra"] = {"total_amount": "12x", "currency": "SGD", "create_time": -5}
    news = play.told(placed.number)
    assert news.order is None
    assert {p.code for p in news.problems} == {"quantity_text", "sku_missing", "money_text", "currency", "date_range"}
    assert news.raw["currency"] == "SGD"
    placed.facts.clear()
    placed.facts["extra"] = {"item_list": []}
    assert [p.code for p in play.told(placed.number).problems] == ["lines_missing"]


def test_pieces_that_were_canceled_are_left_out_unless_all_are(play):
    placed = play.order(skus={play.skus[0]: 3})
    placed.facts["item"] = {"cancelled_qty": 1, "returned_qty": 1}
    (line,) = play.told(placed.number).order.lines
    assert (line.quantity, line.returned) == (2, 1)
    placed.facts["item"] = {"cancelled_qty": 3}
    (line,) = play.told(placed.number).order.lines
    assert line.quantity == 3


def test_a_price_of_nothing_inside_a_bundle_is_the_usual_one(play):
    placed = play.order()
    placed.facts["item"] = {"model_discounted_price": 0}
    (line,) = play.told(placed.number).order.lines
    assert line.unit_price == Money(placed.lines[0].price)


def test_vouchers_are_what_is_missing_to_the_total(play):
    placed = play.order(discount=play.stall.listings["1001"].price)
    order = play.told(placed.number).order
    assert order.shipping_fee == Money.satang(0)
    assert order.platform_discount == Money(placed.goods_total - placed.total)


@pytest.mark.parametrize(("word", "stage"), [
    ("PENDING", Stage.UNPAID), ("RETRY_SHIP", Stage.TO_SHIP), ("IN_CANCEL", Stage.TO_SHIP), ("TO_RETURN", Stage.RETURNED),
    ("PROCESSED", Stage.TO_SHIP), ("INVOICE_PENDING", Stage.TO_SHIP), ("TO_CONFIRM_RECEIVE", Stage.DELIVERED),
    ("CANCELLED", Stage.CANCELED),
])  # fmt: skip
def test_its_words_for_how_far_an_order_is(play, word, stage):
    placed = play.order()
    placed.facts["status"] = word
    order = play.told(placed.number).order
    assert (order.stage, order.channel_status) == (stage, word)


def test_our_own_carrier_s_number_goes_along(play):
    play.sandbox.own_carrier = True
    placed = play.order()
    assert play.channel.accept(placed.number).tracking_no == "", "nothing to arrange without a number"
    assert placed.state is State.PAID
    assert play.channel.ship(Shipped(placed.number, "ED123456785TH")).tracking_no == "ED123456785TH"
    assert (placed.state, placed.tracking) == (State.ACCEPTED, "ED123456785TH")


def test_a_number_that_comes_later_is_no_error(play):
    placed = play.order()
    placed.facts["late_number"] = True
    shipping = play.channel.accept(placed.number)
    assert (shipping.tracking_no, shipping.carrier) == ("", placed.carrier)
    with pytest.raises(ChannelSilent) as silence:
        play.channel.get_label(placed.number)
    assert silence.value.retry_after == timedelta(minutes=5)
    placed.facts.clear()
    assert play.channel.get_label(placed.number).startswith(b"%PDF-")


def test_an_order_whose_buyer_asks_to_cancel_is_not_sent(play):
    placed = play.order()
    play.stall.ask_cancel(placed.number)
    with pytest.raises(ChannelRefused) as refusal:
        play.channel.accept(placed.number)
    assert refusal.value.raw_code == "logistics.order_not_ready_to_ship"
    assert placed.state is State.PAID


def test_stock_of_some_models_may_be_refused(play):
    found = [x for x in pages(play.channel.list_listings, "listings") if not x.external_id.endswith(":0")]
    model = int(found[0].external_id.split(":")[1])
    play.sandbox.refused_models[model] = "Total stock is less than the reserved stock"
    answers = play.channel.push_stock([Offer(x.external_sku, x.external_id, 3) for x in found[:2]])
    refusal = answers[found[0].external_id]
    assert isinstance(refusal, ChannelRefused)
    assert "reserved" in refusal.raw_text
    assert answers[found[1].external_id] is None


def test_a_push_signed_for_another_address_is_refused(play):
    called = play.hook(play.order())
    with pytest.raises(WebhookRefused):
        play.channel.read_webhook(Called(called.headers, called.body, HOOK + "&y=2"))


def test_a_push_for_another_shop_of_the_same_program_tells_us_nothing(play):
    play.sandbox.shop = "700000"
    news = play.channel.read_webhook(play.hook(play.order()))
    assert news.hints == ()
    assert news.answer.status == 200


def test_a_push_has_its_own_key_where_one_is_entered(play):
    mine = play.again(push_key="another")
    play.sandbox.key = "another"
    placed = play.order()
    assert mine.read_webhook(play.hook(placed)).hints[0].number == placed.number
    mine.close()


@pytest.mark.parametrize(("code", "data", "kind"), [
    (4, {"ordersn": "A1", "tracking_no": "X"}, HintKind.ORDER), (2, {}, HintKind.ACCESS), (12, {}, HintKind.ACCESS),
    (8, {}, HintKind.STOCK), (15, {"ordersn": "A1"}, HintKind.ORDER), (29, {"return_sn": "R1"}, HintKind.RETURN),
    (99, {}, HintKind.OTHER), (30, {"order_sn": "A1"}, HintKind.ORDER),
])  # fmt: skip
def test_what_a_push_is_about(play, code, data, kind):
    body = json.dumps({"code": code, "shop_id": 600000, "timestamp": 1, "data": data}).encode()
    news = play.channel.read_webhook(Called({"Authorization": sign_push("shopeesecretkey", HOOK, body)}, body, HOOK))
    assert [h.kind for h in news.hints] == [kind]
