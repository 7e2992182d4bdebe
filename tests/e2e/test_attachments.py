"""Files of an order in a real browser: chosen, dropped, pasted, opened, removed; a photo taken at the packing station."""

from __future__ import annotations

import base64
import os

import pytest
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select

from oms.db import db
from oms.orders.attachments import OrderAttachment
from oms.shipping.pictures import ShipmentPicture
from tests.e2e.browser import PHONE, WIDE, true_in
from tests.e2e.test_packing_floor import at_table, floor, gun
from tests.samples.slips import jpeg

__all__ = ["floor"]
pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("RUAM_SHOTS", "")
HAND_OVER = """([where, kind, type, name, body]) => {
  const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0)), carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
  document.querySelector(where).dispatchEvent(event);
}"""


def picture(color: str) -> bytes:
    return jpeg(Image.new("RGB", (900, 1600), color))


def hand_over(page, kind: str, where: str, name: str, body: bytes, type_: str = "image/jpeg") -> None:
    """What a drop or a paste does, with the file in it."""
    page.evaluate(HAND_OVER, [where, kind, type_, name, base64.b64encode(body).decode()])


def shot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def stored(web_app) -> list[OrderAttachment]:
    with web_app.app_context():
        db.session.remove()
        return list(db.session.scalars(select(OrderAttachment).order_by(OrderAttachment.id)))


def test_files_of_an_order_are_chosen_dropped_pasted_opened_and_removed(floor, web_app):
    page_of, address, boxes = floor
    order = boxes[0][2]
    page = page_of("sales", WIDE)
    page.goto(f"{address}/orders/{order}")
    tiles = page.locator("#files .shot-tile")
    with page.expect_navigation():
        page.set_input_files(".file-up [data-drop] input", {"name": "chat.jpg", "mimeType": "image/jpeg", "buffer": picture("#375")})  # fmt: skip
    expect(tiles).to_have_count(1)
    with page.expect_navigation():
        hand_over(page, "drop", ".file-up [data-drop]", "dropped.jpg", picture("#953"))
    with page.expect_navigation():
        hand_over(page, "paste", "body", "image.png", picture("#359"))
    expect(tiles).to_have_count(3)
    hand_over(page, "drop", ".file-up [data-drop]", "notes.txt", b"hello", "text/plain")
    expect(page.locator("#files .sent li.danger")).to_contain_text("ไม่ใช่รูป")
    assert [r.name for r in stored(web_app)] == ["chat.jpg", "dropped.jpg", "image.png"]
    shot(page, "files-order")
    tiles.nth(0).click()
    shown = page.locator("dialog[open] .file-shot img")
    expect(shown).to_be_visible()
    true_in(page, "document.querySelector('dialog[open] .file-shot img').naturalWidth > 0")
    shot(page, "files-open")
    page.locator("dialog[open] .file-remove summary").click()
    page.locator("dialog[open] input[name=reason]").fill("ส่งผิดแชต")
    page.locator("dialog[open] .file-remove button").click()
    expect(page.locator("#files .shot-tile.gone")).to_have_count(1)
    assert [bool(r.removed_at) for r in stored(web_app)] == [False, False, True]


def test_a_photo_is_taken_at_the_station_while_packing_and_after_the_last_scan(floor, web_app):
    page_of, address, boxes = floor
    page = at_table(page_of("warehouse", PHONE), address)
    page.locator("[data-label-mode]").select_option("later")  # a browser without a screen does not outlive its print
    shipment_id, number, order = boxes[0]
    expect(page.locator("[data-photos]")).to_be_hidden()
    gun(page, number)
    expect(page.locator("[data-photo-word]")).to_contain_text(number)
    page.set_input_files("[data-photo]", {"name": "open.jpg", "mimeType": "image/jpeg", "buffer": picture("#842")})
    expect(page.locator("[data-photo-line]")).to_have_text("รูป 1")
    page.context.set_offline(True)
    page.set_input_files("[data-photo]", {"name": "away.jpg", "mimeType": "image/jpeg", "buffer": picture("#248")})
    expect(page.locator("[data-photo-line]")).to_contain_text("รอเชื่อมต่อ")
    page.context.set_offline(False)
    expect(page.locator("[data-photo-line]")).to_have_text("รูป 2", timeout=20000)
    gun(page, "RU-0001", "RU-0001", "RU-0002")
    expect(page.locator(".st-say.done, .st-say.warn")).to_be_visible()
    expect(page.locator("[data-photo-word]")).to_contain_text(number)
    page.set_input_files("[data-photo]", {"name": "shut.jpg", "mimeType": "image/jpeg", "buffer": picture("#582")})
    expect(page.locator("[data-photo-line]")).to_have_text("รูป 3")
    shot(page, "files-station")
    assert [(r.order_id, r.kind.value) for r in stored(web_app)] == [(order, "packing")] * 3
    with web_app.app_context():
        assert set(db.session.scalars(select(ShipmentPicture.shipment_id))) == {shipment_id}
    page.goto(f"{address}/shipments/{shipment_id}")
    expect(page.locator("#files .shot-tile")).to_have_count(3)
    shot(page, "files-shipment")
