"""What every marketplace adapter does alike, each against its strict simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from decimal import Decimal

import pytest

from oms import clock
from oms.channels.port import (
    Ability,
    ChannelCannot,
    ChannelError,
    ChannelKeys,
    ChannelSilent,
    ChannelTooLate,
    ChannelUnknown,
    HintKind,
    Offer,
    Shipped,
    WebhookRefused,
)
from oms.channels.registry import CONNECTORS, try_out
from oms.intake.records import Stage
from oms.money import ZERO, Money
from tests.channels.markets import ALL, HOOK, Called, Play, on_stage, opened, pages, yesterday
from views.sandbox.market import State

A = Ability


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


def able(ability: Ability):
    codes = [code for code in ALL if ability in CONNECTORS[code].abilities]
    return pytest.mark.parametrize("play", codes, indirect=True)


def span(play: Play):
    return yesterday(), clock.now() + timedelta(seconds=1)


def test_its_settings_are_proved_without_cost(play):
    assert play.channel.check() or play.code == "line_shopping"
    assert play.stall.tallies == {}


def test_wrong_keys_are_trouble_with_our_settings(play):
    for name in CONNECTORS[play.code].secret_names:
        if name == "push_key":
            continue
        wrong = play.again(**{name: "no"})
        with pytest.raises(ChannelKeys) as refusal:
            wrong.check()
        assert not refusal.value.retryable
        wrong.close()


def test_trying_out_tells_the_same(play):
    with pytest.raises(ChannelKeys):
        try_out(play.code, "http://example.com", {})
    nobody = opened(play.code, "http://127.0.0.1:9", play.grant)
    with pytest.raises(ChannelSilent) as silence:
        nobody.check()
    assert not silence.value.reached
    nobody.close()


def test_what_it_cannot_do_it_says(play):
    asks = {
        A.CHAT: lambda c: c.send_text("t", "hello", "k"), A.LABEL: lambda c: c.get_label("X1"),
        A.WEBHOOK: lambda c: c.read_webhook(Called({}, b"")), A.ACCEPT: lambda c: c.accept("X1"),
        A.ANSWER_CANCEL: lambda c: c.answer_cancel("X1", agree=True), A.GRANT: lambda c: c.renew(play.grant),
        A.RETURNS: lambda c: c.list_returns(*span(play)), A.LISTINGS: lambda c: c.list_listings(),
    }  # fmt: skip
    for ability, ask in asks.items():
        if not play.can(ability):
            with pytest.raises(ChannelCannot):
                ask(play.channel)


def test_an_order_is_told_whole(play):
    placed = play.order(skus={play.skus[0]: 2, play.skus[1]: 1}, placed_at=yesterday())
    news = play.told(placed.number)
    assert news.problems == ()
    order = news.order
    assert (news.external_no, order.external_no) == (placed.number, placed.number)
    assert order.stage is Stage.TO_SHIP
    assert [(line.sku, line.quantity, line.unit_price) for line in order.lines] == [
        (line.sku, line.quantity, Money(line.price)) for line in placed.lines
    ]
    assert len({line.external_id for line in order.lines}) == 2
    assert order.channel_total == Money(placed.total)
    assert order.shipping_fee == Money(Decimal(38))
    assert order.placed_at == yesterday()
    assert order.paid_at is None or order.paid_at.tzinfo is UTC
    assert not order.is_cod
    home = placed.buyer.home
    assert order.recipient.name == home.name
    assert order.recipient.phone == home.phone.replace("-", "")
    assert order.recipient.address == home.line
    assert (order.recipient.subdistrict, order.recipient.district) == (home.subdistrict, home.district)
    assert (order.recipient.province, order.recipient.postcode) == (home.province, home.postcode)
    assert not order.recipient.masked
    assert news.updated_at is not None
    assert news.raw


def test_lines_and_fees_make_the_total_to_the_satang(play):
    first, second, *_ = play.stall.listings.values()
    first.price, second.price = Decimal("199.99"), Decimal("0.07")
    placed = play.order(skus={first.sku: 3, second.sku: 7}, discount=Decimal("12.34"))
    order = play.told(placed.number).order
    goods = sum(((n.unit_price * n.quantity - n.seller_discount for n in order.lines)), start=ZERO)
    off = order.seller_discount + order.platform_discount + sum((n.platform_discount for n in order.lines), start=ZERO)
    assert goods + order.shipping_fee - off == order.channel_total == Money(placed.total)


def test_paying_at_the_door_is_known(play):
    placed = play.order(cod=True)
    order = play.told(placed.number).order
    assert order.is_cod
    assert order.stage is Stage.TO_SHIP


def test_an_order_goes_through_its_stages(play):
    stall = play.stall
    number = play.stall.make({play.skus[0]: 1}).number
    seen = [play.told(number).order.stage]
    for deed in (stall.pay, stall.ship, stall.deliver, stall.complete):
        deed(number)
        seen.append(play.told(number).order.stage)
    assert seen == [Stage.UNPAID, Stage.TO_SHIP, Stage.SHIPPED, Stage.DELIVERED, Stage.COMPLETED]
    other = play.order()
    stall.cancel(other.number, "ของหมด")
    order = play.told(other.number).order
    assert order.stage is Stage.CANCELED


def test_what_is_hidden_by_stars_replaces_nothing(play):
    if play.code == "line_shopping":
        pytest.skip("it hides nothing")
    placed = play.order()
    play.stall.ship(placed.number, "TH0001")
    to = play.told(placed.number).order.recipient
    assert to.masked
    assert to.phone == ""
    assert "*" in to.name
    assert not any("*" in part for part in (to.subdistrict, to.district, to.province, to.postcode))


def test_a_state_nobody_has_heard_of_is_unknown_and_kept(play):
    placed = play.order()
    placed.facts["status"] = "MOON_LANDING"
    news = play.told(placed.number)
    assert news.problems == ()
    assert news.order.stage is Stage.UNKNOWN
    assert "MOON_LANDING" in news.order.channel_status
    assert news.order.lines


def test_fields_nobody_has_heard_of_change_nothing_and_are_kept(play):
    placed = play.order()
    usual = play.told(placed.number)
    placed.facts["extra"] = {"aNewField": {"deep": [1, None]}}
    play.stall.fail("extra")
    later = play.told(placed.number)
    assert later.order == usual.order
    assert "deep" in later.raw["aNewField"]


def test_everything_that_changed_is_told_oldest_first(play):
    placed = [play.stall.make({play.skus[0]: 1}, placed_at=yesterday(n)).number for n in range(5)]
    play.stall.pay(placed[0])
    news = play.changed(*span(play))
    assert [n.external_no for n in news] == [*placed[1:], placed[0]]
    assert all(n.order is not None for n in news)
    assert play.changed(yesterday(1.5), yesterday(3.5)) != []
    assert {n.external_no for n in play.changed(yesterday(1.5), yesterday(3.5))} == set(placed[2:4])


def test_an_empty_span_is_one_question(play):
    assert play.channel.list_changed(yesterday(), yesterday(10)).news == ()
    assert len(play.asked) == 1


def test_more_than_a_page_is_told_to_the_end(play):
    play.stall.listings["1001"].quantity = 1000
    begin = yesterday()  # a busy machine needs seconds to make them
    made = {play.stall.make({play.skus[0]: 1}, placed_at=begin + timedelta(seconds=20 * n)).number for n in range(230)}
    news = play.changed(begin, begin + timedelta(minutes=120))
    assert {n.external_no for n in news} == made
    assert len(news) <= len(made) * 1.2, "hardly anything is told twice"
    times = [n.updated_at for n in news]
    assert times == sorted(times)


def test_more_than_a_page_in_one_second_is_told_to_the_end(play):
    play.stall.listings["1001"].quantity = 1000
    made = {play.stall.make({play.skus[0]: 1}, placed_at=yesterday(5)).number for _ in range(130)}
    assert {n.external_no for n in play.changed(yesterday(), yesterday(10))} == made


def test_pages_that_shift_while_they_are_read_lose_nothing(play):
    play.stall.listings["1001"].quantity = 1000
    made = {play.stall.make({play.skus[0]: 1}, placed_at=yesterday(n / 3)).number for n in range(230)}
    since, until = yesterday(), clock.now() - timedelta(minutes=1)
    play.stall.shift(4)
    first = {n.external_no for n in play.changed(since, until)}
    assert play.stall.shifts == 0, "pages were read while the list moved"
    later = {n.external_no for n in play.changed(until, clock.now() + timedelta(seconds=1))}
    assert first | later == made
    assert made - first <= later


def test_the_longest_span_may_be_asked_for(play):
    since = clock.now() - play.channel.window
    assert play.channel.list_changed(since, clock.now()).news == ()


def test_the_numbers_of_a_day_are_complete(play):
    play.stall.listings["1001"].quantity = 1000
    began = yesterday()
    start, end = began + timedelta(minutes=10), began + timedelta(minutes=40)
    moments = [began + timedelta(seconds=20 * n) for n in range(150)]
    made = [play.stall.make({play.skus[0]: 1}, placed_at=moment).number for moment in moments]
    play.stall.pay(made[3])
    numbers = {}
    for _ in pages(lambda c: _kept(numbers, play.channel.list_numbers(start, end, c)), "numbers"):
        pass
    assert {n for n in made if start <= play.stall.get(n).placed_at < end} == set(numbers) - {made[120]}


def _kept(numbers, page):
    numbers.update(page.numbers)
    return page


def test_orders_are_refreshed_by_number_and_unknown_ones_are_missing(play):
    numbers = [play.order().number for _ in range(3)]
    news = play.channel.refresh([*numbers, "UNKNOWN123", "../etc", "a,b", ""])
    assert sorted(n.external_no for n in news) == sorted(numbers)
    assert play.channel.refresh(["UNKNOWN123"]) == ()
    assert play.channel.refresh([]) == ()


def test_as_many_as_the_limit_says_are_refreshed_at_once(play):
    play.stall.listings["1001"].quantity = 1000
    numbers = [play.stall.make({play.skus[0]: 1}).number for _ in range(play.channel.refresh_limit)]
    assert {n.external_no for n in play.channel.refresh(numbers)} == set(numbers)


# back to the channel


@able(A.ACCEPT)
def test_an_order_is_accepted_once_and_again_is_fine(play):
    placed = play.order()
    first = play.channel.accept(placed.number)
    assert play.stall.get(placed.number).state is State.ACCEPTED
    assert first.tracking_no == placed.tracking != ""
    assert play.channel.accept(placed.number) == first
    assert play.stall.tallies["accept"] == 1
    with pytest.raises(ChannelUnknown):
        play.channel.accept("999999")


@able(A.ACCEPT)
def test_what_somebody_else_arranged_in_between_counts_as_done(play, monkeypatch):
    placed, accept = play.order(), play.stall.accept

    def somebody_first(number: str, tracking: str = ""):
        accept(number, tracking)
        return accept(number, tracking)

    monkeypatch.setattr(play.stall, "accept", somebody_first)
    assert play.channel.accept(placed.number).tracking_no == placed.tracking != ""
    assert play.stall.tallies["accept"] == 1


@able(A.CANCEL)
def test_what_somebody_else_canceled_in_between_counts_as_done(play, monkeypatch):
    placed, cancel = play.order(), play.stall.cancel

    def somebody_first(number: str, reason: str = ""):
        cancel(number, reason)
        return cancel(number, reason)

    monkeypatch.setattr(play.stall, "cancel", somebody_first)
    play.channel.cancel(placed.number, "customer")
    assert (placed.state, play.stall.tallies["cancel"]) == (State.CANCELED, 1)


def test_goods_that_left_are_told(play):
    placed = play.order()
    told = Shipped(placed.number, "ED123456789TH", "Thailand Post", url="https://track.example.com/1")
    play.channel.ship(told)
    assert placed.state in {State.ACCEPTED, State.SHIPPED}
    play.channel.ship(told)
    assert play.told(placed.number).order.stage in {Stage.TO_SHIP, Stage.SHIPPED, Stage.DELIVERED}


@able(A.CANCEL)
@pytest.mark.parametrize("reason", ["out_of_stock", "customer", "anything"])
def test_an_order_is_canceled_once_and_again_is_fine(play, reason):
    placed = play.order()
    play.channel.cancel(placed.number, reason)
    play.channel.cancel(placed.number, reason)
    assert placed.state is State.CANCELED
    assert play.stall.tallies["cancel"] == 1
    with pytest.raises(ChannelUnknown):
        play.channel.cancel("999999", reason)


@able(A.CANCEL)
def test_an_order_that_left_is_not_canceled(play):
    placed = play.order()
    play.stall.ship(placed.number)
    with pytest.raises(ChannelTooLate):
        play.channel.cancel(placed.number, "customer")
    assert placed.state is State.SHIPPED


@able(A.ANSWER_CANCEL)
def test_a_buyer_who_asks_to_cancel_is_answered(play):
    yes, no = play.order(), play.order()
    for placed in (yes, no):
        play.stall.ask_cancel(placed.number)
        order = play.told(placed.number).order
        assert order.cancel_requested
        assert order.stage is Stage.TO_SHIP
    for _ in range(2):
        play.channel.answer_cancel(yes.number, agree=True)
        play.channel.answer_cancel(no.number, agree=False)
    assert (yes.state, no.state) == (State.CANCELED, State.PAID)
    with pytest.raises(ChannelTooLate):
        play.channel.answer_cancel(yes.number, agree=False)


@able(A.LABEL)
def test_the_label_is_a_pdf(play):
    placed = play.order()
    play.channel.accept(placed.number) if play.can(A.ACCEPT) else play.channel.ship(Shipped(placed.number, "TH0001"))
    assert play.channel.get_label(placed.number).startswith(b"%PDF-")
    assert play.channel.get_label(placed.number).startswith(b"%PDF-"), "and again"
    with pytest.raises(ChannelUnknown):
        play.channel.get_label("999999")


# goods


@able(A.LISTINGS)
def test_everything_on_sale_is_listed(play):
    found = list(pages(play.channel.list_listings, "listings"))
    assert {(x.external_sku, x.quantity) for x in found} == {(x.sku, x.quantity) for x in play.stall.listings.values()}
    assert len({x.external_id for x in found}) == len(found) == 40
    assert all(x.name for x in found)


def offers(play: Play) -> list[Offer]:
    found = list(pages(play.channel.list_listings, "listings"))
    return [Offer(x.external_sku, x.external_id, at) for at, x in enumerate(found)]


@able(A.STOCK)
def test_stock_is_absolute_and_goes_in_one_batch(play):
    wanted = offers(play)[: play.channel.stock_limit]
    assert play.channel.push_stock(wanted) == {o.external_id: None for o in wanted}
    assert play.channel.push_stock(wanted) == {o.external_id: None for o in wanted}, "the same again"
    shown = {x.sku: x.quantity for x in play.stall.listings.values()}
    assert {o.external_sku: o.quantity for o in wanted}.items() <= shown.items()
    assert len(play.stall.pushes) == (1 if play.code == "line_shopping" else 2) * len(wanted)


@able(A.STOCK)
def test_stock_that_is_not_taken_says_why_and_the_rest_is(play):
    wanted = offers(play)[:4]
    ghost = Offer("GHOST", "77:77" if ":" in wanted[0].external_id else "77", 5)
    bad = Offer("BAD", "no such/thing", 5)
    answers = play.channel.push_stock([wanted[0], ghost, wanted[1], bad])
    assert answers[wanted[0].external_id] is None
    assert answers[wanted[1].external_id] is None
    assert isinstance(answers[ghost.external_id], ChannelError)
    assert isinstance(answers[bad.external_id], ChannelError)
    assert not answers[ghost.external_id].retryable
    assert len(play.stall.pushes) == 2


@able(A.RETURNS)
def test_returns_are_told_with_what_comes_back(play):
    placed = play.order(skus={play.skus[0]: 2, play.skus[1]: 1})
    play.stall.ship(placed.number)
    play.stall.deliver(placed.number)
    made = play.stall.ask_return(placed.number)
    (news,) = pages(lambda c: play.channel.list_returns(*span(play), c), "news")
    assert (news.external_no, news.order_no) == (made.number, placed.number)
    assert news.amounts == {play.skus[0]: 2, play.skus[1]: 1}
    assert news.refund == (ZERO if play.code == "lazada" else Money(made.refund)), "Lazada's list tells no amount"
    assert not news.goods_stay
    assert not news.is_closed
    assert news.raw
    assert list(pages(lambda c: play.channel.list_returns(yesterday(-100), yesterday(-50), c), "news")) == []


# webhooks


@able(A.WEBHOOK)
def test_a_webhook_says_where_to_look(play):
    placed = play.order()
    news = play.channel.read_webhook(play.hook(placed))
    assert news.trusted
    assert [(h.kind, h.number) for h in news.hints] == [(HintKind.ORDER, placed.number)]
    assert news.answer.status == 200


@able(A.WEBHOOK)
def test_a_webhook_that_comes_twice_has_one_key(play):
    placed = play.order()
    called, later = play.hook(placed), None
    assert play.channel.read_webhook(called).key == play.channel.read_webhook(called).key
    play.stall.ask_cancel(placed.number)
    later = play.hook(placed, "ask_cancel")
    assert play.channel.read_webhook(later).key != play.channel.read_webhook(called).key


@able(A.WEBHOOK)
def test_a_webhook_whose_signature_does_not_fit_is_refused(play):
    called = play.hook(play.order())
    forged = [
        Called(called.headers, called.body + b" ", HOOK), Called(called.headers, called.body[:-2], HOOK),
        Called({}, called.body, HOOK), Called({"authorization": ""}, called.body, HOOK),
        Called({"authorization": "\u0e01\u0e02"}, called.body, HOOK), Called(called.headers, b"", HOOK),
    ]  # fmt: skip
    for bad in forged:
        with pytest.raises(WebhookRefused) as refusal:
            play.channel.read_webhook(bad)
        assert refusal.value.http_status == 401
    upper = {k.upper(): v for k, v in called.headers.items()}
    assert play.channel.read_webhook(Called(upper, called.body, HOOK)).hints, "headers have no case"


@able(A.WEBHOOK)
def test_another_key_does_not_sign(play):
    called = play.hook(play.order())
    secret = "partner_key" if play.code == "shopee" else "app_secret"
    other = play.again(**{secret: "other"})
    with pytest.raises(WebhookRefused):
        other.read_webhook(called)
    other.close()
