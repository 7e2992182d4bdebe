"""The QR code on the order's page and as a file: for those who see amounts, and only while money is missing."""

from __future__ import annotations

import io
import re

import pytest
from cemacqr import parse_payload
from PIL import Image

from oms.actor import system
from oms.banks.qr_reading import look
from oms.banks.qr_reading import zxingcpp as reader
from oms.db import transaction
from oms.orders.models import Order
from oms.payments.states import PaymentMethod
from oms.usecases.masters import AccountFacts, create_account
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from tests.shop import small_shop
from tests.views.people import log_in


@pytest.fixture
def order(web):
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        create_account(tx, AccountFacts("kb", "KBANK", "123-4-56789-0", "ร้านรวม", "0812345678"))
        create_account(tx, AccountFacts("scb", "SCB", "999-9-99999-9", "ร้านรวม", biller_id="010555812345600"))
        placed = place_order(tx, shop.order((1, 2), confirm=True))
        row = tx.session.get_one(Order, placed.order_id)
        return row.id, row.number, row.total


def pay_in_full(order_id, total):
    with transaction(system("test")) as tx:
        claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, total, ((order_id, total),)))
        verify_claim(tx, DecideClaim(claim.claim_id))


def files(text):
    return re.findall(r'href="(/orders/\d+/qr/[\w-]+\.png)"', text)


def test_the_page_shows_a_code_per_account_and_its_file_says_amount_and_order(web, order):
    order_id, number, total = order
    person = log_in(web, "sales")
    page = person.get(f"/orders/{order_id}").text
    assert len(files(page)) == page.count('class="qrline"') == 2
    assert "style=" not in page[page.index("pay-codes") : page.index("pay-codes") + 20_000].split("Order facts")[0]
    said = []
    for path in files(page):
        answer = person.get(path)
        assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (200, "image/png", "no-store")
        [text] = look(Image.open(io.BytesIO(answer.data)).convert("L"), reader.Binarizer.LocalAverage)
        said.append(parse_payload(text))
    assert [p.amount_decimal for p in said] == [total.amount] * 2
    assert [p.get_in("30", "02") for p in said] == [re.sub(r"\W", "", number), None]


def test_nobody_without_amounts_sees_a_code(web, order):
    order_id, _, _ = order
    shown = files(log_in(web, "sales").get(f"/orders/{order_id}").text)
    person = log_in(web, "warehouse")
    page = person.get(f"/orders/{order_id}")
    assert (page.status_code, files(page.text), "qrline" in page.text) == (200, [], False)
    assert person.get(shown[0]).status_code == 403


def test_a_paid_order_asks_for_nothing_and_an_old_link_to_its_code_is_gone(web, order):
    order_id, _, total = order
    person = log_in(web, "sales")
    shown = files(person.get(f"/orders/{order_id}").text)
    pay_in_full(order_id, total)
    assert files(person.get(f"/orders/{order_id}").text) == []
    assert [person.get(path).status_code for path in shown] == [404, 404]
    assert person.get(f"/orders/{order_id}/qr/x.png").status_code == 404
    assert person.get("/orders/999999999/qr/1-transfer.png").status_code == 404
