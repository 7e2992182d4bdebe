"""Returns: never more than left, received whatever the papers say, stock only by the count."""

from __future__ import annotations

from dataclasses import replace

import psycopg.errors
import pytest
import sqlalchemy.exc
from sqlalchemy import select, text

from oms.audit import AuditLog
from oms.errors import Conflict
from oms.orders.states import Board, PaymentTerm
from oms.outbox import Outbox
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodRefusal, CodStatus
from oms.reports.auditor import audit_all
from oms.returns.models import Return, ReturnArrival
from oms.returns.states import ArrivalStatus, ReturnKind, ReturnReason, ReturnStatus
from oms.shipping.models import Parcel
from oms.shipping.states import ShipmentStatus
from oms.usecases.returns import (
    AskedLine,
    DecideReturn,
    RequestReturn,
    SendReturn,
    approve_return,
    call_off_return,
    cancel_return,
    keep_goods,
    reject_return,
    request_return,
    send_return,
)
from oms.usecases.returns_count import Counted, InspectReturn, inspect_return
from oms.usecases.returns_receive import (
    ArriveParcel,
    AttachArrival,
    CloseArrival,
    Outcome,
    ReceiveReturn,
    attach_arrival,
    close_arrival,
    receive_parcel,
    receive_return,
)
from oms.usecases.returns_rto import OpenLost, delivered_after_all, expect_returns, open_lost
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.shop import SmallShop, small_shop
from tests.usecases.money import box, order_of, paid, placed
from tests.usecases.refusals import refused
from tests.usecases.returns import (
    arrived,
    asked,
    carrier_says,
    left,
    movements,
    return_of,
    returns_of,
    shipments,
    stock,
)


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=50)


@pytest.fixture
def packer(tx, actor):
    return replace(tx, actor=actor("warehouse", user_id=4))


def scan(tx, shop, code, warehouse_id=None):
    return receive_parcel(tx, ArriveParcel(code, warehouse_id or shop.bkk))


def counted(tx, return_id, *counts, **facts):
    """Count it: (resell, repair, damaged, wrong) per line of the order."""
    ret = return_of(tx, return_id)
    lines = order_of(tx, ret.order_id).lines
    listed = tuple(Counted(line.id, *(*n, 0, 0, 0, 0)[:4]) for line, n in zip(lines, counts, strict=False))
    return inspect_return(tx, InspectReturn(return_id, listed, **facts))


# --- asked for ---


def test_a_request_promises_its_pieces_back_and_shows_on_the_order(tx, shop):
    order = arrived(tx, shop, (0, 3), (1, 1))
    return_id = asked(tx, order, 2, reason=ReturnReason.DOES_NOT_FIT, note="ใหญ่ไป")
    ret = return_of(tx, return_id)
    assert (ret.number[:2], ret.status, ret.kind) == ("RT", ReturnStatus.REQUESTED, ReturnKind.CUSTOMER)
    assert [(line.quantity, line.shipment_id) for line in ret.lines] == [(2, shipments(tx, order.id)[0].id)]
    assert [line.coming_back for line in order_of(tx, order.id).lines] == [2, 0]
    story = tx.session.scalars(select(AuditLog).where(AuditLog.action == "return.requested")).all()
    assert {(s.subject_type, s.subject_id) for s in story} == {("order", order.id), ("return", return_id)}
    assert audit_all(tx.session) == []


def test_no_more_comes_back_than_left_and_is_not_back_yet(tx, shop):
    order = arrived(tx, shop, (0, 3))
    line = order.lines[0].id
    asked(tx, order, 2)
    with refused(tx, "return_quantity", "lines", Return):
        request_return(tx, RequestReturn(order.id, (AskedLine(line, 2),), ReturnReason.DAMAGED))
    asked(tx, order, 1)
    with refused(tx, "return_quantity", "lines", Return):
        request_return(tx, RequestReturn(order.id, (AskedLine(line, 1),), ReturnReason.DAMAGED))


def test_the_database_itself_bounds_what_comes_back(tx, shop):
    order = arrived(tx, shop, (0, 3))
    asked(tx, order, 2)
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught, tx.session.begin_nested():
        tx.session.execute(text("UPDATE order_lines SET returned = 2 WHERE order_id = :id"), {"id": order.id})
    assert isinstance(caught.value.orig, psycopg.errors.CheckViolation)


@pytest.mark.parametrize(
    ("lines", "facts", "code"),
    [
        ([], {}, "lines_missing"),
        ([(0, 0)], {}, "return_quantity"),
        ([(0, -1)], {}, "return_quantity"),
        ([(0, 4)], {}, "return_quantity"),
        ([(0, 1), (0, 1)], {}, "line_twice"),
        ([(None, 1)], {}, "line_unknown"),
        ([(0, 1)], {"reason": ReturnReason.OTHER}, "reason_missing"),
        ([(0, 1)], {"warehouse_id": 10**9}, "warehouse_closed"),
        ([(0, 1)], {"note": "x" * 501}, "too_long"),
    ],
)
def test_a_request_that_cannot_be_is_refused(tx, shop, lines, facts, code):
    order = arrived(tx, shop, (0, 3))
    asked_lines = tuple(AskedLine(order.lines[i].id if i is not None else 10**9, n) for i, n in lines)
    words = {"reason": ReturnReason.DAMAGED} | facts
    with refused(tx, code, None, Return):
        request_return(tx, RequestReturn(order.id, asked_lines, **words))


def test_nothing_comes_back_of_an_order_that_is_still_here(tx, shop):
    order = placed(tx, shop, (0, 1))
    with refused(tx, "return_quantity", "lines", Return):
        asked(tx, order, 1)


def test_the_same_form_sent_twice_asks_once(tx, shop):
    order = arrived(tx, shop, (0, 3))
    first = asked(tx, order, 1, idempotency_key="k1")
    assert asked(tx, order, 1, idempotency_key="k1") == first
    assert order_of(tx, order.id).lines[0].coming_back == 1


def test_only_who_may_and_sees_the_order_asks(tx, shop, actor):
    order = arrived(tx, shop, (0, 1))
    with refused(tx, "forbidden", None, Return):
        asked(replace(tx, actor=actor("warehouse")), order, 1)
    with refused(tx, "order_not_found", None, Return):
        asked(replace(tx, actor=actor("sales", shops=frozenset({shop.shopee}))), order, 1)
    with refused(tx, "stale", None, Return):
        asked(tx, order, 1, version=order.version + 5)


def test_a_return_spreads_over_the_shipments_its_pieces_left_in(tx, shop):
    order = placed(tx, shop, (0, 2))
    paid(tx, (order.id, "200"))
    first = box(tx, ShipmentStatus.LABELED, order)
    mark_shipped(tx, MarkShipped(order.id, "Flash Express", "TH1"))
    ret = return_of(tx, asked(tx, order_of(tx, order.id), 2))
    assert [(line.shipment_id, line.quantity) for line in ret.lines] == [(first.id, 2)]


# --- agreed to, declined, called off ---


def test_the_way_of_a_return(tx, shop):
    order = arrived(tx, shop, (0, 2), payment_term=PaymentTerm.COD)
    return_id = asked(tx, order, 2)
    assert order_of(tx, order.id).board is Board.COD_OUTSTANDING
    approve_return(tx, DecideReturn(return_id))
    assert order_of(tx, order.id).board is Board.RETURNING
    send_return(tx, SendReturn(return_id, "EMS", "eb 1234 5678 9 th"))
    assert return_of(tx, return_id).tracking_no == "EB123456789TH"
    send_return(tx, SendReturn(return_id, tracking_no="EB999999999TH"))
    assert (return_of(tx, return_id).carrier, return_of(tx, return_id).tracking_no) == ("EMS", "EB999999999TH")
    assert audit_all(tx.session) == []


@pytest.mark.parametrize("verb", [reject_return, cancel_return])
def test_declined_or_called_off_its_pieces_may_be_asked_back_again(tx, shop, verb):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    with refused(tx, "missing", "note", Return):
        verb(tx, DecideReturn(return_id))
    verb(tx, DecideReturn(return_id, "ลูกค้าเปลี่ยนใจ"))
    assert order_of(tx, order.id).lines[0].coming_back == 0
    asked(tx, order_of(tx, order.id), 2)
    assert audit_all(tx.session) == []


@pytest.mark.parametrize(
    ("state", "verb", "code"),
    [
        ("requested", send_return, "return_send_refused"),
        ("requested", call_off_return, "return_call_off_refused"),
        ("approved", reject_return, "return_reject_refused"),
        ("approved", approve_return, "return_approve_refused"),
        ("in_transit", cancel_return, "return_cancel_refused"),
        ("in_transit", reject_return, "return_reject_refused"),
        ("in_transit", keep_goods, "return_keep_refused"),
        ("received", call_off_return, "return_call_off_refused"),
        ("received", approve_return, "return_approve_refused"),
    ],
)
def test_a_step_out_of_turn_is_refused(tx, shop, state, verb, code):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    steps = {
        "approved": lambda: approve_return(tx, DecideReturn(return_id)),
        "in_transit": lambda: send_return(tx, SendReturn(return_id)),
        "received": lambda: receive_return(tx, ReceiveReturn(return_id, shop.bkk)),
    }
    for name in ("approved", "in_transit", "received"):
        if list(steps).index(name) <= (list(steps).index(state) if state in steps else -1):
            steps[name]()
    cmd = SendReturn(return_id) if verb is send_return else DecideReturn(return_id, "เพราะ")
    with refused(tx, code):
        verb(tx, cmd)
    assert return_of(tx, return_id).status is ReturnStatus(state)
    assert order_of(tx, order.id).lines[0].coming_back == 2


def test_decisions_need_their_permissions_and_the_version_seen(tx, shop, actor):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    sales = replace(tx, actor=actor("sales"))
    for verb in (approve_return, reject_return, call_off_return, keep_goods):
        with refused(tx, "forbidden"):
            verb(sales, DecideReturn(return_id, "x"))
    for verb in (cancel_return,):
        with refused(tx, "forbidden"):
            verb(replace(tx, actor=actor("viewer")), DecideReturn(return_id, "x"))
    with refused(tx, "stale"):
        approve_return(tx, DecideReturn(return_id, version=99))
    with refused(tx, "return_not_found"):
        approve_return(replace(tx, actor=actor("manager", shops=frozenset({shop.shopee}))), DecideReturn(return_id))


def test_goods_that_stay_are_not_waited_for(tx, shop):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    keep_goods(tx, DecideReturn(return_id, "ไม่คุ้มค่าส่ง"))
    assert order_of(tx, order.id).lines[0].coming_back == 0
    approve_return(tx, DecideReturn(return_id))
    assert order_of(tx, order.id).board is not Board.RETURNING
    with refused(tx, "return_send_refused"):
        send_return(tx, SendReturn(return_id))
    with refused(tx, "return_receive_refused"):
        receive_return(tx, ReceiveReturn(return_id, shop.bkk))


# --- received and counted ---


def test_receiving_moves_no_stock_and_the_count_moves_it(tx, shop):
    order = arrived(tx, shop, (0, 3), (1, 2))
    return_id = asked(tx, order)
    before = [stock(tx, shop, 0), stock(tx, shop, 1)]
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    assert [stock(tx, shop, 0), stock(tx, shop, 1)] == before
    counted(tx, return_id, (2, 0, 0), (0, 1, 1))
    ret = return_of(tx, return_id)
    assert stock(tx, shop, 0) == (before[0][0] + 2, 0)
    assert stock(tx, shop, 1) == (before[1][0], 2)
    lines = order_of(tx, order.id).lines
    assert [(x.returned, x.coming_back) for x in lines] == [(2, 0), (2, 0)]
    assert [(x.resell, x.repair, x.damaged, x.missing) for x in ret.lines] == [(2, 0, 0, 1), (0, 1, 1, 0)]
    assert [m[2:] for m in movements(tx, ret.number)] == [("on_hand", 2), ("damaged", 2)]
    assert ret.status is ReturnStatus.INSPECTED
    assert audit_all(tx.session) == []


def test_pieces_go_to_the_warehouse_that_has_them_and_waiting_orders_hear_of_it(tx, shop):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    receive_return(tx, ReceiveReturn(return_id, shop.cnx))
    counted(tx, return_id, (2,))
    assert stock(tx, shop, 0, shop.cnx) == (2, 0)
    freed = tx.session.scalars(select(Outbox).where(Outbox.topic == "stock.freed").order_by(Outbox.id.desc())).first()
    assert freed is not None
    assert freed.payload["keys"] == f"{shop.skus[0]}:{shop.cnx}"


def test_a_set_comes_back_as_the_parts_it_left_as(tx, shop):
    from oms.usecases.orders_place import NewLine

    order = arrived(tx, shop, lines=(NewLine(shop.bundle, 2),))
    tx.session.execute(text("UPDATE bundle_items SET quantity = 5 WHERE bundle_id = :id"), {"id": shop.bundle})
    before = [stock(tx, shop, 0), stock(tx, shop, 1)]
    return_id = asked(tx, order, 2)
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    counted(tx, return_id, (1, 0, 1))
    assert stock(tx, shop, 0) == (before[0][0] + 1, 1)
    assert stock(tx, shop, 1) == (before[1][0] + 2, 2)
    assert audit_all(tx.session) == []


def test_more_than_was_asked_is_counted_as_far_as_it_left(tx, shop):
    order = arrived(tx, shop, (0, 3), (1, 1))
    return_id = asked(tx, order, 1)
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    with refused(tx, "return_quantity", "lines"):
        counted(tx, return_id, (4,))
    counted(tx, return_id, (3,), (0, 0, 1))
    assert [line.returned for line in order_of(tx, order.id).lines] == [3, 1]
    assert sorted(line.quantity for line in return_of(tx, return_id).lines) == [1, 3]
    assert audit_all(tx.session) == []


def test_pieces_of_another_open_return_are_left_alone(tx, shop):
    order = arrived(tx, shop, (0, 3))
    first, second = asked(tx, order, 2), asked(tx, order_of(tx, order.id), 1)
    receive_return(tx, ReceiveReturn(second, shop.bkk))
    with refused(tx, "return_quantity", "lines"):
        counted(tx, second, (2,))
    counted(tx, second, (0, 0, 0, 1))
    line = order_of(tx, order.id).lines[0]
    assert (line.returned, line.coming_back) == (0, 2)
    assert return_of(tx, second).lines[0].wrong == 1
    receive_return(tx, ReceiveReturn(first, shop.bkk))
    counted(tx, first, (3,))
    assert order_of(tx, order.id).lines[0].returned == 3


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda line: (Counted(line, -1),), "count_range"),
        (lambda line: (Counted(line, 1), Counted(line, 1)), "line_twice"),
        (lambda _: (Counted(10**9, 1),), "line_unknown"),
    ],
)
def test_a_count_that_cannot_be_is_refused(tx, shop, make, code):
    order = arrived(tx, shop, (0, 3))
    return_id = asked(tx, order, 2)
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    with refused(tx, code, "lines"):
        inspect_return(tx, InspectReturn(return_id, make(order.lines[0].id)))


def test_nobody_counts_twice_or_before_the_goods_are_here_or_elsewhere(tx, shop, actor):
    order = arrived(tx, shop, (0, 3))
    return_id = asked(tx, order, 2)
    with refused(tx, "return_inspect_refused"):
        counted(tx, return_id, (2,))
    receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    with refused(tx, "return_receive_refused"):
        receive_return(tx, ReceiveReturn(return_id, shop.bkk))
    elsewhere = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx})))
    with refused(tx, "return_not_found"):
        counted(elsewhere, return_id, (2,))
    with refused(tx, "warehouse_scope"):
        receive_parcel(elsewhere, ArriveParcel("X1", shop.bkk))
    with refused(tx, "forbidden"):
        counted(replace(tx, actor=actor("sales")), return_id, (2,))
    counted(tx, return_id, (2,))
    with refused(tx, "return_inspect_refused"):
        counted(tx, return_id, (2,))


# --- scanned at the door ---


def test_a_parcel_that_the_carrier_brings_back_is_found_by_any_number(tx, shop):
    codes = []
    for i, how in enumerate(("tracking", "shipment", "order", "return", "external", "spaced")):
        order = left(tx, shop, (0, 1), tracking_no=f"TH00{i}AB", external_no=f"EXT-{i}")
        shipment = carrier_says(tx, order.id, "come_back")
        (ret,) = returns_of(tx, order.id)
        assert (ret.kind, ret.status, ret.reason) == (
            ReturnKind.RTO, ReturnStatus.IN_TRANSIT, ReturnReason.UNDELIVERED,
        )  # fmt: skip
        code = {
            "tracking": f"TH00{i}AB", "shipment": shipment.number, "order": order.number, "return": ret.number,
            "external": f"EXT-{i}", "spaced": f" th00{i} ab ",
        }[how]  # fmt: skip
        done = scan(tx, shop, code)
        assert (done.outcome, [r.number for r in done.returns]) == (Outcome.RECEIVED, [ret.number]), how
        assert return_of(tx, ret.id).status is ReturnStatus.RECEIVED
        assert shipments(tx, order.id)[0].status is ShipmentStatus.RETURNED
        codes.append(code)
    again = scan(tx, shop, codes[0])
    assert again.outcome is Outcome.AGAIN
    assert audit_all(tx.session) == []


def test_a_voided_number_still_finds_its_parcel(tx, shop):
    order = left(tx, shop, (0, 1), tracking_no="NEW1")
    tx.session.add(
        Parcel(
            shipment_id=shipments(tx, order.id)[0].id, carrier="Flash Express", tracking_no="OLD1", is_live=False,
            tracking_status="canceled",
        )
    )  # fmt: skip
    tx.session.flush()
    done = scan(tx, shop, "OLD1")
    assert done.outcome is Outcome.RECEIVED
    assert returns_of(tx, order.id)[0].scanned == "OLD1"


def test_an_undelivered_parcel_nobody_expected_opens_its_return(tx, shop, packer):
    order = left(tx, shop, (0, 2), tracking_no="TH1")
    done = scan(packer, shop, "TH1")
    (ret,) = returns_of(tx, order.id)
    assert (done.outcome, ret.kind, ret.status) == (Outcome.RECEIVED, ReturnKind.RTO, ReturnStatus.RECEIVED)
    assert shipments(tx, order.id)[0].status is ShipmentStatus.RETURNED
    assert order_of(tx, order.id).board is Board.RETURNING


def test_a_delivered_parcel_nobody_expected_opens_the_buyers_return(tx, shop):
    order = arrived(tx, shop, (0, 2), tracking_no="TH1")
    assert scan(tx, shop, "TH1").outcome is Outcome.RECEIVED
    (ret,) = returns_of(tx, order.id)
    assert (ret.kind, ret.reason) == (ReturnKind.CUSTOMER, ReturnReason.UNANNOUNCED)
    assert shipments(tx, order.id)[0].status is ShipmentStatus.DELIVERED


def test_the_old_label_on_a_box_finds_the_return_that_was_asked_for(tx, shop):
    order = arrived(tx, shop, (0, 2), tracking_no="TH1")
    return_id = asked(tx, order, 1)
    done = scan(tx, shop, "TH1")
    assert [r.return_id for r in done.returns] == [return_id]
    assert return_of(tx, return_id).status is ReturnStatus.RECEIVED


def test_a_second_box_of_the_same_shipment_brings_the_rest(tx, shop):
    order = left(tx, shop, (0, 3), tracking_no="TH1")
    first = scan(tx, shop, "TH1").returns[0].return_id
    assert scan(tx, shop, "TH1").outcome is Outcome.AGAIN
    counted(tx, first, (1,))
    second = scan(tx, shop, "TH1")
    assert second.outcome is Outcome.RECEIVED
    counted(tx, second.returns[0].return_id, (2,))
    assert order_of(tx, order.id).lines[0].returned == 3
    assert scan(tx, shop, "TH1").outcome is Outcome.AGAIN
    assert len(returns_of(tx, order.id)) == 2
    assert audit_all(tx.session) == []


def test_a_box_of_two_orders_opens_one_return_each(tx, shop):
    orders = [placed(tx, shop, (i, 1)) for i in (0, 1)]
    for order in orders:
        paid(tx, (order.id, str(order.total.amount)))
    box(tx, ShipmentStatus.LABELED, *orders)
    mark_shipped(tx, MarkShipped(orders[0].id, "Flash Express", "TH1"))
    carrier_says(tx, orders[0].id, "come_back")
    done = scan(tx, shop, returns_of(tx, orders[0].id)[0].number)
    assert len(done.returns) == 2
    assert [returns_of(tx, o.id)[0].status for o in orders] == [ReturnStatus.RECEIVED] * 2


def test_a_code_that_may_be_several_has_to_be_chosen(tx, shop):
    order = arrived(tx, shop, (0, 2))
    tx.session.execute(text("UPDATE order_lines SET quantity = 4 WHERE order_id = :id"), {"id": order.id})
    tx.session.execute(
        text(
            "UPDATE orders SET status = 'confirmed', closed_at = NULL, payment_term = 'credit', term_approved_at = now()"
        )
    )
    order = order_of(tx, order.id)
    second = box(tx, ShipmentStatus.LABELED, order)
    from oms.shipping.states import SHIPMENT

    SHIPMENT.fire(second, "hand_over")
    order.lines[0].shipped = 4
    tx.session.flush()
    done = scan(tx, shop, order.number)
    assert done.outcome is Outcome.CHOOSE
    assert set(done.choices) == {s.number for s in shipments(tx, order.id)}
    assert returns_of(tx, order.id) == []
    assert scan(tx, shop, second.number).outcome is Outcome.RECEIVED


def test_a_product_is_no_parcel_and_nonsense_is_kept_once(tx, shop, packer):
    assert scan(tx, shop, "RU-0001").outcome is Outcome.PRODUCT
    with refused(tx, "missing", "code", ReturnArrival):
        scan(tx, shop, "   ")
    first, second = scan(packer, shop, "ZZ99 1"), scan(packer, shop, "ZZ991")
    assert (first.outcome, first.arrival_id) == (Outcome.UNKNOWN, second.arrival_id)
    kept = tx.session.get_one(ReturnArrival, first.arrival_id)
    assert (kept.code, kept.status, kept.warehouse_id) == ("ZZ991", ArrivalStatus.WAITING, shop.bkk)


def test_an_unknown_parcel_finds_its_order_later(tx, shop):
    order = arrived(tx, shop, (0, 2), external_no="LAZ-1")
    arrival = scan(tx, shop, "NOBODY", shop.cnx).arrival_id
    with refused(tx, "return_code_unknown", "code"):
        attach_arrival(tx, AttachArrival(arrival, "STILL-NOTHING"))
    with refused(tx, "return_code_unknown", "code"):
        attach_arrival(tx, AttachArrival(arrival, "RU-0001"))
    attach_arrival(tx, AttachArrival(arrival, "LAZ-1"))
    (ret,) = returns_of(tx, order.id)
    kept = tx.session.get_one(ReturnArrival, arrival)
    assert (kept.status, kept.return_id, ret.warehouse_id) == (ArrivalStatus.ATTACHED, ret.id, shop.cnx)
    assert ret.scanned == "NOBODY"
    with refused(tx, "unknown_parcel_attach_refused"):
        attach_arrival(tx, AttachArrival(arrival, "LAZ-1"))
    with refused(tx, "unknown_parcel_close_refused"):
        close_arrival(tx, CloseArrival(arrival, "ส่งคืนขนส่ง"))


def test_an_unknown_parcel_that_is_not_ours_is_closed_with_a_word(tx, shop, actor):
    arrival = scan(tx, shop, "NOBODY").arrival_id
    with refused(tx, "missing", "note"):
        close_arrival(tx, CloseArrival(arrival, " "))
    with refused(tx, "arrival_not_found"):
        close_arrival(
            replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx}))), CloseArrival(arrival, "x")
        )
    with refused(tx, "stale"):
        close_arrival(tx, CloseArrival(arrival, "x", version=9))
    close_arrival(tx, CloseArrival(arrival, "คืนคนขับแล้ว"))
    assert tx.session.get_one(ReturnArrival, arrival).status is ArrivalStatus.CLOSED


def test_whoever_has_the_goods_receives_them_whichever_warehouse_sent_them(tx, shop, actor):
    order = left(tx, shop, (0, 1), tracking_no="TH1")
    chiang_mai = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx})))
    done = receive_parcel(chiang_mai, ArriveParcel("TH1", shop.cnx))
    assert done.outcome is Outcome.RECEIVED
    counted(chiang_mai, done.returns[0].return_id, (1,))
    assert stock(tx, shop, 0, shop.cnx) == (1, 0)
    assert order_of(tx, order.id).lines[0].returned == 1


# --- back to sender ---


def test_the_carriers_word_opens_one_return_and_repeats_nothing(tx, shop):
    order = left(tx, shop, (0, 2))
    shipment = carrier_says(tx, order.id, "come_back")
    before = stock(tx, shop, 0)
    expect_returns(tx, [shipment])
    expect_returns(tx, [shipment])
    (ret,) = returns_of(tx, order.id)
    assert (ret.carrier_returned_at, ret.warehouse_id) == (None, shop.bkk)
    carrier_says(tx, order.id, "arrive_back")
    said = return_of(tx, ret.id).carrier_returned_at
    assert said is not None
    expect_returns(tx, [shipment])
    (ret,) = returns_of(tx, order.id)
    assert (ret.carrier_returned_at, ret.status) == (said, ReturnStatus.IN_TRANSIT)
    assert stock(tx, shop, 0) == before
    assert order_of(tx, order.id).board is Board.RETURNING
    assert audit_all(tx.session) == []


def test_delivered_after_all_closes_what_was_expected_and_nothing_that_is_here(tx, shop):
    order = left(tx, shop, (0, 2))
    shipment = carrier_says(tx, order.id, "come_back")
    delivered_after_all(tx, [shipment])
    (ret,) = returns_of(tx, order.id)
    assert (ret.status, order_of(tx, order.id).lines[0].coming_back) == (ReturnStatus.CANCELED, 0)
    expect_returns(tx, [shipment])
    assert [r.status for r in returns_of(tx, order.id)] == [ReturnStatus.CANCELED, ReturnStatus.IN_TRANSIT]
    scan(tx, shop, order.number)
    delivered_after_all(tx, [shipment])
    assert returns_of(tx, order.id)[1].status is ReturnStatus.RECEIVED


def test_an_undelivered_cod_parcel_brings_no_cash_once_it_is_here(tx, shop, packer):
    order = left(tx, shop, (0, 2), payment_term=PaymentTerm.COD, tracking_no="TH1")
    carrier_says(tx, order.id, "come_back")
    entry = tx.session.scalars(select(CodEntry)).one()
    assert entry.status is CodStatus.EXPECTED
    scan(packer, shop, "TH1")
    tx.session.expire_all()
    entry = tx.session.scalars(select(CodEntry)).one()
    assert (entry.status, entry.refusal, entry.expected.amount) == (CodStatus.REFUSED, CodRefusal.NOT_REACHED, 0)
    assert audit_all(tx.session) == []


def test_the_cash_of_a_delivered_parcel_stays_when_the_buyer_sends_it_back(tx, shop):
    order = arrived(tx, shop, (0, 2), payment_term=PaymentTerm.COD, tracking_no="TH1")
    scan(tx, shop, "TH1")
    assert tx.session.scalars(select(CodEntry.status)).one() is CodStatus.COLLECTED
    assert returns_of(tx, order.id)[0].kind is ReturnKind.CUSTOMER


def test_a_lost_parcel_opens_a_case_without_goods_and_may_turn_up(tx, shop, actor):
    order = left(tx, shop, (0, 2), tracking_no="TH1")
    shipment = shipments(tx, order.id)[0]
    with refused(tx, "shipment_not_lost", None, Return):
        open_lost(tx, OpenLost(shipment.id))
    carrier_says(tx, order.id, "lose")
    with refused(tx, "shipment_not_found", None, Return):
        open_lost(replace(tx, actor=actor("manager", warehouses=frozenset({shop.cnx}))), OpenLost(shipment.id))
    (done,) = open_lost(tx, OpenLost(shipment.id, "ขนส่งแจ้งหาย"))
    case = return_of(tx, done.return_id)
    assert (case.kind, case.status, case.goods_stay) == (ReturnKind.LOST, ReturnStatus.APPROVED, True)
    assert order_of(tx, order.id).lines[0].coming_back == 0
    with refused(tx, "lost_open", None, Return):
        open_lost(tx, OpenLost(shipment.id))
    scan(tx, shop, "TH1")
    cases = returns_of(tx, order.id)
    assert [(c.kind, c.status) for c in cases] == [
        (ReturnKind.LOST, ReturnStatus.CANCELED), (ReturnKind.RTO, ReturnStatus.RECEIVED),
    ]  # fmt: skip
    assert audit_all(tx.session) == []


def test_two_versions_of_one_return_do_not_both_win(tx, shop):
    order = arrived(tx, shop, (0, 2))
    return_id = asked(tx, order, 2)
    seen = return_of(tx, return_id).version
    approve_return(tx, DecideReturn(return_id, version=seen))
    with pytest.raises(Conflict):
        reject_return(tx, DecideReturn(return_id, "x", version=seen))
