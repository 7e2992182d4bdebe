"""The packing station: right scans count, wrong ones stop the work and stay written, the last piece closes the box."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.catalog.models import Sku, SkuBarcode
from oms.db import Tx
from oms.errors import Conflict, Forbidden
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, HoldReason
from oms.shipping.floor.models import PackingRules, PackingScan, PackingSession
from oms.shipping.floor.states import PackStatus, ScanKind
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.orders_place import place_order
from oms.usecases.packing import Scan, scan
from oms.usecases.shipping_work import PackShipment, hand_over_shipments, mark_labeled, pack_shipment
from tests.shop import SmallShop, small_shop
from tests.usecases.floor import Station, key, order, ready, statements
from tests.usecases.refusals import count

S = ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def packer(tx, actor) -> Tx:
    return Tx(tx.session, actor("warehouse"))


@pytest.fixture
def table(packer, shop) -> Station:
    return Station(packer, shop.bkk)


def status(tx, shipment) -> S:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Shipment, shipment.id).status


def test_scan_order_then_items_and_the_last_piece_closes_the_box(tx, shop, table):
    box = ready(tx, shop, (0, 2), (1, 1))
    number = tx.session.get_one(Order, box.lines[0].order_id).number
    assert table.outcomes(number, "RU-0001", "RU-0002") == ["ok", "ok", "ok"]
    assert status(tx, box) is S.READY
    last = table.scan("RU-0001")
    assert (last.outcome, last.packed) == ("ok", box.id)
    assert status(tx, box) is S.PACKED
    assert tx.session.get_one(Order, box.lines[0].order_id).board is Board.PACKED
    assert (table.session.status, box.packed_by) == (PackStatus.PACKED, "warehouse")


@pytest.mark.parametrize("way", ["shipment", "external", "tracking", "thai keys", "small letters"])
def test_a_shipment_is_found_by_every_code_on_its_papers(tx, shop, table, way):
    box = ready(tx, shop, external_no="EXT-9")
    box.parcels[0].tracking_no, box.parcels[0].carrier = "TH0001", "Flash"
    tx.session.flush()
    codes = {"shipment": box.number, "external": "EXT-9", "tracking": "TH0001", "small letters": box.number.lower(),
             "thai keys": "ธ้0000"}  # fmt: skip
    if way == "thai keys":
        from oms.thai.keyboard import _LATIN, _THAI

        codes[way] = box.number.translate(dict(zip(map(ord, _LATIN), _THAI, strict=True)))
    assert table.scan(codes[way]).outcome == "ok"
    assert table.session.shipment_id == box.id


def test_a_wrong_item_stops_everything_until_it_is_seen_and_nothing_counts_meanwhile(tx, shop, table):
    box = ready(tx, shop, (0, 1))
    table.scan(box.number)
    wrong = table.scan("RU-0003")
    assert (wrong.outcome, wrong.stops) == ("wrong_item", True)
    assert str(wrong.message) == "Wrong item: RU-0003 เสื้อยืดคอกลม แบบ 3 does not belong in this order"
    assert table.outcomes("RU-0001", "RU-0001") == ["not_seen", "not_seen"]
    assert status(tx, box) is S.READY
    assert table.outcomes("RUAM-OK") == ["acknowledged"]
    assert table.scan("RU-0001").packed == box.id
    kept = tx.session.scalars(select(PackingScan.outcome).order_by(PackingScan.id)).all()
    assert kept == ["ok", "wrong_item", "not_seen", "not_seen", "acknowledged", "ok"]


def test_one_piece_too_many_stops(tx, shop, table):
    box = ready(tx, shop, (0, 2), (1, 1))
    assert table.outcomes(box.number, "RU-0001", "RU-0001", "RU-0001") == ["ok", "ok", "ok", "too_many"]
    assert status(tx, box) is S.READY


def test_a_code_nobody_knows_stops_with_and_without_an_open_order(tx, shop, table):
    assert str(table.scan("???").message) == "Nobody knows the code “???”"
    box = ready(tx, shop, (0, 2))
    table.scan(box.number)
    assert table.outcomes("8850000000000") == ["unknown_code"]
    assert table.session.stopped_by is not None


def test_an_item_without_an_order_asks_for_the_order(tx, shop, table):
    assert table.outcomes("RU-0001") == ["order_first"]
    assert count(tx, PackingSession) == 0


def test_barcodes_count_and_so_do_goods_that_went_off_sale(tx, shop, table):
    sku = tx.session.get_one(Sku, shop.skus[0])
    tx.session.add(SkuBarcode(sku_id=sku.id, barcode="8850001"))
    box = ready(tx, shop, (0, 2))
    sku.is_active = False
    tx.session.flush()
    table.scan(box.number)
    assert table.outcomes("8850001", "RU-0001") == ["ok", "ok"]
    assert status(tx, box) is S.PACKED


def test_a_set_is_packed_by_its_parts_or_by_its_own_code(tx, shop, table):
    from oms.usecases.orders_place import NewLine

    def sets(quantity: int) -> Shipment:
        return ready(tx, shop, lines=(NewLine(shop.bundle, quantity),))

    by_parts, whole = sets(1), sets(2)
    assert table.outcomes(by_parts.number, "RU-0001", "RU-0002", "RU-0002") == ["ok"] * 4
    assert status(tx, by_parts) is S.PACKED
    assert table.outcomes(whole.number, "RU-0100", "RU-0001", "RU-0100") == ["ok", "ok", "ok", "too_many"]
    assert table.outcomes("RUAM-OK", "RU-0002", "RU-0002") == ["acknowledged", "ok", "ok"]
    assert status(tx, whole) is S.PACKED


def test_a_paid_order_without_a_shipment_gets_one_when_it_is_scanned(tx, shop, table):
    made = order(tx, shop, (0, 1))
    number = tx.session.get_one(Order, made).number
    assert table.outcomes(number, "RU-0001") == ["ok", "ok"]
    assert tx.session.get_one(Order, made).board is Board.PACKED


def test_unpaid_and_canceled_orders_are_told_apart(tx, shop, table):
    unpaid = tx.session.get_one(Order, place_order(tx, shop.order(confirm=True)).order_id)
    answer = table.scan(unpaid.number)
    assert (answer.outcome, str(answer.message)) == ("gate_closed", "The money is not complete yet")
    gone = order(tx, shop)
    cancel_order(tx, CancelOrder(gone, CancelReason.CUSTOMER))
    answer = table.scan(tx.session.get_one(Order, gone).number)
    assert (answer.outcome, str(answer.message).endswith("Canceled")) == ("order_not_open", True)
    assert count(tx, PackingSession) == 0


def test_a_label_of_a_canceled_order_stops(tx, shop, table):
    box = ready(tx, shop)
    cancel_order(tx, CancelOrder(box.lines[0].order_id, CancelReason.CUSTOMER))
    assert table.outcomes(box.number) == ["shipment_canceled"]


def test_an_order_held_while_it_lies_on_the_table_stops_at_the_next_scan(tx, shop, table):
    box = ready(tx, shop, (0, 2))
    table.outcomes(box.number, "RU-0001")
    hold_order(tx, HoldOrder(box.lines[0].order_id, HoldReason.ADDRESS))
    answer = table.scan("RU-0001")
    assert (answer.outcome, "Address in doubt" in str(answer.message)) == ("stopped_meanwhile", True)
    assert status(tx, box) is S.PLANNED
    assert table.outcomes("RUAM-ASIDE") == ["ok"]
    assert table.session.status is PackStatus.PUT_ASIDE


def test_an_order_canceled_while_it_lies_on_the_table_stops(tx, shop, table):
    box = ready(tx, shop, (0, 2))
    table.outcomes(box.number, "RU-0001")
    cancel_order(tx, CancelOrder(box.lines[0].order_id, CancelReason.CUSTOMER))
    assert table.outcomes("RU-0001") == ["shipment_canceled"]


def test_another_warehouse_is_said_by_name(tx, shop, packer):
    box = ready(tx, shop)
    away = Station(packer, shop.cnx)
    assert str(away.scan(box.number).message) == "This belongs to warehouse BKK, not here"
    theirs = Station(Tx(tx.session, replace(packer.actor, warehouses=frozenset({shop.cnx}))), shop.cnx)
    assert str(theirs.scan(box.number).message) == "This belongs to warehouse BKK, not here"
    assert count(tx, PackingSession) == 0


def test_a_packed_one_says_who_packed_it_and_one_that_left_says_so(tx, shop, table):
    box = ready(tx, shop)
    table.outcomes(box.number, "RU-0001")
    answer = table.scan(box.number)
    assert (answer.outcome, str(answer.message)) == (
        "packed_already", f"{box.number} is packed already, by warehouse")  # fmt: skip
    mark_labeled(tx, [box.id])
    hand_over_shipments(tx, [box.id])
    assert table.outcomes(box.number) == ["left_already"]


def test_a_label_printed_before_makes_it_labeled_with_the_last_piece(tx, shop, table):
    box = ready(tx, shop)
    mark_labeled(tx, [box.id])
    table.outcomes(box.number, "RU-0001")
    assert status(tx, box) is S.LABELED


def test_a_begun_order_keeps_the_table_and_an_untouched_one_gives_way(tx, shop, table):
    first, second = ready(tx, shop, (0, 2)), ready(tx, shop, (1, 1))
    assert table.outcomes(first.number, second.number) == ["ok", "ok"]
    assert table.session.shipment_id == second.id
    assert table.outcomes(first.number, "RU-0001", second.number) == ["ok", "ok", "not_finished"]
    assert table.outcomes("RUAM-OK", first.number) == ["acknowledged", "same_shipment"]
    assert table.scan("", ScanKind.ASIDE).outcome == "ok"
    assert table.outcomes(first.number, "RU-0001") == ["ok", "ok"]  # goes on where it was
    assert status(tx, first) is S.PACKED


def test_undo_takes_the_last_piece_back_once_each(tx, shop, table):
    box = ready(tx, shop, (0, 3))
    table.outcomes(box.number, "RU-0001", "RU-0001")
    assert table.outcomes("RUAM-UNDO", "RUAM-UNDO", "RUAM-UNDO") == ["ok", "ok", "nothing_to_undo"]
    assert table.outcomes("RU-0001", "RU-0001") == ["ok", "ok"]
    assert status(tx, box) is S.READY
    assert table.scan("RU-0001").packed == box.id


def test_several_boxes_each_with_its_weight(tx, shop, table):
    tx.session.add(PackingRules(warehouse_id=shop.bkk, by_hand=True, quantity_from=0, weigh=True))
    box = ready(tx, shop, (0, 1), (1, 1))
    table.outcomes(box.number, "RU-0001")
    assert table.outcomes("RUAM-BOX") == ["weight_wanted"]
    assert table.scan(kind=ScanKind.WEIGHT, quantity=350).outcome == "ok"
    assert table.outcomes("RUAM-BOX", "RUAM-BOX") == ["ok", "box_empty"]
    assert table.scan("RU-0002").packed is None
    assert table.scan(kind=ScanKind.WEIGHT, quantity=900).packed == box.id
    tx.session.refresh(box)
    assert [(p.position, p.weight_grams) for p in box.parcels if p.is_live] == [(1, 350), (2, 900)]


def test_big_counts_by_number_only_where_the_line_is_big(tx, shop, table):
    box = ready(tx, shop, (0, 30), (1, 2))
    table.scan(box.number)
    assert table.scan("RU-0001", quantity=30).outcome == "ok"
    assert table.scan("RU-0002", quantity=2).outcome == "quantity_off"
    assert table.outcomes("RUAM-OK", "RU-0002", "RU-0002") == ["acknowledged", "ok", "ok"]
    assert status(tx, box) is S.PACKED


def test_more_than_there_is_cannot_be_counted_by_number(tx, shop, table):
    box = ready(tx, shop, (0, 30))
    table.scan(box.number)
    assert table.scan("RU-0001", quantity=31).outcome == "too_many"


def test_counting_by_hand_can_be_forbidden(tx, shop, table):
    box = ready(tx, shop, (0, 1))
    tx.session.add(PackingRules(warehouse_id=shop.bkk, by_hand=False, quantity_from=5, weigh=False))
    table.scan(box.number)
    assert table.scan("RU-0001", by_hand=True).outcome == "by_hand_off"
    assert status(tx, box) is S.READY


def test_a_scan_sent_twice_counts_once_and_answers_the_same(tx, shop, table):
    box = ready(tx, shop, (0, 2))
    table.scan(box.number)
    first, again = table.scan("RU-0001", key="same"), table.scan("RU-0001", key="same")
    assert (first.outcome, again.outcome, again.repeated) == ("ok", "ok", True)
    last, replay = table.scan("RU-0001", key="last"), table.scan("RU-0001", key="last")
    assert (last.packed, replay.packed) == (box.id, box.id)
    assert count(tx, PackingScan) == 3


def test_two_packers_on_one_order_are_told_apart_and_one_may_take_over(tx, shop, table, actor):
    box = ready(tx, shop, (0, 2))
    table.outcomes(box.number, "RU-0001")
    other = Station(Tx(tx.session, replace(actor("warehouse"), label="มานี", user_id=77)), shop.bkk, "T2")
    answer = other.scan(box.number)
    assert (answer.outcome, str(answer.message)) == (
        "somebody_else", f"warehouse is packing {box.number} at T1")  # fmt: skip
    assert other.scan(box.number, ScanKind.TAKE_OVER).outcome == "ok"
    assert table.session.status is PackStatus.PUT_ASIDE
    assert table.outcomes("RU-0001") == ["order_first"]
    assert other.outcomes("RU-0001", "RU-0001") == ["ok", "ok"]  # counted anew from the first piece
    assert (status(tx, box), tx.session.get_one(Shipment, box.id).packed_by) == (S.PACKED, "มานี")


def test_the_clock_of_a_station_is_believed_within_reason(tx, shop, table):
    now = clock.now()
    table.scan("x", scanned_at=now - timedelta(hours=3))
    table.scan("x", scanned_at=now + timedelta(days=300))
    table.scan("x", scanned_at=now - timedelta(days=300))
    early, future, old = tx.session.scalars(select(PackingScan.scanned_at).order_by(PackingScan.id)).all()
    assert early == now - timedelta(hours=3)
    assert now <= future <= clock.now()
    assert old > now - timedelta(days=3)


def test_who_may_not_pack_and_whose_key_it_is_not(tx, shop, actor, table):
    with pytest.raises(Forbidden):
        scan(Tx(tx.session, actor("sales")), Scan(key(), "T1", shop.bkk, "x"))
    table.scan("x", key="mine")
    with pytest.raises(Conflict):
        Station(Tx(tx.session, replace(actor("warehouse"), user_id=5)), shop.bkk).scan("x", key="mine")
    assert count(tx, PackingScan) == 1


def test_goods_packed_elsewhere_meanwhile_are_noticed(tx, shop, table):
    box = ready(tx, shop, (0, 2))
    table.outcomes(box.number, "RU-0001")
    pack_shipment(tx, PackShipment(box.id))
    assert table.outcomes("RU-0001") == ["gone_meanwhile"]


def test_a_scan_costs_the_same_statements_however_big_the_order(tx, shop, table):
    small, big = ready(tx, shop, (0, 3)), ready(tx, shop, (0, 20), (1, 20), (2, 20), (3, 20))
    costs = []
    for box in (small, big):
        table.scan(box.number)
        with statements(tx) as seen:
            table.scan("RU-0001")
        costs.append(len(seen))
        table.scan("", ScanKind.ASIDE)
    assert costs[0] == costs[1] <= 12, costs
    assert tx.session.scalar(select(func.count()).select_from(PackingSession)) == 2
