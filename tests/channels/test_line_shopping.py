"""What only LINE SHOPPING does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from oms import clock
from oms.channels.port import ChannelKeys, ChannelRefused, ChannelSilent, ChannelTooLate, ChannelUnknown, Offer, Shipped
from oms.intake.records import Stage
from tests.channels.markets import Play, on_stage, pages, yesterday
from views.sandbox.channel_line_shopping import LineShoppingSandbox, no
from views.sandbox.market import State


@pytest.fixture
def play() -> Iterator[Play]:
    with on_stage("line_shopping") as stage:
        yield stage


def refusing(monkeypatch, status: int, code: str) -> None:
    def handle(self, request, fault):
        raise no(status, code)

    monkeypatch.setattr(LineShoppingSandbox, "handle", handle)


@pytest.mark.parametrize(("status", "code", "kind"), [
    (401, "UNAUTHORIZED", ChannelKeys), (400, "PERMISSION_DENIED", ChannelKeys), (403, "", ChannelKeys),
    (500, "INTERNAL_ERROR", ChannelSilent), (503, "", ChannelSilent), (404, "NOT_FOUND", ChannelUnknown),
    (400, "NOT_FOUND", ChannelUnknown), (409, "DATA_CONFLICT", ChannelRefused), (400, "BAD_REQUEST", ChannelRefused),
])  # fmt: skip
def test_its_errors(play, monkeypatch, status, code, kind):
    refusing(monkeypatch, status, code)
    with pytest.raises(kind) as refusal:
        play.channel.check()
    assert type(refusal.value) is kind


@pytest.mark.parametrize(("states", "cod", "stage"), [
    (("FINALIZED", "NO_PAYMENT", "NO_SHIPMENT"), False, Stage.UNPAID),
    (("FINALIZED", "NO_PAYMENT", "NO_SHIPMENT"), True, Stage.TO_SHIP),
    (("FINALIZED", "PENDING", "PENDING"), False, Stage.UNPAID), (("FINALIZED", "PAID", "SHIPMENT_READY"), False, Stage.TO_SHIP),
    (("FINALIZED", "PAID", "ON_DELIVERY"), False, Stage.SHIPPED), (("COMPLETED", "PAID", "ON_DELIVERY"), False, Stage.SHIPPED),
    (("COMPLETED", "PAID", "SHIPPED_ALL"), False, Stage.COMPLETED), (("EXPIRED", "NO_PAYMENT", "NO_SHIPMENT"), False, Stage.CANCELED),
    (("CANCELED", "REFUND", "NO_SHIPMENT"), False, Stage.CANCELED),
    (("FINALIZED", "FAILED_AFTER_PAID", "PENDING"), False, Stage.UNKNOWN),
    (("FINALIZED", "REJECTED_REFUND", "PENDING"), False, Stage.UNKNOWN), (("HALF", "PAID", "PENDING"), False, Stage.UNKNOWN),
    (("FINALIZED", "REFUND", "SHIPPED_ALL"), False, Stage.DELIVERED),
])  # fmt: skip
def test_three_states_make_one(play, states, cod, stage):
    placed = play.order(cod=cod)
    order, paid, shipping = states
    placed.facts["extra"] = {"orderStatus": order, "paymentStatus": paid, "shipmentStatus": shipping}
    told = play.told(placed.number).order
    assert told.stage is stage
    assert told.channel_status == " / ".join(states)


def test_a_discount_of_the_order_is_the_seller_s(play):
    placed = play.order(discount=play.stall.listings["1001"].price)
    order = play.told(placed.number).order
    assert order.seller_discount.amount == placed.discount


def test_pages_that_are_counted_from_nought_are_noticed_and_lose_nothing(play):
    play.order(placed_at=yesterday())
    play.sandbox.first_page = 0
    with pytest.raises(ChannelSilent):
        play.channel.list_changed(yesterday(-1), clock.now())


def test_an_order_that_goes_while_it_is_read_is_not_lost(play):
    placed = play.order()
    row = dict(play.stall.orders)
    answer = play.sandbox.list_orders

    def list_and_forget(self, request):
        told = answer(request)
        play.stall.orders.clear()
        return told

    from views.sandbox import channel_line_shopping as said

    kept = said.OPERATIONS
    said.OPERATIONS = (("GET", "/orders", None, list_and_forget), *kept[1:])
    try:
        (news,) = play.channel.list_changed(yesterday(), clock.now()).news
    finally:
        said.OPERATIONS = kept
    assert (news.external_no, news.order) == (placed.number, None)
    assert row


def test_the_number_of_a_parcel_may_be_corrected(play):
    placed = play.order()
    play.channel.ship(Shipped(placed.number, "ED1", url="https://example.com/1"))
    assert (placed.state, placed.tracking) == (State.SHIPPED, "ED1")
    play.channel.ship(Shipped(placed.number, "ED2", url="https://example.com/2"))
    assert (placed.tracking, placed.facts["url"]) == ("ED2", "https://example.com/2")
    asked = len(play.asked)
    assert play.channel.ship(Shipped(placed.number, "ED2")).tracking_no == "ED2"
    assert len(play.asked) == asked + 1, "it is known already"


def test_an_unpaid_order_does_not_leave(play):
    number = play.stall.make({play.skus[0]: 1}).number
    with pytest.raises(ChannelRefused):
        play.channel.ship(Shipped(number, "ED1"))


def test_a_finished_order_is_not_canceled(play):
    placed = play.order()
    for deed in (play.stall.ship, play.stall.deliver, play.stall.complete):
        deed(placed.number)
    with pytest.raises(ChannelTooLate):
        play.channel.cancel(placed.number, "x")


def test_a_label_may_come_as_numbers(play):
    placed = play.order()
    play.sandbox.label_as_numbers = True
    assert play.channel.get_label(placed.number).startswith(b"%PDF-")


def test_the_buyer_of_an_order_is_written_to(play):
    placed = play.order()
    assert play.channel.send_text(placed.number, "ส่งของแล้วค่ะ", "k1") == "M1"
    assert [(m["to"], m["text"]) for m in play.stall.messages] == [(placed.buyer.handle, "ส่งของแล้วค่ะ")]
    with pytest.raises(ChannelUnknown):
        play.channel.send_text("999", "x", "k2")


def offers(play: Play, *quantities: int) -> list[Offer]:
    found = list(pages(play.channel.list_listings, "listings"))
    return [Offer(x.external_sku, x.external_id, n) for x, n in zip(found, quantities, strict=False)]


def test_stock_is_moved_by_what_is_missing_and_only_then(play):
    wanted = offers(play, 100, 103, 0)
    assert set(play.channel.push_stock(wanted).values()) == {None}
    assert [p.rsplit("/", 1)[1] for p in play.asked if "inventory" in p] == ["increase", "decrease"]
    assert [x.quantity for x in play.stall.listings.values()][:3] == [100, 103, 0]


def test_what_is_sold_while_we_count_stays_sold(play):
    wanted = offers(play, 90)
    play.sandbox.sells_meanwhile = [wanted[0].external_sku] * 2
    assert play.channel.push_stock(wanted) == {wanted[0].external_id: None}
    assert play.stall.listings["1001"].quantity == 88, "ninety less the two that were sold in between"


def test_a_piece_that_is_gone_meanwhile_is_counted_again(play):
    play.stall.listings["1001"].quantity = 2
    wanted = offers(play, 0)
    play.sandbox.sells_meanwhile = [wanted[0].external_sku]
    assert play.channel.push_stock(wanted) == {wanted[0].external_id: None}
    assert play.stall.listings["1001"].quantity == 0


def test_a_number_of_pieces_that_was_set_without_an_answer_is_not_set_twice(play):
    wanted = offers(play, 150)
    play.stall.fail("none")
    play.stall.fail("cut")
    (answer,) = play.channel.push_stock(wanted).values()
    assert isinstance(answer, ChannelSilent)
    assert play.stall.listings["1001"].quantity == 150
    assert play.channel.push_stock(wanted) == {wanted[0].external_id: None}
    assert play.stall.listings["1001"].quantity == 150


def test_numbers_are_of_orders_placed_in_the_span_alone(play):
    start = yesterday()
    early, at, end = (start + timedelta(minutes=n) for n in (5, 10, 15))
    before, inside = (play.stall.make({play.skus[0]: 1}, placed_at=placed).number for placed in (start, at))
    play.stall.pay(before)
    play.stall.pay(inside)
    page = play.channel.list_numbers(early, end)
    assert dict(page.numbers) == {inside: at}
