"""The gate between processes: a reversal against a hand-over, an override against both, two orders in one box."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from oms.actor import system
from oms.audit import AuditLog
from oms.db import transaction
from oms.orders.models import Order
from oms.orders.states import FulfillmentStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases import derived
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop
from tests.usecases.money import box, paid, placed

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]
DUE = Decimal(100)


def story(tx, order_id: int) -> list[AuditLog]:
    """What happened to an order, in the order its lock let it happen."""
    rows = select(AuditLog).where(AuditLog.subject_type == "order", AuditLog.subject_id == order_id)
    return list(tx.session.scalars(rows.order_by(AuditLog.id)))


def assert_left_only_while_covered(tx, order_id: int, verified: Decimal) -> bool:
    """Told again from the audit: when the goods left, money and override covered what was due."""
    covers, left = Decimal(0), False
    for row in story(tx, order_id):
        if row.action == "payment.reversed":
            verified = Decimal(0)
        elif row.action == "gate.overridden":
            covers = Decimal(str(row.after["amount"]))
        elif row.action == "order.shipped":
            assert verified >= DUE or verified + covers >= DUE, f"order {order_id} left uncovered"
            left = True
    return left


def assert_settled(tx, order_ids):
    for order in tx.session.scalars(select(Order).where(Order.id.in_(order_ids)).order_by(Order.id)):
        before = (order.board, order.payment_status, order.fulfillment_status)
        derived.refresh(tx, [order])
        assert (order.board, order.payment_status, order.fulfillment_status) == before


@pytest.mark.parametrize("amount", ["100", pytest.param("60", marks=pytest.mark.deep)])
def test_goods_leave_only_while_covered_whoever_wins(committed, settings, amount):
    rounds = 200 if CHAOS else 12
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=rounds)
        plan = []
        for _ in range(rounds):
            order = placed(tx, shop)
            plan.append([order.id, paid(tx, (order.id, amount))])
    seen = race(settings, "gate", clients=3, rounds=plan)
    assert not {"busy", "duplicate"} & set(seen), seen
    with transaction(system("test")) as tx:
        left = [assert_left_only_while_covered(tx, order_id, Decimal(amount)) for order_id, _ in plan]
        assert_settled(tx, [order_id for order_id, _ in plan])
        shipped = select(Order.id).where(Order.fulfillment_status != FulfillmentStatus.OPEN)
        assert len(tx.session.scalars(shipped).all()) == sum(left)
    assert_books_in_order()


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["close", "ship"])
def test_two_orders_in_one_box_leave_together_or_not_at_all(committed, settings, kind):
    rounds = 100 if CHAOS else 8
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=2 * rounds)
        plan = []
        for _ in range(rounds):
            orders = [placed(tx, shop), placed(tx, shop)]
            claims = [paid(tx, (order.id, 100)) for order in orders]
            made = box(tx, ShipmentStatus.LABELED, *orders)
            plan.append([kind, [o.id for o in orders], claims, made.id])
    seen = race(settings, "boxes", clients=2, rounds=[p[:3] for p in plan])
    assert set(seen) <= {"ok", "gate_closed", "busy", "exit 0"}, seen
    with transaction(ME) as tx:
        for _, ids, _, shipment_id in plan:
            left = [assert_left_only_while_covered(tx, i, DUE) for i in ids]
            assert left[0] == left[1]
            gone = tx.session.get_one(Shipment, shipment_id).status is ShipmentStatus.HANDED_OVER
            assert gone == left[0]
            assert_settled(tx, ids)
    assert_books_in_order()
