"""The screens of labels: choose, watch, fetch, mend, print again; one label at once; waybills; settings."""

from __future__ import annotations

import io
import re
from typing import Any

import pypdfium2
import pytest
from sqlalchemy import event, select

from jobs import labels as job
from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.documents.labels.models import LabelBatch, LabelPrint, LabelSetting, PhoneShown, Waybill
from oms.documents.labels.papers import Paper
from oms.intake import files
from oms.inventory.models import Warehouse
from oms.orders.states import CancelReason, PaymentTerm
from oms.outbox import Outbox
from oms.shipping.models import Shipment
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping_boxes import make_ready
from tests.documents.test_labels import text_of, waybill
from tests.shop import SmallShop, small_shop
from tests.views.panel import Panel, make_logins


@pytest.fixture
def shop(web) -> SmallShop:
    make_logins(web)
    with transaction(system("test")) as tx:
        made = small_shop(tx, pieces=1000)
        place = tx.session.get_one(Warehouse, made.bkk)
        place.address, place.phone = "88/8 หมู่ 4 ต.บางพลีใหญ่ สมุทรปราการ 10540", "021234567"
        return made


@pytest.fixture
def panel(web, shop) -> Panel:
    made = Panel(web, "warehouse")
    made.get("/language/en?next=/")
    made.get("/desk/")
    return made


def fetched(panel: Panel, path: str) -> bytes:
    answer = panel.get(path)
    assert answer.status_code == 200, path
    data = answer.data
    answer.close()
    return data


def boxes(shop: SmallShop, count: int, **facts: Any) -> list[tuple[int, int]]:
    """(order id, shipment id) of COD orders that are ready to pick."""
    words = {"payment_term": PaymentTerm.COD, "confirm": True} | facts
    with transaction(system("test")) as tx:
        placed = [p.order_id for p in place_orders(tx, [shop.order(**words) for _ in range(count)])]
        return [(o, a.shipment_id) for o, a in make_ready(tx, placed).items()]


def number(shipment_id: int) -> str:
    return db.session.get_one(Shipment, shipment_id).number


def work_off(web) -> None:
    """What the background would do."""
    db.session.rollback()
    with transaction(system("worker")) as tx:
        ids = tx.session.scalars(select(Outbox.id).where(Outbox.topic == job.TOPIC, Outbox.status == "waiting")).all()
        works = [w for i in ids if (w := outbox.claim(tx, i))]
    for work in works:
        job.walk(work)
    db.session.expire_all()


def asked(panel: Panel, ids: list[int], **more: Any) -> int:
    answer = panel.post("/labels/make", paper="100x150", ids=",".join(map(str, ids)), phone="booked", cover=1, **more)
    assert answer.status_code == 303, answer.text[:400]
    return int(answer.location.rpartition("/")[2])


def test_from_the_list_to_the_printer_and_what_was_refused(panel, web, shop):
    made = boxes(shop, 3)
    with transaction(system("test")) as tx:
        cancel_order(tx, CancelOrder(made[1][0], CancelReason.CUSTOMER))
    start = panel.post("/labels/start", data=[("rowid", o) for o, _ in made])
    assert start.status_code == 200
    assert "Print 3" in start.text
    answer = panel.post(
        "/labels/make", paper="a6", orders=",".join(str(o) for o, _ in made), phone="always", cover=1, items=1, key="k1"
    )
    batch_id = int(answer.location.rpartition("/")[2])
    assert panel.post("/labels/make", paper="a6", orders=str(made[0][0]), key="k1").location == answer.location
    page = panel.get(f"/labels/{batch_id}")
    assert "data-poll" in page.text
    assert panel.json(f"/labels/{batch_id}/state")["done"] is False
    work_off(web)
    assert panel.json(f"/labels/{batch_id}/state") == {"value": 4, "max": 4, "text": "2 labels", "done": True}
    page = panel.get(f"/labels/{batch_id}").text
    assert "2 labels in one PDF" in page
    assert "Try these again" in page
    printer = panel.get(f"/labels/{batch_id}/print", follow_redirects=True)
    assert "frame-src 'self'" in printer.headers["Content-Security-Policy"]
    source = re.search(r'iframe class="paper" data-paper src="([^"]+)"', printer.text)[1]
    pdf = panel.get(source)
    assert pdf.mimetype == "application/pdf"
    assert pdf.headers["Content-Disposition"].startswith("inline")
    assert "frame-ancestors 'self'" in pdf.headers["Content-Security-Policy"]
    assert len(pypdfium2.PdfDocument(pdf.data)) == 3
    assert "080xxxxx34" in text_of(pdf.data)
    pdf.close()
    assert f"#{batch_id}" in panel.get("/labels/").text


def test_a_reprint_asks_why_and_a_batch_can_be_printed_again(panel, web, shop):
    (_, box), *_ = boxes(shop, 1)
    batch_id = asked(panel, [box])
    work_off(web)
    assert "have a label already" in panel.get(f"/labels/start?ids={box}").text
    back = panel.post("/labels/make", paper="a6", ids=str(box), phone="booked")
    assert (back.status_code, db.session.query(LabelBatch).count()) == (422, 1)
    again = panel.post(f"/labels/{batch_id}/again", rows="printed", reason="Paper jam")
    assert 'value="Paper jam"' in again.text
    second = asked(panel, [box], reason="Paper jam")
    work_off(web)
    key = db.session.get_one(LabelBatch, second).file_key
    assert "สำเนา1/COPY1" in text_of(fetched(panel, f"/labels/file/{key}"))


def test_one_label_for_the_packing_table_and_for_a_page(panel, web, shop):
    (_, box), (_, other) = boxes(shop, 2)
    headers = {"Accept": "application/pdf", "X-CSRFToken": panel.token}
    panel.get("/labels/")
    headers["X-CSRFToken"] = panel.token
    panel._fresh()
    first = panel.client.post(f"/labels/shipment/{box}/print", headers=headers)
    assert (first.status_code, first.mimetype) == (200, "application/pdf")
    assert number(box) in text_of(first.data)
    panel._fresh()
    second = panel.client.post(f"/labels/shipment/{box}/print", headers=headers)
    assert (second.status_code, second.json["error"]["code"]) == (409, "label_printed_before")
    page = panel.post(f"/labels/shipment/{box}/print")
    assert page.location.endswith(f"/labels/shipment/{box}/again")
    assert "was printed 1 times" in panel.get(page.location).text
    done = panel.post(f"/labels/shipment/{box}/print", reason="Lost", paper="100x100")
    assert re.search(r"/labels/file/[0-9a-f]+/print", done.location)
    shown = panel.get(done.location)
    assert shown.status_code == 200
    fresh = panel.post(f"/labels/shipment/{other}/print")
    assert "/file/" in fresh.location
    assert [(p.shipment_id, p.copy) for p in db.session.scalars(select(LabelPrint).order_by(LabelPrint.id))] == [
        (box, 0), (box, 1), (other, 0),
    ]  # fmt: skip


def test_files_and_batches_of_others_are_not_to_be_had(panel, web, shop):
    (_, box), *_ = boxes(shop, 1)
    batch_id = asked(panel, [box])
    work_off(web)
    key = db.session.get_one(LabelBatch, batch_id).file_key
    with transaction(system("test")) as tx:
        tx.session.get_one(LabelBatch, batch_id).user_id = 4711
        files.find_file(tx, key).user_id = 4711
    for path in (
        f"/labels/{batch_id}",
        f"/labels/{batch_id}/state",
        f"/labels/file/{key}",
        f"/labels/file/{key}/print",
    ):
        assert panel.get(path, headers={"Accept": "text/html"}).status_code == 404, path
    assert fetched(Panel(web, "manager"), f"/labels/file/{key}")
    assert Panel(web, "viewer").get("/labels/").status_code in {302, 403}
    with transaction(system("test")) as tx:
        secret = files.keep(web.extensions["oms.settings"].files_dir, io.BytesIO(b"x"), "s.pdf")
        files.register(tx, secret, "slip", "image/jpeg")
    assert Panel(web, "manager").get(f"/labels/file/{secret.key}").status_code == 404


def test_waybills_are_dropped_in_and_matched(panel, web, shop):
    made = boxes(shop, 2, shop_id=shop.shopee, external_no=None)
    with transaction(system("test")) as tx:
        from oms.orders.models import Order

        tx.session.get_one(Order, made[0][0]).external_no = "2402KX7Y9A"
        tx.session.get_one(Order, made[1][0]).external_no = "2402ZZZZZZ"
    panel.get("/labels/waybills/")

    def send(*sent: tuple[bytes, str]) -> Any:
        panel._fresh()
        data = {"csrf_token": panel.token, "file": [(io.BytesIO(b), n) for b, n in sent]}
        return panel.client.post(
            "/labels/waybills/upload", data=data, headers={"Accept": "application/json"},
            content_type="multipart/form-data",
        ).json["results"]  # fmt: skip

    unknown = waybill("UNKNOWN9")
    results = send((waybill("2402KX7Y9A"), "a.pdf"), (b"nonsense", "b.pdf"), (unknown, "c.pdf"))
    assert [r["ok"] for r in results] == [True, False, True]
    assert results[0]["text"] == "1 pages matched"
    assert results[1]["text"] == "The file is not a PDF"
    assert "1 wait for you" in results[2]["text"]
    assert send((unknown, "c.pdf"))[0]["text"] == "taken in before, nothing changed"
    page = panel.get("/labels/waybills/").text
    waiting = int(re.search(r"/labels/waybills/(\d+)/assign", page)[1])
    assert "UNKNOWN9" in page
    panel.post(f"/labels/waybills/{waiting}/assign", number="2402ZZZZZZ")
    rows = db.session.scalars(select(Waybill).order_by(Waybill.id).execution_options(populate_existing=True)).all()
    assert [w.order_id for w in rows] == [o for o, _ in made]
    saved = panel.get(f"/labels/waybills/{waiting}/file")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    saved.close()
    kept = [p for p in web.extensions["oms.settings"].files_dir.rglob("*") if p.is_file()]
    assert {p.name for p in kept} >= {w.file_key for w in rows}


def test_the_settings_and_the_sample(web, shop):
    from PIL import Image

    manager = Panel(web, "manager")
    manager.get("/language/en?next=/")
    page = manager.get("/labels/settings/")
    assert page.status_code == 200
    logo = io.BytesIO()
    Image.new("RGB", (200, 80), "#000").save(logo, "PNG")
    manager._fresh()
    saved = manager.client.post(
        "/labels/settings/",
        data={
            "csrf_token": manager.token, "paper": "a5", "phone": "never", "sender_name": "ร้านทดสอบ", "cover": "y",
            "logo": (io.BytesIO(logo.getvalue()), "logo.png"),
        },
        content_type="multipart/form-data",
    )  # fmt: skip
    assert saved.status_code == 303, saved.text[:300]
    row = db.session.get_one(LabelSetting, 1)
    assert (row.paper, row.phone, row.show_items, row.sender_name) == (Paper.A5, PhoneShown.NEVER, False, "ร้านทดสอบ")
    assert fetched(manager, "/labels/settings/logo")[:3] == b"\xff\xd8\xff"
    assert "ร้านทดสอบ" in text_of(fetched(manager, "/labels/settings/sample"))
    assert Panel(web, "warehouse").get("/labels/settings/").status_code in {302, 403}


def test_the_list_of_batches_takes_the_same_statements_for_one_and_for_many(panel, web, shop):
    made = boxes(shop, 6)
    asked(panel, [made[0][1]])
    panel.get("/labels/")
    seen: list[str] = []
    engine = db.session.get_bind().engine
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    try:
        panel.get("/labels/")
        one = len(seen)
        for _, box in made[1:]:
            asked(panel, [box])
        del seen[:]
        panel.get("/labels/")
        assert len(seen) <= one + 1
    finally:
        event.remove(engine, "before_cursor_execute", listener)
