"""One transfer pays once, however many hands are on it at the same moment."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import func, select

from oms.actor import system
from oms.db import db, transaction
from oms.intake.files import Kept
from oms.orders.models import Order
from oms.payments.models import PaymentClaim, ReceivingAccount, TransferKey
from oms.payments.slip_models import Slip
from oms.payments.states import ClaimStatus, SlipStatus
from oms.usecases.orders_place import place_order
from oms.usecases.slips import ReceiveSlip, receive_slip
from oms.usecases.slips_read import record_reading
from tests.race.slip_racers import PageRead, Reading, SlipCode, SlipKind
from tests.race.test_races import assert_books_in_order, race
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(300)]
ME = system("test")
ROUNDS = 200 if os.environ.get("RUAM_CHAOS") else 4
CLIENTS = 8


@pytest.fixture
def orders(committed):
    """Ids of enough orders that wait for their money, and an account."""
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=20 * ROUNDS * CLIENTS)
        account = ReceivingAccount(code="scb", bank="SCB", account_no="1112345678", account_name="x", bank_code="014")
        tx.session.add(account)
        made = [place_order(tx, shop.order(confirm=True)).order_id for _ in range(ROUNDS * CLIENTS)]
        return made, account.id


def file(no: int) -> Kept:
    return Kept(f"{no:048x}", "slip.jpg", 10, f"{no:064x}")


def states() -> dict[SlipStatus, int]:
    db.session.remove()
    return dict(db.session.execute(select(Slip.status, func.count()).group_by(Slip.status)).all())


@pytest.mark.deep
def test_one_file_sent_many_times_at_once_is_one_notice_and_one_duplicate(orders, settings):
    rounds = [orders[0][2 * no : 2 * no + 2] for no in range(ROUNDS)]
    seen = race(settings, "slip_upload", clients=CLIENTS, rounds=rounds)
    assert seen["ok"] == ROUNDS * CLIENTS
    assert states() == {SlipStatus.RECEIVED: ROUNDS, SlipStatus.DUPLICATE: ROUNDS}
    assert db.session.scalar(select(func.count(PaymentClaim.id))) == ROUNDS
    assert_books_in_order()


@pytest.mark.deep
def test_many_pictures_of_one_transfer_read_at_once_leave_one_that_may_pay(orders, settings):
    with transaction(ME) as tx:
        slips = [receive_slip(tx, ReceiveSlip(file(no), order)).slip_id for no, order in enumerate(orders[0])]
    rounds = [slips[no * CLIENTS : (no + 1) * CLIENTS] for no in range(ROUNDS)]
    race(settings, "slip_read", clients=CLIENTS, rounds=rounds)
    assert states() == {SlipStatus.WAITING: ROUNDS, SlipStatus.DUPLICATE: ROUNDS * (CLIENTS - 1)}
    assert db.session.scalar(select(func.count(TransferKey.id))) == ROUNDS
    assert_books_in_order()


@pytest.mark.deep
def test_many_cashiers_on_one_slip_decide_it_once(orders, settings):
    ids, account = orders
    rounds = []
    with transaction(ME) as tx:
        for no in range(ROUNDS):
            slip = receive_slip(tx, ReceiveSlip(file(no), ids[2 * no])).slip_id
            code = SlipCode(SlipKind.SLIP, "014", f"DECIDE{no:04}", crc_ok=True)
            look = f"{(no * 7919 + 1) ** 90 % 2**2048:0512x}"
            record_reading(tx, slip, Reading((PageRead(file(no).key, file(no).key, 1, 1, look, code),)))
            rounds.append([slip, ids[2 * no + 1]])
    race(settings, "slip_decide", clients=CLIENTS, rounds=rounds, account=account)
    found = states()
    assert set(found) <= {SlipStatus.CONFIRMED, SlipStatus.REJECTED, SlipStatus.WAITING}
    verified = db.session.scalar(select(func.count()).where(PaymentClaim.status == ClaimStatus.VERIFIED))
    paid = db.session.scalar(select(func.count()).where(Order.verified_amount == Order.total))
    assert verified == paid == found[SlipStatus.CONFIRMED]
    assert_books_in_order()
