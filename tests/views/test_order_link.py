"""The buyer's page of an order: pay, send the slip, watch, ask for a return; guessed by nobody, masked for everybody."""

from __future__ import annotations

import io
import re
import statistics
import time

import pytest
from PIL import Image
from sqlalchemy import func, select, text

from oms.actor import system
from oms.db import db, transaction
from oms.money import Money
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order
from oms.orders.states import CancelReason
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.slip_models import Slip
from oms.payments.states import ClaimStatus
from oms.returns.models import Return
from oms.shipping.link_models import TrackingLink
from oms.usecases.order_links import order_link
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.slips import PICTURE_BYTES
from tests.shop import small_shop
from tests.views.people import log_in


@pytest.fixture
def order_id(web) -> int:
    """Two pieces for 200 baht and 50 for shipping, to be paid by transfer."""
    web.appbuilder.sm.limiter.reset()
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        tx.session.add(
            ReceivingAccount(
                code="KB", bank="KBANK", account_no="012-3-45678-9", account_name="ร้านรวม", promptpay="0812345678"
            )
        )
        return place_order(tx, shop.order((0, 2), confirm=True, shipping_fee=Money.satang(50_00))).order_id


def token_of(order_id: int) -> str:
    with transaction(system("test")) as tx:
        return order_link(tx, order_id).token


def picture(color: str = "white", kind: str = "PNG") -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (40, 60), color).save(out, kind)
    out.seek(0)
    return out


def paid(order_id: int) -> None:
    with transaction(system("test")) as tx:
        from oms.payments.states import PaymentMethod

        account = tx.session.scalars(select(ReceivingAccount.id)).one()
        amount = tx.session.get_one(Order, order_id).total
        record_payment(
            tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),), account_id=account), proven=False
        )


def shipped(order_id: int) -> None:
    paid(order_id)
    with transaction(system("test")) as tx:
        mark_shipped(tx, MarkShipped(order_id, "Flash Express", "TH0112BX4K4A"))


def send(client, token: str, file: io.BytesIO | None = None, **fields: str):
    data = {**fields, "file": (file or picture(), "slip.png")}
    return client.post(f"/o/{token}/slip", data=data, content_type="multipart/form-data")


def counts() -> tuple[int, ...]:
    return tuple(db.session.scalar(select(func.count()).select_from(m)) for m in (Slip, PaymentClaim, Return))


def test_the_page_shows_what_to_pay_and_how_and_hides_the_person(web, order_id):
    answer = web.test_client().get(f"/o/{token_of(order_id)}", headers={"Accept-Language": "th"})
    page = answer.text
    assert answer.status_code == 200
    for shown in ("250.00", "012-3-45678-9", "KBANK", "เสื้อยืดคอกลม แบบ 1", "<svg", "กน*** ป้***", "เชียงใหม่"):
        assert shown in page, shown
    for secret in ("กนกวรรณ", "ป้อมปราการ", "0800001234", "080-000-1234", "45/7", "csrf", "RU-0001"):
        assert secret not in page, secret
    assert answer.headers["X-Robots-Tag"].startswith("noindex")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert "<script>" not in page
    assert "style=" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    english = web.test_client().get(f"/o/{token_of(order_id)}?lang=en")
    assert "Pay ฿250.00" in english.text
    assert 'lang="en"' in english.text


def test_a_bank_is_named_in_the_language_of_the_page(web, order_id):
    with transaction(system("test")) as tx:
        account = tx.session.scalars(select(ReceivingAccount)).one()
        account.bank, account.bank_code = "กสิกรไทย", "004"
    token, client = token_of(order_id), web.test_client()
    assert "<span>Kasikornbank<br>" in client.get(f"/o/{token}?lang=en").text
    assert "<span>กสิกรไทย<br>" in client.get(f"/o/{token}?lang=th").text


def test_a_canceled_order_still_says_what_it_was(web, order_id):
    token = token_of(order_id)
    with transaction(system("test")) as tx:
        cancel_order(tx, CancelOrder(order_id, CancelReason.CUSTOMER))
    page = web.test_client().get(f"/o/{token}?lang=th").text
    assert "เสื้อยืดคอกลม แบบ 1<small>2 × 100.00" in page
    assert "฿0.00" in page


def test_the_page_is_read_in_a_fixed_number_of_statements(web, order_id):
    from tests.views.test_orders_web import statements

    token = token_of(order_id)
    with transaction(system("test")) as tx:
        shop = tx.session.get_one(Order, order_id).shop_id
        skus = list(tx.session.scalars(text("SELECT id FROM skus WHERE NOT is_bundle ORDER BY id")))
    client = web.test_client()
    client.get(f"/o/{token}")
    with statements() as one:
        client.get(f"/o/{token}")
    with transaction(system("test")) as tx:
        from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo

        lines = tuple(NewLine(sku, 1) for sku in skus)
        more = place_order(tx, PlaceOrder(shop_id=shop, lines=lines, ship_to=ShipTo("ก"), confirm=True)).order_id
    other = token_of(more)
    with statements() as many:
        client.get(f"/o/{other}")
    assert len(many) == len(one) <= 14


def test_a_slip_goes_into_the_inbox_and_the_order_waits_for_the_check(web, order_id):
    token, client = token_of(order_id), web.test_client()
    answer = send(client, token, amount="250")
    assert answer.status_code == 303
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Location"].startswith(f"/o/{token}?done=slip")
    slip = db.session.scalars(select(Slip)).one()
    assert (slip.source, slip.order_id, slip.said_amount, slip.uploaded_label) == (
        "public", order_id, Money.satang(250_00), "Buyer",
    )  # fmt: skip
    assert db.session.scalars(select(PaymentClaim)).one().status is ClaimStatus.SUBMITTED
    page = client.get(f"/o/{token}?done=slip&lang=en").text
    assert "We have your slip" in page
    assert "We are checking your payment" in page
    assert "Received, being checked" in page
    inbox = log_in(web, "cashier").get("/slips/").text
    assert db.session.get_one(Order, order_id).number in inbox


def test_a_slip_sent_twice_is_answered_kindly_and_counts_once(web, order_id):
    token, client = token_of(order_id), web.test_client()
    send(client, token)
    before = counts()
    again = send(client, token)
    assert again.status_code == 303
    assert "done=again" in again.headers["Location"]
    assert "nothing more to do" in client.get(f"/o/{token}?done=again&lang=en").text
    assert counts() == before


def test_what_is_no_picture_is_refused_and_nothing_is_kept(web, order_id):
    token, client = token_of(order_id), web.test_client()
    root = web.extensions["oms.settings"].files_dir
    kept = {p for p in root.rglob("*") if p.is_file()}
    for file, status in (
        (io.BytesIO(b"<svg onload=alert(1)>"), 422),
        (io.BytesIO(b""), 422),
        (io.BytesIO(b"MZ" * 99), 422),
        (io.BytesIO(picture(kind="JPEG").getvalue()[:-40]), 422),  # half a picture is told while she still has the slip
    ):
        answer = send(client, token, file)
        assert answer.status_code == status
        assert 'role="alert"' in answer.text
    assert client.post(f"/o/{token}/slip", data={}).status_code == 422
    assert send(client, token, amount="-5").status_code == 422
    assert counts() == (0, 0, 0)
    assert {p for p in root.rglob("*") if p.is_file()} == kept


def test_a_picture_that_is_too_large_is_answered_on_the_page(web, order_id):
    token, client = token_of(order_id), web.test_client()
    for size in (PICTURE_BYTES + 1, 20 * 1024 * 1024):  # a little too large, and larger than the form may be
        for address, field in (("slip", "file"), ("return", "photo")):
            head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="big.jpg"\r\n\r\n'.encode()
            body = head + b"\xff\xd8\xff\xe0" + bytes(size) + b"\r\n--x--\r\n"
            answer = client.post(
                f"/o/{token}/{address}?lang=en", data=body, content_type="multipart/form-data; boundary=x"
            )
            assert answer.status_code == 422
            assert 'role="alert"' in answer.text
            assert "/login" not in answer.text
            assert (address == "return") or "larger than 10 MB" in answer.text
    assert counts() == (0, 0, 0)


def test_a_program_that_fills_the_trap_is_thanked_and_ignored(web, order_id):
    token, client = token_of(order_id), web.test_client()
    answer = send(client, token, website="http://spam")
    assert (answer.status_code, "done=slip" in answer.headers["Location"]) == (303, True)
    assert client.post(f"/o/{token}/return", data={"website": "x"}).status_code == 303
    assert counts() == (0, 0, 0)


def test_a_paid_order_takes_no_slip(web, order_id):
    paid(order_id)
    token, client = token_of(order_id), web.test_client()
    page = client.get(f"/o/{token}?lang=en").text
    assert "Send the slip" not in page
    assert "Still to pay" not in page
    answer = send(client, token)
    assert answer.status_code == 409
    assert db.session.scalar(select(func.count()).select_from(Slip)) == 0


def test_the_buyer_follows_the_parcel_and_asks_for_a_return(web, order_id):
    shipped(order_id)
    token, client = token_of(order_id), web.test_client()
    page = client.get(f"/o/{token}?lang=en").text
    assert "TH0112BX4K4A" in page
    assert "Ask for a return" in page
    line, key = re.search(r'name="qty_(\d+)"', page)[1], re.search(r'name="key" value="([0-9a-f]+)"', page)[1]
    form = {f"qty_{line}": "1", "reason": "damaged", "note": "กล่องบุบ", "key": key}
    sent = form | {"photo": (picture("red"), "box.png")}
    answer = client.post(f"/o/{token}/return", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 303
    assert client.post(f"/o/{token}/return", data=form).status_code == 303  # the same form again
    photo = db.session.scalars(select(OrderAttachment)).one()
    assert (photo.kind, photo.by, photo.order_id) == (AttachmentKind.DAMAGE, "Buyer", order_id)
    ret = db.session.scalars(select(Return)).one()
    assert (ret.reason.value, ret.note, ret.requested_label) == ("damaged", "กล่องบุบ", "Buyer")
    page = client.get(f"/o/{token}?lang=en").text
    assert ret.number in page
    assert 'max="1"' in page


def test_a_return_of_what_never_left_is_refused_in_words(web, order_id):
    shipped(order_id)
    token, client = token_of(order_id), web.test_client()
    line = re.search(r'name="qty_(\d+)"', client.get(f"/o/{token}").text)[1]
    for form, status in (
        ({}, 422), ({"reason": "damaged"}, 422), ({f"qty_{line}": "9", "reason": "damaged"}, 422),
        ({"qty_999": "1", "reason": "damaged"}, 422), ({f"qty_{line}": "1", "reason": "lost"}, 422),
        ({f"qty_{line}": "1", "reason": "other"}, 422),
    ):  # fmt: skip
        web.appbuilder.sm.limiter.reset()
        answer = client.post(f"/o/{token}/return", data=form)
        assert answer.status_code == status, form
        assert 'role="alert"' in answer.text
    assert db.session.scalar(select(func.count()).select_from(Return)) == 0


def test_guessed_dead_and_lesser_links_get_one_answer(web, order_id):
    from oms.usecases.tracking_links import tracking_link

    token = token_of(order_id)
    with transaction(system("test")) as tx:
        lesser = tracking_link(tx, order_id).token
    client = web.test_client()
    assert client.get(f"/o/{token}").status_code == client.get(f"/t/{token}").status_code == 200
    assert client.get(f"/t/{lesser}").status_code == 200
    with transaction(system("test")) as tx:
        tx.session.execute(text("UPDATE tracking_links SET revoked_at = now() WHERE opens = 'order'"))
    guesses = (token, lesser, "A" * 22, "x", "%00")
    answers = [client.get(f"/o/{guess}?lang=en") for guess in guesses]
    assert {a.status_code for a in answers} == {404}
    assert len({re.sub(r"\s+", " ", a.text) for a in answers}) == 1
    for path in ("slip", "return"):
        web.appbuilder.sm.limiter.reset()
        assert client.post(f"/o/{token}/{path}", data={"file": (picture(), "a.png")}).status_code == 404
    assert counts() == (0, 0, 0)


def test_a_guess_takes_as_long_as_a_dead_link(web, order_id):
    """The same statements for both; the time may not tell them apart."""
    token, client = token_of(order_id), web.test_client()
    with transaction(system("test")) as tx:
        tx.session.execute(text("UPDATE tracking_links SET created_at = created_at - interval '90 days'"))
    limiter = web.appbuilder.sm.limiter

    def spans(guess: str) -> float:
        taken = []
        for _ in range(15):
            limiter.reset()
            begun = time.perf_counter()
            assert client.get(f"/o/{guess}").status_code == 404
            taken.append(time.perf_counter() - begun)
        return statistics.median(taken)

    spans("A" * 22)
    dead, guessed = spans(token), spans("B" * 22)
    assert 0.4 < dead / guessed < 2.5


def test_guessing_is_slowed_down_and_so_are_floods_of_slips(web, order_id):
    client, limiter = web.test_client(), web.appbuilder.sm.limiter
    client.environ_base["REMOTE_ADDR"] = "10.9.9.7"
    codes = [client.get(f"/o/{i:022d}").status_code for i in range(30)]
    assert (codes.count(404), codes.count(429)) == (20, 10)
    limiter.reset()
    token = token_of(order_id)
    sent = []
    for i in range(8):  # from many addresses, through one link
        client.environ_base["REMOTE_ADDR"] = f"10.9.8.{i}"
        sent.append(send(client, token, picture((i, i, i))).status_code)
    assert sent == [303] * 5 + [409] + [429] * 2  # five wait to be checked, then no more; then the link rests
    limiter.reset()


def test_the_qr_picture_is_a_png_of_what_is_missing_now(web, order_id):
    token, client = token_of(order_id), web.test_client()
    key = re.search(rf"/o/{token}/qr/([0-9a-z-]+)\.png", client.get(f"/o/{token}").text)[1]
    answer = client.get(f"/o/{token}/qr/{key}.png")
    assert answer.data.startswith(b"\x89PNG")
    assert "250.00" in answer.headers["Content-Disposition"]
    assert client.get(f"/o/{token}/qr/9-x.png").status_code == 404
    paid(order_id)
    assert client.get(f"/o/{token}/qr/{key}.png").status_code == 404


def test_staff_make_copy_extend_and_shut_the_link(web, order_id):
    person = log_in(web, "sales", language="th")
    page = person.get(f"/orders/{order_id}").text
    assert "data-copy-made" in page
    path = f"/order-link/{order_id}"
    assert person.post(f"{path}/make", form=f"/orders/{order_id}").status_code == 303
    token = db.session.scalars(select(TrackingLink)).one().token
    page = person.get(f"/orders/{order_id}").text
    assert f"http://localhost/o/{token}" in page
    assert "โอนเข้าบัญชี" in page  # Thai words
    assert "Transfer to:" in page  # English words
    assert person.post(f"{path}/extend", form=f"/orders/{order_id}").status_code == 303
    assert db.session.scalars(select(TrackingLink.kept_until)).one() is not None
    assert person.post(f"{path}/revoke", form=f"/orders/{order_id}").status_code == 303
    assert web.test_client().get(f"/o/{token}").status_code == 404
    for role in ("viewer", "warehouse"):
        assert "data-copy-made" not in log_in(web, role).get(f"/orders/{order_id}").text
        assert log_in(web, role).client.post(f"{path}/make").status_code in {400, 403}


def test_a_message_with_its_link_comes_in_one_go(web, order_id):
    person = log_in(web, "sales")
    token = person.token(f"/orders/{order_id}")
    person._anew()
    answer = person.client.post(
        f"/order-link/{order_id}/text/bill/th", data={"csrf_token": token}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 200
    made = db.session.scalars(select(TrackingLink)).one().token
    assert f"/o/{made}" in answer.json["text"]
    assert "250.00" in answer.json["text"]
    assert "012-3-45678-9" in answer.json["text"]
    person._anew()
    gone = person.client.post(
        f"/order-link/{order_id}/text/shipped/th", data={"csrf_token": token}, headers={"Accept": "application/json"}
    )
    assert gone.status_code == 404
