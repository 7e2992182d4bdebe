"""Hand-over sheets: what may go on, what stops, what stays behind at the closing, and the cash of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from oms.db import Tx
from oms.errors import Say
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, HoldReason
from oms.payments.cod_models import CodEntry
from oms.shipping.floor.models import Manifest, ManifestParcel, PackingScan
from oms.shipping.floor.states import ManifestStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.labels_print import PrintLabel, print_label
from oms.usecases.manifests import (
    CloseManifest,
    OpenManifest,
    ScanParcel,
    cancel_manifest,
    close_manifest,
    open_manifest,
    scan_parcel,
)
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.shipping_parcels import SetTracking, VoidLabel, set_tracking, void_label
from oms.usecases.shipping_work import BoxSpec, PackShipment, mark_labeled, pack_shipment
from tests.shop import SmallShop, small_shop
from tests.usecases.floor import key, ready, statements
from tests.usecases.money import baht
from tests.usecases.refusals import last_audit, refused

S = ShipmentStatus


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def clerk(tx, actor) -> Tx:
    return Tx(tx.session, actor("warehouse"))


@pytest.fixture
def sheet(clerk, shop) -> int:
    return open_manifest(clerk, OpenManifest("flash", shop.bkk)).manifest_id


def labeled(tx, shop, number: str = "", carrier: str = "Flash Express", boxes: int = 1, **facts: object) -> Shipment:
    """A shipment that waits for its driver."""
    box = ready(tx, shop, carrier=carrier, **facts)
    pack_shipment(tx, PackShipment(box.id, tuple(BoxSpec() for _ in range(boxes))))
    for n, parcel in enumerate([p for p in box.parcels if p.is_live] if number else [], 1):
        set_tracking(tx, SetTracking(box.id, carrier, f"{number}{n if boxes > 1 else ''}", parcel.id))
    mark_labeled(tx, [box.id])
    tx.session.flush()
    return box


def facts_of(tx, shipment_id: int):
    """What stands on the labels of a shipment."""
    ready = print_label(tx, PrintLabel(shipment_id, None, "test"))
    return [page.label for page in ready.pages]


def put(tx, sheet: int, code: str, **facts: object):
    return scan_parcel(tx, ScanParcel(sheet, key(), code, **facts))


def status(tx, shipment) -> S:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Shipment, shipment.id).status


def test_a_sheet_is_scanned_full_and_its_closing_hands_everything_over(tx, shop, clerk, sheet):
    first, second = labeled(tx, shop, "TH001"), labeled(tx, shop, "TH002")
    assert [put(clerk, sheet, code).outcome for code in ("TH001", second.number)] == ["ok", "ok"]
    closed = close_manifest(clerk, CloseManifest(sheet, driver="สมชาย"))
    assert (closed.shipments, closed.parcels, closed.cod_total, closed.refused) == (2, 2, baht(200), {})
    assert {status(tx, first), status(tx, second)} == {S.HANDED_OVER}
    kept = tx.session.get_one(Manifest, sheet)
    assert (kept.number[:2], kept.driver, kept.carrier, kept.round) == ("MF", "สมชาย", "Flash Express", 1)
    assert tx.session.get_one(Order, first.lines[0].order_id).board is Board.HANDED_OVER
    entries = tx.session.scalars(select(CodEntry.to_collect)).all()
    assert sum(entries, start=baht(0)) == closed.cod_total


def test_one_sheet_is_open_per_carrier_and_warehouse_and_rounds_are_counted(tx, shop, clerk, sheet):
    again = open_manifest(clerk, OpenManifest("แฟลช", shop.bkk))
    assert (again.manifest_id, again.repeated) == (sheet, True)
    assert not open_manifest(clerk, OpenManifest("kerry", shop.bkk)).repeated
    labeled(tx, shop, "TH001")
    put(clerk, sheet, "TH001")
    close_manifest(clerk, CloseManifest(sheet))
    after = open_manifest(clerk, OpenManifest("flash", shop.bkk))
    assert tx.session.get_one(Manifest, after.manifest_id).round == 2


def test_what_may_not_go_on_is_said_and_written_down(tx, shop, clerk, sheet):
    other = labeled(tx, shop, "KEX1", carrier="KEX Express")
    raw = ready(tx, shop)
    bare = ready(tx, shop)
    pack_shipment(tx, PackShipment(bare.id))
    gone = labeled(tx, shop, "TH9")
    cancel_order(tx, CancelOrder(gone.lines[0].order_id, CancelReason.CUSTOMER))
    held = labeled(tx, shop, "TH8")
    hold_order(tx, HoldOrder(held.lines[0].order_id, HoldReason.ADDRESS))
    answers = {code: put(clerk, sheet, code) for code in ("KEX1", raw.number, bare.number, gone.number, "TH8", "???")}
    assert [a.outcome for a in answers.values()] == [
        "wrong_carrier", "not_packed", "not_labeled", "shipment_canceled", "stopped_meanwhile", "unknown_code",
    ]  # fmt: skip
    assert str(answers["KEX1"].message) == f"Wrong carrier: {other.number} goes with KEX Express"
    assert all(a.stops for a in answers.values())
    assert tx.session.scalars(select(ManifestParcel)).all() == []
    assert len(tx.session.scalars(select(PackingScan)).all()) == 6


def test_a_box_scanned_again_is_only_said_and_one_on_another_sheet_stops(tx, shop, clerk, sheet):
    labeled(tx, shop, "TH1", carrier="")
    put(clerk, sheet, "TH1")
    again = put(clerk, sheet, "TH1")
    assert (again.outcome, again.stops) == ("already_on_sheet", False)
    kerry = open_manifest(clerk, OpenManifest("kerry", shop.bkk)).manifest_id
    assert put(clerk, kerry, "TH1").outcome == "on_another_sheet"
    assert put(clerk, sheet, "TH1", out=True).outcome == "ok"
    assert put(clerk, sheet, "TH1", out=True).outcome == "not_on_sheet"
    assert put(clerk, kerry, "TH1").outcome == "ok"


def test_goods_nobody_named_a_carrier_for_go_with_the_one_who_takes_them(tx, shop, clerk, sheet):
    box = labeled(tx, shop, carrier="")
    put(clerk, sheet, box.number)
    close_manifest(clerk, CloseManifest(sheet))
    assert status(tx, box) is S.HANDED_OVER
    assert tx.session.get_one(Order, box.lines[0].order_id).carrier == "Flash Express"
    assert [p.carrier for p in tx.session.get_one(Shipment, box.id).parcels] == ["Flash Express"]


def test_a_shipment_of_several_boxes_leaves_whole_or_stays(tx, shop, clerk, sheet):
    pair, single = labeled(tx, shop, "BX", boxes=2), labeled(tx, shop, "ONE")
    assert put(clerk, sheet, pair.number).outcome == "several_boxes"
    assert [put(clerk, sheet, code).outcome for code in ("BX1", "ONE")] == ["ok", "ok"]
    closed = close_manifest(clerk, CloseManifest(sheet))
    assert (closed.shipments, list(closed.refused)) == (1, [pair.number])
    assert str(closed.refused[pair.number].message) == f"1 of 2 boxes of {pair.number} are not on the sheet"
    assert (status(tx, pair), status(tx, single)) == (S.LABELED, S.HANDED_OVER)
    following = open_manifest(clerk, OpenManifest("flash", shop.bkk)).manifest_id
    assert [put(clerk, following, f"{pair.number}-{n}").outcome for n in (1, 2, 3)] == ["ok", "ok", "unknown_box"]
    assert close_manifest(clerk, CloseManifest(following)).parcels == 2


def test_labels_of_our_own_say_which_box_they_are_on(tx, shop, clerk, sheet):
    place = tx.session.get_one(Warehouse, shop.bkk)
    place.address, place.phone = "88/8 หมู่ 4 บางพลี สมุทรปราการ 10540", "021234567"
    pair, single = labeled(tx, shop, boxes=2), labeled(tx, shop)
    shown = {f.code for i in (pair.id, single.id) for f in facts_of(tx, i)}
    assert shown == {f"{pair.number}-1", f"{pair.number}-2", single.number}
    assert [put(clerk, sheet, code).outcome for code in sorted(shown)] == ["ok"] * 3
    assert close_manifest(clerk, CloseManifest(sheet)).parcels == 3


def test_a_gate_that_closes_after_the_scan_keeps_that_box_and_lets_the_rest_go(tx, shop, clerk, sheet):
    stays, leaves = labeled(tx, shop, "S1"), labeled(tx, shop, "L1")
    for code in ("S1", "L1"):
        put(clerk, sheet, code)
    hold_order(tx, HoldOrder(stays.lines[0].order_id, HoldReason.ADDRESS))
    closed = close_manifest(clerk, CloseManifest(sheet))
    assert (closed.parcels, list(closed.refused)) == (1, [stays.number])
    assert (status(tx, stays), status(tx, leaves)) == (S.PLANNED, S.HANDED_OVER)
    row = tx.session.scalars(select(ManifestParcel).where(ManifestParcel.shipment_id == stays.id)).one()
    assert (row.is_live, row.code != "", row.message is not None) == (False, True, True)


def test_a_label_voided_after_the_scan_stays_behind_and_the_old_label_stops(tx, shop, clerk, sheet):
    box, other = labeled(tx, shop, "OLD"), labeled(tx, shop, "TH2")
    put(clerk, sheet, "OLD")
    put(clerk, sheet, "TH2")
    void_label(tx, VoidLabel(box.id, "ที่อยู่ใหม่"))
    closed = close_manifest(clerk, CloseManifest(sheet))
    assert {n: e.detail_code for n, e in closed.refused.items()} == {box.number: "label_voided"}
    following = open_manifest(clerk, OpenManifest("flash", shop.bkk)).manifest_id
    assert put(clerk, following, "OLD").outcome == "label_voided"
    assert status(tx, other) is S.HANDED_OVER


def test_when_nothing_may_leave_the_sheet_stays_open(tx, shop, clerk, sheet):
    with refused(clerk, "sheet_empty", None, ManifestParcel):
        close_manifest(clerk, CloseManifest(sheet))
    box = labeled(tx, shop, "S1")
    put(clerk, sheet, "S1")
    hold_order(tx, HoldOrder(box.lines[0].order_id, HoldReason.ADDRESS))
    with refused(clerk, "shipment_hand_over_refused", None, ManifestParcel):
        close_manifest(clerk, CloseManifest(sheet))
    assert tx.session.get_one(Manifest, sheet).status is ManifestStatus.OPEN


def test_a_sheet_given_up_frees_its_boxes(tx, shop, clerk, sheet):
    box = labeled(tx, shop, "TH1")
    put(clerk, sheet, "TH1")
    assert cancel_manifest(clerk, sheet, "รถไม่มา") == 1
    assert (last_audit(tx).action, status(tx, box)) == ("manifest.canceled", S.LABELED)
    following = open_manifest(clerk, OpenManifest("flash", shop.bkk)).manifest_id
    assert tx.session.get_one(Manifest, following).round == 1
    assert put(clerk, following, "TH1").outcome == "ok"
    assert put(clerk, sheet, "TH1").outcome == "sheet_closed"


def test_a_scan_sent_twice_counts_once(tx, shop, clerk, sheet):
    labeled(tx, shop, "TH1")
    answers = [scan_parcel(clerk, ScanParcel(sheet, "same", "TH1")) for _ in range(2)]
    assert [(a.outcome, a.repeated) for a in answers] == [("ok", False), ("ok", True)]
    assert isinstance(put(clerk, sheet, "TH1").message, Say)
    assert len(tx.session.scalars(select(ManifestParcel)).all()) == 1


def test_who_may_and_whose_warehouse(tx, shop, clerk, sheet, actor):
    sales = Tx(tx.session, actor("sales"))
    with refused(sales, "forbidden"):
        open_manifest(sales, OpenManifest("flash", shop.bkk))
    away = Tx(tx.session, replace(actor("warehouse"), warehouses=frozenset({shop.cnx})))
    with refused(away, "warehouse_scope", "warehouse_id"):
        open_manifest(away, OpenManifest("flash", shop.bkk))
    with refused(away, "manifest_not_found"):
        scan_parcel(away, ScanParcel(sheet, key(), "x"))
    with refused(clerk, "missing", "carrier"):
        open_manifest(clerk, OpenManifest("  ", shop.bkk))
    with refused(clerk, "stale"):
        close_manifest(clerk, CloseManifest(sheet, version=99))


def test_closing_reads_no_more_often_for_twelve_boxes_than_for_two(tx, shop, clerk):
    costs = []
    for count in (2, 12):
        sheet = open_manifest(clerk, OpenManifest("flash", shop.bkk)).manifest_id
        for n in range(count):
            labeled(tx, shop, f"C{count}N{n}")
            put(clerk, sheet, f"C{count}N{n}")
        with statements(tx) as seen:
            close_manifest(clerk, CloseManifest(sheet))
        costs.append(len([s for s in seen if s.startswith("SELECT")]))
    assert costs[0] == costs[1], costs
