"""The packing floor between sixteen processes: no piece leaves twice or unpaid, whoever wins."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from oms.db import transaction
from oms.inventory.models import StockLevel, StockMovement
from oms.orders.models import Order, OrderLine
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_combine import CombineShipments, combine_shipments
from oms.usecases.shipping_work import PackShipment, mark_labeled, pack_shipment
from tests.race.test_gate_races import assert_settled, story
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop
from tests.usecases.boxes import good
from tests.usecases.money import paid, placed

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]
CLIENTS, PIECES = 16, 90
LEFT = [ShipmentStatus.HANDED_OVER, ShipmentStatus.DELIVERED]


def assert_never_uncovered(tx, order_id: int, due: Decimal) -> None:
    """Told again from the audit, in the order the lock let it happen: nothing left after the money was taken back, while
    it was held, or after the order was canceled."""
    verified, held, canceled = due, False, False
    for row in story(tx, order_id):
        if row.action == "payment.reversed":
            verified = Decimal(0)
        elif row.action in {"order.held", "order.hold_released"}:
            held = row.action == "order.held"
        elif row.action == "order.canceled":
            canceled = True
        elif row.action == "order.shipped":
            assert verified >= due, f"order {order_id} left uncovered"
            assert not held, f"order {order_id} left while it was held"
            assert not canceled, f"order {order_id} left although it was canceled"


def assert_pieces_add_up(tx, sku: int) -> None:
    """What left is what the shipments say, what the lines say, what the movements say and what stock lacks."""
    gone = tx.session.scalar(
        select(func.coalesce(func.sum(ShipmentLine.quantity), 0))
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(Shipment.status.in_(LEFT))
    )
    shipped = tx.session.scalar(select(func.coalesce(func.sum(OrderLine.shipped), 0)))
    moved = tx.session.scalar(
        select(-func.coalesce(func.sum(StockMovement.quantity), 0)).where(StockMovement.kind == "ship")
    )
    level = tx.session.scalars(select(StockLevel).where(StockLevel.sku_id == sku)).one()
    assert gone == shipped == moved == PIECES - level.on_hand
    assert 0 <= level.reserved <= level.on_hand


@pytest.mark.deep
def test_sixteen_people_on_one_floor_ship_nothing_twice_and_nothing_unpaid(committed, settings):
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=PIECES)
        orders = [placed(tx, shop, (0, 1 + i % 3)) for i in range(40)]
        dues = {o.id: o.total.amount for o in orders}
        claims = [[o.id, paid(tx, (o.id, o.total.amount))] for o in orders]
        make_ready(tx, list(dues)[:30])
    seen = race(settings, "floor", clients=CLIENTS, turns=1500 if CHAOS else 30, orders=list(dues), claims=claims)
    assert seen["ok"] > 50, seen
    with transaction(ME) as tx:
        for order_id, due in dues.items():
            assert_never_uncovered(tx, order_id, due)
        assert_pieces_add_up(tx, shop.skus[0])
        assert_settled(tx, dues)
        twice = Counter(
            tx.session.scalars(select(StockMovement.document).where(StockMovement.kind == "ship").distinct())
        )
        assert max(twice.values(), default=1) == 1
    assert_books_in_order()
    print(dict(sorted(seen.items())))


@pytest.mark.deep
def test_a_shared_box_leaves_once_or_not_at_all(committed, settings):
    rounds = 100 if CHAOS else 8
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=PIECES if not CHAOS else 2 * rounds)
        plan = []
        for _ in range(rounds):
            orders = [placed(tx, shop), placed(tx, shop)]
            claims = [paid(tx, (o.id, 100)) for o in orders]
            ready = make_ready(tx, [o.id for o in orders])
            box = combine_shipments(tx, CombineShipments(tuple(good(m).shipment_id for m in ready.values()))).shipment
            pack_shipment(tx, PackShipment(box.shipment_id))
            good(mark_labeled(tx, [box.shipment_id])[box.shipment_id])
            plan.append([box.shipment_id, [o.id for o in orders], claims])
    seen = race(settings, "last_box", clients=CLIENTS, rounds=plan)
    assert seen["ok"] >= rounds
    with transaction(ME) as tx:
        for _, orders, _ in plan:
            for order_id in orders:
                assert_never_uncovered(tx, order_id, Decimal(100))
                assert sum(row.action == "order.shipped" for row in story(tx, order_id)) <= 1
            assert_settled(tx, orders)
        assert tx.session.scalar(select(func.max(OrderLine.shipped))) <= 1
        assert tx.session.scalar(select(func.count()).select_from(Order)) == 2 * rounds
    assert_books_in_order()
