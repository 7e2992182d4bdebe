"""Many people on one carrier's money: each parcel counts once, a round is in the bank once, no deadlock reaches anybody."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodRound, CodRoundLine
from oms.payments.cod_queries import tie, ties
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.states import ClaimStatus, RoundLineOutcome
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping import MarkShipped, mark_delivered_many, mark_shipped_many
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]
CLIENTS = 6
ROUNDS = 40 if CHAOS else 4
EACH = 5


@pytest.fixture
def parcels(committed) -> tuple[list[tuple[str, list[str]]], int]:
    """(rounds of parcels of 100 baht that arrived, an account)."""
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=ROUNDS * EACH + 10)
        wanted = [shop.order(confirm=True, payment_term=PaymentTerm.COD) for _ in range(ROUNDS * EACH)]
        orders = [placed.order_id for placed in place_orders(tx, wanted)]
        mark_shipped_many(tx, [MarkShipped(o, "Flash", f"T{n:04d}") for n, o in enumerate(orders)])
        mark_delivered_many(tx, orders)
        account = ReceivingAccount(code="K", bank="K", account_no="1112333334", account_name="x")
        tx.session.add(account)
        tx.session.flush()
        numbers = [f"T{n:04d}" for n in range(len(orders))]
        return [(f"R{no}", numbers[no * EACH : no * EACH + EACH]) for no in range(ROUNDS)], account.id


@pytest.mark.deep
def test_one_file_taken_in_by_many_at_once_counts_once_and_is_banked_once(parcels, settings):
    rounds, account = parcels
    seen = race(settings, "cod_file", clients=CLIENTS, rounds=rounds)
    assert (seen["ok"], "busy" in seen) == (ROUNDS * CLIENTS, False)
    db.session.remove()
    assert db.session.scalar(select(func.count()).select_from(CodRound)) == ROUNDS
    lines = select(func.count()).where(CodRoundLine.outcome == RoundLineOutcome.MATCHED)
    assert db.session.scalar(lines) == ROUNDS * EACH
    seen = race(settings, "cod_bank", clients=CLIENTS, turns=20 if CHAOS else 6, account=account)
    assert "busy" not in seen, seen
    db.session.remove()
    banked = db.session.scalar(select(func.count()).where(CodRound.banked_at.is_not(None)))
    verified = db.session.scalar(select(func.count()).where(PaymentClaim.status == ClaimStatus.VERIFIED))
    paid = db.session.scalar(select(func.count()).where(Order.payment_status == PaymentStatus.PAID))
    assert (verified, paid) == (banked, banked * EACH)
    assert ties(tie(db.session()))
    assert_books_in_order()
