"""No file lets unpaid goods of an own shop leave: a channel's word moves nothing that the gate holds."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms.actor import Actor
from oms.db import db, transaction
from oms.errors import OmsError
from oms.intake.models import IntakeConflict
from oms.inventory.models import MovementKind, StockMovement
from oms.orders.models import Order
from oms.orders.states import Board, FulfillmentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodRefusal
from oms.reports import fraud
from oms.shipping.models import Shipment
from oms.usecases.cod import RefuseCod, refuse_cod
from oms.usecases.intake_conflicts import DecideConflict, decide_conflict
from tests.importing.conftest import Desk

HEAD = ["เลขออเดอร์", "สถานะ", "รหัสสินค้า", "จำนวนชิ้น", "ราคา", "ชื่อลูกค้า", "โทร"]


def table(status: str) -> list[list[str]]:
    return [HEAD, ["W-1", status, "RU-0001", "2", "100", "สมชาย ใจดี", "0811111111"]]


def order() -> Order:
    db.session.expire_all()
    return db.session.scalars(select(Order)).one()


@pytest.mark.parametrize("status", ["shipped", "delivered", "Completed"])
def test_a_later_file_that_says_shipped_meets_the_gate(desk: Desk, status: str):
    desk.take(table("new"), shop_code="line", format="generic")
    assert order().payment_term is PaymentTerm.PREPAID
    desk.take(table(status), shop_code="line", format="generic")
    assert (order().board, order().fulfillment_status) == (Board.WAITING_PAYMENT, FulfillmentStatus.OPEN)
    assert db.session.scalar(select(func.count()).select_from(Shipment)) == 0
    conflict = db.session.scalars(select(IntakeConflict).where(IntakeConflict.field == "status")).one()
    with pytest.raises(OmsError), desk.unit() as tx:
        decide_conflict(tx, DecideConflict(conflict.id, take=True))
    assert order().board is Board.WAITING_PAYMENT


def test_goods_a_file_says_had_left_take_no_stock_and_stand_on_the_oversight_page(desk: Desk):
    desk.take(table("shipped"), shop_code="line", format="generic")
    assert order().left_before
    shipped = select(func.count()).where(StockMovement.kind == MovementKind.SHIP)
    assert db.session.scalar(shipped) == 0
    owner = Actor("user", "owner", user_id=1)
    with transaction(owner) as tx:
        rows = fraud.fraud_rows(tx.session, owner, "left_before", fraud.read_period("", ""))
    assert [row.order_id for row in rows] == [order().id]


def test_a_file_sends_no_cod_to_a_phone_that_refused_before(desk: Desk):
    head = [*HEAD, "วิธีการชำระเงิน"]
    rows = table("shipped")[1:]
    desk.take([head, [*rows[0], "COD"]], shop_code="line", format="generic")
    with desk.unit() as tx:
        entry = tx.session.scalars(select(CodEntry)).one()
        refuse_cod(tx, RefuseCod(entry.id, CodRefusal.AT_DOOR))
    for number, phone in (("W-2", "0811111111"), ("W-3", "0822222222")):
        again = [number, "new", "RU-0001", "1", "100", "สมชาย ใจดี", phone, "COD"]
        desk.take([head, again], shop_code="line", format="generic")
    db.session.expire_all()
    found = {o.external_no: o for o in db.session.scalars(select(Order))}
    assert [found[n].payment_term for n in ("W-2", "W-3")] == [PaymentTerm.COD] * 2
    assert found["W-2"].term_approved_at is None
    assert found["W-3"].term_approved_at is not None
