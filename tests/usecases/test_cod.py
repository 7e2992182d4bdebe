"""COD entries: opened with the goods, collected with the carrier's word, never slower than before."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, event, select, text

from oms import clock
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus, PaymentMethod
from oms.shipping.models import Shipment
from oms.usecases.cod_entries import cash_at_the_door
from oms.usecases.orders_place import PlaceOrder, Stock, place_order, place_orders
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.shipping import (
    LeftBefore,
    MarkShipped,
    mark_delivered,
    mark_delivered_many,
    mark_shipped,
    mark_shipped_many,
    record_left_before,
)
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_combine import SplitShipment, split_shipment
from oms.usecases.shipping_work import (
    CancelShipment,
    PackShipment,
    cancel_shipment,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
)
from tests.shop import SmallShop, small_shop


def baht(amount: int | str) -> Money:
    return Money(Decimal(amount))


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=1000)


@contextmanager
def counted(tx) -> Iterator[list[str]]:
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listener)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", listener)


def cod(shop: SmallShop, *lines: tuple[int, int], **facts: object) -> PlaceOrder:
    return shop.order(*lines, confirm=True, payment_term=PaymentTerm.COD, **facts)


def entries(tx, order_id: int) -> list[CodEntry]:
    tx.session.flush()
    tx.session.expire_all()
    return list(tx.session.scalars(select(CodEntry).where(CodEntry.order_id == order_id).order_by(CodEntry.id)))


def paid(tx, order_id: int) -> PaymentStatus:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Order, order_id).payment_status


def test_an_entry_is_opened_at_hand_over_and_collected_at_the_door(tx, shop):
    order = place_order(tx, cod(shop, (0, 2))).order_id
    mark_shipped(tx, MarkShipped(order, "เคอรี่ เอ็กซ์เพรส", "KEX1"))
    (entry,) = entries(tx, order)
    assert (entry.status, entry.to_collect, entry.expected, entry.collected) == (
        CodStatus.EXPECTED, baht(200), baht(200), ZERO,
    )  # fmt: skip
    assert (entry.carrier, entry.tracking_no, entry.settle_from) == ("KEX Express", "KEX1", None)
    assert paid(tx, order) is PaymentStatus.COD_PENDING
    before = clock.now()
    mark_delivered(tx, order)
    (entry,) = entries(tx, order)
    assert (entry.status, entry.collected) == (CodStatus.COLLECTED, baht(200))
    assert entry.settle_from - entry.collected_at == timedelta(days=5)
    assert entry.collected_at >= before
    assert paid(tx, order) is PaymentStatus.COD_COLLECTED


def test_a_deposit_lowers_what_the_carrier_collects(tx, shop):
    order = place_order(tx, cod(shop, (1, 1))).order_id
    record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(50), ((order, baht(50)),)))
    mark_shipped(tx, MarkShipped(order, "Flash", "F1"))
    assert [e.to_collect for e in entries(tx, order)] == [baht(150)]


def test_the_first_shipment_of_an_order_brings_the_cash_whichever_leaves_first(tx, shop):
    order_id = place_order(tx, cod(shop, (0, 3))).order_id
    first = make_ready(tx, [order_id])[order_id].shipment_id
    box = tx.session.get_one(Shipment, first)
    second = split_shipment(tx, SplitShipment(first, ((box.lines[0].id, 1),))).taken.shipment_id
    both = [tx.session.get_one(Shipment, i) for i in (first, second)]
    assert cash_at_the_door(tx, both) == {first: baht(300)}
    assert cash_at_the_door(tx, both[1:]) == {}
    for shipment_id in (second, first):
        pack_shipment(tx, PackShipment(shipment_id))
        hand_over_shipments(tx, [shipment_id])
        assert [e.shipment_id for e in entries(tx, order_id)] == ([first] if shipment_id == first else [])
    assert cash_at_the_door(tx, [tx.session.get_one(Shipment, i) for i in (first, second)]) == {first: baht(300)}


def test_a_label_that_names_another_amount_than_is_due_keeps_the_box_here(tx, shop):
    order_id = place_order(tx, cod(shop, (0, 3))).order_id
    box = make_ready(tx, [order_id])[order_id].shipment_id
    pack_shipment(tx, PackShipment(box))
    mark_labeled(tx, [box])
    record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(50), ((order_id, baht(50)),)))
    assert hand_over_shipments(tx, [box])[box].detail_code == "label_cash"
    assert mark_shipped_many(tx, [MarkShipped(order_id)])[0].detail_code == "label_cash"
    assert entries(tx, order_id) == []
    mark_labeled(tx, [box])  # printed again
    hand_over_shipments(tx, [box])
    assert [e.to_collect for e in entries(tx, order_id)] == [baht(250)]


def test_when_the_first_box_is_given_up_the_label_of_the_next_is_printed_again(tx, shop):
    order_id = place_order(tx, cod(shop, (0, 3))).order_id
    first = make_ready(tx, [order_id])[order_id].shipment_id
    line = tx.session.get_one(Shipment, first).lines[0].id
    second = split_shipment(tx, SplitShipment(first, ((line, 1),))).taken.shipment_id
    pack_shipment(tx, PackShipment(second))
    mark_labeled(tx, [second])
    cancel_shipment(tx, CancelShipment(first, "a piece is broken"))
    assert hand_over_shipments(tx, [second])[second].detail_code == "label_cash"
    mark_shipped(tx, MarkShipped(order_id, by_channel=True))  # a channel tells what has happened
    assert [e.shipment_id for e in entries(tx, order_id)] == [second]


def test_a_prepaid_order_and_a_paid_cod_order_get_no_entry(tx, shop):
    whole = place_order(tx, cod(shop)).order_id
    prepaid = place_order(tx, shop.order(confirm=True)).order_id
    for order in (whole, prepaid):
        record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(100), ((order, baht(100)),)))
        mark_shipped(tx, MarkShipped(order, "Flash", f"F{order}"))
        assert entries(tx, order) == []


def test_a_marketplace_collects_for_itself(tx, shop):
    order = place_order(tx, cod(shop, shop_id=shop.shopee, external_no="2311AB")).order_id
    mark_shipped(tx, MarkShipped(order, "SPX Express", "SPX1"))
    assert entries(tx, order)[0].carrier == "Shopee"


def test_goods_that_left_before_and_arrived_are_collected_at_once(tx, shop):
    order = place_order(tx, cod(shop, stock=Stock.LEFT_BEFORE)).order_id
    record_left_before(tx, [LeftBefore(order, "J&T", "JT1", delivered=True)])
    (entry,) = entries(tx, order)
    assert (entry.status, entry.carrier, entry.collected) == (CodStatus.COLLECTED, "J&T Express", baht(100))
    assert paid(tx, order) is PaymentStatus.COD_COLLECTED


def test_cash_costs_two_statements_a_batch_at_the_door_and_one_on_arrival(tx, shop):
    vouched = {"confirm": True, "payment_term": PaymentTerm.MARKETPLACE, "term_approved": True}
    cash = [o.order_id for o in place_orders(tx, [cod(shop) for _ in range(60)])]
    others = [o.order_id for o in place_orders(tx, [shop.order(**vouched) for _ in range(60)])]
    costs = []
    for batch in (others, cash):
        with counted(tx) as left:
            mark_shipped_many(tx, [MarkShipped(i, "Flash", f"A{i}") for i in batch])
        with counted(tx) as arrived:
            mark_delivered_many(tx, batch)
        done = sum("completed" in str(s) for s in arrived)
        costs.append((len(left), len(arrived) - done, sum("cod_entries SET" in s for s in arrived)))
    assert costs[1][0] <= costs[0][0] + 2, costs
    assert costs[1][2] == 1


def test_parcels_under_way_before_the_ledger_get_the_entry_hand_over_would_have_made(tx, shop):
    """The step of migration 0009, over the same parcels."""
    step = importlib.import_module("migrations.versions.0009_cod_ledger")
    names = ("Flash", "เคอรี่", "J&T Express", "ไปรษณีย์ไทย EMS", "รถของร้าน")
    orders = [place_order(tx, cod(shop, (n % 4, 1))).order_id for n in range(len(names))]
    record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(50), ((orders[1], baht(50)),)))
    mark_shipped_many(tx, [MarkShipped(o, name, f"th {o}") for o, name in zip(orders, names, strict=True)])
    mark_delivered_many(tx, orders[:2])
    shopee = place_order(tx, cod(shop, shop_id=shop.shopee, external_no="9")).order_id
    paid_up = place_order(tx, cod(shop)).order_id
    record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(100), ((paid_up, baht(100)),)))
    mark_shipped_many(tx, [MarkShipped(shopee, "SPX", "S1"), MarkShipped(paid_up, "Flash", "P1")])

    def ledger() -> list[tuple[object, ...]]:
        tx.session.flush()
        tx.session.expire_all()
        rows = tx.session.scalars(select(CodEntry).order_by(CodEntry.order_id)).all()
        return [(e.order_id, e.tracking_no, e.status, e.to_collect, e.expected, e.collected, e.carrier) for e in rows]

    by_hand_over = ledger()
    tx.session.execute(delete(CodEntry))
    tx.session.execute(text(step.BACKFILL.replace(":", "\\:")))
    assert len(by_hand_over) == 6
    assert ledger() == by_hand_over
