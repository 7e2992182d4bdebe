"""Files of tracking numbers: every parcel gets its number once, nothing that has one loses it, nothing is lost."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select

from jobs import cli_files
from oms.actor import Actor, system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.errors import Forbidden, InvalidInput
from oms.importing import pipeline
from oms.importing.quarantine import MendItem, mend_and_release
from oms.intake.states import IntakeKind, RunStatus
from oms.orders.models import Order
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import TrackingStatus
from oms.staff.models import StaffScope
from oms.usecases import intake
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_parcels import CancelShipment, SetTracking, cancel_shipment, set_tracking
from oms.usecases.shipping_work import BoxSpec, PackShipment, hand_over_shipments, mark_labeled, pack_shipment
from tests.importing.conftest import Desk, counts
from tests.samples import marketplaces as market
from tests.usecases.money import paid

HEAD = ["เลขที่ออเดอร์ลูกค้า", "PNO", "ผู้รับ"]
WAREHOUSE = frozenset({"shipment.track"})


@pytest.fixture
def room(desk: Desk) -> Desk:
    """Six paid orders with their shipments, C1 to C6 in the shop's own words, ready to pick."""
    with transaction(system("test")) as tx:
        wanted = [desk.shop.order((i % 4, 1), confirm=True, external_no=f"C{i + 1}") for i in range(6)]
        ids = [placed.order_id for placed in place_orders(tx, wanted)]
        for order in tx.session.scalars(select(Order).where(Order.id.in_(ids))):
            paid(tx, (order.id, order.total.amount))
        make_ready(tx, ids)
    return desk


def order(n: int) -> Order:
    return db.session.scalars(select(Order).where(Order.external_no == f"C{n}")).one()


def shipment(n: int) -> Shipment:
    from oms.shipping.models import ShipmentLine

    found = select(Shipment).join(ShipmentLine).where(ShipmentLine.order_id == order(n).id)
    return db.session.scalars(found.execution_options(populate_existing=True)).unique().one()


def numbers(n: int) -> list[tuple[str, str]]:
    db.session.expire_all()
    return [(p.carrier, p.tracking_no) for p in sorted(shipment(n).parcels, key=lambda p: p.id) if p.is_live]


def take(room: Desk, rows, carrier: str = "flash", **facts):
    return room.take(rows, kind=IntakeKind.TRACKING, carrier=carrier, **facts)


def check(room: Desk, rows, carrier: str = "flash", **facts):
    return room.check(rows, kind=IntakeKind.TRACKING, carrier=carrier, **facts)


def test_a_dry_run_writes_nothing_and_the_commit_gives_every_parcel_its_number(room: Desk):
    rows = [
        HEAD,
        ["C1", "TH0112BX4K4A", "ก"],
        [order(2).number, "TH01011C27", "ข"],
        [shipment(3).number, "TH47144P18", ""],
    ]
    run = check(room, rows)
    assert (run.status, run.planned["created"]) == (RunStatus.CHECKED, 3)
    assert numbers(1) in ([], [("", "")], [("Flash Express", "")])
    before = db.session.scalar(select(func.count()).select_from(Parcel).where(Parcel.tracking_no != ""))
    assert before == 0
    run = room.commit(run.id)
    assert (counts(run), run.carrier, run.format) == ({"created": 3}, "Flash Express", "flash")
    assert [numbers(n) for n in (1, 2, 3)] == [
        [("Flash Express", "TH0112BX4K4A")], [("Flash Express", "TH01011C27")], [("Flash Express", "TH47144P18")],
    ]  # fmt: skip
    said = db.session.scalar(
        select(func.count()).select_from(AuditLog).where(AuditLog.action == "shipment.tracking_set")
    )
    assert said == 3 * 2, "told of the shipment and of its order"
    assert not room.problems(run.id)


def test_the_same_file_again_and_an_overlapping_one_change_nothing(room: Desk):
    rows = [HEAD, ["C1", "TH0112BX4K4A", ""], ["C2", "TH01011C27", ""]]
    assert counts(take(room, rows)) == {"created": 2}
    said = select(func.count()).select_from(AuditLog).where(AuditLog.action == "shipment.tracking_set")
    before = db.session.scalar(said)
    assert counts(take(room, rows)) == {"unchanged": 2}
    assert counts(take(room, [*rows, ["C3", "TH47144P18", ""]])) == {"created": 1, "unchanged": 2}
    assert counts(take(room, [HEAD, ["c1", "th0112-bx4k4a ", ""]])) == {"unchanged": 1}, "spelled otherwise"
    assert db.session.scalar(said) == before + 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp874", "utf-16"])
def test_every_encoding_is_the_same_file(room: Desk, encoding):
    assert counts(take(room, market.as_csv([HEAD, ["C1", "TH0112BX4K4A", "สมชาย"]], encoding))) == {"created": 1}


def test_a_workbook_with_notes_above_and_a_column_that_names_the_carrier(room: Desk, tmp_path):
    rows = [["Courier", "Reference No", "Tracking Number"], ["J&T", "C1", "820012345678"], ["", "C2", "SHP5054369172"]]
    path = market.write_xlsx(tmp_path / "a.xlsx", rows, above=[["Parcels"], ["23/11/2569"]])
    run = take(room, path.read_bytes(), carrier="Kerry", name="parcels.xlsx")
    assert counts(run) == {"created": 2}
    assert (numbers(1), numbers(2)) == ([("J&T Express", "820012345678")], [("KEX Express", "SHP5054369172")])


def test_a_number_that_looks_odd_is_taken_and_said(room: Desk):
    run = take(room, [["Order No", "หมายเลขสิ่งของ"], ["C1", "EY145587896TH"]], carrier="ไปรษณีย์ไทย")
    assert counts(run) == {"created": 1}
    assert room.problems(run.id) == [(2, "number_odd")]
    assert numbers(1) == [("Thailand Post", "EY145587896TH")]


def test_rows_without_both_numbers_are_rejected_and_in_the_ledger(room: Desk):
    run = take(room, [HEAD, ["", "TH01", ""], ["C1", "", ""], ["C2", "TH01011C27", ""]])
    assert counts(run) == {"created": 1, "rejected": 2}
    assert room.problems(run.id) == [(2, "record_nameless"), (3, "record_nameless")]


def test_nobody_s_parcel_waits_until_a_newer_file_names_it_rightly(room: Desk):
    run = take(room, [HEAD, ["C99", "TH01011C27", ""]])
    assert (counts(run), room.problems(run.id)) == ({"quarantined": 1}, [(2, "number_nobody")])
    with room.unit() as tx:
        released = mend_and_release(tx, MendItem(run.id, room.items(run.id)[0].no, {2: {0: "C2"}}))
    assert (released.released, released.waiting) == (1, 0)
    assert numbers(2) == [("Flash Express", "TH01011C27")]


def test_a_newer_file_that_goes_in_closes_the_row_that_waited(room: Desk):
    with room.unit() as tx:
        cancel_shipment(tx, CancelShipment(shipment(1).id, "เปลี่ยนใจ"))
    first = take(room, [HEAD, ["C1", "TH0112BX4K4A", ""]])
    assert counts(first) == {"quarantined": 1}
    first_id = first.id
    with room.unit() as tx:
        make_ready(tx, [order(1).id])
    assert counts(take(room, [HEAD, ["C1", "TH0112BX4K4A", ""]])) == {"created": 1}
    assert room.items(first_id)[0].closed_at is not None


def test_another_number_is_never_written_over_the_one_there_is(room: Desk):
    take(room, [HEAD, ["C1", "TH0112BX4K4A", ""]])
    run = take(room, [HEAD, ["C1", "TH01011C27", ""]])
    assert (counts(run), room.problems(run.id)) == ({"quarantined": 1}, [(2, "number_differs")])
    assert numbers(1) == [("Flash Express", "TH0112BX4K4A")]


def test_a_number_of_another_parcel_is_refused_and_nothing_changes(room: Desk):
    take(room, [HEAD, ["C1", "TH0112BX4K4A", ""]])
    run = take(room, [HEAD, ["C2", "TH0112BX4K4A", ""], ["C3", "TH47144P18", ""]])
    assert counts(run) == {"created": 1, "quarantined": 1}
    assert not any(number for _, number in numbers(2))


def test_boxes_of_one_shipment_get_their_numbers_one_after_the_other(room: Desk):
    with room.unit() as tx:
        pack_shipment(tx, PackShipment(shipment(1).id, (BoxSpec(500), BoxSpec(700))))
    rows = [HEAD, ["C1", "TH0112BX4K4A", ""], ["C1", "TH01011C27", ""], ["C1", "TH47144P18", ""]]
    run = take(room, rows)
    assert (counts(run), room.problems(run.id)) == ({"created": 2, "quarantined": 1}, [(4, "number_differs")])
    assert numbers(1) == [("Flash Express", "TH0112BX4K4A"), ("Flash Express", "TH01011C27")]
    assert counts(take(room, rows[:3])) == {"unchanged": 2}


def test_the_reference_of_a_booking_names_its_box(room: Desk):
    with room.unit() as tx:
        pack_shipment(tx, PackShipment(shipment(1).id, (BoxSpec(500), BoxSpec(700))))
        second = sorted(shipment(1).parcels, key=lambda p: p.position)[1]
        tx.session.get_one(Parcel, second.id).booking_ref = "SH-77-2"
    assert counts(take(room, [HEAD, ["SH-77-2", "TH01011C27", ""]])) == {"created": 1}
    assert [number for _, number in numbers(1)] == ["", "TH01011C27"]


def test_goods_that_have_left_get_their_number_and_are_on_their_way(room: Desk):
    shipment_id = shipment(1).id
    with room.unit() as tx:
        pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(500),)))
        mark_labeled(tx, [shipment_id])
        hand_over_shipments(tx, [shipment_id])
    assert counts(take(room, [HEAD, ["C1", "TH0112BX4K4A", ""]])) == {"created": 1}
    box = db.session.scalars(select(Parcel).where(Parcel.tracking_no == "TH0112BX4K4A")).one()
    assert box.tracking_status is TrackingStatus.IN_TRANSIT


def test_an_order_that_leaves_in_several_shipments_must_be_named_by_one_of_them(room: Desk):
    from oms.usecases.shipping_combine import SplitShipment, split_shipment

    with room.unit() as tx:
        placed = place_orders(tx, [room.shop.order((0, 2), (1, 1), confirm=True, external_no="C7")])[0]
        paid(tx, (placed.order_id, tx.session.get_one(Order, placed.order_id).total.amount))
        make_ready(tx, [placed.order_id])
        whole = shipment(7)
        split_shipment(tx, SplitShipment(whole.id, ((whole.lines[0].id, 1),)))
    run = take(room, [HEAD, ["C7", "TH01011C27", ""]])
    assert (counts(run), room.problems(run.id)) == ({"quarantined": 1}, [(2, "number_several")])
    mine = db.session.scalars(select(Shipment).order_by(Shipment.id.desc())).first()
    assert counts(take(room, [HEAD, [mine.number, "TH01011C27", ""]])) == {"created": 1}


def test_any_table_is_read_by_a_column_map(room: Desk):
    rows = [["A", "B"], ["C1", "TH0112BX4K4A"]]
    run = check(room, rows)
    assert (run.status, run.refusal["code"]) == (RunStatus.REFUSED, "file_columns")
    columns = {"reference": "A", "tracking": "B", "carrier": ""}
    with room.unit() as tx:
        intake.save_column_map(tx, intake.SaveColumnMap("ของร้าน", IntakeKind.TRACKING, columns, {}))
    assert counts(take(room, rows, map_name="ของร้าน")) == {"created": 1}


def test_the_command_line_takes_such_a_file(room: Desk, tmp_path):
    file = market.write_csv(tmp_path / "numbers.csv", [HEAD, ["C1", "TH0112BX4K4A", ""]])
    command = {"kind": cli_files._kind("orders", account="", carrier="", numbers="flash"), "carrier": "flash"}
    tried = cli_files.take_in(tmp_path, file, command, write=False)
    assert (tried["created"], tried["status"], numbers(1)[0][1] if numbers(1) else "") == (1, "checked", "")
    answer = cli_files.take_in(tmp_path, file, command, write=True)
    assert (answer["created"], answer["closes"], answer["status"]) == (1, True, "done")
    assert cli_files.take_in(tmp_path, file, command, write=True)["unchanged"] == 1


def test_it_needs_a_carrier_and_the_right_to_record_numbers(room: Desk):
    with pytest.raises(InvalidInput) as refusal:
        room.upload([HEAD], kind=IntakeKind.TRACKING)
    assert (refusal.value.field, refusal.value.detail_code) == ("carrier", "carrier_missing")
    room.actor = Actor("user", "ขาย", 5, actions=frozenset({"intake.import"}))
    with pytest.raises(Forbidden):
        room.upload([HEAD], kind=IntakeKind.TRACKING, carrier="flash")
    room.actor = replace(room.actor, actions=WAREHOUSE)
    assert room.upload([HEAD], kind=IntakeKind.TRACKING, carrier="flash")


def test_a_clerk_s_file_reaches_only_the_warehouses_she_sees(room: Desk):
    room.actor = Actor("user", "คลัง", 5, actions=WAREHOUSE, warehouses=frozenset({room.shop.cnx}))
    with transaction(system("test")) as tx:
        tx.session.add(StaffScope(user_id=5, kind="warehouse", ref_id=room.shop.cnx))
    run_id = room.upload([HEAD, ["C1", "TH0112BX4K4A", ""]], kind=IntakeKind.TRACKING, carrier="flash")
    with transaction(system("job")) as tx:
        background = pipeline.clerk(tx, intake.get_run(tx, run_id))
    assert (background.warehouses, background.actions) == (frozenset({room.shop.cnx}), WAREHOUSE)
    pipeline.carry_out(lambda: transaction(background), room.root, run_id)
    assert room.problems(run_id) == [(2, "number_nobody")]
    assert not any(number for _, number in numbers(1))


@contextmanager
def sent():
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    engine = db.engines[None]
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_finding_what_is_there_costs_as_much_for_six_as_for_one(room: Desk):
    from oms.usecases.tracking_numbers import NumberRow, TakeNumbers, take_numbers

    rows = tuple(NumberRow(n, f"C{n}", f"TH01000{n}C27", "Flash Express") for n in range(1, 7))
    with room.unit() as tx:
        for row in rows:
            set_tracking(tx, SetTracking(shipment(row.no).id, row.carrier, row.tracking_no))
    with room.unit() as tx, sent() as few:
        take_numbers(tx, TakeNumbers(rows[:1]))
    with room.unit() as tx, sent() as many:
        answers = take_numbers(tx, TakeNumbers(rows))
    assert {a.outcome.value for a in answers} == {"unchanged"}
    assert len(many) == len(few) <= 8
