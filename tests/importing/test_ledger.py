"""Whatever stands in a file, its ledger closes, its commit is its check, and taking it in again changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from oms import clock
from oms.db import db
from oms.importing import pipeline
from oms.intake.states import Outcome
from oms.inventory.models import StockLevel
from oms.orders.models import Order, OrderLine
from tests.importing.conftest import Desk
from tests.importing.test_formats import NOW
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample

STAGES = st.sampled_from(["unpaid", "to_ship", "to_ship", "shipped", "delivered", "completed", "canceled", "กำลังบิน"])
ITEMS = st.lists(
    st.builds(
        Item,
        sku=st.sampled_from(["RU-0001", "RU-0002", "RU-0100", "NO-SUCH", ""]),
        quantity=st.sampled_from([1, 2, 3, 0, -1, 10**9]),
        price=st.sampled_from([10, 99, 0, 10**9]),
        name=st.sampled_from(["เสื้อ", "=SUM(A1)", "<script>", "😀"]),
    ),
    min_size=1,
    max_size=3,
)
SAMPLES = st.builds(
    Sample,
    number=st.sampled_from([f"X{n}" for n in range(6)] + ["", "5.8E+17"]),
    items=ITEMS.map(tuple),
    stage=STAGES,
    phone=st.sampled_from(["0812345678", "******78", "12", "812345678"]),
    name=st.sampled_from(["กนกวรรณ", "ก***ว", ""]),
    payment=st.sampled_from(["ชำระเงินออนไลน์", "เก็บเงินปลายทาง"]),
    tracking=st.sampled_from(["", "TH1", "TH2"]),
    seller_voucher=st.sampled_from([0, 5, 10**7]),
)
FILES = st.lists(SAMPLES, min_size=1, max_size=6)
MAKER = st.sampled_from(["shopee", "tiktok", "line_shopping"])


@pytest.fixture(autouse=True)
def _today():
    with clock.at(NOW):
        yield


def state() -> tuple:
    """Everything a rerun must leave alone."""
    orders = db.session.execute(select(Order.id, Order.version, Order.board).order_by(Order.id)).all()
    stock = db.session.execute(select(StockLevel.sku_id, StockLevel.on_hand, StockLevel.reserved)).all()
    return orders, sorted(stock), db.session.scalar(select(func.count()).select_from(OrderLine))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.tuples(MAKER, FILES), min_size=1, max_size=3), chunk=st.sampled_from([1, 2, 500]))
def test_any_series_of_files_closes_equals_its_check_and_is_repeatable(desk: Desk, files, chunk):
    pipeline.CHUNK = chunk
    try:
        for code, samples in files:
            rows = getattr(market, code)(samples)
            run = desk.take(rows)  # asserts that the commit is the check
            terms = [getattr(run, o.value) for o in Outcome]
            assert run.received == sum(terms) == sum(1 for r in rows[1:] if any(r)) - (code == "tiktok")
            outcomes = [i.outcome for i in desk.items(run.id)]
            before = state()
            again = desk.take(rows)
            assert state() == before
            assert [i.outcome for i in desk.items(again.id)] == [
                o if o in {Outcome.QUARANTINED, Outcome.REJECTED} else Outcome.UNCHANGED for o in outcomes
            ]
    finally:
        pipeline.CHUNK = 500
