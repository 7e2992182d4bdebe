"""Screens of parcels: the answer box, the list and its queues, one parcel, the public page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask_limiter import Limiter
from sqlalchemy import select, text

from oms import clock
from oms.actor import system
from oms.carriers.port import CarrierEvent
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.shipping.carrier_models import Carrier
from oms.shipping.models import Parcel, TrackingEvent
from oms.shipping.states import TrackingStatus
from oms.usecases.orders_place import place_order
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.tracking import ParcelNews, record_events
from oms.usecases.tracking_links import tracking_link
from tests.carriers.play import on_stage
from tests.shop import small_shop
from tests.views.people import log_in

T = TrackingStatus
NUMBER = "TH0112BX4K4A"


@pytest.fixture
def parcel(web) -> Parcel:
    """A COD parcel on the road."""
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        order = place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD)).order_id
        mark_shipped(tx, MarkShipped(order, "Flash Express", NUMBER))
        found = tx.session.scalars(select(Parcel)).one()
        event = CarrierEvent(
            clock.now() - timedelta(hours=1), T.OUT_FOR_DELIVERY, "DELIVERY", "นำจ่ายโดย สมศักดิ์ 081-999-8888", "สันทราย"
        )  # fmt: skip
        record_events(tx, [ParcelNews(found.id, (event,))], "poll")
    return found


def order_id() -> int:
    return db.session.scalars(select(Order.id)).one()


def token_of(order: int) -> str:
    with transaction(system("test")) as tx:
        return tracking_link(tx, order).token


def test_the_answer_is_a_sentence_to_paste_in_both_languages(web, parcel):
    page = log_in(web, "sales", language="th").get("/answer/?q=BX4K").text
    said = f"คุณกนกวรรณ ป้อมปราการ พัสดุ {NUMBER} ของ Flash Express กำลังนำจ่าย อัปเดต "
    assert said in page
    assert f"ติดตาม: https://www.flashexpress.com/fle/tracking?se={NUMBER}" in page
    assert "xxxxxx1234" in page
    page = log_in(web, "sales").get("/answer/?q=BX4K").text
    assert f"กนกวรรณ ป้อมปราการ: your parcel {NUMBER} of Flash Express is out for delivery" in page
    assert "นำจ่ายโดย สมศักดิ์" in page  # the carrier's own words beside ours


def test_the_part_that_is_put_in_place_is_no_whole_page(web, parcel):
    person = log_in(web, "sales")
    part = person.get("/answer/?q=BX4K&part=1").text
    assert "<html" not in part
    assert NUMBER in part
    assert "Three characters are enough" in person.get("/answer/?part=1").text
    assert "Nothing found" in person.get("/answer/?q=%00zzzz&part=1").text


@pytest.mark.parametrize(("role", "may"), [("sales", True), ("cashier", True), ("warehouse", False)])
def test_the_last_four_digits_are_shown_and_the_rest_is_asked_for(web, parcel, role, may):
    person = log_in(web, role)
    page = person.get("/answer/?q=1234&part=1").text  # found by a part of the number
    assert "xxxxxx1234" in page
    assert "080-000-1234" not in page
    assert ("Show the number" in page) is may
    order = db.session.scalars(select(Order.id)).one()
    back = "/answer/?q=1234"
    answer = person.post(f"/privacy/orders/{order}/phone", form=back, next=back)
    assert (answer.status_code, answer.headers.get("Location", "").endswith(back)) == (
        (303, True) if may else (403, False)
    )
    assert ("080-000-1234" in person.get(back).text) is may


def test_an_order_that_has_not_left_is_answered_too(web, parcel):
    with transaction(system("test")) as tx:
        shop = tx.session.execute(text("SELECT shop_id FROM orders")).scalar_one()
        tx.session.execute(text("DELETE FROM tracking_links"))
        tx.session.execute(text("UPDATE parcels SET tracking_no = ''"))
        assert shop
    page = log_in(web, "sales").get("/answer/?q=1234").text
    assert "has left our warehouse" in page


def test_a_link_for_the_customer_is_made_and_shut(web, parcel):
    person = log_in(web, "sales")
    assert person.post(f"/answer/link/{order_id()}", form="/answer/?q=BX4K").status_code == 303
    token = token_of(order_id())
    assert f"/t/{token}" in person.get("/answer/?q=BX4K").text
    assert web.test_client().get(f"/t/{token}").status_code == 200
    assert person.post(f"/answer/link/{order_id()}/revoke", form="/answer/?q=BX4K").status_code == 303
    assert web.test_client().get(f"/t/{token}").status_code == 404
    assert log_in(web, "viewer").client.post(f"/answer/link/{order_id()}").status_code in {400, 403}


def test_the_public_page_shows_the_way_and_hides_the_person(web, parcel):
    token = token_of(order_id())
    answer = web.test_client().get(f"/t/{token}", headers={"Accept-Language": "th"})
    page = answer.text
    assert NUMBER in page
    assert "กำลังนำจ่ายวันนี้" in page
    assert "เตรียมเงินสด ฿100.00" in page
    assert "กน*** ป้*** " in page or "กน*** ป้***" in page
    for secret in ("กนกวรรณ", "ป้อมปราการ", "1234", "0800001234", "45/7", "สมศักดิ์", "081-999-8888", "csrf"):
        assert secret not in page, secret
    assert "<script" not in page
    assert answer.headers["X-Robots-Tag"].startswith("noindex")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert 'name="referrer" content="no-referrer"' in page
    assert len(answer.data) < 30_000


def test_the_public_page_speaks_the_readers_language(web, parcel):
    token = token_of(order_id())
    client = web.test_client()
    english = client.get(f"/t/{token}", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert '<html lang="en"' in english.text
    assert "Out for delivery today" in english.text
    assert english.headers["Content-Language"] == "en"
    assert '<html lang="th"' in client.get(f"/t/{token}?lang=th", headers={"Accept-Language": "en"}).text
    assert '<html lang="th"' in client.get(f"/t/{token}?lang=xx", headers={"Accept-Language": "de"}).text


def test_a_guessed_link_gets_the_same_page_as_a_dead_one(web, parcel):
    token = token_of(order_id())
    with transaction(system("test")) as tx:
        tx.session.execute(text("UPDATE tracking_links SET revoked_at = now()"))
    client = web.test_client()
    pages = {client.get(f"/t/{guess}?lang=en").text for guess in (token, "A" * 22, "x", "%00", "..%2f")}
    codes = {client.get(f"/t/{guess}").status_code for guess in (token, "A" * 22, "x", "%00")}
    assert codes == {404}
    assert len({re.sub(r"\s+", " ", p) for p in pages if "This link is not valid" in p}) == 1


def test_guessing_is_slowed_down(web, parcel):
    limiter: Limiter = web.appbuilder.sm.limiter
    limiter.reset()
    client = web.test_client()
    client.environ_base["REMOTE_ADDR"] = "10.9.9.9"
    codes = [client.get(f"/t/{i:022d}").status_code for i in range(70)]
    assert codes.count(429) == 50  # twenty guesses a minute
    limiter.reset()


def test_the_list_finds_by_any_piece_and_by_queue(web, parcel):
    person = log_in(web, "warehouse")
    assert NUMBER in person.get("/parcels/list/?q=BX4").text
    assert NUMBER not in person.get("/parcels/list/?q=ZZZ9").text
    assert NUMBER not in person.get("/parcels/list/?queue=problem").text
    event = CarrierEvent(clock.now(), T.DELIVERY_FAILED, "F", "ติดต่อไม่ได้")
    with transaction(system("test")) as tx:
        record_events(tx, [ParcelNews(parcel.id, (event,))], "poll")
    page = person.get("/parcels/list/?queue=problem").text
    assert NUMBER in page
    assert "Delivery problems" in page
    assert "ติดต่อไม่ได้" in page
    assert person.get("/parcels/list/?f_tracking_status_is=delivery_failed&f_carrier_has=flash").text.count(NUMBER) > 0
    cnx = db.session.execute(text("SELECT id FROM warehouses WHERE code = 'CNX'")).scalar_one()
    assert NUMBER not in log_in(web, "warehouse", warehouses=(cnx,)).get("/parcels/list/").text


def test_the_list_is_exported_as_it_is_filtered(web, parcel):
    person = log_in(web, "accountant")
    for query, there in (("q=BX4", True), ("queue=problem", False)):
        answer = person.get(f"/export/parcels?format=csv&{query}")
        assert (answer.status_code, NUMBER in answer.get_data(as_text=True)) == (200, there)
        answer.close()


def test_a_parcels_page_shows_both_words_and_takes_a_persons(web, parcel):
    person = log_in(web, "warehouse")
    page = person.get(f"/parcels/show/{parcel.id}").text
    assert "Out for delivery today" in page
    assert "นำจ่ายโดย สมศักดิ์ 081-999-8888" in page
    assert "cannot be asked from here" in page  # no keys
    path = f"/parcels/{parcel.id}/say"
    when = f"{clock.local(clock.now()):%Y-%m-%dT%H:%M}"
    done = person.post(path, form=f"/parcels/show/{parcel.id}", status="delivered", note="โทรถามแล้ว", at=when)
    assert done.status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Parcel, parcel.id).tracking_status is T.DELIVERED
    wrong = person.post(path, form=f"/parcels/show/{parcel.id}", status="flying")
    assert wrong.status_code in {303, 422}
    cnx = db.session.execute(text("SELECT id FROM warehouses WHERE code = 'CNX'")).scalar_one()
    assert log_in(web, "warehouse", warehouses=(cnx,)).get(f"/parcels/show/{parcel.id}").status_code == 404
    assert log_in(web, "sales").client.post(path).status_code in {400, 403}


def test_the_carrier_is_asked_at_once(web, parcel):
    with on_stage("flash") as play:
        play.sandbox.post(NUMBER)
        play.sandbox.book.travel(NUMBER, "delivered")
        with transaction(system("test")) as tx:
            row = tx.session.scalars(select(Carrier).where(Carrier.code == "flash")).one()
            row.host, row.options = play.host, {"merchant": "AA0005"}
            row.secrets = web.extensions["oms.sealer"].seal({"api_key": "flashkey"})
        person = log_in(web, "warehouse")
        done = person.post(f"/parcels/{parcel.id}/ask", form=f"/parcels/show/{parcel.id}")
        assert done.status_code == 303
        assert "4 new events" in person.get(f"/parcels/show/{parcel.id}").text
        assert {e.source for e in db.session.scalars(select(TrackingEvent))} == {"poll", "ask"}
        person.post(f"/parcels/{parcel.id}/ask", form=f"/parcels/show/{parcel.id}")
        assert "Nothing new" in person.get(f"/parcels/show/{parcel.id}").text
        play.sandbox.book.fail("500")
        person.post(f"/parcels/{parcel.id}/ask", form=f"/parcels/show/{parcel.id}")
        assert "The carrier gave no answer" in person.get(f"/parcels/show/{parcel.id}").text
