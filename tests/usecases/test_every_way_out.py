"""Unpaid goods have no way out: every verb that moves goods, as every role that may, is refused and changes nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from oms.db import Tx
from oms.errors import OmsError, Refused
from oms.intake.records import OrderIn, Stage
from oms.inventory.models import StockMovement
from oms.orders.models import Order, OrderLine
from oms.orders.states import FulfillmentStatus, HoldReason, PaymentTerm
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.gate import GateStep, pass_gate
from oms.usecases.intake_merge import move_order
from oms.usecases.orders_bulk import StartBulk, bulk_rows, start_bulk, work_bulk
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.sentences import unpack
from oms.usecases.shipping import (
    LeftBefore,
    MarkShipped,
    mark_delivered,
    mark_delivered_many,
    mark_shipped,
    mark_shipped_many,
    record_left_before,
)
from oms.usecases.shipping_arrival import arrive_back, come_back, deliver_shipments, lose
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_combine import CombineOrders, CombineShipments, combine_orders, combine_shipments
from oms.usecases.shipping_work import (
    PackShipment,
    VoidLabel,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    start_picking,
    void_label,
)
from tests.shop import small_shop
from tests.usecases.money import box, claimed, order_of, paid, placed
from tests.usecases.refusals import count


def _answer(outcome: object) -> None:
    if isinstance(outcome, OmsError):
        raise outcome


def _bulk(tx: Tx, order: Order) -> None:
    run = start_bulk(tx, StartBulk("ready", (order.id,), {}, f"ready {tx.actor.role}"))
    work_bulk(tx, run.run_id)
    (row,) = bulk_rows(tx.session, run.run_id)
    assert row.code == "gate_closed"
    raise Refused(unpack(row.message), code=row.code)


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
    "bulk, made ready": _bulk,
    "put in one box with another": lambda tx, o: combine_orders(tx, CombineOrders((o.id, o.id + 1), o.warehouse_id)),
}
BOX_WAYS = {
    "pick": lambda tx, i: _answer(start_picking(tx, [i])[i]),
    "pack": lambda tx, i: pack_shipment(tx, PackShipment(i)),
    "print the label": lambda tx, i: _answer(mark_labeled(tx, [i])[i]),
    "hand over the box": lambda tx, i: _answer(hand_over_shipments(tx, [i])[i]),
    "say that it arrived": lambda tx, i: _answer(deliver_shipments(tx, [i])[i]),
    "say that it comes back": lambda tx, i: _answer(come_back(tx, [i])[i]),
    "say that it is back": lambda tx, i: _answer(arrive_back(tx, [i])[i]),
    "say that it is lost": lambda tx, i: _answer(lose(tx, [i])[i]),
    "void its label": lambda tx, i: void_label(tx, VoidLabel(i, "x")),
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


@pytest.mark.parametrize("lack", LACKS)
@pytest.mark.parametrize("way", [*BOX_WAYS, "put in one box"])
def test_a_box_of_unpaid_goods_has_no_way_out(tx, actor, way, lack):
    """The box waits, planned, as one that was pulled back does."""
    shop = small_shop(tx)
    order, paid_one = placed(tx, shop), placed(tx, shop)
    paid(tx, (paid_one.id, 100))
    LACKS[lack](tx, order)
    boxes = [box(tx, ShipmentStatus.PLANNED, o).id for o in (order, paid_one)]
    ways = BOX_WAYS | {"put in one box": lambda tx, _: combine_shipments(tx, CombineShipments(tuple(boxes)))}
    before = (count(tx, Shipment), count(tx, Parcel), count(tx, StockMovement))
    for role in ("owner", "manager", "warehouse", "sales"):
        with pytest.raises(OmsError), tx.session.begin_nested():
            ways[way](Tx(tx.session, actor(role)), boxes[0])
        now = order_of(tx, order.id)
        assert (now.fulfillment_status, sum(line.shipped for line in now.lines)) == (FulfillmentStatus.OPEN, 0)
        assert tx.session.get_one(Shipment, boxes[0]).status is ShipmentStatus.PLANNED
        assert (count(tx, Shipment), count(tx, Parcel), count(tx, StockMovement)) == before


@pytest.mark.parametrize("stage", ["ready", "picking", "packed", "labeled"])
@pytest.mark.parametrize("way", ["print the label", "hand over the box"])
def test_a_box_that_is_under_way_against_the_rules_is_stopped_at_the_next_step(tx, stage, way):
    """Whatever wrote the state past the verbs: label and hand-over ask the gate themselves."""
    order = placed(tx, small_shop(tx))
    made = box(tx, ShipmentStatus.PLANNED, order).id
    tx.session.execute(update(Shipment).where(Shipment.id == made).values(status=ShipmentStatus(stage)))
    with pytest.raises(OmsError) as caught, tx.session.begin_nested():
        BOX_WAYS[way](tx, made)
    assert caught.value.detail_code in {"gate_closed", "shipment_hand_over_refused"}
    assert order_of(tx, order.id).lines[0].shipped == 0


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
