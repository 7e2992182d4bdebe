"""Shipments on their way through the packing room: what each verb does, and what it refuses without leaving a trace."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update

from oms import clock
from oms.audit import AuditLog
from oms.db import Tx
from oms.errors import OmsError
from oms.inventory.models import Reservation
from oms.orders.models import Order
from oms.orders.states import Board, FulfillmentStatus, HoldReason, PaymentTerm
from oms.payments.models import GateOverride
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import find_shipments, get_shipment, lock_shipments, visible_shipments
from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.usecases.orders_cancel import CancelOrder, CancelReason, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.orders_place import NewLine
from oms.usecases.payments import DecideClaim, reverse_claim
from oms.usecases.shipping import MarkShipped, mark_shipped, mark_shipped_many
from oms.usecases.shipping_arrival import arrive_back, come_back, deliver_shipments, lose
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import (
    BoxSpec,
    CancelShipment,
    ChangeCarrier,
    PackShipment,
    PullBack,
    SetTracking,
    VoidLabel,
    cancel_shipment,
    change_carrier,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    pull_back,
    set_tracking,
    start_picking,
    void_label,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.boxes import content, good, labeled, moved, parcels, promise_elsewhere, ready, stock_in, stored
from tests.usecases.money import answered_for, baht, box, order_of, paid, placed
from tests.usecases.refusals import count, last_audit, refused

S = ShipmentStatus
BEFORE = (S.PLANNED, S.READY, S.PICKING, S.PACKED, S.LABELED)


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def at(tx, order: Order, stage: ShipmentStatus) -> Shipment:
    """A box of an order in any state."""
    made = box(tx, stage if stage in BEFORE else S.LABELED, order)
    if stage not in BEFORE:
        good(hand_over_shipments(tx, [made.id])[made.id])
    way = {
        S.DELIVERED: [deliver_shipments], S.RETURNING: [come_back], S.RETURNED: [come_back, arrive_back], S.LOST: [lose],
    }  # fmt: skip
    if stage is S.CANCELED:
        raise AssertionError("cancel it with the verb")
    for verb in way.get(stage, []):
        good(verb(tx, [made.id])[made.id])
    return stored(tx, made.id)


@contextmanager
def statements(tx):
    seen: list[str] = []

    def note(_c, _cur, statement, *_rest):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            seen.append(statement)

    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


# --- ready ------------------------------------------------------------------------------------------------------


def test_every_warehouse_that_holds_promises_gets_a_shipment_of_its_own(tx, shop):
    stock_in(tx, shop, shop.cnx)
    order = placed(tx, shop, lines=(NewLine(shop.skus[3], 3), NewLine(shop.bundle, 2)))
    paid(tx, (order.id, order.total.amount))
    promise_elsewhere(tx, order.id, shop.cnx, 1)
    made = good(make_ready(tx, [order.id])[order.id])
    assert [tx.session.get_one(Shipment, i).warehouse_id for i, _ in made.shipments] == [shop.bkk, shop.cnx]
    assert [content(tx, i) for i, _ in made.shipments] == [{"RU-0004": 2, "RU-0100": 1}, {"RU-0004": 1, "RU-0100": 1}]
    assert make_ready(tx, [order.id])[order.id] == made
    assert all(stored(tx, i).ready_at and len(stored(tx, i).parcels) == 1 for i, _ in made.shipments)


def test_each_warehouse_hands_over_its_part_and_only_that_leaves_its_stock(tx, shop, actor):
    stock_in(tx, shop, shop.cnx)
    order = placed(tx, shop, lines=(NewLine(shop.bundle, 3),), payment_term=PaymentTerm.COD)
    promise_elsewhere(tx, order.id, shop.cnx, 2)
    (here, number), (there, other) = good(make_ready(tx, [order.id])[order.id]).shipments
    keeper = Tx(tx.session, actor("warehouse", warehouses=[shop.cnx]))
    assert hand_over_shipments(keeper, [here])[here].detail_code == "shipment_not_found"
    pack_shipment(keeper, PackShipment(there))
    assert good(hand_over_shipments(keeper, [there])[there]).status is S.HANDED_OVER
    assert moved(tx.session, other) == {(shop.skus[0], shop.cnx): 2, (shop.skus[1], shop.cnx): 4}
    now = order_of(tx, order.id)
    assert (now.lines[0].shipped, now.fulfillment_status, now.board) == (2, FulfillmentStatus.PARTIAL, Board.READY)
    pack_shipment(tx, PackShipment(here))
    good(hand_over_shipments(tx, [here])[here])
    assert moved(tx.session, number) == {(shop.skus[0], shop.bkk): 1, (shop.skus[1], shop.bkk): 2}
    assert order_of(tx, order.id).fulfillment_status is FulfillmentStatus.SHIPPED


def test_an_order_in_two_warehouses_leaves_whole_by_one_word(tx, shop, actor):
    stock_in(tx, shop, shop.cnx)
    order = placed(tx, shop, (0, 3), payment_term=PaymentTerm.COD)
    promise_elsewhere(tx, order.id, shop.cnx, 1)
    keeper = Tx(tx.session, actor("warehouse", warehouses=[shop.bkk]))
    with refused(tx, "other_warehouse", None, Shipment):
        mark_shipped(keeper, MarkShipped(order.id))
    mark_shipped(tx, MarkShipped(order.id, "Flash", "TH1"))
    gone = tx.session.scalars(select(Shipment).order_by(Shipment.id)).all()
    assert [(s.warehouse_id, [p.tracking_no for p in s.parcels]) for s in gone] == [
        (shop.bkk, ["TH1"]), (shop.cnx, []),
    ]  # fmt: skip
    assert [moved(tx.session, s.number) for s in gone] == [
        {(shop.skus[0], shop.bkk): 2}, {(shop.skus[0], shop.cnx): 1},
    ]  # fmt: skip
    assert order_of(tx, order.id).fulfillment_status is FulfillmentStatus.SHIPPED


def test_parts_of_a_bundle_that_lie_apart_are_not_made_ready(tx, shop):
    stock_in(tx, shop, shop.cnx)
    order = placed(tx, shop, lines=(NewLine(shop.bundle, 1),), payment_term=PaymentTerm.COD)
    promise_elsewhere(tx, order.id, shop.cnx, 1)
    part = tx.session.scalars(
        select(Reservation).where(Reservation.status == "active").order_by(Reservation.id)
    ).first()
    part.warehouse_id = shop.bkk
    tx.session.flush()
    assert make_ready(tx, [order.id])[order.id].detail_code == "stock_short"
    assert mark_shipped_many(tx, [MarkShipped(order.id)])[0].detail_code == "stock_short"
    assert count(tx, Shipment) == 0


def test_a_box_that_was_given_up_is_made_anew_and_the_others_stay(tx, shop):
    stock_in(tx, shop, shop.cnx)
    order = placed(tx, shop, (0, 3), payment_term=PaymentTerm.COD)
    promise_elsewhere(tx, order.id, shop.cnx, 1)
    (here, _), (there, _) = good(make_ready(tx, [order.id])[order.id]).shipments
    pack_shipment(tx, PackShipment(here))
    cancel_shipment(tx, CancelShipment(there, "dropped"))
    again = good(make_ready(tx, [order.id])[order.id])
    assert again.shipments[0][0] == here
    assert content(tx, again.shipments[1][0]) == {"RU-0001": 1}
    assert [stored(tx, i).status for i, _ in again.shipments] == [S.PACKED, S.READY]


def test_making_many_ready_costs_the_same_statements_as_one(tx, shop):
    costs = []
    for n in (1, 6):
        orders = [placed(tx, shop, (0, 1), payment_term=PaymentTerm.COD).id for _ in range(n)]
        with statements(tx) as seen:
            assert all(not isinstance(x, OmsError) for x in make_ready(tx, orders).values())
            tx.session.flush()
        costs.append(len(seen))
    assert costs[0] == costs[1], costs


# --- pick, pack, label ------------------------------------------------------------------------------------------


def test_from_ready_to_handed_over(tx, shop):
    order_id, shipment_id = ready(tx, shop, (0, 2))
    good(start_picking(tx, [shipment_id])[shipment_id])
    assert order_of(tx, order_id).board is Board.PICKING
    boxes = (BoxSpec(1200, "TH1", "Flash"), BoxSpec(800, "TH2", "Flash"))
    pack_shipment(tx, PackShipment(shipment_id, boxes))
    assert order_of(tx, order_id).board is Board.PACKED
    assert good(mark_labeled(tx, [shipment_id])[shipment_id]).status is S.LABELED
    assert order_of(tx, order_id).board is Board.LABELED
    good(hand_over_shipments(tx, [shipment_id])[shipment_id])
    order = order_of(tx, order_id)
    assert (order.board, order.fulfillment_status, order.carrier) == (
        Board.HANDED_OVER, FulfillmentStatus.SHIPPED, "Flash Express",
    )  # fmt: skip
    made = stored(tx, shipment_id)
    assert [(p.position, p.weight_grams, p.tracking_no) for p in made.parcels] == [(1, 1200, "TH1"), (2, 800, "TH2")]
    assert {p.tracking_status for p in made.parcels} == {TrackingStatus.IN_TRANSIT}
    assert (made.packed_by, bool(made.packed_at), bool(made.labeled_at)) == (tx.actor.label, True, True)
    assert moved(tx.session, made.number) == {(shop.skus[0], shop.bkk): 2}


def test_picking_is_begun_once_and_answers_the_same_again(tx, shop):
    _, shipment_id = ready(tx, shop)
    first = start_picking(tx, [shipment_id, 987654])
    assert first[987654].detail_code == "shipment_not_found"
    told = count(tx, AuditLog)
    assert start_picking(tx, [shipment_id])[shipment_id] == first[shipment_id]
    assert count(tx, AuditLog) == told


@pytest.mark.parametrize("stage", [s for s in S if s not in {S.READY, S.PICKING, S.CANCELED}])
def test_only_what_is_ready_or_picked_is_packed(tx, shop, stage):
    made = at(tx, _cod(tx, shop), stage)
    with refused(tx, "shipment_pack_refused", None, Parcel):
        pack_shipment(tx, PackShipment(made.id))


@pytest.mark.parametrize("stage", [s for s in S if s not in {S.READY, S.PICKING, S.CANCELED}])
def test_only_what_is_ready_is_picked(tx, shop, stage):
    made = at(tx, _cod(tx, shop), stage)
    assert start_picking(tx, [made.id])[made.id].detail_code == "shipment_pick_refused"
    assert stored(tx, made.id).status is stage


def _cod(tx, shop, *lines) -> Order:
    return placed(tx, shop, *lines, payment_term=PaymentTerm.COD)


@pytest.mark.parametrize(
    ("boxes", "code", "field"),
    [
        ((), "boxes_range", "boxes"),
        ((BoxSpec(),) * 51, "boxes_range", "boxes"),
        ((BoxSpec(weight_grams=0),), "weight", "weight"),
        ((BoxSpec(weight_grams=1_000_001),), "weight", "weight"),
        ((BoxSpec(tracking_no="T" * 81),), "too_long", "tracking_no"),
        ((BoxSpec(tracking_no="TAKEN", carrier="Flash"),), "tracking_in_use", "tracking_no"),
        ((BoxSpec(tracking_no="A1"), BoxSpec(tracking_no="A1")), "tracking_in_use", "tracking_no"),
    ],
)
def test_boxes_that_cannot_be_are_refused(tx, shop, boxes, code, field):
    _, other = ready(tx, shop)
    pack_shipment(tx, PackShipment(other, (BoxSpec(tracking_no="TAKEN", carrier="Flash"),)))
    _, shipment_id = ready(tx, shop)
    with refused(tx, code, field, Parcel):
        pack_shipment(tx, PackShipment(shipment_id, boxes))
    assert stored(tx, shipment_id).status is S.READY


def test_a_stale_screen_packs_nothing(tx, shop):
    _, shipment_id = ready(tx, shop)
    with refused(tx, "stale", None, Parcel):
        pack_shipment(tx, PackShipment(shipment_id, version=99))


def test_labels_may_be_printed_before_packing(tx, shop):
    _, shipment_id = ready(tx, shop)
    assert good(mark_labeled(tx, [shipment_id])[shipment_id]).status is S.READY
    assert parcels(tx, shipment_id) == [("", True, 1)]
    assert pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(500),))).status is S.LABELED


def test_a_second_box_without_a_label_keeps_the_shipment_packed(tx, shop):
    _, shipment_id = ready(tx, shop)
    mark_labeled(tx, [shipment_id])
    assert pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(), BoxSpec()))).status is S.PACKED
    assert good(mark_labeled(tx, [shipment_id])[shipment_id]).status is S.LABELED
    assert parcels(tx, shipment_id) == [("", True, 2), ("", True, 1)]


def test_a_label_for_a_box_that_was_not_used_does_not_stand(tx, shop):
    _, shipment_id = ready(tx, shop, (0, 2))
    pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(), BoxSpec(tracking_no="TH2"))))
    pull_back(tx, PullBack(shipment_id, "packed anew"))
    make_ready(tx, [stored(tx, shipment_id).lines[0].order_id])
    pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(),)))
    assert parcels(tx, shipment_id) == [("", True, 0), ("TH2", False, 0)]


def test_a_reprint_counts_and_changes_no_state(tx, shop):
    _, shipment_id = labeled(tx, shop)
    assert good(mark_labeled(tx, [shipment_id])[shipment_id]).status is S.LABELED
    assert parcels(tx, shipment_id) == [("", True, 2)]


@pytest.mark.parametrize("stage", [s for s in S if s not in {S.READY, S.PICKING, S.PACKED, S.LABELED, S.CANCELED}])
def test_no_label_for_what_is_not_under_way(tx, shop, stage):
    made = at(tx, _cod(tx, shop), stage)
    assert mark_labeled(tx, [made.id])[made.id].detail_code == "shipment_label_refused"
    assert all(p.label_prints == 0 for p in stored(tx, made.id).parcels)


@pytest.mark.parametrize("stage", [S.READY, S.PICKING, S.PACKED, S.LABELED])
def test_one_bad_row_never_holds_up_the_rest(tx, shop, stage):
    good_order, bad_order = _cod(tx, shop), placed(tx, shop)
    fine, bad = box(tx, stage, good_order), box(tx, stage, bad_order)  # under way although it is unpaid
    tx.session.get_one(Shipment, bad.id).status = stage
    tx.session.flush()
    for verb in (mark_labeled, hand_over_shipments) if stage is S.LABELED else (mark_labeled,):
        answers = verb(tx, [bad.id, fine.id])
        assert answers[bad.id].detail_code == "gate_closed"
        assert not isinstance(answers[fine.id], OmsError)
        assert stored(tx, bad.id).status is stage


# --- hand over --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [S.PLANNED, S.READY, S.PICKING])
def test_what_is_not_packed_is_not_handed_over(tx, shop, stage):
    made = at(tx, _cod(tx, shop), stage)
    assert hand_over_shipments(tx, [made.id])[made.id].detail_code == "shipment_hand_over_refused"
    assert (stored(tx, made.id).status, moved(tx.session, made.number)) == (stage, {})


@pytest.mark.parametrize("stage", [S.HANDED_OVER, S.DELIVERED, S.RETURNING, S.RETURNED, S.LOST])
def test_nothing_is_handed_over_twice(tx, shop, stage):
    made = at(tx, _cod(tx, shop), stage)
    before = moved(tx.session, made.number)
    code = hand_over_shipments(tx, [made.id])[made.id].detail_code
    assert code == "shipment_hand_over_refused"
    assert moved(tx.session, made.number) == before


def test_a_canceled_shipment_does_not_leave(tx, shop):
    _, shipment_id = labeled(tx, shop)
    cancel_shipment(tx, CancelShipment(shipment_id, "packed wrongly"))
    assert isinstance(hand_over_shipments(tx, [shipment_id])[shipment_id], OmsError)


def test_hand_over_says_when_but_not_in_the_future(tx, shop):
    _, shipment_id = labeled(tx, shop)
    with refused(tx, "future", "at", Parcel):
        hand_over_shipments(tx, [shipment_id], clock.now() + timedelta(minutes=5))
    yesterday = clock.now() - timedelta(days=1)
    hand_over_shipments(tx, [shipment_id], yesterday)
    assert stored(tx, shipment_id).handed_over_at == yesterday


def test_a_box_whose_promise_went_elsewhere_does_not_leave(tx, shop):
    order_id, shipment_id = labeled(tx, shop)
    tx.session.execute(update(Reservation).values(warehouse_id=shop.cnx))
    answer = hand_over_shipments(tx, [shipment_id])[shipment_id]
    assert answer.detail_code == "box_outdated"
    assert (stored(tx, shipment_id).status, order_of(tx, order_id).lines[0].shipped) == (S.LABELED, 0)


def test_a_box_listed_twice_leaves_once_and_two_of_one_order_leave_together(tx, shop):
    stock_in(tx, shop, shop.cnx)
    order = _cod(tx, shop, (0, 2))
    promise_elsewhere(tx, order.id, shop.cnx, 1)
    ids = [i for i, _ in good(make_ready(tx, [order.id])[order.id]).shipments]
    for shipment_id in ids:
        pack_shipment(tx, PackShipment(shipment_id))
    answers = hand_over_shipments(tx, [*ids, ids[0]])
    assert [a.status for a in answers.values()] == [S.HANDED_OVER] * 2
    assert order_of(tx, order.id).lines[0].shipped == 2
    told = tx.session.scalars(select(AuditLog).where(AuditLog.action == "order.shipped")).all()
    assert [row.after["shipment"] for row in told] == [", ".join(stored(tx, i).number for i in ids)]


def test_goods_that_leave_by_an_override_use_it_up(tx, shop):
    order = placed(tx, shop)
    answered_for(tx, order.id)
    shipment_id = good(make_ready(tx, [order.id])[order.id]).shipment_id
    pack_shipment(tx, PackShipment(shipment_id))
    good(hand_over_shipments(tx, [shipment_id])[shipment_id])
    assert tx.session.scalars(select(GateOverride.used_at)).one() is not None


SAVED = 2  # a shipment and its order are each saved under their version


def test_handing_over_many_costs_the_same_statements_as_one(tx, shop):
    costs = []
    for n in (1, 6):
        ids = [labeled(tx, shop, payment_term=PaymentTerm.PREPAID)[1] for _ in range(n)]
        with statements(tx) as seen:
            assert all(not isinstance(x, OmsError) for x in hand_over_shipments(tx, ids).values())
            tx.session.flush()
        costs.append(len(seen))
    assert costs[1] - costs[0] == 5 * SAVED, costs


@pytest.mark.parametrize(
    ("verb", "saved"),
    [(start_picking, SAVED), (mark_labeled, 1), (come_back, SAVED), (lose, SAVED), (deliver_shipments, SAVED + 2)],
)  # a delivered order is saved twice more when it is completed with it
def test_work_on_many_costs_the_same_statements_as_on_one(tx, shop, verb, saved):
    costs = []
    for n in (1, 6):
        ids = [ready(tx, shop)[1] for _ in range(n)]
        if verb in {deliver_shipments, come_back, lose}:
            for i in ids:
                pack_shipment(tx, PackShipment(i))
            hand_over_shipments(tx, ids)
        with statements(tx) as seen:
            verb(tx, ids)
            tx.session.flush()
        costs.append(len(seen))
    assert costs[1] - costs[0] <= 5 * saved, costs


# --- void, cancel, pull back, name -------------------------------------------------------------------------------


def test_a_voided_label_goes_back_to_packed_and_stays_on_record(tx, shop):
    order_id, shipment_id = ready(tx, shop)
    mark_labeled(tx, [shipment_id])
    pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(700, "TH1", "Flash"),)))
    done = void_label(tx, VoidLabel(shipment_id, "the address was wrong"))
    made = stored(tx, shipment_id)
    old, new = sorted(made.parcels, key=lambda p: p.id)
    assert (done.status, done.parcel_ids) == (S.PACKED, (old.id,))
    assert (old.tracking_no, old.is_live, old.label_prints, old.void_reason) == (
        "TH1",
        False,
        1,
        "the address was wrong",
    )
    assert (new.tracking_no, new.is_live, new.label_prints, new.weight_grams) == ("", True, 0, 700)
    assert (order_of(tx, order_id).board, last_audit(tx).reason) == (Board.PACKED, "the address was wrong")
    assert good(mark_labeled(tx, [shipment_id])[shipment_id]).status is S.LABELED


def test_a_label_printed_before_packing_is_voided_in_place(tx, shop):
    _, shipment_id = ready(tx, shop)
    mark_labeled(tx, [shipment_id])
    assert void_label(tx, VoidLabel(shipment_id, "wrong")).status is S.READY
    with refused(tx, "no_label", None, Parcel):
        void_label(tx, VoidLabel(shipment_id, "again"))


def test_a_label_is_not_voided_without_a_reason_or_the_right_or_once_it_left(tx, shop, actor):
    _, shipment_id = labeled(tx, shop)
    with refused(tx, "reason_missing", "reason", Parcel):
        void_label(tx, VoidLabel(shipment_id, "  "))
    with refused(tx, "too_long", "reason", Parcel):
        void_label(tx, VoidLabel(shipment_id, "x" * 501))
    packer = Tx(tx.session, replace(actor("warehouse"), actions=actor("warehouse").actions - {"shipment.void_label"}))
    with refused(tx, "forbidden", None, Parcel):
        void_label(packer, VoidLabel(shipment_id, "wrong"))
    with refused(tx, "stale", None, Parcel):
        void_label(tx, VoidLabel(shipment_id, "wrong", version=99))
    hand_over_shipments(tx, [shipment_id])
    with refused(tx, "shipment_void_label_refused", None, Parcel):
        void_label(tx, VoidLabel(shipment_id, "too late"))


@pytest.mark.parametrize("stage", BEFORE)
def test_a_shipment_is_given_up_before_it_leaves_and_its_pieces_stay_promised(tx, shop, stage):
    order = _cod(tx, shop, (0, 2))
    made = at(tx, order, stage)
    set_tracking(tx, SetTracking(made.id, "Flash", "TH1"))
    assert cancel_shipment(tx, CancelShipment(made.id, "a piece is broken")).status is S.CANCELED
    assert [p.is_live for p in stored(tx, made.id).parcels] == [False]
    now = order_of(tx, order.id)
    assert (now.board, now.stock_state.value, now.lines[0].open) == (Board.READY, "reserved", 2)
    again = good(make_ready(tx, [order.id])[order.id])
    set_tracking(tx, SetTracking(again.shipment_id, "Flash", "TH1"))  # the number is free again


@pytest.mark.parametrize("stage", [S.HANDED_OVER, S.DELIVERED, S.RETURNING, S.RETURNED, S.LOST])
def test_what_left_is_neither_canceled_nor_pulled_back(tx, shop, stage):
    made = at(tx, _cod(tx, shop), stage)
    with refused(tx, "shipment_cancel_refused"):
        cancel_shipment(tx, CancelShipment(made.id, "x"))
    with refused(tx, "shipment_pull_back_refused"):
        pull_back(tx, PullBack(made.id, "x"))


def test_a_labeled_shipment_is_given_up_only_by_who_may_void_labels(tx, shop, actor):
    _, shipment_id = labeled(tx, shop)
    packer = Tx(tx.session, replace(actor("warehouse"), actions=actor("warehouse").actions - {"shipment.void_label"}))
    with refused(tx, "forbidden", None, Parcel):
        cancel_shipment(packer, CancelShipment(shipment_id, "wrong"))
    with refused(tx, "reason_missing", "reason"):
        cancel_shipment(tx, CancelShipment(shipment_id, ""))


def test_a_shipment_pulled_back_waits_until_it_is_made_ready_again(tx, shop):
    order_id, shipment_id = labeled(tx, shop)
    assert pull_back(tx, PullBack(shipment_id, "the shelf is empty")).status is S.PLANNED
    assert hand_over_shipments(tx, [shipment_id])[shipment_id].detail_code == "shipment_hand_over_refused"
    assert good(make_ready(tx, [order_id])[order_id]).shipment_id == shipment_id
    assert pack_shipment(tx, PackShipment(shipment_id)).status is S.LABELED  # its label was printed and stands


def test_a_box_gets_its_number_at_any_time_and_another_one_before_the_label(tx, shop):
    _, shipment_id = ready(tx, shop)
    set_tracking(tx, SetTracking(shipment_id, "Flash", " th 1 ", booking_ref="B1"))
    set_tracking(tx, SetTracking(shipment_id, "Flash", "TH2"))
    assert parcels(tx, shipment_id) == [("th1", False, 0), ("TH2", True, 0)]
    mark_labeled(tx, [shipment_id])
    for number, carrier in (("TH3", "Flash"), ("TH2", "J&T")):
        with refused(tx, "label_printed", "tracking_no", Parcel):
            set_tracking(tx, SetTracking(shipment_id, carrier, number))
    pack_shipment(tx, PackShipment(shipment_id))
    hand_over_shipments(tx, [shipment_id])
    set_tracking(tx, SetTracking(shipment_id, "Flash", "TH4"))  # put right afterwards, by who may
    assert parcels(tx, shipment_id)[-2:] == [("TH2", False, 1), ("TH4", True, 0)]


def test_a_number_that_is_in_use_missing_or_of_a_closed_shipment_is_refused(tx, shop, actor):
    _, first = ready(tx, shop)
    _, second = ready(tx, shop)
    set_tracking(tx, SetTracking(first, "Flash", "TH1"))
    with refused(tx, "tracking_in_use", "tracking_no", Parcel):
        set_tracking(tx, SetTracking(second, "Flash", "TH1"))
    with refused(tx, "tracking_missing", "tracking_no", Parcel):
        set_tracking(tx, SetTracking(second, "Flash", "  "))
    with refused(tx, "parcel_not_found", "parcel_id", Parcel):
        set_tracking(tx, SetTracking(second, "Flash", "TH2", parcel_id=stored(tx, first).parcels[0].id))
    with refused(tx, "forbidden", None, Parcel):
        set_tracking(Tx(tx.session, actor("sales")), SetTracking(second, "Flash", "TH2"))
    cancel_shipment(tx, CancelShipment(second, "x"))
    with refused(tx, "shipment_closed", None, Parcel):
        set_tracking(tx, SetTracking(second, "Flash", "TH2"))


def test_each_box_of_a_shipment_has_its_own_number(tx, shop):
    _, shipment_id = ready(tx, shop)
    pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(), BoxSpec())))
    for number in ("TH1", "TH2"):
        set_tracking(tx, SetTracking(shipment_id, "Flash", number))
    assert [p.tracking_no for p in stored(tx, shipment_id).parcels] == ["TH1", "TH2"]
    second = stored(tx, shipment_id).parcels[1].id
    set_tracking(tx, SetTracking(shipment_id, "Flash", "TH3", parcel_id=second))
    assert [p.tracking_no for p in stored(tx, shipment_id).parcels if p.is_live] == ["TH1", "TH3"]


def test_the_carrier_changes_until_the_label_is_printed(tx, shop):
    _, shipment_id = ready(tx, shop)
    set_tracking(tx, SetTracking(shipment_id, "Flash", "TH1"))
    change_carrier(tx, ChangeCarrier(shipment_id, "J&T", "Express"))
    made = stored(tx, shipment_id)
    assert [(p.tracking_no, p.is_live) for p in made.parcels] == [("TH1", False), ("", True)]
    assert made.carrier.startswith("J&T")
    with refused(tx, "carrier_missing", "carrier", Parcel):
        change_carrier(tx, ChangeCarrier(shipment_id, " "))
    mark_labeled(tx, [shipment_id])
    with refused(tx, "label_printed", "carrier", Parcel):
        change_carrier(tx, ChangeCarrier(shipment_id, "Flash"))
    void_label(tx, VoidLabel(shipment_id, "another carrier"))
    change_carrier(tx, ChangeCarrier(shipment_id, "Flash"))
    pack_shipment(tx, PackShipment(shipment_id))
    hand_over_shipments(tx, [shipment_id])
    with refused(tx, "shipment_closed", None, Parcel):
        change_carrier(tx, ChangeCarrier(shipment_id, "J&T"))


# --- the gate closes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["reversal", "hold", "cancel"])
@pytest.mark.parametrize("verb", ["pick", "pack", "label", "hand over"])
def test_no_verb_works_on_goods_behind_a_closed_gate(tx, shop, cause, verb):
    order = placed(tx, shop)
    claim = paid(tx, (order.id, 100))
    shipment_id = good(make_ready(tx, [order.id])[order.id]).shipment_id
    if cause == "reversal":
        reverse_claim(tx, DecideClaim(claim, note="taken back"))
    elif cause == "hold":
        hold_order(tx, HoldOrder(order.id, HoldReason.FRAUD))
    else:
        cancel_order(tx, CancelOrder(order.id, CancelReason.CUSTOMER))
    calls = {
        "pick": lambda: good(start_picking(tx, [shipment_id])[shipment_id]),
        "pack": lambda: pack_shipment(tx, PackShipment(shipment_id)),
        "label": lambda: good(mark_labeled(tx, [shipment_id])[shipment_id]),
        "hand over": lambda: good(hand_over_shipments(tx, [shipment_id])[shipment_id]),
    }
    with pytest.raises(OmsError):
        calls[verb]()
    assert stored(tx, shipment_id).status is (S.CANCELED if cause == "cancel" else S.PLANNED)


# --- on the way -------------------------------------------------------------------------------------------------


def test_what_left_comes_back_or_is_lost_without_money_or_stock_moving(tx, shop):
    order_id, shipment_id = labeled(tx, shop, (0, 2))
    hand_over_shipments(tx, [shipment_id])
    number, pieces = stored(tx, shipment_id).number, moved(tx.session, stored(tx, shipment_id).number)
    assert good(come_back(tx, [shipment_id])[shipment_id]).status is S.RETURNING
    assert order_of(tx, order_id).board is Board.RETURNING
    assert good(arrive_back(tx, [shipment_id])[shipment_id]).status is S.RETURNED
    assert moved(tx.session, number) == pieces
    assert order_of(tx, order_id).lines[0].shipped == 2


def test_a_box_for_two_orders_arrives_for_both(tx, shop):
    first, second = _cod(tx, shop), _cod(tx, shop, (1, 1))
    made = box(tx, S.LABELED, first, second)
    hand_over_shipments(tx, [made.id])
    good(deliver_shipments(tx, [made.id])[made.id])
    assert {order_of(tx, o.id).fulfillment_status for o in (first, second)} == {FulfillmentStatus.DELIVERED}
    assert {order_of(tx, o.id).board for o in (first, second)} == {Board.COD_OUTSTANDING}


@pytest.mark.parametrize("verb", [deliver_shipments, come_back, arrive_back, lose])
def test_carriers_say_nothing_about_what_has_not_left(tx, shop, verb, actor):
    _, shipment_id = labeled(tx, shop)
    assert verb(tx, [shipment_id])[shipment_id].detail_code.startswith("shipment_")
    assert stored(tx, shipment_id).status is S.LABELED
    with refused(tx, "forbidden"):
        verb(Tx(tx.session, actor("viewer")), [shipment_id])


# --- rows and rights ----------------------------------------------------------------------------------------------

RIGHTS = {
    "shipment.pack": lambda tx, i: (start_picking(tx, [i]), make_ready(tx, [1]), pack_shipment(tx, PackShipment(i))),
    "shipment.label": lambda tx, i: mark_labeled(tx, [i]),
    "shipment.hand_over": lambda tx, i: hand_over_shipments(tx, [i]),
    "shipment.track": lambda tx, i: set_tracking(tx, SetTracking(i, "Flash", "TH1")),
    "shipment.void_label": lambda tx, i: void_label(tx, VoidLabel(i, "x")),
}


@pytest.mark.parametrize("action", RIGHTS)
def test_every_verb_asks_for_its_right(tx, shop, actor, action):
    _, shipment_id = ready(tx, shop)
    owner = actor("owner")
    without = Tx(tx.session, replace(owner, actions=owner.actions - {action}))
    with refused(tx, "forbidden", None, Parcel):
        RIGHTS[action](without, shipment_id)


def test_shipments_are_seen_by_their_warehouse_and_the_shops_of_all_their_orders(tx, shop, actor):
    _, shipment_id = ready(tx, shop)
    owner = actor("owner")
    seen = {
        "all": owner,
        "here": replace(owner, warehouses=frozenset({shop.bkk})),
        "elsewhere": replace(owner, warehouses=frozenset({shop.cnx})),
        "its shop": replace(owner, shops=frozenset({shop.line})),
        "another shop": replace(owner, shops=frozenset({shop.shopee})),
        "own orders only": replace(owner, own_orders_only=True, user_id=77),
    }
    found = {k: bool(tx.session.scalars(visible_shipments(a)).all()) for k, a in seen.items()}
    assert found == {
        "all": True, "here": True, "elsewhere": False, "its shop": True, "another shop": False,
        "own orders only": False,
    }  # fmt: skip
    for who in ("elsewhere", "another shop", "own orders only"):
        stranger = Tx(tx.session, seen[who])
        with refused(tx, "shipment_not_found"):
            get_shipment(stranger, shipment_id)
        assert lock_shipments(stranger, [shipment_id]) == []
        for verb in (start_picking, mark_labeled, hand_over_shipments, deliver_shipments):
            assert verb(stranger, [shipment_id])[shipment_id].detail_code == "shipment_not_found"
        for call in (
            lambda t=stranger: pack_shipment(t, PackShipment(shipment_id)),
            lambda t=stranger: cancel_shipment(t, CancelShipment(shipment_id, "x")),
            lambda t=stranger: void_label(t, VoidLabel(shipment_id, "x")),
            lambda t=stranger: set_tracking(t, SetTracking(shipment_id, "Flash", "TH1")),
        ):
            with refused(tx, "shipment_not_found", None, Parcel):
                call()
    assert [s.id for s in lock_shipments(tx, [shipment_id, 2**63, -1])] == [shipment_id]


def test_a_scan_finds_a_shipment_by_any_of_its_numbers_live_ones_first(tx, shop, actor):
    order = placed(tx, shop, payment_term=PaymentTerm.COD, external_no="EXT 77")
    old = good(make_ready(tx, [order.id])[order.id])
    cancel_shipment(tx, CancelShipment(old.shipment_id, "x"))
    new = good(make_ready(tx, [order.id])[order.id])
    set_tracking(tx, SetTracking(new.shipment_id, "Flash", "TH0099"))
    tx.session.flush()
    who = tx.actor

    def scan(text):
        return [s.id for s in find_shipments(tx.session, who, text)]

    assert scan(f" {new.number.lower()} ") == [new.shipment_id]
    assert scan(order.number.lower()) == [new.shipment_id, old.shipment_id]
    assert scan("th0099") == [new.shipment_id]
    assert scan(old.number) == [old.shipment_id]
    assert scan("") == scan("TH00") == scan(order.number[:-1]) == []
    assert find_shipments(tx.session, actor("warehouse", warehouses=[shop.cnx]), new.number) == []


def test_the_machine_and_the_boards_agree_at_every_stage(tx, shop):
    for stage in (s for s in S if s is not S.CANCELED):
        made = at(tx, _cod(tx, shop), stage)
        assert made.status is stage
    assert tx.session.scalar(select(func.count()).select_from(ShipmentLine)) == len(S) - 1
    assert set(SHIPMENT.transitions) >= {"void_label", "pull_back"}
    assert baht(1)
