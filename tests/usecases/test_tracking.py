"""Carriers' news: kept once, never moving back, the goods following, money and stock never."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from oms import clock
from oms.audit import AuditLog
from oms.carriers.port import CarrierEvent
from oms.errors import Forbidden
from oms.orders.models import Order
from oms.orders.states import Board, OrderStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus
from oms.returns.models import Return
from oms.returns.states import ReturnStatus
from oms.shipping.models import Parcel, Shipment, TrackingEvent
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.usecases.orders_place import place_order
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from oms.usecases.tracking import ParcelNews, follow_parcels, record_events
from tests.shop import SmallShop, small_shop
from tests.usecases.test_cod import counted

T, S = TrackingStatus, ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=1000)


def said(status: TrackingStatus, hours: float = 0, code: str = "x", words: str = "ถึงศูนย์คัดแยก") -> CarrierEvent:
    """An event ``hours`` after the parcel left, last week."""
    return CarrierEvent(LEFT + timedelta(hours=hours), status, code, words, "กรุงเทพ")


LEFT = clock.now() - timedelta(days=7)


def sent(tx, shop: SmallShop, number: str = "TH01", term: PaymentTerm = PaymentTerm.COD, **facts) -> Parcel:
    """A parcel that left."""
    order = place_order(tx, shop.order(confirm=True, payment_term=term, **facts)).order_id
    mark_shipped(tx, MarkShipped(order, "Flash Express", number))
    return tx.session.scalars(select(Parcel).where(Parcel.tracking_no == number)).one()


def hear(tx, parcel: Parcel, *events: CarrierEvent, source: str = "poll"):
    done = record_events(tx, [ParcelNews(parcel.id, events)], source)
    tx.session.flush()
    tx.session.expire_all()
    return done


def order_of(tx, parcel: Parcel) -> Order:
    return tx.session.scalars(select(Order).where(Order.id == parcel.shipment.lines[0].order_id)).one()


def test_events_are_kept_word_for_word_and_once(tx, shop):
    parcel = sent(tx, shop)
    first = said(T.IN_TRANSIT, 1, "ARRIVAL_WAREHOUSE_SCAN", "ถึงศูนย์ " + "ก" * 600)
    done = hear(tx, parcel, first, first)
    assert (done.events, done.parcels) == (1, ())
    (kept,) = tx.session.scalars(select(TrackingEvent))
    assert (kept.raw_code, len(kept.raw_text), kept.place) == ("ARRIVAL_WAREHOUSE_SCAN", 500, "กรุงเทพ")
    assert (kept.status, kept.source, kept.at) == (T.IN_TRANSIT, "poll", first.at)
    with counted(tx) as statements:
        assert hear(tx, parcel, first, source="webhook").events == 0
    assert len([s for s in statements if "FOR" in s and "UPDATE" in s]) == 0  # nothing new: nobody is made to wait


def test_delivery_collects_the_cash_and_tells_the_order(tx, shop):
    parcel = sent(tx, shop)
    stock = tx.session.execute(text("SELECT sum(on_hand), sum(reserved) FROM stock_levels")).one()
    claims = tx.session.scalar(text("SELECT count(*) FROM payment_claims"))
    done = hear(tx, parcel, said(T.OUT_FOR_DELIVERY, 5), said(T.DELIVERED, 8, "5", "เซ็นรับแล้ว"))
    assert (done.parcels, done.shipments) == ((parcel.id,), {parcel.shipment_id: ("deliver",)})
    assert (parcel.tracking_status, parcel.raw_code, parcel.raw_status) == (T.DELIVERED, "5", "เซ็นรับแล้ว")
    assert parcel.tracked_at == parcel.shipment.delivered_at == LEFT + timedelta(hours=8)
    entry = tx.session.scalars(select(CodEntry)).one()
    assert (entry.status, entry.collected) == (CodStatus.COLLECTED, entry.expected)
    order = order_of(tx, parcel)
    assert (order.board, order.status) == (Board.COD_OUTSTANDING, OrderStatus.CONFIRMED)
    last = tx.session.scalars(
        select(AuditLog).where(AuditLog.action == "order.delivered").order_by(AuditLog.id.desc())
    ).first()
    assert (last.subject, last.after["cod_collected"], last.after["shipments"]) == (
        order.number, "100.00", [parcel.shipment.number],
    )  # fmt: skip
    assert tx.session.execute(text("SELECT sum(on_hand), sum(reserved) FROM stock_levels")).one() == stock
    assert tx.session.scalar(text("SELECT count(*) FROM payment_claims")) == claims


def test_the_board_follows_a_failed_delivery_and_out_again(tx, shop):
    parcel = sent(tx, shop)
    hear(tx, parcel, said(T.OUT_FOR_DELIVERY, 2), said(T.DELIVERY_FAILED, 3))
    assert order_of(tx, parcel).board is Board.DELIVERY_PROBLEM
    hear(tx, parcel, said(T.IN_TRANSIT, 2.5))  # heard late
    assert parcel.tracking_status is T.DELIVERY_FAILED
    hear(tx, parcel, said(T.OUT_FOR_DELIVERY, 26))
    assert order_of(tx, parcel).board is Board.OUT_FOR_DELIVERY
    assert parcel.shipment.status is S.HANDED_OVER


def test_what_comes_back_is_expected_back_and_its_cash_stays_as_it_was(tx, shop):
    parcel = sent(tx, shop)
    hear(tx, parcel, said(T.RETURNING, 30))
    assert (parcel.shipment.status, order_of(tx, parcel).board) == (S.RETURNING, Board.RETURNING)
    assert tx.session.scalars(select(CodEntry)).one().status is CodStatus.EXPECTED
    (expected,) = tx.session.scalars(select(Return))
    assert (expected.status, expected.shipment_id, expected.carrier_returned_at) == (
        ReturnStatus.IN_TRANSIT, parcel.shipment_id, None,
    )  # fmt: skip
    hear(tx, parcel, said(T.DELIVERED, 50))  # to us
    (expected,) = tx.session.scalars(select(Return))
    assert expected.carrier_returned_at is not None
    assert (parcel.tracking_status, parcel.shipment.status) == (T.RETURNED, S.RETURNED)
    assert tx.session.scalars(select(CodEntry)).one().status is CodStatus.EXPECTED
    assert parcel.shipment.delivered_at is None


def test_a_turn_heard_of_after_the_delivery_puts_the_delivery_right(tx, shop):
    parcel = sent(tx, shop)
    hear(tx, parcel, said(T.DELIVERED, 50))
    assert parcel.shipment.status is S.DELIVERED
    hear(tx, parcel, said(T.RETURNING, 20))
    assert (parcel.tracking_status, parcel.shipment.status) == (T.RETURNED, S.RETURNED)
    assert (parcel.shipment.delivered_at, order_of(tx, parcel).board) == (None, Board.RETURNING)


def test_a_lost_parcel_may_be_found(tx, shop):
    parcel = sent(tx, shop)
    hear(tx, parcel, said(T.LOST, 90))
    assert (parcel.shipment.status, order_of(tx, parcel).board) == (S.LOST, Board.DELIVERY_PROBLEM)
    hear(tx, parcel, said(T.DELIVERED, 99))
    assert parcel.shipment.status is S.DELIVERED


def test_all_boxes_of_a_shipment_count(tx, shop):
    parcel = sent(tx, shop)
    second = Parcel(
        shipment_id=parcel.shipment_id, carrier="Flash Express", tracking_no="TH02", position=2,
        tracking_status=T.IN_TRANSIT,
    )  # fmt: skip
    bare = Parcel(
        shipment_id=parcel.shipment_id, carrier="Flash Express", tracking_no="", position=3,
        tracking_status=T.CREATED,
    )  # fmt: skip
    tx.session.add_all([second, bare])
    tx.session.flush()
    hear(tx, parcel, said(T.DELIVERED, 8))
    assert (parcel.shipment.status, tx.session.scalars(select(CodEntry)).one().status) == (
        S.HANDED_OVER, CodStatus.EXPECTED,
    )  # fmt: skip
    hear(tx, second, said(T.DELIVERED, 9))
    assert parcel.shipment.status is S.DELIVERED
    assert parcel.shipment.delivered_at == LEFT + timedelta(hours=9)


def test_a_voided_number_is_heard_but_moves_nothing(tx, shop):
    parcel = sent(tx, shop)
    old = Parcel(
        shipment_id=parcel.shipment_id, carrier="Flash Express", tracking_no="TH00", is_live=False,
        tracking_status=T.CANCELED,
    )  # fmt: skip
    tx.session.add(old)
    tx.session.flush()
    assert hear(tx, old, said(T.DELIVERED, 3)).events == 1
    assert (old.tracking_status, parcel.shipment.status) == (T.DELIVERED, S.HANDED_OVER)


def test_a_carrier_never_passes_the_gate(tx, shop):
    order = place_order(tx, shop.order(confirm=True)).order_id  # nobody has paid
    shipment = Shipment(number="SH1", warehouse_id=shop.bkk, status=S.PLANNED)
    tx.session.add(shipment)
    tx.session.flush()
    line = tx.session.execute(text("SELECT id FROM order_lines WHERE order_id = :i"), {"i": order}).scalar_one()
    tx.session.execute(
        text("INSERT INTO shipment_lines (shipment_id, order_id, order_line_id, quantity) VALUES (:s, :o, :l, 1)"),
        {"s": shipment.id, "o": order, "l": line},
    )
    parcel = Parcel(shipment_id=shipment.id, carrier="Flash Express", tracking_no="TH09", tracking_status=T.LABEL_READY)
    tx.session.add(parcel)
    tx.session.flush()
    done = hear(tx, parcel, said(T.DELIVERED, 1))
    assert (done.shipments, shipment.status, parcel.tracking_status) == ({}, S.PLANNED, T.DELIVERED)
    assert tx.session.get_one(Order, order).board is Board.WAITING_PAYMENT


def test_news_from_before_the_hand_over_counts_once_it_is_entered(tx, shop):
    parcel = sent(tx, shop)
    parcel.shipment.status, parcel.tracking_status, parcel.tracked_at = S.HANDED_OVER, T.DELIVERED, LEFT
    tx.session.flush()
    assert follow_parcels(tx, [parcel.shipment_id]) == {parcel.shipment_id: ("deliver",)}
    assert follow_parcels(tx, [parcel.shipment_id]) == {}


def test_delivered_by_hand_stays_delivered(tx, shop):
    parcel = sent(tx, shop)
    hear(tx, parcel, said(T.OUT_FOR_DELIVERY, 2))
    mark_delivered(tx, order_of(tx, parcel).id)
    hear(tx, parcel, said(T.DELIVERY_FAILED, 3), said(T.IN_TRANSIT, 1))
    assert (parcel.tracking_status, parcel.shipment.status) == (T.DELIVERED, S.DELIVERED)
    hear(tx, parcel, said(T.RETURNING, 30))
    assert parcel.shipment.status is S.RETURNING


def test_unknown_words_surface_as_unknown(tx, shop):
    parcel = sent(tx, shop)
    hear(tx, parcel, said(T.UNKNOWN, 2, "HURRY_PARCEL", "เร่งพัสดุ"))
    assert (parcel.tracking_status, parcel.raw_code) == (T.UNKNOWN, "HURRY_PARCEL")
    assert order_of(tx, parcel).board is Board.HANDED_OVER


def test_who_may_not_see_a_parcel_changes_nothing_in_it(tx, shop, actor):
    parcel = sent(tx, shop)
    far = type(tx)(tx.session, actor("warehouse", warehouses=frozenset({shop.cnx})))
    with pytest.raises(Forbidden):
        record_events(type(tx)(tx.session, actor("viewer")), [ParcelNews(parcel.id, (said(T.LOST),))], "staff")
    assert record_events(far, [ParcelNews(parcel.id, (said(T.LOST),))], "staff").events == 0
    assert tx.session.scalar(select(func.count()).select_from(TrackingEvent)) == 0
    assert (parcel.tracking_status, parcel.shipment.status) == (T.IN_TRANSIT, S.HANDED_OVER)


def test_a_hundred_parcels_cost_no_more_statements_than_ten(tx, shop):
    counts = []
    for n in (10, 60):
        parcels = [sent(tx, shop, f"TH{n}X{i:03}") for i in range(n)]
        news = [ParcelNews(p.id, (said(T.IN_TRANSIT, 1), said(T.DELIVERED, 9))) for p in parcels]
        tx.session.flush()
        with counted(tx) as statements:
            assert len(record_events(tx, news, "poll").parcels) == n
            tx.session.flush()
        reads = [s for s in statements if not s.startswith("UPDATE")]
        counts.append((len(reads), len(statements) - len(reads) - 2 * n))  # a shipment and its order: one write each
    assert counts[1] <= counts[0], counts
    assert counts[0][0] <= 14, counts
