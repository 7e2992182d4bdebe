"""Vendure and Medusa alone: times of change that stand still, stock that is promised, hints a plug-in sends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from oms import clock
from oms.channels import vendure_words
from oms.channels.medusa_orders import order_news as medusa_news
from oms.channels.port import (
    Called,
    ChannelError,
    ChannelKeys,
    ChannelRefused,
    ChannelSilent,
    HintKind,
    Offer,
    Shipped,
    WebhookRefused,
)
from oms.channels.registry import CONNECTORS
from oms.channels.vendure_orders import order_news as vendure_news
from oms.intake.records import Stage
from oms.money import Money
from tests.channels.test_webshop_contract import fits
from tests.channels.webshops import Play, on_stage
from views.sandbox import graphql
from views.sandbox.book import Refusal
from views.sandbox.channel_vendure import hint
from views.sandbox.market import Order, State
from views.sandbox.vendure_schema import SCHEMA

QUIET = ("vendure", "medusa")
A_LITTLE = timedelta(minutes=5)


@pytest.fixture(params=QUIET)
def play(request):
    with on_stage(request.param) as stage:
        yield stage


vendure = pytest.mark.parametrize("play", ["vendure"], indirect=True)
medusa = pytest.mark.parametrize("play", ["medusa"], indirect=True)


def older(play: Play) -> Order:
    """An order placed an hour ago."""
    at = clock.now() - timedelta(hours=1)
    made = play.stall.make(placed_at=at)
    made.updated_at = at
    return made


def lately(play: Play) -> list[str]:
    return [n.external_no for n in play.changed(clock.now() - A_LITTLE, clock.now() + A_LITTLE)]


def test_a_payment_is_heard_of_only_by_asking_for_the_order_again(play):
    made = older(play)
    assert play.one(made.number).order.stage is Stage.UNPAID
    play.stall.pay(made.number)
    assert lately(play) == []
    news = play.one(made.number).order
    assert (news.stage, news.paid_at is not None) == (Stage.TO_SHIP, True)
    assert CONNECTORS[play.code].look_again <= 120, "so open orders are looked at often"


def test_a_parcel_moves_medusa_and_not_vendure(play):
    made = older(play)
    play.stall.pay(made.number)
    play.stall.ship(made.number, "TH1", "Flash Express")
    assert lately(play) == ([] if play.code == "vendure" else [made.number])
    assert (play.one(made.number).order.stage, play.one(made.number).order.tracking) == (Stage.SHIPPED, "TH1")


def test_a_cancel_moves_both_and_tells_what_was_ordered(play):
    made = older(play)
    play.stall.pay(made.number)
    play.stall.cancel(made.number)
    assert lately(play) == [made.number]
    order = play.one(made.number).order
    assert order.stage is Stage.CANCELED
    assert [(x.sku, x.quantity, x.unit_price) for x in order.lines] == [
        (x.sku, x.quantity, Money(x.price)) for x in made.lines
    ]


def test_a_hint_of_the_shop_s_own_plug_in_is_signed_with_its_moment(play):
    made = play.stall.make()
    told = play.sandbox.hook(made, "pay")
    news = play.channel.read_webhook(Called(told.headers, told.body))
    assert [(h.kind, h.number) for h in news.hints] == [(HintKind.ORDER, made.number)]
    assert (news.trusted, news.news) == (True, ())
    other = hint(made.number, "guess")
    for headers, body in ((other.headers, other.body), (told.headers, told.body + b" "), ({}, told.body)):
        with pytest.raises(WebhookRefused):
            play.channel.read_webhook(Called(headers, body))


def test_an_order_in_between_makes_the_offer_smaller_and_never_larger(play):
    """Between reading what is promised and saying what lies there somebody buys."""
    listing = next(iter(play.stall.listings.values()))
    play.stall.make({listing.sku: 2}, pay=True)
    key = listing.id if play.code == "vendure" else f"iitem_{listing.id}"
    kept = play.sandbox.handle
    asked = []

    def bought_in_between(request, fault):
        answer = kept(request, fault)
        asked.append(request.path)
        if len(asked) == 1:
            play.stall.make({listing.sku: 3}, pay=True)
        return answer

    play.sandbox.handle = bought_in_between
    assert play.channel.push_stock([Offer(listing.sku, key, 10)]) == {key: None}
    assert listing.quantity == 7


def test_part_of_an_order_that_left_leaves_the_rest_to_be_sent(play):
    listings = list(play.stall.listings.values())
    made = play.stall.make({listings[0].sku: 2, listings[1].sku: 1}, pay=True)
    first = play.one(made.number).order.lines[0].external_id
    play.channel.ship(Shipped(made.number, "TH1", "Flash Express", lines={first: 1}))
    order = play.one(made.number).order
    assert (order.stage, order.tracking) == (Stage.TO_SHIP, "TH1")
    play.channel.ship(Shipped(made.number, "TH2", "Flash Express"))
    assert (made.state, play.one(made.number).order.stage) == (State.SHIPPED, Stage.SHIPPED)
    assert len(made.facts["fulfillments"]) == 2


@vendure
@pytest.mark.parametrize("name", ["CHANNEL", "ORDERS", "NUMBERS", "VARIANTS", "SET_STOCK", "SEND", "MOVE", "CANCEL"])
def test_every_question_fits_the_schema(play, name):
    _, wrongs = graphql.checked(SCHEMA, getattr(vendure_words, name))
    assert not wrongs


@vendure
def test_an_unknown_token_of_a_channel_is_noticed(play):
    right = play.again(channel="thailand", channel_token="thai-token")
    assert right.check() == "thailand"
    wrong = play.again(channel="thailand", channel_token="mistyped")
    with pytest.raises(ChannelKeys):
        wrong.check()
    right.close()
    wrong.close()


@vendure
def test_a_handler_the_shop_does_not_have_is_told(play):
    made = play.stall.make(pay=True)
    other = play.again(handler="other")
    with pytest.raises(ChannelRefused) as refusal:
        other.ship(Shipped(made.number, "TH1"))
    assert refusal.value.raw_code == "INVALID_FULFILLMENT_HANDLER_ERROR"
    assert made.state is State.PAID
    other.close()


@vendure
@pytest.mark.parametrize("value", ["199.00", 199.5, None, True])
def test_money_that_is_not_whole_satang_is_not_taken(play, value):
    row = play.sandbox.told(play.stall.make(pay=True)) | {"totalWithTax": value}
    news = vendure_news(row)
    assert news.order is None
    assert {p.column for p in news.problems} == {"total"}


@vendure
@pytest.mark.parametrize(
    ("word", "stage"),
    [("PaymentAuthorized", Stage.UNPAID), ("Modifying", Stage.UNPAID), ("ArrangingAdditionalPayment", Stage.UNPAID),
     ("PartiallyShipped", Stage.TO_SHIP), ("PartiallyDelivered", Stage.SHIPPED), ("Delivered", Stage.DELIVERED)],
)  # fmt: skip
def test_vendure_s_words(play, word, stage):
    made = play.stall.make(pay=True)
    made.facts["status"] = word
    assert play.one(made.number).order.stage is stage


@vendure
@pytest.mark.parametrize(("code", "kind"), [("FORBIDDEN", ChannelKeys), ("INTERNAL_SERVER_ERROR", ChannelSilent),
                                            ("USER_INPUT_ERROR", ChannelRefused)])  # fmt: skip
def test_vendure_s_errors(play, monkeypatch, code, kind):
    body = {"data": None, "errors": [{"message": "no", "extensions": {"code": code}}]}
    monkeypatch.setattr(play.sandbox, "handle", lambda *_: body)
    with pytest.raises(kind):
        play.changed()


@medusa
@pytest.mark.parametrize(
    ("word", "stage"),
    [("fulfilled", Stage.TO_SHIP), ("partially_shipped", Stage.TO_SHIP), ("partially_delivered", Stage.SHIPPED),
     ("delivered", Stage.DELIVERED), ("canceled", Stage.TO_SHIP)],
)  # fmt: skip
def test_medusa_s_words(play, word, stage):
    made = play.stall.make(pay=True)
    made.facts["status"] = word
    assert play.one(made.number).order.stage is stage


@medusa
def test_decimal_numbers_are_read_to_the_satang(play):
    row = play.sandbox.told(play.stall.make(pay=True), "") | {"shipping_total": 19.99, "total": 0.1 + 0.2}
    order = medusa_news(row).order
    assert (order.shipping_fee, order.channel_total) == (Money.satang(1999), Money.satang(30))


@medusa
def test_without_totals_of_lines_the_price_of_a_piece_counts(play):
    made = play.stall.make(pay=True)
    row = play.sandbox.told(made, "")
    bare = [{k: v for k, v in item.items() if k not in {"total", "original_total"}} for item in row["items"]]
    assert fits(medusa_news(row | {"items": bare}))


@medusa
def test_what_was_packed_there_is_sent_and_not_packed_again(play):
    made = play.stall.make(pay=True)
    items = [{"line_item_id": f"ordli_{x.id}", "quantity": x.quantity} for x in made.lines]
    made.facts["packed"] = {x.id: x.quantity for x in made.lines}
    made.facts["fulfillments"] = [
        {"id": "ful_x", "canceled_at": None, "shipped_at": None, "labels": [], "metadata": None, "items": items}
    ]
    play.channel.ship(Shipped(made.number, "TH1"))
    assert made.state is State.SHIPPED
    assert len(made.facts["fulfillments"]) == 1


@medusa
@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [(409, "conflict", ChannelSilent), (500, "unknown_error", ChannelSilent), (400, "invalid_data", ChannelRefused),
     (401, "unauthorized", ChannelKeys), (404, "", ChannelKeys)],
)  # fmt: skip
def test_medusa_s_errors(play, monkeypatch, status, kind, told):
    def refuse(*_):
        raise Refusal(status, {"type": kind, "message": "no"} if kind else {"message": "Cannot find"})

    monkeypatch.setattr(play.sandbox, "handle", refuse)
    with pytest.raises(ChannelError) as refusal:
        play.changed()
    assert isinstance(refusal.value, told)
