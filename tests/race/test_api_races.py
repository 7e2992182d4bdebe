"""Fifty programs send the same request at once: one order, one answer for all, whoever came first."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms.api.models import ApiAnswer
from oms.db import db, transaction
from oms.orders.models import Order
from oms.usecases.api_keys import NewKey, create_key
from tests.race.test_races import CHAOS, ME, assert_books_in_order, goods, race
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(600)]
CLIENTS, ROUNDS = 50, 40 if CHAOS else 4


@pytest.mark.deep
def test_the_same_key_from_fifty_at_once_makes_one_order_and_one_answer(committed, settings):
    with transaction(ME) as tx:
        shop = small_shop(tx)
        skus = goods(tx, shop, ROUNDS, 1)  # a second order of a round would find nothing
        key = create_key(tx, NewKey("racer", frozenset({"order.create", "order.confirm"}))).key_id
    seen = race(settings, "same_request", clients=CLIENTS, rounds=skus, shop=shop.line, key=key)
    answers = {name: n for name, n in seen.items() if name.startswith("round")}
    assert sorted(answers.values()) == [CLIENTS] * ROUNDS, seen
    assert seen["ok"] == CLIENTS * ROUNDS
    db.session.remove()
    assert db.session.scalar(select(func.count()).select_from(Order)) == ROUNDS
    assert set(db.session.scalars(select(ApiAnswer.status))) == {201}
    assert_books_in_order()
