"""The screens of the floor: shipments, picking lists, the packing station, hand-over sheets."""

from __future__ import annotations

import io
import re

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import event, select

from oms.actor import system
from oms.db import db, transaction
from oms.orders.states import PaymentTerm
from oms.shipping.floor.models import Manifest, PackingRules, PickBatch, ShipmentRun
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import PackShipment, mark_labeled, pack_shipment
from tests.shop import SmallShop, small_shop
from tests.views.panel import Panel, make_logins

S = ShipmentStatus


@pytest.fixture
def shop(web) -> SmallShop:
    make_logins(web)
    with transaction(system("test")) as tx:
        return small_shop(tx, pieces=1000)


def orders(shop: SmallShop, count: int, *lines: tuple[int, int], ready: bool = True, **facts: object) -> list[int]:
    """Ids of the shipments (or, not made ready, of the orders) of new COD orders."""
    words = {"payment_term": PaymentTerm.COD, "confirm": True, "carrier": "Flash Express"} | facts
    with transaction(system("test")) as tx:
        placed = [
            p.order_id for p in place_orders(tx, [shop.order(*(lines or ((0, 1),)), **words) for _ in range(count)])
        ]
        return [a.shipment_id for a in make_ready(tx, placed).values()] if ready else placed


def labeled(ids: list[int]) -> None:
    with transaction(system("test")) as tx:
        for i in ids:
            pack_shipment(tx, PackShipment(i))
        mark_labeled(tx, ids)


def number(shipment_id: int) -> str:
    return db.session.get_one(Shipment, shipment_id).number


def statuses() -> list[str]:
    db.session.expire_all()
    return sorted(s.value for s in db.session.scalars(select(Shipment.status)))


@pytest.fixture
def panel(web, shop) -> Panel:
    made = Panel(web, "warehouse")
    made.get("/language/en?next=/")
    return made


def scan(panel: Panel, shop: SmallShop, *codes: str, station: str = "T1", keys: str = "k"):
    page = panel.get("/pack/")
    token = re.search(r'data-token="([^"]+)"', page.text)[1]
    panel._fresh()
    body = {
        "station": station,
        "warehouse": shop.bkk,
        "scans": [{"key": f"{keys}{n}", "code": c} for n, c in enumerate(codes)],
    }
    answer = panel.client.post(
        "/pack/scan", json=body, headers={"X-CSRFToken": token, "Referer": "http://localhost/pack/"}
    )
    return answer.json


def test_the_station_judges_a_row_of_scans_and_shows_what_lies_on_the_table(panel, shop):
    first, _ = orders(shop, 2, (0, 2), (1, 1))
    said = scan(panel, shop, number(first), "RU-0001", "RU-0003", "RU-0001")
    assert [a["outcome"] for a in said["answers"]] == ["ok", "ok", "wrong_item", "not_seen"]
    assert said["desk"]["stopped"]["message"].startswith("Wrong item: RU-0003")
    assert (said["desk"]["counted"], said["desk"]["wanted"]) == (1, 3)
    assert said["pace"] == {"packed": 0, "mine": 0, "total": 2, "misses": 1}
    state = panel.json("/pack/state", station="T1", warehouse=shop.bkk)
    assert state["desk"] == said["desk"]
    assert panel.json("/pack/state", station="T2", warehouse=shop.bkk)["desk"] is None
    said = scan(panel, shop, "RUAM-OK", "RU-0001", "RU-0002", keys="m")
    assert [bool(a["packed"]) for a in said["answers"]] == [False, False, True]
    assert (said["desk"], said["pace"]["packed"], said["before"][0]["id"]) == (None, 1, first)
    assert statuses() == ["packed", "ready"]


def test_what_is_no_scan_is_told_and_nothing_is_judged(panel, shop):
    said = scan(panel, shop, *[""] * 1, station="")
    assert said["answers"][0]["outcome"] == "missing"
    assert panel.client.post("/pack/scan", json={}).status_code == 400  # no token
    assert said["desk"] is None


def test_the_station_asks_for_the_right_to_pack(web, shop):
    sales = Panel(web, "sales")
    assert sales.get("/pack/").status_code == 403
    assert sales.get("/manifests/").status_code == 403
    assert sales.get("/picking/").status_code == 403
    assert sales.get("/shipments/list/ready").status_code == 200


def test_how_a_warehouse_packs_is_kept(web, shop):
    owner = Panel(web, "owner")
    owner.get("/language/en?next=/")
    assert "Every box is weighed" in owner.get("/pack/settings").text
    owner.post(f"/pack/settings/{shop.bkk}", weigh="on", quantity_from="12")
    kept = db.session.get_one(PackingRules, shop.bkk)
    assert (kept.by_hand, kept.weigh, kept.quantity_from) == (False, True, 12)
    assert "RUAM-OK" in owner.get("/pack/commands").text


def test_the_queues_count_filter_search_and_page(panel, shop):
    ready = orders(shop, 3)
    orders(shop, 1, (1, 2), carrier="KEX Express", external_no="EXT-77", shop_id=shop.shopee)
    page = panel.get("/shipments/list/ready").text
    assert all(number(i) in page for i in ready)
    assert re.search(r"Ready to pick <b>4</b>", page)
    only = panel.get("/shipments/list/ready?carrier=KEX+Express").text
    assert number(ready[0]) not in only
    assert "EXT-77" in only
    for query in ("q=EXT-77", "channel=shopee", f"q={number(ready[-1] + 1)}"):
        found = panel.get(f"/shipments/list/ready?{query}").text
        assert ("EXT-77" in found, number(ready[0]) in found) == (True, False), query
    assert number(ready[1]) in panel.get("/shipments/list/all?cod=yes").text
    assert number(ready[1]) not in panel.get("/shipments/list/all?label=yes").text
    assert panel.get("/shipments/list/ready?due=never").status_code == 422
    assert "No shipment fits this filter" in panel.get("/shipments/list/ready?q=nobody").text


def test_pages_follow_one_another_without_gap_or_repeat(web, panel, shop, monkeypatch):
    from oms.shipping import listing

    made = orders(shop, 7)
    monkeypatch.setattr(listing.page, "__defaults__", ("", 3))
    for key in ("ready", "all"):
        seen, path = [], f"/shipments/list/{key}"
        for _ in range(3):
            text = panel.get(path).text
            seen += re.findall(r'name="rowid" value="(\d+)"', text)
            following = re.search(r'rel="next" href="([^"]+)"', text)
            path = following[1].replace("&amp;", "&") if following else ""
        assert path == ""
        assert sorted(map(int, seen)) == sorted(made), key


def test_paid_orders_without_a_shipment_are_offered_and_made_ready(panel, shop):
    orders(shop, 3, ready=False)
    page = panel.get(f"/shipments/list/ready?warehouse={shop.bkk}").text
    assert "3 paid orders have no shipment yet" in page
    panel.post("/shipments/make-ready", warehouse=shop.bkk)
    assert statuses() == ["ready"] * 3


def test_one_action_on_many_shows_what_came_of_each(panel, shop):
    first, second, third = orders(shop, 3)
    labeled([first])
    panel.get("/shipments/list/all")
    ids = [("rowid", str(i)) for i in (first, second, 999)]
    answer = panel.post("/shipments/work", ids, action="carrier", carrier="KEX Express", key="form1")
    page = panel.get(answer.location).text
    assert "Not possible · 2" in page
    assert "The label of" in page
    assert "Done · 1" in page
    again = panel.post("/shipments/work", ids, action="carrier", carrier="KEX Express", key="form1")
    assert again.location == answer.location
    answer = panel.post(
        "/shipments/work", [("rowid", str(first)), ("rowid", str(second))], action="hand_over", key="f2"
    )
    assert statuses() == ["handed_over", "ready", "ready"]
    assert "Not possible · 1" in panel.get(answer.location).text
    answer = panel.post("/shipments/work", [("all", "1")], action="pick", queue="ready", key="f3")
    batch = db.session.scalars(select(PickBatch)).one()
    assert answer.location.endswith(f"/picking/{batch.id}")
    assert db.session.scalar(select(ShipmentRun.user_label).limit(1)) is not None
    assert third


def test_a_shipment_page_says_what_may_be_done_and_why_not(panel, shop):
    (one,) = orders(shop, 1, (0, 2), (1, 1))
    page = panel.get(f"/shipments/{one}").text
    assert "Pack without scanning" in page
    assert "It is Ready; this needs another state" in page
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    panel.post(f"/shipments/{one}/pack", version=version, boxes=2, weights="350, 900")
    page = panel.get(f"/shipments/{one}").text
    assert all(words in page for words in ("Box 2", "900 g", "packed, boxes: 2"))
    parcel = re.search(r'name="parcel" value="(\d+)"', page)[1]
    panel.post(f"/shipments/{one}/tracking", parcel=parcel, carrier="Flash Express", tracking_no="TH0001")
    assert "TH0001" in panel.get(f"/shipments/{one}").text
    assert panel.post(f"/shipments/{one}/void-label", reason="x").status_code == 403
    panel.post(f"/shipments/{one}/pull-back", reason="หยิบผิด")
    assert statuses() == ["planned"]
    panel.post(f"/shipments/{one}/ready")
    assert statuses() == ["ready"]
    panel.post(f"/shipments/{one}/cancel", reason="ยกเลิกใบนี้")
    assert statuses() == ["canceled"]
    assert panel.get("/shipments/999999").status_code == 404


def test_a_shipment_is_split_on_its_page(panel, shop):
    (one,) = orders(shop, 1, (0, 5))
    page = panel.get(f"/shipments/{one}").text
    line = re.search(r'name="(line-\d+)"', page)[1]
    panel.post(f"/shipments/{one}/split", [(line, "2")])
    assert statuses() == ["ready", "ready"]
    assert "goes in" in panel.get(f"/shipments/{one}").text


def test_orders_of_one_buyer_are_proposed_and_put_in_one_box(panel, shop):
    orders(shop, 2)
    page = panel.get("/shipments/together").text
    assert page.count('name="order"') == 2
    ids = re.findall(r'name="order" value="(\d+)"', page)
    answer = panel.post("/shipments/together", [("order", i) for i in ids], warehouse=shop.bkk)
    assert answer.status_code == 303
    assert statuses() == ["canceled", "canceled", "ready"]
    assert "Take the orders apart" in panel.get(answer.location).text


def test_a_picking_list_is_made_walked_and_printed(panel, shop):
    orders(shop, 3, (0, 1), (1, 2))
    page = panel.get("/picking/").text
    key = re.search(r'name="key" value="(\w+)"', page)[1]
    answer = panel.post("/picking/make", warehouse=shop.bkk, count=2, key=key)
    assert panel.post("/picking/make", warehouse=shop.bkk, count=2, key=key).location == answer.location
    page = panel.get(answer.location).text
    assert "0 / 6" in page
    token = re.search(r'data-token="([^"]+)"', page)[1]
    panel._fresh()
    headers = {"X-CSRFToken": token, "Referer": "http://localhost/"}
    said = panel.client.post(f"{answer.location}/pick", json={"key": "a", "code": "RU-0001"}, headers=headers).json
    assert (said["outcome"], said["tote"], said["picked"]) == ("ok", 1, 1)
    panel._fresh()
    said = panel.client.post(f"{answer.location}/pick", json={"key": "b", "code": "RU-0004"}, headers=headers).json
    assert (said["outcome"], said["message"]) == ("not_on_list", "This is not on the list")
    paper = panel.get(f"{answer.location}/paper.pdf")
    assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
    panel.post(f"{answer.location}/short", sku=shop.skus[1], missing=1, note="ชั้นว่าง")
    assert "Tote 2 is stopped" not in panel.get(answer.location).text
    panel.post(f"{answer.location}/finish")
    assert db.session.scalars(select(PickBatch)).one().status.value == "picked"
    assert statuses() == ["picking", "planned", "ready"]


def test_a_sheet_is_opened_scanned_closed_and_printed(panel, shop):
    ids = orders(shop, 2)
    labeled(ids)
    page = panel.get("/manifests/").text
    assert re.search(r"Flash Express.*?<div class=\"big\">2</div>", page, re.DOTALL)
    answer = panel.post("/manifests/open", carrier="Flash Express", warehouse=shop.bkk)
    page = panel.get(answer.location).text
    assert "2 labels are printed and not scanned yet" in page
    token = re.search(r'data-token="([^"]+)"', page)[1]
    panel._fresh()
    said = panel.client.post(f"{answer.location}/scan", json={"scans": [{"key": "a", "code": number(ids[0])}, {"key": "b", "code": "?"}]},
                             headers={"X-CSRFToken": token, "Referer": "http://localhost/"}).json  # fmt: skip
    assert [a["outcome"] for a in said["answers"]] == ["ok", "unknown_code"]
    assert (said["boxes"], said["cod"], len(said["late"]), said["misses"]) == (1, "฿100.00", 1, 1)
    panel.post(f"{answer.location}/close", driver="สมชาย")
    assert statuses() == ["handed_over", "labeled"]
    page = panel.get(answer.location).text
    assert all(words in page for words in ("Handed over", "สมชาย", "฿100.00"))
    paper = panel.get(f"{answer.location}/paper.pdf")
    assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
    assert db.session.scalars(select(Manifest)).one().parcels == 1


def test_shelves_are_filled_by_scanner_and_by_card(panel, shop):
    page = panel.get(f"/stock/shelves/?warehouse_id={shop.bkk}&location=a-01").text
    assert 'value="A-01"' in page
    answer = panel.post("/stock/shelves/keep", warehouse_id=shop.bkk, location="A-01", sku="RU-0001")
    assert "RU-0001" in panel.get(answer.location).text
    other = panel.post("/stock/shelves/keep", warehouse_id=shop.bkk, location="B-09", sku="RU-0002")
    assert "B-09" in other.location
    back = panel.post("/stock/shelves/keep", warehouse_id=shop.bkk, location="B-09", sku="a-01")
    assert "location=a-01" in back.location  # a known shelf scanned instead of a product is the next shelf
    assert "A-01" in panel.get(f"/stock/card/{shop.skus[0]}").text


@pytest.mark.parametrize("path", ["/shipments/list/ready", "/shipments/list/all", "/picking/", "/manifests/"])
def test_lists_cost_the_same_statements_for_few_and_for_many(panel, shop, path):
    costs = []
    for count in (2, 9):
        made = orders(shop, count)
        panel.post("/picking/make", warehouse=shop.bkk, count=1, key=f"c{count}")
        labeled(made[1:])
        for carrier in ("Flash Express", "KEX Express", "J&T Express")[: count // 3 + 1]:
            panel.post("/manifests/open", carrier=carrier, warehouse=shop.bkk)
        panel.get(path)
        seen: list[str] = []
        note = lambda *args, seen=seen: seen.append(args[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert panel.get(path).status_code == 200
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        costs.append(len(seen))
    assert costs[0] == costs[1], costs


def test_a_frame_of_a_camera_is_read_in_a_process_of_its_own(panel, shop):
    page = panel.get("/pack/")
    token = re.search(r'data-token="([^"]+)"', page.text)[1]
    assert 'data-frame="/pack/frame"' in page.text

    def sent(data: bytes):
        panel._fresh()
        headers = {"X-CSRFToken": token, "Referer": "http://localhost/pack/", "Accept": "application/json"}
        return panel.client.post("/pack/frame", data=data, content_type="image/jpeg", headers=headers)

    assert sent(frame_with("SH69-000012", "8850000000010")).json == {"codes": ["SH69-000012", "8850000000010"]}
    assert sent(frame_with()).json == {"codes": []}
    for broken in (b"", b"GIF89a", b"\xff\xd8\xff" + b"x" * 500, frame_with("A")[:200]):
        answer = sent(broken)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "frame_refused"), broken[:10]


def frame_with(*codes: str) -> bytes:
    """What a camera sees: a QR code and bar codes on a table, a little turned."""
    table = Image.new("L", (1280, 900), 205)
    for n, text in enumerate(codes):
        kind = zxingcpp.BarcodeFormat.QRCode if n == 0 else zxingcpp.BarcodeFormat.EAN13
        code = zxingcpp.create_barcode(text, kind)
        drawn = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=6)).convert("L")
        table.paste(drawn, (80, 60 + n * 420))
    out = io.BytesIO()
    table.rotate(3, fillcolor=205).convert("RGB").save(out, "JPEG", quality=80)
    return out.getvalue()


def test_labels_of_the_chosen_are_asked_for_and_one_is_printed_from_its_page(panel, shop):
    ids = orders(shop, 3)
    panel.get("/shipments/list/ready")
    answer = panel.post("/shipments/work", [("rowid", str(i)) for i in ids], action="labels", key="l1")
    assert answer.status_code == 303
    page = panel.get(answer.location).text
    assert f'name="ids" value="{",".join(map(str, ids))}"' in page
    assert f"/labels/shipment/{ids[0]}/print" in panel.get(f"/shipments/{ids[0]}").text
