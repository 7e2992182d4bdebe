"""An order of a channel that waits is put right by a person without the channel, and goes in from its kept words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from oms.channels.models import ChannelMessage, ChannelOrder
from oms.channels.port import OrderNews
from oms.channels.registry import CONNECTORS
from oms.channels.stored import flat, mark_of
from oms.db import db, transaction
from oms.errors import Forbidden, InvalidInput, Refused
from oms.importing.channel_mends import MendOrder, mend_order
from oms.importing.channels import waiting_order
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.states import Outcome
from oms.orders.states import FulfillmentStatus, PaymentTerm
from oms.usecases.intake import get_run
from tests.channels import markets, toy, webshops
from tests.channels.bazaar import WHO


def waiting() -> IntakeItem:
    db.session.rollback()
    return db.session.scalars(
        select(IntakeItem).where(IntakeItem.outcome == Outcome.QUARANTINED, IntakeItem.closed_at.is_(None))
    ).one()


@pytest.fixture
def odd(bazaar):
    """An order whose telephone nobody can read."""
    order = bazaar.stall.make({"RU-0001": 1}, pay=True, facts={"phone": "โทรถามหน้าร้าน"})
    assert bazaar.sync().quarantined == 1
    return order


def mend(**fixes: str):
    item = waiting()
    with transaction(WHO) as tx:
        return mend_order(tx, MendOrder(item.run_id, item.no, fixes))


def test_what_cannot_be_read_is_typed_and_the_order_goes_in(bazaar, odd):
    item = waiting()
    with transaction(WHO) as tx:
        shown = waiting_order(tx, get_run(tx, item.run_id), item.no)
    assert shown is not None
    assert (shown.order.lines[0].sku, shown.order.recipient.phone) == ("RU-0001", "")
    assert mend(phone="081 234 5678", province="กรุงเทพ").released == 1
    order = bazaar.orders()[odd.number]
    assert (order.ship_phone, order.ship_province) == ("0812345678", "กรุงเทพมหานคร")
    assert db.session.get_one(ChannelOrder, (bazaar.shop_id, odd.number)).order_id == order.id
    run = db.session.get_one(IntakeRun, item.run_id)
    assert (run.received, run.created, run.quarantined) == (1, 1, 0)
    message = db.session.scalars(select(ChannelMessage)).one()
    assert message.raw["to"]["phone"] == "โทรถามหน้าร้าน", "the channel's words stay as they came"


def test_later_words_of_a_mended_order_do_not_wait_again(bazaar, odd):
    mend(phone="0812345678")
    bazaar.stall.ship(odd.number, "TH1", "Flash Express")
    ledger = bazaar.sync()
    assert (ledger.updated, ledger.quarantined, ledger.closes) == (1, 0, True)
    order = bazaar.orders()[odd.number]
    assert (order.fulfillment_status, order.ship_phone) == (FulfillmentStatus.SHIPPED, "0812345678")


@pytest.mark.parametrize(
    ("fixes", "field"),
    [({"phone": "x"}, "phone"), ({"province": "แอตแลนติส"}, "province"), ({"postcode": "1011"}, "postcode")],
)
def test_nonsense_is_refused_and_nothing_changes(bazaar, odd, fixes, field):
    with pytest.raises(InvalidInput) as no:
        mend(**fixes)
    assert no.value.field == field or no.value.problems()[0].field == field
    assert waiting().mended is None
    assert bazaar.orders() == {}


def test_what_is_not_put_right_waits_on(bazaar, odd):
    done = mend(name="ใจดี")
    assert (done.released, done.waiting) == (0, 1)
    assert bazaar.orders() == {}
    assert mend(phone="0812345678").released == 1
    assert bazaar.orders()[odd.number].ship_name == "ใจดี"


def test_who_may_not_resolve_mends_nothing(bazaar, odd):
    item = waiting()
    clerk = replace(WHO, kind="user", actions=frozenset({"order.view"}))
    with transaction(clerk) as tx, pytest.raises(Forbidden):
        mend_order(tx, MendOrder(item.run_id, item.no, {"phone": "0812345678"}))
    assert waiting().mended is None


def test_what_went_in_is_mended_no_more(bazaar, odd):
    item = waiting()
    mend(phone="0812345678")
    with transaction(WHO) as tx, pytest.raises(Refused):
        mend_order(tx, MendOrder(item.run_id, item.no, {"phone": "0899999999"}))
    assert bazaar.orders()[odd.number].ship_phone == "0812345678"


def test_a_program_that_reads_more_reads_the_kept_words_anew(bazaar, monkeypatch):
    order = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.sandbox.broken.add(order.number)
    bazaar.sync()
    assert mend().waiting == 1
    bazaar.sandbox.broken.clear()
    fixed = toy._news(bazaar.sandbox._row(bazaar.stall.get(order.number)))
    monkeypatch.setattr(toy.Bazaar, "reread", staticmethod(lambda _: fixed))
    assert mend().released == 1
    assert list(bazaar.orders()) == [order.number]


def test_money_a_web_shop_vouched_for_is_vouched_for_after_the_wait(bazaar):
    from oms.catalog.models import Channel, Shop
    from oms.importing.quarantine import MapAndRelease, map_and_release
    from views.sandbox.market import Listing

    with transaction(WHO) as tx:
        tx.session.get_one(Shop, bazaar.shop_id).channel = Channel.WEB
    bazaar.stall.listings["9"] = Listing("9", "ของแปลก", "ของแปลก", bazaar.stall.listings["1001"].price, 9)
    odd = bazaar.stall.make({"ของแปลก": 1}, pay=True)
    bazaar.sync()
    with transaction(WHO) as tx:
        map_and_release(tx, MapAndRelease(bazaar.shop_id, "ของแปลก", bazaar.shop.skus[0]))
    assert bazaar.orders()[odd.number].payment_term is PaymentTerm.MARKETPLACE


def kept_and_read(code: str, news: OrderNews) -> OrderNews:
    """What a kept word is when it is read again."""
    again = CONNECTORS[code].kind.reread(flat(news.raw))
    assert again is not None
    return again


@pytest.mark.parametrize("code", markets.ALL)
def test_kept_words_of_marketplaces_read_the_same(code):
    with markets.on_stage(code) as play:
        made = [play.order(), play.order(cod=True), play.stall.make({play.skus[1]: 1, play.skus[2]: 3})]
        play.stall.ship(made[0].number, "TH1")
        for order in made:
            news = play.told(order.number)
            assert news.order is not None
            assert mark_of(kept_and_read(code, news)) == mark_of(news)


@pytest.mark.parametrize("code", webshops.ALL)
def test_kept_words_of_web_shops_read_the_same(code):
    with webshops.on_stage(code) as play:
        made = [play.stall.make(pay=True), play.stall.make(cod=True), play.stall.make()]
        play.stall.ship(made[0].number, "TH1")
        for order in made:
            news = play.one(order.number)
            assert news.order is not None
            assert mark_of(kept_and_read(code, news)) == mark_of(news)
