"""Many hands on one floor: one packer per box, one list per shipment, one sheet per box, and no deadlock anybody sees."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms.db import db, transaction
from oms.orders.states import PaymentTerm
from oms.shipping.floor.models import ManifestParcel, PackingSession, PickSlot
from oms.shipping.floor.states import PackStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import PackShipment, mark_labeled, pack_shipment
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]
CLIENTS = 6
BOXES = 60 if CHAOS else 9


@pytest.fixture
def boxes(committed):
    """(warehouse, [(shipment's number, id, order id)]): two of the first SKU and one of the second each."""
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=BOXES * 3 + 10)
        wanted = [shop.order((0, 2), (1, 1), confirm=True, payment_term=PaymentTerm.COD) for _ in range(BOXES)]
        orders = [placed.order_id for placed in place_orders(tx, wanted)]
        made = make_ready(tx, orders)
        return shop.bkk, [(made[o].number, made[o].shipment_id, o) for o in orders]


def count(statement) -> int:
    return db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0


@pytest.mark.deep
def test_a_box_is_packed_by_one_of_those_who_scan_it_at_once(boxes, settings):
    place, made = boxes
    seen = race(settings, "one_box", clients=CLIENTS, boxes=[(n, o) for n, _, o in made], place=place)
    assert not any(key.startswith("gave up") for key in seen), seen
    db.session.remove()
    packed = select(PackingSession.shipment_id).where(PackingSession.status == PackStatus.PACKED)
    assert count(packed) == count(packed.distinct()) == seen["packed"]
    assert count(select(Shipment.id).where(Shipment.status == ShipmentStatus.PACKED)) >= BOXES - BOXES // 3
    assert count(select(PackingSession.id).where(PackingSession.status == PackStatus.OPEN)) == 0
    assert_books_in_order()


@pytest.mark.deep
def test_nobody_gets_a_shipment_that_is_on_another_list(boxes, settings):
    place, _ = boxes
    seen = race(settings, "next_lists", clients=CLIENTS, turns=2, each=2, place=place)
    assert not any(key.startswith("gave up") for key in seen), seen
    db.session.remove()
    listed = select(PickSlot.shipment_id).where(PickSlot.is_live)
    assert count(listed) == count(listed.distinct()) == min(BOXES, CLIENTS * 4)
    assert_books_in_order()


@pytest.mark.deep
def test_a_box_leaves_on_one_sheet_though_two_carriers_scan_it(boxes, settings):
    place, made = boxes
    with transaction(ME) as tx:
        for _, shipment_id, _ in made:
            pack_shipment(tx, PackShipment(shipment_id))
        mark_labeled(tx, [i for _, i, _ in made])
    seen = race(settings, "two_sheets", clients=CLIENTS, boxes=[n for n, _, _ in made], place=place)
    assert not any(key.startswith("gave up") for key in seen), seen
    db.session.remove()
    live = select(ManifestParcel.parcel_id).where(ManifestParcel.is_live)
    assert count(live) == count(live.distinct())
    assert_books_in_order()
