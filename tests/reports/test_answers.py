"""Where is my parcel: found by any piece of phone, name and numbers, as far as the asker may see, in few statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from oms import clock
from oms.carriers.port import CarrierEvent
from oms.orders.states import PaymentTerm
from oms.reports.answers import SHOWN, find_answers
from oms.reports.parcels import queue_counts
from oms.shipping.carrier_models import Carrier
from oms.shipping.models import Parcel
from oms.shipping.parcel_queries import queue_statement
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.usecases.orders_place import ShipTo, place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.tracking import ParcelNews, record_events
from oms.usecases.tracking_links import tracking_link
from tests.shop import SmallShop, small_shop
from tests.usecases.test_cod import counted

T = TrackingStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=1000)


def sent(tx, shop, number: str, name: str = "กนกวรรณ ป้อมปราการ", phone: str = "080-000-1234", **facts) -> int:
    to = ShipTo(name, phone, "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
    order = place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD, ship_to=to, **facts)).order_id
    mark_shipped(tx, MarkShipped(order, "Flash Express", number))
    tx.session.flush()
    return order


def hear(tx, number: str, status: TrackingStatus, hours_ago: float = 1, words: str = "ถึงสาขา") -> Parcel:
    parcel = tx.session.scalars(select(Parcel).where(Parcel.tracking_no == number)).one()
    event = CarrierEvent(clock.now() - timedelta(hours=hours_ago), status, "x", words, "สันทราย")
    record_events(tx, [ParcelNews(parcel.id, (event,))], "poll")
    tx.session.flush()
    return parcel


@pytest.mark.parametrize(
    "asked",
    ["1234", "080-000-12", "กนกวรรณ", "ป้อมปรา", "TH0112BX4K4A", "th0112 bx4k", "BX4K", "2BX4", "EXT-77", "SO{number}"],
)
def test_any_piece_finds_it(tx, shop, asked):
    order = sent(tx, shop, "TH0112BX4K4A", external_no="EXT-77001")
    sent(tx, shop, "TH9999ZZZZZZ", "สมชาย ใจดี", "089-111-9999")
    if asked.startswith("SO"):
        asked = find_answers(tx.session, tx.actor, "BX4K").cards[0].order.number
    found = find_answers(tx.session, tx.actor, asked)
    assert [card.order.id for card in found.cards] == [order], asked
    (parcel,) = found.cards[0].parcels
    assert (parcel.number, parcel.carrier, parcel.status) == ("TH0112BX4K4A", "Flash Express", T.IN_TRANSIT)
    assert parcel.link.endswith("TH0112BX4K4A")


def test_a_card_says_where_the_parcel_is_and_what_the_carrier_said_last(tx, shop):
    order = sent(tx, shop, "TH0112BX4K4A")
    hear(tx, "TH0112BX4K4A", T.IN_TRANSIT, 9, "ถึงศูนย์")
    parcel = hear(tx, "TH0112BX4K4A", T.OUT_FOR_DELIVERY, 2, "กำลังนำจ่าย")
    token = tracking_link(tx, order).token
    tx.session.flush()
    (card,) = find_answers(tx.session, tx.actor, "BX4K4A").cards
    (shown,) = card.parcels
    assert (shown.status, shown.last.text, shown.at) == (T.OUT_FOR_DELIVERY, "กำลังนำจ่าย", parcel.tracked_at)
    assert card.token == token


def test_too_little_or_nothing_finds_nothing(tx, shop):
    sent(tx, shop, "TH0112BX4K4A")
    for asked in ("", "a", "08", "ไม่มีใครชื่อนี้", "0899999999", "%%%%", "____"):
        assert find_answers(tx.session, tx.actor, asked).cards == []


def test_nobody_sees_more_than_their_rows(tx, shop, actor):
    sent(tx, shop, "TH0112BX4K4A")
    here = actor("warehouse", warehouses=frozenset({shop.bkk}))
    assert len(find_answers(tx.session, here, "BX4K").cards) == 1
    for scope in (
        {"warehouses": frozenset({shop.cnx})},
        {"shops": frozenset({shop.shopee})},
        {"own_orders_only": True},
    ):
        other = actor("sales", **scope)
        assert find_answers(tx.session, other, "BX4K").cards == []
        assert find_answers(tx.session, other, "TH0112BX4K4A").cards == []
        assert find_answers(tx.session, other, "กนกวรรณ").cards == []


def test_a_voided_number_finds_the_order_and_shows_the_one_that_stands(tx, shop):
    order = sent(tx, shop, "TH0112NEWNEW")
    parcel = tx.session.scalars(select(Parcel)).one()
    old = Parcel(
        shipment_id=parcel.shipment_id, carrier="Flash Express", tracking_no="TH0112OLDOLD", is_live=False,
        tracking_status=T.CANCELED,
    )  # fmt: skip
    tx.session.add(old)
    tx.session.flush()
    (card,) = (
        find_answers(tx.session, tx.actor, "OLDOLD").cards
        if False
        else find_answers(tx.session, tx.actor, "2OLDOLD").cards
    )
    assert (card.order.id, [p.number for p in card.parcels]) == (order, ["TH0112NEWNEW"])


def test_many_hits_say_that_there_are_more_and_cost_no_more(tx, shop):
    sent(tx, shop, "TH0112BX4K4A")
    with counted(tx) as few:
        find_answers(tx.session, tx.actor, "กนกวรรณ")
    for i in range(12):
        sent(tx, shop, f"TH07{i:08d}")
    with counted(tx) as many:
        found = find_answers(tx.session, tx.actor, "กนกวรรณ")
    assert (len(found.cards), found.more) == (SHOWN, True)
    assert len(many) <= len(few) <= 12, (len(many), len(few))


def test_queues_hold_what_waits_for_somebody(tx, shop, actor):
    flash = tx.session.scalars(select(Carrier).where(Carrier.code == "flash")).one()
    flash.secrets = b"x"
    for number in ("TH01PROBLEM", "TH02STILL00", "TH03NOTTAKEN", "TH04FINE000", "TH05EARLY000"):
        sent(tx, shop, number)
    hear(tx, "TH01PROBLEM", T.DELIVERY_FAILED)
    hear(tx, "TH02STILL00", T.IN_TRANSIT, 24 * 4)
    hear(tx, "TH04FINE000", T.IN_TRANSIT, 5)
    by_number = {p.tracking_no: p for p in tx.session.scalars(select(Parcel))}
    by_number["TH03NOTTAKEN"].shipment.handed_over_at = clock.now() - timedelta(hours=30)
    early = by_number["TH05EARLY000"]
    early.shipment.status, early.tracked_at = ShipmentStatus.LABELED, clock.now()
    tx.session.flush()
    assert queue_counts(tx.session, tx.actor) == {"problem": 1, "still": 1, "not_taken": 1, "booking": 0, "early": 1}
    shown = lambda key, who: [p.tracking_no for p in tx.session.scalars(queue_statement(who, key))]  # noqa: E731
    assert shown("problem", tx.actor) == ["TH01PROBLEM"]
    assert shown("still", tx.actor) == ["TH02STILL00"]
    assert shown("not_taken", tx.actor) == ["TH03NOTTAKEN"]
    assert shown("problem", actor("warehouse", warehouses=frozenset({shop.cnx}))) == []
