"""A connected shop in the auditor's world, made by the verbs alone, and one way to break each promise about it."""

from __future__ import annotations

from sqlalchemy import select, update

from oms import clock
from oms.channels.models import ChannelConnection, ChannelDeed
from oms.channels.offer_models import ChannelListing
from oms.channels.port import Listing, OrderNews, ReturnNews, ReturnStage
from oms.channels.states import DeedKind, Source
from oms.intake.records import LineIn, OrderIn, RecipientIn, Stage
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import CancelReason
from oms.returns.models import Return
from oms.returns.states import Resolution
from oms.usecases.channel_deeds import Word, owe_words, word_told
from oms.usecases.channel_intake import TakePage, take_page
from oms.usecases.channel_returns import TakeReturns, take_returns
from oms.usecases.channels import Connect, connect_shop
from oms.usecases.offers import work_out
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.returns_resolve import ResolveReturn, resolve_return
from tests.remote.play import SEALER


def _told(number: str, sku: str, stage: Stage) -> OrderNews:
    to = RecipientIn("ใจดี", "0812345678", "1 ถนนสุขุมวิท", "", "", "กรุงเทพมหานคร", "10110")
    lines = (LineIn(sku, "ของ", "", 1, Money.satang(10000)),)
    return OrderNews(number, {"no": number}, OrderIn(number, stage.value, stage, clock.now(), lines, to), clock.now())


def sell_some(tx, shop) -> None:
    """Three orders and one that waits; one canceled and told, one sent, given back and paid back there; an offer."""
    secrets = {"partner_key": "key"}
    at = connect_shop(tx, Connect(shop.shopee, "shopee", "", {"partner_id": "1"}, secrets), SEALER).id
    news = (
        _told("CH1", "RU-0001", Stage.TO_SHIP), _told("CH2", "RU-0002", Stage.TO_SHIP),
        _told("CH3", "RU-0002", Stage.DELIVERED), _told("CH4", "nobody knows", Stage.TO_SHIP),
    )  # fmt: skip
    done = take_page(tx, TakePage(shop.shopee, Source.POLL, news, "shopee-th", finish=True))
    assert (done.created, done.quarantined) == (3, 1)
    orders = {o.external_no: o for o in tx.session.scalars(select(Order).where(Order.shop_id == shop.shopee))}
    cancel_order(tx, CancelOrder(orders["CH2"].id, CancelReason.OUT_OF_STOCK))
    owe_words(tx, [Word(orders["CH3"], DeedKind.SHIP, {"tracking_no": "TH1"})])
    tx.session.flush()
    for deed in tx.session.scalars(select(ChannelDeed.id).order_by(ChannelDeed.id)).all():
        word_told(tx, deed)
    back = ReturnNews(
        "CR1", "CH3", "REFUND_PAID", "ชำรุด", refund=Money.satang(5000), goods_stay=True, stage=ReturnStage.REFUNDED
    )
    assert take_returns(tx, TakeReturns(shop.shopee, [back])).waiting == 0
    ret = tx.session.scalars(select(Return.id).where(Return.order_id == orders["CH3"].id)).one()
    resolve_return(tx, ResolveReturn(ret, Resolution.PLATFORM))
    tx.session.execute(update(ChannelConnection).where(ChannelConnection.id == at).values(offers=True))
    listing = Listing("RU-0002", "X2", "ของ", 5)
    tx.session.add(
        ChannelListing(
            shop_id=shop.shopee, external_id=listing.external_id, external_sku=listing.external_sku, sku_id=shop.skus[1]
        )
    )
    tx.session.flush()
    assert work_out(tx) == 1


CHANNEL_BREAKS = {
    "channel_orders_here": ["UPDATE channel_orders SET order_id = order_id + 1 WHERE external_no = 'CH1'"],
    "channel_orders_told": ["DELETE FROM channel_orders WHERE external_no = 'CH1'"],
    "channel_deeds": ["UPDATE orders SET status = 'confirmed' WHERE external_no = 'CH2'"],
    "channel_offers": [
        "DELETE FROM stock_touches",
        "UPDATE stock_levels SET reserved = on_hand WHERE sku_id = (SELECT sku_id FROM channel_listings LIMIT 1)",
        "DELETE FROM stock_touches",
    ],
    "channel_returns": ["UPDATE channel_returns SET stage = 'agreed' WHERE external_no = 'CR1'"],
}
