"""The screens of the intake and of exports: what each role may open, what a refusal says, and that nothing is lost."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.catalog.models import Shop, Sku
from oms.db import db, transaction
from oms.importing import pipeline
from oms.intake.models import ColumnMap, IntakeRun
from oms.intake.states import RunStatus
from oms.orders.models import Order
from oms.shipping.models import Parcel
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo, place_orders
from oms.usecases.shipping_boxes import make_ready
from tests.importing.test_formats import NOW
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample
from tests.shop import small_shop
from tests.usecases.money import paid
from tests.views.panel import Panel, make_logins


def send(panel: Panel, content: bytes, name: str = "orders.csv", **fields):
    panel.get("/intake/upload")
    body = {"csrf_token": panel.token, "kind": "orders", "shop": "shopee-th", "format": ""} | fields
    body["file"] = (io.BytesIO(content), name)
    panel._fresh()
    return panel.client.post(
        "/intake/upload/file",
        data=body,
        content_type="multipart/form-data",
        headers={"Referer": "http://localhost/intake/upload"},
    )


def work(web, run_id: int) -> None:
    """What the background does."""
    root = web.extensions["oms.settings"].files_dir
    with clock.at(NOW):
        pipeline.carry_out(lambda: transaction(system("job")), root, run_id)


def last_run() -> IntakeRun:
    db.session.expire_all()
    return db.session.scalars(select(IntakeRun).order_by(IntakeRun.id.desc()).limit(1)).one()


@pytest.fixture
def panel(web):
    make_logins(web)
    with transaction(system("test")) as tx:
        small_shop(tx, pieces=100)
    return Panel(web, "sales")


def test_a_file_goes_from_upload_to_orders_on_screen(web, panel):
    answer = send(panel, market.as_csv(market.shopee([Sample("W1"), Sample("W2", (Item("NEU"),))])))
    assert answer.status_code == 303
    run = last_run()
    assert panel.json(f"/intake/runs/{run.id}/progress")["done"] is False
    assert "progress" in panel.get(f"/intake/runs/{run.id}").text
    work(web, run.id)
    page = panel.get(f"/intake/runs/{run.id}").text
    assert "NEU" in page
    assert "W2" in page
    assert db.session.scalar(select(func.count()).select_from(Order)) == 0
    panel.post(f"/intake/runs/{run.id}/commit")
    work(web, run.id)
    assert last_run().status is RunStatus.DONE
    assert db.session.scalar(select(func.count()).select_from(Order)) == 1
    errors = panel.get(f"/intake/runs/{run.id}/errors.csv")
    assert errors.data.startswith(b"\xef\xbb\xbf")
    assert errors.data.count(b"\r\n") == 2
    waiting = panel.get("/quarantine/").text
    assert "NEU" in waiting
    panel.post("/quarantine/map", shop_id=run.shop_id, external_sku="NEU", sku="RU-0001", multiplier=1)
    assert db.session.scalar(select(func.count()).select_from(Order)) == 2
    assert "NEU" not in panel.get("/quarantine/").text


def test_the_error_file_is_mended_and_taken_in_again(web, panel):
    rows = market.shopee([Sample("E1"), Sample("E2", name="=HYPERLINK(1)")])
    column = rows[0].index("จำนวน")
    rows[2][column] = "สอง"
    send(panel, market.as_csv(rows))
    run = last_run()
    work(web, run.id)
    panel.post(f"/intake/runs/{run.id}/commit")
    work(web, run.id)
    content = panel.get(f"/intake/runs/{run.id}/errors.csv").data.decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in content
    send(panel, content.replace("สอง,", "2,", 1).encode("utf-8-sig"), "mended.csv")
    again = last_run()
    work(web, again.id)
    panel.post(f"/intake/runs/{again.id}/commit")
    work(web, again.id)
    assert (last_run().created, last_run().quarantined) == (1, 0)
    names = set(db.session.scalars(select(Order.ship_name)))
    assert "=HYPERLINK(1)" in names, "the apostrophe only guarded the spreadsheet"


@pytest.mark.parametrize(("content", "name", "said"), [
    (b"", "a.csv", "file_empty"), (b"PK\x03\x04x", "a.xlsx", "file_damaged"), (b"a,b\n1,2\n", "a.csv", "file_columns"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_says_why_in_thai(web, panel, content, name, said):
    send(panel, content, name)
    run = last_run()
    work(web, run.id)
    assert last_run().refusal["code"] == said
    page = panel.get(f"/intake/runs/{run.id}").text
    assert "ไฟล์นี้ไม่ได้นำเข้า" in page
    assert db.session.scalar(select(func.count()).select_from(Order)) == 0


def test_no_file_another_shop_and_no_token_are_refused(web, panel):
    panel.get("/intake/upload")
    answer = panel.post("/intake/upload/file", kind="orders", shop="shopee-th")
    assert answer.status_code in {303, 422}
    assert send(panel, b"x,y\n1,2\n", shop="no-such").status_code in {303, 404}
    panel.token = "wrong"
    panel._fresh()
    body = {"file": (io.BytesIO(b"x"), "a.csv"), "shop": "shopee-th"}
    refused = panel.client.post("/intake/upload/file", data=body, content_type="multipart/form-data")
    assert refused.status_code in {302, 303, 400}
    assert db.session.scalar(select(func.count()).select_from(IntakeRun)) == 0


def test_an_own_file_is_read_by_the_map_a_clerk_saves(web, panel):
    rows = [["เลขบิล", "โค้ด", "กี่ชิ้น", "ผู้ซื้อ"], ["B-1", "RU-0001", "2", "สมศรี"]]
    send(panel, market.as_csv(rows, "cp874"), "mine.csv")
    run = last_run()
    work(web, run.id)
    page = panel.get(f"/intake/runs/{run.id}/map").text
    assert "เลขบิล" in page
    fields = {"c_external_no": "เลขบิล", "c_sku": "โค้ด", "c_quantity": "กี่ชิ้น", "c_name": "ผู้ซื้อ"}
    panel.post(f"/intake/runs/{run.id}/map/save", name="ร้านเรา", era="auto", stages="", **fields)
    again = last_run()
    assert again.id != run.id
    work(web, again.id)
    assert (last_run().status, last_run().planned["created"]) == (RunStatus.CHECKED, 1)
    assert db.session.scalars(select(ColumnMap.name)).one() == "ร้านเรา"
    assert "ร้านเรา" in panel.get("/intake/upload").text


@pytest.mark.parametrize(("role", "allowed"), [
    ("owner", True), ("manager", True), ("sales", True), ("cashier", False), ("warehouse", False), ("viewer", False),
])  # fmt: skip
def test_only_those_who_may_import_see_the_screens(web, role, allowed):
    make_logins(web)
    panel = Panel(web, role)
    for path in ("/intake/upload", "/intake/runs", "/quarantine/", "/conflicts/", "/gaps/"):
        answer = panel.get(path)
        own = role in {"cashier", "warehouse"} and path.startswith("/intake/")  # statements; tracking numbers
        assert (answer.status_code == 200) is (allowed or own), (path, answer.status_code)


def test_a_packer_takes_tracking_numbers_in_and_no_other_file(web, panel):
    packer = Panel(web, "warehouse")
    form = packer.get("/intake/upload?kind=tracking").text
    assert 'value="tracking" selected' in form
    assert 'value="orders"' not in form
    assert "Lalamove" in form
    with transaction(system("test")) as tx:
        placed = place_orders(tx, [replace(shop_order(tx), external_no="C1")])[0]
        paid(tx, (placed.order_id, tx.session.get_one(Order, placed.order_id).total.amount))
        make_ready(tx, [placed.order_id])
    file = market.as_csv([["Order No", "PNO"], ["C1", "TH0112BX4K4A"], ["C9", "TH01011C27"]])
    assert send(packer, file, kind="tracking", carrier="Flash Express").status_code == 303
    run_id = last_run().id
    work(web, run_id)
    shown = packer.get(f"/intake/runs/{run_id}").text
    assert "ไม่พบการจัดส่งของคุณตามเลข C9" in shown
    packer.post(f"/intake/runs/{run_id}/commit")
    work(web, run_id)
    assert db.session.scalars(select(Parcel.tracking_no).where(Parcel.is_live)).all() == ["TH0112BX4K4A"]
    for fields in ({"kind": "orders"}, {"kind": "cod", "carrier": "Flash"}, {"kind": "tracking", "carrier": ""}):
        send(packer, file, **fields)
        assert last_run().id == run_id, fields


def shop_order(tx) -> PlaceOrder:
    """One piece for a known buyer, confirmed."""
    sku, shop = tx.session.scalars(select(Sku.id).order_by(Sku.id)).first(), tx.session.scalars(select(Shop.id)).first()
    to = ShipTo("กนกวรรณ ป้อมปราการ", "080-000-1234", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
    return PlaceOrder(shop_id=shop, lines=(NewLine(sku, 1),), ship_to=to, confirm=True)


def test_lists_are_exported_and_the_asking_is_on_record(web, panel):
    owner = Panel(web, "owner")
    assert owner.get("/export/").status_code == 200
    assert owner.get("/export/skus/start").status_code == 200
    with owner.get("/export/skus?format=csv&columns=sku&columns=price") as answer:
        assert answer.data.decode("utf-8-sig").splitlines()[1] == "RU-0001,100.00"
    with owner.get("/export/skus?format=xlsx") as answer:
        assert answer.data.startswith(b"PK")
    assert owner.get("/export/nothing").status_code == 404
    assert panel.get("/export/skus").status_code in {302, 403}, "sales may not export"


def test_a_post_of_200_megabytes_is_answered_with_a_sentence_and_keeps_nothing(web, panel):
    panel.get("/intake/upload")
    panel._fresh()
    length = str(200 * 1024 * 1024)
    answer = panel.client.post(
        "/intake/upload/file", input_stream=io.BytesIO(b"--x\r\n"), content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": length},
    )  # fmt: skip
    assert answer.status_code == 413
    assert "151 MB" in answer.text
    assert db.session.scalar(select(func.count()).select_from(IntakeRun)) == 0
