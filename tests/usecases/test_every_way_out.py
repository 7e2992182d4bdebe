"""Unpaid goods have no way out: every verb that moves goods, as every role that may, is refused and changes nothing."""

from __future__ import annotations

import pytest

from oms.db import Tx
from oms.errors import OmsError
from oms.intake.records import OrderIn, Stage
from oms.orders.models import Order, OrderLine
from oms.orders.states import FulfillmentStatus, HoldReason, PaymentTerm
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.gate import GateStep, pass_gate
from oms.usecases.intake_merge import move_order
from oms.usecases.orders_bulk import StartBulk, start_bulk
from oms.usecases.orders_holds import HoldOrder, hold_order
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
from tests.shop import small_shop
from tests.usecases.money import box, claimed, order_of, paid, placed
from tests.usecases.refusals import count


def _answer(outcome: object) -> None:
    if isinstance(outcome, OmsError):
        raise outcome


WAYS = {
    "hand over": lambda tx, o: mark_shipped(tx, MarkShipped(o.id, "Flash", "TH1")),
    "hand over by the channel": lambda tx, o: mark_shipped(tx, MarkShipped(o.id, by_channel=True)),
    "hand many over": lambda tx, o: _answer(mark_shipped_many(tx, [MarkShipped(o.id)])[0]),
    "make ready": lambda tx, o: _answer(make_ready(tx, [o.id])[o.id]),
    "a channel's word": lambda tx, o: move_order(tx, o, OrderIn("1", "shipped", Stage.SHIPPED, None, ())),
    "a channel says it arrived": lambda tx, o: move_order(tx, o, OrderIn("1", "delivered", Stage.DELIVERED, None, ())),
    "delivered": lambda tx, o: mark_delivered(tx, o.id),
    "delivered, many": lambda tx, o: mark_delivered_many(tx, [o.id], by_channel=True),
    "left before": lambda tx, o: record_left_before(tx, [LeftBefore(o.id)]),
    "bulk": lambda tx, o: start_bulk(tx, StartBulk("ship", (o.id,), {}, "b1")),
}
LACKS = {
    "nothing paid": lambda tx, o: None,
    "a slip waits": lambda tx, o: claimed(tx, (o.id, 100)),
    "one satang short": lambda tx, o: paid(tx, (o.id, "99.99")),
    "paid but on hold": lambda tx, o: (paid(tx, (o.id, 100)), hold_order(tx, HoldOrder(o.id, HoldReason.FRAUD))),
}


@pytest.mark.parametrize("lack", LACKS)
@pytest.mark.parametrize("way", WAYS)
def test_unpaid_goods_have_no_way_out(tx, actor, way, lack):
    order = placed(tx, small_shop(tx))
    LACKS[lack](tx, order)
    before = (count(tx, Shipment), count(tx, Parcel))
    for role in ("owner", "manager", "warehouse", "cashier", "sales"):
        person = Tx(tx.session, actor(role))
        savepoint = tx.session.begin_nested()
        try:
            WAYS[way](person, order_of(tx, order.id))
            refused = False
        except OmsError:
            refused = True
        savepoint.rollback() if refused else savepoint.commit()
        assert refused or way in {"delivered", "delivered, many", "left before"}
        now = order_of(tx, order.id)
        assert (now.fulfillment_status, sum(line.shipped for line in now.lines)) == (FulfillmentStatus.OPEN, 0)
        assert (count(tx, Shipment), count(tx, Parcel)) == before
        assert all(pass_gate(person, [order.id], step)[order.id] for step in GateStep)
    assert count(tx, Order) == 1
    assert count(tx, OrderLine) == 1


def test_a_credit_order_of_an_unknown_buyer_waits_for_its_approval(tx):
    order = placed(tx, small_shop(tx), payment_term=PaymentTerm.CREDIT)
    with pytest.raises(OmsError, match="credit is not approved"):
        mark_shipped(tx, MarkShipped(order.id))


def test_a_box_that_was_labeled_while_paid_does_not_leave_afterwards(tx):
    order = placed(tx, small_shop(tx))
    paid(tx, (order.id, 100))
    labeled = box(tx, ShipmentStatus.LABELED, order)
    hold_order(tx, HoldOrder(order.id, HoldReason.PAYMENT))
    for way in ("hand over", "hand many over", "make ready"):
        with pytest.raises(OmsError), tx.session.begin_nested():
            WAYS[way](tx, order_of(tx, order.id))
    assert tx.session.get_one(Shipment, labeled.id).status is ShipmentStatus.PLANNED
