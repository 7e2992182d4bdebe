"""Labels in batches: who gets one, who does not and why, what is put on record, and the money on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, select

from oms.documents.foreign import ForeignPage
from oms.documents.labels.models import BatchStatus, LabelBatch, LabelPrint, LabelRow, PhoneShown, RowStatus, Waybill
from oms.documents.labels.papers import Paper
from oms.errors import OmsError
from oms.intake.files import Kept
from oms.inventory.models import StockLevel, Warehouse
from oms.orders.states import Board, CancelReason, HoldReason, PaymentTerm
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.labels import CancelBatch, MakeLabelBatch, batch_rows, cancel_batch, make_label_batch
from oms.usecases.labels_file import drawing_of
from oms.usecases.labels_print import PrintLabel, finish_batch, print_label, print_next
from oms.usecases.labels_setup import Look, SaveLabelSetting, look_of, save_label_setting
from oms.usecases.labels_waybills import AssignWaybill, TakeWaybills, UploadedPdf, assign_waybill, take_waybills
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import (
    BoxSpec,
    PackShipment,
    SetTracking,
    hand_over_shipments,
    pack_shipment,
    set_tracking,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.money import order_of, paid, placed
from tests.usecases.refusals import refused

S = ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    made = small_shop(tx, pieces=1000)
    place = tx.session.get_one(Warehouse, made.bkk)
    place.address, place.phone = "88/8 หมู่ 4 ต.บางพลีใหญ่ อ.บางพลี สมุทรปราการ 10540", "021234567"
    tx.session.flush()
    return made


@contextmanager
def counted(tx) -> Iterator[list[str]]:
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    engine = tx.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listener)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", listener)


def ready(tx, shop, *lines, **facts) -> tuple[int, int]:
    """(order id, shipment id) of a paid order that is ready to pick."""
    order = placed(tx, shop, *lines, **facts)
    paid(tx, (order.id, order.total.amount))
    return order.id, good(make_ready(tx, [order.id])[order.id]).shipment_id


def cod(tx, shop, *lines) -> tuple[int, int]:
    order = placed(tx, shop, *lines, payment_term=PaymentTerm.COD)
    return order.id, good(make_ready(tx, [order.id])[order.id]).shipment_id


def good(outcome):
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


def batch(tx, *shipment_ids: int, **facts) -> LabelBatch:
    """A batch, decided to its end."""
    made = make_label_batch(tx, MakeLabelBatch(tuple(shipment_ids), **facts))
    while not print_next(tx, made.batch_id).over:
        pass
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(LabelBatch, made.batch_id)


def outcome(tx, made: LabelBatch) -> list[tuple[str, str]]:
    return [(r.status.value, r.code) for r in batch_rows(tx.session, made.id)]


def labels(tx, made: LabelBatch) -> list[dict]:
    return [p["label"] for r in batch_rows(tx.session, made.id) for p in r.facts or ()]


def parcels(tx, shipment_id: int) -> list[Parcel]:
    tx.session.flush()
    found = select(Parcel).where(Parcel.shipment_id == shipment_id, Parcel.is_live).order_by(Parcel.position)
    return list(tx.session.scalars(found.execution_options(populate_existing=True)))


def prints(tx) -> list[tuple[int, int, str]]:
    tx.session.flush()
    return [(p.shipment_id, p.copy, p.reason) for p in tx.session.scalars(select(LabelPrint).order_by(LabelPrint.id))]


def test_a_batch_prints_what_it_may_and_says_why_not_of_the_rest(tx, shop):
    """A bad row never holds up the others, and never gets the mark."""
    good_order, good_box = ready(tx, shop, (0, 2))
    held, held_box = ready(tx, shop)
    hold_order(tx, HoldOrder(held, HoldReason.MANUAL, "โทรถามก่อน"))
    gone, gone_box = ready(tx, shop)
    cancel_order(tx, CancelOrder(gone, CancelReason.CUSTOMER))
    no_address, bare_box = ready(tx, shop)
    order_of(tx, no_address).ship_postcode = ""
    strange, strange_box = ready(tx, shop)
    order_of(tx, strange).ship_name = "山田太郎"
    _, left_box = ready(tx, shop)
    pack_shipment(tx, PackShipment(left_box))
    good(hand_over_shipments(tx, [left_box])[left_box])

    made = batch(tx, good_box, held_box, gone_box, bare_box, strange_box, left_box, 999_999)
    rows = {r.shipment_id: (r.status, r.code) for r in batch_rows(tx.session, made.id)}
    assert rows == {
        good_box: (RowStatus.PRINTED, ""),
        held_box: (RowStatus.REFUSED, "gate_closed"),
        gone_box: (RowStatus.REFUSED, "shipment_label_refused"),
        bare_box: (RowStatus.REFUSED, "label_no_address"),
        strange_box: (RowStatus.REFUSED, "missing_glyph"),
        left_box: (RowStatus.REFUSED, "shipment_label_refused"),
    }
    assert (made.total, made.printed, made.refused, made.labels) == (6, 1, 5, 1)
    assert [p.label_prints for b in (good_box, held_box, bare_box, strange_box) for p in parcels(tx, b)] == [1, 0, 0, 0]
    assert prints(tx) == [(good_box, 0, "")]
    assert parcels(tx, good_box)[0].label_printed_at is not None
    assert order_of(tx, good_order).board is Board.READY
    assert all(r.message for r in batch_rows(tx.session, made.id, RowStatus.REFUSED))


def test_a_packed_shipment_is_labeled_by_its_print_and_an_early_print_waits_for_packing(tx, shop):
    packed_order, packed_box = ready(tx, shop)
    pack_shipment(tx, PackShipment(packed_box))
    early_order, early_box = ready(tx, shop)
    batch(tx, packed_box, early_box)
    assert order_of(tx, packed_order).board is Board.LABELED
    assert order_of(tx, early_order).board is Board.READY
    assert pack_shipment(tx, PackShipment(early_box)).status is S.LABELED


def test_what_stands_on_a_label(tx, shop):
    order_id, box = ready(
        tx, shop, (0, 2), (1, 1), shop_id=shop.shopee, external_no="2402KX7Y9A", buyer_note="ฝากป้อมยาม"
    )
    good(pack_shipment(tx, PackShipment(box, (BoxSpec(500, "TH0001", "flash express", "EMS"), BoxSpec()))))
    save_label_setting(tx, SaveLabelSetting(Paper.A6, PhoneShown.ALWAYS, remark="ระวังแตก"))
    first, second = labels(tx, batch(tx, box))
    assert first == {
        "code": "TH0001", "is_own": False, "carrier": "Flash Express", "service": "EMS", "sort_code": "",
        "channel": "Shopee", "orders": ["2402KX7Y9A"], "shipment": tx.session.get_one(Shipment, box).number,
        "box": 1, "boxes": 2, "name": "กนกวรรณ ป้อมปราการ", "phone": "080xxxxx34", "line": "45/7 หมู่ 2",
        "area": "ต.สันทรายน้อย อ.สันทราย", "province": "เชียงใหม่", "postcode": "50210", "sender": "ร้านช้อปปี้",
        "sender_address": "88/8 หมู่ 4 ต.บางพลีใหญ่ อ.บางพลี สมุทรปราการ 10540", "sender_phone": "02-123-4567",
        "cod": "", "items": ["2 × เสื้อยืดคอกลม แบบ 1 (RU-0001)", "1 × เสื้อยืดคอกลม แบบ 2 (RU-0002)"],
        "remark": "ระวังแตก ฝากป้อมยาม", "copy": 0,
    }  # fmt: skip
    assert (second["code"], second["is_own"], second["box"]) == (f"{first['shipment']}-2", True, 2)
    assert order_id


def test_the_cash_is_collected_with_one_box_and_a_deposit_lowers_it(tx, shop):
    order_id, box = cod(tx, shop, (0, 3))
    paid(tx, (order_id, 100))
    pack_shipment(tx, PackShipment(box, (BoxSpec(), BoxSpec())))
    made = batch(tx, box, look=Look(items=False))
    assert [(x["cod"], bool(x["items"])) for x in labels(tx, made)] == [("200.00", True), ("", False)]
    cover = drawing_of(tx.session, made).cover
    assert (cover.total.cod_count, cover.total.cod, cover.total.labels) == (1, "200.00", 2)


def test_a_cod_label_names_a_sender_who_can_be_reached(tx, shop):
    _, box = cod(tx, shop)
    tx.session.get_one(Warehouse, shop.bkk).phone = ""
    assert outcome(tx, batch(tx, box)) == [("refused", "label_no_sender")]
    save_label_setting(tx, SaveLabelSetting(Paper.TALL, PhoneShown.NEVER, sender_phone="099-000-1111"))
    assert outcome(tx, batch(tx, box)) == [("printed", "")]


def test_printing_again_asks_why_and_counts_the_copy(tx, shop):
    _, box = ready(tx, shop)
    batch(tx, box)
    with refused(tx, "label_reprint_reason", "reason", LabelBatch, LabelRow, LabelPrint):
        make_label_batch(tx, MakeLabelBatch((box,)))
    again = batch(tx, box, reason="กระดาษติด")
    assert [x["copy"] for x in labels(tx, again)] == [1]
    batch(tx, box, reason="เลอะ")
    assert prints(tx) == [(box, 0, ""), (box, 1, "กระดาษติด"), (box, 2, "เลอะ")]
    assert parcels(tx, box)[0].label_prints == 3


def test_two_batches_of_the_same_shipments_print_each_label_once(tx, shop):
    boxes = [ready(tx, shop)[1] for _ in range(3)]
    first = make_label_batch(tx, MakeLabelBatch(tuple(boxes))).batch_id
    second = make_label_batch(tx, MakeLabelBatch(tuple(boxes))).batch_id
    print_next(tx, first, 2)
    print_next(tx, second)
    print_next(tx, first)
    made = [tx.session.get_one(LabelBatch, i) for i in (first, second)]
    assert [outcome(tx, m) for m in made] == [
        [("printed", ""), ("printed", ""), ("refused", "label_printed_before")],
        [("refused", "label_printed_before")] * 2 + [("printed", "")],
    ]
    assert sorted(prints(tx)) == [(b, 0, "") for b in boxes]


def test_an_order_canceled_after_the_batch_was_asked_for_is_caught_when_printing(tx, shop):
    order_id, box = ready(tx, shop)
    _, other = ready(tx, shop)
    made = make_label_batch(tx, MakeLabelBatch((box, other))).batch_id
    cancel_order(tx, CancelOrder(order_id, CancelReason.CUSTOMER))
    print_next(tx, made)
    assert outcome(tx, tx.session.get_one(LabelBatch, made)) == [("refused", "shipment_label_refused"), ("printed", "")]


def test_a_batch_by_orders_makes_them_ready_first(tx, shop):
    fresh = placed(tx, shop)
    paid(tx, (fresh.id, 100))
    unpaid = placed(tx, shop)
    _, box = ready(tx, shop)
    with_box = parcels(tx, box)[0].shipment.lines[0].order_id
    made = make_label_batch(tx, MakeLabelBatch(order_ids=(fresh.id, unpaid.id, with_box))).batch_id
    while not print_next(tx, made).over:
        pass
    rows = batch_rows(tx.session, made)
    assert [(r.status, r.code) for r in rows] == [
        (RowStatus.PRINTED, ""), (RowStatus.PRINTED, ""), (RowStatus.REFUSED, "gate_closed"),
    ]  # fmt: skip
    assert rows[2].orders == [unpaid.number]
    assert order_of(tx, fresh.id).board is Board.READY


def test_what_must_leave_first_comes_first(tx, shop):
    from datetime import timedelta

    from oms import clock

    boxes = [ready(tx, shop) for _ in range(3)]
    for (order_id, _), hours in zip(boxes, (5, None, 1), strict=True):
        order_of(tx, order_id).ship_by = clock.now() + timedelta(hours=hours) if hours else None
    made = batch(tx, *(b for _, b in boxes))
    assert [r.shipment_id for r in batch_rows(tx.session, made.id)] == [boxes[2][1], boxes[0][1], boxes[1][1]]


def test_labels_come_in_the_order_of_the_shelves(tx, shop):
    shelves = {0: "B-01", 1: "A-10", 2: "A-02", 3: ""}
    for n, shelf in shelves.items():
        tx.session.get_one(StockLevel, (shop.skus[n], shop.bkk)).location = shelf
    boxes = [ready(tx, shop, (n, 1))[1] for n in range(4)]
    made = batch(tx, *boxes)
    assert [r.shipment_id for r in batch_rows(tx.session, made.id)] == [boxes[2], boxes[1], boxes[0], boxes[3]]


def test_a_canceled_batch_keeps_what_was_printed_and_gives_up_the_rest(tx, shop):
    boxes = [ready(tx, shop)[1] for _ in range(5)]
    made = make_label_batch(tx, MakeLabelBatch(tuple(boxes))).batch_id
    print_next(tx, made, 2)
    cancel_batch(tx, CancelBatch(made))
    assert print_next(tx, made, 2).over
    stored = tx.session.get_one(LabelBatch, made)
    assert (stored.printed, stored.canceled, len(drawing_of(tx.session, stored).pages)) == (2, 3, 2)
    with refused(tx, "batch_finished"):
        cancel_batch(tx, CancelBatch(made))
    finish_batch(tx, made, None)
    assert stored.status is BatchStatus.CANCELED
    assert [p.label_prints for b in boxes for p in parcels(tx, b)] == [1, 1, 0, 0, 0]


def test_the_same_key_asks_for_one_batch(tx, shop):
    _, box = ready(tx, shop)
    one, two = (make_label_batch(tx, MakeLabelBatch((box,), idempotency_key="k")) for _ in range(2))
    assert one == two


def test_what_stood_on_the_labels_is_forgotten_when_the_file_is_made(tx, shop):
    _, box = ready(tx, shop)
    made = batch(tx, box)
    finish_batch(tx, made.id, Kept("0" * 48, "labels.pdf", 10, "ab"))
    assert [r.facts for r in batch_rows(tx.session, made.id)] == [None]
    assert tx.session.get_one(LabelBatch, made.id).status is BatchStatus.DONE


def test_the_batch_is_made_with_the_rights_of_whoever_asked(tx, shop, actor):
    _, here = ready(tx, shop)
    clerk = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx})))
    made = make_label_batch(clerk, MakeLabelBatch((here,)))
    assert made.total == 0
    with refused(tx, "forbidden", None, LabelBatch):
        make_label_batch(replace(tx, actor=actor("sales")), MakeLabelBatch((here,)))
    with refused(tx, "labels_none"):
        make_label_batch(tx, MakeLabelBatch())
    with refused(tx, "labels_many"):
        make_label_batch(tx, MakeLabelBatch(tuple(range(1, 3002))))


def test_one_label_at_once_for_the_packing_table(tx, shop):
    _, box = ready(tx, shop)
    found = print_label(tx, PrintLabel(box, Paper.SQUARE))
    assert (found.paper, [p.label.shipment for p in found.pages]) == (Paper.SQUARE, [found.number])
    with refused(tx, "label_printed_before", None, LabelPrint):
        print_label(tx, PrintLabel(box))
    assert print_label(tx, PrintLabel(box, reason="ขาด")).pages[0].label.copy == 1
    with refused(tx, "shipment_not_found", None, LabelPrint):
        print_label(tx, PrintLabel(10**9))


def test_a_batch_of_many_takes_few_statements(tx, shop):
    few = [ready(tx, shop, (i % 4, 1))[1] for i in range(3)]
    many = [ready(tx, shop, (i % 4, 1), (3 - i % 4, 1) if i % 4 != 1 else (3, 1))[1] for i in range(40)]
    first = make_label_batch(tx, MakeLabelBatch(tuple(few))).batch_id
    with counted(tx) as small:
        print_next(tx, first)
    with counted(tx) as asked:
        second = make_label_batch(tx, MakeLabelBatch(tuple(many))).batch_id
    with counted(tx) as large:
        print_next(tx, second)
    assert tx.session.get_one(LabelBatch, second).printed == 40
    assert len(asked) <= 8
    assert len(large) <= len(small) + 4, (len(small), len(large))


# ------------------------------------------------------------------ waybills


def pdf(name: str, *pages: tuple[str, ...]) -> UploadedPdf:
    key = f"{abs(hash((name, pages))):048x}"[:48]
    return UploadedPdf(Kept(key, name, 10, key), tuple(ForeignPage(283, 425, numbers) for numbers in pages))


def of(tx) -> list[tuple[str, int, int | None, str, bool]]:
    tx.session.flush()
    tx.session.expire_all()
    rows = tx.session.scalars(select(Waybill).order_by(Waybill.id))
    return [(w.name, w.page, w.order_id, w.matched_by, w.is_current) for w in rows]


def test_waybill_pages_find_their_orders_and_are_printed_in_their_place(tx, shop):
    one, box_one = ready(tx, shop, shop_id=shop.shopee, external_no="2402KX7Y9A")
    two, box_two = ready(tx, shop)
    set_tracking(tx, SetTracking(box_two, "Flash", "TH00042"))
    three, box_three = ready(tx, shop)
    number = order_of(tx, three).number
    taken = take_waybills(
        tx,
        TakeWaybills((
            pdf("all.pdf", ("SPXTH1", "2402KX7Y9A"), ("TH00042", "0801112222"), ("NOBODY1",)),
            pdf(f"{number}.pdf", ()),
        )),
    )  # fmt: skip
    assert (taken.matched, taken.waiting) == (3, 1)
    assert of(tx) == [
        ("all.pdf", 0, one, "page", True), ("all.pdf", 1, two, "page", True), ("all.pdf", 2, None, "", True),
        (f"{number}.pdf", 0, three, "name", True),
    ]  # fmt: skip
    made = batch(tx, box_one, box_two, box_three)
    pages = [p for r in batch_rows(tx.session, made.id) for p in r.facts]
    assert [(bool(p["label"]), p["page"]) for p in pages] == [(False, 0), (False, 1), (False, 0)]
    assert [p.is_waybill for p in tx.session.scalars(select(LabelPrint))] == [True] * 3
    cover = drawing_of(tx.session, made).cover
    assert (cover.total.labels, cover.total.waybills) == (0, 3)


def test_the_same_file_again_changes_nothing_and_a_newer_one_takes_its_place(tx, shop):
    order_id, box = ready(tx, shop, shop_id=shop.shopee, external_no="2402KX7Y9A")
    first = pdf("a.pdf", ("2402KX7Y9A",))
    take_waybills(tx, TakeWaybills((first,)))
    assert take_waybills(tx, TakeWaybills((first,))).again == 1
    take_waybills(tx, TakeWaybills((pdf("b.pdf", ("2402KX7Y9A",)),)))
    assert of(tx) == [("a.pdf", 0, order_id, "page", False), ("b.pdf", 0, order_id, "page", True)]
    found = print_label(tx, PrintLabel(box)).pages
    assert len(found) == 1


def test_a_page_that_names_two_orders_or_one_out_of_reach_waits_for_a_person(tx, shop, actor):
    one, _ = ready(tx, shop, shop_id=shop.shopee, external_no="2402AAAAAA")
    two, _ = ready(tx, shop, shop_id=shop.shopee, external_no="2402BBBBBB")
    take_waybills(tx, TakeWaybills((pdf("x.pdf", ("2402AAAAAA", "2402BBBBBB")),)))
    assert of(tx)[-1][2:] == (None, "", True)
    clerk = replace(tx, actor=actor("warehouse", shops=frozenset({shop.line})))
    take_waybills(clerk, TakeWaybills((pdf("y.pdf", ("2402AAAAAA",)),)))
    assert of(tx)[-1][2] is None
    waiting = tx.session.scalars(select(Waybill.id).order_by(Waybill.id)).all()
    with refused(tx, "waybill_number", "number"):
        assign_waybill(tx, AssignWaybill(waiting[0], "NOTHING123"))
    assign_waybill(tx, AssignWaybill(waiting[0], "2402bbbbbb"))
    with refused(tx, "waybill_matched"):
        assign_waybill(tx, AssignWaybill(waiting[0], "2402AAAAAA"))
    assign_waybill(tx, AssignWaybill(waiting[1], ""))
    assert [(x[2], x[4]) for x in of(tx)] == [(two, True), (None, False)]
    assert one


def test_settings_are_kept_and_used(tx, actor):
    assert look_of(tx.session) == Look()
    save_label_setting(tx, SaveLabelSetting(Paper.A5, PhoneShown.NEVER, show_items=False, sender_name=" ร้าน  ดี "))
    assert (look_of(tx.session).paper, look_of(tx.session).sender_name) == (Paper.A5, "ร้าน ดี")
    with refused(tx, "stale"):
        save_label_setting(tx, SaveLabelSetting(Paper.A5, PhoneShown.NEVER, version=99))
    with refused(tx, "too_long", "remark"):
        save_label_setting(tx, SaveLabelSetting(Paper.A5, PhoneShown.NEVER, remark="ก" * 121))
    with refused(tx, "forbidden"):
        save_label_setting(replace(tx, actor=actor("warehouse")), SaveLabelSetting(Paper.A5, PhoneShown.NEVER))
