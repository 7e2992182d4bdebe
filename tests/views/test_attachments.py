"""Files of an order through the browser's door: opened safely, shown to who may see them, refused in words."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from oms.actor import system
from oms.banks.decoder import Decoder
from oms.banks.pictures import LIMITS
from oms.db import db, transaction
from oms.orders.attachments import OrderAttachment
from tests.banks.test_pictures import bomb_pdf, bomb_png
from tests.samples.slips import jpeg, pdf_of, saved
from tests.shop import small_shop
from tests.usecases.boxes import ready
from tests.usecases.money import placed
from tests.views.people import Person, log_in

JSON = {"Accept": "application/json"}


@pytest.fixture
def shop(web):
    with transaction(system("test")) as tx:
        return small_shop(tx, pieces=50)


@pytest.fixture
def order(shop) -> int:
    with transaction(system("test")) as tx:
        return placed(tx, shop).id


@pytest.fixture
def store(settings) -> Path:
    return settings.files_dir


def picture(color: str = "#a63", **facts: object) -> bytes:
    return jpeg(Image.new("RGB", (640, 480), color), **facts)


def send(person: Person, url: str, form: str, *sent: tuple[str, bytes], script: bool = True, **fields: object):
    data = {"csrf_token": person.token(form), "kind": "chat", **fields}
    data["file"] = [(io.BytesIO(body), name) for name, body in sent]
    person._anew()
    headers = JSON if script else {}
    return person.client.post(url, data=data, headers=headers, content_type="multipart/form-data")


def to_order(person: Person, order: int, *sent: tuple[str, bytes], **fields: object):
    return send(person, f"/attachments/order/{order}", f"/orders/{order}", *sent, **fields)


def stored() -> list[OrderAttachment]:
    db.session.rollback()
    return list(db.session.scalars(select(OrderAttachment).order_by(OrderAttachment.id)))


def files_in(root: Path) -> set[Path]:
    return {p for p in root.rglob("*") if p.is_file()}


def test_a_photo_comes_in_without_its_metadata_and_is_shown_safely(web, order, store):
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "SECRETPHONE", {1: "N", 2: (13.0, 45.0, 0.0)}
    sales = log_in(web, "sales")
    (result,) = to_order(sales, order, ("../../chat.jpg", picture(exif=exif)), note="ขอสีแดง").json["results"]
    assert (result["ok"], result["name"]) == (True, "chat.jpg")
    (row,) = stored()
    for url in (result["url"], result["thumb"]):
        shown = sales.get(url)
        assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
        assert b"SECRETPHONE" not in shown.data
        assert not Image.open(io.BytesIO(shown.data)).getexif()
        assert "no-store" in shown.headers["Cache-Control"]
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in shown.headers["Content-Security-Policy"]
        shown.close()
    page = sales.get(f"/orders/{order}").text
    assert f'data-open="file-{row.id}"' in page
    assert "ขอสีแดง" in page
    assert "Chat screenshot added: chat.jpg" in page


def test_every_kind_of_file_that_phones_send_is_taken(web, order):
    flat = Image.new("RGB", (300, 200), "#385")
    sent = [("a.png", saved(flat, "PNG")), ("b.webp", saved(flat, "WEBP")), ("c.heic", saved(flat, "HEIF")),
            ("d.pdf", pdf_of(flat, flat))]  # fmt: skip
    results = to_order(log_in(web, "sales"), order, *sent).json["results"]
    assert [r["ok"] for r in results] == [True] * 4
    assert [(r.name, r.page, r.pages) for r in stored()] == [
        ("a.png", 1, 1), ("b.webp", 1, 1), ("c.heic", 1, 1), ("d.pdf", 1, 2), ("d.pdf", 2, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("empty.jpg", b"", "empty"),
        ("page.jpg", b"<html><script>alert(1)</script>", "neither a picture nor a PDF"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "neither a picture nor a PDF"),
        ("archive.zip", b"PK\x03\x04" + bytes(500), "neither a picture nor a PDF"),
        ("cut.jpg", picture()[:700], "damaged or cut off"),
        ("broken.heic", b"\0\0\0\x18ftypheic" + bytes(300), "damaged or cut off"),
        ("bomb.png", bomb_png(8_000), "too many pixels"),
        ("long.pdf", pdf_of(*[Image.new("RGB", (60, 60))] * 11), "more than 10 pages"),
    ],
)
def test_what_is_no_honest_picture_is_refused_in_words_and_leaves_nothing(web, order, store, name, body, words):
    before = files_in(store)
    (result,) = to_order(log_in(web, "sales"), order, (name, body)).json["results"]
    assert result["ok"] is False
    assert words in result["text"]
    assert stored() == []
    assert files_in(store) == before


def test_a_bomb_and_a_file_too_large_hurt_nobody_and_the_next_one_is_taken(web, order, store, monkeypatch):
    small = replace(LIMITS, memory_bytes=300 * 1024 * 1024, file_bytes=450_000)
    sent = [("bomb.pdf", bomb_pdf(400_000_000)), ("big.jpg", b"\xff\xd8\xff" + bytes(450_000)), ("a.jpg", picture())]
    with Decoder(small) as decoder:
        monkeypatch.setattr("views.attachments.decoder", lambda: decoder)
        results = [r for one in sent for r in to_order(log_in(web, "sales"), order, one).json["results"]]
    assert [r["ok"] for r in results[1:]] == [False, True]  # the bomb ends in a page or in a refusal
    assert "larger than" in results[1]["text"]
    assert len(files_in(store)) >= 2


def test_the_same_file_again_is_told_and_its_copy_is_dropped(web, order, store):
    sales = log_in(web, "sales")
    to_order(sales, order, ("a.jpg", picture()))
    before = files_in(store)
    (result,) = to_order(sales, order, ("b.jpg", picture())).json["results"]
    assert (result["tone"], len(stored())) == ("warning", 1)
    assert files_in(store) == before


def test_too_many_at_once_none_at_all_and_no_kind(web, order):
    sales = log_in(web, "sales")
    many = [(f"{n}.jpg", picture()) for n in range(21)]
    assert to_order(sales, order, *many).status_code == 422
    assert to_order(sales, order).status_code == 422
    assert to_order(sales, order, ("a.jpg", picture()), kind="virus").status_code == 422
    assert stored() == []


def test_who_may_not_see_the_order_gets_nothing(web, shop, order):
    (result,) = to_order(log_in(web, "sales"), order, ("a.jpg", picture())).json["results"]
    elsewhere = log_in(web, "sales", warehouses=(shop.cnx,))
    for url in (result["url"], result["thumb"], "/attachments/999999", "/attachments/99999999999999999999"):
        assert elsewhere.get(url).status_code == 404, url
    assert to_order_as(elsewhere, order).status_code == 404
    assert web.test_client().get(result["url"]).status_code == 303
    assert len(stored()) == 1


def to_order_as(person: Person, order: int):
    return send(person, f"/attachments/order/{order}", "/orders/", ("x.jpg", picture("#123")))


def test_a_viewer_sees_files_and_no_way_to_add_or_remove(web, order):
    (result,) = to_order(log_in(web, "sales"), order, ("a.jpg", picture())).json["results"]
    viewer = log_in(web, "viewer")
    shown = viewer.get(result["url"])
    assert shown.status_code == 200
    shown.close()
    page = viewer.get(f"/orders/{order}").text
    assert "Pictures and files" in page
    assert "/attachments/order/" not in page
    assert "/remove" not in page
    (refused,) = to_order(viewer, order, ("b.jpg", picture("#222"))).json["results"]
    assert (refused["ok"], len(stored())) == (False, 1)


def test_removing_asks_why_and_shows_it(web, order):
    sales = log_in(web, "sales")
    to_order(sales, order, ("a.jpg", picture()))
    url = f"/attachments/{stored()[0].id}/remove"
    assert sales.post(url, f"/orders/{order}", reason=" ").status_code == 422
    assert stored()[0].removed_at is None
    answer = sales.post(url, f"/orders/{order}", reason="ส่งผิดคน", next=f"/orders/{order}#files")
    assert answer.location == f"/orders/{order}#files"
    assert "Removed: ส่งผิดคน" in sales.get(f"/orders/{order}").text
    assert stored()[0].removed_at is not None


def test_without_a_script_the_form_answers_by_messages(web, order):
    sales = log_in(web, "sales")
    answer = to_order(sales, order, ("a.jpg", picture()), ("b.txt", b"hello"), script=False, next=f"/orders/{order}")
    assert answer.location == f"/orders/{order}"
    page = sales.get(f"/orders/{order}").text
    assert "1 file added" in page
    assert "b.txt: This is neither" in page


def test_a_photo_of_a_box_from_its_page_and_the_station_counts_it(web, shop):
    with transaction(system("test")) as tx:
        order, box = ready(tx, shop)
    packer = log_in(web, "warehouse")
    sent = send(packer, f"/attachments/shipment/{box}", f"/shipments/{box}", ("box.jpg", picture()))
    assert sent.json["results"][0]["ok"]
    assert f'data-open="file-{stored()[0].id}"' in packer.get(f"/shipments/{box}").text
    assert "Proof of packing" in packer.get(f"/orders/{order}").text
    elsewhere = log_in(web, "warehouse", warehouses=(shop.cnx,))
    assert send(elsewhere, f"/attachments/shipment/{box}", "/orders/", ("b.jpg", picture("#111"))).status_code == 404
    assert len(stored()) == 1
