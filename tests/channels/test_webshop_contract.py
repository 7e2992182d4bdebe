"""What every web shop must do alike, against its strict simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from oms import clock
from oms.channels.port import (
    Ability,
    ChannelError,
    ChannelKeys,
    ChannelTooLate,
    ChannelUnknown,
    Offer,
    OrderNews,
    Shipped,
)
from oms.channels.registry import CONNECTORS
from oms.intake.records import Stage
from oms.money import ZERO, Money
from tests.channels.webshops import ALL, HOUR, Play, on_stage, paged
from views.sandbox.market import State

A = Ability


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


def fits(news: OrderNews) -> bool:
    """Whether lines, discounts and shipping are what the buyer pays, to the satang."""
    order = news.order
    assert order is not None, news.problems
    lines = sum(((x.unit_price or ZERO) * x.quantity - x.seller_discount for x in order.lines), start=ZERO)
    return lines + order.shipping_fee - order.seller_discount - order.platform_discount == order.channel_total


def test_an_order_arrives_with_everything(play):
    made = play.stall.make(pay=True, note="ฝากไว้ที่ป้อม")
    (news,) = play.changed()
    order, home = news.order, made.buyer.home
    assert news.external_no == play.no(made.number)
    assert order is not None, news.problems
    assert order.stage is Stage.TO_SHIP
    assert order.channel_total == Money(made.total)
    assert fits(news)
    assert [(x.sku, x.quantity) for x in order.lines] == [(x.sku, x.quantity) for x in made.lines]
    assert all(x.external_id for x in order.lines)
    to = order.recipient
    assert (to.name, to.phone) == (made.buyer.name, made.buyer.phone)
    assert (to.district, to.province, to.postcode) == (home.district, home.province, home.postcode)
    assert home.line in to.address
    assert home.subdistrict in f"{to.address} {to.subdistrict}"
    assert order.buyer_note == ("" if play.code == "vendure" else "ฝากไว้ที่ป้อม"), "Vendure has no field for it"
    assert abs(order.placed_at - made.placed_at) < timedelta(seconds=1)
    assert abs(order.paid_at - made.paid_at) < timedelta(seconds=1)
    assert news.raw


def test_money_fits_whatever_is_taken_off(play):
    sku = next(iter(play.stall.listings.values())).sku
    play.stall.make({sku: 3}, pay=True, discount=Decimal("33.33"))
    play.stall.make({sku: 7}, pay=True)
    assert all(fits(news) for news in play.changed())


@pytest.mark.parametrize(
    ("deeds", "stage"),
    [
        ((), Stage.UNPAID), (("pay",), Stage.TO_SHIP), (("pay", "ship"), Stage.SHIPPED), (("cancel",), Stage.CANCELED),
        (("pay", "cancel"), Stage.CANCELED),
    ],
)  # fmt: skip
def test_how_far_an_order_is(play, deeds, stage):
    made = play.stall.make()
    for deed in deeds:
        getattr(play.stall, deed)(made.number)
    assert play.one(made.number).order.stage is stage


def test_cash_on_delivery_is_to_be_sent_without_money(play):
    made = play.stall.make(cod=True)
    order = play.one(made.number).order
    assert (order.is_cod, order.stage) == (True, Stage.TO_SHIP)


def test_a_state_nobody_knows_is_told_and_stops_nothing(play):
    odd, usual = play.stall.make(pay=True), play.stall.make(pay=True)
    odd.facts["status"] = "wc-beamed-up" if play.code == "woocommerce" else "BEAMED_UP"
    told = {n.external_no: n.order for n in play.changed()}
    assert told[play.no(odd.number)].stage is Stage.UNKNOWN
    assert "beamed" in told[play.no(odd.number)].channel_status.lower()
    assert told[play.no(usual.number)].stage is Stage.TO_SHIP


def test_other_money_waits_for_a_person(play):
    made = play.stall.make(pay=True)
    made.facts["currency"] = "USD"
    news = play.one(made.number)
    assert news.order is None
    assert [p.code for p in news.problems] == ["currency"]
    assert news.external_no == play.no(made.number)


def test_every_order_is_read_page_by_page(play):
    made = {play.no(o.number) for o in some(play, 230)}
    found = play.changed()
    assert {n.external_no for n in found} == made
    page = play.channel.list_numbers(clock.now() - HOUR, clock.now() + HOUR)
    numbers = dict(page.numbers)
    while page.cursor:
        page = play.channel.list_numbers(clock.now() - HOUR, clock.now() + HOUR, page.cursor)
        numbers |= page.numbers
    assert set(numbers) == made
    assert all(numbers.values())


def some(play: Play, count: int) -> list:
    for listing in play.stall.listings.values():
        listing.quantity = 10_000
    began = clock.now() - timedelta(minutes=50)
    made = []
    for n in range(count):
        at = began + timedelta(seconds=n * 10)
        sku = list(play.stall.listings.values())[n % 9].sku
        order = play.stall.make({sku: 1}, placed_at=at)
        order.state, order.paid_at, order.updated_at = State.PAID, at, at
        made.append(order)
    return made


def test_pages_that_shift_while_they_are_read_lose_nothing(play):
    made = some(play, 150)
    play.stall.shift(3)
    until = clock.now() - timedelta(minutes=1)
    first = {n.external_no for n in play.changed(clock.now() - HOUR, until)}
    moved = {play.no(o.number) for o in made if o.note}
    assert {play.no(o.number) for o in made} - moved <= first
    second = {n.external_no for n in play.changed(until - play.channel.overlap, clock.now() + timedelta(minutes=1))}
    assert {play.no(o.number) for o in made} <= first | second


def test_only_what_lies_in_the_span(play):
    old = play.stall.make(pay=True)
    old.placed_at = old.updated_at = clock.now() - timedelta(days=2)
    new = play.stall.make(pay=True)
    assert [n.external_no for n in play.changed()] == [play.no(new.number)]
    page = play.channel.list_numbers(clock.now() - HOUR, clock.now() + HOUR)
    assert set(page.numbers) == {play.no(new.number)}


def test_some_are_asked_for_by_number_and_a_stranger_is_missing(play):
    made = [play.stall.make(pay=True) for _ in range(3)]
    numbers = [play.no(o.number) for o in made[:2]]
    found = play.channel.refresh([*numbers, "999999999", "no-such"])
    assert sorted(n.external_no for n in found) == sorted(numbers)
    assert play.channel.refresh([]) == ()


def test_what_is_on_sale_and_how_many(play):
    found = paged(play.channel.list_listings)
    assert {(x.external_sku, x.quantity) for x in found} == {(x.sku, x.quantity) for x in play.stall.listings.values()}
    assert len({x.external_id for x in found}) == len(play.stall.listings)


def test_stock_is_the_number_itself_and_a_stranger_stops_nobody(play):
    found = paged(play.channel.list_listings)
    chosen = [found[0], found[5], found[-1]]
    offers = [Offer(x.external_sku, x.external_id, n) for n, x in enumerate(chosen)]
    told = play.channel.push_stock([*offers, Offer("X", "99999999", 1)])
    assert [told[o.external_id] for o in offers] == [None, None, None]
    assert isinstance(told["99999999"], ChannelError)
    assert not told["99999999"].retryable
    by_sku = {x.sku: x.quantity for x in play.stall.listings.values()}
    assert [by_sku[x.external_sku] for x in chosen] == [0, 1, 2]
    assert play.channel.push_stock(offers) == dict.fromkeys((o.external_id for o in offers), None)
    assert [by_sku[x.external_sku] for x in chosen] == [0, 1, 2]


def test_what_is_pushed_is_what_can_be_sold_while_orders_wait(play):
    """Some platforms keep what lies there and what is promised apart."""
    listing = next(iter(play.stall.listings.values()))
    play.stall.make({listing.sku: 4}, pay=True)
    found = {x.external_sku: x for x in paged(play.channel.list_listings)}[listing.sku]
    assert found.quantity == listing.quantity == 96
    play.channel.push_stock([Offer(listing.sku, found.external_id, 10)])
    assert listing.quantity == 10


def test_an_order_is_shipped_once_however_often_it_is_said(play):
    made = play.stall.make(pay=True)
    number = play.no(made.number)
    said = Shipped(number, "TH0123456789", "Flash Express", "flash", "https://track.example/TH0123456789")
    for _ in range(3):
        assert play.channel.ship(said).tracking_no == "TH0123456789"
    assert (made.state, made.tracking) == (State.SHIPPED, "TH0123456789")
    assert play.stall.tallies["ship"] == 1
    order = play.one(made.number).order
    assert (order.stage, order.tracking) == (Stage.SHIPPED, "TH0123456789")


def test_part_of_an_order_leaves_first(play):
    listings = list(play.stall.listings.values())
    made = play.stall.make({listings[0].sku: 2, listings[1].sku: 1}, pay=True)
    number = play.no(made.number)
    first, second = (x.external_id for x in play.one(made.number).order.lines)
    part = Shipped(number, "TH1", "Flash Express", lines={first: 1})
    for _ in range(2):
        play.channel.ship(part)
    assert made.state is State.PAID
    play.channel.ship(Shipped(number, "TH2", "Flash Express", lines={first: 1, second: 1}))
    assert made.state is State.SHIPPED
    play.channel.ship(part)
    assert play.stall.tallies["ship"] == 1


def test_an_order_is_canceled_once_and_not_when_it_left(play):
    made, left = play.stall.make(pay=True), play.stall.make(pay=True)
    for _ in range(2):
        play.channel.cancel(play.no(made.number), "สินค้าหมด")
    assert made.state is State.CANCELED
    assert play.stall.tallies["cancel"] == 1
    play.stall.ship(left.number)
    with pytest.raises(ChannelTooLate):
        play.channel.cancel(play.no(left.number), "สินค้าหมด")
    assert left.state is State.SHIPPED
    with pytest.raises(ChannelTooLate):
        play.channel.ship(Shipped(play.no(made.number), "TH1"))
    assert made.state is State.CANCELED


@pytest.mark.parametrize("number", ["999999999", "no-such-order"])
def test_an_order_of_somebody_else_is_unknown(play, number):
    for ask in (lambda: play.channel.ship(Shipped(number, "TH1")), lambda: play.channel.cancel(number, "")):
        with pytest.raises(ChannelUnknown):
            ask()


def test_wrong_keys_are_told_as_such(play):
    assert play.channel.check() == ("__default_channel__" if play.code == "vendure" else "ร้านรวม")
    secret = {"woocommerce": "secret"}.get(play.code, "token")
    stranger = play.again(**{secret: "wrong"})
    with pytest.raises(ChannelKeys):
        stranger.check()
    with pytest.raises(ChannelKeys):
        stranger.list_changed(clock.now() - HOUR, clock.now())
    stranger.close()


def test_what_it_cannot_do_it_says(play):
    assert play.channel.abilities == CONNECTORS[play.code].abilities
    asks = {
        A.ACCEPT: lambda: play.channel.accept("1"), A.LABEL: lambda: play.channel.get_label("1"),
        A.ANSWER_CANCEL: lambda: play.channel.answer_cancel("1", agree=True),
        A.RETURNS: lambda: play.channel.list_returns(clock.now() - HOUR, clock.now()),
        A.CHAT: lambda: play.channel.send_text("1", "x", "k"),
    }  # fmt: skip
    for ability, ask in asks.items():
        if not play.can(ability):
            with pytest.raises(ChannelError) as no:
                ask()
            assert no.value.code == "channel_cannot"


def test_money_given_back_is_told_with_its_goods(play):
    if not play.can(A.RETURNS):
        pytest.skip("not by this interface")
    made = play.stall.make(pay=True)
    play.stall.ship(made.number)
    play.stall.deliver(made.number)
    asked = play.stall.ask_return(made.number)
    (told,) = paged(lambda c: play.channel.list_returns(clock.now() - HOUR, clock.now() + HOUR, c))
    assert told.order_no == play.no(made.number)
    assert told.amounts == asked.amounts
    assert told.refund == Money(asked.refund)
    assert told.reason == asked.reason
