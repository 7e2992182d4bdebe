"""The shipments on an order's page: what is in each box, and the buttons that work on it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from oms.actor import system
from oms.db import db, transaction
from oms.money import Money
from oms.orders.states import PaymentTerm
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_place import place_order
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import PackShipment, hand_over_shipments, mark_labeled, pack_shipment
from tests.shop import SmallShop, small_shop
from tests.views.test_orders_web import Person, statements

S = ShipmentStatus
COD = {"confirm": True, "payment_term": PaymentTerm.COD}


def boxes() -> list[Shipment]:
    db.session.rollback()
    return list(db.session.scalars(select(Shipment).order_by(Shipment.id)))


def run(verb, *arguments):
    with transaction(system("test")) as tx:
        return verb(tx, *arguments)


@pytest.fixture
def shop(web) -> SmallShop:
    return run(small_shop)


@pytest.fixture
def place(shop):
    return lambda *lines, **facts: run(place_order, shop.order(*lines, **facts)).order_id


@pytest.fixture
def clerk(web, shop):
    return Person(web, "manager")


def made_ready(place, *lines) -> tuple[int, int]:
    order_id = place(*(lines or ((0, 1),)), **COD)
    return order_id, run(make_ready, [order_id])[order_id].shipment_id


def test_from_the_page_an_order_is_made_ready_split_and_named(clerk, place):
    order_id = place((0, 3), (1, 1), **COD)
    page = clerk.get(f"/orders/{order_id}")
    assert "Nothing is in a box yet." in page
    page = clerk.post(f"/order-shipment/{order_id}/ready", origin=f"/orders/{order_id}").text
    (box,) = boxes()
    assert box.number in page
    assert f'data-open="split-{box.id}"' in page
    line = f"line-{box.lines[0].id}"
    base = f"/order-shipment/{order_id}/{box.id}"
    assert "From 0 to 3 can be taken out" in clerk.post(f"{base}/split", version=box.version, **{line: 4}).text
    clerk.post(f"{base}/split", version=box.version, **{line: 2})
    assert [sum(x.quantity for x in b.lines) for b in boxes()] == [2, 2]
    assert "changed this shipment" in clerk.post(f"{base}/split", version=1, **{line: 1}).text
    page = clerk.post(f"{base}/tracking", carrier="Flash", tracking_no="TH 77").text
    assert "TH77" in page
    clerk.post(f"{base}/carrier", carrier="J&T", version=boxes()[0].version)
    first = boxes()[0]
    assert (first.carrier, [(p.tracking_no, p.is_live) for p in first.parcels]) == (
        "J&T",
        [("TH77", False), ("", True)],
    )


def test_a_printed_label_is_voided_with_a_reason(clerk, place):
    order_id, box_id = made_ready(place)
    run(pack_shipment, PackShipment(box_id))
    run(mark_labeled, [box_id])
    page = clerk.get(f"/orders/{order_id}")
    assert "The label of" in page  # the carrier's button says why it is shut
    base = f"/order-shipment/{order_id}/{box_id}"
    assert "Say in a few words why" in clerk.post(f"{base}/void", reason=" ").text
    page = clerk.post(f"{base}/void", reason="wrong street").text
    assert "wrong street" in page
    assert boxes()[0].status is S.PACKED
    clerk.post(f"{base}/pull-back", reason="a piece is missing")
    assert boxes()[0].status is S.PLANNED
    clerk.post(f"{base}/cancel", reason="packed anew tomorrow")
    assert boxes()[0].status is S.CANCELED
    assert "Canceled shipments" in clerk.get(f"/orders/{order_id}")


def test_orders_of_one_buyer_are_proposed_put_together_and_taken_apart(clerk, place, shop):
    fee = {"shipping_fee": Money(Decimal(40)), "priced_by_channel": False}
    first, second, elsewhere = place(**COD, **fee), place((1, 1), **COD, **fee), place(confirm=True)
    page = clerk.get(f"/orders/{first}")
    assert "These orders could go in one box" in page
    told = clerk.post(f"/order-shipment/{first}/combine", warehouse=shop.bkk, order=[first, second]).text
    assert "40.00" in told
    assert "In the same box:" in told
    together = next(b for b in boxes() if b.status is S.READY)
    assert {line.order_id for line in together.lines} == {first, second}
    clerk.post(f"/order-shipment/{first}/{together.id}/uncombine", version=together.version)
    assert sorted(b.status for b in boxes() if b.status is S.READY) == [S.READY, S.READY]
    assert "could go in one box" not in clerk.get(f"/orders/{elsewhere}")


def test_a_clerk_of_one_warehouse_sees_no_button_for_another(web, place, shop):
    order_id, box_id = made_ready(place)
    keeper = Person(web, "warehouse", warehouses=(shop.bkk,))
    assert f'data-open="cancel-{box_id}"' in keeper.get(f"/orders/{order_id}")
    with transaction(system("test")) as tx:
        tx.session.get_one(Shipment, box_id).warehouse_id = shop.cnx
    assert f'data-open="cancel-{box_id}"' not in keeper.get(f"/orders/{order_id}")
    answer = keeper.post(f"/order-shipment/{order_id}/{box_id}/cancel", reason="x", origin=f"/orders/{order_id}")
    assert "There is no such shipment" in answer.text
    assert boxes()[0].status is S.READY


def test_a_viewer_sees_boxes_and_no_buttons(web, place):
    order_id, box_id = made_ready(place)
    page = Person(web, "viewer").get(f"/orders/{order_id}")
    assert boxes()[0].number in page
    assert f'-{box_id}"' not in page.replace(f'id="shipment-{box_id}"', "").replace("utf-8", "")


def test_one_shipment_of_two_is_marked_as_delivered(clerk, place):
    order_id, box_id = made_ready(place)
    run(pack_shipment, PackShipment(box_id))
    run(hand_over_shipments, [box_id])
    clerk.post(f"/order-shipment/{order_id}/{box_id}/delivered")
    assert boxes()[0].status is S.DELIVERED


def test_orders_are_made_ready_in_bulk_and_the_rest_says_why(clerk, place):
    paid, unpaid = place(**COD), place(confirm=True)
    page = clerk.post("/bulk/", action="ready", rowid=[paid, unpaid], key="k1").text
    assert "Nothing has been paid yet" in page
    assert [b.status for b in boxes()] == [S.READY]


def test_the_page_costs_the_same_with_one_box_and_with_four(clerk, place):
    order_id, box_id = made_ready(place, (0, 5))
    clerk.get(f"/orders/{order_id}")
    costs = []
    for _ in range(2):
        with statements() as seen:
            clerk.get(f"/orders/{order_id}")
        costs.append(len(seen))
        for _ in range(3):
            box = next(b for b in boxes() if b.id == box_id)
            clerk.post(f"/order-shipment/{order_id}/{box_id}/split", **{f"line-{box.lines[0].id}": 1})
    assert costs[0] == costs[1]
    assert db.session.query(Parcel).count() >= 4
