"""Public links: one alive per order, guessed by nobody, taken back at once, over after some weeks. A person's word."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oms import clock
from oms.carriers.port import CarrierEvent
from oms.db import Tx
from oms.errors import Forbidden, NotFound
from oms.orders.states import PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus
from oms.returns.models import Return
from oms.returns.states import ReturnStatus
from oms.shipping.link_models import TrackingLink
from oms.shipping.models import Parcel, Shipment, TrackingEvent
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.usecases.orders_place import place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.tracking import ParcelNews, record_events
from oms.usecases.tracking_by_hand import SayParcel, say_parcel
from oms.usecases.tracking_links import OPEN_FOR, open_link, revoke_link, tracking_link
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import last_audit, refused

T, S = TrackingStatus, ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def order(tx, shop) -> int:
    return place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD)).order_id


@pytest.fixture
def parcel(tx, order) -> Parcel:
    mark_shipped(tx, MarkShipped(order, "Flash Express", "TH0112BX4K4A"))
    return tx.session.scalars(select(Parcel)).one()


def test_an_order_has_one_link_of_128_random_bits(tx, order):
    first = tracking_link(tx, order)
    tx.session.flush()
    assert (first.fresh, tracking_link(tx, order).token, tracking_link(tx, order).fresh) == (True, first.token, False)
    assert len(base64.urlsafe_b64decode(first.token + "==")) == 16
    assert last_audit(tx).action == "tracking.link_made"
    assert first.token not in str(last_audit(tx).after)
    assert open_link(tx, first.token).id == order
    assert tx.session.scalars(select(TrackingLink).execution_options(populate_existing=True)).one().seen == 1


def test_a_link_taken_back_is_dead_and_the_next_is_another(tx, order):
    token = tracking_link(tx, order).token
    tx.session.flush()
    assert revoke_link(tx, order) is True
    assert revoke_link(tx, order) is False
    with refused(tx, "link_not_found"):
        open_link(tx, token)
    assert tracking_link(tx, order).token != token


def test_guessed_links_all_get_the_same_answer(tx, order):
    token = tracking_link(tx, order).token
    tx.session.flush()
    answers = set()
    for guess in ("", "x", token[:-1], token.swapcase(), token + "A", "' OR 1=1 --", "\x00", "ก" * 500):
        with pytest.raises(NotFound) as caught:
            open_link(tx, guess)
        answers.add((caught.value.detail_code, str(caught.value)))
    assert len(answers) == 1


def test_a_link_is_over_some_weeks_after_the_goods_arrived(tx, order, parcel):
    token = tracking_link(tx, order).token
    tx.session.flush()
    with clock.at(clock.now() + OPEN_FOR + timedelta(days=30)):
        assert open_link(tx, token).id == order  # still on the road
    tx.session.execute(update(Shipment).values(status=S.DELIVERED, delivered_at=clock.now()))
    with clock.at(clock.now() + OPEN_FOR - timedelta(days=1)):
        assert open_link(tx, token).id == order
    with clock.at(clock.now() + OPEN_FOR + timedelta(days=1)), pytest.raises(NotFound):
        open_link(tx, token)


def test_who_may_not_see_the_order_makes_no_link(tx, shop, order, actor):
    for who in (actor("viewer"),):
        with pytest.raises(Forbidden):
            tracking_link(Tx(tx.session, who), order)
    far = Tx(tx.session, actor("warehouse", warehouses=frozenset({shop.cnx})))
    with pytest.raises(NotFound):
        tracking_link(far, order)
    with pytest.raises(NotFound):
        revoke_link(far, order)


def test_a_persons_word_obeys_the_rules_carriers_obey(tx, parcel, actor, shop):
    done = say_parcel(tx, SayParcel(parcel.id, T.DELIVERED, "ลูกค้าโทรบอก"))
    assert done.shipments == {parcel.shipment_id: ("deliver",)}
    event = tx.session.scalars(select(TrackingEvent)).one()
    assert (event.source, event.raw_text, event.raw_code) == ("staff", "ลูกค้าโทรบอก", "test")
    assert tx.session.scalars(select(CodEntry)).one().status is CodStatus.COLLECTED
    assert last_audit(tx).reason == "ลูกค้าโทรบอก"
    with refused(tx, "future", "at", TrackingEvent):
        say_parcel(tx, SayParcel(parcel.id, T.LOST, at=clock.now() + timedelta(hours=1)))
    with refused(tx, "parcel_status", "status", TrackingEvent):
        say_parcel(tx, SayParcel(parcel.id, T.CREATED))
    with pytest.raises(Forbidden):
        say_parcel(Tx(tx.session, actor("sales")), SayParcel(parcel.id, T.LOST))
    with pytest.raises(NotFound):
        say_parcel(Tx(tx.session, actor("warehouse", warehouses=frozenset({shop.cnx}))), SayParcel(parcel.id, T.LOST))


def test_a_parcel_that_has_not_left_is_nowhere(tx, parcel):
    parcel.shipment.handed_over_at, parcel.shipment.status = None, S.LABELED
    tx.session.flush()
    with refused(tx, "not_handed_over", None, TrackingEvent):
        say_parcel(tx, SayParcel(parcel.id, T.DELIVERED))


def test_delivered_after_all_calls_the_return_off(tx, parcel):
    coming = CarrierEvent(clock.now() - timedelta(minutes=5), T.RETURNING, "x")
    record_events(tx, [ParcelNews(parcel.id, (coming,))], "poll")
    tx.session.flush()
    assert tx.session.scalars(select(Return)).one().status is ReturnStatus.IN_TRANSIT
    say_parcel(tx, SayParcel(parcel.id, T.DELIVERED, "ผู้รับโทรมารับแล้ว"))
    tx.session.flush()
    tx.session.expire_all()
    assert (parcel.tracking_status, parcel.shipment.status) == (T.DELIVERED, S.DELIVERED)
    assert tx.session.scalars(select(Return)).one().status is ReturnStatus.CANCELED
    assert tx.session.scalars(select(CodEntry)).one().status is CodStatus.COLLECTED
