"""Shipments on their way through the packing room: what each verb does, and what it refuses without leaving a trace."""

from __future__ import annotations

import pytest

from oms.errors import OmsError
from oms.inventory.models import StockMovement
from oms.orders.states import Board, FulfillmentStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_combine import (
    CombineShipments,
    SplitShipment,
    UncombineShipment,
    combine_shipments,
    split_shipment,
    uncombine_shipment,
)
from oms.usecases.shipping_work import (
    BoxSpec,
    PackShipment,
    VoidLabel,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    start_picking,
    void_label,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.money import order_of, paid, placed

S = ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def ready(tx, shop, *lines, **facts) -> tuple[int, int]:
    """(order id, shipment id) of a paid order that is ready to pick."""
    order = placed(tx, shop, *lines, **facts)
    paid(tx, (order.id, order.total.amount))
    return order.id, good(make_ready(tx, [order.id])[order.id]).shipment_id


def good(outcome):
    """The answer, or the refusal raised."""
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


def stored(tx, shipment_id: int) -> Shipment:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Shipment, shipment_id)


def test_from_ready_to_handed_over(tx, shop):
    order_id, shipment_id = ready(tx, shop, (0, 2))
    good(start_picking(tx, [shipment_id])[shipment_id])
    assert order_of(tx, order_id).board is Board.PICKING
    boxes = (BoxSpec(1200, "TH1", "Flash"), BoxSpec(800, "TH2", "Flash"))
    pack_shipment(tx, PackShipment(shipment_id, boxes))
    assert order_of(tx, order_id).board is Board.PACKED
    assert good(mark_labeled(tx, [shipment_id])[shipment_id]).status is S.LABELED
    good(hand_over_shipments(tx, [shipment_id])[shipment_id])
    order = order_of(tx, order_id)
    assert (order.board, order.fulfillment_status, order.carrier) == (
        Board.HANDED_OVER,
        FulfillmentStatus.SHIPPED,
        "Flash Express",
    )
    made = stored(tx, shipment_id)
    assert [(p.position, p.weight_grams, p.tracking_no) for p in made.parcels] == [(1, 1200, "TH1"), (2, 800, "TH2")]
    moves = tx.session.query(StockMovement).filter_by(document=made.number).all()
    assert [(m.quantity, m.order_id) for m in moves] == [(-2, order_id)]


def test_a_split_order_leaves_on_two_days(tx, shop):
    order_id, first = ready(tx, shop, (0, 3), (1, 1))
    line = stored(tx, first).lines[0]
    taken = split_shipment(tx, SplitShipment(first, ((line.id, 2),))).taken
    for shipment_id in (first, taken.shipment_id):
        pack_shipment(tx, PackShipment(shipment_id))
        good(mark_labeled(tx, [shipment_id])[shipment_id])
    good(hand_over_shipments(tx, [taken.shipment_id])[taken.shipment_id])
    order = order_of(tx, order_id)
    assert [x.shipped for x in order.lines] == [2, 0]
    assert (order.fulfillment_status, order.board) == (FulfillmentStatus.PARTIAL, Board.LABELED)
    good(hand_over_shipments(tx, [first])[first])
    assert order_of(tx, order_id).fulfillment_status is FulfillmentStatus.SHIPPED


def test_two_orders_share_a_box_and_part_again(tx, shop):
    (a, one), (b, two) = ready(tx, shop), ready(tx, shop, (1, 1))
    box = combine_shipments(tx, CombineShipments((one, two))).shipment
    assert [stored(tx, i).status for i in (one, two)] == [S.CANCELED] * 2
    apart = uncombine_shipment(tx, UncombineShipment(box.shipment_id))
    assert [x.status for x in apart] == [S.READY] * 2
    box = combine_shipments(tx, CombineShipments(tuple(x.shipment_id for x in apart))).shipment
    pack_shipment(tx, PackShipment(box.shipment_id))
    mark_labeled(tx, [box.shipment_id])
    good(hand_over_shipments(tx, [box.shipment_id])[box.shipment_id])
    assert {order_of(tx, i).board for i in (a, b)} == {Board.HANDED_OVER}


def test_a_voided_label_goes_back_to_packed(tx, shop):
    order_id, shipment_id = ready(tx, shop)
    mark_labeled(tx, [shipment_id])
    assert stored(tx, shipment_id).status is S.READY
    assert (
        pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(tracking_no="TH1", carrier="Flash"),))).status is S.LABELED
    )
    void_label(tx, VoidLabel(shipment_id, "the address was wrong"))
    made = stored(tx, shipment_id)
    assert [(p.tracking_no, p.is_live, p.label_prints) for p in made.parcels] == [("TH1", False, 1), ("", True, 0)]
    assert order_of(tx, order_id).board is Board.PACKED
