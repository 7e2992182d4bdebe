"""Products, customers and stock come in by the same road: checked, counted, repeatable."""

from __future__ import annotations

from sqlalchemy import select

from oms.actor import system
from oms.catalog.models import Product, Sku, SkuBarcode
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity
from oms.db import db, transaction
from oms.importing import pipeline
from oms.intake.states import IntakeKind, RunStatus
from oms.inventory.models import StockLevel, StockMovement
from oms.staff.models import StaffScope
from oms.usecases import intake
from tests.importing.conftest import Desk, counts
from tests.importing.test_pipeline import total

PRODUCTS = [
    ["รหัสสินค้า", "ชื่อสินค้า", "ตัวเลือก", "ราคา", "ราคาทุน", "น้ำหนัก (กรัม)", "บาร์โค้ด", "กลุ่มสินค้า"],
    ["TS-1-S", "เสื้อยืด", "S", "199.00", "90", "180", "8850000000011", "TS-1"],
    ["TS-1-M", "เสื้อยืด", "M", "199", "90", "190", "8850000000028|8850000000035", "TS-1"],
    ["0099", "รหัสนำหน้าด้วยศูนย์", "", "฿1,250.50", "", "", "", ""],
    ["BAD", "", "", "-5", "", "หนัก", "", ""],
    ["", "ไม่มีรหัส", "", "", "", "", "", ""],
]


def test_products_come_in_and_the_same_file_again_changes_nothing(desk: Desk):
    run = desk.take(PRODUCTS, kind=IntakeKind.PRODUCTS)
    assert counts(run) == {"created": 3, "quarantined": 1, "rejected": 1}
    assert desk.problems(run.id) == [(5, "money_negative"), (5, "quantity_text"), (6, "record_nameless")]
    sku = db.session.scalars(select(Sku).where(Sku.code == "0099")).one()
    assert str(sku.price) == "1,250.50"
    assert {s.product.code for s in db.session.scalars(select(Sku).where(Sku.code.startswith("TS-1")))} == {"TS-1"}
    assert total(SkuBarcode) == 3
    again = desk.take(PRODUCTS, kind=IntakeKind.PRODUCTS)
    assert counts(again) == {"unchanged": 3, "quarantined": 1, "rejected": 1}


def test_a_later_product_file_changes_what_it_names_and_leaves_empty_cells_alone(desk: Desk):
    desk.take(PRODUCTS, kind=IntakeKind.PRODUCTS)
    run = desk.take([["SKU", "Name", "Price"], ["ts-1-s", "เสื้อยืดใหม่", "249"], ["TS-1-M", "เสื้อยืด", ""]],
                    kind=IntakeKind.PRODUCTS)  # fmt: skip
    assert counts(run) == {"updated": 1, "unchanged": 1}
    sku = db.session.scalars(select(Sku).where(Sku.code == "TS-1-S")).one()
    assert (sku.name, str(sku.price), sku.weight_g, len(sku.barcodes)) == ("เสื้อยืดใหม่", "249.00", 180, 1)


def test_a_bundle_keeps_its_parts(desk: Desk):
    desk.take([["SKU", "Name", "Price"], ["RU-0100", "ชุดใหม่", "500"]], kind=IntakeKind.PRODUCTS)
    bundle = db.session.get(Sku, desk.shop.bundle)
    assert (bundle.name, len(bundle.components)) == ("ชุดใหม่", 2)


def test_customers_are_found_again_by_phone_however_it_is_written(desk: Desk):
    rows = [
        ["ชื่อ", "เบอร์โทร", "ไลน์", "ที่อยู่", "จังหวัด", "รหัสไปรษณีย์", "เลขผู้เสียภาษี"],
        ["บุญมี", "081-234-5678", "bm99", "1 ถ.สุขุมวิท", "กรุงเทพมหานคร", "10110", ""],
        ["ไม่มีเบอร์", "", "", "", "", "", ""],
        ["เบอร์เสีย", "12", "", "", "", "", ""],
    ]
    run = desk.take(rows, kind=IntakeKind.CUSTOMERS)
    assert counts(run) == {"created": 2, "quarantined": 1}
    assert total(CustomerIdentity) == 2
    again = desk.take(
        [["Name", "Phone", "Email", "Address", "Postcode"], ["บุญมี", "812345678", "b@x.th", "2 ถ.พระราม 4", "10500"]],
        kind=IntakeKind.CUSTOMERS,
    )
    assert counts(again) == {"updated": 1}
    assert (total(Customer), total(CustomerAddress)) == (2, 2)


def test_opening_stock_opens_once_and_later_files_are_counts(desk: Desk):
    desk.take([["SKU", "Name"], ["NEW-1", "ใหม่"], ["NEW-2", "ใหม่ 2"]], kind=IntakeKind.PRODUCTS)
    rows = [["SKU", "คลัง", "จำนวน"], ["NEW-1", "BKK", "25"], ["NEW-2", "CNX", "7"], ["NOPE", "BKK", "1"],
            ["NEW-1", "XXX", "1"], ["NEW-1", "BKK", "-3"]]  # fmt: skip
    run = desk.take(rows[:5], kind=IntakeKind.STOCK)
    assert counts(run) == {"created": 2, "quarantined": 2}
    assert desk.problems(run.id) == [(4, "sku_unknown"), (5, "warehouse_unknown")]
    assert counts(desk.take(rows[:3], kind=IntakeKind.STOCK)) == {"unchanged": 2}
    moves = total(StockMovement)
    assert counts(desk.take([rows[0], ["NEW-1", "BKK", "20"]], kind=IntakeKind.STOCK)) == {"updated": 1}
    assert total(StockMovement) == moves + 1
    level = db.session.scalars(select(StockLevel).join(Sku).where(Sku.code == "NEW-1")).one()
    assert level.on_hand == 20


def test_a_stock_file_reaches_the_warehouses_of_whoever_brought_it(desk: Desk, actor):
    """The background writes with the limits of the clerk who uploaded; a row about another place waits, whatever it says."""
    clerk = actor("manager")
    with transaction(system("test")) as tx:
        tx.session.add(StaffScope(user_id=clerk.user_id, kind="warehouse", ref_id=desk.shop.bkk))
    desk.actor = clerk
    rows = [["SKU", "คลัง", "จำนวน"], ["RU-0001", "BKK", "900"], ["RU-0001", "CNX", "7"], ["RU-0002", "CNX", "0"]]
    run_id = desk.upload(rows, kind=IntakeKind.STOCK)
    with transaction(system("worker")) as tx:
        acting = pipeline.clerk(tx, desk.run(run_id))
    pipeline.carry_out(lambda: transaction(acting), desk.root, run_id)
    with desk.unit() as tx:
        intake.commit_run(tx, run_id, queue=False)
    pipeline.carry_out(lambda: transaction(acting), desk.root, run_id)
    run = desk.run(run_id)
    assert counts(run) == {"updated": 1, "quarantined": 2}
    assert run.planned == run.written
    assert desk.problems(run_id) == [(3, "warehouse_scope"), (4, "warehouse_scope")]
    levels = {r[0]: r[1] for r in db.session.execute(
        select(StockLevel.warehouse_id, StockLevel.on_hand).join(Sku).where(Sku.code == "RU-0001")
    )}  # fmt: skip
    assert levels == {desk.shop.bkk: 900}


def test_the_same_sku_with_two_prices_waits(desk: Desk):
    run = desk.take([["SKU", "Name", "Price"], ["D", "ก", "1"], ["D", "ก", "2"]], kind=IntakeKind.PRODUCTS)
    assert counts(run) == {"quarantined": 2}
    assert desk.problems(run.id) == [(3, "record_twice")]
    assert total(Product) == 1


def test_an_order_file_is_refused_as_a_product_file(desk: Desk):
    run = desk.check([["Order ID", "Status"], ["1", "2"]], kind=IntakeKind.PRODUCTS)
    assert (run.status, run.refusal["code"]) == (RunStatus.REFUSED, "file_columns")
