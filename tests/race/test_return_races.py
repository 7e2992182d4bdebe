"""Many people at the same parcel: one return, counted once, its pieces on one shelf, its money paid back once."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms.db import db, transaction
from oms.inventory.models import StockMovement
from oms.money import ZERO
from oms.orders.models import OrderLine
from oms.payments.queries import refundable_of
from oms.payments.refund_models import Refund
from oms.returns.models import Return
from oms.returns.states import ReturnStatus
from oms.usecases.returns_count import Counted, InspectReturn, inspect_return
from oms.usecases.returns_receive import ArriveParcel, receive_parcel
from tests.race.test_races import CHAOS, ME, assert_books_in_order, race
from tests.shop import small_shop
from tests.usecases.returns import arrived, left, shipments

pytestmark = [pytest.mark.race, pytest.mark.timeout(600)]
ROUNDS = 60 if CHAOS else 6


@pytest.mark.deep
def test_a_parcel_that_many_scan_is_received_and_counted_once(committed, settings):
    with transaction(ME) as tx:
        shop, rounds = small_shop(tx, pieces=10 * ROUNDS), []
        for i in range(ROUNDS):
            order = left(tx, shop, (0, 2), (1, 1), tracking_no=f"TH{i:04d}")
            rounds.append((f"TH{i:04d}", shipments(tx, order.id)[0].id, order.id))
        places = [shop.bkk, shop.cnx]
    race(settings, "parcel_scan", clients=6, rounds=rounds, places=places)
    db.session.remove()
    returns = db.session.scalars(select(Return)).all()
    assert [r.status for r in returns] == [ReturnStatus.INSPECTED] * ROUNDS
    assert db.session.scalar(select(func.sum(OrderLine.returned))) == 3 * ROUNDS
    moved = select(func.sum(StockMovement.quantity)).where(StockMovement.kind == "return")
    assert db.session.scalar(moved) == 3 * ROUNDS
    assert_books_in_order()


@pytest.mark.deep
def test_a_return_settled_while_others_ask_for_its_money_pays_back_once(committed, settings):
    with transaction(ME) as tx:
        shop, rounds = small_shop(tx, pieces=10 * ROUNDS), []
        for i in range(ROUNDS):
            order = arrived(tx, shop, (0, 1), tracking_no=f"TH{i:04d}")
            ret = receive_parcel(tx, ArriveParcel(f"TH{i:04d}", shop.bkk)).returns[0].return_id
            inspect_return(tx, InspectReturn(ret, (Counted(order.lines[0].id, resell=1),)))
            rounds.append((ret, order.id))
    race(settings, "return_money", clients=6, rounds=rounds)
    db.session.remove()
    left_over = refundable_of(db.session(), [order_id for _, order_id in rounds])
    assert all(amount == ZERO for amount in left_over.values()), left_over
    asked = db.session.execute(select(Refund.order_id, func.count()).group_by(Refund.order_id)).all()
    assert {n for _, n in asked} == {1}
    assert_books_in_order()


@pytest.mark.deep
def test_the_same_pieces_are_asked_back_once(committed, settings):
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=10 * ROUNDS)
        rounds = [arrived(tx, shop, (0, 3), tracking_no=f"TH{i:04d}").id for i in range(ROUNDS)]
    seen = race(settings, "return_ask", clients=6, rounds=rounds)
    assert (seen["ok"], seen["return_quantity"]) == (ROUNDS, 5 * ROUNDS)
    assert_books_in_order()
